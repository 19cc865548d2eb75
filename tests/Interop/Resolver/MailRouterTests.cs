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
