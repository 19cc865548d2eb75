using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Targets;

namespace BlackPony.Tests.Conformance;

/// <summary>The suite against the reference, both roles.</summary>
public class ReferencePassesTests
{
    private static readonly RunOptions Options = new(TimeSpan.FromSeconds(60), 4);

    [Fact]
    public async Task The_reference_server_passes_every_case()
    {
        await using var server = new EmbeddedServer();
        AllPassed(await CaseRunner.RunAsync(server, ServerCases.All, Options));
    }

    [Fact]
    public async Task The_reference_client_passes_every_case() =>
        AllPassed(await CaseRunner.RunAsync(new EmbeddedMailer(), ClientCases.All, Options));

    [Fact]
    public async Task A_mail_server_without_BlackPony_fails_and_the_suite_does_not()
    {
        await using var sink = new MailSink();
        await using var target = new RemoteServer("127.0.0.1", sink.Port, 0, new Dictionary<string, TimeSpan>());
        var results = await CaseRunner.RunAsync(target, ServerCases.All, Options with { Timeout = TimeSpan.FromSeconds(5) });
        Assert.Contains(results, r => r is { Case.Id: "S-4.1-1", Verdict: Verdict.Fail });
        Assert.DoesNotContain(results, r => r.Verdict == Verdict.Error);
    }

    [Fact]
    public void Cases_that_protect_megabytes_or_look_at_the_session_before_run_alone() =>
        Assert.Equal(["S-5.4-12", "S-7.6-5", "S-7.6-6", "C-7.6-2", "C-7.6-3"],
            ServerCases.All.Where(c => c.RunsAlone).Select(c => c.Id).Concat(ClientCases.All.Where(c => c.RunsAlone).Select(c => c.Id)));

    [Fact]
    public void Ids_are_unique_and_every_cited_requirement_stands_in_the_specification()
    {
        var cases = ServerCases.All.Select(c => c.Info).Concat(ClientCases.All.Select(c => c.Info)).ToList();
        Assert.Equal(cases.Count, cases.Select(c => c.Id).Distinct().Count());
        Assert.All(
            cases, c =>
                Assert.All(c.Requirements,
                    r => Assert.True(BlackPony.Conformance.Specification.BlackPony.Requirements.ContainsKey(r), $"{c.Id} cites {r}")));
    }

    private static void AllPassed(IReadOnlyList<CaseResult> results) =>
        Assert.Empty(results.Where(r => r.Verdict != Verdict.Pass).Select(r => $"{r.Case.Id} {r.Verdict}: {r.Detail}\n{r.Transcript}"));
}
