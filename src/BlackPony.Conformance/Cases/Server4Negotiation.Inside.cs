using BlackPony.Conformance.Peers;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <content>What follows the upgrade, and STARTTLS beside it, spec 4.5 to 4.7.</content>
internal static partial class Server4Negotiation
{
    private static IReadOnlyList<Case<ServerProbe>> Inside =>
    [
        // ---------------------------------------------------------------- 4.5 after the upgrade
        // [BP-4.5-4] The server MUST NOT offer XBLACKPONY or STARTTLS inside.
        new("S-4.5-1", "Inside, XBLACKPONY and STARTTLS are not offered", Must, Profile.Core, "BP-4.5-4", async p =>
        {
            var reply = await p.InsideAsync();
            That(!reply.HasKeyword("XBLACKPONY"), "XBLACKPONY is offered inside.");
            That(!reply.HasKeyword("STARTTLS"), "STARTTLS is offered inside.");
        }),
        // [BP-4.5-5] The server MUST reply 503 to XBLACKPONY and to STARTTLS inside.
        new("S-4.5-2", "Inside, XBLACKPONY and STARTTLS get 503, and the session goes on", Must, Profile.Core, "BP-4.5-5", async p =>
        {
            await p.InsideAsync();
            await p.ProbeConnection.CommandInsideAsync(p.Command(Core), 503);
            await p.ProbeConnection.CommandInsideAsync("STARTTLS", 503);
            await p.ProbeConnection.CommandInsideAsync("NOOP", 250);
        }),
        // [BP-4.5-8] A server MUST accept HELO inside as it does outside.
        new("S-4.5-3", "HELO works inside", Must, Profile.Core, "BP-4.5-8", async p =>
        {
            await p.UpgradeAsync();
            await p.ProbeConnection.CommandInsideAsync("HELO probe.test", 250);
            await p.DeliverInsideAsync();
        }),
        // [BP-4.5-3] The server MUST NOT send a second greeting.
        new("S-4.5-4", "There is no second greeting", Must, Profile.Core, "BP-4.5-3", async p =>
        {
            await p.EachSuiteAsync(async suite =>
            {
                await p.UpgradeAsync(suite);
                await p.ProbeConnection.SendInsideAsync("EHLO probe.test\r\n");
                var reply = await p.ProbeConnection.ReplyInsideAsync();
                That(reply.Code == 250, $"The first reply inside is {Show(reply.Lines[0])}.");
            });
        }),
        // [BP-4.3-1] A server that agrees MUST reply 220; the switch happens with that reply's last CRLF.
        new("S-4.5-5", "Several transactions, RSET and QUIT work inside", Must, Profile.Core, "BP-4.3-1", async p =>
        {
            await p.InsideAsync();
            await p.DeliverInsideAsync();
            await p.EnvelopeInsideAsync();
            await p.ProbeConnection.CommandInsideAsync("RSET", 250);
            await p.DeliverInsideAsync();
            await p.ProbeConnection.CommandInsideAsync("QUIT", 221);
        }),
        // [BP-4.5-1] After the 220 both sides MUST forget everything that the plaintext session told them: the client's name, the server's
        //   extensions, authentication, and any other state.
        new("S-4.5-6",
            "The state of the plaintext session is discarded: the mail server sees a fresh session that begins with the EHLO inside",
            Must, Profile.Core, "BP-4.5-1", async p =>
        {
            await p.ConnectAsync();
            await p.UpgradeAsync();
            await p.ProbeConnection.CommandInsideAsync("EHLO inside.test", 250);
            var sessions = await p.BackendSessionsAsync(2);
            That(sessions[^1].Commands.FirstOrDefault() == "EHLO inside.test",
                $"The session inside begins at the mail server with {Show(sessions[^1].Commands.FirstOrDefault() ?? "nothing")}.");
        })
        { Needs = Needs.Backend },

        // [BP-4.5-1] After the 220 both sides MUST forget everything that the plaintext session told them: the client's name, the server's
        //   extensions, authentication, and any other state.
        new("S-4.5-7", "Inside, MAIL without EHLO is refused if it is refused in a new connection: nothing is left of the EHLO outside",
            Must, Profile.Core, "BP-4.5-1", async p =>
        {
            await p.NeedAsync(Core);
            await p.ConnectAsync();
            await p.ProbeConnection.SendLineAsync("MAIL FROM:<a@probe.test>");
            if ((await p.ProbeConnection.ReplyAsync()).IsPositive)
                throw new NotApplicableException("The server takes MAIL without EHLO.");

            await p.ConnectAsync();
            await p.UpgradeAsync();
            await p.ProbeConnection.SendInsideAsync("MAIL FROM:<a@probe.test>\r\n");
            var reply = await p.ProbeConnection.ReplyInsideAsync();
            That(!reply.IsPositive, $"Inside, before EHLO, MAIL is answered with {Show(reply.Lines[0])}.");
        }),

        // ---------------------------------------------------------------- 4.6 nothing slips across the switch
        // [BP-4.6-1] A server MUST NOT interpret any octet received before its 220 as part of the session inside.
        new("S-4.6-1", "What was sent before the 220 does not become part of the session inside", Must, Profile.Core, "BP-4.6-1", async p =>
        {
            await p.NeedAsync(Core);
            await p.ProbeConnection.SendAsync($"{p.Command(Core)}\r\nNOOP\r\n");
            var reply = await p.ProbeConnection.ReplyAsync();
            That(reply.Code == 503, $"The command with a line after it is answered with {Show(reply.Lines[0])}.");
        }),
        // [BP-4.6-3] A server MUST NOT send a plaintext octet after the 220 reply's last CRLF.
        new("S-4.6-2", "Nothing but records comes after the 220", Must, Profile.Core, "BP-4.6-3", p => p.EachSuiteAsync(async suite =>
        {
            await p.SwitchAsync(suite);
            await p.TakeFinishedAsync();
        })),
        // [BP-4.6-1] A server MUST NOT interpret any octet received before its 220 as part of the session inside.
        new("S-4.6-3", "Plaintext after the 220 is read as records, and fails", Must, Profile.Core, "BP-4.6-1", async p =>
        {
            await p.SwitchAsync(Core);
            await p.TakeFinishedAsync();
            await p.ProbeConnection.SendAsync(string.Concat(Enumerable.Repeat("MAIL FROM:<evil@probe.test>\r\n", 1000)));
            await p.ProbeConnection.ExpectFailureAsync();
        }),

        // ---------------------------------------------------------------- 4.7 together with STARTTLS
        // [BP-4.7-1] A server MUST NOT offer XBLACKPONY inside TLS.
        // [BP-10.2-11] After a 220 to a client's STARTTLS in a plaintext session a relay MUST be a plain pipe in both directions until the
        //   connection ends.
        new("S-4.7-1", "Inside a client's STARTTLS nothing is offered: what the mail server sends there passes octet by octet",
            Must, Profile.Core, "BP-4.7-1 BP-10.2-11", async p =>
        {
            p.Backend.Extensions = ["STARTTLS", "8BITMIME"];
            p.Backend.Answer = (_, line) => line == "STARTTLS" ? "220 2.0.0 Go\r\n" : null;
            await p.ConnectAsync();
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("STARTTLS", 220);
            await p.ProbeConnection.SendLineAsync("EHLO tls.test");
            var reply = await p.ProbeConnection.ExpectAsync(250);
            That(!reply.HasKeyword("XBLACKPONY"), "XBLACKPONY is offered inside TLS.");
            That(reply.HasKeyword("STARTTLS"), "What stands inside TLS was changed.", "BP-10.2-11");
            await p.ProbeConnection.SendAsync("\x16\x03\x01\0\n\r\0\xFF\r\n");
            await p.ProbeConnection.ExpectAsync(500, "BP-10.2-11");
            await p.ProbeConnection.CommandAsync(p.Command(Core), 500, "BP-10.2-11");
            var session = (await p.BackendSessionsAsync(1))[0];
            That(session.Received.ToString().Contains("\x16\x03\x01\0\n\r\0\xFF\r\nXBLACKPONY", StringComparison.Ordinal),
                "The octets after the 220 to STARTTLS did not come through as they were.", "BP-10.2-11");
        })
        { Needs = Needs.Backend },
    ];
}
