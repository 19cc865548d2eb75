using System.Globalization;
using BlackPony.Conformance;
using BlackPony.Conformance.Reports;
using Spectre.Console;

namespace BlackPony.Tools.ConformanceRunner;

/// <summary>The run for a person at a terminal: a line a section, and all about the cause with which to begin.</summary>
/// <param name="verbose">Whether to show every case, and the dialogue of each that failed.</param>
/// <param name="strict">Whether warnings are failures.</param>
/// <param name="expected">Failures that are expected, which are not shown.</param>
/// <param name="slowest">How many of the slowest cases to show.</param>
internal sealed class ConsoleReport(bool verbose, bool strict, Baseline expected, int slowest)
{
    private const int ManyIds = 12;

    public void Show(RunReport run)
    {
        if (Console.IsOutputRedirected)
            AnsiConsole.Profile.Width = 1000;

        foreach (var preflight in run.Preflights)
            ShowPreflight(preflight);

        if (run.Stopped is null || run.Results.Count > 0)
            ShowCases(run);

        if (run.Stopped is not null)
            AnsiConsole.WriteLine($"{run.NotRun} cases were not run, because most would fail for this. --no-preflight runs them.");
    }

    private void ShowCases(RunReport run)
    {
        foreach (var role in run.Results.GroupBy(r => r.Case.Role))
        {
            AnsiConsole.MarkupLine($"[bold]{role.Key}[/]  {Markup.Escape((role.Key == TestRole.Server ? run.Server : run.Client) ?? "")}");
            foreach (var section in role.GroupBy(r => r.Case.Section))
            {
                var counts = section.GroupBy(r => r.Verdict).OrderBy(g => g.Key)
                    .Select(g => $"[{Colour(g.Key)}]{g.Count()} {Label(g.Key)}[/]");
                AnsiConsole.MarkupLine($"  {section.Key,-5} {string.Join(", ", counts)}");
                foreach (var result in section.Where(_ => verbose))
                    ShowCase(result);
            }
        }

        foreach (var reason in run.Results.Where(r => r.Verdict == Verdict.NotApplicable && !verbose).GroupBy(r => r.Detail))
            Line($"[grey]n/a[/]  {Markup.Escape(reason.Key)} [grey]{Ids(reason)}[/]");

        foreach (var result in run.Results.Where(r => r.Verdict == Verdict.Warn && !verbose
            && !(strict && expected.Ids.Contains(r.Case.Id))))
            ShowCase(result);

        ShowCauses(run);
        if (slowest > 0)
        {
            Line("[bold]Slowest[/]");
            foreach (var result in run.Results.OrderByDescending(r => r.Duration).Take(slowest))
                Line(string.Create(CultureInfo.InvariantCulture,
                    $"  {result.Duration.TotalSeconds,6:0.00} s  {result.Case.Id,-9} {Markup.Escape(result.Case.Title)}"));
        }

        if (run.Causes.Count > 0)
            Line($"[bold]{Markup.Escape(run.Verdict)}[/]");
        else if (run.NotRun > 0 && run.Stopped is null)
            Line($"{run.NotRun} cases were not run.");

        int blocked = run.Count(Verdict.Blocked);
        AnsiConsole.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{run.Count(Verdict.Pass)} passed, {run.Count(Verdict.Fail)} failed, {run.Count(Verdict.Warn)} warned, "
                + $"{run.Count(Verdict.NotApplicable)} not applicable, {run.Count(Verdict.Error)} errors"
                + $"{(blocked > 0 ? $", {blocked} blocked" : "")} in {run.Duration.TotalSeconds:0.0} s"));
    }

    private void ShowCauses(RunReport run)
    {
        int number = 0;
        foreach (var cause in run.Causes)
        {
            number++;
            var failures = cause.Failures.Where(IsUnexpected).ToList();
            if (failures.Count + cause.Blocked.Count(IsUnexpected) == 0)
                continue;

            AnsiConsole.WriteLine();
            Line($"[bold]Cause {number} of {run.Causes.Count}[/], at the step {Markup.Escape(RunReport.Words(cause.Step, run.Protocol))}");
            if (!verbose)
                ShowCase(failures.Count > 0 && !failures.Contains(cause.First) ? failures[0] : cause.First);

            if (cause.Failures.Count > 1)
                Line($"         fails   {Ids(cause.Failures)}");

            if (cause.Blocked.Count > 0)
                Line($"         blocks  {Ids(cause.Blocked)}");
        }

        int known = run.Results.Count(r => r.Verdict is Verdict.Fail or Verdict.Error or Verdict.Blocked && !IsUnexpected(r));
        if (known > 0)
            Line($"[grey]{known} failures are expected.[/]");
    }

    private bool IsUnexpected(CaseResult result) => !expected.Ids.Contains(result.Case.Id);

    private void ShowPreflight(PreflightResult preflight)
    {
        var time = string.Create(CultureInfo.InvariantCulture, $"{preflight.Duration.TotalSeconds:0.0} s");
        var done = Markup.Escape(string.Join(", ", preflight.Steps.Select(s => s.What)));
        Line($"[bold]Preflight[/]  {Markup.Escape(preflight.Target)}");
        if (done.Length > 0)
            Line($"  [green]passed[/]  {done} [grey]({time})[/]");

        foreach (var warning in preflight.Warnings)
            Line($"  [yellow]warning[/] {Markup.Escape(warning)}");

        foreach (var failure in preflight.Failures)
        {
            Line($"  [red]FAILED[/]  {Markup.Escape(failure.What)}");
            Line($"          {Markup.Escape(failure.Detail).Replace("\n", "\n          ", StringComparison.Ordinal)}");
            Line($"          Read {Markup.Escape(failure.Read)}.");
            if (failure.Requirement is { } id && Specification.Find(id) is { } text)
                Line($"          [grey]{Markup.Escape($"[{id}] {text}")}[/]");

            if (verbose)
                ShowDialogue(failure.Transcript);
        }
    }

    private void ShowCase(CaseResult result)
    {
        var time = verbose ? string.Create(CultureInfo.InvariantCulture, $" [grey]{result.Duration.TotalMilliseconds:0} ms[/]") : "";
        var blocked = result.BlockedBy is { } by ? $" [grey]by {by}[/]" : "";
        Line($"    [{Colour(result.Verdict)}]{Label(result.Verdict),-4}[/]{blocked} {result.Case.Id,-9} "
            + $"{Markup.Escape(result.Case.Title)}{time}");
        if (result.Detail.Length > 0)
            Line($"         {Markup.Escape(result.Detail).Replace("\n", "\n         ", StringComparison.Ordinal)}");

        if (RunReport.Requirement(result) is { } requirement)
            Line($"         [grey]{Markup.Escape(requirement)}[/]");

        if (verbose && result.Verdict is Verdict.Fail or Verdict.Error)
            ShowDialogue(result.Transcript);
    }

    private static void ShowDialogue(string transcript)
    {
        foreach (var line in transcript.Split('\n').Take(60))
            Line($"         [grey]{Markup.Escape(line.Length > 160 ? line[..160] + "…" : line)}[/]");
    }

    private static void Line(string markup) => AnsiConsole.MarkupLine(markup);

    private string Ids(IEnumerable<CaseResult> results)
    {
        var ids = results.Select(r => r.Case.Id).ToList();
        return verbose || ids.Count <= ManyIds
            ? string.Join(' ', ids)
            : $"{string.Join(' ', ids.Take(ManyIds))} … ({ids.Count} cases)";
    }

    private static string Label(Verdict verdict) => verdict switch
    {
        Verdict.Pass => "passed",
        Verdict.Fail => "FAILED",
        Verdict.Warn => "warned",
        Verdict.NotApplicable => "n/a",
        Verdict.Blocked => "blocked",
        _ => "ERROR",
    };

    private static string Colour(Verdict verdict) => verdict switch
    {
        Verdict.Pass => "green",
        Verdict.Fail => "red",
        Verdict.Warn => "yellow",
        Verdict.NotApplicable or Verdict.Blocked => "grey",
        _ => "magenta",
    };
}
