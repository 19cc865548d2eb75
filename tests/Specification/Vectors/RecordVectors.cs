using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Suites;
using Org.BouncyCastle.Crypto.Engines;
using Org.BouncyCastle.Crypto.Parameters;

namespace BlackPony.Tests.Specification.Vectors;

/// <summary>Sections 7.1 to 7.3: single records.</summary>
internal static class RecordVectors
{
    public static IEnumerable<VectorFile> All =>
    [
        File("records-chacha20poly1305", "X25519-CHACHA20POLY1305"),
        File("records-aes256gcm", "X25519MLKEM768-AES256GCM"),
        File("records-blowfish", "RSA-BLOWFISH"),
    ];

    private static VectorFile File(string subject, string suiteName)
    {
        bool aead = suiteName != "RSA-BLOWFISH";
        int tag = aead ? Limits.AeadTag : Limits.HmacTag;
        var file = new VectorFile(subject,
            $"Single records of {suiteName} under one traffic secret, as the record of number seq. With data, a sender makes record of it "
                + "and a recipient finds it there; with record, a recipient fails. inner is left out where it is long: it is data, type "
                + "and padding.");
        file.Note("Ordinary", "A record as every port makes it.", aead ? ["BP-7.2-1", "BP-7.2-2", "BP-7.2-3"] : ["BP-7.3-1", "BP-7.3-2"]);
        file.Note("SequenceNumber", "seq is in the nonce or the counter block, and 0 is the first.", aead ? "BP-7.2-1" : "BP-7.3-1");
        file.Note("Padding", "Zero octets behind the type, as many as the sender likes.", "BP-7.5-2", "BP-7.1-4");
        file.Note("AnyType", "The type is the last octet that is not zero.", "BP-7.1-4");
        file.Note("Maximal", "The longest data and the longest padding.", "BP-7.1-1", "BP-7.5-2");
        file.Note("BadTag", "The protection does not verify.", aead ? "BP-7.2-3" : "BP-7.3-3", "BP-7.1-8", "BP-8.3-1");
        file.Note("OtherConstruction", "Made as a port may do it by mistake.", aead ? ["BP-7.2-1", "BP-7.2-2"] : ["BP-7.3-1", "BP-7.3-2"]);
        file.Note("BadLength", "Less than one and a tag, or more than MaxInner and a tag; known after two octets.", "BP-7.1-2", "BP-7.1-3");
        file.Note("ZeroOnly", "An inner without a type.", "BP-7.1-5");
        var suite = SuiteRegistry.Find(suiteName)!;
        var traffic = Json.Count(0);
        Good("Empty", "Ordinary", 0, 1, []);
        Good("One octet", "Ordinary", 0, 1, "a"u8.ToArray());
        Good("EHLO, padded to 256", "Ordinary Padding", 0, 1, "EHLO mail.a.test\r\n"u8.ToArray(), 237);
        Good("Inner of 8 octets", "Ordinary", 0, 1, "1234567"u8.ToArray());
        Good("Inner of 9 octets", "Ordinary", 0, 1, "12345678"u8.ToArray());
        Good("Inner of 64 octets", "Ordinary", 0, 1, Json.Count(1, 63));
        Good("Inner of 65 octets", "Ordinary", 0, 1, Json.Count(1, 64));
        Good("One octet of padding", "Padding", 0, 1, "a"u8.ToArray(), 1);
        Good("Data that ends with zeros, and padding", "Padding", 0, 1, [1, 0, 0, 0], 3);
        Good("Data of zeros", "AnyType", 0, 1, new byte[8]);
        Good("Close", "AnyType", 0, 5, [], 255);
        Good("Alert", "AnyType", 0, 6, [1], 254);
        Good("Type 255", "AnyType", 0, 255, Json.Count(0));
        foreach (int seq in (int[])[1, 255, 256, 65536, aead ? (int)Limits.AeadRekeyRecords - 1 : (int)Limits.BlowfishRekeyBlocks - 1])
        {
            Good($"Record {seq}", "SequenceNumber", seq, 1, "QUIT\r\n"u8.ToArray());
        }

        Good("16384 octets of data", "Maximal", 0, 1, [.. Enumerable.Range(0, Limits.MaxData).Select(i => (byte)i)]);
        Good("16384 octets of padding", "Maximal", 0, 1, [], Limits.MaxData);
        var good = Seal(suite, traffic, 0, "a\u0001"u8);
        Bad("Last bit of the tag altered", "BadTag", 0, Json.Alter(good, good.Length - 1));
        Bad("First bit of the tag altered", "BadTag", 0, Json.Alter(good, good.Length - tag));
        Bad("First bit of the ciphertext altered", "BadTag", 0, Json.Alter(good, 2));
        Bad("A tag of zeros", "BadTag", 0, [.. good[..^tag], .. new byte[tag]]);
        Bad("One octet more, and the length says so", "BadTag", 0, [0, (byte)(good[1] + 1), .. good[2..], 0]);
        Bad("One octet less, and the length says so", "BadTag", 0, [0, (byte)(good[1] - 1), .. good[2..^1]]);
        Bad("Record 0 where record 1 is due", "BadTag SequenceNumber", 1, good);
        Bad("Record 1 where record 0 is due", "BadTag SequenceNumber", 0, Seal(suite, traffic, 1, "a\u0001"u8));
        Bad("Under another traffic secret", "BadTag", 0, Seal(suite, Json.Count(1), 0, "a\u0001"u8));
        foreach (var (name, wrong) in aead ? WrongAead(suiteName, traffic) : WrongBlowfish(traffic))
        {
            Bad(name, "OtherConstruction BadTag", name.StartsWith("seq", StringComparison.Ordinal) ? 1 : 0, wrong);
        }

        Bad("Length 0", "BadLength", 0, [0, 0]);
        Bad("A tag and nothing else, of which the length is enough", "BadLength", 0, [0, (byte)tag]);
        Bad("A tag without inner that verifies", "BadLength", 0, Seal(suite, traffic, 0, []));
        Bad("Length MaxInner + tag + 1", "BadLength", 0, [(byte)((Limits.MaxInner + tag + 1) >> 8), (byte)(Limits.MaxInner + tag + 1)]);
        Bad("Length 65535", "BadLength", 0, [0xff, 0xff]);
        Bad("One zero", "ZeroOnly", 0, Seal(suite, traffic, 0, new byte[1]));
        Bad("256 zeros", "ZeroOnly", 0, Seal(suite, traffic, 0, new byte[256]));
        return file;

        JsonObject Input(int seq) => new() { ["suite"] = suiteName, ["trafficSecret"] = Json.Hex(traffic), ["seq"] = seq };

        void Good(string comment, string flags, int seq, byte type, byte[] data, int padding = 0)
        {
            var input = Input(seq);
            input["type"] = (int)type;
            input["data"] = Json.Hex(data);
            input["padding"] = padding;
            byte[] inner = [.. data, type, .. new byte[padding]];
            var expect = Keys(aead, traffic, seq, inner.Length + tag);
            if (inner.Length <= 512)
            {
                expect["inner"] = Json.Hex(inner);
            }

            expect["record"] = Json.Hex(Seal(suite, traffic, (ulong)seq, inner));
            file.Valid(comment, flags, input, expect);
        }

        void Bad(string comment, string flags, int seq, byte[] record)
        {
            var input = Input(seq);
            input["record"] = Json.Hex(record);
            file.Invalid(comment, flags, input, Reaction.Alert());
        }
    }

    /// <summary>A record of any inner.</summary>
    public static byte[] Seal(Suite suite, byte[] traffic, ulong seq, ReadOnlySpan<byte> inner)
    {
        using var protection = suite.Protect(traffic);
        int length = inner.Length + protection.TagLength;
        byte[] record = [(byte)(length >> 8), (byte)length, .. inner, .. new byte[protection.TagLength]];
        protection.Seal(seq, record);
        return record;
    }

    // What an implementer compares to find the first octet that differs.
    private static JsonObject Keys(bool aead, byte[] traffic, int seq, int length)
    {
        var key = KeySchedule.ExpandLabel(traffic, "key", [], 32);
        var keys = new JsonObject { ["key"] = Json.Hex(key) };
        if (aead)
        {
            var iv = KeySchedule.ExpandLabel(traffic, "iv", [], 12);
            keys["iv"] = Json.Hex(iv);
            keys["nonce"] = Json.Hex(Nonce(iv, seq));
            keys["aad"] = Json.Hex([(byte)(length >> 8), (byte)length]);
        }
        else
        {
            keys["macKey"] = Json.Hex(KeySchedule.ExpandLabel(traffic, "mac", [], 32));
            keys["counterBlock"] = Json.Hex(CounterBlock(seq));
            keys["keystreamBlock"] = Json.Hex(Blowfish(key, CounterBlock(seq)));
        }

        return keys;
    }

    private static IEnumerable<(string Name, byte[] Record)> WrongAead(string suite, byte[] traffic)
    {
        var key = KeySchedule.ExpandLabel(traffic, "key", [], 32);
        var iv = KeySchedule.ExpandLabel(traffic, "iv", [], 12);
        byte[] inner = [(byte)'a', 1];
        byte[] length = [0, 18];
        byte[] little = [.. iv];
        little[4] ^= 1;
        byte[] left = [.. iv];
        left[0] ^= 1;
        yield return ("seq in the nonce little-endian", Encrypt(little, length));
        yield return ("seq in the nonce's first octet", Encrypt(left, length));
        yield return ("seq itself as the nonce", Encrypt(Nonce(new byte[12], 1), length));
        yield return ("No additional data", Encrypt(iv, []));
        yield return ("The length of inner as additional data", Encrypt(iv, [0, 2]));
        yield return ("The length as additional data, little-endian", Encrypt(iv, [18, 0]));

        byte[] Encrypt(byte[] nonce, byte[] aad)
        {
            var (ciphertext, tag) = (new byte[inner.Length], new byte[16]);
            if (suite.EndsWith("GCM", StringComparison.Ordinal))
            {
                using var aes = new AesGcm(key, 16);
                aes.Encrypt(nonce, inner, ciphertext, tag, aad);
            }
            else
            {
                using var chaCha = new ChaCha20Poly1305(key);
                chaCha.Encrypt(nonce, inner, ciphertext, tag, aad);
            }

            return [.. length, .. ciphertext, .. tag];
        }
    }

    private static IEnumerable<(string Name, byte[] Record)> WrongBlowfish(byte[] traffic)
    {
        var key = KeySchedule.ExpandLabel(traffic, "key", [], 32);
        var macKey = KeySchedule.ExpandLabel(traffic, "mac", [], 32);
        byte[] inner = [(byte)'a', 1];
        var stream = Blowfish(key, CounterBlock(0));
        byte[] ciphertext = [(byte)(inner[0] ^ stream[0]), (byte)(inner[1] ^ stream[1])];
        byte[] length = [0, 34];
        yield return ("The tag without seq", Tagged([.. length, .. ciphertext]));
        yield return ("The tag with seq in 32 bits", Tagged([0, 0, 0, 0, .. length, .. ciphertext]));
        yield return ("The tag without the length", Tagged([.. new byte[8], .. ciphertext]));
        yield return ("The tag with the length of inner", Tagged([.. new byte[8], 0, 2, .. ciphertext]));
        yield return ("The tag over inner", Tagged([.. new byte[8], .. length, .. inner]));
        yield return ("The tag under key", [.. length, .. ciphertext,
            .. HMACSHA256.HashData(key, (byte[])[.. new byte[8], .. length, .. ciphertext])]);
        yield return ("A tag of 16 octets, and the length says so",
            [0, 18, .. ciphertext, .. HMACSHA256.HashData(macKey, (byte[])[.. new byte[8], 0, 18, .. ciphertext])[..16]]);

        byte[] Tagged(byte[] over) => [.. length, .. ciphertext, .. HMACSHA256.HashData(macKey, over)];
    }

    private static byte[] Nonce(byte[] iv, int seq)
    {
        byte[] nonce = [.. iv];
        var low = nonce.AsSpan(4);
        BinaryPrimitives.WriteUInt64BigEndian(low, BinaryPrimitives.ReadUInt64BigEndian(low) ^ (ulong)seq);
        return nonce;
    }

    private static byte[] CounterBlock(int seq)
    {
        var block = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(block, seq);
        return block;
    }

    private static byte[] Blowfish(byte[] key, byte[] block)
    {
        var blowfish = new BlowfishEngine();
        blowfish.Init(true, new KeyParameter(key));
        var output = new byte[8];
        blowfish.ProcessBlock(block, output);
        return output;
    }
}
