namespace BlackPony.Tests.Interop.Networks;

/// <summary>The compiled program among name servers and mail servers of a world of its own: mail goes to the machine that DNS and
/// configuration say, or stays.</summary>
public sealed class MailRoutingTests
{
    private const string Healthy = """
        b.test MX 10 mx.b.test
        mx.b.test A 192.0.2.10
        mx.b.test AAAA 2001:db8::10
        """;

    private const string Wildcard = """
        *.corp.example MX 10 trap.corp.example
        *.corp.example A 192.0.2.66
        """;

    [Theory]
    [InlineData("search corp.example")]
    [InlineData("search corp.example\noptions ndots:5")]
    [InlineData("domain corp.example\noptions ndots:15")]
    public async Task No_search_list_sends_mail_to_another_machine(string line) // [BP-10.4-17]
    {
        await using var world = await NetworkScenario.StartAsync($"{line}\nnameserver {NetworkScenario.Dns}");
        var dns = world.NameServer(Healthy + "\n" + Wildcard);
        var good = world.MailServer();
        var trap = world.MailServer(NetworkScenario.Trap);
        Assert.Equal(0, (await world.MailAsync("b.test")).Code);
        Assert.StartsWith("554 5.1.2 ", (await world.MailAsync("absent.test")).Replies, StringComparison.Ordinal);
        Assert.StartsWith("554 5.1.2 ", (await world.MailAsync("absent")).Replies, StringComparison.Ordinal);
        var replies = await world.RecipientsAsync([], "r@b.test", "r@absent.test");
        Assert.Equal(["250", "550"], replies.Select(r => r[..3]));
        Assert.Single(good.Messages);
        Assert.Empty(trap.Sessions);
        Assert.DoesNotContain(dns.Questions, q => q.Contains("corp.example", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("remembered", false)]
    [InlineData("opportunistic", true)]
    public async Task A_forged_mail_exchanger_gets_no_plaintext_for_a_remembered_domain(string policy, bool delivers) // [BP-9.1-8]
    {
        await using var world = await NetworkScenario.StartAsync();
        world.NameServer("""
            b.test MX 10 forged.test
            other.test MX 10 forged.test
            forged.test A 192.0.2.66
            """);
        var trap = world.MailServer(NetworkScenario.Trap);
        var folder = Directory.CreateTempSubdirectory("blackpony-");
        try
        {
            var (memory, now) = (Path.Combine(folder.FullName, "memory"), DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", null));
            await File.WriteAllTextAsync(memory,
                $"# BlackPony memory 2: name port first-good last-good failing-since keys\nb.test mx {now} {now} - -\n# end\n",
                TestContext.Current.CancellationToken);
            var (replies, code, log) = await world.MailAsync("--policy", policy, "--memory", memory, "--report", "-", "b.test");
            Assert.Equal((delivers ? 0 : 75, delivers ? 1 : 0), (code, trap.Messages.Count));
            Assert.Contains(delivers ? "250" : "421 4.7.0 Encryption required", replies, StringComparison.Ordinal);
            Assert.Equal(delivers, log.Contains("downgrade: forged.test:25", StringComparison.Ordinal));

            // Of another domain nothing is known.
            Assert.Equal(0, (await world.MailAsync("--policy", policy, "--memory", memory, "other.test")).Code);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task The_hosts_file_decides_for_configured_hosts_and_for_no_mail_domain() // [BP-10.4-17], [BP-10.4-23]
    {
        await using var world = await NetworkScenario.StartAsync(
            hosts: $"{NetworkScenario.Trap} b.test mx.b.test absent.test smarthost # comment");
        world.NameServer(Healthy);
        var good = world.MailServer();
        var trap = world.MailServer(NetworkScenario.Trap);
        Assert.Equal(0, (await world.MailAsync("b.test")).Code);
        Assert.StartsWith("554 5.1.2 ", (await world.MailAsync("absent.test")).Replies, StringComparison.Ordinal);
        Assert.StartsWith("554 5.1.2 ", (await world.MailAsync("smarthost")).Replies, StringComparison.Ordinal);
        Assert.Single(good.Messages);
        Assert.Empty(trap.Sessions);

        Assert.Equal(0, (await world.MailAsync("[smarthost]")).Code);
        Assert.Single(trap.Messages);
        foreach (var route in (string[])["*=smarthost", "*=[smarthost]"])
        {
            Assert.StartsWith("250", Assert.Single(await world.RecipientsAsync(["--route", route], "r@b.test")), StringComparison.Ordinal);
        }

        Assert.Equal(3, trap.Sessions.Count);

        // A route that leads nowhere is a matter of the administrator's, who loses no mail by it.
        Assert.StartsWith("451", Assert.Single(await world.RecipientsAsync(["--route", "*=smarthots"], "r@b.test")),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_name_server_that_is_dead_costs_nothing()
    {
        await using var world = await NetworkScenario.StartAsync($"nameserver {NetworkScenario.Dns}\nnameserver 192.0.2.54");
        world.NameServer(Healthy);
        var dead = world.NameServer("b.test TIMEOUT", "192.0.2.54");
        var good = world.MailServer();
        for (int i = 1; i <= 6; i++)
        {
            Assert.Equal(0, (await world.MailAsync("b.test")).Code);
        }

        Assert.Equal(6, good.Messages.Count);
        Assert.Empty(dead.Questions);
    }

    [Fact]
    public async Task A_first_name_server_that_is_dead_is_waited_for_once()
    {
        await using var world = await NetworkScenario.StartAsync(
            $"nameserver 192.0.2.54\nnameserver {NetworkScenario.Dns}\noptions timeout:1");
        world.NameServer(Healthy);
        var dead = world.NameServer("b.test TIMEOUT\nmx.b.test TIMEOUT", "192.0.2.54");
        var good = world.MailServer();
        Assert.Equal(0, (await world.MailAsync("b.test")).Code);
        Assert.Single(good.Messages);
        Assert.Equal(["b.test MX"], dead.Questions);
    }

    [Theory]
    [InlineData("SERVFAIL")]
    [InlineData("REFUSED")]
    [InlineData("FORMERR")]
    [InlineData("LAME")]
    [InlineData("")]
    public async Task The_next_name_server_is_asked_where_the_first_one_fails(string failure)
    {
        await using var world = await NetworkScenario.StartAsync($"nameserver 192.0.2.54\nnameserver {NetworkScenario.Dns}");
        world.NameServer(Healthy);
        if (failure.Length > 0)
        {
            // Otherwise nothing listens there, which is heard at once.
            world.NameServer($"b.test {failure}\nmx.b.test {failure}", "192.0.2.54");
        }

        var good = world.MailServer();
        Assert.Equal(0, (await world.MailAsync("b.test")).Code);
        Assert.Single(good.Messages);
    }

    [Fact]
    public async Task An_answer_to_another_question_is_not_taken()
    {
        await using var world = await NetworkScenario.StartAsync($"nameserver {NetworkScenario.Dns}\noptions timeout:1 attempts:1");
        world.NameServer("b.test OTHER\nb.test MX 10 trap.test\ntrap.test A 192.0.2.66");
        var trap = world.MailServer(NetworkScenario.Trap);
        Assert.StartsWith("421 ", (await world.MailAsync("b.test")).Replies, StringComparison.Ordinal);
        Assert.Empty(trap.Sessions);
    }

    [Fact]
    public async Task With_IPv6_alone_mail_goes_over_IPv6()
    {
        await using var world = await NetworkScenario.StartAsync("nameserver 2001:db8::53", "", NetworkScenario.Near6 + "/64");
        world.NameServer(Healthy, "2001:db8::53");
        var good = world.MailServer(NetworkScenario.Good6);
        Assert.Equal(0, (await world.MailAsync("b.test")).Code);
        Assert.Single(good.Messages);
        Assert.StartsWith("421 ", (await world.MailAsync($"[{NetworkScenario.Good}]")).Replies, StringComparison.Ordinal);
        Assert.Equal(0, (await world.MailAsync($"[IPv6:{NetworkScenario.Good6}]")).Code);
    }

    [Fact]
    public async Task With_IPv4_alone_mail_goes_over_IPv4()
    {
        await using var world = await NetworkScenario.StartAsync($"nameserver {NetworkScenario.Dns}", "", NetworkScenario.Near4 + "/24");
        world.NameServer(Healthy);
        var good = world.MailServer();
        Assert.Equal(0, (await world.MailAsync("b.test")).Code);
        Assert.Single(good.Messages);
        var (replies, code, log) = await world.MailAsync($"[IPv6:{NetworkScenario.Good6}]");
        Assert.StartsWith("421 ", replies, StringComparison.Ordinal);
        Assert.Equal(75, code);
        Assert.DoesNotContain("   at ", log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData($"nameserver {NetworkScenario.Dns}")]
    [InlineData("nameserver fe80::1%nothing\nnameserver 2001:db8::53")]
    [InlineData("")]
    public async Task Without_a_network_mail_is_kept(string resolvConf) // [BP-10.4-12]
    {
        await using var world = await NetworkScenario.StartAsync(resolvConf, "", "none");
        foreach (var host in (string[])["b.test", "[192.0.2.10]", "[IPv6:2001:db8::10]", "[smarthost]"])
        {
            var (replies, code, log) = await world.MailAsync(host);
            Assert.StartsWith("421 ", replies, StringComparison.Ordinal);
            Assert.Equal(75, code);
            Assert.DoesNotContain("   at ", log, StringComparison.Ordinal);
        }

        Assert.All(await world.RecipientsAsync([], "r@b.test", "r@[192.0.2.10]", "r@[IPv6:2001:db8::10]"), r =>
            Assert.StartsWith("451", r, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("SERVFAIL")]
    [InlineData("REFUSED")]
    [InlineData("FORMERR")]
    [InlineData("NXDOMAIN")]
    [InlineData("TIMEOUT")]
    [InlineData("LAME")]
    public async Task One_exchanger_without_an_address_does_not_defer_the_domain(string failure) // [BP-10.4-20]
    {
        await using var world = await NetworkScenario.StartAsync($"nameserver {NetworkScenario.Dns}\noptions timeout:1 attempts:1");
        world.NameServer($"""
            bad-first.test MX 10 bad.test
            bad-first.test MX 20 mx.b.test
            bad-last.test MX 10 mx.b.test
            bad-last.test MX 20 bad.test
            bad-equal.test MX 10 mx.b.test
            bad-equal.test MX 10 bad.test
            half.test MX 10 half.test
            half.test A 192.0.2.10
            half.test AAAA {failure}
            other-half.test MX 10 other-half.test
            other-half.test AAAA 2001:db8::10
            other-half.test A {failure}
            bad.test {failure}
            {Healthy}
            """);
        var good = world.MailServer();
        var good6 = world.MailServer(NetworkScenario.Good6);
        foreach (var domain in (string[])["bad-first.test", "bad-last.test", "bad-equal.test", "half.test", "other-half.test"])
        {
            Assert.Equal(0, (await world.MailAsync(domain)).Code);
        }

        Assert.Equal(5, good.Messages.Count + good6.Messages.Count);
        Assert.NotEmpty(good.Messages);
        Assert.All(await world.RecipientsAsync([], "r@bad-first.test", "r@bad-last.test"), r =>
            Assert.StartsWith("250", r, StringComparison.Ordinal));
    }

    // [BP-10.4-12], [BP-10.4-14], [BP-10.4-16], [BP-10.4-18]
    [Theory]
    [InlineData("b.test MX 10 bad.test\nbad.test SERVFAIL", "421")]
    [InlineData("b.test MX 10 bad.test\nb.test MX 20 absent.test\nbad.test REFUSED", "421")]
    [InlineData("b.test MX 10 down.test\nb.test MX 20 bad.test\nbad.test SERVFAIL\ndown.test A 192.0.2.54", "421")]
    [InlineData("b.test MX 10 down.test\ndown.test A 192.0.2.54", "421")]
    [InlineData("b.test MX 10 absent.test\nb.test MX 20 empty.test\nempty.test MX 10 x.test", "554")]
    [InlineData("b.test CNAME c.test\nc.test CNAME b.test", "421")]
    [InlineData("b.test CNAME b.test", "421")]
    [InlineData("b.test MX 10 loop.test\nloop.test CNAME loop.test", "421")]
    [InlineData("b.test CNAME absent.test", "554")]
    [InlineData("b.test MX 0 .", "554")]
    [InlineData("b.test MX 10 192.0.2.66", "554")]
    [InlineData("b.test MX 10 own.test\nown.test A 192.0.2.1", "554")]
    [InlineData("b.test MX 10 own.test\nown.test AAAA ::ffff:192.0.2.1", "554")]
    [InlineData("b.test MX 10 own.test\nown.test A 0.0.0.0", "554")]
    [InlineData("b.test MX 10 bad.test\nb.test MX 20 own.test\nown.test A 192.0.2.1\nbad.test SERVFAIL", "421")]
    [InlineData("b.test MX 10 cast.test\ncast.test A 224.0.0.1\ncast.test AAAA ff02::1", "554")]
    [InlineData("b.test SERVFAIL\nb.test A 192.0.2.66", "421")]
    [InlineData("b.test MX SERVFAIL\nb.test A 192.0.2.66", "421")]
    public async Task What_cannot_be_delivered_gets_the_right_reply(string zone, string code)
    {
        await using var world = await NetworkScenario.StartAsync();
        world.NameServer(zone);
        var trap = world.MailServer(NetworkScenario.Trap);
        var (replies, exit, log) = await world.MailAsync("b.test");
        Assert.StartsWith(code + " ", replies, StringComparison.Ordinal);
        Assert.Equal(code == "421" ? 75 : 68, exit);
        Assert.DoesNotContain("   at ", log, StringComparison.Ordinal);
        Assert.StartsWith(code[..1], Assert.Single(await world.RecipientsAsync([], "r@b.test")), StringComparison.Ordinal);
        Assert.Empty(trap.Sessions);
    }

    [Theory]
    [InlineData("b.test CNAME c.test\nc.test MX 10 mx.test\nmx.test A 192.0.2.10")]
    [InlineData("b.test CNAME c.test\nc.test A 192.0.2.10")]
    [InlineData("b.test MX 10 alias.test\nalias.test CNAME mx.test\nmx.test A 192.0.2.10")]
    [InlineData("b.test A 192.0.2.10")]
    [InlineData("*.test MX 10 mx.other\nmx.other A 192.0.2.10")]
    [InlineData("b.test MX 10 down.test\ndown.test A 192.0.2.54\nb.test MX 20 mx.test\nmx.test A 192.0.2.10")]
    [InlineData("b.test MX 10 mx.test\nmx.test A 192.0.2.54\nmx.test AAAA ff02::1\nmx.test A 192.0.2.10")]
    [InlineData("b.test MX 20 own.test\nown.test A 192.0.2.1\nb.test MX 10 mx.test\nmx.test A 192.0.2.10")]
    [InlineData("b.test MX 10 mx_1.test\nmx_1.test A 192.0.2.10")]
    public async Task What_can_be_delivered_is(string zone) // [BP-10.4-11], [BP-10.4-20], [BP-10.4-22]
    {
        await using var world = await NetworkScenario.StartAsync();
        world.NameServer(zone);
        var good = world.MailServer();
        Assert.Equal(0, (await world.MailAsync("b.test")).Code);
        Assert.Single(good.Messages);
    }

    [Theory]
    [InlineData("192.0.2.66")]
    [InlineData("2130706454")]
    [InlineData("0x7f000001")]
    [InlineData("2001:db8::5%a\\032b")]
    [InlineData("trap\\046test")]
    [InlineData("trap.test\\010x")]
    [InlineData("trap\\000.test")]
    [InlineData("-trap.test")]
    [InlineData("[192.0.2.66]")]
    public async Task An_exchanger_that_is_no_host_name_is_left_out_with_a_warning(string exchanger) // [BP-10.4-18]
    {
        await using var world = await NetworkScenario.StartAsync();
        world.NameServer($"b.test MX 5 {exchanger}\ntrap.test A 192.0.2.66\n-trap.test A 192.0.2.66\n{Healthy}");
        var good = world.MailServer();
        var trap = world.MailServer(NetworkScenario.Trap);
        var (_, code, log) = await world.MailAsync("b.test");
        Assert.Equal(0, code);
        Assert.Single(good.Messages);
        Assert.Empty(trap.Sessions);
        Assert.Contains("b.test has a mail exchanger that is not a host name", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_twenty_exchangers_the_last_one_gets_the_mail() // [BP-10.4-20]
    {
        await using var world = await NetworkScenario.StartAsync();
        var lines = Enumerable.Range(1, 20)
            .Select(i =>
                $"b.test MX {i} a-rather-long-name-for-a-host-{i}.b.test\na-rather-long-name-for-a-host-{i}.b.test A "
                    + $"{(i == 20 ? NetworkScenario.Good : "192.0.2.54")}");
        var dns = world.NameServer(string.Join('\n', lines));
        var good = world.MailServer();
        Assert.Equal(0, (await world.MailAsync("b.test")).Code);
        Assert.Single(good.Messages);

        // Once over UDP, where it is truncated, and once over TCP.
        Assert.Equal(2, dns.Questions.Count(q => q == "b.test MX"));
    }

    [Theory]
    [InlineData("192.0.2.1")]
    [InlineData("127.0.0.1")]
    [InlineData("127.3.2.1")]
    [InlineData("0.0.0.0")]
    [InlineData("IPv6:::1")]
    [InlineData("IPv6:::")]
    [InlineData("IPv6:2001:db8::1")]
    [InlineData("IPv6:::ffff:127.0.0.1")]
    [InlineData("IPv6:::ffff:c000:201")]
    public async Task An_address_literal_of_this_machine_is_refused(string literal) // [BP-10.4-16], [BP-10.5-12], [BP-10.4-22]
    {
        await using var world = await NetworkScenario.StartAsync();
        Assert.StartsWith("554 5.4.6 ", (await world.MailAsync("--", $"[{literal}]")).Replies, StringComparison.Ordinal);
        Assert.StartsWith("554 5.4.6 ", Assert.Single(await world.RecipientsAsync([], $"r@[{literal}]")), StringComparison.Ordinal);
    }
}
