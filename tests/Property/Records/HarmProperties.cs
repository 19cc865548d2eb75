using System.Buffers;
using System.Buffers.Binary;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Tests.Conformance.Faulty;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property.Records;

/// <summary>Each harm that can be done to a stream of records, anywhere in it, under every suite.</summary>
public class HarmProperties
{
    // One record each: some octets, those around a padded length, one that is full.
    private static readonly Gen<byte[]> Part = Generate.Octets.Where(o => o.Length > 0);

    private static readonly Gen<byte[]> Large =
        from length in Gen.OneOf(Gen.Elements(254, 255, 256, 257), Gen.Elements(Limits.MaxData - 1, Limits.MaxData),
            Gen.Choose(1000, Limits.MaxData))
        from part in Part
        select Enumerable.Range(0, length).Select(i => part[i % part.Length]).ToArray();

    // In half of them one part is large, and in half of these it is the one that is harmed.
    private static readonly Gen<Case> Cases =
        from suite in Gen.Choose(0, SuiteRegistry.Default.Count - 1)
        from parts in Part.NonEmptyListOf()
        from large in Gen.Frequency((1, Large), (1, Part))
        from at in Gen.Choose(0, parts.Count)
        from place in Gen.Frequency((1, Gen.Constant(at)), (1, Gen.Choose(0, parts.Count)))
        from bit in Gen.Choose(0, 1 << 20)
        from pieces in Generate.PiecesOf(parts.Sum(p => p.Length) + large.Length)
        select new Case(suite, [.. parts.Take(place), large, .. parts.Skip(place), [1], [2]], at, bit, pieces);

    private static readonly Cover<Case>[] Suites = Cover.Each<Case, Suite>(8, SuiteRegistry.Default, c => SuiteRegistry.Default[c.Suite]);

    private static readonly Cover<Case>[] Covers =
    [
        .. Suites,
        new(10, "a record of more than a thousand octets", c => c.Parts.Any(p => p.Length > 1000)),
        new(0.5, "a full record", c => c.Parts.Any(p => p.Length == Limits.MaxData)),
        new(5, "the harm is in a large one", c => c.Parts[c.At].Length > 1000),
        new(10, "the harm is in a small one", c => c.Parts[c.At].Length < 100),
        new(0.5, "the harm is in the first", c => c.At == 0),
        new(10, "the harm is behind many", c => c.At > 10),
    ];

    private delegate List<byte[]> Harm(List<byte[]> records, int at, int bit, Pair pair);

    // [BP-8.3-1], [BP-8.3-2], [BP-8.3-3], [BP-8.3-5], [BP-7.1-8]
    [Fact]
    public void A_flipped_bit_ends_in_the_one_alert_and_nothing_after_it_comes_out()
    {
        Always.Holds(Cases, Covers, c => EndsInTheAlert(c, Flip));
        Always.Bites(Cases, c => EndsInTheAlert(c, Flip, Trusting));

        // Not the length: a longer one is waited for, which the truncation is.
        static List<byte[]> Flip(List<byte[]> records, int at, int bit, Pair pair)
        {
            var record = records[at];
            record[2 + (bit / 8 % (record.Length - 2))] ^= (byte)(1 << (bit % 8));
            return records;
        }
    }

    [Fact]
    public void A_dropped_record_ends_in_the_alert() // [BP-8.3-1], [BP-7.2-1]
    {
        Always.Holds(Cases, Covers, c => EndsInTheAlert(c, (r, at, _, _) => [.. r[..at], .. r[(at + 1)..]]));
        Always.Bites(Cases, c => EndsInTheAlert(c, (r, at, _, _) => [.. r[..at], .. r[(at + 1)..]], Numberless));
    }

    [Fact]
    public void A_repeated_record_ends_in_the_alert() // [BP-8.3-1], [BP-7.2-1]
    {
        Always.Holds(Cases, Covers, c => EndsInTheAlert(c, (r, at, _, _) => [.. r[..at], r[at], .. r[at..]], after: 1));
        Always.Bites(Cases, c => EndsInTheAlert(c, (r, at, _, _) => [.. r[..at], r[at], .. r[at..]], Numberless, after: 1));
    }

    [Fact]
    public void Swapped_records_end_in_the_alert() // [BP-8.3-1], [BP-7.2-1]
    {
        Always.Holds(Cases, Covers, c => EndsInTheAlert(c, (r, at, _, _) => [.. r[..at], r[at + 1], r[at], .. r[(at + 2)..]]));
        Always.Bites(Cases, c => EndsInTheAlert(c, (r, at, _, _) => [.. r[..at], r[at + 1], r[at], .. r[(at + 2)..]], Numberless));
    }

    [Fact]
    public void A_shortened_record_ends_in_the_alert() // [BP-8.3-1], [BP-7.1-8], [BP-7.1-2]
    {
        Always.Holds(Cases, Covers, c => EndsInTheAlert(c, Shorten));
        Always.Bites(Cases, c => EndsInTheAlert(c, (r, _, _, _) => r));

        // Its last octets are missing, and its length says so: the records behind it are in order.
        static List<byte[]> Shorten(List<byte[]> records, int at, int bit, Pair pair)
        {
            var record = records[at][..^(1 + (bit % (records[at].Length - 2)))];
            BinaryPrimitives.WriteUInt16BigEndian(record, (ushort)(record.Length - 2));
            records[at] = record;
            return records;
        }
    }

    // [BP-7.4-1], [BP-7.4-3], [BP-6.3-8], [BP-6.5-3], [BP-8.3-3]
    [Fact]
    public void A_record_out_of_place_ends_in_the_alert_though_its_sender_has_the_keys()
    {
        var outOfPlace = Gen.Elements<(RecordType, byte[])>((RecordType.Finished, new byte[32]), (RecordType.Ident, new byte[96]),
            (RecordType.Rekey, [0]), (RecordType.Close, [0]), (RecordType.FirstIgnored - 1, []));
        var cases = from c in Cases from forged in outOfPlace select (c, forged);
        Cover<(Case c, (RecordType Type, byte[] Data) forged)>[] covers =
        [
            .. Covers.Select(o => new Cover<(Case c, (RecordType Type, byte[] Data) forged)>(o.Percent, o.Name, x => o.Is!(x.c))),
            .. Cover.Each<(Case c, (RecordType Type, byte[] Data) forged), RecordType>(
                5, [RecordType.Finished, RecordType.Ident, RecordType.Rekey, RecordType.Close, RecordType.FirstIgnored - 1], x =>
                    x.forged.Type),
        ];
        Always.Holds(cases, covers, x => EndsInTheAlert(x.c, (r, at, _, _) => Forged(x.c, r, at, x.forged)));
        Always.Bites(cases, x => EndsInTheAlert(x.c, (r, at, _, _) => Forged(x.c, r, at, (RecordType.FirstIgnored, []))));

        // All records from there on sealed anew, as the numbers go on behind it.
        static List<byte[]> Forged(Case c, List<byte[]> records, int at, (RecordType Type, byte[] Data) forged)
        {
            var suite = SuiteRegistry.Default[c.Suite];
            using var keys = Pair.Keys(suite);
            using var writer = new RecordWriter(suite, keys.ClientTraffic);
            var stream = new ArrayBufferWriter<byte>();
            writer.Write(RecordType.Finished, keys.Finished(Role.Client), stream);
            for (int i = 0; i < records.Count; i++)
            {
                if (i == at)
                {
                    writer.Write(forged.Type, forged.Data, stream);
                }

                writer.Write(RecordType.Data, c.Parts[i], stream);
            }

            return Pair.Records(Pair.Taken(stream))[1..];
        }
    }

    [Fact]
    public void A_Finished_with_one_bit_wrong_ends_in_the_alert_though_its_sender_has_the_keys() // [BP-6.3-7], [BP-6.3-1]
    {
        var cases = from role in Gen.Elements(Role.Client, Role.Server) from suite in Gen.Elements(SuiteRegistry.Default.ToArray())
            from bit in Gen.Frequency((4, Gen.Choose(0, 255)), (1, Gen.Choose(0, 7)), (1, Gen.Choose(248, 255))) select (role, suite, bit);
        Cover<(Role role, Suite suite, int bit)>[] covers =
        [
            .. Cover.Each<(Role role, Suite suite, int bit), Role>(20, [Role.Client, Role.Server], c => c.role),
            .. Cover.Each<(Role role, Suite suite, int bit), Suite>(8, SuiteRegistry.Default, c => c.suite),
            new(2, "in the first octet", c => c.bit < 8),
            new(2, "in the last octet", c => c.bit >= 248),
        ];
        Always.Holds(cases, covers, c => IsRefused(c.role, c.suite, c.bit, 1));
        Always.Bites(cases, c => IsRefused(c.role, c.suite, c.bit, 0));

        static bool IsRefused(Role sender, Suite suite, int bit, int wrong)
        {
            using var keys = Pair.Keys(suite);
            using var writer = new RecordWriter(suite, sender == Role.Client ? keys.ClientTraffic : keys.ServerTraffic);
            using var channel = Pair.End(sender == Role.Client ? Role.Server : Role.Client, suite);
            ArrayBufferWriter<byte> records = new(), data = new(), output = new();
            var finished = keys.Finished(sender);
            finished[bit / 8] ^= (byte)(wrong << (bit % 8));
            writer.Write(RecordType.Finished, finished, records);
            writer.Write(RecordType.Data, "x"u8, records);
            channel.Receive(records.WrittenSpan, data, output);
            return channel is { State: ChannelState.Failed, IsEstablished: false } && data.WrittenCount == 0
                && Pair.Records(Pair.Taken(output)).Count == 1;
        }
    }

    [Fact]
    public void A_reflected_record_ends_in_the_alert() // [BP-6.2-2], [BP-8.3-1]
    {
        Always.Holds(Cases, Covers, c => EndsInTheAlert(c, Reflect));
        Always.Bites(Cases, c => EndsInTheAlert(c, Reflect, OneKey));

        // What the server sent, with the number that the client's next record has.
        static List<byte[]> Reflect(List<byte[]> records, int at, int bit, Pair pair)
        {
            for (int i = 0; i <= at; i++)
            {
                pair.Server.Send("250 Ok\r\n"u8, pair.ToClient);
            }

            return [.. records[..at], Pair.Records(Pair.Taken(pair.ToClient))[at], .. records[at..]];
        }
    }

    [Fact]
    public void A_stream_that_is_cut_anywhere_is_truncated_and_its_last_record_never_half_read() // [BP-8.2-1], [BP-7.1-8], [BP-8.2-2]
    {
        Cover<Case>[] covers = [.. Covers, .. Cover.Seen<Case>(15, "between two records", "in a length", "in a record")];
        Always.Holds(Cases, covers, (c, seen) => IsTruncated(c, SuiteRegistry.Default[c.Suite], seen: seen));
        Always.Bites(Cases, c => IsTruncated(c, SuiteRegistry.Default[c.Suite], closes: true));

        // A third between two records, a third in a record, a third in its length.
        static bool IsTruncated(Case c, Suite suite, bool closes = false, ISet<string>? seen = null)
        {
            using var pair = new Pair(suite);
            var records = Sealed(pair, c);
            pair.Client.Close(pair.ToServer);
            var stream = records.SelectMany(r => r).Concat(closes ? Pair.Taken(pair.ToServer) : []).ToArray();
            int before = records.Take(c.At).Sum(r => r.Length);
            var (octets, what) = (c.Bit % 3) switch
            {
                0 => (0, "between two records"),
                1 => (1, "in a length"),
                _ => (2 + (c.Bit / 3 % (records[c.At].Length - 2)), "in a record"),
            };
            seen?.Add(what);
            var cut = closes ? stream : stream[..(before + octets)];
            Deliver(pair, cut, c.Pieces);
            int whole = 0, length = 0;
            while (whole < records.Count && length + records[whole].Length <= cut.Length)
            {
                length += records[whole++].Length;
            }

            pair.Server.ConnectionEnded();
            return pair.Server.State == ChannelState.Truncated
                && pair.Read.WrittenSpan.SequenceEqual(c.Parts[..whole].SelectMany(p => p).ToArray()) && pair.ToClient.WrittenCount == 0;
        }
    }

    // Up to the harm all comes out; then the one alert, which the client reads, and nothing more, not even of records that are in order.
    private static bool EndsInTheAlert(Case c, Harm harm, Func<Suite, Suite>? fault = null, int after = 0)
    {
        var real = SuiteRegistry.Default[c.Suite];
        var suite = fault?.Invoke(real) ?? real;
        using var pair = new Pair(suite);
        var records = Sealed(pair, c);
        int at = c.At;
        var harmed = harm(records, at, c.Bit, pair);
        pair.ToClient.ResetWrittenCount();
        Deliver(pair, [.. harmed.SelectMany(r => r)], c.Pieces);
        var answer = Pair.Taken(pair.ToClient);
        bool quiet = Pair.Records(answer).Count == 1;
        if (harm.Method.Name.Contains("Reflect", StringComparison.Ordinal))
        {
            // The client has not read what was reflected: it can't read the alert either, and says so itself.
            quiet &= pair.Server.State == ChannelState.Failed;
        }
        else
        {
            pair.Client.Receive(answer, pair.Read, pair.ToServer);
            quiet &= pair.Client.State == ChannelState.Alerted && pair.ToServer.WrittenCount == 0;
        }

        return quiet && pair.Server.State == ChannelState.Failed
            && pair.Read.WrittenSpan.SequenceEqual(c.Parts[..(at + after)].SelectMany(p => p).ToArray());
    }

    private static List<byte[]> Sealed(Pair pair, Case c)
    {
        foreach (var part in c.Parts)
        {
            pair.Client.Send(part, pair.ToServer);
        }

        return Pair.Records(Pair.Taken(pair.ToServer));
    }

    private static void Deliver(Pair pair, byte[] stream, int[] pieces)
    {
        foreach (var piece in Generate.Cut(stream, pieces))
        {
            pair.Server.Receive(piece, pair.Read, pair.ToClient);
        }
    }

    // ---------------------------------------------------------------- faults

    /// <summary>Records are opened whatever their tag is.</summary>
    private static FaultyServerSuite Trusting(Suite real) => new(real)
    {
        Protects = secret => new FaultyServerProtection(real.Protect(secret)) { Opens = FaultyServerProtection.Verifying(0) },
    };

    /// <summary>Records say nothing of their number.</summary>
    private static FaultyServerSuite Numberless(Suite real) => new(real)
    {
        Protects = secret => new FaultyServerProtection(real.Protect(secret))
        {
            Seals = (p, _, record) => p.Seal(0, record),
            Opens = (p, _, record) => p.Open(0, record),
        },
    };

    /// <summary>Both directions have the same keys.</summary>
    private static FaultyServerSuite OneKey(Suite real) => new(real) { Protects = _ => real.Protect(new byte[32]) };

    private sealed record Case(int Suite, byte[][] Parts, int At, int Bit, int[] Pieces)
    {
        public override string ToString() =>
            $"{SuiteRegistry.Default[Suite]}, records of {string.Join(',', Parts.Select(p => p.Length))}, harm at {At}, bit {Bit}, in "
                + $"pieces of {string.Join(',', Pieces)}";
    }
}
