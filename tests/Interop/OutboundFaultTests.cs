using System.Collections;
using System.Net;
using System.Net.Sockets;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;
using BlackPony.Smtp.Outbound;
using BlackPony.Tests.Interop.Servers;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlackPony.Tests.Interop;

/// <summary>Bugs of ours within the relay, put there by the test: the mail server gets a 4yz and keeps its mail.</summary>
public sealed class OutboundFaultTests
{
    [Fact]
    public async Task A_fault_in_a_delivery_is_answered_with_451()
    {
        await using var server = new EmbeddedServer();
        var routes = new Dictionary<string, Route> { ["*"] = new("[127.0.0.1]", server.Port) };
        await RefusedAsync(new RouteTable(routes, 25), s => s with { Random = new Broken() }, "451 4.3.0 Internal");
        await RefusedAsync(
            new RouteTable(routes, 25), s => s with { Mailer = s.Mailer with { KeyLog = new Broken() } }, "451 4.3.0 Internal");
        Assert.Empty(server.Sink.Messages);
    }

    [Fact]
    public Task A_fault_in_a_session_is_answered_with_421() => RefusedAsync(new RouteTable(new Broken(), 25), s => s, "421 4.3.0 Internal");

    private static async Task RefusedAsync(RouteTable routes, Func<OutboundSettings, OutboundSettings> settings, string reply)
    {
        var usual = new OutboundSettings([new IPEndPoint(IPAddress.Loopback, 0)], new MailerOptions(TestRsaKeys.Client));
        await using var relay = new OutboundServer(settings(usual with { Routes = routes }), NullLogger.Instance);
        relay.Start();
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, relay.EndPoints[0].Port, TestContext.Current.CancellationToken);
        using var person = new SmtpUser(client);
        await person.ExpectAsync("220");
        await person.SayAsync("EHLO a.test", "250");
        await person.SayAsync("MAIL FROM:<>", "250");
        await person.SayAsync("RCPT TO:<r@b.test>", reply);
    }

    private sealed class Broken : IRandomSource, IKeyLog, IReadOnlyDictionary<string, Route>
    {
        public int Count => throw new ArithmeticException();

        public IEnumerable<string> Keys => throw new ArithmeticException();

        public IEnumerable<Route> Values => throw new ArithmeticException();

        public Route this[string key] => throw new ArithmeticException();

        public void Fill(Span<byte> destination) => throw new ArithmeticException();

        public void Log(string line) => throw new UnauthorizedAccessException();

        public bool ContainsKey(string key) => throw new ArithmeticException();

        public bool TryGetValue(string key, out Route value) => throw new ArithmeticException();

        public IEnumerator<KeyValuePair<string, Route>> GetEnumerator() => throw new ArithmeticException();

        IEnumerator IEnumerable.GetEnumerator() => throw new ArithmeticException();
    }
}
