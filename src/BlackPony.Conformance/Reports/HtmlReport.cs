using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace BlackPony.Conformance.Reports;

/// <summary>
/// Runs as one self-contained page: a matrix of cases by section, the targets side by side, each case with its requirements and
/// its dialogue.
/// </summary>
public static class HtmlReport
{
    /// <summary>Writes runs side by side.</summary>
    public static string Write(IReadOnlyList<RunReport> runs)
    {
        var body = new StringBuilder();
        var cases = runs.SelectMany(r => r.Results).Select(r => r.Case).DistinctBy(c => c.Id).ToList();
        Summary(body, runs);
        Matrix(body, cases, runs);
        foreach (var section in cases.GroupBy(c => (c.Role, c.Section)))
        {
            body.Append(
                $"<section id=\"{section.Key.Role}-{Html(section.Key.Section)}\"><h2>{section.Key.Role} {Html(section.Key.Section)} "
                    + $"<small>{Html(Heading(section.Key.Section))}</small></h2>\n");
            foreach (var test in section)
                Case(body, test, [.. runs.Select(r => r.Results.FirstOrDefault(x => x.Case.Id == test.Id))], runs);

            body.Append("</section>\n");
        }

        return Resource("report.html")
            .Replace("{{style}}", Resource("report.css"), StringComparison.Ordinal)
            .Replace("{{script}}", Resource("report.js"), StringComparison.Ordinal)
            .Replace("{{columns}}", runs.Count.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{{title}}", Html(string.Join(" and ", runs.Select(r => r.Target))), StringComparison.Ordinal)
            .Replace("{{body}}", body.ToString(), StringComparison.Ordinal);
    }

    private static void Summary(StringBuilder body, IReadOnlyList<RunReport> runs)
    {
        body.Append("<table class=\"summary\"><thead><tr><th>target</th><th>passed</th><th>failed</th><th>warned</th><th>n/a</th>"
            + "<th>errors</th><th>time</th></tr></thead><tbody>\n");
        foreach (var run in runs)
        {
            body.Append($"<tr><th>{Html(run.Target)}</th>");
            foreach (var verdict in Enum.GetValues<Verdict>())
                body.Append($"<td class=\"{(run.Count(verdict) > 0 ? Class(verdict) : "zero")}\">{run.Count(verdict)}</td>");

            body.Append(CultureInfo.InvariantCulture, $"<td>{run.Duration.TotalSeconds:0.0} s</td></tr>\n");
        }

        body.Append("</tbody></table>\n");
        foreach (var run in runs)
        {
            var facts = run.Facts.Where(f => f.Value.Length > 0).Select(f => $"{f.Name} {Html(f.Value)}");
            body.Append($"<p class=\"facts\">{(runs.Count > 1 ? $"{Html(run.Target)}: " : "")}{string.Join("; ", facts)}</p>\n");
        }
    }

    // The index: a row a section, a column a target, a square a case.
    private static void Matrix(StringBuilder body, IReadOnlyList<CaseInfo> cases, IReadOnlyList<RunReport> runs)
    {
        body.Append("<table class=\"matrix\"><thead><tr><th>section</th>");
        foreach (var run in runs)
            body.Append($"<th>{Html(run.Target)}</th>");

        body.Append("</tr></thead><tbody>\n");
        foreach (var section in cases.GroupBy(c => (c.Role, c.Section)))
        {
            body.Append(
                $"<tr><th><a href=\"#{section.Key.Role}-{Html(section.Key.Section)}\">{section.Key.Role} "
                    + $"{Html(section.Key.Section)}</a></th>");
            foreach (var results in runs.Select(r => r.Results.ToDictionary(x => x.Case.Id)))
            {
                body.Append("<td>");
                foreach (var test in section)
                {
                    var verdict = results.TryGetValue(test.Id, out var result) ? Class(result.Verdict) : "none";
                    body.Append(
                        $"<a class=\"square {verdict}\" href=\"#{test.Id}\" title=\"{test.Id} {verdict}: {Html(test.Title)}\"></a>");
                }

                body.Append("</td>");
            }

            body.Append("</tr>\n");
        }

        body.Append("</tbody></table>\n");
    }

    private static void Case(StringBuilder body, CaseInfo test, IReadOnlyList<CaseResult?> results, IReadOnlyList<RunReport> runs)
    {
        var verdicts = string.Join(' ', results.Select(r => r is null ? "none" : Class(r.Verdict)).Distinct());
        body.Append(
            $"<details id=\"{test.Id}\" class=\"case {verdicts}\"><summary><span class=\"id\">{test.Id}</span><span "
                + $"class=\"title\">{Html(test.Title)}</span><span class=\"cells\">");
        foreach (var result in results)
            body.Append(result is null ? "<b class=\"none\">–</b>" : $"<b class=\"{Class(result.Verdict)}\">{Label(result.Verdict)}</b>");

        body.Append(
            $"</span></summary>\n<p class=\"meta\">{RunReport.Word(test.Level)} · {test.Profile.ToString().ToLowerInvariant()}</p><ul "
                + $"class=\"requirements\">");
        foreach (var id in test.Requirements)
        {
            bool violated = results.Any(r => r?.Violated == id);
            body.Append($"<li{(violated ? " class=\"violated\"" : "")}><code>{id}</code> {Requirement(id)}</li>");
        }

        foreach (var id in results.Select(r => r?.Violated).OfType<string>().Distinct().Except(test.Requirements))
            body.Append($"<li class=\"violated\"><code>{id}</code> {Requirement(id)}</li>");

        body.Append("</ul>\n");
        for (int i = 0; i < results.Count; i++)
        {
            if (results[i] is { } result)
            {
                body.Append(CultureInfo.InvariantCulture,
                    $"<h3>{Html(runs[i].Target)}: <b class=\"{Class(result.Verdict)}\">{Label(result.Verdict)}</b> "
                        + $"<small>{result.Duration.TotalMilliseconds:0} ms</small></h3>");
                body.Append(result.Detail.Length > 0 ? $"<p class=\"finding\">{Html(result.Detail)}</p>" : "");
                body.Append(result.Plaintext.Length > 0 ? $"<p class=\"plaintext\">In plaintext: {Html(result.Plaintext)}</p>" : "");
                Dialogue(body, result.Transcript);
            }
        }

        body.Append("</details>\n");
    }

    private static void Dialogue(StringBuilder body, string transcript)
    {
        const int MaxLines = 120;
        var lines = transcript.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        body.Append("<pre class=\"dialogue\">");
        foreach (var line in lines.Take(MaxLines))
        {
            var kind = line switch
            {
                ['C', ':', ..] => "c",
                ['S', ':', ..] => "s",
                ['C', '}', ..] => "c in",
                ['S', '}', ..] => "s in",
                ['C', ..] => "c raw",
                ['S', ..] => "s raw",
                _ => "note",
            };
            body.Append($"<span class=\"{kind}\">{Html(line.Length > 400 ? line[..400] + "…" : line)}</span>\n");
        }

        body.Append(lines.Length > MaxLines ? $"<span class=\"note\">… {lines.Length - MaxLines} more lines</span>" : "")
            .Append("</pre>\n");
    }

    private static string Heading(string section)
    {
        var line = Specification.Text.Split('\n').FirstOrDefault(l => l.StartsWith($"### {section}. ", StringComparison.Ordinal));
        return line is null ? "" : line[(section.Length + 6)..];
    }

    private static string Class(Verdict verdict) => verdict == Verdict.NotApplicable ? "na" : verdict.ToString().ToLowerInvariant();

    private static string Label(Verdict verdict) => verdict == Verdict.NotApplicable ? "n/a" : Class(verdict);

    // The document writes names in backquotes.
    private static string Requirement(string id) =>
        Regex.Replace(Html(Specification.Requirements.GetValueOrDefault(id, "")), "`([^`]*)`", "<code>$1</code>");

    private static string Html(string text) => WebUtility.HtmlEncode(text);

    private static string Resource(string name)
    {
        using var stream = typeof(HtmlReport).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
