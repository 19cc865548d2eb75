using BlackPony.Reference.Suites;

namespace BlackPony.Conformance;

/// <summary>How binding the requirements of a case are (BCP 14).</summary>
public enum Level
{
    /// <summary>A violation fails.</summary>
    Must,

    /// <summary>A violation warns.</summary>
    Should,

    /// <summary>A feature that may be missing.</summary>
    May,
}

/// <summary>One case: what it checks, and a short function that speaks octets.</summary>
/// <typeparam name="TPeer">The scripted peer that plays against the port: <see cref="Peers.ServerProbe"/> or <see cref="Peers.ClientProbe"/>.</typeparam>
/// <param name="Id">Stable and never reused: <c>S-4.2-3</c> for servers, <c>C-…</c> for clients.</param>
/// <param name="Title">What a good port does.</param>
/// <param name="Level">How binding it is.</param>
/// <param name="Profile">The profile to which it belongs.</param>
/// <param name="Requirements">The sentences that it checks, separated by spaces.</param>
/// <param name="Run">Throws <see cref="CaseFailedException"/> or <see cref="NotApplicableException"/>; else the case passed.</param>
public sealed record Case<TPeer>(string Id, string Title, Level Level, Profile Profile, string Requirements, Func<TPeer, Task> Run);

/// <summary>The port does not do what the case expects.</summary>
public sealed class CaseFailedException(string message) : Exception(message);

/// <summary>The port does not offer what the case needs.</summary>
public sealed class NotApplicableException(string message) : Exception(message);

/// <summary>What came of a case.</summary>
public enum Verdict
{
    /// <summary>As expected.</summary>
    Pass,

    /// <summary>A MUST is violated.</summary>
    Fail,

    /// <summary>A SHOULD is violated.</summary>
    Warn,

    /// <summary>The port does not offer what the case needs.</summary>
    NotApplicable,

    /// <summary>The suite itself failed.</summary>
    Error,
}

/// <summary>A case's result.</summary>
/// <param name="Id">The case's id.</param>
/// <param name="Title">The case's title.</param>
/// <param name="Requirements">The sentences that it checks.</param>
/// <param name="Verdict">What came of it.</param>
/// <param name="Detail">What was expected and what came; empty if it passed.</param>
/// <param name="Duration">How long it took.</param>
public sealed record CaseResult(string Id, string Title, string Requirements, Verdict Verdict, string Detail, TimeSpan Duration);
