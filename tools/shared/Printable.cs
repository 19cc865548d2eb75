using System.Globalization;
using System.Text;

namespace BlackPony.Tools;

/// <summary>Text from a peer, made fit for a log or a terminal ([BP-11.1-4]).</summary>
internal static class Printable
{
    /// <summary>
    /// Escapes everything outside 32 to 126, and the backslash, so that a line of the log stays one line and nobody can make up another.
    /// </summary>
    /// <returns>The text with <c>\x0a</c> for LF, <c>\u00e9</c> for é, <c>\\</c> for a backslash.</returns>
    /// <param name="text">The text.</param>
    /// <param name="keepsBackslashes">Whether a backslash stays as it is: that of text that was escaped before.</param>
    public static string Escape(string text, bool keepsBackslashes = false)
    {
        if (text.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0
            && (keepsBackslashes || !text.Contains('\\', StringComparison.Ordinal)))
            return text;

        var escaped = new StringBuilder(text.Length + 16);
        foreach (char c in text)
        {
            _ = c switch
            {
                '\\' when !keepsBackslashes => escaped.Append(@"\\"),
                >= ' ' and <= '~' => escaped.Append(c),
                < (char)0x80 => escaped.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}"),
                _ => escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
            };
        }

        return escaped.ToString();
    }
}
