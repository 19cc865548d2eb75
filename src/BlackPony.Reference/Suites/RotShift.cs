using System.Globalization;
using System.Text;

namespace BlackPony.Reference.Suites;

/// <summary>ROT's shift (spec 5.5): the only cipher that we wrote.</summary>
public static class RotShift
{
    /// <summary>Reads the third field of the command, 1 to 25 without leading zeros ([BP-5.5-1]); null if it is anything else.</summary>
    internal static int? Parse(ReadOnlySpan<byte> field) =>
        field.Length is 1 or 2 && field[0] != '0'
            && int.TryParse(Encoding.ASCII.GetString(field), NumberStyles.None, CultureInfo.InvariantCulture, out int n)
            && n is >= 1 and <= 25 ? n : null;

    /// <summary>
    /// Shifts letters forward, in place; all else stays ([BP-5.5-2], [BP-5.5-4]). Backward by n is forward by 26 - n ([BP-5.5-3]).
    /// </summary>
    /// <param name="octets">The octets.</param>
    /// <param name="n">1 to 25.</param>
    public static void Shift(Span<byte> octets, int n)
    {
        foreach (ref byte octet in octets)
        {
            int a = octet is >= (byte)'A' and <= (byte)'Z' ? 'A' : octet is >= (byte)'a' and <= (byte)'z' ? 'a' : 0;
            if (a != 0)
                octet = (byte)(a + ((octet - a + n) % 26));
        }
    }
}
