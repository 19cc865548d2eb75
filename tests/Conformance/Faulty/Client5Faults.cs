using System.Security.Cryptography;
using BlackPony.Conformance.Peers;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Peers.Names;
using static BlackPony.Tests.Conformance.Faulty.ClientMutations;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Clients that break a requirement of spec 5.</summary>
internal static class Client5Faults
{
    private const string GoodShare = "220 K=hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

    public static IReadOnlyList<FaultyClient> All { get; } =
    [
        // ---------------------------------------------------------------- 5.1 rules for every suite
        new("BP-5.1-1", "C-5.2-2", "does not have the core suite")
        {
            Wide = "most cases are played with that suite",
            Options = ClientSuite.Without(Core),
            AlsoFails = "C-4.1-1 C-4.1-6 C-4.1-7 C-4.1-8 C-4.1-9 C-4.1-15 C-4.1-16 C-4.2-1 C-4.2-2 C-4.2-3 C-4.2-5 C-4.3-1 C-4.3-2 "
                + "C-4.3-3 C-4.3-4 C-4.3-5 C-4.3-6 C-4.3-7 C-4.3-8 C-4.3-9 C-4.3-10 C-4.3-11 C-4.3-12 C-4.3-13 C-4.3-14 "
                + "C-4.3-15 C-4.3-16 C-4.3-17 C-4.3-19 C-4.3-20 C-4.3-22 C-4.3-27 C-4.3-28 C-4.4-6 C-4.4-12 C-4.4-13 C-4.5-2 "
                + "C-4.5-3 C-4.5-4 C-4.7-1 C-4.7-2 C-4.7-3 C-5.1-1 C-5.1-2 C-5.1-5 C-5.2-1 C-5.2-3 C-6.1-1 C-6.1-2 C-6.1-3 "
                + "C-6.1-4 C-6.3-1 C-6.3-3 C-6.3-4 C-6.3-5 C-6.3-6 C-6.3-8 C-6.3-9 C-6.5-1 C-6.5-2 C-6.5-3 C-6.5-5 C-6.5-6 "
                + "C-6.5-7 C-7.1-1 C-7.1-4 C-7.1-5 C-7.1-7 C-7.1-8 C-7.1-9 C-7.4-1 C-7.4-4 C-7.4-8 C-7.5-2 C-7.6-1 C-8.1-2 "
                + "C-8.1-3 C-8.1-4 C-8.1-5 C-8.1-6 C-8.1-7 C-8.2-1 C-8.2-2 C-8.2-3 C-8.2-4 C-8.2-5 C-8.3-4 C-8.3-5 C-9.1-3 "
                + "C-9.1-4 C-9.1-5 C-9.1-7 C-9.1-9 C-9.1-11 C-9.1-12 C-9.2-1 C-9.2-2 C-9.2-3 C-9.2-4 C-9.2-10 C-9.2-12 "
                + "C-9.2-14 C-9.3-1 C-9.4-1 C-9.4-2 C-9.4-3 C-9.4-4 C-9.4-5 C-9.4-6 C-9.4-8 C-9.4-9 C-9.4-10 C-9.4-12 C-9.4-13 "
                + "C-9.4-14 C-9.4-15 C-9.4-16 C-9.4-17 C-9.4-18 C-9.4-19 C-9.4-20 C-10.4-1 C-10.4-4 C-10.4-5 C-10.4-6 C-10.4-7 "
                + "C-10.4-9 C-10.4-10",
        },
        new("BP-5.1-2", "C-5.3-1", "does not have the hybrid suite") { Options = ClientSuite.Without(Hybrid) },
        new("BP-5.1-3", "C-5.4-1", "does not have the suite of 1997") { Options = ClientSuite.Without(Classic) },
        new("BP-5.1-4", "C-5.3-4", "implements the AES suite with ChaCha20")
        {
            Options = ClientSuite.In(HybridAes, s => new ClientSuite(s) { Records = SuiteRegistry.Find(Core)! }),
            AlsoFails = "C-4.3-21 C-4.5-1 C-4.8-4 C-6.1-3 C-6.1-6 C-6.3-2 C-6.5-1 C-7.5-1 C-8.1-1",
        },
        new("BP-5.1-6", "C-4.2-5", "writes its share without padding")
        {
            Mutations = _ => RareCommands(l => l.TrimEnd('=')),
            AlsoFails = "C-4.3-21 C-4.5-1 C-4.8-4 C-5.3-4 C-6.1-3 C-6.1-6 C-6.1-7 C-6.3-2 C-6.5-1 C-7.5-1 C-8.1-1",
        },
        new("BP-5.1-7", "C-5.1-1", "takes a share that is no canonical base64")
        {
            Mutations = _ => AfterCommand(l => l.StartsWith("220 K=", StringComparison.Ordinal) && !IsBase64(l[6..]) ? GoodShare : l),
            AlsoFails = "C-4.3-5 C-4.3-13 C-5.1-5",
        },
        new("BP-5.1-7", "C-5.1-5", "trims the blanks around a fragment of the 220")
        {
            Mutations = _ => AfterCommand(l => l.StartsWith("220 K=", StringComparison.Ordinal) ? "220 K=" + l[6..].Trim() : l),
            AlsoFails = "C-5.3-6 C-5.4-12",
        },
        new("BP-5.1-8", "C-5.1-2", "takes a share that is too long or too short")
        {
            Options = ClientSuite.In(Core, s => new ClientSuite(s) { Reads = share => [.. share.Concat(new byte[32]).Take(32)] }),
        },
        new("BP-5.1-10", "C-5.1-1 C-5.1-2 C-5.2-1", "says QUIT when the share is invalid")
        {
            Mutations = _ => new Mutations { Answer = WholeShare(l => IsInvalid(l[6..]) ? "QUIT\r\n\0" : null) },
            AlsoFails = "C-4.3-13 C-5.1-5 C-5.4-14 C-5.5-3",
        },
        new("BP-5.1-10", "C-5.3-6 C-5.4-12", "treats a share in the 220 that is no base64 as a refusal, but in the core suite")
        {
            Mutations = _ =>
            {
                Mutations hooks = null!, whole = TakesRepliesForRefusal(r =>
                    hooks.Suite != Core && r.All(l => l.StartsWith("220", StringComparison.Ordinal) && l.Length > 6 && l[4..6] == "K=")
                        && !IsBase64(string.Concat(r.Select(l => l[6..]))));
                return hooks = new Mutations { PortLine = whole.PortLine, PeerLine = whole.PeerLine };
            },
            AlsoFails = "C-5.5-3",
        },
        new("BP-5.1-11", "C-5.1-3", "uses a private value in every session")
        {
            Random = new ClientRandom(32),
            AlsoFails = "C-5.1-4 C-5.3-5 C-5.4-5 C-5.4-10",
        },
        new("BP-5.1-12", "C-5.1-4", "uses one X25519 key in two suites")
        {
            Random = new ClientRandom(),
            AlsoFails = "C-5.1-3 C-5.3-5 C-5.4-5 C-5.4-10",
        },

        // ---------------------------------------------------------------- 5.2 to 5.4 the key exchanges
        new("BP-5.2-1", "C-5.1-3", "draws an X25519 key for the process")
        {
            Options = ClientSuite.In(Core, s => new ClientSuite(s) { Draws = _ => new ClientRandom() }),
        },
        new("BP-5.2-4", "C-5.2-3", "treats a share with its highest bit set as invalid")
        {
            Options = ClientSuite.In(Core, s => new ClientSuite(s) { Reads = share => share[^1] < 0x80 ? share : [] }),
            AlsoFails = "C-5.2-4",
        },
        new("BP-5.2-4", "C-5.2-4", "treats a share of a non-canonical value as invalid")
        {
            Options = ClientSuite.In(Core, s => new ClientSuite(s) { Reads = share => IsCanonical(share) ? share : [] }),
        },
        new("BP-5.2-4", "C-5.3-7", "treats a hybrid share of a non-canonical value as invalid")
        {
            Options = ClientSuite.In(Hybrid, s => new ClientSuite(s) { Reads = share => IsCanonical(share) ? share : [] }),
        },
        new("BP-5.2-3", "C-5.2-1", "takes an all-zero result")
        {
            Options = ClientSuite.In(Core, s => new ClientSuite(s) { Agrees = secret => secret ?? new byte[32] }),
            AlsoFails = "C-5.1-2",
        },
        new("BP-5.3-1", "C-5.3-5", "draws an ML-KEM key for the process") { Random = new ClientRandom(64) },
        new("BP-5.3-1", "C-5.3-5", "draws a hybrid X25519 key for the process")
        {
            Random = new ClientRandom(32),
            AlsoFails = "C-5.1-3 C-5.1-4 C-5.4-5 C-5.4-10",
        },
        new("BP-5.3-4", "C-5.3-3", "takes an all-zero X25519 part")
        {
            Options = ClientSuite.In(Hybrid, s => new ClientSuite(s) { Agrees = secret => secret ?? new byte[64] }),
            AlsoFails = "C-5.3-6",
        },
        new("BP-5.3-5", "C-5.3-2", "takes offence at an altered ciphertext")
        {
            Options = ClientSuite.In(Hybrid, s => new ClientSuite(s) { Agrees = _ => null }),
            AlsoFails = "C-4.3-21 C-4.3-23 C-4.5-1 C-5.3-1 C-5.3-7 C-6.1-3 C-6.3-2 C-6.5-1 C-7.5-1",
        },
        new("BP-5.4-4", "C-5.4-5", "draws its nonce and half for the process")
        {
            Random = new ClientRandom(32),
            AlsoFails = "C-5.1-3 C-5.1-4 C-5.3-5 C-5.4-10",
        },
        new("BP-5.4-4", "C-5.4-5", "sends the same half in every session")
        {
            Options = ClientSuite.In(Classic, s => new ClientSuite(s) { Draws = real => new ClientHalf(real) }),
        },
        new("BP-5.4-6", "C-5.4-2 C-5.4-3", "goes on whatever the server's modulus is")
        {
            Options = ClientSuite.In(Classic, s => new ClientSuite(s) { Continues = octets => octets ?? new byte[384] }),
            AlsoFails = "C-4.3-29 C-5.4-14",
        },
        new("BP-5.4-6", "C-5.4-13", "trims the blanks around a fragment of the 334")
        {
            Mutations = _ => AfterCommand(l => l.StartsWith("334", StringComparison.Ordinal) && l.Length > 6 ? l[..6] + l[6..].Trim() : l),
        },
        new("BP-5.4-11", "C-5.4-4", "takes offence at a half that does not decrypt")
        {
            Options = ClientSuite.In(Classic, s => new ClientSuite(s) { Agrees = _ => null }),
            AlsoFails = "C-4.3-21 C-4.3-24 C-4.5-1 C-5.4-1 C-5.4-7 C-6.1-5 C-6.3-2 C-6.5-1 C-7.1-10 C-7.1-11 C-7.3-1 C-7.3-2 C-7.5-1",
        },
        new("BP-5.4-11", "C-5.4-10", "goes on with zeros instead of a half that does not decrypt")
        {
            Options = ClientSuite.In(Classic, s => new ClientSuite(s)
            {
                Reads = share => Decrypted(share) is { Length: 33 } ? share : ToClient([(byte)'S', .. new byte[32]]),
            }),
            AlsoFails = "C-5.4-12",
        },
        new("BP-5.4-14", "C-5.4-11", "takes a half whatever its letter")
        {
            Options = ClientSuite.In(Classic, s => new ClientSuite(s)
            {
                Reads = share => Decrypted(share) is { Length: 33 } half ? ToClient([(byte)'S', .. half[1..]]) : share,
            }),
        },
        new("BP-5.4-12", "C-5.4-2", "cancels by an empty line")
        {
            Mutations = _ => new Mutations { PortLine = l => l == "*" ? "" : l },
            AlsoFails = "C-4.3-29 C-5.4-3 C-5.4-9 C-5.4-13 C-5.4-14",
        },
        new("BP-5.4-12", "C-5.4-14", "treats whatever answers its cancel as a refusal")
        {
            Mutations = _ => AfterContinuation(Refusal(_ => true), cancelled: true),
            AlsoFails = "C-4.3-29",
        },
        new("BP-5.4-12", "C-5.4-2", "treats the 501 to its cancel as a broken upgrade")
        {
            Mutations = _ => AfterCommand(l => l.StartsWith("501", StringComparison.Ordinal) ? "250 Ok" : l),
            AlsoFails = "C-4.3-29 C-4.4-3 C-5.4-3 C-5.4-6 C-5.4-9",
        },

        // ---------------------------------------------------------------- 5.5 ROT
        new("BP-4.3-7", "C-5.5-3", "takes a 220 of two lines under ROT")
        {
            Mutations = _ => UnderRot(peer: l => l.Replace("220-", "220 ", StringComparison.Ordinal)),
        },
        new("BP-4.3-7", "C-5.5-3", "takes a share in the 220 under ROT")
        {
            Mutations = _ => UnderRot(peer: l => l.Replace("220 K=", "220 ", StringComparison.Ordinal)),
        },
        new("BP-4.3-7", "C-5.5-3", "treats a 334 to ROT as a refusal")
        {
            Mutations = _ => UnderRot(peer: l => l.StartsWith("334", StringComparison.Ordinal) ? "454 no" : l),
        },
        new("BP-5.5-1", "C-5.5-1", "writes the shift with a leading zero") { Mutations = _ => Sends(" ROT ", " ROT 0") },
        new("BP-5.5-2", "C-5.5-1", "shifts a place too far") { Mutations = _ => UnderRot(port: l => ClientProbe.Rot(l, 1)) },
        new("BP-5.5-3", "C-5.5-1", "shifts forward what it receives")
        {
            Options = o => o with { Shift = 5 },
            Mutations = _ => UnderRot(peer: l => ClientProbe.Rot(l, 10)),
            AlsoFails = "C-5.5-3",
        },
        new("BP-5.5-4", "C-5.5-1", "loses the octets above 127") { Mutations = _ => AfterCommand(l => l, l => l.Replace('\u00e9', '?')) },
        new("BP-5.5-5", "C-5.5-1", "says EHLO without the shift")
        {
            Mutations = _ => AfterCommand(l => l, l => l.StartsWith("RUYB", StringComparison.Ordinal) ? ClientProbe.Rot(l, 13) : l),
        },
        new("BP-5.5-6", "C-5.5-1", "sends a record after QUIT")
        {
            Mutations = _ => AfterCommand(l => l, l => l == "DHVG" ? l + "\r\n\u0001\u0010" : l),
        },
        new("BP-5.5-9", "C-4.8-1", "chooses ROT by itself") { Options = o => o with { Suites = SuiteRegistry.All } },
    ];

    /// <summary>Whether the X25519 public key at the end of a share is below p.</summary>
    public static bool IsCanonical(byte[] share) => share.Length < 32 || (share[^1] & 0x7f) < 0x7f
        || share.AsSpan()[^31..^1].ContainsAnyExcept((byte)0xff) || share[^32] < 0xed;

    private static byte[] ToClient(byte[] content)
    {
        using var pair = TestRsaKeys.Client.Use();
        return TestRsaKeys.Encrypt(pair.Modulus, content);
    }

    /// <summary>What was encrypted to the client; null if it does not decrypt.</summary>
    private static byte[]? Decrypted(byte[] share)
    {
        try
        {
            using var pair = TestRsaKeys.Client.Use();
            return pair.Decrypt(share);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    // A share of one line.
    private static Func<string, string?> WholeShare(Func<string, string?> answer)
    {
        bool more = false;
        return l =>
        {
            bool whole = !more && l.StartsWith("220 K=", StringComparison.Ordinal);
            more = l.StartsWith("220-", StringComparison.Ordinal);
            return whole ? answer(l) : null;
        };
    }

    private static bool IsBase64(string text) => text.Length % 4 == 0 && Convert.TryFromBase64String(text, new byte[2000], out int count)
        && count > 0 && Convert.ToBase64String(Convert.FromBase64String(text)) == text;

    private static bool IsInvalid(string text) => text.Length < 400
        && (!IsBase64(text) || Convert.FromBase64String(text) is { Length: not 32 } || Convert.FromBase64String(text).All(b => b == 0));
}
