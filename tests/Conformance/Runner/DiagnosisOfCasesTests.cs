using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Reports;
using BlackPony.Conformance.Targets;
using BlackPony.Reference.Suites;
using BlackPony.Tests.Conformance.Faulty;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>A mistake of an implementation is one cause, in cases too that give it a shared secret of their own.</summary>
public class DiagnosisOfCasesTests
{
    private const string How = "It does verify with other additional data, 0 as 16 bits.";

    private static readonly RunOptions Options = new(TimeSpan.FromSeconds(30));

    [Fact]
    public async Task A_server_without_additional_data_has_one_cause()
    {
        await using var server = new EmbeddedServer(Needs.Nothing, settings => settings with
        {
            Options = settings.Options with { Suites = [.. settings.Options.Suites.Select(WithoutLength)] },
        });
        var cases = ServerCases.All.Where(c => c.Id is "S-5.2-4" or "S-5.3-6" or "S-7.1-4").ToList();
        HaveOneCause(cases.Count, await CaseRunner.RunAsync(server, cases, Options));
    }

    [Fact]
    public async Task A_client_without_additional_data_has_one_cause()
    {
        var client = new EmbeddedMailer(o => o with { Suites = [.. o.Suites.Select(WithoutLength)] });
        var cases = ClientCases.All.Where(c => c.Id is "C-5.2-4" or "C-5.3-7" or "C-7.5-2").ToList();
        HaveOneCause(cases.Count, await CaseRunner.RunAsync(client, cases, Options));
    }

    private static void HaveOneCause(int cases, IReadOnlyList<CaseResult> results)
    {
        Assert.Equal((3, 3), (cases, results.Count));
        Assert.All(results, r => Assert.Contains(How, r.Detail, StringComparison.Ordinal));
        Assert.All(results, r => Assert.Equal("BP-7.2-2", r.Violated));
        Assert.Single(new RunReport("server", "client", "seed", results, TimeSpan.Zero).Explained().Causes);
    }

    // A suite whose own records are made as if their length were 0.
    private static Suite WithoutLength(Suite real) => !real.Encrypts ? real : new FaultyServerSuite(real)
    {
        Protects = secret => new FaultyServerProtection(real.Protect(secret))
        {
            Seals = (protection, seq, record) => FaultyServerProtection.WithoutLength(record, r => protection.Seal(seq, r)),
            Opens = (protection, seq, record) =>
            {
                bool good = false;
                FaultyServerProtection.WithoutLength(record, r => good = protection.Open(seq, r));
                return good;
            },
        },
    };
}
