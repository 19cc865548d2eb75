using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;

namespace BlackPony.Tests.Conformance.StartTls;

/// <summary>
/// The cases for clients of STARTTLS are proven: the embedded client passes them, and the cases that catch a faulty one report the
/// requirement that it breaks.
/// </summary>
public class StartTlsClientTests
{
    /// <summary>How many other cases each run shows to pass with a faulty client.</summary>
    private const int Sample = 3;

    private static readonly bool IsWhole = Environment.GetEnvironmentVariable("BLACKPONY_DEEP") is not null;
    private static readonly RunOptions Options = new(TimeSpan.FromSeconds(IsWhole ? 10 : 30), IsWhole ? 16 : 4)
    {
        Longer = IsWhole ? 1 : 4,
    };

    public static TheoryData<string> Faults => [.. MailClientFaults.All.Select(f => f.ToString())];

    [Fact]
    public async Task The_embedded_client_passes_every_case()
    {
        var results = await CaseRunner.RunAsync(new EmbeddedMailClient(), StartTlsClientCases.All, Options);
        Assert.Equal(StartTlsClientCases.All.Count, results.Count);
        None(results.Where(r => r.Verdict != Verdict.Pass).Select(r => $"{r.Case.Id} {r.Verdict}: {r.Detail}\n{r.Transcript}"));
        Assert.Equal("EHLO STARTTLS", results.Single(r => r.Case.Id == "TC-4-1").Plaintext);
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_faulty_client_is_caught_for_what_it_breaks(string name)
    {
        var fault = MailClientFaults.All.Single(f => f.ToString() == name);
        var target = new FaultyMailTarget(fault);
        var catching = fault.CaughtBy.Split(' ').Select(id => StartTlsClientCases.All.Single(c => c.Id == id)).ToList();
        var options = fault.Silence is { } silence ? Options with { Timeout = silence, Longer = 1 } : Options;
        var caught = await CaseRunner.RunAsync(target, catching, options);
        None(caught.Where(r => r.Violated != fault.Breaks)
            .Select(r => $"{r.Case.Id} {r.Verdict} reports {r.Violated}: {r.Detail}\n{r.Transcript}"));
        if (fault.Wide is not null)
        {
            return;
        }

        var declared = $"{fault.CaughtBy} {fault.AlsoFails}".Split(' ');
        var random = new SeededRandom(Environment.GetEnvironmentVariable("BLACKPONY_SEED") ?? "1", name);
        var draws = new byte[4 * StartTlsClientCases.All.Count];
        random.Fill(draws);
        var others = StartTlsClientCases.All.Where(c => !declared.Contains(c.Id))
            .Select((c, i) => (Case: c, Draw: BitConverter.ToUInt32(draws, 4 * i))).OrderBy(p => p.Draw)
            .Take(IsWhole ? int.MaxValue : Sample).Select(p => p.Case).ToList();
        None((await CaseRunner.RunAsync(target, others, Options)).Where(r =>
            r.Verdict is not (Verdict.Pass or Verdict.NotApplicable))
            .Select(r => $"{r.Case.Id} is not declared, and reports {r.Verdict} {r.Violated}: {r.Detail}\n{r.Transcript}"));
    }

    [Fact]
    public void Every_requirement_that_a_case_cites_is_broken_by_a_faulty_client() =>
        Assert.Empty(StartTlsClientCases.All.SelectMany(c => c.Cites).Distinct().Except(MailClientFaults.All.Select(f => f.Breaks)));

    [Fact]
    public void Every_case_catches_a_faulty_client_that_breaks_a_requirement_that_it_cites() =>
        Assert.Empty(StartTlsClientCases.All
            .Where(c => !MailClientFaults.All.Any(f => c.Cites.Contains(f.Breaks) && f.CaughtBy.Split(' ').Contains(c.Id))).Select(c =>
                c.Id));

    [Fact]
    public void Few_faulty_clients_break_most_cases_and_no_two_are_the_same()
    {
        Assert.InRange(MailClientFaults.All.Count(f => f.Wide is not null), 0, 5);
        Assert.Equal(MailClientFaults.All.Count, MailClientFaults.All.Select(f => f.ToString()).Distinct().Count());
    }

    [Fact]
    public void Ids_are_unique_planned_and_cite_the_catalogue()
    {
        var planned = File.ReadAllText(Repository.At("spec", "starttls-cases.md"));
        Assert.Equal(StartTlsClientCases.All.Count, StartTlsClientCases.All.Select(c => c.Id).Distinct().Count());
        Assert.All(StartTlsClientCases.All, c =>
        {
            Assert.Contains($"| {c.Id} |", planned, StringComparison.Ordinal);
            Assert.All(c.Cites, r => Assert.StartsWith("A client", BlackPony.Conformance.Specification.StartTls.Requirements[r],
                StringComparison.Ordinal));
        });
    }

    // With all of the text, which Assert.Empty cuts.
    private static void None(IEnumerable<string> findings) => Assert.True(!findings.Any(), string.Join('\n', findings));
}
