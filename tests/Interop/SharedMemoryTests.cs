using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using BlackPony.Conformance.Targets;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary>A memory that several <c>relay</c>s share in Debian's Redis, and its bad days.</summary>
public sealed class SharedMemoryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task What_one_relay_has_seen_the_other_remembers() // [BP-9.4-2], [BP-9.4-18]
    {
        using var redis = await Redis.StartAsync(_folder);
        int port;
        await using (var server = new EmbeddedServer())
        {
            port = server.Port;
            using var first = await RelayAsync(redis, port);
            Assert.Equal("250", await first.SendAsync());
            Assert.Matches($"^127.0.0.1 {port}\n20..-.*Z - [0-9a-f]{{64}}/", await EntriesAsync(redis));
            Assert.Equal(0, await CheckAsync(redis, server.Port));
        }

        // The same server, and an attacker who strips the keyword.
        await using var stripped = new MailSink(port);
        using var second = await RelayAsync(redis, port);
        Assert.StartsWith("4", await second.SendAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain(stripped.Sessions, s => s.Commands.Any(c => c.StartsWith("MAIL", StringComparison.Ordinal)));
        Assert.Matches(@"Z 20\d\d-\S+Z [0-9a-f]", await EntriesAsync(redis));
    }

    [Theory]
    [InlineData("it is not there", "UnableToConnect")]
    [InlineData("its password is another", "AuthenticationFailure")]
    [InlineData("it answers late", "cannot be reached|did not answer")]
    [InlineData("it has no room", "refused: OOM")]
    [InlineData("it has something else there", "refused: WRONGTYPE")]
    [InlineData("it was emptied", "was emptied while it was in use")]
    public async Task Where_the_store_cannot_be_used_mail_waits_and_is_never_plaintext( // [BP-9.4-12], [BP-9.4-18]
        string trouble, string logged)
    {
        using var redis = await Redis.StartAsync(_folder, trouble == "it has no room" ? "maxmemory 100kb" : "");
        await using var server = new EmbeddedServer();
        await using var plain = new MailSink();
        int? elsewhere = trouble == "it is not there" ? FreePorts.Next() : null;
        if (trouble == "its password is another")
            await File.WriteAllTextAsync(redis.PasswordFile, "another", TestContext.Current.CancellationToken);

        int metrics = FreePorts.Next();
        using var relay = await RelayAsync(redis, server.Port, plain.Port, elsewhere, "--metrics", $"127.0.0.1:{metrics}");
        if (trouble == "it was emptied")
            Assert.Equal("250", await relay.SendAsync());

        _ = trouble switch
        {
            "it has something else there" => await redis.AskAsync("set", "blackpony:memory", "x"),
            "it was emptied" => await redis.AskAsync("del", "blackpony:memory"),
            _ => "",
        };
        redis.Stall(trouble == "it answers late");
        Assert.StartsWith("4", await relay.SendAsync("plain.test"), StringComparison.Ordinal);
        Assert.DoesNotContain(plain.Sessions, s => s.Commands.Any(c => c.StartsWith("MAIL", StringComparison.Ordinal)));
        await relay.Program.SaysAsync("the memory redis://");
        Assert.Matches(logged, relay.Log);
        using var http = new HttpClient();
        await Wait.RetryAsync(async () => await http.GetStringAsync(new Uri($"http://127.0.0.1:{metrics}/metrics")) is var text
            && text.Contains("blackpony_deferrals_total{otel_scope_name=\"BlackPony\",reason=\"memory\"} 1\n", StringComparison.Ordinal)
            ? text : throw new InvalidOperationException(text));
        Assert.DoesNotContain(Redis.Password, relay.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("internal error", relay.Log, StringComparison.Ordinal);
        redis.Stall(false);
        if (trouble == "it answers late")
            await Wait.RetryAsync(async () => await relay.SendAsync("plain.test") == "250" ? "" : throw new IOException());
    }

    [Theory]
    [InlineData("localhost", true, "^250")]
    [InlineData("localhost", false, "^4")] // the machine does not trust it
    [InlineData("other.test", true, "^4")] // for another host
    public async Task With_rediss_the_server_must_have_a_trusted_certificate_for_its_host( // [BP-9.4-12]
        string name, bool isTrusted, string code)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        string pem = Path.Combine(_folder, "certificate.pem"), secret = Path.Combine(_folder, "key.pem");
        await File.WriteAllTextAsync(pem, certificate.ExportCertificatePem(), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(secret, key.ExportPkcs8PrivateKeyPem(), TestContext.Current.CancellationToken);
        var (tls, port) = (FreePorts.Next(), FreePorts.Next());
        using var redis = await Redis.StartAsync(_folder,
            $"tls-port {tls}\ntls-cert-file {pem}\ntls-key-file {secret}\ntls-ca-cert-file {pem}\ntls-auth-clients no");
        await using var server = new EmbeddedServer();
        using var relay = new Relay(port, BlackPonyProgram.Start(isTrusted ? new() { ["SSL_CERT_FILE"] = pem } : [], "relay",
            "--listen", $"127.0.0.1:{port}", "--route", $"*=[127.0.0.1]:{server.Port}", "--policy", "remembered",
            "--memory", $"rediss://blackpony@localhost:{tls}/blackpony", "--memory-password", redis.PasswordFile));
        await relay.Program.ListensAsync(port);
        Assert.Matches(code, await relay.SendAsync());
        if (code == "^250")
            Assert.Matches($"^127.0.0.1 {server.Port}\n20", await EntriesAsync(redis));
        else
            await relay.Program.SaysAsync($"the memory rediss://localhost:{tls}/blackpony cannot be reached: ");
    }

    [Fact]
    public async Task A_store_that_is_lost_before_it_is_written_leaves_the_mail_delivered_and_the_log_a_warning() // [BP-9.4-27]
    {
        using var redis = await Redis.StartAsync(_folder);
        await using var server = new EmbeddedServer();
        using var cut = new CutBefore("HSET", redis.Port);
        using var relay = await RelayAsync(redis, server.Port, store: cut.Port);
        Assert.Equal("250", await relay.SendAsync());
        await relay.Program.SaysAsync("the memory was not written: ");
        Assert.DoesNotContain(Redis.Password, relay.Log, StringComparison.Ordinal);
        Assert.Equal("", await EntriesAsync(redis));
    }

    [Fact]
    public async Task A_delivery_reads_the_entries_of_its_servers_and_the_whole_only_to_add_one() // [BP-9.4-2], [BP-9.4-19]
    {
        using var redis = await Redis.StartAsync(_folder);
        await using var server = new EmbeddedServer();
        await using var other = new EmbeddedServer();
        using var dns = new NameServer((10, "localhost"));
        string[] routed = ["--dns", $"127.0.0.1:{dns.Port}", "--port", $"{server.Port}", "--route",
            $"other.test=[127.0.0.1]:{other.Port}"];
        using (var first = await RelayAsync(redis, null, more: routed))
            Assert.Equal("250", await first.SendAsync());

        var before = await EntriesAsync(redis);
        Assert.Matches($"^(localhost {server.Port}|b.test mx)\n20.*\n(localhost {server.Port}|b.test mx)\n20", before);
        const string Past = "2026-01-01T00:00:00Z";
        await redis.AskAsync("hset", "blackpony:memory", "mx.z.test 25", $"{Past} {Past} - -");

        // A relay that reads the whole memory is cut off.
        using var cut = new CutBefore("HGETALL", redis.Port);
        using var relay = await RelayAsync(redis, null, store: cut.Port, more: routed);
        Assert.Equal("250", await relay.SendAsync());
        Assert.DoesNotContain("not written", relay.Log, StringComparison.Ordinal);
        Assert.Contains($"mx.z.test 25\n{Past} {Past} - -", await EntriesAsync(redis), StringComparison.Ordinal);
        Assert.Equal("250", await relay.SendAsync("other.test"));
        await relay.Program.SaysAsync("the memory was not written: ");
    }

    [Fact]
    public async Task A_full_memory_forgets_no_server_to_add_a_new_one() // [BP-9.4-13], [BP-9.4-15], [BP-9.4-17]
    {
        using var redis = await Redis.StartAsync(_folder);
        await using var server = new EmbeddedServer();
        await using var second = new EmbeddedServer();
        await using var third = new EmbeddedServer();
        using (var first = await RelayAsync(redis, server.Port))
            Assert.Equal("250", await first.SendAsync());

        var now = DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        await redis.AskAsync("eval", "for i=2,10000 do redis.call('hset', KEYS[1], 'mx.a'..i..'.test 25', ARGV[1]) end", "1",
            "blackpony:memory", $"{now} {now} - -");
        Assert.Equal("10001", await redis.AskAsync("hlen", "blackpony:memory"));
        using var relay = await RelayAsync(redis, server.Port, more: ["--route", $"second.test=[127.0.0.1]:{second.Port}",
            "--route", $"third.test=[127.0.0.1]:{third.Port}"]);
        foreach (var (domain, other) in (List<(string, EmbeddedServer)>)[("second.test", second), ("third.test", third)])
        {
            Assert.Equal("250", await relay.SendAsync(domain));
            await relay.Program.SaysAsync($"the memory was not written: no room for 127.0.0.1:{other.Port}");
            Assert.Equal("0", await redis.AskAsync("hexists", "blackpony:memory", $"127.0.0.1 {other.Port}"));
        }

        Assert.Equal("250", await relay.SendAsync());
        Assert.Equal("10001", await redis.AskAsync("hlen", "blackpony:memory"));
    }

    [Fact]
    public async Task Relays_that_write_at_once_lose_nothing() // [BP-9.4-2]
    {
        const int Each = 20;
        using var redis = await Redis.StartAsync(_folder);
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        using var listen = BlackPonyProgram.Start("listen", "--listen", $"0.0.0.0:{port}", "--backend", $"127.0.0.1:{sink.Port}",
            "--allow-open-backend", "--max-sessions-per-client", "1000");
        await listen.ListensAsync(port);
        var relays = new List<Relay>();
        try
        {
            var routes = Enumerable.Range(1, 4 * Each).SelectMany(i => (string[])["--route", $"d{i}.test=[127.0.9.{i}]:{port}"]).ToArray();
            while (relays.Count < 4)
                relays.Add(await RelayAsync(redis, port, more: routes));

            // Each its own servers, and one that all renew: whoever loses tries again, however often the others win.
            var sent = await Task.WhenAll(Enumerable.Range(1, 4 * Each).SelectMany(i =>
                (Task<string>[])[relays[i % 4].SendAsync($"d{i}.test"), relays[(i + 1) % 4].SendAsync("d1.test")]));
            Assert.All(sent, code => Assert.Equal("250", code));
            Assert.DoesNotContain(relays.SelectMany(r => r.Log.Split('\n')), l => l.Contains("not written", StringComparison.Ordinal));
            Assert.Equal($"{(4 * Each) + 1}", await redis.AskAsync("hlen", "blackpony:memory"));
        }
        finally
        {
            relays.ForEach(r => r.Dispose());
        }
    }

    [Theory]
    [InlineData("redis://blackpony:s3cret-of-redis@127.0.0.1/", "has a password in its URL")]
    [InlineData("redis://", "is not of the form redis://HOST:PORT/PREFIX")]
    [InlineData("redis://host:s3cret-of-redis/a", "is not of the form")]
    [InlineData("redis://host/a/b", "is not of the form")]
    public async Task A_wrong_URL_is_said_without_its_password(string url, string message)
    {
        using var relay = BlackPonyProgram.Start(
            "relay", "--listen", $"127.0.0.1:{FreePorts.Next()}", "--policy", "remembered", "--memory", url);
        Assert.Equal(2, await relay.ExitAsync());
        Assert.Contains(message, relay.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(Redis.Password, relay.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_check_of_the_configuration_asks_the_store()
    {
        using var redis = await Redis.StartAsync(_folder);
        foreach (var (port, code, says) in (List<(int, int, string)>)[(redis.Port, 0, ""), (FreePorts.Next(), 2, "cannot be reached")])
        {
            using var check = BlackPonyProgram.Start(
                ["relay", "--listen", $"127.0.0.1:{FreePorts.Next()}", "--check", .. redis.Options(port)]);
            Assert.Equal(code, await check.ExitAsync());
            Assert.Contains(says, check.Log, StringComparison.Ordinal);
        }
    }

    private static async Task<string> EntriesAsync(Redis redis) =>
        string.Join('\n', (await redis.AskAsync("hgetall", "blackpony:memory")).Split('\n').Where(l => l.Length > 0 && l[0] != '#'));

    private static async Task<int> CheckAsync(Redis redis, int port)
    {
        using var check = Process.Start(new ProcessStartInfo(BlackPonyProgram.File,
            ["check", "--port", $"{port}", .. redis.Options()[2..], "[127.0.0.1]"]) { RedirectStandardOutput = true })!;
        var said = await check.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await check.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Contains("remembered: encrypted", said, StringComparison.Ordinal);
        return check.ExitCode;
    }

    private static async Task<Relay> RelayAsync(Redis redis, int? server, int? plain = null, int? store = null, params string[] more)
    {
        int port = FreePorts.Next();
        return new Relay(port, await BlackPonyProgram.RelayAsync(port, [
            .. server is null ? [] : (string[])["--route", $"*=[127.0.0.1]:{server}"],
            .. plain is null ? [] : (string[])["--route", $"plain.test=[127.0.0.1]:{plain}"], .. redis.Options(store), .. more]));
    }

    private sealed class Relay(int port, BlackPonyProgram program) : IDisposable
    {
        public BlackPonyProgram Program => program;

        public string Log => program.Log;

        /// <summary>Sends a message.</summary>
        /// <returns>The code of the first reply that is no good one, or of the message.</returns>
        public async Task<string> SendAsync(string domain = "b.test")
        {
            using var person = await SmtpUser.ConnectAsync(port);
            var code = "";
            foreach (var line in (string[])["EHLO a.test", "MAIL FROM:<s@a.test>", $"RCPT TO:<r@{domain}>", "DATA",
                "Subject: s\r\n\r\nx\r\n."])
            {
                code = (await person.SayAsync(line, "")).Split('\n')[^2][..3];
                if (code[0] is not ('2' or '3'))
                    return code;
            }

            await person.SayAsync("QUIT", "221");
            return code;
        }

        public void Dispose() => program.Dispose();
    }

    // Passes on what a program says to the store, until it says a certain command.
    private sealed class CutBefore : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly byte[] _command;
        private readonly int _to;

        public CutBefore(string command, int to)
        {
            (_command, _to) = (Encoding.ASCII.GetBytes(command), to);
            _listener.Start();
            _ = AcceptAsync();
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public void Dispose() => _listener.Dispose();

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                    _ = ServeAsync(await _listener.AcceptTcpClientAsync());
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }

        private async Task ServeAsync(TcpClient client)
        {
            try
            {
                using var own = client;
                using var server = new TcpClient();
                await server.ConnectAsync(IPAddress.Loopback, _to);
                var back = server.GetStream().CopyToAsync(client.GetStream());
                var octets = new byte[65536];
                while (await client.GetStream().ReadAsync(octets) is > 0 and var count && octets.AsSpan(0, count).IndexOf(_command) < 0)
                    await server.GetStream().WriteAsync(octets.AsMemory(0, count));
            }
            catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
            {
                // Either side is gone.
            }
        }
    }
}
