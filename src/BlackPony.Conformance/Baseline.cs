namespace BlackPony.Conformance;

/// <summary>
/// The failures that a gate expects: a listed one does not fail it, an unlisted one does, and a listed case that passes is stale.
/// </summary>
/// <param name="Ids">The ids of the cases.</param>
public sealed record Baseline(IReadOnlyList<string> Ids)
{
    /// <summary>Reads a file: an id a line, comments after <c>#</c>.</summary>
    public static Baseline Parse(string text) =>
        new([.. text.Split('\n').Select(l => l.Split('#')[0].Trim()).Where(l => l.Length > 0).Distinct()]);

    /// <summary>The file for these results.</summary>
    /// <param name="results">The results.</param>
    /// <param name="strict">Whether warnings count as failures.</param>
    public static string Write(IEnumerable<CaseResult> results, bool strict) =>
        "# Expected failures of blackpony-conformance: an id a line. Written by --write-baseline.\n"
        + string.Concat(results.Where(r => Fails(r, strict)).Select(r => $"{r.Case.Id}  # {r.Case.Title}\n"));

    /// <summary>The listed ids that are no case.</summary>
    public IEnumerable<string> Unknown(IEnumerable<CaseInfo> cases) => Ids.Except(cases.Select(c => c.Id));

    /// <summary>The failures that are not listed.</summary>
    public IReadOnlyList<CaseResult> Unexpected(IEnumerable<CaseResult> results, bool strict) =>
        [.. results.Where(r => Fails(r, strict) && !Ids.Contains(r.Case.Id))];

    /// <summary>The listed cases that passed.</summary>
    public IReadOnlyList<CaseResult> Stale(IEnumerable<CaseResult> results) =>
        [.. results.Where(r => r.Verdict == Verdict.Pass && Ids.Contains(r.Case.Id))];

    private static bool Fails(CaseResult result, bool strict) =>
        result.Verdict is Verdict.Fail or Verdict.Error or Verdict.Blocked || (strict && result.Verdict == Verdict.Warn);
}
