using System.Net;
using System.Net.Sockets;

namespace BlackPony.Hosting;

/// <summary>Opens the sockets that a server listens on.</summary>
public static class ListenSocket
{
    /// <summary>Begins to listen.</summary>
    /// <exception cref="ListenException">The address can't be used.</exception>
    internal static Socket Open(IPEndPoint endPoint)
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
    public static void Try(IPEndPoint endPoint) => Open(endPoint).Dispose();
}
