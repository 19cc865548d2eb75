using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.InProcess;

/// <summary>What <c>listen --accept-proxy</c> does on its sockets: 127.0.0.9 is a load balancer.</summary>
public sealed class AcceptProxyTests
{
    private const string Balancer = "127.0.0.9";
    private const string Forwarded = "PROXY TCP4 192.0.2.7 192.0.2.1 40001 25\r\n";

    private static readonly byte[] Signature = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

    public static TheoryData<byte[], string> Headers => new()
    {
        { Encoding.ASCII.GetBytes(Forwarded), "ADDR=192.0.2.7 PORT=40001" },
        { "PROXY TCP6 2001:db8::7 2001:db8::1 40001 25\r\n"u8.ToArray(), "ADDR=IPV6:2001:db8::7 PORT=40001" },
        { "PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 40001 25\r\n"u8.ToArray(), "ADDR=192.0.2.7 PORT=40001" },
        { [.. Signature, 0x21, 0x11, 0, 12, 192, 0, 2, 7, 192, 0, 2, 1, 0x9c, 0x41, 0, 25], "ADDR=192.0.2.7 PORT=40001" },
        {
            [.. Signature, 0x21, 0x21, 0, 44, .. IPAddress.Parse("2001:db8::7").GetAddressBytes(), .. new byte[16], 0x9c, 0x41, 0, 25,
                0x04, 0, 5, 1, 2, 3, 4, 5],
            "ADDR=IPV6:2001:db8::7 PORT=40001"
        },
    };

    [Theory]
    [MemberData(nameof(Headers))]
    public async Task The_mail_server_is_told_the_address_of_the_header(byte[] header, string told) // [BP-10.1-23]
    {
        await using var sink = XClientSink();
        await using var listener = Start(sink);

        // All at once, with what the client says; and octet by octet.
        using var whole = await ConnectAsync(listener, Balancer, [.. header, .. "NOOP\r\n"u8]);
        await whole.ExpectAsync("220 sink.test again");
        await whole.ExpectAsync("250");
        using (var pieces = await ConnectAsync(listener, Balancer, [.. header.Select(o => (byte[])[o])]))
        {
            await pieces.ExpectAsync("220 sink.test again");
            await pieces.SayAsync("QUIT", "221");
        }

        Assert.All(sink.Sessions, s => Assert.EndsWith(told, s.Commands.ElementAt(1), StringComparison.Ordinal));
        Assert.Equal(2, sink.Sessions.Count);
        var peer = told.Split(' ')[0].Replace("IPV6:", "", StringComparison.Ordinal)["ADDR=".Length..];
        await listener.Log.SaysAsync($"session peer={new IPEndPoint(IPAddress.Parse(peer), 40001)} ");
    }

    [Theory]
    [InlineData(ClientAddressing.ProxyV1, "PROXY TCP4 192.0.2.7 192.0.2.1 40001 25\r\n")]
    [InlineData(ClientAddressing.ProxyV1, "PROXY TCP4 192.0.2.7 0.0.0.0 40001 25\r\n",
        "PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 40001 25\r\n")]
    [InlineData(ClientAddressing.ProxyV1, "PROXY TCP6 2001:db8::7 :: 40001 25\r\n",
        "PROXY TCP6 2001:db8::7 ::ffff:192.0.2.1 40001 25\r\n")]
    public async Task The_header_for_the_mail_server_has_the_addresses_of_the_header_from_the_balancer( // [BP-10.1-23]
        ClientAddressing way, string passedOn, string? came = null)
    {
        await using var backend = new RawServer("220 ok\r\n", "250 noop\r\n");
        await using var sink = new MailSink();
        await using var listener = new Listener(sink, s => s with
        {
            Addressing = way, BackendPort = backend.Port, AcceptProxy = [IPNetwork.Parse($"{Balancer}/32")],
        }, asks: false);
        using var client = await ConnectAsync(listener, Balancer, Encoding.ASCII.GetBytes(came ?? passedOn));
        await client.ExpectAsync("220 ok");
        Assert.Equal(passedOn + "NOOP\r\n", Encoding.ASCII.GetString(await backend.AskedAsync()));
    }

    [Fact]
    public async Task From_anybody_else_PROXY_is_a_command_and_refused() // [BP-10.1-21], [BP-10.1-4]
    {
        await using var sink = new MailSink();
        await using var listener = Start(sink, ClientAddressing.None);
        using var client = await ConnectAsync(listener, "127.0.0.8", Encoding.ASCII.GetBytes(Forwarded));
        await client.ExpectAsync("220");
        await client.ExpectAsync("550");
        using var quiet = await ConnectAsync(listener, "127.0.0.8", []);
        await quiet.ExpectAsync("220");
        using var twice = await ConnectAsync(listener, Balancer, Encoding.ASCII.GetBytes(Forwarded + Forwarded));
        await twice.ExpectAsync("220");
        await twice.ExpectAsync("550");
        await listener.Log.SaysAsync("listening");
    }

    [Theory]
    [InlineData("EHLO a.test\r\n", "no PROXY header")]
    [InlineData("PROXY TCP4 192.0.2.7 192.0.2.1 40001 25\n", "a bare CR or LF")]
    [InlineData("PROXY TCP4 192.0.2.777 192.0.2.1 40001 25\r\n", "a malformed line")]
    [InlineData("PROXY UNKNOWN xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n",
        "a line that is too long")]
    [InlineData("\r\n\r\n\0\r\nQUIT\n\u0021\u0011\0\u0003abc", "a family, a protocol or a length that is not possible")]
    [InlineData("PROXY UNKNOWN\r\n", "the header does not name the client's address, which the backend would be told")]
    public async Task A_balancer_without_a_well_formed_header_is_not_served(string octets, string reason) // [BP-10.1-22], [BP-10.1-24]
    {
        using var refused = new Counted("proxy");
        await using var sink = XClientSink();
        await using var listener = Start(sink);
        using var client = await ConnectAsync(listener, Balancer, Encoding.Latin1.GetBytes(octets));
        await ClosedAsync(client);
        Assert.EndsWith(reason, await listener.Log.SaysAsync($"Warning: connection from {Balancer}:"), StringComparison.Ordinal);
        Assert.Single(listener.Log.Text.Split('\n'), l => l.StartsWith("Warning", StringComparison.Ordinal));
        Assert.True(refused.Count > 0);
        Assert.Empty(sink.Sessions);
    }

    [Fact]
    public async Task A_header_that_ends_half_way_is_refused_and_a_connection_without_an_octet_is_no_event() // [BP-10.1-22]
    {
        await using var sink = new MailSink();
        await using var listener = Start(sink, ClientAddressing.None);
        (await ConnectAsync(listener, Balancer, [])).Dispose();
        await listener.Log.SaysAsync("Debug: ");
        (await ConnectAsync(listener, Balancer, "PROXY TCP4"u8.ToArray())).Dispose();
        Assert.Contains("ended within the header", await listener.Log.SaysAsync("Warning: "), StringComparison.Ordinal);
        Assert.Empty(sink.Sessions);
    }

    [Fact]
    public async Task Half_a_header_keeps_nobody_waiting_and_is_not_waited_for_long() // [BP-10.1-22], spec 13: ProxyHeaderTimeout
    {
        await using var sink = new MailSink();
        await using var listener = Start(sink, ClientAddressing.None);
        using var half = await ConnectAsync(listener, Balancer, "PROXY TCP4 192.0"u8.ToArray());
        using var silent = await ConnectAsync(listener, Balancer, []);
        using var other = await ConnectAsync(listener, Balancer, Encoding.ASCII.GetBytes(Forwarded));
        await other.ExpectAsync("220");
        await listener.Clock.TimerAsync(Limits.ProxyHeaderTimeout);
        listener.Clock.Advance(Limits.ProxyHeaderTimeout);
        await ClosedAsync(half);
        await ClosedAsync(silent);
        await listener.Log.SaysAsync("no complete header within 10 s");
        await other.SayAsync("NOOP", "250");
    }

    [Fact]
    public async Task The_bound_on_a_clients_sessions_goes_by_the_header() // [BP-10.1-23], [BP-10.1-16]
    {
        await using var sink = new MailSink();
        await using var listener = Start(sink, ClientAddressing.None, s => s with { MaxSessionsPerClient = 1 });
        using var first = await ConnectAsync(listener, Balancer, Encoding.ASCII.GetBytes(Forwarded));
        await first.ExpectAsync("220");
        using var second = await ConnectAsync(listener, Balancer, Encoding.ASCII.GetBytes(Forwarded.Replace("40001", "40002",
            StringComparison.Ordinal)));
        await second.ExpectAsync("421 4.7.0");
        await listener.Log.SaysAsync("too many sessions from one client: 192.0.2.7:40002 refused");
        using var neighbour = await ConnectAsync(listener, Balancer, "PROXY TCP4 192.0.2.8 192.0.2.1 1 25\r\n"u8.ToArray());
        await neighbour.ExpectAsync("220");
    }

    [Theory]
    [InlineData("\r\n\r\n\0\r\nQUIT\n\u0020\0\0\0", ClientAddressing.XClient)]
    [InlineData("\r\n\r\n\0\r\nQUIT\n\u0020\u0011\0\u000cabcdefghijkl", ClientAddressing.XClient)]
    [InlineData("PROXY UNKNOWN\r\n", ClientAddressing.None)]
    [InlineData("PROXY UNKNOWN 2001:db8::7 2001:db8::1 1 2\r\n", ClientAddressing.None)]
    public async Task A_header_without_a_client_leaves_the_connections_own_address(string header, ClientAddressing way) // [BP-10.1-23]
    {
        await using var sink = XClientSink();
        await using var listener = Start(sink, way);
        using (var client = await ConnectAsync(listener, Balancer, Encoding.Latin1.GetBytes(header)))
        {
            await client.ExpectAsync("220");
            await client.SayAsync("QUIT", "221");
        }

        await listener.Log.SaysAsync($"session peer={Balancer}:");
    }

    /// <summary>A mail server trusts 127.0.0.0/8, and often the load balancer's network, but not the open-relay probe's address.</summary>
    [Theory]
    [InlineData(null, "NAME=www.example.com ADDR=192.0.2.1 PORT=2525")]
    [InlineData("198.51.100.7", "NAME=www.example.com ADDR=198.51.100.7 PORT=2525")]
    [InlineData("2001:db8::9", "NAME=www.example.com ADDR=192.0.2.1 PORT=2525")]
    public async Task A_health_check_is_no_trusted_client_of_the_mail_server(string? stranger, string told) // [BP-10.1-25]
    {
        await using var sink = XClientSink();
        await using var listener = Start(sink, more: s => s with { Stranger = stranger is null ? null : IPAddress.Parse(stranger) });
        using (var client = await ConnectAsync(listener, Balancer, [.. Signature, 0x20, 0, 0, 0]))
        {
            await client.ExpectAsync("220");
            await client.SayAsync("QUIT", "221");
        }

        Assert.Equal($"XCLIENT {told}", Assert.Single(sink.Sessions).Commands.ElementAt(1));
        await listener.Log.SaysAsync($"session peer={Balancer}:");
    }

    [Theory]
    [InlineData(ClientAddressing.ProxyV1)]
    [InlineData(ClientAddressing.ProxyV2)]
    public async Task The_header_for_the_mail_server_does_not_name_the_balancer(ClientAddressing way) // [BP-10.1-25]
    {
        await using var backend = new RawServer("220 ok\r\n", "250 noop\r\n");
        await using var sink = new MailSink();
        await using var listener = new Listener(sink, s => s with
        {
            Addressing = way, BackendPort = backend.Port, AcceptProxy = [IPNetwork.Parse($"{Balancer}/32")],
        }, asks: false);
        using var client = await ConnectAsync(listener, Balancer, [.. Signature, 0x20, 0, 0, 0]);
        await client.ExpectAsync("220 ok");
        var asked = await backend.AskedAsync();
        var header = way == ClientAddressing.ProxyV1 ? Encoding.ASCII.GetBytes($"PROXY TCP4 192.0.2.1 127.0.0.1 2525 {listener.Port}\r\n")
            : [.. Signature, 0x21, 0x11, 0, 12, 192, 0, 2, 1, 127, 0, 0, 1, 2525 >> 8, 2525 & 255,
                (byte)(listener.Port >> 8), (byte)listener.Port];
        Assert.Equal([.. header, .. "NOOP\r\n"u8], asked);
    }

    [Fact]
    public async Task Waiting_headers_are_bounded_and_do_not_hold_up_the_end() // [BP-10.1-6]
    {
        await using var sink = new MailSink();
        var listener = Start(sink, ClientAddressing.None, s => s with { MaxSessions = 1 });
        using var half = await ConnectAsync(listener, Balancer, "PROXY TCP4 192.0"u8.ToArray());
        await listener.Clock.TimerAsync(Limits.ProxyHeaderTimeout);
        using var more = await ConnectAsync(listener, Balancer, []);
        await more.ExpectAsync("421 4.3.2");
        await listener.DisposeAsync();
        await ClosedAsync(half);
    }

    [Fact]
    public async Task The_mail_server_is_asked_as_strangers_of_both_families() // [BP-10.1-9]
    {
        await using var sink = XClientSink();
        sink.Answer = (session, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal)
            ? session.Commands.Count(c => c.StartsWith("XCLIENT ", StringComparison.Ordinal)) > 1 ? "550 no\r\n" : "220 again\r\n"
            : line.StartsWith("RCPT ", StringComparison.Ordinal) ? "554 5.7.1 no\r\n" : null;
        await using var listener = Start(sink);
        await listener.CheckAsync();
        var told = sink.Sessions.SelectMany(s => s.Commands).Where(c => c.StartsWith("XCLIENT ", StringComparison.Ordinal)).ToList();
        Assert.Contains(told, c => c.Contains("ADDR=192.0.2.1 ", StringComparison.Ordinal));
        Assert.Contains(told, c => c.Contains("ADDR=IPV6:2001:db8::1 ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("0.0.0.0/0", "would let every client choose its address")]
    [InlineData("192.0.2.10,::/0", "would let every client choose its address")]
    [InlineData("192.0.2.10, balancer.test", "'balancer.test' is not a network")]
    [InlineData("192.0.2.10,", "'' is not a network")]
    public async Task Whom_the_option_cannot_mean_is_said(string networks, string message) // [BP-10.1-21]
    {
        using var listen = BlackPonyProgram.Start("listen", "--listen", $"127.0.0.1:{FreePorts.Next()}", "--backend", "127.0.0.1:1",
            "--accept-proxy", networks);
        Assert.Equal(2, await listen.ExitAsync());
        Assert.Contains(message, listen.Log, StringComparison.Ordinal);
    }

    private static MailSink XClientSink()
    {
        var sink = new MailSink { Extensions = ["XCLIENT NAME ADDR PORT"] };
        sink.Answer = (_, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal) ? "220 sink.test again\r\n" : null;
        return sink;
    }

    private static Listener Start(MailSink sink, ClientAddressing way = ClientAddressing.XClient,
        Func<InboundSettings, InboundSettings>? more = null) => new(sink, s =>
        {
            s = s with { Addressing = way, AcceptProxy = [IPNetwork.Parse($"{Balancer}/32"), IPNetwork.Parse("2001:db8::/32")] };
            return more?.Invoke(s) ?? s;
        }, asks: false);

    private static async Task<SmtpUser> ConnectAsync(Listener listener, string from, params byte[][] pieces)
    {
        var client = new TcpClient(new IPEndPoint(IPAddress.Parse(from), 0)) { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, listener.Port, TestContext.Current.CancellationToken);
        foreach (var piece in pieces)
        {
            await client.GetStream().WriteAsync(piece, TestContext.Current.CancellationToken);
            await Task.Yield();
        }

        return new SmtpUser(client);
    }

    // Without a word, by an end or by a reset.
    private static async Task ClosedAsync(SmtpUser client)
    {
        try
        {
            await client.ExpectAsync("220");
            Assert.Fail("It was served.");
        }
        catch (Exception e) when (e is IOException or Xunit.Sdk.StartsWithException)
        {
            Assert.DoesNotContain("421", e.Message, StringComparison.Ordinal);
        }
    }

    private sealed class Counted : IDisposable
    {
        private readonly MeterListener _listener = new();
        private long _count;

        public Counted(string reason)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "blackpony.connections.refused")
                    listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
            {
                if (tags.ToArray().Any(t => (string?)t.Value == reason))
                    Interlocked.Add(ref _count, value);
            });
            _listener.Start();
        }

        public long Count => Interlocked.Read(ref _count);

        public void Dispose() => _listener.Dispose();
    }
}
