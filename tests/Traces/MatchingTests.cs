using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>Which reply answers which command, where some are missing, early or held back.</summary>
public sealed class MatchingTests
{
    private static readonly (char Who, string Text)[] OneByOne =
    [
        ('S', "220 mx.b.test ESMTP\r\n"), ('C', "EHLO mail.a.test\r\n"), ('S', "250-mx.b.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n"),
            ('C', "MAIL FROM:<alice@a.test>\r\n"), ('S', "250 2.1.0 Ok\r\n"),
        ('C', "RCPT TO:<bob@b.test>\r\n"), ('S', "250 2.1.5 Ok\r\n"), ('C', "RCPT TO:<nobody@b.test>\r\n"),
            ('S', "550 5.1.1 No such user\r\n"), ('C', "RCPT TO:<carol@b.test>\r\n"), ('S', "250 2.1.5 Ok\r\n"),
        ('C', "DATA\r\n"), ('S', "354 Go on\r\n"), ('C', "Subject: hello\r\n\r\nOne\r\n.\r\n"),
            ('S', "250 2.0.0 Ok: queued as 4Z7QxyWW\r\n"), ('C', "QUIT\r\n"), ('S', "221 2.0.0 Bye\r\n"),
    ];

    private static readonly (char Who, string Text)[] Pipelined =
    [
        .. OneByOne[..3],
        ('C', "MAIL FROM:<alice@a.test>\r\nRCPT TO:<bob@b.test>\r\nRCPT TO:<nobody@b.test>\r\nRCPT TO:<carol@b.test>\r\nDATA\r\n"),
        ('S', "250 ok\r\n250 ok\r\n550 no such user\r\n250 ok\r\n354 go\r\n"), ('C', "Subject: hello\r\n\r\nOne\r\n.\r\nQUIT\r\n"),
            ('S', "250 ok\r\n221 bye\r\n"),
    ];

    public static TheoryData<bool, char, int> Losses
    {
        get
        {
            var data = new TheoryData<bool, char, int>();
            foreach (int length in (int[])[1, 2, 3, 4, 5, 7, 13, 20, 40])
            {
                foreach (bool pipelined in (bool[])[false, true])
                {
                    data.Add(pipelined, 'S', length);
                    data.Add(pipelined, 'C', length);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void Whatever_octets_are_missing_nothing_false_is_said(bool pipelined, char side, int length)
    {
        var lines = pipelined ? Pipelined : OneByOne;
        for (int at = 0; at + length <= Gaps.Octets(lines, side); at++)
        {
            var session = Inspection.Of(Gaps.Connection(lines, side, at, length), new InspectOptions { Exchanges = true, Dialogue = true })
                .Only;
            var where = $"at {at}";
            Assert.True(session.Messages.Count <= 1, where);
            foreach (var recipient in session.Messages.SelectMany(m => m.Recipients).Where(r => r.IsRefused is not null))
            {
                Assert.False(recipient.IsRefused != recipient.Address.StartsWith("nobody", StringComparison.Ordinal)
                    && !recipient.Address.Contains('?') && recipient.Address.Length > 10,
                    $"{where}: {recipient.Address} {recipient.Reply}");
            }

            Assert.All(session.Messages, m => Assert.True(m.Reply is null or 250, $"{where}: {m.Reply}"));
            Assert.All(session.Exchanges!, e =>
                Assert.True(e.Reply is null || Allowed(e.Command).Contains(e.Reply.Value), $"{where}: {e.Command} {e.Reply}"));
            // Of the client's octets a command's line may be missing, and the server's never take a message away.
            Assert.True(side == 'C' || session.Messages.Count == 1, where);
            Assert.True(side == 'C' || string.Join(' ', session.Commands) == "EHLO MAIL RCPT RCPT RCPT DATA QUIT",
                $"{where}: {string.Join(' ', session.Commands)}");
        }
    }

    [Theory]
    [InlineData('C')]
    [InlineData('S')]
    public void One_octet_that_is_missing_takes_no_message_away(char side)
    {
        for (int at = 0; at < Gaps.Octets(OneByOne, side); at++)
        {
            var session = Inspection.Of(Gaps.Connection(OneByOne, side, at, 1)).Only;
            var message = Assert.Single(session.Messages);
            Assert.Equal(250, message.Reply ?? 250);
            Assert.Equal((at, false), (at, message.To.Contains("nobody@b.test")
                && message.Recipients.Any(r => r.IsRefused == false && r.Address == "nobody@b.test")));
        }
    }

    [Fact]
    public void A_client_that_does_not_wait_has_each_reply_at_its_command()
    {
        var all = string.Concat(OneByOne.Where(l => l.Who == 'C').Select(l => l.Text));
        var replies = OneByOne.Where(l => l.Who == 'S').Select(l => ('S', l.Text)).ToArray();
        var session = Inspection.Of(Inspection.Connection([('C', all), .. replies])).Only;
        var message = Assert.Single(session.Messages);
        Assert.Equal(("bob@b.test carol@b.test", 250, "4Z7QxyWW"), (string.Join(' ', message.To), message.Reply, message.QueueId));
        Assert.Equal(["T-EARLY-TALKER"], session.Findings.Select(f => f.Id));
        // Two messages, of which the first is refused at DATA: its lines are no second message.
        session = Inspection.Of(Inspection.Connection(
        [
            ('C', "HELO x\r\nMAIL FROM:<a@a.test>\r\nDATA\r\nhello\r\n.\r\nMAIL FROM:<b@a.test>\r\nRCPT "
                + "TO:<c@b.test>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n"),
            ('S', "220 mx\r\n"),
            ('S', "250 mx\r\n250 ok\r\n503 no recipients\r\n500 what\r\n500 what\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n221 bye\r\n"),
        ])).Only;
        Assert.Equal(("b@a.test", 250), (Assert.Single(session.Messages).From, session.Messages[0].Reply));
    }

    [Fact]
    public void An_early_message_longer_than_is_held_back_is_refused_if_its_DATA_is()
    {
        var body = string.Concat(Enumerable.Repeat("A line of a long message.\r\n", 4000));
        (char, string)[] sent = [('C', "HELO x\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n" + body + ".\r\n"),
            ('S', "220 mx\r\n250 mx\r\n250 ok\r\n550 no\r\n")];
        Assert.DoesNotContain(Inspection.Of(
            Inspection.Connection([.. sent, ('S', "554 no\r\n500 what\r\n500 what\r\n421 too many errors\r\n")])).Only.Messages,
            m => m.IsRefused == false);
        var accepted = Inspection.Of(Inspection.Connection(
            [.. sent[..1], ('S', "220 mx\r\n250 mx\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n")])).Only;
        Assert.Equal((250, (long)body.Length), (Assert.Single(accepted.Messages).Reply, accepted.Messages[0].Octets));
    }

    [Fact]
    public void However_long_a_server_is_silent_all_that_the_client_sent_is_listed()
    {
        for (int silent = 1; silent < OneByOne.Length; silent++)
        {
            // From here on only the client is heard.
            var session = Inspection.Of(Inspection.Connection([.. OneByOne[..silent], .. OneByOne[silent..].Where(l => l.Who == 'C')]))
                .Only;
            Assert.Equal("EHLO MAIL RCPT RCPT RCPT DATA QUIT", string.Join(' ', session.Commands));
            var message = Assert.Single(session.Messages);
            Assert.Equal((silent, silent < 15 ? null : (int?)250), (silent, message.Reply));
            Assert.Equal((silent, silent < 9 ? null : (bool?)true), (silent, message.Recipients[1].IsRefused));
        }
    }

    [Fact]
    public void Replies_that_are_missing_altogether_are_unknown_and_the_next_belong_where_they_belong()
    {
        for (int lost = 0; lost < OneByOne.Length; lost++)
        {
            if (OneByOne[lost].Who == 'C')
            {
                continue;
            }

            int before = OneByOne[..lost].Where(l => l.Who == 'S').Sum(l => l.Text.Length);
            var session = Inspection.Of(Gaps.Connection(OneByOne, 'S', before, OneByOne[lost].Text.Length),
                new InspectOptions { Exchanges = true }).Only;
            string Code(int line, string code) => lost == line ? "?" : code;
            Assert.Equal(
                $"{Code(0, "220")} {Code(2, "250")} {Code(4, "250")} {Code(6, "250")} {Code(8, "550")} {Code(10, "250")} "
                    + $"{Code(12, "354")} {Code(14, "250")} {Code(16, "221")}",
                string.Join(' ', session.Exchanges!.Select(
                    e => e.Reply?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "?")));
        }
    }

    [Fact]
    public void Only_one_side_captured_the_other_is_unknown()
    {
        var client = Inspection.Of(Inspection.Pcap(Frames.Session(lines: Pipelined).Where(f => f[29] == 1))).Only;
        Assert.Equal("EHLO MAIL RCPT RCPT RCPT DATA QUIT", string.Join(' ', client.Commands));
        Assert.All(Assert.Single(client.Messages).Recipients, r => Assert.Null(r.IsRefused));
        var server = Inspection.Of(Inspection.Pcap(Frames.Session(lines: Pipelined).Where(f => f[29] == 2))).Only;
        Assert.Equal([220, 250, 250, 250, 550, 250, 354, 250, 221], server.Replies);
    }

    [Fact]
    public void Each_direction_in_a_file_of_its_own_is_one_session_when_merged()
    {
        using var folder = new Folder();
        var frames = Frames.Session(lines: OneByOne);
        // The times are those of one capture.
        var times = frames.Select((_, i) => 1_700_000_000_000_000_000 + (i * 1_000_000L)).ToList();
        string[] paths = [.. ((byte[])[1, 2]).Select(side =>
        {
            var half = new MemoryStream();
            using var writer = new BlackPony.Traces.Capture.PcapWriter(half, BlackPony.Traces.Capture.LinkType.Ethernet);
            for (int i = 0; i < frames.Count; i++)
            {
                if (frames[i][29] == side)
                {
                    writer.Write(times[i], frames[i]);
                }
            }

            return folder.Write($"{side}.pcap", half.ToArray());
        })];
        var sessions = new List<ObservedSession>();
        var reports = new BlackPony.Traces.Inspector(new InspectOptions(), sessions.Add) { Merge = true }.Inspect(paths);
        var message = Assert.Single(Assert.Single(sessions).Messages);
        Assert.Equal((250, "bob@b.test carol@b.test"), (message.Reply, string.Join(' ', message.To)));
        Assert.Empty(sessions[0].Findings);
        Assert.Equal(frames.Count, reports.Sum(r => r.Packets));
    }

    private static int[] Allowed(string command) => command switch
    {
        "the greeting" => [220],
        "DATA" => [354],
        "QUIT" => [221],
        "RCPT" => [250, 550],
        // Of which an octet is missing.
        _ when command.Contains('?') => [220, 221, 250, 354, 550],
        _ => [250],
    };
}
