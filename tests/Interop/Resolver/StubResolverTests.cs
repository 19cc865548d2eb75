using System.Net;
using System.Net.Sockets;
using BlackPony.Hosting;
using BlackPony.Hosting.Resolver;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.Resolver;

/// <summary>Which name servers are asked, in which order, and what counts as an answer.</summary>
public class StubResolverTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("b.test A 192.0.2.1", "A", "Answered", "192.0.2.1")]
    [InlineData("b.test A 192.0.2.1", "Aaaa", "Answered", "")]
    [InlineData("b.test ALL\nb.test MX 5 d.test\nb.test AAAA 2001:db8::1\nb.test A 192.0.2.1", "A", "Answered", "192.0.2.1")]
    [InlineData("b.test ALL\nb.test MX 5 d.test\nb.test AAAA 2001:db8::1\nb.test A 192.0.2.1", "Aaaa", "Answered", "2001:db8::1")]
    [InlineData("a.test A 192.0.2.1", "A", "NoSuchName", "")]
    [InlineData("b.test SERVFAIL", "A", "Failed", "")]
    [InlineData("b.test LAME", "A", "Failed", "")]
    [InlineData("b.test CNAME c.test\nc.test A 192.0.2.3", "A", "Answered", "192.0.2.3")]
    [InlineData("b.test CNAME c.test\nb.test A 192.0.2.66\nc.test A 192.0.2.3", "A", "Answered", "192.0.2.3")]
    [InlineData("b.test CNAME c.test\nc.test MX 5 d.test", "A", "Answered", "")]
    [InlineData("b.test CNAME c.test\nc.test CNAME b.test", "A", "Failed", "")]
    [InlineData("b.test CNAME c.test", "A", "NoSuchName", "")]
    public async Task An_answer_is_its_records_at_the_end_of_the_aliases(string zone, string type, string outcome, string address)
    {
        using var dns = new NameServer(zone);
        var answer = await Resolver(dns.Port).AskAsync("b.test", Enum.Parse<DnsType>(type), Cancel);
        Assert.Equal((outcome, address), ($"{answer.Outcome}", string.Join(' ', answer.Records.Select(r => r.Address))));
    }

    [Theory]
    [InlineData(7, "Answered")]
    [InlineData(32, "Failed")]
    public async Task A_chain_of_aliases_is_followed_within_bounds(int length, string outcome)
    {
        // The server gives four at a time.
        var zone = string.Join('\n', Enumerable.Range(0, length).Select(i => $"a{i}.test CNAME a{i + 1}.test"));
        using var dns = new NameServer($"{zone}\na{length}.test A 192.0.2.1");
        Assert.Equal(outcome, $"{(await Resolver(dns.Port).AskAsync("a0.test", DnsType.A, Cancel)).Outcome}");
    }

    [Theory]
    [InlineData("")]
    [InlineData("a..test")]
    [InlineData(".test")]
    [InlineData("a\\046.test")]
    public async Task A_name_that_cannot_be_written_is_not_asked_for(string name)
    {
        using var dns = new NameServer("b.test A 192.0.2.1");
        Assert.Equal(DnsOutcome.Failed, (await Resolver(dns.Port).AskAsync(name, DnsType.A, Cancel)).Outcome);
        Assert.Empty(dns.Questions);
    }

    [Theory]
    [InlineData(63, true)]
    [InlineData(64, false)]
    public async Task A_label_has_63_octets_at_most(int length, bool asked)
    {
        using var dns = new NameServer("*.test A 192.0.2.1");
        await Resolver(dns.Port).AskAsync(new string('a', length) + ".test", DnsType.A, Cancel);
        Assert.Equal(asked ? 1 : 0, dns.Questions.Count);
    }

    [Theory]
    [InlineData(253, true)]
    [InlineData(254, false)]
    public async Task A_name_has_253_octets_at_most(int length, bool asked)
    {
        using var dns = new NameServer("*.test A 192.0.2.1");
        var name = string.Concat(Enumerable.Repeat("abcdefg.", 40))[..(length - 6)] + "x.test";
        Assert.Equal(length, name.Length);
        await Resolver(dns.Port).AskAsync(name, DnsType.A, Cancel);
        Assert.Equal(asked, !dns.Questions.IsEmpty);
    }

    [Fact]
    public async Task An_answer_that_does_not_fit_comes_over_TCP_and_over_TCP_alone_where_that_is_set()
    {
        var zone = string.Join('\n', Enumerable.Range(0, 60).Select(i => $"b.test A 192.0.2.{i}"));
        using var dns = new NameServer(zone);
        Assert.Equal(60, (await Resolver(dns.Port).AskAsync("b.test", DnsType.A, Cancel)).Records.Count);
        Assert.Equal(2, dns.Questions.Count);
        Assert.Equal(60, (await Resolver(s => s with { UsesTcp = true }, dns.Port).AskAsync("b.test", DnsType.A, Cancel)).Records.Count);
        Assert.Equal(3, dns.Questions.Count);
    }

    [Fact]
    public async Task IPv6_is_not_asked_for_where_that_is_set()
    {
        using var dns = new NameServer("b.test AAAA 2001:db8::1\nb.test A 192.0.2.1");
        var answer = await Resolver(s => s with { SkipsAaaa = true }, dns.Port).AskAsync("b.test", DnsType.Aaaa, Cancel);
        Assert.Equal((DnsOutcome.Answered, 0, 0), (answer.Outcome, answer.Records.Count, dns.Questions.Count));
        Assert.Single((await Resolver(s => s with { SkipsAaaa = true }, dns.Port).AskAsync("b.test", DnsType.A, Cancel)).Records);
        Assert.Single((await Resolver(dns.Port).AskAsync("b.test", DnsType.Aaaa, Cancel)).Records);
    }

    [Fact]
    public async Task A_server_that_fails_is_asked_once_and_the_next_one_answers()
    {
        using var failing = new NameServer("b.test SERVFAIL");
        using var good = new NameServer("b.test A 192.0.2.1");
        var resolver = Resolver(failing.Port, good.Port);
        Assert.Single((await resolver.AskAsync("b.test", DnsType.A, Cancel)).Records);
        Assert.Single((await resolver.AskAsync("b.test", DnsType.A, Cancel)).Records);
        Assert.Equal((2, 2), (failing.Questions.Count, good.Questions.Count));
        using var alone = new NameServer("b.test SERVFAIL");
        await Resolver(alone.Port).AskAsync("b.test", DnsType.A, Cancel);
        Assert.Single(alone.Questions);
    }

    [Fact]
    public async Task A_server_that_is_silent_is_asked_last_for_a_minute()
    {
        using var silent = new NameServer("b.test TIMEOUT");
        using var good = new NameServer("b.test A 192.0.2.1");
        var clock = new WatchedClock();
        var settings = new ResolverSettings([EndPoint(silent.Port), EndPoint(good.Port)]) { Timeout = TimeSpan.FromSeconds(3) };
        var resolver = new StubResolver(() => settings, clock);
        var asking = resolver.AskAsync("b.test", DnsType.A, Cancel);
        await clock.TimerAsync(TimeSpan.FromSeconds(3));
        await Wait.EventuallyAsync(() => !silent.Questions.IsEmpty, () => "It was not asked.");
        clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Single((await asking).Records);
        clock.Advance(TimeSpan.FromSeconds(59));
        Assert.Single((await resolver.AskAsync("b.test", DnsType.A, Cancel)).Records);
        Assert.Equal((1, 2), (silent.Questions.Count, good.Questions.Count));
        clock.Advance(TimeSpan.FromSeconds(1));
        asking = resolver.AskAsync("b.test", DnsType.A, Cancel);
        await Wait.EventuallyAsync(() => silent.Questions.Count == 2, () => "It was not asked again.");
        clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Single((await asking).Records);
    }

    /// <summary>A server at which nobody listens is silent at once, and asked as often as the settings say.</summary>
    [Fact]
    public async Task Each_server_is_asked_as_often_as_is_set_and_longer_each_time()
    {
        using var silent = new NameServer("b.test TIMEOUT");
        var time = new RushingTime(_ => true);
        var settings = new ResolverSettings([EndPoint(silent.Port), EndPoint(silent.Port)])
        {
            Timeout = TimeSpan.FromSeconds(1), Attempts = 3,
        };
        var answer = await new StubResolver(() => settings, time).AskAsync("b.test", DnsType.A, Cancel);
        Assert.Equal(DnsOutcome.Failed, answer.Outcome);
        Assert.Equal([1, 1, 1, 1, 2, 2], time.Timers.Select(t => t.TotalSeconds));
    }

    [Fact]
    public async Task With_rotate_the_servers_take_turns()
    {
        using var first = new NameServer("b.test A 192.0.2.1");
        using var second = new NameServer("b.test A 192.0.2.2");
        var resolver = Resolver(s => s with { Rotates = true }, first.Port, second.Port);
        var seen = new List<string>();
        for (int i = 0; i < 4; i++)
        {
            seen.Add($"{(await resolver.AskAsync("b.test", DnsType.A, Cancel)).Records[0].Address}");
        }

        Assert.Equal((2, 2), (first.Questions.Count, second.Questions.Count));
        Assert.NotEqual(seen[0], seen[1]);
        Assert.Equal(seen[0], seen[2]);
    }

    [Fact]
    public async Task A_question_that_is_cancelled_has_failed_and_is_asked_nobody_else()
    {
        using var silent = new NameServer("b.test TIMEOUT");
        using var good = new NameServer("b.test A 192.0.2.1");
        using var cancel = new CancellationTokenSource();
        var asking = Resolver(silent.Port, good.Port).AskAsync("b.test", DnsType.A, cancel.Token);
        await Wait.EventuallyAsync(() => !silent.Questions.IsEmpty, () => "It was not asked.");
        await cancel.CancelAsync();
        Assert.Equal(DnsOutcome.Failed, (await asking).Outcome);
        Assert.Empty(good.Questions);
    }

    [Theory]
    [InlineData("127.0.0.9", "9.0.0.127.in-addr.arpa", "mail.a.test", "127.0.0.9", "", "mail.a.test mail.a.test False")]
    [InlineData("::ffff:127.0.0.9", "9.0.0.127.in-addr.arpa", "mail.a.test", "127.0.0.9", "", "mail.a.test mail.a.test False")]
    [InlineData("2001:db8::1:2", "2.0.0.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "mail.a.test",
        "2001:db8::1:2", "", "mail.a.test mail.a.test False")]
    [InlineData("127.0.0.9", "9.0.0.127.in-addr.arpa", "mail.a.test", "127.0.0.8", "", "- mail.a.test False")]
    [InlineData("127.0.0.9", "9.0.0.127.in-addr.arpa", "mail.a.test", "", "mail.a.test", "- mail.a.test True")]
    [InlineData("127.0.0.9", "8.0.0.127.in-addr.arpa", "mail.a.test", "", "", "- - False")]
    [InlineData("127.0.0.9", "", "", "", "9.0.0.127.in-addr.arpa", "- - True")]
    [InlineData("127.0.0.9", "9.0.0.127.in-addr.arpa", "a b.test", "127.0.0.9", "", "- - False")]
    [InlineData("127.0.0.1", "1.0.0.127.in-addr.arpa", "mail.a.test", "127.0.0.1", "", "localhost localhost False")]
    [InlineData("::1", "", "", "", "", "localhost localhost False")]
    [InlineData("fe80::9", "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.ip6.arpa", "mail.a.test", "fe80::9", "",
        "- - False")]
    public async Task A_clients_name_is_the_one_that_leads_back_to_it(
        string client, string pointer, string name, string address, string broken, string found)
    {
        using var zone = new ReverseZone();
        if (pointer.Length > 0)
        {
            zone.Pointer(pointer, name);
        }

        if (address.Length > 0)
        {
            zone.Address(name, address);
        }

        zone.Break(broken);
        var names = new DnsClientNames(EndPoint(zone.Port), TimeProvider.System);
        var told = await names.FindAsync(IPAddress.Parse(client), Cancel);
        Assert.Equal(found, $"{told.Name ?? "-"} {told.Reverse ?? "-"} {told.IsTemporary}");
        Assert.Equal(found.EndsWith("True", StringComparison.Ordinal) ? "[TEMPUNAVAIL]" : "[UNAVAILABLE]", told.Missing);
    }

    [Fact]
    public async Task A_client_waits_ten_seconds_at_most_for_its_name()
    {
        using var silent = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var clock = new WatchedClock();
        var names = new DnsClientNames((IPEndPoint)silent.Client.LocalEndPoint!, clock);
        var finding = names.FindAsync(IPAddress.Parse("192.0.2.1"), Cancel);
        await clock.TimerAsync(TimeSpan.FromSeconds(10));
        clock.Advance(TimeSpan.FromSeconds(9));
        Assert.False(finding.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(1));
        var told = await finding;
        Assert.Equal((null, null, true), (told.Name, told.Reverse, told.IsTemporary));
    }

    private static IPEndPoint EndPoint(int port) => new(IPAddress.Loopback, port);

    private static StubResolver Resolver(params int[] ports) => Resolver(s => s, ports);

    private static StubResolver Resolver(Func<ResolverSettings, ResolverSettings> settings, params int[] ports)
    {
        var made = settings(new ResolverSettings([.. ports.Select(EndPoint)]));
        return new StubResolver(() => made, TimeProvider.System);
    }
}
