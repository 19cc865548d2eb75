using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Reports;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>What failures have in common: the cause with which to begin, and what it blocks.</summary>
public class CausesTests
{
    private const string Greeted = "S: 220 port.test\n", Offered = Greeted
        + "C: EHLO probe.test\nS: 250-port.test\nS: 250 XBLACKPONY V1 X25519-CHACHA20POLY1305\n";
    private const string Upgraded = Offered + "C: XBLACKPONY V1 X25519-CHACHA20POLY1305 AAAA\nS: 220 K=AAAA\n";

    [Fact]
    public void The_case_that_tests_the_step_is_the_cause_and_the_others_are_blocked_by_it()
    {
        var run = Run(
            Failed("S-7.1-1", Offered, "Sent \"XBLACKPONY V1 X25519-CHACHA20POLY1305 AbCdEf\", expected 220, got \"500 No\"."),
            Failed("S-4.3-1", Offered, "Sent \"XBLACKPONY V1 X25519MLKEM768-AES256GCM QqQqQq\", expected 220, got \"500 No\"."),
            Failed("S-8.1-1", Offered, "Sent \"XBLACKPONY V1 RSA-BLOWFISH Zz\", expected 220, got \"500 No\"."),
            Passed("S-4.1-1"));
        var cause = Assert.Single(run.Causes);
        Assert.Equal((Step.Upgrade, "S-4.3-1"), (cause.Step, cause.First.Case.Id));
        Assert.Equal(["S-7.1-1", "S-8.1-1"], cause.Blocked.Select(b => b.Case.Id));
        Assert.Equal([Verdict.Blocked, Verdict.Fail, Verdict.Blocked, Verdict.Pass], run.Results.Select(r => r.Verdict));
        Assert.Equal("S-4.3-1", run.Results[0].BlockedBy);
        Assert.Equal("1 failed, 2 blocked, 1 cause; begin with S-4.3-1.", run.Verdict);
    }

    [Fact]
    public void A_named_requirement_of_another_case_is_a_precondition_and_an_own_one_a_failure()
    {
        var run = Run(
            Failed("S-7.1-2", Upgraded, "It does verify with client and server keys swapped.", "BP-6.2-2"),
            Failed("S-6.2-1", Upgraded, "It does verify with client and server keys swapped.", "BP-6.2-2"),
            Failed("S-4.3-1", Upgraded, "It does verify with client and server keys swapped.", "BP-6.2-2"));
        // No case of these cites the requirement: the first stands for it.
        Assert.Equal("S-7.1-2", Assert.Single(run.Causes).First.Case.Id);
        Assert.Equal(2, run.Count(Verdict.Blocked));
        var own = ServerCases.All.First(c => c.Cites.Contains("BP-6.2-2")).Id;
        run = Run(Failed("S-7.1-2", Upgraded, "One text.", "BP-6.2-2"), Failed(own, Upgraded, "Another text.", "BP-6.2-2"));
        Assert.Equal(own, Assert.Single(run.Causes).First.Case.Id);
        Assert.Equal(own, run.Results[0].BlockedBy);
    }

    [Fact]
    public void Causes_come_in_the_order_of_their_steps_and_different_ones_stay_apart()
    {
        var run = Run(
            Failed("S-8.1-1", Upgraded + "S} finished 00\nS} data x\n",
                "After \"QUIT\" inside: expected a close record, got the end of the connection."),
            Failed("S-6.3-1", Upgraded, "After a record: expected a finished record, got a data record."),
            Failed("S-4.1-4", Greeted, "Sent \"EHLO x\", expected 250, got \"501 No\"."));
        Assert.Equal(["S-4.1-4", "S-6.3-1", "S-8.1-1"], run.Causes.Select(c => c.First.Case.Id));
        Assert.Equal([Step.Ehlo, Step.Finished, Step.Message], run.Causes.Select(c => c.Step));
        Assert.Equal("3 failed, 3 causes; begin with S-4.1-4.", run.Verdict);
    }

    [Fact]
    public void One_mistake_with_each_suite_is_one_cause()
    {
        string Salt(string suite) => $"After \"XBLACKPONY V1 {suite.ToUpperInvariant()} AA\": a record came that does not verify. It does "
            + $"verify with SHA-256 of {suite} as the salt (Section 6.2). It is record 0 under its traffic secret, with {suite}.";
        var run = Run(
            Failed("S-5.2-1", Upgraded, Salt("x25519-chacha20poly1305"), "BP-6.2-1"),
            Failed("S-5.3-1", Upgraded, Salt("x25519mlkem768-chacha20poly1305"), "BP-6.2-1"),
            Failed("S-5.4-1", Upgraded, Salt("rsa-blowfish"), "BP-6.2-1"));
        Assert.Single(run.Causes);
    }

    [Fact]
    public void The_end_by_a_reset_is_one_cause_wherever_it_comes()
    {
        const string Reset = "the connection ended with a reset (RST) instead of FIN, which discards octets in transit.";
        var run = Run(
            Failed("S-8.1-1", Upgraded + "S} finished 00\nS} data x\n", $"After \"QUIT\" inside: {Reset}", "BP-8.1-2"),
            Failed("S-4.4-1", Offered, $"After \"XBLACKPONY\": {Reset}", "BP-4.4-2"),
            Failed("S-8.3-1", Upgraded + "S} finished 00\n", $"After a record: {Reset}", "BP-8.3-1"));
        Assert.Equal("S-4.4-1", Assert.Single(run.Causes).First.Case.Id);
    }

    [Fact]
    public void Only_the_last_connection_says_how_far_it_came() =>
        Assert.Equal(Step.Greeting, Steps.Reached(TestRole.Server, Upgraded + "S} finished 00\n# connection 2\nS: 421 No\n"));

    [Theory]
    [InlineData("S: 220\n", Step.Ehlo)]
    [InlineData("S: 220 x\nC: EHLO c\nS: 250\n", Step.Offer)]
    [InlineData("S: 220-x\nS: 220 x\nC: EHLO c\nS: 250-x\nS: 250-XBLACKPONY V1\nS: 250\n", Step.Upgrade)]
    public void A_code_without_a_text_ends_a_reply_too(string transcript, Step step) =>
        Assert.Equal(step, Steps.Reached(TestRole.Server, transcript));

    [Theory]
    [InlineData("", Step.Connect)]
    [InlineData("S: 220 probe.test ESMTP\n", Step.Ehlo)]
    [InlineData("S: 220 probe.test ESMTP\nC: EHLO c\nS: 250-probe.test\nS: 250 XBLACKPONY V1\n", Step.Upgrade)]
    [InlineData("S: 220 probe.test ESMTP\nC: EHLO c\nS: 250 XBLACKPONY V1\nC: XBLACKPONY V1 X AA\nS: 220 K=AA\n", Step.Finished)]
    [InlineData("S: 220 x\nC: EHLO c\nS: 250 x\nC: XBLACKPONY V1 X AA\nS: 220 K=AA\nC} finished 00\n", Step.Inside)]
    public void A_clients_dialogue_ends_at_a_step_too(string transcript, Step step) =>
        Assert.Equal(step, Steps.Reached(TestRole.Client, transcript));

    [Fact]
    public void A_report_that_is_read_again_has_the_same_causes()
    {
        var run = Run(Failed("S-7.1-1", Offered, "Sent \"X\", expected 220, got \"500 No\"."),
            Failed("S-4.3-1", Offered, "Sent \"Y\", expected 220, got \"500 No\"."));
        var again = JsonReport.Read(JsonReport.Write(run));
        Assert.Equal(run.Verdict, again.Verdict);
        Assert.Equal("S-4.3-1", again.Results[0].BlockedBy);
        Assert.Equal(run.Causes.Select(c => (c.Step, c.First.Case.Id, c.Blocked.Count)),
            again.Causes.Select(c => (c.Step, c.First.Case.Id, c.Blocked.Count)));
    }

    [Fact]
    public void Blocked_cases_are_part_of_a_baseline_and_close_the_gate_without_it()
    {
        var run = Run(Failed("S-7.1-1", Offered, "Sent \"X\", expected 220, got \"500 No\"."),
            Failed("S-4.3-1", Offered, "Sent \"Y\", expected 220, got \"500 No\"."));
        var baseline = Baseline.Parse(Baseline.Write(run.Results, strict: false));
        Assert.Equal(["S-7.1-1", "S-4.3-1"], baseline.Ids);
        Assert.Empty(baseline.Unexpected(run.Results, strict: false));
        Assert.Equal(2, new Baseline([]).Unexpected(run.Results, strict: false).Count);
    }

    private static RunReport Run(params CaseResult[] results) => new RunReport("port", null, "seed", results, TimeSpan.FromSeconds(1))
        .Explained();

    private static CaseInfo Info(string id) => ServerCases.All.Single(c => c.Id == id).Info;

    private static CaseResult Passed(string id) => new(Info(id), Verdict.Pass, "", null, "", "", TimeSpan.Zero);

    private static CaseResult Failed(string id, string transcript, string detail, string? violated = null) =>
        new(Info(id), Verdict.Fail, detail, violated ?? Info(id).Requirements[0], "", transcript,
            TimeSpan.Zero) { NamesRequirement = violated is not null };
}
