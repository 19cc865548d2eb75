using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using BlackPony.Conformance.Peers;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Specification.Vectors;

/// <summary>Sections 5.2 and 5.3, and whole exchanges of every suite.</summary>
internal static class ExchangeVectors
{
    // u-coordinates of small order (RFC 7748), each with its name.
    private static readonly (string Name, string Value)[] SmallOrder =
    [
        ("0", new string('0', 64)),
        ("1", "01" + new string('0', 62)),
        ("a point of order 8", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        ("the other point of order 8", "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        ("p - 1", "ec" + new string('f', 60) + "7f"),
        ("p, which is 0", "ed" + new string('f', 60) + "7f"),
        ("p + 1, which is 1", "ee" + new string('f', 60) + "7f"),
        ("0 with the highest bit", new string('0', 62) + "80"),
    ];

    public static IEnumerable<VectorFile> All => [X25519(), Hybrid(), Whole()];

    private static VectorFile X25519()
    {
        var file = new VectorFile("x25519",
            "One side of the key exchange X25519 (Section 5.2). random is the receiver's private key (Appendix B), peerShare what it "
                + "gets.");
        file.Note("Ordinary", "A share as every port makes it.", "BP-5.2-1", "BP-5.1-8");
        file.Note("NonCanonicalKey", "The highest bit is ignored, and values of p and more are taken as RFC 7748 Section 5 says.",
            "BP-5.2-2", "BP-5.2-3");
        file.Note("ZeroResult", "A share of small order: the result is all zero.", "BP-5.2-2", "BP-5.2-3");
        file.Note("BadLength", "Not 32 octets.", "BP-5.1-8", "BP-5.1-9", "BP-5.1-10");
        var suite = SuiteRegistry.Find("X25519-CHACHA20POLY1305")!;
        Good("server", "The example of Appendix C.1", "Ordinary", Json.Count(0x80), ShareOf(Json.Count(0)));
        Good("client", "The example of Appendix C.1", "Ordinary", Json.Count(0), ShareOf(Json.Count(0x80)));
        Good("server", "Another", "Ordinary", Json.Count(0x33), ShareOf(Json.Count(0x71)));
        Good("client", "A private key of zeros, which clamping makes good", "Ordinary", new byte[32], ShareOf(Json.Count(0x71)));
        Good("client", "A private key of one bits", "Ordinary", [.. Enumerable.Repeat((byte)0xff, 32)], ShareOf(Json.Count(0x71)));
        Good("server", "u = 9", "Ordinary", Json.Count(0x80), [9, .. new byte[31]]);
        Good("server", "u = 9 with the highest bit", "NonCanonicalKey", Json.Count(0x80), [9, .. new byte[30], 0x80]);
        Good("client", "u = 9 with the highest bit", "NonCanonicalKey", Json.Count(0), [9, .. new byte[30], 0x80]);
        Good("server", "p + 2, which is 2", "NonCanonicalKey", Json.Count(0x80), Convert.FromHexString("ef" + new string('f', 60) + "7f"));
        Good("client", "2^255 - 1, which is 18", "NonCanonicalKey", Json.Count(0), Convert.FromHexString(new string('f', 62) + "7f"));
        Good("server", "2^256 - 1, which is 18", "NonCanonicalKey", Json.Count(0x80), Convert.FromHexString(new string('f', 64)));
        foreach (var (name, value) in SmallOrder)
        {
            Bad("server", name, "ZeroResult", Convert.FromHexString(value));
            Bad("client", name, "ZeroResult", Convert.FromHexString(value));
        }

        foreach (var receiver in (string[])["server", "client"])
        {
            Bad(receiver, "31 octets", "BadLength", ShareOf(Json.Count(1))[..31]);
            Bad(receiver, "33 octets", "BadLength", [.. ShareOf(Json.Count(1)), 0]);
        }

        return file;

        void Good(string receiver, string comment, string flags, byte[] random, byte[] peer) =>
            file.Valid($"{comment}, at the {receiver}", flags, Side(suite, receiver, random, peer), Result(suite, receiver, random, peer));

        void Bad(string receiver, string comment, string flags, byte[] peer) => file.Invalid(
            $"{comment}, at the {receiver}", flags, Side(suite, receiver, Json.Count(receiver == "server" ? 0x80 : 0), peer),
            receiver == "server" ? Reaction.Reply(501) : Reaction.Broken);
    }

    private static VectorFile Hybrid()
    {
        var file = new VectorFile("x25519mlkem768",
            "One side of the key exchange X25519MLKEM768 (Section 5.3). random is the receiver's stream (Appendix B): the client's ML-KEM "
                + "d, z and X25519 key, or the server's ML-KEM m and X25519 key.");
        file.Note("Ordinary", "A share as every port makes it.", "BP-5.3-1", "BP-5.1-8");
        file.Note("ImplicitRejection", "An altered ciphertext gives another secret and no error.", "BP-5.3-5");
        file.Note("KeyCheck", "Every coefficient of the encapsulation key is below 3329 (FIPS 203 Section 7.2), or the key is refused.",
            "BP-5.3-2", "BP-5.3-3");
        file.Note("ZeroResult", "The X25519 part's result is all zero.", "BP-5.3-4", "BP-5.2-2", "BP-5.2-3");
        file.Note("NonCanonicalKey", "The X25519 part is taken as in Section 5.2.", "BP-5.3-4");
        file.Note("BadLength", "Not 1216 octets at the server, not 1120 at the client.", "BP-5.1-8", "BP-5.1-9", "BP-5.1-10");
        var suite = SuiteRegistry.Find("X25519MLKEM768-CHACHA20POLY1305")!;
        var (clientRandom, serverRandom) = (Json.Count(0, 96), Json.Count(0x80, 64));
        var client = Result(suite, "client", clientRandom, [.. new byte[1088], 9, .. new byte[31]])["share"].Octets();
        var server = Result(suite, "server", serverRandom, client)["share"].Octets();
        Good("server", "The example of Appendix C.3", "Ordinary", client);
        Good("client", "The example of Appendix C.3", "Ordinary", server);
        Good("client", "One bit of the ciphertext altered", "ImplicitRejection", Json.Alter(server, 0, 0x01));
        Good("client", "The ciphertext's last bit altered", "ImplicitRejection", Json.Alter(server, 1087, 0x80));
        Good("client", "A ciphertext of zeros", "ImplicitRejection", [.. new byte[1088], .. server[1088..]]);
        Good("client", "A ciphertext of one bits", "ImplicitRejection", [.. Enumerable.Repeat((byte)0xff, 1088), .. server[1088..]]);
        Good("client", "The X25519 key with the highest bit", "NonCanonicalKey", Json.Alter(server, 1119, 0x80));
        Good("server", "The X25519 key with the highest bit", "NonCanonicalKey", Json.Alter(client, 1215, 0x80));
        Good("server", "The first coefficient is 3328", "KeyCheck", First(0x00, 0x0d));
        Good("server", "An encapsulation key of zeros, which passes the check", "KeyCheck", [.. new byte[1184], .. client[1184..]]);
        Bad("server", "The first coefficient is 3329", "KeyCheck", First(0x01, 0x0d));
        Bad("server", "The first coefficient is 4095", "KeyCheck", First(0xff, 0x0f));
        byte[] last = [.. client];
        (last[1150], last[1151]) = ((byte)(last[1150] | 0xf0), 0xff);
        Bad("server", "The last coefficient is 4095", "KeyCheck", last);
        Bad("server", "An encapsulation key of one bits", "KeyCheck", [.. Enumerable.Repeat((byte)0xff, 1184), .. client[1184..]]);
        foreach (var (name, value) in SmallOrder.Take(3))
        {
            Bad("server", $"X25519 part {name}", "ZeroResult", [.. client[..1184], .. Convert.FromHexString(value)]);
            Bad("client", $"X25519 part {name}", "ZeroResult", [.. server[..1088], .. Convert.FromHexString(value)]);
        }

        Bad("server", "One octet too few", "BadLength", client[..^1]);
        Bad("server", "One octet too many", "BadLength", [.. client, 0]);
        Bad("server", "ML-KEM key alone", "BadLength", client[..1184]);
        Bad("server", "A share of the other direction", "BadLength", server);
        Bad("client", "One octet too few", "BadLength", server[..^1]);
        Bad("client", "One octet too many", "BadLength", [.. server, 0]);
        Bad("client", "Ciphertext alone", "BadLength", server[..1088]);
        Bad("client", "A share of the other direction", "BadLength", client);
        return file;

        byte[] Random(string receiver) => receiver == "server" ? serverRandom : clientRandom;

        void Good(string receiver, string comment, string flags, byte[] peer) =>
            file.Valid($"{comment}, at the {receiver}", flags, Side(suite, receiver, Random(receiver), peer),
                Result(suite, receiver, Random(receiver), peer));

        void Bad(string receiver, string comment, string flags, byte[] peer) =>
            file.Invalid($"{comment}, at the {receiver}", flags, Side(suite, receiver, Random(receiver), peer),
                receiver == "server" ? Reaction.Reply(501) : Reaction.Broken);

        byte[] First(byte low, byte high)
        {
            byte[] key = [.. client];
            (key[0], key[1]) = (low, (byte)((key[1] & 0xf0) | high));
            return key;
        }
    }

    private static VectorFile Whole()
    {
        var file = new VectorFile("exchange",
            "Whole exchanges of two reproducing ports (Appendix B). The server offers suites, with GREASE if grease is true; the client "
                + "names suite. lines are those of the transcript hash.") { Keys = RsaVectors.Keys() };
        file.Note("Whole", "Offer, command, replies and every secret.", "BP-B-1", "BP-4.1-3", "BP-4.2-1", "BP-4.3-4", "BP-6.1-1");
        file.Note("Grease", "The server draws two octets for each offer.", "BP-B-1", "BP-4.1-7");
        foreach (var suite in SuiteRegistry.Default)
        {
            Add($"{suite} alone", "Whole", [suite], suite, false);
        }

        Add("All suites, with GREASE", "Whole Grease", SuiteRegistry.Default, SuiteRegistry.Find("X25519-CHACHA20POLY1305")!, true);
        Add("All suites, with GREASE, RSA-BLOWFISH", "Whole Grease", SuiteRegistry.Default, SuiteRegistry.Find("RSA-BLOWFISH")!, true);
        return file;

        void Add(string comment, string flags, IReadOnlyList<Suite> suites, Suite suite, bool grease)
        {
            var input = new JsonObject
            {
                ["suites"] = Json.List(suites.Select(s => s.Name)),
                ["suite"] = suite.Name,
                ["grease"] = grease,
                ["clientRandom"] = Json.Hex(Json.Count(0, 128)),
                ["serverRandom"] = Json.Hex([.. grease ? Json.Count(0x5a, 2) : [], .. Json.Count(0x80, 128)]),
            };

            file.Valid(comment, flags, input, Exchange(input));
        }
    }

    /// <summary>Plays an exchange and gives its lines and secrets.</summary>
    public static JsonObject Exchange(JsonNode input)
    {
        var suite = SuiteRegistry.Find(input["suite"].String())!;
        using var clientKey = TestRsaKeys.Open("client");
        using var serverKey = TestRsaKeys.Open("server");
        var serverRandom = new GivenStream(input["serverRandom"].Octets());
        using var client = suite.StartClient(new GivenStream(input["clientRandom"].Octets()), Holder(clientKey));
        var offer = Offer.Create([.. input["suites"].Strings().Select(s => SuiteRegistry.Find(s)!)],
            input["grease"]!.GetValue<bool>() ? serverRandom : null).Octets.ToArray();
        using var server = suite.StartServer(serverRandom, Holder(serverKey));
        List<byte[]> lines = [offer, new UpgradeCommand(Offer.Version, suite.Name, Base64Share.Encode(client.Share)).ToOctets()];
        var share = server.Begin(client.Share)!;
        if (suite.NeedsContinuation)
        {
            lines.AddRange(KeyReply.Create(334, Base64Share.Encode(share)));
            var half = client.Continue(share)!;
            lines.Add(Encoding.ASCII.GetBytes(Base64Share.Encode(half)));
            share = server.Continue(half)!;
        }

        lines.AddRange(KeyReply.Create(220, Base64Share.Encode(share)));
        var secret = client.Finish(share)!;
        Assert.Equal(secret, server.TakeSharedSecret());
        var transcript = new Reference.Keys.TranscriptHash();
        lines.ForEach(l => transcript.Add(l));
        var th = transcript.Finish();
        var values = KeyVectors.Schedule(suite.Name, secret, th);
        values.Insert(0, "lines", Json.List(lines.Select(l => Json.Text(l))));
        values.Insert(1, "sharedSecret", Json.Hex(secret));
        values.Insert(2, "th", Json.Hex(th));
        return values;
    }

    /// <summary>A holder of one key pair.</summary>
    public static RsaKeys Holder(RSA key) => new(TimeProvider.System, () => key);

    /// <summary>One side's share and shared secret; without them if the peer's share is invalid.</summary>
    public static JsonObject Result(Suite suite, string receiver, byte[] random, byte[] peer)
    {
        var keys = new RsaKeys(TimeProvider.System);
        using var client = receiver == "client" ? suite.StartClient(new GivenStream(random), keys) : null;
        using var server = receiver == "server" ? suite.StartServer(new GivenStream(random), keys) : null;
        var share = client?.Share ?? server!.Begin(peer);
        var secret = share is null ? null : client is null ? server!.TakeSharedSecret() : client.Finish(peer);
        return secret is null ? [] : new JsonObject { ["share"] = Json.Hex(share), ["sharedSecret"] = Json.Hex(secret) };
    }

    private static JsonObject Side(Suite suite, string receiver, byte[] random, byte[] peer) =>
        new() { ["suite"] = suite.Name, ["receiver"] = receiver, ["random"] = Json.Hex(random), ["peerShare"] = Json.Hex(peer) };

    private static byte[] ShareOf(byte[] key)
    {
        using var side = SuiteRegistry.Find("X25519-CHACHA20POLY1305")!.StartClient(new GivenStream(key), new RsaKeys(TimeProvider.System));
        return side.Share;
    }
}
