namespace BlackPony.Reference.Suites;

/// <summary>The suite that every port has (spec 5.2, 7.2).</summary>
internal sealed class X25519ChaCha20Poly1305 : Suite
{
    /// <inheritdoc/>
    public override string Name => "X25519-CHACHA20POLY1305";

    /// <inheritdoc/>
    internal override ClientExchange StartClient(IRandomSource random, RsaKeys rsaKeys) => new X25519Exchange.Client(random);

    /// <inheritdoc/>
    internal override ServerExchange StartServer(IRandomSource random, RsaKeys rsaKeys) => new X25519Exchange.Server(random);

    /// <inheritdoc/>
    internal override RecordProtection Protect(ReadOnlySpan<byte> trafficSecret) => AeadProtection.ChaCha20Poly1305(trafficSecret);
}
