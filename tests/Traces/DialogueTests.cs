using System.Net;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>What stands in dialogues, and who is who in them.</summary>
public sealed class DialogueTests
{
    [Fact]
    public void The_port_that_was_connected_to_counts()
    {
        // A client that sends from port 25.
        var session = Inspection.Of(Inspection.Connection(IPEndPoint.Parse("10.0.0.1:25"), IPEndPoint.Parse("10.0.0.2:2525"), Frames.Lines))
            .Only;
        Assert.Equal(("10.0.0.1:25", "10.0.0.2:2525", Frames.Verbs), (session.Client, session.Server, string.Join(' ', session.Commands)));
    }

    [Theory]
    [InlineData("PROXY TCP4 192.0.2.9 10.0.0.2 4000 25\r\n")]
    [InlineData("PROXY UNKNOWN\r\n")]
    [InlineData("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x09\x0a\0\0\x02\x0f\xa0\0\x19")]
    [InlineData("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")]
    public void What_a_balancer_says_first_is_no_SMTP(string header)
    {
        foreach (int port in (int[])[25, 2525])
        {
            var server = new IPEndPoint(Inspection.Server.Address, port);
            foreach (var lines in ((char, string)[][])[[('C', header), .. Frames.Lines],
                [Frames.Lines[0], ('C', header + Frames.Lines[1].Text), .. Frames.Lines[2..]]])
            {
                var session = Inspection.Of(Inspection.Connection(Inspection.Client, server, lines)).Only;
                Assert.Equal((Frames.Verbs, 1, 0), (string.Join(' ', session.Commands), session.Messages.Count, session.Findings.Count));
            }
        }
    }

    [Fact]
    public void A_chunk_that_the_client_leaves_out_after_a_refusal_is_said_to_be_none()
    {
        var session = Inspection.Of(Inspection.Connection([.. Frames.Lines[..7], ('C', "BDAT 4\r\na\r\n\n"), ('S', "554 No\r\n"),
            ('C', "BDAT 9 LAST\r\n"), ('C', "RSET\r\n"), ('S', "503 No\r\n250 Ok\r\n"), .. Frames.Lines[^2..]]),
            new InspectOptions { Dialogue = true }).Only;
        Assert.Equal("EHLO MAIL RCPT BDAT BDAT RSET QUIT", string.Join(' ', session.Commands));
        Assert.Single(session.Dialogue!, l => l.Text == "(no chunk)");
    }

    [Fact]
    public void A_message_answered_before_its_end_is_not_answered_again()
    {
        (char, string)[] early = [.. Frames.Lines[..9], ('C', "Subject: x\r\n\r\nOne\r\n"), ('S', "552 Too large\r\n"),
            ('C', "Two\r\n.\r\n"), ('C', "QUIT\r\n"), ('S', "221 Bye\r\n")];
        var session = Inspection.Of(Inspection.Connection(early)).Only;
        Assert.Equal(552, Assert.Single(session.Messages).Reply);
        Assert.Equal(["T-REPLY-EARLY"], session.Findings.Select(f => f.Id));
    }

    [Fact]
    public void Messages_that_come_together_have_each_its_own_envelope_and_reply()
    {
        (char, string)[] lines =
        [
            .. Frames.Lines[..3],
            ('C', "MAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nBDAT 3\r\noneBDAT 3 LAST\r\ntwoMAIL FROM:<c@a.test>\r\nRCPT "
                + "TO:<d@b.test>\r\nBDAT 0 LAST\r\nQUIT\r\n"),
            ('S', "250 1\r\n250 2\r\n250 3\r\n250 4\r\n250 5\r\n250 6\r\n452 7\r\n221 8\r\n"),
        ];
        var capture = Inspection.Connection(lines);
        var both = Inspection.Of(capture).Only.Messages;
        Assert.Equal([("a@a.test", "b@b.test", 6, 250), ("c@a.test", "d@b.test", 0, 452)],
            both.Select(m => (m.From!, m.To.Single(), m.Octets, m.Reply ?? 0)));
        var client = Inspection.Of(Inspection.Connection([.. lines.Where(l => l.Item1 == 'C')])).Only.Messages;
        Assert.Equal([("a@a.test", "b@b.test", 6, 0), ("c@a.test", "d@b.test", 0, 0)],
            client.Select(m => (m.From!, m.To.Single(), m.Octets, m.Reply ?? 0)));
    }

    [Fact]
    public void The_last_chunk_may_be_answered_before_it_is_there()
    {
        var session = Inspection.Of(Inspection.Connection(
        [
            .. Frames.Lines[..7], ('C', "BDAT 6 LAST\r\none"), ('S', "552 Full\r\n"), ('C', "two"),
            ('C', "MAIL FROM:<c@a.test>\r\n"), ('S', "250 Ok\r\n"), ('C', "RCPT TO:<d@b.test>\r\n"), ('S', "250 Ok\r\n"),
                ('C', "BDAT 3 LAST\r\none"), ('S', "250 Ok\r\n"),
        ])).Only;
        Assert.Equal([552, 250], session.Messages.Select(m => m.Reply));
        Assert.Equal("c@a.test", session.Messages[1].From);
    }

    [Fact]
    public void LMTP_answers_a_message_once_for_each_recipient()
    {
        (char, string)[] opening = [('S', "220 l.b.test LMTP\r\n"), ('C', "LHLO mail.a.test\r\n"),
            ('S', "250-l.b.test\r\n250-CHUNKING\r\n250 PIPELINING\r\n")];
        (char, string)[] end = [('C', "RSET\r\n"), ('S', "250 Ok\r\n"), ('C', "QUIT\r\n"), ('S', "221 Bye\r\n")];
        var chunk = Inspection.Of(Inspection.Connection(
        [
            .. opening,
            ('C', "MAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nRCPT TO:<x@b.test>\r\nRCPT TO:<c@b.test>\r\nBDAT 3 LAST\r\none"),
            ('S', "250 1\r\n250 2\r\n550 3\r\n250 4\r\n250 b\r\n452 c\r\n"), .. end,
        ])).Only;
        var data = Inspection.Of(Inspection.Connection(
        [
            .. opening, ('C', "MAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nRCPT TO:<x@b.test>\r\nRCPT TO:<c@b.test>\r\nDATA\r\n"),
            ('S', "250 1\r\n250 2\r\n550 3\r\n250 4\r\n354 Go\r\n"), ('C', "one\r\n.\r\n"), ('S', "250 b\r\n452 c\r\n"), .. end,
        ])).Only;
        foreach (var session in new[] { chunk, data })
        {
            var message = Assert.Single(session.Messages);
            Assert.Equal(("a@a.test", "b@b.test", 250), (message.From, string.Join(' ', message.To), message.Reply));
            Assert.Equal("b@b.test 250 False, x@b.test 550 True, c@b.test 452 True",
                string.Join(", ", message.Recipients.Select(r => $"{r.Address} {r.Reply} {r.IsRefused}")));
            Assert.Empty(session.Findings);
        }
    }

    [Fact]
    public void Lines_longer_than_any_are_found_and_what_follows_is_read()
    {
        var session = Inspection.Of(Inspection.Connection(
        [
            ('S', $"220 mx.b.test ESMTP {new string('x', 200_000)}\r\n"), .. Frames.Lines[1..3],
                ('C', $"NOOP {new string('x', 200_000)}\r\n"), ('S', "500 Too long\r\n"), .. Frames.Lines[3..],
        ])).Only;
        Assert.Equal(["EHLO", "NOOP", "MAIL", "RCPT", "DATA", "QUIT"], session.Commands);
        Assert.Equal(["A reply line of more than 4096 octets.", "A command line of more than 65536 octets."],
            session.Findings.Where(f => f.Id == "T-LINE-TOO-LONG").Select(f => f.Text));
    }

    [Fact]
    public void The_command_that_asks_for_SMTPUTF8_may_use_it()
    {
        var lines = ((char, string)[])Frames.Lines.Clone();
        lines[3] = ('C', "MAIL FROM:<\u00c3\u00a9@a.test> SMTPUTF8\r\n");
        Assert.Empty(Inspection.Of(Inspection.Connection(lines)).Only.Findings);
        lines[3] = ('C', "MAIL FROM:<\u00c3\u00a9@a.test>\r\n");
        Assert.Equal(["T-NON-ASCII"], Inspection.Of(Inspection.Connection(lines)).Ids);
    }

    [Theory]
    [InlineData("<bob@b.test>", "bob@b.test")]
    [InlineData("<\"x> y\"@b.test> NOTIFY=NEVER", "\"x> y\"@b.test")]
    [InlineData("<\"a\\\"> b\"@b.test>", "\"a\\\"> b\"@b.test")]
    [InlineData(" bob@b.test NOTIFY=NEVER", "bob@b.test")]
    [InlineData("<>", "")]
    public void A_path_ends_where_its_quotes_say(string path, string address)
    {
        var lines = ((char, string)[])Frames.Lines.Clone();
        lines[5] = ('C', $"RCPT TO:{path}\r\n");
        Assert.Equal([address.Replace("\\", "\\x5C", StringComparison.Ordinal)],
            Assert.Single(Inspection.Of(Inspection.Connection(lines)).Only.Messages).To);
    }

    [Fact]
    public void A_side_that_says_nothing_is_in_the_capture_if_it_ends()
    {
        Assert.Empty(Inspection.Of(Inspection.Connection(('S', "421 Busy\r\n"))).Only.Findings);
        Assert.Contains("T-NOT-SMTP", Inspection.Of(
            Inspection.Connection(('C', "GET / HTTP/1.1\r\n\r\n"), ('S', "HTTP/1.1 400 No\r\n\r\n"))).Ids);
    }
}
