using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace BlackPony.Benchmarks.Load;

/// <summary>A TCP relay that holds every octet for a while, in both directions: the kernel here has no netem.</summary>
internal sealed class DelayedPipe : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly TimeSpan _delay;
    private readonly int _target;

    public DelayedPipe(int target, TimeSpan delay)
    {
        _target = target;
        _delay = delay;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptAsync();
                var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                client.NoDelay = true;
                await server.ConnectAsync(IPAddress.Loopback, _target);
                _ = PumpAsync(client, server);
                _ = PumpAsync(server, client);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task PumpAsync(Socket from, Socket to)
    {
        var link = Channel.CreateUnbounded<(long Due, byte[] Octets)>();
        _ = SendAsync(link.Reader, to);
        var buffer = new byte[65536];
        try
        {
            int count;
            do
            {
                count = await from.ReceiveAsync(buffer);
                link.Writer.TryWrite((Stopwatch.GetTimestamp() + (long)(_delay.TotalSeconds * Stopwatch.Frequency), buffer[..count]));
            }
            while (count > 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            link.Writer.TryComplete();
        }
    }

    private static async Task SendAsync(ChannelReader<(long Due, byte[] Octets)> link, Socket to)
    {
        try
        {
            await foreach (var (due, octets) in link.ReadAllAsync())
            {
                var wait = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due);
                if (wait > TimeSpan.Zero)
                {
                    await Task.Delay(wait);
                }

                if (octets.Length == 0)
                {
                    to.Shutdown(SocketShutdown.Send);
                    return;
                }

                await to.SendAsync(octets);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }
}
