using System.Buffers.Binary;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <summary>Negotiation, spec 4. The client has the opportunistic policy and its own suites.</summary>
internal static class Client4Negotiation
{
    internal const string CoreOffer = "XBLACKPONY V1 X25519-CHACHA20POLY1305";
    /// <summary>An offer of all suites that are on if nothing else is set.</summary>
    internal static readonly string AllOffer = "XBLACKPONY V1 " + string.Join(' ', SuiteRegistry.Default.Select(s => s.Name));
    private const string AnyShare = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

    public static IReadOnlyList<Case<ClientProbe>> Cases { get; } =
    [
        // ---------------------------------------------------------------- 4.1 the offer
        // [BP-4.1-9] A client MUST ignore tokens that it does not know, GREASE included, wherever they stand.
        Carries("C-4.1-1", "Grease and unknown tokens are ignored, wherever they are",
            "BP-4.1-9", "XBLACKPONY G-7A7A V9 NO-SUCH-SUITE V1 !? X25519-CHACHA20POLY1305 future=1 G-0000"),
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
        Plain("C-4.1-5", "A line of more than 512 octets is not an offer", "BP-4.1-13", CoreOffer + " " + new string('x', 500)),
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
        Plain("C-4.1-12", "A line with an octet outside 32 to 126 is not an offer", "BP-4.1-13", CoreOffer + " caf\xE9"),
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
            var wire = await p.AcceptAsync(AllOffer);
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
        }),

        // ---------------------------------------------------------------- 4.3 the 220 and 334 replies
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        // [BP-9.2-3] A client MUST NOT make more than one such fresh connection for one address and delivery.
        Broken("C-4.3-1", "A 220 reply without K= is a broken upgrade: one fresh plain connection",
            "BP-4.3-7 BP-9.2-2 BP-9.2-3", "220 go ahead\r\n"),
        // [BP-4.3-8] A client MUST treat as a broken upgrade a reply with another code than 220, 334, 4yz or 5yz.
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        Broken("C-4.3-2", "A reply with another code is a broken upgrade", "BP-4.3-8 BP-9.2-2", $"250 K={AnyShare}\r\n"),
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        Broken("C-4.3-3", "A 334 reply in a suite that has none is a broken upgrade", "BP-4.3-7 BP-9.2-2", $"334 K={AnyShare}\r\n"),
        // [BP-4.6-4] A client MUST NOT send a plaintext octet after the command (or continuation) that the 220 answered.
        // [BP-4.6-2] A client MUST NOT interpret as a reply any octet received after the 220 that is not in a verified record.
        new("C-4.3-4", "Plaintext injected after the 220 is read as records, and no mail is sent there",
            Must, Profile.Core, "BP-4.6-4 BP-4.6-2", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer, behind: string.Concat(Enumerable.Repeat("250 injected\r\n", 2000)));

            // An alert is a record: its length does not look like letters.
            var length = await wire.OctetsAsync(2);
            bool isText = length.All(b => b is >= (byte)' ' and < 127);
            byte[] rest = isText && length.Length > 0
                ? [.. length, .. await wire.SomeAsync()]
                : length.Length < 2 ? length : await wire.OctetsAsync(BinaryPrimitives.ReadUInt16BigEndian(length));
            bool replied = System.Text.Encoding.Latin1.GetString(rest).Contains("MAIL", StringComparison.OrdinalIgnoreCase);
            That(length.Length == 0 || (!isText && rest.Length == BinaryPrimitives.ReadUInt16BigEndian(length)),
                $"Expected the end of the connection, perhaps after an alert, got {Show(rest)}.", replied ? "BP-4.6-2" : "BP-4.6-4");
            await wire.ExpectClosedAsync("The client continues after plaintext, which it treated as a record.", "BP-4.6-4");
            await FreshAsync(p);
        }),
        // [BP-4.3-5] A client MUST accept fragments of 1 or more characters, split anywhere, within `MaxReplyLine` and `MaxShareLines`.
        new("C-4.3-5", "Fragments are accepted split anywhere, even into single characters", Must, Profile.Core, "BP-4.3-5", async p =>
        {
            foreach (var sizes in (int[][])[Lines(Limits.MaxShareLines), Lines(7), [43, 1], [1, 43]])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer, sizes: sizes);
                await p.FinishAsync(wire, none: "BP-4.3-5");
                await wire.SendInsideAsync(ClientProbe.EhloReply());
                await p.ServeMailAsync(wire, inside: true);
                await p.ExpectAsync(delivered: true);
            }
        }),
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        Broken("C-4.3-6", "A 220 reply with an enhanced status code before K= is a broken upgrade",
            "BP-4.3-7", $"220 2.0.0 K={AnyShare}\r\n"),
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        Broken("C-4.3-7", "A 220 reply with a line that is not a share is a broken upgrade",
            "BP-4.3-7", $"220-K={AnyShare[..20]}\r\n220 {AnyShare[20..]}\r\n"),
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        Broken("C-4.3-8", "A 220 reply with an empty fragment is a broken upgrade", "BP-4.3-7", $"220-K=\r\n220 K={AnyShare}\r\n"),
        // [BP-4.3-11] A client MUST treat a greeting, a reply to EHLO, XBLACKPONY or the continuation, and every reply in records, except
        //   those of [BP-10.5-19], as malformed if it has a line longer than `MaxEhloLine`, more than `MaxEhloLines` lines, a line without
        //   a code, a code with anything but a hyphen, a space or CRLF after it, lines with different codes, or a bare LF.
        new("C-4.3-9", "A reply with lines of different codes is a broken upgrade", Must, Profile.Core, "BP-4.3-11", async p =>
        {
            await BrokenAsync(p, $"220-K={AnyShare[..20]}\r\n250 K={AnyShare[20..]}\r\n");
            await BrokenAsync(p, "450-not\r\n454 now\r\n");
        }),
        // [BP-4.3-11] A client MUST treat a greeting, a reply to EHLO, XBLACKPONY or the continuation, and every reply in records, except
        //   those of [BP-10.5-19], as malformed if it has a line longer than `MaxEhloLine`, more than `MaxEhloLines` lines, a line without
        //   a code, a code with anything but a hyphen, a space or CRLF after it, lines with different codes, or a bare LF.
        Broken("C-4.3-10", "A refusal with too long a line is a broken upgrade",
            "BP-4.3-11", $"454 {new string('x', Limits.MaxEhloLine)}\r\n"),
        // [BP-4.3-11] A client MUST treat a greeting, a reply to EHLO, XBLACKPONY or the continuation, and every reply in records, except
        //   those of [BP-10.5-19], as malformed if it has a line longer than `MaxEhloLine`, more than `MaxEhloLines` lines, a line without
        //   a code, a code with anything but a hyphen, a space or CRLF after it, lines with different codes, or a bare LF.
        Broken("C-4.3-11", "A refusal of too many lines is a broken upgrade",
            "BP-4.3-11", string.Concat(Enumerable.Repeat("454-no\r\n", Limits.MaxEhloLines)) + "454 no\r\n"),
        // [BP-4.3-11] A client MUST treat a greeting, a reply to EHLO, XBLACKPONY or the continuation, and every reply in records, except
        //   those of [BP-10.5-19], as malformed if it has a line longer than `MaxEhloLine`, more than `MaxEhloLines` lines, a line without
        //   a code, a code with anything but a hyphen, a space or CRLF after it, lines with different codes, or a bare LF.
        Broken("C-4.3-12", "A reply that is not SMTP is a broken upgrade", "BP-4.3-11", "HTTP/1.1 400 Bad Request\r\n\r\n"),
        // [BP-4.3-11] A client MUST treat a greeting, a reply to EHLO, XBLACKPONY or the continuation, and every reply in records, except
        //   those of [BP-10.5-19], as malformed if it has a line longer than `MaxEhloLine`, more than `MaxEhloLines` lines, a line without
        //   a code, a code with anything but a hyphen, a space or CRLF after it, lines with different codes, or a bare LF.
        Broken("C-4.3-13", "A reply whose lines end with a bare LF is a broken upgrade", "BP-4.3-11", $"220 K={AnyShare}\n220 x\r\n"),
        // [BP-4.3-8] A client MUST treat as a broken upgrade a reply with another code than 220, 334, 4yz or 5yz.
        new("C-4.3-14", "Every other code than 220, 334, 4yz and 5yz is a broken upgrade", Must, Profile.Core, "BP-4.3-8", async p =>
        {
            foreach (var reply in (string[])["221 bye", "250 ok", "354 go", "235 ok", "299 K=" + AnyShare])
                await BrokenAsync(p, reply + "\r\n");
        }),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-4.2-9] A client MUST NOT send anything after the command's CRLF until it has received the whole reply.
        new("C-4.3-15", "A reply in single octets is accepted", Must, Profile.Core, "BP-4.4-11 BP-4.2-9", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.ExpectCommandAsync(wire);
            foreach (char c in "454 4.7.0 Not now\r\n")
                await wire.SendAsync(c.ToString());

            await p.ServeMailAsync(wire, inside: false);
            await p.ExpectAsync(delivered: true);
        }),
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        Broken("C-4.3-16", "A connection that ends instead of a reply is a broken upgrade", "BP-9.2-2", "", close: true),
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        Broken("C-4.3-17", "A connection that ends within a reply is a broken upgrade",
            "BP-9.2-2", $"220-K={AnyShare[..20]}\r\n220 K=", close: true),
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        new("C-4.3-18", "A 220 instead of the 334 is a broken upgrade", Must, Profile.Classic, "BP-4.3-7", async p =>
        {
            var wire = await p.AcceptAsync("XBLACKPONY V1 RSA-BLOWFISH");
            await NeedCommandAsync(p, wire, Classic);
            await wire.SendLineAsync($"220 K={AnyShare}");
            That(await wire.LineAsync() is null, "The client goes on in the connection of a broken upgrade.");
            await FreshAsync(p);
        }),

        // [BP-4.3-13] A client that receives a malformed reply in records MUST send its close, close the connection, and go on as after a
        //   failure ([BP-9.2-6]).
        new("C-4.3-19", "A malformed reply inside ends the session with a close, and the mail is deferred",
            Must, Profile.Core, "BP-4.3-13", async p =>
        {
            foreach (var reply in (string[])["250 " + new string('x', Limits.MaxEhloLine) + "\r\n",
                "250-probe.test\n250 x\r\n", "garbage\r\n"])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer);
                await p.FinishAsync(wire);
                await wire.SendInsideAsync(reply);
                var record = await wire.NextAsync();
                That(record?.Type == RecordType.Close,
                    $"A malformed EHLO reply inside is answered with {record?.Type.ToString() ?? "the end of the connection"}.");
                wire.EndDirection();
                await wire.DrainAsync();
                await p.ExpectAsync(delivered: false, further: "BP-9.2-6");
            }
        }),
        // [BP-4.3-14] A client MUST treat as malformed a 220 or 334 reply to XBLACKPONY that has a line longer than `MaxReplyLine`, more
        //   than `MaxShareLines` lines, or a line with nothing after "K=".
        new("C-4.3-20", "A share in more than 16 lines is a broken upgrade", Must, Profile.Core, "BP-4.3-14", async p =>
        {
            foreach (int lines in (int[])[22, Limits.MaxShareLines + 1])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer, sizes: Lines(lines));
                await wire.SendRecordAsync(RecordType.Finished, wire.Keys.Finished(Role.Server));
                wire.EndDirection();
                That((await wire.OctetsAsync(1)).Length == 0, $"The client goes on after a share of {lines} lines.");
                await FreshAsync(p);
            }
        }),

        // [BP-4.3-9] A client MUST treat every octet after the 220 reply's last CRLF as records, even if it came in the same segment.
        new("C-4.3-21", "A Finished that comes in one segment with the 220 is accepted", Must, Profile.Core, "BP-4.3-9", async p =>
        {
            // And the end after it: a client that discards what came with the 220 has nothing left.
            foreach (var suite in Names.Encrypting)
            {
                var offer = $"XBLACKPONY V1 {suite}";
                var wire = await p.AcceptAsync(offer);
                var line = await ClientProbe.LineAsync(wire) ?? "";
                if (line.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase))
                {
                    await p.SwitchAsync(wire, offer, command: line, finishes: true);
                    wire.EndDirection();
                    await ClientProbe.TakeFinishedAsync(wire, "BP-4.3-9");
                    await wire.DrainAsync();
                    await p.ExpectAsync(delivered: false, further: "BP-9.2-6");
                }
                else
                {
                    await wire.SendLineAsync("250 Ok");
                    await p.ServeMailAsync(wire, inside: false);
                    await p.ExpectAsync(delivered: true);
                }
            }
        }),

        // [BP-4.3-16] After a broken upgrade a client MUST NOT send anything more in that connection, except the alert if records began.
        new("C-4.3-27", "After a broken upgrade nothing more is sent in that connection", Must, Profile.Core, "BP-4.3-16", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.ExpectCommandAsync(wire);
            await wire.SendLineAsync("220 no share, and no more");
            var line = await wire.LineAsync();
            That(line is null, $"The client goes on in the connection of a broken upgrade, with {Show(line ?? "")}.");
            await FreshAsync(p);
        }),
        // [BP-4.3-15] A client MUST treat what it received before it sent XBLACKPONY, or the continuation, as the reply to it.
        new("C-4.3-28", "What came before the command is the reply to it", Must, Profile.Core, "BP-4.3-15", async p =>
        {
            var wire = await p.ConnectAsync();
            await wire.SendLineAsync("220 probe.test ESMTP");
            await p.ExpectEhloAsync(wire);
            await wire.SendAsync(ClientProbe.EhloReply(CoreOffer) + "421 4.3.2 Early\r\n");
            await p.ExpectCommandAsync(wire);
            await wire.SendLineAsync("454 4.7.0 Late");
            var line = await wire.LineAsync();
            That(line is null, $"The client discards a reply that came before its command, and goes on with {Show(line ?? "")}.");
            await FreshAsync(p);
        }),
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        new("C-4.3-22", "A 220 reply that carries a good share in lines of another form is a broken upgrade",
            Must, Profile.Core, "BP-4.3-7", async p =>
        {
            foreach (var form in (Func<string, string>[])[l => l.Replace("K=", "k=", StringComparison.Ordinal),
                l => l.Insert(4, " "), l => l.Insert(4, "2.0.0 "), l => l.Replace("K=", "", StringComparison.Ordinal)])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer, form: form);
                await NothingAfterAsync(p, wire, "a 220 reply of another form");
            }
        }),
        // [BP-4.3-14] A client MUST treat as malformed a 220 or 334 reply to XBLACKPONY that has a line longer than `MaxReplyLine`, more
        //   than `MaxShareLines` lines, or a line with nothing after "K=".
        // [BP-4.3-5] A client MUST accept fragments of 1 or more characters, split anywhere, within `MaxReplyLine` and `MaxShareLines`.
        new("C-4.3-23", "A line of 513 octets in a 220 reply is a broken upgrade, and one of 512 is not",
            Must, Profile.Hybrid, "BP-4.3-14 BP-4.3-5", p => LongLinesAsync(p, Hybrid)),
        // [BP-4.3-14] A client MUST treat as malformed a 220 or 334 reply to XBLACKPONY that has a line longer than `MaxReplyLine`, more
        //   than `MaxShareLines` lines, or a line with nothing after "K=".
        // [BP-4.3-5] A client MUST accept fragments of 1 or more characters, split anywhere, within `MaxReplyLine` and `MaxShareLines`.
        new("C-4.3-24", "A line of 513 octets in RSA-BLOWFISH's 220 reply is a broken upgrade, and one of 512 is not",
            Must, Profile.Classic, "BP-4.3-14 BP-4.3-5", p => LongLinesAsync(p, Classic)),
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        new("C-4.3-25", "A 334 reply of another form is a broken upgrade, although its share is good", Must, Profile.Classic, "BP-4.3-7",
            async p =>
        {
            var share = Convert.ToBase64String([.. TestRsaKeys.ServerModulus, .. new byte[32]]);
            foreach (var reply in (string[])[$"334-k={share[..400]}\r\n334 k={share[400..]}\r\n", $"334 K={share}\r\n",
                $"334-2.0.0 K={share[..400]}\r\n334 2.0.0 K={share[400..]}\r\n", $"334-K={share}\r\n334 K=\r\n"])
            {
                var wire = await p.AcceptAsync($"XBLACKPONY V1 {Classic}");
                await NeedCommandAsync(p, wire, Classic);
                await wire.SendAsync(reply);
                await NothingAsync(wire, "a 334 reply of another form");
                await FreshAsync(p);
            }
        }),
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        // [BP-4.3-8] A client MUST treat as a broken upgrade a reply with another code than 220, 334, 4yz or 5yz.
        // [BP-4.3-11] A client MUST treat a greeting, a reply to EHLO, XBLACKPONY or the continuation, and every reply in records, except
        //   those of [BP-10.5-19], as malformed if it has a line longer than `MaxEhloLine`, more than `MaxEhloLines` lines, a line without
        //   a code, a code with anything but a hyphen, a space or CRLF after it, lines with different codes, or a bare LF.
        // [BP-4.4-12] A client MUST treat a 421 reply to XBLACKPONY or to the continuation as a broken upgrade.
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        new("C-4.3-26", "Whatever is no well-formed 220 and no refusal is a broken upgrade in reply to the continuation too",
            Must, Profile.Classic, "BP-4.3-7 BP-4.3-8 BP-4.3-11 BP-4.4-12 BP-9.2-2", async p =>
        {
            foreach (var (reply, requirement) in (List<(string, string)>)[("220 go ahead\r\n", "BP-4.3-7"),
                ($"334 K={AnyShare}\r\n", "BP-4.3-7"), ("250 ok\r\n", "BP-4.3-8"), ("354 go\r\n", "BP-4.3-8"),
                ("garbage\r\n", "BP-4.3-11"), ("450-not\r\n454 now\r\n", "BP-4.3-11"), ("421 4.3.2 Going down\r\n", "BP-4.4-12"),
                ("", "BP-9.2-2")])
            {
                var wire = await p.AcceptAsync($"XBLACKPONY V1 {Classic}");
                await NeedCommandAsync(p, wire, Classic);
                await Client5Suites.SendGoodShareAsync(wire);
                await wire.LineAsync();
                await wire.SendAsync(reply);
                if (reply.Length == 0)
                    wire.EndDirection();

                await NothingAsync(wire, $"{Show(reply)} to the continuation", requirement);
                await FreshAsync(p);
            }
        }),

        // ---------------------------------------------------------------- 4.4 refusals
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-1", "454 not now"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-2", "500 what?"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-3", "501 invalid share"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-4", "502 disabled"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-5", "503 not now"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-6", "504 5.5.4 unknown suite"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-7", "450 later"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-8", "530 5.7.0 Must issue a STARTTLS command first"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-9", "550 no"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-10", "554 no"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-11", string.Concat(Enumerable.Repeat("454-4.7.0 several\r\n", Limits.MaxEhloLines - 2))
            + "454-lines 250 STARTTLS\r\n454 XBLACKPONY V1 ROT \xE9\x01"),
        // [BP-4.4-12] A client MUST treat a 421 reply to XBLACKPONY or to the continuation as a broken upgrade.
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        Broken("C-4.4-12", "A 421 is the end of the connection: a broken upgrade", "BP-4.4-12 BP-9.2-2", "421 4.3.2 Going down\r\n"),
        // [BP-4.4-10] A client MUST decide by the reply's code alone, and neither parse nor log as trusted the text of a refusal, whatever
        //   octets it has.
        new("C-4.4-13", "The text of a refusal is not acted upon", Must, Profile.Core, "BP-4.4-10", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.ExpectCommandAsync(wire);
            await wire.SendAsync($"454-K={AnyShare}\r\n454-250-XBLACKPONY V1 ROT\r\n454 220 K={AnyShare}\r\n");
            await p.ServeMailAsync(wire, inside: false);
            That(wire.Plaintext.Count(l => l.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase)) == 1, "The client asked again.");
            await p.ExpectAsync(delivered: true);
        }),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-14", "454"),

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

    /// <summary>Refuses the client's command with 504; the case does not apply if it does not try again.</summary>
    /// <returns>The connection, and both commands.</returns>
    internal static async Task<(ProbeConnection Wire, string First, string Second)> SecondAttemptAsync(
        ClientProbe p, params string[] refusal)
    {
        var wire = await p.AcceptAsync(AllOffer);
        var first = await p.ExpectCommandAsync(wire);
        foreach (var line in refusal)
            await wire.SendLineAsync(line);

        var second = await ClientProbe.LineAsync(wire) ?? "";
        if (second.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase))
            return (wire, first, second);

        await wire.SendLineAsync("250 Ok");
        await p.ServeMailAsync(wire, inside: false);
        await p.ExpectAsync(delivered: true);
        throw new NotApplicableException("The client has one suite, or does not try again after 504.");
    }

    /// <summary>The client was not to send XBLACKPONY.</summary>
    internal static void NoCommand(ProbeConnection wire, string requirement) =>
        That(!wire.Plaintext.Any(l => l.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase)),
            "The client sent XBLACKPONY.", requirement);

    /// <summary>The command, which is then refused, and the mail in plaintext.</summary>
    internal static async Task<string> CommandAsync(ClientProbe p, string offer)
    {
        var wire = await p.AcceptAsync(offer);
        var command = await p.ExpectCommandAsync(wire);
        await wire.SendLineAsync("454 not now");
        await p.ServeMailAsync(wire, inside: false);
        await p.ExpectAsync(delivered: true);
        return command;
    }

    /// <summary>The command; the case does not apply to a client that does not know the one suite of the offer.</summary>
    internal static async Task<string> NeedCommandAsync(ClientProbe p, ProbeConnection wire, string suite)
    {
        var line = await ClientProbe.LineAsync(wire);
        if (line?.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase) != true
            || !line.Split(' ')[2].Equals(suite, StringComparison.OrdinalIgnoreCase))
        {
            throw new NotApplicableException($"The client does not choose {suite}.");
        }

        return line;
    }

    /// <summary>The one fresh connection, in plain SMTP, although the server offers again ([BP-9.2-2]).</summary>
    internal static async Task FreshAsync(ClientProbe p)
    {
        var wire = await p.AcceptAsync("BP-9.2-2", CoreOffer, []);
        await p.ServeMailAsync(wire, inside: false);
        NoCommand(wire, "BP-9.2-2");
        await p.ExpectAsync(delivered: true, "BP-9.2-2", "BP-9.2-3");
    }

    // The characters of the core suite's share in so many lines.
    private static int[] Lines(int count) => [.. Enumerable.Range(0, count).Select(i => (AnyShare.Length + i) / count)];

    // A line of 512 octets is not too long yet.
    private static async Task LongLinesAsync(ClientProbe p, string suite)
    {
        const int Greatest = Limits.MaxReplyLine - 8;
        var offer = $"XBLACKPONY V1 {suite}";
        foreach (int size in (int[])[Greatest, Greatest + 1])
        {
            var wire = await p.AcceptAsync(offer);
            await p.SwitchAsync(wire, offer, command: await NeedCommandAsync(p, wire, suite), fragment: size);
            if (size > Greatest)
            {
                await NothingAfterAsync(p, wire, "a line that is too long");
            }
            else
            {
                await p.FinishAsync(wire, none: "BP-4.3-5");
                await wire.SendInsideAsync(ClientProbe.EhloReply());
                await p.ServeMailAsync(wire, inside: true);
                await p.ExpectAsync(delivered: true);
            }
        }
    }

    // A client that went on would take the Finished.
    private static async Task NothingAfterAsync(ClientProbe p, ProbeConnection wire, string what)
    {
        await wire.SendRecordAsync(RecordType.Finished, wire.Keys.Finished(Role.Server));
        await NothingAsync(wire, what);
        await FreshAsync(p);
    }

    internal static async Task NothingAsync(ProbeConnection wire, string what, string? requirement = null)
    {
        var came = await wire.SomeAsync();
        That(came.Length == 0, $"After {what} the client sends {Show(came)} in the same connection.", requirement);
    }

    private static async Task BrokenAsync(ClientProbe p, string reply, bool close = false)
    {
        var wire = await p.AcceptAsync(CoreOffer);
        await p.ExpectCommandAsync(wire);
        await wire.SendAsync(reply);
        if (close)
            wire.EndDirection();

        var line = await wire.LineAsync();
        That(line is null, $"The client goes on in the connection of a broken upgrade, with {Show(line ?? "")}.");
        await FreshAsync(p);
    }

    private static Case<ClientProbe> Broken(string id, string title, string requirements, string reply, bool close = false) =>
        new(id, title, Must, Profile.Core, requirements, p => BrokenAsync(p, reply, close));

    // The command for each suite that the client has; for all but the first it may have none.
    private static Case<ClientProbe> Asks(string id, string title, string requirements, string offer, Action<string, string> check) =>
        new(id, title, Must, Profile.Core, requirements, async p =>
        {
            foreach (var suite in Names.Encrypting)
            {
                var wire = await p.AcceptAsync(offer + suite);
                var line = suite == Core ? await p.ExpectCommandAsync(wire) : await ClientProbe.LineAsync(wire) ?? "";
                bool asks = line.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase);
                if (asks)
                    check(suite, line);

                await wire.SendLineAsync(asks ? "454 4.7.0 Enough" : "250 Ok");
                await p.ServeMailAsync(wire, inside: false);
                await p.ExpectAsync(delivered: true);
            }
        });

    private static Case<ClientProbe> Carries(string id, string title, string requirements, string offer) =>
        new(id, title, Must, Profile.Core, requirements, async p =>
        {
            await p.CarryAsync(offer);
            await p.ExpectAsync(delivered: true);
        });

    private static Case<ClientProbe> Plain(string id, string title, string requirements, string offer, string? command = null) =>
        new(id, title, Must, Profile.Core, requirements, async p =>
        {
            var wire = await p.AcceptAsync(offer);
            await p.ServeMailAsync(wire, inside: false);
            NoCommand(wire, command ?? requirements.Split(' ')[0]);
            await p.ExpectAsync(delivered: true, "BP-9.2-1");
        });

    private static Case<ClientProbe> Refused(string id, string reply) => new(id,
        $"A refusal \"{Escape(System.Text.Encoding.Latin1.GetBytes(reply.Split('\r')[0]))}\": plain SMTP in the same connection", Must,
        Profile.Core, "BP-4.4-11 BP-9.2-1 BP-4.2-11", async p =>
    {
        // Only a 504 is a reason to name another suite.
        var wire = await p.AcceptAsync(reply.StartsWith("504", StringComparison.Ordinal) ? CoreOffer : $"{CoreOffer} {Classic} {Hybrid}");
        await p.ExpectCommandAsync(wire);
        await wire.SendLineAsync(reply);
        await p.ServeMailAsync(wire, inside: false);
        That(wire.Plaintext.Count(l => l.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase)) == 1,
            "The client asked again.", "BP-4.2-11");
        await p.ExpectAsync(delivered: true);
    });
}
