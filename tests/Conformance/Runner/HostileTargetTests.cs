using System.Net;
using System.Net.Sockets;
using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Targets;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>Whatever a target does, it gets a verdict; the suite neither crashes nor waits longer than its time-out.</summary>
public class HostileTargetTests
{
    private static readonly RunOptions Options = new(TimeSpan.FromMilliseconds(500), 8) { Longer = 2 };

    // Time-outs that a target declares, and none of these targets has.
    private static readonly Dictionary<string, TimeSpan> Short = VirtualTime.Limits.ToDictionary(l => l.Key,
        _ => TimeSpan.FromMilliseconds(300));

    private static readonly Dictionary<string, Func<NetworkStream, CancellationToken, Task>> Servers = new()
    {
        ["closes at once"] = (_, _) => Task.CompletedTask,
        ["says nothing"] = (_, cancel) => Task.Delay(Timeout.Infinite, cancel),
        ["sends garbage"] = (s, cancel) => FloodAsync(s, [0, 0xFF, 0x16, 0x03, (byte)'\n', (byte)'2', 0x80], cancel),
        ["floods with lines"] = (s, cancel) => FloodAsync(s, "220-more and more\r\n"u8.ToArray(), cancel),
        ["floods without a line"] = (s, cancel) => FloodAsync(s, "xxxxxxxxxxxxxxxx"u8.ToArray(), cancel),
        ["answers all with 250"] = async (s, cancel) =>
        {
            await s.WriteAsync("220 yes\r\n"u8.ToArray(), cancel);
            for (var octets = new byte[65536]; await s.ReadAsync(octets, cancel) > 0;)
            {
                await s.WriteAsync("250 yes\r\n"u8.ToArray(), cancel);
            }
        },
        ["answers all with codes alone"] = async (s, cancel) =>
        {
            await s.WriteAsync("220\r\n"u8.ToArray(), cancel);
            for (var octets = new byte[65536]; await s.ReadAsync(octets, cancel) > 0;)
            {
                await s.WriteAsync("250\r\n"u8.ToArray(), cancel);
            }
        },
        ["answers all with an upgrade to nothing"] = async (s, cancel) =>
        {
            await s.WriteAsync("220 yes\r\n"u8.ToArray(), cancel);
            for (var octets = new byte[65536]; await s.ReadAsync(octets, cancel) > 0;)
            {
                await s.WriteAsync("250-yes\r\n"u8.ToArray(), cancel);
                await s.WriteAsync(
                    "250 XBLACKPONY V1 X25519-CHACHA20POLY1305 X25519MLKEM768-CHACHA20POLY1305 RSA-BLOWFISH ROT\r\n"u8.ToArray(), cancel);
                await s.WriteAsync("220 K=CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\0\x11\xFF"u8.ToArray(), cancel);
            }
        },
    };

    public static TheoryData<string> Kinds => [.. Servers.Keys];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_server_that_misbehaves_gets_verdicts(string kind)
    {
        await using var server = new LoopbackServer(Servers[kind]);
        await using var target = new RemoteServer("127.0.0.1", server.Port, 0, Short);
        Judge(await CaseRunner.RunAsync(target, new Selection
        {
            Select = ["4.*", "5.2", "6.3", "8.1"],
            Profiles = Enum.GetValues<Profile>(),
        }.From(ServerCases.All), Options));
    }

    [Fact]
    public async Task A_server_that_closes_at_any_octet_gets_verdicts()
    {
        await using var reference = new EmbeddedServer();
        var cases = ServerCases.All.Where(c => c.Id is "S-5.2-1" or "S-6.3-1" or "S-8.1-1").ToList();
        for (int octets = 0; octets < 1400; octets += 97)
        {
            int most = octets;
            await using var server = new LoopbackServer((s, cancel) => CutAsync(s, reference.Port, most, cancel));
            await using var target = new RemoteServer("127.0.0.1", server.Port, 0, Short);
            Judge(await CaseRunner.RunAsync(target, cases, Options with { Timeout = TimeSpan.FromSeconds(5) }));
        }
    }

    [Theory]
    [InlineData("true {port}")]
    [InlineData("false {port}")]
    [InlineData("yes {port}")]
    [InlineData("head -c 100000 /dev/urandom # {port}")]
    [InlineData("sleep 1000 # {port}")]
    [InlineData("kill -9 $$ # {port}")]
    public async Task A_client_that_misbehaves_gets_verdicts(string command)
    {
        foreach (var target in (ClientTarget[])[new PlainClientCommand(command, Short), new MailerCommand(command, Short)])
        {
            Judge(await CaseRunner.RunAsync(target,
                new Selection { Select = ["C-4.1-1", "C-4.3-1", "C-6.3-1", "C-9.2-*", "C-10.4-*"] }.From(ClientCases.All), Options));
        }
    }

    // Nothing that misbehaves passes by the suite's own mistake, and no verdict is the suite's failure;
    // a target that does not answer gets none.
    private static void Judge(IReadOnlyList<CaseResult> results)
    {
        Assert.NotEmpty(results);
        Assert.Empty(
            results.Where(
                r => r.Verdict == Verdict.Error && !r.Detail.StartsWith("No answer within", StringComparison.Ordinal)
                    && !r.Detail.StartsWith("No end within", StringComparison.Ordinal)).Select(r => $"{r.Case.Id}: {r.Detail}"));
        Assert.Empty(results.Where(r => r.Verdict is Verdict.Fail or Verdict.Warn && (r.Detail.Length == 0 || r.Violated is null))
            .Select(r => r.Case.Id));
        Assert.Contains(results, r => r.Verdict is not Verdict.Pass);
        Assert.NotEmpty(Causes.Find(results).Causes);
    }

    private static async Task FloodAsync(NetworkStream stream, byte[] octets, CancellationToken cancel)
    {
        // 64 MB at most: more than any case takes.
        var block = Enumerable.Repeat(octets, 4096).SelectMany(o => o).ToArray();
        for (long sent = 0; sent < 1 << 26; sent += block.Length)
        {
            await stream.WriteAsync(block, cancel);
        }
    }

    // Passes on what the reference says, up to so many octets.
    private static async Task CutAsync(NetworkStream client, int port, int most, CancellationToken cancel)
    {
        using var server = new TcpClient();
        await server.ConnectAsync(IPAddress.Loopback, port, cancel);
        var there = client.CopyToAsync(server.GetStream(), cancel);
        var octets = new byte[4096];
        while (most > 0 && await server.GetStream().ReadAsync(octets, cancel) is var count and > 0)
        {
            await client.WriteAsync(octets.AsMemory(0, Math.Min(count, most)), cancel);
            most -= count;
        }

        _ = there.ContinueWith(t => t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
    }
}
