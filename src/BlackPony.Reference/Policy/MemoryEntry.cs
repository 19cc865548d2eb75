namespace BlackPony.Reference.Policy;

/// <summary>What is remembered of a server or of a mail domain (spec 9.4).</summary>
/// <param name="FirstGood">The first good session.</param>
/// <param name="LastGood">The last good session.</param>
/// <param name="FailingSince">Since when the server fails to show itself; null if it does not.</param>
/// <param name="Keys">Its IDENT keys.</param>
internal sealed record MemoryEntry(
    DateTimeOffset FirstGood, DateTimeOffset LastGood, DateTimeOffset? FailingSince, IReadOnlyList<MemoryKey> Keys)
{
    /// <summary>The entry as of now: a time that the clock has not reached counts as now ([BP-9.4-11]).</summary>
    public MemoryEntry NotAfter(DateTimeOffset now) => new(
        Earlier(FirstGood, now), Earlier(LastGood, now), FailingSince is { } failing ? Earlier(failing, now) : null,
        [.. Keys.Select(k => new MemoryKey(k.Key, Earlier(k.First, now), Earlier(k.Last, now)))]);

    private static DateTimeOffset Earlier(DateTimeOffset one, DateTimeOffset other) => one < other ? one : other;
}
