using System.Text.RegularExpressions;
using BlackPony.Conformance;
using BlackPony.Conformance.Cases;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>
/// A faulty implementation breaks its requirement and little else: what fails beside the cases that catch it is declared, and is
/// little.
/// </summary>
public class FailingCasesTests
{
    /// <summary>The most other cases that may fail without a reason.</summary>
    private const int Few = 20;

    /// <summary>The most faulty implementations with a reason for more.</summary>
    private const int FewWide = 3;

    private static readonly string? Deep = Environment.GetEnvironmentVariable("BLACKPONY_DEEP");
    private static readonly string[]? Cases = Environment.GetEnvironmentVariable("BLACKPONY_CASES")?.Split(' ');

    [Fact]
    public async Task The_table_has_every_faulty_implementation()
    {
        if (Deep is not null)
        {
            await WriteAsync();
        }

        Assert.Equal(FaultyImplementations.All.Select(f => f.Name).Order(StringComparer.Ordinal),
            FailingCases.Read().Names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_cases_that_catch_it_report_what_it_breaks()
    {
        var table = FailingCases.Read();
        Assert.Empty(
            FaultyImplementations.All.SelectMany(f => f.CaughtBy.Split(' ').Where(c => table.Of(f).GetValueOrDefault(c) != f.Breaks)
            .Select(c => $"{f.Name}: {c} reports {table.Of(f).GetValueOrDefault(c) ?? "nothing"}")));
    }

    [Fact]
    public void No_other_case_fails_that_it_does_not_declare()
    {
        var table = FailingCases.Read();
        Assert.Empty(
            FaultyImplementations.All.SelectMany(f => table.Of(f).Keys.Where(c => !f.MayFail(c)).Select(c => $"{f.Name}: {c} fails")));
    }

    [Fact]
    public void What_it_declares_fails()
    {
        var table = FailingCases.Read();
        Assert.Empty(FaultyImplementations.All.SelectMany(f => f.AlsoFails.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Where(c => !table.Of(f).ContainsKey(c)).Select(c => $"{f.Name}: {c} does not fail")));
    }

    [Fact]
    public void Few_other_cases_fail_or_there_is_a_reason()
    {
        var table = FailingCases.Read();
        int Others(IFaultyImplementation f) => table.Of(f).Count(c => c.Value != f.Breaks);
        Assert.Empty(FaultyImplementations.All.Where(f => f.Wide is null && Others(f) > Few)
            .Select(f => $"{f.Name}: {Others(f)} other cases fail"));
        Assert.Empty(FaultyImplementations.All.Where(f => f.Wide is not null && Others(f) <= Few)
            .Select(f => $"{f.Name}: only {Others(f)} other cases fail"));
        Assert.True(FaultyImplementations.All.Count(f => f.Wide is not null) <= FewWide);
    }

    [Fact]
    public void No_two_are_the_same() =>
        Assert.Empty(FaultyImplementations.All.GroupBy(f => f.Name).Where(g => g.Count() > 1).Select(g => g.Key));

    /// <summary>
    /// The whole product of faulty implementations and cases: with BLACKPONY_DEEP=1 what the table does not have, with BLACKPONY_DEEP
    /// and a regular expression those that it fits, with BLACKPONY_DEEP=all all. It takes half an hour of two cores; BLACKPONY_CASES
    /// leaves it at some cases for those that the table has.
    /// </summary>
    private static async Task WriteAsync()
    {
        var table = FailingCases.Read();
        var known = table.Names.ToHashSet();
        var options = Faulty.Options with { Timeout = TimeSpan.FromSeconds(6), MostSilent = 0 };
        var faults = FaultyImplementations.All.Where(
            f => Deep switch { "1" => !known.Contains(f.Name), "all" => true, _ => Regex.IsMatch(f.Name, Deep!) });
        await Parallel.ForEachAsync(faults, new ParallelOptions { MaxDegreeOfParallelism = 3 }, async (fault, _) =>
        {
            IReadOnlyList<CaseResult> results;
            var cases = known.Contains(fault.Name) ? Cases : null;
            var run = fault.Silence is { } silence ? options with { Timeout = silence, Longer = 6, MostSilent = 10 } : options;
            if (fault is FaultyServer server)
            {
                results = await CaseRunner.RunAsync(new FaultyServerTarget(server),
                    [.. ServerCases.All.Where(c => Faulty.Concerns(fault, c) && cases?.Contains(c.Id) != false)], run);
            }
            else
            {
                await using var target = new FaultyClientTarget((FaultyClient)fault);
                results = await CaseRunner.RunAsync(target,
                    [.. ClientCases.All.Where(c => Faulty.Concerns(fault, c) && cases?.Contains(c.Id) != false)], run);
            }

            lock (table)
            {
                var failed = results.Where(r => r.Verdict is not (Verdict.Pass or Verdict.NotApplicable));
                var kept = cases is null ? [] : table.Of(fault).Where(c => !cases.Contains(c.Key));
                var reported = failed.ToDictionary(r => r.Case.Id, r => r.Violated ?? FailingCases.NoAnswer);
                table.Set(fault, reported.Concat(kept).ToDictionary());
                table.Only(FaultyImplementations.All.Select(f => f.Name));
                table.Write();
            }
        });
    }
}
