using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace BlackPony.Conformance.Reports;

/// <summary>
/// Runs as one self-contained page: the verdict, the causes, a matrix of cases by section, the targets side by side, and each case with
/// its requirements and its dialogue.
/// </summary>
public static partial class HtmlReport
{
    /// <summary>Writes runs side by side.</summary>
    /// <param name="runs">The runs.</param>
    /// <param name="specification">
    /// Where the rendered specification is, for links to requirements; empty for links to their text at the end of the page.
    /// </param>
    public static string Write(IReadOnlyList<RunReport> runs, string specification = "")
    {
        var body = new StringBuilder();
        var page = new Page(body, runs, specification);
        var cases = runs.SelectMany(r => r.Results).Select(r => r.Case).DistinctBy(c => c.Id).ToList();
        foreach (var run in runs)
            page.Verdict(run);

        foreach (var run in runs)
            page.Preflights(run);

        foreach (var run in runs)
            page.Causes(run);

        page.Summary();
        page.Matrix(cases);
        foreach (var section in cases.GroupBy(c => (c.Role, c.Section)))
        {
            body.Append($"<section id=\"{section.Key.Role}-{Html(section.Key.Section)}\"><h2>{section.Key.Role} "
                + $"{Html(section.Key.Section)} "
                + $"<small>{Html(section.First().Protocol.Specification.Heading(section.Key.Section))}</small></h2>\n");
            foreach (var test in section)
                page.Case(test);

            body.Append("</section>\n");
        }

        page.Requirements(cases);
        return Resource("report.html")
            .Replace("{{style}}", Resource("report.css"), StringComparison.Ordinal)
            .Replace("{{script}}", Resource("report.js"), StringComparison.Ordinal)
            .Replace("{{columns}}", runs.Count.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{{title}}", Html(string.Join(" and ", runs.Select(r => r.Target))), StringComparison.Ordinal)
            .Replace("{{filters}}", Filters(cases, runs), StringComparison.Ordinal)
            .Replace("{{body}}", body.ToString(), StringComparison.Ordinal);
    }

    // A case counts where one of the targets has the verdict. What is not applicable at every target is not shown at first.
    private static string Filters(IReadOnlyList<CaseInfo> cases, IReadOnlyList<RunReport> runs)
    {
        var verdicts = cases.ToDictionary(c => c.Id, c => Verdicts(Results(runs, c)));
        (string Kind, string Text)[] kinds =
            [("run", "run"), ("fail", "failed"), ("blocked", "blocked"), ("warn", "warned"), ("pass", "passed"), ("na", "not applicable"),
                ("all", "all")];
        return string.Concat(kinds.Select(k => (k.Kind, k.Text, Count: verdicts.Values.Count(v => Fits(k.Kind, v))))
            .Where(k => k.Count > 0 || k.Kind is "run" or "all")
            .Select(k => $"<button type=\"button\" data-show=\"{k.Kind}\" aria-pressed=\"{(k.Kind == "run" ? "true" : "false")}\">"
                + $"{k.Text} <span>{k.Count}</span></button>\n"));
    }

    private static bool Fits(string kind, IReadOnlyList<string> verdicts) => kind switch
    {
        "all" => true,
        "run" => verdicts.Any(v => v is not "na" and not "none"),
        "fail" => verdicts.Any(v => v is "fail" or "error"),
        _ => verdicts.Contains(kind),
    };

    private static IReadOnlyList<CaseResult?> Results(IReadOnlyList<RunReport> runs, CaseInfo test) =>
        [.. runs.Select(r => r.Results.FirstOrDefault(x => x.Case.Id == test.Id))];

    private static IReadOnlyList<string> Verdicts(IReadOnlyList<CaseResult?> results) =>
        [.. results.Select(r => r is null ? "none" : Class(r.Verdict)).Distinct()];

    private static string Class(Verdict verdict) => verdict == Conformance.Verdict.NotApplicable
        ? "na"
        : verdict.ToString().ToLowerInvariant();

    private static string Word(Verdict verdict) => verdict switch
    {
        Conformance.Verdict.Pass => "passed",
        Conformance.Verdict.Fail => "failed",
        Conformance.Verdict.Warn => "warned",
        Conformance.Verdict.NotApplicable => "not applicable",
        _ => Class(verdict),
    };

    // Another shape for each, for whoever does not see colours.
    private static string Sign(Verdict? verdict) => verdict switch
    {
        Conformance.Verdict.Pass => "✓",
        Conformance.Verdict.Fail => "×",
        Conformance.Verdict.Warn => "!",
        Conformance.Verdict.NotApplicable => "–",
        Conformance.Verdict.Blocked => "○",
        Conformance.Verdict.Error => "?",
        _ => "",
    };

    private static string Html(string text) => WebUtility.HtmlEncode(text);

    private static string Resource(string name)
    {
        using var stream = typeof(HtmlReport).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    [GeneratedRegex("`([^`]*)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"\*([a-z]+)\*")]
    private static partial Regex Variable();

    private sealed class Page(StringBuilder body, IReadOnlyList<RunReport> runs, string specification)
    {
        public void Verdict(RunReport run)
        {
            bool good = run.Stopped is null && run.NotRun == 0 && run.Results.All(r =>
                r.Verdict is Conformance.Verdict.Pass or Conformance.Verdict.Warn or Conformance.Verdict.NotApplicable);
            var text = Html(run.Verdict);
            if (run.Causes.Count > 0)
            {
                var first = Html(run.Causes[0].First.Case.Id);
                text = text.Replace($"begin with {first}", $"begin with <a href=\"#{first}\">{first}</a>", StringComparison.Ordinal);
            }

            body.Append($"<p class=\"verdict {(good ? "good" : "bad")}\"><b aria-hidden=\"true\">{(good ? "✓" : "×")}</b> "
                + $"<strong>{Html(run.Target)}</strong>: {text}</p>\n");
            var facts = run.Facts.Where(f => f.Value.Length > 0).Select(f => $"{Html(f.Name)} {Html(f.Value)}");
            body.Append($"<p class=\"facts\">{string.Join(" · ", facts)}</p>\n");
        }

        public void Preflights(RunReport run)
        {
            foreach (var preflight in run.Preflights.Where(p => p.Failures.Count + p.Warnings.Count > 0))
            {
                body.Append($"<section class=\"causes\"><h2>Preflight of {Html(preflight.Target)}</h2>\n<p>Passed: "
                    + $"{Html(string.Join(", ", preflight.Steps.Select(s => s.What)))}.</p>");
                foreach (var warning in preflight.Warnings)
                    body.Append($"<p class=\"finding\">Warning: {Html(warning)}</p>");

                body.Append(preflight.Failures.Count > 0 ? "<ol>\n" : "");
                foreach (var failure in preflight.Failures)
                {
                    body.Append($"<li><strong>{Html(failure.What)}</strong><p class=\"finding\">{Html(failure.Detail)}</p><p "
                        + $"class=\"meta\">Read {Html(failure.Read)}.</p>");
                    if (failure.Requirement is { } id)
                        body.Append($"<p class=\"violated\">{Sentence(id)}</p>");

                    Dialogue(failure.Transcript);
                    body.Append("</li>\n");
                }

                body.Append(preflight.Failures.Count > 0 ? "</ol></section>\n" : "</section>\n");
            }
        }

        public void Causes(RunReport run)
        {
            if (run.Causes.Count == 0)
                return;

            body.Append($"<section class=\"causes\"><h2>Causes{(runs.Count > 1 ? $": {Html(run.Target)}" : "")}</h2>\n<ol>\n");
            foreach (var cause in run.Causes)
            {
                var first = cause.First;
                body.Append($"<li><a href=\"#{Html(first.Case.Id)}\">{Html(first.Case.Id)}</a> {Html(first.Case.Title)} "
                    + $"<small>at the step {Html(RunReport.Words(cause.Step, run.Protocol))}</small>"
                    + $"<p class=\"finding\">{Html(first.Detail)}</p>");
                if (first.Violated is { } id)
                    body.Append($"<p class=\"violated\">{Sentence(id)}</p>");

                Ids("Fails", cause.Failures);
                Ids("Blocks", cause.Blocked);
                body.Append("</li>\n");
            }

            body.Append("</ol></section>\n");
        }

        public void Summary()
        {
            body.Append("<table class=\"summary\"><thead><tr><th scope=\"col\">target</th>");
            foreach (var verdict in Enum.GetValues<Verdict>())
                body.Append($"<th scope=\"col\"><span aria-hidden=\"true\">{Sign(verdict)}</span> "
                    + $"<span class=\"word\">{(verdict == Conformance.Verdict.NotApplicable ? "n/a" : Word(verdict))}</span></th>");

            body.Append("<th scope=\"col\">time</th></tr></thead><tbody>\n");
            foreach (var run in runs)
            {
                body.Append($"<tr><th scope=\"row\">{Html(run.Target)}</th>");
                foreach (var verdict in Enum.GetValues<Verdict>())
                    body.Append($"<td class=\"{(run.Count(verdict) > 0 ? Class(verdict) : "zero")}\">{run.Count(verdict)}</td>");

                body.Append(CultureInfo.InvariantCulture, $"<td>{run.Duration.TotalSeconds:0.0} s</td></tr>\n");
            }

            body.Append("</tbody></table>\n");
        }

        // The index: a row a section, a column a target, a square a case.
        public void Matrix(IReadOnlyList<CaseInfo> cases)
        {
            body.Append("<table class=\"matrix\"><thead><tr><th scope=\"col\">section</th>");
            foreach (var run in runs)
                body.Append($"<th scope=\"col\">{Html(run.Target)}</th>");

            body.Append("</tr></thead><tbody>\n");
            var results = runs.Select(r => r.Results.ToDictionary(x => x.Case.Id)).ToList();
            foreach (var section in cases.GroupBy(c => (c.Role, c.Section)))
            {
                body.Append($"<tr><th scope=\"row\"><a href=\"#{section.Key.Role}-{Html(section.Key.Section)}\">{section.Key.Role} "
                    + $"{Html(section.Key.Section)}</a></th>");
                foreach (var run in results)
                {
                    body.Append("<td>");
                    foreach (var test in section)
                        Square(test, run.GetValueOrDefault(test.Id)?.Verdict);

                    body.Append("</td>");
                }

                body.Append("</tr>\n");
            }

            body.Append("</tbody></table>\n");
        }

        public void Case(CaseInfo test)
        {
            var results = Results(runs, test);
            body.Append($"<details id=\"{Html(test.Id)}\" class=\"case {string.Join(' ', Verdicts(results))}\"><summary><span "
                + $"class=\"id\">{Html(test.Id)}</span>"
                + $"<span class=\"title\">{Html(test.Title)}</span><span class=\"cells\">");
            foreach (var result in results)
                body.Append(result is null ? "<b class=\"none\">not run</b>" : Label(result.Verdict));

            body.Append($"</span></summary>\n<p class=\"meta\">{RunReport.Word(test.Level)} · "
                + $"{test.Profile.ToString().ToLowerInvariant()}</p>"
                + "<ul class=\"requirements\">");
            var violated = results.Select(r => r?.Violated).OfType<string>().Distinct().ToList();
            foreach (var id in test.Requirements.Concat(violated).Distinct())
                body.Append($"<li{(violated.Contains(id) ? " class=\"violated\"" : "")}>{Sentence(id)}</li>");

            body.Append("</ul>\n");
            for (int i = 0; i < results.Count; i++)
            {
                if (results[i] is { } result)
                    Result(runs[i], result);
            }

            body.Append("</details>\n");
        }

        public void Requirements(IReadOnlyList<CaseInfo> cases)
        {
            if (specification.Length > 0)
                return;

            var violated = runs.SelectMany(r => r.Results).Select(r => r.Violated);
            var stopped = runs.SelectMany(r => r.Preflights).SelectMany(p => p.Failures).Select(f => f.Requirement);
            var cited = cases.SelectMany(c => c.Requirements).Concat(violated.Concat(stopped).OfType<string>()).ToHashSet();
            body.Append("<section class=\"text\"><h2>Requirements</h2>\n<ul class=\"requirements\">\n");
            foreach (var (id, text) in Protocol.All.SelectMany(p => p.Specification.Requirements).Where(r => cited.Contains(r.Key)))
                body.Append($"<li id=\"{id}\"><code>{id}</code> {Text(text)}</li>\n");

            body.Append("</ul></section>\n");
        }

        private void Square(CaseInfo test, Verdict? verdict)
        {
            var name = $"{Html(test.Id)} {(verdict is { } known ? Word(known) : "not run")}: {Html(test.Title)}";
            body.Append($"<a class=\"square {(verdict is { } v ? Class(v) : "none")}\" href=\"#{Html(test.Id)}\" title=\"{name}\" "
                + $"aria-label=\"{name}\">{Sign(verdict)}</a>");
        }

        private void Result(RunReport run, CaseResult result)
        {
            body.Append(CultureInfo.InvariantCulture,
                $"<h3>{Html(run.Target)}: {Label(result.Verdict)} <small>{result.Duration.TotalMilliseconds:0} ms</small></h3>");
            if (result.BlockedBy is { } by)
                body.Append($"<p>Blocked by <a href=\"#{Html(by)}\">{Html(by)}</a>, which tests what comes before.</p>");

            body.Append(result.Detail.Length > 0 ? $"<p class=\"finding\">{Html(result.Detail)}</p>" : "");
            body.Append(result.Plaintext.Length > 0 ? $"<p class=\"plaintext\">In plaintext: {Html(result.Plaintext)}</p>" : "");
            Dialogue(result.Transcript);
        }

        private void Dialogue(string transcript)
        {
            const int MaxLines = 120;
            var lines = transcript.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            if (lines.Length == 0)
                return;

            body.Append("<pre class=\"dialogue\" tabindex=\"0\">");
            bool inside = false;
            foreach (var line in lines.Take(MaxLines))
            {
                bool record = line is [_, '>' or '}', ..];
                if (record && !inside)
                    body.Append("<span class=\"switch\">from here on records</span>\n");

                inside = (inside || record) && !line.StartsWith("# connection ", StringComparison.Ordinal);
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

        private void Ids(string what, IReadOnlyList<CaseResult> results)
        {
            if (results.Count == 0)
                return;

            var links = string.Join(' ', results.Select(r => $"<a href=\"#{Html(r.Case.Id)}\">{Html(r.Case.Id)}</a>"));
            body.Append($"<details><summary>{what} {results.Count} "
                + $"{(results.Count == 1 ? "case" : "cases")}</summary><p>{links}</p></details>");
        }

        private string Sentence(string id)
        {
            var link = specification.Length > 0 ? $"{Html(specification)}#{Html(id)}" : $"#{Html(id)}";
            return $"<a href=\"{link}\"><code>{Html(id)}</code></a> {Text(Specification.Find(id) ?? "")}";
        }

        private static string Label(Verdict verdict) =>
            $"<b class=\"{Class(verdict)}\"><span aria-hidden=\"true\">{Sign(verdict)}</span> "
                + $"{(verdict == Conformance.Verdict.NotApplicable ? "n/a" : Word(verdict))}</b>";

        // The document writes names in backquotes, and variables between asterisks.
        private static string Text(string requirement) =>
            Variable().Replace(Code().Replace(Html(requirement), "<code>$1</code>"), "<em>$1</em>");
    }
}
