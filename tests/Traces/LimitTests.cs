using System.Net;
using System.Net.Sockets;
using BlackPony.Traces;
using BlackPony.Traces.Extraction;
using BlackPony.Traces.Network;
using BlackPony.Traces.Replay;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>What is bounded, and what is said at the bound.</summary>
public sealed class LimitTests
{
    private const int MaxItems = 100_000;
    private const int MaxWaiting = 1000;

    [Fact]
    public void So_many_commands_of_a_session_are_listed_and_no_more()
    {
        // Each command has its answer, a thousand of each in a segment; the last ones are recipients.
        var lines = new List<(char, string)> { Frames.Lines[0] };
        for (int i = 0; i < MaxItems / 1000; i++)
        {
            lines.Add(('C', string.Concat(Enumerable.Repeat("NOOP\r\n", 1000))));
            lines.Add(('S', string.Concat(Enumerable.Repeat("250 Ok\r\n", 1000))));
        }

        foreach (int more in (int[])[0, 1, 2])
        {
            (char, string)[] all = [.. lines, .. Enumerable.Repeat((('C', "NOOP\r\n"), ('S', "250 Ok\r\n")), more)
                .SelectMany(p => ((char, string)[])[p.Item1, p.Item2])];
            var session = Inspection.Of(Inspection.Connection(all), new InspectOptions { Dialogue = true, Exchanges = true }).Only;
            Assert.Equal((MaxItems, MaxItems, MaxItems), (session.Commands.Count, session.Replies.Count, session.Dialogue!.Count));
            Assert.Equal(MaxItems, session.Exchanges!.Count);
            Assert.Equal(more > 0 ? ["More than 100000 commands; the others are not listed."] : [],
                session.Findings.Where(f => f.Id == FindingKind.Long.Id).Select(f => f.Text));
        }
    }

    [Fact]
    public void The_same_finding_is_reported_ten_times_and_the_level_of_the_gravest_is_that_of_all()
    {
        (char, string)[] lines = [.. Frames.Lines[..3], .. Enumerable.Repeat((('C', "NOOP\r\n"), ('S', "250_Ok\r\n")), 12)
            .SelectMany(p => ((char, string)[])[p.Item1, p.Item2])];
        var inspection = Inspection.Of(Inspection.Connection(lines));
        Assert.Equal(10, inspection.Only.Findings.Count(f => f.Id == "T-REPLY-MALFORMED"));
        var totals = inspection.Inspector.Totals;
        Assert.Equal((inspection.Only.Findings.Count, inspection.Only.Findings.Max(f => f.Level)), ((int)totals.Findings, totals.Highest));
        var other = new Totals();
        Assert.Null(other.Highest);
        foreach (var (level, highest) in ((FindingLevel, FindingLevel)[])
            [(FindingLevel.Note, FindingLevel.Note), (FindingLevel.Error, FindingLevel.Error), (FindingLevel.Warning, FindingLevel.Error)])
        {
            other.Add(new Finding(level, "T-X", null, "x", 0));
            Assert.Equal(highest, other.Highest);
        }
    }

    [Fact]
    public void Sessions_wait_for_an_earlier_one_as_long_as_there_are_no_more_than_a_thousand()
    {
        foreach (int others in (int[])[MaxWaiting, MaxWaiting + 1])
        {
            var first = Ports(Frames.Session(), 40_000);
            List<byte[]> frames = [.. first[..5]];
            for (int i = 1; i <= others; i++)
            {
                frames.AddRange(Ports(Frames.Session(lines: Frames.Lines[..3]), 40_000 + i));
            }

            frames.AddRange(first[5..]);
            var ports = new List<string>();
            new Inspector(new InspectOptions(), s => ports.Add(s.Client)).Inspect(new MemoryStream(Inspection.Pcap(frames)), "capture");
            Assert.Equal(others + 1, ports.Count);
            Assert.Equal(others == MaxWaiting ? "10.0.0.1:40000" : "10.0.0.1:40001", ports[0]);
        }
    }

    [Fact]
    public void Fewer_than_two_hundred_messages_are_open_as_files_at_one_time()
    {
        using var folder = new Folder();
        var messages = new MessageFolder(folder.Path);
        var sessions = Enumerable.Range(0, 210).Select(i => Ports(Frames.Session(), 40_000 + i)).ToArray();
        // The first session has no message, and ends when all others are within theirs.
        var first = Ports(Frames.Session(lines: [.. Frames.Lines[..3], .. Frames.Lines[^2..]]), 41_000);
        var frames = first[..5].Concat(sessions.SelectMany(s => s[..13])).Concat(first[5..]).Concat(sessions.SelectMany(s => s[13..]));
        var open = new List<int>();
        var inspector = new Inspector(messages.With(new InspectOptions()), _ => open.Add(messages.Open));
        inspector.Inspect(new MemoryStream(Inspection.Pcap(frames)), "capture");
        Assert.Equal((199, 211, 210, 0), (open[0], open.Count, messages.Count, messages.Open));
        foreach (var file in Directory.GetFiles(folder.Path))
        {
            Assert.Equal("Subject: hello\r\n\r\nOne\r\nTwo\r\n", File.ReadAllText(file));
        }
    }

    [Fact]
    public void A_file_that_ends_within_its_header_is_said_to_do_so()
    {
        var whole = Inspection.Pcap(Frames.Session());
        for (int length = 0; length <= 41; length++)
        {
            var file = Inspection.Of(whole[..length]).File;
            var damage = file.Findings.Select(f => f.Text).SingleOrDefault();
            Assert.Equal(0, file.Packets);
            if (length < 12)
            {
                // Nobody knows what it is.
                Assert.True(file.Unreadable is not null || damage is not null, $"{length} octets");
                continue;
            }

            Assert.Equal((length, length < 24 ? "The file ends within its header." : length == 24 ? null
                : length < 40 ? "The file ends within a packet's header." : "The file ends within a packet."), (length, damage));
        }
    }

    [Fact]
    public void A_file_that_is_not_there_is_called_so_and_another_error_is_its_own()
    {
        using var folder = new Folder();
        foreach (var path in (string[])["none.pcap", "none/none.pcap"])
        {
            Assert.Equal("There is no such file.", Inspection.Of(Path.Combine(folder.Path, path)).File.Unreadable);
        }

        var other = Inspection.Of(folder.Path).File.Unreadable;
        Assert.NotNull(other);
        Assert.NotEqual("There is no such file.", other);
    }

    [Fact]
    public void What_a_message_lacks_is_filled_up_to_64_megabytes()
    {
        var exchange = new Exchange(Verb.DataEnd, false, 0);
        exchange.Append("abc"u8);
        exchange.Fill(100L << 20);
        Assert.Equal(64 << 20, exchange.Octets.Length);
        exchange.Fill(1);
        Assert.Equal(64 << 20, exchange.Octets.Length);
    }

    [Fact]
    public async Task A_server_that_does_not_take_a_connection_in_time_is_reported()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "A full queue of connections drops others on Linux.");
        var cancel = TestContext.Current.CancellationToken;
        using var folder = new Folder();
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(0);
        var end = (IPEndPoint)listener.LocalEndPoint!;
        using var first = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await first.ConnectAsync(end, cancel);
        var script = Assert.Single(Script.Read(folder.Write("a.pcap", Inspection.Connection(Frames.Lines)), new InspectOptions(), out _));
        var result = await new ReplayClient("127.0.0.1", end.Port, new ReplayOptions { Timeout = TimeSpan.FromMilliseconds(250) })
            .PlayAsync(script, cancel);
        Assert.Equal(("connection: captured a server, got none for 0.25 seconds", true),
            (Assert.Single(result.Differences).ToString(), result.IsUnreached));
    }

    // The client's port in each of a session's frames.
    private static List<byte[]> Ports(List<byte[]> frames, int port)
    {
        foreach (var frame in frames)
        {
            int at = frame[34] << 8 == 40_000 >> 8 << 8 ? 34 : 36;
            (frame[at], frame[at + 1]) = ((byte)(port >> 8), (byte)port);
        }

        return frames;
    }

    [Theory]
    [InlineData(4096, 4096)]
    [InlineData(4097, 4098)]
    public void Late_packets_of_so_many_ended_connections_open_no_other_one(int ended, int expected)
    {
        int opened = 0;
        var table = new TcpTable((_, _, _, _) =>
        {
            opened++;
            return new Finishing();
        });
        for (int port = 1; port <= ended; port++)
        {
            var client = new IPEndPoint(Inspection.Client.Address, port);
            Take(table, Frames.Tcp(client, Inspection.Server, 0, 0, "", Frames.Syn));
            Take(table, Frames.Tcp(Inspection.Server, client, 0, 1, "", Frames.Syn | Frames.Ack));
            Take(table, Frames.Tcp(client, Inspection.Server, 1, 1, "", Frames.Fin | Frames.Ack));
            Take(table, Frames.Tcp(Inspection.Server, client, 1, 2, "", Frames.Fin | Frames.Ack));
        }

        Take(table, Frames.Tcp(new IPEndPoint(Inspection.Client.Address, 1), Inspection.Server, 1, 1, "x"));
        Assert.Equal(expected, opened);
    }

    [Theory]
    [InlineData(32768, 0)]
    [InlineData(32769, 1)]
    [InlineData(32770, 2)]
    public void The_oldest_of_so_many_connections_is_ended(int opened, int expected)
    {
        var all = new List<Finishing>();
        var table = new TcpTable((_, _, _, _) =>
        {
            all.Add(new Finishing());
            return all[^1];
        });
        for (int port = 1; port <= opened; port++)
        {
            Take(table, Frames.Tcp(new IPEndPoint(Inspection.Client.Address, port), Inspection.Server, 0, 0, "", Frames.Syn));
        }

        Assert.All(all[..expected], s => Assert.True(s.IsIgnored));
        Assert.All(all[expected..], s => Assert.False(s.IsIgnored));
        // Another one on its ports is another connection.
        Take(table, Frames.Tcp(new IPEndPoint(Inspection.Client.Address, 1), Inspection.Server, 0, 0, "", Frames.Syn));
        Assert.Equal(opened + (expected > 0 ? 1 : 0), all.Count);
    }

    private static void Take(TcpTable table, byte[] frame)
    {
        Assert.True(new IpReader().Read(frame.AsSpan(14), out var segment));
        table.Take(segment, 1);
    }

    // Ignores what comes as soon as it is finished.
    private sealed class Finishing : IStreams
    {
        public bool IsIgnored { get; private set; }

        public void Data(int side, ReadOnlySpan<byte> octets, long time)
        {
        }

        public void Gap(int side, long length, bool cut, long time)
        {
        }

        public void End(int side, bool reset, long time)
        {
        }

        public void Finish() => IsIgnored = true;
    }
}
