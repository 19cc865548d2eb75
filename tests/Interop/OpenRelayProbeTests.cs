using System.Net;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;
using BlackPony.Tests.Interop.Servers;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Interop;

/// <summary>What <c>listen</c> asks the mail server before it serves anybody, and what it makes of the answers.</summary>
public sealed class OpenRelayProbeTests : IDisposable
{
    private const string Refusal = "550 5.7.1 no\r\n";

    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("", ".invalid>")]
    [InlineData("", "@www.example.com>")]
    [InlineData("", "@[198.51.100.1]>")]
    [InlineData("", "%www.example.com>")]
    [InlineData("", "<www.example.com!")]
    [InlineData("", "%www.example.com@sink.test>")]
    [InlineData("", "\"@sink.test>")]
    [InlineData("", "<@sink.test:")]
    [InlineData("<>", "@[198.51.100.1]>")]
    [InlineData("<relay-test@www.example.com>", "@[198.51.100.1]>")]
    [InlineData("<postmaster@sink.test>", "@www.example.com>")]
    public async Task A_server_that_relays_one_form_from_one_sender_is_refused(
        string sender, string recipient) // [BP-10.1-9], [BP-10.1-14], [BP-10.1-19]
    {
        await using var sink = new MailSink();
        sink.Answer = (session, line) => !line.StartsWith("RCPT ", StringComparison.Ordinal) ? null
            : line.Contains(recipient, StringComparison.Ordinal)
                && session.Commands.Any(c => c.StartsWith($"MAIL FROM:{sender}", StringComparison.Ordinal)) ? "250 Ok\r\n" : Refusal;
        using var refused = BlackPonyProgram.Start("listen", "--listen", $"127.0.0.1:{Ports.Free()}", "--backend",
            $"127.0.0.1:{sink.Port}");
        Assert.Equal(1, await refused.ExitAsync());
        Assert.Contains(recipient, refused.Log, StringComparison.Ordinal);
        Assert.Contains("--xclient", refused.Log, StringComparison.Ordinal);
        Assert.Empty(sink.Messages);
    }

    // [BP-10.1-9]
    [Theory]
    [InlineData("a sink or a qmail with RELAYCLIENT")]
    [InlineData("a server that knows at the end of the message", "DATA", "554 5.7.1 no\r\n")]
    public async Task A_server_that_takes_every_recipient_even_none_is_used_only_if_one_asks_for_it(string what, string command = "",
        string answer = "")
    {
        await using var sink = new MailSink { Relays = true };
        sink.Answer = (_, line) => line == command ? answer : null;
        using var refused = BlackPonyProgram.Start("listen", "--listen", $"127.0.0.1:{Ports.Free()}", "--backend",
            $"127.0.0.1:{sink.Port}");
        Assert.True(await refused.ExitAsync() == 1, what);
        Assert.Contains("--allow-open-backend", refused.Log, StringComparison.Ordinal);
        int port = Ports.Free();
        using var told = await BlackPonyProgram.ListenAsync(port, sink.Port, "--allow-open-backend");
        using var person = await SmtpUser.ConnectAsync(port);
    }

    [Theory]
    [InlineData("RCPT", "450 4.1.2 Domain not found\r\n")]
    [InlineData("RCPT", "451 4.7.1 Greylisted\r\n")]
    [InlineData("RCPT", "421 4.3.2 Busy\r\n\0")]
    [InlineData("RCPT", "354 what\r\n")]
    [InlineData("RCPT", "\0")]
    [InlineData("MAIL", "451 4.3.0 later\r\n")]
    [InlineData("MAIL", "550 5.1.0 no\r\n")]
    [InlineData("MAIL", "\0")]
    [InlineData("EHLO", "451 4.3.0 later\r\n")]
    [InlineData("EHLO", "550 5.7.1 no\r\n")]
    [InlineData("EHLO", "\0")]
    [InlineData("EHLO", "no SMTP\r\n")]
    [InlineData("XCLIENT", "421 4.3.2 Busy\r\n\0")]
    public async Task Nobody_is_served_before_the_server_has_refused_and_it_is_asked_again(string verb, string answer) // [BP-10.1-12]
    {
        await using var sink = new MailSink();
        sink.Answer = (_, line) => line.StartsWith(verb, StringComparison.Ordinal) ? answer : null;
        int port = Ports.Free();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port);
        await SmtpUser.RefusedAsync(port);
        await listen.SaysAsync("is an open relay; sessions are refused until it is known");
        sink.Answer = null;
        await listen.SaysAsync("and refuses");
        using var person = await SmtpUser.ConnectAsync(port);
    }

    [Theory]
    [InlineData("421 4.3.2 Busy")]
    [InlineData("554 5.3.2 No")]
    [InlineData("")]
    public async Task A_server_that_does_not_greet_yet_is_asked_when_it_does(string greeting) // [BP-10.1-12]
    {
        await using var sink = new MailSink { Greeting = greeting };
        int port = Ports.Free();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port);
        await SmtpUser.RefusedAsync(port);
        sink.Greeting = "220 sink.test ESMTP";
        using var person = await SmtpUser.ConnectAsync(port);
        await listen.SaysAsync("and refuses");
    }

    // [BP-10.1-12]
    [Theory]
    [InlineData("454 4.7.1 <x>: Relay access denied\r\n", "454 4.7.1 <x>: Relay access denied\r\n", true)]
    [InlineData("450 4.1.2 Domain not found\r\n", "554 5.7.1 Relay access denied\r\n", true)]
    [InlineData("450 4.1.2 Domain not found\r\n", "501 5.1.3 No literals here\r\n", false)]
    [InlineData("450 4.1.2 Domain not found\r\n", "450 4.1.2 later\r\n", false)]
    [InlineData("550 5.1.2 Domain not found\r\n", "450 4.7.1 later\r\n", false)]
    [InlineData("550 no\r\n", "550 no\r\n", true)]
    public async Task Names_that_the_server_cannot_look_up_do_not_matter_where_a_literal_is_denied(string name, string literal, bool served)
    {
        await using var sink = new MailSink();
        sink.Answer = (_, line) => !line.StartsWith("RCPT ", StringComparison.Ordinal)
            || line.Contains("@b.test", StringComparison.Ordinal) ? null : line.Contains('[', StringComparison.Ordinal) ? literal : name;
        int port = Ports.Free();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port);
        if (!served)
        {
            await SmtpUser.RefusedAsync(port);
            await listen.SaysAsync("neither accepts nor refuses");
            return;
        }

        using var person = await SmtpUser.ConnectAsync(port);
        await listen.SaysAsync("and refuses");
    }

    [Theory]
    [InlineData("250 Ok\r\n", true)]
    [InlineData("550 5.7.1 no bounces here\r\n", false)]
    public async Task A_server_that_refuses_the_empty_sender_has_not_said_what_others_may_do(string postmaster, bool served) // [BP-10.1-12]
    {
        // From a sender with a domain it cannot say yet.
        await using var sink = new MailSink();
        sink.Answer = (session, line) => !line.StartsWith("RCPT ", StringComparison.Ordinal) ? null
            : !session.Commands.Contains("MAIL FROM:<>") ? "450 4.1.8 Domain of sender not found\r\n"
            : line.Contains("<postmaster@", StringComparison.Ordinal) ? postmaster : "550 5.7.1 no\r\n";
        int port = Ports.Free();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port);
        if (served)
        {
            using var person = await SmtpUser.ConnectAsync(port);
            return;
        }

        await SmtpUser.RefusedAsync(port);
        await listen.SaysAsync("neither accepts nor refuses");
    }

    [Fact]
    public async Task A_server_that_takes_any_name_at_its_own_domain_is_no_relay_by_that() // [BP-10.1-14]
    {
        await using var sink = new MailSink();
        sink.Answer = (_, line) => !line.StartsWith("RCPT ", StringComparison.Ordinal) ? null
            : line.EndsWith("@sink.test>", StringComparison.Ordinal) || !line.Contains('@', StringComparison.Ordinal) ? "250 Ok\r\n"
                : Refusal;
        int port = Ports.Free();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port);
        using var person = await SmtpUser.ConnectAsync(port);
        await listen.SaysAsync("RCPT TO:<relay-test-nobody@sink.test> -> 250 Ok");
    }

    /// <summary>A busy server that takes any name defers the name that does not exist: that makes no open relay of it.</summary>
    [Theory]
    [InlineData("451 4.3.0 Later\r\n")]
    [InlineData("452 4.3.1 Insufficient system storage\r\n")]
    [InlineData("421 4.3.2 Busy\r\n\0")]
    [InlineData("\0")]
    public async Task A_server_that_defers_a_name_that_does_not_exist_is_asked_again(string answer) // [BP-10.1-12]
    {
        await using var sink = new MailSink();
        bool defers = true;
        sink.Answer = (_, line) => !line.StartsWith("RCPT ", StringComparison.Ordinal) ? null
            : defers && line.Contains("-nobody@", StringComparison.Ordinal) ? answer
            : line.EndsWith("@sink.test>", StringComparison.Ordinal) ? "250 Ok\r\n" : Refusal;
        int port = Ports.Free();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port);
        await SmtpUser.RefusedAsync(port);
        await listen.SaysAsync("is an open relay; sessions are refused until it is known");
        defers = false;
        await listen.SaysAsync("and refuses");
        using var person = await SmtpUser.ConnectAsync(port);
    }

    [Fact]
    public async Task A_server_that_hangs_up_after_each_error_is_asked_to_the_end() // [BP-10.1-12]
    {
        await using var sink = new MailSink();
        sink.Answer = (session, line) => !line.StartsWith("RCPT ", StringComparison.Ordinal) ? null
            : session.Commands.Count(c => c.StartsWith("RCPT ", StringComparison.Ordinal)) == 1 ? Refusal
                : "421 4.7.0 Too many errors\r\n\0";
        int port = Ports.Free();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port);
        using var person = await SmtpUser.ConnectAsync(port);
        Assert.Contains(sink.Sessions, s => s.Commands.Contains("RCPT TO:<www.example.com!relay-test>"));
    }

    [Fact]
    public async Task The_log_says_what_was_asked_and_answered() // [BP-10.1-9]
    {
        await using var sink = new MailSink();
        int port = Ports.Free();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port);
        await listen.SaysAsync($"the backend at 127.0.0.1:{sink.Port} was asked to relay, and refuses: ");
        foreach (var said in (string[])["MAIL FROM:<> -> 250 2.0.0 Ok",
            "RCPT TO:<relay-test@blackpony.invalid> -> 550 5.7.1 Relaying denied", "RCPT TO:<relay-test@[198.51.100.1]> -> 550 5.7.1",
            "XCLIENT NAME=localhost ADDR=127.0.0.1 -> 550 5.7.0"])
        {
            Assert.Contains(said, listen.Log, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_server_that_takes_XCLIENT_without_being_told_by_it_is_refused_too() // [BP-10.1-11]
    {
        await using var sink = new MailSink();
        sink.Answer = (_, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal) ? "220 sink.test again\r\n" : null;
        using var refused = BlackPonyProgram.Start("listen", "--listen", $"127.0.0.1:{Ports.Free()}", "--backend",
            $"127.0.0.1:{sink.Port}");
        Assert.Equal(1, await refused.ExitAsync());
        Assert.Contains("accepts XCLIENT from untrusted clients", refused.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_trusts_IPv6_only_is_asked_in_the_name_of_an_IPv6_client() // [BP-10.1-9]
    {
        await using var sink = new MailSink { Extensions = ["XCLIENT NAME ADDR PORT"] };
        sink.Answer = (session, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal)
            && line.Contains(" PORT=", StringComparison.Ordinal) ? "220 again\r\n"
            : line.StartsWith("RCPT ", StringComparison.Ordinal)
                ? session.Commands.Any(c => c.Contains("ADDR=IPV6:2001:db8::1 ", StringComparison.Ordinal)) ? "250 Ok\r\n" : Refusal
            : null;
        int port = Ports.Free();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--xclient");
        using var person = await SmtpUser.ConnectAsync(port);
        using var refused = BlackPonyProgram.Start("listen", "--listen", $"[::1]:{Ports.Free()}", "--backend",
            $"127.0.0.1:{sink.Port}", "--xclient");
        Assert.Equal(1, await refused.ExitAsync());
        Assert.Contains("2001:db8::1", refused.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_address_in_whose_name_it_is_asked_can_be_given() // [BP-10.1-9]
    {
        await using var sink = new MailSink { Extensions = ["XCLIENT NAME ADDR"] };
        sink.Answer = (session, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal)
            && session.Commands.All(c => c == line || !c.StartsWith("XCLIENT ", StringComparison.Ordinal)) ? "220 again\r\n"
            : !line.StartsWith("RCPT ", StringComparison.Ordinal) ? null
            : session.Commands.Any(c => c.EndsWith("ADDR=203.0.113.77", StringComparison.Ordinal)) ? "250 Ok\r\n" : Refusal;
        int port = Ports.Free();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--xclient");
        using var person = await SmtpUser.ConnectAsync(port);
        using var refused = BlackPonyProgram.Start("listen", "--listen", $"127.0.0.1:{Ports.Free()}", "--backend",
            $"127.0.0.1:{sink.Port}", "--xclient", "--probe-address", "203.0.113.77");
        Assert.Equal(1, await refused.ExitAsync());
        Assert.Contains("(with the client address 203.0.113.77)", refused.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sessions_in_flight_end_when_the_server_turns_out_to_relay() // [BP-10.1-18]
    {
        await using var sink = new MailSink();
        var clock = new FakeTimeProvider();
        var settings = new InboundSettings([new IPEndPoint(IPAddress.Loopback, 0)], "127.0.0.1", sink.Port,
            new ServerOptions(new RsaKeys(TimeProvider.System)))
        {
            BackendSource = IPAddress.Parse(Limits.BackendSource),
            Time = clock,
        };
        using var probe = new OpenRelayProbe(settings, NullLogger.Instance);
        await using var server = new InboundServer(settings with { Probe = probe }, NullLogger.Instance);
        server.Start();
        using var idle = await SmtpUser.ConnectAsync(server.EndPoints[0].Port);
        using var busy = await SmtpUser.ConnectAsync(server.EndPoints[0].Port);
        await busy.BeginMessageAsync("b@sink.test");
        sink.Relays = true;

        // Time stands still: they do not end by their time-outs.
        probe.AskAgain();
        await idle.ExpectAsync("421 4.3.2");
        await busy.ExpectAsync("421 4.3.2");
        Assert.Empty(sink.Messages);
    }

    [Fact]
    public async Task A_reload_asks_the_same_server_again_and_serves_nobody_if_it_relays_now() // [BP-10.1-13]
    {
        await using var sink = new MailSink();
        int port = Ports.Free();
        var config = Path.Combine(_folder, "listen.conf");
        await File.WriteAllTextAsync(config, $"listen 127.0.0.1:{port}\nbackend 127.0.0.1:{sink.Port}\n",
            TestContext.Current.CancellationToken);
        using var listen = BlackPonyProgram.Start("listen", "--config", config);
        await listen.ListensAsync(port);
        (await SmtpUser.ConnectAsync(port)).Dispose();
        sink.Relays = true;
        listen.HangUp();
        await listen.SaysAsync("configuration not reloaded");
        await SmtpUser.RefusedAsync(port);

        // And it serves again when the server has been mended.
        sink.Relays = false;
        listen.HangUp();
        await listen.SaysAsync("configuration reloaded");
        (await SmtpUser.ConnectAsync(port)).Dispose();
    }

    [Fact]
    public async Task A_server_that_was_away_is_asked_again_before_the_next_session() // [BP-10.1-9]
    {
        int port = Ports.Free();
        var sink = new MailSink();
        int backend = sink.Port;
        using var listen = await BlackPonyProgram.ListenAsync(port, backend);
        (await SmtpUser.ConnectAsync(port)).Dispose();
        await sink.DisposeAsync();
        await SmtpUser.RefusedAsync(port);
        await using var other = new MailSink(backend) { Relays = true };
        await SmtpUser.RefusedAsync(port);
        await listen.SaysAsync("is an open relay; all sessions are refused");
    }

    [Fact]
    public async Task It_is_asked_again_from_time_to_time() // [BP-10.1-13], [BP-10.1-20]
    {
        await using var sink = new MailSink();
        var clock = new FakeTimeProvider();
        var settings = new InboundSettings([new IPEndPoint(IPAddress.Loopback, 0)], "127.0.0.1", sink.Port,
            new ServerOptions(new RsaKeys(TimeProvider.System)))
        {
            BackendSource = IPAddress.Parse(Limits.BackendSource),
            Time = clock,
        };
        using var probe = new OpenRelayProbe(settings, NullLogger.Instance);
        await using var server = new InboundServer(settings with { Probe = probe }, NullLogger.Instance);
        server.Start();
        int port = server.EndPoints[0].Port;
        (await SmtpUser.ConnectAsync(port)).Dispose();

        // Not before its time, and then without anybody who comes.
        sink.Relays = true;
        await AdvanceAsync(Limits.ProbeInterval - TimeSpan.FromSeconds(1), asked: false);
        (await SmtpUser.ConnectAsync(port)).Dispose();
        await AdvanceAsync(TimeSpan.FromSeconds(1), asked: true);
        await SmtpUser.RefusedAsync(port);

        // A server that was mended is found out after 1, 2, 4 … seconds, at last each 60 s.
        var wait = Limits.ProbeFirstRetry;
        for (int i = 0; i < 12; i++)
        {
            await AdvanceAsync(wait - TimeSpan.FromMilliseconds(10), asked: false);
            await AdvanceAsync(TimeSpan.FromMilliseconds(10), asked: true);
            wait = wait * 2 < Limits.ProbeLastRetry ? wait * 2 : Limits.ProbeLastRetry;
        }

        await SmtpUser.RefusedAsync(port);
        sink.Relays = false;
        await AdvanceAsync(Limits.ProbeLastRetry, asked: true);
        (await SmtpUser.ConnectAsync(port)).Dispose();

        async Task AdvanceAsync(TimeSpan time, bool asked)
        {
            int before = sink.Sessions.Count;
            clock.Advance(time);
            await probe.AnsweredAsync();
            Assert.Equal(asked, sink.Sessions.Count > before);
        }
    }
}
