using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Tests.Interop.Servers;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Interop.InProcess;

/// <summary>What <c>listen</c> does on its sockets, in this process: towards the mail server, at its limits, and at its end.</summary>
public sealed class InboundHostTests
{
    private const string Again = "220 sink.test again\r\n";

    [Theory]
    [InlineData(ClientAddressing.ProxyV1, "127.0.0.9", "127.0.0.1")]
    [InlineData(ClientAddressing.ProxyV1, "::1", "::1")]
    [InlineData(ClientAddressing.ProxyV2, "127.0.0.9", "127.0.0.1")]
    [InlineData(ClientAddressing.ProxyV2, "::1", "::1")]
    public async Task The_PROXY_header_has_both_addresses_and_ports(ClientAddressing way, string from, string to) // [BP-10.1-3]
    {
        await using var backend = new RawServer("220 ok\r\n", "250 noop\r\n");
        await using var sink = new MailSink();
        await using var listener = new Listener(sink, s => s with
        {
            Addressing = way, BackendPort = backend.Port, Listen = [new IPEndPoint(IPAddress.Parse(to), 0)],
        }, asks: false);
        using var person = await FromAsync(from, to, listener.Port);
        await person.User.ExpectAsync("220 ok");
        var (client, own) = ((ushort)person.Port, (ushort)listener.Port);
        byte[] header = way == ClientAddressing.ProxyV1
            ? Encoding.ASCII.GetBytes($"PROXY TCP{(from.Contains(':', StringComparison.Ordinal) ? 6 : 4)} {from} {to} {client} {own}\r\n")
            : [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21,
                .. from.Contains(':', StringComparison.Ordinal) ? (byte[])[0x21, 0, 36] : [0x11, 0, 12],
                .. IPAddress.Parse(from).GetAddressBytes(), .. IPAddress.Parse(to).GetAddressBytes(),
                (byte)(client >> 8), (byte)client, (byte)(own >> 8), (byte)own];
        var asked = await backend.AskedAsync();
        Assert.Equal([.. header, .. "NOOP\r\n"u8], asked);
    }

    [Theory]
    [InlineData("220 ok\r\n", "500 what\r\n", "does not accept the PROXY protocol")]
    [InlineData("220 ok\r\n", "500 what\r\n250 noop\r\n", "sent an unsolicited reply")]
    [InlineData("220 ok\r\n500 what\r\n", "250 noop\r\n", "sent an unsolicited reply")]
    [InlineData("220 ok\r\n", null, "closed the connection, or does not speak SMTP")]
    [InlineData("hello\r\n", "", "closed the connection, or does not speak SMTP")]
    public async Task A_server_that_does_not_take_PROXY_serves_nobody( // [BP-10.1-1], [BP-10.1-3]
        string greeting, string? answer, string reason)
    {
        await using var backend = new RawServer(greeting, answer);
        await using var sink = new MailSink();
        await using var listener = new Listener(
            sink, s => s with { Addressing = ClientAddressing.ProxyV1, BackendPort = backend.Port }, asks: false);
        await SmtpUser.RefusedAsync(listener.Port);
        var warning = await listener.Log.SaysAsync($"backend 127.0.0.1:{backend.Port} not available: ");
        Assert.Contains(reason, warning, StringComparison.Ordinal);
        Assert.Matches(" peer=127\\.0\\.0\\.[0-9]+:[0-9]+ queue=none$", warning.TrimEnd());
    }

    [Theory]
    [InlineData("XCLIENT NAME ADDR PORT REVERSE_NAME", Again, "XCLIENT NAME=mail.a.test REVERSE_NAME=[UNAVAILABLE] ADDR=127.0.0.9 PORT=")]
    [InlineData("xclient NAME ADDR", Again, "XCLIENT NAME=mail.a.test ADDR=127.0.0.9")]
    [InlineData("XCLIENTS NAME ADDR", Again, "", "does not offer XCLIENT to this address")]
    [InlineData("XCLIENT NAME ADDR", "250 ok\r\n", "", "refused XCLIENT")]
    [InlineData("XCLIENT NAME ADDR", "550 no\r\n", "", "refused XCLIENT")]
    public async Task The_client_is_named_by_XCLIENT_or_not_served(string offer, string answer, string told, string reason = "")
    {
        await using var sink = new MailSink { Extensions = ["8BITMIME", offer, "SIZE"] };
        sink.Answer = (_, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal) ? answer : null;
        await using var listener = new Listener(sink, s => s with
        {
            Addressing = ClientAddressing.XClient, ClientNames = new Names(new ClientName("mail.a.test", null, false)),
        }, asks: false);
        using var person = await FromAsync("127.0.0.9", "127.0.0.1", listener.Port);
        if (reason.Length > 0)
        {
            await person.User.ExpectAsync("421");
            Assert.Contains(
                reason, await listener.Log.SaysAsync($"backend 127.0.0.1:{sink.Port} not available: "), StringComparison.Ordinal);
            return;
        }

        // The greeting is the one that XCLIENT brings.
        await person.User.ExpectAsync("220 sink.test again");
        var said = Assert.Single(sink.Sessions).Commands;
        Assert.Equal(["EHLO blackpony.invalid", told + (told[^1] == '=' ? $"{person.Port}" : "")], said);
    }

    [Fact]
    public async Task An_EHLO_that_is_refused_offers_no_XCLIENT()
    {
        await using var sink = new MailSink();
        sink.Answer = (_, line) => line.StartsWith("EHLO", StringComparison.Ordinal) ? "550-no\r\n550 XCLIENT NAME ADDR\r\n"
            : line.StartsWith("XCLIENT", StringComparison.Ordinal) ? Again : null;
        await using var listener = new Listener(sink, s => s with { Addressing = ClientAddressing.XClient }, asks: false);
        await SmtpUser.RefusedAsync(listener.Port);
        Assert.DoesNotContain(sink.Sessions, s => s.Commands.Count > 1);
    }

    [Fact]
    public async Task To_a_server_that_does_not_greet_with_220_nothing_is_said()
    {
        await using var sink = new MailSink { Greeting = "554 5.3.2 No", Extensions = ["XCLIENT NAME ADDR"] };
        await using var listener = new Listener(sink, s => s with { Addressing = ClientAddressing.XClient }, asks: false);
        await SmtpUser.RefusedAsync(listener.Port, "554 5.3.2 No");
        Assert.DoesNotContain(sink.Sessions, s => s.Commands.Any(c => c.StartsWith("EHLO b", StringComparison.Ordinal)));
        await using var backend = new RawServer("554 5.3.2 No\r\n", null);
        await using var other = new Listener(
            sink, s => s with { Addressing = ClientAddressing.ProxyV1, BackendPort = backend.Port }, asks: false);
        await SmtpUser.RefusedAsync(other.Port, "554 5.3.2 No");
    }

    [Fact]
    public async Task A_greeting_of_any_length_that_is_allowed_is_taken_and_one_without_end_is_not()
    {
        var line = $"220-{new string('x', 500)}\r\n";
        await using var sink = new MailSink();
        foreach (var (says, code) in (List<(string, string)>)[(string.Concat(Enumerable.Repeat(line, 20)) + "220 sink.test\r\n", "220"),
            (new string('x', 10000), "421")])
        {
            await using var backend = new RawServer(says);
            await using var listener = new Listener(sink, s => s with { BackendPort = backend.Port }, asks: false);
            await SmtpUser.RefusedAsync(listener.Port, code);
        }
    }

    [Fact]
    public async Task The_backend_sees_the_source_address_of_the_settings() // [BP-10.1-1]
    {
        await using var sink = new MailSink();
        await using var usual = new Listener(sink, asks: false);
        (await SmtpUser.ConnectAsync(usual.Port)).Dispose();
        Assert.Equal(Limits.BackendSource, $"{sink.Sessions.Last().Peer.Address}");
        await using var none = new Listener(sink, s => s with { BackendSource = null }, asks: false);
        (await SmtpUser.ConnectAsync(none.Port)).Dispose();
        Assert.Equal("127.0.0.1", $"{sink.Sessions.Last().Peer.Address}");
        await using var wrong = new Listener(sink, s => s with { BackendSource = IPAddress.IPv6Loopback }, asks: false);
        await SmtpUser.RefusedAsync(wrong.Port);
        await wrong.Log.SaysAsync("127.0.0.1 has no address of the family of ::1.");
        Assert.Equal("[::1]:9", (wrong.Settings with { BackendHost = "::1", BackendPort = 9 }).Backend);
    }

    [Fact]
    public async Task A_backend_that_says_nothing_is_given_up_in_the_time_of_a_connection() // spec 13: ConnectTimeout
    {
        await using var backend = new RawServer("");
        await using var sink = new MailSink();
        await using var listener = new Listener(sink, s => s with { BackendPort = backend.Port }, asks: false);
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", listener.Port, TestContext.Current.CancellationToken);
        using var person = new SmtpUser(client);
        await backend.ConnectedAsync();
        await listener.Clock.TimerAsync(Limits.ConnectTimeout);
        var refused = person.ExpectAsync("421");
        listener.Clock.Advance(Limits.ConnectTimeout - TimeSpan.FromSeconds(1));
        Assert.False(refused.IsCompleted);
        listener.Clock.Advance(TimeSpan.FromSeconds(1));
        await refused;
        await listener.Log.SaysAsync("The backend did not answer in time.");
    }

    [Fact]
    public async Task The_log_has_a_line_for_each_session()
    {
        await using var sink = new MailSink();
        await using var listener = new Listener(sink, asks: false);
        await listener.Log.SaysAsync($"Information: listening on 127.0.0.1:{listener.Port}");
        using (var person = await SmtpUser.ConnectAsync(listener.Port))
        {
            await person.BeginMessageAsync("b@sink.test");
            await person.SayAsync("hello\r\n.", "250");
            await person.SayAsync("XBLACKPONY V1 NONE", "501");
            await person.SayAsync("QUIT", "221");
        }

        var line = await listener.Log.SaysAsync("session peer=");
        Assert.StartsWith("Information: session peer=127.0.0.1:", line, StringComparison.Ordinal);
        Assert.EndsWith("suite=none encrypted=no failure=refused-501 closed=plain messages=1 queue=none", line, StringComparison.Ordinal);
        using (var rot = await SmtpUser.ConnectAsync(listener.Port))
        {
            await rot.SayAsync("EHLO a.test", "250");
            await rot.SayAsync("XBLACKPONY V1 ROT 13", "220");
        }

        Assert.Contains("encrypted=no failure=none ", await listener.Log.SaysAsync("suite=ROT"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Idle_sessions_end_at_once_when_it_stops_and_busy_ones_when_the_message_is_done() // [BP-10.3-9]
    {
        await using var sink = new MailSink();
        await using var listener = new Listener(sink, asks: false);
        int port = listener.Port;
        using var idle = await SmtpUser.ConnectAsync(listener.Port);
        using var busy = await SmtpUser.ConnectAsync(listener.Port);
        await busy.BeginMessageAsync("b@sink.test");
        var stopped = listener.Server.StopAsync(TestContext.Current.CancellationToken);
        await idle.ExpectAsync("421");
        Assert.False(stopped.IsCompleted);
        await busy.SayAsync("hello\r\n.", "250");
        await busy.ExpectAsync("421");
        Assert.Single(sink.Messages);
        idle.Dispose();
        busy.Dispose();
        await stopped;
        using var late = new TcpClient();
        await Assert.ThrowsAsync<SocketException>(() => late.ConnectAsync("127.0.0.1", port,
            TestContext.Current.CancellationToken).AsTask());
        Assert.DoesNotContain("ending the sessions", listener.Log.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Those_that_are_still_busy_after_the_drain_or_a_second_signal_end_with_421(bool bySignal) // [BP-10.3-9]
    {
        await using var sink = new MailSink();
        await using var listener = new Listener(sink, s => s with { Drain = TimeSpan.FromSeconds(42) }, asks: false);
        using var busy = await SmtpUser.ConnectAsync(listener.Port);
        await busy.BeginMessageAsync("b@sink.test");
        using var now = new CancellationTokenSource();
        var stopped = listener.Server.StopAsync(now.Token);
        var last = busy.ExpectAsync("421");
        await listener.Clock.TimerAsync(TimeSpan.FromSeconds(42));
        listener.Clock.Advance(TimeSpan.FromSeconds(41));
        Assert.False(last.IsCompleted);
        if (bySignal)
        {
            await now.CancelAsync();
        }
        else
        {
            listener.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        await last;
        await stopped;
        Assert.Contains("Warning: ending the sessions that are still open after 42 s", listener.Log.Text, StringComparison.Ordinal);
        Assert.Empty(sink.Messages);
    }

    [Fact]
    public async Task Other_settings_count_for_the_sessions_after_them_but_for_the_addresses()
    {
        await using var sink = new MailSink();
        await using var other = new MailSink { Greeting = "220 other.test ESMTP" };
        await using var listener = new Listener(sink, asks: false);
        using var before = await SmtpUser.ConnectAsync(listener.Port);
        listener.Server.Reconfigure(listener.Settings with { BackendPort = other.Port });
        Assert.DoesNotContain("restart", listener.Log.Text, StringComparison.Ordinal);
        await SmtpUser.RefusedAsync(listener.Port, "220 other.test");
        await before.SayAsync("NOOP", "250");
        listener.Server.Reconfigure(listener.Settings with { Listen = [new IPEndPoint(IPAddress.Loopback, 9)] });
        await listener.Log.SaysAsync("Warning: the addresses to listen on change only after a restart");
        await SmtpUser.RefusedAsync(listener.Port, "220 sink.test");
        int said = listener.Log.Text.Split("restart").Length;
        listener.Server.Reconfigure(listener.Settings);
        Assert.Equal(said, listener.Log.Text.Split("restart").Length);
    }

    [Fact]
    public async Task Who_is_refused_for_want_of_places_is_logged_with_the_reason()
    {
        await using var sink = new MailSink();
        await using var full = new Listener(sink, s => s with { MaxSessions = 1 }, asks: false);
        using var one = await SmtpUser.ConnectAsync(full.Port);
        await SmtpUser.RefusedAsync(full.Port, "421 4.3.2 Too many sessions, try again later");
        Assert.StartsWith("Warning: too many sessions: 127.0.0.1:", await full.Log.SaysAsync("too many"), StringComparison.Ordinal);
        await using var own = new Listener(sink, s => s with { MaxSessionsPerClient = 1 }, asks: false);
        using var other = await SmtpUser.ConnectAsync(own.Port);
        await SmtpUser.RefusedAsync(own.Port, "421 4.7.0 Too many sessions from your network, try again later");
        Assert.StartsWith("Warning: too many sessions from one client: 127.0.0.1:", await own.Log.SaysAsync("too many"),
            StringComparison.Ordinal);

        // Another address has places of its own, and this one has its place again when the session has gone.
        using var elsewhere = await FromAsync("127.0.0.9", "127.0.0.1", own.Port);
        await elsewhere.User.ExpectAsync("220");
        await other.SayAsync("QUIT", "221");
        other.Dispose();
        using var again = await Wait.RetryAsync(() => SmtpUser.ConnectAsync(own.Port));
    }

    [Fact]
    public async Task A_refused_client_that_keeps_talking_hears_the_reason_before_the_end()
    {
        await using var sink = new MailSink();
        await using var full = new Listener(sink, s => s with { MaxSessions = 0 }, asks: false);
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", full.Port, TestContext.Current.CancellationToken);
        using var person = new SmtpUser(client);
        await person.ExpectAsync("421");
    }

    [Fact]
    public async Task A_bug_in_a_session_is_answered_with_421_and_ends_no_other()
    {
        await using var sink = new MailSink();
        await using var listener = new Listener(sink, s => s with { Random = new BrokenRandom() }, asks: false);
        using var good = await SmtpUser.ConnectAsync(listener.Port);
        using var bad = await SmtpUser.ConnectAsync(listener.Port);
        await bad.SayAsync("EHLO a.test", "421 4.3.0 Internal error");
        Assert.StartsWith("Error: session ended with an internal error: ArithmeticException",
            await listener.Log.SaysAsync("internal error"), StringComparison.Ordinal);
        await good.SayAsync("NOOP", "250");
    }

    [Fact]
    public async Task After_an_upgrade_a_bug_is_answered_with_nothing()
    {
        await using var sink = new MailSink();
        var clock = new BrokenClock();
        await using var listener = new Listener(sink, s => s with { Time = clock }, asks: false);
        using var rot = await SmtpUser.ConnectAsync(listener.Port);
        await rot.SayAsync("EHLO a.test", "250");
        await rot.SayAsync("XBLACKPONY V1 ROT 13", "220");
        clock.IsBroken = true;
        clock.Advance(Limits.IdleTimeout);
        await listener.Log.SaysAsync("internal error");
        Assert.Equal("", await RestAsync(rot));
    }

    // An end and a reset are the same here.
    private static async Task<string> RestAsync(SmtpUser person)
    {
        try
        {
            return (await person.ExpectAsync("")).Trim();
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static async Task<Client> FromAsync(string from, string to, int port)
    {
        var client = new TcpClient(new IPEndPoint(IPAddress.Parse(from), 0));
        await client.ConnectAsync(IPAddress.Parse(to), port, TestContext.Current.CancellationToken);
        return new Client(new SmtpUser(client), ((IPEndPoint)client.Client.LocalEndPoint!).Port);
    }

    private sealed record Client(SmtpUser User, int Port) : IDisposable
    {
        public void Dispose() => User.Dispose();
    }

    private sealed class Names(ClientName name) : IClientNames
    {
        public Task<ClientName> FindAsync(IPAddress client, CancellationToken cancel) => Task.FromResult(name);
    }

    private sealed class BrokenClock : FakeTimeProvider
    {
        public bool IsBroken { get; set; }

        public override long GetTimestamp() => IsBroken ? throw new ArithmeticException() : base.GetTimestamp();
    }

    private sealed class BrokenRandom : IRandomSource
    {
        public void Fill(Span<byte> destination) => throw new ArithmeticException();
    }
}
