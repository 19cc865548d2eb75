using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using BlackPony.Conformance.Targets;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary>What a service makes of its files, addresses and signals, and of those who ask for its counters.</summary>
public sealed class ServiceFilesTests : IDisposable
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(0b110_100_000)]
    [InlineData(0b110_000_100)]
    [InlineData(0b110_010_000)]
    public async Task A_private_key_that_others_may_read_or_change_is_refused(int mode)
    {
        var key = Path.Combine(_folder, "key");
        await File.WriteAllTextAsync(key, new string('1', 64) + "\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(key, (UnixFileMode)mode);
        using var refused = BlackPonyProgram.Start("listen", "--listen", $"127.0.0.1:{FreePorts.Next()}", "--backend", "127.0.0.1:9",
            "--ident", key);
        Assert.Equal(2, await refused.ExitAsync());
        Assert.Contains("chmod 600", refused.Log, StringComparison.Ordinal);

        // systemd's credentials are one service's, whatever their mode says.
        int port = FreePorts.Next();
        await using var sink = new MailSink();
        using var listen = BlackPonyProgram.Start(new Dictionary<string, string> { ["CREDENTIALS_DIRECTORY"] = _folder }, "listen",
            "--listen", $"127.0.0.1:{port}", "--backend", $"127.0.0.1:{sink.Port}", "--ident", key);
        await listen.ListensAsync(port);
    }

    [Fact]
    public async Task A_key_log_that_was_there_becomes_private_before_the_first_secret() // [BP-11.3-2]
    {
        var keys = Path.Combine(_folder, "keys");
        await File.WriteAllTextAsync(keys, "before\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(keys, Private | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--keylog", keys);
        Assert.Equal(Private, File.GetUnixFileMode(keys));
        File.SetUnixFileMode(keys, Private | UnixFileMode.OtherRead);
        await BlackPonyProgram.MailAsync("--port", $"{port}", "--policy", "required", "[127.0.0.1]");
        Assert.Equal(Private, File.GetUnixFileMode(keys));
        Assert.Equal(4, (await File.ReadAllLinesAsync(keys, TestContext.Current.CancellationToken)).Length);
    }

    [Theory]
    [InlineData("listen", "--backend", "127.0.0.1:9")]
    [InlineData("relay")]
    public async Task A_key_log_that_cannot_be_written_is_reported_at_the_start(params string[] command)
    {
        using var refused = BlackPonyProgram.Start([.. command, "--listen", $"127.0.0.1:{FreePorts.Next()}",
            "--keylog", Path.Combine(_folder, "none", "keys")]);
        Assert.Equal(2, await refused.ExitAsync());
        Assert.Contains("the key log cannot be written", refused.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_line_of_the_JSON_log_has_its_time()
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--log-format", "json");
        listen.Terminate();
        Assert.Equal(0, await listen.ExitAsync());
        var lines = listen.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.NotEmpty(lines);
        Assert.All(lines, l =>
        {
            using var json = JsonDocument.Parse(l);
            Assert.True(DateTimeOffset.TryParseExact(
                json.RootElement.GetProperty("Timestamp").GetString(), "yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture,
                    DateTimeStyles.AssumeUniversal, out _));
        });
    }

    [Theory]
    [InlineData("listen")]
    [InlineData("relay")]
    public async Task SIGHUP_during_the_start_is_answered_after_it(string command)
    {
        // Its configuration is a pipe: the program is in its start until the test has written into it.
        var config = Path.Combine(_folder, "config");
        await Shell.RunAsync($"mkfifo {config}");
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        using var program = BlackPonyProgram.Start(command, "--config", config);
        var options =
            Encoding.ASCII.GetBytes($"listen 127.0.0.1:{port}\n{(command == "listen" ? $"backend 127.0.0.1:{sink.Port}\n" : "")}");
        await using (var pipe = new FileStream(config, FileMode.Open, FileAccess.Write))
        {
            program.HangUp();
            await pipe.WriteAsync(options, TestContext.Current.CancellationToken);
        }

        await program.ListensAsync(port);
        await File.WriteAllBytesAsync(config, options, TestContext.Current.CancellationToken);
        await program.SaysAsync("configuration reloaded");
    }

    [Theory]
    [InlineData("::ffff:127.0.0.0/104")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("127.0.0.0/8")]
    public async Task A_network_of_IPv4_in_IPv6_is_one_of_IPv4(string network) // [BP-10.5-2]
    {
        int port = FreePorts.Next();
        using var relay = await BlackPonyProgram.RelayAsync(port, "--allow", network);
        using var person = await SmtpUser.ConnectAsync(port);
    }

    [Fact]
    public async Task An_address_of_IPv4_in_IPv6_is_one_of_IPv4_wherever_it_is_given()
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next(), metrics = FreePorts.Next();
        using var listen = BlackPonyProgram.Start(
            "listen", "--listen", $"[::ffff:127.0.0.1]:{port}", "--backend", $"[::ffff:127.0.0.1]:{sink.Port}", "--backend-source",
                "::ffff:127.0.0.2", "--metrics", $"[::ffff:127.0.0.1]:{metrics}");
        await listen.ListensAsync(port);
        using var person = await SmtpUser.ConnectAsync(port);
        Assert.Contains(sink.Sessions, s => s.Peer.Address.ToString() == "127.0.0.2");
        Assert.StartsWith("HTTP/1.1 200 ", await AskAsync("127.0.0.1", metrics, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0.0.0.0", "127.0.0.1")]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("[::1]", "::1")]
    [InlineData("[::]", "::1")]
    public async Task The_counters_are_shown_at_any_address_and_under_any_name(string at, string address)
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next(), metrics = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--metrics", $"{at}:{metrics}");
        foreach (var host in (string[])["127.0.0.1", "metrics.example:9465", "", "[::1]"])
        {
            var answer = await AskAsync(address, metrics, $"GET /metrics HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n");
            Assert.StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4", answer, StringComparison.Ordinal);
            Assert.Contains("service_name=\"blackpony\"", answer, StringComparison.Ordinal);
            Assert.DoesNotContain("unknown_service", answer, StringComparison.Ordinal);
            Assert.Contains("# TYPE blackpony_messages_total counter\n", answer, StringComparison.Ordinal);
            Assert.Contains("dotnet_", answer, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("HEAD /metrics HTTP/1.1\r\n\r\n", "200 OK")]
    [InlineData("GET /metrics?x=y HTTP/1.0\r\n\r\n", "200 OK")]
    [InlineData("GET http://metrics.example/metrics HTTP/1.1\r\n\r\n", "200 OK")]
    [InlineData("GET / HTTP/1.1\r\n\r\n", "404 Not Found")]
    [InlineData("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "405 Method Not Allowed")]
    [InlineData("EHLO x.test\r\n\r\n", "400 Bad Request")]
    [InlineData("\0\x01\x02\r\n\r\n", "400 Bad Request")]
    [InlineData("GET  /metrics HTTP/1.1\r\n\r\n", "400 Bad Request")]
    [InlineData("GET /metrics HTTP/1.1\r\nX: ", "431 Request Header Fields Too Large", 20000)]
    public async Task Who_asks_for_something_else_than_the_counters_is_told_so(string request, string status, int more = 0)
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next(), metrics = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--metrics", $"127.0.0.1:{metrics}");
        var answer = await AskAsync("127.0.0.1", metrics, request + new string('x', more));
        Assert.StartsWith($"HTTP/1.1 {status}\r\n", answer, StringComparison.Ordinal);
        Assert.Equal(request.StartsWith("HEAD", StringComparison.Ordinal), answer.EndsWith("\r\n\r\n", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_backend_of_several_addresses_is_used_at_the_one_that_serves()
    {
        int backend = FreePorts.Next(), port = FreePorts.Next();
        var world = new TwoAddresses(_folder);
        await using var sink = new MailSink(new IPEndPoint(IPAddress.Parse("127.0.0.22"), backend));
        using var listen = world.Listen("--listen", $"127.0.0.1:{port}", "--backend", $"mail.two.test:{backend}", "--backend-source",
            "127.0.0.2");
        await listen.ListensAsync(port);
        using var person = await SmtpUser.ConnectAsync(port);
    }

    [Fact]
    public async Task A_backend_of_several_addresses_is_not_used_if_one_of_them_relays() // [BP-10.1-15]
    {
        int backend = FreePorts.Next();
        var world = new TwoAddresses(_folder);
        await using var good = new MailSink(new IPEndPoint(IPAddress.Parse("127.0.0.21"), backend));
        await using var open = new MailSink(new IPEndPoint(IPAddress.Parse("127.0.0.22"), backend)) { Relays = true };
        using var refused = world.Listen("--listen", $"127.0.0.1:{FreePorts.Next()}", "--backend", $"mail.two.test:{backend}",
            "--backend-source", "127.0.0.2");
        Assert.Equal(1, await refused.ExitAsync());
        Assert.Contains("127.0.0.22", refused.Log, StringComparison.Ordinal);
    }

    private static async Task<string> AskAsync(string address, int port, string request)
    {
        using var client = new TcpClient(IPAddress.Parse(address).AddressFamily);
        await client.ConnectAsync(address, port, TestContext.Current.CancellationToken);
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(request), TestContext.Current.CancellationToken);
        using var answer = new MemoryStream();
        await client.GetStream().CopyToAsync(answer, TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        return Encoding.UTF8.GetString(answer.ToArray());
    }

    /// <summary>A host name with the addresses 127.0.0.21 and 127.0.0.22, in a mount namespace of the program's own.</summary>
    private sealed class TwoAddresses
    {
        private readonly string _hosts;

        public TwoAddresses(string folder)
        {
            Assert.SkipUnless(Environment.UserName == "root", "Needs root for a hosts file of its own.");
            ServerInstall.NeedNamespaces();
            _hosts = Path.Combine(folder, "hosts");
            File.WriteAllText(_hosts, "127.0.0.1 localhost\n127.0.0.21 mail.two.test\n127.0.0.22 mail.two.test\n");
        }

        public BlackPonyProgram Listen(params string[] arguments) => BlackPonyProgram.StartWithin(
            ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", $"mount --bind {_hosts} /etc/hosts && exec \"$0\" \"$@\""],
                ["listen", .. arguments]);
    }
}
