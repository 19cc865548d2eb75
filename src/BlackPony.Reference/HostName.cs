using System.Buffers;
using System.Net;

namespace BlackPony.Reference;

/// <summary>The syntax of a host name (RFC 1123 2.1, RFC 5321 2.3.5), as A-labels and without a final dot, and of an address.</summary>
internal static class HostName
{
    private const int MaxLength = 253;
    private const int MaxLabel = 63;

    private static readonly SearchValues<char> LabelCharacters =
        SearchValues.Create("-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789ABCDEFabcdef");

    /// <summary>
    /// Whether a text is a host name. Labels have letters, digits and hyphens inside, and underscores, which hosts in use have.
    /// A name whose last label is a number, decimal or hexadecimal, is none: it would read as an address.
    /// </summary>
    public static bool IsValid(string text)
    {
        ReadOnlySpan<char> label = default;
        foreach (var range in text.AsSpan().Split('.'))
        {
            label = text.AsSpan()[range];
            if (label.Length is 0 or > MaxLabel || label.ContainsAnyExcept(LabelCharacters) || label[0] == '-' || label[^1] == '-')
                return false;
        }

        return text.Length <= MaxLength && !IsNumber(label);
    }

    /// <summary>Reads an IP address in its usual form: four decimal numbers without leading zeros, or RFC 4291's text without a
    /// scope.</summary>
    /// <returns>Null if it is none.</returns>
    public static IPAddress? Address(string text)
    {
        bool six = text.Contains(':', StringComparison.Ordinal);
        bool isUsual = six
            ? text.All(c => char.IsAsciiHexDigit(c) || c is ':' or '.')
            : text.Split('.') is { Length: 4 } parts
                && parts.All(p => p.Length is > 0 and <= 3 && p.All(char.IsAsciiDigit) && (p.Length == 1 || p[0] != '0'));
        return isUsual && IPAddress.TryParse(text, out var address) ? address : null;
    }

    private static bool IsNumber(ReadOnlySpan<char> label) => label.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
        ? !label[2..].ContainsAnyExcept(HexDigits)
        : !label.ContainsAnyExceptInRange('0', '9');
}
