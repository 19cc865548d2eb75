using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace BlackPony.Reference;

/// <summary>The domain of a mail address, or its address literal (RFC 5321 4.1.2, 4.1.3), in the one form in which domains are
/// compared.</summary>
internal static class MailDomain
{
    /// <summary>A domain in lower case, as A-labels and without a final dot; an address literal in square brackets.</summary>
    /// <param name="text">What follows the <c>@</c>.</param>
    /// <returns>Null if it is none that could be looked up.</returns>
    public static string? Canonical(string text)
    {
        // It stands for octets that were no text.
        if (text.Contains('\uFFFD', StringComparison.Ordinal))
            return null;

        try
        {
            return text.StartsWith('[') ? Literal(text)
                : Name(new IdnMapping { AllowUnassigned = true }.GetAscii(text.TrimEnd('.').ToLowerInvariant()));
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    // What reads as a number in any way is no name: it would be connected to as an address.
    private static string? Name(string name) =>
        name.Length is > 0 and <= 253 && !IPAddress.TryParse(name, out _) && !name.Split('.')[^1].All(char.IsAsciiDigit)
            && name.Split('.').All(l => l.Length is > 0 and <= 63)
            && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_' or '.') ? name : null;

    // As RFC 5321 4.1.3 writes them, and in no other form that reads as an address: no octal, no scope, no port.
    private static string? Literal(string text)
    {
        if (!text.EndsWith(']'))
            return null;

        bool six = text.StartsWith("[IPv6:", StringComparison.OrdinalIgnoreCase);
        return HostName.Address(text[(six ? 6 : 1)..^1]) is { } address && (address.AddressFamily == AddressFamily.InterNetworkV6) == six
            ? $"[{address}]" : null;
    }
}
