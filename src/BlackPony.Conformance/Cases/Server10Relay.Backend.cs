using BlackPony.Conformance.Peers;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <content>The relay and its backend, spec 10.3.</content>
internal static partial class Server10Relay
{
    private static IReadOnlyList<Case<ServerProbe>> Backend =>
    [
        // ---------------------------------------------------------------- 10.3 the relay and its backend
        // [BP-10.3-1] A relay MUST open its backend connection before it greets, and pass on the backend's greeting.
        new("S-10.3-1", "The greeting is the mail server's own", Must, Profile.Core, "BP-10.3-1", async p =>
        {
            p.Backend.Greeting = "220-first line\r\n220 sink.test ESMTP \xE9 of the case";
            var greeting = await p.ConnectAsync();
            That(greeting.Texts().SequenceEqual(["first line", "sink.test ESMTP \xE9 of the case"]),
                $"The client is greeted with {Show(greeting.Lines[^1])}.");
        })
        { Needs = Needs.Backend },
        // [BP-10.3-2] A relay that cannot reach its backend MUST greet with 421 and close.
        new("S-10.3-2", "Without a mail server the client is greeted with 421, and the connection ends",
            Must, Profile.Core, "BP-10.3-2", async p =>
        {
            p.Backend.Greeting = "";
            await p.ConnectAsync(421);
            await p.ProbeConnection.ExpectClosedAsync("The connection stays open.");
        })
        { Needs = Needs.Backend },
        // [BP-10.3-3] For an upgrade a relay MUST open a fresh backend connection before it replies 220, and keep the backend's second
        //   greeting to itself.
        new("S-10.3-3", "The upgrade opens a fresh connection to the mail server, whose greeting the client does not see",
            Must, Profile.Core, "BP-10.3-3", async p =>
        {
            await p.ConnectAsync();
            await p.EhloAsync();
            foreach (var suite in p.Encrypting)
            {
                p.Backend.Reset();
                await p.ConnectAsync();
                await p.InsideAsync(suite);
                That(p.Backend.Sessions.Count == 2, $"The mail server saw {p.Backend.Sessions.Count} connections.");
            }
        })
        { Needs = Needs.Backend },
        // [BP-10.3-4] A relay that cannot open the fresh connection, or is not greeted with 220 there, MUST reply 454, and the plaintext
        //   session goes on with the old one.
        new("S-10.3-4", "Without a fresh connection the command gets 454, and the old session goes on",
            Must, Profile.Core, "BP-10.3-4", async p =>
        {
            foreach (var greeting in (string[])["", "421 4.3.2 Busy", "554 5.3.2 No"])
            {
                p.Backend.Reset();
                await p.ConnectAsync();
                await p.EhloAsync();
                p.Backend.Greeting = greeting;
                await p.ProbeConnection.CommandAsync(p.Command(Core), 454);
                await p.ExpectUsableAsync("BP-10.3-4");
                await p.DeliverPlainAsync();
            }
        })
        { Needs = Needs.Backend },
        // [BP-10.3-5] A relay MUST end the old backend connection when the switch has happened.
        new("S-10.3-5", "After the upgrade the old connection to the mail server ends", Must, Profile.Core, "BP-10.3-5", async p =>
        {
            await p.ConnectAsync();
            await p.InsideAsync();
            var old = (await p.BackendSessionsAsync(2))[0];
            await p.ExpectEndAsync(old.Ended, "The old connection stays open.", "BP-10.3-5");
            await p.ProbeConnection.CommandInsideAsync("NOOP", 250);
        })
        { Needs = Needs.Backend },
        // [BP-10.3-7] A relay whose client's session is truncated or fails MUST end the backend connection at once, without completing the
        //   message.
        new("S-10.3-6", "When a client is cut off, the connection to the mail server ends too", Must, Profile.Core, "BP-10.3-7", async p =>
        {
            await p.ConnectAsync();
            await p.InsideAsync();
            await p.EnvelopeInsideAsync();
            p.ProbeConnection.EndDirection();
            var session = (await p.BackendSessionsAsync(2))[1];
            await p.ExpectEndAsync(session.Ended, "The mail server's connection stays open.", "BP-10.3-7");
        })
        { Needs = Needs.Backend },
        // [BP-10.3-8] A relay MUST NOT acknowledge a message itself; only the backend's reply acknowledges.
        new("S-10.3-7", "Only the mail server acknowledges: its refusal of a message is passed on",
            Must, Profile.Core, "BP-10.3-8", async p =>
        {
            p.Backend.Answer = (_, line) => line == "." ? "552 5.3.4 Too big\r\n" : null;
            await p.ConnectAsync();
            await p.InsideAsync();
            await p.EnvelopeInsideAsync();
            await p.ProbeConnection.CommandInsideAsync("DATA", 354);
            await p.ProbeConnection.CommandInsideAsync("Subject: x\r\n\r\nx\r\n.", 552);
        })
        { Needs = Needs.Backend },
        // [BP-10.3-6] A relay whose backend ends the connection inside MUST send its close after what the backend sent, with a 421 reply
        //   before it unless the backend's last complete reply was 221 or 421.
        new("S-10.3-8", "A mail server that ends with a 421 of its own is not followed by another",
            Must, Profile.Core, "BP-10.3-6", async p =>
        {
            p.Backend.Answer = (_, line) => line == "NOOP" ? "421 4.3.2 Going down\r\n\0" : null;
            await p.ConnectAsync();
            await p.InsideAsync();
            await p.ProbeConnection.CommandInsideAsync("NOOP", 421);
            await p.ProbeConnection.ExpectCloseAsync("BP-10.3-6");
        })
        { Needs = Needs.Backend },
    ];
}
