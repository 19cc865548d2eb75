using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Tests.Conformance.Faulty;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property.Records;

/// <summary>A stream of records in any parts, of any size, cut in any way, with rekeys anywhere.</summary>
public class ChannelProperties
{
    private static readonly Gen<Case> Cases =
        from suite in Gen.Choose(0, SuiteRegistry.Default.Count - 1)
        from parts in Gen.Frequency((5, Generate.Octets), (1, Gen.Choose(16000, 40000).Select(n => new byte[n])),
            (1, Gen.Constant<byte[]>([]))).ListOf()
        from rekeys in Gen.Frequency(
            (6, Gen.Choose(0, 3).ListOf().Select(l => l.ToArray())),
            (3, Gen.Choose(Limits.MaxIdleRecords - 2, Limits.MaxIdleRecords + 2).Select(n => (int[])[n, 0, 0, 0, 0])))
        from pieces in Generate.Pieces
        select new Case(suite, [.. parts], rekeys, pieces);

    private static readonly Cover<Case>[] Suites = Cover.Each<Case, Suite>(8, SuiteRegistry.Default, c => SuiteRegistry.Default[c.Suite]);

    private static readonly Cover<Case>[] Covers =
    [
        .. Suites,
        new(20, "more than a record at once", c => c.Parts.Any(p => p.Length > Limits.MaxData)),
        new(20, "nothing sent", c => c.Parts.Any(p => p.Length == 0)),
        new(30, "a rekey", c => c.Rekeys.Any(r => r is > 0 and < 4) && c.Parts.Length > 0),
        new(1, "as many rekeys in a row as may be, or nearly", c => IsRow(Row(c), -3, 0)),
        new(1, "more rekeys in a row than may be", c => Row(c) > Limits.MaxIdleRecords),
        new(3, "pieces of one octet", c => c.Pieces.Contains(1)),
    ];

    // Octets, a record's length before others, the same cut short, lengths that cannot be.
    private static readonly Gen<byte[]> HostileOctets = Gen.OneOf(
        Generate.Octets,
        from length in Gen.Choose(257, 1200) from fill in Gen.Choose(0, 255)
            select (byte[])[.. Length(length), .. Enumerable.Repeat((byte)fill, length)],
        from length in Gen.Choose(257, 1200) from fill in Gen.Choose(0, 255)
            select (byte[])[.. Length(length), .. Enumerable.Repeat((byte)fill, length - 1)],
        from length in Gen.OneOf(Gen.Choose(0, 16), Gen.Choose(17000, 65535)) from rest in Generate.Octets
            select (byte[])[.. Length(length), .. rest]);

    private static readonly Cover<Case>[] OfHostile =
    [
        .. Suites,
        .. Cover.Seen<Case>(20, "it fails", "it waits"),
        new(5, "a whole record of nobody's", c => c.Parts[0].Length > 200 && c.Parts[0].Length == 2 + Said(c.Parts[0])),
        new(5, "all of a record but its last octet", c => c.Parts[0].Length > 200 && c.Parts[0].Length == 1 + Said(c.Parts[0])),
        new(5, "a length that is too small", c => c.Parts[0].Length >= 2 && Said(c.Parts[0]) < 17),
        new(5, "a length that is too large", c => c.Parts[0].Length >= 2 && Said(c.Parts[0]) >= 17000),
    ];

    // [BP-7.1-1], [BP-7.1-6], [BP-7.1-7], [BP-7.4-4], [BP-7.4-5], [BP-7.5-2], [BP-7.6-4], [BP-7.6-5]
    [Fact]
    public void Any_split_any_size_and_any_rekey_lose_nothing()
    {
        Always.Holds(Cases, Covers, c => ComesOut(c, SuiteRegistry.Default[c.Suite]));
        Always.Bites(Cases, c => ComesOut(c, Forgetful(SuiteRegistry.Default[c.Suite])));
        Always.Bites(Cases, c => ComesOut(c with { Pieces = [int.MaxValue] }, SuiteRegistry.Default[c.Suite], loses: 1));
    }

    [Fact]
    public void Any_hostile_octets_end_in_failure_or_wait_and_get_nothing_out() // [BP-7.1-2], [BP-7.1-3], [BP-7.1-8], [BP-8.3-5]
    {
        var cases = from suite in Gen.Choose(0, SuiteRegistry.Default.Count - 1)
                    from octets in HostileOctets
                    from pieces in Generate.Pieces
                    select new Case(suite, [octets], [], pieces);
        Always.Holds(cases, OfHostile, (c, seen) => GetsNothing(c, SuiteRegistry.Default[c.Suite], seen), 400);
        Always.Bites(cases, c => GetsNothing(c, Unprotected(SuiteRegistry.Default[c.Suite])), 2000);

        static bool GetsNothing(Case c, Suite suite, ISet<string>? seen = null)
        {
            using var pair = new Pair(suite);
            Deliver(pair, c.Parts[0], c.Pieces);
            seen?.Add(pair.Server.State == ChannelState.Failed ? "it fails" : "it waits");
            return pair.Read.WrittenCount == 0 && pair.Server.State is ChannelState.Failed or ChannelState.Open;
        }
    }

    // The most rekeys between two parts that are not empty.
    private static int Row(Case c)
    {
        int row = 0, longest = 0;
        for (int i = 0; i < c.Parts.Length; i++)
        {
            row = (c.Parts[i].Length > 0 ? 0 : row) + (c.Rekeys.Length > 0 ? c.Rekeys[i % c.Rekeys.Length] : 0);
            longest = Math.Max(longest, row);
        }

        return longest;
    }

    private static bool IsRow(int row, int from, int to) => row >= Limits.MaxIdleRecords + from && row <= Limits.MaxIdleRecords + to;

    private static byte[] Length(int length) => [(byte)(length >> 8), (byte)length];

    private static int Said(byte[] octets) => (octets[0] << 8) | octets[1];

    private static bool ComesOut(Case c, Suite suite, int loses = 0)
    {
        using var pair = new Pair(SuiteRegistry.Default[c.Suite], suite);
        for (int i = 0; i < c.Parts.Length; i++)
        {
            int rekeys = c.Rekeys.Length > 0 ? c.Rekeys[i % c.Rekeys.Length] : 0;
            pair.Client.Send(c.Parts[i], pair.ToServer);
            for (int r = 0; r < rekeys; r++)
            {
                pair.Client.Rekey(pair.ToServer);
            }
        }

        var stream = Pair.Taken(pair.ToServer);
        Deliver(pair, stream[..Math.Max(0, stream.Length - loses)], c.Pieces);

        // A row of more than MaxIdleRecords rekeys is a failure by [BP-7.4-5].
        return Row(c) > Limits.MaxIdleRecords
            ? pair.Server.State == ChannelState.Failed
            : pair.Server.State == ChannelState.Open && pair.ToClient.WrittenCount == 0
                && pair.Read.WrittenSpan.SequenceEqual(c.Parts.SelectMany(p => p).ToArray());
    }

    private static void Deliver(Pair pair, byte[] stream, int[] pieces)
    {
        foreach (var piece in Generate.Cut(stream, pieces))
        {
            pair.Server.Receive(piece, pair.Read, pair.ToClient);
        }
    }

    // ---------------------------------------------------------------- faults

    /// <summary>The recipient does not go on to the next keys.</summary>
    private static FaultyServerSuite Forgetful(Suite real)
    {
        var first = new List<byte[]>();
        return new FaultyServerSuite(real)
        {
            Protects = secret =>
            {
                first.Add(secret);
                return real.Protect(first[Math.Min(first.Count - 1, 1)]);
            },
        };
    }

    /// <summary>Records are neither encrypted nor verified, and a tag is one octet, so that any octets may be one.</summary>
    private static FaultyServerSuite Unprotected(Suite real) => new(real)
    {
        Protects = secret => new FaultyServerProtection(real.Protect(secret)) { CutTag = 1, Seals = (_, _, _) => { }, Opens = Opens },
    };

    // The last octet before the tag becomes the type of data.
    private static bool Opens(RecordProtection real, ulong seq, Span<byte> record)
    {
        if (seq > 0 && record.Length > 4)
        {
            record[^2] = (byte)RecordType.Data;
        }

        return true;
    }

    private sealed record Case(int Suite, byte[][] Parts, int[] Rekeys, int[] Pieces)
    {
        public override string ToString() =>
            new StringBuilder($"{SuiteRegistry.Default[Suite]}, parts of ").AppendJoin(',', Parts.Select(p => p.Length)).Append(", rekeys ")
                .AppendJoin(',', Rekeys).Append(", pieces of ").AppendJoin(',', Pieces).ToString();
    }
}
