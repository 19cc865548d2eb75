using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Peers;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>
/// The suite is proven: the cases that catch a faulty server report the requirement that it breaks, and no case fails that it does not
/// declare.
/// </summary>
public class FaultyServerTests
{
    public static TheoryData<string> Faults => [.. FaultyImplementations.Servers.Select(f => f.ToString())];

    [Fact]
    public async Task Through_a_shim_that_does_nothing_the_reference_passes_every_case()
    {
        var target = new FaultyServerTarget(
            new FaultyServer("nothing", "", "nothing") { Mutations = () => new Mutations { PortRecord = r => [r] } });
        Faulty.AllPassed(await CaseRunner.RunAsync(target, ServerCases.All, Faulty.Options));
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task It_is_caught_for_what_it_breaks(string name)
    {
        var fault = FaultyImplementations.Servers.Single(f => f.ToString() == name);
        var target = new FaultyServerTarget(fault);
        await Faulty.CaughtAsync(fault, ServerCases.All, (cases, options) => CaseRunner.RunAsync(target, cases, options));
    }

    [Fact]
    public void Every_requirement_that_a_server_case_cites_is_broken_by_a_faulty_server() =>
        Assert.Empty(ServerCases.All.SelectMany(c => c.Cites).Distinct().Except(FaultyImplementations.Servers.Select(f => f.Breaks)));

    [Fact]
    public void Every_server_case_catches_a_faulty_server_that_breaks_a_requirement_that_it_cites() =>
        Assert.Empty(Faulty.Blind(ServerCases.All, FaultyImplementations.Servers));
}

/// <summary>
/// The suite is proven: the cases that catch a faulty client report the requirement that it breaks, and no case fails that it does not
/// declare.
/// </summary>
public class FaultyClientTests
{
    public static TheoryData<string> Faults => [.. FaultyImplementations.Clients.Select(f => f.ToString())];

    [Fact]
    public async Task Through_a_shim_that_does_nothing_the_reference_passes_every_case()
    {
        await using var target =
            new FaultyClientTarget(new FaultyClient("nothing", "", "nothing") { Mutations = _ => new Mutations { PortRecord = r => [r] } });
        Faulty.AllPassed(await CaseRunner.RunAsync(target, ClientCases.All, Faulty.Options));
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task It_is_caught_for_what_it_breaks(string name)
    {
        var fault = FaultyImplementations.Clients.Single(f => f.ToString() == name);
        await using var target = new FaultyClientTarget(fault);
        await Faulty.CaughtAsync(fault, ClientCases.All, (cases, options) => CaseRunner.RunAsync(target, cases, options));
    }

    [Fact]
    public void Every_requirement_that_a_client_case_cites_is_broken_by_a_faulty_client() =>
        Assert.Empty(ClientCases.All.SelectMany(c => c.Cites).Distinct().Except(FaultyImplementations.Clients.Select(f => f.Breaks)));

    [Fact]
    public void Every_client_case_catches_a_faulty_client_that_breaks_a_requirement_that_it_cites() =>
        Assert.Empty(Faulty.Blind(ClientCases.All, FaultyImplementations.Clients));
}

/// <summary>What both roles' tests share.</summary>
internal static class Faulty
{
    /// <summary>
    /// How many other cases each run of the tests shows to be as the faulty implementation declares; the whole table is made by <see
    /// cref="FailingCasesTests"/>.
    /// </summary>
    private const int Sample = 4;

    public static RunOptions Options { get; } = new(TimeSpan.FromSeconds(30), 4);

    /// <summary>The cases that a faulty port names.</summary>
    public static IReadOnlyList<Case<T>> CasesOf<T>(IFaultyImplementation fault, IReadOnlyList<Case<T>> all) =>
        [.. fault.CaughtBy.Split(' ').Select(id => all.Single(c => c.Id == id))];

    public static void AllPassed(IReadOnlyList<CaseResult> results) =>
        Assert.Empty(results.Where(r => r.Verdict != Verdict.Pass).Select(r => $"{r.Case.Id} {r.Verdict}: {r.Detail}"));

    /// <summary>Whether a case is run with it: those that are so much work that they run alone only where it may fail.</summary>
    public static bool Concerns<T>(IFaultyImplementation fault, Case<T> test) => !test.RunsAlone || fault.MayFail(test.Id);

    /// <summary>The cases that catch no faulty port that breaks what they cite.</summary>
    public static IEnumerable<string> Blind<T>(IReadOnlyList<Case<T>> cases, IReadOnlyList<IFaultyImplementation> faults) =>
        cases.Where(c => !faults.Any(f => c.Cites.Contains(f.Breaks) && f.CaughtBy.Split(' ').Contains(c.Id))).Select(c => c.Id);

    /// <summary>
    /// The cases that catch it report what it breaks; of the others a few, which its name and the seed draw, pass unless it declares
    /// them.
    /// </summary>
    public static async Task CaughtAsync<T>(IFaultyImplementation fault, IReadOnlyList<Case<T>> all,
        Func<IReadOnlyList<Case<T>>, RunOptions, Task<IReadOnlyList<CaseResult>>> runAsync)
    {
        var options = fault.Silence is { } silence ? Options with { Timeout = silence } : Options;
        var caught = await runAsync(CasesOf(fault, all), options);
        Assert.Empty(caught.Where(r => r.Violated != fault.Breaks)
            .Select(r => $"{r.Case.Id} {r.Verdict} reports {r.Violated}: {r.Detail}\n{r.Transcript}"));

        var random = new SeededRandom(Environment.GetEnvironmentVariable("BLACKPONY_SEED") ?? "1", fault.Name);
        var draws = new byte[4 * all.Count];
        random.Fill(draws);
        var others = all.Where(c => Concerns(fault, c) && !fault.MayFail(c.Id))
            .Select((c, i) => (Case: c, Draw: BitConverter.ToUInt32(draws, 4 * i))).OrderBy(p => p.Draw).Take(Sample)
            .Select(p => p.Case).ToList();
        Assert.Empty((await runAsync(others, Options)).Where(r => r.Verdict is not (Verdict.Pass or Verdict.NotApplicable))
            .Select(r => $"{r.Case.Id} is not declared, and reports {r.Verdict} {r.Violated}: {r.Detail}\n{r.Transcript}"));
    }
}
