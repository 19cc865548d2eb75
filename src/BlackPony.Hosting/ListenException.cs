using System.Net;
using System.Net.Sockets;

namespace BlackPony.Hosting;

/// <summary>An address cannot be listened on; the message names it, the reason, and what to do.</summary>
/// <param name="endPoint">The address.</param>
/// <param name="cause">Why not.</param>
public sealed class ListenException(IPEndPoint endPoint, SocketException cause) : IOException(Text(endPoint, cause), cause)
{
    /// <summary>Whether another program listens there, or this one does in another process.</summary>
    public bool IsInUse { get; } = cause.SocketErrorCode == SocketError.AddressAlreadyInUse;

    /// <summary>Begins to listen.</summary>
    /// <exception cref="ListenException">The address can't be used.</exception>
    internal static Socket Listen(IPEndPoint endPoint)
    {
        Socket? listener = null;
        try
        {
            listener = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            if (endPoint.AddressFamily == AddressFamily.InterNetworkV6)
                listener.DualMode = false;

            listener.Bind(endPoint);
            listener.Listen(1024);
            return listener;
        }
        catch (SocketException e)
        {
            listener?.Dispose();
            throw new ListenException(endPoint, e);
        }
    }

    /// <summary>Looks whether an address can be listened on.</summary>
    /// <exception cref="ListenException">It can't.</exception>
    public static void Try(IPEndPoint endPoint) => Listen(endPoint).Dispose();

    private static string Text(IPEndPoint endPoint, SocketException cause) =>
        $"cannot listen on {endPoint}: {cause.Message}. " + cause.SocketErrorCode switch
        {
            SocketError.AddressAlreadyInUse => "Another program has the port; 'ss -ltnp' names it.",
            SocketError.AccessDenied => "A port below 1024 needs root or the capability CAP_NET_BIND_SERVICE.",
            SocketError.AddressNotAvailable => "It is not an address of this machine.",
            _ => "Name another address or port.",
        };
}
