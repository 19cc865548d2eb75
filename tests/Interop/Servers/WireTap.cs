using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>A wire between a client and a server that keeps all octets which cross it.</summary>
public sealed class WireTap : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly MemoryStream _seen = new();
    private readonly Task _accepting;

    /// <summary>Listens on a free port and passes on to another, in the name of another address of this machine if one is given.</summary>
    public WireTap(int port, IPAddress? from = null)
    {
        _listener.Start();
        _accepting = AcceptAsync(port, from ?? IPAddress.Any);
    }

    /// <summary>The port to connect to.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Whether a text crossed the wire.</summary>
    public bool Saw(string text)
    {
        lock (_seen)
        {
            return _seen.ToArray().AsSpan().IndexOf(Encoding.Latin1.GetBytes(text)) >= 0;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
    }

    private async Task AcceptAsync(int port, IPAddress from)
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync();
                var server = new TcpClient(new IPEndPoint(from, 0));
                await server.ConnectAsync(IPAddress.Loopback, port);

                // Both now: there is no stream for the asking any more where one direction has ended.
                var (up, down) = (client.GetStream(), server.GetStream());
                _ = PassAsync(up, down);
                _ = PassAsync(down, up);
            }
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
        }
    }

    private async Task PassAsync(NetworkStream from, NetworkStream to)
    {
        var octets = new byte[65536];
        try
        {
            for (int count; (count = await from.ReadAsync(octets)) > 0;)
            {
                lock (_seen)
                {
                    _seen.Write(octets, 0, count);
                }

                await to.WriteAsync(octets.AsMemory(0, count));
            }

            to.Socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            to.Socket.Dispose();
        }
    }
}
