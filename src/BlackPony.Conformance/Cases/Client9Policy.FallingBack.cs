using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using static BlackPony.Conformance.Cases.Client4Negotiation;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <content>Falling back, and what is sent in the clear, spec 9.2 and 9.3.</content>
internal static partial class Client9Policy
{
    private static IReadOnlyList<Case<ClientProbe>> FallingBack =>
    [
        // ---------------------------------------------------------------- 9.2 falling back
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        // [BP-9.2-3] A client MUST NOT make more than one such fresh connection for one address and delivery.
        new("C-9.2-1", "A broken upgrade: one fresh connection in plaintext, without XBLACKPONY",
            Must, Profile.Core, "BP-9.2-2 BP-9.2-3", async p =>
        {
            await BrokenAsync(p);
            await FreshAsync(p);
        }),
        // [BP-9.2-3] A client MUST NOT make more than one such fresh connection for one address and delivery.
        new("C-9.2-2", "The fresh connection breaks too: there is no third", Must, Profile.Core, "BP-9.2-3", async p =>
        {
            await BrokenAsync(p);
            var wire = await p.AcceptAsync(CoreOffer);
            await wire.LineAsync();
            wire.EndDirection();
            await wire.DrainAsync();
            await p.ExpectAsync(delivered: false);
        }),
        // [BP-9.2-6] A failure after the server's Finished was verified MUST be treated as a connection lost in ordinary SMTP: no retry in
        //   plaintext at that address; before MAIL the client goes on as one that defers, after it the mail is deferred.
        new("C-9.2-3", "A failure after the server's Finished: deferred, and no plaintext at once",
            Must, Profile.Core, "BP-9.2-6", async p =>
        {
            foreach (bool atOnce in (bool[])[false, true])
            {
                foreach (var loss in Losses)
                {
                    await LoseAsync(p, loss, atOnce: atOnce);
                    await p.ExpectAsync(delivered: false);
                }
            }
        }),
        // [BP-9.2-7] A client MUST NOT send mail both in plaintext and in records in one delivery attempt.
        new("C-9.2-4", "A session that is lost within the mail is not repeated in plaintext", Must, Profile.Core, "BP-9.2-7", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.UpgradeAsync(wire, CoreOffer);
            await Client8Closing.ToTheDotAsync(wire);
            wire.EndDirection();
            await wire.DrainAsync();
            await p.ExpectAsync(delivered: false);
        }),
        // [BP-9.2-8] A client whose EHLO is refused with 5yz and that falls back to HELO MUST apply its policy as if there had been no
        //   offer.
        new("C-9.2-5", "EHLO refused: HELO and plaintext in the same connection", Must, Profile.Core, "BP-9.2-8", async p =>
        {
            foreach (var code in (string[])["500 what?", "502 no EHLO", "504 no", "550 no", "554 no"])
            {
                var wire = await p.ConnectAsync();
                await wire.SendLineAsync("220 probe.test ESMTP");
                await p.ExpectEhloAsync(wire);
                await wire.SendLineAsync(code);
                var line = await ClientProbe.LineAsync(wire);
                That(line?.StartsWith("HELO ", StringComparison.OrdinalIgnoreCase) == true,
                    $"After {Show(code)} to EHLO came {Show(line ?? "the end of the connection")}.");
                await wire.SendLineAsync("250 probe.test");
                await p.ServeMailAsync(wire, inside: false);
                await p.ExpectAsync(delivered: true);
            }
        }),
        // [BP-9.2-9] A client whose server gives no well-formed greeting with 220, or no well-formed 2yz or 5yz reply to EHLO outside or
        //   inside, MUST go on to the next address or mail exchanger, or defer the mail; after a 5yz greeting of the last one it may return
        //   the mail instead, as RFC 5321 allows.
        // [BP-9.1-5] A client that defers MUST try the next address or mail exchanger, if there is one, and else report a temporary failure
        //   (4yz) to whoever handed over the mail.
        new("C-9.2-6", "A 4yz or 421 to the greeting or to EHLO is a server that wants no mail now",
            Must, Profile.Core, "BP-9.2-9 BP-9.1-5", async p =>
        {
            foreach (var (greeting, ehlo) in (List<(string, string)>)[("421 busy", ""), ("450 busy", ""), ("554 no", ""),
                ("220 hello", "421 busy"), ("220 hello", "450 busy")])
            {
                var wire = await p.ConnectAsync();
                await wire.SendLineAsync(greeting);
                if (ehlo.Length > 0)
                {
                    await p.ExpectEhloAsync(wire);
                    await wire.SendLineAsync(ehlo);
                    if (ehlo.StartsWith("450", StringComparison.Ordinal))
                    {
                        // QUIT, or the end.
                        await wire.LineAsync();
                    }
                }

                wire.EndDirection();
                await wire.DrainAsync();
                ClientProbe.ExpectNoMail(wire);
                await p.ExpectAsync(delivered: false, "BP-9.1-5");
            }
        }),
        // [BP-9.2-9] A client whose server gives no well-formed greeting with 220, or no well-formed 2yz or 5yz reply to EHLO outside or
        //   inside, MUST go on to the next address or mail exchanger, or defer the mail; after a 5yz greeting of the last one it may return
        //   the mail instead, as RFC 5321 allows.
        // [BP-9.1-5] A client that defers MUST try the next address or mail exchanger, if there is one, and else report a temporary failure
        //   (4yz) to whoever handed over the mail.
        new("C-9.2-7", "Greetings and EHLO replies that are not SMTP end in a deferral, not in a hang",
            Must, Profile.Core, "BP-9.2-9 BP-9.1-5", async p =>
        {
            foreach (var (greeting, ehlo) in (List<(string, string)>)
            [
                ("SSH-2.0-OpenSSH_9\r\n", ""), ("\r\n", ""), (new string('x', 100_000), ""), ("220\n", ""), ("22\r\n", ""), ("", ""),
                ("220 hello\r\n", "garbage\r\n"), ("220 hello\r\n", "250-a\r\n251 b\r\n"),
                ("220 hello\r\n", "250 a\n250 b\r\n"), ("220 hello\r\n", "250-a\nb\r\n250 c\r\n"),
                ("220 hello\r\n", string.Concat(Enumerable.Repeat("250-X\r\n", Limits.MaxEhloLines + 1))),
                ("220 hello\r\n", "250-" + new string('x', 100_000)), ("220 hello\r\n", ""),
            ])
            {
                var wire = await p.ConnectAsync();
                await wire.SendAsync(greeting);
                if (ehlo.Length > 0)
                {
                    await p.ExpectEhloAsync(wire);
                    await wire.SendAsync(ehlo);
                    if (ehlo.EndsWith("\r\n", StringComparison.Ordinal))
                        await wire.LineAsync();
                }

                wire.EndDirection();
                await wire.DrainAsync();
                ClientProbe.ExpectNoMail(wire);
                await p.ExpectAsync(delivered: false, "BP-9.1-5");
            }
        }),

        // [BP-9.2-9] A client whose server gives no well-formed greeting with 220, or no well-formed 2yz or 5yz reply to EHLO outside or
        //   inside, MUST go on to the next address or mail exchanger, or defer the mail; after a 5yz greeting of the last one it may return
        //   the mail instead, as RFC 5321 allows.
        new("C-9.2-8", "A server that greets with anything but 220 gets no mail, although it would take it",
            Must, Profile.Core, "BP-9.2-9", async p =>
        {
            foreach (var greeting in (string[])["200 probe.test ESMTP", "221 probe.test", "250 probe.test ESMTP",
                "250-probe.test\r\n250 ESMTP",
                "299 probe.test", "334 probe.test", "354 go", "421 busy", "450 busy", "500 what?", "554 no"])
            {
                var wire = await p.ConnectAsync();
                await wire.SendLineAsync(greeting);
                await TakesAllAsync(p, wire, inside: false);
            }
        }),
        // [BP-9.2-9] A client whose server gives no well-formed greeting with 220, or no well-formed 2yz or 5yz reply to EHLO outside or
        //   inside, MUST go on to the next address or mail exchanger, or defer the mail; after a 5yz greeting of the last one it may return
        //   the mail instead, as RFC 5321 allows.
        new("C-9.2-9", "A server that answers EHLO with 4yz gets no mail, by HELO neither, although it would take it",
            Must, Profile.Core, "BP-9.2-9", async p =>
        {
            foreach (var code in (string[])["421 busy", "450 busy", "450-busy\r\n450 now", "451 later", "454 later", "499 odd"])
            {
                var wire = await p.ConnectAsync();
                await wire.SendLineAsync("220 probe.test ESMTP");
                await p.ExpectEhloAsync(wire);
                await wire.SendLineAsync(code);
                await TakesAllAsync(p, wire, inside: false);
            }
        }),
        // [BP-9.2-9] A client whose server gives no well-formed greeting with 220, or no well-formed 2yz or 5yz reply to EHLO outside or
        //   inside, MUST go on to the next address or mail exchanger, or defer the mail; after a 5yz greeting of the last one it may return
        //   the mail instead, as RFC 5321 allows.
        new("C-9.2-10", "A server that answers EHLO inside with 4yz gets no mail, by HELO neither, although it would take it",
            Must, Profile.Core, "BP-9.2-9", async p =>
        {
            foreach (var code in (string[])["450 busy", "451-later\r\n451 please"])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer);
                await p.FinishAsync(wire);
                await wire.SendInsideAsync(code + "\r\n");
                await TakesAllAsync(p, wire, inside: true);
            }
        }),
        // [BP-9.2-9] A client whose server gives no well-formed greeting with 220, or no well-formed 2yz or 5yz reply to EHLO outside or
        //   inside, MUST go on to the next address or mail exchanger, or defer the mail; after a 5yz greeting of the last one it may return
        //   the mail instead, as RFC 5321 allows.
        new("C-9.2-11", "A server that does not greet, or does not answer EHLO, is left when the time-out has gone by",
            Must, Profile.Timeouts, "BP-9.2-9", async p =>
        {
            var wire = await p.ConnectAsync();
            await p.WithinAsync(nameof(Limits.GreetingTimeout), wire.DrainAsync(), "The client waits on for a greeting.");
            await p.ExpectAsync(delivered: false, "BP-9.1-5");
            wire = await p.ConnectAsync();
            await wire.SendLineAsync("220 probe.test ESMTP");
            await p.ExpectEhloAsync(wire);
            await p.WithinAsync(nameof(Limits.ReplyTimeout), wire.DrainAsync(), "The client waits on for the reply to EHLO.");
            await p.ExpectAsync(delivered: false, "BP-9.1-5");
        })
        { Needs = Needs.Timeouts },
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        new("C-9.2-12", "A server that does not answer XBLACKPONY, or sends no Finished, is a broken upgrade when the time-out has gone by",
            Must, Profile.Timeouts, "BP-9.2-2", async p =>
        {
            foreach (bool agrees in (bool[])[false, true])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                var command = await p.ExpectCommandAsync(wire);
                if (agrees)
                    await p.SwitchAsync(wire, CoreOffer, command: command);

                await p.WithinAsync(nameof(Limits.UpgradeTimeout), wire.DrainAsync(),
                    $"The client waits on for {(agrees ? "the server's Finished" : "the reply to XBLACKPONY")}.");
                await FreshAsync(p);
            }
        })
        { Needs = Needs.Timeouts },
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        new("C-9.2-13", "A server that does not answer the continuation is a broken upgrade when the time-out has gone by",
            Must, Profile.Timeouts, "BP-9.2-2", async p =>
        {
            var wire = await p.AcceptAsync("XBLACKPONY V1 RSA-BLOWFISH");
            await NeedCommandAsync(p, wire, Names.Classic);
            await Client5Suites.SendGoodShareAsync(wire);
            await wire.LineAsync();
            await p.WithinAsync(nameof(Limits.UpgradeTimeout), wire.DrainAsync(), "The client waits on for the reply to its continuation.");
            await FreshAsync(p);
        })
        { Needs = Needs.Timeouts },

        // [BP-9.2-9] A client whose server gives no well-formed greeting with 220, or no well-formed 2yz or 5yz reply to EHLO outside or
        //   inside, MUST go on to the next address or mail exchanger, or defer the mail; after a 5yz greeting of the last one it may return
        //   the mail instead, as RFC 5321 allows.
        new("C-9.2-14", "A server that answers EHLO with 3yz gets no mail, by HELO neither, although it would take it",
            Must, Profile.Core, "BP-9.2-9", async p =>
        {
            foreach (var code in (string[])["354 go", "334 K=AAAA", "300-odd\r\n300 code"])
            {
                var wire = await p.ConnectAsync();
                await wire.SendLineAsync("220 probe.test ESMTP");
                await p.ExpectEhloAsync(wire);
                await wire.SendLineAsync(code);
                await TakesAllAsync(p, wire, inside: false);

                wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer);
                await p.FinishAsync(wire);
                await wire.SendInsideAsync(code + "\r\n");
                await TakesAllAsync(p, wire, inside: true);
            }
        }),

        // ---------------------------------------------------------------- 9.3 what leaves in the clear
        // [BP-9.3-1] Until the upgrade has succeeded, or the policy has turned the session to plaintext, a client MUST NOT send anything
        //   but EHLO, HELO, XBLACKPONY, the continuation, NOOP, RSET and QUIT, or STARTTLS where [BP-4.7-3] prefers it.
        new("C-9.3-1", "Until the upgrade nothing is sent but EHLO, XBLACKPONY, NOOP and RSET", Must, Profile.Core, "BP-9.3-1", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer, "PIPELINING", "SIZE", "AUTH PLAIN", "DSN");
            await p.UpgradeAsync(wire, CoreOffer);
            await p.ServeMailAsync(wire, inside: true);
            await p.ExpectAsync(delivered: true);
            ClientProbe.ExpectNoMail(wire, "BP-9.3-1");
        }),
    ];
}
