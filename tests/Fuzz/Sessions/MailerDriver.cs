using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Mailer;

namespace BlackPony.Fuzz.Sessions;

/// <summary>The mailer's host without sockets: does with the machine what a host may do, and holds it to what must hold.</summary>
internal sealed class MailerDriver : IDisposable
{
    private const int Read = 32768;

    // What may leave in the clear where plaintext is forbidden ([BP-9.3-1]); the last two are EHLO and QUIT under ROT's 13.
    private static readonly string[] Harmless = ["EHLO", "HELO", "XBLACKPONY", "NOOP", "RSET", "QUIT", "RUYB", "DHVG"];

    private readonly MailerSession _mailer;
    private readonly MailerOptions _options;
    private readonly KeyLogCapture _secrets;
    private readonly Func<byte[], IEnumerable<byte[]>> _cut;
    private readonly Queue<byte[]> _waiting = new();
    private readonly List<byte> _toServer = [];
    private bool _connected;
    private bool _asked = true;
    private bool _localEnding;
    private bool _localEnded;
    private bool _mayReconnect = true;
    private int _switchedAt = -1;
    private int _targets;
    private long _came;

    public MailerDriver(MailerOptions options, IRandomSource random, int targets, Func<byte[], IEnumerable<byte[]>> cut)
    {
        _secrets = new KeyLogCapture(() => _switchedAt = _mailer!.ToServer.WrittenCount);
        _options = options with { KeyLog = _secrets };
        _mailer = new MailerSession(_options, random);
        _targets = targets;
        _cut = cut;
    }

    public bool Ended => _mailer.Request == SessionRequest.Close;

    public KeyLogCapture Secrets => _secrets;

    public bool Switched => _switchedAt >= 0;

    /// <summary>Whether the machine waits for a connection.</summary>
    public bool WantsConnection => _asked && !Ended;

    /// <summary>The connection that the machine asked for stands, or can't be made.</summary>
    public void Connects(bool succeeds)
    {
        if (!WantsConnection)
        {
            return;
        }

        _connected = succeeds;
        _asked = false;
        _targets--;
        if (succeeds)
        {
            _mailer.Connected("mx.b.test", 25, _targets > 0);
        }
        else
        {
            _mailer.ConnectFailed(_targets > 0);
        }

        Settle();
    }

    /// <summary>Octets of the server, if it is there.</summary>
    public void Server(byte[] octets)
    {
        foreach (var piece in octets.Chunk(Read).SelectMany(_cut))
        {
            if (!_connected || Ended)
            {
                return;
            }

            _came += piece.Length;
            _mailer.FromServer(piece);
            Obey();
            if (_mailer.Request != SessionRequest.None || !_connected)
            {
                return;
            }
        }

        // The mail server's turn is behind the last piece, however many there are.
        Settle();
    }

    public void ServerEnds()
    {
        if (_connected && !Ended)
        {
            _mailer.ServerEnded();
            _connected = false;
            Settle();
        }
    }

    /// <summary>Octets of the local mail server, which wait here while the machine does not want them.</summary>
    public void Local(byte[] octets)
    {
        if (_localEnding || Ended)
        {
            return;
        }

        _came += octets.Length;
        foreach (var piece in octets.Chunk(Read).SelectMany(_cut))
        {
            _waiting.Enqueue(piece);
        }

        Settle();
    }

    public void LocalEnds()
    {
        _localEnding = true;
        Settle();
    }

    public void TimesOut()
    {
        if (_connected && !Ended && _mailer.PeerTimeout != Timeout.InfiniteTimeSpan)
        {
            _mailer.TimedOut();
            Settle();
        }
    }

    /// <summary>Ends the scenario and checks the whole of it.</summary>
    public Outcome Finish()
    {
        CheckConnection();
        if (Ended)
        {
            StaysSilent();
        }

        Invariant.That(_toServer.Count + _mailer.ToClient.WrittenCount <= (300 * _came) + 65536, "what goes out is bounded by what came");
        Invariant.That(!_mailer.Report.Encrypted || _mailer.Report.Suite is not null, "an encrypted session has a suite");
        return new Outcome([.. _toServer], _mailer.ToClient.WrittenSpan.ToArray(), Ended);
    }

    public void Dispose() => _mailer.Dispose();

    // What the host does between events, and what must hold there.
    private void Settle()
    {
        Deliver();
        Obey();
    }

    private void Obey()
    {
        switch (_mailer.Request)
        {
            case SessionRequest.Reconnect when !_asked:
                Invariant.That(_mayReconnect, "one fresh connection for an address [BP-9.2-3]");
                Invariant.That(_options.Policy != ClientPolicy.Required, "no plaintext retry under required [BP-9.1-2]");
                _mayReconnect = false;
                Disconnect();
                _targets++;
                break;
            case SessionRequest.Connect when !_asked:
                _mayReconnect = true;
                Disconnect();
                break;
        }

        Invariant.That(Held.Most(_mailer) <= Limits.MaxHeld + Read, "a mailer's memory is bounded");
    }

    private void Deliver()
    {
        while (!Ended && !_localEnded && _mailer.WantsClient)
        {
            if (_waiting.TryDequeue(out var octets))
            {
                _mailer.FromClient(octets);
            }
            else if (_localEnding)
            {
                _localEnded = true;
                _mailer.ClientEnded();
            }
            else
            {
                return;
            }
        }
    }

    private void Disconnect()
    {
        CheckConnection();
        _connected = false;
        _asked = true;
    }

    // What went to the server in this connection.
    private void CheckConnection()
    {
        var wire = _mailer.ToServer.WrittenSpan;
        var plain = Switched ? wire[.._switchedAt] : wire;
        byte[] inside = [];
        if (Switched)
        {
            var name = LastCommand(plain).Split(' ')[2];
            var suite = _options.Suites.First(s => s.Name == name);
            inside = RecordWatch.Check(Role.Client, suite, _secrets.ClientTraffic, wire[_switchedAt..], mayHaveData: true,
                Ended ? _mailer.Report.Closed : "");
        }

        if (_options.Policy == ClientPolicy.Required)
        {
            CheckHarmless(plain);
        }

        _toServer.AddRange(plain);
        _toServer.AddRange(inside);
        _mailer.ToServer.ResetWrittenCount();
        _switchedAt = -1;
    }

    private static string LastCommand(ReadOnlySpan<byte> plain) =>
        Encoding.Latin1.GetString(plain).Split("\r\n").Last(l => l.StartsWith("XBLACKPONY ", StringComparison.Ordinal));

    private static void CheckHarmless(ReadOnlySpan<byte> plain)
    {
        string before = "";
        foreach (var line in Encoding.Latin1.GetString(plain).Split("\r\n").SkipLast(1))
        {
            var verb = line.Split(' ', '\r')[0].ToUpperInvariant();
            Invariant.That(Harmless.Contains(verb) || before == "XBLACKPONY",
                "nothing but harmless commands leaves in the clear [BP-9.3-1]");
            before = verb;
        }
    }

    // Whatever still comes, nothing goes out and the end stays the end.
    private void StaysSilent()
    {
        int toLocal = _mailer.ToClient.WrittenCount;
        var closed = _mailer.Report;
        _mailer.FromServer("250 b\r\n"u8);
        _mailer.FromClient("EHLO a\r\nMAIL FROM:<a@a>\r\n"u8);
        _mailer.TimedOut();
        _mailer.ServerEnded();
        _mailer.ClientEnded();
        Invariant.That(_mailer.ToClient.WrittenCount == toLocal && _mailer.ToServer.WrittenCount == 0, "nothing goes out after the end");
        Invariant.That(Ended && _mailer.Report == closed, "the end is the end");
    }
}
