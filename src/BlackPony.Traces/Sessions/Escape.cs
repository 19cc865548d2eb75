using System.Buffers;
using System.Text;

namespace BlackPony.Traces.Sessions;

/// <summary>Octets as text in the manner of the specification's Appendix D ([BP-11.1-4]).</summary>
public static class Escape
{
    /// <summary>Every octet outside 32 to 126, and the backslash, as <c>\xHH</c>; CR and LF as <c>\r</c> and <c>\n</c>.</summary>
    /// <param name="octets">The octets.</param>
    /// <param name="longest">Where to cut; what was cut is told.</param>
    public static string Octets(ReadOnlySpan<byte> octets, int longest = int.MaxValue)
    {
        var shown = octets[..Math.Min(octets.Length, longest)];
        if (!shown.ContainsAnyExceptInRange((byte)32, (byte)126) && !shown.Contains((byte)'\\'))
            return Encoding.ASCII.GetString(shown) + (shown.Length < octets.Length ? "…" : "");

        var text = new StringBuilder(shown.Length + 16);
        foreach (byte octet in shown)
        {
            _ = octet switch
            {
                (byte)'\r' => text.Append("\\r"),
                (byte)'\n' => text.Append("\\n"),
                (byte)'\\' or < 32 or > 126 => text.Append("\\x")
                    .Append(octet.ToString("X2", System.Globalization.CultureInfo.InvariantCulture)),
                _ => text.Append((char)octet),
            };
        }

        return text.Append(shown.Length < octets.Length ? "…" : "").ToString();
    }

    /// <summary>Writes octets escaped.</summary>
    internal static void Write(IBufferWriter<byte> output, ReadOnlySpan<byte> octets)
    {
        if (!octets.ContainsAnyExceptInRange((byte)32, (byte)126) && !octets.Contains((byte)'\\'))
        {
            output.Write(octets);
            return;
        }

        _ = Encoding.ASCII.GetBytes(Octets(octets), output);
    }

    /// <summary>The octets of an escaped text; null if it has not the form.</summary>
    public static byte[]? Back(string text)
    {
        var octets = new List<byte>(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] > 126)
                return null;

            if (text[i] != '\\')
            {
                octets.Add((byte)text[i]);
            }
            else if (i + 1 < text.Length && text[i + 1] is 'r' or 'n')
            {
                octets.Add(text[++i] == 'r' ? (byte)'\r' : (byte)'\n');
            }
            else if (i + 3 < text.Length && text[i + 1] == 'x'
                && byte.TryParse(text.AsSpan(i + 2, 2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out byte octet))
            {
                octets.Add(octet);
                i += 3;
            }
            else
            {
                return null;
            }
        }

        return [.. octets];
    }
}
