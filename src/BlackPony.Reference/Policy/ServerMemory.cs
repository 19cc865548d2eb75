using System.Globalization;

namespace BlackPony.Reference.Policy;

/// <summary>What is remembered of a server.</summary>
/// <param name="LastGood">The last good session.</param>
/// <param name="FailingSince">Since when the server fails to show itself; null if it does not.</param>
/// <param name="Idents">Its IDENT keys, 32 octets each, in hexadecimal.</param>
public sealed record MemoryEntry(DateTimeOffset LastGood, DateTimeOffset? FailingSince, IReadOnlyList<string> Idents);

/// <summary>The client's memory of servers that once showed BlackPony (spec 9.4). The file is the caller's; this is its text.</summary>
public sealed class ServerMemory
{
    private const string Header = "# BlackPony memory 1: name port last-good failing-since idents";
    private const int IdentDigits = 64;
    private readonly TimeProvider _time;
    private readonly SortedDictionary<string, MemoryEntry> _entries = new(StringComparer.Ordinal);
    private readonly HashSet<string> _changed = [];

    /// <summary>Makes an empty memory.</summary>
    /// <param name="time">The clock.</param>
    public ServerMemory(TimeProvider time) => _time = time;

    /// <summary>How many servers are remembered, expired ones included.</summary>
    public int Count => _entries.Count;

    /// <summary>What is wrong with the text that was read: a warning for each line that is no entry, and was left out ([BP-9.4-14]).</summary>
    public IReadOnlyList<string> Warnings { get; private init; } = [];

    /// <summary>Reads a memory's text. A line that is no entry costs that entry and no other ([BP-9.4-14]).</summary>
    /// <exception cref="FormatException">The text is not a memory; that is a temporary failure of delivery ([BP-9.4-12]).</exception>
    public static ServerMemory Parse(string text, TimeProvider time)
    {
        var lines = text.Split('\n');
        if (lines[0] != Header && text.Length > 0)
        {
            throw new FormatException("The memory file does not begin with its header line.");
        }

        var warnings = new List<string>();
        var memory = new ServerMemory(time) { Warnings = warnings };
        for (int i = 1; i < lines.Length; i++)
        {
            if (lines[i].Length > 0 && !memory.TryAdd(lines[i]))
            {
                warnings.Add(string.Create(CultureInfo.InvariantCulture, $"line {i + 1} of the memory is no entry, and is left out"));
            }
        }

        return memory;
    }

    /// <summary>The memory as text.</summary>
    public override string ToString() => string.Concat(
        _entries.Select(e => $"{e.Key} {Time(e.Value.LastGood)} {(e.Value.FailingSince is { } f ? Time(f) : "-")} {(e.Value.Idents.Count == 0 ? "-" : string.Join(',', e.Value.Idents))}\n")
            .Prepend(Header + "\n"));

    /// <summary>The entry of a server, if it is alive ([BP-9.4-5], [BP-9.4-10]).</summary>
    /// <param name="name">Host name or address.</param>
    /// <param name="port">TCP port.</param>
    /// <param name="gaveUp">Whether an entry was removed because the server failed to show itself for too long.</param>
    public MemoryEntry? Find(string name, int port, out bool gaveUp)
    {
        var key = Key(name, port);
        gaveUp = false;
        if (!_entries.TryGetValue(key, out var entry))
        {
            return null;
        }

        var now = _time.GetUtcNow();
        if (now < entry.LastGood || now < entry.FailingSince)
        {
            // A clock that ran backward: what it has not reached yet counts as now ([BP-9.4-11]).
            entry = entry with { LastGood = Earlier(entry.LastGood), FailingSince = entry.FailingSince is { } failing ? Earlier(failing) : null };
            _entries[key] = entry;
            _changed.Add(key);
        }

        gaveUp = entry.FailingSince is { } since && now - since > Limits.MemoryPatience;
        if (gaveUp || now - entry.LastGood > Limits.MemoryLifetime)
        {
            _entries.Remove(key);
            _changed.Add(key);
            return null;
        }

        return entry;

        DateTimeOffset Earlier(DateTimeOffset time) => time < now ? time : now;
    }

    /// <summary>Notes a good session ([BP-9.4-2], [BP-9.4-7], [BP-9.4-9]).</summary>
    /// <param name="name">Host name or address; what is neither is not remembered, because it could not be read back ([BP-9.4-1]).</param>
    /// <param name="port">TCP port.</param>
    /// <param name="idents">The keys that the server showed.</param>
    public void Good(string name, int port, IEnumerable<byte[]> idents)
    {
        if (!IsServer(name.TrimEnd('.')))
        {
            return;
        }

        _changed.Add(Key(name, port));
        _entries[Key(name, port)] = new MemoryEntry(_time.GetUtcNow(), null, [.. idents.Select(Convert.ToHexStringLower)]);
        MakeRoom();
    }

    /// <summary>Notes a deferral on account of an entry ([BP-9.4-8]).</summary>
    public void Failing(string name, int port)
    {
        if (_entries.TryGetValue(Key(name, port), out var entry) && entry.FailingSince is null)
        {
            _changed.Add(Key(name, port));
            _entries[Key(name, port)] = entry with { FailingSince = _time.GetUtcNow() };
        }
    }

    /// <summary>Whether anything is to be written.</summary>
    public bool HasChanges => _changed.Count > 0;

    /// <summary>What changed has been written, or can't be.</summary>
    public void Written() => _changed.Clear();

    /// <summary>Brings what changed here into another memory.</summary>
    public void CopyChangesTo(ServerMemory other)
    {
        foreach (var key in _changed)
        {
            if (_entries.TryGetValue(key, out var entry))
            {
                other._entries[key] = entry;
            }
            else
            {
                other._entries.Remove(key);
            }
        }

        other.MakeRoom();
    }

    // [BP-9.4-13]
    private void MakeRoom()
    {
        while (_entries.Count > Limits.MaxMemoryEntries)
        {
            _entries.Remove(_entries.MinBy(e => e.Value.LastGood).Key);
        }
    }

    private bool TryAdd(string line)
    {
        DateTimeOffset since = default;
        if (line.Split(' ') is not [var name, var port, var good, var failing, var keys]
            || !IsServer(name) || !ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out ushort number) || number == 0
            || !TryTime(good, out var lastGood) || (failing != "-" && !TryTime(failing, out since)))
        {
            return false;
        }

        string[] idents = keys == "-" ? [] : keys.Split(',');
        if (!Array.TrueForAll(idents, k => k.Length == IdentDigits && k.All(char.IsAsciiHexDigitLower)))
        {
            return false;
        }

        _entries[Key(name, number)] = new MemoryEntry(lastGood, failing == "-" ? null : since, idents);
        return true;
    }

    private static bool IsServer(string name) => HostName.IsValid(name) || HostName.Address(name) is not null;

    private static string Key(string name, int port) =>
        $"{name.TrimEnd('.').ToLowerInvariant()} {port.ToString(CultureInfo.InvariantCulture)}";

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static bool TryTime(string text, out DateTimeOffset time) => DateTimeOffset.TryParseExact(
        text, "yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);
}
