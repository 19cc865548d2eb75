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
        from parts in Gen.Frequency((5, Generate.Octets), (1, Gen.Choose(16000, 40000).Select(n => new byte[n])), (1, Gen.Constant<byte[]>([]))).ListOf()
        from rekeys in Gen.Frequency((6, Gen.Choose(0, 3)), (1, Gen.Choose(Limits.MaxIdleRecords - 2, Limits.MaxIdleRecords + 2))).ListOf()
        from pieces in Generate.Pieces
        select new Case(suite, [.. parts], [.. rekeys], pieces);

    [Fact]
    public void Any_split_any_size_and_any_rekey_lose_nothing() // [BP-7.1-1], [BP-7.1-6], [BP-7.1-7], [BP-7.4-4], [BP-7.4-5], [BP-7.5-2], [BP-7.6-4], [BP-7.6-5]
    {
        Always.Holds(Cases, c => ComesOut(c, SuiteRegistry.Default[c.Suite]));
        Always.Bites(Cases, c => ComesOut(c, Forgetful(SuiteRegistry.Default[c.Suite])));
        Always.Bites(Cases, c => ComesOut(c with { Pieces = [int.MaxValue] }, SuiteRegistry.Default[c.Suite], loses: 1));
    }

    [Fact]
    public void Any_hostile_octets_end_in_failure_or_wait_and_get_nothing_out() // [BP-7.1-2], [BP-7.1-3], [BP-7.1-8], [BP-8.3-5]
    {
        var cases = from suite in Gen.Choose(0, SuiteRegistry.Default.Count - 1) from octets in Generate.Octets from pieces in Generate.Pieces select new Case(suite, [octets], [], pieces);
        Always.Holds(cases, c => GetsNothing(c, SuiteRegistry.Default[c.Suite]));
        Always.Bites(cases, c => GetsNothing(c, Unprotected(SuiteRegistry.Default[c.Suite])), 2000);

        static bool GetsNothing(Case c, Suite suite)
        {
            using var pair = new Pair(suite);
            Deliver(pair, c.Parts[0], c.Pieces);
            return pair.Read.WrittenCount == 0 && pair.Server.State is ChannelState.Failed or ChannelState.Open;
        }
    }

    private static bool ComesOut(Case c, Suite suite, int loses = 0)
    {
        using var pair = new Pair(SuiteRegistry.Default[c.Suite], suite);
        int row = 0, longest = 0;
        for (int i = 0; i < c.Parts.Length; i++)
        {
            int rekeys = c.Rekeys.Length > 0 ? c.Rekeys[i % c.Rekeys.Length] : 0;
            pair.Client.Send(c.Parts[i], pair.ToServer);
            for (int r = 0; r < rekeys; r++)
            {
                pair.Client.Rekey(pair.ToServer);
            }

            row = (c.Parts[i].Length > 0 ? 0 : row) + rekeys;
            longest = Math.Max(longest, row);
        }

        var stream = Pair.Taken(pair.ToServer);
        Deliver(pair, stream[..Math.Max(0, stream.Length - loses)], c.Pieces);

        // A row of more than MaxIdleRecords rekeys is a failure by [BP-7.4-5].
        return longest > Limits.MaxIdleRecords
            ? pair.Server.State == ChannelState.Failed
            : pair.Server.State == ChannelState.Open && pair.ToClient.WrittenCount == 0 && pair.Read.WrittenSpan.SequenceEqual(c.Parts.SelectMany(p => p).ToArray());
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
            new StringBuilder($"{SuiteRegistry.Default[Suite]}, parts of ").AppendJoin(',', Parts.Select(p => p.Length)).Append(", rekeys ").AppendJoin(',', Rekeys).Append(", pieces of ").AppendJoin(',', Pieces).ToString();
    }
}
