using System.Net;
using System.Net.Sockets;

namespace BlackPony.Hosting.Resolver;

/// <summary>In which order a host's addresses are tried (RFC 6724, what matters of it to a mail client).</summary>
internal static class AddressOrder
{
    /// <summary>An IPv4 address that is written as IPv6, as what it is.</summary>
    public static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    /// <summary>
    /// Leaves out what is no address of one host. Then IPv6 before IPv4, as each came; but what there is no way to, and what only a
    /// local IPv6 address could
    /// go to, comes last.
    /// </summary>
    public static IReadOnlyList<IPAddress> Sort(IEnumerable<IPAddress> addresses) =>
        [.. addresses.Where(IsOfOneHost).Distinct().OrderBy(a => Rank(OwnAddress.SourceTowards(a), a))];

    /// <summary>When an address is tried: the smaller, the sooner.</summary>
    /// <param name="source">The own address towards it; null if there is no way to it.</param>
    /// <param name="address">The address.</param>
    internal static int Rank(IPAddress? source, IPAddress address) => (source, address.AddressFamily) switch
    {
        (null, _) => 3,
        (_, AddressFamily.InterNetwork) => 1,
        _ => IsGlobal(source) == IsGlobal(address) ? 0 : 2,
    };

    private static bool IsOfOneHost(IPAddress address)
    {
        var octets = address.GetAddressBytes();
        return address.AddressFamily == AddressFamily.InterNetworkV6
            ? !address.IsIPv6Multicast && !address.IsIPv6LinkLocal
            : octets[0] < 224 && (octets[0] != 0 || address.Equals(IPAddress.Any));
    }

    private static bool IsGlobal(IPAddress address) => !address.IsIPv6UniqueLocal && !address.IsIPv6LinkLocal
        && !IPAddress.IsLoopback(address);
}
