using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Suites;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Encodings;
using Org.BouncyCastle.Crypto.Engines;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Security;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>
/// Why a record does not verify: the test makes a record with one mistake, and the suite names the mistake and the requirement.
/// </summary>
public class DiagnosisTests
{
    private const string Core = Names.Core;
    private const string Classic = Names.Classic;

    private static readonly byte[] Inner = [.. "hello"u8, 1, .. new byte[250]];

    private static readonly string[] CoreLines = [$"XBLACKPONY V1 {Core} ROT", $"XBLACKPONY V1 {Core} AAAA more", "220-K=BBBB", "220 K=CC"];
    private static readonly string[] ClassicLines =
        [$"XBLACKPONY V1 {Classic}", $"XBLACKPONY V1 {Classic} AAAA", "334-K=BBBB", "334 K=CC", "DDDD", "220-K=EEEE", "220 K=FF"];

    [Theory]
    [InlineData(0, 1, "verify with the sequence number from 1 (Section 7.2)")]
    [InlineData(5, 6, "verify with the sequence number from 1 (Section 7.2)")]
    [InlineData(5, 4, "verify with the sequence number 4")]
    [InlineData(5, 0x0500000000000000, "verify with the sequence number in little-endian (Section 7.2)")]
    [InlineData(5, 7, null)]
    public void Another_sequence_number_is_named(ulong right, ulong used, string? expected)
    {
        var peer = new Peer(Core, CoreLines);
        Assert.Equal(expected is null ? null : new Cause("BP-7.2-1", expected), peer.Of(peer.Seal(Inner, used), right));
        var classic = new Peer(Classic, ClassicLines);
        expected = expected?.Replace("from 1 (Section 7.2)", $"{used}", StringComparison.Ordinal);
        if (used <= uint.MaxValue)
        {
            var cause = classic.Of(classic.Seal(Inner, used), right);
            Assert.Equal(expected is null ? null : "BP-7.3-1", cause?.Requirement);
            Assert.Equal(expected, cause?.How);
        }
    }

    [Theory]
    [InlineData(0, "verify with other additional data, 0 as 16 bits")]
    [InlineData(0x1001, "verify with the length in little-endian as additional data (Section 7.2)")]
    [InlineData(256, "verify with the length without the tag as additional data (Section 7.2)")]
    [InlineData(274, "verify with the length of the whole record as additional data (Section 7.2)")]
    [InlineData(273, null)]
    public void Other_additional_data_is_named(int length, string? expected)
    {
        // 256 octets and a tag of 16.
        var peer = new Peer(Core, CoreLines);
        var record = peer.Seal(Inner, 3, (ushort)length);
        Assert.Equal(expected is null ? null : new Cause("BP-7.2-2", expected), peer.Of(record, 3));
        Assert.Equal([1, 16], record[..2]);
    }

    [Theory]
    [InlineData(Core, 15, true)]
    [InlineData(Core, 8, true)]
    [InlineData(Core, 7, false)]
    [InlineData(Classic, 31, true)]
    [InlineData(Classic, 8, true)]
    [InlineData(Classic, 7, false)]
    public void A_tag_that_is_cut_short_is_named(string suite, int octets, bool known)
    {
        var peer = new Peer(suite, suite == Core ? CoreLines : ClassicLines);
        // A sender that cuts the tag counts it so in the length.
        int full = suite == Core ? Limits.AeadTag : Limits.HmacTag;
        var record = peer.Seal(Inner, 2, (ushort)(Inner.Length + octets))[..(2 + Inner.Length + octets)];
        BinaryPrimitives.WriteUInt16BigEndian(record, (ushort)(Inner.Length + octets));
        var expected = known ? new Cause(suite == Core ? "BP-7.2-3" : "BP-7.3-2", "have a tag of which only a part is right") : null;
        Assert.Equal(expected, peer.Of(record, 2));
        // Or fills it up.
        var filled = peer.Seal(Inner, 2);
        filled.AsSpan(filled.Length - (full - octets)).Fill(7);
        Assert.Equal(expected, peer.Of(filled, 2));
    }

    public static TheoryData<string, string, string, string[]> Lines
    {
        get
        {
            var (offer, command) = (CoreLines[0], CoreLines[1]);
            var data = new TheoryData<string, string, string, string[]>();
            Core1("BP-6.1-5", $"the offer hashed as \"{offer.ToLowerInvariant()}\"", 0, offer.ToLowerInvariant());
            Core1("BP-6.1-5", $"the command hashed as \"{command.ToUpperInvariant()}\"", 1, command.ToUpperInvariant());
            Core1("BP-6.1-5", $"the command hashed as \"{command.ToLowerInvariant()}\"", 1, command.ToLowerInvariant());
            Core1("BP-6.1-1", $"the offer hashed as \"{offer[..^4]}\"", 0, offer[..^4]);
            Core1("BP-6.1-1", $"the offer hashed as \"{offer}\\r\\n\"", 0, offer + "\r\n");
            Core1("BP-6.1-1", $"the offer hashed as \"{offer} \"", 0, offer + " ");
            Core1("BP-6.1-2", $"the command hashed as \"{command[..^5]}\"", 1, command[..^5]);
            Core1("BP-6.1-2", $"the command hashed as \"{command}\\r\\n\"", 1, command + "\r\n");
            Core1("BP-6.1-2", $"the command hashed as \"{command} \"", 1, command + " ");
            data.Add(Core, "BP-6.1-4", "the 220 reply hashed as one line", [offer, command, "220 K=BBBBCC"]);
            data.Add(Core, "BP-6.1-4", "the 220 reply hashed as one line", [offer, command, "K=BBBBCC"]);
            data.Add(Core, "BP-6.1-4", "the 220 reply hashed as one line", [offer, command, "BBBBCC"]);
            data.Add(Core, "BP-6.1-4", "the 220 reply hashed without codes", [offer, command, "K=BBBB", "K=CC"]);
            var c = ClassicLines;
            data.Add(Classic, "BP-6.1-4", "the 334 reply hashed as one line", [c[0], c[1], "334 K=BBBBCC", .. c[4..]]);
            data.Add(Classic, "BP-6.1-4", "the 334 reply hashed as one line", [c[0], c[1], "BBBBCC", .. c[4..]]);
            data.Add(Classic, "BP-6.1-4", "the 334 reply hashed without codes", [c[0], c[1], "K=BBBB", "K=CC", .. c[4..]]);
            data.Add(Classic, "BP-6.1-4", "the 220 reply hashed as one line", [.. c[..5], "220 K=EEEEFF"]);
            data.Add(Classic, "BP-6.1-3", "verify without the continuation", [.. c[..4], .. c[5..]]);
            return data;

            void Core1(string requirement, string how, int at, string line)
            {
                var lines = (string[])CoreLines.Clone();
                lines[at] = line;
                data.Add(Core, requirement, how, lines);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public void A_transcript_with_another_line_is_named(string suite, string requirement, string how, string[] hashed)
    {
        var right = new Peer(suite, suite == Core ? CoreLines : ClassicLines);
        var wrong = new Peer(suite, hashed);
        var cause = right.Of(wrong.Seal(Inner, 0), 0);
        Assert.Equal(requirement, cause?.Requirement);
        Assert.Equal(how.StartsWith("verify", StringComparison.Ordinal) ? how : $"verify with {how}", cause!.How);
    }

    [Fact]
    public void What_was_refused_with_504_before_is_named_if_it_is_not_hashed() // [BP-6.1-6]
    {
        string[] lines = [CoreLines[0], "XBLACKPONY V1 NEW AAAA", "504-5.5.4 No", "504 such suite", .. CoreLines[1..]];
        var right = new Peer(Core, lines);
        Assert.Equal(new Cause("BP-6.1-6", "verify without the command that was refused with 504"),
            right.Of(new Peer(Core, CoreLines).Seal(Inner, 0), 0));
        Assert.Equal(new Cause("BP-6.1-6", "verify without the 504 reply"),
            right.Of(new Peer(Core, [lines[0], lines[1], .. CoreLines[1..]]).Seal(Inner, 0), 0));
    }

    [Fact]
    public void The_other_sides_keys_and_another_name_in_the_salt_are_named()
    {
        foreach (var me in (Role[])[Role.Client, Role.Server])
        {
            var peer = new Peer(Core, CoreLines) { Me = me };
            Assert.Equal(new Cause("BP-6.2-2", "verify with client and server keys swapped (Section 6.2)"),
                peer.Of(new Peer(Core, CoreLines) { Me = me == Role.Client ? Role.Server : Role.Client }.Seal(Inner, 0), 0));
        }

        // As the client wrote the suite.
        string[] lines = [CoreLines[0], $"XBLACKPONY V1 X25519-ChaCha20Poly1305 AAAA", .. CoreLines[2..]];
        var right = new Peer(Core, lines);
        Assert.Equal(new Cause("BP-6.2-1", "verify with X25519-ChaCha20Poly1305 in the salt"),
            right.Of(new Peer(Core, lines) { Salt = "X25519-ChaCha20Poly1305" }.Seal(Inner, 0), 0));
        Assert.Equal("BP-6.2-1", right.Of(new Peer(Core, lines) { Salt = Core.ToLowerInvariant() }.Seal(Inner, 0), 0)?.Requirement);
    }

    [Fact]
    public void Two_mistakes_at_a_time_are_named_where_there_is_time_and_none_where_none_fits()
    {
        var right = new Peer(Core, CoreLines);
        var two = new Peer(Core, CoreLines[1..]) { Me = Role.Server }.Seal(Inner, 0);
        Assert.Null(right.Of(two, 0));
        var cause = right.Of(two, 0, two: true);
        Assert.Equal(new Cause("BP-6.2-2",
            "verify with client and server keys swapped (Section 6.2), and with th without the offer (Section 6.1)"), cause);
        Assert.Null(right.Of(RandomNumberGenerator.GetBytes(2 + Inner.Length + 16), 0, two: true));
    }

    [Theory]
    [InlineData("first", "make sense if the blocks of the key stream are numbered from 1")]
    [InlineData("little", "make sense with the block's number in little-endian (Section 7.3)")]
    [InlineData("before", "make sense with the block's number before the sequence number (Section 7.3)")]
    [InlineData("half", "make sense with a key of 16 octets, the first half of the right one (Section 7.3)")]
    [InlineData("short", "make sense with a key of 16 octets (Section 7.3)")]
    [InlineData("halves", "make sense with Blowfish's halves in little-endian (Section 7.3)")]
    [InlineData("right", null)]
    [InlineData("none", null)]
    public void A_wrong_key_stream_under_a_right_tag_is_named(string mistake, string? expected)
    {
        var peer = new Peer(Classic, ClassicLines);
        var traffic = peer.Traffic;
        var key = KeySchedule.ExpandLabel(traffic, "key", [], mistake == "short" ? 16 : 32);
        key = mistake == "half" ? key[..16] : key;
        var blowfish = new BlowfishEngine();
        blowfish.Init(true, new KeyParameter(key));
        var record = new byte[2 + Inner.Length + Limits.HmacTag];
        BinaryPrimitives.WriteUInt16BigEndian(record, (ushort)(record.Length - 2));
        for (int i = 0; i < Inner.Length; i++)
        {
            uint number = (uint)(i / 8) + (mistake == "first" ? 1u : 0);
            byte[] block = new byte[8];
            switch (mistake)
            {
                case "little":
                    BinaryPrimitives.WriteUInt32LittleEndian(block.AsSpan(4), number);
                    break;
                case "before":
                    BinaryPrimitives.WriteUInt32BigEndian(block, number);
                    break;
                default:
                    BinaryPrimitives.WriteUInt32BigEndian(block.AsSpan(4), number);
                    break;
            }

            block = mistake == "halves" ? [.. block[..4].Reverse(), .. block[4..].Reverse()] : block;
            var stream = new byte[8];
            blowfish.ProcessBlock(block, 0, stream, 0);
            stream = mistake == "halves" ? [.. stream[..4].Reverse(), .. stream[4..].Reverse()] : stream;
            record[2 + i] = (byte)(Inner[i] ^ (mistake == "none" ? (byte)((i * 37) + 200) : stream[i % 8]));
        }

        byte[] covered = [.. new byte[8], .. record[..^Limits.HmacTag]];
        HMACSHA256.HashData(KeySchedule.ExpandLabel(traffic, "mac", [], 32), covered).CopyTo(record, record.Length - Limits.HmacTag);
        var opened = (byte[])record.Clone();
        using var right = peer.Protection();
        Assert.True(right.Open(0, opened));
        var cause = peer.Diagnosis().OfStream(record, opened[2..^Limits.HmacTag], right, 0);
        Assert.Equal(expected is null ? null : new Cause("BP-7.3-1", expected), cause);
        // An AEAD verifies what it encrypts.
        Assert.Null(new Peer(Core, CoreLines).Diagnosis().OfStream(record, opened[2..^Limits.HmacTag], right, 0));
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(32, true)]
    [InlineData(33, false)]
    [InlineData(10, false)]
    public void Of_a_clients_share_the_half_is_found_that_it_is_or_that_comes_first(int octets, bool known)
    {
        var suite = SuiteRegistry.Find(Names.Hybrid)!;
        using var client = suite.StartClient(new SeededRandom("tests", "share"), TestRsaKeys.Client);
        var swapped = octets == 1 ? [.. client.Share[^32..], .. client.Share[..^32]] : new byte[octets];
        Assert.Equal(!known ? "" : octets == 1 ? " It is valid with its halves swapped: ML-KEM's key comes first (Section 5.3)."
            : " It is an X25519 key alone.", ExchangeMistakes.OfShare(suite, swapped));
        Assert.Equal("", ExchangeMistakes.OfShare(suite, new byte[1216]));
    }

    public static TheoryData<string, string, byte, int> Halves
    {
        get
        {
            var data = new TheoryData<string, string, byte, int>();
            foreach (var padding in (string[])["SHA1", "SHA512", "SHA384", "PKCS", "MGF1", "LABEL"])
            {
                data.Add(padding, "", 0, 33);
            }

            data.Add("SHA256", " and \"X\" instead of \"{0}\" before the {1}'s half", (byte)'X', 33);
            data.Add("SHA256", " and no letter \"{0}\" before the {1}'s half", 0, 32);
            data.Add("SHA1", " and \"X\" instead of \"{0}\" before the {1}'s half", (byte)'X', 33);
            return data;
        }
    }

    // The suite plays the client, and then the server: the peer encrypts its half for it.
    [Theory]
    [MemberData(nameof(Halves))]
    public void A_half_that_was_encrypted_another_way_is_found(string padding, string more, byte letter, int length)
    {
        foreach (bool isServer in (bool[])[false, true])
        {
            using var rsa = TestRsaKeys.Open(isServer ? "server" : "client");
            var (mine, peer) = isServer ? ('C', "client") : ('S', "server");
            byte[] half = [.. Enumerable.Range(100, 32).Select(i => (byte)i)];
            byte[] plain = length == 32 ? half : [letter == 0 ? (byte)mine : letter, .. half];
            var secret = (byte[])[.. Enumerable.Range(1, 64).Select(i => (byte)i)];
            var ciphertext = Encrypt(rsa, padding, plain);
            using var exchange = SuiteRegistry.Find(Classic)!.StartClient(new SeededRandom("tests", "half"), TestRsaKeys.Client);
            var found = (isServer ? ExchangeMistakes.Of(secret, ciphertext) : ExchangeMistakes.Of(exchange, secret, ciphertext)).ToList();
            Assert.StartsWith("with 32 zero octets instead of the ", found[0].How, StringComparison.Ordinal);
            var zero = Form(found[0]);
            Assert.Equal(isServer ? [.. secret[..32], .. new byte[32]] : [.. new byte[32], .. secret[32..]], zero);
            var how = padding switch
            {
                "SHA1" => "OAEP with SHA-1", "SHA512" => "OAEP with SHA-512", "SHA384" => "OAEP with SHA-384",
                "PKCS" => "PKCS #1 v1.5 padding instead of OAEP", "MGF1" => "OAEP with SHA-256 and MGF1 with SHA-1",
                "LABEL" => "OAEP with the label \"C\"", _ => "OAEP with SHA-256",
            };
            var expected = $"with {how}" + (more.Length == 0 ? $" for the {peer}'s half"
                : more.Replace("{0}", $"{mine}", StringComparison.Ordinal).Replace("{1}", peer, StringComparison.Ordinal));
            var mistake = Assert.Single(found.Skip(1));
            Assert.Equal((expected, "5.4", "secret"), (mistake.How, mistake.Section, mistake.Part));
            Assert.Equal(isServer ? [.. half, .. secret[32..]] : [.. secret[..32], .. half], Form(mistake));
        }

        static byte[] Form(KeyMistake mistake) => mistake.Change(new Peer(Classic, ClassicLines).Mistakes.Right).Secret;
    }

    [Fact]
    public void A_half_that_was_encrypted_the_right_way_is_no_mistake_but_to_leave_it_out()
    {
        using var rsa = TestRsaKeys.Open("server");
        var secret = new byte[64];
        Assert.Single(ExchangeMistakes.Of(secret, Encrypt(rsa, "SHA256", [(byte)'C', .. new byte[32]])));
        Assert.Single(ExchangeMistakes.Of(secret, new byte[384]));
        Assert.Empty(ExchangeMistakes.Of(secret, []));
        Assert.Empty(ExchangeMistakes.Of(secret, new byte[383]));
    }

    private static byte[] Encrypt(RSA rsa, string padding, byte[] plain)
    {
        if (padding is "MGF1" or "LABEL")
        {
            var oaep = new OaepEncoding(new RsaEngine(), new Sha256Digest(), padding == "MGF1" ? new Sha1Digest() : new Sha256Digest(),
                padding == "MGF1" ? null : Encoding.ASCII.GetBytes("C"));
            oaep.Init(true, DotNetUtilities.GetRsaPublicKey(rsa));
            return oaep.ProcessBlock(plain, 0, plain.Length);
        }

        return rsa.Encrypt(plain, padding switch
        {
            "SHA1" => RSAEncryptionPadding.OaepSHA1, "SHA512" => RSAEncryptionPadding.OaepSHA512,
            "SHA384" => RSAEncryptionPadding.OaepSHA384, "PKCS" => RSAEncryptionPadding.Pkcs1, _ => RSAEncryptionPadding.OaepSHA256,
        });
    }

    /// <summary>A peer of the suite that hashes these lines.</summary>
    private sealed class Peer(string name, string[] hashed)
    {
        public Role Me { get; init; } = Role.Client;

        public string? Salt { get; init; }

        private byte[] Shared => [.. Enumerable.Range(1, name == Core ? 32 : 64).Select(i => (byte)i)];

        public byte[] Traffic
        {
            get
            {
                using var keys = new KeySchedule(Salt ?? name, Shared, Th);
                return [.. Me == Role.Client ? keys.ServerTraffic : keys.ClientTraffic];
            }
        }

        public KeyMistakes Mistakes => new(SuiteRegistry.Find(name)!, Other, Shared, Th, hashed, []);

        private Role Other => Me == Role.Client ? Role.Server : Role.Client;

        private byte[] Th
        {
            get
            {
                var hash = new TranscriptHash();
                Array.ForEach(hashed, l => hash.Add(Encoding.Latin1.GetBytes(l)));
                return hash.Finish();
            }
        }

        public RecordProtection Protection() => SuiteRegistry.Find(name)!.Protect(Traffic);

        public Diagnosis Diagnosis() => new(SuiteRegistry.Find(name)!, Me, Shared, Th, hashed, []);

        public Cause? Of(byte[] record, ulong seq, bool two = false)
        {
            using var right = Protection();
            return Diagnosis().Of(record, right, seq, two);
        }

        // With another length in front while it is sealed.
        public byte[] Seal(byte[] inner, ulong seq, ushort? length = null)
        {
            using var protection = Protection();
            var record = new byte[2 + inner.Length + protection.TagLength];
            inner.CopyTo(record, 2);
            BinaryPrimitives.WriteUInt16BigEndian(record, length ?? (ushort)(record.Length - 2));
            protection.Seal(seq, record);
            BinaryPrimitives.WriteUInt16BigEndian(record, (ushort)(record.Length - 2));
            return record;
        }
    }
}
