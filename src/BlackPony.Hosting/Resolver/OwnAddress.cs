using System.Net;
using System.Net.Sockets;
using BlackPony.Reference;

namespace BlackPony.Hosting.Resolver;

/// <summary>Tells this machine's addresses from others ([BP-10.4-16]).</summary>
internal static class OwnAddress
{
    /// <summary>Whether mail to this address and port would come back to this machine's mail server.</summary>
    public static bool Is(IPAddress address, int port) =>
        IsUnspecified(address) || (port == Limits.DefaultPort && (IPAddress.IsLoopback(address) || address.Equals(SourceTowards(address))));

    // Connecting there is connecting to this machine.
    private static bool IsUnspecified(IPAddress address) => address.Equals(IPAddress.IPv6Any) || address.Equals(IPAddress.Any);

    /// <summary>
    /// From which address this machine goes to another; to an own address it goes from that address. Nothing is sent, and no list of
    /// interfaces is read,
    /// which a service may be denied.
    /// </summary>
    /// <returns>Null if there is no way.</returns>
    public static IPAddress? SourceTowards(IPAddress address)
    {
        try
        {
            using var probe = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            probe.Connect(address, Limits.DefaultPort);
            return ((IPEndPoint)probe.LocalEndPoint!).Address;
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
