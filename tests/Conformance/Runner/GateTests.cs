using BlackPony.Conformance;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>Which cases are run, which failures a gate expects, and what a finding shows of octets.</summary>
public class GateTests
{
    private static readonly IReadOnlyList<Case<object>> Cases =
    [
        Case("S-4.2-1", Profile.Core, "BP-4.2-1 BP-4.2-2"), Case("S-4.2-10", Profile.Core, "BP-4.2-3"),
        Case("S-5.4-1", Profile.Classic, "BP-5.4-1"), Case("S-14.2-1", Profile.Manual, "BP-14.2-1"),
        Case("S-8.1-1", Profile.Timeouts, "BP-8.1-1"), Case("S-5.5-1", Profile.Hybrid, "BP-5.5-1"),
    ];

    [Theory]
    [InlineData("", "", "S-4.2-1 S-4.2-10 S-5.4-1 S-14.2-1 S-5.5-1")]
    [InlineData("S-4.2-1", "", "S-4.2-1")]
    [InlineData("s-4.2-*", "", "S-4.2-1 S-4.2-10")]
    [InlineData("S-4.2-?", "", "S-4.2-1")]
    [InlineData("4.2", "", "S-4.2-1 S-4.2-10")]
    [InlineData("4", "", "S-4.2-1 S-4.2-10")]
    [InlineData("BP-4.2-2 5.4", "", "S-4.2-1 S-5.4-1")]
    [InlineData("4.2", "BP-4.2-3", "S-4.2-1")]
    [InlineData("", "4 5", "S-14.2-1")]
    [InlineData("4x2", "", "")]
    public void Cases_are_selected_by_globs_over_ids_sections_and_requirements(string select, string exclude, string ids) =>
        Assert.Equal(ids, Ids(new Selection { Select = Words(select), Exclude = Words(exclude) }));

    [Fact]
    public void Cases_are_selected_by_their_profiles_and_in_shards()
    {
        Assert.Equal("S-8.1-1", Ids(new Selection { Profiles = [Profile.Timeouts] }));
        Assert.Equal("S-4.2-1 S-5.4-1 S-5.5-1", Ids(new Selection { Shards = 2 }));
        Assert.Equal("S-4.2-10 S-14.2-1", Ids(new Selection { Shard = 2, Shards = 2 }));
    }

    [Fact]
    public void Globs_that_fit_no_case_are_found() => Assert.Equal(["x", "9"],
        new Selection { Select = ["4.2", "x"], Exclude = ["9", "5"] }.Unknown([.. Cases.Select(c => c.Info)]));

    [Fact]
    public void A_baseline_is_an_id_a_line()
    {
        var baseline = Baseline.Parse("# expected\n\nS-4.2-1  # a title\r\n S-9\nS-4.2-1\n");
        Assert.Equal(["S-4.2-1", "S-9"], baseline.Ids);
        Assert.Equal(["S-9"], baseline.Unknown(Cases.Select(c => c.Info)));
    }

    [Theory]
    [InlineData(Verdict.Pass, false, false)]
    [InlineData(Verdict.NotApplicable, false, false)]
    [InlineData(Verdict.Fail, true, true)]
    [InlineData(Verdict.Error, true, true)]
    [InlineData(Verdict.Warn, false, true)]
    public void A_gate_fails_by_a_failure_or_an_error_that_is_not_listed_and_by_a_warning_if_it_is_strict(
        Verdict verdict, bool fails, bool failsStrictly)
    {
        var result = new CaseResult(Cases[0].Info, verdict, "", null, "", "", TimeSpan.Zero);
        foreach (var (strict, expected) in (List<(bool, bool)>)[(false, fails), (true, failsStrictly)])
        {
            Assert.Equal(expected ? [result] : [], new Baseline(["S-5.4-1"]).Unexpected([result], strict));
            Assert.Empty(new Baseline(["S-4.2-1"]).Unexpected([result], strict));
            var written = Baseline.Write([result], strict).Split('\n');
            Assert.StartsWith("# Expected failures", written[0], StringComparison.Ordinal);
            Assert.Equal(expected ? ["S-4.2-1  # S-4.2-1's title", ""] : [""], written[1..]);
        }

        Assert.Equal(verdict == Verdict.Pass ? [result] : [], new Baseline(["S-4.2-1"]).Stale([result]));
        Assert.Empty(new Baseline(["S-5.4-1"]).Stale([result]));
    }

    [Fact]
    public void Octets_are_shown_escaped_and_not_too_long()
    {
        byte[] octets = [(byte)'a', (byte)' ', (byte)'\\', (byte)'~', 13, 10, 0, 31, 127, 255];
        Assert.Equal("\"a \\x5C~\\r\\n\\x00\\x1F\\x7F\\xFF\"", Expect.Show(octets));
        Assert.Equal($"\"{new string('a', 100)}\"", Expect.Show(new string('a', 100)));
        Assert.Equal($"\"{new string('a', 100)}…\"", Expect.Show(new string('a', 101)));
        Assert.Equal("\"ab…\"", Expect.Show("abc"u8, 2));
    }

    [Fact]
    public void A_keyword_is_looked_for_behind_the_first_line_of_an_EHLO_reply()
    {
        var reply = new ReplyReader().Read("250-SIZE x\r\n250-XBLACKPONY V1\r\n250 8bitmime\r\n"u8, out _)!;
        Assert.Equal(["SIZE x", "XBLACKPONY V1", "8bitmime"], reply.Texts());
        Assert.Equal((false, true, true, false), (reply.HasKeyword("SIZE"), reply.HasKeyword("xblackpony"), reply.HasKeyword("8BITMIME"),
            reply.HasKeyword("XBLACK")));
    }

    [Fact]
    public void What_does_not_hold_is_a_finding_with_its_requirement()
    {
        Expect.That(true, "no");
        var failed = Assert.Throws<CaseFailedException>(() => Expect.That(false, "finding", "BP-1"));
        Assert.Equal(("finding", "BP-1", false), (failed.Message, failed.Requirement, failed.IsSilence));
    }

    [Theory]
    [InlineData(Needs.Mailer, "Only for a mailer, which speaks SMTP on its standard input and output (--mailer).")]
    [InlineData(Needs.Policy, "The command has no {policy}: add it.")]
    [InlineData(Needs.Suites, "The command has no {suites}: add it.")]
    [InlineData(Needs.Timeouts, "The target declares no time-outs: give --timeouts.")]
    public async Task A_case_whose_needs_are_not_met_does_not_apply_and_says_what_is_missing(Needs needs, string missing)
    {
        var test = ClientCase("C-1", _ => Task.CompletedTask) with { Needs = needs };
        var result = Assert.Single(await CaseRunner.RunAsync(new Client(Needs.Nothing), [test], Options));
        Assert.Equal((Verdict.NotApplicable, missing, null), (result.Verdict, result.Detail, result.Violated));
        Assert.Equal(Verdict.Pass, Assert.Single(await CaseRunner.RunAsync(new Client(needs), [test], Options)).Verdict);
    }

    [Fact]
    public async Task Each_case_runs_once_and_is_reported_once_with_its_transcript()
    {
        int runs = 0;
        var done = new List<CaseResult>();
        var cases = Enumerable.Range(1, 3).Select(i => ClientCase($"C-{i}", _ =>
        {
            Interlocked.Increment(ref runs);
            return i == 2 ? throw new IOException("reset") : i == 3 ? throw new CaseFailedException("finding") : Task.CompletedTask;
        })).ToList();
        var results = await CaseRunner.RunAsync(new Client(Needs.Nothing), cases, Options with
        {
            Done = r =>
            {
                lock (done)
                {
                    done.Add(r);
                }
            },
        });
        Assert.Equal(3, runs);
        Assert.Equal(results, done.OrderBy(r => r.Case.Id));
        Assert.Equal([(Verdict.Pass, ""), (Verdict.Fail, "The target closed the connection while the suite was writing to it (reset)."),
            (Verdict.Fail, "finding")], results.Select(r => (r.Verdict, r.Detail)));
        Assert.Contains("C-1 A case", results[0].Transcript, StringComparison.Ordinal);
        Assert.Equal((4, 3), (Options.Longer, Options.MostSilent));
    }

    [Fact]
    public async Task A_case_that_goes_on_for_ever_is_ended_and_no_verdict()
    {
        var never = new TaskCompletionSource();
        var results = await CaseRunner.RunAsync(new Client(Needs.Nothing), [ClientCase("C-1", _ => never.Task)],
            new RunOptions(TimeSpan.FromMilliseconds(10), 4) { MostSilent = 0 });
        Assert.Equal((Verdict.Error, null), (results[0].Verdict, results[0].Violated));
        Assert.StartsWith("No end within 0.3 s, although octets kept coming. It was not run again: 0 other cases", results[0].Detail,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cases_with_backends_of_their_own_run_side_by_side()
    {
        await using var target = new Server();
        var (first, second) = (new TaskCompletionSource(), new TaskCompletionSource());
        Case<ServerProbe> Pair(string id, TaskCompletionSource own, TaskCompletionSource other) => new(id, "A case", Level.Must,
            Profile.Core, "BP-1", _ =>
            {
                own.SetResult();
                return other.Task;
            })
        {
            Needs = Needs.Backend,
        };
        var results = await CaseRunner.RunAsync(target, [Pair("S-1", first, second), Pair("S-2", second, first)], Options);
        Assert.All(results, r => Assert.Equal((Verdict.Pass, ""), (r.Verdict, r.Detail)));
    }

    [Fact]
    public void A_time_out_of_the_targets_own_comes_on_top_and_what_is_waited_for_is_named()
    {
        var time = new VirtualTime();
        using var timeout = new CaseTimeout(TimeSpan.FromSeconds(10), time);
        Assert.Equal("No answer within 10 s, and the connection is open. The suite waited for this: the target's first step.",
            timeout.ToString());
        timeout.WaitsFor("a reply");
        Assert.EndsWith("The suite waited for this: a reply.", timeout.ToString(), StringComparison.Ordinal);
        timeout.Renew(TimeSpan.FromSeconds(5));
        time.Advance(TimeSpan.FromSeconds(14));
        Assert.False(timeout.Token.IsCancellationRequested);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(timeout.Token.IsCancellationRequested);
    }

    [Theory]
    [InlineData(5, 5)]
    [InlineData(15, 10)]
    public void A_shortened_timeout_ends_early_and_a_renewed_one_does_not(int asked, int seconds)
    {
        var time = new VirtualTime();
        using var timeout = new CaseTimeout(TimeSpan.FromSeconds(10), time);
        timeout.Shorten(TimeSpan.FromSeconds(asked));
        time.Advance(TimeSpan.FromSeconds(seconds - 1));
        Assert.False(timeout.Token.IsCancellationRequested);
        timeout.Renew();
        time.Advance(TimeSpan.FromSeconds(9));
        Assert.False(timeout.Token.IsCancellationRequested);
        timeout.Shorten(TimeSpan.FromSeconds(asked));
        time.Advance(TimeSpan.FromSeconds(seconds));
        Assert.True(timeout.Token.IsCancellationRequested);
    }

    private static RunOptions Options { get; } = new(TimeSpan.FromSeconds(30), 4);

    private static Case<ClientProbe> ClientCase(string id, Func<ClientProbe, Task> run) =>
        new(id, "A case", Level.Must, Profile.Core, "BP-1", run);

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static string Ids(Selection selection) => string.Join(' ', selection.From(Cases).Select(c => c.Id));

    private static Case<object> Case(string id, Profile profile, string requirements) =>
        new(id, id + "'s title", Level.Must, profile, requirements, _ => Task.CompletedTask);

    // It delivers nothing: the cases ask for nothing.
    private sealed class Client(Needs can) : ClientTarget
    {
        public override string Name => "a client";

        public override Needs Can => can;

        public override Task<Outcome> DeliverAsync(Delivery delivery, CancellationToken cancel) => throw new InvalidOperationException();
    }

    // Its cases have backends of their own.
    private sealed class Server : ServerTarget
    {
        private readonly MailSink _sink = new();

        public override string Name => "a server";

        public override Task<ServerPlace> TakeAsync(Needs needs, CancellationToken cancel) =>
            Task.FromResult(new ServerPlace("127.0.0.1", _sink.Port, _sink, () => ValueTask.CompletedTask));

        public override ValueTask DisposeAsync() => _sink.DisposeAsync();
    }
}
