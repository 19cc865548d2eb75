using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <summary>Negotiation, spec 4.</summary>
internal static class Server4Negotiation
{
    public static IReadOnlyList<Case<ServerProbe>> Cases { get; } =
    [
        // ---------------------------------------------------------------- 4.1 the offer
        // [BP-4.1-1] A server that is ready to upgrade MUST send one line with the keyword XBLACKPONY in its reply to EHLO.
        // [BP-5.1-1] An implementation MUST implement `X25519-CHACHA20POLY1305`.
        Offers("S-4.1-1", "The EHLO reply has an XBLACKPONY line with V1 and the MUST suite", "BP-4.1-1 BP-5.1-1", (p, _) =>
        {
            That(p.Offer.Length > 0, "There is no XBLACKPONY line in the EHLO reply.");
            That(p.Suites.Contains(Core, StringComparer.OrdinalIgnoreCase), $"{Core} is not offered: {Show(p.Offer)}.", "BP-5.1-1");
        }),
        // [BP-4.1-6] A server MUST NOT put the keyword in a reply to HELO.
        new("S-4.1-2", "A reply to HELO has no XBLACKPONY line", Must, Profile.Core, "BP-4.1-6", async p =>
        {
            var reply = await p.ProbeConnection.CommandAsync("HELO probe.test", 250);
            That(!reply.Texts().Any(ServerProbe.IsOffer), "HELO is answered with the keyword.");
        }),
        // [BP-4.1-7] A server SHOULD add one grease token, chosen at random for each offer, as the last token.
        new("S-4.1-3", "The offer ends with a fresh grease token", Should, Profile.Core, "BP-4.1-7", async p =>
        {
            var seen = new HashSet<string>();
            for (int i = 0; i < 4; i++)
            {
                await p.EhloAsync();
                var last = p.Offer.Split(' ')[^1];
                That(last.Length == 6 && last.StartsWith("G-", StringComparison.Ordinal) && last[2..].All(char.IsAsciiHexDigit),
                    $"The last token is {Show(last)}, no grease.");
                seen.Add(last);
            }

            That(seen.Count > 2, "Of four offers in a row three have the same grease.");
        }),
        // [BP-4.1-15] A server MUST accept XBLACKPONY after its last positive EHLO reply, and hash the offer of that reply.
        // [BP-6.1-1] *offer* MUST be the octets of the XBLACKPONY line of the last positive EHLO reply before the command, from the first
        //   octet of the keyword up to and not including the CRLF, in the case and with the spaces that they had on the wire.
        new("S-4.1-4", "The last of several EHLOs is the one that counts", Must, Profile.Core, "BP-4.1-15 BP-6.1-1", async p =>
        {
            await p.EhloAsync();
            await p.EhloAsync();
            await p.UpgradeAsync();
            await p.ProbeConnection.CommandInsideAsync("EHLO probe.test", 250);
        }),
        // [BP-4.1-2] A server MUST NOT send more than one such line in a reply.
        Offers("S-4.1-5", "The EHLO reply has one XBLACKPONY line, not more", "BP-4.1-2", (_, reply) =>
        {
            That(reply.Texts().Count(ServerProbe.IsOffer) == 1, $"There are {reply.Texts().Count(ServerProbe.IsOffer)} XBLACKPONY lines.");
        }),
        // [BP-4.1-3] The line MUST have the versions first, then the suites in the server's order of preference, then GREASE if any, each
        //   after one space.
        Offers("S-4.1-6", "The offer has versions, then suites, then grease, each after one space, and nothing after the last",
            "BP-4.1-3", (p, _) =>
        {
            var tokens = p.Offer.Split(' ')[1..];
            That(tokens.All(t => t.Length > 0), $"Spaces stand together or at the end: {Show(p.Offer)}.");
            int Kind(string t) => t.StartsWith("G-", StringComparison.OrdinalIgnoreCase)
                ? 2
                : t.Length <= 4 && (t[0] | 0x20) == 'v' && t[1..].All(char.IsAsciiDigit) ? 0 : 1;
            That(tokens.Select(Kind).SequenceEqual(tokens.Select(Kind).Order()) && Kind(tokens[0]) == 0,
                $"The order is not versions, suites, grease: {Show(p.Offer)}.");
        }),
        // [BP-4.1-4] The line MUST NOT be longer than `MaxReplyLine`.
        Offers("S-4.1-7", "The offer's line is not longer than 512 octets", "BP-4.1-4", (p, _) =>
        {
            That(p.Offer.Length + 6 <= Limits.MaxReplyLine, $"The line has {p.Offer.Length + 6} octets.");
        }),
        // [BP-4.1-5] A server MUST list only suites that it accepts at that moment, row 11 of Section 4.4 apart.
        new("S-4.1-8", "Every suite that is offered is accepted", Must, Profile.Core, "BP-4.1-5", async p =>
        {
            await p.NeedOfferAsync();
            await p.NeedOfferAsync();
            foreach (var suite in p.Suites.ToList())
                await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {suite} ****", 501);
        }),

        // [BP-4.1-15] A server MUST accept XBLACKPONY after its last positive EHLO reply, and hash the offer of that reply.
        new("S-4.1-9", "EHLO in a transaction resets it, and its offer is good", Must, Profile.Core, "BP-4.1-15", async p =>
        {
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("MAIL FROM:<a@probe.test>", 250);
            await p.ProbeConnection.CommandAsync("RCPT TO:<b@sink.test>", 250);
            await p.InsideAsync();
        }),
        // [BP-4.1-15] A server MUST accept XBLACKPONY after its last positive EHLO reply, and hash the offer of that reply.
        // [BP-4.4-6] A server MUST refuse XBLACKPONY with 503 if the last greeting command that succeeded was not EHLO.
        new("S-4.1-10", "An EHLO or HELO that fails changes nothing: the earlier offer is still good",
            Must, Profile.Core, "BP-4.1-15 BP-4.4-6", async p =>
        {
            await p.NeedAsync(Core);
            foreach (var line in (string[])["EHLO", "HELO"])
            {
                await p.ProbeConnection.SendLineAsync(line);
                if ((await p.ProbeConnection.ReplyAsync()).IsPositive)
                    throw new NotApplicableException($"The server takes {line} without a name.");

                await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Core} AAAA", 501, line == "EHLO" ? "BP-4.1-15" : "BP-4.4-6");
            }

            await p.SwitchAsync(Core, ehlo: false);
            await p.FinishAsync();
            await p.ProbeConnection.CommandInsideAsync("EHLO probe.test", 250);
        }),

        // ---------------------------------------------------------------- 4.2 the command
        // [BP-4.2-5] A server MUST compare verb, version and suite without regard to case.
        // [BP-6.1-5] Octets MUST be hashed as they were sent or received, never in a normalised form.
        new("S-4.2-1", "Verb, version and suite are accepted in any case, and hashed as they came",
            Must, Profile.Core, "BP-4.2-5 BP-6.1-5", async p =>
        {
            await p.UpgradeAsync(Core,
                c => c.Replace("XBLACKPONY V1 X25519-CHACHA", "xBlackPony v1 x25519-ChaCha", StringComparison.Ordinal));
            await p.ProbeConnection.CommandInsideAsync("EHLO probe.test", 250);
        }),
        // [BP-4.2-6] A server MUST ignore parameters that it does not know.
        // [BP-6.1-2] *command* MUST be the octets of the whole XBLACKPONY command line as on the wire, from the verb's first octet up to
        //   and not including the CRLF.
        // [BP-4.2-7] A client MAY send one grease token as a parameter.
        new("S-4.2-2", "Unknown parameters and grease in the command are ignored, and hashed",
            Must, Profile.Core, "BP-4.2-6 BP-6.1-2 BP-4.2-7", async p =>
        {
            foreach (var (parameters, requirement) in (List<(string, string)>)[(" future=yes a b", "BP-4.2-6"), (" G-0A1B", "BP-4.2-7")])
            {
                await p.UpgradeAsync(Core, c => c + parameters, requirement);
                await p.ProbeConnection.CommandInsideAsync("EHLO probe.test", 250);
                await p.ConnectAsync();
            }
        }),
        // [BP-4.2-4] A server MUST accept an XBLACKPONY command line of up to `MaxCommandLine`, instead of the 512 octets of RFC 5321
        //   Section 4.5.3.1.4.
        new("S-4.2-3", "A command line of exactly 4096 octets is accepted", Must, Profile.Core, "BP-4.2-4", async p =>
        {
            await p.UpgradeAsync(Core, c => (c + " " + new string('x', Limits.MaxCommandLine))[..(Limits.MaxCommandLine - 2)]);
            await p.ProbeConnection.CommandInsideAsync("EHLO probe.test", 250);
        }),
        // [BP-4.2-8] A server MUST reply 501 to a command with fewer than three fields after the verb, with two spaces together, with a
        //   space before the CRLF, or with an octet outside 32 to 126.
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        Malformed("S-4.2-4", "A command with fewer than three fields gets 501",
            _ => ["XBLACKPONY", "XBLACKPONY V1", $"XBLACKPONY V1 {Core}"]),
        // [BP-4.2-8] A server MUST reply 501 to a command with fewer than three fields after the verb, with two spaces together, with a
        //   space before the CRLF, or with an octet outside 32 to 126.
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        Malformed("S-4.2-5", "A command with two spaces together gets 501",
            share => [$"XBLACKPONY  V1 {Core} {share}", $"XBLACKPONY V1  {Core} {share}", $"XBLACKPONY V1 {Core}  {share}"]),
        // [BP-4.2-8] A server MUST reply 501 to a command with fewer than three fields after the verb, with two spaces together, with a
        //   space before the CRLF, or with an octet outside 32 to 126.
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        Malformed("S-4.2-6", "A command with a space before its CRLF gets 501", share => [$"XBLACKPONY V1 {Core} {share} "]),
        // [BP-4.2-8] A server MUST reply 501 to a command with fewer than three fields after the verb, with two spaces together, with a
        //   space before the CRLF, or with an octet outside 32 to 126.
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        Malformed("S-4.2-7", "A command with an octet outside 32 to 126 gets 501",
            share => [$"XBLACKPONY V1 {Core} {share} \xE9", $"XBLACKPONY V1 {Core} {share} a\tb", $"XBLACKPONY V1 {Core} {share} \x7F"]),

        // ---------------------------------------------------------------- 4.3 the 220 and 334 replies
        // [BP-4.3-1] A server that agrees MUST reply 220; the switch happens with that reply's last CRLF.
        // [BP-4.3-2] Every line of a 220 or 334 reply, except under ROT, MUST have "K=" directly after the code and its separator, and
        //   nothing but the fragment after it.
        new("S-4.3-1", "The 220 reply carries the share in K= lines, and the upgrade has happened",
            Must, Profile.Core, "BP-4.3-1 BP-4.3-2", p => p.EachSuiteAsync(s => p.UpgradeAsync(s))),
        // [BP-4.3-3] A server MUST NOT put an enhanced status code (RFC 2034) into a 220 or 334 reply to XBLACKPONY.
        new("S-4.3-2", "There is no enhanced status code in the 220 or 334 reply",
            Must, Profile.Core, "BP-4.3-3", p => p.EachSuiteAsync(s => p.UpgradeAsync(s))),
        // [BP-4.3-4] A server MUST put `ShareFragment` characters into every line but the last, and 1 to `ShareFragment` into the last.
        // [BP-4.3-2] Every line of a 220 or 334 reply, except under ROT, MUST have "K=" directly after the code and its separator, and
        //   nothing but the fragment after it.
        // [BP-4.3-3] A server MUST NOT put an enhanced status code (RFC 2034) into a 220 or 334 reply to XBLACKPONY.
        Fragments("S-4.3-3", Profile.Hybrid, 1120, Hybrid, HybridAes),
        // [BP-4.3-4] A server MUST put `ShareFragment` characters into every line but the last, and 1 to `ShareFragment` into the last.
        // [BP-4.3-2] Every line of a 220 or 334 reply, except under ROT, MUST have "K=" directly after the code and its separator, and
        //   nothing but the fragment after it.
        // [BP-4.3-3] A server MUST NOT put an enhanced status code (RFC 2034) into a 220 or 334 reply to XBLACKPONY.
        Fragments("S-4.3-4", Profile.Classic, 416, Classic),
        // [BP-4.3-6] In a suite with a second message both sides MUST exchange it: the server replies 334 with its share, and the client
        //   sends one continuation line.
        new("S-4.3-5", "RSA-BLOWFISH is answered with 334, and the continuation with 220", Must, Profile.Classic, "BP-4.3-6", async p =>
        {
            await p.InsideAsync(Classic);
        }),
        // [BP-4.3-10] A server MUST accept a continuation line of up to `MaxCommandLine`.
        new("S-4.3-6", "A continuation line of 4096 octets is read whole and judged as a share",
            Must, Profile.Classic, "BP-4.3-10", async p =>
        {
            await p.NeedAsync(Classic);
            await p.ProbeConnection.CommandAsync(p.Command(Classic), 334);
            await p.ProbeConnection.CommandAsync(new string('A', Limits.MaxCommandLine - 2), 501);
            await p.ExpectUsableAsync();
        }),

        // ---------------------------------------------------------------- 4.4 refusals
        // [BP-4.4-3] A server MUST discard an over-long command line up to its CRLF without keeping it in memory.
        // [BP-4.4-1] A server MUST reply to an XBLACKPONY command that it does not accept with the code of the first row that fits, and
        //   continue or close as that row says.
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        new("S-4.4-1", "An over-long command gets 500, and the session goes on after its CRLF",
            Must, Profile.Core, "BP-4.4-3 BP-4.4-1 BP-4.4-2", async p =>
        {
            await p.EhloAsync();
            foreach (int length in (int[])[Limits.MaxCommandLine - 1, 5000, 1_000_000])
                await p.ProbeConnection.RefusedAsync($"XBLACKPONY V1 {Core} ".PadRight(length, 'A'), 500, "BP-4.4-1", "BP-4.4-1");

            await p.ExpectUsableAsync("BP-4.4-3");
        }),
        // [BP-4.4-4] A server that finds octets after the command's CRLF, or after the continuation's, in its buffer MUST reply 503 and
        //   close the connection, without processing those octets.
        new("S-4.4-2", "Octets after the command in one segment get 503 and the end, and are not processed",
            Must, Profile.Core, "BP-4.4-4", async p =>
        {
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync($"{p.Command(Core)}\r\nMAIL FROM:<evil@probe.test>", 503);
            await p.ProbeConnection.ExpectClosedAsync("The connection stays open, or the injected command was answered.");
        }),
        // [BP-4.4-5] A server MUST refuse XBLACKPONY with 503 while a mail transaction is open.
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        new("S-4.4-3", "503 in a mail transaction, and the transaction goes on", Must, Profile.Core, "BP-4.4-5 BP-4.4-2", async p =>
        {
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("MAIL FROM:<a@probe.test>", 250);
            await p.ProbeConnection.CommandAsync(p.Command(Core), 503);
            await p.ProbeConnection.CommandAsync("RCPT TO:<b@sink.test>", 250, "BP-4.4-2");
            await p.ProbeConnection.CommandAsync(p.Command(Core), 503);
            await p.ProbeConnection.CommandAsync("RSET", 250);
            await p.UpgradeAsync();
        }),
        // [BP-4.4-6] A server MUST refuse XBLACKPONY with 503 if the last greeting command that succeeded was not EHLO.
        new("S-4.4-4", "503 before EHLO and after HELO", Must, Profile.Core, "BP-4.4-6", async p =>
        {
            await p.ProbeConnection.CommandAsync(p.Command(Core), 503);
            await p.ProbeConnection.CommandAsync("HELO probe.test", 250);
            await p.ProbeConnection.CommandAsync(p.Command(Core), 503);
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("HELO probe.test", 250);
            await p.ProbeConnection.CommandAsync(p.Command(Core), 503);
            await p.UpgradeAsync();
        }),
        // [BP-4.4-1] A server MUST reply to an XBLACKPONY command that it does not accept with the code of the first row that fits, and
        //   continue or close as that row says.
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        new("S-4.4-5", "504 for another version, also one that is V1 as a number", Must, Profile.Core, "BP-4.4-1 BP-4.4-2", async p =>
        {
            await p.EhloAsync();
            foreach (var version in (string[])["V2", "V01", "V1.0", "1", "TLS1.3"])
                await p.ProbeConnection.CommandAsync($"XBLACKPONY {version} {Core} {p.Share(Core)}", 504);

            await p.ExpectUsableAsync();
        }),
        // [BP-4.4-1] A server MUST reply to an XBLACKPONY command that it does not accept with the code of the first row that fits, and
        //   continue or close as that row says.
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        new("S-4.4-6", "504 for an unknown suite, and another may follow", Must, Profile.Core, "BP-4.4-1 BP-4.4-2", async p =>
        {
            await p.EhloAsync();
            await p.RefuseAsync("XBLACKPONY V1 NO-SUCH-SUITE AAAA");
            await p.SwitchAsync(Core, ehlo: false, refused: "BP-4.4-2");
            await p.FinishAsync();
        }),
        // [BP-4.4-7] A server MUST refuse with 454, without any public-key operation, every XBLACKPONY command that reaches row 11 after
        //   the first `MaxUpgradeAttempts` in the same connection that did, those for ROT included.
        new("S-4.4-7", "After eight attempts every further one gets 454", Must, Profile.Core, "BP-4.4-7", async p =>
        {
            await p.EhloAsync();
            for (int i = 0; i < Limits.MaxUpgradeAttempts; i++)
                await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Core} AAAA", 501);

            await p.ProbeConnection.CommandAsync(p.Command(Core), 454);
            await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Core} AAAA", 454);
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync(p.Command(Core), 454);
            await p.ExpectUsableAsync();
        }),
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        new("S-4.4-8", "After a refusal mail is delivered in plaintext as if nothing had been asked",
            Must, Profile.Core, "BP-4.4-2", async p =>
        {
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("XBLACKPONY V1 NO-SUCH-SUITE AAAA", 504);
            await p.DeliverPlainAsync();
            await p.ProbeConnection.CommandAsync("QUIT", 221);
        }),
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        new("S-4.4-9", "After a refusal for its share the client may upgrade with a good one", Must, Profile.Core, "BP-4.4-2", async p =>
        {
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Core} AAAA", 501);
            await p.SwitchAsync(Core, ehlo: false);
            await p.FinishAsync();
        }),
        // [BP-4.4-8] A continuation line of one "*" MUST be answered with 501, and the plaintext session continues.
        new("S-4.4-10", "A continuation of \"*\" gets 501, and the session goes on", Must, Profile.Classic, "BP-4.4-8", async p =>
        {
            await p.NeedAsync(Classic);
            await p.ProbeConnection.CommandAsync(p.Command(Classic), 334);
            await p.ProbeConnection.CommandAsync("*", 501);
            await p.ExpectUsableAsync("BP-4.4-8");
            await p.UpgradeAsync();
        }),
        // [BP-4.4-9] A continuation line longer than `MaxCommandLine` MUST be answered with 500, and the plaintext session continues after
        //   its CRLF.
        new("S-4.4-11", "A continuation longer than 4096 octets gets 500, and the session goes on after its CRLF",
            Must, Profile.Classic, "BP-4.4-9", async p =>
        {
            await p.NeedAsync(Classic);
            await p.ProbeConnection.CommandAsync(p.Command(Classic), 334);
            await p.ProbeConnection.CommandAsync(new string('A', 5000), 500);
            await p.ExpectUsableAsync("BP-4.4-9");
        }),
        // [BP-4.4-4] A server that finds octets after the command's CRLF, or after the continuation's, in its buffer MUST reply 503 and
        //   close the connection, without processing those octets.
        new("S-4.4-12", "Octets after the continuation get 503 and the end", Must, Profile.Classic, "BP-4.4-4", async p =>
        {
            await p.NeedAsync(Classic);
            await p.ProbeConnection.CommandAsync(p.Command(Classic), 334);
            await p.ProbeConnection.CommandAsync("*\r\nMAIL FROM:<evil@probe.test>", 503);
            await p.ProbeConnection.ExpectClosedAsync("The connection stays open, or the injected command was answered.");
        }),
        // [BP-4.4-13] A server MUST NOT use code 538 for a refusal.
        new("S-4.4-13", "No refusal has the code 538", Must, Profile.Core, "BP-4.4-13", async p =>
        {
            await p.ProbeConnection.SendLineAsync(p.Command(Core));
            await NotAsync();
            await p.EhloAsync();
            foreach (var line in (string[])["XBLACKPONY", $"XBLACKPONY V1 {Core} AAAA", "XBLACKPONY V9 A B",
                "XBLACKPONY V1 NO-SUCH-SUITE B"])
            {
                await p.ProbeConnection.SendLineAsync(line);
                await NotAsync();
            }

            async Task NotAsync() => That((await p.ProbeConnection.ReplyAsync()).Code != 538, "The refusal has the code 538.");
        }),
        // [BP-4.4-1] A server MUST reply to an XBLACKPONY command that it does not accept with the code of the first row that fits, and
        //   continue or close as that row says.
        new("S-4.4-14", "A bare LF, bare CR or NUL in the command gets 501 and the end", Must, Profile.Core, "BP-4.4-1", async p =>
        {
            foreach (var stray in (string[])["\n", "\rx", "\0"])
            {
                await p.EhloAsync();
                await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Core}{stray}AAAA", 501);
                await p.ProbeConnection.ExpectClosedAsync("The connection stays open.");
                await p.ConnectAsync();
            }
        }),
        // [BP-4.4-1] A server MUST reply to an XBLACKPONY command that it does not accept with the code of the first row that fits, and
        //   continue or close as that row says.
        new("S-4.4-15", "A command with several errors gets the code of the first row that fits", Must, Profile.Core, "BP-4.4-1", async p =>
        {
            await p.ProbeConnection.CommandAsync("XBLACKPONY V9", 503);
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("XBLACKPONY V9 NO-SUCH-SUITE", 501);
            await p.ProbeConnection.CommandAsync("XBLACKPONY V9 NO-SUCH-SUITE ****", 504);
            await p.ProbeConnection.CommandAsync("XBLACKPONY V1 NO-SUCH-SUITE ****", 504);
            await p.ProbeConnection.CommandAsync("MAIL FROM:<a@probe.test>", 250);
            await p.ProbeConnection.CommandAsync("XBLACKPONY V9 NO-SUCH-SUITE", 503);
        }),

        // [BP-4.4-14] Of a line that is too long and one that has a bare LF, a bare CR or a NUL, a server MUST report the error whose octet
        //   comes first, however the octets were segmented.
        new("S-4.4-16", "A bare LF after the longest command is part of what is discarded, however it came",
            Must, Profile.Core, "BP-4.4-14", async p =>
        {
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Core} ".PadRight(5000, 'A') + "\nMAIL FROM:<evil@probe.test>", 500);
            await p.ExpectUsableAsync("BP-4.4-14");
        }),

        // [BP-4.4-1] A server MUST reply to an XBLACKPONY command that it does not accept with the code of the first row that fits, and
        //   continue or close as that row says.
        new("S-4.4-17", "A bare LF, bare CR or NUL in the command is found before anything else: before EHLO, in a transaction and inside",
            Must, Profile.Core, "BP-4.4-1", async p =>
        {
            foreach (var stray in (string[])["\n", "\rx", "\0"])
            {
                // The verb ends there, if not at its space (spec 4.2).
                var line = $"XBLACKPONY{stray}V1 {Core} AAAA";
                await p.ProbeConnection.CommandAsync(line, 501);
                await p.ProbeConnection.ExpectClosedAsync("The connection stays open.");
                await p.ConnectAsync();
                await p.EhloAsync();
                await p.ProbeConnection.CommandAsync("MAIL FROM:<a@probe.test>", 250);
                await p.ProbeConnection.CommandAsync(line, 501);
                await p.ProbeConnection.ExpectClosedAsync("The connection stays open.");
                await p.ConnectAsync();
                await p.InsideAsync();
                await p.ProbeConnection.CommandInsideAsync(line.Insert(10, " "), 501);
                var record = await p.ProbeConnection.NextAsync();
                That(record?.Type == RecordType.Close, "No close record comes after the 501 inside.");
                await p.ConnectAsync();
            }
        }),
        // [BP-4.4-14] Of a line that is too long and one that has a bare LF, a bare CR or a NUL, a server MUST report the error whose octet
        //   comes first, however the octets were segmented.
        Limit("S-4.4-18", "command", Profile.Core, $"XBLACKPONY V1 {Core} ", p => p.NeedAsync(Core)),
        // [BP-4.4-14] Of a line that is too long and one that has a bare LF, a bare CR or a NUL, a server MUST report the error whose octet
        //   comes first, however the octets were segmented.
        Limit("S-4.4-19", "continuation", Profile.Classic, "", async p =>
        {
            await p.NeedAsync(Classic);
            await p.ProbeConnection.CommandAsync(p.Command(Classic), 334);
        }),

        // [BP-4.4-15] A server MUST apply rows 2 and 3 to an XBLACKPONY line inside too.
        new("S-4.4-20", "Inside too, a bare LF, bare CR or NUL in the command gets 501 and the end, and too long a line 500",
            Must, Profile.Core, "BP-4.4-15", async p =>
        {
            foreach (var stray in (string[])["\n", "\rx", "\0"])
            {
                await p.InsideAsync();
                await p.ProbeConnection.CommandInsideAsync($"XBLACKPONY V1{stray} {Core} AAAA", 501);
                var record = await p.ProbeConnection.NextAsync();
                That(record?.Type == RecordType.Close, "No close record comes after the 501 inside.");
                await p.ConnectAsync();
            }

            await p.InsideAsync();
            await p.ProbeConnection.CommandInsideAsync($"XBLACKPONY V1 {Core} {new string('A', Limits.MaxCommandLine)}", 500);
            await p.ProbeConnection.CommandInsideAsync("NOOP", 250);
        }),

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

    // The offer of a first EHLO reply, and of a second.
    private static Case<ServerProbe> Offers(string id, string title, string requirements, Action<ServerProbe, Reply> check) =>
        new(id, title, Must, Profile.Core, requirements, async p =>
        {
            for (int i = 0; i < 2; i++)
            {
                var reply = await p.EhloAsync();
                if (p.Offer.Length == 0 && id != "S-4.1-1")
                    throw new NotApplicableException("The server does not offer XBLACKPONY.");

                check(p, reply);
            }
        });

    private static Case<ServerProbe> Malformed(string id, string title, Func<string, string[]> lines) =>
        new(id, title, Must, Profile.Core, "BP-4.2-8 BP-4.4-2", async p =>
        {
            await p.EhloAsync();
            foreach (var line in lines(p.Share(Core)))
                await p.ProbeConnection.RefusedAsync(line, 501, null, null);

            await p.ExpectUsableAsync();
        });

    // At octet 4096 the line is too long already, whatever the octet is; one octet before it is not yet.
    private static Case<ServerProbe> Limit(string id, string what, Profile profile, string begins,
        Func<ServerProbe, Task> before) => new(id,
            $"A bare LF, bare CR or NUL in the {what} counts up to octet 4095; at octet 4096 the line is too long", Must, profile,
            "BP-4.4-14", async p =>
    {
        foreach (var stray in (string[])["\0", "\n", "\rx"])
        {
            foreach (int at in (int[])[Limits.MaxCommandLine - 1, Limits.MaxCommandLine])
            {
                foreach (bool split in (bool[])[false, true])
                {
                    await before(p);
                    var line = begins.PadRight(at - 1, 'A') + stray + "AAAA\r\n";
                    if (split)
                        await p.ProbeConnection.SendAsync(line[..at]);

                    await p.ProbeConnection.SendAsync(split ? line[at..] : line);
                    var reply = await p.ProbeConnection.ReplyAsync();
                    int expected = at < Limits.MaxCommandLine ? 501 : 500;
                    That(reply.Code == expected,
                        $"{Show(stray[..1])} as octet {at} is answered with {Show(reply.Lines[0])}, not with {expected}.");
                    if (expected == 501)
                        await p.ProbeConnection.ExpectClosedAsync("The connection stays open.");
                    else
                        await p.ExpectUsableAsync();

                    await p.ConnectAsync();
                }
            }
        }
    });

    // Every line but the last has 400 characters.
    private static Case<ServerProbe> Fragments(string id, Profile profile, int octets, params string[] suites) =>
        new(id, $"The share of {suites[0]} is split into lines of 400 characters", Must, profile, "BP-4.3-4 BP-4.3-2 BP-4.3-3", async p =>
        {
            await p.NeedAsync(suites[0]);
            foreach (var suite in suites.Where(s => p.Suites.Contains(s, StringComparer.OrdinalIgnoreCase)).ToList())
            {
                var reply = await p.ProbeConnection.CommandAsync(p.Command(suite), suite == Classic ? 334 : 220);
                var lengths = reply.Texts().Select(t => t.Length - 2).ToList();
                int whole = (octets + 2) / 3 * 4;
                That(!reply.Texts().Any(t => t.Length > 4 && t[1] == '.' && t[3] == '.'),
                    $"A line has an enhanced status code: {Show(reply.Lines[0])}.", "BP-4.3-3");
                That(reply.Texts().All(t => t.StartsWith("K=", StringComparison.Ordinal)),
                    "A line does not begin with \"K=\".", "BP-4.3-2");
                That(lengths[..^1].All(l => l == Limits.ShareFragment)
                    && lengths[^1] == whole - ((lengths.Count - 1) * Limits.ShareFragment) && lengths[^1] <= Limits.ShareFragment,
                    $"The lines have {string.Join(", ", lengths)} characters.");
                await p.ConnectAsync();
                await p.NeedAsync(suites[0]);
            }
        });
}
