using BlackPony.Reference.Keys;
using BlackPony.Reference.Suites;

namespace BlackPony.Reference.Negotiation;

/// <summary>What a server offers and accepts.</summary>
public sealed record ServerOptions
{
    /// <summary>Begins with what is set if nothing else is.</summary>
    /// <param name="rsaKeys">The process's RSA key pair (spec 5.4).</param>
    public ServerOptions(RsaKeys rsaKeys) => RsaKeys = rsaKeys;

    /// <summary>The process's RSA key pair (spec 5.4).</summary>
    public RsaKeys RsaKeys { get; }

    /// <summary>The suites, in order of preference; none switches BlackPony off.</summary>
    public IReadOnlyList<Suite> Suites { get; init; } = SuiteRegistry.Default;

    /// <summary>Whether offers carry a grease token ([BP-4.1-7]).</summary>
    public bool Grease { get; init; } = true;

    /// <summary>The server's IDENT keys, at most <see cref="Limits.MaxIdents"/> (spec 6.5).</summary>
    public IReadOnlyList<IdentKey> Idents { get; init; } = [];

    /// <summary>Where to log secrets, if the user asked for it ([BP-11.3-1]).</summary>
    public IKeyLog? KeyLog { get; init; }
}
