using System.Text.RegularExpressions;

namespace BlackPony.Conformance;

/// <summary>Failures with the same first deviation.</summary>
/// <param name="Step">The step at which it shows.</param>
/// <param name="First">The case with which to begin: the first that tests the requirement.</param>
/// <param name="Failures">The cases that fail for it, <paramref name="First"/> among them.</param>
/// <param name="Blocked">The cases of which it fails a precondition.</param>
public sealed record FailureCause(Step Step, CaseResult First, IReadOnlyList<CaseResult> Failures, IReadOnlyList<CaseResult> Blocked);

/// <summary>
/// What a run's failures have in common. A case fails on its own if it tests the step, or the requirement, at which the implementation
/// first deviates; where that was only a precondition, the case is blocked by one that tests it.
/// </summary>
public static partial class Causes
{
    /// <summary>Finds the causes.</summary>
    /// <param name="results">The results of a run.</param>
    /// <returns>
    /// The results, with <see cref="Verdict.Blocked"/> where a precondition failed; and the causes, the earliest step first, and at the
    /// same step what blocks most.
    /// </returns>
    public static (IReadOnlyList<CaseResult> Results, IReadOnlyList<FailureCause> Causes) Find(IReadOnlyList<CaseResult> results)
    {
        var failed = results.Where(r => r.Verdict is Verdict.Fail or Verdict.Error or Verdict.Warn).Select(r => new Failure(r)).ToList();
        var own = failed.Where(f => f.IsOwn).ToList();
        // Where all have the same precondition, the first of them stands for it.
        foreach (var group in failed.Where(f => !f.IsOwn && own.All(o => !o.Explains(f))).GroupBy(f => f.Key).ToList())
            own.Add(group.MinBy(f => f.Result.Verdict == Verdict.Warn)!);

        var blockers = failed.Except(own).ToDictionary(f => f, f => own.Where(o => o.Explains(f)).MinBy(Severity)!);
        var causes = own.GroupBy(f => f.Key).Select(g => (Failures: g.ToList(), First: g.OrderBy(Severity).ThenBy(f => f.Step).First()))
            .Where(g => Severity(g.First) == 0)
            .Select(g => (g.First.Tested, Cause: new FailureCause(
                g.First.Step, g.First.Result, [.. g.Failures.Select(f => f.Result)],
                [.. blockers.Where(b => g.Failures.Contains(b.Value)).Select(b => b.Key.Result)])))
            .OrderBy(c => c.Cause.First.Case.Role).ThenBy(c => c.Tested).ThenByDescending(c => c.Cause.Blocked.Count)
            .Select(c => c.Cause).ToList();

        var blocked = causes.SelectMany(c => c.Blocked.Select(b => b with { Verdict = Verdict.Blocked, BlockedBy = c.First.Case.Id }))
            .ToDictionary(b => b.Case.Id);
        return ([.. results.Select(r => blocked.GetValueOrDefault(r.Case.Id, r))],
            [.. causes.Select(c => c with { Blocked = [.. c.Blocked.Select(b => blocked[b.Case.Id])] })]);
    }

    private static int Severity(Failure failure) => failure.Result.Verdict == Verdict.Warn ? 1 : 0;

    // What came, without what differs from session to session.
    private static string Normal(string detail)
    {
        var line = detail.Split('\n')[0].Split(" It was not run again")[0];
        line = Sent().Replace(line, "");
        line = Waited().Replace(line, "$1");
        line = Suite().Replace(line, "");
        line = Long().Replace(line, "…");
        line = Numbered().Replace(line, "record");
        return line;
    }

    [GeneratedRegex("^(After|Sent) (\"[^\"]*\"( inside)?|[^:,]*)[:,] ")]
    private static partial Regex Sent();

    [GeneratedRegex("(within |after )([0-9.]+ s|\"[^\"]*\"( inside)?)")]
    private static partial Regex Waited();

    [GeneratedRegex("X25519(MLKEM768)?-(CHACHA20POLY1305|AES256GCM)|RSA-BLOWFISH", RegexOptions.IgnoreCase)]
    private static partial Regex Suite();

    [GeneratedRegex("[A-Za-z0-9+/=]{16,}|(\\\\x[0-9A-F]{2})+")]
    private static partial Regex Long();

    [GeneratedRegex(@"(with|answers what comes then with) a reset \(RST\)")]
    private static partial Regex Reset();

    [GeneratedRegex("record [0-9]+|connection number [0-9]+")]
    private static partial Regex Numbered();

    private sealed record Failure
    {
        public Failure(CaseResult result)
        {
            Result = result;
            Step = Steps.Reached(result.Case.Role, result.Transcript, result.Case.Protocol);
            IsOwn = result.NamesRequirement && result.Violated is { } violated
                ? result.Case.Requirements.Contains(violated)
                : Step >= Steps.Of(result.Case);
            // How a connection ends is one thing, whatever was before it and whatever it violates there.
            Key = Reset().Match(result.Detail) is { Success: true } reset
                ? (result.Case.Role, default, null, reset.Value)
                : (result.Case.Role, Step, result.NamesRequirement ? result.Violated : null, Normal(result.Detail));
        }

        public CaseResult Result { get; }

        public Step Step { get; }

        /// <summary>The step that the case tests, or a later one at which it ended.</summary>
        public Step Tested => (Step)Math.Max((int)Step, (int)Steps.Of(Result.Case));

        /// <summary>Whether the case tests what it found, or the step at which it ended.</summary>
        public bool IsOwn { get; }

        public (TestRole Role, Step Step, string? Violated, string Detail) Key { get; }

        /// <summary>Whether a failure of a precondition is this one.</summary>
        public bool Explains(Failure other) => Severity(this) <= Severity(other) && Key.Role == other.Key.Role && Key.Step == other.Key.Step
            && (Key.Detail == other.Key.Detail || (other.Key.Violated is { } violated && violated == Result.Violated));
    }
}
