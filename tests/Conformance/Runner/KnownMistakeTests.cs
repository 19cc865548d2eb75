using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>
/// The mistakes that the suite can name: <c>tests/Conformance/Runner/Reports/mistakes.tsv</c> lists each, with its requirement and a
/// digest of the tag that it makes. <c>BLACKPONY_WRITE=1</c> writes it again.
/// </summary>
public class KnownMistakeTests
{
    private static readonly byte[] Secret = [.. Enumerable.Range(1, 64).Select(i => (byte)i)];
    private static readonly byte[] Th = SHA256.HashData("th"u8);

    [Fact]
    public void Each_mistake_is_named_by_the_record_that_it_makes()
    {
        var table = new StringBuilder();
        foreach (var (name, sender, seq) in ((string, Role, ulong)[])[(Names.Core, Role.Client, 0), (Names.Core, Role.Server, 3),
            (Names.Hybrid, Role.Server, 0), (Names.HybridAes, Role.Client, 0), (Names.Classic, Role.Server, 2)])
        {
            var mistakes = Mistakes(name, sender);
            foreach (var mistake in All(mistakes, seq))
            {
                var record = Seal(mistake.Change(mistakes.Right), seq);
                var found = mistakes.Find(record, seq, two: false);
                Assert.NotNull(found);
                var first = Assert.Single(found).How;
                table.Append($"{name}\t{sender} {seq}\t{mistake.Requirement}\t{mistake.Section}\t{mistake.Part}\t{mistake.How}\t"
                    + $"{(first == mistake.How ? "" : first)}\t{Convert.ToHexStringLower(SHA256.HashData(record))[..12]}\n");
            }
        }

        var path = Repository.At("tests", "Conformance", "Runner", "Reports", "mistakes.tsv");
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
        {
            File.WriteAllText(path, table.ToString());
        }

        Assert.Equal(File.ReadAllText(path), table.ToString());
    }

    [Theory]
    [InlineData(Names.Core)]
    [InlineData(Names.Classic)]
    public void Two_mistakes_at_a_time_are_named_and_none_for_other_keys(string name)
    {
        var mistakes = Mistakes(name, Role.Server);
        var all = All(mistakes, 0);
        var (first, second) = (all.First(m => m.Part == "direction"), all.First(m => m.Part == "salt"));
        var record = Seal(second.Change(first.Change(mistakes.Right)), 0);
        Assert.Null(mistakes.Find(record, 0, two: false));
        Assert.Equal([first.How, second.How], mistakes.Find(record, 0, two: true)!.Select(m => m.How));
        Assert.Null(mistakes.Find(Seal(mistakes.Right with { Secret = new byte[32] }, 0), 0, two: true));
        int tag = name == Names.Classic ? Limits.HmacTag : Limits.AeadTag;
        Assert.Null(mistakes.Find(new byte[2 + tag], 0, two: true));
        Assert.Null(mistakes.Find(new byte[3 + tag], 0, two: false));
        Assert.Null(mistakes.Find(new byte[3], 0, two: false));
    }

    [Fact]
    public void A_wrong_verify_data_is_named_by_how_it_was_computed()
    {
        var mistakes = Mistakes(Names.Core, Role.Client);
        var prk = HKDF.Extract(HashAlgorithmName.SHA256, Secret[..32], SHA256.HashData(Encoding.ASCII.GetBytes(Names.Core)));
        byte[] key = Expand(prk, "c finished", Th), traffic = Expand(prk, "c traffic", Th);
        var expected = new Dictionary<string, byte[]>
        {
            ["the other side's Finished key"] = HMACSHA256.HashData(Expand(prk, "s finished", Th), Th),
            ["a key made of the traffic secret, as in TLS 1.3"] = HMACSHA256.HashData(Expand(traffic, "finished", []), Th),
            ["the traffic secret as the key"] = HMACSHA256.HashData(traffic, Th),
            ["the label \"finished\""] = HMACSHA256.HashData(Expand(prk, "finished", Th), Th),
            ["the label \"client finished\""] = HMACSHA256.HashData(Expand(prk, "client finished", Th), Th),
            ["the label \"C FINISHED\""] = HMACSHA256.HashData(Expand(prk, "C FINISHED", Th), Th),
            ["prk as the key"] = HMACSHA256.HashData(prk, Th),
            ["an empty context instead of th"] = HMACSHA256.HashData(Expand(prk, "c finished", []), Th),
            ["key and th exchanged"] = HMACSHA256.HashData(Th, key),
            ["SHA-256 over key and th instead of HMAC"] = SHA256.HashData([.. key, .. Th]),
            ["HMAC over nothing instead of th"] = HMACSHA256.HashData(key, Array.Empty<byte>()),
            ["HMAC over th in hexadecimal"] = HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(Convert.ToHexStringLower(Th))),
            ["HMAC over SHA-256 of th"] = HMACSHA256.HashData(key, SHA256.HashData(Th)),
            ["the key itself"] = key,
            ["th itself"] = Th,
        };
        foreach (var (how, data) in expected)
        {
            Assert.Equal(how, mistakes.OfVerifyData(data));
            Assert.Equal($"{how}, cut to 31 octets", mistakes.OfVerifyData(data.AsSpan(0, 31)));
            Assert.Equal($"{how}, cut to 8 octets", mistakes.OfVerifyData(data.AsSpan(0, 8)));
            Assert.Null(mistakes.OfVerifyData(data.AsSpan(0, 7)));
            Assert.Null(mistakes.OfVerifyData([.. data, 0]));
        }

        var right = HMACSHA256.HashData(key, Th);
        Assert.Equal("only its first 8 octets", mistakes.OfVerifyData(right.AsSpan(0, 8)));
        Assert.Null(mistakes.OfVerifyData(right.AsSpan(0, 7)));
        Assert.Null(mistakes.OfVerifyData(SHA256.HashData(right)));
        Assert.Null(mistakes.OfVerifyData([]));
        Assert.StartsWith("3 zero octets after it", mistakes.OfVerifyData([.. right, 0, 0, 0]), StringComparison.Ordinal);
        Assert.Null(mistakes.OfVerifyData([.. right, 0, 1]));
        Assert.Equal("each octet written as two hexadecimal digits",
            mistakes.OfVerifyData(Encoding.ASCII.GetBytes(Convert.ToHexString(right))));
        Assert.Equal("HMAC-SHA-512", mistakes.OfVerifyData(HMACSHA512.HashData(key, Th)));
        var server = Mistakes(Names.Core, Role.Server);
        Assert.Equal("the other side's Finished key", server.OfVerifyData(right));
    }

    private static KeyMistakes Mistakes(string name, Role sender)
    {
        string[] lines = name == Names.Classic
            ? [$"XBLACKPONY V1 {name}", $"XBLACKPONY V1 {name} AAAA", "334 K=BBBB", "CCCC", "220 K=DDDD"]
            : [$"XBLACKPONY V1 {name} ROT", $"XBLACKPONY V1 {name} AAAA", "220-K=BBBB", "220 K=CCCC"];
        return new KeyMistakes(SuiteRegistry.Find(name)!, sender, name == Names.Core ? Secret[..32] : Secret, Th, lines, []);
    }

    private static List<KeyMistake> All(KeyMistakes mistakes, ulong seq) =>
    [
        .. (IEnumerable<KeyMistake>)typeof(KeyMistakes).GetMethod("All", BindingFlags.NonPublic | BindingFlags.Instance)!
            .Invoke(mistakes, [seq])!,
    ];

    // A record of ten octets as an implementation with these mistakes makes it.
    private static byte[] Seal(KeyForm form, ulong seq)
    {
        byte[] text = [.. "ten octets"u8];
        var traffic = form.TrafficSecret();
        if (form.Cipher == RecordCipher.Blowfish)
        {
            int length = text.Length + form.MacLength;
            using var blowfish = SuiteRegistry.Find(Names.Classic)!.Protect(traffic);
            byte[] sealedRecord = [0, 0, .. text, .. new byte[Limits.HmacTag]];
            blowfish.Seal(seq, sealedRecord);
            var cipher = sealedRecord[2..^Limits.HmacTag];
            var mac = form.Hmac(Derive("mac", 32), form.Mac(seq, length, form.IsOverPlaintext ? text : cipher));
            return [(byte)(length >> 8), (byte)length, .. cipher, .. mac];
        }

        var (sealedText, tag) = (new byte[text.Length], new byte[Limits.AeadTag]);
        int whole = text.Length + tag.Length;
        var (nonce, aad) = (form.Nonce(Derive("iv", form.IvLength)[..12], seq), form.Aad(whole, seq));
        if (form.Cipher == RecordCipher.Aes256Gcm)
        {
            using var aes = new AesGcm(Derive("key", 32), Limits.AeadTag);
            aes.Encrypt(nonce, text, sealedText, tag, aad);
        }
        else
        {
            using var chaCha = new ChaCha20Poly1305(Derive("key", 32));
            chaCha.Encrypt(nonce, text, sealedText, tag, aad);
        }

        return [(byte)(whole >> 8), (byte)whole, .. sealedText, .. tag];

        byte[] Derive(string label, int length) =>
            form.ExpandWith(traffic, form.Info(length, form.Label(label), []), length);
    }

    // HKDF-Expand-Label of Section 6.2, written out.
    private static byte[] Expand(byte[] secret, string label, byte[] context)
    {
        var text = Encoding.ASCII.GetBytes("bp1 " + label);
        return HKDF.Expand(HashAlgorithmName.SHA256, secret, 32, [0, 32, (byte)text.Length, .. text, (byte)context.Length, .. context]);
    }
}
