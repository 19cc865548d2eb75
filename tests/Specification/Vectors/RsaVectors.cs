using System.Numerics;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using BlackPony.Conformance.Peers;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Specification.Vectors;

/// <summary>Section 5.4: OAEP, and each side of the key exchange.</summary>
internal static class RsaVectors
{
    private static readonly Suite RsaBlowfish = SuiteRegistry.Find("RSA-BLOWFISH")!;

    public static IEnumerable<VectorFile> All => [Oaep(), Sides()];

    /// <summary>Both key pairs, in PKCS #8 and in numbers.</summary>
    public static JsonObject Keys() => new() { ["client"] = Key("client"), ["server"] = Key("server") };

    private static JsonObject Key(string role)
    {
        using var rsa = TestRsaKeys.Open(role);
        var p = rsa.ExportParameters(true);
        return new JsonObject
        {
            ["modulus"] = Json.Hex(p.Modulus),
            ["publicExponent"] = 65537,
            ["privateExponent"] = Json.Hex(p.D),
            ["prime1"] = Json.Hex(p.P),
            ["prime2"] = Json.Hex(p.Q),
            ["exponent1"] = Json.Hex(p.DP),
            ["exponent2"] = Json.Hex(p.DQ),
            ["coefficient"] = Json.Hex(p.InverseQ),
            ["pkcs8"] = Json.Hex(rsa.ExportPkcs8PrivateKey()),
        };
    }

    private static VectorFile Oaep()
    {
        var file = new VectorFile("rsa-oaep",
            "RSAES-OAEP as in Section 5.4. With seed, half is encrypted to key, after the letter of the other side. With substitute, "
                + "ciphertext is decrypted with key, and substitute was drawn before.") { Keys = Keys() };
        file.Note("Encrypt", "SHA-256, MGF1 with SHA-256, the empty label, and the seed given.", "BP-5.4-4", "BP-B-1");
        file.Note("Decrypt", "The half comes out, and the substitute is not needed.", "BP-5.4-8", "BP-5.4-9", "BP-5.4-11");
        file.Note("FailedDecryption", "The substitute takes the half's place, and nothing tells.", "BP-5.4-8", "BP-5.4-10", "BP-5.4-11");
        file.Note("Letter", "Without the peer's letter and 32 octets it is a failed decryption.", "BP-5.4-14");
        file.Note("OtherHash", "OAEP with another hash, another MGF1 or a label is a failed decryption.", "BP-5.4-8", "BP-5.4-11");
        var half = Json.Count(0x20);
        foreach (var key in (string[])["client", "server"])
        {
            Encrypt(key, "An ordinary half", half, Json.Count(0x40));
            Encrypt(key, "A half of zeros", new byte[32], Json.Count(0x60));
            Encrypt(key, "A seed of zeros", half, new byte[32]);
            Decrypt(key, "An ordinary half", Raw(key, Encoded([Letter(key), .. half])), half);
            Decrypt(key, "A half of zeros", Raw(key, Encoded([Letter(key), .. new byte[32]])), new byte[32]);
        }

        byte[] content = [Letter("server"), .. half];
        var good = Raw("server", Encoded(content));
        Fail("One bit altered", "FailedDecryption", [.. good[..200], (byte)(good[200] ^ 1), .. good[201..]]);
        Fail("Encrypted to the other key", "FailedDecryption", Raw("client", Encoded(content)));
        Fail("The server's own letter", "Letter", Raw("server", Encoded([(byte)'S', .. half])));
        Fail("The letter in lower case", "Letter", Raw("server", Encoded([(byte)'c', .. half])));
        Fail("No letter", "Letter", Raw("server", Encoded(half)));
        Fail("The letter after the half", "Letter", Raw("server", Encoded([.. half, (byte)'C'])));
        Fail("A half of 31 octets", "Letter", Raw("server", Encoded(content[..32])));
        Fail("A half of 33 octets", "Letter", Raw("server", Encoded([.. content, 0])));
        Fail("Nothing", "Letter", Raw("server", Encoded([])));
        Fail("The letter alone", "Letter", Raw("server", Encoded(content[..1])));
        Fail("The session key of both halves", "Letter", Raw("server", Encoded([.. content, .. half])));
        Fail("A first octet that is not zero", "FailedDecryption", Raw("server", Encoded(content, first: 1)));
        Fail("No 01 before the letter", "FailedDecryption", Raw("server", Encoded(content, mark: 2)));
        Fail("PKCS #1 version 1.5", "FailedDecryption",
            Raw("server", [0, 2, .. Enumerable.Repeat((byte)0x11, 384 - 3 - 33), 0, .. content]));
        Fail("The content without padding", "FailedDecryption", Raw("server", [.. new byte[351], .. content]));
        Fail("0", "FailedDecryption", new byte[384]);
        Fail("1", "FailedDecryption", [.. new byte[383], 1]);
        Fail("The modulus", "FailedDecryption", Modulus("server"));
        Fail("Not below the modulus", "FailedDecryption", [.. Enumerable.Repeat((byte)0xff, 384)]);
        Fail("SHA-1 in both places", "OtherHash", Raw("server", Encoded(content, HashAlgorithmName.SHA1, HashAlgorithmName.SHA1)));
        Fail("MGF1 with SHA-1", "OtherHash", Raw("server", Encoded(content, mask: HashAlgorithmName.SHA1)));
        Fail("SHA-512 in both places", "OtherHash", Raw("server", Encoded(content, HashAlgorithmName.SHA512, HashAlgorithmName.SHA512)));
        Fail("A label", "OtherHash", Raw("server", Encoded(content, label: "BLACKPONY V1"u8.ToArray())));
        return file;

        void Encrypt(string key, string comment, byte[] message, byte[] seed) => file.Valid(
            $"{comment}, to the {key}",
            "Encrypt",
            new JsonObject { ["key"] = key, ["half"] = Json.Hex(message), ["seed"] = Json.Hex(seed) },
            new JsonObject { ["ciphertext"] = Json.Hex(EncryptHalf(key, message, seed)) });

        void Decrypt(string key, string comment, byte[] ciphertext, byte[] message) => file.Valid(
            $"{comment}, at the {key}", "Decrypt", Input(key, ciphertext), new JsonObject { ["half"] = Json.Hex(message) });

        void Fail(string comment, string flags, byte[] ciphertext) => file.Invalid(
            comment, flags, Input("server", ciphertext), Reaction.Substitute, new JsonObject { ["half"] = Json.Hex(Json.Count(0xa0)) });

        static JsonObject Input(string key, byte[] ciphertext) => new()
        {
            ["key"] = key,
            ["ciphertext"] = Json.Hex(ciphertext),
            ["substitute"] = Json.Hex(Json.Count(0xa0)),
        };
    }

    private static VectorFile Sides()
    {
        var file = new VectorFile("rsa-blowfish",
            "One side of the key exchange of RSA-BLOWFISH (Section 5.4). key is the receiver's; random its stream (Appendix B); peerShare "
                + "and, where given, peerCiphertext are what it gets in this order.") { Keys = Keys() };
        file.Note("Ordinary", "Both messages as every port makes them.", "BP-5.4-4", "BP-B-1");
        file.Note("FailedDecryption", "The exchange goes on with the substitute.", "BP-5.4-8", "BP-5.4-9", "BP-5.4-11");
        file.Note("BadModulus", "The highest bit is clear, or the number is even.", "BP-5.4-5", "BP-5.4-6");
        file.Note("OwnModulus", "One side shows the other's own modulus.", "BP-5.4-5", "BP-5.4-6");
        file.Note("BadLength", "Not 416 octets, or not 384 in the second message.",
            "BP-5.1-8", "BP-5.1-9", "BP-5.1-10", "BP-5.4-6", "BP-5.4-7");
        byte[] clientShare = [.. Modulus("client"), .. Json.Count(0)];
        byte[] serverShare = [.. Modulus("server"), .. Json.Count(0x80)];
        var (clientHalf, serverHalf) =
            (EncryptHalf("server", Json.Count(0x20), Json.Count(0x40)), EncryptHalf("client", Json.Count(0xc0), Json.Count(0xe0)));
        Good("server", "The example of Appendix C.4", "Ordinary", clientShare, clientHalf);
        Good("client", "The example of Appendix C.4", "Ordinary", serverShare, serverHalf);
        Good("server", "A ciphertext of zeros", "FailedDecryption", clientShare, new byte[384]);
        Good("client", "A ciphertext of zeros", "FailedDecryption", serverShare, new byte[384]);
        Good("server", "A ciphertext to the other key", "FailedDecryption", clientShare, serverHalf);
        Bad("server", "The server's own modulus", "OwnModulus", serverShare);
        Bad("client", "The client's own modulus", "OwnModulus", clientShare);
        foreach (var receiver in (string[])["server", "client"])
        {
            var share = receiver == "server" ? clientShare : serverShare;
            Bad(receiver, "A modulus with its highest bit clear", "BadModulus", [(byte)(share[0] & 0x7f), .. share[1..]]);
            Bad(receiver, "An even modulus", "BadModulus", [.. share[..383], (byte)(share[383] & 0xfe), .. share[384..]]);
            Bad(receiver, "A share of zeros", "BadModulus", new byte[416]);
            Bad(receiver, "One octet too few", "BadLength", share[..^1]);
            Bad(receiver, "One octet too many", "BadLength", [.. share, 0]);
            Bad(receiver, "No nonce", "BadLength", share[..384]);
            var half = receiver == "server" ? clientHalf : serverHalf;
            Bad(receiver, "A ciphertext of 383 octets", "BadLength", share, half[..383]);
            Bad(receiver, "A ciphertext of 385 octets", "BadLength", share, [.. half, 0]);
        }

        return file;

        void Good(string receiver, string comment, string flags, byte[] share, byte[] ciphertext)
        {
            var input = Input(receiver, share, ciphertext);
            file.Valid($"{comment}, at the {receiver}", flags, input, Side(input));
        }

        void Bad(string receiver, string comment, string flags, byte[] share, byte[]? ciphertext = null) => file.Invalid(
            $"{comment}, at the {receiver}",
            flags,
            Input(receiver, share, ciphertext),
            receiver == "server" ? Reaction.Reply(501) : ciphertext is null ? Reaction.Cancel : Reaction.Broken);

        static JsonObject Input(string receiver, byte[] share, byte[]? ciphertext)
        {
            var input = new JsonObject
            {
                ["receiver"] = receiver,
                ["key"] = receiver,
                ["random"] = Json.Hex(Json.Count(receiver == "server" ? 0x80 : 0, 128)),
                ["peerShare"] = Json.Hex(share),
            };
            if (ciphertext is not null)
            {
                input["peerCiphertext"] = Json.Hex(ciphertext);
            }

            return input;
        }
    }

    /// <summary>Plays one side. What is invalid leaves its value out.</summary>
    public static JsonObject Side(JsonNode input)
    {
        using var key = TestRsaKeys.Open(input["key"].String());
        var random = new GivenStream(input["random"].Octets());
        var peerShare = input["peerShare"].Octets();
        var peerCiphertext = input["peerCiphertext"]?.Octets();
        var result = new JsonObject();
        if (input["receiver"].String() == "client")
        {
            using var client = RsaBlowfish.StartClient(random, ExchangeVectors.Holder(key));
            Set("share", client.Share);
            if (Set("ciphertext", client.Continue(peerShare)) && peerCiphertext is not null)
            {
                Set("sharedSecret", client.Finish(peerCiphertext));
            }
        }
        else
        {
            using var server = RsaBlowfish.StartServer(random, ExchangeVectors.Holder(key));
            if (Set("share", server.Begin(peerShare)) && peerCiphertext is not null && Set("ciphertext", server.Continue(peerCiphertext)))
            {
                Set("sharedSecret", server.TakeSharedSecret());
            }
        }

        return result;

        bool Set(string name, byte[]? octets)
        {
            if (octets is not null)
            {
                result[name] = Json.Hex(octets);
            }

            return octets is not null;
        }
    }

    /// <summary>A half encrypted to a key, as the other side does it.</summary>
    public static byte[] EncryptHalf(string to, byte[] half, byte[] seed)
    {
        using var own = TestRsaKeys.Open(to == "server" ? "client" : "server");
        if (to == "server")
        {
            using var client = RsaBlowfish.StartClient(new GivenStream([.. new byte[32], .. half, .. seed]), ExchangeVectors.Holder(own));
            return client.Continue([.. Modulus(to), .. new byte[32]])!;
        }

        using var server = RsaBlowfish.StartServer(new GivenStream([.. new byte[64], .. half, .. seed]), ExchangeVectors.Holder(own));
        server.Begin([.. Modulus(to), .. new byte[32]]);
        return server.Continue(new byte[384])!;
    }

    /// <summary>The half that a side finds in a ciphertext, or its substitute.</summary>
    public static byte[] DecryptHalf(string key, byte[] ciphertext, byte[] substitute)
    {
        using var own = TestRsaKeys.Open(key);
        if (key == "client")
        {
            using var client = RsaBlowfish.StartClient(new GivenStream([.. new byte[96], .. substitute]), ExchangeVectors.Holder(own));
            client.Continue([.. Modulus("server"), .. new byte[32]]);
            return client.Finish(ciphertext)![32..];
        }

        using var server = RsaBlowfish.StartServer(new GivenStream([.. new byte[32], .. substitute, .. new byte[64]]),
            ExchangeVectors.Holder(own));
        server.Begin([.. Modulus("client"), .. new byte[32]]);
        server.Continue(ciphertext);
        return server.TakeSharedSecret()[..32];
    }

    // Of who encrypts to this key.
    private static byte Letter(string to) => (byte)(to == "server" ? 'C' : 'S');

    private static byte[] Modulus(string role)
    {
        using var rsa = TestRsaKeys.Open(role);
        return rsa.ExportParameters(false).Modulus!;
    }

    private static byte[] Raw(string role, byte[] block)
    {
        var number = BigInteger.ModPow(new BigInteger(block, true, true), 65537, new BigInteger(Modulus(role), true, true))
            .ToByteArray(true, true);
        return [.. new byte[384 - number.Length], .. number];
    }

    // EME-OAEP (RFC 8017 7.1.1), with what a wrong port may do otherwise.
    private static byte[] Encoded(byte[] message, HashAlgorithmName? hash = null, HashAlgorithmName? mask = null, byte[]? label = null,
        byte first = 0, byte mark = 1)
    {
        var labelHash = CryptographicOperations.HashData(hash ?? HashAlgorithmName.SHA256, label ?? []);
        int length = labelHash.Length;
        byte[] db = [.. labelHash, .. new byte[384 - message.Length - (2 * length) - 2], mark, .. message];
        var seed = Json.Count(0x40, length);
        db = Xor(db, Mgf1(seed, db.Length));
        return [first, .. Xor(seed, Mgf1(db, length)), .. db];

        byte[] Mgf1(byte[] from, int count) =>
            [.. Enumerable.Range(0, 20)
                .SelectMany(i => CryptographicOperations.HashData(mask ?? HashAlgorithmName.SHA256, (byte[])[.. from, 0, 0, 0, (byte)i]))
                .Take(count)];

        static byte[] Xor(byte[] a, byte[] b) => [.. a.Zip(b, (x, y) => (byte)(x ^ y))];
    }
}
