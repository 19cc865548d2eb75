using BlackPony.Reference.Keys;

namespace BlackPony.Reference.Policy;

/// <summary>An IDENT key in an entry of the memory (spec 9.4).</summary>
/// <param name="Key">The public key, 64 hexadecimal digits in lower case.</param>
/// <param name="First">When it was first shown, or a key of the entry beside which it came.</param>
/// <param name="Last">When it was last shown.</param>
internal sealed record MemoryKey(string Key, DateTimeOffset First, DateTimeOffset Last)
{
    /// <summary>Whether a server that does not show it is not the one that is remembered ([BP-9.4-20]).</summary>
    public bool Counts(DateTimeOffset now) =>
        (now - Last).Ticks <= Math.Clamp((Last - First).Ticks, Limits.MinKeyTime.Ticks, Limits.MemoryLifetime.Ticks);

    /// <summary>The keys of an entry after a good session ([BP-9.4-7], [BP-9.4-21] to [BP-9.4-23]).</summary>
    /// <param name="before">Those before it.</param>
    /// <param name="proved">Those that the server showed or withdrew in it.</param>
    /// <param name="now">The time.</param>
    public static IReadOnlyList<MemoryKey> After(
        IReadOnlyList<MemoryKey> before, IReadOnlyCollection<PeerIdent> proved, DateTimeOffset now)
    {
        var known = before.ToDictionary(k => k.Key, k => k.First);
        var first = proved.Select(p => known.GetValueOrDefault(p.Key, now)).DefaultIfEmpty(now).Min();
        bool withdraws = proved.Any(p => p.IsWithdrawn && known.ContainsKey(p.Key));
        var shown = proved.Where(p => !p.IsWithdrawn).DistinctBy(p => p.Key).Select(p => new MemoryKey(p.Key, first, now)).ToLookup(
            k => known.ContainsKey(k.Key));
        var kept = before.Where(k => !withdraws && k.Counts(now) && !proved.Any(p => p.Key == k.Key));

        // What counts makes no room for what is new.
        return [.. shown[true].Concat(kept).Concat(shown[false]).Take(Limits.MaxMemoryKeys)];
    }
}
