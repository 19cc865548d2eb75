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
        await using var listener = new Listener(sink);
        var refused = await Assert.ThrowsAsync<OpenRelayException>(listener.CheckAsync);
        Assert.Contains($"RCPT TO:{sink.Sessions.Last().Commands.Last(c => c.Contains(recipient, StringComparison.Ordinal))[8..]}",
            refused.Message, StringComparison.Ordinal);
        Assert.StartsWith("Error: ", await listener.Log.SaysAsync("is an open relay; all sessions are refused"), StringComparison.Ordinal);
        await SmtpUser.RefusedAsync(listener.Port);
        Assert.Empty(sink.Messages);

        // It says goodbye, and no message was begun.
        Assert.All(sink.Sessions.Where(s => !s.Commands.IsEmpty), s => Assert.Equal("QUIT", s.Commands.Last()));
        Assert.DoesNotContain(sink.Sessions, s => s.Commands.Contains("DATA"));
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
        using var refused = BlackPonyProgram.Start("listen", "--listen", $"127.0.0.1:{FreePorts.Next()}", "--backend",
            $"127.0.0.1:{sink.Port}");
        Assert.True(await refused.ExitAsync() == 1, what);
        Assert.Contains("--allow-open-backend", refused.Log, StringComparison.Ordinal);
        Assert.Contains("--xclient", refused.Log, StringComparison.Ordinal);
        int port = FreePorts.Next();
        using var told = await BlackPonyProgram.ListenAsync(port, sink.Port, "--allow-open-backend");
        using var person = await SmtpUser.ConnectAsync(port);
    }

    [Theory]
    [InlineData("RCPT", "450 4.1.2 Domain not found\r\n", "with 450, which neither accepts nor refuses")]
    [InlineData("RCPT", "451 4.7.1 Greylisted\r\n", "with 451, which neither accepts nor refuses")]
    [InlineData("RCPT", "421 4.3.2 Busy\r\n\0", "it ends the connection before it answers")]
    [InlineData("RCPT", "354 what\r\n", "with 354, which neither accepts nor refuses")]
    [InlineData("RCPT", "\0", "it ends the connection before it answers")]
    [InlineData("MAIL", "451 4.3.0 later\r\n", "it does not accept MAIL FROM:<> now")]
    [InlineData("MAIL", "550 5.1.0 no\r\n", "it accepts no sender")]
    [InlineData("MAIL", "\0", "The backend closed the connection")]
    [InlineData("EHLO", "451 4.3.0 later\r\n", "it answers EHLO with 451")]
    [InlineData("EHLO", "550 5.7.1 no\r\n", "it answers EHLO with 550")]
    [InlineData("EHLO", "\0", "The backend closed the connection")]
    [InlineData("EHLO", "no SMTP\r\n", "or does not speak SMTP")]
    [InlineData("NOOP", "", "", "the server takes it", true)]
    [InlineData("XCLIENT", "421 4.3.2 Busy\r\n\0", "it neither accepts nor refuses XCLIENT")]
    [InlineData("XCLIENT", "499 \r\n", "it neither accepts nor refuses XCLIENT")]
    [InlineData("XCLIENT", "500 \r\n", "", "it is refused", true)]
    public async Task Nobody_is_served_before_the_server_has_refused_and_it_is_asked_again( // [BP-10.1-12]
        string verb, string answer, string reason, string what = "", bool served = false)
    {
        await using var sink = new MailSink();
        sink.Answer = (_, line) => line.StartsWith(verb, StringComparison.Ordinal) ? answer : null;
        await using var listener = new Listener(sink);
        if (served)
        {
            await listener.CheckAsync();
            Assert.True(listener.Log.Text.Contains("and refuses", StringComparison.Ordinal), what);
            return;
        }

        var unknown = await Assert.ThrowsAsync<IOException>(listener.CheckAsync);
        Assert.Contains(reason, unknown.Message, StringComparison.Ordinal);
        Assert.StartsWith("Warning: ", await listener.Log.SaysAsync("sessions are refused until it is known"), StringComparison.Ordinal);
        await SmtpUser.RefusedAsync(listener.Port);

        // The next session does not ask again, but the time does.
        int asked = sink.Sessions.Count;
        await SmtpUser.RefusedAsync(listener.Port);
        Assert.Equal(asked, sink.Sessions.Count);
        sink.Answer = null;
        await listener.AdvanceAsync(Limits.ProbeFirstRetry);
        Assert.Contains("Information: the backend at", await listener.Log.SaysAsync("and refuses"), StringComparison.Ordinal);
        using var person = await SmtpUser.ConnectAsync(listener.Port);
    }

    [Theory]
    [InlineData("421 4.3.2 Busy")]
    [InlineData("554 5.3.2 No")]
    [InlineData("")]
    public async Task A_server_that_does_not_greet_yet_is_asked_when_it_does(string greeting) // [BP-10.1-12]
    {
        await using var sink = new MailSink { Greeting = greeting };
        await using var listener = new Listener(sink);
        await SmtpUser.RefusedAsync(listener.Port);
        Assert.StartsWith("Debug: ", await listener.Log.SaysAsync("could not be asked"), StringComparison.Ordinal);
        Assert.DoesNotContain("again", listener.Log.Text, StringComparison.Ordinal);

        // By the next session, without any time going by.
        sink.Greeting = "220 sink.test ESMTP";
        using var person = await SmtpUser.ConnectAsync(listener.Port);
        await listener.Log.SaysAsync("and refuses");
    }

    // [BP-10.1-12]
    [Theory]
    [InlineData("454 4.7.1 <x>: Relay access denied\r\n", "454 4.7.1 <x>: Relay access denied\r\n", true)]
    [InlineData("454 4.7.2 no\r\n", "454 4.7.2 no\r\n", false)]
    [InlineData("453 4.7.1 no\r\n", "453 4.7.1 no\r\n", false)]
    [InlineData("450 4.1.2 Domain not found\r\n", "554 5.7.1 Relay access denied\r\n", true)]
    [InlineData("450 4.1.2 Domain not found\r\n", "501 5.1.3 No literals here\r\n", false)]
    [InlineData("450 4.1.2 Domain not found\r\n", "554 x5.7.1 odd\r\n", false)]
    [InlineData("450 4.1.2 Domain not found\r\n", "554 .7.1 odd\r\n", false)]
    [InlineData("450 4.1.2 Domain not found\r\n", "554 5.7.123456.7.1 long\r\n", false)]
    [InlineData("450 4.1.2 Domain not found\r\n", "450 4.1.2 later\r\n", false)]
    [InlineData("550 5.1.2 Domain not found\r\n", "450 4.7.1 later\r\n", false)]
    [InlineData("550 no\r\n", "550 no\r\n", true)]
    public async Task Names_that_the_server_cannot_look_up_do_not_matter_where_a_literal_is_denied(string name, string literal, bool served)
    {
        await using var sink = new MailSink();
        sink.Answer = (_, line) => !line.StartsWith("RCPT ", StringComparison.Ordinal)
            || line.Contains("@b.test", StringComparison.Ordinal) ? null : line.Contains('[', StringComparison.Ordinal) ? literal : name;
        await using var listener = new Listener(sink);
        if (!served)
        {
            Assert.Contains("neither accepts nor refuses", (await Assert.ThrowsAsync<IOException>(listener.CheckAsync)).Message,
                StringComparison.Ordinal);
            return;
        }

        await listener.CheckAsync();
        await listener.Log.SaysAsync("and refuses");
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
        await using var listener = new Listener(sink);
        if (served)
        {
            await listener.CheckAsync();
            return;
        }

        Assert.Contains("neither accepts nor refuses", (await Assert.ThrowsAsync<IOException>(listener.CheckAsync)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sink.test ready", true)]
    [InlineData("[127.0.0.1]", false)]
    public async Task A_server_is_asked_by_the_name_that_it_gives_itself(string name, bool isName) // [BP-10.1-14]
    {
        await using var sink = new MailSink();
        sink.Answer = (_, line) => line.StartsWith("EHLO", StringComparison.Ordinal) ? $"250-{name}\r\n250 8BITMIME\r\n" : null;
        await using var listener = new Listener(sink);
        await listener.CheckAsync();
        var commands = sink.Sessions.SelectMany(s => s.Commands).ToHashSet();
        Assert.Equal(isName, commands.Contains("MAIL FROM:<postmaster@sink.test>"));
        Assert.Equal(isName, commands.Contains("RCPT TO:<@sink.test:relay-test@www.example.com>"));
        Assert.Equal(isName, commands.Contains("RCPT TO:<postmaster@sink.test>"));
        Assert.Equal(!isName, commands.Contains("RCPT TO:<postmaster>"));
        Assert.Contains("RCPT TO:<relay-test%www.example.com>", commands);

        // The forms of the first sender only, one sender a connection.
        var senders = sink.Sessions.Select(s => s.Commands.Count(c => c.StartsWith("MAIL ", StringComparison.Ordinal))).ToList();
        Assert.Equal(isName ? [0, 1, 1, 1] : [0, 1, 1], senders);
        var recipients = sink.Sessions.Select(s => s.Commands.Count(c => c.StartsWith("RCPT ", StringComparison.Ordinal))).ToList();
        Assert.Equal(isName ? [0, 9, 3, 3] : [0, 6, 3], recipients);
    }

    [Fact]
    public async Task A_server_that_takes_any_name_at_its_own_domain_is_no_relay_by_that() // [BP-10.1-14]
    {
        await using var sink = new MailSink();
        sink.Answer = (_, line) => !line.StartsWith("RCPT ", StringComparison.Ordinal) ? null
            : line.EndsWith("@sink.test>", StringComparison.Ordinal) || !line.Contains('@', StringComparison.Ordinal) ? "250 Ok\r\n"
                : Refusal;
        await using var listener = new Listener(sink);
        await listener.CheckAsync();
        using var person = await SmtpUser.ConnectAsync(listener.Port);
        await listener.Log.SaysAsync("RCPT TO:<relay-test-nobody@sink.test> -> 250 Ok");
        await listener.Log.SaysAsync("RCPT TO:<relay-test-nobody> -> 250 Ok");
    }

    /// <summary>A busy server that takes any name defers the name that does not exist: that makes no open relay of it.</summary>
    [Theory]
    [InlineData("451 4.3.0 Later\r\n", "for a name that does not exist it neither accepts nor refuses (451)")]
    [InlineData("452 4.3.1 Insufficient system storage\r\n", "neither accepts nor refuses (452)")]
    [InlineData("421 4.3.2 Busy\r\n\0", "")]
    [InlineData("\0", "")]
    public async Task A_server_that_defers_a_name_that_does_not_exist_is_asked_again(string answer, string reason) // [BP-10.1-12]
    {
        await using var sink = new MailSink();
        bool defers = true;
        sink.Answer = (_, line) => !line.StartsWith("RCPT ", StringComparison.Ordinal) ? null
            : defers && line.Contains("-nobody@", StringComparison.Ordinal) ? answer
            : line.EndsWith("@sink.test>", StringComparison.Ordinal) ? "250 Ok\r\n" : Refusal;
        await using var listener = new Listener(sink);
        Assert.Contains(reason, (await Assert.ThrowsAsync<IOException>(listener.CheckAsync)).Message, StringComparison.Ordinal);
        await SmtpUser.RefusedAsync(listener.Port);
        defers = false;
        await listener.AdvanceAsync(Limits.ProbeFirstRetry);
        using var person = await SmtpUser.ConnectAsync(listener.Port);
    }

    [Fact]
    public async Task A_server_that_hangs_up_after_each_error_is_asked_to_the_end() // [BP-10.1-12]
    {
        await using var sink = new MailSink();
        sink.Answer = (session, line) => !line.StartsWith("RCPT ", StringComparison.Ordinal) ? null
            : session.Commands.Count(c => c.StartsWith("RCPT ", StringComparison.Ordinal)) == 1 ? Refusal
                : "421 4.7.0 Too many errors\r\n\0";
        await using var listener = new Listener(sink);
        await listener.CheckAsync();
        Assert.Contains(sink.Sessions, s => s.Commands.Contains("RCPT TO:<www.example.com!relay-test>"));
    }

    /// <summary>A greeting, then nothing: four times in a row that is an accident, the fifth time it is the answer.</summary>
    [Theory]
    [InlineData(4, true)]
    [InlineData(5, false)]
    public async Task A_server_that_loses_connections_is_asked_five_times(int lost, bool served) // [BP-10.1-12]
    {
        await using var sink = new MailSink();
        int connections = 0;
        sink.Answer = (session, line) => line.StartsWith("EHLO", StringComparison.Ordinal) && Interlocked.Increment(ref connections) > 1
            && connections <= lost + 1 ? "\0" : null;
        await using var listener = new Listener(sink);
        if (served)
        {
            await listener.CheckAsync();
            await listener.Log.SaysAsync("connection lost; again; ");
            return;
        }

        Assert.Contains("The backend closed the connection", (await Assert.ThrowsAsync<IOException>(listener.CheckAsync)).Message,
            StringComparison.Ordinal);
        Assert.Equal(6, sink.Sessions.Count);
    }

    /// <summary>The same while it is asked for recipients: a connection that brought an answer begins the count again.</summary>
    [Theory]
    [InlineData(5, true)]
    [InlineData(6, false)]
    public async Task A_server_that_ends_each_connection_at_a_recipient_is_asked_five_times_more(int lost, bool served) // [BP-10.1-12]
    {
        await using var sink = new MailSink();
        int count = 0;
        sink.Answer = (session, line) => !line.StartsWith("RCPT TO:<relay-test@[", StringComparison.Ordinal) ? null
            : Interlocked.Increment(ref count) % (lost + 1) != 0 ? "\0" : Refusal;
        await using var listener = new Listener(sink);
        var asking = listener.CheckAsync();
        if (served)
        {
            await asking;
            return;
        }

        Assert.Contains("it ends the connection before it answers", (await Assert.ThrowsAsync<IOException>(() => asking)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_in_two_minutes_has_not_said_it() // [BP-10.1-12]
    {
        await using var sink = new MailSink();
        var silent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        sink.Answer = (_, line) =>
        {
            if (!line.StartsWith("RCPT ", StringComparison.Ordinal))
            {
                return null;
            }

            silent.TrySetResult();
            return "";
        };
        await using var listener = new Listener(sink);
        var asking = listener.CheckAsync();
        await silent.Task.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        listener.Clock.Advance(TimeSpan.FromSeconds(119));
        Assert.False(asking.IsCompleted);
        listener.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.EndsWith("it did not answer in time", (await Assert.ThrowsAsync<IOException>(() => asking)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_log_says_what_was_asked_and_answered() // [BP-10.1-9]
    {
        await using var sink = new MailSink();
        sink.Answer = (_, line) => line == "MAIL FROM:<relay-test@www.example.com>" ? $"250-a\r\n250 {new string('x', 200)}\r\n" : null;
        await using var listener = new Listener(sink);
        await listener.CheckAsync();
        foreach (var said in (string[])[
            $"the backend at 127.0.0.1:{sink.Port} was asked to relay, and refuses: EHLO www.example.com -> 250",
            "; MAIL FROM:<> -> 250 2.0.0 Ok; RCPT TO:<relay-test@blackpony.invalid> -> 550 5.7.1 Relaying denied; ",
            "; RCPT TO:<relay-test@[198.51.100.1]> -> 550 5.7.1", "; XCLIENT NAME=localhost ADDR=127.0.0.1 -> 550 5.7.0 Not for you; ",
            $"-> 250 {new string('x', 96)}…; "])
        {
            Assert.Contains(said, listener.Log.Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_server_that_takes_XCLIENT_without_being_told_by_it_is_refused_too() // [BP-10.1-11]
    {
        await using var sink = new MailSink();
        sink.Answer = (_, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal) ? "220 sink.test again\r\n" : null;
        await using var listener = new Listener(sink);
        Assert.Contains("accepts XCLIENT from untrusted clients",
            (await Assert.ThrowsAsync<OpenRelayException>(listener.CheckAsync)).Message, StringComparison.Ordinal);
        Assert.Equal("QUIT", Assert.Single(sink.Sessions).Commands.Last());
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
        await using var served = new Listener(sink, s => s with { Addressing = ClientAddressing.XClient });
        await served.CheckAsync();
        await served.Log.SaysAsync($"127.0.0.1:{sink.Port} (with the client address 192.0.2.1) was asked");
        using var person = await SmtpUser.ConnectAsync(served.Port);
        await using var refused = new Listener(sink, s => s with
        {
            Addressing = ClientAddressing.XClient,
            Listen = [new IPEndPoint(IPAddress.IPv6Loopback, 0)],
        });
        Assert.Contains("(with the client address 2001:db8::1)",
            (await Assert.ThrowsAsync<OpenRelayException>(refused.CheckAsync)).Message, StringComparison.Ordinal);

        // Where it is told no address, one question is enough.
        await using var both = new Listener(sink, s => s with
        {
            Listen = [new IPEndPoint(IPAddress.IPv6Loopback, 0), new IPEndPoint(IPAddress.Loopback, 0)],
        });
        await both.CheckAsync();
        Assert.DoesNotContain("client address", both.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_address_in_whose_name_it_is_asked_can_be_given() // [BP-10.1-9]
    {
        await using var sink = new MailSink { Extensions = ["XCLIENT NAME ADDR"] };
        sink.Answer = (session, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal)
            && session.Commands.All(c => c == line || !c.StartsWith("XCLIENT ", StringComparison.Ordinal)) ? "220 again\r\n"
            : !line.StartsWith("RCPT ", StringComparison.Ordinal) ? null
            : session.Commands.Any(c => c.EndsWith("ADDR=203.0.113.77", StringComparison.Ordinal)) ? "250 Ok\r\n" : Refusal;
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--xclient");
        using var person = await SmtpUser.ConnectAsync(port);
        using var refused = BlackPonyProgram.Start("listen", "--listen", $"127.0.0.1:{FreePorts.Next()}", "--backend",
            $"127.0.0.1:{sink.Port}", "--xclient", "--probe-address", "203.0.113.77");
        Assert.Equal(1, await refused.ExitAsync());
        Assert.Contains("(with the client address 203.0.113.77)", refused.Log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("203.0.113.77", "203.0.113.77")]
    [InlineData("2001:db8::77", "192.0.2.1")]
    public async Task An_address_in_whose_name_it_is_asked_counts_for_clients_of_its_kind(string given, string named) // [BP-10.1-9]
    {
        await using var sink = new MailSink { Extensions = ["XCLIENT NAME ADDR"] };
        sink.Answer = (session, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal)
            && session.Commands.All(c => c == line || !c.StartsWith("XCLIENT ", StringComparison.Ordinal)) ? "220 again\r\n" : null;
        await using var listener = new Listener(sink, s => s with
        {
            Addressing = ClientAddressing.XClient, Stranger = IPAddress.Parse(given),
        });
        await listener.CheckAsync();
        await listener.Log.SaysAsync($"(with the client address {named})");
        Assert.Contains(sink.Sessions, s => s.Commands.Contains($"XCLIENT NAME=www.example.com ADDR={named}"));
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
        int port = FreePorts.Next();
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
        var sink = new MailSink();
        int backend = sink.Port;
        await using var listener = new Listener(sink);
        (await SmtpUser.ConnectAsync(listener.Port)).Dispose();
        await sink.DisposeAsync();
        await SmtpUser.RefusedAsync(listener.Port);
        await using var other = new MailSink(backend) { Relays = true };
        await SmtpUser.RefusedAsync(listener.Port);
        await listener.Log.SaysAsync("is an open relay; all sessions are refused");
    }

    [Fact]
    public async Task While_one_address_of_the_server_relays_the_others_serve_nobody() // [BP-10.1-15], [BP-10.1-18]
    {
        var (good, bad, client) = (IPAddress.Loopback, IPAddress.Parse("127.0.0.3"), IPAddress.Parse("198.51.100.7"));
        await using var sink = new MailSink();
        await using var other = new MailSink(new IPEndPoint(bad, sink.Port)) { Relays = true };
        await using var listener = new Listener(sink);
        var cancel = TestContext.Current.CancellationToken;
        await listener.Probe.CheckAsync(good, client, cancel);
        Assert.Contains($"{bad}:{sink.Port} is an open relay",
            (await Assert.ThrowsAsync<OpenRelayException>(() => listener.Probe.CheckAsync(bad, client, cancel))).Message,
            StringComparison.Ordinal);
        Assert.Contains("another address of the backend",
            (await Assert.ThrowsAsync<OpenRelayException>(() => listener.Probe.CheckAsync(good, client, cancel))).Message,
            StringComparison.Ordinal);

        // An address that goes away says nothing of the other one.
        int asked = sink.Sessions.Count;
        listener.Probe.Lost(good);
        await Assert.ThrowsAsync<OpenRelayException>(() => listener.Probe.CheckAsync(good, client, cancel));
        Assert.True(sink.Sessions.Count > asked);
        asked = sink.Sessions.Count;
        other.Relays = false;
        listener.Probe.Lost(bad);
        await listener.Probe.CheckAsync(bad, client, cancel);
        await listener.Probe.CheckAsync(good, client, cancel);
        Assert.Equal(asked, sink.Sessions.Count);
    }

    [Theory]
    [InlineData("::ffff:198.51.100.7", "192.0.2.1")]
    [InlineData("198.51.100.7", "192.0.2.1")]
    [InlineData("2001:db8:2::7", "2001:db8::1")]
    public async Task It_asks_in_the_name_of_a_stranger_of_the_clients_kind(string client, string named) // [BP-10.1-9]
    {
        await using var sink = new MailSink { Extensions = ["XCLIENT NAME ADDR"] };
        sink.Answer = (session, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal)
            && session.Commands.All(c => c == line || !c.StartsWith("XCLIENT ", StringComparison.Ordinal)) ? "220 again\r\n" : null;
        await using var listener = new Listener(sink, s => s with { Addressing = ClientAddressing.XClient });
        await listener.Probe.CheckAsync(IPAddress.Loopback, IPAddress.Parse(client), TestContext.Current.CancellationToken);
        Assert.Contains($"(with the client address {named})", listener.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_that_is_slow_is_waited_for_by_each_and_by_none_longer_than_it_wants() // [BP-10.1-12]
    {
        await using var sink = new MailSink();
        using var slow = new SemaphoreSlim(0);
        sink.Answer = (_, line) =>
        {
            if (line == "MAIL FROM:<>")
            {
                slow.Wait();
            }

            return null;
        };
        await using var listener = new Listener(sink);
        var asking = listener.CheckAsync();
        using var impatient = new CancellationTokenSource();
        var other = listener.Probe.CheckAsync(impatient.Token);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => other);
        Assert.False(asking.IsCompleted);
        Assert.False(listener.Probe.AnsweredAsync().IsCompleted);
        slow.Release(2);
        await asking;
        Assert.True(listener.Probe.AnsweredAsync().IsCompletedSuccessfully);
        Assert.Equal(4, sink.Sessions.Count);
    }

    [Fact]
    public async Task A_probe_that_is_disposed_of_asks_no_more() // [BP-10.1-13]
    {
        await using var sink = new MailSink();
        await using var listener = new Listener(sink);
        await listener.CheckAsync();
        listener.Probe.Dispose();
        int asked = sink.Sessions.Count;
        await listener.AdvanceAsync(Limits.ProbeInterval * 2);
        Assert.Equal(asked, sink.Sessions.Count);
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
