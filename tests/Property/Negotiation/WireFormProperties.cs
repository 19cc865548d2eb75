using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Tests.Property.Exploration;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property.Negotiation;

/// <summary>
/// What is printed reads back as it was, and what reads prints canonically:
/// offer, command, share (and with it the continuation), key reply, reply, record, ident, key log line.
/// </summary>
public class WireFormProperties
{
    private static readonly Gen<Suite[]> Suites = Gen.Shuffle(SuiteRegistry.All.ToArray())
        .SelectMany(all => Gen.Choose(1, all.Length).Select(n => all[..n]));

    private static readonly Gen<string> Token =
        from letters in Gen.Choose(33, 126).Select(c => (char)c).NonEmptyListOf()
        from one in Gen.Frequency((1, Gen.Constant(true)), (8, Gen.Constant(false)))
        select string.Concat(one ? letters.Take(1) : letters);

    private static readonly Gen<string> Base64Text = Gen.Frequency(
        (3, Generate.Octets.Select(o => Convert.ToBase64String(o))),
        (2, Gen.Elements("ABCDwxyz0189+/=".ToCharArray()).ListOf().Select(c => string.Concat(c))),
        (1, from octets in Generate.Octets from last in Gen.Elements("AB==", "ABC=", "zz==", "zzz=")
            select Convert.ToBase64String(octets[..(octets.Length / 3 * 3)]) + last),
        (1, Generate.Octets.Select(o => Convert.ToBase64String(o) + "\n")));

    [Fact]
    public void An_offer_reads_back_as_its_suites_in_their_order() // [BP-4.1-3], [BP-4.1-4]
    {
        var random = new CountingRandom((byte)'g');
        Cover<Suite[]>[] covers =
        [
            .. SuiteRegistry.All.Select(suite => new Cover<Suite[]>(20, suite.Name, s => s.Contains(suite))),
            new(5, "one alone", s => s.Length == 1),
            new(5, "all", s => s.Length == SuiteRegistry.All.Count),
        ];
        Always.Holds(Suites, covers, s => ReadsBack(s, Offer.Create(s, random)));
        Always.Bites(Suites, s => ReadsBack(s, Offer.Create([.. s.Reverse()], random)));

        static bool ReadsBack(Suite[] suites, Offer made) =>
            Offer.Parse(made.Octets.Span) is { } read && read.Suites.SequenceEqual(suites)
                && read.Octets.Span.SequenceEqual(made.Octets.Span) && made.Octets.Length + 6 <= Limits.MaxReplyLine;
    }

    [Fact]
    public void Any_offer_line_reads_as_its_tokens_say() // [BP-4.1-8], [BP-4.1-9], [BP-4.1-10], [BP-4.1-12], [BP-4.1-13]
    {
        Cover<string>[] covers =
        [
            .. Cover.Seen<string>(10, "usable", "unusable"),
            .. SuiteRegistry.All.Select(s => new Cover<string>(10, s.Name, line => line.Contains(s.Name, StringComparison.Ordinal))),
            new(5, "small letters", line => line.Contains("rot", StringComparison.Ordinal)
                || line.Contains("x25519-c", StringComparison.Ordinal)),
            new(5, "a suite twice", line => line.ToUpperInvariant().Split("RSA-BLOWFISH").Length > 2),
            new(2, "another keyword", line => line.StartsWith("XBLACKPONYX", StringComparison.Ordinal)),
            new(0.5, "another version alone", line => !line.ToUpperInvariant().Split(' ').Contains("V1")),
            new(1, "too long", line => line.Length > Limits.MaxReplyLine - 6),
            new(1, "other characters", line => line.Any(c => c is < ' ' or > '~')),
        ];
        Always.Holds(Generate.Offer, covers, (line, seen) => Reads(line, Offer.Parse(Encoding.Latin1.GetBytes(line)), seen), 1000);
        Always.Bites(Generate.Offer, line => Reads(line, Offer.Parse(Encoding.Latin1.GetBytes(line.Trim()))), 1000);
        Always.Bites(Generate.Offer,
            line => Reads(line, Offer.Parse(Encoding.Latin1.GetBytes(line.Replace("V2", "V1", StringComparison.Ordinal)))), 1000);

        // The rule once more, in other words: the line's tokens, case aside, each once.
        static bool Reads(string line, Offer? read, ISet<string>? seen = null)
        {
            var tokens = line.ToUpperInvariant().Split(' ').Where(t => t.Length > 0).Distinct().ToList();
            string[] known = [.. tokens.Where(t => SuiteRegistry.All.Any(s => s.Name == t))];
            bool usable = tokens[0] == "XBLACKPONY" && line.Length <= Limits.MaxReplyLine - 6 && line.All(c => c is >= ' ' and <= '~')
                && tokens.Contains("V1") && known.Length > 0;
            seen?.Add(usable ? "usable" : "unusable");
            return usable ? read is not null && read.Suites.Select(s => s.Name).SequenceEqual(known) : read is null;
        }
    }

    [Fact]
    public void A_command_reads_back_as_it_was() // [BP-4.2-1], [BP-4.2-6], [BP-4.2-8]
    {
        var commands = from version in Token from suite in Token from share in Token select new UpgradeCommand(version, suite, share);
        Cover<UpgradeCommand>[] covers =
        [
            new(20, "a long share", c => c.Share.Length > 20),
            new(2, "a share of one octet", c => c.Share.Length == 1),
            new(20, "small letters", c => c.ToString().Any(char.IsAsciiLetterLower)),
            new(20, "characters of no name", c => c.Suite.Any(o => !char.IsAsciiLetterOrDigit(o) && o != '-')),
        ];
        Always.Holds(commands, covers, c => UpgradeCommand.Parse(c.ToOctets()) == c
            && UpgradeCommand.Parse([.. c.ToOctets(), .. " G-0000 X"u8]) == c);
        Always.Holds(commands, covers, c => UpgradeCommand.Parse([.. c.ToOctets(), (byte)' ']) is null
            && UpgradeCommand.Parse([.. "XBLACKPONY "u8, .. c.ToOctets()[10..]]) is null);
        Always.Bites(
            commands, c => UpgradeCommand.Parse(Encoding.ASCII.GetBytes(Encoding.ASCII.GetString(c.ToOctets()).ToUpperInvariant())) == c);
    }

    [Fact]
    public void A_share_reads_back_and_only_canonical_base64_reads() // [BP-5.1-6], [BP-5.1-7]
    {
        Cover<byte[]>[] octets =
        [
            new(0.5, "none", o => o.Length == 0),
            .. ((int[])[0, 1, 2]).Select(rest =>
                new Cover<byte[]>(10, $"{rest} octets in the last group", o => o.Length > 0 && o.Length % 3 == rest)),
            new(2, "more than a line of them", o => o.Length > 57),
        ];
        Cover<string>[] texts =
        [
            .. Cover.Seen<string>(10, "taken", "refused"),
            new(5, "a share and a line's end", t => t.EndsWith('\n')),
            new(5, "padding that is not at the end", t => t.TrimEnd('=').Contains('=')),
            new(2, "a length that is no multiple of four", t => t.Length % 4 != 0 && !t.EndsWith('\n')),
            new(1, "bits after the last octet that are not zero", HasBits),
        ];
        Always.Holds(Generate.Octets, octets, o => Base64Share.TryDecode(Encoding.ASCII.GetBytes(Base64Share.Encode(o)), out var read)
            && read.SequenceEqual(o), 400);
        Always.Holds(Base64Text, texts, (t, seen) =>
            IsCanonical(t, Base64Share.TryDecode(Encoding.ASCII.GetBytes(t), out var read), read, seen), 1000);
        Always.Bites(Base64Text, t => IsCanonical(t, Lenient(t, out var read), read), 1000);

        static bool IsCanonical(string text, bool taken, byte[] octets, ISet<string>? seen = null)
        {
            seen?.Add(taken ? "taken" : "refused");
            return !taken || Base64Share.Encode(octets) == text;
        }

        static bool HasBits(string text) =>
            Convert.TryFromBase64String(text, new byte[text.Length], out int length) && !text.EndsWith('\n')
                && Convert.ToBase64String(Convert.FromBase64String(text)[..length]) != text;

        // What .NET takes: white space too.
        static bool Lenient(string text, out byte[] octets)
        {
            octets = new byte[text.Length];
            bool taken = Convert.TryFromBase64String(text, octets, out int length);
            octets = octets[..length];
            return taken;
        }
    }

    [Fact]
    public void A_share_reads_back_out_of_any_lines() // [BP-4.3-2], [BP-4.3-4], [BP-4.3-5]
    {
        var shares = Gen.OneOf(Gen.Choose(1, 4000), Gen.Choose(1, Limits.ShareFragment), 
            Gen.Choose(1, 4).Select(n => n * Limits.ShareFragment)).Select(n => new string('A', n));
        Cover<string>[] lengths =
        [
            new(3, "one line", s => s.Length <= Limits.ShareFragment),
            new(20, "several lines", s => s.Length > Limits.ShareFragment),
            new(0.5, "lines that are all full", s => s.Length % Limits.ShareFragment == 0),
        ];
        Always.Holds(shares, lengths, s => IsInForm(s, KeyReply.Create(220, s)));
        Always.Bites(shares, s => IsInForm(s, [Encoding.ASCII.GetBytes($"220 K={s}")]));

        var split = Gen.Frequency(
            (4, from share in Gen.Elements('A', 'b', '+', '=').NonEmptyListOf() from pieces in Generate.Pieces
                select (string.Concat(share), pieces: pieces)),
            (1, from over in Gen.Choose(-1, 2) from rest in Gen.Choose(1, 3)
                select (new string('A', ((Limits.MaxShareLines + over) * 3) + rest), pieces: (int[])[3])));
        Cover<(string Item1, int[] pieces)>[] splits =
        [
            new(5, "one line", s => s.pieces[0] >= s.Item1.Length),
            new(20, "several lines", s => s.pieces[0] < s.Item1.Length),
            new(2, "more lines than may be", s => Split(s.Item1, s.pieces, "K=").Count > Limits.MaxShareLines),
        ];
        Always.Holds(split, splits, s => Split(s.Item1, s.pieces, "K=") is { Count: var lines } reply
            && (lines > Limits.MaxShareLines ? KeyReply.Read(new Reply(334, reply)) is null : Read(reply) == s.Item1));
        Always.Bites(split, s => Read(Split(s.Item1, s.pieces, "k=")) == s.Item1);

        static bool IsInForm(string share, IReadOnlyList<byte[]> lines) =>
            Read(lines) == share && lines.All(l => l.Length + 2 <= Limits.MaxReplyLine)
                && lines.SkipLast(1).All(l => l.Length == 6 + Limits.ShareFragment) && lines[^1].Length > 6;

        static string? Read(IReadOnlyList<byte[]> lines) =>
            KeyReply.Read(new Reply(220, lines)) is { } octets ? Encoding.ASCII.GetString(octets) : null;

        static List<byte[]> Split(string share, int[] pieces, string key) =>
            [.. Generate.Cut(Encoding.ASCII.GetBytes(share), pieces).Select(p => (byte[])[.. Encoding.ASCII.GetBytes("220 " + key), .. p])];
    }

    [Fact]
    public void A_record_is_as_long_as_it_says_and_padded_and_reads_back() // [BP-7.1-1], [BP-7.5-1], [BP-7.5-2]
    {
        var records = from suite in Gen.Elements(SuiteRegistry.Default.ToArray())
                      from type in Gen.Choose(1, 255)
                      from data in Gen.OneOf(Generate.Octets, Gen.Choose(0, Limits.MaxData).Select(n => new byte[n]),
                          Gen.Elements(0, 254, 255, 256, 257, 16382, 16383).Select(n => new byte[n]),
                          Gen.Constant(new byte[Limits.MaxData]))
                      select (suite, type: (RecordType)type, data);
        Cover<(Suite suite, RecordType type, byte[] data)>[] covers =
        [
            .. Cover.Each<(Suite suite, RecordType type, byte[] data), Suite>(8, SuiteRegistry.Default, r => r.suite),
            new(0.5, "no octet", r => r.data.Length == 0),
            new(0.5, "just below what is padded to", r => r.data.Length is 254 or 255),
            new(0.5, "just above", r => r.data.Length is 256 or 257),
            new(3, "a full record", r => r.data.Length == Limits.MaxData),
            new(10, "a large one", r => r.data.Length > 2000),
        ];
        Always.Holds(records, covers, r => ReadsBack(r.suite, r.type, r.data, Written(r.suite, r.type, r.data)));
        Always.Bites(records, r => ReadsBack(r.suite, r.type, r.data, Written(r.suite, r.type, [.. r.data.SkipLast(1)])));

        static byte[] Written(Suite suite, RecordType type, byte[] data)
        {
            var record = new ArrayBufferWriter<byte>();
            using var writer = new RecordWriter(suite, new byte[32]);
            writer.Write(type, data, record);
            return record.WrittenSpan.ToArray();
        }

        static bool ReadsBack(Suite suite, RecordType type, byte[] data, byte[] record)
        {
            using var protection = suite.Protect(new byte[32]);
            int inner = record.Length - 2 - protection.TagLength;
            using var reader = new RecordReader(suite, new byte[32]);
            ReadOnlySpan<byte> octets = record;
            return BinaryPrimitives.ReadUInt16BigEndian(record) == record.Length - 2
                && (inner % Limits.PadTo == 0 || inner == Limits.MaxInner)
                && reader.Read(ref octets, out var readType, out var readData) && octets.IsEmpty && readType == type
                && readData.SequenceEqual(data);
        }
    }

    [Fact]
    public void An_ident_record_reads_back_as_its_keys_and_no_octet_of_it_may_change() // [BP-6.5-5], [BP-6.5-6]
    {
        var idents = from count in Gen.OneOf(Gen.Constant(1), Gen.Constant(Limits.MaxIdents), Gen.Choose(1, Limits.MaxIdents))
                     from seeds in Gen.Choose(0, 255).Select(s => (byte)s).ListOf(count)
                     from th in Gen.Choose(0, 255).Select(o => Enumerable.Repeat((byte)o, 32).ToArray())
                     from at in Gen.Choose(0, 1 << 20)
                     select (keys: seeds.Select(s => new IdentKey([.. Enumerable.Repeat(s, 32)])).ToArray(), th, at);
        Cover<(IdentKey[] keys, byte[] th, int at)>[] covers =
        [
            new(2, "one key", i => i.keys.Length == 1),
            new(2, "as many keys as may be", i => i.keys.Length == Limits.MaxIdents),
        ];
        Always.Holds(idents, covers, i => ReadsBack(i.keys, Ident.Create(i.keys, i.th), i.th), 50);
        Always.Holds(idents, covers, i => Ident.Verify(Flipped(Ident.Create(i.keys, i.th), i.at), i.th) is null
            && Ident.Verify(Ident.Create(i.keys, i.th), Flipped(i.th, i.at)) is null, 50);
        Always.Bites(idents, i => ReadsBack(i.keys, Ident.Create([.. i.keys.Reverse()], i.th), i.th), 80);

        static bool ReadsBack(IdentKey[] keys, byte[] data, byte[] th) =>
            Ident.Verify(data, th) is { } read && read.Count == keys.Length
                && read.Zip(keys).All(p => p.First.Key == Convert.ToHexStringLower(p.Second.PublicKey));

        static byte[] Flipped(byte[] octets, int at)
        {
            octets = [.. octets];
            octets[at / 8 % octets.Length] ^= (byte)(1 << (at % 8));
            return octets;
        }
    }

    [Fact]
    public void A_key_log_line_is_its_label_the_transcript_hash_and_the_secret() // 11.3
    {
        var secrets = Generate.Octets.Select(o => (byte[])[.. o, 1]);
        Cover<byte[]>[] covers = [new(0.5, "one octet", s => s.Length == 1), new(20, "more than a hash", s => s.Length > 32)];
        Always.Holds(secrets, covers, s => Logged(s, 0).SequenceEqual(Lines(s, 0)), 400);
        Always.Bites(secrets, s => Logged(s, 0).SequenceEqual(Lines(s, 1)));

        static List<string> Logged(byte[] secret, byte th)
        {
            var log = new Log();
            using var channel = new SecureChannel(Role.Client, SuiteRegistry.Default[0], secret,
                [.. Enumerable.Repeat(th, 32)], keyLog: log);
            return log.Lines;
        }

        static IEnumerable<string> Lines(byte[] secret, byte th)
        {
            var hash = Enumerable.Repeat(th, 32).ToArray();
            using var keys = new KeySchedule(SuiteRegistry.Default[0].Name, secret, hash);
            (string Label, byte[] Secret)[] all = [("CLIENT_TRAFFIC_SECRET_0", keys.ClientTraffic),
                ("SERVER_TRAFFIC_SECRET_0", keys.ServerTraffic), ("EXPORTER_SECRET", keys.ExporterSecret)];
            return [.. all.Select(l => $"BLACKPONY_{l.Label} {Convert.ToHexStringLower(hash)} {Convert.ToHexStringLower(l.Secret)}")];
        }
    }

    [Fact]
    public void A_reply_reads_back_and_what_is_no_reply_does_not_read() // [BP-4.3-11]
    {
        var text = Gen.Choose(0, 255).Where(c => c is not 10 and not 13).Select(c => (byte)c).ListOf().Select(t => t.ToArray());
        var replies = from code in Gen.Choose(200, 599) from lines in text.NonEmptyListOf()
            select new Reply(
                code, [.. lines.Take(Limits.MaxEhloLines)
                    .Select((l, i) => Line(code, i == Math.Min(lines.Count, Limits.MaxEhloLines) - 1, l))]);
        Cover<Reply>[] covers =
        [
            new(0.5, "one line", r => r.Lines.Count == 1),
            new(20, "many lines", r => r.Lines.Count > 10),
            new(10, "a line with no text", r => r.Lines.Any(l => l.Length == 4)),
            new(20, "eight bits", r => r.Lines.Any(l => l.Any(o => o > 127))),
        ];
        Always.Holds(replies, covers, r => ReadsBack(r, r.ToOctets()));
        Always.Bites(replies, r => ReadsBack(r, [.. r.ToOctets()[..^2], (byte)'\n']));

        static byte[] Line(int code, bool last, byte[] text) => [.. Encoding.ASCII.GetBytes($"{code}{(last ? ' ' : '-')}"), .. text];

        static bool ReadsBack(Reply reply, byte[] octets) =>
            new ReplyReader().Read([.. octets, .. "250"u8], out int consumed) is { } read && consumed == octets.Length
                && read.Code == reply.Code && read.ToOctets().SequenceEqual(octets);
    }

    private sealed class Log : IKeyLog
    {
        public List<string> Lines { get; } = [];

        void IKeyLog.Log(string line) => Lines.Add(line);
    }
}
