using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance.Targets;
using BlackPony.Reference;
using BlackPony.Tests.Interop.Servers;
using BlackPony.Tests.Interop.Soak;

namespace BlackPony.Tests.Interop;

/// <summary>Many at the door at once: idle ones, slow ones, and those who ask for key exchanges.</summary>
public sealed class CrowdTests(ITestOutputHelper output)
{
    // What an idle session may take: docs/operations.md says so.
    private const int MostPerSession = 24 * 1024;

    [Fact]
    public async Task Ten_thousand_idle_sessions_are_held_and_bounded_and_mail_goes_on() // [BP-10.1-6], [BP-10.1-7]
    {
        // listen has two descriptors for each session. Where it may have 20,000 it holds somewhat fewer sessions than 10,000.
        int count = Math.Min(10_000, (MostDescriptors() - 300) / 2);
        ServerInstall.Need("postfix");
        int backend = FreePorts.Next();
        using var sink = Process.Start(
            new ProcessStartInfo(Postfix.SmtpSink, ["-u", "nobody", "-m", "11000", "-t", "3600", $"127.0.0.1:{backend}", "4096"])
            {
                Environment = { ["LD_LIBRARY_PATH"] = Postfix.Libraries },
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
        Assert.Null(await Ports.WaitAsync(backend, sink));
        int port = FreePorts.Next(), metrics = FreePorts.Next();
        using var listen = BlackPonyProgram.Start("listen", "--listen", $"0.0.0.0:{port}", "--backend", $"127.0.0.1:{backend}",
            "--max-sessions", $"{count}", "--log-level", "error", "--allow-open-backend", "--metrics", $"127.0.0.1:{metrics}");
        await listen.ListensAsync(port);
        using var end = new Ended(sink);
        (await OpenAsync(20, "127.0.1.1")).ForEach(s => s.Dispose());
        var before = ProcessSize.Of(listen.Id);
        var crowd = new List<Socket>();
        try
        {
            var clock = Stopwatch.StartNew();
            for (int i = 0; i < 10; i++)
            {
                // A source address of its own for each thousand, so that ports suffice.
                crowd.AddRange(await OpenAsync((count / 10) - (i == 9 ? 1 : 0), $"127.0.2.{i + 1}"));
            }

            var after = ProcessSize.Of(listen.Id);
            int each = (after.Memory - before.Memory) * 1024 / crowd.Count;
            output.WriteLine(
                string.Create(CultureInfo.InvariantCulture,
                    $"{crowd.Count} idle sessions in {clock.Elapsed.TotalSeconds:f1} s: {before} before, {after} with them, "
                        + $"{each / 1024.0:f1} kB each"));
            Assert.InRange(each, 1, MostPerSession);

            // The last place is still free, and the one behind it is not.
            using var person = await SmtpUser.ConnectAsync(port);
            await person.SayAsync("EHLO x.test", "250");
            using var more = new TcpClient();
            await more.ConnectAsync("127.0.0.1", port, TestContext.Current.CancellationToken);
            if (await GreetingAsync(more.Client) != "421")
            {
                // On a busy machine the first ones have been idle for so long that one of them makes room.
                Assert.True(clock.Elapsed >= Limits.CrowdedTimeout, "It is one too many.");
                var ended = await Wait.EventuallyAsync(() => crowd.Find(s => s.Available > 0), () => "Nobody made room.");
                Assert.Equal("421", await GreetingAsync(ended));
            }

            await person.SayAsync("QUIT", "221");
        }
        finally
        {
            crowd.ForEach(s => s.Dispose());
        }

        // All of them go, and nothing stays.
        await Wait.RetryAsync(async () =>
        {
            using var http = new HttpClient();
            var text = await http.GetStringAsync(new Uri($"http://127.0.0.1:{metrics}/metrics"));
            return text.Contains("blackpony_sessions_open{otel_scope_name=\"BlackPony\"} 0\n", StringComparison.Ordinal)
                ? text
                : throw new InvalidOperationException(text);
        });

        async Task<List<Socket>> OpenAsync(int many, string source)
        {
            var sockets = new List<Socket>();
            foreach (var chunk in Enumerable.Range(0, many).Chunk(100))
            {
                sockets.AddRange(await Task.WhenAll(chunk.Select(async _ =>
                {
                    var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                    socket.Bind(new IPEndPoint(IPAddress.Parse(source), 0));
                    await socket.ConnectAsync(IPAddress.Loopback, port);
                    Assert.Equal("220", await GreetingAsync(socket));
                    return socket;
                })));
            }

            return sockets;
        }

        static async Task<string> GreetingAsync(Socket socket)
        {
            var greeting = new byte[100];
            return Encoding.ASCII.GetString(greeting, 0, Math.Min(3, await socket.ReceiveAsync(greeting)));
        }
    }

    [Fact]
    public async Task Key_exchanges_in_a_flood_make_one_RSA_key_pair() // spec 5.4
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next(), metrics = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--suites", "RSA-BLOWFISH", "--log-level", "error",
            "--metrics", $"127.0.0.1:{metrics}");
        using var key = System.Security.Cryptography.RSA.Create(3072);
        var share = Convert.ToBase64String([.. key.ExportParameters(false).Modulus!, .. new byte[32]]);
        int agreed = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            for (int i = 0; i < 10; i++)
            {
                using var person = await SmtpUser.ConnectAsync(port);
                await person.SayAsync("EHLO x.test", "250");
                await person.SayAsync($"XBLACKPONY V1 RSA-BLOWFISH {share}", "334");
                await person.SayAsync("*", "501");
                Interlocked.Increment(ref agreed);
            }
        }));
        using var http = new HttpClient();
        Assert.Contains("blackpony_rsa_keys_total{otel_scope_name=\"BlackPony\"} 1\n",
            await http.GetStringAsync(new Uri($"http://127.0.0.1:{metrics}/metrics"), TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        Assert.Equal(80, agreed);
    }

    // The process does not outlive the test.
    private sealed class Ended(Process process) : IDisposable
    {
        public void Dispose() => process.Kill();
    }

    // What this process, and each that it starts, may have.
    private static int MostDescriptors() =>
        int.Parse(File.ReadLines("/proc/self/limits").Single(l => l.StartsWith("Max open files", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);
}
