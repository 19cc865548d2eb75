using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>What is reported of SMTP that is out of order; what is just within the bounds is not reported.</summary>
public sealed class SmtpFindingTests
{
    private static readonly (char Who, string Text)[] ToData = Frames.Lines[..9];
    private static readonly (char Who, string Text)[] Rest = Frames.Lines[^3..];

    public static TheoryData<(char, string)[], string[]> Sessions => new()
    {
        { Frames.Lines, [] },
        { [.. ToData, ('C', "Subject: \xe4\r\n\r\n.\r\n"), .. Rest],
            ["T-8BIT: The message has octets above 127, and MAIL had no BODY=8BITMIME."] },
        { [.. Frames.Lines[..3], ('C', "MAIL FROM:<a@a.test> BODY=8BITMIME\r\n"), .. ToData[4..], ('C', "Subject: \xe4\r\n\r\n.\r\n"),
            .. Rest], [] },
        { [.. Frames.Lines[..3], ('C', "MAIL FROM:<a@a.test> BODY=BINARYMIME\r\n"), .. ToData[4..], ('C', "Subject: \x7f\xe4\r\n\r\n.\r\n"),
            .. Rest], [] },
        { [.. ToData, ('C', "Subject: \x7f\r\n\r\n.\r\n"), .. Rest], [] },
        { [.. Frames.Lines[..7], ('C', "BDAT x\r\n"), ('S', "501 No\r\n"), .. Frames.Lines[^2..]],
            ["T-BDAT-SIZE: Not a chunk size: BDAT x"] },
        { [.. Frames.Lines[..7], ('C', "BDAT 3 FIRST\r\n"), ('S', "501 No\r\n"), .. Frames.Lines[^2..]],
            ["T-BDAT-SIZE: Not a chunk size: BDAT 3 FIRST"] },
        { [.. Frames.Lines[..7], ('C', "bdat 3 last\r\none"), ('S', "250 Ok\r\n"), .. Frames.Lines[^2..]], [] },
        { [('C', "EHLO mail.a.test\r\n"), .. Frames.Lines[..1], .. Frames.Lines[2..]],
            ["T-EARLY-TALKER: The client spoke before the greeting."] },
        { [Frames.Lines[0], Frames.Lines[1], ('S', "250-mx.b.test\r\n250 8BITMIME\r\n"),
            ('C', "MAIL FROM:<alice@a.test>\r\nRCPT TO:<bob@b.test>\r\n"), ('S', "250 Ok\r\n250 Ok\r\n"), .. Frames.Lines[7..]],
            ["T-PIPELINING: RCPT comes before the reply to the preceding command, and PIPELINING was not offered."] },
        { [.. Frames.Lines[..3], ('C', "MAIL FROM:<alice@a.test>\r\nRCPT TO:<bob@b.test>\r\n"), ('S', "250 Ok\r\n250 Ok\r\n"),
            .. Frames.Lines[7..]], [] },
        { [Frames.Lines[0], Frames.Lines[1], ('S', "250-mx.b.test\r\n250 pipelining  \r\n"),
            ('C', "MAIL FROM:<alice@a.test>\r\nRCPT TO:<bob@b.test>\r\n"), ('S', "250 Ok\r\n250 Ok\r\n"), .. Frames.Lines[7..]], [] },
        { [.. Frames.Lines[..5], ('S', "250 Ok\r\n"), .. Frames.Lines[5..]], ["T-REPLY-UNASKED: The reply 250 answers no command."] },
        { [.. Frames.Lines[..5], ('S', "421 Busy\r\n")], [] },
        { [.. ToData, ('C', "Subject: x\r\n\r\n"), ('S', "552 Too large\r\n"), ('C', "One\r\n.\r\n"), .. Frames.Lines[^2..]],
            ["T-REPLY-EARLY: The reply 552 comes before the end of the message."] },
        { [.. Frames.Lines[..3], ('C', "NOOP\r\n"), ('C', "NOOP\r\n")], ["T-REPLY-MISSING: 2 commands have no reply in the capture."] },
        { [.. Frames.Lines[..3], ('C', "NOOP\r\n")], [] },
        { [.. Frames.Lines[..3], ('C', "MAIL FROM:<a@a.test>\n"), .. Frames.Lines[4..]],
            ["T-BARE-LF: A command ends in LF alone: MAIL FROM:<a@a.test>"] },
        { [.. Frames.Lines[..4], ('S', "250 Ok\n"), .. Frames.Lines[5..]], ["T-BARE-LF: A reply ends in LF alone: 250 Ok"] },
        { [.. Frames.Lines[..3], ('C', "NOOP \xe4\r\n"), ('S', "250 Ok\r\n"), .. Frames.Lines[3..]],
            [@"T-NON-ASCII: Octets above 127 in a command: NOOP \xE4"] },
        { [.. Frames.Lines[..3], ('C', "DATA\r\n"), ('S', "503 No\r\n"), ('C', "RCPT TO:<b@b.test>\r\n"), ('S', "503 No\r\n"),
            .. Frames.Lines[^2..]], ["T-SEQUENCE: The server refuses DATA as out of order."] },
        { [.. ToData, ('C', $"Subject: {new string('x', 989)}\r\n\r\n.\r\n"), .. Rest], [] },
        { [.. ToData, ('C', $"Subject: {new string('x', 999)}\r\n\r\n.\r\n"), .. Rest],
            ["T-LONG-LINE: The message's header has a line of more than 1000 octets."] },
        { [.. ToData, ('C', $"Subject: x\r\n\r\n{new string('x', 999)}\r\n.\r\n"), .. Rest], [] },
        { [.. ToData, ('C', string.Concat(Enumerable.Repeat("X-A: 0123456789012345678901234567890123456789012345678901234567\r\n", 1100))
            + "\r\n.\r\n"), .. Rest], ["T-HUGE-HEADER: The message's header has more than 65536 octets."] },
        { [.. ToData, ('C', "X: y\r\n\r\n" + string.Concat(Enumerable.Repeat($"{new string('x', 50)}\r\n", 1400)) + ".\r\n"), .. Rest],
            [] },
        { [.. ToData, ('C', "One\n.\nTwo\r\n.\r\n"), .. Rest], [Smuggled] },
        { [.. ToData, ('C', "One\n.\r\nTwo\r\n.\r\n"), .. Rest], [Smuggled] },
        { [.. ToData, ('C', "One\r\n.\nTwo\r\n.\r\n"), .. Rest], [Smuggled] },
        { [.. ToData, ('C', "One\r\n..\r\nTwo\r\n.\r\n"), .. Rest], [] },
        { [.. ToData, ('C', "One\n.x\nTwo\r\n.\r\n"), .. Rest], [] },
        { [.. Frames.Lines[..7], ('C', "BDAT 9 LAST\r\nOne\n.\nTwo"), ('S', "250 Ok\r\n"), .. Frames.Lines[^2..]], [] },
        { [.. ToData, ('C', "Subject: x\r\n")], ["T-MESSAGE-CUT: The connection ends after 12 octets of a message, without its end."] },
        { ToData, [] },
        { [.. Frames.Lines[..7], ('C', "BDAT 9\r\nOne")], ["T-MESSAGE-CUT: The connection ends 6 octets before the end of a chunk."] },
        { [.. Frames.Lines[..3], ('C', "STARTTLS\r\nEHLO x\r\n"), ('S', "220 Go\r\n")],
            ["T-STARTTLS-INJECTION: 8 octets came after STARTTLS before its reply: a lax server treats them as commands inside TLS.",
                "T-DECRYPTED: Plaintext follows STARTTLS: the capture was decrypted, or TLS was not used."] },
        { [.. Frames.Lines[..3], ('C', "STARTTLS\r\nEHLO x\r\n"), ('S', "454 No\r\n250 Ok\r\n"), .. Frames.Lines[^2..]], [] },
        { [('S', "what is this\r\n"), .. Frames.Lines], ["T-REPLY-MALFORMED: Not a reply: what is this"] },
    };

    [Theory]
    [MemberData(nameof(Sessions))]
    public void What_is_out_of_order_is_said((char, string)[] lines, string[] expected) =>
        Assert.Equal(expected, Inspection.Of(Inspection.Connection(lines)).Only.Findings.Select(f => $"{f.Id}: {f.Text}"));

    [Theory]
    [InlineData('C', 21, 10, "T-GAP: 10 octets of the client are not in the capture.")]
    [InlineData('S', 30, 3, "T-GAP: 3 octets of the server are not in the capture.")]
    public void What_the_capture_lacks_is_said(char side, int at, int length, string expected)
    {
        var session = Inspection.Of(Gaps.Connection(Frames.Lines, side, at, length), new InspectOptions { Dialogue = true }).Only;
        Assert.Equal(expected, session.Findings.Select(f => $"{f.Id}: {f.Text}").First());
        Assert.Equal(1, session.Gaps);
        Assert.Contains(session.Dialogue!, l => l.Text == "(gap)" && l.Octets == length);
    }

    [Fact]
    public void One_direction_alone_is_said()
    {
        foreach (var (who, name, port) in new[] { ('C', "client", (byte)1), ('S', "server", (byte)2) })
        {
            // The other's frames, its SYN and FIN too, are not there.
            var frames = Frames.Session().Where(f => f[29] == port);
            var session = Inspection.Of(Inspection.Pcap(frames)).Only;
            Assert.Equal(who == 'C' ? Frames.Verbs : "", string.Join(' ', session.Commands));
            Assert.Contains($"T-ONE-SIDED: Only the {name}'s direction is in the capture.",
                session.Findings.Select(f => $"{f.Id}: {f.Text}"));
        }
    }

    [Theory]
    [InlineData('C', "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP on an SMTP port: GET")]
    [InlineData('C', "PROPPATCH /x HTTP/1.1\r\n\r\n", "HTTP on an SMTP port: PROPPATCH")]
    [InlineData('S', "HTTP/1.1 200 OK\r\n", "HTTP on an SMTP port: HTTP/1.1")]
    [InlineData('C', "SSH-2.0-OpenSSH_9\r\n", @"SSH on an SMTP port: SSH-2.0-OpenSSH_9\r\n")]
    [InlineData('S', "+OK POP3 bob\r\n", "POP3 on an SMTP port: +OK …")]
    [InlineData('C', "USER bob\r\n", "POP3 on an SMTP port: USER…")]
    [InlineData('S', "* OK IMAP4rev1\r\n", @"IMAP on an SMTP port: * OK IMAP4rev1\r\n")]
    [InlineData('S', "RFB 003.008\n", @"VNC on an SMTP port: RFB 003.008\n")]
    [InlineData('S', "\u0080\n", @"Binary octets on an SMTP port: \x80\n")]
    [InlineData('C', "\x08\n", @"Binary octets on an SMTP port: \x08\n")]
    [InlineData('C', "\x03\0\0\x13\x0e\xe0\0\0\n\n\r\n", @"Binary octets on an SMTP port: \x03\x00\x00\x13\x0E\xE0\x00\x00\n\n\r\n")]
    public void Another_protocol_is_shown_by_how_it_begins(char who, string first, string expected) =>
        Assert.Equal($"T-NOT-SMTP: {expected}", Assert.Single(Inspection.Of(Inspection.Connection((who, first),
            (who == 'C' ? 'S' : 'C', "\x03\0\x01\n"), (who, first))).Only.Findings.Select(f => $"{f.Id}: {f.Text}")));

    [Theory]
    [InlineData("GET / HTTP\r\n")]
    [InlineData("get / HTTP/1.1\r\n")]
    [InlineData("RFB 1\r\n")]
    [InlineData("USERS bob\r\n")]
    [InlineData("\x09x\r\n")]
    [InlineData("\x7fx\r\n")]
    public void What_only_resembles_another_protocol_is_a_command_that_nobody_knows(string first)
    {
        (char, string)[] lines = [('C', first), ('S', "500 What\r\n"), .. Frames.Lines[^2..]];
        var session = Inspection.Of(Inspection.Connection([Frames.Lines[0], .. lines])).Only;
        Assert.Equal((2, 0), (session.Commands.Count, session.Findings.Count));
        session = Inspection.Of(Inspection.Connection(lines)).Only;
        Assert.DoesNotContain(session.Findings, f => f.Id == "T-NOT-SMTP");
    }

    [Fact]
    public void A_session_is_summed_up()
    {
        var session = Inspection.Of(Inspection.Connection(Frames.Lines), new InspectOptions { Exchanges = true }).Only;
        Assert.Equal(Frames.Lines.Where(l => l.Who == 'C').Sum(l => l.Text.Length), session.ClientOctets);
        Assert.Equal(Frames.Lines.Where(l => l.Who == 'S').Sum(l => l.Text.Length), session.ServerOctets);
        Assert.Equal("220 250 250 250 354 250 221", string.Join(' ', session.Replies));
        Assert.Equal("the greeting 220, EHLO 250, MAIL 250, RCPT 250, DATA 354, the message's end 250, QUIT 221",
            string.Join(", ", session.Exchanges!.Select(e => $"{e.Command} {e.Reply}")));
        Assert.All(session.Exchanges!, e => Assert.True(e.Seconds >= 0));
        Assert.True(session.Start < session.End);
        Assert.False(session.HasRefused);
        Assert.Equal(session.Exchanges!.Skip(1).Max(e => e.Seconds), session.SlowestReply);
    }

    [Fact]
    public void Of_a_field_that_comes_twice_the_first_counts()
    {
        var message = Assert.Single(Inspection.Of(Inspection.Connection([.. ToData,
            ('C', "subject: one\r\n and more\r\nMessage-Id: <1@a>\r\nX-Subject: no\r\n"
                + "Subject: two\r\nMESSAGE-ID: <2@a>\r\n\r\nSubject: body\r\n.\r\n"), .. Rest])).Only.Messages);
        Assert.Equal(("one and more", "1@a"), (message.Subject, message.MessageId));
    }

    [Theory]
    [InlineData(3, "550 No\r\n", true)]
    [InlineData(5, "450 No\r\n", true)]
    [InlineData(7, "554 No\r\n", true)]
    [InlineData(11, "554 No\r\n", true)]
    [InlineData(1, "502 No\r\n", false)]
    public void A_refusal_of_mail_is_counted_as_one(int command, string reply, bool refused)
    {
        var lines = Frames.Lines.Take(command == 11 ? 11 : command + 1).Append(('S', reply)).Concat(Frames.Lines[^2..]).ToArray();
        Assert.Equal(refused, Inspection.Of(Inspection.Connection(lines)).Only.HasRefused);
    }

    private const string Smuggled = "T-SMUGGLING: The message has a lone dot between line ends that are not CRLF: a lax server treats what "
        + "follows as commands (SMTP smuggling).";
}
