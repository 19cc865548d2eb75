using System.Text;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Smtp.Inbound;
using BlackPony.Smtp.Lines;
using BlackPony.Tests.Conformance.Transcripts;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>What has become of the server.</summary>
internal sealed record ServerFacts : Facts
{
    /// <summary>Whether it verified a client's Finished in this connection.</summary>
    public bool Secured { get; init; }

    public string? Suite { get; init; }

    public string? Transcript { get; init; }

    /// <summary>Messages delivered out of records.</summary>
    public int Delivered { get; init; }

    /// <summary>Whether one of them is not the client's message.</summary>
    public bool DeliveredOther { get; init; }

    /// <summary>Whether the backend inside got anything but the beginning of what the client says.</summary>
    public bool HeardOther { get; init; }

    /// <summary>Whether it said anything in plaintext after its 220.</summary>
    public bool ClearAfterAgreed { get; init; }
}

/// <summary>The relay with the mail server behind it. In a fresh connection everything begins anew but what was delivered.</summary>
internal class ServerSide : Side, IKeyLog
{
    private readonly ServerOptions _options;
    private InboundSession _relay;
    private Backend _backend = new(["8BITMIME"]);
    private Backend? _fresh;
    private string _inside = "";
    private string? _transcript;
    private byte _connections;
    private bool _agreed;
    private bool _backendEnded;

    public ServerSide(ServerOptions options)
    {
        _options = options with { KeyLog = this };
        _relay = Open();
    }

    public override Facts Facts => Now;

    /// <summary>The transcript hash of the last upgrade.</summary>
    protected string? Transcript => _transcript;

    protected ServerFacts Now { get; private set; } = new();

    public void Log(string line) => _transcript = line.Split(' ')[1];

    public override void Dispose() => _relay.Dispose();

    public override void Take(Event what, byte[] octets)
    {
        switch (what)
        {
            case Event.ToServer:
                _relay.FromClient(Heard(octets));
                break;
            case Event.End:
                Cut();
                _relay.ClientEnded();
                break;
            case Event.TimeOut:
                _relay.TimedOut();
                break;
            case Event.BackendGone:
                _backendEnded = true;
                _relay.FromServer("421 4.3.2 Shutting down\r\n"u8);
                _relay.ServerEnded();
                break;
            case Event.Fresh:
                _relay.ClientEnded();
                _relay.Dispose();
                Now = new ServerFacts
                {
                    Delivered = Now.Delivered,
                    DeliveredOther = Now.DeliveredOther,
                    HeardOther = Now.HeardOther,
                    ClearAfterAgreed = Now.ClearAfterAgreed,
                };
                (_backend, _fresh, _inside, _transcript, _agreed, _backendEnded) = (new(["8BITMIME"]), null, "", null, false, false);
                _relay = Open();
                break;
        }

        while (Move())
        {
        }

        bool ended = _relay.Request == SessionRequest.Close;
        Ends = ended && !Now.Ended;
        Now = Now with
        {
            Ended = ended,
            Waits = ended || HasPatience(_relay),
            Secured = _relay.Report.Encrypted,
            Suite = _relay.Report.Suite,
            Transcript = _transcript,
        };
    }

    /// <summary>What the machine gets instead of what came.</summary>
    protected virtual byte[] Heard(byte[] octets) => octets;

    /// <summary>What the machine says instead of what it said.</summary>
    protected virtual byte[] Said(byte[] octets) => octets;

    /// <summary>The client's direction ended.</summary>
    protected virtual void Cut()
    {
    }

    protected virtual bool HasPatience(InboundSession relay) => relay.PeerTimeout != Timeout.InfiniteTimeSpan;

    /// <summary>Whether the 220 was sent.</summary>
    protected bool IsAgreed => _agreed;

    protected void ToBackend(ReadOnlySpan<byte> octets)
    {
        if (_agreed && !octets.IsEmpty)
        {
            _inside += Encoding.Latin1.GetString(octets);
            Now = Now with { HeardOther = Now.HeardOther || !ClientSide.Stream.StartsWith(_inside, StringComparison.Ordinal) };
        }

        var replies = _backend.Take(octets);
        while (_backend.Messages.TryDequeue(out var message))
        {
            if (_agreed)
            {
                Now = Now with
                {
                    Delivered = Now.Delivered + 1,
                    DeliveredOther = Now.DeliveredOther || message + "\r\n.\r\n" != ClientSide.Message,
                };
            }
        }

        _relay.FromServer(replies);
    }

    private InboundSession Open()
    {
        var relay = new InboundSession(_options, new CountingRandom((byte)('s' + _connections++)), "a");
        relay.BackendReady("220 b\r\n"u8);
        return relay;
    }

    private bool Move()
    {
        if (_relay.Request == SessionRequest.Connect)
        {
            _fresh = new Backend(["8BITMIME"]);
            _relay.BackendReady("220 b\r\n"u8);
        }

        bool agreedBefore = _agreed;
        foreach (var unit in Units.Split(Said(Taken(_relay.ToClient))))
        {
            Now = Now with { ClearAfterAgreed = Now.ClearAfterAgreed || (agreedBefore && !Units.IsRecord(unit)) };
            ToClient.Add(unit);
        }

        if (_relay.SwitchedBackend && !_agreed)
        {
            (_backend, _agreed, _backendEnded) = (_fresh!, true, false);
        }

        if (_relay.ToServer.WrittenCount > 0)
        {
            ToBackend(Taken(_relay.ToServer));
            return true;
        }

        if (!_backendEnded && (_backend.SaidQuit || _relay.BackendInputDone))
        {
            _backendEnded = true;
            _relay.ServerEnded();
            return true;
        }

        return _relay.ToClient.WrittenCount > 0;
    }
}
