namespace BlackPony.Reference.Suites;

/// <summary>The suite of 1997 (spec 5.4, 7.3).</summary>
internal sealed class RsaBlowfish : Suite
{
    /// <inheritdoc/>
    public override string Name => "RSA-BLOWFISH";

    /// <inheritdoc/>
    public override bool NeedsContinuation => true;

    /// <inheritdoc/>
    internal override ClientExchange StartClient(IRandomSource random, RsaKeys rsaKeys) => new RsaExchange.Client(random, rsaKeys);

    /// <inheritdoc/>
    internal override ServerExchange StartServer(IRandomSource random, RsaKeys rsaKeys) => new RsaExchange.Server(random, rsaKeys);

    /// <inheritdoc/>
    internal override RecordProtection Protect(ReadOnlySpan<byte> trafficSecret) => new BlowfishProtection(trafficSecret);
}
