using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <content>The offer, the command and the replies that agree, spec 4.1 to 4.3.</content>
internal static partial class Server4Negotiation
{
    private static IReadOnlyList<Case<ServerProbe>> Offer =>
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
    ];
}
