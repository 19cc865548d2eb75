
namespace BlackPony.Reference.Suites;

/// <summary>ROT, for hands (spec 5.5). It has no keys and no records.</summary>
public sealed class Rot : Suite
{
    /// <inheritdoc/>
    public override string Name => "ROT";

    /// <inheritdoc/>
    public override Profile Profile => Profile.Manual;

    /// <inheritdoc/>
    public override bool Encrypts => false;

    /// <inheritdoc/>
    public override ClientExchange StartClient(IRandomSource random, RsaKeys rsaKeys) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override ServerExchange StartServer(IRandomSource random, RsaKeys rsaKeys) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override RecordProtection Protect(ReadOnlySpan<byte> trafficSecret) => throw new NotSupportedException();
}
