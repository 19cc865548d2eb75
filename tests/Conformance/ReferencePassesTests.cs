using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;

namespace BlackPony.Tests.Conformance;

/// <summary>The suite against the reference, both roles, and against broken ports, which it must find.</summary>
public class ReferencePassesTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task The_reference_server_passes_every_case()
    {
        await using var server = new EmbeddedServer();
        AllPassed(await CaseRunner.RunAsync(ServerCases.All, c => ServerProbe.ConnectAsync("127.0.0.1", server.Port, c), Patience, 4));
    }

    [Fact]
    public async Task The_reference_client_passes_every_case()
    {
        var client = new EmbeddedMailer();
        AllPassed(await CaseRunner.RunAsync(ClientCases.All, c => Task.FromResult(new ClientProbe(client, c)), Patience, 4));
    }

    [Fact]
    public async Task A_mail_server_without_BlackPony_fails_the_server_cases()
    {
        await using var sink = new MailSink();
        var results = await CaseRunner.RunAsync(ServerCases.All, c => ServerProbe.ConnectAsync("127.0.0.1", sink.Port, c), Patience, 4);
        Assert.Contains(results, r => r is { Id: "S-4.1-1", Verdict: Verdict.Fail });
        Assert.DoesNotContain(results, r => r.Verdict == Verdict.Error);
    }

    [Fact]
    public async Task A_client_that_requires_encryption_fails_the_cases_of_opportunistic_fall_back()
    {
        var client = new EmbeddedMailer { Policy = Reference.Policy.ClientPolicy.Required };
        var cases = ClientCases.All.Where(c => c.Requirements.Contains("BP-9.2-1", StringComparison.Ordinal)).ToList();
        var results = await CaseRunner.RunAsync(cases, c => Task.FromResult(new ClientProbe(client, c)), Patience, 4);
        Assert.All(results, r => Assert.Equal(Verdict.Fail, r.Verdict));
    }

    [Fact]
    public void Ids_are_unique_and_every_cited_sentence_stands_in_the_specification()
    {
        var text = Specification.SpecificationFile.Read();
        var cases = ServerCases.All.Select(c => (c.Id, c.Requirements)).Concat(ClientCases.All.Select(c => (c.Id, c.Requirements))).ToList();
        Assert.Equal(cases.Count, cases.Select(c => c.Id).Distinct().Count());
        Assert.All(cases, c => Assert.All(c.Requirements.Split(' '), r => Assert.Contains($"- [{r}]", text, StringComparison.Ordinal)));
    }

    private static void AllPassed(IReadOnlyList<CaseResult> results) =>
        Assert.Empty(results.Where(r => r.Verdict != Verdict.Pass).Select(r => $"{r.Id} {r.Verdict}: {r.Detail}"));
}
