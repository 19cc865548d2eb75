using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance.Targets;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary>
/// <c>blackpony listen</c> as a service: its end, its configuration, its counters, its log, and what systemd hears of it.
/// </summary>
public sealed class OperationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_session_that_outlives_the_drain_gets_421_and_its_message_is_not_delivered() // [BP-10.3-9], [BP-8.2-2]
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--drain", "1");
        using var person = await InDataAsync(port);
        listen.Terminate();
        await person.ExpectAsync("421");
        Assert.Equal(0, await listen.ExitAsync());
        Assert.Empty(sink.Messages);
    }

    [Fact]
    public async Task A_second_signal_ends_at_once_what_the_first_one_waits_for() // [BP-10.3-9]
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--drain", "3600");
        using var person = await InDataAsync(port);
        listen.Terminate();
        await listen.SaysAsync("stopping");
        listen.Terminate();
        await person.ExpectAsync("421");
        Assert.Equal(0, await listen.ExitAsync());
    }

    [Fact]
    public async Task After_SIGTERM_a_session_between_messages_gets_421_at_once() // [BP-10.3-9]
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--drain", "3600");
        using var person = await SmtpUser.ConnectAsync(port);
        await person.SayAsync("EHLO x.test", "250");
        listen.Terminate();
        await person.ExpectAsync("421");
        Assert.Equal(0, await listen.ExitAsync());
    }

    [Fact]
    public async Task SIGHUP_reads_the_configuration_again_for_new_sessions_and_a_broken_one_changes_nothing()
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        var config = await ConfigAsync(
            $"# the door\nlisten 127.0.0.1:{port}\nbackend\t127.0.0.1:{sink.Port}\nallow-rot\n\nsuites X25519-CHACHA20POLY1305");
        using var listen = BlackPonyProgram.Start("listen", "--config", config);
        await listen.ListensAsync(port);
        using var before = await SmtpUser.ConnectAsync(port);
        Assert.Contains("V1 X25519-CHACHA20POLY1305 ROT G-", await before.SayAsync("EHLO x.test", "250"), StringComparison.Ordinal);

        await ConfigAsync($"listen 127.0.0.1:{port}\nbackend 127.0.0.1:{sink.Port}\nsuites NO-SUCH-SUITE");
        listen.HangUp();
        await listen.SaysAsync($"configuration not reloaded, the old one stays: {config}, line 3: suites: 'NO-SUCH-SUITE'");
        await ConfigAsync($"listen 127.0.0.1:{port}\nbackend 127.0.0.1:{sink.Port}\nsuits RSA-BLOWFISH");
        listen.HangUp();
        await listen.SaysAsync($"{config}, line 3: there is no option 'suits'");
        await before.SayAsync("NOOP", "250");

        await ConfigAsync($"listen 127.0.0.1:{port}\nbackend 127.0.0.1:{sink.Port}\nsuites RSA-BLOWFISH\nmax-sessions 2");
        listen.HangUp();
        await listen.SaysAsync("configuration reloaded");
        using var after = await SmtpUser.ConnectAsync(port);
        Assert.Contains("V1 RSA-BLOWFISH G-", await after.SayAsync("EHLO x.test", "250"), StringComparison.Ordinal);
        await before.SayAsync("XBLACKPONY V1 ROT 13", "220");
        await SmtpUser.RefusedAsync(port);
    }

    [Fact]
    public async Task A_domain_with_two_routes_is_refused_at_the_start_and_changes_nothing_at_a_reload()
    {
        int port = FreePorts.Next();
        var config = await ConfigAsync($"listen 127.0.0.1:{port}\nroute b\u00fccher.example=[127.0.0.1]:9");
        using var relay = BlackPonyProgram.Start("relay", "--config", config);
        await relay.ListensAsync(port);
        using var person = await SmtpUser.ConnectAsync(port);
        await ConfigAsync($"listen 127.0.0.1:{port}\nroute b\u00fccher.example=[127.0.0.1]:9\nroute XN--BCHER-KVA.example.=[127.0.0.1]:10");
        relay.HangUp();
        await relay.SaysAsync("lines 2 and 3: --route gives 'xn--bcher-kva.example' two routes");
        await person.SayAsync("NOOP", "250");
        using var refused = BlackPonyProgram.Start("relay", "--config", config);
        Assert.Equal(2, await refused.ExitAsync());
        Assert.Contains("two routes", refused.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reload_does_not_bring_in_a_server_that_would_relay_for_strangers() // [BP-10.1-1]
    {
        await using var good = new MailSink();
        await using var trusting = new MailSink { Relays = true };
        int port = FreePorts.Next();
        var config = await ConfigAsync($"listen 127.0.0.1:{port}\nbackend 127.0.0.1:{good.Port}");
        using var listen = BlackPonyProgram.Start("listen", "--config", config);
        await listen.ListensAsync(port);
        await ConfigAsync($"listen 127.0.0.1:{port}\nbackend 127.0.0.1:{trusting.Port}");
        listen.HangUp();
        await listen.SaysAsync("configuration not reloaded");

        // The guard asks too: only the person's own EHLO says where the person came.
        const string Ehlo = "EHLO after-the-reload.test";
        using var person = await SmtpUser.ConnectAsync(port);
        await person.SayAsync(Ehlo, "250");
        Assert.Contains(good.Sessions, s => s.Commands.Contains(Ehlo));
        Assert.DoesNotContain(trusting.Sessions, s => s.Commands.Contains(Ehlo));
    }

    [Theory]
    [InlineData("suits RSA-BLOWFISH", "line 1: there is no option 'suits'")]
    [InlineData("max-sessions none", "'none' is not a number")]
    public async Task A_bad_configuration_gets_a_line_that_helps_and_exit_code_2(string line, string said)
    {
        using var listen = BlackPonyProgram.Start("listen", "--listen", "127.0.0.1:2525", "--backend", "127.0.0.1:10025", "--config",
            await ConfigAsync(line));
        Assert.Equal(2, await listen.ExitAsync());
        Assert.Contains(said, listen.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_command_line_counts_more_than_the_file()
    {
        await using var sink = new MailSink();
        var (one, two) = (FreePorts.Next(), FreePorts.Next());
        var config = await ConfigAsync($"listen 127.0.0.1:{one}\nbackend 127.0.0.1:{sink.Port}");
        using var listen = BlackPonyProgram.Start("listen", "--config", config, "--listen", $"127.0.0.1:{two}");
        await listen.ListensAsync(two);
        using var probe = new TcpClient();
        await Assert.ThrowsAnyAsync<SocketException>(
            () => probe.ConnectAsync("127.0.0.1", one, TestContext.Current.CancellationToken).AsTask());
    }

    [Fact]
    public async Task The_counters_tell_sessions_by_suite_failures_by_reason_messages_and_octets()
    {
        await using var sink = new MailSink();
        var (port, metrics) = (FreePorts.Next(), FreePorts.Next());
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--metrics", $"127.0.0.1:{metrics}", "--max-sessions", "2");
        var (replies, _) = await BlackPonyProgram.MailAsync("--port", $"{port}", "--policy", "required", "--suites",
            "RSA-BLOWFISH", "[127.0.0.1]");
        Assert.Contains("354", replies, StringComparison.Ordinal);
        await BlackPonyProgram.MailAsync("--port", $"{port}", "--suites", "none", "[127.0.0.1]");
        using (var person = await SmtpUser.ConnectAsync(port))
        {
            await person.SayAsync("EHLO x.test", "250");
            await person.SayAsync("XBLACKPONY V1 NO-SUCH-SUITE AAAA", "504");
            await person.SayAsync("QUIT", "221");
        }

        using (var person = await SmtpUser.ConnectAsync(port))
        {
            await person.SayAsync("EHLO x.test", "250");
            await person.SayAsync("XBLACKPONY V1 X25519-CHACHA20POLY1305 CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "220");
        }

        using var first = await SmtpUser.ConnectAsync(port);
        using var second = await SmtpUser.ConnectAsync(port);
        await SmtpUser.RefusedAsync(port);
        var text = await MetricsAsync(metrics,
            t => t.Contains("reason=\"truncated\"", StringComparison.Ordinal) && t.Contains("reason=\"full\"", StringComparison.Ordinal));
        foreach (var line in (string[])
        [
            "blackpony_sessions_total{closed=\"close\",encrypted=\"yes\",suite=\"RSA-BLOWFISH\"} 1",
            "blackpony_handshake_failures_total{reason=\"refused-504\"} 1",
            "blackpony_handshake_failures_total{reason=\"truncated\"} 1",
            "blackpony_connections_refused_total{reason=\"full\"} 1",
            "blackpony_messages_total 2",
            "blackpony_downgrades_total 0",
            "blackpony_rsa_keys_total 1",
            "blackpony_sessions_open 2",
        ])
        {
            Assert.Contains(line + "\n", text, StringComparison.Ordinal);
        }

        Assert.Matches("blackpony_network_io_bytes_total{direction=\"in\"} [1-9][0-9]{3}", text);
        Assert.Contains("# HELP blackpony_sessions_total ", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_for_the_counters_that_is_taken_is_told_at_the_start()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        using var listen = BlackPonyProgram.Start("listen", "--listen", $"127.0.0.1:{FreePorts.Next()}", "--backend",
            "127.0.0.1:10025", "--metrics", $"{taken.LocalEndpoint}");
        Assert.Equal(1, await listen.ExitAsync());
        Assert.Contains("cannot serve metrics", listen.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Systemd_hears_when_it_is_ready_reloads_and_stops()
    {
        await using var sink = new MailSink();
        var path = Path.Combine(_folder, "notify");
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        manager.Bind(new UnixDomainSocketEndPoint(path));
        int port = FreePorts.Next();
        using var listen = BlackPonyProgram.Start(new Dictionary<string, string> { ["NOTIFY_SOCKET"] = path }, "listen", "--listen",
            $"127.0.0.1:{port}", "--backend", $"127.0.0.1:{sink.Port}");
        Assert.Equal("READY=1", await HearAsync());
        using (var person = await SmtpUser.ConnectAsync(port))
        {
            listen.HangUp();
            Assert.Matches("^RELOADING=1\nMONOTONIC_USEC=[0-9]+$", await HearAsync());
            Assert.Equal("READY=1", await HearAsync());
        }

        listen.Terminate();
        Assert.Equal("STOPPING=1", await HearAsync());
        Assert.Equal(0, await listen.ExitAsync());

        async Task<string> HearAsync()
        {
            var octets = new byte[200];
            using var patience = new CancellationTokenSource(Wait.HangGuard);
            return Encoding.ASCII.GetString(octets, 0, await manager.ReceiveAsync(octets, patience.Token));
        }
    }

    [Theory]
    [InlineData("text")]
    [InlineData("json")]
    public async Task Nobody_writes_into_the_log_what_they_say(string format) // [BP-11.1-3], [BP-11.1-4]
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--log-format", format, "--log-level", "debug");
        using (var person = await SmtpUser.ConnectAsync(port))
        {
            await person.SayAsync("EHLO x\x1b[2Jsession peer=192.0.2.1 encrypted=yes", "250");
            await person.SayAsync("MAIL FROM:<secret-sender@x.test>", "250");
            await person.SayAsync("RCPT TO:<secret-recipient@sink.test>", "250");
            await person.SayAsync("AUTH PLAIN c2VjcmV0", "500");
            await person.SayAsync("DATA", "354");
            await person.SayAsync("Subject: secret\r\n\r\nsecret body\r\n.", "250");
            await person.SayAsync("XBLACKPONY V1 secret\x1b secret", "50");
            await person.SayAsync("EHLO a\nsession peer=192.0.2.1", "501");
        }

        listen.Terminate();
        Assert.Equal(0, await listen.ExitAsync());
        Assert.Contains("closed=plain messages=1", listen.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", listen.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("192.0.2.1", listen.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(listen.Log, c => c is not ('\n' or (>= ' ' and <= '~')));
    }

    private static async Task<SmtpUser> InDataAsync(int port)
    {
        var person = await SmtpUser.ConnectAsync(port);
        await person.BeginMessageAsync("b@sink.test");
        return person;
    }

    private static async Task<string> MetricsAsync(int port, Func<string, bool> isThere)
    {
        using var http = new HttpClient();
        return await Wait.RetryAsync(async () =>
        {
            // The exporter keeps its answer for a moment; the scope's name is of no interest here.
            var text = (await http.GetStringAsync(new Uri($"http://127.0.0.1:{port}/metrics")))
                .Replace("otel_scope_name=\"BlackPony\",", "", StringComparison.Ordinal)
                .Replace("{otel_scope_name=\"BlackPony\"}", "", StringComparison.Ordinal);
            return isThere(text) ? text : throw new InvalidOperationException(text);
        });
    }

    private async Task<string> ConfigAsync(string text)
    {
        var path = Path.Combine(_folder, "blackpony.conf");
        await File.WriteAllTextAsync(path, text + "\n", TestContext.Current.CancellationToken);
        return path;
    }
}
