using System.Buffers;
using System.Net;
using System.Net.Sockets;

namespace BlackPony.Benchmarks.Load;

/// <summary>
/// A mail server in this process, which takes mail and throws it away. It costs much less than smtp-sink, so that it is not the limit:
/// its clients wait for replies, and so the end of a message is always the end of what has arrived.
/// </summary>
internal sealed class Sink : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private int _messages;

    public Sink()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(4096);
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>How many messages it has taken.</summary>
    public int Messages => Volatile.Read(ref _messages);

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptAsync());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var socket = client;
        socket.NoDelay = true;
        try
        {
            await socket.SendAsync("220 sink.test\r\n"u8.ToArray());
            var word = await CommandsAsync(socket);
            while (word is "DATA")
            {
                await MessageAsync(socket);
                Interlocked.Increment(ref _messages);
                await socket.SendAsync("250 2.0.0 Ok\r\n"u8.ToArray());
                word = await CommandsAsync(socket);
            }

            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
        }
    }

    // Up to DATA or QUIT, and its reply.
    private static async Task<string> CommandsAsync(Socket socket)
    {
        while (true)
        {
            // An idle session has no buffer.
            await socket.ReceiveAsync(Memory<byte>.Empty);
            var octets = ArrayPool<byte>.Shared.Rent(4096);
            int have = 0;
            do
            {
                have += await socket.ReceiveAsync(octets.AsMemory(have)) is > 0 and var count ? count : throw new IOException();
            }
            while (!octets.AsSpan(0, have).EndsWith("\r\n"u8));

            var lines = System.Text.Encoding.ASCII.GetString(octets, 0, have).Split("\r\n")[..^1];
            ArrayPool<byte>.Shared.Return(octets);
            await socket.SendAsync(System.Text.Encoding.ASCII.GetBytes(string.Concat(lines.Select(Reply))));
            if (lines[^1] is "DATA" or "QUIT")
            {
                return lines[^1];
            }
        }
    }

    private static string Reply(string command) => command[..4] switch
    {
        "EHLO" => "250-sink.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
        "DATA" => "354 Go on\r\n",
        "QUIT" => "221 2.0.0 Bye\r\n",
        _ => "250 2.1.0 Ok\r\n",
    };

    private static async Task MessageAsync(Socket socket)
    {
        const int Kept = 4;
        var octets = ArrayPool<byte>.Shared.Rent(262144);
        int have = 0;
        do
        {
            // Of what came before, only the end matters.
            int before = Math.Min(have, Kept);
            octets.AsSpan(have - before, before).CopyTo(octets);
            have = before + (await socket.ReceiveAsync(octets.AsMemory(before)) is > 0 and var count ? count : throw new IOException());
        }
        while (!octets.AsSpan(0, have).EndsWith("\r\n.\r\n"u8));
        ArrayPool<byte>.Shared.Return(octets);
    }
}
