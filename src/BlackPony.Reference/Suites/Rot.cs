namespace BlackPony.Reference.Suites;

/// <summary>ROT, for hands (spec 5.5). It has no keys and no records.</summary>
internal sealed class Rot : Suite
{
    /// <inheritdoc/>
    public override string Name => "ROT";

    /// <inheritdoc/>
    public override bool Encrypts => false;

    /// <inheritdoc/>
    internal override ClientExchange StartClient(IRandomSource random, RsaKeys rsaKeys) => throw new NotSupportedException();

    /// <inheritdoc/>
    internal override ServerExchange StartServer(IRandomSource random, RsaKeys rsaKeys) => throw new NotSupportedException();

    /// <inheritdoc/>
    internal override RecordProtection Protect(ReadOnlySpan<byte> trafficSecret) => throw new NotSupportedException();
}
