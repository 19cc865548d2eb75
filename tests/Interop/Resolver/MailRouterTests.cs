using System.Net;
using BlackPony.Conformance.Peers;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Smtp.Outbound;
using BlackPony.Tests.Interop.Servers;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Interop.Resolver;

/// <summary>In which order the router has the targets, and how many.</summary>
public class MailRouterTests
{
    [Fact]
    public async Task Exchangers_of_equal_preference_come_in_every_order_and_others_in_theirs() // [BP-10.4-20]
    {
        using var dns = new NameServer("""
            b.test MX 20 last.test
            b.test MX 10 one.test
            b.test MX 10 two.test
            b.test MX 10 three.test
            b.test MX 5 first.test
            one.test A 192.0.2.1
            two.test A 192.0.2.2
            three.test A 192.0.2.3
            first.test A 192.0.2.4
            last.test A 192.0.2.5
            """);
        var router = new MailRouter(new IPEndPoint(IPAddress.Loopback, dns.Port), new SeededRandom("16", "router"));
        var orders = new Dictionary<string, int>();
        for (int i = 0; i < 120; i++)
        {
            var names = (await router.ResolveAsync(new Route("b.test", 9), null, TestContext.Current.CancellationToken))
                .Select(t => t.Name).ToArray();
            Assert.Equal(("first.test", "last.test", 5), (names[0], names[4], names.Length));
            var order = string.Join(' ', names[1..4]);
            orders[order] = orders.GetValueOrDefault(order) + 1;
        }

        Assert.Equal(6, orders.Count);
        Assert.All(orders.Values, n => Assert.InRange(n, 5, 50));
    }

    [Fact]
    public async Task A_domain_of_any_number_of_exchangers_is_looked_up_within_bounds() // [BP-10.4-20]
    {
        using var dns = new NameServer(string.Join('\n', Enumerable.Range(0, 200)
            .Select(i => $"b.test MX {i} mx{i}.test\nmx{i}.test A 192.0.2.{i}\nmx{i}.test A 198.51.100.{i}")));
        var router = new MailRouter(new IPEndPoint(IPAddress.Loopback, dns.Port));
        var targets = await router.ResolveAsync(new Route("b.test", 9), null, TestContext.Current.CancellationToken);
        Assert.Equal(Limits.MaxExchangers, targets.Count);
        Assert.Equal("mx0.test", targets[0].Name);
        Assert.InRange(dns.Questions.Count, 0, 2 + (2 * Limits.MaxExchangers));
    }

    // [BP-10.4-11], [BP-10.4-12], [BP-10.4-16], [BP-10.4-18], [BP-10.4-20]
    [Theory]
    [InlineData("b.test", 9, "b.test MX 10 mx.test\nmx.test A 192.0.2.1", "mx.test 192.0.2.1 b.test")]
    [InlineData("b.test", 9, "b.test A 192.0.2.1", "b.test 192.0.2.1 b.test")]
    [InlineData("b.test", 9, "b.test MX 0 .", "556 5.1.10 The domain accepts no mail")]
    [InlineData("b.test", 9, "a.test A 192.0.2.1", "550 5.1.2 The domain does not exist")]
    [InlineData("b.test", 9, "b.test MX 10 mx.test", "550 5.4.4 The domain has no mail server with an address")]
    [InlineData("b.test", 9, "b.test MX 10 a\\032b.test", "550 5.4.4 No mail exchanger of the domain has a valid name")]
    [InlineData("b.test", 9, "b.test MX 10 a\\032b.test\nb.test MX 20 mx.test\nmx.test A 192.0.2.1", "mx.test 192.0.2.1 b.test",
        "b.test has a mail exchanger that is not a host name, which is ignored: a\\032b.test")]
    [InlineData("b.test", 9, "b.test MX 10 one.test\nb.test MX 20 mx.test\nmx.test A 192.0.2.1", "mx.test 192.0.2.1 b.test",
        "the mail server one.test has no address")]
    [InlineData("b.test", 9, "b.test MX 10 one.test\none.test A SERVFAIL\nb.test MX 20 mx.test\nmx.test A 192.0.2.1",
        "mx.test 192.0.2.1 b.test", "DNS does not answer for the mail server one.test")]
    [InlineData("b.test", 9, "b.test MX 10 one.test\none.test SERVFAIL", "DNS does not answer for the mail servers of b.test.")]
    [InlineData("b.test", 9, "b.test SERVFAIL", "DNS does not answer for b.test.")]
    [InlineData("b.test", 25, "b.test MX 10 mx.test\nmx.test A 127.0.0.1", "554 5.4.6 The mail would loop back to this machine")]
    [InlineData("b.test", 25, "b.test MX 5 one.test\none.test A 192.0.2.1\nb.test MX 10 mx.test\nmx.test A 127.0.0.1\n"
        + "b.test MX 20 two.test\ntwo.test A 192.0.2.2", "one.test 192.0.2.1 b.test")]
    [InlineData("b.test", 25, "b.test MX 5 one.test\none.test SERVFAIL\nb.test MX 10 mx.test\nmx.test A 127.0.0.1",
        "DNS does not answer for the mail servers of b.test.")]
    [InlineData("b.test", 9, "b.test MX 5 a.test\nb.test MX 10 b.test\na.test A 192.0.2.1\nb.test A 192.0.2.1",
        "a.test 192.0.2.1 b.test")]
    [InlineData("[192.0.2.1]", 25, "", "192.0.2.1 192.0.2.1 -")]
    [InlineData("[127.0.0.1]", 25, "", "554 5.4.6 The mail would loop back to this machine")]
    [InlineData("[127.0.0.1]", 9, "", "127.0.0.1 127.0.0.1 -")]
    [InlineData("[mx.test]", 9, "mx.test A 192.0.2.1", "mx.test 192.0.2.1 -")]
    [InlineData("[mx.test]", 9, "mx.test MX 5 a.test", "The host mx.test has no address.")]
    [InlineData("[mx.test]", 9, "mx.test SERVFAIL", "DNS does not answer for mx.test.")]
    [InlineData("a b", 9, "", "550 5.1.2 Invalid domain or host")]
    public async Task A_domain_or_host_has_these_targets_or_this_reply(
        string host, int port, string zone, string found, string? warned = null)
    {
        using var dns = new NameServer(zone);
        var router = new MailRouter(new IPEndPoint(IPAddress.Loopback, dns.Port));
        var warnings = new List<string>();
        var result = await ResultAsync(router, new Route(host, port) { IsConfigured = false }, warnings.Add);
        Assert.Equal(found, result);
        if (warned is not null)
        {
            Assert.Contains(warned, warnings);
        }
    }

    [Theory]
    [InlineData("b.test", 25, "b.test MX 10 mx.test\nmx.test A 192.0.2.1", "mx.test 192.0.2.1 b.test")]
    [InlineData("[127.0.0.1]", 25, "", "127.0.0.1 127.0.0.1 -")]
    [InlineData("a b", 9, "", "The route to a b cannot be used: Invalid domain or host.")]
    [InlineData("b.test", 9, "b.test MX 0 .", "The route to b.test cannot be used: The domain accepts no mail.")]
    [InlineData("[localhost]", 9, "", "localhost 127.0.0.1 -")]
    public async Task A_route_that_is_configured_is_never_a_reason_to_return_mail(string host, int port, string zone, string found)
    {
        using var dns = new NameServer(zone);
        var router = new MailRouter(new IPEndPoint(IPAddress.Loopback, dns.Port));
        var result = await ResultAsync(router, new Route(host, port) { IsConfigured = true }, _ => { });
        Assert.Contains(found, result, StringComparison.Ordinal);
    }

    private static async Task<string> ResultAsync(MailRouter router, Route route, Action<string> warn)
    {
        try
        {
            return string.Join(", ", (await router.ResolveAsync(route, warn, TestContext.Current.CancellationToken))
                .Select(t => $"{t.Name} {t.Address} {t.Domain ?? "-"}"));
        }
        catch (NoMailDomainException e)
        {
            return e.Reply;
        }
        catch (IOException e)
        {
            return e.Message;
        }
    }

    [Fact]
    public async Task An_address_that_was_not_reached_comes_last_for_a_while()
    {
        using var dns = new NameServer("b.test MX 10 one.test\nb.test MX 20 two.test\none.test A 192.0.2.1\ntwo.test A 192.0.2.2");
        var time = new FakeTimeProvider();
        var router = new MailRouter(new IPEndPoint(IPAddress.Loopback, dns.Port), time: time);
        var targets = await NamesAsync();
        Assert.Equal(["one.test", "two.test"], targets.Select(t => t.Name));
        router.Reached(targets[0], false);
        Assert.Equal(["two.test", "one.test"], (await NamesAsync()).Select(t => t.Name));
        router.Reached(targets[0], true);
        Assert.Equal(["one.test", "two.test"], (await NamesAsync()).Select(t => t.Name));
        router.Reached(targets[0], false);
        time.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal(["one.test", "two.test"], (await NamesAsync()).Select(t => t.Name));

        Task<IReadOnlyList<MailTarget>> NamesAsync() =>
            router.ResolveAsync(new Route("b.test", 9), null, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Lookups_end_in_their_time_and_what_was_found_counts() // [BP-10.4-19], [BP-10.4-20]
    {
        using var dns = new NameServer(string.Join('\n', Enumerable.Range(1, 40)
            .Select(i => $"b.test MX {i} mx{i}.test\nmx{i}.test TIMEOUT")) + "\nb.test MX 0 good.test\ngood.test A 192.0.2.1");
        var time = new FakeTimeProvider();
        var began = time.GetUtcNow();
        var resolving = new MailRouter(new IPEndPoint(IPAddress.Loopback, dns.Port), time: time).ResolveAsync(new Route("b.test", 9),
            null, TestContext.Current.CancellationToken);
        while (!resolving.IsCompleted)
        {
            // The clock stands until the good one has its addresses.
            await Task.Delay(1, TestContext.Current.CancellationToken);
            time.Advance(dns.Questions.Count > 6 ? TimeSpan.FromSeconds(1) : TimeSpan.Zero);
        }

        Assert.Equal("good.test", Assert.Single(await resolving).Name);
        Assert.InRange(time.GetUtcNow() - began, TimeSpan.Zero, Limits.LookupTimeout + TimeSpan.FromSeconds(10));
    }
}
