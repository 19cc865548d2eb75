using System.Net;
using System.Net.Sockets;
using BlackPony.Conformance.Targets;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary><c>blackpony relay</c> as a mail server sees it that hands its mail over.</summary>
public sealed class RelayTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // [BP-10.5-1], [BP-10.5-7], [BP-9.2-1], [BP-11.1-1]
    [Fact]
    public async Task Each_domain_goes_its_way_encrypted_where_the_next_server_knows_how()
    {
        await using var knows = new EmbeddedServer();
        await using var plain = new MailSink();
        int port = FreePorts.Next();
        using var relay = await BlackPonyProgram.RelayAsync(port, "--route", $"knows.test=[127.0.0.1]:{knows.Port}", "--route",
            $"*=[127.0.0.1]:{plain.Port}");
        using var person = await SmtpUser.ConnectAsync(port);
        await person.SayAsync("EHLO a.test", "250");
        await person.SayAsync("MAIL FROM:<s@a.test>", "250");
        await person.SayAsync("RCPT TO:<r@knows.test>", "250");
        await person.SayAsync("RCPT TO:<r@other.test>", "452");
        await person.SayAsync("DATA", "354");
        await person.SayAsync("Subject: one\r\n.", "250");
        await person.SayAsync("MAIL FROM:<s@a.test>", "250");
        await person.SayAsync("RCPT TO:<r@other.test>", "250");
        await person.SayAsync("RCPT TO:<r@another.test>", "250");
        await person.SayAsync("DATA", "354");
        await person.SayAsync("Subject: two\r\n.", "250");
        await person.SayAsync("QUIT", "221");
        Assert.Equal("Subject: one\r\n", Assert.Single(knows.Sink.Messages));
        Assert.Equal("Subject: two\r\n", Assert.Single(plain.Messages));
        await relay.SaysAsync($"delivery to=knows.test peer=127.0.0.1:{knows.Port} suite=X25519MLKEM768-CHACHA20POLY1305 "
            + "encrypted=yes tls=no reason=none deferred=no closed=close messages=1 outcome=delivered code=250");
        foreach (var domain in (string[])["other", "another"])
        {
            await relay.SaysAsync($"delivery to={domain}.test peer=127.0.0.1:{plain.Port} suite=none encrypted=no tls=no "
                + "reason=not-offered deferred=no closed=plain messages=1 outcome=delivered code=250");
        }
    }

    [Theory]
    [InlineData("421 4.7.0 not now", "451 4.7.0 not now", "reason=reply-421 deferred=yes", "outcome=deferred code=421")]
    [InlineData("450 4.7.1 grey", "450 4.7.1 grey", "reason=reply-450 deferred=yes", "outcome=deferred code=450")]
    [InlineData("550 5.1.1 nobody", "550 5.1.1 nobody", "reason=reply-550 deferred=no", "outcome=refused code=550")]
    [InlineData("354 what", "451 4.3.0 ", "reason=lost deferred=yes", "outcome=lost code=none")]
    public async Task The_log_says_for_each_domain_what_became_of_its_mail(string words, string answer, string reason, string outcome)
    {
        await using var next = new EmbeddedServer();
        next.Sink.Answer = (_, line) => line.StartsWith("RCPT", StringComparison.Ordinal) ? words + "\r\n" : null;
        int port = FreePorts.Next();
        using var relay = await BlackPonyProgram.RelayAsync(port, "--route", $"*=[127.0.0.1]:{next.Port}");
        await AskAsync(port, "r@domain.test", answer);
        await relay.SaysAsync($"delivery to=domain.test peer=127.0.0.1:{next.Port} suite=X25519MLKEM768-CHACHA20POLY1305 "
            + $"encrypted=yes tls=no {reason} closed=");
        await relay.SaysAsync($"messages=0 {outcome}");
    }

    [Theory]
    [InlineData("\0", "451 4.4.2 ", "outcome=lost code=none")]
    [InlineData("354 what\r\n", "451 4.3.0 ", "outcome=lost code=none")]
    [InlineData("421 not now\r\n\0", "451 not now", "outcome=deferred code=421")]
    public async Task The_log_says_what_became_of_mail_that_went_in_the_clear(string words, string answer, string outcome) // [BP-11.1-5]
    {
        await using var next = new MailSink();
        next.Answer = (_, line) => line.StartsWith("RCPT", StringComparison.Ordinal) ? words : null;
        int port = FreePorts.Next();
        using var relay = await BlackPonyProgram.RelayAsync(port, "--route", $"*=[127.0.0.1]:{next.Port}");
        await AskAsync(port, "r@domain.test", answer);
        await relay.SaysAsync($"delivery to=domain.test peer=127.0.0.1:{next.Port} suite=none "
            + $"encrypted=no tls=no reason=not-offered deferred=yes closed=plain messages=0 {outcome}");
    }

    [Fact]
    public async Task A_domain_that_no_server_is_found_for_is_in_the_log_too() // [BP-11.1-5]
    {
        int port = FreePorts.Next();
        using var relay = await BlackPonyProgram.RelayAsync(port, "--route", $"*=[127.0.0.1]:{FreePorts.Next()}");
        await AskAsync(port, "r@domain.test", "451");
        await relay.SaysAsync("delivery to=domain.test peer=none suite=none encrypted=no tls=no "
            + "reason=unreachable deferred=yes closed=plain messages=0 outcome=deferred code=421");
    }

    [Fact]
    public async Task A_bare_CR_of_a_next_server_does_not_reach_the_mail_server() // [BP-10.5-11], [BP-10.4-21]
    {
        await using var next = new MailSink { Greeting = "220 b.test\r \0 \x1B[2J" };
        next.Answer = (_, line) => line.StartsWith("RCPT", StringComparison.Ordinal) ? "550 no\rsuch\0user \xE9\r\n" : null;
        int port = FreePorts.Next();
        using var relay = await BlackPonyProgram.RelayAsync(port, "--route", $"*=[127.0.0.1]:{next.Port}");
        await AskAsync(port, "r@b.test", "550 no?such?user ?");
        var (replies, _) = await BlackPonyProgram.MailAsync("--port", $"{next.Port}", "[127.0.0.1]");
        Assert.StartsWith("220 b.test? ? ?[2J\n", replies, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_that_was_taken_with_a_long_reply_is_acknowledged() // [BP-10.5-19]
    {
        await using var next = new MailSink();
        next.Answer = (_, line) => line == "." ? "250 2.0.0 " + new string('x', 5000) + "\r\n" : null;
        int port = FreePorts.Next();
        using var relay = await BlackPonyProgram.RelayAsync(port, "--route", $"*=[127.0.0.1]:{next.Port}");
        using var person = await SmtpUser.ConnectAsync(port);
        await person.BeginMessageAsync("r@b.test");
        Assert.Equal(511, (await person.SayAsync("Subject: long\r\n.", "250 2.0.0 x")).Length);
    }

    [Fact]
    public async Task A_server_that_closes_at_STARTTLS_gets_the_mail_without_it() // [BP-10.5-14]
    {
        await using var next = new MailSink { Extensions = ["STARTTLS"] };
        next.Answer = (_, line) => line == "STARTTLS" ? "\0" : null;
        int port = FreePorts.Next();
        using var relay = await BlackPonyProgram.RelayAsync(port, "--route", $"*=[127.0.0.1]:{next.Port}");
        using var person = await SmtpUser.ConnectAsync(port);
        await person.BeginMessageAsync("r@b.test");
        await person.SayAsync("Subject: s\r\n.", "250");
        Assert.Equal(2, next.Sessions.Count);
        Assert.Single(next.Messages);
    }

    [Fact]
    public async Task A_relay_whose_memory_cannot_be_written_does_not_start() // [BP-9.4-18]
    {
        string[] remembered = ["--policy", "remembered", "--memory", Path.Combine(_folder, "none", "memory")];
        using var relay = BlackPonyProgram.Start(["relay", "--listen", $"127.0.0.1:{FreePorts.Next()}", .. remembered]);
        Assert.Equal(2, await relay.ExitAsync());
        Assert.Contains("cannot be written", relay.Log, StringComparison.Ordinal);
        await using var server = new EmbeddedServer();
        var (replies, code) = await BlackPonyProgram.MailAsync([.. remembered, "--port", $"{server.Port}", "[127.0.0.1]"]);
        Assert.StartsWith("421 ", replies, StringComparison.Ordinal);
        Assert.Equal(75, code);
    }

    [Fact]
    public async Task The_mail_exchangers_of_the_domain_are_asked_in_order() // [BP-10.4-11], [BP-10.5-1]
    {
        await using var server = new EmbeddedServer();
        using var dns = new NameServer((10, "dead.test"), (20, "localhost"));
        await AskAsync(["--port", $"{server.Port}", "--dns", $"127.0.0.1:{dns.Port}", "--policy", "required"], "r@example.test", "250");
    }

    [Theory]
    [InlineData(2, "451")]
    [InlineData(3, "550")]
    [InlineData(0, "556")]
    public async Task What_DNS_says_against_a_domain_its_recipients_hear(int responseCode, string code) // [BP-10.5-12], [BP-10.4-12]
    {
        using var dns = responseCode == 0 ? new NameServer((0, ".")) : new NameServer() { ResponseCode = responseCode };
        await AskAsync(["--port", "9", "--dns", $"127.0.0.1:{dns.Port}"], "r@example.invalid", code);
    }

    [Fact]
    public async Task A_domain_that_leads_back_to_this_machine_is_refused() // [BP-10.5-12], [BP-10.4-16]
    {
        using var dns = new NameServer((10, "localhost"));
        await AskAsync(["--dns", $"127.0.0.1:{dns.Port}"], "r@example.test", "554");
    }

    [Fact]
    public async Task Required_gives_no_mail_to_a_server_without_encryption() // [BP-10.5-1], [BP-9.1-2]
    {
        await using var plain = new MailSink();
        await AskAsync(["--policy", "required", "--route", $"*=[127.0.0.1]:{plain.Port}"], "r@b.test", "451");
        Assert.All(plain.Sessions, s => Assert.DoesNotContain(s.Commands, c => c.StartsWith("MAIL", StringComparison.Ordinal)));
    }

    // [BP-10.5-1], [BP-9.1-3], [BP-9.4-12]
    [Fact]
    public async Task A_server_that_was_met_with_encryption_does_not_get_mail_without_it_afterwards()
    {
        var memory = Path.Combine(_folder, "memory");
        int server, port = FreePorts.Next();
        await using var knows = new EmbeddedServer();
        server = knows.Port;
        using var relay = await BlackPonyProgram.RelayAsync(port, "--policy", "remembered", "--memory", memory, "--route",
            $"*=[127.0.0.1]:{server}");
        await AskAsync(port, "r@b.test", "250");
        await relay.SaysAsync("encrypted=yes");
        await Wait.RetryAsync(async () =>
        {
            Assert.Contains($"127.0.0.1 {server} ", await File.ReadAllTextAsync(memory, TestContext.Current.CancellationToken),
                StringComparison.Ordinal);
            return true;
        });
        await knows.DisposeAsync();
        await using var plain = new MailSink(server);
        await AskAsync(port, "r@b.test", "451");
        await File.WriteAllTextAsync(memory, "no memory", TestContext.Current.CancellationToken);
        await AskAsync(port, "r@b.test", "451");
        Assert.All(plain.Sessions, s => Assert.DoesNotContain(s.Commands, c => c.StartsWith("MAIL", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Who_is_not_allowed_is_sent_away_at_the_door() // [BP-10.5-2]
    {
        int port = FreePorts.Next();
        using var relay = BlackPonyProgram.Start("relay", "--listen", $"127.0.0.1:{port}", "--allow", "192.0.2.0/24",
            "--allow", "127.0.0.7");
        await relay.ListensAsync(port);
        await SmtpUser.RefusedAsync(port, "554");
        await relay.SaysAsync("is not allowed to use the relay");
    }

    [Fact]
    public async Task It_does_not_listen_where_strangers_come_unless_it_is_told_who_may() // [BP-10.5-3]
    {
        int port = FreePorts.Next();
        using var refused = BlackPonyProgram.Start("relay", "--listen", $"0.0.0.0:{port}");
        Assert.Equal(2, await refused.ExitAsync());
        Assert.Contains("--allow", refused.Log, StringComparison.Ordinal);
        using var told = BlackPonyProgram.Start("relay", "--listen", $"0.0.0.0:{port}", "--allow", "127.0.0.1");
        await told.ListensAsync(port);
        using var person = await SmtpUser.ConnectAsync(port);
    }

    [Fact]
    public async Task After_SIGTERM_a_message_in_flight_is_finished_and_then_the_program_ends() // [BP-10.3-9]
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        using var relay = await BlackPonyProgram.RelayAsync(port, "--route", $"*=[127.0.0.1]:{sink.Port}");
        using var person = await SmtpUser.ConnectAsync(port);
        await person.BeginMessageAsync("r@b.test");
        relay.Terminate();
        await relay.SaysAsync("stopping");
        await person.SayAsync("Subject: in flight\r\n\r\nhello\r\n.", "250");
        Assert.Equal(0, await relay.ExitAsync());
        Assert.Single(sink.Messages);
    }

    [Fact]
    public async Task A_next_server_that_never_answers_QUIT_is_left_all_the_same() // [BP-10.5-5]
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = FreePorts.Next();
        using var relay = await BlackPonyProgram.RelayAsync(port, "--route", $"*=[127.0.0.1]:{((IPEndPoint)listener.LocalEndpoint).Port}");
        var served = ServeAsync();
        using var person = await SmtpUser.ConnectAsync(port);
        await person.BeginMessageAsync("r@b.test");
        await person.SayAsync(".", "250");
        await person.SayAsync("QUIT", "221");
        await relay.SaysAsync("messages=1");
        await served;

        async Task ServeAsync()
        {
            using var client = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
            using var reader = new StreamReader(client.GetStream());
            using var writer = new StreamWriter(client.GetStream()) { NewLine = "\r\n", AutoFlush = true };
            try
            {
                await writer.WriteLineAsync("220 b.test");
                while (await reader.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
                {
                    await writer.WriteAsync(line == "QUIT" ? "" : line == "DATA" ? "354 go\r\n" : "250 ok\r\n");
                }
            }
            catch (IOException)
            {
                // Left without ceremony.
            }
        }
    }

    [Fact]
    public async Task A_line_that_is_too_long_gets_its_reply_whatever_stands_behind_it() // [BP-10.5-18], [BP-8.1-6]
    {
        int port = FreePorts.Next();
        using var relay = await BlackPonyProgram.RelayAsync(port);
        for (int turn = 0; turn < 20; turn++)
        {
            using var person = await SmtpUser.ConnectAsync(port);
            await person.SayAsync(new string('x', 300_000), "500");
        }
    }

    [Theory]
    [InlineData("--route", "b.test")]
    [InlineData("--route", "b.test=[127.0.0.1]:mail")]
    [InlineData("--allow", "everybody")]
    [InlineData("--policy", "some")]
    public async Task A_bad_option_gets_a_line_that_helps_and_exit_code_2(string option, string value)
    {
        using var relay = BlackPonyProgram.Start("relay", "--listen", "127.0.0.1:2526", option, value);
        Assert.Equal(2, await relay.ExitAsync());
        Assert.Contains(value, relay.Log, StringComparison.Ordinal);
    }

    private static async Task AskAsync(string[] options, string recipient, string code)
    {
        int port = FreePorts.Next();
        using var relay = await BlackPonyProgram.RelayAsync(port, options);
        await AskAsync(port, recipient, code);
    }

    private static async Task AskAsync(int port, string recipient, string code)
    {
        using var person = await SmtpUser.ConnectAsync(port);
        await person.SayAsync("EHLO a.test", "250");
        await person.SayAsync("MAIL FROM:<s@a.test>", "250");
        await person.SayAsync($"RCPT TO:<{recipient}>", code);
        await person.SayAsync("QUIT", "221");
    }
}
