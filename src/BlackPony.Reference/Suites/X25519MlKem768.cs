namespace BlackPony.Reference.Suites;

/// <summary>The preferred key exchange, with either AEAD (spec 5.3, 7.2).</summary>
/// <param name="name">The name in upper case.</param>
/// <param name="protect">Makes the record protection of a traffic secret.</param>
internal sealed class X25519MlKem768(string name, Func<ReadOnlySpan<byte>, RecordProtection> protect) : Suite
{
    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    internal override ClientExchange StartClient(IRandomSource random, RsaKeys rsaKeys) => new X25519MlKem768Exchange.Client(random);

    /// <inheritdoc/>
    internal override ServerExchange StartServer(IRandomSource random, RsaKeys rsaKeys) => new X25519MlKem768Exchange.Server(random);

    /// <inheritdoc/>
    internal override RecordProtection Protect(ReadOnlySpan<byte> trafficSecret) => protect(trafficSecret);
}
