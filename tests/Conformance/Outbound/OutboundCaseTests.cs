using BlackPony.Conformance;

namespace BlackPony.Tests.Conformance.Outbound;

/// <summary>
/// The cases of the outbound relay (spec 10.5) are proven as the suite's are: the relay passes them, each faulty one is caught for what
/// it breaks, and fails no other.
/// </summary>
public class OutboundCaseTests
{
    /// <summary>The requirements of the program and of DNS: their tests are in tests/Interop.</summary>
    private static readonly string[] Elsewhere = ["BP-10.5-3", "BP-10.5-12"];

    public static TheoryData<string> Faults => [.. OutboundFaults.All.Select(f => f.ToString())];

    [Fact]
    public async Task The_relay_passes_every_case() =>
        Assert.Empty((await FailuresAsync(FaultyOutbound.None)).Select(f => $"{f.Key} {f.Value.Requirement}: {f.Value.Finding}"));

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task It_is_caught_for_what_it_breaks_and_fails_no_case_that_it_does_not_declare(string name)
    {
        var fault = OutboundFaults.All.Single(f => f.ToString() == name);
        var failures = await FailuresAsync(fault);
        Assert.Equal($"{fault.CaughtBy} {fault.AlsoFails}".TrimEnd().Split(' ').Order(StringComparer.Ordinal),
            failures.Keys.Order(StringComparer.Ordinal));
        Assert.All(fault.CaughtBy.Split(' '), c => Assert.Equal(fault.Breaks, failures[c].Requirement));
    }

    [Fact]
    public void Every_requirement_of_the_outbound_relay_has_a_case_and_is_broken_by_a_faulty_one()
    {
        // In the order of the specification.
        var all = BlackPony.Conformance.Specification.BlackPony.Requirements.Keys
            .Where(s => s.StartsWith("BP-10.5-", StringComparison.Ordinal)).Except(Elsewhere).ToList();
        Assert.Equal(all, OutboundCases.All.SelectMany(c => c.Cites).Distinct());
        Assert.Equal(all, OutboundFaults.All.Select(f => f.Breaks).Distinct());
    }

    private static async Task<Dictionary<string, (string Requirement, string Finding)>> FailuresAsync(FaultyOutbound fault)
    {
        var failures = new Dictionary<string, (string, string)>();
        foreach (var test in OutboundCases.All)
        {
            try
            {
                await test.Run(fault);
            }
            catch (CaseFailedException e)
            {
                failures[test.Id] = (e.Requirement ?? test.Cites[0], e.Message);
            }
        }

        return failures;
    }
}
