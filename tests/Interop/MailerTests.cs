using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using BlackPony.Conformance.Targets;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary><c>blackpony mailer</c> as a queue sees it.</summary>
public sealed class MailerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_exchanger_of_least_preference_that_answers_gets_the_mail() // [BP-10.4-11], [BP-9.4-1]
    {
        await using var server = new EmbeddedServer();
        using var dns = new NameServer((10, "dead.test"), (20, "localhost"));
        var report = Path.Combine(_folder, "report");
        var (replies, code) = await BlackPonyProgram.MailAsync("--port", $"{server.Port}", "--dns", $"127.0.0.1:{dns.Port}", "--report",
            report, "example.test");
        Assert.Equal((0, true), (code, replies.Contains("354", StringComparison.Ordinal)));
        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(report, TestContext.Current.CancellationToken));
        Assert.Equal($"localhost:{server.Port}", json.RootElement.GetProperty("peer").GetString());
        Assert.True(json.RootElement.GetProperty("encrypted").GetBoolean());
    }

    [Fact]
    public async Task There_is_no_key_log_unless_it_is_asked_for_and_no_secret_in_the_report() // [BP-11.3-1], [BP-11.1-3]
    {
        await using var server = new EmbeddedServer();
        var (report, keyLog) = (Path.Combine(_folder, "report"), Path.Combine(_folder, "keys"));
        string[] arguments = ["--port", $"{server.Port}", "--policy", "required", "--report", report];
        Assert.Equal(0, (await BlackPonyProgram.MailAsync([.. arguments, "[127.0.0.1]"])).Code);
        Assert.Equal([report], Directory.GetFiles(_folder));
        Assert.Equal(0, (await BlackPonyProgram.MailAsync([.. arguments, "--keylog", keyLog, "[127.0.0.1]"])).Code);
        var secrets = (await File.ReadAllLinesAsync(keyLog, TestContext.Current.CancellationToken)).Select(l => l.Split(' ')[2]).ToList();
        var said = await File.ReadAllTextAsync(report, TestContext.Current.CancellationToken);
        Assert.Equal((3, 2), (secrets.Count, said.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length));
        Assert.All(secrets.Append("hello"), s => Assert.DoesNotContain(s, said, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task After_a_fresh_connection_that_fails_too_the_next_exchanger_is_asked_and_may_encrypt() // [BP-9.2-4], [BP-9.1-5]
    {
        // The first one goes away at the command, and greets nobody afterwards.
        int connections = 0;
        await using var broken = new MailSink { Extensions = ["XBLACKPONY V1 X25519-CHACHA20POLY1305"] };
        broken.Answer = (session, line) =>
        {
            if (line.StartsWith("EHLO", StringComparison.Ordinal) && Interlocked.Increment(ref connections) > 1)
            {
                return "\0";
            }

            return line.StartsWith("XBLACKPONY", StringComparison.Ordinal) ? "\0" : null;
        };
        await using var good = new EmbeddedServer();
        using var dns = new NameServer((10, "localhost"), (20, "other.test"));
        var report = Path.Combine(_folder, "report");
        using var second = new PortForwarder("127.0.0.3", broken.Port, good.Port);
        var (replies, code) = await BlackPonyProgram.MailAsync("--port", $"{broken.Port}", "--dns", $"127.0.0.1:{dns.Port}", "--report",
            report, "example.test");
        Assert.Contains("354", replies, StringComparison.Ordinal);
        Assert.Equal(0, code);
        Assert.Equal(2, broken.Sessions.Count);
        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(report, TestContext.Current.CancellationToken));
        Assert.True(json.RootElement.GetProperty("encrypted").GetBoolean());
        Assert.Single(good.Sink.Messages);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public async Task Mail_is_kept_when_DNS_fails_for_a_while(int responseCode) // [BP-10.4-12]
    {
        using var dns = new NameServer() { ResponseCode = responseCode };
        var (replies, code) = await BlackPonyProgram.MailAsync("--port", "9", "--dns", $"127.0.0.1:{dns.Port}", "example.test");
        Assert.StartsWith("421 ", replies, StringComparison.Ordinal);
        Assert.Equal(75, code);
    }

    [Fact]
    public async Task A_domain_that_takes_no_mail_is_not_connected_to() // [BP-10.4-14]
    {
        using var dns = new NameServer((0, "."));
        var (replies, _) = await BlackPonyProgram.MailAsync("--port", "9", "--dns", $"127.0.0.1:{dns.Port}", "example.test");
        Assert.StartsWith("5", replies, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("localhost", "far.test")]
    [InlineData("dead.test", "localhost")]
    public async Task A_domain_that_leads_back_to_this_machine_is_not_connected_to(string first, string second) // [BP-10.4-16]
    {
        using var dns = new NameServer((10, first), (20, second));
        var (replies, code) = await BlackPonyProgram.MailAsync("--dns", $"127.0.0.1:{dns.Port}", "example.test");
        Assert.StartsWith("554 5.4.6 ", replies, StringComparison.Ordinal);
        Assert.Equal(68, code);
    }

    [Fact]
    public async Task A_server_that_was_met_with_encryption_does_not_get_mail_without_it_afterwards() // [BP-9.1-3], [BP-9.4-12]
    {
        var memory = Path.Combine(_folder, "memory");
        int port;
        await using (var server = new EmbeddedServer())
        {
            port = server.Port;
            Assert.Contains("354", (await MailAsync()).Replies, StringComparison.Ordinal);
        }

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(memory));
        await using var plain = new MailSink(port);
        var (replies, code) = await MailAsync();
        Assert.Contains("421", replies, StringComparison.Ordinal);
        Assert.Equal(75, code);
        Assert.Empty(plain.Messages);
        await File.WriteAllTextAsync(memory, "no memory", TestContext.Current.CancellationToken);
        Assert.StartsWith("421 ", (await MailAsync()).Replies, StringComparison.Ordinal);

        Task<(string Replies, int Code)> MailAsync() =>
            BlackPonyProgram.MailAsync("--port", $"{port}", "--policy", "remembered", "--memory", memory, "[127.0.0.1]");
    }

    /// <summary>Brings connections to another loopback address to a port of 127.0.0.1.</summary>
    private sealed class PortForwarder : IDisposable
    {
        private readonly TcpListener _listener;

        public PortForwarder(string address, int port, int to)
        {
            _listener = new TcpListener(IPAddress.Parse(address), port);
            _listener.Start();
            _ = ServeAsync(to);
        }

        public void Dispose() => _listener.Dispose();

        private async Task ServeAsync(int to)
        {
            try
            {
                while (true)
                {
                    using var client = await _listener.AcceptTcpClientAsync();
                    using var server = new TcpClient();
                    await server.ConnectAsync(IPAddress.Loopback, to);
                    await Task.WhenAny(
                        Task.WhenAll(client.GetStream().CopyToAsync(server.GetStream()),
                            server.GetStream().CopyToAsync(client.GetStream())), Task.Delay(TimeSpan.FromSeconds(20)));
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
            }
        }
    }
}
