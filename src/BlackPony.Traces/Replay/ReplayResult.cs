namespace BlackPony.Traces.Replay;

/// <summary>A session that was played again.</summary>
/// <param name="Name">The captured session.</param>
/// <param name="Exchanges">How many exchanges were played.</param>
/// <param name="Differences">Where it went another way.</param>
/// <param name="Note">What was left out, and why; null if nothing was.</param>
public sealed record ReplayResult(string Name, int Exchanges, IReadOnlyList<Difference> Differences, string? Note)
{
    /// <summary>The session's number in its file, from 1.</summary>
    public int Session { get; init; }

    /// <summary>Whether the server was not reached at all.</summary>
    public bool IsUnreached { get; init; }

    /// <summary>Whether nothing of it could be played, whatever the peer.</summary>
    public bool IsUnplayed => Exchanges == 0 && Differences.Count == 0 && Note is not null;
}
