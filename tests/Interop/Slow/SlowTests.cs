using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Outbound;
using BlackPony.Tests.Interop.Servers;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlackPony.Tests.Interop.Slow;

/// <summary>
/// Who sends an octet now and then holds nobody for longer than the time-out of what it owes (spec 13): the servers and the mailer as the
/// program runs them, over sockets, under a clock that the test moves.
/// </summary>
public sealed class SlowTests : IDisposable
{
    private const string Share = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";

    // Replies that do not come whole while a wire lets go of twenty octets and some more.
    private const string LongGreeting = "220 sink.test ESMTP and words that nobody needs";
    private const string LongReply = "250 2.0.0 A reply that has many octets, more than drop\r\n";

    private readonly Clock _clock = new();

    public void Dispose() => _clock.Dispose();

    [Fact]
    // spec 13: IdleTimeout, LingerTimeout
    public async Task Listen_sends_a_client_away_whose_command_does_not_come_whole_and_then_waits_no_longer_for_its_end()
    {
        await using var server = new EmbeddedServer(settings: s => s with { Time = _clock });
        using var client = await ClientAsync(server.Port);
        using var person = new SmtpUser(client);
        await person.ExpectAsync("220");
        await _clock.DripAsync(Limits.IdleTimeout, () => DropAsync(client), person.ExpectAsync("421 4.4.2"));
        await EndsAsync(client);
    }

    [Fact]
    public async Task Listen_waits_for_the_next_octets_of_a_message_and_drops_it_where_none_come() // spec 13: IdleTimeout; [BP-10.3-7]
    {
        await using var server = new EmbeddedServer(settings: s => s with { Time = _clock });
        await DropsAMessageAsync(server.Port, server.Sink);
    }

    [Fact]
    public async Task Listen_sends_a_client_away_whose_continuation_does_not_come_whole() // spec 13: ContinuationTimeout
    {
        await using var server = new EmbeddedServer(settings: s => s with { Time = _clock });
        using var client = await ClientAsync(server.Port);
        using var person = new SmtpUser(client);
        await person.ExpectAsync("220");
        await person.SayAsync("EHLO slow.test", "250");
        using var key = TestRsaKeys.Open("client");
        await person.SayAsync(
            $"XBLACKPONY V1 RSA-BLOWFISH {Convert.ToBase64String([.. key.ExportParameters(false).Modulus!, .. new byte[32]])}", "334");
        await _clock.DripAsync(Limits.ContinuationTimeout, () => DropAsync(client), person.ExpectAsync("421 4.4.2"));
    }

    [Fact]
    public async Task Listen_sends_a_client_away_whose_Finished_does_not_come_whole() // spec 13: FinishedTimeout; [BP-6.3-9]
    {
        await using var server = new EmbeddedServer(settings: s => s with { Time = _clock });
        using var client = await ClientAsync(server.Port);
        var person = new SmtpUser(client);
        await person.ExpectAsync("220");
        await person.SayAsync("EHLO slow.test", "250");
        await person.SayAsync($"XBLACKPONY V1 X25519-CHACHA20POLY1305 {Share}", "220");
        await _clock.DripAsync(Limits.FinishedTimeout, () => DropAsync(client, 0x01), ReadToEndAsync());

        // There is nothing more to say without a key than that it closes.
        async Task ReadToEndAsync()
        {
            var octets = new byte[1024];
            while (await client.GetStream().ReadAsync(octets, TestContext.Current.CancellationToken) > 0)
            {
            }
        }
    }

    [Fact]
    public async Task Listen_sends_a_client_away_whose_record_does_not_come_whole() // spec 13: IdleTimeout, inside
    {
        await using var server = new EmbeddedServer(settings: s => s with { Time = _clock });
        bool slow = false;
        await using var wire = new DripWire(server.Port, up: true, _ => Volatile.Read(ref slow));
        using var person = await SmtpUser.ConnectInsideAsync(wire.Port);
        await person.SayAsync("EHLO slow.test", "250");
        Volatile.Write(ref slow, true);
        var ended = person.SayAsync("NOOP", "421 4.4.2");
        await wire.Held.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        await _clock.DripAsync(Limits.IdleTimeout, wire.DropAsync, ended);
    }

    [Fact]
    public async Task Listen_waits_no_longer_for_a_close_that_does_not_come_whole() // spec 13: CloseTimeout
    {
        await using var server = new EmbeddedServer(settings: s => s with { Time = _clock });
        await using var wire = new DripWire(server.Port, up: true, c => server.Sink.Sessions.Any(s => s.Commands.Contains("QUIT")));
        using var person = await SmtpUser.ConnectInsideAsync(wire.Port);
        await person.SayAsync("EHLO slow.test", "250");
        await person.SayAsync("QUIT", "221");
        await wire.Held.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        await _clock.DripAsync(Limits.CloseTimeout, wire.DropAsync, wire.Ended);
    }

    [Fact]
    public async Task Listen_whose_client_has_gone_waits_no_longer_for_a_reply_that_does_not_come_whole() // spec 13: NextServerTimeout
    {
        await using var sink = new MailSink { Answer = (_, line) => line == "." ? LongReply : null };
        await using var wire = new DripWire(sink.Port, up: false, c => c.Up.ToString().EndsWith("\r\n.\r\n", StringComparison.Ordinal));
        await using var server = new EmbeddedServer(settings: s => s with { Time = _clock, BackendPort = wire.Port, BackendSource = null });
        using var client = await ClientAsync(server.Port);
        using var person = new SmtpUser(client);
        await person.ExpectAsync("220");
        await person.BeginMessageAsync("r@sink.test");
        await client.GetStream().WriteAsync("Subject: slow\r\n\r\n.\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        client.Client.Shutdown(SocketShutdown.Send);
        await wire.Held.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        await _clock.DripAsync(Limits.NextServerTimeout, wire.DropAsync, person.ExpectAsync("421 4.4.2"));
    }

    [Fact]
    public async Task Listen_tells_its_client_of_a_backend_whose_greeting_does_not_come_whole() // spec 13: ConnectTimeout; [BP-10.3-2]
    {
        await using var sink = new MailSink { Greeting = LongGreeting };
        await using var wire = new DripWire(sink.Port, up: false, _ => true);
        await using var server = new EmbeddedServer(settings: s => s with { Time = _clock, BackendPort = wire.Port, BackendSource = null });
        using var client = await ClientAsync(server.Port);
        using var person = new SmtpUser(client);
        await wire.Held.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        await _clock.DripAsync(Limits.ConnectTimeout, wire.DropAsync, person.ExpectAsync("421 4"), waits: true);
    }

    /// <summary>From when on the server's octets go one by one, and what the mailer owes its mail server behind the time-out.</summary>
    public static TheoryData<string> Owed => ["greeting", "EHLO", "XBLACKPONY", "continuation", "Finished"];

    [Theory]
    [MemberData(nameof(Owed))]
    public async Task The_mailer_gives_up_a_server_whose_answer_does_not_come_whole(string owed) // spec 13
    {
        await using var server = new EmbeddedServer();
        server.Sink.Greeting = LongGreeting;
        await using var wire = new DripWire(server.Port, up: false, c => owed switch
        {
            "greeting" => true,
            "EHLO" => c.Lines == 1,
            "XBLACKPONY" => c.Lines == 2,
            "continuation" => c.Lines == 3,
            _ => c.Down.ToString().Split("220 K=") is [_, var rest] && rest.Contains("\r\n", StringComparison.Ordinal),
        });
        var suite = SuiteRegistry.Find(owed == "continuation" ? "RSA-BLOWFISH" : "X25519-CHACHA20POLY1305")!;
        var (local, queue) = (new Pipe(), new Pipe());
        using var person = new SmtpUser(queue.Reader.AsStream(), local.Writer.AsStream(), new MemoryStream());
        var running = MailerHost.RunAsync(
            new MailerOptions(TestRsaKeys.Client) { Policy = ClientPolicy.Required, Suites = [suite] }, new SystemRandom(),
            [new MailTarget("127.0.0.1", IPAddress.Loopback, wire.Port)], local.Reader.AsStream(), queue.Writer.AsStream(),
            TestContext.Current.CancellationToken, _clock);
        Task<string> ended;
        if (owed == "greeting")
        {
            ended = person.ExpectAsync("421");
        }
        else
        {
            await person.ExpectAsync("220");
            ended = person.SayAsync("EHLO queue.test", "421");
        }

        await wire.Held.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        var limit = owed switch
        {
            "greeting" => Limits.GreetingTimeout,
            "EHLO" => Limits.ReplyTimeout,
            _ => Limits.UpgradeTimeout,
        };
        await _clock.DripAsync(limit, wire.DropAsync, ended);

        // It waits no longer for the end of the server's direction either.
        await running.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        Assert.Empty(server.Sink.Messages);
    }

    /// <summary>
    /// A firewall lets the 220 pass and discards the records: the mail goes by a fresh connection, while the mail server still waits.
    /// </summary>
    [Fact]
    public async Task Mail_arrives_behind_a_firewall_that_discards_records() // [BP-9.2-2]; spec 13: UpgradeTimeout
    {
        await using var server = new EmbeddedServer();
        await using var wire = new DripWire(server.Port, up: false,
            c => c.Down.ToString().Split("220 K=") is [_, var rest] && rest.Contains("\r\n", StringComparison.Ordinal));
        var (local, queue) = (new Pipe(), new Pipe());
        using var person = new SmtpUser(queue.Reader.AsStream(), local.Writer.AsStream(), new MemoryStream());
        var options = new MailerOptions(TestRsaKeys.Client) { Suites = [SuiteRegistry.Find("X25519-CHACHA20POLY1305")!] };
        var target = new MailTarget("127.0.0.1", IPAddress.Loopback, wire.Port);
        var running = MailerHost.RunAsync(options, new SystemRandom(), [target], local.Reader.AsStream(), queue.Writer.AsStream(),
            TestContext.Current.CancellationToken, _clock);
        await person.ExpectAsync("220");
        var asked = person.SayAsync("EHLO queue.test", "250");
        await wire.Held.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        await _clock.DripAsync(Limits.UpgradeTimeout, wire.DropAsync, asked);
        await person.BeginMessageAsync("r@sink.test");
        await person.SayAsync("Subject: late\r\n\r\nx\r\n.", "250");
        await person.SayAsync("QUIT", "221");
        await running.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        Assert.Single(server.Sink.Messages);
        Assert.True(3 * Limits.UpgradeTimeout < Limits.RecipientTimeout);
    }

    [Fact]
    public async Task Relay_sends_a_mail_server_away_whose_command_does_not_come_whole() // spec 13: IdleTimeout
    {
        await using var relay = Relay(9);
        using var client = await ClientAsync(relay.EndPoints[0].Port);
        using var person = new SmtpUser(client);
        await person.ExpectAsync("220");
        await _clock.DripAsync(Limits.IdleTimeout, () => DropAsync(client), person.ExpectAsync("421 4.4.2"));
        await EndsAsync(client);
    }

    [Fact]
    public async Task Relay_waits_for_the_next_octets_of_a_message_and_drops_it_where_none_come() // spec 13: IdleTimeout; [BP-10.5-16]
    {
        await using var sink = new MailSink();
        await using var relay = Relay(sink.Port);
        await DropsAMessageAsync(relay.EndPoints[0].Port, sink);
    }

    [Theory]
    [InlineData("greeting", "451")]
    [InlineData("RCPT", "451 4.4.2")]
    [InlineData("message", "451 4.4.2")]
    // spec 13: GreetingTimeout, NextServerTimeout; [BP-10.5-15]
    public async Task Relay_answers_for_a_next_server_whose_reply_does_not_come_whole(string owed, string code)
    {
        await using var sink = new MailSink { Greeting = LongGreeting, Extensions = ["8BITMIME"] };
        await using var wire = new DripWire(sink.Port, up: false, c => owed switch
        {
            "greeting" => true,
            "RCPT" => c.Up.ToString().Contains("RCPT", StringComparison.Ordinal),
            _ => c.Up.ToString().EndsWith("\r\n.\r\n", StringComparison.Ordinal),
        });
        sink.Answer = (_, line) => line == "." || line.StartsWith("RCPT", StringComparison.Ordinal) ? LongReply : null;
        await using var relay = Relay(wire.Port);
        using var client = await ClientAsync(relay.EndPoints[0].Port);
        using var person = new SmtpUser(client);
        await person.ExpectAsync("220");
        Task<string> ended;
        if (owed == "message")
        {
            await person.BeginMessageAsync("r@sink.test");
            ended = person.SayAsync("Subject: slow\r\n\r\n.", code);
        }
        else
        {
            await person.SayAsync("EHLO a.test", "250");
            await person.SayAsync("MAIL FROM:<s@a.test>", "250");
            ended = person.SayAsync("RCPT TO:<r@sink.test>", code);
        }

        await wire.Held.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        await _clock.DripAsync(owed == "greeting" ? Limits.GreetingTimeout : Limits.NextServerTimeout, wire.DropAsync, ended);
    }

    private OutboundServer Relay(int next)
    {
        var relay = new OutboundServer(
            new OutboundSettings([new IPEndPoint(IPAddress.Loopback, 0)], new MailerOptions(TestRsaKeys.Client))
            {
                Routes = new RouteTable(new Dictionary<string, Route> { ["*"] = new("[127.0.0.1]", next) }, next),
                Time = _clock,
            },
            NullLogger.Instance);
        relay.Start();
        return relay;
    }

    // Octets of a message prolong the time, each for itself; then none comes.
    private async Task DropsAMessageAsync(int port, MailSink sink)
    {
        using var client = await ClientAsync(port);
        using var person = new SmtpUser(client);
        await person.ExpectAsync("220");
        await person.BeginMessageAsync("r@sink.test");
        for (int i = 0; i < 40; i++)
        {
            await _clock.SeenAsync(() => DropAsync(client));
            _clock.Advance(Limits.IdleTimeout / 20);
        }

        await _clock.DripAsync(Limits.IdleTimeout - (Limits.IdleTimeout / 20), null, person.ExpectAsync("421 4.4.2"), waits: true);
        await sink.Sessions.First().Ended.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        Assert.Empty(sink.Messages);
    }

    private static async Task<TcpClient> ClientAsync(int port)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, port, TestContext.Current.CancellationToken);
        return client;
    }

    private static async Task DropAsync(TcpClient client, byte octet = (byte)'x')
    {
        try
        {
            await client.GetStream().WriteAsync(new[] { octet }, TestContext.Current.CancellationToken);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // It was sent away.
        }
    }

    // What the client sends after the end is read away for a while, and then refused.
    private static Task<bool> EndsAsync(TcpClient client) => Wait.RetryAsync(async () =>
    {
        try
        {
            await client.GetStream().WriteAsync("x"u8.ToArray());
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            return true;
        }

        throw new IOException("The server still reads.");
    });
}
