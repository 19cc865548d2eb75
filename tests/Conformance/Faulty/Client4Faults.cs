using BlackPony.Reference;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Peers.Names;
using static BlackPony.Tests.Conformance.Faulty.ClientMutations;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Clients that break a requirement of spec 4.</summary>
internal static class Client4Faults
{
    public static IReadOnlyList<FaultyClient> All { get; } =
    [
        // ---------------------------------------------------------------- 4.1 the offer
        new("BP-4.1-8", "C-4.1-6", "knows the keyword in upper case only") { Mutations = _ => Misses("xBlackPony") },
        new("BP-4.1-9", "C-4.1-1", "treats a line with tokens that it does not know as no offer")
        {
            Mutations = _ => Misses("NO-SUCH-SUITE"),
            AlsoFails = "C-4.1-10 C-4.2-2",
        },
        new("BP-4.1-10", "C-4.1-7", "treats a line in which a token stands twice as no offer") { Mutations = _ => Misses("V1 V1") },
        new("BP-4.1-11", "C-4.1-9 C-4.1-10", "takes the last of several XBLACKPONY lines")
        {
            Mutations = _ =>
                new Mutations { PeerLine = l => l.StartsWith("250-XBLACKPONY", StringComparison.Ordinal) ? "250-X-NOTHING" : l },
        },
        new("BP-4.1-11", "C-4.1-10", "takes the first usable of several XBLACKPONY lines")
        {
            Mutations = _ => Misses("NO-SUCH-SUITE"),
            AlsoFails = "C-4.1-1 C-4.2-2",
        },
        new("BP-4.1-12", "C-4.1-8", "treats a line with two spaces together as no offer") { Mutations = _ => Misses("  ") },
        new("BP-4.1-13", "C-4.1-4 C-4.1-5 C-4.1-12 C-4.1-13 C-4.1-14",
            "treats what begins with XBLACKPONY and has another form as an offer of the core suite")
        {
            Mutations = _ => ReadsOffer(l => HasForm(l) ? l : CoreOffer),
            AlsoFails = "C-4.1-10",
        },
        new("BP-4.1-13", "C-4.1-5", "takes a line of 513 octets as an offer")
        {
            Mutations = _ => ReadsOffer(l => l.Length == Limits.MaxReplyLine - 5 ? l[..^1] : l),
        },
        new("BP-4.1-9", "C-4.1-1", "treats a line of 512 octets as no offer")
        {
            Mutations = _ => ReadsOffer(l => l.Length == Limits.MaxReplyLine - 6 ? l + "x" : l),
        },
        new("BP-4.1-13", "C-4.1-12", "takes DEL in an offer") { Mutations = _ => ReadsOffer(l => l.Replace('\x7F', '~')) },
        new("BP-4.1-14", "C-4.1-15", "uses an offer of before where the server makes none any more")
        {
            Mutations = _ => Reads("250 probe.test", "250-probe.test\r\n250 " + CoreOffer),
            AlsoFails = "C-4.1-2 C-9.1-1 C-9.1-8 C-9.4-7 C-9.4-8 C-9.4-20 C-10.4-2 C-10.4-8",
        },
        new("BP-4.1-14", "C-4.1-15", "hashes an offer of before") { Mutations = _ => Reads("G-FFFF", "G-0000") },
        new("BP-4.1-16", "C-4.1-11", "looks for the offer in the first line too")
        {
            Mutations = _ => Reads("250-XBLACKPONY", "250-probe.test\r\n250-XBLACKPONY"),
            AlsoFails = "C-4.4-13",
        },

        new("BP-4.1-17", "C-4.1-16", "treats a line whose suites come before the version as no offer")
        {
            Mutations = _ => Misses($"XBLACKPONY {Core} "),
        },

        // ---------------------------------------------------------------- 4.2 the command
        new("BP-4.2-1", "C-4.2-1", "sends two spaces before the share")
        {
            Mutations = _ => RareCommands(l => l.Insert(l.LastIndexOf(' '), " ")),
            AlsoFails = "C-4.2-5 C-4.3-21 C-4.5-1 C-4.8-4 C-5.3-4 C-6.1-3 C-6.1-6 C-6.1-7 C-6.3-2 C-6.5-1 C-7.5-1 C-8.1-1 C-10.4-3",
        },
        new("BP-4.2-1", "C-4.2-1", "sends a space after the share")
        {
            Mutations = _ => RareCommands(l => l + " "),
            AlsoFails = "C-4.3-21 C-4.5-1 C-4.8-4 C-5.3-4 C-6.1-3 C-6.1-6 C-6.3-2 C-6.5-1 C-7.5-1 C-8.1-1 C-9.1-2",
        },
        new("BP-4.2-2", "C-4.2-2", "names a version that the offer does not list")
        {
            Mutations = _ => RareCommands(l => l.Replace(" V1 ", " V2 ", StringComparison.Ordinal)),
            AlsoFails = "C-4.3-21 C-4.5-1 C-4.8-4 C-5.3-4 C-6.1-3 C-6.1-6 C-6.3-2 C-6.5-1 C-7.5-1 C-8.1-1 C-10.4-3 C-10.4-5",
        },
        new("BP-4.2-3", "C-4.2-3", "sends a command of more than 4096 octets")
        {
            Mutations = _ => RareCommands(l => l + " " + new string('x', 4096)),
            AlsoFails = "C-4.3-21 C-4.5-1 C-4.8-4 C-5.3-4 C-6.1-3 C-6.1-6 C-6.3-2 C-6.5-1 C-7.5-1 C-8.1-1",
        },
        new("BP-4.2-9", "C-4.2-4", "does not wait for the reply to its command")
        {
            Mutations = _ => RareCommands(l => l + "\r\nNOOP"),
            AlsoFails = "C-4.2-1 C-4.2-2 C-4.2-3 C-4.2-5 C-4.2-6 C-4.3-21 C-4.5-1 C-4.8-4 C-5.3-4 C-6.1-3 C-6.1-6 C-6.3-2 C-6.5-1 "
                + "C-7.5-1 C-8.1-1 C-10.4-3 C-10.4-5",
        },
        new("BP-4.2-10", "C-4.2-6 C-4.2-7", "sends a third command")
        {
            Mutations = _ =>
            {
                int refusals = 0;
                return new Mutations
                {
                    Answer = l =>
                        l.StartsWith("504", StringComparison.Ordinal) && ++refusals == 2 ? "XBLACKPONY V1 RSA-BLOWFISH AAAA\r\n" : null,
                };
            },
            AlsoFails = "C-6.1-6",
        },
        new("BP-4.2-10", "C-4.2-7", "sends a third command, for ROT")
        {
            Mutations = _ =>
            {
                int refusals = 0;
                bool offered = false;
                return new Mutations
                {
                    Answer = l =>
                    {
                        offered |= l.Contains(" ROT", StringComparison.Ordinal) && l.Contains(Core, StringComparison.Ordinal);
                        bool refused = l.StartsWith("504", StringComparison.Ordinal) && ++refusals == 2;
                        return offered && refused ? "XBLACKPONY V1 ROT 13\r\n" : null;
                    },
                };
            },
        },
        new("BP-4.2-11", "C-4.2-6 C-4.8-4", "names the suite again that was refused")
        {
            Mutations = _ => SaysItAgain(),
            AlsoFails = "C-4.2-7 C-6.1-6",
        },

        // ---------------------------------------------------------------- 4.3 the 220 and 334 replies
        new("BP-4.3-5", "C-4.3-5", "takes the share to stand in one line")
        {
            Mutations = _ => TakesOneLine(),
            AlsoFails = "C-6.1-1 C-6.1-4",
        },
        new("BP-4.3-14", "C-4.3-20", "takes a share of any number of lines") { Mutations = _ => JoinsFragments() },
        new("BP-4.3-6", "C-5.4-7", "sends a line after its continuation")
        {
            Mutations = _ => new Mutations { PortLine = l => l.Length == 512 ? l + "\r\nNOOP" : l },
            AlsoFails = "C-4.3-21 C-4.3-24 C-4.3-26 C-4.3-29 C-4.5-1 C-5.4-1 C-5.4-4 C-5.4-5 C-5.4-6 C-5.4-8 C-5.4-10 C-5.4-11 "
                + "C-5.4-12 C-6.1-5 C-6.3-2 C-6.5-1 C-7.1-10 C-7.1-11 C-7.3-1 C-7.3-2 C-7.5-1 C-9.4-17",
        },
        new("BP-4.3-7", "C-4.3-1 C-4.3-6 C-4.3-7 C-4.3-8", "treats a malformed 220 as a refusal")
        {
            Mutations = _ =>
                TakesRepliesForRefusal(
                    r => r.Any(l => l.StartsWith("220", StringComparison.Ordinal) && !(l.Length > 6 && l[4..6] == "K="))),
            AlsoFails = "C-4.3-22 C-4.3-26 C-4.3-27 C-5.4-14 C-5.5-1 C-5.5-3 C-9.2-1 C-9.2-2",
        },
        new("BP-4.3-7", "C-4.3-3", "treats a 334 that its suite does not have as a refusal")
        {
            Mutations = _ => TakesRefusalFor("334", classic: false),
            AlsoFails = "C-5.5-3",
        },
        new("BP-4.3-7", "C-4.3-18", "treats a 220 instead of the 334 as a refusal")
        {
            Mutations = _ => TakesRefusalFor("220", classic: true),
        },
        new("BP-4.3-7", "C-4.3-22", "takes \"k=\" in a 220 for \"K=\"") { Mutations = _ => Reads("220 k=", "220 K=") },
        new("BP-4.3-14", "C-4.3-23 C-4.3-24", "takes a line of any length in a 220")
        {
            Mutations = _ => new Mutations
            {
                PeerLine = l => l.Length > 510 && l[3..6] is " K=" or "-K=" && l.StartsWith("220", StringComparison.Ordinal)
                    ? $"220-K={l[6..50]}\r\n{l[..6]}{l[50..]}"
                    : l,
            },
        },
        new("BP-4.3-5", "C-4.3-23 C-4.3-24", "treats a line of 512 octets in a 220 as too long")
        {
            Mutations = _ => AfterCommand(l => l.Length == 510 ? "garbage" : l),
        },
        new("BP-4.3-7", "C-4.3-25", "takes \"k=\" in a 334 for \"K=\"")
        {
            Mutations = _ => AfterCommand(l => l.StartsWith("334", StringComparison.Ordinal) && l.Length > 6 && l[4..6] == "k="
                ? $"{l[..4]}K={l[6..]}"
                : l),
        },
        new("BP-4.3-7", "C-4.3-26", "treats a malformed 220 to its continuation as a refusal")
        {
            Mutations = _ => AfterContinuation(Refusal(l => l == "220 go ahead")),
        },
        new("BP-4.3-8", "C-4.3-26", "treats another code to its continuation as a refusal")
        {
            Mutations = _ => AfterContinuation(Refusal(l => l is "250 ok" or "354 go")),
        },
        new("BP-4.3-8", "C-4.3-2 C-4.3-14", "treats a reply with another code as a refusal")
        {
            Mutations = _ => TakesForRefusal(l => l[0] is '2' or '3' && l[..3] is not ("220" or "334")),
            AlsoFails = "C-4.3-28",
        },
        new("BP-4.3-9", "C-4.3-21", "discards what came in one segment with the 220")
        {
            Mutations = _ => DropsBehindReply(),
            AlsoFails = "C-4.5-1 C-4.8-4 C-5.3-4 C-6.1-6 C-6.5-1 C-7.5-1 C-8.1-1",
        },
        new("BP-4.2-11", "C-5.4-8", "names another suite after a 504 to its continuation")
        {
            Mutations = _ => NamesAnotherAfterContinuing(),
        },
        new("BP-4.2-11", "C-5.4-8", "names another suite after a 504 to its \"*\"")
        {
            Mutations = _ =>
            {
                bool cancelled = false;
                return new Mutations
                {
                    PortLine = l =>
                    {
                        cancelled |= l == "*";
                        return l;
                    },
                    Answer = l => cancelled && l.StartsWith("504", StringComparison.Ordinal) ? CoreOffer + " AAAA\r\n" : null,
                };
            },
        },
        new("BP-4.3-11", "C-4.3-10 C-4.3-12 C-4.3-13", "treats a malformed reply as a refusal")
        {
            Mutations = _ =>
                TakesRepliesForRefusal(
                    r => r.Any(l => l.Length > 2000 || l.Contains('\n') || l.StartsWith("HTTP", StringComparison.Ordinal))),
        },
        new("BP-4.3-11", "C-4.3-9", "treats lines with different codes as one reply")
        {
            Mutations = _ => TakesRepliesForRefusal(r => r.Select(l => l[..Math.Min(l.Length, 3)]).Distinct().Count() > 1),
            AlsoFails = "C-4.3-26",
        },
        new("BP-4.3-11", "C-4.3-11", "takes a reply of any number of lines")
        {
            Mutations = _ => TakesRepliesForRefusal(r => r.Count > 128),
        },
        new("BP-4.3-12", "C-5.4-9", "treats a 334 without base64 as a malformed reply")
        {
            Mutations = _ => AfterCommand(l => l.StartsWith("334", StringComparison.Ordinal) && l.Contains('@') ? "garbage" : l),
        },
        new("BP-4.3-11", "C-4.3-13", "treats a bare LF within a reply as text")
        {
            Mutations = _ => AfterCommand(l => l.Replace('\n', ' ')),
        },
        new("BP-4.3-11", "C-4.3-13", "treats a bare LF as the end of a line")
        {
            Mutations = _ => AfterCommand(l => l.Replace("\n", "\r\n", StringComparison.Ordinal)),
        },
        new("BP-4.3-15", "C-4.3-28", "discards what came before its command")
        {
            Mutations = _ => new Mutations { PeerLine = l => l == "421 4.3.2 Early" ? null : l },
        },
        new("BP-4.3-15", "C-4.3-28", "treats what came before its command as no reply")
        {
            Mutations = _ => Reads("454 4.7.0 Early", "250 4.7.0 Early"),
        },
        new("BP-4.3-15", "C-4.3-29", "discards what came before its continuation")
        {
            Mutations = _ => new Mutations { PeerLine = l => l == "421 4.3.2 Too early" ? null : l },
        },
        new("BP-4.3-15", "C-4.3-29", "treats what came before its continuation as no reply")
        {
            Mutations = _ => Reads("501 5.5.4 Too early", "250 5.5.4 Too early"),
        },
        new("BP-4.3-16", "C-4.3-1 C-4.3-2 C-4.3-9 C-4.3-26 C-4.3-27", "says QUIT after a broken upgrade")
        {
            Mutations = _ => new Mutations
            {
                Answer = l => l is "220 no share, and no more" or "220 go ahead" || l.StartsWith("250 K=", StringComparison.Ordinal)
                    ? "QUIT\r\n\0"
                    : null,
            },
        },
        new("BP-4.3-13", "C-4.3-19", "ends the session without a close at a malformed reply inside")
        {
            Mutations = _ => Sends(RecordType.Close, _ => []),
            AlsoFails = "C-8.1-1 C-8.1-2 C-8.1-3 C-8.1-4 C-8.1-5 C-8.1-6 C-8.1-7 C-8.2-4",
        },

        // ---------------------------------------------------------------- 4.4 refusals
        new("BP-4.4-10", "C-4.4-13", "acts upon the offer in the text of a refusal")
        {
            Mutations = _ => Answers("454 220 K=", "XBLACKPONY V1 ROT 13\r\n"),
        },
        new("BP-4.4-10", "C-4.4-13", "takes the share in the text of a refusal") { Mutations = _ => Reads("454 220 K=", "220 K=") },
        new("BP-4.3-11", "C-4.3-10", "takes a line of 2049 octets in a refusal")
        {
            Mutations = _ => AfterCommand(l => l.Length == Limits.MaxEhloLine - 1 ? l[..^1] : l),
        },
        new("BP-4.4-11", "C-4.4-15 C-5.4-6", "treats a refusal with a NUL as malformed")
        {
            Mutations = _ => AfterCommand(l => l.Contains('\0') ? "garbage" : l),
        },
        new("BP-4.4-11", "C-4.4-15 C-5.4-6", "treats a refusal with a bare CR as malformed")
        {
            Mutations = _ => AfterCommand(l => l.Contains('\r') ? "garbage" : l),
        },
        new("BP-4.4-11", "C-4.4-11", "treats a line of 2048 octets in a refusal as malformed")
        {
            Mutations = _ => AfterCommand(l => l.Length == Limits.MaxEhloLine - 2 ? l + "x" : l),
        },
        new("BP-4.4-11", "C-4.4-11", "treats a reply of 128 lines as malformed")
        {
            Mutations = _ =>
            {
                int lines = 0;
                return AfterCommand(l =>
                {
                    lines = l.Length > 3 && l[3] == '-' ? lines + 1 : 0;
                    return lines == Limits.MaxEhloLines - 1 ? "250" + l[3..] : l;
                });
            },
        },
        new("BP-4.4-11",
            "C-4.3-15 C-4.4-1 C-4.4-2 C-4.4-3 C-4.4-4 C-4.4-5 C-4.4-6 C-4.4-7 C-4.4-8 C-4.4-9 C-4.4-10 C-4.4-11 C-4.4-14 C-5.4-6",
            "treats a refusal as a broken upgrade")
        {
            // But for the words with which cases refuse that look at the command alone.
            Mutations = _ => AfterCommand(l => l[0] is '4' or '5' && l != "454 4.7.0 Enough" ? "250" + l[3..] : l),
            AlsoFails = "C-4.2-4 C-4.2-6 C-4.2-7 C-4.3-29 C-4.4-13 C-4.4-15 C-4.8-2 C-4.8-3 C-4.8-4 C-5.1-3 C-5.3-5 C-5.4-2 C-5.4-3 "
                + "C-5.4-5 C-5.4-8 C-5.4-9 C-6.1-6 C-6.1-7 C-10.4-6",
        },
        new("BP-4.4-12", "C-4.3-26", "treats a 421 to its continuation as a refusal")
        {
            Mutations = _ => AfterContinuation(Refusal(l => l.StartsWith("421", StringComparison.Ordinal))),
        },
        new("BP-4.4-12", "C-4.4-12", "treats a 421 as a refusal")
        {
            Mutations = _ => TakesForRefusal(l => l.StartsWith("421", StringComparison.Ordinal)),
        },

        // ---------------------------------------------------------------- 4.5 after the upgrade
        new("BP-4.5-1", "C-4.5-2", "remembers inside that the server outside had SIZE") { Mutations = _ => RemembersSize() },
        new("BP-4.5-2", "C-4.5-1", "says HELO inside")
        {
            Mutations = _ =>
                RareRecords(
                    r => [r.Text.StartsWith("EHLO", StringComparison.Ordinal)
                        ? Rec.Line("H" + r.Text[1..].Replace("HLO", "ELO", StringComparison.Ordinal))
                        : r]),
            AlsoFails = "C-4.8-4 C-5.3-4 C-6.1-3 C-6.1-6 C-6.3-2 C-6.5-1 C-7.5-1 C-8.1-1",
        },
        new("BP-4.5-6", "C-4.5-2 C-4.5-4", "uses 8BITMIME inside though it is not offered there")
        {
            Mutations = _ => SendsInside("MAIL FROM:<a@client.test>", "MAIL FROM:<a@client.test> BODY=8BITMIME"),
        },
        new("BP-4.5-7", "C-4.5-3", "sends XBLACKPONY inside")
        {
            Mutations = _ => SendsInside("QUIT", CoreOffer + " AAAA"),
            AlsoFails = "C-8.1-7 C-10.4-9",
        },
        new("BP-4.6-2", "C-4.3-4", "treats replies that were injected after the 220 as the server's")
        {
            Mutations = _ => InsteadOfAlert(r => r.Raw is [(byte)'2', ..], "EHLO client.test\r\nMAIL FROM:<a@client.test>\r\n"),
        },
        new("BP-4.6-2", "C-8.3-5", "treats plaintext after a failure as replies, and goes on")
        {
            Mutations = _ => InsteadOfAlert(r => r.Raw is [0, 0, ..], "MAIL FROM:<a@client.test>\r\n"),
            AlsoFails = "C-8.1-7",
        },
        new("BP-4.6-4", "C-4.3-4", "says QUIT in plaintext when records fail")
        {
            Mutations = _ => InsteadOfAlert(r => r.Raw is [(byte)'2', ..], "QUIT\r\n"),
        },

        // ---------------------------------------------------------------- 4.7 together with STARTTLS and AUTH
        new("BP-4.7-2", "C-4.7-1", "sends STARTTLS inside")
        {
            Mutations = _ => SendsInside("QUIT", "STARTTLS"),
            AlsoFails = "C-4.5-3 C-8.1-7 C-10.4-9",
        },
        new("BP-4.7-3", "C-4.7-2", "uses STARTTLS where both are offered")
        {
            Mutations = _ => PrefersStartTls(),
            AlsoFails = "C-4.7-1 C-10.4-7",
        },
        new("BP-4.7-4", "C-4.7-3", "sends a password inside")
        {
            Mutations = _ => SendsInside("QUIT", "AUTH PLAIN AGEAYg=="),
            AlsoFails = "C-8.1-7 C-10.4-9",
        },

        // ---------------------------------------------------------------- 4.8 the choice of a suite
        new("BP-4.8-1", "C-4.2-2", "chooses a suite that the server does not have")
        {
            Mutations = _ => RareCommands(l => l.Replace(HybridAes, Classic, StringComparison.Ordinal)),
            AlsoFails = "C-4.3-21 C-4.5-1 C-4.8-4 C-6.1-3 C-6.1-6 C-6.1-7 C-6.3-2 C-6.5-1 C-7.5-1 C-8.1-1",
        },
        new("BP-4.8-2", "C-4.8-2", "follows the server's order of preference")
        {
            Mutations = _ => new Mutations
            {
                PeerLine = l => l.Contains("XBLACKPONY", StringComparison.Ordinal) ? string.Join(' ', l.Split(' ').Take(4)) : l,
            },
            AlsoFails = "C-4.1-1 C-4.1-5 C-4.1-7 C-4.1-8 C-4.1-12 C-4.1-15 C-4.1-16 C-4.2-2 C-4.8-3 C-6.1-2",
        },
        new("BP-4.8-3", "C-4.8-3", "prefers the core suite") { Options = ClientSuite.Only(Core, Hybrid, HybridAes, Classic) },
        new("BP-4.8-4", "C-4.8-4", "tries a suite next that the server does not have")
        {
            Mutations = _ => Sends(" " + HybridAes, " X-NOTHING"),
            AlsoFails = "C-4.2-2 C-4.3-21 C-4.5-1 C-6.1-3 C-6.1-6 C-6.1-7 C-6.3-2 C-6.5-1 C-7.5-1 C-8.1-1",
        },
        new("BP-4.8-5", "C-4.1-3", "asks for the core suite where it has none of the offer's")
        {
            Mutations = _ =>
                ReadsOffer(
                    l => HasForm(l) && l.Contains("NO-SUCH-SUITE", StringComparison.Ordinal)
                        && !l.Contains("X25519", StringComparison.OrdinalIgnoreCase) ? CoreOffer : l),
            AlsoFails = "C-4.1-10 C-4.2-2 C-10.4-6",
        },
        new("BP-4.8-6", "C-4.2-6", "treats a second 504 as the end of the connection")
        {
            Mutations = _ =>
            {
                int refusals = 0;
                return new Mutations
                {
                    PeerLine = l => l.StartsWith("504", StringComparison.Ordinal) && ++refusals == 2 ? "421 enough" : l,
                };
            },
            AlsoFails = "C-4.2-7 C-6.1-6",
        },
        new("BP-4.8-7", "C-4.8-5", "tries another suite after a 504 though encryption is required")
        {
            Mutations = _ => InsteadOfQuit(CoreOffer + " AAAA", last => last.StartsWith("504", StringComparison.Ordinal)),
            AlsoFails = "C-9.4-16",
        },
    ];

    private static Mutations TakesOneLine()
    {
        Mutations hooks = null!;
        return hooks = new Mutations { PeerLine = l => hooks.Suite == Core ? l.Replace("220-K=", "220 K=", StringComparison.Ordinal) : l };
    }

    private static Mutations SaysItAgain()
    {
        string? first = null;
        return Commands(l => first ??= l);
    }

    private static Mutations TakesRefusalFor(string code, bool classic)
    {
        bool continued = false;
        Mutations hooks = null!;
        return hooks = new Mutations
        {
            PeerLine = l =>
            {
                bool refused = hooks.Suite.Length > 0 && hooks.Suite == Classic == classic && !continued
                    && l.StartsWith(code, StringComparison.Ordinal);
                continued |= l.StartsWith("334", StringComparison.Ordinal);
                return !refused ? l : l[3] == '-' ? null : "454 no";
            },
        };
    }

    private static Mutations PrefersStartTls()
    {
        bool offered = false;
        return new Mutations
        {
            PeerLine = l =>
            {
                offered |= l.Contains("STARTTLS", StringComparison.Ordinal);
                return l;
            },
            PortLine = l => offered && IsCommand(l) ? "STARTTLS" : l,
        };
    }

    private static Mutations RemembersSize()
    {
        bool size = false;
        return new Mutations
        {
            PeerLine = l =>
            {
                size |= l.Contains("SIZE", StringComparison.Ordinal);
                return l;
            },
            PortRecord = r => [size && r.Text == "MAIL FROM:<a@client.test>\r\n" ? Rec.Line("MAIL FROM:<a@client.test> SIZE=70\r\n") : r],
        };
    }

    private static Mutations DropsBehindReply()
    {
        bool behind = false;
        Mutations hooks = null!;
        return hooks = new Mutations
        {
            PeerLine = l =>
            {
                behind = hooks.HasMore && hooks.Suite == HybridAes && l.StartsWith("220 K=", StringComparison.Ordinal);
                return l;
            },
            PeerRecord = r =>
            {
                bool dropped = behind && r.Verified;
                behind = false;
                return dropped ? [] : [r];
            },
        };
    }
}
