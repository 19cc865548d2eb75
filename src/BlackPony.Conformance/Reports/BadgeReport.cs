using System.Text;

namespace BlackPony.Conformance.Reports;

/// <summary>A badge (SVG) for a README: how many cases passed.</summary>
public static class BadgeReport
{
    private const int Digit = 7;

    /// <summary>Writes a badge.</summary>
    /// <param name="runs">One run, or several: one of each role, or the shards of one.</param>
    public static string Write(params IReadOnlyList<RunReport> runs)
    {
        var label = string.Join(" and ", runs.Select(r => r.Protocol.Title).Distinct());
        int failed = runs.Sum(r => r.Count(Verdict.Fail) + r.Count(Verdict.Error)), blocked = runs.Sum(r => r.Count(Verdict.Blocked));
        bool isStopped = runs.Any(r => r.Stopped is not null), isWhole = runs.All(r => r.NotRun == 0);
        bool good = failed + blocked == 0 && !isStopped && isWhole;
        var text = isStopped ? "preflight failed"
            : failed + blocked > 0
                ? $"{failed} of {runs.Sum(r => r.Results.Count)} failed{(blocked > 0 ? $", {blocked} blocked" : "")}"
            : $"{runs.Sum(r => r.Count(Verdict.Pass))} passed";
        text += isWhole || isStopped ? "" : ", incomplete";
        int left = (label.Length * Digit) + 10, right = (text.Length * Digit) + 10;
        return new StringBuilder()
            .Append($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{left + right}\" height=\"20\" role=\"img\" "
                + $"aria-label=\"{label}: {text}\">")
            .Append($"<title>{label}: {text}</title><rect width=\"{left}\" height=\"20\" fill=\"#444\"/>")
            .Append($"<rect x=\"{left}\" width=\"{right}\" height=\"20\" fill=\"{(good ? "#1a7f37" : "#b42318")}\"/>")
            .Append("<g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">")
            .Append($"<text x=\"{left / 2}\" y=\"14\">{label}</text><text x=\"{left + (right / 2)}\" y=\"14\">{text}</text></g></svg>\n")
            .ToString();
    }
}
