using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using BlackPony.Traces.Replay;
using BlackPony.Traces.Sessions;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Traces;

/// <summary>Several sessions at once, to a server that counts them.</summary>
public sealed class ParallelReplayTests
{
    private const int Sessions = 6;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(6)]
    public async Task So_many_sessions_are_played_at_once_and_each_in_its_order(int connections)
    {
        using var folder = new Folder();
        var file = Capture(folder);
        using var server = new CountingServer(connections);
        var serving = server.ServeAsync(Sessions);
        var (code, output, errors) = await Task.Run(() => Tool.Run(
            ["replay", file, "--to", server.Address, "--connections", $"{connections}", "--timeout", "60"]),
            TestContext.Current.CancellationToken);
        await serving;
        Assert.Equal((0, ""), (code, errors));
        Assert.Equal(connections, server.Most);
        // Each connection is one session, whole and in order.
        Assert.Equal(Enumerable.Range(1, Sessions).Select(Commands), server.Heard.Order(StringComparer.Ordinal));
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(
            [.. Enumerable.Range(1, Sessions).Select(i => $"{i,4}  10.0.0.{i}:40000 > 10.0.0.2:25  6 exchanges, as captured"),
                $"{Sessions} sessions: {Sessions} as captured, 0 with differences, 0 not played"], lines);
    }

    [Fact]
    public async Task A_server_that_takes_no_more_is_a_difference_and_the_others_are_played()
    {
        using var folder = new Folder();
        var file = Capture(folder);
        using var server = new CountingServer(2);
        // The fourth and those after it find nobody.
        var serving = server.ServeAsync(4);
        var (code, output, errors) = await Task.Run(() => Tool.Run(
            ["replay", file, "--to", server.Address, "--connections", "2", "--timeout", "60", "--format", "json"]),
            TestContext.Current.CancellationToken);
        await serving;
        Assert.Equal((1, ""), (code, errors));
        var sessions = JsonNode.Parse(output)!["sessions"]!.AsArray();
        Assert.Equal(Enumerable.Range(1, Sessions), sessions.Select(s => (int)s!["session"]!));
        Assert.Equal(4, sessions.Count(s => s!["differences"]!.AsArray().Count == 0));
    }

    [Fact]
    public async Task So_many_begin_in_a_second_evenly()
    {
        var clock = new FakeTimeProvider();
        var cancel = TestContext.Current.CancellationToken;
        var pace = new Pace(2, clock);
        await pace.NextAsync(cancel);
        var second = pace.NextAsync(cancel);
        var third = pace.NextAsync(cancel);
        Assert.False(second.IsCompleted);
        clock.Advance(TimeSpan.FromMilliseconds(499));
        Assert.False(second.IsCompleted);
        clock.Advance(TimeSpan.FromMilliseconds(1));
        await second;
        Assert.False(third.IsCompleted);
        clock.Advance(TimeSpan.FromMilliseconds(500));
        await third;
        // A late one waits for nobody.
        clock.Advance(TimeSpan.FromSeconds(10));
        await pace.NextAsync(cancel);
        // Without a limit none waits.
        var free = new Pace(0, clock);
        await free.NextAsync(cancel);
        await free.NextAsync(cancel);
    }

    [Fact]
    public async Task A_rate_is_kept_on_the_wire()
    {
        using var folder = new Folder();
        var file = Capture(folder);
        using var server = new CountingServer(1);
        var serving = server.ServeAsync(Sessions);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var (code, _, _) = await Task.Run(() => Tool.Run(
            ["replay", file, "--to", server.Address, "--connections", "6", "--per-second", "10", "--timeout", "60"]),
            TestContext.Current.CancellationToken);
        await serving;
        // No machine is so slow that this is shorter: the sixth begins half a second after the first.
        Assert.True(code == 0 && clock.Elapsed >= TimeSpan.FromMilliseconds(500), $"{code}, {clock.Elapsed}");
    }

    [Theory]
    [InlineData("--connections", "0")]
    [InlineData("--connections", "many")]
    [InlineData("--connections", "1001")]
    [InlineData("--per-second", "-1")]
    [InlineData("--per-second", "NaN")]
    [InlineData("--timeout", "0")]
    [InlineData("--wait", "-5")]
    public void A_number_out_of_bounds_is_a_mistake(string option, string value)
    {
        using var folder = new Folder();
        var (code, output, errors) = Tool.Run(["replay", Capture(folder), "--to", "127.0.0.1:1", option, value]);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(option, Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_waits_for_the_next_client_as_long_as_sessions_are_played()
    {
        using var folder = new Folder();
        var cancel = TestContext.Current.CancellationToken;
        var scripts = Script.Read(Capture(folder), new InspectOptions(), out _);
        var clock = new FakeTimeProvider();
        var options = new ReplayOptions { Wait = TimeSpan.FromMinutes(5), Timeout = TimeSpan.FromSeconds(60), Clock = clock };
        using var server = new ReplayServer(new IPEndPoint(IPAddress.Loopback, 0), options);
        var serving = scripts.Take(3).Select(s => server.PlayAsync(s, cancel)).ToList();
        using (var first = new TcpClient())
        {
            await first.ConnectAsync(server.Address, cancel);
            Assert.Equal('2', first.GetStream().ReadByte());
            // Longer than it waits, and the first session is still under way.
            clock.Advance(TimeSpan.FromMinutes(6));
            using var second = new TcpClient();
            await second.ConnectAsync(server.Address, cancel);
            Assert.Equal('2', second.GetStream().ReadByte());
        }

        await Task.WhenAll(serving[..2]);
        while (!serving[2].IsCompleted)
        {
            clock.Advance(TimeSpan.FromMinutes(5));
            await Task.Yield();
        }

        var results = await Task.WhenAll(serving);
        Assert.Equal([1, 2, 3], results.Select(r => r.Session));
        Assert.Equal("connection: captured a client, got none for 300 seconds", results[2].Differences[0].ToString());
        Assert.All(results[..2], r => Assert.DoesNotContain(r.Differences, d => d.What == "connection"));
    }

    private static string Commands(int i) =>
        $"EHLO mail{i}.a.test|MAIL FROM:<alice{i}@a.test>|RCPT TO:<bob@b.test>|DATA|Subject: {i}||One|.|QUIT";

    private static string Capture(Folder folder)
    {
        var path = Path.Combine(folder.Path, "sessions");
        Directory.CreateDirectory(path);
        var captures = Enumerable.Range(1, Sessions).Select(i => folder.Write($"sessions/{i}.pcap", Inspection.Connection(
            new IPEndPoint(IPAddress.Parse($"10.0.0.{i}"), 40000), Inspection.Server,
            ('S', "220 mx.b.test ESMTP\r\n"), ('C', $"EHLO mail{i}.a.test\r\n"), ('S', "250 mx.b.test\r\n"),
            ('C', $"MAIL FROM:<alice{i}@a.test>\r\n"), ('S', "250 Ok\r\n"), ('C', "RCPT TO:<bob@b.test>\r\n"), ('S', "250 Ok\r\n"),
            ('C', "DATA\r\n"), ('S', "354 Go on\r\n"), ('C', $"Subject: {i}\r\n\r\nOne\r\n.\r\n"), ('S', "250 Queued\r\n"),
            ('C', "QUIT\r\n"), ('S', "221 Bye\r\n")))).ToList();
        byte[] all = [.. File.ReadAllBytes(captures[0]), .. captures[1..].SelectMany(c => File.ReadAllBytes(c)[24..])];
        return folder.Write("all.pcap", all);
    }

    /// <summary>Greets nobody before so many are there, takes every mail, and knows how many were there at once.</summary>
    private sealed class CountingServer : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly TaskCompletionSource _enough = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly int _together;
        private int _now;
        private int _came;

        public CountingServer(int together)
        {
            _together = together;
            _listener.Start();
        }

        public string Address => _listener.LocalEndpoint.ToString()!;

        public int Most { get; private set; }

        public List<string> Heard { get; } = [];

        public async Task ServeAsync(int sessions)
        {
            var serving = new List<Task>();
            for (int i = 0; i < sessions; i++)
            {
                serving.Add(ServeAsync(await _listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken)));
            }

            _listener.Stop();
            await Task.WhenAll(serving);
        }

        public void Dispose() => _listener.Dispose();

        private async Task ServeAsync(TcpClient client)
        {
            lock (Heard)
            {
                Most = Math.Max(Most, ++_now);
                if (++_came == _together)
                {
                    _enough.SetResult();
                }
            }

            await _enough.Task;
            using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
            await SayAsync(client, "220 mx.b.test ESMTP");
            var heard = new List<string>();
            bool content = false;
            while (await reader.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
            {
                heard.Add(line);
                if (content && line != ".")
                {
                    continue;
                }

                content = line == "DATA";
                if (line == "QUIT")
                {
                    // It is over before the client knows, and begins the next.
                    lock (Heard)
                    {
                        _now--;
                        Heard.Add(string.Join('|', heard));
                    }
                }

                await SayAsync(client, line == "QUIT" ? "221 Bye" : content ? "354 Go on" : "250 Ok");
            }

            client.Dispose();
        }

        private static async Task SayAsync(TcpClient client, string text) =>
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(text + "\r\n"), TestContext.Current.CancellationToken);
    }
}
