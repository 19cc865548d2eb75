using System.Text;
using BlackPony.Reference.Policy;

namespace BlackPony.Hosting;

/// <summary>
/// The text of the memory's file as this process parsed it last. The file is read for each delivery and compared with this text: only
/// what was appended is parsed. The times of the file do not matter.
/// </summary>
internal sealed class MemoryFileText
{
    // Most processes use one memory. With several, the one that was parsed last is kept.
    private static volatile MemoryFileText? _latest;

    private readonly string _path;
    private readonly Lock _turn = new();
    private byte[] _octets = [];
    private int _length;
    private int _lines;
    private ServerMemory _memory = new(TimeProvider.System);
    private List<string> _warnings = [];
    private object _state = new();

    private MemoryFileText(string path) => _path = path;

    /// <summary>Parses a text.</summary>
    /// <param name="path">The name of the file.</param>
    /// <param name="octets">Whole lines.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="FormatException">It is no memory.</exception>
    public static Parsed Parse(string path, ReadOnlySpan<byte> octets, TimeProvider time)
    {
        var latest = _latest;
        if (latest?._path != path)
            _latest = latest = new MemoryFileText(path);

        lock (latest._turn)
        {
            return latest.Parse(octets, time);
        }
    }

    private Parsed Parse(ReadOnlySpan<byte> octets, TimeProvider time)
    {
        if (!octets.StartsWith(_octets.AsSpan(0, _length)))
            (_length, _lines, _memory, _warnings, _state) = (0, 0, new ServerMemory(time), [], new object());

        if (octets.Length > _length)
        {
            var fresh = octets[_length..];
            var warnings = _warnings.ToList();
            MemoryText.Restore(_memory, Encoding.Latin1.GetString(fresh), _lines, warnings);
            if (octets.Length > _octets.Length)
                Array.Resize(ref _octets, octets.Length * 2);

            fresh.CopyTo(_octets.AsSpan(_length));
            (_length, _lines, _warnings, _state) = (octets.Length, _lines + fresh.Count((byte)'\n'), warnings, new object());
        }

        return new Parsed(new ServerMemory(time, _memory), _warnings, _length, _lines, _state);
    }

    /// <summary>What was parsed.</summary>
    /// <param name="Memory">The memory, which belongs to the caller.</param>
    /// <param name="Warnings">One for each line that is no entry.</param>
    /// <param name="Length">The length of the text.</param>
    /// <param name="Lines">How many lines it has.</param>
    /// <param name="State">The same object for the same text only.</param>
    public sealed record Parsed(ServerMemory Memory, IReadOnlyList<string> Warnings, int Length, int Lines, object? State);
}
