namespace BlackPony.Reference.Suites;

/// <summary>
/// A key exchange and a record protection under one name (spec 5). A suite is one such class and one line in <see cref="SuiteRegistry"/>.
/// </summary>
public abstract class Suite
{
    private protected Suite()
    {
    }

    /// <summary>The name in upper case, as it salts the keys ([BP-6.2-1]).</summary>
    public abstract string Name { get; }

    /// <summary>Whether the suite protects anything: all but ROT.</summary>
    public virtual bool Encrypts => true;

    /// <summary>Whether the key exchange has a 334 reply and a continuation line.</summary>
    public virtual bool NeedsContinuation => false;

    /// <summary>Begins the client's key exchange, with values of its own ([BP-5.1-11], [BP-5.1-12]).</summary>
    /// <exception cref="RandomnessUnavailableException">There is no randomness.</exception>
    internal abstract ClientExchange StartClient(IRandomSource random, RsaKeys rsaKeys);

    /// <summary>
    /// Begins the server's key exchange, with values of its own ([BP-5.1-11], [BP-5.1-12]); it draws when it has the client's share.
    /// </summary>
    internal abstract ServerExchange StartServer(IRandomSource random, RsaKeys rsaKeys);

    /// <summary>Makes the record protection of one direction under one traffic secret (spec 6.2).</summary>
    /// <param name="trafficSecret">32 octets.</param>
    internal abstract RecordProtection Protect(ReadOnlySpan<byte> trafficSecret);

    /// <inheritdoc/>
    public sealed override string ToString() => Name;
}
