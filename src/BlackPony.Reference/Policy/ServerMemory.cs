using System.Globalization;

namespace BlackPony.Reference.Policy;

/// <summary>What is remembered of a server.</summary>
public sealed class MemoryEntry
{
    internal MemoryEntry(DateTimeOffset lastGood, DateTimeOffset? failingSince, IReadOnlyList<string> idents) =>
        (LastGood, FailingSince, Idents) = (lastGood, failingSince, idents);

    /// <summary>The last good session.</summary>
    public DateTimeOffset LastGood { get; }

    /// <summary>Since when the server fails to show itself; null if it does not.</summary>
    public DateTimeOffset? FailingSince { get; }

    /// <summary>Its IDENT keys, 32 octets each, in hexadecimal.</summary>
    public IReadOnlyList<string> Idents { get; }
}

/// <summary>The client's memory of servers that once showed BlackPony (spec 9.4). The file is the caller's; this is its text.</summary>
public sealed class ServerMemory
{
    private const string Header = "# BlackPony memory 1: name port last-good failing-since idents";
    private const int IdentDigits = 64;
    private readonly TimeProvider _time;
    private readonly Dictionary<string, MemoryEntry> _entries = [];

    // What changed, and as it was before; null if it was not there.
    private readonly Dictionary<string, MemoryEntry?> _changed = [];

    // How many servers each owner has; null until somebody asks.
    private Dictionary<string, int>? _owners;

    /// <summary>Makes an empty memory.</summary>
    /// <param name="time">The clock.</param>
    public ServerMemory(TimeProvider time) => _time = time;

    /// <summary>How many servers are remembered, expired ones included.</summary>
    internal int Count => _entries.Count;

    /// <summary>
    /// What is wrong with the text that was read: a warning for each line that is no entry, and was left out ([BP-9.4-14]).
    /// </summary>
    public IReadOnlyList<string> Warnings { get; private init; } = [];

    /// <summary>Reads a memory's text. A line that is no entry costs that entry and no other ([BP-9.4-14]).</summary>
    /// <exception cref="FormatException">The text is not a memory; that is a temporary failure of delivery ([BP-9.4-12]).</exception>
    public static ServerMemory Parse(string text, TimeProvider time)
    {
        var lines = text.Split('\n');
        if (lines[0] != Header && text.Length > 0)
            throw new FormatException("The memory file does not begin with its header line.");

        var warnings = new List<string>();
        var memory = new ServerMemory(time) { Warnings = warnings };
        for (int i = 1; i < lines.Length; i++)
        {
            if (lines[i].Length > 0 && !memory.TryAdd(lines[i]))
                warnings.Add(string.Create(CultureInfo.InvariantCulture, $"line {i + 1} of the memory is not an entry, and is ignored"));
        }

        return memory;
    }

    /// <summary>The memory as text.</summary>
    public override string ToString() => string.Concat(
        _entries.OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => Line(e.Key, e.Value)).Prepend(Header + "\n"));

    /// <summary>What changed, as lines that count for more than those before them; a server that was forgotten has no times.</summary>
    internal string ChangesToString() =>
        string.Concat(_changed.Keys.Order(StringComparer.Ordinal).Select(k => Line(k, _entries.GetValueOrDefault(k))));

    /// <summary>The entry of a server, if it is alive ([BP-9.4-5], [BP-9.4-10]).</summary>
    /// <param name="name">Host name or address.</param>
    /// <param name="port">TCP port.</param>
    /// <param name="gaveUp">Whether an entry was removed because the server failed to show itself for too long.</param>
    public MemoryEntry? Find(string name, int port, out bool gaveUp)
    {
        var key = Key(name, port);
        gaveUp = false;
        if (!_entries.TryGetValue(key, out var entry))
            return null;

        var now = _time.GetUtcNow();
        if (now < entry.LastGood || now < entry.FailingSince)
        {
            // A clock that ran backward: what it has not reached yet counts as now ([BP-9.4-11]).
            entry = new MemoryEntry(Earlier(entry.LastGood), entry.FailingSince is { } failing ? Earlier(failing) : null, entry.Idents);
            Change(key, entry);
        }

        gaveUp = entry.FailingSince is { } since && now - since > Limits.MemoryPatience;
        if (gaveUp || now - entry.LastGood > Limits.MemoryLifetime)
        {
            Change(key, null);
            return null;
        }

        return entry;

        DateTimeOffset Earlier(DateTimeOffset time) => time < now ? time : now;
    }

    /// <summary>Notes a good session ([BP-9.4-2], [BP-9.4-7], [BP-9.4-9]).</summary>
    /// <param name="name">Host name or address; what is neither could not be read back, and is not remembered ([BP-9.4-1]).</param>
    /// <param name="port">TCP port.</param>
    /// <param name="idents">The keys that the server showed.</param>
    /// <returns>False if it is not remembered, because there is no room for a server that is new ([BP-9.4-13], [BP-9.4-16]).</returns>
    public bool Good(string name, int port, IEnumerable<byte[]> idents)
    {
        var key = Key(name, port);
        if (!IsServer(name.TrimEnd('.')) || !HasRoom(key))
            return false;

        Change(key, new MemoryEntry(_time.GetUtcNow(), null, [.. idents.Select(Convert.ToHexStringLower)]));
        return true;
    }

    /// <summary>Notes a deferral on account of an entry ([BP-9.4-8]).</summary>
    public void Failing(string name, int port)
    {
        if (_entries.TryGetValue(Key(name, port), out var entry) && entry.FailingSince is null)
            Change(Key(name, port), new MemoryEntry(entry.LastGood, _time.GetUtcNow(), entry.Idents));
    }

    /// <summary>Whether anything is to be written.</summary>
    internal bool HasChanges => _changed.Count > 0;

    /// <summary>What changed has been written, or can't be.</summary>
    internal void Written() => _changed.Clear();

    /// <summary>Brings what changed here into another memory, which others may have changed meanwhile.</summary>
    /// <returns>The servers for which it has no room.</returns>
    internal IReadOnlyList<string> CopyChangesTo(ServerMemory other)
    {
        var refused = new List<string>();
        foreach (var (key, before) in _changed)
        {
            var there = other._entries.GetValueOrDefault(key);
            var merged = Same(there, before) ? _entries.GetValueOrDefault(key) : Merge(_entries.GetValueOrDefault(key), there, before);
            if (merged is not null && there is null && !other.HasRoom(key))
                refused.Add(key.Replace(' ', ':'));
            else if (!Same(there, merged))
                other.Change(key, merged);
        }

        return refused;
    }

    // Two deliveries at one time: the later good session counts, and a failure after it.
    private static MemoryEntry? Merge(MemoryEntry? here, MemoryEntry? there, MemoryEntry? before)
    {
        if (there is null || here is null)
        {
            // One of them forgot it; a good session since then brings it back.
            var left = here ?? there;
            return left is not null && (before is null || left.LastGood > before.LastGood) ? left : null;
        }

        var (later, other) = here.LastGood >= there.LastGood ? (here, there) : (there, here);
        return later.FailingSince is null && other.FailingSince > later.LastGood
            ? new MemoryEntry(later.LastGood, other.FailingSince, later.Idents)
            : later;
    }

    private static bool Same(MemoryEntry? a, MemoryEntry? b) =>
        a is null || b is null ? a is null && b is null : a.LastGood.ToUnixTimeSeconds() == b.LastGood.ToUnixTimeSeconds()
            && a.FailingSince?.ToUnixTimeSeconds() == b.FailingSince?.ToUnixTimeSeconds() && a.Idents.SequenceEqual(b.Idents);

    private void Change(string key, MemoryEntry? entry)
    {
        bool isNew = !_entries.TryGetValue(key, out var before);
        _changed.TryAdd(key, before);
        if (entry is null)
        {
            (_owners, _) = (null, _entries.Remove(key));
            return;
        }

        _entries[key] = entry;
        if (isNew && _owners is not null)
            _owners[Owner(key)] = _owners.GetValueOrDefault(Owner(key)) + 1;
    }

    // No entry makes room for another before it has expired, or strangers could have it forgotten ([BP-9.4-13], [BP-9.4-15], [BP-9.4-16]).
    private bool HasRoom(string key)
    {
        if (_entries.Count < Limits.MaxMemoryPerOwner || _entries.ContainsKey(key) || CanAdd(key))
            return true;

        // What has expired takes no room.
        var dead = _entries.Where(e => IsDead(e.Value)).Select(e => e.Key).ToList();
        dead.ForEach(k => _entries.Remove(k));
        _owners = dead.Count > 0 ? null : _owners;
        return dead.Count > 0 && CanAdd(key);
    }

    private bool CanAdd(string key)
    {
        _owners ??= _entries.Keys.CountBy(Owner).ToDictionary();
        return _entries.Count < Limits.MaxMemoryEntries && _owners.GetValueOrDefault(Owner(key)) < Limits.MaxMemoryPerOwner;
    }

    private static string Owner(string key) => ServerOwner.Of(key.AsSpan(0, key.IndexOf(' ', StringComparison.Ordinal))).ToString();

    private bool IsDead(MemoryEntry entry) => _time.GetUtcNow() - entry.LastGood > Limits.MemoryLifetime;

    private bool TryAdd(ReadOnlySpan<char> line)
    {
        Span<Range> fields = stackalloc Range[6];
        DateTimeOffset since = default;
        if (line.Split(fields, ' ') != 5)
            return false;

        var name = line[fields[0]].ToString();
        var failing = line[fields[3]];
        var keys = line[fields[4]];
        if (!IsServer(name)
            || !ushort.TryParse(line[fields[1]], NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) || port == 0
            || !TryTime(line[fields[2]], out var lastGood) || (failing is not "-" && !TryTime(failing, out since)))
        {
            return false;
        }

        string[] idents = keys is "-" ? [] : keys.ToString().Split(',');
        if (!Array.TrueForAll(idents, k => k.Length == IdentDigits && k.All(char.IsAsciiHexDigitLower)))
            return false;

        _entries[Key(name, port)] = new MemoryEntry(lastGood, failing is "-" ? null : since, idents);
        return true;
    }

    private static string Line(string key, MemoryEntry? entry) => entry is null
        ? $"{key} - - -\n"
        : $"{key} {Time(entry.LastGood)} {(entry.FailingSince is { } f ? Time(f) : "-")} "
            + $"{(entry.Idents.Count == 0 ? "-" : string.Join(',', entry.Idents))}\n";

    private static bool IsServer(string name) => HostName.IsValid(name) || HostName.Address(name) is not null;

    private static string Key(string name, int port) =>
        $"{name.TrimEnd('.').ToLowerInvariant()} {port.ToString(CultureInfo.InvariantCulture)}";

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static bool TryTime(ReadOnlySpan<char> text, out DateTimeOffset time) => DateTimeOffset.TryParseExact(
        text, "yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture,
        DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);
}
