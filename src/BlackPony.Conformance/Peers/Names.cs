namespace BlackPony.Conformance.Peers;

/// <summary>The names of the suites, short (spec 5).</summary>
public static class Names
{
    /// <summary>The suite that every implementation has.</summary>
    public const string Core = "X25519-CHACHA20POLY1305";

    /// <summary>The preferred suite.</summary>
    public const string Hybrid = "X25519MLKEM768-CHACHA20POLY1305";

    /// <summary>The preferred key exchange with AES.</summary>
    public const string HybridAes = "X25519MLKEM768-AES256GCM";

    /// <summary>The suite of 1997.</summary>
    public const string Classic = "RSA-BLOWFISH";

    /// <summary>The suites that encrypt, the one that every implementation has first.</summary>
    public static IReadOnlyList<string> Encrypting { get; } = [Core, Hybrid, HybridAes, Classic];

    /// <summary>The suite that protects nothing.</summary>
    public const string Rot = "ROT";
}
