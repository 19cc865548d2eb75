using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Smtp.Inbound;
using BlackPony.Tests.Conformance.Faulty;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>Keeps what stood behind the command, and takes it for the session inside.</summary>
internal sealed class KeepingServer(ServerOptions options) : ServerSide(options)
{
    private byte[] _behind = [];

    public override void Take(Event what, byte[] octets)
    {
        base.Take(what, octets);
        if (IsAgreed)
        {
            ToBackend(_behind);
            _behind = [];
        }
    }

    protected override byte[] Heard(byte[] octets)
    {
        var text = Units.Text(octets);
        int end = text.IndexOf("\r\n", StringComparison.Ordinal) + 2;
        if (!text.StartsWith("XBLACKPONY", StringComparison.Ordinal) || end == text.Length)
        {
            return octets;
        }

        _behind = octets[end..];
        return octets[..end];
    }
}

/// <summary>Ends the message itself where the connection is cut.</summary>
internal sealed class CompletingServer(ServerOptions options) : ServerSide(options)
{
    protected override void Cut() => ToBackend("\r\n.\r\n"u8);
}

/// <summary>Says its last word in plaintext.</summary>
internal sealed class LoudServer(ServerOptions options) : ServerSide(options)
{
    protected override byte[] Said(byte[] octets) =>
        IsAgreed && octets.Length > 0 && !Now.Secured ? Encoding.ASCII.GetBytes("421 Bye\r\n") : octets;
}

/// <summary>Waits for ever for the client's Finished.</summary>
internal sealed class PatientServer(ServerOptions options) : ServerSide(options)
{
    protected override bool HasPatience(InboundSession relay) => relay.PeerTimeout != Limits.FinishedTimeout || !IsAgreed;
}

/// <summary>Takes the client's first record for a good Finished, whatever it is.</summary>
internal sealed class TrustingServer : ServerSide
{
    private readonly AnyFinished _finished;

    public TrustingServer(ServerOptions options)
        : this(options, new AnyFinished(Role.Client))
    {
    }

    private TrustingServer(ServerOptions options, AnyFinished finished)
        : base(options with
        {
            Suites = [
                .. options.Suites.Select(
                    s => new FaultyServerSuite(s)
                    {
                        Exchange = x => new FaultyServerExchange(x) { Kept = secret => finished.Agreed(s, secret) },
                    })],
        }) => _finished = finished;

    protected override byte[] Heard(byte[] octets) => _finished.InPlaceOf(octets, Transcript);
}
