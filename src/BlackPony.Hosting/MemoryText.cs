using System.Globalization;
using BlackPony.Reference.Policy;

namespace BlackPony.Hosting;

/// <summary>
/// The text of a <see cref="ServerMemory"/>: a header, then a line for each entry with name, port, first and last good session, failing
/// time and IDENT keys, each with its first and its last showing.
/// </summary>
public static class MemoryText
{
    /// <summary>The first line: what it is, and of which version.</summary>
    public const string Header = "# BlackPony memory 2: name port first-good last-good failing-since keys";

    private const string Time = "yyyy-MM-dd'T'HH:mm:ss'Z'";
    private const string Forgotten = " - - - -";
    private const int KeyDigits = 64;
    private const int Parts = 6;

    /// <summary>Reads a memory. A line that is no entry costs that entry and no other ([BP-9.4-14]).</summary>
    /// <exception cref="FormatException">The text is not a memory; that is a temporary failure of delivery ([BP-9.4-12]).</exception>
    public static ServerMemory Parse(string text, TimeProvider time) => Parse(text, time, out _);

    /// <summary>Reads a memory. A line that is no entry costs that entry and no other ([BP-9.4-14]).</summary>
    /// <param name="text">The text.</param>
    /// <param name="time">The clock.</param>
    /// <param name="warnings">One for each line that is no entry.</param>
    /// <exception cref="FormatException">The text is not a memory; that is a temporary failure of delivery ([BP-9.4-12]).</exception>
    public static ServerMemory Parse(string text, TimeProvider time, out IReadOnlyList<string> warnings)
    {
        var (memory, bad) = (new ServerMemory(time), new List<string>());
        Restore(memory, text, 0, bad);
        warnings = bad;
        return memory;
    }

    /// <summary>Reads lines into a memory. A later line overrides an earlier one; times of "-" forget a server.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="text">Whole lines.</param>
    /// <param name="number">How many lines stand before them; the first one of all is the header.</param>
    /// <param name="warnings">Gets one for each line that is no entry ([BP-9.4-14]).</param>
    /// <exception cref="FormatException">The header is another one.</exception>
    internal static void Restore(ServerMemory memory, ReadOnlySpan<char> text, int number, ICollection<string> warnings)
    {
        bool isHeader = number == 0 && text.Length > 0;
        foreach (var range in text.Split('\n'))
        {
            var line = text[range];
            number++;
            if (isHeader && !line.SequenceEqual(Header))
                throw new FormatException("Its first line is not that of a memory of version 2.");

            if (!isHeader && !line.IsEmpty && !TryAdd(memory, line))
                warnings.Add(string.Create(CultureInfo.InvariantCulture, $"line {number} of the memory is not an entry, and is ignored"));

            isHeader = false;
        }
    }

    /// <summary>The memory as text.</summary>
    public static string Of(ServerMemory memory) => string.Concat(
        memory.Entries.OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => Line(e.Key, e.Value)).Prepend(Header + "\n"));

    /// <summary>What changed, as lines that count for more than those before them; what was forgotten has no times.</summary>
    public static string OfChanges(ServerMemory memory) => string.Concat(
        memory.Changes.Keys.Order(StringComparer.Ordinal).Select(k => Line(k, memory.Entries.GetValueOrDefault(k))));

    /// <summary>Brings what changed in one memory into another one, which others may have changed meanwhile.</summary>
    /// <param name="from">The memory with changes.</param>
    /// <param name="to">The other one.</param>
    /// <param name="hasRoom">Whether there is room for an entry; null asks the other memory.</param>
    /// <returns>What there is no room for.</returns>
    public static IReadOnlyList<string> CopyChanges(ServerMemory from, ServerMemory to, Func<string, bool>? hasRoom = null)
    {
        hasRoom ??= to.HasRoom;
        var refused = new List<string>();
        foreach (var (key, before) in from.Changes)
        {
            var (here, there) = (from.Entries.GetValueOrDefault(key), to.Entries.GetValueOrDefault(key));
            var merged = IsSame(there, before) ? here : Merge(here, there, before);
            if (merged is not null && there is null && !hasRoom(key))
                refused.Add(key.Replace(' ', ':'));
            else if (!IsSame(there, merged))
                to.Change(key, merged);
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
        bool fails = later.FailingSince is null && other.FailingSince > later.LastGood;
        return fails ? later with { FailingSince = other.FailingSince } : later;
    }

    private static bool IsSame(MemoryEntry? a, MemoryEntry? b) => Line("", a) == Line("", b);

    private static string Line(string key, MemoryEntry? entry) => entry is null
        ? $"{key}{Forgotten}\n"
        : $"{key} {Text(entry.FirstGood)} {Text(entry.LastGood)} {(entry.FailingSince is { } f ? Text(f) : "-")} "
            + $"{(entry.Keys.Count == 0 ? "-" : string.Join(',', entry.Keys.Select(Text)))}\n";

    private static string Text(MemoryKey key) => $"{key.Key}/{Text(key.First)}/{Text(key.Last)}";

    private static string Text(DateTimeOffset time) => time.UtcDateTime.ToString(Time, CultureInfo.InvariantCulture);

    private static bool TryAdd(ServerMemory memory, ReadOnlySpan<char> line)
    {
        Span<Range> parts = stackalloc Range[Parts + 1];
        if (line.Split(parts, ' ') != Parts || !TryPort(line[parts[1]], out int port))
            return false;

        var name = line[parts[0]].ToString();
        if (line[parts[1].End..].SequenceEqual(Forgotten))
            return memory.Restore(name, port, null);

        DateTimeOffset since = default;
        bool fails = line[parts[4]] is not "-";
        return TryTime(line[parts[2]], out var firstGood) && TryTime(line[parts[3]], out var lastGood)
            && (!fails || TryTime(line[parts[4]], out since)) && TryKeys(line[parts[5]], out var read)
            && memory.Restore(name, port, new MemoryEntry(firstGood, lastGood, fails ? since : null, read));
    }

    private static bool TryPort(ReadOnlySpan<char> text, out int port)
    {
        port = ServerMemory.OfDomain;
        return text.SequenceEqual(ServerMemory.DomainPort)
            || (ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ushort number) && (port = number) != 0);
    }

    private static bool TryKeys(ReadOnlySpan<char> text, out IReadOnlyList<MemoryKey> keys)
    {
        keys = [];
        if (text is "-")
            return true;

        var read = text.ToString().Split(',').Select(Key).ToList();
        keys = [.. read.OfType<MemoryKey>()];
        return keys.DistinctBy(k => k.Key).Count() == read.Count;
    }

    private static MemoryKey? Key(string text) =>
        text.Split('/') is [{ Length: KeyDigits } key, var first, var last] && key.All(char.IsAsciiHexDigitLower)
            && TryTime(first, out var since) && TryTime(last, out var until) ? new MemoryKey(key, since, until) : null;

    private static bool TryTime(ReadOnlySpan<char> text, out DateTimeOffset time) => DateTimeOffset.TryParseExact(
        text, Time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);
}
