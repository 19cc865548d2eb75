namespace BlackPony.Reference.Suites;

/// <summary>The client's side of a key exchange (spec 5). Shares are octets, before base64.</summary>
internal abstract class ClientExchange : IDisposable
{
    /// <summary>The share for the command.</summary>
    public abstract byte[] Share { get; }

    /// <summary>Takes the share of a 334 reply.</summary>
    /// <returns>The octets of the continuation line; null to cancel ([BP-5.4-6]).</returns>
    public virtual byte[]? Continue(ReadOnlySpan<byte> serverShare) => null;

    /// <summary>Takes the share of the 220 reply.</summary>
    /// <returns>The shared secret, which the caller erases; null if the share is invalid ([BP-5.1-8], [BP-5.1-10]).</returns>
    public abstract byte[]? Finish(ReadOnlySpan<byte> serverShare);

    /// <summary>Erases the private values ([BP-5.1-13]).</summary>
    public abstract void Dispose();
}

/// <summary>The server's side of a key exchange (spec 5). Shares are octets, before base64.</summary>
internal abstract class ServerExchange : IDisposable
{
    /// <summary>Takes the share of the command.</summary>
    /// <returns>The share of the 220 or 334 reply; null if the client's is invalid ([BP-5.1-8], [BP-5.1-9]).</returns>
    public abstract byte[]? Begin(ReadOnlySpan<byte> clientShare);

    /// <summary>Takes the octets of the continuation line.</summary>
    /// <returns>The share of the 220 reply; null if the line is invalid ([BP-5.4-7]).</returns>
    public virtual byte[]? Continue(ReadOnlySpan<byte> continuation) => null;

    /// <summary>Hands over the shared secret, which the caller erases.</summary>
    public abstract byte[] TakeSharedSecret();

    /// <summary>Erases the private values ([BP-5.1-13]).</summary>
    public abstract void Dispose();
}
