using System.Text;
using BlackPony.Reference;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Outbound;

namespace BlackPony.Fuzz.Sessions;

/// <summary>The outbound relay's host without sockets: does with the machine what a host may do, and holds it to what must hold.</summary>
internal sealed class OutboundHost(Func<byte[], IEnumerable<byte[]>> cutClient)
{
    private const int Read = 16384;

    private readonly OutboundSession _relay = new(new OutboundOptions("fuzz", d => new Route(d.EndsWith('b') ? "b" : d, 25)));
    private readonly Queue<byte[]> _waiting = new();
    private readonly List<byte> _toNext = [];
    private readonly StringBuilder _fromNext = new();
    private bool _next;
    private bool _handshake;
    private bool _clientEnding;
    private bool _clientEnded;
    private long _came;
    private long _asked;

    public bool Ended { get; private set; }

    /// <summary>Octets of the client, which wait here while the machine does not want them.</summary>
    public void Client(byte[] octets)
    {
        if (_clientEnding || Ended)
        {
            return;
        }

        _came += octets.Length;
        _asked += octets.Count(o => o == '\n');
        foreach (var piece in octets.Chunk(Read).SelectMany(cutClient))
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

    /// <summary>Octets of the next server, if it is there and not in the midst of TLS.</summary>
    public void Next(IEnumerable<byte[]> pieces)
    {
        foreach (var piece in pieces)
        {
            if (!_next || _handshake || Ended)
            {
                return;
            }

            _came += piece.Length;
            _fromNext.Append(Encoding.Latin1.GetString(piece));
            _relay.FromServer(piece);
            Settle();
        }
    }

    public void NextEnds()
    {
        if (_next && !Ended)
        {
            (_next, _handshake) = (false, false);
            _relay.ServerEnded();
            Settle();
        }
    }

    public void TlsEnds(bool secured)
    {
        if (_handshake && !Ended)
        {
            _handshake = false;
            _fromNext.Append('\n');
            _relay.TlsDone(secured);
            Settle();
        }
    }

    public void TimesOut()
    {
        if (!Ended)
        {
            _relay.TimedOut();
            Settle();
        }
    }

    public void Stops()
    {
        _relay.Stop();
        Settle();
        Invariant.That(Ended, "a relay that is stopped ends");
    }

    /// <summary>Ends the scenario and checks the whole of it.</summary>
    public Outcome Finish()
    {
        if (Ended)
        {
            StaysSilent();
        }

        var toClient = Encoding.Latin1.GetString(_relay.ToClient.WrittenSpan);
        int replies = toClient.Split("\r\n").Count(l => l.Length == 3 || (l.Length > 3 && l[3] == ' '));
        // The greeting, and the last word that nobody asked for.
        Invariant.That(replies <= _asked + 2, "a line gets one reply at the most");
        Invariant.That(_relay.Messages <= Acknowledged(), "no message is acknowledged that no next server has acknowledged [BP-10.5-15]");
        Invariant.That(_relay.ToClient.WrittenCount + _toNext.Count <= (300 * _came) + 65536, "what goes out is bounded by what came");
        return new Outcome(_relay.ToClient.WrittenSpan.ToArray(), [.. _toNext], Ended);
    }

    // The 354s whose next reply is positive, on the same connection.
    private int Acknowledged()
    {
        int acknowledged = 0;
        bool asked = false;
        foreach (var line in _fromNext.ToString().Split('\n').Where(l => l.Length < 4 || l[3] != '-'))
        {
            acknowledged += asked && line.StartsWith('2') ? 1 : 0;
            asked = line.StartsWith("354", StringComparison.Ordinal);
        }

        return acknowledged;
    }

    // What the host does between events, and what must hold there.
    private void Settle()
    {
        do
        {
            Serve();
        }
        while (Deliver());

        Invariant.That(Held.Most(_relay) <= Limits.MaxHeld + Read, "an outbound relay's memory is bounded [BP-10.1-7]");
        Invariant.That(!_relay.IsIdle || !Ended, "a relay at its end is not idle");
    }

    private void Serve()
    {
        var request = _relay.TakeRequest();
        Invariant.That(_next || request == SessionRequest.Connect || _relay.ToServer.WrittenCount == 0,
            "nothing is said to a server that is not there");
        _toNext.AddRange(_relay.ToServer.WrittenSpan);
        _relay.ToServer.ResetWrittenCount();
        switch (request)
        {
            case SessionRequest.Connect:
                Invariant.That(_relay.Route is not null, "a server has a route [BP-10.5-5]");
                (_next, _handshake) = (true, false);
                _fromNext.Append('\n');
                break;
            case SessionRequest.Disconnect:
                (_next, _handshake) = (false, false);
                break;
            case SessionRequest.StartTls:
                Invariant.That(_next, "TLS needs a server");
                _handshake = true;
                break;
            case SessionRequest.Close:
                Ended = true;
                break;
        }
    }

    // True if something was delivered.
    private bool Deliver()
    {
        if (Ended || _clientEnded || !_relay.WantsClient)
        {
            return false;
        }

        if (_waiting.TryDequeue(out var octets))
        {
            _relay.FromClient(octets);
            return true;
        }

        if (_clientEnding)
        {
            _clientEnded = true;
            _relay.ClientEnded();
            return true;
        }

        return false;
    }

    // Whatever still comes, nothing goes out and the end stays the end.
    private void StaysSilent()
    {
        int toClient = _relay.ToClient.WrittenCount;
        int messages = _relay.Messages;
        _relay.FromClient("EHLO a\r\n"u8);
        _relay.FromServer("250 b\r\n"u8);
        _relay.ServerEnded();
        _relay.TlsDone(true);
        _relay.TimedOut();
        _relay.Stop();
        _relay.ClientEnded();
        Invariant.That(_relay.ToClient.WrittenCount == toClient && _relay.ToServer.WrittenCount == 0 && _relay.Messages == messages,
            "nothing goes out after the end");
        Invariant.That(_relay.TakeRequest() == SessionRequest.Close, "the end is the end");
    }
}
