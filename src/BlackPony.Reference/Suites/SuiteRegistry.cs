namespace BlackPony.Reference.Suites;

/// <summary>
/// The registry of suites (spec 5, 19; [BP-5.1-1] to [BP-5.1-5]): one line a suite, in the order of preference ([BP-4.8-3]).
/// </summary>
public static class SuiteRegistry
{
    /// <summary>All suites.</summary>
    public static IReadOnlyList<Suite> All { get; } =
    [
        new X25519MlKem768("X25519MLKEM768-CHACHA20POLY1305", AeadProtection.ChaCha20Poly1305),
        new X25519MlKem768("X25519MLKEM768-AES256GCM", AeadProtection.Aes256Gcm),
        new X25519ChaCha20Poly1305(),
        new RsaBlowfish(),
        new Rot(),
    ];

    /// <summary>The suites that are on if nothing else is set (<c>DefaultSuites</c>): all but ROT ([BP-5.5-7], [BP-5.5-8]).</summary>
    public static IReadOnlyList<Suite> Default { get; } = [.. All.Where(s => s.Encrypts)];

    /// <summary>The suite of a name, in any case ([BP-4.1-8]); null if there is none.</summary>
    public static Suite? Find(string name) => All.FirstOrDefault(s => s.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
