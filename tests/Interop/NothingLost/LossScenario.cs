using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.NothingLost;

/// <summary>How the client's messages come to <c>blackpony listen</c>.</summary>
public enum Way
{
    /// <summary>By plain SMTP.</summary>
    Plain,

    /// <summary>Through <c>blackpony mailer</c>, on standard input and output.</summary>
    Mailer,

    /// <summary>Through <c>blackpony relay</c>.</summary>
    Relay,
}

/// <summary>Client, mailer or relay, wire, listen, wire, mail server: all of them with troubles.</summary>
internal sealed class LossScenario : IAsyncDisposable
{
    private const string Canary = "nobody-reads-this-on-the-wire";
    private readonly Way _way;
    private readonly string[] _policy;
    private readonly Seed _seed;
    private readonly AttemptLog _ledger;
    private readonly IBackend _backend;
    private readonly CuttingWire _front;
    private readonly CuttingWire _back;
    private readonly NameServer _dns = new((10, "localhost"));
    private readonly ConcurrentDictionary<Process, bool> _mailers = new();
    private readonly ConcurrentQueue<Message> _messages;
    private readonly SortedDictionary<string, int> _troubles = [];
    private readonly int _door = FreePorts.Next();
    private readonly int _metrics = FreePorts.Next();
    private readonly int _relayPort = FreePorts.Next();
    private readonly MemoryDisk? _memory;
    private readonly int _count;
    private BlackPonyProgram? _listen;
    private BlackPonyProgram? _relay;
    private Task _befalling = Task.CompletedTask;
    private Task _work = Task.CompletedTask;
    private int _left;

    /// <summary>Builds it.</summary>
    /// <param name="way">How messages come to the door.</param>
    /// <param name="policy">The mailer's or relay's policy.</param>
    /// <param name="count">How many messages there are.</param>
    /// <param name="seed">Where all chance comes from.</param>
    /// <param name="ledger">What is promised and what is there.</param>
    /// <param name="backend">The mail server behind.</param>
    public LossScenario(Way way, string policy, int count, Seed seed, AttemptLog ledger, IBackend backend)
    {
        (_way, _seed, _count, _left, _ledger, _backend) = (way, seed, count, count, ledger, backend);
        _memory = policy == "remembered" ? new MemoryDisk() : null;
        _policy = _memory is null ? ["--policy", policy] : ["--policy", policy, "--memory", _memory.File];
        _back = new CuttingWire(backend.Port, seed.Next(), Canary);
        _front = new CuttingWire(_door, seed.Next(), Canary);
        _messages = new(Enumerable.Range(1, count).Select(id => new Message(id, seed.Next(), Canary)));
    }

    /// <summary>Sends all messages, with troubles on the way, until each is acknowledged.</summary>
    /// <returns>The totals, for people.</returns>
    public async Task<string> RunAsync()
    {
        await StartListenAsync();
        if (_way == Way.Relay)
        {
            await StartRelayAsync();
        }

        // One good message before the first trouble: a server that is to be remembered has been seen.
        await SessionAsync(1);
        _backend.Begin();
        (_front.Cuts, _back.Cuts) = (true, true);
        _befalling = TroubleAsync();
        _work = Task.WhenAll(Enumerable.Range(0, 5).Select(_ => WorkAsync()));

        // A trouble that itself fails would leave the load waiting for what it took away.
        // The bound is far beyond what a loaded machine needs.
        var patience = Wait.HangGuard + TimeSpan.FromSeconds(_count);
        await await Task.WhenAny(_work, _befalling).WaitAsync(patience);
        await Task.WhenAll(_work, _befalling).WaitAsync(patience);
        if (_way != Way.Plain)
        {
            Assert.False(_front.SawCanary, "A message crossed the wire in plaintext, against the policy.");
        }

        await NoSessionIsLeftAsync();
        var more = await _backend.DeliverAsync();
        var told = string.Join(", ", _troubles.Select(t => $"{t.Key} {t.Value}"));
        return $"{_ledger.Check(_count)}{more}; troubles: {told}, connections cut {_front.Count + _back.Count}; seed {_seed.Number}";
    }

    public async ValueTask DisposeAsync()
    {
        // Where the load did not come to its end: nothing befalls it any more, and nobody goes on sending.
        Volatile.Write(ref _left, 0);
        await _befalling.WaitAsync(TimeSpan.FromMinutes(1)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var mailer in _mailers.Keys)
        {
            Kill(mailer);
        }

        _relay?.Dispose();
        _listen?.Dispose();
        await _front.DisposeAsync();
        await _back.DisposeAsync();
        await _work.WaitAsync(TimeSpan.FromMinutes(1)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _dns.Dispose();
        _memory?.Dispose();
    }

    private async Task StartListenAsync()
    {
        _listen?.Dispose();
        _listen = null;
        _listen = await BlackPonyProgram.ListenAsync(_door, _back.Port, "--metrics", $"127.0.0.1:{_metrics}", "--log-level", "error");
    }

    private async Task StartRelayAsync()
    {
        _relay?.Dispose();
        _relay = BlackPonyProgram.Start(
            ["relay", "--listen", $"127.0.0.1:{_relayPort}", "--port", $"{_front.Port}", "--dns", $"127.0.0.1:{_dns.Port}", "--log-level",
                "error", .. _policy]);
        await _relay.ListensAsync(_relayPort);
    }

    private async Task WorkAsync()
    {
        while (Volatile.Read(ref _left) > 0)
        {
            await SessionAsync(_way == Way.Mailer ? 40 : 15);
            if (_messages.IsEmpty)
            {
                // Others still try the last ones.
                await Task.Delay(20);
            }
        }
    }

    private async Task SessionAsync(int most)
    {
        if (_way == Way.Mailer)
        {
            await MailerAsync(most);
            return;
        }

        using var client = new TcpClient { NoDelay = true };
        try
        {
            await client.ConnectAsync("127.0.0.1", _way == Way.Relay ? _relayPort : _front.Port);
        }
        catch (SocketException)
        {
            await Task.Delay(20);
            return;
        }

        await SendAsync(new LineStream(client.GetStream()), most);
    }

    private async Task MailerAsync(int most)
    {
        if (_messages.IsEmpty)
        {
            return;
        }

        using var mailer = Process.Start(new ProcessStartInfo(
            BlackPonyProgram.File,
            ["mailer", "--port", _front.Port.ToString(CultureInfo.InvariantCulture), "--dns", $"127.0.0.1:{_dns.Port}", .. _policy,
                _backend.Domain])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        mailer.ErrorDataReceived += (_, _) => { };
        mailer.BeginErrorReadLine();
        _mailers[mailer] = true;
        await SendAsync(new LineStream(mailer.StandardOutput.BaseStream, mailer.StandardInput.BaseStream), most);
        try
        {
            mailer.StandardInput.Close();
        }
        catch (IOException)
        {
        }

        await mailer.WaitForExitAsync().WaitAsync(Wait.HangGuard);
        _mailers.TryRemove(mailer, out _);
    }

    private async Task SendAsync(LineStream stream, int most)
    {
        int sent = 0;
        await new Sender(stream, _ledger, _backend.Domain, _backend.Refusal).RunAsync(
            () => sent++ < most && _messages.TryDequeue(out var message) ? message : null,
            () => Interlocked.Decrement(ref _left),
            _messages.Enqueue);
    }

    // A trouble each time that so and so many messages were acknowledged.
    private async Task TroubleAsync()
    {
        var random = _seed.Next();
        List<(string Name, Func<Task> Make)> troubles =
        [
            ("listen killed", KillListenAsync),
            .. _backend.Troubles,
        ];
        switch (_way)
        {
            case Way.Mailer:
                troubles.Add(("mailer killed", () =>
                {
                    Kill(_mailers.Keys.ElementAtOrDefault(random.Next(6)));
                    return Task.CompletedTask;
                }));
                troubles.Add(("DNS failed", () => ForAWhileAsync(() => _dns.ResponseCode = 2, () => _dns.ResponseCode = 0)));
                break;
            case Way.Relay:
                troubles.Add(("relay killed", KillRelayAsync));
                troubles.Add(("DNS failed", () => ForAWhileAsync(() => _dns.ResponseCode = 2, () => _dns.ResponseCode = 0)));
                break;
        }

        if (_memory is not null)
        {
            troubles.Add(("memory corrupted", () => ForAWhileAsync(() => _memory.Corrupt(random), _memory.Restore)));
            if (_memory.IsSmall)
            {
                troubles.Add(("memory's disk full", () => ForAWhileAsync(_memory.Fill, _memory.Empty)));
            }
        }

        for (int at = 0, turn = 0; Volatile.Read(ref _left) > 0; turn++)
        {
            at += random.Next(_count / 20, _count / 10);
            while (Volatile.Read(ref _left) is > 0 and var left && _count - left < at)
            {
                await Task.Delay(5);
            }

            var (name, make) = turn < troubles.Count ? troubles[turn] : troubles[random.Next(troubles.Count)];
            await make();
            _troubles[name] = _troubles.GetValueOrDefault(name) + 1;
        }
    }

    private async Task KillListenAsync()
    {
        _listen!.Kill();
        await StartListenAsync();
    }

    private async Task KillRelayAsync()
    {
        _relay!.Kill();
        await StartRelayAsync();
    }

    /// <summary>A trouble that ends by itself.</summary>
    public static async Task ForAWhileAsync(Action begin, Action end)
    {
        begin();
        await Task.Delay(250);
        end();
    }

    private static void Kill(Process? process)
    {
        try
        {
            process?.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }
    }

    // Whatever became of clients and mail servers, no session stays behind.
    private async Task NoSessionIsLeftAsync()
    {
        using var http = new HttpClient();
        for (var began = Stopwatch.StartNew(); ;)
        {
            var text = await http.GetStringAsync(new Uri($"http://127.0.0.1:{_metrics}/metrics"));
            if (text.Contains("blackpony_sessions_open{otel_scope_name=\"BlackPony\"} 0\n", StringComparison.Ordinal))
            {
                return;
            }

            Assert.True(began.Elapsed < Wait.HangGuard,
                "Sessions were left open: "
                    + string.Join('\n', text.Split('\n').Where(l => l.StartsWith("blackpony", StringComparison.Ordinal))));
            await Task.Delay(100);
        }
    }
}
