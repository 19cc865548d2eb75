using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using BlackPony.Reference;
using BlackPony.Reference.Keys;

namespace BlackPony.Tests.Specification.Vectors;

/// <summary>Section 6: transcript hash, key schedule, exporter, IDENT.</summary>
internal static class KeyVectors
{
    private static readonly string[] Suites = ["X25519-CHACHA20POLY1305", "X25519MLKEM768-CHACHA20POLY1305", "X25519MLKEM768-AES256GCM",
        "RSA-BLOWFISH"];

    public static IEnumerable<VectorFile> All => [TranscriptHashes(), ExpandLabels(), KeySchedules(), Exporters(), Idents()];

    private static VectorFile TranscriptHashes()
    {
        var file = new VectorFile("transcript-hash",
            "The transcript hash th of Section 6.1. lines are offer, commands that were refused with 504 and the lines of those replies, "
                + "command, 334 lines, continuation and 220 lines in their order, each without CRLF.");
        file.Note("Ordinary", "An exchange as it mostly is.", "BP-6.1-1", "BP-6.1-2", "BP-6.1-4");
        file.Note("AsOnTheWire", "Octets are hashed as sent, in their own case and with their own spaces.", "BP-6.1-1",
            "BP-6.1-2", "BP-6.1-5");
        file.Note("TwoMessages", "334 lines and the continuation are hashed between command and 220 lines.", "BP-6.1-3", "BP-6.1-4");
        file.Note("Refused", "Commands that were refused with 504, with their replies, are hashed between offer and command.", "BP-6.1-6");
        file.Note("SplitMatters", "The same share in other lines has another th.", "BP-6.1-4", "BP-6.1-5");
        file.Note("EditMatters", "One octet of another value has another th.", "BP-6.1-5");
        const string offer = "XBLACKPONY V1 X25519-CHACHA20POLY1305";
        const string command = "XBLACKPONY V1 X25519-CHACHA20POLY1305 j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8=";
        const string reply = "220 K=ST6C/HRGSlkmiBdiPSBTxeuOLMSpiLT+4XnsawENUx0=";
        Add("The example of Appendix C.1", "Ordinary", offer, command, reply);
        Add("An offer with GREASE", "Ordinary AsOnTheWire", offer + " G-5A1D", command, reply);
        Add("A command with a parameter", "Ordinary AsOnTheWire", offer, command + " G-00FF", reply);
        Add("An offer in lower case", "AsOnTheWire", offer.ToLowerInvariant(), command, reply);
        Add("A verb in lower case", "AsOnTheWire", offer, "xblackpony" + command[10..], reply);
        Add("An offer with several spaces and spaces at the end", "AsOnTheWire", "XBLACKPONY  V1   X25519-CHACHA20POLY1305  ",
            command, reply);
        Add("An offer with unknown tokens and a suite twice", "AsOnTheWire", offer + " ~ V9 X25519-CHACHA20POLY1305", command, reply);
        Add("The 220 reply in two lines", "SplitMatters", offer, command, "220-K=ST6C/HRGSlkmiBdiPSBT", "220 K=xeuOLMSpiLT+4XnsawENUx0=");
        Add("The 220 reply in two other lines", "SplitMatters", offer, command, "220-K=S",
            "220 K=T6C/HRGSlkmiBdiPSBTxeuOLMSpiLT+4XnsawENUx0=");
        Add("The version in the offer edited", "EditMatters", offer.Replace("V1", "V2", StringComparison.Ordinal), command, reply);
        Add("The last character of the server's share edited", "EditMatters", offer, command,
            reply.Replace("Ux0=", "Ux4=", StringComparison.Ordinal));
        Add("Two messages, short ones: only the order matters here", "TwoMessages", "XBLACKPONY V1 RSA-BLOWFISH",
            "XBLACKPONY V1 RSA-BLOWFISH AAAA", "334-K=BBBB", "334 K=CCCC", "DDDD", "220-K=EEEE", "220 K=FFFF");
        const string refused = "XBLACKPONY V1 X25519MLKEM768-CHACHA20POLY1305 AAAA";
        Add("A command was refused with 504 before", "Refused", offer, refused, "504 5.5.4 Unknown suite", command, reply);
        Add("A reply of two lines", "Refused", offer, refused, "504-5.5.4 Unknown suite", "504 5.5.4 Ask for another", command, reply);
        Add("Two refused commands", "Refused", offer, refused, "504 no", "XBLACKPONY V9 X AAAA", "504", command, reply);
        Add("A command of the greatest length", "Ordinary", offer,
            command + " " + new string('x', Limits.MaxCommandLine - 2 - command.Length - 1), reply);
        return file;

        void Add(string comment, string flags, params string[] lines)
        {
            var th = new TranscriptHash();
            var octets = new List<byte>("BLACKPONY V1"u8.ToArray());
            foreach (var line in lines)
            {
                th.Add(Encoding.ASCII.GetBytes(line));
                octets.AddRange([(byte)(line.Length >> 8), (byte)line.Length, .. Encoding.ASCII.GetBytes(line)]);
            }

            file.Valid(comment, flags, new JsonObject { ["lines"] = Json.List(lines) },
                new JsonObject { ["hashed"] = Json.Hex(octets.ToArray()), ["th"] = Json.Hex(th.Finish()) });
        }
    }

    private static VectorFile ExpandLabels()
    {
        var file = new VectorFile("expand-label", "Expand-Label of Section 6.2. info is the third argument of HKDF-Expand.");
        file.Note("OfTheKeySchedule", "A label of Section 6.2.", "BP-6.2-2", "BP-6.2-3");
        file.Note(
            "Bounds", "The greatest lengths that the form of info allows, and outputs that are no whole blocks of SHA-256.", "BP-6.4-1");
        foreach (var (label, length) in (List<(string, int)>)[("key", 32), ("iv", 12), ("mac", 32), ("upd", 32)])
        {
            Add($"\"{label}\"", "OfTheKeySchedule", Json.Count(0), label, [], length);
        }

        Add("\"c traffic\" with th", "OfTheKeySchedule", Json.Count(0x40), "c traffic", Json.Count(0x80), 32);
        Add("One octet", "Bounds", Json.Count(0), "x", [], 1);
        Add("33 octets, one more than a block", "Bounds", Json.Count(0), "x", [], 33);
        Add("A label of 200 octets", "Bounds", Json.Count(0), new string('l', 200), [], 32);
        Add("A context of 255 octets", "Bounds", Json.Count(0), "x", Json.Count(0, 255), 32);
        Add("300 octets", "Bounds", Json.Count(0), "x", [], 300);
        return file;

        void Add(string comment, string flags, byte[] secret, string label, byte[] context, int length)
        {
            byte[] info = [(byte)(length >> 8), (byte)length, (byte)(4 + label.Length), .. "bp1 "u8, .. Encoding.ASCII.GetBytes(label),
                (byte)context.Length, .. context];
            file.Valid(
                comment,
                flags,
                new JsonObject { ["secret"] = Json.Hex(secret), ["label"] = label, ["context"] = Json.Hex(context), ["length"] = length },
                new JsonObject
                {
                    ["info"] = Json.Hex(info),
                    ["output"] = Json.Hex(KeySchedule.ExpandLabel(secret, label, context, length)),
                });
        }
    }

    private static VectorFile KeySchedules()
    {
        var file = new VectorFile("key-schedule",
            "Every secret and key of Sections 6.2 and 6.3 from shared secret and th. suite is the name as on the wire; a trailing 1 means "
                + "traffic[1].");
        file.Note("Ordinary", "A suite and a shared secret of its length.", "BP-6.2-1", "BP-6.2-2");
        file.Note("CaseOnTheWire", "The salt is made of the name in upper case, whatever the wire had.", "BP-6.2-1");
        file.Note("AnyOctets", "Shared secrets and th of all zero or all one bits are as good as others.", "BP-6.2-1", "BP-6.2-2");
        foreach (var suite in Suites)
        {
            int length = suite.StartsWith("X25519-", StringComparison.Ordinal) ? 32 : 64;
            Add($"{suite}", "Ordinary", suite, Json.Count(0, length), Json.Count(0x40));
            Add($"{suite} in lower case", "CaseOnTheWire", suite.ToLowerInvariant(), Json.Count(0, length), Json.Count(0x40));
        }

        Add("A shared secret of zeros", "AnyOctets", Suites[0], new byte[32], Json.Count(0x40));
        Add("A th of zeros", "AnyOctets", Suites[0], Json.Count(0), new byte[32]);
        Add("All one bits", "AnyOctets", Suites[1], [.. Enumerable.Repeat((byte)0xff, 64)], [.. Enumerable.Repeat((byte)0xff, 32)]);
        Add("A session's values, those of Appendix C.1", "Ordinary", Suites[0],
            Convert.FromHexString("74b43a90417395b74f29f89461d912822d9e7c2e60a899d47504fe4a367fb47f"),
            Convert.FromHexString("860834ac10100818fc217777585b6cc1300ad1f9adf0b8ca3738071721b163f9"));
        return file;

        void Add(string comment, string flags, string suite, byte[] secret, byte[] th) =>
            file.Valid(comment, flags, new JsonObject { ["suite"] = suite, ["sharedSecret"] = Json.Hex(secret), ["th"] = Json.Hex(th) },
                Schedule(suite.ToUpperInvariant(), secret, th));
    }

    /// <summary>Every value of the key schedule.</summary>
    public static JsonObject Schedule(string suite, byte[] secret, byte[] th)
    {
        var salt = SHA256.HashData(Encoding.ASCII.GetBytes(suite));
        var prk = HKDF.Extract(HashAlgorithmName.SHA256, secret, salt);
        using var keys = new KeySchedule(suite, secret, th);
        var values = new JsonObject
        {
            ["salt"] = Json.Hex(salt),
            ["prk"] = Json.Hex(prk),
            ["clientTraffic"] = Json.Hex(keys.ClientTraffic),
            ["serverTraffic"] = Json.Hex(keys.ServerTraffic),
            ["clientFinished"] = Json.Hex(KeySchedule.ExpandLabel(prk, "c finished", th, 32)),
            ["serverFinished"] = Json.Hex(KeySchedule.ExpandLabel(prk, "s finished", th, 32)),
            ["exporterSecret"] = Json.Hex(keys.ExporterSecret),
        };
        foreach (var (who, traffic) in (List<(string, byte[])>)[("client", keys.ClientTraffic), ("server", keys.ServerTraffic)])
        {
            values[$"{who}Key"] = Json.Hex(KeySchedule.ExpandLabel(traffic, "key", [], 32));
            bool mac = suite == "RSA-BLOWFISH";
            values[who + (mac ? "MacKey" : "Iv")] = Json.Hex(KeySchedule.ExpandLabel(traffic, mac ? "mac" : "iv", [], mac ? 32 : 12));
            values[$"{who}Traffic1"] = Json.Hex(KeySchedule.ExpandLabel(traffic, "upd", [], 32));
        }

        values["clientVerifyData"] = Json.Hex(keys.Finished(Role.Client));
        values["serverVerifyData"] = Json.Hex(keys.Finished(Role.Server));
        return values;
    }

    private static VectorFile Exporters()
    {
        var file = new VectorFile("exporter", "The exporter of Section 6.4. An invalid label is the port's own application's mistake.");
        file.Note("Ordinary", "Keying material for an application.", "BP-6.4-1");
        file.Note("Bounds", "Labels, contexts and outputs at their bounds.", "BP-6.4-1", "BP-6.4-2");
        file.Note("BadLabel", "A label that is not 1 to 200 octets of printable ASCII.", "BP-6.4-2");
        Add("The example of Appendix C.1's form", "Ordinary", "EXPORTER test", [], 32);
        Add("A context", "Ordinary", "EXPORTER test", Json.Count(0), 32);
        Add("Another label has another result", "Ordinary", "EXPORTER other", [], 32);
        Add("Another length has another result, not a longer one", "Ordinary", "EXPORTER test", [], 64);
        Add("A space in the label", "Bounds", " ", [], 32);
        Add("A label of one octet", "Bounds", "~", [], 1);
        Add("A label of 200 octets", "Bounds", new string('a', 200), [], 16);
        Add("A context of 300 octets", "Bounds", "EXPORTER test", [.. Json.Count(0, 150), .. Json.Count(0, 150)], 100);
        Bad("An empty label", "");
        Bad("A label of 201 octets", new string('a', 201));
        Bad("A label with a TAB", "EXPORTER\ttest");
        Bad("A label with DEL", "EXPORTER\u007f");
        Bad("A label with an octet above 127", "EXPORT\u00c9R");
        return file;

        JsonObject Input(string label, byte[] context, int length) => new()
        {
            ["suite"] = Suites[0],
            ["sharedSecret"] = Json.Hex(Json.Count(0)),
            ["th"] = Json.Hex(Json.Count(0x40)),
            ["label"] = label,
            ["context"] = Json.Hex(context),
            ["length"] = length,
        };

        void Add(string comment, string flags, string label, byte[] context, int length)
        {
            using var keys = new KeySchedule(Suites[0], Json.Count(0), Json.Count(0x40));
            file.Valid(comment, flags, Input(label, context, length), new JsonObject
            {
                ["exporterSecret"] = Json.Hex(keys.ExporterSecret),
                ["secret"] = Json.Hex(KeySchedule.ExpandLabel(keys.ExporterSecret, label, [], 32)),
                ["contextHash"] = Json.Hex(SHA256.HashData(context)),
                ["output"] = Json.Hex(keys.Export(label, context, length)),
            });
        }

        void Bad(string comment, string label) => file.Invalid(comment, "BadLabel", Input(label, [], 32), Reaction.Error);
    }

    private static VectorFile Idents()
    {
        var file = new VectorFile("ident",
            "The data of the ident record (Section 6.5), as the client gets it. privateKeys, where given, are those whose record it is, "
                + "and withdrawn those of them that the server withdraws.");
        file.Note("Ordinary", "1 to 4 keys, every signature good.", "BP-6.5-1", "BP-6.5-6");
        file.Note("SameKeyTwice", "Nothing forbids it: it is one key.", "BP-6.5-6");
        file.Note("Withdrawn", "A key that the server withdraws, even if it shows it too.", "BP-6.5-6", "BP-6.5-8", "BP-6.5-9");
        file.Note("BadLength", "Not 96 to 384 octets, or no multiple of 96.", "BP-6.5-5");
        file.Note("BadSignature", "A signature that does not verify, wherever it stands.", "BP-6.5-6");
        var th = Json.Count(0x40);
        var keys = Enumerable.Range(0, 5).Select(i => Json.Count(0x20 * i)).ToList();
        for (int n = 1; n <= Limits.MaxIdents; n++)
        {
            Good($"{n} key{(n > 1 ? "s" : "")}", "Ordinary", [.. keys.Take(n)]);
        }

        Good("Old and new key in the other order", "Ordinary", keys[1], keys[0]);
        Good("The same key twice", "SameKeyTwice", keys[0], keys[0]);
        Withdrawn("A new key, and the old one withdrawn", Make(keys[0]), keys[1]);
        Withdrawn("A withdrawn key alone", [], keys[1]);
        Withdrawn("A key that is shown and withdrawn", Make(keys[1]), keys[1]);
        Withdrawn("Two withdrawn keys", Make(keys[0]), keys[1], keys[2]);
        var one = Make(keys[0]);
        var two = Make(keys[0], keys[1]);
        Bad("No data", "BadLength", []);
        Bad("95 octets", "BadLength", one[..95]);
        Bad("97 octets", "BadLength", [.. one, 0]);
        Bad("Key without signature", "BadLength", one[..32]);
        Bad("Two keys, cut by one octet", "BadLength", two[..191]);
        Bad("Five keys", "BadLength", Make([.. keys]));
        Bad("First octet of R altered", "BadSignature", Json.Alter(one, 32));
        Bad("Last octet of S altered", "BadSignature", Json.Alter(one, 95));
        Bad("Public key altered", "BadSignature", Json.Alter(one, 0));
        Bad("Two keys, the second's signature altered", "BadSignature", Json.Alter(two, 191));
        Bad("Two keys, the first's signature altered", "BadSignature", Json.Alter(two, 40));
        Bad("Two keys with each other's signature", "BadSignature", [.. two[..32], .. two[128..], .. two[96..128], .. two[32..96]]);
        Bad("The signature of another th", "BadSignature", Ident.Create([new IdentKey(keys[0])], Json.Count(0x41)));
        Bad("The signature of th without \"BLACKPONY V1 IDENT\"", "BadSignature", [.. one[..32], .. SignBare(keys[0], th)]);
        Bad("S plus the group's order (RFC 8032 5.1.7 refuses it)", "BadSignature", [.. one[..64], .. PlusOrder(one[64..])]);
        Bad("The signature of th with \"BLACKPONY V1 REVOKED\"", "BadSignature",
            [.. one[..32], .. SignBare(keys[0], [.. "BLACKPONY V1 REVOKED"u8, .. th])]);
        Bad("A signature of zeros", "BadSignature", [.. one[..32], .. new byte[64]]);
        return file;

        byte[] Make(params byte[][] seeds) => Ident.Create([.. seeds.Select(s => new IdentKey(s))], th);

        void Good(string comment, string flags, params byte[][] seeds) =>
            Valid(comment, flags, Make(seeds), seeds, [], [.. seeds.DistinctBy(s => Json.Hex(s))]);

        void Withdrawn(string comment, byte[] shown, params byte[][] seeds)
        {
            byte[] data = [.. shown, .. Ident.Create([.. seeds.Select(s => new IdentKey(s, isWithdrawn: true))], th)];
            byte[][] stays = shown.AsSpan().StartsWith(Make(keys[0])) ? [keys[0]] : [];
            Valid(comment, "Withdrawn", data, null, seeds, stays);
        }

        void Valid(string comment, string flags, byte[] data, byte[][]? seeds, byte[][] withdrawn, byte[][] shown)
        {
            var input = new JsonObject { ["th"] = Json.Hex(th) };
            if (seeds is not null)
            {
                input["privateKeys"] = Json.List(seeds.Select(s => Json.Hex(s)));
                input["withdrawn"] = Json.List([]);
            }

            input["data"] = Json.Hex(data);
            file.Valid(comment, flags, input, new JsonObject
            {
                ["signed"] = Json.Hex([.. "BLACKPONY V1 IDENT"u8, .. th]),
                ["signedIfWithdrawn"] = Json.Hex([.. "BLACKPONY V1 WITHDRAWN"u8, .. th]),
                ["publicKeys"] = Json.List(shown.Select(s => Json.Hex(new IdentKey(s).PublicKey))),
                ["withdrawnKeys"] = Json.List(withdrawn.Select(s => Json.Hex(new IdentKey(s).PublicKey))),
            });
        }

        void Bad(string comment, string flags, byte[] data) =>
            file.Invalid(comment, flags, new JsonObject { ["th"] = Json.Hex(th), ["data"] = Json.Hex(data) }, Reaction.Alert());
    }

    private static byte[] SignBare(byte[] seed, byte[] message)
    {
        var signature = new byte[64];
        Org.BouncyCastle.Math.EC.Rfc8032.Ed25519.Sign(seed, message, signature);
        return signature;
    }

    private static byte[] PlusOrder(byte[] s)
    {
        var order = System.Numerics.BigInteger.Pow(2, 252)
            + System.Numerics.BigInteger.Parse("27742317777372353535851937790883648493", System.Globalization.CultureInfo.InvariantCulture);
        var sum = new System.Numerics.BigInteger(s, isUnsigned: true) + order;
        var octets = new byte[32];
        sum.TryWriteBytes(octets, out _, isUnsigned: true);
        return octets;
    }
}
