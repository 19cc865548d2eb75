using System.Net;
using System.Net.Sockets;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;
using BlackPony.Tests.Interop.Servers;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Interop;

/// <summary>Nobody takes all places at the door.</summary>
public sealed class ManyClientsTests
{
    [Theory]
    [InlineData(2, "--max-sessions-per-client", "2")]
    [InlineData(100)]
    [InlineData(20, "--max-sessions", "50")]
    public async Task Idle_sessions_of_one_address_leave_places_for_others(int most, params string[] options) // [BP-10.1-16]
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, [.. options, "--log-level", "warning"]);
        var idle = new List<TcpClient>();
        try
        {
            for (int i = 0; i < most; i++)
            {
                idle.Add((await ConnectAsync("127.0.0.9", port, "220")).Client);
            }

            (await ConnectAsync("127.0.0.9", port, "421 4.7.0 Too many sessions from your network")).Client.Dispose();
            (await ConnectAsync("127.0.0.8", port, "220")).Client.Dispose();
            idle[0].Dispose();
            await Wait.RetryAsync(async () =>
            {
                var (client, greeting) = await ConnectAsync("127.0.0.9", port, "");
                client.Dispose();
                return greeting.StartsWith("220", StringComparison.Ordinal) ? true : throw new InvalidOperationException(greeting);
            });
        }
        finally
        {
            idle.ForEach(c => c.Dispose());
        }
    }

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1")]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
    [InlineData("fe80::1%2", "fe80::")]
    public void An_IPv6_client_is_counted_by_its_network(string address, string network) // [BP-10.1-16]
        => Assert.Equal(IPAddress.Parse(network), SessionPlace.Network(IPAddress.Parse(address)));

    // [BP-10.1-17], spec 13: CrowdedTimeout
    [Fact]
    public async Task Where_all_places_are_taken_the_session_that_waited_longest_makes_room_and_no_message_is_lost()
    {
        await using var sink = new MailSink();
        var clock = new FakeTimeProvider();
        var settings = new InboundSettings([new IPEndPoint(IPAddress.Loopback, 0)], "127.0.0.1", sink.Port,
            new ServerOptions(new RsaKeys(TimeProvider.System)))
        {
            BackendSource = IPAddress.Parse(Limits.BackendSource),
            Time = clock,
            MaxSessions = 3,
        };
        await using var server = new InboundServer(settings, NullLogger.Instance);
        server.Start();
        int port = server.EndPoints[0].Port;
        using var busy = await SmtpUser.ConnectAsync(port);
        await busy.BeginMessageAsync("b@b.test");
        using var first = await SmtpUser.ConnectAsync(port);
        await first.SayAsync("NOOP", "250");
        clock.Advance(TimeSpan.FromSeconds(5));
        using var second = await SmtpUser.ConnectAsync(port);
        await second.SayAsync("NOOP", "250");

        // Not before its time, though it says something now and then.
        clock.Advance(Limits.CrowdedTimeout - TimeSpan.FromSeconds(6));
        await first.SayAsync("NOOP", "250");
        await SmtpUser.RefusedAsync(port);
        clock.Advance(TimeSpan.FromSeconds(1));
        using var third = await SmtpUser.ConnectAsync(port);
        await first.ExpectAsync("421");

        // The other one has not waited long enough, and the message goes on.
        await SmtpUser.RefusedAsync(port);
        await second.SayAsync("NOOP", "250");

        // So it goes on, and those who left leave no place behind.
        first.Dispose();
        var (older, newer) = (second, third);
        var head = TimeSpan.FromSeconds(5);
        foreach (var wait in (TimeSpan[])[head, Limits.CrowdedTimeout - head, head])
        {
            clock.Advance(wait);
            var next = await SmtpUser.ConnectAsync(port);
            await older.ExpectAsync("421");
            older.Dispose();
            (older, newer) = (newer, next);
        }

        await SmtpUser.RefusedAsync(port);
        older.Dispose();
        newer.Dispose();
        await busy.SayAsync("Subject: s\r\n\r\nhello\r\n.", "250");
        Assert.Single(sink.Messages);
    }

    private static async Task<(TcpClient Client, string Greeting)> ConnectAsync(string from, int port, string expected)
    {
        var client = new TcpClient(new IPEndPoint(IPAddress.Parse(from), 0));
        await client.ConnectAsync("127.0.0.1", port, TestContext.Current.CancellationToken);
        var greeting = await new SmtpUser(client).ExpectAsync("");
        Assert.StartsWith(expected, greeting, StringComparison.Ordinal);
        return (client, greeting);
    }
}
