using System.Text;

namespace BlackPony.Conformance.Reports;

/// <summary>A badge (SVG) that says how many cases passed, for a README.</summary>
public static class BadgeReport
{
    private const string Label = "BlackPony";
    private const int Digit = 7;

    /// <summary>Writes a badge.</summary>
    public static string Write(RunReport run)
    {
        int failed = run.Count(Verdict.Fail) + run.Count(Verdict.Error) + run.Count(Verdict.Blocked);
        bool good = failed == 0 && run.Stopped is null && run.NotRun == 0;
        var text = run.Stopped is not null ? "preflight failed"
            : failed > 0 ? $"{failed} of {run.Results.Count} failed"
            : $"{run.Count(Verdict.Pass)} passed";
        text += run.NotRun > 0 && run.Stopped is null ? ", incomplete" : "";
        int left = (Label.Length * Digit) + 10, right = (text.Length * Digit) + 10;
        return new StringBuilder()
            .Append($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{left + right}\" height=\"20\" role=\"img\" "
                + $"aria-label=\"{Label}: {text}\">")
            .Append($"<title>{Label}: {text}</title><rect width=\"{left}\" height=\"20\" fill=\"#444\"/>")
            .Append($"<rect x=\"{left}\" width=\"{right}\" height=\"20\" fill=\"{(good ? "#1a7f37" : "#b42318")}\"/>")
            .Append("<g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">")
            .Append($"<text x=\"{left / 2}\" y=\"14\">{Label}</text><text x=\"{left + (right / 2)}\" y=\"14\">{text}</text></g></svg>\n")
            .ToString();
    }
}
