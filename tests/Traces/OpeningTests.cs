using System.Net;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>How connections begin, and where captures do: in pieces, without a line end, in the middle.</summary>
public sealed class OpeningTests
{
    private const string Hello = "\x16\x03\x01\0\x2f\x01\0\0\x2b\x03\x03" + "0123456789012345678901234567890123456789" + "\0";
    private const string Binary = "\x8a\0\x01\x02\x03\n\xff\x10\x11";

    [Theory]
    [InlineData(25, 1)]
    [InlineData(465, 1)]
    [InlineData(465, 3)]
    [InlineData(587, 5)]
    [InlineData(2525, 2)]
    public void A_TLS_hello_in_pieces_is_one(int port, int piece)
    {
        var server = new IPEndPoint(Inspection.Server.Address, port);
        var pieces = Hello.Chunk(piece).Select(c => ('C', new string(c))).ToArray();
        var session = Inspection.Of(Inspection.Connection(Inspection.Client, server, pieces)).Only;
        Assert.Equal((UpgradeKind.Tls, 0), (session.Upgrade, session.Commands.Count));
        Assert.Empty(session.Findings);
        // Behind a greeting it is no row of commands either.
        session = Inspection.Of(Inspection.Connection(
            Inspection.Client, server, [('S', "220 mx ESMTP\r\n"), .. pieces, ('S', "500 What\r\n")])).Only;
        Assert.Empty(session.Commands);
        Assert.Equal(["T-TLS-UNEXPECTED"], session.Findings.Where(f => f.Level > FindingLevel.Note).Select(f => f.Id));
    }

    [Theory]
    [InlineData("220 mx.b.test ESMTP")]
    [InlineData("220 mx.b.test ESMTP\r")]
    public void A_greeting_without_its_line_end_came_before_the_client(string greeting)
    {
        var session = Inspection.Of(
            Inspection.Connection([('S', greeting), .. Frames.Lines[1..]]), new InspectOptions { Dialogue = true }).Only;
        Assert.Equal((Frames.Verbs, "mx.b.test ESMTP"), (string.Join(' ', session.Commands), session.Greeting));
        Assert.Equal("220 mx.b.test ESMTP", session.Dialogue![0].Text);
        Assert.Equal("T-REPLY-MALFORMED", Assert.Single(session.Findings).Id);
    }

    [Theory]
    [InlineData(465, 'C', "\x17\x03\x03\0\x06QUIT\r\n", UpgradeKind.Tls)]
    [InlineData(465, 'S', "\x17\x03\x03\0\x06" + "221 \r\n", UpgradeKind.Tls)]
    [InlineData(465, 'C', Binary, UpgradeKind.Tls)]
    [InlineData(587, 'C', "\x17\x03\x03\0\x06QUIT\r\n", UpgradeKind.StartTls)]
    [InlineData(25, 'S', "\x15\x03\x03\0\x02\x01\x02", UpgradeKind.StartTls)]
    [InlineData(25, 'S', Binary, UpgradeKind.StartTls)]
    public void A_capture_that_begins_within_TLS_has_no_commands(int port, char who, string first, UpgradeKind kind)
    {
        var session = Middle(port, (who, first), ('C', "\x17\x03\x03\0\x06QUIT\r\n"), ('S', Binary), ('S', "250 no reply\r\n")).Only;
        Assert.Equal((kind, 0, 0), (session.Upgrade, session.Commands.Count, session.Replies.Count));
        Assert.Equal(["T-MIDSTREAM"], session.Findings.Select(f => f.Id));
    }

    [Theory]
    [InlineData("50 Ok\r\n")]
    [InlineData("mx.b.test\r\n250-PIPELINING\r\n250 SIZE\r\n")]
    public void A_capture_that_begins_within_a_reply_makes_it_no_malformed_one(string rest)
    {
        var session = Middle(25, [('S', rest), .. Frames.Lines[3..]]).Only;
        Assert.Equal("MAIL RCPT DATA QUIT", string.Join(' ', session.Commands));
        Assert.Equal(250, Assert.Single(session.Messages).Reply);
        Assert.Equal(["T-MIDSTREAM"], session.Findings.Select(f => f.Id));
        // Behind a reply that was read it is one.
        session = Middle(25, [('S', rest), .. Frames.Lines[3..5], ('S', "50 Ok\r\n"), .. Frames.Lines[5..]]).Only;
        Assert.Contains("T-REPLY-MALFORMED", session.Findings.Select(f => f.Id));
    }

    [Fact]
    public void Replies_that_come_before_their_commands_answer_none_and_begin_no_message()
    {
        var server = string.Concat(Frames.Lines.Where(l => l.Who == 'S').Select(l => l.Text));
        var client = string.Concat(Frames.Lines.Where(l => l.Who == 'C').Select(l => l.Text));
        var session = Inspection.Of(Inspection.Connection(('S', server), ('C', client))).Only;
        Assert.Equal(Frames.Verbs, string.Join(' ', session.Commands));
        var message = Assert.Single(session.Messages);
        Assert.Equal(("alice@a.test", null, null), (message.From, message.Reply, message.Recipients[0].IsRefused));
    }

    [Fact]
    public void Mail_that_ends_in_LF_throughout_is_said_to_be_smuggling_once()
    {
        var lines = Frames.Lines.Select(l => (l.Who, l.Text.Replace("\r\n", "\n", StringComparison.Ordinal))).ToArray();
        var session = Inspection.Of(Inspection.Connection(lines)).Only;
        Assert.Equal(250, Assert.Single(session.Messages).Reply);
        Assert.Equal(["T-BARE-LF", "T-SMUGGLING"], session.Findings.Select(f => f.Id));
    }

    [Theory]
    [InlineData("PROXY TCP4 192.0.2.9 10.0.0.2 4000 25\r\n", "proxy for 192.0.2.9:4000")]
    [InlineData("PROXY TCP6 2001:db8::9 2001:db8::2 4000 25\r\n", "proxy for [2001:db8::9]:4000")]
    [InlineData("PROXY TCP4 192.0.2.9 10.0.0.2 65535 25\r\n", "proxy for 192.0.2.9:65535")]
    [InlineData("PROXY TCP4 192.0.2.9 10.0.0.2 65536 25\r\n", "proxy")]
    [InlineData("PROXY TCP4 someone 10.0.0.2 4000 25\r\n", "proxy")]
    [InlineData("PROXY UNKNOWN\r\n", "proxy")]
    [InlineData("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x09\x0a\0\0\x02\x0f\xa0\0\x19", "proxy for 192.0.2.9:4000")]
    [InlineData("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xc0\0\x02\x09\x0a\0\0\x02\x0f\xa0\0\x19\x01\0\0", "proxy for 192.0.2.9:4000")]
    [InlineData("\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09"
        + "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x0f\xa0\0\x19", "proxy for [2001:db8::9]:4000")]
    [InlineData("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "proxy")]
    public void The_client_that_a_balancer_names_is_said_however_its_header_comes(string header, string via)
    {
        foreach (int piece in (int[])[1, 7, header.Length])
        {
            // Before the greeting, one octet is none that a balancer can begin with alone.
            (char, string)[] lines = [.. header.Chunk(piece).Select(c => ('C', new string(c))), .. Frames.Lines];
            var session = Inspection.Of(Inspection.Connection(lines)).Only;
            if (piece > 1)
            {
                Assert.Equal((via, Frames.Verbs, 0), (session.Via, string.Join(' ', session.Commands), session.Findings.Count));
            }

            Assert.Equal(lines.Where(l => l.Item1 == 'C').Sum(l => l.Item2.Length), session.ClientOctets);
        }

        // Anonymized the header has its form, and another client.
        using var folder = new Folder();
        var path = folder.Write("proxied.pcap", Inspection.Connection([('C', header), .. Frames.Lines]));
        var pcap = new MemoryStream();
        new BlackPony.Traces.Conversion.Converter(new InspectOptions(), new BlackPony.Conformance.Peers.SeededRandom("tests", "proxy"))
            .ToPcap(path, pcap, out _);
        var anonymous = Inspection.Of(pcap.ToArray()).Only;
        Assert.StartsWith("proxy", anonymous.Via, StringComparison.Ordinal);
        Assert.Equal(header.Length + Frames.Lines.Where(l => l.Who == 'C').Sum(l => l.Text.Length), anonymous.ClientOctets);
        Assert.DoesNotContain("192.0.2.9", anonymous.Via, StringComparison.Ordinal);
        Assert.DoesNotContain("2001:db8::9", anonymous.Via, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PROXY ")]
    [InlineData("PROXY TCP4 192.0.2.9")]
    [InlineData("\r\n\r\n\0\r\nQUIT\n\x21\x11\0")]
    public void A_header_that_does_not_end_is_no_session_that_breaks(string header)
    {
        var session = Inspection.Of(Inspection.Connection([('C', header)])).Only;
        Assert.Equal((header.Length, null), (session.ClientOctets, session.Via));
        // Nor is a line of that verb that is longer than any header.
        session = Inspection.Of(Inspection.Connection([('C', "PROXY " + new string('x', 102) + "\r\n"), .. Frames.Lines])).Only;
        Assert.Null(session.Via);
    }

    // A connection of which the beginning was not captured.
    private static Inspection Middle(int port, params (char Who, string Text)[] lines)
    {
        var server = new IPEndPoint(Inspection.Server.Address, port);
        var (client, mine) = (100u, 500u);
        var frames = new List<byte[]>();
        foreach (var (who, text) in lines)
        {
            frames.Add(who == 'C' ? Frames.Tcp(Inspection.Client, server, client, mine, text)
                : Frames.Tcp(server, Inspection.Client, mine, client, text));
            client += who == 'C' ? (uint)text.Length : 0;
            mine += who == 'S' ? (uint)text.Length : 0;
        }

        return Inspection.Of(Inspection.Pcap(frames, LinkType.Ethernet));
    }
}
