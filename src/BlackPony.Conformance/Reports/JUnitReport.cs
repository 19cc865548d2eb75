using System.Globalization;
using System.Text;
using System.Xml.Linq;

namespace BlackPony.Conformance.Reports;

/// <summary>The run as JUnit XML, as CI systems read it: a suite a section, a test a case.</summary>
public static class JUnitReport
{
    /// <summary>Writes a run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="strict">Whether warnings are failures.</param>
    /// <param name="expected">Failures that are expected; they are shown as skipped.</param>
    public static string Write(RunReport run, bool strict, Baseline expected)
    {
        var suites = run.Results.GroupBy(r => (r.Case.Role, r.Case.Section)).Select(g => new XElement(
            "testsuite",
            new XAttribute("name", $"{g.Key.Role.ToString().ToLowerInvariant()} {g.Key.Section}"),
            new XAttribute("tests", g.Count()),
            new XAttribute("failures", g.Count(r => Kind(r) == "failure")),
            new XAttribute("errors", g.Count(r => Kind(r) == "error")),
            new XAttribute("skipped", g.Count(r => Kind(r) == "skipped")),
            new XAttribute("time", Seconds(g.Sum(r => r.Duration.TotalSeconds))),
            Timestamp(),
            new XElement("properties", run.Facts.Where(f => f.Value.Length > 0)
                .Select(f => new XElement("property", new XAttribute("name", f.Name), new XAttribute("value", Clean(f.Value))))),
            g.Select(Test)));
        var preflights = run.Preflights.Where(p => p.Failures.Count > 0).Select(p => new XElement(
            "testsuite",
            new XAttribute("name", $"preflight {p.Role.ToString().ToLowerInvariant()}"),
            new XAttribute("tests", p.Steps.Count + p.Failures.Count),
            new XAttribute("failures", p.Failures.Count),
            new XAttribute("errors", 0),
            new XAttribute("skipped", 0),
            new XAttribute("time", Seconds(p.Duration.TotalSeconds)),
            p.Steps.Select(s => new XElement("testcase", new XAttribute("classname", "preflight"), new XAttribute("name", s.What))),
            p.Failures.Select(f => new XElement("testcase", new XAttribute("classname", "preflight"), new XAttribute("name", f.What),
                new XElement("failure", new XAttribute("message", Clean(f.Detail)),
                    new XText(Clean($"{f.Detail}\nRead {f.Read}.\n\n{f.Transcript}")))))));
        int stopped = run.Preflights.Sum(p => p.Failures.Count);
        var root = new XElement(
            "testsuites",
            new XAttribute("name", $"{run.Protocol.Title} {run.Protocol.Specification.Version}: {Clean(run.Target)}"),
            new XAttribute("tests", run.Results.Count + run.Preflights.Where(p => p.Failures.Count > 0).Sum(p => p.Steps.Count
                + p.Failures.Count)),
            new XAttribute("failures", run.Results.Count(r => Kind(r) == "failure") + stopped),
            new XAttribute("errors", run.Results.Count(r => Kind(r) == "error")),
            new XAttribute("time", Seconds(run.Duration.TotalSeconds)),
            Timestamp(),
            preflights,
            suites);
        return $"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n{root}\n";

        XAttribute? Timestamp() =>
            run.Date is { } date ? new XAttribute("timestamp", date.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture)) : null;

        string Kind(CaseResult r) => r.Verdict switch
        {
            Verdict.Error => "error",
            _ when expected.Ids.Contains(r.Case.Id) && r.Verdict != Verdict.Pass => "skipped",
            Verdict.Fail => "failure",
            Verdict.Blocked => r.BlockedBy is { } by && expected.Ids.Contains(by) ? "failure" : "skipped",
            Verdict.Warn when strict => "failure",
            Verdict.Warn or Verdict.NotApplicable => "skipped",
            _ => "",
        };

        XElement Test(CaseResult r) => new(
            "testcase",
            new XAttribute("classname", $"{r.Case.Role.ToString().ToLowerInvariant()}.{r.Case.Section.Replace('.', '_')}"),
            new XAttribute("name", $"{r.Case.Id} {r.Case.Title}"),
            new XAttribute("time", Seconds(r.Duration.TotalSeconds)),
            Kind(r) is { Length: > 0 } kind
                ? new XElement(kind, new XAttribute("message", Clean(r.BlockedBy is { } by ? $"blocked by {by}: {r.Detail}" : r.Detail)),
                    kind == "skipped" ? null : new XText(Clean($"{r.Detail}\n{RunReport.Requirement(r)}\n\n{r.Transcript}")))
                : null);
    }

    private static string Seconds(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);

    // XML 1.0 knows no control characters.
    private static string Clean(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (char c in text)
            clean.Append(c is >= ' ' or '\n' or '\t' && c is not ('\uFFFE' or '\uFFFF') && !char.IsSurrogate(c) ? c : '?');

        return clean.ToString();
    }
}
