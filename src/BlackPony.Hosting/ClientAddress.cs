using System.Net;
using System.Net.Sockets;

namespace BlackPony.Hosting;

/// <summary>A client's address as others write it.</summary>
internal static class ClientAddress
{
    /// <summary>The address without what is of this machine only: IPv4 in IPv6, and the scope of a link-local address
    /// (<c>fe80::1%4</c>).</summary>
    public static IPAddress Plain(IPAddress address) =>
        address.IsIPv4MappedToIPv6 ? address.MapToIPv4()
        : address.AddressFamily == AddressFamily.InterNetworkV6 ? new IPAddress(address.GetAddressBytes())
        : address;
}
