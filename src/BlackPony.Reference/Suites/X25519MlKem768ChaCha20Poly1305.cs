
namespace BlackPony.Reference.Suites;

/// <summary>The preferred suite (spec 5.3, 7.2).</summary>
public sealed class X25519MlKem768ChaCha20Poly1305 : Suite
{
    /// <inheritdoc/>
    public override string Name => "X25519MLKEM768-CHACHA20POLY1305";

    /// <inheritdoc/>
    public override Profile Profile => Profile.Hybrid;

    /// <inheritdoc/>
    public override ClientExchange StartClient(IRandomSource random, RsaKeys rsaKeys) => new X25519MlKem768Exchange.Client(random);

    /// <inheritdoc/>
    public override ServerExchange StartServer(IRandomSource random, RsaKeys rsaKeys) => new X25519MlKem768Exchange.Server(random);

    /// <inheritdoc/>
    public override RecordProtection Protect(ReadOnlySpan<byte> trafficSecret) => AeadProtection.ChaCha20Poly1305(trafficSecret);
}
