using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.NothingLost;

/// <summary>haproxy in front of three <c>listen</c>, which share one Postfix: more than one machine.</summary>
public sealed class BalancerTests(ITestOutputHelper output) : IDisposable
{
    private const int Messages = 160;
    private readonly string _folder = ServerInstall.Open(Directory.CreateTempSubdirectory("blackpony-").FullName);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // [BP-10.1-23], [BP-10.3-8], [BP-10.3-9]
    [Fact]
    public async Task One_of_three_is_killed_and_one_is_drained_and_nothing_is_lost()
    {
        ServerInstall.Need("postfix", "haproxy");
        var (seed, ledger) = (new Seed(1997), new AttemptLog());
        await using var backend = await PostfixBackend.StartXClientAsync(Path.Combine(_folder, "b"), ledger, seed.Next());
        int[] ports = [FreePorts.Next(), FreePorts.Next(), FreePorts.Next()];
        var listens = await Task.WhenAll(ports.Select(ListenAsync));
        var killed = listens[0];
        try
        {
            int port = FreePorts.Next();
            using var haproxy = await Haproxy.StartAsync(_folder, port, ports);
            var load = new Load(port, ledger, backend.Domain, seed);
            var work = load.RunAsync();
            await load.ReachAsync(Messages / 4);
            killed.Kill();
            await load.ReachAsync(Messages / 2);
            listens[0] = await ListenAsync(ports[0]);

            // What is unknown after this comes from the drain.
            await load.ReachAsync(Messages * 5 / 8);
            int unknown = ledger.Unknown;
            listens[1].Terminate();
            Assert.Equal(0, await listens[1].ExitAsync());
            await work;
            Assert.Equal(unknown, ledger.Unknown);
            var own = await backend.DeliverAsync();
            output.WriteLine(ledger.Check(Messages) + own);
            Assert.All([killed, listens[1], listens[2]], l => Assert.Matches(@"session peer=127\.0\.7\.\d+:.* messages=[1-9]", l.Log));
            Assert.All(listens.Append(killed), l => Assert.DoesNotContain("PROXY header", l.Log, StringComparison.Ordinal));

            // Postfix saw the client, and not haproxy.
            var mail = Directory.GetFiles(Path.Combine(_folder, "b", "mail", "box", "new"));
            Assert.All(mail, f => Assert.Matches(@"^Received: from load\.test \([^\[]*\[127\.0\.(7\.\d|0\.1)\]\)",
                string.Join('\n', File.ReadLines(f).SkipWhile(l => !l.StartsWith("Received:", StringComparison.Ordinal)).Take(1))));
            Assert.Contains(mail, f => File.ReadLines(f).Any(l => l.Contains("[127.0.7.", StringComparison.Ordinal)));
        }
        finally
        {
            foreach (var listen in listens.Append(killed).Distinct())
                listen.Dispose();
        }

        Task<BlackPonyProgram> ListenAsync(int at) =>
            BlackPonyProgram.ListenAsync(at, backend.Port, "--accept-proxy", "127.0.0.1", "--xclient");
    }

    // Five clients in plaintext, from an address each, and one that only sends encrypted.
    private sealed class Load(int port, AttemptLog ledger, string domain, Seed seed)
    {
        private readonly ConcurrentQueue<Message> _messages =
            new(Enumerable.Range(1, Messages).Select(id => new Message(id, seed.Next(), "balanced")));
        private int _left = Messages;

        public Task RunAsync() => Task.WhenAll(Enumerable.Range(1, 6).Select(WorkAsync));

        public Task ReachAsync(int done) => Wait.EventuallyAsync(() => Messages - Volatile.Read(ref _left) >= done,
            () => $"{Volatile.Read(ref _left)} messages are still not acknowledged.");

        private async Task WorkAsync(int number)
        {
            while (Volatile.Read(ref _left) > 0)
            {
                if (_messages.IsEmpty)
                    await Task.Delay(20);
                else if (number == 6)
                    await EncryptedAsync();
                else
                    await PlainAsync(number);
            }
        }

        private async Task PlainAsync(int number)
        {
            using var client = new TcpClient(new IPEndPoint(IPAddress.Parse($"127.0.7.{number}"), 0)) { NoDelay = true };
            await client.ConnectAsync(IPAddress.Loopback, port);
            await SendAsync(new LineStream(client.GetStream()));
        }

        private async Task EncryptedAsync()
        {
            using var mailer = Process.Start(new ProcessStartInfo(BlackPonyProgram.File,
                ["mailer", "--policy", "required", "--port", port.ToString(CultureInfo.InvariantCulture), "[127.0.0.1]"])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            })!;
            await SendAsync(new LineStream(mailer.StandardOutput.BaseStream, mailer.StandardInput.BaseStream));
            try
            {
                mailer.StandardInput.Close();
            }
            catch (IOException)
            {
                // It has ended already.
            }

            await mailer.WaitForExitAsync().WaitAsync(Wait.HangGuard);
        }

        private async Task SendAsync(LineStream stream)
        {
            int sent = 0;
            await new Sender(stream, ledger, domain, refusal: null).RunAsync(
                () => sent++ < 4 && _messages.TryDequeue(out var message) ? message : null,
                () => Interlocked.Decrement(ref _left),
                _messages.Enqueue);
        }
    }
}
