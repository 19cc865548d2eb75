using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using BlackPony.Reference.Smtp;
using BlackPony.Reference.Suites;
using BlackPony.Tests.Property.Exploration;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property.Negotiation;

/// <summary>What is printed reads back as it was, and what reads prints canonically: offer, command, share (and with it the continuation), key reply, reply, record, ident, key log line.</summary>
public class WireFormProperties
{
    private static readonly Gen<Suite[]> Suites = Gen.Shuffle(SuiteRegistry.All.ToArray()).SelectMany(all => Gen.Choose(1, all.Length).Select(n => all[..n]));

    private static readonly Gen<string> Token = Gen.Choose(33, 126).Select(c => (char)c).NonEmptyListOf().Select(c => string.Concat(c));

    private static readonly Gen<string> Base64Text = Gen.Frequency(
        (3, Generate.Octets.Select(o => Convert.ToBase64String(o))),
        (2, Gen.Elements("ABCDwxyz0189+/=".ToCharArray()).ListOf().Select(c => string.Concat(c))),
        (1, Generate.Octets.Select(o => Convert.ToBase64String(o) + "\n")));

    [Fact]
    public void An_offer_reads_back_as_its_suites_in_their_order() // [BP-4.1-3], [BP-4.1-4]
    {
        var random = new CountingRandom((byte)'g');
        Always.Holds(Suites, s => ReadsBack(s, Offer.Create(s, random)));
        Always.Bites(Suites, s => ReadsBack(s, Offer.Create([.. s.Reverse()], random)));

        static bool ReadsBack(Suite[] suites, Offer made) =>
            Offer.Parse(made.Octets.Span) is { } read && read.Suites.SequenceEqual(suites) && read.Octets.Span.SequenceEqual(made.Octets.Span) && made.Octets.Length + 6 <= Limits.MaxReplyLine;
    }

    [Fact]
    public void Any_offer_line_reads_as_its_tokens_say() // [BP-4.1-8], [BP-4.1-9], [BP-4.1-10], [BP-4.1-12], [BP-4.1-13]
    {
        Always.Holds(Generate.Offer, line => Reads(line, Offer.Parse(Encoding.Latin1.GetBytes(line))), 1000);
        Always.Bites(Generate.Offer, line => Reads(line, Offer.Parse(Encoding.Latin1.GetBytes(line.Trim()))), 1000);
        Always.Bites(Generate.Offer, line => Reads(line, Offer.Parse(Encoding.Latin1.GetBytes(line.Replace("V2", "V1", StringComparison.Ordinal)))), 1000);

        // The rule once more, in other words: the line's tokens, case aside, each once.
        static bool Reads(string line, Offer? read)
        {
            var tokens = line.ToUpperInvariant().Split(' ').Where(t => t.Length > 0).Distinct().ToList();
            string[] known = [.. tokens.Where(t => SuiteRegistry.All.Any(s => s.Name == t))];
            bool usable = tokens[0] == "XBLACKPONY" && line.Length <= Limits.MaxReplyLine - 6 && line.All(c => c is >= ' ' and <= '~') && tokens.Contains("V1") && known.Length > 0;
            return usable ? read is not null && read.Suites.Select(s => s.Name).SequenceEqual(known) : read is null;
        }
    }

    [Fact]
    public void A_command_reads_back_as_it_was() // [BP-4.2-1], [BP-4.2-6], [BP-4.2-8]
    {
        var commands = from version in Token from suite in Token from share in Token select new UpgradeCommand(version, suite, share);
        Always.Holds(commands, c => UpgradeCommand.Parse(c.ToOctets()) == c && UpgradeCommand.Parse([.. c.ToOctets(), .. " G-0000 X"u8]) == c);
        Always.Holds(commands, c => UpgradeCommand.Parse([.. c.ToOctets(), (byte)' ']) is null && UpgradeCommand.Parse([.. "XBLACKPONY "u8, .. c.ToOctets()[10..]]) is null);
        Always.Bites(commands, c => UpgradeCommand.Parse(Encoding.ASCII.GetBytes(Encoding.ASCII.GetString(c.ToOctets()).ToUpperInvariant())) == c);
    }

    [Fact]
    public void A_share_reads_back_and_only_canonical_base64_reads() // [BP-5.1-6], [BP-5.1-7]
    {
        Always.Holds(Generate.Octets, o => Base64Share.TryDecode(Encoding.ASCII.GetBytes(Base64Share.Encode(o)), out var read) && read.SequenceEqual(o));
        Always.Holds(Base64Text, t => IsCanonical(t, Base64Share.TryDecode(Encoding.ASCII.GetBytes(t), out var octets), octets), 1000);
        Always.Bites(Base64Text, t => IsCanonical(t, Lenient(t, out var octets), octets), 1000);

        static bool IsCanonical(string text, bool taken, byte[] octets) => !taken || Base64Share.Encode(octets) == text;

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
        var shares = Gen.Choose(1, 4000).Select(n => new string('A', n));
        Always.Holds(shares, s => IsInForm(s, KeyReply.Create(220, s)));
        Always.Bites(shares, s => IsInForm(s, [Encoding.ASCII.GetBytes($"220 K={s}")]));

        var split = from share in Gen.Elements('A', 'b', '+', '=').NonEmptyListOf() from pieces in Generate.Pieces select (string.Concat(share), pieces);
        Always.Holds(split, s => Split(s.Item1, s.pieces, "K=") is { Count: var lines } reply && (lines > Limits.MaxShareLines ? KeyReply.Read(new Reply(334, reply)) is null : Read(reply) == s.Item1));
        Always.Bites(split, s => Read(Split(s.Item1, s.pieces, "k=")) == s.Item1);

        static bool IsInForm(string share, IReadOnlyList<byte[]> lines) =>
            Read(lines) == share && lines.All(l => l.Length + 2 <= Limits.MaxReplyLine) && lines.SkipLast(1).All(l => l.Length == 6 + Limits.ShareFragment) && lines[^1].Length > 6;

        static string? Read(IReadOnlyList<byte[]> lines) => KeyReply.Read(new Reply(220, lines)) is { } octets ? Encoding.ASCII.GetString(octets) : null;

        static List<byte[]> Split(string share, int[] pieces, string key) => [.. Generate.Cut(Encoding.ASCII.GetBytes(share), pieces).Select(p => (byte[])[.. Encoding.ASCII.GetBytes("220 " + key), .. p])];
    }

    [Fact]
    public void A_record_is_as_long_as_it_says_and_padded_and_reads_back() // [BP-7.1-1], [BP-7.5-1], [BP-7.5-2]
    {
        var records = from suite in Gen.Elements(SuiteRegistry.Default.ToArray())
                      from type in Gen.Choose(1, 255)
                      from data in Gen.OneOf(Generate.Octets, Gen.Choose(0, Limits.MaxData).Select(n => new byte[n]), Gen.Elements(0, 254, 255, 256, 257, 16382, 16383, 16384).Select(n => new byte[n]))
                      select (suite, type: (RecordType)type, data);
        Always.Holds(records, r => ReadsBack(r.suite, r.type, r.data, Written(r.suite, r.type, r.data)));
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
            return BinaryPrimitives.ReadUInt16BigEndian(record) == record.Length - 2 && (inner % Limits.PadTo == 0 || inner == Limits.MaxInner)
                && reader.Read(ref octets, out var readType, out var readData) && octets.IsEmpty && readType == type && readData.SequenceEqual(data);
        }
    }

    [Fact]
    public void An_ident_record_reads_back_as_its_keys_and_no_octet_of_it_may_change() // [BP-6.5-5], [BP-6.5-6]
    {
        var idents = from seeds in Gen.Choose(0, 255).Select(s => (byte)s).NonEmptyListOf()
                     from th in Gen.Choose(0, 255).Select(o => Enumerable.Repeat((byte)o, 32).ToArray())
                     from at in Gen.Choose(0, 1 << 20)
                     select (keys: seeds.Take(Limits.MaxIdents).Select(s => new IdentKey([.. Enumerable.Repeat(s, 32)])).ToArray(), th, at);
        Always.Holds(idents, i => ReadsBack(i.keys, Ident.Create(i.keys, i.th), i.th), 50);
        Always.Holds(idents, i => Ident.Verify(Flipped(Ident.Create(i.keys, i.th), i.at), i.th) is null && Ident.Verify(Ident.Create(i.keys, i.th), Flipped(i.th, i.at)) is null, 50);
        Always.Bites(idents, i => ReadsBack(i.keys, Ident.Create([.. i.keys.Reverse()], i.th), i.th), 80);

        static bool ReadsBack(IdentKey[] keys, byte[] data, byte[] th) =>
            Ident.Verify(data, th) is { } read && read.Count == keys.Length && read.Zip(keys).All(p => p.First.SequenceEqual(p.Second.PublicKey));

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
        Always.Holds(secrets, s => Logged(s, 0).SequenceEqual(Lines(s, 0)));
        Always.Bites(secrets, s => Logged(s, 0).SequenceEqual(Lines(s, 1)));

        static List<string> Logged(byte[] secret, byte th)
        {
            var log = new Log();
            using var channel = new SecureChannel(Role.Client, SuiteRegistry.Default[0], secret, [.. Enumerable.Repeat(th, 32)], keyLog: log);
            return log.Lines;
        }

        static IEnumerable<string> Lines(byte[] secret, byte th)
        {
            var hash = Enumerable.Repeat(th, 32).ToArray();
            using var keys = new KeySchedule(SuiteRegistry.Default[0].Name, secret, hash);
            (string Label, byte[] Secret)[] all = [("CLIENT_TRAFFIC_SECRET_0", keys.ClientTraffic), ("SERVER_TRAFFIC_SECRET_0", keys.ServerTraffic), ("EXPORTER_SECRET", keys.ExporterSecret)];
            return [.. all.Select(l => $"BLACKPONY_{l.Label} {Convert.ToHexStringLower(hash)} {Convert.ToHexStringLower(l.Secret)}")];
        }
    }

    [Fact]
    public void A_reply_reads_back_and_what_is_no_reply_does_not_read() // [BP-4.3-11]
    {
        var text = Gen.Choose(0, 255).Where(c => c is not 10 and not 13).Select(c => (byte)c).ListOf().Select(t => t.ToArray());
        var replies = from code in Gen.Choose(200, 599) from lines in text.NonEmptyListOf() select new Reply(code, [.. lines.Take(Limits.MaxEhloLines).Select((l, i) => Line(code, i == Math.Min(lines.Count, Limits.MaxEhloLines) - 1, l))]);
        Always.Holds(replies, r => ReadsBack(r, r.ToOctets()));
        Always.Bites(replies, r => ReadsBack(r, [.. r.ToOctets()[..^2], (byte)'\n']));

        static byte[] Line(int code, bool last, byte[] text) => [.. Encoding.ASCII.GetBytes($"{code}{(last ? ' ' : '-')}"), .. text];

        static bool ReadsBack(Reply reply, byte[] octets) =>
            new ReplyReader().Read([.. octets, .. "250"u8], out int consumed) is { } read && consumed == octets.Length && read.Code == reply.Code && read.ToOctets().SequenceEqual(octets);
    }

    private sealed class Log : IKeyLog
    {
        public List<string> Lines { get; } = [];

        void IKeyLog.Log(string line) => Lines.Add(line);
    }
}
