using System.Net.Sockets;
using BlackPony.Conformance;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Reference.Policy;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>What becomes of a case: the verdict, the requirement that is reported, and what runs alone.</summary>
public class CaseRunnerTests
{
    private static readonly RunOptions Options = new(TimeSpan.FromSeconds(30), 4);

    [Fact]
    public async Task An_error_of_the_suite_is_no_pass_and_fails_the_gate()
    {
        var result = await JudgeAsync(_ => throw new InvalidOperationException("of the suite's own"));
        Assert.Equal((Verdict.Error, null, "InvalidOperationException: of the suite's own"),
            (result.Verdict, result.Violated, result.Detail));
        Assert.Equal([result], new Baseline([]).Unexpected([result], strict: false));
        Assert.Empty(new Baseline(["S-1"]).Stale([result]));
    }

    [Fact]
    public async Task A_case_that_is_cancelled_by_something_else_than_its_patience_is_an_error_of_the_suite() =>
        Assert.Equal("OperationCanceledException: not by the patience",
            (await JudgeAsync(_ => throw new OperationCanceledException("not by the patience"))).Detail);

    [Fact]
    public async Task A_failure_reports_the_requirement_of_the_check_and_else_the_first_of_the_case()
    {
        Assert.Equal((Verdict.Fail, "BP-3"), Short(await JudgeAsync(_ => throw new CaseFailedException("no", "BP-3"))));
        Assert.Equal((Verdict.Fail, "BP-1"), Short(await JudgeAsync(_ => throw new CaseFailedException("no"))));
        Assert.Equal((Verdict.Fail, "BP-1"), Short(await JudgeAsync(_ => throw new SocketException())));
        Assert.Equal((Verdict.Fail, "BP-1"), Short(await JudgeAsync(_ => throw new IOException())));
        Assert.Equal((Verdict.Warn, "BP-3"), Short(await JudgeAsync(_ => throw new CaseFailedException("no", "BP-3"), Level.Should)));
        Assert.Equal((Verdict.Warn, "BP-3"),
            Short(await JudgeAsync(_ => throw new CaseFailedException("no", "BP-3") { IsWarning = true })));
        Assert.Equal((Verdict.NotApplicable, null), Short(await JudgeAsync(_ => throw new NotApplicableException("no"))));
        Assert.Equal((Verdict.Pass, null), Short(await JudgeAsync(_ => Task.CompletedTask)));
    }

    [Fact]
    public async Task A_case_without_an_answer_is_run_again_and_passes_where_it_has_one()
    {
        int runs = 0;
        var result = await JudgeAsync(p => ++runs == 1 ? p.ProbeConnection.ReplyAsync() : Task.CompletedTask, options: Hasty);
        Assert.Equal((Verdict.Pass, null, 2), (result.Verdict, result.Violated, runs));
    }

    [Fact]
    public async Task A_case_that_has_no_answer_alone_either_is_no_verdict_on_the_port()
    {
        int runs = 0;
        var result = await JudgeAsync(
            p =>
            {
                runs++;
                return p.ProbeConnection.ReplyAsync();
            },
            options: Hasty);
        Assert.Equal((Verdict.Error, null, 2), (result.Verdict, result.Violated, runs));
        Assert.StartsWith("No answer within 0.3 s", result.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_silence_that_the_requirement_forbids_is_a_violation_when_the_case_was_alone()
    {
        int runs = 0;
        var violation = new CaseFailedException("It never ends.", "BP-2") { IsSilence = true };
        Assert.Equal((Verdict.Fail, "BP-2"),
            Short(await JudgeAsync(_ => ++runs <= 2 ? throw violation : Task.CompletedTask, options: Hasty)));
        Assert.Equal(2, runs);
        runs = 0;
        Assert.Equal((Verdict.Pass, null),
            Short(await JudgeAsync(_ => ++runs == 1 ? throw violation : Task.CompletedTask, options: Hasty)));
    }

    [Fact]
    public async Task A_target_that_hangs_at_every_case_is_not_waited_for_at_every_case_again()
    {
        int runs = 0;
        await using var target = new Target();
        var cases = Enumerable.Range(1, 6).Select(i => Case($"S-{i}", p =>
        {
            Interlocked.Increment(ref runs);
            return p.ProbeConnection.ReplyAsync();
        })).ToList();
        var done = new List<CaseResult>();
        var results = await CaseRunner.RunAsync(target, cases, Hasty with { MostSilent = 2, Done = r => { lock (done) { done.Add(r); } } });
        Assert.Equal(8, runs);
        Assert.All(results, r => Assert.Equal((Verdict.Error, null), (r.Verdict, r.Violated)));
        Assert.All(results.Skip(2), r => Assert.Contains("2 other cases had no answer either", r.Detail, StringComparison.Ordinal));
        Assert.Equal(results, done);
    }

    [Fact]
    public async Task Each_octet_of_progress_renews_the_patience()
    {
        var time = new VirtualTime();
        using var patience = new CaseTimeout(TimeSpan.FromSeconds(10), time);
        using var listener = new TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient();
        await client.ConnectAsync(System.Net.IPAddress.Loopback, ((System.Net.IPEndPoint)listener.LocalEndpoint).Port,
            TestContext.Current.CancellationToken);
        await using var wire = new ProbeConnection(await listener.AcceptSocketAsync(TestContext.Current.CancellationToken),
            Reference.Role.Server, new Transcript(), patience);
        client.NoDelay = true;
        foreach (var text in (string[])["N", "O", "OP\r\n"])
        {
            // A new receive begins only when the octets of the one before have come.
            time.Advance(TimeSpan.FromSeconds(9));
            await client.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(text), TestContext.Current.CancellationToken);
            Assert.Equal(text, System.Text.Encoding.ASCII.GetString(await wire.OctetsAsync(text.Length)));
        }

        var end = wire.LineAsync();
        time.Advance(TimeSpan.FromSeconds(9));
        Assert.False(end.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(1));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => end);
    }

    [Fact]
    public async Task Cases_that_share_a_backend_or_are_much_work_run_alone_and_the_others_side_by_side()
    {
        await using var target = new Target();
        int running = 0, pair = 0;
        var both = new TaskCompletionSource();
        var overlaps = new List<string>();
        var cases = new List<Case<ServerProbe>>();
        foreach (var id in (string[])["S-1", "S-2"])
        {
            // Each ends only when the other has begun.
            cases.Add(Case(id, async _ =>
            {
                Interlocked.Increment(ref running);
                if (Interlocked.Increment(ref pair) == 2)
                {
                    both.SetResult();
                }

                await both.Task;
                Interlocked.Decrement(ref running);
            }));
        }

        foreach (var id in (string[])["S-3", "S-4", "S-5", "S-6"])
        {
            var test = Case(id, async _ =>
            {
                Interlocked.Increment(ref running);
                for (int i = 0; i < 20_000; i++)
                {
                    await Task.Yield();
                    if (Volatile.Read(ref running) > 1)
                    {
                        lock (overlaps)
                        {
                            overlaps.Add(id);
                        }
                    }
                }

                Interlocked.Decrement(ref running);
            });
            cases.Insert(0, id is "S-3" or "S-4" ? test with { Needs = Needs.Backend } : test with { RunsAlone = true });
        }

        AllPass(await CaseRunner.RunAsync(target, cases, Options));
        Assert.Empty(overlaps.Distinct());
        Assert.Equal(2, pair);
    }

    [Theory]
    [InlineData(ClientPolicy.Opportunistic, "VRFY x", "BP-9.3-1")]
    [InlineData(ClientPolicy.Opportunistic, "AUTH PLAIN", "BP-9.3-1")]
    [InlineData(ClientPolicy.Opportunistic, "NOOP", null)]
    [InlineData(ClientPolicy.Required, "MAIL FROM:<a@client.test>", "BP-9.1-2")]
    [InlineData(ClientPolicy.Remembered, "DATA", null)]
    public async Task Mail_in_plaintext_fails_every_case_even_one_that_looks_at_something_else(ClientPolicy policy, string line,
        string? violated)
    {
        // A mail command is allowed where no upgrade is asked for, unless the policy forbids it.
        var lines = violated == "BP-9.3-1" || line == "NOOP" ? $"{line}\r\nXBLACKPONY V1 X AAAA\r\n" : $"{line}\r\n";
        var test = new Case<ClientProbe>("C-1", "One that looks at nothing",
            Level.Must, Profile.Core, "BP-1", async p =>
        {
            p.Next = p.Next with { Policy = policy };
            var wire = await p.ConnectAsync();
            await wire.DrainAsync();
            await p.EndAsync();
        });
        var result = (await CaseRunner.RunAsync(new Talker(lines), [test], Options))[0];
        Assert.Equal((violated is null ? Verdict.Pass : Verdict.Fail, violated), Short(result));
    }

    private static RunOptions Hasty { get; } = new(TimeSpan.FromMilliseconds(100), 4) { Longer = 3 };

    private static (Verdict, string?) Short(CaseResult result) => (result.Verdict, result.Violated);

    private static void AllPass(IReadOnlyList<CaseResult> results) =>
        Assert.Empty(results.Where(r => r.Verdict != Verdict.Pass).Select(r => $"{r.Case.Id}: {r.Detail}"));

    private static Case<ServerProbe> Case(string id, Func<ServerProbe, Task> run, Level level = Level.Must) =>
        new(id, "A case", level, Profile.Core, "BP-1 BP-2", run);

    private static async Task<CaseResult> JudgeAsync(Func<ServerProbe, Task> run, Level level = Level.Must, RunOptions? options = null)
    {
        await using var target = new Target();
        return Assert.Single(await CaseRunner.RunAsync(target, [Case("S-1", run, level)], options ?? Options));
    }

    // A server that greets and says no more, with a backend that all cases share.
    private sealed class Target : ServerTarget
    {
        private readonly MailSink _sink = new() { Answer = (_, _) => "" };

        public override string Name => "a target";

        public override bool SharesBackend => true;

        public override Task<ServerPlace> TakeAsync(Needs needs, CancellationToken cancel) =>
            Task.FromResult(new ServerPlace("127.0.0.1", _sink.Port, _sink, () => ValueTask.CompletedTask));

        public override ValueTask DisposeAsync() => _sink.DisposeAsync();
    }

    // A client that says what it was given and ends.
    private sealed class Talker(string text) : ClientTarget
    {
        public override string Name => "a talker";

        public override Needs Can => Needs.Nothing;

        public override async Task<Outcome> DeliverAsync(Delivery delivery, CancellationToken cancel)
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", delivery.Port, cancel);
            await client.GetStream().WriteAsync(System.Text.Encoding.Latin1.GetBytes(text), cancel);
            return new Outcome(false, "");
        }
    }
}
