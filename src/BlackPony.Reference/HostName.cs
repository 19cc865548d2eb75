using System.Net;

namespace BlackPony.Reference;

/// <summary>The syntax of a host name (RFC 1123 2.1, RFC 5321 2.3.5), as A-labels and without a final dot, and of an address.</summary>
public static class HostName
{
    private const int MaxLength = 253;
    private const int MaxLabel = 63;

    /// <summary>
    /// Whether a text is a host name. Labels have letters, digits and hyphens inside, and underscores, which hosts in use have.
    /// A name whose last label is a number, decimal or hexadecimal, is none: it would read as an address.
    /// </summary>
    public static bool IsValid(string text)
    {
        if (text.Length is 0 or > MaxLength)
        {
            return false;
        }

        var rest = text.AsSpan();
        while (true)
        {
            int dot = rest.IndexOf('.');
            var label = dot < 0 ? rest : rest[..dot];
            if (!IsLabel(label))
            {
                return false;
            }

            if (dot < 0)
            {
                return !IsNumber(label);
            }

            rest = rest[(dot + 1)..];
        }
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

    private static bool IsLabel(ReadOnlySpan<char> label)
    {
        foreach (char c in label)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_'))
            {
                return false;
            }
        }

        return label.Length is > 0 and <= MaxLabel && label[0] != '-' && label[^1] != '-';
    }

    private static bool IsNumber(ReadOnlySpan<char> label)
    {
        bool isHex = label.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        foreach (char c in isHex ? label[2..] : label)
        {
            if (!(isHex ? char.IsAsciiHexDigit(c) : char.IsAsciiDigit(c)))
            {
                return false;
            }
        }

        return true;
    }
}
