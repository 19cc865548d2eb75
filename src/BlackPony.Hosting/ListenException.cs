using System.Net;
using System.Net.Sockets;

namespace BlackPony.Hosting;

/// <summary>An address cannot be listened on; the message names it, the reason, and what to do.</summary>
/// <param name="endPoint">The address.</param>
/// <param name="cause">Why not.</param>
public sealed class ListenException(IPEndPoint endPoint, SocketException cause) : IOException(Text(endPoint, cause), cause)
{
    /// <summary>The address.</summary>
    public IPEndPoint EndPoint => endPoint;

    /// <summary>Whether another program listens there, or this one does in another process.</summary>
    public bool IsInUse { get; } = cause.SocketErrorCode == SocketError.AddressAlreadyInUse;

    private static string Text(IPEndPoint endPoint, SocketException cause) =>
        $"cannot listen on {endPoint}: {cause.Message}. " + cause.SocketErrorCode switch
        {
            SocketError.AddressAlreadyInUse => "Another program has the port; 'ss -ltnp' names it.",
            SocketError.AccessDenied => "A port below 1024 needs root or the capability CAP_NET_BIND_SERVICE.",
            SocketError.AddressNotAvailable => "It is not an address of this machine.",
            _ => "Name another address or port.",
        };
}
