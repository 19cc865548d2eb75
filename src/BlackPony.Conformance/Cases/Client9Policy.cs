using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Cases.Client4Negotiation;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>Client policies, spec 9.</summary>
internal static class Client9Policy
{
    private static readonly IdentKey Old = new(new byte[32]);
    private static readonly IdentKey Withdrawn = new(new byte[32], isWithdrawn: true);
    private static readonly IdentKey New = new([1, .. new byte[31]]);

    public static IReadOnlyList<Case<ClientProbe>> Cases { get; } =
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
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer);
            await p.FinishAsync(wire);
            wire.EndDirection();
            await wire.DrainAsync();
            await p.ExpectAsync(delivered: false);
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
        // [BP-9.2-9] A client whose server gives no well-formed greeting with 220, no well-formed reply to EHLO outside or inside, or a 4yz
        //   to either, MUST go on to the next address or mail exchanger, or defer the mail; after a 5yz greeting of the last one it may
        //   return the mail instead, as RFC 5321 allows.
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
        // [BP-9.2-9] A client whose server gives no well-formed greeting with 220, no well-formed reply to EHLO outside or inside, or a 4yz
        //   to either, MUST go on to the next address or mail exchanger, or defer the mail; after a 5yz greeting of the last one it may
        //   return the mail instead, as RFC 5321 allows.
        // [BP-9.1-5] A client that defers MUST try the next address or mail exchanger, if there is one, and else report a temporary failure
        //   (4yz) to whoever handed over the mail.
        new("C-9.2-7", "Greetings and EHLO replies that are not SMTP end in a deferral, not in a hang",
            Must, Profile.Core, "BP-9.2-9 BP-9.1-5", async p =>
        {
            foreach (var (greeting, ehlo) in (List<(string, string)>)
            [
                ("SSH-2.0-OpenSSH_9\r\n", ""), ("\r\n", ""), (new string('x', 100_000), ""), ("220\n", ""), ("22\r\n", ""), ("", ""),
                ("220 hello\r\n", "garbage\r\n"), ("220 hello\r\n", "250-a\r\n251 b\r\n"),
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

        // [BP-9.2-9] A client whose server gives no well-formed greeting with 220, no well-formed reply to EHLO outside or inside, or a 4yz
        //   to either, MUST go on to the next address or mail exchanger, or defer the mail; after a 5yz greeting of the last one it may
        //   return the mail instead, as RFC 5321 allows.
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
        // [BP-9.2-9] A client whose server gives no well-formed greeting with 220, no well-formed reply to EHLO outside or inside, or a 4yz
        //   to either, MUST go on to the next address or mail exchanger, or defer the mail; after a 5yz greeting of the last one it may
        //   return the mail instead, as RFC 5321 allows.
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
        // [BP-9.2-9] A client whose server gives no well-formed greeting with 220, no well-formed reply to EHLO outside or inside, or a 4yz
        //   to either, MUST go on to the next address or mail exchanger, or defer the mail; after a 5yz greeting of the last one it may
        //   return the mail instead, as RFC 5321 allows.
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
        // [BP-9.2-9] A client whose server gives no well-formed greeting with 220, no well-formed reply to EHLO outside or inside, or a 4yz
        //   to either, MUST go on to the next address or mail exchanger, or defer the mail; after a 5yz greeting of the last one it may
        //   return the mail instead, as RFC 5321 allows.
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

        // ---------------------------------------------------------------- 9.4 memory
        // [BP-9.1-3] Under remembered a client MUST NOT send mail to a server in its memory unless the server's Finished was verified and
        //   Section 9.4 is satisfied.
        Remembers("C-9.4-1", "A server that was met with BlackPony that does not offer it any more gets no mail",
            "BP-9.1-3", null, p => NotOfferedAsync(p)),
        // [BP-9.1-3] Under remembered a client MUST NOT send mail to a server in its memory unless the server's Finished was verified and
        //   Section 9.4 is satisfied.
        Remembers("C-9.4-2", "A server that was met with BlackPony that refuses it gets no mail", "BP-9.1-3", null, RefusedAsync),
        // [BP-9.1-3] Under remembered a client MUST NOT send mail to a server in its memory unless the server's Finished was verified and
        //   Section 9.4 is satisfied.
        // [BP-9.2-3] A client MUST NOT make more than one such fresh connection for one address and delivery.
        Remembers("C-9.4-3", "A server that was met with BlackPony whose upgrade breaks gets no mail, and no second connection",
            "BP-9.1-3 BP-9.2-3", null, BrokenAsync),
        // [BP-9.2-8] A client whose EHLO is refused with 5yz and that falls back to HELO MUST apply its policy as if there had been no
        //   offer.
        Remembers("C-9.4-4", "A server that was met with BlackPony that refuses EHLO gets no mail by HELO",
            "BP-9.2-8", null, EhloRefusedAsync),
        // [BP-9.4-6] If the entry has IDENT keys that count, the server MUST show or withdraw at least one of them in its ident record,
        //   else the client defers the mail.
        Remembers("C-9.4-5", "A server that showed an IDENT and shows none gets no mail", "BP-9.4-6", [Old], p => IdentAsync(p, [])),
        // [BP-9.4-6] If the entry has IDENT keys that count, the server MUST show or withdraw at least one of them in its ident record,
        //   else the client defers the mail.
        Remembers("C-9.4-6", "A server that showed an IDENT and shows another gets no mail", "BP-9.4-6", [Old], p => IdentAsync(p, [New])),
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        new("C-9.4-7", "A server not in memory is treated as under opportunistic", Must, Profile.Core, "BP-9.2-1", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Remembered };
            await NotOfferedAsync(p, served: true);
            await p.ExpectAsync(delivered: true);
        })
        { Needs = Needs.Policy | Needs.Memory },
        // [BP-9.4-3] A session that failed before that point MUST NOT write or renew an entry.
        new("C-9.4-8", "A session that failed before the first reply inside writes no memory", Must, Profile.Core, "BP-9.4-3", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Remembered };
            await WrongFinishedAsync(p);
            await FreshAsync(p);
            await NotOfferedAsync(p, served: true);
            await p.ExpectAsync(delivered: true);

            // Finished is verified, but no reply inside comes.
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer);
            await p.FinishAsync(wire);
            wire.EndDirection();
            await wire.DrainAsync();
            await p.ExpectAsync(delivered: false);
            await NotOfferedAsync(p, served: true);
            await p.ExpectAsync(delivered: true);
        })
        { Needs = Needs.Policy | Needs.Memory },
        // [BP-9.4-4] The outcome of the mail inside the session MUST NOT matter to the memory.
        new("C-9.4-9", "The outcome of the mail does not matter to the memory", Must, Profile.Core, "BP-9.4-4", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Remembered };
            var wire = await p.AcceptAsync(CoreOffer);
            await p.UpgradeAsync(wire, CoreOffer);
            await p.ServeMailAsync(wire, inside: true,
                answer: line => line.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase) ? "550 5.7.1 Not from you" : null);
            await p.ExpectAsync(delivered: false);
            await DeferAsync(p, () => NotOfferedAsync(p), "BP-9.4-4");
        })
        { Needs = Needs.Policy | Needs.Memory },
        // [BP-9.4-22] After a good session in which the server withdrew a key of the entry, the entry's keys MUST be only those that it
        //   showed in that session.
        // [BP-9.4-6] If the entry has IDENT keys that count, the server MUST show or withdraw at least one of them in its ident record,
        //   else the client defers the mail.
        new("C-9.4-10", "A server that showed a new key and withdrew the old one may then show the new one, but not the old one",
            Must, Profile.Core, "BP-9.4-22 BP-9.4-6", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Remembered };
            foreach (var keys in (IdentKey[][])[[Old], [New, Withdrawn], [New], [Withdrawn, New]])
            {
                await IdentAsync(p, keys);
                await p.ExpectAsync(delivered: true, "BP-9.4-6");
            }

            await DeferAsync(p, () => IdentAsync(p, [Old]), "BP-9.4-22");
        })
        { Needs = Needs.Policy | Needs.Memory },
        // [BP-6.5-9] A client MUST treat as withdrawn a key that stands in one ident record with both signatures, or with one that verifies
        //   for both.
        new("C-9.4-15", "A key that a server shows and withdraws in one record is withdrawn", Must, Profile.Core, "BP-6.5-9", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Remembered };
            foreach (var keys in (IdentKey[][])[[Old, New], [Withdrawn, New, Old]])
            {
                await IdentAsync(p, keys);
                await p.ExpectAsync(delivered: true);
            }

            await DeferAsync(p, () => IdentAsync(p, [Old]), "BP-6.5-9");
        })
        { Needs = Needs.Policy | Needs.Memory },
        // [BP-9.4-7] After a good session the entry's keys MUST be those that the server showed in it, and those of the entry that still
        //   count.
        new("C-9.4-14", "A key that a server does not show stays in the memory while it counts: either of two may be shown",
            Must, Profile.Core, "BP-9.4-7", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Remembered };
            foreach (var keys in (IdentKey[][])[[Old], [New, Old], [New], [Old]])
            {
                await IdentAsync(p, keys);
                await p.ExpectAsync(delivered: true);
            }
        })
        { Needs = Needs.Policy | Needs.Memory },
        // [BP-9.4-12] A memory that cannot be read MUST be treated as a temporary failure of delivery, not as empty.
        new("C-9.4-11", "A memory that can't be read is a temporary failure, not an empty memory",
            Must, Profile.Core, "BP-9.4-12", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Remembered };
            Directory.CreateDirectory(p.Next.Memory);
            try
            {
                var wire = await p.ConnectAsync();
                await wire.SendLineAsync("220 probe.test ESMTP");
                if (await ClientProbe.LineAsync(wire) is not null)
                {
                    await ClientProbe.AnswerEhloAsync(wire);
                    await wire.LineAsync();
                    wire.EndDirection();
                    await wire.DrainAsync();
                }

                ClientProbe.ExpectNoMail(wire);
            }
            catch (CaseFailedException e) when (e.Message.Contains("connection, but the client ended", StringComparison.Ordinal))
            {
                // It did not even connect.
            }

            await p.ExpectAsync(delivered: false);
        })
        { Needs = Needs.Policy | Needs.Memory },
        // [BP-9.1-3] Under remembered a client MUST NOT send mail to a server in its memory unless the server's Finished was verified and
        //   Section 9.4 is satisfied.
        // [BP-9.4-7] After a good session the entry's keys MUST be those that the server showed in it, and those of the entry that still
        //   count.
        new("C-9.4-12", "A remembered server that shows itself gets its mail, with IDENT and without",
            Must, Profile.Core, "BP-9.1-3 BP-9.4-7", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Remembered };
            int sessions = 0;
            foreach (var keys in (IdentKey[][])[[], [Old], [Old]])
            {
                // The third time it shows the key that it showed before.
                var requirement = ++sessions == 3 ? "BP-9.4-7" : "BP-9.1-3";
                await IdentAsync(p, keys);
                await p.ExpectAsync(delivered: true, requirement);
            }
        })
        { Needs = Needs.Policy | Needs.Memory },
        // [BP-9.4-2] A client under remembered MUST write or renew the server's entry after a good session, as the memory has it then, and
        //   leave the other entries as other deliveries have written them.
        new("C-9.4-13", "A good session is remembered: some failure of the server to show itself makes the client defer",
            Must, Profile.Core, "BP-9.4-2", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Remembered };
            await IdentAsync(p, []);
            await p.ExpectAsync(delivered: true);
            var delivered = new List<bool>();
            foreach (var server in (Func<ClientProbe, Task<ProbeConnection>>[])[q => NotOfferedAsync(q), RefusedAsync, EhloRefusedAsync])
            {
                var wire = await server(p);
                await p.ServeMailAsync(wire, inside: false);
                delivered.Add(wire.Plaintext.Any(l => l.StartsWith("DATA", StringComparison.OrdinalIgnoreCase)));
                await p.EndAsync();
            }

            That(delivered.Contains(false), "The client delivers in plaintext whatever the server, which it met with BlackPony, does.");
        })
        { Needs = Needs.Policy | Needs.Memory },
    ];

    // A server that goes on as if it had said nothing wrong: EHLO and HELO get 250, and mail is taken.
    private static async Task TakesAllAsync(ClientProbe p, ProbeConnection wire, bool inside)
    {
        p.Commands.Clear();
        await p.ServeMailAsync(wire, inside);
        wire.EndDirection();
        await wire.DrainAsync();
        var mail = p.Commands.FirstOrDefault(c => c.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase));
        That(mail is null, $"The client goes on, and says {Show(mail ?? "")}.");
        await p.ExpectAsync(delivered: false, "BP-9.1-5");
    }

    // Every code that a server could give, as one line, as several, and in single octets.
    private static async Task SweepAsync(ClientProbe p, Func<Func<ProbeConnection, Task>, Task<ProbeConnection>> play)
    {
        foreach (var (code, shape) in ((int[])[220, 221, 250, 334, 354, 421, 450, 454, 500, 501, 502, 503, 504, 530, 550, 554])
            .SelectMany(c => Enumerable.Range(0, 3).Select(s => (c, s))))
        {
            p.Next = p.Next with { Policy = ClientPolicy.Required };
            var wire = await play(async wire =>
            {
                var text = shape == 0 ? $"{code}-first\r\n{code} last\r\n" : $"{code} said\r\n";
                foreach (var part in shape == 1 ? text.Select(c => c.ToString()) : [text])
                    await wire.SendAsync(part);
            });

            // The client's answer, or the end; only then the server's end.
            await wire.LineAsync();
            wire.EndDirection();
            await wire.DrainAsync();
            ClientProbe.ExpectNoMail(wire, "BP-9.1-2");
            await p.ExpectAsync(delivered: false, "BP-9.1-5");
        }
    }

    private static async Task<ProbeConnection> NotOfferedAsync(ClientProbe p, bool served = false)
    {
        var wire = await p.AcceptAsync("");
        if (served)
            await p.ServeMailAsync(wire, inside: false);

        return wire;
    }

    private static async Task<ProbeConnection> RefusedAsync(ClientProbe p)
    {
        var wire = await p.AcceptAsync(CoreOffer);
        await p.ExpectCommandAsync(wire);
        await wire.SendLineAsync("454 4.7.0 Not now");
        return wire;
    }

    private static async Task<ProbeConnection> BrokenAsync(ClientProbe p)
    {
        var wire = await p.AcceptAsync(CoreOffer);
        await p.ExpectCommandAsync(wire);
        await wire.SendLineAsync("220 but no share");
        await wire.DrainAsync();
        return wire;
    }

    private static async Task<ProbeConnection> WrongFinishedAsync(ClientProbe p)
    {
        var wire = await p.AcceptAsync(CoreOffer);
        await p.SwitchAsync(wire, CoreOffer);
        await wire.SendRecordAsync(RecordType.Finished, new byte[32]);
        await wire.DrainAsync();
        return wire;
    }

    private static async Task<ProbeConnection> EhloRefusedAsync(ClientProbe p)
    {
        var wire = await p.ConnectAsync();
        await wire.SendLineAsync("220 probe.test ESMTP");
        await p.ExpectEhloAsync(wire);
        await wire.SendLineAsync("502 no EHLO");
        if (await ClientProbe.LineAsync(wire) is { } line)
        {
            bool quits = line.Equals("QUIT", StringComparison.OrdinalIgnoreCase);
            await wire.SendLineAsync(quits ? "221 Bye" : "250 probe.test");
            if (quits)
                wire.EndDirection();
        }

        return wire;
    }

    // An upgraded session with these keys, to its end, whatever the client then does.
    private static async Task<ProbeConnection> IdentAsync(ClientProbe p, IdentKey[] keys)
    {
        var wire = await p.AcceptAsync(CoreOffer);
        await p.SwitchAsync(wire, CoreOffer);
        await p.FinishAsync(wire, keys.Length == 0 ? null : Ident.Create(keys, wire.Keys.TranscriptHash));
        await wire.SendInsideAsync(ClientProbe.EhloReply());
        await p.ServeMailAsync(wire, inside: true);
        return wire;
    }

    // The delivery must end without mail, and the client must say so. A client that sends MAIL is served,
    // to see whether it defers after it ([BP-9.1-6]) or delivers.
    private static async Task DeferAsync(ClientProbe p, Func<Task<ProbeConnection>> server, string? delivers = null)
    {
        p.Commands.Clear();
        int before = p.Wires.Count;
        var wire = await server();
        if (!wire.Switched)
        {
            await p.ServeMailAsync(wire, inside: false);
            wire.EndDirection();
            await wire.DrainAsync();
        }

        var mail = p.Commands.FirstOrDefault(c => c.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase));
        bool message = p.Commands.Any(c => c.StartsWith("DATA", StringComparison.OrdinalIgnoreCase));
        That(mail is null, $"The client sends {Show(mail ?? "")} {(message ? "and the message" : "and then defers")}.",
            message ? delivers : "BP-9.1-6");
        await p.ExpectAsync(delivered: false, "BP-9.1-5", "BP-9.2-3");
        That(p.Wires.Count == before + 1, "The client opened another connection.", "BP-9.2-3");
    }

    private static Case<ClientProbe> Plain(string id, string title, string requirements) =>
        new(id, title, Must, Profile.Core, requirements, async p =>
        {
            await NotOfferedAsync(p, served: true);
            await p.ExpectAsync(delivered: true);
        });

    private static Case<ClientProbe> Deferred(string id, string title, ClientPolicy policy, string requirements,
        Func<ClientProbe, Task<ProbeConnection>> server, string? delivers = null) =>
        new(id, title, Must, Profile.Core, requirements, async p =>
        {
            p.Next = p.Next with { Policy = policy };
            await DeferAsync(p, () => server(p), delivers);
        })
        { Needs = Needs.Policy };

    private static Case<ClientProbe> Remembers(string id, string title, string requirements, IdentKey[]? keys,
        Func<ClientProbe, Task<ProbeConnection>> server) => new(id, title, Must, Profile.Core, requirements, async p =>
    {
        p.Next = p.Next with { Policy = ClientPolicy.Remembered };
        await IdentAsync(p, keys ?? []);
        await p.ExpectAsync(delivered: true);
        await DeferAsync(p, () => server(p));
    })
    { Needs = Needs.Policy | Needs.Memory };
}
