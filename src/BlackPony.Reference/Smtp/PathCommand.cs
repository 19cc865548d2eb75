using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BlackPony.Reference.Smtp;

/// <summary>MAIL or RCPT, taken apart (RFC 5321 4.1.1.2, 4.1.1.3).</summary>
/// <param name="Path">The path with its angle brackets.</param>
/// <param name="Parameters">What stands behind it.</param>
internal sealed record PathCommand(byte[] Path, IReadOnlyList<string> Parameters)
{
    private static readonly UTF8Encoding Utf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>Whether the path needs SMTPUTF8.</summary>
    public bool IsInternational => Path.AsSpan().IndexOfAnyInRange((byte)128, (byte)255) >= 0;

    /// <summary>Takes a command apart.</summary>
    /// <param name="line">The line without CRLF.</param>
    /// <param name="keyword">What stands behind the verb: <c>FROM:</c> or <c>TO:</c>.</param>
    /// <returns>Null if it is malformed.</returns>
    public static PathCommand? Parse(ReadOnlySpan<byte> line, string keyword)
    {
        var rest = line[(line.IndexOf((byte)' ') + 1)..];
        if (rest.Length < keyword.Length || !Encoding.Latin1.GetString(rest[..keyword.Length]).Equals(keyword, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        rest = rest[keyword.Length..].TrimStart((byte)' ');
        int length = PathLength(rest);
        if (length < 0 || (length < rest.Length && rest[length] != ' ') || rest[length..].IndexOfAnyExceptInRange((byte)32, (byte)126) >= 0)
        {
            return null;
        }

        return new PathCommand(rest[..length].ToArray(), Encoding.ASCII.GetString(rest[length..]).Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>The path's domain in lower case, as A-labels and without a final dot; an address literal in square brackets; null if there is none that could be looked up.</summary>
    public string? Domain()
    {
        int at = LastAt(Path);
        if (at < 0)
        {
            return null;
        }

        try
        {
            var text = Utf8.GetString(Path.AsSpan(at + 1, Path.Length - at - 2));
            return text.StartsWith('[') ? Literal(text) : Name(new IdnMapping { AllowUnassigned = true }.GetAscii(text.TrimEnd('.').ToLowerInvariant()));
        }
        catch (ArgumentException)
        {
            // No UTF-8, or no name.
            return null;
        }
    }

    // What reads as a number in any way is no name: it would be connected to as an address.
    private static string? Name(string name) =>
        name.Length is > 0 and <= 253 && !IPAddress.TryParse(name, out _) && !name.Split('.')[^1].All(char.IsAsciiDigit) && name.Split('.').All(l => l.Length is > 0 and <= 63) && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_' or '.') ? name : null;

    private static string? Literal(string text)
    {
        bool six = text.StartsWith("[IPv6:", StringComparison.OrdinalIgnoreCase);
        return text.EndsWith(']') && IPAddress.TryParse(text[(six ? 6 : 1)..^1], out var address) && (address.AddressFamily == AddressFamily.InterNetworkV6) == six && (six || text.Count(c => c == '.') == 3)
            ? $"[{address}]"
            : null;
    }

    // Up to the bracket that closes, which a quoted local part may hold too; -1 if there is none.
    private static int PathLength(ReadOnlySpan<byte> text)
    {
        bool quoted = false, escaped = false;
        for (int i = 0; i < text.Length; i++)
        {
            byte octet = text[i];
            if (i == 0 ? octet != '<' : octet is < 32 or 127 || (octet is (byte)' ' or (byte)'<' && !quoted))
            {
                return -1;
            }

            if (octet == '>' && !quoted)
            {
                return i + 1;
            }

            quoted ^= octet == '"' && !escaped;
            escaped = octet == '\\' && quoted && !escaped;
        }

        return -1;
    }

    // A domain holds no quote: the last @ stands behind the local part.
    private static int LastAt(ReadOnlySpan<byte> path)
    {
        int at = path.LastIndexOf((byte)'@');
        return at > 0 && path[at..].IndexOf((byte)'"') < 0 ? at : -1;
    }
}
