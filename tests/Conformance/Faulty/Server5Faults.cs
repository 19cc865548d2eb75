using System.Security.Cryptography;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Peers.Names;
using static BlackPony.Tests.Conformance.Faulty.FaultyServerSuite;
using static BlackPony.Tests.Conformance.Faulty.ServerFaults;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Servers that break a requirement of spec 5.</summary>
internal static class Server5Faults
{
    // X25519's base point, a share instead of one that is not taken.
    private static readonly byte[] BasePoint = [9, .. new byte[31]];

    public static IReadOnlyList<FaultyServer> All { get; } =
    [
        // ---------------------------------------------------------------- 5.1 rules for every suite
        new("BP-5.1-1", "S-4.1-1 S-5.2-1", "has not got the suite that every port has")
        {
            Options = Without(Core),
            AlsoFails = "S-4.4-6 S-4.4-7 S-4.4-9 S-4.4-10 S-4.4-11 S-4.4-24 S-6.1-7 S-6.1-8 S-10.3-4",
        },
        new("BP-5.1-2", "S-5.3-1", "has not got the hybrid suite") { Options = Without(Hybrid) },
        new("BP-5.1-3", "S-5.4-1", "has not got RSA-BLOWFISH") { Options = Without(Classic) },
        new("BP-5.1-4", "S-5.3-2", "protects with ChaCha20 under the name of AES")
        {
            Options = With(HybridAes, s => new FaultyServerSuite(s) { Protects = secret => SuiteRegistry.Find(Hybrid)!.Protect(secret) }),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.5-4 S-4.6-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-1 S-6.3-12 S-10.3-3",
        },
        new("BP-5.1-5", "S-5.5-1", "offers ROT and knows no shift above 13")
        {
            Mutations = Answers(l => l == "XBLACKPONY V1 ROT 25", "501 5.5.4 Invalid share"),
            AlsoFails = "S-5.5-3",
        },
        new("BP-5.1-6", "S-5.1-5", "writes base64 without padding")
        {
            Mutations = SaysTo(HybridAes, l => l.TrimEnd('=')),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.3-3 S-4.5-4 S-4.6-2 S-5.3-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-1 S-6.3-12 "
                + "S-10.3-3",
        },
        new("BP-5.1-6", "S-5.1-5", "writes base64 for URLs")
        {
            Mutations = SaysTo(HybridAes, l => l.Replace('/', '_')),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.5-4 S-4.6-2 S-5.3-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-1 S-6.3-12 S-10.3-3",
        },
        new("BP-5.1-7", "S-5.1-1", "takes base64 without padding")
        {
            Mutations = HearsUpgrade(l => l.Split(' ') is [.., { Length: 43 }] ? l + "=" : l),
        },
        new("BP-5.1-7", "S-5.1-1", "does not look at the unused bits of base64") { Mutations = HearsUpgrade(WithoutUnusedBits) },
        new("BP-5.1-8", "S-5.1-2", "takes the first 32 octets of a longer share")
        {
            Options = Begins(Core, (x, share) => x.Begin(share.AsSpan(0, Math.Min(32, share.Length)))),
        },
        new("BP-5.1-8", "S-5.1-3", "takes the first 1216 octets of a longer share")
        {
            Options = Begins(Hybrid, (x, share) => x.Begin(share.AsSpan(0, Math.Min(1216, share.Length)))),
        },
        new("BP-5.1-8", "S-5.1-4", "takes an RSA share with another nonce than of 32 octets")
        {
            Options = Begins(Classic, (x, share) => share.Length < 384 ? null : x.Begin([.. share[..384], .. new byte[32]])),
        },
        new("BP-5.1-9", "S-5.1-1 S-5.1-2 S-5.1-3 S-5.1-4", "answers 554 to an invalid share")
        {
            Mutations = Says("501 5.5.4 Invalid", "554 5.5.4 Invalid"),
            AlsoFails = "S-4.1-8 S-4.1-10 S-4.3-6 S-4.4-7 S-4.4-9 S-4.4-24 S-5.2-2 S-5.3-3 S-5.3-4 S-5.4-2 S-5.4-3 S-5.4-11 "
                + "S-5.5-1 S-6.1-8",
        },
        new("BP-5.1-11", "S-5.1-6", "draws the same private values in every session")
        {
            Settings = s => s with { Random = new RepeatingRandom() },
            AlsoFails = "S-4.1-3 S-5.1-7 S-5.3-5 S-5.4-7 S-5.4-9 S-5.4-10",
        },
        new("BP-5.1-12", "S-5.1-7", "has one X25519 key for all suites")
        {
            Options = o => With(Core, Repeating)(With(Hybrid, Repeating)(o)),
            AlsoFails = "S-5.1-6 S-5.3-5",
        },

        // ---------------------------------------------------------------- 5.2 X25519
        new("BP-5.2-1", "S-5.1-6", "keeps its X25519 key") { Options = With(Core, Repeating) },
        new("BP-5.2-2", "S-5.2-2", "takes an all-zero result")
        {
            Options = Begins(Core, (x, share) => x.Begin(share) ?? (share.Length == 32 ? BasePoint : null)),
        },

        new("BP-5.2-4", "S-5.2-3", "answers 501 to a share with its highest bit set")
        {
            Options = Begins(Core, (x, share) => share.Length == 32 && share[^1] >= 0x80 ? null : x.Begin(share)),
            AlsoFails = "S-5.2-4",
        },

        new("BP-5.2-4", "S-5.2-4", "answers 501 to a share of a non-canonical value")
        {
            Options = Begins(Core, (x, share) => Client5Faults.IsCanonical(share) ? x.Begin(share) : null),
        },

        // ---------------------------------------------------------------- 5.3 X25519MLKEM768
        new("BP-5.2-4", "S-5.3-6", "answers 501 to a hybrid share of a non-canonical value")
        {
            Options = Begins(Hybrid, (x, share) => Client5Faults.IsCanonical(share) ? x.Begin(share) : null),
        },
        new("BP-5.3-1", "S-5.3-5", "keeps its hybrid values") { Options = With(Hybrid, Repeating) },
        new("BP-5.3-2", "S-5.3-3", "does not check the ML-KEM key")
        {
            Options = Begins(Hybrid, (x, share) => x.Begin(share) ?? x.Begin([.. HybridShare()[..1184], .. share[1184..]])),
        },
        new("BP-5.3-3", "S-5.3-3", "answers 454 to an ML-KEM key that fails the check")
        {
            Options = Begins(Hybrid, (x, share) => x.Begin(share) ?? throw new RandomnessUnavailableException()),
            AlsoFails = "S-5.1-3 S-5.3-4",
        },
        new("BP-5.3-4", "S-5.3-4", "takes an all-zero X25519 result in the hybrid suite")
        {
            Options = Begins(Hybrid, (x, share) => x.Begin(share) ?? x.Begin([.. share[..1184], .. BasePoint])),
            AlsoFails = "S-5.1-3",
        },

        // ---------------------------------------------------------------- 5.4 RSA-BLOWFISH
        new("BP-5.4-3", "S-5.4-6", "makes an RSA key pair for each session")
        {
            Options = With(Classic, Alternating),
            AlsoFails = "S-5.4-11",
        },
        new("BP-5.4-4", "S-5.4-7", "sends the same nonce in every session")
        {
            Options = Begins(Classic, (x, share) => [.. x.Begin(share)![..384], .. new byte[32]]),
            AlsoFails = "S-5.1-4 S-5.4-2 S-5.4-11",
        },
        new("BP-5.4-4", "S-5.4-7", "draws the same half in every session")
        {
            Options = o =>
                Begins(Classic, (x, share) => [.. x.Begin(share)![..384], .. RandomNumberGenerator.GetBytes(32)])(
                    With(Classic, Repeating)(o)),
            AlsoFails = "S-5.1-4 S-5.4-2 S-5.4-9 S-5.4-10 S-5.4-11",
        },
        new("BP-5.4-5", "S-5.4-2", "takes an even modulus")
        {
            Options = Begins(Classic, (x, share) => x.Begin([.. share[..383], (byte)(share[383] | 1), .. share[384..]])),
        },
        new("BP-5.4-5", "S-5.4-2", "takes a modulus of fewer bits")
        {
            Options = Begins(Classic, (x, share) => x.Begin([(byte)(share[0] | 0x80), .. share[1..]])),
        },
        new("BP-5.4-5", "S-5.4-11", "takes its own modulus")
        {
            Options = Begins(Classic, (x, share) => x.Begin(share.AsSpan(0, 384).SequenceEqual(TestRsaKeys.ServerModulus)
                ? [.. TestRsaKeys.ServerModulus.Select((b, i) => (byte)(i == 100 ? ~b : b)), .. share[384..]]
                : share)),
        },
        new("BP-5.4-8", "S-5.4-9", "goes on with zeros instead of a half that does not decrypt")
        {
            Options = With(Classic, s => new FaultyServerSuite(s) { Exchange = Zeros }),
        },
        new("BP-5.4-8", "S-5.4-12", "goes on with the half of the session before instead of one that does not decrypt")
        {
            Options = o => With(Classic, BeforeInstead())(o),
        },
        new("BP-5.4-14", "S-5.4-10", "takes a half whatever its letter")
        {
            Options = Continues(Classic, (x, line) => x.Continue(Decrypted(line) is { Length: 33 } half
                ? TestRsaKeys.Encrypt(TestRsaKeys.ServerModulus, [(byte)'C', .. half[1..]])
                : line)),
        },
        new("BP-5.4-14", "S-5.4-10", "takes a half without a letter")
        {
            Options = Continues(Classic, (x, line) => x.Continue(Decrypted(line) is { Length: 32 } half
                ? TestRsaKeys.Encrypt(TestRsaKeys.ServerModulus, [(byte)'C', .. half])
                : line)),
        },
        new("BP-5.4-7", "S-5.4-3", "treats a continuation of another length as one that does not decrypt")
        {
            Options = Continues(Classic, (x, line) => x.Continue(line.Length == 384 ? line : new byte[384])),
        },
        new("BP-5.4-7", "S-5.4-3", "takes a continuation with a blank after it")
        {
            Mutations = Hears(l => l.Length > 500 && !IsUpgrade(l) ? l.TrimEnd(' ') : l),
        },
        new("BP-5.4-8", "S-5.4-4", "answers 501 to a half that does not decrypt")
        {
            Options = Continues(Classic, (x, line) => Decrypts(line) ? x.Continue(line) : null),
            AlsoFails = "S-5.4-9 S-5.4-10",
        },
        new("BP-5.4-10", "S-5.4-4", "gives a shorter share after a half that does not decrypt")
        {
            Options = Continues(Classic, (x, line) => Decrypts(line) ? x.Continue(line) : x.Continue(line)![1..]),
            AlsoFails = "S-5.4-3 S-5.4-9 S-5.4-10",
        },

        // ---------------------------------------------------------------- 5.5 ROT
        new("BP-5.5-1", "S-5.5-1", "takes a shift with a leading zero")
        {
            Mutations = HearsUpgrade(l => l.Replace(" ROT 0", " ROT ", StringComparison.Ordinal)),
        },
        new("BP-5.5-1", "S-5.5-1", "treats a shift of 26 as one of 0")
        {
            Mutations = Answers(l => l == "XBLACKPONY V1 ROT 26", "220 ROT26 from here on, and it protects nothing"),
            AlsoFails = "S-4.4-24",
        },
        new("BP-5.5-2", "S-5.5-2", "does not shift what it says") { Mutations = UnderRot(says: (l, n) => Shift(l, 26 - n)) },
        new("BP-5.5-2", "S-5.5-2", "shifts Z out of the alphabet")
        {
            Mutations = UnderRot(says: (l, n) => string.Concat(Shift(l, 26 - n).Select(c => char.IsAsciiLetter(c) ? (char)(c + n) : c))),
        },
        new("BP-5.5-3", "S-5.5-3", "shifts forward what it hears")
        {
            Mutations = UnderRot(hears: (l, n) => Shift(l, 2 * n % 26)),
            AlsoFails = "S-5.5-2",
        },
        new("BP-5.5-4", "S-5.5-4 S-5.5-10", "clears the highest bit")
        {
            Mutations = UnderRot(hears: (l, _) => string.Concat(l.Select(c => (char)(c & 0x7f)))),
        },
        new("BP-5.5-4", "S-5.5-4 S-5.5-10", "shifts the letters of Latin-1")
        {
            Mutations = UnderRot(hears: (l, _) => l.Replace('\xE9', '\xDC')),
        },
        new("BP-5.5-5", "S-5.5-4", "does not shift a message")
        {
            Mutations = UnderRot(hears: MessageUnshifted()),
            AlsoFails = "S-5.5-10",
        },
        new("BP-5.5-6", "S-5.5-5", "ends a ROT session with a record")
        {
            Mutations = Says(l => l.StartsWith("221", StringComparison.Ordinal) ? l + "\r\n\0\x11" + new string('x', 17) : l),
        },
        new("BP-5.5-7", "S-5.5-6", "takes ROT though nobody switched it on")
        {
            Mutations = Answers(l => l == "XBLACKPONY V1 ROT 13", "220 ROT13 from here on, and it protects nothing"),
            AlsoFails = "S-4.4-24 S-5.5-4 S-5.5-5 S-5.5-8 S-5.5-9 S-5.5-10",
        },
        new("BP-5.5-8", "S-5.5-6", "offers ROT though it is off")
        {
            Mutations =
                OffersLater(o => o.Contains(" ROT", StringComparison.Ordinal) ? o : o.Replace(" G-", " ROT G-", StringComparison.Ordinal)),
        },
        new("BP-5.5-11", "S-5.5-7", "gives a share with 220 to ROT") { Mutations = Says("220 ROT", "220 K=ROT") },
        new("BP-5.5-11", "S-5.5-7", "writes two lines of 220 to ROT")
        {
            Mutations = Says(l => l.StartsWith("220 ROT", StringComparison.Ordinal) ? $"220-By hand\r\n{l}" : l),
        },
    ];

    // Making a pair would take seconds: here are two.
    private static readonly RsaKeys Third = new(TimeProvider.System, () =>
    {
        using var stream = typeof(Server5Faults).Assembly.GetManifestResourceStream("rsa-third.pem")!;
        using var reader = new StreamReader(stream);
        var rsa = RSA.Create();
        rsa.ImportFromPem(reader.ReadToEnd());
        return rsa;
    });

    private static Suite Alternating(Suite suite)
    {
        int pairs = 0;
        return new FaultyServerSuite(suite) { Keys = () => Interlocked.Increment(ref pairs) % 2 == 0 ? TestRsaKeys.Server : Third };
    }

    private static Suite Repeating(Suite suite) => new FaultyServerSuite(suite) { Random = new RepeatingRandom() };

    private static byte[] HybridShare() =>
        SuiteRegistry.Find(Hybrid)!.StartClient(new SeededRandom("tests", "client"), TestRsaKeys.Client).Share;

    // The last character before the padding stands for 4 bits and 2 that are not used.
    private static string WithoutUnusedBits(string line)
    {
        const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        return line.EndsWith('=') && line[^2] != '='
            ? $"{line[..^2]}{Alphabet[Alphabet.IndexOf(line[^2], StringComparison.Ordinal) & ~3]}="
            : line;
    }

    private static bool Decrypts(byte[] continuation) => Decrypted(continuation) is { Length: 33 };

    /// <summary>What was encrypted to the server; null if it does not decrypt.</summary>
    private static byte[]? Decrypted(byte[] continuation)
    {
        try
        {
            using var pair = TestRsaKeys.Server.Use();
            return pair.Decrypt(continuation);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private static Func<Suite, Suite> BeforeInstead()
    {
        byte[]? before = null;
        return s => new FaultyServerSuite(s)
        {
            Exchange = real =>
            {
                bool decrypts = true;
                return new FaultyServerExchange(real)
                {
                    Continues = line =>
                    {
                        decrypts = Decrypts(line);
                        return real.Continue(line);
                    },
                    Agrees = secret =>
                    {
                        byte[] agreed = decrypts || before is null ? secret : [.. before, .. secret[32..]];
                        before = decrypts ? secret[..32] : before;
                        return agreed;
                    },
                };
            },
        };
    }

    private static FaultyServerExchange Zeros(ServerExchange real)
    {
        bool decrypts = true;
        return new FaultyServerExchange(real)
        {
            Continues = line =>
            {
                decrypts = Decrypts(line);
                return real.Continue(line);
            },
            Agrees = secret => decrypts ? secret : [.. new byte[32], .. secret[32..]],
        };
    }

    private static Func<string, int, string> MessageUnshifted()
    {
        bool message = false;
        return (line, n) =>
        {
            var heard = message ? Shift(line, n) : line;
            message = (message || line == Shift("DATA", n)) && line != ".";
            return heard;
        };
    }
}
