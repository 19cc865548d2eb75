using System.Collections.Immutable;
using System.Globalization;
using BlackPony.Reference.Keys;

namespace BlackPony.Reference.Policy;

/// <summary>
/// The client's memory of servers and mail domains that once showed BlackPony (spec 9.4). Its text and its file are the caller's.
/// </summary>
public sealed class ServerMemory
{
    /// <summary>Stands for a port in the entry of a mail domain.</summary>
    internal const int OfDomain = 0;

    /// <summary>What a key of <see cref="Entries"/> has for it.</summary>
    internal const string DomainPort = "mx";

    private readonly TimeProvider _time;
    private readonly ImmutableDictionary<string, MemoryEntry>.Builder _entries = ImmutableDictionary.CreateBuilder<string, MemoryEntry>();
    private readonly Dictionary<string, MemoryEntry?> _changed = [];

    // How many servers each owner has.
    private readonly ImmutableDictionary<string, int>.Builder _owners = ImmutableDictionary.CreateBuilder<string, int>();

    /// <summary>Makes an empty memory.</summary>
    /// <param name="time">The clock.</param>
    public ServerMemory(TimeProvider time) => _time = time;

    /// <summary>Makes one with the entries of another one, which share their place until either changes.</summary>
    internal ServerMemory(TimeProvider time, ServerMemory other) =>
        (_time, _entries, _owners) = (time, other._entries.ToImmutable().ToBuilder(), other._owners.ToImmutable().ToBuilder());

    /// <summary>How many servers are remembered, expired ones included.</summary>
    internal int Count => _entries.Count;

    /// <summary>The entries, by name and port.</summary>
    internal IReadOnlyDictionary<string, MemoryEntry> Entries => _entries;

    /// <summary>What changed, and as it was before; null if it was not there.</summary>
    internal IReadOnlyDictionary<string, MemoryEntry?> Changes => _changed;

    /// <summary>The entry of a server, if it is alive ([BP-9.4-5], [BP-9.4-10]).</summary>
    /// <param name="name">Host name or address.</param>
    /// <param name="port">TCP port.</param>
    /// <param name="gaveUp">Whether the server has failed to show itself for too long.</param>
    /// <param name="keeps">Whether the entry is kept even then ([BP-9.4-24]).</param>
    internal MemoryEntry? Find(string name, int port, out bool gaveUp, bool keeps = false)
    {
        var key = Key(name, port);
        gaveUp = false;
        if (!_entries.TryGetValue(key, out var entry))
            return null;

        var now = _time.GetUtcNow();
        if (now < entry.LastGood || now < entry.FailingSince)
        {
            // A clock that ran backward: what it has not reached yet counts as now ([BP-9.4-11]).
            entry = entry.NotAfter(now);
            Change(key, entry);
        }

        // One that was met long enough is kept where that is asked for ([BP-9.4-24]).
        gaveUp = entry.FailingSince is { } since && now - since > Limits.MemoryPatience;
        if ((gaveUp && !(keeps && entry.LastGood - entry.FirstGood >= Limits.MemoryPatience))
            || now - entry.LastGood > Limits.MemoryLifetime)
        {
            Change(key, null);
            return null;
        }

        return entry;
    }

    /// <summary>What is wrong with the IDENT keys that a server proved ([BP-9.4-6]).</summary>
    /// <param name="entry">What is remembered of the server.</param>
    /// <param name="shown">The keys that it showed or withdrew.</param>
    /// <returns>A reason of spec 11.1; null if nothing is wrong.</returns>
    internal string? IdentFault(MemoryEntry? entry, IReadOnlyCollection<PeerIdent> shown)
    {
        var counting = Counting(entry);
        return counting.Count == 0 || counting.Intersect(shown.Select(k => k.Key)).Any()
            ? null
            : shown.Count == 0 ? "ident-missing" : "ident-mismatch";
    }

    /// <summary>The keys of an entry that count now ([BP-9.4-20]).</summary>
    internal IReadOnlyCollection<string> Counting(MemoryEntry? entry) =>
        [.. (entry?.Keys ?? []).Where(k => k.Counts(_time.GetUtcNow())).Select(k => k.Key)];

    /// <summary>Notes a good session ([BP-9.4-2], [BP-9.4-7], [BP-9.4-9]).</summary>
    /// <param name="name">
    /// Host name, address or mail domain; what is neither could not be read back, and is not remembered ([BP-9.4-1]).
    /// </param>
    /// <param name="port">TCP port.</param>
    /// <param name="idents">The keys that the server showed or withdrew.</param>
    /// <returns>False if it is not remembered, because there is no room for a server that is new ([BP-9.4-13], [BP-9.4-16]).</returns>
    internal bool Good(string name, int port, IReadOnlyCollection<PeerIdent> idents)
    {
        var key = Key(name, port);
        if (!IsServer(name.TrimEnd('.')) || !HasRoom(key))
            return false;

        var now = _time.GetUtcNow();
        var before = Find(name, port, out _, keeps: true);
        var keys = port == OfDomain ? [] : MemoryKey.After(before?.Keys ?? [], idents, now);
        Change(key, new MemoryEntry(before?.FirstGood ?? now, now, null, keys));
        return true;
    }

    /// <summary>Notes a deferral on account of an entry ([BP-9.4-8]).</summary>
    internal void Failing(string name, int port)
    {
        if (_entries.TryGetValue(Key(name, port), out var entry) && entry.FailingSince is null)
            Change(Key(name, port), entry with { FailingSince = _time.GetUtcNow() });
    }

    /// <summary>What changed has been written, or can't be.</summary>
    internal void Written() => _changed.Clear();

    /// <summary>Takes an entry as it was written; null if it was forgotten.</summary>
    /// <returns>False if that is no name.</returns>
    internal bool Restore(string name, int port, MemoryEntry? entry) => IsServer(name) && Set(Key(name, port), entry);

    /// <summary>Changes an entry; null forgets it.</summary>
    internal void Change(string key, MemoryEntry? entry)
    {
        _changed.TryAdd(key, _entries.GetValueOrDefault(key));
        Set(key, entry);
    }

    /// <summary>
    /// Whether there is room. No entry makes room for another before it has expired, or strangers could have it forgotten ([BP-9.4-13],
    /// [BP-9.4-15], [BP-9.4-16]).
    /// </summary>
    internal bool HasRoom(string key)
    {
        if (_entries.Count < Limits.MaxMemoryPerOwner || _entries.ContainsKey(key) || CanAdd(key))
            return true;

        // What has expired takes no room.
        var now = _time.GetUtcNow();
        var dead = _entries.Where(e => now - e.Value.LastGood > Limits.MemoryLifetime).Select(e => e.Key).ToList();
        dead.ForEach(k => Set(k, null));
        return dead.Count > 0 && CanAdd(key);
    }

    private bool CanAdd(string key) =>
        _entries.Count < Limits.MaxMemoryEntries && _owners.GetValueOrDefault(Owner(key)) < Limits.MaxMemoryPerOwner;

    private bool Set(string key, MemoryEntry? entry)
    {
        int more = (entry is null ? 0 : 1) - (_entries.ContainsKey(key) ? 1 : 0);
        if (entry is null)
            _entries.Remove(key);
        else
            _entries[key] = entry;

        if (more != 0)
            _owners[Owner(key)] = _owners.GetValueOrDefault(Owner(key)) + more;

        return true;
    }

    private static string Owner(string key) => ServerOwner.Of(key.AsSpan(0, key.IndexOf(' ', StringComparison.Ordinal))).ToString();

    private static bool IsServer(string name) => HostName.IsValid(name) || HostName.Address(name) is not null;

    /// <summary>What an entry is found by.</summary>
    internal static string Key(string name, int port) =>
        $"{name.TrimEnd('.').ToLowerInvariant()} {(port == OfDomain ? DomainPort : port.ToString(CultureInfo.InvariantCulture))}";
}
