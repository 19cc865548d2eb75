using System.Buffers.Binary;
using System.Text;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>What goes over the wire in one piece, a group of plaintext lines or one record, under a number.</summary>
internal sealed class Units
{
    /// <summary>The end of a direction.</summary>
    public const int End = 0;

    /// <summary>The client's wish for a fresh connection.</summary>
    public const int Fresh = 1;

    private readonly List<byte[]> _units = [[], []];
    private readonly Dictionary<string, int> _numbers = [];

    public byte[] this[int unit] => _units[unit];

    public int Of(byte[] octets)
    {
        var text = Encoding.Latin1.GetString(octets);
        if (!_numbers.TryGetValue(text, out int unit))
        {
            _numbers[text] = unit = _units.Count;
            _units.Add(octets);
        }

        return unit;
    }

    public int Of(string text) => Of(Encoding.Latin1.GetBytes(text));

    /// <summary>Whether a unit is a record: its length is below 8192, and no text begins so.</summary>
    public static bool IsRecord(ReadOnlySpan<byte> unit) => unit.Length > 2 && unit[0] < 32 && unit[0] != '\r';

    public static string Text(ReadOnlySpan<byte> unit) => IsRecord(unit) ? "" : Encoding.Latin1.GetString(unit);

    /// <summary>Splits what a side wrote at once: the text as a whole, then record by record.</summary>
    public static IEnumerable<byte[]> Split(byte[] octets)
    {
        int at = 0;
        while (at < octets.Length && !IsRecord(octets.AsSpan(at)))
        {
            int line = octets.AsSpan(at).IndexOf((byte)'\n');
            at = line < 0 ? octets.Length : at + line + 1;
        }

        if (at > 0)
        {
            yield return octets[..at];
        }

        while (at < octets.Length)
        {
            int length = octets.Length - at < 2
                ? 1
                : Math.Min(2 + BinaryPrimitives.ReadUInt16BigEndian(octets.AsSpan(at)), octets.Length - at);
            yield return octets[at..(at + length)];
            at += length;
        }
    }
}
