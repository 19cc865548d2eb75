namespace BlackPony.Conformance;

/// <summary>The implementation does not do what the case expects.</summary>
/// <param name="message">What was sent, what was expected, what came.</param>
/// <param name="requirement">The requirement that it violates, if it is not the case's first.</param>
public sealed class CaseFailedException(string message, string? requirement = null) : Exception(message)
{
    /// <summary>The requirement that the implementation violates; null for the case's first.</summary>
    public string? Requirement { get; } = requirement;

    /// <summary>
    /// Whether all that was seen is silence where the requirement asks for something by a certain time, or for an end. A slow target
    /// looks the same, so the case is run again, alone and with a longer limit, before this counts.
    /// </summary>
    public bool IsSilence { get; init; }

    /// <summary>Whether it warns only, because it violates a SHOULD, in a case whose other findings are failures.</summary>
    public bool IsWarning { get; init; }
}

/// <summary>
/// The suite itself cannot go on: it has no temporary folder, no descriptor left, no room on the disk. That says nothing about the target,
/// so the run ends.
/// </summary>
public sealed class OwnTroubleException(string message, Exception inner) : Exception(message, inner);

/// <summary>The implementation does not offer what the case needs.</summary>
public sealed class NotApplicableException(string message) : Exception(message);

/// <summary>The implementation did not come as far as the step that the case is about, so nothing is known about it.</summary>
public sealed class NoVerdictException(string message) : Exception(message);

/// <summary>What came of a case.</summary>
public enum Verdict
{
    /// <summary>As expected.</summary>
    Pass,

    /// <summary>A MUST is violated.</summary>
    Fail,

    /// <summary>A SHOULD is violated.</summary>
    Warn,

    /// <summary>The implementation does not offer what the case needs.</summary>
    NotApplicable,

    /// <summary>
    /// No verdict on the implementation: it gave no answer in time and the requirement is not about time, or the suite itself failed.
    /// </summary>
    Error,

    /// <summary>No verdict: a precondition failed, which another case tests.</summary>
    Blocked,
}

/// <summary>A case's result.</summary>
/// <param name="Case">The case.</param>
/// <param name="Verdict">What came of it.</param>
/// <param name="Detail">What was sent, expected and came, or why it does not apply; empty if it passed.</param>
/// <param name="Violated">The requirement that is violated, if one is.</param>
/// <param name="Plaintext">For clients: the verbs that the client let out in plaintext, connection by connection.</param>
/// <param name="Transcript">The dialogue, in the format of the specification's Appendix D.</param>
/// <param name="Duration">How long it took.</param>
public sealed record CaseResult(CaseInfo Case, Verdict Verdict, string Detail, string? Violated, string Plaintext, string Transcript,
    TimeSpan Duration)
{
    /// <summary>Whether the check named <see cref="Violated"/>; else it is the first requirement of the case.</summary>
    public bool NamesRequirement { get; init; }

    /// <summary>The case that tests the precondition, if that failed.</summary>
    public string? BlockedBy { get; init; }

    /// <summary>The secrets of the sessions, in the format of a key log (spec 11.3).</summary>
    public string KeyLog { get; init; } = "";
}
