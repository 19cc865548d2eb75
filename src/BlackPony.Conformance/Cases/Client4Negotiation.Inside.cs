using BlackPony.Conformance.Peers;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <content>What follows the upgrade, STARTTLS beside it and the choice of a suite, spec 4.5 to 4.8.</content>
internal static partial class Client4Negotiation
{
    private static IReadOnlyList<Case<ClientProbe>> Inside =>
    [
        // ---------------------------------------------------------------- 4.5 after the upgrade
        // [BP-4.5-2] The client MUST send EHLO again as its first command inside.
        new("C-4.5-1", "EHLO is the first command inside", Must, Profile.Core, "BP-4.5-2", async p =>
        {
            foreach (var suite in Names.Encrypting)
                await Client6Keys.GoodAsync(p, $"XBLACKPONY V1 {suite}");
        }),
        // [BP-4.5-6] A client MUST NOT use an extension inside that the EHLO reply inside did not list.
        // [BP-4.5-1] After the 220 both sides MUST forget everything that the plaintext session told them: the client's name, the server's
        //   extensions, authentication, and any other state.
        new("C-4.5-2", "No extension is used inside that the EHLO reply inside does not list",
            Must, Profile.Core, "BP-4.5-6 BP-4.5-1", async p =>
        {
            foreach (var (outside, requirement) in (List<(string[], string)>)[([], "BP-4.5-6"),
                (["SIZE 10000000", "8BITMIME", "SMTPUTF8", "DSN", "PIPELINING", "CHUNKING"], "BP-4.5-1")])
            {
                p.Commands.Clear();
                var wire = await p.AcceptAsync(CoreOffer, outside);
                await p.UpgradeAsync(wire, CoreOffer);
                await p.ServeMailAsync(wire, inside: true);
                await p.ExpectAsync(delivered: true);
                var bad = p.Commands.FirstOrDefault(
                    c => c.StartsWith("BDAT", StringComparison.OrdinalIgnoreCase)
                        || ((c.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase)
                            || c.StartsWith("RCPT", StringComparison.OrdinalIgnoreCase))
                            && c[(c.IndexOf('>', StringComparison.Ordinal) + 1)..].Trim().Length > 0));
                That(bad is null,
                    $"Inside, the client used what {(outside.Length == 0 ? "nobody" : "only the plaintext session")} offered: "
                        + $"{Show(bad ?? "")}.", requirement);
            }
        }),
        // [BP-4.5-7] A client MUST NOT send XBLACKPONY or STARTTLS inside, even if offered.
        new("C-4.5-3", "Neither XBLACKPONY nor STARTTLS is sent inside, even if offered", Must, Profile.Core, "BP-4.5-7", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.UpgradeAsync(wire, CoreOffer, extensions: ["STARTTLS", CoreOffer]);
            await p.ServeMailAsync(wire, inside: true);
            await p.ExpectAsync(delivered: true);
            That(!p.Commands.Any(
                c => c.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase)
                    || c.StartsWith("STARTTLS", StringComparison.OrdinalIgnoreCase)), "XBLACKPONY or STARTTLS was sent inside.");
        }),

        // [BP-4.5-6] A client MUST NOT use an extension inside that the EHLO reply inside did not list.
        new("C-4.5-4", "A message with 8 bits is not announced by BODY or SMTPUTF8 inside, where only the session outside offered them",
            Must, Profile.Core, "BP-4.5-6", async p =>
        {
            p.Next = p.Next with { Message = "Subject: \xC3\xA9t\xC3\xA9\r\n\r\n\xC3\xA9t\xC3\xA9\r\n" };
            foreach (var outside in (string[][])[["8BITMIME", "SMTPUTF8", "BINARYMIME", "CHUNKING"], []])
            {
                p.Commands.Clear();
                var wire = await p.AcceptAsync(CoreOffer, outside);
                await p.UpgradeAsync(wire, CoreOffer);
                await p.ServeMailAsync(wire, inside: true);

                // What a client does that may not send these 8 bits is its own business: it converts them, or refuses.
                await p.EndAsync();
                var bad = p.Commands.FirstOrDefault(c => c.StartsWith("BDAT", StringComparison.OrdinalIgnoreCase)
                    || c.Contains(" BODY=", StringComparison.OrdinalIgnoreCase)
                    || c.Contains(" SMTPUTF8", StringComparison.OrdinalIgnoreCase));
                That(bad is null, $"Inside, where it is not offered, the client says {Show(bad ?? "")}.");
            }
        }),

        // ---------------------------------------------------------------- 4.7 together with STARTTLS and AUTH
        // [BP-4.7-2] A client MUST NOT send STARTTLS after an upgrade, nor XBLACKPONY after STARTTLS was answered with 220.
        new("C-4.7-1", "After an upgrade STARTTLS is not sent", Must, Profile.Core, "BP-4.7-2", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer, "STARTTLS");
            await p.UpgradeAsync(wire, CoreOffer, extensions: ["STARTTLS"]);
            await p.ServeMailAsync(wire, inside: true);
            await p.ExpectAsync(delivered: true);
            That(!p.Commands.Concat(wire.Plaintext).Any(c => c.StartsWith("STARTTLS", StringComparison.OrdinalIgnoreCase)),
                "STARTTLS was sent.");
        }),
        // [BP-4.7-3] A client that finds both offered SHOULD use XBLACKPONY, unless it is able to authenticate the server by TLS (DANE, RFC
        //   7672; MTA-STS, RFC 8461) or is configured to use TLS.
        new("C-4.7-2", "With both offered XBLACKPONY is used", Should, Profile.Core, "BP-4.7-3", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer, "STARTTLS");
            await p.UpgradeAsync(wire, CoreOffer);
            await p.ServeMailAsync(wire, inside: true);
            await p.ExpectAsync(delivered: true);
        }),
        // [BP-4.7-4] A client MUST NOT treat a BlackPony channel as one that authenticates the server when it decides whether to send a
        //   reusable password.
        new("C-4.7-3", "No password is sent because the channel is encrypted", Must, Profile.Core, "BP-4.7-4", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.UpgradeAsync(wire, CoreOffer, extensions: ["AUTH PLAIN LOGIN"]);
            await p.ServeMailAsync(wire, inside: true);
            await p.ExpectAsync(delivered: true);
            That(!p.Commands.Any(c => c.StartsWith("AUTH", StringComparison.OrdinalIgnoreCase)), "The client authenticated itself.");
        }),

        // ---------------------------------------------------------------- 4.8 the choice of a suite
        // [BP-5.5-9] A client MUST NOT choose ROT unless its user named ROT for this session.
        Plain("C-4.8-1", "Only ROT offered: it is not chosen", "BP-5.5-9", "XBLACKPONY V1 ROT"),
        // [BP-4.8-2] A client SHOULD choose, among those, the first in its own order of preference.
        new("C-4.8-2", "The choice follows the client's order, not the server's", Should, Profile.Core, "BP-4.8-2", async p =>
        {
            var names = SuiteRegistry.Default.Select(s => s.Name).ToList();
            var first = (await CommandAsync(p, "XBLACKPONY V1 " + string.Join(' ', names))).Split(' ')[2];
            names.Reverse();
            var second = (await CommandAsync(p, "XBLACKPONY V1 " + string.Join(' ', names))).Split(' ')[2];
            That(first.Equals(second, StringComparison.OrdinalIgnoreCase),
                $"Asked in one order the client chose {first}, in the other {second}.");
        }),
        // [BP-4.8-3] The default order of preference MUST be that of `DefaultSuites`.
        new("C-4.8-3", "The default order of preference is the specification's", Must, Profile.Core, "BP-4.8-3", async p =>
        {
            var names = SuiteRegistry.Default.Select(s => s.Name).ToList();
            var chosen = (await CommandAsync(p, "XBLACKPONY V1 " + string.Join(' ', names.AsEnumerable().Reverse()))).Split(' ')[2]
                .ToUpperInvariant();
            foreach (var better in names.TakeWhile(n => n != chosen))
            {
                var wire = await p.AcceptAsync($"XBLACKPONY V1 {better}");
                await p.ServeMailAsync(wire, inside: false);
                That(!wire.Plaintext.Any(l => l.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase)),
                    $"The client knows {better} and chose {chosen}.");
                await p.ExpectAsync(delivered: true);
            }
        }),
        // [BP-4.8-4] After a 504 a client MAY try once more with the next suite that both have.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        new("C-4.8-4", "A 504 may be answered with the next suite, which then carries the mail",
            May, Profile.Core, "BP-4.8-4 BP-4.2-11", async p =>
        {
            const string Refusal = "504 5.5.4 Not that one";
            var (wire, first, second) = await SecondAttemptAsync(p, Refusal);
            var (refused, next) = (first.Split(' ')[2], second.Split(' ')[2]);
            That(!next.Equals(refused, StringComparison.OrdinalIgnoreCase), $"The next command names {refused} again.", "BP-4.2-11");
            That(AllOffer.Split(' ').Contains(next, StringComparer.OrdinalIgnoreCase), $"The next command is {Show(second)}.");
            await p.SwitchAsync(wire, AllOffer, command: second, refused: [first, Refusal]);
            await p.FinishAsync(wire);
            await wire.SendInsideAsync(ClientProbe.EhloReply());
            await p.ServeMailAsync(wire, inside: true);
            await p.ExpectAsync(delivered: true);
        }),
        // [BP-4.8-7] A client MUST NOT try another suite after a 504 under required, nor under remembered where plaintext is forbidden
        //   ([BP-9.1-3], [BP-9.1-8], [BP-9.1-9]).
        new("C-4.8-5", "required: a 504, which an active attacker can forge, is not answered with another suite",
            Must, Profile.Core, "BP-4.8-7", async p =>
        {
            p.Next = p.Next with { Policy = Reference.Policy.ClientPolicy.Required };
            var wire = await p.AcceptAsync(AllOffer);
            await p.ExpectCommandAsync(wire);
            await wire.SendLineAsync("504 5.5.4 Not that one");
            var next = await ClientProbe.LineAsync(wire);
            That(next?.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase) != true,
                $"The client goes on with {Show(next ?? "")}.");
            wire.EndDirection();
            await wire.DrainAsync();
            ClientProbe.ExpectNoMail(wire, "BP-9.1-2");
            await p.ExpectAsync(delivered: false);
        })
        { Needs = Needs.Policy },
    ];
}
