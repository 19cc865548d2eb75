using System.Net;
using BlackPony.Hosting.Resolver;

namespace BlackPony.Tests.Interop.Resolver;

/// <summary>resolv.conf(5) as the resolver reads it, and hosts(5).</summary>
public class ResolverSettingsTests
{
    [Fact]
    public void Name_servers_come_in_their_order_and_three_at_most()
    {
        var settings = ResolverSettings.Parse("""
            # nameserver 192.0.2.9
            ; nameserver 192.0.2.8
             nameserver 192.0.2.7
            search corp.example
            nameserver	192.0.2.1 # the first
            nameserver nothing
            nameserver 2001:db8::2
            nameserver fe80::3%1
            nameserver 192.0.2.4
            """);
        Assert.Equal(["192.0.2.1:53", "[2001:db8::2]:53", "[fe80::3%1]:53"], settings.Servers.Select(s => s.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n\n")]
    [InlineData("nameserver")]
    [InlineData("nameserver \nsearch a.test")]
    [InlineData("\0\0\0")]
    public void Without_a_name_server_this_machine_is_asked(string text) =>
        Assert.Equal([new IPEndPoint(IPAddress.Loopback, 53)], ResolverSettings.Parse(text).Servers);

    [Fact]
    public void Options_are_kept_within_the_bounds_of_the_C_library()
    {
        var usual = ResolverSettings.Parse("options ndots:5 edns0 timeout: attempts:x timeout:-1");
        Assert.Equal((5, 2, false, false, false),
            (usual.Timeout.TotalSeconds, usual.Attempts, usual.Rotates, usual.UsesTcp, usual.SkipsAaaa));
        var set = ResolverSettings.Parse("options timeout:1 rotate\r\noptions attempts:3 use-vc no-aaaa");
        Assert.Equal((1, 3, true, true, true), (set.Timeout.TotalSeconds, set.Attempts, set.Rotates, set.UsesTcp, set.SkipsAaaa));
        var other = ResolverSettings.Parse("search timeout:1 rotate\noption use-vc\nnameserver attempts:1 no-aaaa");
        Assert.Equal((5, 2, false, false, false),
            (other.Timeout.TotalSeconds, other.Attempts, other.Rotates, other.UsesTcp, other.SkipsAaaa));
        var most = ResolverSettings.Parse("options timeout:99 attempts:99");
        Assert.Equal((30, 5), (most.Timeout.TotalSeconds, most.Attempts));
        var least = ResolverSettings.Parse("options timeout:0 attempts:0");
        Assert.Equal((1, 1), (least.Timeout.TotalSeconds, least.Attempts));
        Assert.Equal(7, ResolverSettings.Parse("options timeout:1", "timeout:7").Timeout.TotalSeconds);
    }

    [Fact]
    public void The_hosts_file_names_a_host_in_any_case_with_all_its_addresses()
    {
        const string Text = "192.0.2.1\tsmarthost.test Smarthost # other\n2001:db8::1 smarthost\n192.0.2.3 xsmarthost smarthostx\nnothing "
            + "smarthost\n#192.0.2.4 smarthost\n";
        Assert.Equal(["192.0.2.1", "2001:db8::1"], HostsFile.Find(Text, "smarthost").Select(a => a.ToString()));
        Assert.Empty(HostsFile.Find(Text, "other"));
        Assert.NotEmpty(HostsFile.Find("localhost"));
    }
}
