using System.Net;
using System.Net.Sockets;
using System.Text;
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
        using var dns = new NameServer((10, "127.0.0.9"), (20, "localhost"));
        var report = Path.Combine(_folder, "report");
        var (replies, code) = await BlackPonyProgram.MailAsync("--port", $"{server.Port}", "--dns", $"127.0.0.1:{dns.Port}", "--report", report, "example.test");
        Assert.Equal((0, true), (code, replies.Contains("354", StringComparison.Ordinal)));
        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(report, TestContext.Current.CancellationToken));
        Assert.Equal($"localhost:{server.Port}", json.RootElement.GetProperty("peer").GetString());
        Assert.True(json.RootElement.GetProperty("encrypted").GetBoolean());
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
        using var dns = new NameServer((10, "localhost"), (20, "127.0.0.3"));
        var report = Path.Combine(_folder, "report");
        using var second = new PortForwarder("127.0.0.3", broken.Port, good.Port);
        var (replies, code) = await BlackPonyProgram.MailAsync("--port", $"{broken.Port}", "--dns", $"127.0.0.1:{dns.Port}", "--report", report, "example.test");
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

        Task<(string Replies, int Code)> MailAsync() => BlackPonyProgram.MailAsync("--port", $"{port}", "--policy", "remembered", "--memory", memory, "[127.0.0.1]");
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
                    await Task.WhenAny(Task.WhenAll(client.GetStream().CopyToAsync(server.GetStream()), server.GetStream().CopyToAsync(client.GetStream())), Task.Delay(TimeSpan.FromSeconds(20)));
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
            }
        }
    }

    /// <summary>A name server for one domain: answers MX questions over UDP.</summary>
    private sealed class NameServer : IDisposable
    {
        private readonly UdpClient _socket = new(new IPEndPoint(IPAddress.Loopback, 0));
        private readonly (int Preference, string Name)[] _exchangers;

        public NameServer(params (int Preference, string Name)[] exchangers)
        {
            _exchangers = exchangers;
            _ = ServeAsync();
        }

        public int Port => ((IPEndPoint)_socket.Client.LocalEndPoint!).Port;

        public int ResponseCode { get; init; }

        public void Dispose() => _socket.Dispose();

        private async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    var question = await _socket.ReceiveAsync();
                    await _socket.SendAsync(Answer(question.Buffer), question.RemoteEndPoint);
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
            }
        }

        private byte[] Answer(byte[] query)
        {
            int end = 12;
            while (query[end] != 0)
            {
                end += query[end] + 1;
            }

            end += 5;
            var answer = new List<byte>(query[..end]);
            (answer[2], answer[3], answer[7], answer[9], answer[11]) = (0x81, (byte)(0x80 | ResponseCode), (byte)_exchangers.Length, 0, 0);
            foreach (var (preference, name) in _exchangers)
            {
                byte[] encoded = [.. name.Split('.', StringSplitOptions.RemoveEmptyEntries).SelectMany(l => (byte[])[(byte)l.Length, .. Encoding.ASCII.GetBytes(l)]), 0];
                answer.AddRange([0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 0, 0, (byte)(encoded.Length + 2), 0, (byte)preference, .. encoded]);
            }

            return [.. answer];
        }
    }
}
