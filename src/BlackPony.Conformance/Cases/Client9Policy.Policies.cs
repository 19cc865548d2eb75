using BlackPony.Conformance.Peers;
using BlackPony.Reference.Policy;
using static BlackPony.Conformance.Cases.Client4Negotiation;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <content>The policies, spec 9.1.</content>
internal static partial class Client9Policy
{
    private static IReadOnlyList<Case<ClientProbe>> Policies =>
    [
        // ---------------------------------------------------------------- 9.1 the three policies
        // [BP-9.1-1] A client's policy MUST be opportunistic if nothing else is set.
        Plain("C-9.1-1", "Without another setting the policy is opportunistic: no offer, plaintext", "BP-9.1-1"),
        // [BP-9.1-2] Under required a client MUST NOT send mail unless the server's Finished was verified in that connection.
        // [BP-9.1-5] A client that defers MUST try the next address or mail exchanger, if there is one, and else report a temporary failure
        //   (4yz) to whoever handed over the mail.
        // [BP-9.1-6] A client that defers MUST NOT have sent a MAIL command in that connection.
        Deferred("C-9.1-2", "required: no offer, no mail", ClientPolicy.Required, "BP-9.1-2 BP-9.1-5 BP-9.1-6", p => NotOfferedAsync(p)),
        // [BP-9.1-2] Under required a client MUST NOT send mail unless the server's Finished was verified in that connection.
        // [BP-9.1-6] A client that defers MUST NOT have sent a MAIL command in that connection.
        Deferred("C-9.1-3", "required: a refusal, no mail", ClientPolicy.Required, "BP-9.1-2 BP-9.1-6", RefusedAsync),
        // [BP-9.1-2] Under required a client MUST NOT send mail unless the server's Finished was verified in that connection.
        // [BP-9.2-3] A client MUST NOT make more than one such fresh connection for one address and delivery.
        Deferred("C-9.1-4", "required: a broken upgrade, no mail and no second connection",
            ClientPolicy.Required, "BP-9.1-2 BP-9.2-3", BrokenAsync),
        // [BP-9.1-2] Under required a client MUST NOT send mail unless the server's Finished was verified in that connection.
        // [BP-9.2-3] A client MUST NOT make more than one such fresh connection for one address and delivery.
        Deferred("C-9.1-5", "required: a wrong server's Finished, no mail and no second connection",
            ClientPolicy.Required, "BP-9.1-2 BP-9.2-3", WrongFinishedAsync),
        // [BP-9.2-8] A client whose EHLO is refused with 5yz and that falls back to HELO MUST apply its policy as if there had been no
        //   offer.
        Deferred("C-9.1-6", "required: EHLO refused, no mail by HELO", ClientPolicy.Required, "BP-9.2-8", EhloRefusedAsync, "BP-9.2-8"),
        // [BP-9.1-2] Under required a client MUST NOT send mail unless the server's Finished was verified in that connection.
        new("C-9.1-7", "required: with encryption the mail flows", Must, Profile.Core, "BP-9.1-2", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Required };
            await p.CarryAsync(CoreOffer);
            await p.ExpectAsync(delivered: true);
        })
        { Needs = Needs.Policy },
        // [BP-9.1-7] A client that defers in a plaintext session which is in order, after no offer or a refusal, SHOULD send QUIT before it
        //   ends the connection.
        new("C-9.1-8", "required: a client that defers says QUIT to a server in order", Should, Profile.Core, "BP-9.1-7", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Required };
            var wire = await p.AcceptAsync("");
            var line = await ClientProbe.LineAsync(wire);
            That(line?.Equals("QUIT", StringComparison.OrdinalIgnoreCase) == true,
                $"Without an offer the client says {Show(line ?? "nothing, and ends the connection")}.");
            await wire.SendLineAsync("221 Bye");
            wire.EndDirection();
            await wire.DrainAsync();
            await p.ExpectAsync(delivered: false);
        })
        { Needs = Needs.Policy },

        // [BP-9.1-2] Under required a client MUST NOT send mail unless the server's Finished was verified in that connection.
        new("C-9.1-9", "required: whatever the server says to greeting, EHLO, HELO or XBLACKPONY, in whatever shape, no mail leaves",
            Must, Profile.Core, "BP-9.1-2", async p =>
        {
            foreach (var step in (string[])["greeting", "EHLO", "HELO", "XBLACKPONY"])
            {
                await SweepAsync(p, async reply =>
                {
                    var wire = await p.ConnectAsync();
                    if (step == "greeting")
                    {
                        await reply(wire);
                        return wire;
                    }

                    await wire.SendLineAsync("220 probe.test ESMTP");
                    await p.ExpectEhloAsync(wire);
                    if (step == "HELO")
                    {
                        await wire.SendLineAsync("502 no EHLO");
                        var helo = await ClientProbe.LineAsync(wire);
                        if (helo?.StartsWith("HELO ", StringComparison.OrdinalIgnoreCase) != true)
                        {
                            // A client that defers may wait for the reply to its QUIT, and for the server's end (RFC 5321 4.1.1.10).
                            await (helo is null ? Task.CompletedTask : wire.SendLineAsync("221 Bye"));
                            wire.EndDirection();
                            return wire;
                        }
                    }
                    else if (step == "XBLACKPONY")
                    {
                        await ClientProbe.AnswerEhloAsync(wire, CoreOffer);
                        await p.ExpectCommandAsync(wire);
                    }

                    await reply(wire);
                    return wire;
                });
            }
        })
        { Needs = Needs.Policy },
        // [BP-9.1-2] Under required a client MUST NOT send mail unless the server's Finished was verified in that connection.
        new("C-9.1-10", "required: whatever the server says to the continuation, in whatever shape, no mail leaves",
            Must, Profile.Classic, "BP-9.1-2", async p =>
        {
            await SweepAsync(p, async reply =>
            {
                var wire = await p.AcceptAsync("XBLACKPONY V1 RSA-BLOWFISH");
                await NeedCommandAsync(p, wire, Names.Classic);
                await Client5Suites.SendGoodShareAsync(wire);
                await wire.LineAsync();
                await reply(wire);
                return wire;
            });
        })
        { Needs = Needs.Policy },
        // [BP-9.2-3] A client MUST NOT make more than one such fresh connection for one address and delivery.
        // [BP-9.1-2] Under required a client MUST NOT send mail unless the server's Finished was verified in that connection.
        new("C-9.1-11", "required: however an upgrade breaks, no mail and no second connection",
            Must, Profile.Core, "BP-9.2-3 BP-9.1-2", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Required };
            foreach (var breaks in Breaks)
                await DeferAsync(p, () => BreakAsync(p, breaks), "BP-9.1-2");
        })
        { Needs = Needs.Policy },
        // [BP-9.2-6] A failure after the server's Finished was verified MUST be treated as a connection lost in ordinary SMTP: no retry in
        //   plaintext at that address; before MAIL the client goes on as one that defers, after it the mail is deferred.
        new("C-9.1-12", "required: however a session is lost before the first reply inside, no mail and no second connection",
            Must, Profile.Core, "BP-9.2-6", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Required };
            foreach (var loss in Losses)
                await DeferAsync(p, () => LoseAsync(p, loss), further: "BP-9.2-6");
        })
        { Needs = Needs.Policy },
    ];
}
