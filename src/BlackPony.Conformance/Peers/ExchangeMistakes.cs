using System.Security.Cryptography;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Suites;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Encodings;
using Org.BouncyCastle.Crypto.Engines;
using Org.BouncyCastle.Security;

namespace BlackPony.Conformance.Peers;

/// <summary>Shared secrets that a peer has if it made a known mistake in the key exchange (spec 5.3, 5.4).</summary>
internal static class ExchangeMistakes
{
    private const int Modulus = Limits.RsaBits / 8;
    private const int Half = 32;
    private const int Ciphertext = 1088;

    private static readonly (string How, RSAEncryptionPadding Padding)[] Paddings =
    [
        ("OAEP with SHA-1", RSAEncryptionPadding.OaepSHA1),
        ("OAEP with SHA-512", RSAEncryptionPadding.OaepSHA512),
        ("OAEP with SHA-384", RSAEncryptionPadding.OaepSHA384),
        ("PKCS #1 v1.5 padding instead of OAEP", RSAEncryptionPadding.Pkcs1),
        ("OAEP with SHA-256", RSAEncryptionPadding.OaepSHA256),
    ];

    /// <summary>Those of a server.</summary>
    /// <param name="exchange">The suite's own side.</param>
    /// <param name="secret">The right shared secret.</param>
    /// <param name="share">The server's share of the 220 reply.</param>
    public static IEnumerable<KeyMistake> Of(ClientExchange exchange, byte[] secret, byte[] share)
    {
        // Now, because the exchange ends before its keys are used.
        if (share.Length == Ciphertext + 32)
        {
            return exchange.Finish([.. share[32..], .. share[..32]]) is { } other
                ? [Secret("with the X25519 key before ML-KEM's ciphertext in the server's share", "5.3", other)]
                : [];
        }

        return share.Length == Modulus
            ? Halves("client", 'S', share, half => [.. secret[..Half], .. half], [.. new byte[Half], .. secret[Half..]])
            : [];
    }

    /// <summary>Those of a client.</summary>
    /// <param name="secret">The right shared secret.</param>
    /// <param name="continuation">The client's continuation, decoded; empty where there is none.</param>
    public static IEnumerable<KeyMistake> Of(byte[] secret, byte[] continuation) => continuation.Length == Modulus
        ? Halves("server", 'C', continuation, half => [.. half, .. secret[Half..]], [.. secret[..Half], .. new byte[Half]])
        : [];

    /// <summary>What an invalid share of a client may be instead; empty if that is not known.</summary>
    public static string OfShare(Suite suite, byte[] share)
    {
        const int Key = 1184;
        if (share.Length != Key + 32)
            return share.Length == 32 ? " It is an X25519 key alone." : "";

        using var exchange = suite.StartServer(new SystemRandom(), TestRsaKeys.Server);
        return exchange.Begin([.. share[32..], .. share[..32]]) is null
            ? ""
            : " It is valid with its halves swapped: ML-KEM's key comes first (Section 5.3).";
    }

    private static IEnumerable<KeyMistake> Halves(string me, char letter, byte[] ciphertext, Func<byte[], byte[]> whole, byte[] zeros)
    {
        var peer = me == "client" ? "server" : "client";
        yield return Secret($"with 32 zero octets instead of the {me}'s half, which the {peer} did not decrypt", "5.4", zeros);
        using var rsa = TestRsaKeys.Open(me);
        foreach (var (how, plain) in Decrypted(rsa, ciphertext))
        {
            bool standard = how == "OAEP with SHA-256";
            if (plain.Length == 1 + Half && plain[0] == letter && !standard)
                yield return Seen($"with {how} for the {peer}'s half", whole(plain[1..]));
            else if (plain.Length == 1 + Half && plain[0] != letter)
                yield return Seen($"with {how} and {Expect.Show(plain.AsSpan(0, 1))} instead of \"{letter}\" before the {peer}'s half",
                    whole(plain[1..]));
            else if (plain.Length == Half)
                yield return Seen($"with {how} and no letter \"{letter}\" before the {peer}'s half", whole(plain));
        }
    }

    private static IEnumerable<(string How, byte[] Plain)> Decrypted(RSA rsa, byte[] ciphertext)
    {
        foreach (var (how, padding) in Paddings)
        {
            if (Try(() => rsa.Decrypt(ciphertext, padding)) is { } plain)
                yield return (how, plain);
        }

        // What Java's OAEPWithSHA-256AndMGF1Padding does.
        if (Try(() => Oaep(rsa, ciphertext, new Sha1Digest(), null)) is { } java)
            yield return ("OAEP with SHA-256 and MGF1 with SHA-1", java);

        foreach (var label in (string[])["C", "S", "c", "s", "BLACKPONY V1", "blackpony v1", "BLACKPONY",
            "blackpony", "RSA-BLOWFISH", "rsa-blowfish", "bp1", "bp1 ", "\0"])
        {
            if (Try(() => Oaep(rsa, ciphertext, new Sha256Digest(), Encoding.ASCII.GetBytes(label))) is { } labelled)
                yield return ($"OAEP with the label \"{label}\"", labelled);
        }
    }

    private static byte[] Oaep(RSA rsa, byte[] ciphertext, IDigest mask, byte[]? label)
    {
        var oaep = new OaepEncoding(new RsaEngine(), new Sha256Digest(), mask, label);
        oaep.Init(false, DotNetUtilities.GetRsaKeyPair(rsa).Private);
        return oaep.ProcessBlock(ciphertext, 0, ciphertext.Length);
    }

    private static byte[]? Try(Func<byte[]> decrypt)
    {
        try
        {
            return decrypt();
        }
        catch (Exception e) when (e is CryptographicException or CryptoException)
        {
            return null;
        }
    }

    private static KeyMistake Seen(string how, byte[] value) => Secret(how, "5.4", value) with { IsSeen = true };

    private static KeyMistake Secret(string how, string section, byte[] value) =>
        new("secret", how, section, f => f with { Secret = value });
}
