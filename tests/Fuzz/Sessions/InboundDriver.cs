using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Inbound;
using BlackPony.Smtp.Lines;

namespace BlackPony.Fuzz.Sessions;

/// <summary>The relay's host without sockets: does with the machine what a host may do, and holds it to what must hold.</summary>
internal sealed class InboundDriver : IDisposable
{
    private const int Read = 16384;

    private readonly InboundSession _relay;
    private readonly KeyLogCapture _secrets;
    private readonly Func<byte[], IEnumerable<byte[]>> _cutClient;
    private readonly Queue<byte[]> _waiting = new();
    private BackendRecorder _ear = new();
    private int _heard;
    private bool _fresh;
    private bool _opening = true;
    private bool _backend;
    private bool _clientEnding;
    private bool _clientEnded;
    private int _switchedAt = -1;
    private long _came;

    public InboundDriver(ServerOptions options, IRandomSource random, Func<byte[], IEnumerable<byte[]>> cutClient)
    {
        _secrets = new KeyLogCapture(() => _switchedAt = _relay!.ToClient.WrittenCount);
        _relay = new InboundSession(options with { KeyLog = _secrets }, random, "fuzz");
        _cutClient = cutClient;
    }

    public bool Ended => _relay.Request == SessionRequest.Close;

    public KeyLogCapture Secrets => _secrets;

    public bool Switched => _switchedAt >= 0;

    /// <summary>Octets of the client, which wait here while the machine does not want them.</summary>
    public void Client(byte[] octets)
    {
        if (_clientEnding || Ended)
        {
            return;
        }

        _came += octets.Length;
        foreach (var piece in octets.Chunk(Read).SelectMany(_cutClient))
        {
            _waiting.Enqueue(piece);
        }

        Settle();
    }

    public void ClientEnds()
    {
        _clientEnding = true;
        Settle();
    }

    /// <summary>Octets of the backend, if it is there.</summary>
    public void Backend(IEnumerable<byte[]> pieces)
    {
        foreach (var piece in pieces.SelectMany(p => p.Chunk(Read)))
        {
            if (!_backend || Ended)
            {
                return;
            }

            _came += piece.Length;
            _ear.Says(piece);
            _relay.FromServer(piece);
            Settle();
        }
    }

    public void BackendEnds()
    {
        if (_backend && !Ended)
        {
            _backend = false;
            _relay.ServerEnded();
            Settle();
        }
    }

    /// <summary>The connection that the machine asked for: its greeting, or null if there is none.</summary>
    public void Opened(byte[]? greeting)
    {
        if (!_opening || Ended)
        {
            return;
        }

        _opening = false;
        if (greeting is null)
        {
            _relay.BackendUnavailable();
        }
        else
        {
            _backend = true;
            _came += greeting.Length;
            _relay.BackendReady(greeting);
        }

        Settle();
    }

    public void TimesOut()
    {
        if (!Ended && _relay.PeerTimeout != Timeout.InfiniteTimeSpan)
        {
            _relay.TimedOut();
            Settle();
        }
    }

    /// <summary>The relay stops, in good order or at once.</summary>
    public void Stops(bool atOnce)
    {
        if (Ended || (!atOnce && !_relay.IsIdle))
        {
            return;
        }

        _relay.Stop();
        if (atOnce && !Ended)
        {
            _relay.TimedOut();
            Invariant.That(Ended, "a relay that is killed ends");
        }

        Settle();
    }

    /// <summary>Ends the scenario and checks the whole of it.</summary>
    public Outcome Finish(Suite? suite)
    {
        if (Ended)
        {
            StaysSilent();
        }

        var toClient = _relay.ToClient.WrittenSpan;
        Invariant.That(_relay.ToServer.WrittenCount <= _came, "the backend gets nothing that did not come [BP-10.2-6]");
        // An offer for an EHLO reply, a share for a command, a reply for a refused command, a record for a line:
        // each a constant for some octets that came.
        Invariant.That(toClient.Length <= (300 * _came) + 65536, "what goes out is bounded by what came");
        if (Switched)
        {
            Invariant.That(_relay.Report.Closed != "plain" || _relay.Report.Suite == "ROT",
                "a session with records is not reported as plain (11.1)");
            suite ??= SuiteRegistry.Find(_relay.Report.Suite!)!;
            RecordWatch.Check(Role.Server, suite, _secrets.ServerTraffic, BehindReply(toClient[_switchedAt..]), _relay.Report.Encrypted,
                Ended ? _relay.Report.Closed : "");
        }
        else
        {
            Invariant.That(!_relay.Report.Encrypted, "no session is reported as encrypted that is not [BP-11.1-2]");
        }

        return new Outcome(toClient.ToArray(), _relay.ToServer.WrittenSpan.ToArray(), Ended);
    }

    public void Dispose() => _relay.Dispose();

    // What the host does between events, and what must hold there.
    private void Settle()
    {
        Hear();
        Deliver();
        Invariant.That(Held.Most(_relay) <= Limits.MaxHeld + Read, "a relay's memory is bounded [BP-10.1-7]");
        Invariant.That(Ended || _relay.PeerTimeout != Limits.CloseTimeout || _relay.WantsClient,
            "a side reads on after its own close (8.1)");
        Invariant.That(!_relay.IsIdle || !Ended, "a relay at its end is not idle");
    }

    private void Hear()
    {
        if (_relay.SwitchedBackend && !_fresh)
        {
            // The fresh backend has heard nothing yet ([BP-10.3-5]).
            _fresh = true;
            _ear = new BackendRecorder();
        }

        _ear.Hears(_relay.ToServer.WrittenSpan[_heard..]);
        _heard = _relay.ToServer.WrittenCount;
    }

    private void Deliver()
    {
        while (true)
        {
            if (_relay.Request == SessionRequest.Connect)
            {
                _opening = true;
            }

            if (Ended || _clientEnded || !_relay.WantsClient)
            {
                return;
            }

            if (_waiting.TryDequeue(out var octets))
            {
                _relay.FromClient(octets);
                Hear();
            }
            else if (_clientEnding)
            {
                _clientEnded = true;
                _relay.ClientEnded();
            }
            else
            {
                return;
            }
        }
    }

    // Whatever still comes, nothing goes out and the end stays the end.
    private void StaysSilent()
    {
        int held = Held.Most(_relay);
        int toClient = _relay.ToClient.WrittenCount;
        int toBackend = _relay.ToServer.WrittenCount;
        var closed = _relay.Report;
        _relay.FromClient("EHLO a\r\n"u8);
        _relay.FromServer("250 b\r\n"u8);
        _relay.BackendReady("220 b\r\n"u8);
        _relay.BackendUnavailable();
        _relay.ServerEnded();
        _relay.TimedOut();
        _relay.Stop();
        _relay.ClientEnded();
        Invariant.That(_relay.ToClient.WrittenCount == toClient && _relay.ToServer.WrittenCount == toBackend,
            "nothing goes out after the end");
        Invariant.That(Ended && _relay.Report == closed, "the end is the end");
        Invariant.That(Held.Most(_relay) <= held, "nothing more is held after the end");
    }

    private static ReadOnlySpan<byte> BehindReply(ReadOnlySpan<byte> wire)
    {
        while (true)
        {
            int end = wire.IndexOf("\r\n"u8);
            Invariant.That(end > 0 && wire.StartsWith("220"u8), "the switch is a 220 reply [BP-4.3-1]");
            bool last = wire[3] == ' ';
            wire = wire[(end + 2)..];
            if (last)
            {
                return wire;
            }
        }
    }
}
