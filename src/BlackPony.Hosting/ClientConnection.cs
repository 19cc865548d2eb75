using System.Net;
using System.Net.Sockets;
using BlackPony.Reference;

namespace BlackPony.Hosting;

/// <summary>A client's connection, and whose it is.</summary>
/// <param name="Socket">The connection.</param>
/// <param name="Peer">The client's address and port.</param>
/// <param name="Local">The address and port to which the client connected.</param>
/// <param name="IsHealthCheck">Whether the client is a load balancer that speaks for itself (LOCAL).</param>
public sealed record ClientConnection(Socket Socket, IPEndPoint Peer, IPEndPoint Local, bool IsHealthCheck = false)
{
    /// <summary>A connection from the client itself.</summary>
    /// <exception cref="SocketException">It has gone already.</exception>
    public static ClientConnection Of(Socket socket) => new(socket, (IPEndPoint)socket.RemoteEndPoint!, (IPEndPoint)socket.LocalEndPoint!);

    /// <summary>Reads the header of a load balancer, and not an octet more (spec 10.1).</summary>
    /// <param name="needsAddress">Whether the client must be known: the mail server is told its address.</param>
    /// <param name="time">The clock of the time-out.</param>
    /// <param name="cancel">Ends the waiting.</param>
    /// <returns>The client's connection; null if the balancer ended it before it sent anything, as some health checks do.</returns>
    /// <exception cref="ProxyHeaderException">The connection must be closed; the message says why.</exception>
    /// <exception cref="SocketException">It was lost.</exception>
    internal async Task<ClientConnection?> AfterHeaderAsync(bool needsAddress, TimeProvider time, CancellationToken cancel)
    {
        var header = new ProxyHeader();
        using var patience = new LinkedTimeout(Limits.ProxyHeaderTimeout, time, cancel);
        var octets = new byte[256];
        int all = 0;
        try
        {
            while (!header.IsComplete)
            {
                // What follows the header is the client's, and stays in the socket.
                int seen = await Socket.ReceiveAsync(octets, SocketFlags.Peek, patience.Token).ConfigureAwait(false);
                if (seen == 0)
                    return all == 0 ? null : throw new ProxyHeaderException("the connection ended within the header");

                int read = header.Read(octets.AsSpan(0, seen));
                if (header.Error is { } error)
                    throw new ProxyHeaderException(error);

                all += Socket.Receive(octets, read, SocketFlags.None);
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new ProxyHeaderException($"no complete header within {Limits.ProxyHeaderTimeout.TotalSeconds} s");
        }

        // [BP-10.1-23], [BP-10.1-24]
        return header.Client is { } client ? new ClientConnection(Socket, client, header.Server!)
            : header.IsLocal || !needsAddress ? this with { IsHealthCheck = header.IsLocal }
            : throw new ProxyHeaderException("the header does not name the client's address, which the backend would be told");
    }
}

/// <summary>A balancer's connection does not begin as it must ([BP-10.1-22]); the message says why, without an octet of the peer.</summary>
internal sealed class ProxyHeaderException(string message) : Exception(message);
