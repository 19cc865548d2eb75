using System.Globalization;
using BlackPony.Conformance;
using BlackPony.Conformance.Reports;
using Spectre.Console;

namespace BlackPony.Tools.ConformanceRunner;

/// <summary>The run for a person at a terminal: a line a section, and all about what failed.</summary>
internal sealed class ConsoleReport(bool verbose)
{
    public void Show(RunReport run)
    {
        if (Console.IsOutputRedirected)
            AnsiConsole.Profile.Width = 1000;

        foreach (var role in run.Results.GroupBy(r => r.Case.Role))
        {
            AnsiConsole.MarkupLine($"[bold]{role.Key}[/]  {Markup.Escape((role.Key == TestRole.Server ? run.Server : run.Client) ?? "")}");
            foreach (var section in role.GroupBy(r => r.Case.Section))
            {
                var counts = section.GroupBy(r => r.Verdict).OrderBy(g => g.Key)
                    .Select(g => $"[{Colour(g.Key)}]{g.Count()} {Label(g.Key)}[/]");
                AnsiConsole.MarkupLine($"  {section.Key,-5} {string.Join(", ", counts)}");
                foreach (var result in section.Where(r => verbose || r.Verdict is not Verdict.Pass and not Verdict.NotApplicable))
                    ShowCase(result);
            }
        }

        AnsiConsole.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{run.Count(Verdict.Pass)} passed, {run.Count(Verdict.Fail)} failed, {run.Count(Verdict.Warn)} warned, "
                + $"{run.Count(Verdict.NotApplicable)} not applicable, {run.Count(Verdict.Error)} errors in "
                + $"{run.Duration.TotalSeconds:0.0} s"));
    }

    private void ShowCase(CaseResult result)
    {
        AnsiConsole.MarkupLine(
            $"    [{Colour(result.Verdict)}]{Label(result.Verdict),-4}[/] {result.Case.Id,-9} {Markup.Escape(result.Case.Title)}");
        if (result.Detail.Length > 0)
            AnsiConsole.MarkupLine($"         {Markup.Escape(result.Detail).Replace("\n", "\n         ", StringComparison.Ordinal)}");

        if (RunReport.Requirement(result) is { } requirement)
            AnsiConsole.MarkupLine($"         [grey]{Markup.Escape(requirement)}[/]");

        if (verbose && result.Verdict is Verdict.Fail or Verdict.Error)
        {
            foreach (var line in result.Transcript.Split('\n').Take(60))
                AnsiConsole.MarkupLine($"         [grey]{Markup.Escape(line.Length > 160 ? line[..160] + "…" : line)}[/]");
        }
    }

    private static string Label(Verdict verdict) => verdict switch
    {
        Verdict.Pass => "passed",
        Verdict.Fail => "FAILED",
        Verdict.Warn => "warned",
        Verdict.NotApplicable => "n/a",
        _ => "ERROR",
    };

    private static string Colour(Verdict verdict) => verdict switch
    {
        Verdict.Pass => "green",
        Verdict.Fail => "red",
        Verdict.Warn => "yellow",
        Verdict.NotApplicable => "grey",
        _ => "magenta",
    };
}
