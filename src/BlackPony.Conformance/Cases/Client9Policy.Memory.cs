using BlackPony.Conformance.Peers;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;
using static BlackPony.Conformance.Cases.Client4Negotiation;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <content>The memory, spec 9.4.</content>
internal static partial class Client9Policy
{
    private static IReadOnlyList<Case<ClientProbe>> Memory =>
    [
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
        //   else the session is no good session, and a client under remembered defers the mail.
        Remembers("C-9.4-5", "A server that showed an IDENT and shows none gets no mail", "BP-9.4-6", [Old], p => IdentAsync(p, [])),
        // [BP-9.4-6] If the entry has IDENT keys that count, the server MUST show or withdraw at least one of them in its ident record,
        //   else the session is no good session, and a client under remembered defers the mail.
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

            // Finished is verified, but no reply inside comes, after an IDENT or without.
            foreach (var keys in (IdentKey[]?[])[null, [Old]])
            {
                foreach (var loss in Losses)
                {
                    await LoseAsync(p, loss, keys);
                    await p.ExpectAsync(delivered: false, further: "BP-9.2-6");
                    await NotOfferedAsync(p, served: true);
                    await p.ExpectAsync(delivered: true);
                }
            }
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
        //   else the session is no good session, and a client under remembered defers the mail.
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
            var memory = p.Next.Memory;
            foreach (bool isFile in (bool[])[false, true])
            {
                p.Next = p.Next with { Memory = memory + (isFile ? "-empty" : "-folder") };
                if (isFile)
                    await File.WriteAllBytesAsync(p.Next.Memory, []);
                else
                    Directory.CreateDirectory(p.Next.Memory);

                var outcome = await MeetsNoOfferAsync(p);
                p.Wires.ToList().ForEach(w => ClientProbe.ExpectNoMail(w));
                That(!outcome.Delivered, "The client says that the mail was delivered, and it was not.");
            }
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
                await p.EndAsync("BP-9.2-3");
            }

            That(delivered.Contains(false), "The client delivers in plaintext whatever the server, which it met with BlackPony, does.");
        })
        { Needs = Needs.Policy | Needs.Memory },
        // [BP-9.1-3] Under remembered a client MUST NOT send mail to a server in its memory unless the server's Finished was verified and
        //   Section 9.4 is satisfied.
        // [BP-4.8-7] A client MUST NOT try another suite after a 504 under required, nor under remembered where plaintext is forbidden
        //   ([BP-9.1-3], [BP-9.1-8], [BP-9.1-9]).
        // [BP-9.2-3] A client MUST NOT make more than one such fresh connection for one address and delivery.
        new("C-9.4-16", "A remembered server gets no mail but in records, whatever it does instead of the upgrade",
            Must, Profile.Core, "BP-9.1-3 BP-4.8-7 BP-9.2-3", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Remembered };
            await IdentAsync(p, []);
            await p.ExpectAsync(delivered: true);
            await DeferAsync(p, async () => await p.AcceptAsync("XBLACKPONY V1 X-UNKNOWN"));
            foreach (var reply in (string[])["504 no", "421 no", "250 no", "220 no", "334 no", "354 no", "550 no", "no code", ""])
            {
                await DeferAsync(p, async () =>
                {
                    var wire = await p.AcceptAsync(AllOffer);
                    await p.ExpectCommandAsync(wire);
                    await (reply.Length > 0 ? wire.SendLineAsync(reply) : Task.CompletedTask);
                    if (reply.Length == 0)
                        wire.EndDirection();

                    return wire;
                });
                var second = p.Commands.FirstOrDefault(c => c.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase));
                That(second is null, $"After \"{reply}\" the client tries another suite.", "BP-4.8-7");
            }

            foreach (var breaks in Breaks)
                await DeferAsync(p, () => BreakAsync(p, breaks));

            foreach (var loss in Losses)
                await DeferAsync(p, () => LoseAsync(p, loss), further: "BP-9.2-6");
        })
        { Needs = Needs.Policy | Needs.Memory },
        // [BP-9.1-3] Under remembered a client MUST NOT send mail to a server in its memory unless the server's Finished was verified and
        //   Section 9.4 is satisfied.
        // [BP-9.2-3] A client MUST NOT make more than one such fresh connection for one address and delivery.
        new("C-9.4-17", "A remembered server gets no mail but in records, whatever it answers to the continuation, or to \"*\"",
            Must, Profile.Classic, "BP-9.1-3 BP-9.2-3", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Remembered };
            await IdentAsync(p, []);
            await p.ExpectAsync(delivered: true);
            foreach (var (reply, cancels) in ((string[])["454 no", "501 no", "504 no", "421 no", "250 no", "220 no", "no code", ""])
                .SelectMany(r => (List<(string, bool)>)[(r, false), (r, true)]))
            {
                await DeferAsync(p, async () =>
                {
                    var wire = await p.AcceptAsync($"XBLACKPONY V1 {Names.Classic}");
                    await NeedCommandAsync(p, wire, Names.Classic);
                    await Client5Suites.SendShareAsync(wire, cancels ? new byte[416] : Client5Suites.GoodShare);
                    await wire.LineAsync();
                    await (reply.Length > 0 ? wire.SendLineAsync(reply) : Task.CompletedTask);
                    if (reply.Length == 0)
                        wire.EndDirection();

                    return wire;
                });
            }
        })
        { Needs = Needs.Policy | Needs.Memory },
        // [BP-9.1-4] ROT MUST NOT satisfy remembered or required: where plaintext is forbidden, a client does not accept ROT.
        new("C-9.4-18", "A remembered server gets no mail over ROT, although the client is configured for it",
            Must, Profile.Manual, "BP-9.1-4", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Remembered };
            await IdentAsync(p, []);
            await p.ExpectAsync(delivered: true);
            p.Next = p.Next with { Suites = Names.Rot };
            await Client5Suites.NotOverRotAsync(p);
        })
        { Needs = Needs.Policy | Needs.Memory | Needs.Suites },
        // [BP-9.4-2] A client under remembered MUST write or renew the server's entry after a good session, as the memory has it then, and
        //   leave the other entries as other deliveries have written them.
        new("C-9.4-19", "A session is good whatever the code of the first reply inside: its server is remembered",
            Must, Profile.Core, "BP-9.4-2", async p =>
        {
            var memory = p.Next.Memory;
            foreach (var reply in (string[])["450 busy", "421 busy", "550 no"])
            {
                p.Next = p.Next with { Policy = ClientPolicy.Remembered, Memory = $"{memory}-{reply[..3]}" };
                var wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer);
                await p.FinishAsync(wire);
                await wire.SendInsideAsync(reply + "\r\n");
                await p.ServeMailAsync(wire, inside: true);
                await p.EndAsync("BP-9.2-9");
                await DeferAsync(p, () => NotOfferedAsync(p), "BP-9.4-2");
            }
        })
        { Needs = Needs.Policy | Needs.Memory },
        // [BP-9.4-25] A client under opportunistic that keeps a memory MUST read and write entries as one under remembered does, and defer
        //   if the memory cannot be read; on account of an entry it does not defer.
        new("C-9.4-20", "A client under opportunistic that keeps a memory writes into it too, and does not defer on account of it",
            Must, Profile.Core, "BP-9.4-25", async p =>
        {
            // A client that keeps one defers if it cannot read it; one that does not delivers, and need not keep one.
            var memory = p.Next.Memory;
            p.Next = p.Next with { KeepsMemory = true, Memory = memory + "-none" };
            Directory.CreateDirectory(p.Next.Memory);
            if ((await MeetsNoOfferAsync(p)).Delivered)
                throw new NotApplicableException("The client keeps no memory under opportunistic.");

            p.Next = p.Next with { Memory = memory };
            await IdentAsync(p, []);
            await p.ExpectAsync(delivered: true);
            await NotOfferedAsync(p, served: true);
            await p.ExpectAsync(delivered: true);
            p.Next = p.Next with { Policy = ClientPolicy.Remembered };
            await DeferAsync(p, () => NotOfferedAsync(p), "BP-9.4-25");
        })
        { Needs = Needs.Policy | Needs.Memory },
    ];
}
