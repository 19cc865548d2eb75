using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Tests.Conformance.Faulty;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property.Records;

/// <summary>Keys and nonces of whole sessions: under one traffic secret no number comes twice, and no traffic secret does.</summary>
public class NonceProperties
{
    private static readonly Gen<(int Suite, int[] Sends)> Sessions =
        from suite in Gen.Choose(0, SuiteRegistry.Default.Count - 1)
        from sends in Gen.Frequency((4, Gen.Choose(0, 600)), (2, Gen.Elements(-1, -2)), (1, Gen.Choose(16384, 40000))).NonEmptyListOf()
        select (suite, sends.ToArray());

    private static readonly Cover<(int Suite, int[] Sends)>[] Covers =
    [
        .. Cover.Each<(int Suite, int[] Sends), Suite>(8, SuiteRegistry.Default, s => SuiteRegistry.Default[s.Suite]),
        new(20, "the client rekeys", s => s.Sends.Contains(-1)),
        new(20, "the server rekeys", s => s.Sends.Contains(-2)),
        new(10, "both rekey one after the other", s => s.Sends.Zip(s.Sends.Skip(1)).Any(p => p is (-1, -2) or (-2, -1))),
        new(20, "several records at once", s => s.Sends.Any(n => n > 16384)),
    ];

    [Fact]
    public void No_two_records_of_a_session_share_key_and_nonce() // [BP-7.2-1], [BP-7.3-1], [BP-6.2-2], [BP-7.6-4]
    {
        Always.Holds(Sessions, Covers, s => AreOnce(s.Sends, SuiteRegistry.Default[s.Suite], seq => seq));
        Always.Bites(Sessions, s => AreOnce(s.Sends, SuiteRegistry.Default[s.Suite], seq => seq & 1));
    }

    [Fact]
    public void Records_under_one_secret_stay_within_the_limit() // [BP-7.6-1], [BP-7.6-2], [BP-7.6-3]
    {
        Always.Holds(Sessions, Covers, s => StaysWithin(s.Sends, SuiteRegistry.Default[s.Suite], 100));
        Always.Bites(Sessions, s => StaysWithin(s.Sends, SuiteRegistry.Default[s.Suite], long.MaxValue));
    }

    private static bool AreOnce(int[] sends, Suite real, Func<ulong, ulong> number)
    {
        var used = new HashSet<(string Secret, ulong Number)>();
        var secrets = new List<string>();
        bool once = true;
        var suite = new FaultyServerSuite(real)
        {
            Protects = secret =>
            {
                var name = Convert.ToHexString(secret);
                secrets.Add(name);
                return new FaultyServerProtection(real.Protect(secret))
                {
                    Seals = (p, seq, record) =>
                    {
                        once &= used.Add((name, number(seq)));
                        p.Seal(seq, record);
                    },
                };
            },
        };
        using var pair = new Pair(suite);
        Talk(pair, sends);

        // Each secret is made twice, by its sender and its recipient, and no more often.
        return once && pair.Server.State == ChannelState.Open && secrets.GroupBy(s => s).All(g => g.Count() <= 2);
    }

    // The sender has the real rule with a small limit, or none; the recipient counts by the same small limit.
    private static bool StaysWithin(int[] sends, Suite real, long budget)
    {
        using var pair = new Pair(Limited(real, budget), Limited(real, 100));
        Talk(pair, sends);
        return pair.Server.State == ChannelState.Open;

        static FaultyServerSuite Limited(Suite real, long budget) =>
            new(real) { Protects = secret => new LimitedProtection(real.Protect(secret), budget) };
    }

    // -1 is a rekey of the client's, -2 one of the server's, all else data both ways.
    private static void Talk(Pair pair, int[] sends)
    {
        foreach (int send in sends)
        {
            switch (send)
            {
                case -1:
                    pair.Client.Rekey(pair.ToServer);
                    break;
                case -2:
                    pair.Server.Rekey(pair.ToClient);
                    break;
                default:
                    for (int i = 0; i < 15; i++)
                    {
                        pair.Client.Send(new byte[send + 1], pair.ToServer);
                    }

                    pair.Server.Send(new byte[send + 1], pair.ToClient);
                    break;
            }
        }

        pair.Server.Receive(Pair.Taken(pair.ToServer), pair.Read, pair.ToClient);
        pair.Client.Receive(Pair.Taken(pair.ToClient), pair.Read, pair.ToServer);
    }

    /// <summary>The real protection with a budget of a few records.</summary>
    private sealed class LimitedProtection(RecordProtection real, long budget) : RecordProtection
    {
        public override int TagLength => real.TagLength;

        public override long Budget => budget;

        public override long Cost(int innerLength) => 20;

        public override void Seal(ulong seq, Span<byte> record) => real.Seal(seq, record);

        public override bool Open(ulong seq, Span<byte> record) => real.Open(seq, record);

        public override void Dispose() => real.Dispose();
    }
}
