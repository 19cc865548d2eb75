using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Lines;

namespace BlackPony.Streams;

/// <summary>
/// One side of a session without I/O: between the wire, which is the stream below, and the application, which uses the stream above.
/// </summary>
internal abstract class StreamSide : IDisposable
{
    // One for the process, as long as nobody has a reason for more (spec 5.4).
    private static readonly RsaKeys ProcessKeys = new(TimeProvider.System);

    /// <summary>Octets for the wire.</summary>
    public abstract PooledBuffer ToWire { get; }

    /// <summary>Octets for the application.</summary>
    public OctetBuffer ToApplication { get; } = new();

    /// <summary>Whether the stream can be handed to the application.</summary>
    public bool IsReady { get; protected set; }

    /// <summary>Why there will be no stream; null as long as there may be one.</summary>
    public string? Failure { get; protected set; }

    /// <summary>What became of the session.</summary>
    public abstract SessionReport Report { get; }

    /// <summary>The IDENT keys that the server proved.</summary>
    public abstract IReadOnlyList<PeerIdent> RemoteIdents { get; }

    /// <summary>Whether nothing more comes for the application, but what waits.</summary>
    public virtual bool HasEnded => IsOver;

    /// <summary>Whether octets of the wire are wanted.</summary>
    public virtual bool WantsWire => true;

    /// <summary>The contract with the host, for its time-outs.</summary>
    public abstract ISession Session { get; }

    /// <summary>Whether the session is over, and not by a close, which a reader must not take for the end of a stream.</summary>
    public bool IsTruncated => IsOver && Report.Closed is not ("close" or "plain");

    /// <summary>Whether the session is over.</summary>
    public abstract bool IsOver { get; }

    /// <summary>Takes octets from the wire.</summary>
    public abstract void FromWire(ReadOnlySpan<byte> octets);

    /// <summary>The wire has ended.</summary>
    public abstract void WireEnded();

    /// <summary>Takes octets from the application.</summary>
    public abstract void FromApplication(ReadOnlySpan<byte> octets);

    /// <summary>The application has no more to say: close.</summary>
    public abstract void ApplicationEnded();

    /// <summary>Goes on with the beginning of the session, after each event, until <see cref="IsReady"/> or
    /// <see cref="Failure"/>.</summary>
    public abstract void Advance();

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>The RSA key pair to use.</summary>
    protected static RsaKeys Keys(RsaKeys? given) => given ?? ProcessKeys;

    /// <summary>Refuses a list of suites that is empty or has one that protects nothing ([BP-5.5-7]).</summary>
    /// <exception cref="ArgumentException">It is.</exception>
    protected static IReadOnlyList<Suite> Encrypting(IReadOnlyList<Suite> suites) =>
        suites.Count > 0 && suites.All(s => s.Encrypts) ? suites
            : throw new ArgumentException("There must be suites, and each must encrypt: ROT protects nothing.", nameof(suites));

    /// <summary>Moves what a session has for the application.</summary>
    protected void Take(PooledBuffer octets)
    {
        ToApplication.Append(octets.WrittenSpan);
        octets.ResetWrittenCount();
    }
}
