using System.Net;
using BlackPony.Traces;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>TCP as captures have it.</summary>
public sealed class ReassemblyTests
{
    [Fact]
    public void A_session_in_order_is_clean() => AssertWhole(Frames.Session());

    [Fact]
    public void Sequence_numbers_wrap() => AssertWhole(Frames.Session(uint.MaxValue - 30, uint.MaxValue - 50));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Packets_out_of_order_are_put_in_order(int seed)
    {
        // Behind the opening, each packet moves up to four places.
        var random = new Random(seed);
        var frames = Frames.Session();
        AssertWhole([.. frames[..3], .. frames[3..].Select((f, i) => (Frame: f, Place: i + (random.NextDouble() * 4))).OrderBy(f => f.Place)
            .Select(f => f.Frame)]);
    }

    [Fact]
    public void Retransmissions_and_overlaps_are_read_once()
    {
        var frames = new List<byte[]>();
        foreach (var frame in Frames.Session())
        {
            frames.AddRange([frame, frame]);
        }

        // The one before and a part of this one, together.
        frames.Insert(20, frames[18]);
        AssertWhole(frames);
        AssertWhole([Frames.Client(100, 0, "", Frames.Syn), Frames.Server(500, 101, "", Frames.Syn | Frames.Ack), .. Overlapping()]);

        static IEnumerable<byte[]> Overlapping()
        {
            uint client = 101;
            uint server = 501;
            string before = "";
            foreach (var (who, text) in Frames.Lines)
            {
                if (who == 'S')
                {
                    yield return Frames.Server(server, client, text);
                    server += (uint)text.Length;
                    continue;
                }

                yield return Frames.Client(client - (uint)before.Length, server, before + text);
                client += (uint)text.Length;
                before = text;
            }

            yield return Frames.Client(client, server, "", Frames.Fin | Frames.Ack);
            yield return Frames.Server(server, client + 1, "", Frames.Fin | Frames.Ack);
        }
    }

    [Fact]
    public void A_lost_packet_is_a_gap_and_what_follows_is_read()
    {
        // Packets 3 to 16 carry the lines.
        var expected = new Dictionary<int, string>
        {
            [4] = "MAIL RCPT DATA QUIT", [6] = "EHLO RCPT DATA QUIT", [8] = "EHLO MAIL DATA QUIT", [10] = "EHLO MAIL RCPT QUIT",
                [15] = "EHLO MAIL RCPT DATA",
        };
        for (int lost = 3; lost <= 16; lost++)
        {
            var frames = Frames.Session();
            frames.RemoveAt(lost);
            var session = Inspection.Of(Inspection.Pcap(frames)).Only;
            Assert.Equal((lost, 1), (lost, session.Gaps));
            Assert.Equal((lost, expected.GetValueOrDefault(lost, Frames.Verbs)), (lost, string.Join(' ', session.Commands)));
            Assert.Equal((lost, 1), (lost, session.Messages.Count));
            Assert.Equal((lost, lost == 14 ? 0 : 250), (lost, session.Messages[0].Reply ?? 0));
            Assert.Contains(session.Findings, f => f.Id == "T-GAP");
        }
    }

    [Fact]
    public void One_side_alone_is_read()
    {
        var client = Inspection.Of(Inspection.Pcap(Frames.Session().Where(f => f[29] == 1))).Only;
        Assert.Equal(Frames.Verbs, string.Join(' ', client.Commands));
        Assert.Equal(("alice@a.test", "bob@b.test"), (client.Messages[0].From, client.Messages[0].To[0]));
        Assert.Contains(client.Findings, f => f.Id == "T-ONE-SIDED");
        var server = Inspection.Of(Inspection.Pcap(Frames.Session().Where(f => f[29] == 2))).Only;
        Assert.Equal([220, 250, 250, 250, 354, 250, 221], server.Replies);
        Assert.Equal(("10.0.0.1:40000", "10.0.0.2:25"), (server.Client, server.Server));
    }

    [Fact]
    public void A_capture_may_begin_anywhere()
    {
        var frames = Frames.Session();
        for (int from = 1; from <= 16; from++)
        {
            var session = Inspection.Of(Inspection.Pcap(frames[from..])).Only;
            // Without DATA's reply nobody knows that it is content.
            Assert.Equal((from, from <= 11 ? 1 : 0), (from, session.Messages.Count));
            Assert.True(Frames.Verbs.EndsWith(string.Join(' ', session.Commands), StringComparison.Ordinal),
                $"{from}: {string.Join(' ', session.Commands)}");
        }
    }

    [Fact]
    public void A_port_pair_used_again_is_seen_from_the_server_alone()
    {
        foreach (bool ends in (bool[])[true, false])
        {
            var first = Frames.Session(100, 500);
            var frames = ends ? first : first[..^3];
            var inspection = Inspection.Of(Inspection.Pcap([.. frames.Concat(Frames.Session(900_000, 800_000)).Where(f => f[29] == 2)]));
            Assert.Equal((ends, 2), (ends, inspection.Sessions.Count));
            Assert.All(inspection.Sessions, s => Assert.Equal([220, 250, 250, 250, 354, 250, 221], s.Replies));
            Assert.Equal(["T-ONE-SIDED", "T-ONE-SIDED"], inspection.Ids);
        }
    }

    [Fact]
    public void A_port_pair_used_again_near_the_old_numbers_is_another_connection()
    {
        // Without its opening, and nearer than what is in flight.
        var inspection = Inspection.Of(Inspection.Pcap([.. Frames.Session(100, 500), .. Frames.Session(900_000, 800_000)[3..]]));
        Assert.Equal([Frames.Verbs, Frames.Verbs], inspection.Sessions.Select(s => string.Join(' ', s.Commands)));
    }

    [Theory]
    [InlineData(100_000_000)]
    [InlineData(-100_000_000)]
    public void A_reset_from_outside_the_window_is_nobodys(int off)
    {
        var frames = Frames.Session();
        frames.Insert(8, Frames.Server(unchecked((uint)(540 + off)), 0, "", Frames.Rst));
        AssertWhole(frames);
    }

    [Fact]
    public void Behind_a_forged_reset_is_read_on()
    {
        // Behind the reply to MAIL, in the server's name.
        var frames = Frames.Session();
        uint next = 501 + (uint)Frames.Lines[..5].Where(l => l.Who == 'S').Sum(l => l.Text.Length);
        frames.Insert(8, Frames.Server(next, 0, "", Frames.Rst));
        var inspection = Inspection.Of(Inspection.Pcap(frames));
        Assert.Equal(["EHLO MAIL", "DATA QUIT"], inspection.Sessions.Select(s => string.Join(' ', s.Commands)));
        // What a true one meets on its way is no session.
        Assert.Equal("EHLO MAIL RCPT DATA QUIT",
            string.Join(' ', Inspection.Of(
            Inspection.Pcap([.. Frames.Session()[..16], Frames.Client(Quit(), 0, "", Frames.Rst), Frames.Session()[16]])).Only.Commands));

        static uint Quit() => 101 + (uint)Frames.Lines.Where(l => l.Who == 'C').Sum(l => l.Text.Length);
    }

    [Fact]
    public void A_port_pair_may_be_used_again()
    {
        var inspection = Inspection.Of(
            Inspection.Pcap([.. Frames.Session(100, 500), .. Frames.Session(3_000_000_000, 2_000_000),
            .. Frames.Session(5_000_000, 9_000_000)[3..]]));
        Assert.Equal(3, inspection.Sessions.Count);
        Assert.All(inspection.Sessions, s => Assert.Equal(Frames.Verbs, string.Join(' ', s.Commands)));
    }

    [Fact]
    public void A_reset_ends_a_session()
    {
        var session = Inspection.Of(Inspection.Pcap([.. Frames.Session()[..13], Frames.Server(700, 100, "", Frames.Rst)])).Only;
        Assert.Contains(session.Findings, f => f.Id == "T-MESSAGE-CUT");
    }

    [Fact]
    public void Sessions_come_in_the_order_in_which_they_began()
    {
        var early = new IPEndPoint(Inspection.Client.Address, 41000);
        var first = Frames.Client(1, 0, "", Frames.Syn);
        byte[][] late = [Frames.Tcp(early, Inspection.Server, 1, 0, "", Frames.Syn),
            Frames.Tcp(early, Inspection.Server, 2, 1, "EHLO early\r\n")];
        var inspection = Inspection.Of(Inspection.Pcap([.. late, .. Frames.Session()]));
        Assert.Equal([early.ToString(), Inspection.Client.ToString()], inspection.Sessions.Select(s => s.Client));
        Assert.NotEmpty(first);
    }

    [Theory]
    [InlineData(6)]
    [InlineData(14)]
    [InlineData(26)]
    public void Packets_cut_short_tell_verbs_and_codes(int snap)
    {
        var session = Inspection.Of(Inspection.Pcap(Frames.Session().Select(f => f[..Math.Min(f.Length, 54 + snap)]))).Only;
        Assert.Equal(Frames.Verbs, string.Join(' ', session.Commands));
        Assert.Equal([220, 250, 250, 250, 354, 250, 221], session.Replies);
        var message = Assert.Single(session.Messages);
        Assert.Equal((snap < 26 ? null : "alice@a.test", 1, 250), (message.From, message.To.Count, message.Reply));
        Assert.Equal(["T-CUT-PACKET"], session.Findings.Select(f => f.Id));
    }

    [Theory]
    [MemberData(nameof(BlackPonyTests.Suites), MemberType = typeof(BlackPonyTests))]
    public void An_upgrade_cut_short_is_no_deviation(string suite)
    {
        var frames = new List<byte[]>();
        using (var reader = BlackPony.Traces.Capture.CaptureReader.Open(new MemoryStream(new Secured(suite).Pcap()))!)
        {
            while (reader.Read(out var packet))
            {
                frames.Add(packet.Data.ToArray());
            }
        }

        foreach (int snap in (int[])[16, 30, 60, 200])
        {
            var session = Inspection.Of(Inspection.Pcap(frames.Select(f => f[..Math.Min(f.Length, 54 + snap)]))).Only;
            Assert.Equal(UpgradeKind.BlackPony, session.Upgrade);
            // "XBLACKPONY V1 " is 14 octets long.
            Assert.Equal(snap >= 14 + suite.Length ? suite : null, session.Suite);
            Assert.DoesNotContain(session.Findings, f => f.Level == FindingLevel.Error);
        }
    }

    [Fact]
    public void A_capture_may_go_on_in_the_next_file()
    {
        var frames = Frames.Session();
        using var folder = new Folder();
        for (int cut = 1; cut < frames.Count; cut++)
        {
            // As tcpdump -C names them; a shell gives the tenth before the second.
            var paths = new[] { "c.pcap10", "c.pcap2" }.Select(n => Path.Combine(folder.Path, n)).ToArray();
            File.WriteAllBytes(paths[1], Inspection.Pcap(frames[..cut]));
            // The packet behind the cut may have come a little before the one in front of it.
            var rest = Pcap(frames[cut..], cut > 4 ? cut - (cut % 4) : cut);
            File.WriteAllBytes(paths[0], cut % 2 == 0 ? FormatTests.Gzip(rest) : rest);
            var sessions = new List<ObservedSession>();
            var inspector = new Inspector(new InspectOptions(), sessions.Add);
            var files = inspector.Inspect(paths);
            Assert.Equal(paths, files.Select(f => f.Name));
            Assert.Equal((frames.Count - cut, cut), (files[0].Packets, files[1].Packets));
            var session = Assert.Single(sessions);
            Assert.Equal((paths[1], Frames.Verbs, 1, 0),
                (session.File, string.Join(' ', session.Commands), session.Messages.Count, session.Findings.Count));
        }
    }

    [Fact]
    public void Captures_that_do_not_follow_on_each_other_are_read_apart()
    {
        using var folder = new Folder();
        var frames = Frames.Session();
        var first = folder.Write("a.pcap", Inspection.Pcap(frames[..10]));
        var same = folder.Write("b.pcap", Inspection.Pcap(frames));
        var later = folder.Write("c.pcap", Pcap(frames[10..], 700_000));
        var transcript = Repository.At("spec", "transcripts", "pipelining.txt");
        var sessions = new List<ObservedSession>();
        new Inspector(new InspectOptions(), sessions.Add).Inspect([first, same, later, transcript]);
        Assert.Equal([transcript, first, same, later], sessions.Select(s => s.File));
        Assert.Equal([8, 3, 5, 2], sessions.Select(s => s.Commands.Count));
    }

    [Theory]
    [InlineData(8, 1)]
    [InlineData(12, 2)]
    public void Captures_that_overlap_by_no_more_than_packets_are_out_of_order_go_on(int milliseconds, int sessions)
    {
        using var folder = new Folder();
        var frames = Frames.Session();
        // The last packet of the first comes twenty milliseconds after its first.
        var first = folder.Write("a.pcap", Pcap([.. Enumerable.Repeat(frames[0], 11), .. frames[..10]], 0));
        var second = folder.Write("b.pcap", Pcap(frames[10..], 20 - milliseconds));
        var found = new List<ObservedSession>();
        new Inspector(new InspectOptions(), found.Add).Inspect([first, second]);
        Assert.Equal(sessions, found.Count);
    }

    // A packet a millisecond, from so many milliseconds on.
    private static byte[] Pcap(IEnumerable<byte[]> frames, int from)
    {
        var file = new MemoryStream();
        using var writer = new BlackPony.Traces.Capture.PcapWriter(file, BlackPony.Traces.Capture.LinkType.Ethernet);
        foreach (var frame in frames)
        {
            writer.Write(1_700_000_000_000_000_000 + (++from * 1_000_000L), frame);
        }

        return file.ToArray();
    }

    private static void AssertWhole(IEnumerable<byte[]> frames)
    {
        var session = Inspection.Of(Inspection.Pcap(frames)).Only;
        Assert.Equal(Frames.Verbs, string.Join(' ', session.Commands));
        Assert.Equal([220, 250, 250, 250, 354, 250, 221], session.Replies);
        var message = Assert.Single(session.Messages);
        Assert.Equal(("alice@a.test", 28L, 250), (message.From, message.Octets, message.Reply));
        Assert.Equal(["bob@b.test"], message.To);
        Assert.DoesNotContain(session.Findings, f => f.Level > FindingLevel.Note);
        Assert.Equal(0, session.Gaps);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_session_with_a_gap_is_over_soon_after_both_sides_ended_it(int last)
    {
        // With the last acknowledgement, and without it.
        var frames = Frames.Session()[..^last];
        frames.RemoveAt(6);
        var first = Inspection.Pcap(frames);
        // Another connection, one and then three seconds later.
        var other = new System.Net.IPEndPoint(Inspection.Client.Address, 41000);
        byte[] Later(int seconds)
        {
            var file = new MemoryStream();
            using (var writer = new BlackPony.Traces.Capture.PcapWriter(file, BlackPony.Traces.Capture.LinkType.Ethernet))
            {
                writer.Write(1_700_000_000_000_000_000 + (seconds * 1_000_000_000L),
                    Frames.Tcp(other, Inspection.Server, 1, 0, "", Frames.Syn));
            }

            return file.ToArray()[24..];
        }

        int taken = 0;
        var seen = new List<int>();
        var inspector = new BlackPony.Traces.Inspector(new BlackPony.Traces.Sessions.InspectOptions(), _ => taken++);
        inspector.Inspect(new Staged([first, Later(1), Later(3)], () => seen.Add(taken)), "capture");
        Assert.Equal([0, 0, 1], seen);
        Assert.Equal(1, taken);
    }

    /// <summary>Hands out a part for each read, and says so before the next.</summary>
    private sealed class Staged(byte[][] parts, Action read) : MemoryStream
    {
        private int _next;

        public override bool CanSeek => false;

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            if (_next > 0 && _next <= parts.Length)
            {
                read();
            }

            if (_next++ >= parts.Length)
            {
                return 0;
            }

            parts[_next - 1].CopyTo(buffer);
            return parts[_next - 1].Length;
        }
    }
}
