using System.Net;
using System.Net.Sockets;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Hosting.Resolver;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Tests.Interop.Networks;
using BlackPony.Tests.Interop.Servers;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlackPony.Tests.Interop;

/// <summary>The relay's host in this process: its places, its backends, and the question that it asks them.</summary>
public sealed class RelayServerTests
{
    [Fact]
    public async Task All_places_are_served_and_one_more_client_is_not_until_one_leaves() // [BP-10.1-6]
    {
        await using var server = new EmbeddedServer(settings: s => s with { MaxSessions = 2 });
        using var first = await SmtpUser.ConnectAsync(server.Port);
        var second = await SmtpUser.ConnectAsync(server.Port);
        await second.SayAsync("NOOP", "250");
        await SmtpUser.RefusedAsync(server.Port);
        await SmtpUser.RefusedAsync(server.Port);
        await second.SayAsync("QUIT", "221");
        second.Dispose();
        using var third = await Wait.RetryAsync(() => SmtpUser.ConnectAsync(server.Port));
        await third.SayAsync("NOOP", "250");
        await SmtpUser.RefusedAsync(server.Port);
        await first.SayAsync("NOOP", "250");
    }

    [Fact]
    public async Task A_client_has_its_places_and_one_more_it_has_not() // [BP-10.1-16]
    {
        await using var server = new EmbeddedServer(settings: s => s with { MaxSessionsPerClient = 2 });
        using var first = await SmtpUser.ConnectAsync(server.Port);
        using var second = await SmtpUser.ConnectAsync(server.Port);
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", server.Port, TestContext.Current.CancellationToken);
        using var third = new SmtpUser(client);
        Assert.Contains("421 4.7.0 Too many sessions from your network", await third.ExpectAsync("421"), StringComparison.Ordinal);
        await second.SayAsync("NOOP", "250");
    }

    [Fact]
    public async Task A_fresh_backend_connection_that_the_upgrade_does_not_use_is_closed_and_the_old_one_is_not() // [BP-10.3-5], [BP-4.4-2]
    {
        await using var server = new EmbeddedServer();
        using var person = await SmtpUser.ConnectAsync(server.Port);
        await person.SayAsync("EHLO a.test", "250");
        await person.SayAsync($"XBLACKPONY V1 RSA-BLOWFISH {RsaShare()}", "334");
        var fresh = server.Sink.Sessions.Last();
        Assert.Equal(2, server.Sink.Sessions.Count);
        Assert.False(fresh.Ended.IsCompleted);
        await person.SayAsync("*", "501");
        await fresh.Ended.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        await person.SayAsync("NOOP", "250");
        Assert.False(server.Sink.Sessions.First().Ended.IsCompleted);
    }

    [Fact]
    public async Task The_old_backend_connection_is_closed_when_the_upgrade_has_happened() // [BP-10.3-5]
    {
        await using var server = new EmbeddedServer();
        using var person = await SmtpUser.ConnectAsync(server.Port);
        await person.SayAsync("EHLO a.test", "250");
        await person.SayAsync("XBLACKPONY V1 ROT 13", "220");
        await server.Sink.Sessions.First().Ended.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        await person.SayAsync("ABBC", "250");
        Assert.Equal("NOOP", Assert.Single(server.Sink.Sessions.Last().Commands));
    }

    [Fact]
    public async Task A_client_that_goes_leaves_no_backend_connection_behind() // [BP-10.3-7]
    {
        await using var server = new EmbeddedServer();
        using (var person = await SmtpUser.ConnectAsync(server.Port))
        {
            await person.SayAsync("EHLO a.test", "250");
            await person.SayAsync($"XBLACKPONY V1 RSA-BLOWFISH {RsaShare()}", "334");
        }

        await Task.WhenAll(server.Sink.Sessions.Select(s => s.Ended))
            .WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        Assert.Equal(2, server.Sink.Sessions.Count);
    }

    [Fact]
    public async Task The_mail_server_is_asked_once_whether_it_relays_however_many_come() // [BP-10.1-12]
    {
        await using var sink = new MailSink();
        var settings = new InboundSettings([new IPEndPoint(IPAddress.Loopback, 0)], "127.0.0.1", sink.Port,
            new ServerOptions(TestRsaKeys.Server)) { BackendSource = IPAddress.Parse(Limits.BackendSource) };
        using var probe = new OpenRelayProbe(settings, NullLogger.Instance);
        await probe.CheckAsync(TestContext.Current.CancellationToken);
        int once = sink.Sessions.Count;
        Assert.InRange(once, 1, 10);
        for (int i = 0; i < 3; i++)
        {
            await probe.CheckAsync(TestContext.Current.CancellationToken);
        }

        Assert.Equal(once, sink.Sessions.Count);
        probe.AskAgain();
        await probe.AnsweredAsync();
        Assert.Equal(2 * once, sink.Sessions.Count);
        using var another = new OpenRelayProbe(settings, NullLogger.Instance);
        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => another.CheckAsync(TestContext.Current.CancellationToken)));
        Assert.Equal(3 * once, sink.Sessions.Count);
    }

    [Fact]
    public async Task Mail_to_this_machines_own_addresses_would_come_back_on_the_port_of_mail() // [BP-10.4-16]
    {
        await using var world = await NetworkScenario.StartAsync();
        bool Own(string address, int port) => world.InNear(() => OwnAddress.Is(IPAddress.Parse(address), port));
        Assert.All((string[])[NetworkScenario.Near4, NetworkScenario.Near6, "127.0.0.1", "127.9.9.9", "::1"], a =>
        {
            Assert.True(Own(a, 25), a);
            Assert.False(Own(a, 2525), a);
        });
        Assert.All((string[])["0.0.0.0", "::"], a => Assert.True(Own(a, 2525), a));
        Assert.All((string[])[NetworkScenario.Good, NetworkScenario.Good6, "198.51.100.1"], a => Assert.False(Own(a, 25), a));
    }

    [Fact]
    public void The_addresses_of_loopback_are_this_machines_own() // [BP-10.4-16]
    {
        Assert.All((string[])["127.0.0.1", "127.9.9.9", "::1"], a => Assert.True(OwnAddress.Is(IPAddress.Parse(a), 25), a));
        Assert.False(OwnAddress.Is(IPAddress.Parse("192.0.2.77"), 25));
    }

    private static string RsaShare()
    {
        using var key = TestRsaKeys.Open("client");
        return Convert.ToBase64String([.. key.ExportParameters(false).Modulus!, .. new byte[32]]);
    }
}
