using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BlackPony.Tests.Interop.NothingLost;

/// <summary>
/// A wire that is cut in some connections behind a random octet, in one direction or the other, and that looks for a text in all of them.
/// </summary>
internal sealed class CuttingWire : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly byte[] _canary;
    private readonly Random _random;
    private readonly Task _accepting;
    private int _cuts;

    /// <summary>Listens on a free port.</summary>
    /// <param name="port">The port to pass on to.</param>
    /// <param name="random">Where it cuts.</param>
    /// <param name="canary">What it looks for.</param>
    public CuttingWire(int port, Random random, string canary)
    {
        (_random, _canary) = (random, Encoding.ASCII.GetBytes(canary));
        _listener.Start(512);
        _accepting = AcceptAsync(port);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Whether it cuts at present.</summary>
    public bool Cuts { get; set; }

    /// <summary>How often it cut.</summary>
    public int Count => _cuts;

    /// <summary>Whether the text crossed the wire.</summary>
    public bool SawCanary { get; private set; }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
    }

    private async Task AcceptAsync(int port)
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptSocketAsync();
                _ = PassAsync(client, port);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task PassAsync(Socket client, int port)
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (client)
        {
            client.NoDelay = true;
            try
            {
                // As listen comes by itself ([BP-10.1-2]).
                server.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
                await server.ConnectAsync(IPAddress.Loopback, port);
            }
            catch (SocketException)
            {
                client.LingerState = new LingerOption(true, 0);
                return;
            }

            var (up, down) = Limits();
            await Task.WhenAll(PassAsync(client, server, up), PassAsync(server, client, down));
        }
    }

    // Where each direction is cut: handshakes end in the first two thousand octets, messages go on longer.
    private (long Up, long Down) Limits()
    {
        lock (_random)
        {
            if (!Cuts || _random.Next(3) > 0)
            {
                return (long.MaxValue, long.MaxValue);
            }

            return _random.Next(4) switch
            {
                0 => (_random.Next(2_500), long.MaxValue),
                1 => (long.MaxValue, _random.Next(3_500)),
                2 => (long.MaxValue, _random.Next(15_000)),
                _ => (_random.Next(150_000), long.MaxValue),
            };
        }
    }

    private async Task PassAsync(Socket from, Socket to, long limit)
    {
        var octets = new byte[16384];
        int kept = 0;
        try
        {
            while (true)
            {
                int count = await from.ReceiveAsync(octets.AsMemory(kept));
                if (count == 0)
                {
                    to.Shutdown(SocketShutdown.Send);
                    return;
                }

                SawCanary |= octets.AsSpan(0, kept + count).IndexOf(_canary) >= 0;
                int pass = (int)Math.Min(count, limit);
                limit -= pass;
                for (var rest = octets.AsMemory(kept, pass); !rest.IsEmpty;)
                {
                    rest = rest[await to.SendAsync(rest)..];
                }

                if (limit == 0)
                {
                    Interlocked.Increment(ref _cuts);
                    Cut(from);
                    Cut(to);
                    return;
                }

                // The text may stand across two reads.
                int tail = Math.Min(kept + count, _canary.Length - 1);
                octets.AsSpan(kept + count - tail, tail).CopyTo(octets);
                kept = tail;
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            Cut(from);
            Cut(to);
        }
    }

    private static void Cut(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
            socket.Dispose();
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }
}
