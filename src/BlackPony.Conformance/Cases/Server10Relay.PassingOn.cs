using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <content>What the relay reads and passes on, spec 10.2.</content>
internal static partial class Server10Relay
{
    private static IReadOnlyList<Case<ServerProbe>> PassingOn =>
    [
        // ---------------------------------------------------------------- 10.2 what the relay reads and passes on
        // [BP-10.2-1] A relay MUST end a command line at CRLF only.
        // [BP-10.2-2] A relay MUST answer a command line with a bare LF, a bare CR or a NUL with 501 and close.
        new("S-10.2-1", "A bare LF ends no command: it gets 501 and the end of the connection, and is not passed on",
            Must, Profile.Core, "BP-10.2-1 BP-10.2-2", async p =>
        {
            await p.ConnectAsync();
            await p.EhloAsync();
            await p.ProbeConnection.SendLineAsync("NOOP\nMAIL FROM:<a@probe.test>");
            var reply = await p.ProbeConnection.ReplyAsync();
            if (reply.Code != 501)
            {
                // A server for which the bare LF ended a command owes a second reply.
                await p.ProbeConnection.SendLineAsync("QUIT");
                That((await p.ProbeConnection.ReplyAsync()).Code == 221, "The bare LF ended a command.");
                That(false, $"A line with a bare LF is answered with {Show(reply.Lines[0])}.", "BP-10.2-2");
            }

            await p.ProbeConnection.ExpectClosedAsync("The connection stays open.", "BP-10.2-2");
            That(!p.Backend.Sessions.Any(s => s.Received.ToString().Contains("MAIL", StringComparison.Ordinal)),
                "What followed the bare LF reached the mail server.");
        })
        { Needs = Needs.Backend },
        // [BP-10.2-2] A relay MUST answer a command line with a bare LF, a bare CR or a NUL with 501 and close.
        new("S-10.2-2", "A bare CR or a NUL in a command gets 501 and the end of the connection",
            Must, Profile.Core, "BP-10.2-2", async p =>
        {
            await p.ConnectAsync();
            foreach (var line in (string[])["NOOP\rMAIL", "NO\0OP", "\rNOOP"])
            {
                await p.EhloAsync();
                await p.ProbeConnection.CommandAsync(line, 501);
                await p.ProbeConnection.ExpectClosedAsync("The connection stays open.");
                await p.ConnectAsync();
            }
        })
        { Needs = Needs.Backend },
        // [BP-10.2-2] A relay MUST answer a command line with a bare LF, a bare CR or a NUL with 501 and close.
        new("S-10.2-3", "Inside too a bare LF in a command gets 501 and the end", Must, Profile.Core, "BP-10.2-2", async p =>
        {
            await p.ConnectAsync();
            await p.InsideAsync();
            await p.ProbeConnection.CommandInsideAsync("NOOP\nMAIL", 501);
            await p.ProbeConnection.ExpectCloseAsync();
        })
        { Needs = Needs.Backend },
        // [BP-10.2-3] A relay MUST pass on every other command line that it does not answer itself octet by octet.
        new("S-10.2-4", "Command lines pass octet by octet", Must, Profile.Core, "BP-10.2-3", async p =>
        {
            await p.ConnectAsync();
            await p.EhloAsync();
            foreach (var line in (string[])["noop  with   spaces ", "mAiL fRoM:<a@probe.test> BODY=8BITMIME SMTPUTF8 X=\xC3\xA9",
                "VRFY \x80\xFF\t~"])
            {
                await p.ProbeConnection.SendLineAsync(line);
                await p.ProbeConnection.ReplyAsync();
                That(p.Backend.Sessions.First().Commands.Last() == line,
                    $"Sent {Show(line)}, and the mail server got {Show(p.Backend.Sessions.First().Commands.Last())}.");
            }
        })
        { Needs = Needs.Backend },
        // [BP-10.2-4] A relay MUST pass on the payload of DATA, from the backend's 354 to CRLF "." CRLF, and of BDAT, by its count, octet
        //   by octet, bare CR, bare LF, NUL and 8-bit octets included.
        new("S-10.2-5", "A payload of DATA passes octet by octet, in plaintext", Must, Profile.Core, "BP-10.2-4", async p =>
        {
            await p.ConnectAsync();
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("MAIL FROM:<a@probe.test>", 250);
            await p.ProbeConnection.CommandAsync("RCPT TO:<b@sink.test>", 250);
            await p.ProbeConnection.CommandAsync("DATA", 354);
            await p.ProbeConnection.CommandAsync(Payload + ".", 250);
            Arrived(p, 0);
        })
        { Needs = Needs.Backend },
        // [BP-10.2-4] A relay MUST pass on the payload of DATA, from the backend's 354 to CRLF "." CRLF, and of BDAT, by its count, octet
        //   by octet, bare CR, bare LF, NUL and 8-bit octets included.
        new("S-10.2-6", "A payload of DATA passes octet by octet, inside", Must, Profile.Core, "BP-10.2-4", async p =>
        {
            await p.ConnectAsync();
            await p.InsideAsync();
            await p.EnvelopeInsideAsync();
            await p.ProbeConnection.CommandInsideAsync("DATA", 354);
            await p.ProbeConnection.CommandInsideAsync(Payload + ".", 250);
            Arrived(p, 1);
        })
        { Needs = Needs.Backend },
        // [BP-10.2-4] A relay MUST pass on the payload of DATA, from the backend's 354 to CRLF "." CRLF, and of BDAT, by its count, octet
        //   by octet, bare CR, bare LF, NUL and 8-bit octets included.
        new("S-10.2-7", "A payload of BDAT passes octet by octet, by its count, commands in it included",
            Must, Profile.Core, "BP-10.2-4", async p =>
        {
            p.Backend.Extensions = ["CHUNKING", "BINARYMIME", "PIPELINING"];
            await p.ConnectAsync();
            await p.InsideAsync();
            await p.EnvelopeInsideAsync();
            var chunk = "QUIT\r\nXBLACKPONY V1 X y\r\nXCLIENT ADDR=127.0.0.1\r\n.\r\n" + Payload;
            await p.ProbeConnection.SendInsideAsync($"BDAT {chunk.Length}\r\n{chunk}BDAT 3 LAST\r\n\n\0\xFFNOOP\r\n");
            foreach (var _ in (string[])["BDAT", "BDAT LAST", "NOOP"])
            {
                var reply = await p.ProbeConnection.ReplyInsideAsync();
                That(reply.Code == 250, $"Expected 250, got {Show(reply.Lines[0])}.");
            }

            That(p.Backend.Sessions.ElementAt(1).Received.ToString()
                .EndsWith($"BDAT {chunk.Length}\r\n{chunk}BDAT 3 LAST\r\n\n\0\xFFNOOP\r\n", StringComparison.Ordinal),
                "The mail server got other octets than were sent.");
        })
        { Needs = Needs.Backend },
        // [BP-10.2-5] A relay MUST hold what follows a command that the backend may answer with 3yz (DATA, AUTH, or one that the relay
        //   doesn't know) until the backend has answered it.
        new("S-10.2-8", "What follows DATA in one segment waits for the mail server's answer", Must, Profile.Core, "BP-10.2-5", async p =>
        {
            // The mail server refuses DATA: what was sent behind it are commands, not a payload.
            p.Backend.Answer = (_, line) => line == "DATA" ? "554 5.5.1 No\r\n" : null;
            await p.ConnectAsync();
            await p.EhloAsync();
            await p.ProbeConnection.SendAsync(
                "MAIL FROM:<a@probe.test>\r\nRCPT TO:<b@sink.test>\r\nDATA\r\nXCLIENT ADDR=127.0.0.1\r\nNOOP\r\n");
            foreach (int code in (int[])[250, 250, 554, 550, 250])
                await p.ProbeConnection.ExpectAsync(code);
        })
        { Needs = Needs.Backend },
        // [BP-10.2-5] A relay MUST hold what follows a command that the backend may answer with 3yz (DATA, AUTH, or one that the relay
        //   doesn't know) until the backend has answered it.
        // [BP-10.2-3] A relay MUST pass on every other command line that it does not answer itself octet by octet.
        new("S-10.2-9", "What follows an unknown command waits for its answer: AUTH's dialogue passes",
            Must, Profile.Core, "BP-10.2-5 BP-10.2-3", async p =>
        {
            p.Backend.Extensions = ["AUTH LOGIN"];
            p.Backend.Answer = (_, line) => line == "AUTH LOGIN"
                ? "334 VXNlcm5hbWU6\r\n"
                : line == "XCLIENT" ? "334 UGFzc3dvcmQ6\r\n" : line == "c2VjcmV0" ? "235 2.7.0 Ok\r\n" : null;
            await p.ConnectAsync();
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("AUTH LOGIN", 334, "BP-10.2-3");
            await p.ProbeConnection.CommandAsync("XCLIENT", 334);
            await p.ProbeConnection.CommandAsync("c2VjcmV0", 235);
            await p.ExpectUsableAsync();
        })
        { Needs = Needs.Backend },
        // [BP-10.2-6] A relay MUST NOT answer a command instead of the backend, except XBLACKPONY, the refusals of Section 10.1, and
        //   STARTTLS inside.
        // [BP-10.2-7] A relay MUST pass on the backend's replies octet by octet, except EHLO replies.
        new("S-10.2-10", "Replies are the mail server's own, octet by octet", Must, Profile.Core, "BP-10.2-6 BP-10.2-7", async p =>
        {
            p.Backend.Answer = (_, line) => line.Split(' ')[0] switch
            {
                "NOOP" => "250-2.0.0 \xE9 first\r\n250-\r\n250 2.0.0 last \r\n",
                "VRFY" => "599 odd\r\n",
                "RSET" => "250\r\n",
                "HELP" => "214-a\r\n214 b\r\n",
                _ => null,
            };
            await p.ConnectAsync();
            await p.EhloAsync();
            foreach (var (command, reply) in (List<(string, string)>)[("NOOP", "250-2.0.0 \xE9 first|250-|250 2.0.0 last "),
                ("VRFY x", "599 odd"), ("RSET", "250"), ("HELP", "214-a|214 b")])
            {
                await p.ProbeConnection.SendLineAsync(command);
                foreach (var expected in reply.Split('|'))
                {
                    var line = await p.ProbeConnection.LineAsync();
                    bool passed = p.Backend.Sessions.First().Commands.Contains(command);
                    That(line == expected,
                        $"The mail server {(passed ? "said" : "would have said")} {Show(expected)}, and the client got "
                            + $"{Show(line ?? "the end")}.", passed ? "BP-10.2-7" : "BP-10.2-6");
                }
            }
        })
        { Needs = Needs.Backend },
        // [BP-10.2-8] In a plaintext session a relay MUST pass on the backend's positive EHLO reply with the keywords of [BP-10.1-5] and
        //   the backend's own XBLACKPONY removed and its own offer added.
        // [BP-10.2-10] A relay MUST NOT remove STARTTLS from an EHLO reply in a plaintext session.
        new("S-10.2-11", "The EHLO reply is the mail server's, with the relay's XBLACKPONY instead of any other",
            Must, Profile.Core, "BP-10.2-8 BP-10.2-10", async p =>
        {
            p.Backend.Extensions = ["SIZE 1000", "XBLACKPONY V1 ROT", "STARTTLS", "8BITMIME", "X-ODD a=b", "DSN"];
            await p.ConnectAsync();
            var reply = await p.EhloAsync();
            var lines = reply.Texts().ToList();
            That(lines[0] == "sink.test", $"The first line is {Show(lines[0])}.");
            That(lines.Count(ServerProbe.IsOffer) == 1 && !lines.Contains("XBLACKPONY V1 ROT"),
                "The mail server's XBLACKPONY was not replaced.");
            That(lines.Contains("STARTTLS"), "STARTTLS was removed.", "BP-10.2-10");
            That(lines.Skip(1).Where(l => !ServerProbe.IsOffer(l)).SequenceEqual(["SIZE 1000", "STARTTLS", "8BITMIME", "X-ODD a=b", "DSN"]),
                $"The reply lists {string.Join(", ", lines.Skip(1))}.");
        })
        { Needs = Needs.Backend },
        // [BP-10.2-9] Inside, a relay MUST pass on the backend's positive EHLO reply without XBLACKPONY, STARTTLS, and the keywords of
        //   [BP-10.1-5].
        new("S-10.2-12", "The EHLO reply inside is the mail server's, without XBLACKPONY and STARTTLS",
            Must, Profile.Core, "BP-10.2-9", async p =>
        {
            p.Backend.Extensions = ["SIZE 1000", "XBLACKPONY V1 ROT", "STARTTLS", "8BITMIME", "XCLIENT", "DSN"];
            await p.ConnectAsync();
            var lines = (await p.InsideAsync()).Texts().ToList();
            That(lines.SequenceEqual(["sink.test", "SIZE 1000", "8BITMIME", "DSN"]), $"The reply inside lists {string.Join(", ", lines)}.");
        })
        { Needs = Needs.Backend },
        // [BP-10.2-12] A relay MUST answer a command line longer than `MaxOtherCommandLine` with 500, and discard it up to its CRLF.
        new("S-10.2-13", "A command line longer than the limit gets 500, and the session goes on after its CRLF",
            Must, Profile.Core, "BP-10.2-12", async p =>
        {
            await p.ConnectAsync();
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("NOOP ".PadRight(Limits.MaxOtherCommandLine - 2, 'x'), 250);
            await p.ProbeConnection.CommandAsync("NOOP ".PadRight(Limits.MaxOtherCommandLine - 1, 'x'), 500);
            await p.ProbeConnection.CommandAsync("NOOP ".PadRight(3_000_000, 'x'), 500);
            await p.ExpectUsableAsync();
            That(p.Backend.Sessions.First().Commands.Count(c => c.StartsWith("NOOP", StringComparison.Ordinal)) == 2,
                "An over-long line reached the mail server.");
        })
        { Needs = Needs.Backend },
        // [BP-10.2-3] A relay MUST pass on every other command line that it does not answer itself octet by octet.
        // [BP-10.2-7] A relay MUST pass on the backend's replies octet by octet, except EHLO replies.
        new("S-10.2-14", "Pipelined commands are all answered, in order", Must, Profile.Core, "BP-10.2-3 BP-10.2-7", async p =>
        {
            await p.InsideAsync();
            await p.ProbeConnection.SendInsideAsync(
                "MAIL FROM:<a@probe.test>\r\nRCPT TO:<b@sink.test>\r\nRCPT TO:<c@sink.test>\r\nRSET\r\nNOOP\r\nMAIL "
                    + "FROM:<a@probe.test>\r\nRCPT TO:<b@sink.test>\r\nDATA\r\n");
            for (int i = 0; i < 7; i++)
            {
                var reply = await p.ProbeConnection.ReplyInsideAsync();
                That(reply.Code == 250, $"Reply {i + 1} is {Show(reply.Lines[0])}.");
            }

            var last = await p.ProbeConnection.ReplyInsideAsync();
            That(last.Code == 354, $"DATA is answered with {Show(last.Lines[0])}.", "BP-10.2-7");
        }),
        // [BP-10.2-14] A relay that is a plain pipe MUST say nothing of its own, and end both connections, where it would else end the
        //   session with 421, and when neither side has said anything for `NextServerTimeout`.
        new("S-10.2-15", "A mail server that goes away inside a client's TLS makes the relay end the session without a reply",
            Must, Profile.Core, "BP-10.2-14", async p =>
        {
            p.Backend.Extensions = ["STARTTLS"];
            p.Backend.Answer = (_, line) => line == "STARTTLS" ? "220 2.0.0 Go\r\n" : line == "BYE" ? "\0" : null;
            await p.ConnectAsync();
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("STARTTLS", 220);
            await p.ProbeConnection.SendLineAsync("BYE");
            await p.ProbeConnection.ExpectClosedAsync("The mail server has closed.");
        })
        { Needs = Needs.Backend },
        // [BP-10.2-15] A relay MUST pass on the code and the text of a reply, other than an EHLO reply, that has lines which are too long,
        //   too many lines, or lines that end in a bare LF; it may leave out what is above `MaxEhloLine` octets of a line or `MaxEhloLines`
        //   lines, and end each line with CRLF.
        new("S-10.2-16", "A reply with a line that is too long is passed on with its code", Must, Profile.Core, "BP-10.2-15", async p =>
        {
            p.Backend.Answer = (_, line) => line.Split(' ')[0] switch
            {
                "NOOP" => "250 2.0.0 ".PadRight(Limits.MaxEhloLine + 1000, 'x') + "\r\n",
                "VRFY" => "252-2.0.0 ".PadRight(Limits.MaxEhloLine + 1000, 'x') + "\r\n252 2.0.0 last\r\n",
                "HELP" => "214 2.0.0 bare LF\n",
                _ => null,
            };
            await p.ConnectAsync();
            await p.EhloAsync();
            foreach (var (command, expected) in (List<(string, string[])>)[("NOOP", ["250 2.0.0 xxx"]),
                ("VRFY x", ["252-2.0.0 xxx", "252 2.0.0 last"]), ("HELP\r\nRSET", ["214 2.0.0 bare LF"])])
            {
                await p.ProbeConnection.SendLineAsync(command);
                foreach (var beginning in expected)
                {
                    var line = await p.ProbeConnection.LineAsync();
                    That(line?.StartsWith(beginning, StringComparison.Ordinal) is true,
                        $"The mail server answered {command} with {Show(beginning)} and more, and the client got "
                            + $"{Show(line ?? "the end")}.");
                }
            }

            // RSET's reply is there already where the bare LF was passed on.
        })
        { Needs = Needs.Backend },
    ];
}
