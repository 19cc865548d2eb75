using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Tls;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>What is left of the session outside, and how the one inside goes on; profile core of spec/starttls.md.</summary>
internal static class StartTlsSessionState
{
    public static IReadOnlyList<Case<StartTlsProbe>> Cases { get; } =
    [
        // [TLS-4.2-8] A server MUST NOT send a greeting or any other reply after the handshake before it has received a command.
        // [TLS-5321.4.2-1] A server MUST send exactly one reply to each command.
        new("TS-4.2-1", "Nothing comes inside before a command", Must, Profile.Core, "TLS-4.2-8 TLS-5321.4.2-1", async p =>
        {
            await p.Connection.SendLineAsync("NOOP");
            var right = await p.Connection.ReplyAsync();
            await p.AgainAsync();
            await p.BeginAsync();
            await p.Connection.SendLineAsync("NOOP");
            var reply = await p.Connection.ReplyAsync();
            That(reply.Code == right.Code || (reply.Code >= 500) == (right.Code >= 500) && reply.Code != 220,
                $"The first reply inside is {Show(reply.Lines[0])}; at the start of a session NOOP is answered with "
                    + $"{Show(right.Lines[0])}.");
            await p.Connection.SendLineAsync("EHLO probe.test");
            reply = await p.Connection.ReplyAsync();
            That(reply.Code == 250 && reply.Lines.Count > 1, $"EHLO after NOOP inside is answered with {Show(reply.Lines[0])}.",
                "TLS-5321.4.2-1");
        }),
        // [TLS-4.2-2] A server MUST answer commands after the handshake as it answers them at the start of a session, before EHLO.
        // [TLS-4.2-1] A server MUST discard the name that the client gave with EHLO or HELO before the handshake.
        AsAtStart("TS-4.2-2", "MAIL inside without EHLO is answered as at the start of a session", "TLS-4.2-2 TLS-4.2-1", "MAIL FROM:<>"),
        // [TLS-4.2-2] A server MUST answer commands after the handshake as it answers them at the start of a session, before EHLO.
        AsAtStart("TS-4.2-3", "MAIL with SIZE= inside without EHLO is answered as at the start of a session", "TLS-4.2-2",
            "MAIL FROM:<> SIZE=1"),
        // [TLS-4.2-2] A server MUST answer commands after the handshake as it answers them at the start of a session, before EHLO.
        AsAtStart("TS-4.2-4", "VRFY, NOOP and RSET inside without EHLO are answered as at the start of a session", "TLS-4.2-2",
            "VRFY postmaster", "NOOP", "RSET"),
        // [TLS-4.2-1] A server MUST discard the name that the client gave with EHLO or HELO before the handshake.
        new("TS-4.2-5", "The name from before TLS is in no Received field", Must, Profile.Core, "TLS-4.2-1", async p =>
        {
            string first = p.Marker(), second = p.Marker(), outside = $"{first[7..15]}.outside.test";
            await p.BeginAsync(name: outside);
            await p.Connection.CommandAsync("EHLO inside.test", 250);
            await p.DeliverAsync(first);
            await p.AgainAsync();
            await p.BeginAsync(name: outside);
            await p.Connection.SendLineAsync("MAIL FROM:<>");
            if (await p.Connection.ReplyAsync() is { Code: 250 })
            {
                await p.Connection.CommandAsync("RSET", 250);
                await p.DeliverAsync(second);
                await p.MailAsync(second);
            }

            var mail = await p.MailAsync(first);
            That(!mail.Contains(outside, StringComparison.OrdinalIgnoreCase),
                $"The name {outside}, which EHLO gave before TLS, is in the mail.");
        })
        { Needs = Needs.Local | Needs.Mailbox },
        // [TLS-4.2-3] A server MUST discard the sender, recipients and data of a transaction that was begun before the handshake.
        new("TS-4.2-6", "A transaction from before TLS is gone: DATA", Must, Profile.Core, "TLS-4.2-3", async p =>
        {
            await p.OpenAsync();
            await OutsideAsync(p, "MAIL FROM:<>", $"RCPT TO:<{p.Facts.Local[0]}>");
            if (await p.LateAsync())
                await GoneAsync(p, "DATA");
        })
        { Needs = Needs.Local },
        // [TLS-4.2-3] A server MUST discard the sender, recipients and data of a transaction that was begun before the handshake.
        new("TS-4.2-7", "A transaction from before TLS is gone: RCPT", Must, Profile.Core, "TLS-4.2-3", async p =>
        {
            await p.OpenAsync();
            await OutsideAsync(p, "MAIL FROM:<>");
            if (await p.LateAsync())
                await GoneAsync(p, $"RCPT TO:<{p.Facts.Local[0]}>");
        })
        { Needs = Needs.Local },
        // [TLS-4.2-3] A server MUST discard the sender, recipients and data of a transaction that was begun before the handshake.
        // [TLS-3030.2-1] A server that refuses BDAT MUST accept and discard the octets of the chunk before it replies.
        new("TS-4.2-8", "A transaction from before TLS is gone: BDAT, whose chunk is not read as a command", Must, Profile.Core,
            "TLS-4.2-3 TLS-3030.2-1", async p =>
        {
            await p.OpenAsync();
            p.Need("CHUNKING");
            await OutsideAsync(p, "MAIL FROM:<>", $"RCPT TO:<{p.Facts.Local[0]}>");
            if (!await p.LateAsync())
                return;

            await p.Connection.SendAsync("BDAT 6 LAST\r\nNOOP\r\n");
            var reply = await p.Connection.ReplyOrEndAsync();
            That(reply is null or { Code: >= 400 }, $"Sent BDAT inside without a transaction, got {Show(reply?.Lines[^1] ?? [])}.");
            await p.Connection.SendLineAsync("RSET");
            if (reply is null || await p.Connection.ReplyOrEndAsync() is null)
                return;

            await p.Connection.SendLineAsync("QUIT");
            reply = await p.Connection.ReplyOrEndAsync();
            That(reply is null or { Code: 221 }, $"After a refused BDAT and RSET, QUIT is answered with {Show(reply?.Lines[^1] ?? [])}: "
                + "the octets of the chunk were read as a command.", "TLS-3030.2-1");
        })
        { Needs = Needs.Local },
        // [TLS-4.2-3] A server MUST discard the sender, recipients and data of a transaction that was begun before the handshake.
        new("TS-4.2-9", "A recipient from before TLS does not get the next message", Must, Profile.Core, "TLS-4.2-3", async p =>
        {
            string usual = p.Marker(), next = p.Marker();
            await p.InsideAsync();
            await p.DeliverAsync(usual, p.Facts.Local[1]);
            int times = await p.CountAsync(usual, usual);
            await p.AgainAsync();
            await p.OpenAsync();
            await OutsideAsync(p, "MAIL FROM:<>", $"RCPT TO:<{p.Facts.Local[0]}>");
            if (!await p.LateAsync())
                return;

            await p.Connection.CommandAsync("EHLO probe.test", 250);
            await p.DeliverAsync(next, p.Facts.Local[1]);
            int count = await p.CountAsync(next, next);
            That(count <= times, $"A message to one recipient stands {times} times in the mail, and after RCPT to another one before TLS "
                + $"{count} times.");
        })
        { Needs = Needs.TwoLocal | Needs.Mailbox },
        // [TLS-5321.4.1.1.4-1] A server MUST treat a line STARTTLS between its 354 and the end of data as text.
        new("TS-5321.4.1.1.4-1", "STARTTLS in the message is text", Must, Profile.Core, "TLS-5321.4.1.1.4-1", async p =>
        {
            await p.InsideAsync();
            await p.EnvelopeAsync();
            await p.Connection.CommandAsync("DATA", 354);
            await p.Connection.SendAsync("From: <probe@probe.test>\r\nSubject: probe\r\n\r\nSTARTTLS\r\n.\r\n");
            var reply = await p.Connection.ReplyAsync();
            That(reply.Code is 250 or (>= 400 and < 500), $"A message with a line STARTTLS is answered with {Show(reply.Lines[^1])}.");
            reply = await p.Connection.CommandAsync("RSET", 250);
        })
        { Needs = Needs.Local },
        // [TLS-4.2-9] A server MUST NOT offer STARTTLS in a reply to EHLO after a handshake.
        new("TS-4.2-10", "STARTTLS is not offered inside", Must, Profile.Core, "TLS-4.2-9", async p =>
        {
            var reply = await p.InsideAsync();
            NotOffered(reply);
            var (outside, inside) = (p.Outside.Texts().Skip(1).ToList(), reply.Texts().Skip(1).ToList());
            p.Note($"Only outside: {string.Join(", ", outside.Except(inside))}. Only inside: {string.Join(", ", inside.Except(outside))}.");
        }),
        // [TLS-4.2-9] A server MUST NOT offer STARTTLS in a reply to EHLO after a handshake.
        new("TS-4.2-11", "STARTTLS is not offered inside later either", Must, Profile.Core, "TLS-4.2-9", async p =>
        {
            NotOffered(await p.InsideAsync());
            foreach (var between in (string[])["RSET", "HELO probe.test"])
            {
                // A server that takes no second greeting offers nothing in its reply.
                await p.Connection.SendLineAsync(between);
                await p.Connection.ReplyAsync();
                await p.Connection.SendLineAsync("EHLO probe.test");
                NotOffered(await p.Connection.ReplyAsync());
            }
        }),
        // [TLS-4.2-10] A server MUST refuse STARTTLS inside TLS and keep the session.
        new("TS-4.2-12", "STARTTLS inside is refused and the session goes on", Must, Profile.Core, "TLS-4.2-10", async p =>
        {
            await p.InsideAsync();
            await RefusedInsideAsync(p);
        }),
        // [TLS-4.2-10] A server MUST refuse STARTTLS inside TLS and keep the session.
        // [TLS-5321.4.1.1.1-1] A server MUST support HELO, inside TLS too.
        new("TS-4.2-13", "HELO inside works, and STARTTLS stays refused", Must, Profile.Core, "TLS-4.2-10 TLS-5321.4.1.1.1-1", async p =>
        {
            await p.BeginAsync();
            await p.Connection.CommandAsync("HELO probe.test", 250, "TLS-5321.4.1.1.1-1");
            await RefusedInsideAsync(p);
        }),
        // [TLS-5321.4.1.1.1-1] A server MUST support HELO, inside TLS too.
        new("TS-5321.4.1.1.1-1", "A message is accepted inside under HELO", Must, Profile.Core, "TLS-5321.4.1.1.1-1", async p =>
        {
            await p.BeginAsync();
            await p.Connection.CommandAsync("HELO probe.test", 250);
            await p.DeliverAsync(p.Marker());
        })
        { Needs = Needs.Local },
        // [TLS-4.2-10] A server MUST refuse STARTTLS inside TLS and keep the session.
        // [TLS-2920.3.2-1] A server that offers PIPELINING MUST answer commands in the order in which it received them.
        new("TS-4.2-14", "STARTTLS inside with a command after it: two replies", Must, Profile.Core, "TLS-4.2-10 TLS-2920.3.2-1", async p =>
        {
            if (!(await p.InsideAsync()).HasKeyword("PIPELINING"))
                throw new NotApplicableException("The server does not offer PIPELINING inside.");

            await p.Connection.SendAsync("STARTTLS\r\nNOOP\r\n");
            var reply = await p.Connection.ReplyAsync();
            That(reply.Code >= 400, $"Sent STARTTLS inside, got {Show(reply.Lines[^1])}.");
            await p.Connection.SendLineAsync("EHLO probe.test");
            reply = await p.Connection.ReplyAsync();
            That(reply is { Code: 250, Lines.Count: 1 },
                $"The NOOP in the record of STARTTLS is lost: the next reply is {Show(reply.Lines[0])}.", "TLS-2920.3.2-1");
        }),
        // [TLS-2920.3.2-1] A server that offers PIPELINING MUST answer commands in the order in which it received them.
        new("TS-2920.3.2-2", "A group right after the Finished is answered in order", Must, Profile.Core, "TLS-2920.3.2-1", async p =>
        {
            await p.OpenAsync();
            p.Need("PIPELINING");
            await p.SwitchAsync();
            await p.HandshakeAsync(new TlsSettings { WithFinished = "EHLO probe.test\r\n" });
            var reply = await p.Connection.ReplyAsync();
            That(reply.Code == 250 && reply.Lines.Count > 1, $"EHLO in the segment of the Finished is answered with "
                + $"{Show(reply.Lines[0])}.");
            await p.Connection.SendAsync("MAIL FROM:<>\r\nRCPT TO:<a@probe.test>\r\nRSET\r\nQUIT\r\n");
            var replies = new List<int>();
            while (replies.Count < 4)
                replies.Add((await p.Connection.ReplyAsync()).Code);

            That(replies is [_, _, 250, 221], $"Sent MAIL, RCPT, RSET and QUIT in one record, got {string.Join(", ", replies)}.");
        }),
        // [TLS-5321.4.1.1.10-2] A server MUST answer QUIT with 221, inside TLS too.
        new("TS-5321.4.1.1.10-1", "QUIT inside is answered 221", Must, Profile.Core, "TLS-5321.4.1.1.10-2", async p =>
        {
            await p.InsideAsync();
            await p.Connection.CommandAsync("QUIT", 221);
        }),
    ];

    // A server that requires TLS, or has no time, does not show outside how it answers at the start of a session.
    private static Case<StartTlsProbe> AsAtStart(string id, string title, string requirements, params string[] commands) =>
        new(id, title, Must, Profile.Core, requirements, async p =>
        {
            foreach (var command in commands)
            {
                await p.AgainAsync();
                await p.Connection.SendLineAsync(command);
                var right = await p.Connection.ReplyAsync();
                if (right.Code is 530 or (>= 400 and < 500))
                    throw new NotApplicableException($"Outside, {command} is answered with {Show(right.Lines[^1])}.");

                await p.AgainAsync();
                await p.BeginAsync();
                await p.Connection.SendLineAsync(command);
                var reply = await p.Connection.ReplyAsync();
                That(reply.Code / 100 == right.Code / 100,
                    $"Inside, {command} without EHLO is answered with {Show(reply.Lines[0])}; at the start of a session with "
                        + $"{Show(right.Lines[0])}.");
            }
        });

    /// <summary>Commands outside, as far as the server takes them there.</summary>
    private static async Task OutsideAsync(StartTlsProbe p, params string[] commands)
    {
        foreach (var command in commands)
        {
            if (await p.AskAsync(command) is { Code: >= 400 } refused)
                throw new NotApplicableException($"Outside, {command.Split(' ')[0]} is answered with {Show(refused.Lines[^1])}.");
        }
    }

    private static async Task GoneAsync(StartTlsProbe p, string command)
    {
        await p.Connection.SendLineAsync(command);
        var reply = await p.Connection.ReplyAsync();
        That(reply.Code >= 400, $"Inside, {command} goes on with the transaction from before TLS: {Show(reply.Lines[^1])}.");
    }

    private static void NotOffered(Reference.Negotiation.Reply reply) =>
        That(!reply.Texts().Skip(1).Any(StartTlsProbe.IsOffer), "STARTTLS is offered inside.");

    private static async Task RefusedInsideAsync(StartTlsProbe p)
    {
        await p.Connection.SendLineAsync("STARTTLS");
        var reply = await p.Connection.ReplyAsync();
        That(reply.Code >= 400, $"Sent STARTTLS inside, got {Show(reply.Lines[^1])}.");
        await p.Connection.SendLineAsync("RSET");
        reply = await p.Connection.ReplyAsync();
        That(reply.Code == 250, $"After STARTTLS inside RSET is answered with {Show(reply.Lines[^1])}.");
    }
}
