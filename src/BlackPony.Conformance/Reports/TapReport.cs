using System.Text;

namespace BlackPony.Conformance.Reports;

/// <summary>The run in the Test Anything Protocol, version 14.</summary>
public static class TapReport
{
    /// <summary>Writes a run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="strict">Whether warnings are failures.</param>
    /// <param name="expected">Failures that are expected: TAP's TODO.</param>
    public static string Write(RunReport run, bool strict, Baseline expected)
    {
        var text = new StringBuilder($"TAP version 14\n1..{run.Results.Count}\n");
        foreach (var failure in run.Preflights.SelectMany(p => p.Failures))
            text.Append($"# preflight: {Line(failure.What)}: {Line(failure.Detail)} Read {failure.Read}.\n");

        for (int i = 0; i < run.Results.Count; i++)
        {
            var r = run.Results[i];
            bool good = r.Verdict is Verdict.Pass or Verdict.NotApplicable || (r.Verdict == Verdict.Warn && !strict);
            var directive = r.Verdict == Verdict.NotApplicable
                ? $" # SKIP {Line(r.Detail)}"
                : expected.Ids.Contains(r.Case.Id) && !good ? " # TODO expected" : "";
            text.Append($"{(good ? "ok" : "not ok")} {i + 1} - {r.Case.Id} {Line(r.Case.Title)}{directive}\n");
            if (r.Verdict is Verdict.Fail or Verdict.Warn or Verdict.Error or Verdict.Blocked)
            {
                text.Append(
                    $"  ---\n  message: {Quote(r.BlockedBy is { } by ? $"blocked by {by}: {r.Detail}" : r.Detail)}\n  severity: "
                        + $"{RunReport.Word(r.Verdict)}\n  requirement: "
                        + $"{Quote(RunReport.Requirement(r) ?? "")}\n  ...\n");
            }
        }

        return run.Stopped is { } stopped ? $"{text}Bail out! preflight: {Line(stopped.What)}\n" : text.ToString();
    }

    private static string Line(string text) => text.Replace('\n', ' ').Replace("#", "\\#", StringComparison.Ordinal);

    private static string Quote(string text) => $"\"{System.Text.Json.JsonEncodedText.Encode(text)}\"";
}
