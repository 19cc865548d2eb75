using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using BlackPony.Tests.Interop.NothingLost;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.Soak;

/// <summary>Minutes or hours of mixed traffic, after which nothing has grown. Run by tests/Interop/soak; not part of the tests.</summary>
public sealed class SoakTests(ITestOutputHelper output) : IDisposable
{
    private const string Canary = "soaked";
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;
    private readonly Seed _seed = new(1997);
    private AttemptLog _ledger = new();
    private int _id;

    private static int Minutes =>
        int.TryParse(Environment.GetEnvironmentVariable("BLACKPONY_SOAK"), NumberStyles.None, CultureInfo.InvariantCulture, out int minutes)
            ? minutes
            : 20;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact(Explicit = true)]
    public async Task Memory_descriptors_and_threads_stay_flat()
    {
        await using var vault = new ReceivedStore(o => _ledger.Keep(o), _seed.Next()) { IsMoody = true };
        await using var back = new CuttingWire(vault.Port, _seed.Next(), Canary) { Cuts = true };
        var (door, metrics) = (FreePorts.Next(), FreePorts.Next());
        await using var front = new CuttingWire(door, _seed.Next(), Canary) { Cuts = true };
        var config = Path.Combine(_folder, "listen.conf");
        await File.WriteAllTextAsync(config,
            $"listen 127.0.0.1:{door}\nbackend 127.0.0.1:{back.Port}\nmetrics 127.0.0.1:{metrics}\nlog-level error\n",
            TestContext.Current.CancellationToken);
        using var listen = BlackPonyProgram.Start("listen", "--config", config);
        await listen.ListensAsync(door);
        var (first, second) = (FreePorts.Next(), FreePorts.Next());
        using var modern = await RelayAsync(first, "--policy", "remembered", "--memory", Path.Combine(_folder, "memory"));
        using var classic = await RelayAsync(second, "--policy", "required", "--suites", "RSA-BLOWFISH");
        List<(string Name, BlackPonyProgram Program, List<ProcessSize> Sizes)> programs = [("listen", listen, []), ("relay", modern, []),
            ("relay, RSA-BLOWFISH", classic, [])];
        var random = _seed.Next();
        output.WriteLine(
            $"{Minutes} minutes of plain sessions, encrypted ones through two relays, cut connections, a moody mail server, odd visitors, "
                + "reloads. Each minute, when all is quiet:");
        var clock = Stopwatch.StartNew();
        for (int minute = 1; clock.Elapsed < TimeSpan.FromMinutes(Minutes); minute++)
        {
            _ledger = new AttemptLog();
            int before = _id;
            var load = Task.WhenAll(((int[])[front.Port, door, first, first, second]).Select(port => LoadAsync(port, _seed.Next()))
                .Append(VisitorsAsync(door)).Append(VisitorsAsync(first)));
            await Task.Delay(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
            listen.HangUp();
            modern.HangUp();
            if (random.Next(2) == 0)
            {
                vault.Vanish();
                await Task.Delay(500, TestContext.Current.CancellationToken);
                vault.Open();
            }
            else
            {
                vault.Stall();
                await Task.Delay(500, TestContext.Current.CancellationToken);
                vault.GoOn();
            }

            await load;
            await QuietAsync(metrics);
            programs.ForEach(p => p.Sizes.Add(ProcessSize.Of(p.Program.Id)));
            var sizes = string.Join("; ", programs.Select(p => $"{p.Name} {p.Sizes[^1]}"));
            output.WriteLine($"{DateTime.UtcNow:HH:mm:ss} minute {minute}: {sizes}; {_ledger.Check(_id - before)}");
        }

        programs.ForEach(p => Flat(p.Name, p.Sizes));

        async Task<BlackPonyProgram> RelayAsync(int port, params string[] more)
        {
            var relay = BlackPonyProgram.Start(
                ["relay", "--listen", $"127.0.0.1:{port}", "--route", $"*=[127.0.0.1]:{front.Port}", "--log-level", "error", .. more]);
            await relay.ListensAsync(port);
            return relay;
        }
    }

    // The first quarter warms up; after that the end may not be above the middle.
    private static void Flat(string name, List<ProcessSize> sizes)
    {
        int from = Math.Min(sizes.Count - 1, Math.Max(2, sizes.Count / 4));
        var warm = sizes[from..];
        var (early, late) = (warm[..((warm.Count + 1) / 2)], warm[(warm.Count / 2)..]);
        Assert.True(late.Max(s => s.Descriptors) <= early.Max(s => s.Descriptors) + 5, $"{name} leaks descriptors.");
        Assert.True(late.Max(s => s.Threads) <= early.Max(s => s.Threads) + 5, $"{name} leaks threads.");
        Assert.True(late.Max(s => s.Memory) <= (early.Max(s => s.Memory) * 1.1) + 4096, $"{name} leaks memory.");
    }

    // Some 55 s of new messages, and then until the last of them is acknowledged.
    private async Task LoadAsync(int port, Random random)
    {
        var again = new Queue<Message>();
        var end = Environment.TickCount64 + 55_000;
        while (Environment.TickCount64 < end || again.Count > 0)
        {
            int most = random.Next(1, 20);
            using var client = new TcpClient { NoDelay = true };
            try
            {
                await client.ConnectAsync("127.0.0.1", port);
                await new Sender(new LineStream(client.GetStream()), _ledger, "vault.test", "vault.test:").RunAsync(Next,
                    () => { }, again.Enqueue);
            }
            catch (SocketException)
            {
            }

            await Task.Delay(random.Next(100));

            Message? Next() => most-- <= 0 ? null
                : again.TryDequeue(out var old) ? old
                : Environment.TickCount64 < end ? new Message(Interlocked.Increment(ref _id), random, Canary)
                : null;
        }
    }

    private async Task VisitorsAsync(int port)
    {
        var random = _seed.Next();
        for (var end = Environment.TickCount64 + 55_000; Environment.TickCount64 < end;)
        {
            await OddVisitors.VisitAsync(port, random);
            await Task.Delay(random.Next(100));
        }
    }

    private static async Task QuietAsync(int metrics)
    {
        using var http = new HttpClient();
        for (int i = 0; !(await http.GetStringAsync(new Uri($"http://127.0.0.1:{metrics}/metrics")))
            .Contains("blackpony_sessions_open{otel_scope_name=\"BlackPony\"} 0\n", StringComparison.Ordinal); i++)
        {
            Assert.True(i < 600, "Sessions stay open.");
            await Task.Delay(100);
        }
    }
}
