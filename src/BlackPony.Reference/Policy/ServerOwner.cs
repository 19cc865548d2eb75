using System.Net;
using System.Net.Sockets;

namespace BlackPony.Reference.Policy;

/// <summary>
/// Whose a server is, as far as its name tells: a stranger who makes up names makes them up below a domain, or in a network, that is his.
/// The registered domain is taken to be the last two labels, or three where the second is as short as those of registries (<c>co.uk</c>).
/// </summary>
internal static class ServerOwner
{
    /// <summary>The owner of a host name or address.</summary>
    public static ReadOnlySpan<char> Of(ReadOnlySpan<char> name)
    {
        if (!name.IsEmpty && (name.Contains(':') || char.IsAsciiDigit(name[^1])) && IPAddress.TryParse(name, out var address))
        {
            var octets = address.GetAddressBytes();
            return Convert.ToHexString(octets, 0, address.AddressFamily == AddressFamily.InterNetwork ? 3 : 6);
        }

        int top = name.LastIndexOf('.');
        int second = top < 0 ? -1 : name[..top].LastIndexOf('.');
        if (second >= 0 && name.Length - top - 1 == 2 && top - second - 1 <= 3)
            second = name[..second].LastIndexOf('.');

        return name[(second + 1)..];
    }
}
