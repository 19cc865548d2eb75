using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Records;

namespace BlackPony.Smtp.Lines;

/// <summary>What the three sessions have in common: what waits for each side, and the layer between SMTP and the wire.</summary>
public abstract class SmtpSession : ISession
{
    /// <inheritdoc/>
    public PooledBuffer ToClient { get; } = new();

    /// <inheritdoc/>
    public PooledBuffer ToServer { get; } = new();

    /// <inheritdoc/>
    public abstract bool WantsClient { get; }

    /// <inheritdoc/>
    public abstract TimeSpan PeerTimeout { get; }

    /// <inheritdoc/>
    public long Progress { get; private protected set; }

    /// <summary>What the host has to do.</summary>
    public SessionRequest Request { get; private protected set; }

    /// <summary>What became of the session (spec 11.1).</summary>
    public SessionReport Report { get; private protected set; } = new();

    private protected OctetBuffer ClientOctets { get; } = new();

    private protected OctetBuffer ServerOctets { get; } = new();

    private protected SessionLayer Layer { get; } = new();

    private protected SecureChannel? Channel => Layer.Channel;

    /// <inheritdoc/>
    public SessionRequest TakeRequest()
    {
        var request = Request;
        Request = request == SessionRequest.Close ? request : SessionRequest.None;
        return request;
    }

    /// <inheritdoc/>
    public abstract void FromClient(ReadOnlySpan<byte> octets);

    /// <inheritdoc/>
    public abstract void FromServer(ReadOnlySpan<byte> octets);

    /// <inheritdoc/>
    public abstract void ClientEnded();

    /// <inheritdoc/>
    public abstract void ServerEnded();

    /// <inheritdoc/>
    public abstract void TimedOut();

    private protected static byte[] Line(string text) => Encoding.ASCII.GetBytes(text + "\r\n");
}
