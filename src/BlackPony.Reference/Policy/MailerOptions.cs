using BlackPony.Reference.Keys;
using BlackPony.Reference.Suites;

namespace BlackPony.Reference.Policy;

/// <summary>What a client accepts.</summary>
public sealed record MailerOptions
{
    /// <summary>Begins with what is set if nothing else is.</summary>
    /// <param name="rsaKeys">The process's RSA key pair (spec 5.4).</param>
    public MailerOptions(RsaKeys rsaKeys) => RsaKeys = rsaKeys;

    /// <summary>The process's RSA key pair (spec 5.4).</summary>
    public RsaKeys RsaKeys { get; }

    /// <summary>What to do when a server does not upgrade ([BP-9.1-1]).</summary>
    public ClientPolicy Policy { get; init; } = ClientPolicy.Opportunistic;

    /// <summary>The suites, in order of preference; ROT only if the user named it ([BP-5.5-9]).</summary>
    public IReadOnlyList<Suite> Suites { get; init; } = SuiteRegistry.Default;

    /// <summary>ROT's shift, 1 to 25.</summary>
    public int Shift { get; init; } = 13;

    /// <summary>
    /// The memory: under <see cref="ClientPolicy.Remembered"/> it decides, under <see cref="ClientPolicy.Opportunistic"/> it tells
    /// what a fall-back lost ([BP-11.1-6]).
    /// </summary>
    public ServerMemory? Memory { get; init; }

    /// <summary>
    /// Whether mail is refused with 5yz, instead of sent in plaintext, where a remembered server or mail domain has failed to show itself
    /// for longer than <see cref="Limits.MemoryPatience"/> ([BP-9.4-24]).
    /// </summary>
    public bool RefusesForgotten { get; init; }

    /// <summary>Where to log secrets, if the user asked for it ([BP-11.3-1]).</summary>
    public IKeyLog? KeyLog { get; init; }
}
