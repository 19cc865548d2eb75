using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Hosting;
using BlackPony.Hosting.Resolver;
using BlackPony.Reference.Policy;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Interop.InProcess;

/// <summary>The small parts of the hosts: hosts' names, addresses' order, private files, the memory's text, systemd.</summary>
public sealed class HostPartTests : IDisposable
{
    private const string Header = "# BlackPony memory 2: name port first-good last-good failing-since keys\n";

    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("b.test", "b.test", null, false)]
    [InlineData("B.Test.", "b.test", null, false)]
    [InlineData("[mx.b.test]", "mx.b.test", null, true)]
    [InlineData("-b.test", "-b.test", null, false)]
    [InlineData("192.0.2.1", "192.0.2.1", "192.0.2.1", false)]
    [InlineData("[192.0.2.1]", "192.0.2.1", "192.0.2.1", true)]
    [InlineData("[IPv6:2001:DB8::1]", "2001:db8::1", "2001:db8::1", true)]
    [InlineData("[ipv6:2001:db8::1]", "2001:db8::1", "2001:db8::1", true)]
    [InlineData("[2001:db8::1]", "2001:db8::1", "2001:db8::1", true)]
    [InlineData("2001:db8::1", "2001:db8::1", "2001:db8::1", false)]
    [InlineData("[IPv6:::ffff:192.0.2.1]", "192.0.2.1", "192.0.2.1", true)]
    public void A_host_is_read_in_each_of_its_forms(string text, string name, string? address, bool isBracketed) // [BP-10.4-11]
    {
        var host = MailHost.Parse(text)!;
        Assert.Equal((name, address, isBracketed), (host.Name, host.Address?.ToString(), host.IsBracketed));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("[[a.test]]")]
    [InlineData("[a.test")]
    [InlineData("a.test]")]
    [InlineData("IPv6:2001:db8::1")]
    [InlineData("[IPv6:192.0.2.1]")]
    [InlineData("[IPv6:a.test]")]
    [InlineData("a b")]
    [InlineData("[a/b]")]
    [InlineData("[")]
    [InlineData("[[192.0.2.1]]")]
    [InlineData("[-mx.b.test]")]
    [InlineData("[mx.0x1]")]
    public void What_is_no_host_is_none(string text) => Assert.Null(MailHost.Parse(text)); // [BP-10.4-14]

    [Fact]
    public void Addresses_of_no_single_host_are_left_out_and_IPv4_in_IPv6_is_IPv4()
    {
        var sorted = AddressOrder.Sort(((string[])["127.0.0.1", "::1", "224.0.0.1", "255.255.255.255", "0.1.2.3", "0.0.0.0", "ff02::1",
            "fe80::1", "127.0.0.1"]).Select(IPAddress.Parse)).Select(a => a.ToString()).ToList();
        Assert.Equal(["::1", "127.0.0.1", "0.0.0.0"], sorted);
        Assert.Equal("223.255.255.255", $"{Assert.Single(AddressOrder.Sort([IPAddress.Parse("223.255.255.255")]))}");
        Assert.Equal(AddressFamily.InterNetwork, AddressOrder.Plain(IPAddress.Parse("::ffff:192.0.2.1")).AddressFamily);
    }

    [Theory]
    [InlineData("2001:db8::9", "2001:db8::1", 0)]
    [InlineData("fd00::9", "fd00::1", 0)]
    [InlineData("fe80::9", "fd00::1", 0)]
    [InlineData("::1", "::1", 0)]
    [InlineData("192.0.2.9", "192.0.2.1", 1)]
    [InlineData("127.0.0.1", "192.0.2.1", 1)]
    [InlineData("fd00::9", "2001:db8::1", 2)]
    [InlineData("fe80::9", "2001:db8::1", 2)]
    [InlineData("::1", "2001:db8::1", 2)]
    [InlineData("2001:db8::9", "fd00::1", 2)]
    [InlineData(null, "2001:db8::1", 3)]
    [InlineData(null, "192.0.2.1", 3)]
    public void IPv6_is_tried_first_where_there_is_a_way_to_it_from_an_address_of_its_kind(string? source, string address, int rank) =>
        Assert.Equal(rank, AddressOrder.Rank(source is null ? null : IPAddress.Parse(source), IPAddress.Parse(address)));

    [Fact]
    public void The_hosts_file_ends_names_with_a_dot_or_not_and_has_comments()
    {
        const string Text = "192.0.2.1 a.test. b.test\r\n192.0.2.2 c.test #d.test\n\n192.0.2.3\n192.0.2.4 192.0.2.4\n";
        Assert.Equal("192.0.2.1", $"{Assert.Single(HostsFile.Find(Text, "a.test"))}");
        Assert.Equal("192.0.2.1", $"{Assert.Single(HostsFile.Find(Text, "b.test"))}");
        Assert.Equal("192.0.2.2", $"{Assert.Single(HostsFile.Find(Text, "c.test"))}");
        Assert.Empty(HostsFile.Find(Text, "d.test"));
        Assert.Empty(HostsFile.Find(Text, "192.0.2.3"));
        Assert.Empty(HostsFile.Find("no-such-host.test"));
    }

    [Fact]
    public void A_secret_is_read_only_if_it_is_the_owners_alone() // [BP-11.3-2]
    {
        var path = Path.Combine(_folder, "key");
        File.WriteAllText(path, "secret");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.Equal("secret", PrivateFile.ReadSecret(path));
        foreach (var other in (UnixFileMode[])[UnixFileMode.GroupRead, UnixFileMode.GroupWrite, UnixFileMode.GroupExecute,
            UnixFileMode.OtherRead, UnixFileMode.OtherWrite, UnixFileMode.OtherExecute])
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | other);
            Assert.Contains("chmod 600", Assert.Throws<UnauthorizedAccessException>(() => PrivateFile.ReadSecret(path)).Message,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_credential_of_systemd_is_read_whatever_its_mode_says_and_no_file_beside_them() // [BP-11.3-2]
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder, "credentials")).FullName;
        var beside = Directory.CreateDirectory(folder + "-of-others").FullName;
        foreach (var path in (string[])[Path.Combine(folder, "key"), Path.Combine(beside, "key")])
        {
            File.WriteAllText(path, "secret");
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.GroupRead);
        }

        var before = Environment.GetEnvironmentVariable("CREDENTIALS_DIRECTORY");
        Environment.SetEnvironmentVariable("CREDENTIALS_DIRECTORY", folder);
        try
        {
            Assert.Equal("secret", PrivateFile.ReadSecret(Path.Combine(folder, "key")));
            Assert.Throws<UnauthorizedAccessException>(() => PrivateFile.ReadSecret(Path.Combine(beside, "key")));
        }
        finally
        {
            Environment.SetEnvironmentVariable("CREDENTIALS_DIRECTORY", before);
        }
    }

    [Fact]
    public void A_key_log_is_made_private_and_gets_a_line_after_the_other() // [BP-11.3-2]
    {
        var path = Path.Combine(_folder, "keys");
        File.WriteAllText(path, "before\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        var log = new KeyLogFile(path);
        log.Prepare();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        log.Log("one");
        log.Log("two");
        Assert.Equal("before\none\ntwo\n", File.ReadAllText(path));
        var made = Path.Combine(_folder, "made");
        new KeyLogFile(made).Prepare();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(made));
    }

    [Fact]
    public void A_key_log_that_cannot_be_written_is_logged_once_and_sessions_go_on()
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder, "gone")).FullName;
        var warnings = new List<string>();
        var log = new KeyLogFile(Path.Combine(folder, "keys"), warnings.Add);
        log.Prepare();
        Directory.Delete(folder, recursive: true);
        log.Log("one");
        log.Log("two");
        Assert.StartsWith($"the key log {folder}/keys cannot be written, and sessions go on without it: ", Assert.Single(warnings),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_is_no_memory() =>
        Assert.Equal($"The memory {_folder} is a folder.", Assert.Throws<IOException>(() => MemoryFile.CheckWritable(_folder)).Message);

    [Theory]
    [InlineData("a.test 25 2026-11-23T12:00:00Z 2026-11-24T12:00:00Z - -", true)]
    [InlineData("a.test 25 2026-11-23T12:00:00Z 2026-11-24T12:00:00Z 2026-11-25T12:00:00Z -", true)]
    [InlineData("a.test 0 2026-11-23T12:00:00Z 2026-11-24T12:00:00Z - -", false)]
    [InlineData("a.test 65536 2026-11-23T12:00:00Z 2026-11-24T12:00:00Z - -", false)]
    [InlineData("a.test +25 2026-11-23T12:00:00Z 2026-11-24T12:00:00Z - -", false)]
    [InlineData("a.test 25 2026-11-23 2026-11-24T12:00:00Z - -", false)]
    [InlineData("a.test 25 2026-11-23T12:00:00Z x - -", false)]
    [InlineData("a.test 25 2026-11-23T12:00:00Z 2026-11-24T12:00:00Z x -", false)]
    [InlineData("a.test 25 2026-11-23T12:00:00Z 2026-11-24T12:00:00Z - x", false)]
    [InlineData("a.test 25 2026-11-23T12:00:00Z 2026-11-24T12:00:00Z - KEY/2026-11-23T12:00:00Z/2026-11-24T12:00:00Z", true)]
    [InlineData("a.test 25 2026-11-23T12:00:00Z 2026-11-24T12:00:00Z - KEY/2026-11-23T12:00:00Z", false)]
    [InlineData("a.test 25 2026-11-23T12:00:00Z 2026-11-24T12:00:00Z - KEY/x/2026-11-24T12:00:00Z", false)]
    [InlineData("a.test 25 2026-11-23T12:00:00Z 2026-11-24T12:00:00Z - KEY/2026-11-23T12:00:00Z/x", false)]
    [InlineData("a.test 25 2026-11-23T12:00:00Z 2026-11-24T12:00:00Z - 0KEY/2026-11-23T12:00:00Z/2026-11-24T12:00:00Z", false)]
    [InlineData("a.test 25 2026-11-23T12:00:00Z 2026-11-24T12:00:00Z - UPPER/2026-11-23T12:00:00Z/2026-11-24T12:00:00Z", false)]
    [InlineData(
        "a.test 25 2026-11-23T12:00:00Z 2026-11-24T12:00:00Z - "
        + "KEY/2026-11-23T12:00:00Z/2026-11-24T12:00:00Z,KEY/2026-11-23T12:00:00Z/2026-11-24T12:00:00Z", false)]
    [InlineData("a.test 25 2026-11-23T12:00:00Z 2026-11-24T12:00:00Z -", false)]
    [InlineData("a.test 25 2026-11-23T12:00:00Z 2026-11-24T12:00:00Z - - -", false)]
    public void A_line_of_the_memory_is_an_entry_or_costs_a_warning(string line, bool isEntry) // [BP-9.4-14]
    {
        line = line.Replace("KEY", string.Concat(Enumerable.Repeat("0123456789abcdef", 4)), StringComparison.Ordinal)
            .Replace("UPPER", new string('A', 64), StringComparison.Ordinal);
        var text = $"{Header}\n{line}\n";
        var memory = MemoryText.Parse(text, At(26), out var warnings);
        Assert.Equal(isEntry ? 1 : 0, memory.Count);
        Assert.Equal(isEntry ? [] : ["line 3 of the memory is not an entry, and is ignored"], warnings);
        if (isEntry)
        {
            Assert.Equal(text.Replace("\n\n", "\n", StringComparison.Ordinal), MemoryText.Of(memory));
        }
    }

    [Fact]
    public void A_text_of_another_kind_is_no_memory() // [BP-9.4-12]
    {
        Assert.Throws<FormatException>(() => MemoryText.Parse("# BlackPony memory 1\n", At(26)));
        Assert.Equal(0, MemoryText.Parse("", At(26)).Count);
        Assert.Equal(0, MemoryText.Parse(Header, At(26)).Count);
    }

    [Theory]
    [InlineData(24, 25, null, null, 25, null)]
    [InlineData(25, 24, null, null, 25, null)]
    [InlineData(24, 25, 26, null, 25, 26)]
    [InlineData(25, 24, 26, null, 25, 26)]
    [InlineData(25, 24, null, 26, 25, 26)]
    [InlineData(26, 24, null, 25, 26, null)]
    [InlineData(25, 24, 27, 26, 25, 27)]
    public void Of_two_deliveries_at_one_time_the_later_good_session_counts_and_a_failure_after_it(
        int good, int otherGood, int? failing, int? otherFailing, int last, int? since)
    {
        var (here, there) = (Memory(good, failing), Memory(otherGood, otherFailing));
        Assert.Empty(MemoryText.CopyChanges(here, there));
        var merged = Assert.Single(there.Entries).Value;
        Assert.Equal((Day(last), since is { } day ? Day(day) : (DateTimeOffset?)null), (merged.LastGood, merged.FailingSince));
    }

    [Fact]
    public void The_addresses_that_did_not_answer_come_last_for_five_minutes()
    {
        var clock = new FakeTimeProvider();
        var unreachable = new UnreachableAddresses(clock);
        MailTarget[] targets = [Target("192.0.2.1"), Target("192.0.2.2"), Target("192.0.2.3")];
        unreachable.Note(targets[0], false);
        Assert.Equal("231", Order());
        clock.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromTicks(1));
        Assert.Equal("231", Order());
        clock.Advance(TimeSpan.FromTicks(1));
        Assert.Equal("123", Order());
        unreachable.Note(targets[1], false);
        unreachable.Note(targets[2] with { Port = 26 }, false);
        Assert.Equal("132", Order());
        unreachable.Note(targets[1], true);
        Assert.Equal("123", Order());

        // A flood of them does not fill the memory.
        unreachable.Note(targets[1], false);
        for (int i = 0; i < 997; i++)
        {
            unreachable.Note(Target($"198.51.{i / 256}.{i % 256}"), false);
        }

        Assert.Equal("132", Order());
        unreachable.Note(Target("203.0.113.1"), false);
        Assert.Equal("123", Order());

        string Order() => string.Concat(unreachable.InOrder(targets).Select(t => $"{t.Address}"[^1]));

        static MailTarget Target(string address) => new("b.test", IPAddress.Parse(address), 25);
    }

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1")]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
    public void A_client_is_its_IPv4_address_or_its_network(string client, string network) =>
        Assert.Equal(network, $"{SessionPlace.Network(IPAddress.Parse(client))}"); // [BP-10.1-16]

    [Fact]
    public async Task A_ring_is_not_lost_and_wakes_the_loop_once_however_often_it_comes()
    {
        var bell = new AsyncAutoResetEvent();
        bell.Ring();
        bell.Ring();
        var wait = bell.WaitAsync().AsTask();
        Assert.True(wait.IsCompleted);
        wait = bell.WaitAsync().AsTask();
        Assert.False(wait.IsCompleted);
        bell.Ring();
        bell.Ring();
        await wait;
        wait = bell.WaitAsync().AsTask();
        Assert.True(wait.IsCompleted);
        var next = bell.WaitAsync().AsTask();
        Assert.False(next.IsCompleted);
        bell.Ring();
        await next;
    }

    [Fact]
    public void A_place_waits_only_between_messages_and_since_the_last_one()
    {
        var clock = new FakeTimeProvider();
        using var place = new SessionPlace(IPAddress.Loopback, clock, CancellationToken.None);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.Zero, place.Waiting);
        place.Report(true, 0);
        Assert.Equal(TimeSpan.FromSeconds(1), place.Waiting);
        place.Report(false, 0);
        Assert.Equal(TimeSpan.Zero, place.Waiting);
        place.Report(true, 1);
        Assert.Equal(TimeSpan.Zero, place.Waiting);
        clock.Advance(TimeSpan.FromSeconds(2));
        place.Report(true, 1);
        Assert.Equal(TimeSpan.FromSeconds(2), place.Waiting);
        Assert.False(place.IsLeaving);
        place.Leave();
        Assert.True(place.IsLeaving);
    }

    [Fact]
    public async Task Systemd_is_told_the_state_if_it_asks_for_it()
    {
        var path = Path.Combine(_folder, "notify");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        var before = Environment.GetEnvironmentVariable("NOTIFY_SOCKET");
        try
        {
            Environment.SetEnvironmentVariable("NOTIFY_SOCKET", path);
            ServiceManager.Ready();
            Assert.Equal("READY=1", await HearAsync());
            ServiceManager.Reloading();
            var reloading = (await HearAsync()).Split('\n');
            Assert.Equal("RELOADING=1", reloading[0]);
            Assert.InRange(long.Parse(reloading[1]["MONOTONIC_USEC=".Length..], System.Globalization.CultureInfo.InvariantCulture), 1,
                System.Diagnostics.Stopwatch.GetTimestamp() / 1000);
            ServiceManager.Stopping();
            Assert.Equal("STOPPING=1", await HearAsync());
            Environment.SetEnvironmentVariable("NOTIFY_SOCKET", path + "-gone");
            ServiceManager.Ready();
            Environment.SetEnvironmentVariable("NOTIFY_SOCKET", null);
            ServiceManager.Ready();
            Assert.Equal(0, socket.Available);
        }
        finally
        {
            Environment.SetEnvironmentVariable("NOTIFY_SOCKET", before);
        }

        async Task<string> HearAsync()
        {
            var octets = new byte[200];
            int count = await socket.ReceiveAsync(octets, TestContext.Current.CancellationToken);
            return Encoding.UTF8.GetString(octets, 0, count);
        }
    }

    [Theory]
    [InlineData("fe80::1%4", "fe80::1")]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1")]
    [InlineData("2001:db8::1", "2001:db8::1")]
    [InlineData("192.0.2.1", "192.0.2.1")]
    public void A_clients_address_is_written_without_what_only_this_machine_knows(string address, string written) =>
        Assert.Equal(written, $"{ClientAddress.Plain(System.Net.IPAddress.Parse(address))}");

    private static DateTimeOffset Day(int day) => new(2026, 11, day, 12, 0, 0, TimeSpan.Zero);

    private static FakeTimeProvider At(int day) => new(Day(day));

    private static ServerMemory Memory(int good, int? failing)
    {
        var clock = At(good);
        var memory = new ServerMemory(clock);
        memory.Good("a.test", 25, []);
        if (failing is { } day)
        {
            clock.SetUtcNow(Day(day));
            memory.Failing("a.test", 25);
        }

        return memory;
    }
}
