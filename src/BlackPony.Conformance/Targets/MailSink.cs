using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BlackPony.Conformance.Targets;

/// <summary>A small mail server that takes everything and keeps it: the backend of the embedded relay.</summary>
public sealed class MailSink : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly Task _accepting;

    /// <summary>Begins to listen on a port of 127.0.0.1.</summary>
    /// <param name="port">The port; 0 for a free one.</param>
    public MailSink(int port = 0)
    {
        _listener = new TcpListener(IPAddress.Loopback, port);
        _listener.Start(512);
        _accepting = AcceptAsync();
    }

    /// <summary>The port.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>The messages that came whole, dot-stuffing undone, in Latin-1.</summary>
    public ConcurrentQueue<string> Messages { get; } = new();

    /// <summary>Whether even the empty recipient is taken, as test sinks do and no mail server does.</summary>
    public bool RefusesNobody { get; init; } = true;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync();
                _ = Task.Run(() => ServeAsync(client));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        try
        {
            using (client)
            {
                client.NoDelay = true;
                using var reader = new StreamReader(client.GetStream(), Encoding.Latin1);
                await using var writer = new StreamWriter(client.GetStream(), Encoding.Latin1) { AutoFlush = true, NewLine = "\r\n" };
                await writer.WriteLineAsync("220 sink.test ESMTP");
                while (await reader.ReadLineAsync() is { } line)
                {
                    var verb = line.Split(' ')[0].ToUpperInvariant();
                    switch (verb)
                    {
                        case "EHLO":
                            await writer.WriteAsync("250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 20000000\r\n");
                            break;
                        case "DATA":
                            await writer.WriteLineAsync("354 Go ahead");
                            if (!await TakeAsync(reader))
                            {
                                return;
                            }

                            await writer.WriteLineAsync("250 2.0.0 Kept");
                            break;
                        case "QUIT":
                            await writer.WriteLineAsync("221 2.0.0 Bye");
                            return;
                        case "RCPT" when !RefusesNobody && line.EndsWith("<>", StringComparison.Ordinal):
                            await writer.WriteLineAsync("553 5.1.3 Recipient required");
                            break;
                        default:
                            await writer.WriteLineAsync(verb is "HELO" or "MAIL" or "RCPT" or "RSET" or "NOOP" ? "250 2.0.0 Ok" : "500 5.5.1 Unknown");
                            break;
                    }
                }
            }
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
        }
    }

    private async Task<bool> TakeAsync(StreamReader reader)
    {
        var message = new StringBuilder();
        while (await reader.ReadLineAsync() is { } line)
        {
            if (line == ".")
            {
                Messages.Enqueue(message.ToString());
                return true;
            }

            message.Append(line.StartsWith('.') ? line[1..] : line).Append("\r\n");
        }

        return false;
    }
}
