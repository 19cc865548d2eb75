namespace BlackPony.Traces.Replay;

/// <summary>A session that was played again.</summary>
/// <param name="Name">The captured session.</param>
/// <param name="Exchanges">How many exchanges were played.</param>
/// <param name="Differences">Where it went another way.</param>
/// <param name="Note">What was left out, and why; null if nothing was.</param>
public sealed record ReplayResult(string Name, int Exchanges, IReadOnlyList<Difference> Differences, string? Note);
