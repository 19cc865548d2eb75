using BlackPony.Conformance.Peers;
using BlackPony.Reference.Negotiation;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <content>ROT, spec 5.5.</content>
internal static partial class Server5Suites
{
    private static IReadOnlyList<Case<ServerProbe>> Shifted =>
    [
        // ---------------------------------------------------------------- 5.5 ROT
        // [BP-5.5-1] The third field of the command is *n*, a decimal number from 1 to 25 without leading zeros, and a server MUST reply
        //   501 to anything else.
        // [BP-5.1-5] An implementation MAY implement `ROT`.
        new("S-5.5-1", "ROT accepts 1 to 25 without leading zeros, and nothing else", Must, Profile.Manual, "BP-5.5-1 BP-5.1-5", async p =>
        {
            await p.NeedAsync(Rot);
            foreach (var bad in (string[])["0", "26", "99", "013", "+5", "x"])
                await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 ROT {bad}", 501);

            await p.ProbeConnection.CommandAsync("XBLACKPONY V1 ROT 25", 220, "BP-5.1-5");
        }),
        // [BP-5.5-2] The sender MUST shift A-Z within A-Z and a-z within a-z by *n* places forward, cyclically.
        new("S-5.5-2", "The server shifts its letters forward, within A-Z and within a-z", Must, Profile.Manual, "BP-5.5-2", async p =>
        {
            var reply = await RotEhloAsync(p, 1, "FIMP qspcf.uftu");
            That(!reply.Texts()
                .Any(t => t.Contains("PIPELINING", StringComparison.Ordinal) || t.Contains("8BITMIME", StringComparison.Ordinal)),
                "The reply is not shifted.");

            // A keyword is letters, digits and hyphens, and stays so under the shift.
            foreach (var keyword in reply.Texts().Skip(1).Select(t => t.Split(' ')[0]))
                That(keyword.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'), $"A shifted letter left its alphabet: {Show(keyword)}.");
        }),
        // [BP-5.5-3] The recipient MUST shift letters *n* places backward.
        new("S-5.5-3", "The server shifts a client's letters backward", Must, Profile.Manual, "BP-5.5-3", async p =>
        {
            await RotEhloAsync(p, 25, "DGKN oqnad.sdrs");
            await p.ProbeConnection.CommandAsync("MNNO", 250);
        }),
        // [BP-5.5-4] Every octet that is not an ASCII letter MUST pass unchanged, octets 128 to 255 included.
        // [BP-5.5-5] The shift MUST be applied to the whole octet stream of the SMTP session as the last step before sending and the first
        //   after receiving, outside dot-stuffing, DATA, BDAT and every reply.
        new("S-5.5-4", "Octets that are not letters pass unchanged, and DATA is shifted like the rest",
            Must, Profile.Manual, "BP-5.5-4 BP-5.5-5", async p =>
        {
            await p.ConnectAsync();
            await RotEhloAsync(p, 13, "RUYB cebor.grfg");
            await p.ProbeConnection.CommandAsync("ZNVY SEBZ:<n@cebor.grfg>", 250);
            await p.ProbeConnection.CommandAsync("EPCG GB:<o@fvax.grfg>", 250);
            await p.ProbeConnection.CommandAsync("QNGN", 354);
            await p.ProbeConnection.CommandAsync("Fhowrpg: \xE9\x80\xFF 1[]{}@\r\n\r\n..qbg NZ nz\r\n.", 250);
            var message = p.Backend.Messages.FirstOrDefault()
                ?? throw new CaseFailedException("The message did not reach the mail server.", "BP-5.5-5");
            That(message.Contains("\xE9\x80\xFF 1[]{}@", StringComparison.Ordinal),
                $"Octets that are no letters were changed: {Show(message)}.");
            That(message == "Subject: \xE9\x80\xFF 1[]{}@\r\n\r\n.dot AM am\r\n", $"The message came as {Show(message)}.", "BP-5.5-5");
        })
        { Needs = Needs.Backend },
        // [BP-5.5-6] There are no records, no Finished, no close and no alert under ROT, and the connection MUST end as an ordinary SMTP
        //   session does.
        new("S-5.5-5", "A ROT session ends as an ordinary one, without close or alert", Must, Profile.Manual, "BP-5.5-6", async p =>
        {
            await RotEhloAsync(p, 13, "RUYB cebor.grfg");
            await p.ProbeConnection.CommandAsync("DHVG", 221);
            await p.ProbeConnection.ExpectClosedAsync("Something follows the 221.");
        }),
        // [BP-5.5-8] A server with ROT switched off MUST NOT offer it.
        // [BP-5.5-7] A server MUST have ROT switched off unless its operator switched it on.
        new("S-5.5-6", "With ROT off it is not offered, and gets 504", Must, Profile.Manual, "BP-5.5-8 BP-5.5-7", async p =>
        {
            await p.EhloAsync();
            await p.EhloAsync();
            That(!p.RotIsOff || !p.Suites.Contains(Rot), "ROT is offered.");
            if (p.Suites.Contains(Rot))
                throw new NotApplicableException("ROT is switched on here.");

            await p.ProbeConnection.CommandAsync("XBLACKPONY V1 ROT 13", 504, "BP-5.5-7");
        })
        { Needs = Needs.RotOff },
        // [BP-5.5-11] The 220 reply to a ROT command MUST be a single line that does not begin with "K=" after the code.
        new("S-5.5-7", "The 220 to ROT is one line, and no share", Must, Profile.Manual, "BP-5.5-11", async p =>
        {
            await p.NeedAsync(Rot);
            var reply = await p.ProbeConnection.CommandAsync("XBLACKPONY V1 ROT 13", 220);
            That(reply.Lines.Count == 1 && !reply.Texts().First().StartsWith("K=", StringComparison.OrdinalIgnoreCase),
                $"The reply is {Show(reply.Lines[0])}.");
        }),
        // [BP-4.5-4] The server MUST NOT offer XBLACKPONY or STARTTLS inside.
        // [BP-4.5-5] The server MUST reply 503 to XBLACKPONY and to STARTTLS inside.
        // [BP-4.5-3] The server MUST NOT send a second greeting.
        new("S-5.5-8", "Inside ROT neither XBLACKPONY nor STARTTLS is offered or accepted, and there is no second greeting",
            Must, Profile.Manual, "BP-4.5-4 BP-4.5-5 BP-4.5-3", async p =>
        {
            var reply = await RotEhloAsync(p, 13, "RUYB cebor.grfg", "BP-4.5-3");
            That(!reply.Texts()
                .Any(t => t.StartsWith("KOYNPXCBAL", StringComparison.Ordinal) || t.StartsWith("FGNEGGYF", StringComparison.Ordinal)),
                "XBLACKPONY or STARTTLS is offered inside ROT.");
            await p.ProbeConnection.CommandAsync("KOYNPXCBAL I1 EBG 13", 503, "BP-4.5-5");
            await p.ProbeConnection.CommandAsync("FGNEGGYF", 503, "BP-4.5-5");
            await p.ProbeConnection.CommandAsync("ABBC", 250);
        }),
        // [BP-4.4-4] A server that finds octets after the command's CRLF, or after the continuation's, in its buffer MUST reply 503 and
        //   close the connection, without processing those octets.
        new("S-5.5-9", "Octets after the ROT command get 503 and the end", Must, Profile.Manual, "BP-4.4-4", async p =>
        {
            await p.NeedAsync(Rot);
            await p.ProbeConnection.CommandAsync("XBLACKPONY V1 ROT 13\r\nABBC", 503);
            await p.ProbeConnection.ExpectClosedAsync("The connection stays open.");
        }),
        // [BP-5.5-4] Every octet that is not an ASCII letter MUST pass unchanged, octets 128 to 255 included.
        // [BP-5.5-5] The shift MUST be applied to the whole octet stream of the SMTP session as the last step before sending and the first
        //   after receiving, outside dot-stuffing, DATA, BDAT and every reply.
        new("S-5.5-10", "A message under ROT is accepted as it was before the shift", Must, Profile.Manual, "BP-5.5-4 BP-5.5-5", async p =>
        {
            var marker = p.Marker();
            if (!(await RotEhloAsync(p, 13, "RUYB cebor.grfg")).HasKeyword("8OVGZVZR"))
                throw new NotApplicableException("The server does not offer 8BITMIME (RFC 6152).");

            foreach (var (line, code) in new[]
            {
                ("MAIL FROM:<a@probe.test> BODY=8BITMIME", 250), ("RCPT TO:<b@sink.test>", 250), ("DATA", 354),
                ($"Subject: {marker}\r\n\r\n\xE9\x80\xFF 1[]{{}}@\r\n..dot AM am\r\n.", 250),
            })
                await p.ProbeConnection.CommandAsync(ClientProbe.Rot(line, 13), code, "BP-5.5-5");

            var mail = await p.MailAsync(marker);
            That(mail.Contains("\xE9\x80\xFF 1[]{}@", StringComparison.Ordinal), "Octets that are no letters were changed.");
            That(mail.Contains("\n.dot AM am", StringComparison.Ordinal), "The message was changed.", "BP-5.5-5");
        })
        { Needs = Needs.Mailbox },
    ];

    private static async Task<Reply> RotEhloAsync(ServerProbe p, int shift, string ehlo, string? requirement = null)
    {
        await p.NeedAsync(Rot);
        await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 ROT {shift}", 220);
        return await p.ProbeConnection.CommandAsync(ehlo, 250, requirement);
    }
}
