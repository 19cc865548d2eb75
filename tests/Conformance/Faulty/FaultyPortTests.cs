using BlackPony.Conformance;
using BlackPony.Conformance.Cases;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>The suite is proven: every faulty server fails at the cases that name it, and each of them cites the sentence that it breaks.</summary>
public class FaultyServerTests
{
    public static TheoryData<string> Faults => [.. FaultyPorts.Servers.Select(f => f.ToString())];

    [Fact]
    public async Task Through_a_shim_that_does_nothing_the_reference_passes_every_case()
    {
        var target = new FaultyServerTarget(new FaultyServer("nothing", "", "nothing") { Hooks = () => new Hooks { PortRecord = r => [r] } });
        Faulty.AllPassed(await CaseRunner.RunAsync(target, [.. ServerCases.All.Where(c => c.Profile != Profile.Timeouts)], Faulty.Options));
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task It_is_caught(string name)
    {
        var fault = FaultyPorts.Servers.Single(f => f.ToString() == name);
        await using var target = new FaultyServerTarget(fault);
        var results = await CaseRunner.RunAsync(target, Faulty.CasesOf(fault, ServerCases.All), Faulty.Options with { Timeout = fault.Patience ?? Faulty.Options.Timeout });
        Faulty.AllCaught(fault, results);

        // What a fault does is seen at once; only silence is waited for.
        Assert.Empty(results.Where(r => fault.Patience is null && r.Duration >= Faulty.Options.Timeout).Select(r => r.Case.Id));
    }

    [Fact]
    public void Every_sentence_that_a_server_case_cites_is_broken_by_a_faulty_server() =>
        Assert.Empty(ServerCases.All.SelectMany(c => c.Cites).Distinct().Except(FaultyPorts.Servers.Select(f => f.Breaks)));

    [Fact]
    public void Every_server_case_catches_a_faulty_server_that_breaks_a_sentence_that_it_cites() =>
        Assert.Empty(ServerCases.All.Where(c => !FaultyPorts.Servers.Any(f => c.Cites.Contains(f.Breaks) && f.CaughtBy.Split(' ').Contains(c.Id))).Select(c => c.Id));
}

/// <summary>The suite is proven: every faulty client fails at the cases that name it, and each of them cites the sentence that it breaks.</summary>
public class FaultyClientTests
{
    public static TheoryData<string> Faults => [.. FaultyPorts.Clients.Select(f => f.ToString())];

    [Fact]
    public async Task Through_a_shim_that_does_nothing_the_reference_passes_every_case()
    {
        await using var target = new FaultyClientTarget(new FaultyClient("nothing", "", "nothing") { Hooks = _ => new Hooks { PortRecord = r => [r] } });
        Faulty.AllPassed(await CaseRunner.RunAsync(target, [.. ClientCases.All.Where(c => c.Profile != Profile.Timeouts)], Faulty.Options));
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task It_is_caught(string name)
    {
        var fault = FaultyPorts.Clients.Single(f => f.ToString() == name);
        await using var target = new FaultyClientTarget(fault);
        Faulty.AllCaught(fault, await CaseRunner.RunAsync(target, Faulty.CasesOf(fault, ClientCases.All), Faulty.Options with { Timeout = fault.Timeout }));
    }

    [Fact]
    public void Every_client_sentence_that_a_client_case_cites_has_a_faulty_client() =>
        Assert.Empty(ClientCases.All.SelectMany(c => c.Cites).Distinct().Except(FaultyPorts.Clients.Select(f => f.Breaks)));

    [Fact]
    public void Every_client_case_is_named_by_a_faulty_client_that_breaks_a_sentence_it_cites() =>
        Assert.Empty(ClientCases.All.Where(c => !FaultyPorts.Clients.Any(f => c.Cites.Contains(f.Breaks) && f.CaughtBy.Split(' ').Contains(c.Id))).Select(c => c.Id));
}

/// <summary>What both roles' tests share.</summary>
internal static class Faulty
{
    public static RunOptions Options { get; } = new(TimeSpan.FromSeconds(30), 4);

    /// <summary>The cases that a faulty port names.</summary>
    public static IReadOnlyList<Case<T>> CasesOf<T>(IFaultyPort fault, IReadOnlyList<Case<T>> all) =>
        [.. fault.CaughtBy.Split(' ').Select(id => all.Single(c => c.Id == id))];

    public static void AllPassed(IReadOnlyList<CaseResult> results) =>
        Assert.Empty(results.Where(r => r.Verdict != Verdict.Pass).Select(r => $"{r.Case.Id} {r.Verdict}: {r.Detail}"));

    public static void AllCaught(IFaultyPort fault, IReadOnlyList<CaseResult> results)
    {
        Assert.Empty(results.Where(r => r.Verdict is not (Verdict.Fail or Verdict.Warn)).Select(r => $"{r.Case.Id} {r.Verdict}: {r.Detail}\n{r.Transcript}"));
        Assert.Empty(results.Where(r => !r.Case.Requirements.Contains(fault.Breaks)).Select(r => $"{r.Case.Id} does not cite {fault.Breaks}."));
    }
}
