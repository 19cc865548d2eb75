using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BlackPony.Tests.Interop.NothingLost;

/// <summary>
/// A mail server that keeps each message before it acknowledges it, and that can fail in the ways in which mail servers do.
/// It takes mail for vault.test only.
/// </summary>
internal sealed class ReceivedStore : IBackend
{
    private readonly Action<byte[]> _keep;
    private readonly Random _random;
    private readonly ConcurrentDictionary<Socket, Task> _sessions = new();
    private TcpListener? _listener;
    private Task _accepting = Task.CompletedTask;
    private TaskCompletionSource? _stalled;

    public ReceivedStore(Action<byte[]> keep, Random random)
    {
        (_keep, _random) = (keep, random);
        Open();
    }

    /// <summary>The port; it stays the same when the server comes back.</summary>
    public int Port { get; private set; }

    /// <inheritdoc/>
    public string Domain => "vault.test";

    /// <inheritdoc/>
    public string? Refusal => "vault.test:";

    /// <inheritdoc/>
    public IEnumerable<(string Name, Func<Task> Make)> Troubles =>
    [
        ("backend vanished", () => LossScenario.ForAWhileAsync(Vanish, Open)),
        ("backend stalled", () => LossScenario.ForAWhileAsync(Stall, GoOn)),
    ];

    /// <summary>Whether it now and then refuses, puts off or goes away in the midst of things.</summary>
    public bool IsMoody { get; set; }

    /// <inheritdoc/>
    public void Begin() => IsMoody = true;

    /// <inheritdoc/>
    public Task<string> DeliverAsync() => Task.FromResult("");

    /// <summary>The process dies: listener and connections are gone at once.</summary>
    public void Vanish()
    {
        _listener?.Dispose();
        _listener = null;
        foreach (var socket in _sessions.Keys)
        {
            // A reset, as for a process that had octets unread.
            try
            {
                socket.LingerState = new LingerOption(true, 0);
                socket.Dispose();
            }
            catch (ObjectDisposedException)
            {
                // Its session has just ended.
            }
        }
    }

    /// <summary>Begins to listen, again if it had vanished.</summary>
    public void Open()
    {
        _listener = new TcpListener(IPAddress.Loopback, Port);
        _listener.Start(512);
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync(_listener);
    }

    /// <summary>It says nothing any more, though its connections stand.</summary>
    public void Stall() => _stalled ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>It goes on.</summary>
    public void GoOn() => Interlocked.Exchange(ref _stalled, null)?.SetResult();

    public async ValueTask DisposeAsync()
    {
        GoOn();
        Vanish();
        await _accepting;
        await Task.WhenAll(_sessions.Values);
    }

    private async Task AcceptAsync(TcpListener listener)
    {
        try
        {
            while (true)
            {
                var socket = await listener.AcceptSocketAsync();
                _sessions[socket] = Task.Run(async () =>
                {
                    try
                    {
                        using (socket)
                        {
                            await ServeAsync(new LineStream(new NetworkStream(socket)));
                        }
                    }
                    catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
                    {
                    }

                    _sessions.TryRemove(socket, out _);
                });
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }

    private bool Mood(int oneOf)
    {
        lock (_random)
        {
            return IsMoody && _random.Next(oneOf) == 0;
        }
    }

    private async Task ServeAsync(LineStream client)
    {
        bool hasRecipient = false;
        await SayAsync(Mood(40) ? "421 vault.test is busy" : "220 vault.test ESMTP");
        while (await client.LineAsync() is { } octets)
        {
            var line = Encoding.Latin1.GetString(octets);
            var verb = line.Split(' ')[0].ToUpperInvariant();
            if (Mood(300))
            {
                await SayAsync("421 4.3.2 vault.test goes away");
                return;
            }

            if (Mood(300))
            {
                return;
            }

            switch (verb)
            {
                case "EHLO":
                    await SayAsync("250-vault.test\r\n250-PIPELINING\r\n250 8BITMIME");
                    break;
                case "DATA" when !hasRecipient:
                    await SayAsync("554 5.5.1 No recipient");
                    break;
                case "DATA":
                    hasRecipient = false;
                    await SayAsync("354 Go ahead");
                    if (!await TakeAsync())
                    {
                        return;
                    }

                    break;
                case "QUIT":
                    await SayAsync("221 2.0.0 Bye");
                    return;
                case "RCPT" when !line.Contains("@vault.test>", StringComparison.Ordinal):
                    await SayAsync("550 5.7.1 Not here");
                    break;
                case "MAIL" or "RCPT":
                    bool taken = !Mood(60);
                    hasRecipient = taken && verb == "RCPT";
                    await SayAsync(taken ? "250 2.0.0 Ok" : "451 4.3.0 Later");
                    break;
                default:
                    hasRecipient &= verb != "RSET";
                    await SayAsync(verb is "HELO" or "RSET" or "NOOP" ? "250 2.0.0 Ok" : "500 5.5.1 Unknown");
                    break;
            }
        }

        async Task<bool> TakeAsync()
        {
            var message = new List<byte>();
            while (await client.LineAsync() is { } line)
            {
                if (line is [(byte)'.'])
                {
                    if (Mood(50))
                    {
                        await SayAsync("451 4.3.0 vault.test: disk full, later");
                        return true;
                    }

                    _keep([.. message]);
                    if (Mood(60))
                    {
                        // Kept, and gone before it said so.
                        return false;
                    }

                    await SayAsync("250 2.0.0 Kept");
                    return true;
                }

                message.AddRange(line is [(byte)'.', ..] ? line.AsSpan(1) : line);
                message.AddRange("\r\n"u8);
            }

            return false;
        }

        async Task SayAsync(string text)
        {
            if (Volatile.Read(ref _stalled) is { } stalled)
            {
                await stalled.Task;
            }

            await client.SayAsync(Encoding.ASCII.GetBytes(text + "\r\n"));
        }
    }
}
