using System.Net;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>What stands around SMTP: proxies, TLS, other protocols on its ports.</summary>
public sealed class LayerTests
{
    private const string Hello = "\x16\x03\x01\0\x2f\x01\0\0\x2b\x03\x03" + "0123456789012345678901234567890123456789" + "\0";
    private const string ServerHello = "\x16\x03\x03\0\x2c\x02\0\0\x28\x03\x03" + "01234567890123456789012345678901" + "\0\xc0\x2f\0\0\0";

    public static TheoryData<string, (char, string)[]> Proxies => new()
    {
        { "10.0.0.2:25", [('C', "\x05\x01\0"), ('S', "\x05\0"), ('C', "\x05\x01\0\x01\x0a\0\0\x02\0\x19"),
            ('S', "\x05\0\0\x01\0\0\0\0\0\0")] },
        { "mx.b.test:25", [('C', "\x05\x02\0\x02"), ('S', "\x05\x02"), ('C', "\u0001\u0003bob\u0006sesame"), ('S', "\x01\0"),
            ('C', "\x05\x01\0\x03\x09mx.b.test\0\x19"), ('S', "\x05\0\0\x01\0\0\0\0\0\0")] },
        { "[2001:db8::2]:587", [('C', "\x05\x01\0"), ('S', "\x05\0"),
            ('C', "\x05\x01\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x02\x4b"), ('S', "\x05\0\0\x03\x03" + "abc\0\x19")] },
        { "10.0.0.2:25", [('C', "\x04\x01\0\x19\x0a\0\0\x02" + "bob\0"), ('S', "\0\x5a\0\x19\x0a\0\0\x02")] },
        { "mx.b.test:25", [('C', "\x04\x01\0\x19\0\0\0\x01\0mx.b.test\0"), ('S', "\0\x5a\0\0\0\0\0\0")] },
        { "mx.b.test:25", [('C', "CONNECT mx.b.test:25 HTTP/1.1\r\nHost: mx.b.test:25\r\n\r\n"), ('S', "HTTP/1.1 200 OK\r\n\r\n")] },
        { "mx.b.test:25", [('C', "CONNECT mx.b.test:25 HTTP/1.1\r\n\r\n"), ('S', "HTTP/1.1 407 No\r\nContent-Length: 3\r\n\r\nno!"),
            ('C', "CONNECT mx.b.test:25 HTTP/1.1\r\nProxy-Authorization: Basic Ym9iOnNlc2FtZQ==\r\n\r\n"),
            ('S', "HTTP/1.0 200 Connection established\r\n\r\n")] },
        { "proxy for 192.0.2.9:4000", [('C', "PROXY TCP4 192.0.2.9 10.0.0.2 4000 25\r\n")] },
        { "proxy for 192.0.2.9:4000", [('C', "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x09\x0a\0\0\x02\x0f\xa0\0\x19")] },
    };

    [Theory]
    [MemberData(nameof(Proxies))]
    public void A_session_through_a_proxy_begins_behind_its_handshake(string via, (char, string)[] handshake)
    {
        foreach (int port in (int[])[1080, 8080])
        {
            var server = new IPEndPoint(Inspection.Server.Address, port);
            foreach (bool together in (bool[])[false, true])
            {
                // The proxy's last octets and the greeting may come in one segment.
                (char, string)[] lines = together && handshake[^1].Item1 == 'S'
                    ? [.. handshake[..^1], ('S', handshake[^1].Item2 + Frames.Lines[0].Text), .. Frames.Lines[1..]]
                    : [.. handshake, .. Frames.Lines];
                var capture = Inspection.Connection(Inspection.Client, server, lines);
                var session = Inspection.Of(capture).Only;
                Assert.Equal((Frames.Verbs, "mx.b.test ESMTP", via), (string.Join(' ', session.Commands), session.Greeting, session.Via));
                Assert.Single(session.Messages);
                Assert.DoesNotContain(session.Findings, f => f.Level > FindingLevel.Note);
                var shown = CredentialTests.Everything(capture);
                Assert.DoesNotContain("sesame", shown, StringComparison.Ordinal);
                Assert.DoesNotContain("Ym9i", shown, StringComparison.Ordinal);
                // Octet by octet it is the same.
                var single = lines.SelectMany(l => l.Item2.Select(c => (l.Item1, c.ToString()))).ToArray();
                if (!via.StartsWith("proxy", StringComparison.Ordinal))
                {
                    Assert.Equal((Frames.Verbs, via),
                        (string.Join(' ', Inspection.Of(Inspection.Connection(Inspection.Client, server, single)).Only.Commands),
                        session.Via));
                }
            }
        }
    }

    [Fact]
    public void A_proxy_that_refuses_and_what_looks_like_one_are_no_sessions()
    {
        var server = new IPEndPoint(Inspection.Server.Address, 1080);
        foreach ((char, string)[] lines in ((char, string)[][])
        [
            [('C', "\x05\x01\0"), ('S', "\x05\xff")],
            [('C', "\x05\x01\0"), ('S', "\x05\0"), ('C', "\x05\x01\0\x01\x0a\0\0\x02\0\x19"), ('S', "\x05\x05\0\x01\0\0\0\0\0\0")],
            // A method that hides what follows, and a password that is refused.
            [('C', "\x05\x01\x01"), ('S', "\x05\x01"), ('C', "\x05\x01\0\x01\x0a\0\0\x02\0\x19"),
                ('S', "\x05\0\0\x01\0\0\0\0\0\0"), .. Frames.Lines],
            [('C', "\x05\x01\x02"), ('S', "\x05\x02"), ('C', "\u0001\u0003bob\u0006sesame"), ('S', "\x01\x01"), .. Frames.Lines],
            // Not to connect, but to wait for a connection.
            [('C', "\x05\x01\0"), ('S', "\x05\0"), ('C', "\x05\x02\0\x01\x0a\0\0\x02\0\x19"),
                ('S', "\x05\0\0\x01\0\0\0\0\0\0"), .. Frames.Lines],
            [('C', "\x04\x01\0\x19\x0a\0\0\x02\0"), ('S', "\0\x5b\0\0\0\0\0\0")],
            [('C', "CONNECT a:25 HTTP/1.1\r\n\r\n"), ('S', "HTTP/1.1 403 No\r\n\r\n")],
            [('C', "\x05\x01\0"), ('S', "\x05\0"), ('C', "\x05\x01\0\x01\x0a\0\0\x02\0\x50"), ('S', "\x05\0\0\x01\0\0\0\0\0\0"),
                ('C', "GET / HTTP/1.1\r\n\r\n")],
            [('C', "PUT /x HTTP/1.1\r\nHost: x\r\n\r\n"), ('C', "EHLO x\r\nMAIL FROM:<a@b>\r\n"), ('S', "HTTP/1.1 200 OK\r\n\r\n")],
            [('C', "POST /x HTTP/1.1\r\n\r\nEHLO x\r\n")],
        ])
        {
            Assert.Empty(Inspection.Of(Inspection.Connection(Inspection.Client, server, lines)).Sessions);
        }
    }

    [Theory]
    [InlineData(25)]
    [InlineData(465)]
    [InlineData(587)]
    [InlineData(2525)]
    public void TLS_from_the_first_octet_is_said(int port)
    {
        var session = Inspection.Of(Inspection.Connection(
            Inspection.Client, new IPEndPoint(Inspection.Server.Address, port), ('C', Hello), ('S', ServerHello),
            ('C', "\x17\x03\x03\0\x02\n\n"), ('S', "\x17\x03\x03\0\x04MAIL"))).Only;
        Assert.Equal((UpgradeKind.Tls, 0, 0), (session.Upgrade, session.Commands.Count, session.Replies.Count));
        Assert.Equal(("TLS 1.2", 0xc02f), (session.Tls!.Version, session.Tls.CipherSuite));
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void TLS_to_a_server_that_speaks_SMTP_is_no_row_of_commands()
    {
        foreach ((char, string)[] lines in (
            (char, string)[][])[[('S', "220 mx ESMTP\r\n"), ('C', Hello), ('S', "500 What\r\n")],
            [('C', Hello), ('S', "220 mx ESMTP\r\n500 What\r\n")]])
        {
            var session = Inspection.Of(Inspection.Connection(lines)).Only;
            Assert.Equal((UpgradeKind.None, 0), (session.Upgrade, session.Commands.Count));
            Assert.Equal(["T-TLS-UNEXPECTED"], session.Findings.Where(f => f.Level > FindingLevel.Note).Select(f => f.Id));
        }
    }

    [Fact]
    public void STARTTLS_refused_goes_on_and_accepted_ends_in_TLS()
    {
        var refused = Inspection.Of(Inspection.Connection(
            [.. Frames.Lines[..3], ('C', "STARTTLS\r\n"), ('S', "454 Not now\r\n"), .. Frames.Lines[3..]])).Only;
        Assert.Equal((UpgradeKind.None, 1), (refused.Upgrade, refused.Messages.Count));
        foreach (var verb in (string[])["STARTTLS", "X-ANONYMOUSTLS"])
        {
            var accepted = Inspection.Of(Inspection.Connection(
                [.. Frames.Lines[..3], ('C', verb + "\r\n"), ('S', "220 Go\r\n"), ('C', Hello), ('S', ServerHello),
                ('C', "\x17\x03\x03\0\x06QUIT\r\n")])).Only;
            Assert.Equal((UpgradeKind.StartTls, $"EHLO {verb}", "TLS 1.2"),
                (accepted.Upgrade, string.Join(' ', accepted.Commands), accepted.Tls?.Version));
        }
    }

    [Fact]
    public void A_decrypting_mirror_is_read_on_whoever_speaks_first_and_also_behind_a_handshake()
    {
        (char, string)[] upgrade = [.. Frames.Lines[..3], ('C', "STARTTLS\r\n"), ('S', "220 Go\r\n")];
        (char, string)[] inside = [.. Frames.Lines[1..3], ('C', "AUTH PLAIN AGJvYgBzZXNhbWU=\r\n"), ('S', "235 Ok\r\n"),
            .. Frames.Lines[3..]];
        foreach (var lines in ((char, string)[][])[[.. upgrade, .. inside], [.. upgrade, ('S', "220 mx.b.test ESMTP\r\n"), .. inside],
            [.. upgrade, ('C', Hello), ('S', ServerHello), .. inside]])
        {
            var session = Inspection.Of(Inspection.Connection(lines)).Only;
            Assert.True(session.IsDecrypted);
            Assert.Equal((UpgradeKind.StartTls, 250), (session.Upgrade, Assert.Single(session.Messages).Reply));
            Assert.DoesNotContain(session.Findings, f => f.Level > FindingLevel.Note);
        }
    }

    [Theory]
    [InlineData("HTTP", 'C', "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n")]
    [InlineData("SSH", 'S', "SSH-2.0-OpenSSH_9\r\n", "SSH-2.0-x\r\n")]
    [InlineData("Binary", 'C', "\x03\0\0\x13\x0e\xe0\0\0\n\n\r\n", "\x03\0\0\x13\n")]
    [InlineData("Binary", 'S', "\xff\xfd\x18\n", "\xff\xfb\x18\n")]
    public void Another_protocol_on_port_25_is_said_once(string what, char who, string first, string second)
    {
        var session = Inspection.Of(Inspection.Connection((who, first), (who == 'C' ? 'S' : 'C', second), (who, first))).Only;
        Assert.Equal((0, 0), (session.Commands.Count, session.Replies.Count));
        Assert.StartsWith(what, Assert.Single(session.Findings).Text, StringComparison.Ordinal);
        Assert.Equal("T-NOT-SMTP", session.Findings[0].Id);
    }

    [Fact]
    public void A_greeting_without_its_line_end_and_one_of_several_lines_are_read()
    {
        var bare = ((char, string)[])Frames.Lines.Clone();
        bare[0] = ('S', "220 mx.b.test ESMTP");
        bare[8] = ('S', "354 Go on");
        var session = Inspection.Of(Inspection.Connection(bare), new InspectOptions { Exchanges = true }).Only;
        Assert.Equal(("mx.b.test ESMTP", Frames.Verbs, 250),
            (session.Greeting, string.Join(' ', session.Commands), Assert.Single(session.Messages).Reply));
        Assert.Equal("220 250 250 250 354 250 221", string.Join(' ', session.Exchanges!.Select(e => e.Reply)));
        var several = ((char, string)[])Frames.Lines.Clone();
        several[0] = ('S', "220-mx.b.test ESMTP\r\n220-No spam\r\n");
        session = Inspection.Of(Inspection.Connection([.. several[..1], ('S', "220 please\r\n"), .. several[1..]])).Only;
        Assert.Equal(("mx.b.test ESMTP", 1, 0), (session.Greeting, session.Messages.Count, session.Findings.Count));
    }

    [Fact]
    public void Commands_of_extensions_are_commands()
    {
        (char, string)[] lines =
        [
            .. Frames.Lines[..3], ('C', "ETRN b.test\r\n"), ('S', "250 Ok\r\n"), ('C', "TURN\r\n"), ('S', "502 No\r\n"),
                ('C', "VRFY bob\r\n"), ('S', "252 Perhaps\r\n"), ('C', "EXPN all\r\n"), ('S', "250-a@b.test\r\n250 c@b.test\r\n"),
            ('C', "XCLIENT ADDR=192.0.2.9\r\n"), ('S', "220 mx.b.test ESMTP\r\n"), ('C', "EHLO mail.a.test\r\n"),
                ('S', "250 mx.b.test\r\n"), ('C', "X-LINK2STATE LAST CHUNK={00000010} abc\r\n"), ('S', "200 LAST CHUNK={00000010}\r\n"),
            ('C', "XEXCH50 8 2\r\n"), ('S', "354 Send binary data\r\n"), ('C', "\0\nQUIT\r\n"), ('S', "250 XEXCH50 OK\r\n"),
                .. Frames.Lines[3..],
        ];
        var session = Inspection.Of(Inspection.Connection(lines)).Only;
        Assert.Equal("EHLO ETRN TURN VRFY EXPN XCLIENT EHLO X-LINK2STATE XEXCH50 MAIL RCPT DATA QUIT", string.Join(' ', session.Commands));
        Assert.Single(session.Messages);
        Assert.Empty(session.Findings);
        var burl = Inspection.Of(Inspection.Connection(
            [.. Frames.Lines[..7], ('C', "BDAT 5\r\nhello"), ('S', "250 Ok\r\n"), ('C', "BURL imap://b.test/x LAST\r\n"),
            ('S', "250 Ok: queued as 4Z7\r\n"), .. Frames.Lines[^2..]])).Only;
        Assert.Equal((true, 5L, 250, "4Z7"),
            (Assert.Single(burl.Messages).InChunks, burl.Messages[0].Octets, burl.Messages[0].Reply, burl.Messages[0].QueueId));
    }

    [Fact]
    public void Findings_of_the_specification_are_for_those_who_speak_BlackPony()
    {
        var lines = ((char, string)[])Frames.Lines.Clone();
        lines[2] = ('S', "250-mx.b.test\r\n250-" + new string('x', 3000) + "\r\n250 PIPELINING\n");
        Assert.DoesNotContain(Inspection.Of(Inspection.Connection(lines)).Ids, i => i.StartsWith("T-4", StringComparison.Ordinal));
        lines[2] = ('S', "250-mx.b.test\r\n250-XBLACKPONY V1 ROT\n250 PIPELINING\r\n");
        Assert.Contains("T-4.3-11", Inspection.Of(Inspection.Connection(lines)).Ids);
    }

    [Fact]
    public void An_offer_is_missed_only_where_the_keywords_were_read()
    {
        (char, string)[] offered = [Frames.Lines[0], Frames.Lines[1], ('S', "250-mx.b.test\r\n250 STARTTLS\r\n"), .. Frames.Lines[3..]];
        (char, string)[][] others =
        [
            [Frames.Lines[0], Frames.Lines[1], ('S', "550 No\r\n"), ('C', "HELO mail.a.test\r\n"), ('S', "250 mx.b.test\r\n"),
                .. Frames.Lines[3..]],
            [Frames.Lines[0], Frames.Lines[1], ('S', "421 Busy\r\n")],
            [.. offered[..3], ('C', "STARTTLS\r\n"), ('S', "220 Go\r\n"), .. Frames.Lines[1..]],
            [.. offered[..3], .. Frames.Lines[1..]],
        ];
        foreach (var other in others)
        {
            Assert.DoesNotContain("T-STRIPPED-OFFER", Two(offered, other));
        }

        Assert.Contains("T-STRIPPED-OFFER", Two(offered, Frames.Lines));

        static IEnumerable<string> Two((char, string)[] first, (char, string)[] second) =>
            Inspection.Of(Inspection.Pcap([.. Frames.Session(lines: first), .. Frames.Session(3_000_000_000, 2_000_000, second)])).Ids;
    }

    [Fact]
    public void Line_ends_of_LF_alone_are_found_once()
    {
        var lines = Frames.Lines.Select(l => (l.Who, l.Who == 'C' ? l.Text.Replace("\r\n", "\n", StringComparison.Ordinal) : l.Text))
            .ToArray();
        Assert.Single(Inspection.Of(Inspection.Connection(lines)).Ids, i => i == "T-BARE-LF");
    }
}
