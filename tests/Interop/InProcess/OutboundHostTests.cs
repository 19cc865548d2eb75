using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Smtp.Outbound;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.InProcess;

/// <summary>What <c>relay</c> does on its sockets, in this process, with the next servers that the test plays.</summary>
public sealed class OutboundHostTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_log_has_a_line_for_each_domain_when_the_next_server_is_left()
    {
        await using var server = new EmbeddedServer();
        await using var relay = new Relay(s => s with { Routes = To(server.Port) });
        using (var person = await SmtpUser.ConnectAsync(relay.Port))
        {
            await SendAsync(person, "r@b.test", "250");
            await SendAsync(person, "r@b.test", "250");
            await SendAsync(person, "r@c.test", "250");
            await person.SayAsync("QUIT", "221");
        }

        Assert.Equal("Information: delivery to=b.test peer=127.0.0.1:" + server.Port
            + " suite=X25519MLKEM768-CHACHA20POLY1305 encrypted=yes tls=no reason=none deferred=no closed=close "
            + "messages=2 outcome=delivered code=250",
            await relay.Log.SaysAsync("delivery to=b.test"));
        Assert.Contains("messages=1 outcome=delivered code=250", await relay.Log.SaysAsync("delivery to=c.test"),
            StringComparison.Ordinal);
        Assert.Equal(3, server.Sink.Messages.Count);
    }

    [Theory]
    [InlineData("RCPT", "550 5.1.1 nobody\r\n", "550", "deferred=no", "outcome=refused code=550")]
    [InlineData("RCPT", "450 4.2.0 later\r\n", "450", "deferred=yes", "outcome=deferred code=450")]
    [InlineData("RCPT", "\0", "451", "deferred=yes", "outcome=lost code=none")]
    [InlineData("MAIL", "452 4.3.1 full\r\n", "452", "deferred=yes", "outcome=deferred code=452")]
    public async Task What_a_next_server_refuses_is_logged_with_its_reply(string verb, string answer, string reply, params string[] said)
    {
        await using var sink = new MailSink();
        sink.Answer = (_, line) => line.StartsWith(verb, StringComparison.Ordinal) ? answer : null;
        await using var relay = new Relay(s => s with { Routes = To(sink.Port) });
        using (var person = await SmtpUser.ConnectAsync(relay.Port))
        {
            await person.SayAsync("EHLO a.test", "250");
            await person.SayAsync("MAIL FROM:<>", "250");
            await person.SayAsync("RCPT TO:<r@b.test>", reply);
            await person.SayAsync("QUIT", "221");
        }

        var line = await relay.Log.SaysAsync("delivery to=b.test");
        Assert.All(said, s => Assert.Contains(s, line, StringComparison.Ordinal));
        Assert.Contains(" messages=0 ", line, StringComparison.Ordinal);
        Assert.Contains(" encrypted=no ", line, StringComparison.Ordinal);
        Assert.Contains(" reason=not-offered ", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failure_is_not_covered_up_by_a_message_that_was_delivered()
    {
        await using var sink = new MailSink();
        sink.Answer = (_, line) => line.StartsWith("RCPT TO:<bad@", StringComparison.Ordinal) ? "550 5.1.1 nobody\r\n" : null;
        await using var relay = new Relay(s => s with { Routes = To(sink.Port) });
        using (var person = await SmtpUser.ConnectAsync(relay.Port))
        {
            await person.SayAsync("EHLO a.test", "250");
            await person.SayAsync("MAIL FROM:<>", "250");
            await person.SayAsync("RCPT TO:<bad@b.test>", "550");
            await person.SayAsync("RCPT TO:<good@b.test>", "250");
            await person.SayAsync("DATA", "354");
            await person.SayAsync("x\r\n.", "250");
            await person.SayAsync("QUIT", "221");
        }

        Assert.Contains("messages=1 outcome=refused code=550", await relay.Log.SaysAsync("delivery to=b.test"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Mail_is_remembered_before_it_flows_and_the_second_relay_knows_the_server() // [BP-9.4-2]
    {
        var memory = Path.Combine(_folder, "memory");
        await using var server = new EmbeddedServer();
        Func<OutboundSettings, OutboundSettings> remembers = s => s with
        {
            Routes = To(server.Port), MemoryPath = memory, Mailer = s.Mailer with { Policy = ClientPolicy.Remembered },
        };
        await using (var relay = new Relay(remembers))
        {
            using var person = await SmtpUser.ConnectAsync(relay.Port);
            await person.SayAsync("EHLO a.test", "250");
            await person.SayAsync("MAIL FROM:<>", "250");
            await person.SayAsync("RCPT TO:<r@b.test>", "250");
            Assert.Contains($"127.0.0.1 {server.Port} ", await File.ReadAllTextAsync(memory, TestContext.Current.CancellationToken),
                StringComparison.Ordinal);
        }

        // One that remembers it sends it nothing in plaintext.
        await using var sink = new MailSink();
        var text = await File.ReadAllTextAsync(memory, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(memory, text.Replace($" {server.Port} ", $" {sink.Port} ", StringComparison.Ordinal),
            TestContext.Current.CancellationToken);
        await using var second = new Relay(s => remembers(s) with { Routes = To(sink.Port) });
        using var other = await SmtpUser.ConnectAsync(second.Port);
        await other.SayAsync("EHLO a.test", "250");
        await other.SayAsync("MAIL FROM:<>", "250");
        await other.SayAsync("RCPT TO:<r@b.test>", "4");
        Assert.DoesNotContain(sink.Sessions, s => s.Commands.Any(c => c.StartsWith("MAIL", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("no memory\n", "cannot be used")]
    [InlineData("# BlackPony memory 2: name port first-good last-good failing-since keys\n", "is incomplete")]
    public async Task A_memory_that_cannot_be_read_keeps_the_mail(string text, string reason) // [BP-9.4-12]
    {
        var memory = Path.Combine(_folder, "memory");
        await File.WriteAllTextAsync(memory, text + (reason[0] == 'c' ? "# end\n" : ""), TestContext.Current.CancellationToken);
        await using var server = new EmbeddedServer();
        await using var relay = new Relay(s => s with { Routes = To(server.Port), MemoryPath = memory });
        using var person = await SmtpUser.ConnectAsync(relay.Port);
        await person.SayAsync("EHLO a.test", "250");
        await person.SayAsync("MAIL FROM:<>", "250");
        await person.SayAsync("RCPT TO:<r@b.test>", "451 4.4.3 Temporary failure before the connection, try again later");
        var line = await relay.Log.SaysAsync("delivery to [127.0.0.1] deferred");
        Assert.StartsWith("Warning: ", line, StringComparison.Ordinal);
        Assert.Contains(reason, line, StringComparison.Ordinal);
        Assert.Empty(server.Sink.Sessions);
    }

    [Fact]
    public async Task A_line_of_the_memory_that_is_no_entry_is_logged_and_costs_no_delivery() // [BP-9.4-14]
    {
        var memory = Path.Combine(_folder, "memory");
        await File.WriteAllTextAsync(memory, "# BlackPony memory 2: name port first-good last-good failing-since keys\nwhat\n# end\n",
            TestContext.Current.CancellationToken);
        await using var server = new EmbeddedServer();
        await using var relay = new Relay(s => s with
        {
            Routes = To(server.Port), MemoryPath = memory, Mailer = s.Mailer with { Policy = ClientPolicy.Remembered },
        });
        using var person = await SmtpUser.ConnectAsync(relay.Port);
        await SendAsync(person, "r@b.test", "250");
        Assert.StartsWith("Warning: line 2 of the memory", await relay.Log.SaysAsync("is not an entry"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_domain_without_mail_is_refused_for_good_and_its_reply_is_passed_on() // [BP-10.5-12]
    {
        using var dns = new NameServer("null.test MX 0 .\nwww.test A 192.0.2.1");
        await using var relay = new Relay(s => s with { Router = new MailRouter(new IPEndPoint(IPAddress.Loopback, dns.Port)) });
        using var person = await SmtpUser.ConnectAsync(relay.Port);
        await person.SayAsync("EHLO a.test", "250");
        await person.SayAsync("MAIL FROM:<>", "250");
        await person.SayAsync("RCPT TO:<r@null.test>", "556 5.1.10 The domain accepts no mail");
        await person.SayAsync("RCPT TO:<r@nobody.test>", "550 5.1.2 The domain does not exist");
        Assert.Contains("peer=none suite=none encrypted=no tls=no reason=reply-556 deferred=no closed=none messages=0 outcome=refused "
            + "code=556", await relay.Log.SaysAsync("delivery to=null.test"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "127.0.0.1", true)]
    [InlineData("", "127.9.9.9", true)]
    [InlineData("", "::1", true)]
    [InlineData("", "::ffff:127.0.0.1", true)]
    [InlineData("", "192.0.2.1", false)]
    [InlineData("192.0.2.0/24", "192.0.2.1", true)]
    [InlineData("192.0.2.0/24", "::ffff:192.0.2.1", true)]
    [InlineData("192.0.2.0/24", "127.0.0.1", false)]
    [InlineData("192.0.2.0/24 2001:db8::/32", "2001:db8::1", true)]
    [InlineData("192.0.2.0/24 2001:db8::/32", "2001:db9::1", false)]
    public void Only_the_networks_that_are_set_may_use_it_and_loopback_if_none_is(string networks, string client, bool allowed)
    {
        // [BP-10.5-2]
        var settings = new OutboundSettings([], new MailerOptions(TestRsaKeys.Client))
        {
            Allowed = [.. networks.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(n => IPNetwork.Parse(n))],
        };
        Assert.Equal(allowed, settings.Allows(IPAddress.Parse(client)));
    }

    [Fact]
    public async Task A_client_that_is_not_allowed_hears_554_and_is_logged() // [BP-10.5-2]
    {
        await using var relay = new Relay(s => s with { Allowed = [IPNetwork.Parse("192.0.2.0/24")] });
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", relay.Port, TestContext.Current.CancellationToken);
        using var person = new SmtpUser(client);
        await person.ExpectAsync("554 5.7.1 You are not allowed to use this relay");
        Assert.Equal(0, await client.GetStream().ReadAsync(new byte[1], TestContext.Current.CancellationToken));
        Assert.StartsWith("Warning: 127.0.0.1:", await relay.Log.SaysAsync("is not allowed to use the relay"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_route_of_its_own_comes_before_that_of_all_and_that_before_the_exchangers()
    {
        await using var own = new MailSink();
        await using var all = new MailSink();
        var both = new RouteTable(new Dictionary<string, Route>
        {
            ["b.test"] = new("[127.0.0.1]", own.Port), ["*"] = new("[127.0.0.1]", all.Port),
        }, 2525);
        Assert.Equal((own.Port, all.Port), (both.Find("b.test").Port, both.Find("c.test").Port));
        var none = new RouteTable(new Dictionary<string, Route>(), 2525).Find("c.test");
        Assert.Equal(("c.test", 2525, false), (none.Host, none.Port, none.IsConfigured));
        await using var relay = new Relay(s => s with { Routes = both });
        using var person = await SmtpUser.ConnectAsync(relay.Port);
        await SendAsync(person, "r@b.test", "250");
        await SendAsync(person, "r@c.test", "250");
        Assert.Equal((1, 1), (own.Messages.Count, all.Messages.Count));
    }

    [Fact]
    public async Task A_session_that_stops_ends_with_421_between_messages_and_its_mail_is_not_lost() // [BP-10.3-9]
    {
        await using var sink = new MailSink();
        await using var relay = new Relay(s => s with { Routes = To(sink.Port) });
        using var idle = await SmtpUser.ConnectAsync(relay.Port);
        using var busy = await SmtpUser.ConnectAsync(relay.Port);
        await busy.BeginMessageAsync("r@b.test");
        var stopped = relay.Server.StopAsync(TestContext.Current.CancellationToken);
        await idle.ExpectAsync("421");
        await busy.SayAsync("x\r\n.", "250");
        await busy.ExpectAsync("421");
        Assert.Single(sink.Messages);
        idle.Dispose();
        busy.Dispose();
        await stopped;
        var session = Assert.Single(sink.Sessions);
        await session.Ended.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        Assert.Contains("QUIT", session.Commands);
    }

    [Theory]
    [InlineData("127.0.0.1", "[127.0.0.1]")]
    [InlineData("::1", "[IPv6:::1]")]
    public async Task It_calls_itself_by_the_address_that_it_was_reached_at(string address, string name)
    {
        await using var relay = new Relay(s => s with { Listen = [new IPEndPoint(IPAddress.Parse(address), 0)] });
        using var client = new TcpClient(IPAddress.Parse(address).AddressFamily);
        await client.ConnectAsync(IPAddress.Parse(address), relay.Port, TestContext.Current.CancellationToken);
        using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
        Assert.StartsWith($"220 {name} ", await reader.ReadLineAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_memory_that_cannot_be_written_is_logged_and_the_mail_is_delivered() // [BP-9.4-2]
    {
        await using var server = new EmbeddedServer();
        await using var relay = new Relay(s => s with
        {
            Routes = To(server.Port), Mailer = s.Mailer with { Policy = ClientPolicy.Remembered },
            OpenMemory = (_, _) => Task.FromResult<IStoredMemory>(new FullMemory()),
        });
        using var person = await SmtpUser.ConnectAsync(relay.Port);
        await SendAsync(person, "r@b.test", "250");
        Assert.Equal("Warning: the memory was not written: no space left to=b.test", await relay.Log.SaysAsync("was not written"));
        Assert.Equal("Warning: an odd line to=b.test", await relay.Log.SaysAsync("an odd line"));
        Assert.Single(server.Sink.Messages);
    }

    [Fact]
    public async Task A_next_server_that_does_not_answer_a_recipient_is_given_up_and_the_mail_kept() // spec 13: RecipientTimeout
    {
        await using var silent = new RawServer("");
        await using var relay = new Relay(s => s with { Routes = To(silent.Port) });
        using var person = await SmtpUser.ConnectAsync(relay.Port);
        await person.SayAsync("EHLO a.test", "250");
        await person.SayAsync("MAIL FROM:<>", "250");
        var reply = person.SayAsync("RCPT TO:<r@b.test>", "451");
        await silent.ConnectedAsync();
        await relay.Clock.TimerAsync(Limits.RecipientTimeout);
        relay.Clock.Advance(Limits.RecipientTimeout - TimeSpan.FromSeconds(1));
        Assert.False(reply.IsCompleted);
        relay.Clock.Advance(TimeSpan.FromSeconds(1));
        await reply;
    }

    private static RouteTable To(int port) => new(new Dictionary<string, Route> { ["*"] = new("[127.0.0.1]", port) }, port);

    private static async Task SendAsync(SmtpUser person, string recipient, string code)
    {
        await person.BeginMessageAsync(recipient);
        await person.SayAsync("Subject: s\r\n\r\nx\r\n.", code);
    }

    private sealed class FullMemory : IStoredMemory
    {
        public ServerMemory Memory { get; } = new(TimeProvider.System);

        public IReadOnlyList<string> Warnings => ["an odd line"];

        public Task SaveAsync(CancellationToken cancel) => throw new IOException("no space left");
    }

    private sealed class Relay : IAsyncDisposable
    {
        public Relay(Func<OutboundSettings, OutboundSettings> settings)
        {
            var usual = new OutboundSettings([new IPEndPoint(IPAddress.Loopback, 0)], new MailerOptions(TestRsaKeys.Client))
            {
                Time = Clock,
            };
            Server = new OutboundServer(settings(usual), Log);
            Server.Start();
        }

        public WatchedClock Clock { get; } = new();

        public LogLines Log { get; } = new();

        public OutboundServer Server { get; }

        public int Port => Server.EndPoints[0].Port;

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}
