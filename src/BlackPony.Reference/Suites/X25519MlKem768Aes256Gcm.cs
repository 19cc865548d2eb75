
namespace BlackPony.Reference.Suites;

/// <summary>The preferred key exchange with AES (spec 5.3, 7.2).</summary>
public sealed class X25519MlKem768Aes256Gcm : Suite
{
    /// <inheritdoc/>
    public override string Name => "X25519MLKEM768-AES256GCM";

    /// <inheritdoc/>
    public override Profile Profile => Profile.Hybrid;

    /// <inheritdoc/>
    public override ClientExchange StartClient(IRandomSource random, RsaKeys rsaKeys) => new X25519MlKem768Exchange.Client(random);

    /// <inheritdoc/>
    public override ServerExchange StartServer(IRandomSource random, RsaKeys rsaKeys) => new X25519MlKem768Exchange.Server(random);

    /// <inheritdoc/>
    public override RecordProtection Protect(ReadOnlySpan<byte> trafficSecret) => AeadProtection.Aes256Gcm(trafficSecret);
}
