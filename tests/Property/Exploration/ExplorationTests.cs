using BlackPony.Reference.Policy;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>
/// The reference's mailer and relay, with their mail servers, and an adversary who has the wire between them. He may deliver;
/// and as hostile moves,
/// of which he has a number, drop, repeat, swap, flip, cut, reflect, inject lines and records, strip or lessen the offer,
/// glue lines behind the switch,
/// put a share of his own, let a side's time-out go by, take away the mail server behind, or be a man in the middle with own shares from
/// then on. All interleavings, breadth first,
/// to the end of the session. BLACKPONY_DEEPER adds so many hostile moves to each scenario;
/// there is then no bound on states but the memory.
/// </summary>
public class ExplorationTests(ITestOutputHelper output)
{
    private static readonly int Deeper = int.TryParse(Environment.GetEnvironmentVariable("BLACKPONY_DEEPER"), out int more) ? more : 0;

    private static readonly Scenario[] Scenarios =
    [
        new("opportunistic", ClientPolicy.Opportunistic) { Hostile = 3 },
        new("required", ClientPolicy.Required),
        new("remembered", ClientPolicy.Remembered),
        new("remembered, with IDENT", ClientPolicy.Remembered) { HasIdent = true },
        new("remembered, with IDENT, and the man in the middle has one too", ClientPolicy.Remembered)
        {
            HasIdent = true,
            MalloryHasIdent = true,
        },
        new("opportunistic, two messages", ClientPolicy.Opportunistic) { Suites = [new ToySuite(ToySuite.TwoMessages, twoMessages: true)] },
        new("required, rekeys every fourth record", ClientPolicy.Required)
        {
            Suites = [new ToySuite(ToySuite.Strong, budget: 4), new ToySuite(ToySuite.Weak, budget: 4)],
        },
    ];

    public static TheoryData<string> All => [.. Scenarios.Select(s => s.Name)];

    public static TheoryData<string> Faults => [.. Fault.All.Select(f => f.Does)];

    /// <summary>
    /// [BP-9.2-5], [BP-9.2-6], [BP-9.2-7], [BP-8.2-2], [BP-8.2-3], [BP-6.1-1], [BP-6.3-7], [BP-9.1-2], [BP-9.1-3], [BP-9.4-6], [BP-4.4-4],
    /// [BP-4.6-1] to [BP-4.6-4],
    /// [BP-6.2-2], [BP-8.3-1], [BP-8.3-3], [BP-8.3-7], [BP-8.1-7], [BP-6.3-9]:
    /// whatever the adversary does, every invariant holds in every state, and every state has an exit.
    /// </summary>
    [Theory]
    [MemberData(nameof(All))]
    public void Nothing_that_the_adversary_does_breaks_an_invariant(string name)
    {
        var scenario = Scenarios.Single(s => s.Name == name);
        scenario = scenario with { Hostile = scenario.Hostile + Deeper };
        var found = Explorer.Run(scenario, Deeper > 0 ? int.MaxValue : 3_000_000);
        output.WriteLine($"{scenario.Name}, {scenario.Hostile} hostile moves: {found}");
        Assert.True(found.Violated.Count == 0 && found.Stuck is null,
            string.Join("\n", found.Violated.Select(v => $"Violated: {v.Key}{v.Value}").Append($"Stuck: {found.Stuck}")));
        Assert.Empty(Witness.All.Where(w => w.Where(scenario)).Except(found.Met));
        output.WriteLine(string.Join("\n", found.Made.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => $"  {m.Value,9} {m.Key}")));
        Assert.Empty(scenario.Suites.Count > 1 ? Path.HostileMoves.Except(found.Made.Keys) : []);
        Assert.True(found.IsWhole, "There are states that were not gone on from.");
        Assert.True(scenario.Hostile < 3 || found.States >= 1_000_000, "Less than a million states.");
    }

    /// <summary>Each invariant fails where a side has the fault against which it stands.</summary>
    [Theory]
    [MemberData(nameof(Faults))]
    public void A_faulty_side_is_found_out(string does)
    {
        var fault = Fault.All.Single(f => f.Does == does);
        var found = Explorer.Run(fault.Scenario, 1_000_000, fault.Violates);
        output.WriteLine(
            $"{does}: {found}\n"
                + $"{string.Join("\n", found.Violated.Select(v => $"Violated: {v.Key}{v.Value}").Append($"Stuck: {found.Stuck}"))}");
        Assert.Empty(fault.Violates.Except(found.Violated.Keys));
        Assert.True(fault.Violates.Length > 0 || found.Stuck is not null, "No state without an exit was found.");
    }

    [Fact]
    public void Each_invariant_has_a_faulty_side()
    {
        Assert.Empty(Invariant.All.Except(Fault.All.SelectMany(f => f.Violates)));
        Assert.Contains(Fault.All, f => f.Violates.Length == 0);
    }
}
