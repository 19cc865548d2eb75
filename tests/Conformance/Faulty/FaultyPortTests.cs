using BlackPony.Conformance;
using BlackPony.Conformance.Cases;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>The suite is proven: every faulty port fails at a case that cites the sentence that it breaks.</summary>
public class FaultyPortTests
{
    private static readonly RunOptions Options = new(TimeSpan.FromSeconds(30), 4);

    [Fact]
    public async Task Through_a_shim_that_does_nothing_the_reference_server_passes_every_case()
    {
        var target = new FaultyServerTarget(new FaultyServer("nothing", "nothing", () => new Hooks { PortRecord = r => [r] }));
        AllPassed(await CaseRunner.RunAsync(target, [.. ServerCases.All.Where(c => c.Profile != Profile.Timeouts)], Options));
    }

    [Fact]
    public async Task Through_a_shim_that_does_nothing_the_reference_client_passes_every_case()
    {
        await using var target = new FaultyClientTarget(new FaultyClient("nothing", "nothing", _ => new Hooks { PortRecord = r => [r] }));
        AllPassed(await CaseRunner.RunAsync(target, [.. ClientCases.All.Where(c => c.Profile != Profile.Timeouts)], Options));
    }

    private static void AllPassed(IReadOnlyList<CaseResult> results) =>
        Assert.Empty(results.Where(r => r.Verdict != Verdict.Pass).Select(r => $"{r.Case.Id} {r.Verdict}: {r.Detail}"));
}
