using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <content>The offer and the command, spec 4.1 and 4.2.</content>
internal static partial class Client4Negotiation
{
    private static IReadOnlyList<Case<ClientProbe>> Offer =>
    [
        // ---------------------------------------------------------------- 4.1 the offer
        // [BP-4.1-9] A client MUST ignore tokens that it does not know, GREASE included, wherever they stand.
        Carries("C-4.1-1", "Grease and unknown tokens are ignored, wherever they are",
            "BP-4.1-9", Long("XBLACKPONY G-7A7A V9 NO-SUCH-SUITE V1 !? X25519-CHACHA20POLY1305 future=1 G-0000 ", Limits.MaxReplyLine)),
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.8-5] A client that finds no suite in common MUST NOT send the command.
        Plain("C-4.1-2", "No offer: plain SMTP in the same connection", "BP-9.2-1 BP-4.8-5", "", "BP-4.8-5"),
        // [BP-4.8-5] A client that finds no suite in common MUST NOT send the command.
        Plain("C-4.1-3", "Only unknown suites: plain SMTP in the same connection", "BP-4.8-5", "XBLACKPONY V1 NO-SUCH-SUITE G-0000"),
        // [BP-4.1-13] A client MUST treat as no offer a line without the version V1, without a suite that it knows, longer than
        //   `MaxReplyLine`, or with an octet outside 32 to 126.
        Plain("C-4.1-4", "No V1: plain SMTP in the same connection", "BP-4.1-13", "XBLACKPONY V2 V01 V X25519-CHACHA20POLY1305"),
        // [BP-4.1-13] A client MUST treat as no offer a line without the version V1, without a suite that it knows, longer than
        //   `MaxReplyLine`, or with an octet outside 32 to 126.
        Plain("C-4.1-5", "A line of more than 512 octets is not an offer", "BP-4.1-13", Long(CoreOffer + " ", Limits.MaxReplyLine + 1)),
        // [BP-4.1-8] A client MUST compare keyword, versions and suites as text without regard to case.
        // [BP-6.1-5] Octets MUST be hashed as they were sent or received, never in a normalised form.
        Carries("C-4.1-6", "Keyword, version and suite are compared without regard to case, and hashed as they came",
            "BP-4.1-8 BP-6.1-5", "xBlackPony v1 x25519-ChaCha20Poly1305"),
        // [BP-4.1-10] A client MUST ignore the second and later occurrence of a token.
        Carries("C-4.1-7", "A token that occurs twice is ignored",
            "BP-4.1-10", "XBLACKPONY V1 V1 X25519-CHACHA20POLY1305 v1 X25519-CHACHA20POLY1305"),
        // [BP-4.1-12] A client MUST accept several spaces between tokens and spaces at the end of the line.
        // [BP-6.1-1] *offer* MUST be the octets of the XBLACKPONY line of the last positive EHLO reply before the command, from the first
        //   octet of the keyword up to and not including the CRLF, in the case and with the spaces that they had on the wire.
        Carries("C-4.1-8", "Several spaces, and spaces at the end, are ignored, and hashed",
            "BP-4.1-12 BP-6.1-1", "XBLACKPONY   V1  X25519-CHACHA20POLY1305   "),
        // [BP-4.1-11] A client MUST use the first XBLACKPONY line if there are several, whether it is usable or not, and ignore the others.
        new("C-4.1-9", "Of several XBLACKPONY lines the first counts", Must, Profile.Core, "BP-4.1-11", async p =>
        {
            var wire = await p.AcceptAsync("XBLACKPONY V1 NO-SUCH-SUITE", CoreOffer);
            await p.UpgradeAsync(wire, CoreOffer);
            await p.ServeMailAsync(wire, inside: true);
            await p.ExpectAsync(delivered: true);
        }),
        // [BP-4.1-11] A client MUST use the first XBLACKPONY line if there are several, whether it is usable or not, and ignore the others.
        new("C-4.1-10", "An unusable first XBLACKPONY line makes a second one unusable too", Must, Profile.Core, "BP-4.1-11", async p =>
        {
            foreach (var first in (string[])["XBLACKPONY V1 NO-SUCH-SUITE", "XBLACKPONY V9 " + Core, CoreOffer + " " + new string('x', 500),
                CoreOffer + " \xE9"])
            {
                var wire = await p.AcceptAsync(CoreOffer, first);
                await p.ServeMailAsync(wire, inside: false);
                NoCommand(wire, "BP-4.1-11");
                await p.ExpectAsync(delivered: true);
            }
        }),
        // [BP-4.1-16] A client MUST NOT treat the first line of an EHLO reply, which holds the server's name, as an offer.
        new("C-4.1-11", "The first line of the EHLO reply is not an offer", Must, Profile.Core, "BP-4.1-16", async p =>
        {
            var wire = await p.ConnectAsync();
            await wire.SendLineAsync("220 probe.test ESMTP");
            await p.ExpectEhloAsync(wire);
            await wire.SendAsync($"250-{CoreOffer}\r\n250 8BITMIME\r\n");
            await p.ServeMailAsync(wire, inside: false);
            NoCommand(wire, "BP-4.1-16");
            await p.ExpectAsync(delivered: true);
        }),
        // [BP-4.1-13] A client MUST treat as no offer a line without the version V1, without a suite that it knows, longer than
        //   `MaxReplyLine`, or with an octet outside 32 to 126.
        new("C-4.1-12", "A line with an octet outside 32 to 126 is not an offer", Must, Profile.Core, "BP-4.1-13", async p =>
        {
            foreach (char octet in "\xE9\x7F\x1F\t")
                await PlainAsync(p, $"{CoreOffer} caf{octet}", "BP-4.1-13");
        }),
        // [BP-4.1-13] A client MUST treat as no offer a line without the version V1, without a suite that it knows, longer than
        //   `MaxReplyLine`, or with an octet outside 32 to 126.
        Plain("C-4.1-13", "A keyword that only begins like XBLACKPONY is not an offer",
            "BP-4.1-13", "XBLACKPONYX V1 X25519-CHACHA20POLY1305"),
        // [BP-4.1-13] A client MUST treat as no offer a line without the version V1, without a suite that it knows, longer than
        //   `MaxReplyLine`, or with an octet outside 32 to 126.
        Plain("C-4.1-14", "A line with nothing but the keyword is not an offer", "BP-4.1-13", "XBLACKPONY"),
        // [BP-4.1-14] A client MUST use the offer of the last positive EHLO reply in the connection, and no earlier one.
        new("C-4.1-15", "An earlier connection's offer is not used, whether there is another one or none",
            Must, Profile.Core, "BP-4.1-14", async p =>
        {
            foreach (var offer in (string[])[CoreOffer + " G-0000", CoreOffer + " G-FFFF"])
            {
                await p.CarryAsync(offer);
                await p.ExpectAsync(delivered: true);
            }

            var wire = await p.AcceptAsync("");
            await p.ServeMailAsync(wire, inside: false);
            NoCommand(wire, "BP-4.1-14");
            await p.ExpectAsync(delivered: true);
        }),

        // [BP-4.1-17] A client MUST accept the versions and suites of an offer in any order.
        Carries("C-4.1-16", "Versions and suites are accepted in any order", "BP-4.1-17", $"XBLACKPONY {Core} G-5A1D V1"),

        // ---------------------------------------------------------------- 4.2 the command
        // [BP-4.2-1] A client MUST send the fields with exactly one space before each, and nothing after the last but CRLF.
        Asks("C-4.2-1", "The command is well-formed", "BP-4.2-1", "XBLACKPONY V1 ",
            (_, command) =>
                That(command.Split(' ') is { Length: >= 4 } fields && fields.All(f => f.Length > 0), $"The command is {Show(command)}.")),
        // [BP-4.2-2] A client MUST name a version and a suite that the offer listed.
        // [BP-4.8-1] A client MUST choose only a suite that both the offer lists and it accepts.
        Asks("C-4.2-2", "The command names a version and a suite of the offer",
            "BP-4.2-2 BP-4.8-1", "XBLACKPONY V9 V1 NO-SUCH-SUITE ", (suite, command) =>
        {
            var fields = command.Split(' ');
            That(fields.Length > 2 && fields[1].Equals("V1", StringComparison.OrdinalIgnoreCase), $"The command is {Show(command)}.");
            That(fields[2].Equals(suite, StringComparison.OrdinalIgnoreCase), $"The command is {Show(command)}.", "BP-4.8-1");
        }),
        // [BP-4.2-3] The command line, CRLF included, MUST NOT be longer than `MaxCommandLine`.
        Asks("C-4.2-3", "The command line is not longer than 4096 octets", "BP-4.2-3", "XBLACKPONY V1 ",
            (_, command) => That(command.Length + 2 <= Limits.MaxCommandLine, $"The line has {command.Length + 2} octets.")),
        // [BP-4.2-9] A client MUST NOT send anything after the command's CRLF until it has received the whole reply.
        new("C-4.2-4", "Nothing follows the command until its whole reply has come", Must, Profile.Core, "BP-4.2-9", async p =>
        {
            foreach (var suite in Names.Encrypting)
            {
                var wire = await p.AcceptAsync($"XBLACKPONY V1 {suite}", "PIPELINING");
                var line = await ClientProbe.LineAsync(wire) ?? "";
                bool asks = line.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase);
                await wire.SendAsync(asks ? "454-not\r\n454-yet\r\n45" : "25");
                That(!wire.HasMore, "Something was sent after the command.");
                await wire.SendAsync(asks ? "4 now\r\n" : "0 Ok\r\n");
                await p.ServeMailAsync(wire, inside: false);
                await p.ExpectAsync(delivered: true);
            }
        }),
        // [BP-5.1-6] A share MUST be written as one string of canonical base64: the alphabet of RFC 4648 Section 4, padded with "=" to a
        //   multiple of four characters, unused bits zero, without white space or line break inside.
        Asks("C-4.2-5", "The share is canonical base64, of as many octets as the suite says",
            "BP-5.1-6", "XBLACKPONY V1 ", (suite, command) =>
        {
            var share = command.Split(' ').ElementAtOrDefault(3) ?? "";
            int length = suite == Core ? 32 : suite == Classic ? 416 : 1216;
            That(Base64Share.TryDecode(System.Text.Encoding.Latin1.GetBytes(share), out var octets) && octets.Length == length,
                $"The share is {Show(share)}.");
        }),
        // [BP-4.2-10] A client MUST NOT send more than `MaxClientAttempts` XBLACKPONY commands in one connection.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        // [BP-4.8-6] A client that gets a 504 and does not try again MUST continue as after any other refusal.
        new("C-4.2-6", "There are at most two commands in a connection, the second with another suite",
            Must, Profile.Core, "BP-4.2-10 BP-4.2-11 BP-4.8-6", async p =>
        {
            await RefusesAllAsync(p, await p.AcceptAsync(AllOffer));
        }),
        // [BP-4.2-10] A client MUST NOT send more than `MaxClientAttempts` XBLACKPONY commands in one connection.
        new("C-4.2-7", "A client that is configured for three suites sends no third command", Must, Profile.Manual, "BP-4.2-10", async p =>
        {
            // ROT is one of them: not every client has three that encrypt.
            p.Next = p.Next with { Suites = $"{Core},{Classic},{Names.Rot}" };
            ProbeConnection wire;
            try
            {
                wire = await p.AcceptAsync($"XBLACKPONY V1 {Core} {Classic} {Names.Rot}");
            }
            catch (CaseFailedException) when (p.Wires.Count == 0)
            {
                throw new NotApplicableException($"The client makes no connection with the suites {p.Next.Suites}.");
            }

            await RefusesAllAsync(p, wire);
        })
        { Needs = Needs.Suites },
    ];

    // A server that refuses every suite, as long as the client asks.
    private static async Task RefusesAllAsync(ClientProbe p, ProbeConnection wire)
    {
        var suites = new List<string>();
        while (await ClientProbe.LineAsync(wire) is { } line)
        {
            if (!line.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase))
            {
                await wire.SendLineAsync("250 Ok");
                break;
            }

            suites.Add(line.Split(' ')[2].ToUpperInvariant());
            That(suites.Count <= Limits.MaxClientAttempts, $"The client sent {suites.Count} commands.", "BP-4.2-10");
            That(suites.Distinct().Count() == suites.Count, "The client tried a suite again that was refused.", "BP-4.2-11");
            await wire.SendLineAsync("504 5.5.4 Not that one");
        }

        await p.ServeMailAsync(wire, inside: false);
        await p.ExpectAsync(delivered: true, "BP-4.8-6", "BP-4.8-6");
    }
}
