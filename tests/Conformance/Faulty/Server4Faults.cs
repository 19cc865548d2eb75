using BlackPony.Reference.Records;
using static BlackPony.Conformance.Peers.Names;
using static BlackPony.Tests.Conformance.Faulty.FaultyServerSuite;
using static BlackPony.Tests.Conformance.Faulty.ServerFaults;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Servers that break a requirement of spec 4.</summary>
internal static class Server4Faults
{
    public static IReadOnlyList<FaultyServer> All { get; } =
    [
        // ---------------------------------------------------------------- 4.1 the offer
        new("BP-4.1-1", "S-4.1-1", "makes no offer")
        {
            Mutations = Offers(_ => "X-NOTHING"),
            AlsoFails = "S-4.1-3 S-4.4-6 S-4.4-9 S-5.2-1 S-5.3-1 S-5.4-1 S-6.1-7 S-6.1-8 S-10.2-11",
        },
        new("BP-4.1-2", "S-4.1-5", "makes its offer twice")
        {
            Mutations = Says(l => IsOffer(l) ? $"250-{l[4..]}\r\n{l}" : l),
            AlsoFails = "S-10.2-11",
        },
        new("BP-4.1-3", "S-4.1-6", "puts the version after the suites")
        {
            Mutations =
                OffersLater(o => o.Replace(" V1", "", StringComparison.Ordinal).Replace(" ROT", " ROT V1", StringComparison.Ordinal)),
            AlsoFails = "S-4.1-4 S-4.1-9 S-4.4-3 S-4.4-4 S-5.2-1 S-5.3-1 S-5.4-1 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-4 S-6.1-5 S-6.1-6 "
                + "S-6.1-8 S-6.2-1 S-10.1-1 S-10.1-3 S-10.1-5",
        },
        new("BP-4.1-3", "S-4.1-6", "puts grease before the suites")
        {
            Mutations = OffersLater(o => o.Replace(" V1", " V1 G-0000", StringComparison.Ordinal)),
            AlsoFails = "S-4.1-4 S-4.1-9 S-4.4-3 S-4.4-4 S-5.2-1 S-5.3-1 S-5.4-1 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-4 S-6.1-5 S-6.1-6 "
                + "S-6.1-8 S-6.2-1 S-10.1-1 S-10.1-3 S-10.1-5",
        },
        new("BP-4.1-3", "S-4.1-6", "puts two spaces before a suite")
        {
            Mutations = OffersLater(o => o.Replace(" ROT", "  ROT", StringComparison.Ordinal)),
            AlsoFails = "S-4.1-4 S-4.1-9 S-4.4-3 S-4.4-4 S-5.2-1 S-5.3-1 S-5.4-1 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-4 S-6.1-5 S-6.1-6 "
                + "S-6.1-8 S-6.2-1 S-10.1-1 S-10.1-3 S-10.1-5",
        },
        new("BP-4.1-3", "S-4.1-6", "ends its offer with a space")
        {
            Mutations = OffersLater(o => o + " "),
            AlsoFails = "S-4.1-3 S-4.1-4 S-4.1-9 S-4.4-3 S-4.4-4 S-5.2-1 S-5.3-1 S-5.4-1 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-4 S-6.1-5 "
                + "S-6.1-6 S-6.1-8 S-6.2-1 S-10.1-1 S-10.1-3 S-10.1-5",
        },
        new("BP-4.1-4", "S-4.1-7", "makes an offer of more than 512 octets")
        {
            Mutations =
                OffersLater(o => o.Replace(" ROT", string.Concat(Enumerable.Repeat(" X-SUITE", 50)) + " ROT", StringComparison.Ordinal)),
            AlsoFails = "S-4.1-4 S-4.1-9 S-4.4-3 S-4.4-4 S-5.2-1 S-5.3-1 S-5.4-1 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-4 S-6.1-5 S-6.1-6 "
                + "S-6.1-8 S-6.2-1 S-10.1-1 S-10.1-3 S-10.1-5",
        },
        new("BP-4.1-5", "S-4.1-8", "offers a suite that it has not got")
        {
            Options = Without(HybridAes),
            Mutations = OffersLater(o => o.Replace(" ROT", $" {HybridAes} ROT", StringComparison.Ordinal)),
            AlsoFails = "S-4.1-4 S-4.1-9 S-4.4-3 S-4.4-4 S-5.2-1 S-5.3-1 S-5.4-1 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-4 S-6.1-5 S-6.1-6 "
                + "S-6.1-8 S-6.2-1 S-10.1-1 S-10.1-3 S-10.1-5",
        },
        new("BP-4.1-6", "S-4.1-2", "makes its offer to HELO too")
        {
            Mutations = Answers(l => l.StartsWith("HELO", StringComparison.Ordinal), $"250-sink.test\r\n250 XBLACKPONY V1 {Core}"),
            AlsoFails = "S-4.4-4",
        },
        new("BP-4.1-7", "S-4.1-3", "adds no grease") { Options = o => o with { Grease = false } },
        new("BP-4.1-7", "S-4.1-3", "adds the same grease to every offer")
        {
            Mutations = OffersLater(o => o[..^4] + "1997"),
            AlsoFails = "S-4.1-4 S-4.1-9 S-4.4-3 S-4.4-4 S-5.2-1 S-5.3-1 S-5.4-1 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-4 S-6.1-5 S-6.1-6 "
                + "S-6.1-8 S-6.2-1 S-10.1-1 S-10.1-3 S-10.1-5",
        },
        new("BP-4.1-15", "S-4.1-4", "goes by its first EHLO reply")
        {
            Mutations = () =>
            {
                int ehlos = 0;
                return new Mutations
                {
                    Answer = l => l.StartsWith("EHLO", StringComparison.Ordinal) && ehlos++ > 0
                        ? $"250-sink.test\r\n250 XBLACKPONY V1 {Core} G-1997\r\n"
                        : null,
                };
            },
            AlsoFails = "S-4.1-3 S-4.1-9 S-4.4-3 S-4.4-4 S-5.2-1 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.1-8 S-10.1-1 S-10.1-3 "
                + "S-10.1-5",
        },

        new("BP-4.1-15", "S-4.1-9", "keeps a transaction over EHLO")
        {
            Mutations = () =>
            {
                bool open = false;
                return new Mutations
                {
                    Answer = l =>
                    {
                        open = l != "RSET" && (open || l.StartsWith("MAIL", StringComparison.Ordinal));
                        return open && IsUpgrade(l) ? "503 5.5.1 In a transaction\r\n" : null;
                    },
                };
            },
            AlsoFails = "S-4.4-17 S-4.4-21 S-4.4-23",
        },
        new("BP-4.1-15", "S-4.1-10", "forgets its offer at an EHLO that fails")
        {
            Mutations = AnswersAfter(l => l == "EHLO", IsUpgrade, "503 5.5.1 EHLO first"),
        },
        new("BP-4.4-6", "S-4.1-10", "forgets its offer at a HELO that fails")
        {
            Mutations = AnswersAfter(l => l == "HELO", IsUpgrade, "503 5.5.1 EHLO first"),
        },

        // ---------------------------------------------------------------- 4.2 the command
        new("BP-4.2-4", "S-4.2-3", "takes no command of more than 512 octets")
        {
            Mutations = Answers(l => IsUpgrade(l) && l.Length > 510 && l.Contains(" " + Core, StringComparison.Ordinal),
                "500 5.5.2 Line too long"),
            AlsoFails = "S-4.4-18 S-5.1-2",
        },
        new("BP-4.2-5", "S-4.2-1", "knows the verb in upper case only")
        {
            Mutations = Answers(l => l.StartsWith("xBlackPony ", StringComparison.Ordinal), "500 5.5.1 Unknown"),
        },
        new("BP-4.2-5", "S-4.2-1", "knows the version in upper case only")
        {
            Mutations = Answers(l => l.Contains(" v1 ", StringComparison.Ordinal), "504 5.5.4 Unknown version"),
        },
        new("BP-4.2-5", "S-4.2-1", "knows a suite in upper case only")
        {
            Mutations = Answers(l => l.Contains("x25519", StringComparison.Ordinal), "504 5.5.4 Unknown suite"),
        },
        new("BP-4.2-6", "S-4.2-2", "refuses parameters")
        {
            Mutations = Answers(l => IsUpgrade(l) && l.Split(' ').Length > 4, "501 5.5.4 Unknown parameter"),
            AlsoFails = "S-4.2-3 S-4.4-16 S-6.1-7",
        },
        new("BP-4.2-7", "S-4.2-2", "refuses grease in the command")
        {
            Mutations = Answers(l => IsUpgrade(l) && l.Contains(" G-", StringComparison.Ordinal), "501 5.5.4 Unknown parameter"),
            AlsoFails = "S-6.1-7",
        },
        new("BP-4.2-8", "S-4.2-4", "asks for EHLO if a field is missing")
        {
            Mutations = Answers(l => IsUpgrade(l) && l.Split(' ').Length < 4, "503 5.5.1 EHLO first"),
            AlsoFails = "S-4.4-7 S-4.4-14 S-4.4-15 S-4.4-17 S-6.1-7",
        },
        new("BP-4.2-8", "S-4.2-5", "treats two spaces together as one")
        {
            Mutations = HearsUpgrade(l => l.Replace("  ", " ", StringComparison.Ordinal)),
        },
        new("BP-4.2-8", "S-4.2-6", "treats a space at the end as none")
        {
            Mutations = HearsUpgrade(l => l.TrimEnd()),
            AlsoFails = "S-4.4-14",
        },
        new("BP-4.2-8", "S-4.2-7", "takes any octet in the command")
        {
            Mutations = HearsUpgrade(l => string.Concat(l.Select(c => c is >= ' ' and <= '~' ? c : '?'))),
            AlsoFails = "S-4.4-14 S-4.4-17 S-4.4-18",
        },

        // ---------------------------------------------------------------- 4.3 the 220 and 334 replies
        new("BP-4.3-1", "S-4.3-1", "agrees with 250")
        {
            Mutations = SaysTo(HybridAes, l => l.StartsWith("220", StringComparison.Ordinal) ? "250" + l[3..] : l),
            AlsoFails = "S-4.3-2 S-4.3-3 S-4.5-4 S-4.5-7 S-4.6-2 S-5.1-5 S-5.3-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-1 "
                + "S-6.3-12 S-10.3-3",
        },
        new("BP-4.3-1", "S-4.5-5", "fails at the second transaction inside")
        {
            Mutations = () =>
            {
                int mails = 0;
                return new Mutations
                {
                    PeerRecord = r => r.Text.StartsWith("MAIL", StringComparison.Ordinal) && mails++ > 0 ? [Spoilt(r)] : [r],
                };
            },
        },
        new("BP-4.3-2", "S-4.3-1 S-4.3-3", "writes \"k=\"")
        {
            Mutations = SaysTo(HybridAes, l => l.Replace("K=", "k=", StringComparison.Ordinal)),
            AlsoFails = "S-4.3-2 S-4.5-4 S-4.5-7 S-4.6-2 S-5.1-5 S-5.3-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-1 S-6.3-12 "
                + "S-10.3-3",
        },
        new("BP-4.3-2", "S-4.3-1 S-4.3-3", "writes \"Key=\"")
        {
            Mutations = SaysTo(HybridAes, l => l.Replace("K=", "Key=", StringComparison.Ordinal)),
            AlsoFails = "S-4.3-2 S-4.5-4 S-4.5-7 S-4.6-2 S-5.1-5 S-5.3-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-1 S-6.3-12 "
                + "S-10.3-3",
        },
        new("BP-4.3-3", "S-4.3-2 S-4.3-3", "puts an enhanced status code before the share")
        {
            Mutations = SaysTo(HybridAes, l => l.Replace("K=", "2.0.0 K=", StringComparison.Ordinal)),
            AlsoFails = "S-4.3-1 S-4.5-4 S-4.5-7 S-4.6-2 S-5.1-5 S-5.3-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-1 S-6.3-12 "
                + "S-10.3-3",
        },
        new("BP-4.3-4", "S-4.3-3", "puts 200 characters into a line")
        {
            Mutations = SaysTo(HybridAes, TwoHalves),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.5-4 S-4.5-7 S-4.6-2 S-5.3-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-1 S-6.3-12 "
                + "S-10.3-3",
        },
        new("BP-4.3-4", "S-4.3-4", "puts 200 characters into a line of the 334")
        {
            Mutations = SaysTo(Classic, TwoHalves),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.3-5 S-4.5-4 S-4.5-7 S-4.6-2 S-5.4-1 S-5.4-4 S-5.4-5 S-6.1-4 S-6.1-5 S-6.3-1 S-6.3-12 "
                + "S-7.1-10 S-7.1-11 S-7.3-1 S-7.6-2 S-10.3-3",
        },
        new("BP-4.3-6", "S-4.3-5 S-5.4-5 S-5.4-8", "gives its first share with 220")
        {
            Mutations = Says(l => l.StartsWith("334", StringComparison.Ordinal) ? "220" + l[3..] : l),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.3-4 S-4.3-6 S-4.4-10 S-4.4-11 S-4.4-12 S-4.4-19 S-4.5-4 S-4.5-7 S-4.6-2 S-5.1-5 "
                + "S-5.4-1 S-5.4-3 S-5.4-4 S-5.4-6 S-5.4-7 S-5.4-9 S-5.4-10 S-5.4-11 S-6.1-4 S-6.1-5 S-6.3-1 S-6.3-12 "
                + "S-7.1-10 S-7.1-11 S-7.3-1 S-7.6-2 S-8.1-9 S-8.1-10 S-10.2-9 S-10.3-3",
        },
        new("BP-4.3-6", "S-4.3-5 S-5.4-5 S-5.4-8", "gives a modulus of fewer bits")
        {
            Options = Begins(Classic, (x, share) => [0, .. x.Begin(share)![1..]]),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.5-4 S-4.5-7 S-4.6-2 S-5.1-4 S-5.1-5 S-5.4-1 S-5.4-2 S-5.4-4 S-5.4-6 S-5.4-7 S-5.4-9 "
                + "S-5.4-10 S-5.4-11 S-6.1-4 S-6.1-5 S-6.3-1 S-6.3-12 S-7.1-10 S-7.1-11 S-7.3-1 S-7.6-2 S-10.3-3",
        },
        new("BP-4.3-6", "S-5.4-8", "gives an even modulus")
        {
            Options =
                Begins(Classic, (x, share) => x.Begin(share) is { } own ? [.. own[..383], (byte)(own[383] & 0xfe), .. own[384..]] : null),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.3-5 S-4.5-4 S-4.5-7 S-4.6-2 S-5.1-5 S-5.4-1 S-5.4-4 S-5.4-5 S-5.4-6 S-5.4-7 S-5.4-9 "
                + "S-5.4-10 S-5.4-11 S-6.1-4 S-6.1-5 S-6.3-1 S-6.3-12 S-7.1-10 S-7.1-11 S-7.3-1 S-7.6-2 S-10.3-3",
        },
        new("BP-4.3-10", "S-4.3-6", "takes no continuation of more than 1000 octets")
        {
            Mutations = Answers(l => IsContinuation(l) && l.Length > 998, "500 5.5.2 Line too long"),
            AlsoFails = "S-4.4-1 S-4.4-11 S-4.4-19 S-10.2-13",
        },

        // ---------------------------------------------------------------- 4.4 refusals
        new("BP-4.2-8", "S-4.2-4 S-4.2-5 S-4.2-6 S-4.2-7", "answers 500 to a malformed command")
        {
            Mutations = Says("501 5.5.4 Syntax", "500 5.5.4 Syntax"),
            AlsoFails = "S-4.4-7 S-4.4-15 S-6.1-7",
        },
        new("BP-4.4-1", "S-4.4-1", "answers 501 to an over-long command")
        {
            Mutations = Says("500 5.5.2", "501 5.5.2"),
            AlsoFails = "S-4.4-11 S-4.4-16 S-4.4-18 S-4.4-19 S-4.4-23 S-10.1-5 S-10.2-13",
        },
        new("BP-4.4-5", "S-4.4-3", "answers 454 within a transaction")
        {
            Mutations = AnswersAfter(l => l.StartsWith("MAIL", StringComparison.Ordinal), IsUpgrade, "454 4.7.0 Not now"),
            AlsoFails = "S-4.1-9 S-4.4-15 S-4.4-17 S-4.4-21 S-4.4-23 S-10.1-1",
        },
        new("BP-4.4-6", "S-4.4-4", "answers 454 before EHLO")
        {
            Mutations = () => new Mutations { Answer = FirstIsUpgrade("454 4.7.0 Not yet") },
            AlsoFails = "S-4.4-15 S-4.4-17 S-4.4-21 S-4.4-23",
        },
        new("BP-4.4-1", "S-4.4-5", "treats V01 as V1")
        {
            Mutations = HearsUpgrade(l => l.Replace(" V01 ", " V1 ", StringComparison.Ordinal)),
        },
        new("BP-4.4-1", "S-4.4-6 S-4.4-15", "answers 501 to an unknown suite")
        {
            Mutations = Says("504 5.5.4 Unknown suite", "501 5.5.4 Unknown suite"),
            AlsoFails = "S-4.4-8 S-5.5-6 S-6.1-7 S-6.1-8",
        },
        new("BP-4.4-1", "S-4.4-14", "answers 500 to a bare LF in the command")
        {
            Mutations = Says("501 5.5.2", "500 5.5.2"),
            AlsoFails = "S-4.4-17 S-4.4-18 S-4.4-19 S-10.2-1 S-10.2-2",
        },
        new("BP-4.4-1", "S-4.4-15", "judges version and suite before the form")
        {
            Mutations = Answers(l => l == "XBLACKPONY V9 NO-SUCH-SUITE", "504 5.5.4 Unknown version"),
        },
        new("BP-4.4-1", "S-4.4-15", "judges the share before the suite")
        {
            Mutations = Answers(l => l.EndsWith(" ****", StringComparison.Ordinal), "501 5.5.4 Invalid share"),
        },
        new("BP-4.5-5", "S-4.5-2", "answers 502 inside")
        {
            Mutations = SaysInside("503 5.5.1", "502 5.5.1"),
            AlsoFails = "S-4.4-22",
        },
        new("BP-5.1-9", "S-5.1-1 S-5.1-2", "answers 454 to an invalid share")
        {
            Mutations = Says("501 5.5.4 Invalid", "454 4.7.0 Invalid"),
            AlsoFails = "S-4.1-8 S-4.1-10 S-4.3-6 S-4.4-7 S-4.4-9 S-4.4-24 S-5.1-3 S-5.1-4 S-5.2-2 S-5.3-3 S-5.3-4 S-5.4-2 "
                + "S-5.4-3 S-5.4-11 S-5.5-1 S-6.1-8",
        },
        new("BP-10.3-4", "S-10.3-4", "answers 451 without a mail server")
        {
            Mutations = Says("454 4.7.0", "451 4.3.0"),
            AlsoFails = "S-4.4-7 S-4.4-24",
        },
        new("BP-4.4-2", "S-4.4-6 S-4.4-8", "ends the connection where it does not have the suite")
        {
            Mutations = Says(l => l.StartsWith("504 5.5.4 Unknown suite", StringComparison.Ordinal) ? l + "\0" : l),
            AlsoFails = "S-4.4-15 S-6.1-7 S-6.1-8",
        },
        new("BP-4.4-2", "S-4.2-4 S-4.2-5 S-4.2-6 S-4.2-7", "ends the connection at a malformed command")
        {
            Mutations = Says(l => l.StartsWith("501 5.5.4 Syntax", StringComparison.Ordinal) ? l + "\0" : l),
            AlsoFails = "S-4.4-7 S-4.4-13 S-4.4-15 S-6.1-7",
        },
        new("BP-4.4-2", "S-4.4-3", "forgets a transaction at a refusal")
        {
            Mutations = AnswersAfterRefusal(l => l.StartsWith("RCPT", StringComparison.Ordinal), "503 5.5.1 MAIL first"),
            AlsoFails = "S-4.4-8 S-4.4-23 S-10.3-4",
        },
        new("BP-4.4-2", "S-4.4-8", "forgets the client's greeting at a refusal")
        {
            Mutations = AnswersAfterRefusal(l => l.StartsWith("MAIL", StringComparison.Ordinal), "503 5.5.1 EHLO first"),
            AlsoFails = "S-4.4-2 S-4.4-12 S-4.4-15 S-4.4-23 S-10.3-4",
        },
        new("BP-4.4-2", "S-4.4-6 S-4.4-9", "takes no second command after a refusal")
        {
            Mutations = AnswersAfter(l => IsUpgrade(l) && l.EndsWith(" AAAA", StringComparison.Ordinal),
                l => IsUpgrade(l) && !l.EndsWith(" AAAA", StringComparison.Ordinal), "503 5.5.1 Once is enough"),
            AlsoFails = "S-4.1-10 S-4.4-7 S-4.4-24 S-6.1-8",
        },
        new("BP-4.4-3", "S-4.4-1", "treats the rest of an over-long command as the next")
        {
            Mutations = HearsUpgrade(l => l.Length > 4095 ? $"{l[..4095]}\r\n{l[4095..]}" : l),
            AlsoFails = "S-4.4-16 S-4.4-18 S-4.4-23",
        },
        new("BP-4.4-4", "S-4.4-2 S-5.5-9", "discards what stands after the command, and agrees")
        {
            Mutations = Drops(IsUpgrade),
            AlsoFails = "S-4.4-21 S-4.6-1 S-8.1-11",
        },
        new("BP-4.4-4", "S-4.4-2 S-5.5-9", "processes what stands after the command")
        {
            Mutations = AnswersBefore(IsUpgrade, "503 5.5.1 XBLACKPONY must be the last command of a group"),
            AlsoFails = "S-4.4-21 S-8.1-11",
        },
        new("BP-4.4-4", "S-4.4-2 S-4.4-12", "resets the connection after its 503")
        {
            Mutations = () => ResetsAfter("503 5.5.1 XBLACKPONY must", "503 5.5.1 The continuation must"),
            AlsoFails = "S-4.4-21 S-5.5-9 S-8.1-11",
        },
        new("BP-8.1-9", "S-8.1-11", "does not read on after its 503")
        {
            Mutations = () =>
            {
                Mutations hooks = null!;
                return hooks = new Mutations
                {
                    PortLine = l =>
                    {
                        hooks.ClosesForGood |= l.StartsWith("503 5.5.1 XBLACKPONY must", StringComparison.Ordinal);
                        return l;
                    },
                };
            },
        },
        new("BP-4.4-4", "S-4.4-12", "processes what stands after the continuation")
        {
            Mutations = AnswersBefore(l => l == "*", "503 5.5.1 The continuation must come alone"),
        },
        new("BP-4.4-4", "S-4.4-21", "asks for EHLO before it looks for what stands after the command")
        {
            Mutations = AnswersWhile(l => l.StartsWith("EHLO", StringComparison.Ordinal), false, (l, more) => IsUpgrade(l) && more,
                "503 5.5.1 EHLO first"),
        },
        new("BP-4.4-4", "S-4.4-21", "looks for a transaction before it looks for what stands after the command")
        {
            Mutations = AnswersWhile(l => l.StartsWith("MAIL", StringComparison.Ordinal), true, (l, more) => IsUpgrade(l) && more,
                "503 5.5.1 Not in a transaction"),
        },
        new("BP-4.4-1", "S-4.4-22", "ends the session inside at what stands after the command")
        {
            Mutations = Takes(r => r.Text.IndexOf("\r\nNOOP\r\nQUIT", StringComparison.Ordinal) is > 0 and var at && r.Text[0] == 'X'
                ? [Rec.Line(r.Text[..(at + 2)]), End]
                : [r]),
        },
        new("BP-4.4-1", "S-4.4-23", "asks for EHLO before it looks at the length")
        {
            Mutations = AnswersWhile(l => l.StartsWith("EHLO", StringComparison.Ordinal), false, (l, _) => l.Length > 4090,
                "503 5.5.1 EHLO first"),
        },
        new("BP-4.4-2", "S-4.4-23", "forgets a transaction at an over-long command")
        {
            Mutations = AnswersAfter(l => l.Length > 4090, l => l.StartsWith("RCPT", StringComparison.Ordinal), "503 5.5.1 MAIL first"),
        },
        new("BP-4.4-7", "S-4.4-24", "does not count commands for ROT")
        {
            Mutations = Answers(l => l == "XBLACKPONY V1 ROT 26", "501 5.5.4 Invalid shift"),
        },
        new("BP-4.4-1", "S-4.4-14", "drops bare CRs before the CRLF") { Mutations = HearsUpgrade(l => l.TrimEnd('\r')) },
        new("BP-4.4-5", "S-4.4-3", "drops a transaction for the upgrade")
        {
            Mutations =
                HearsBefore("RSET", IsUpgrade, (open, l) => l != "RSET" && (open || l.StartsWith("MAIL", StringComparison.Ordinal))),
            AlsoFails = "S-4.1-9 S-4.4-15 S-4.4-21",
        },
        new("BP-4.4-6", "S-4.4-4", "takes the command without EHLO")
        {
            Mutations = HearsBefore("EHLO nobody.test", IsUpgrade,
                (stranger, l) =>
                    !l.StartsWith("EHLO", StringComparison.Ordinal) && !l.StartsWith("HELO", StringComparison.Ordinal) && stranger, true),
            AlsoFails = "S-4.4-13 S-4.4-15 S-4.4-21",
        },
        new("BP-4.4-6", "S-4.4-4", "takes the command after HELO")
        {
            Mutations = Hears(l => l.Replace("HELO", "EHLO", StringComparison.Ordinal)),
            AlsoFails = "S-4.1-2",
        },
        new("BP-4.4-7", "S-4.4-7", "does not count commands with an invalid share")
        {
            Mutations = Answers(l => l.EndsWith(" AAAA", StringComparison.Ordinal), "501 5.5.4 Invalid share"),
            AlsoFails = "S-4.4-6 S-4.4-8 S-4.4-17 S-4.4-24",
        },
        new("BP-4.4-7", "S-4.4-7", "counts malformed commands")
        {
            Mutations = () => new Mutations { PeerLine = l => l == "XBLACKPONY V1" ? $"XBLACKPONY V1 {Core} AAAA" : l },
        },
        new("BP-4.4-8", "S-4.4-10", "answers 250 to \"*\"") { Mutations = Says("501 5.7.0", "250 2.7.0") },
        new("BP-4.4-9", "S-4.4-11", "answers 501 to an over-long continuation")
        {
            Mutations = Says("500 5.5.2", "501 5.5.2"),
            AlsoFails = "S-4.4-1 S-4.4-16 S-4.4-18 S-4.4-19 S-4.4-23 S-10.1-5 S-10.2-13",
        },
        new("BP-4.4-9", "S-4.4-11", "ends the connection at an over-long continuation")
        {
            Mutations = Says(l => l.StartsWith("500 5.5.2", StringComparison.Ordinal) ? l + "\0" : l),
            AlsoFails = "S-4.4-1 S-4.4-16 S-4.4-18 S-4.4-19 S-4.4-23 S-10.1-5 S-10.2-13",
        },
        new("BP-4.4-13", "S-4.4-13", "refuses with 538")
        {
            Mutations = Says("504 5.5.4", "538 5.7.11"),
            AlsoFails = "S-4.4-5 S-4.4-6 S-4.4-8 S-4.4-15 S-5.5-6 S-6.1-7 S-6.1-8",
        },
        new("BP-4.4-15", "S-4.4-20", "answers 503 inside to an XBLACKPONY line with a bare LF")
        {
            Mutations = Takes(r => r.Type == RecordType.Data && r.Text.StartsWith("XBLACKPONY V1\n", StringComparison.Ordinal)
                ? [Rec.Line("XBLACKPONY V1\r\n")]
                : [r]),
        },
        new("BP-4.4-14", "S-4.4-16", "looks for a bare LF in all that came of an over-long command")
        {
            Mutations = Answers(l => l.Length > 4095 && l.Contains('\n'), "501 5.5.2 Bare LF\0"),
            AlsoFails = "S-4.4-18 S-4.4-19",
        },

        new("BP-4.4-14", "S-4.4-18", "finds a NUL or bare LF at octet 4096 of a command")
        {
            Mutations = Answers(l => IsUpgrade(l) && l.Length >= 4096 && l[4095] is '\0' or '\n', "501 5.5.2 Stray octet\0"),
        },
        new("BP-4.4-14", "S-4.4-18", "treats a command with a bare CR at octet 4095 as too long")
        {
            Mutations = Answers(l => IsUpgrade(l) && l.Length > 4095 && l[4094] == '\r', "500 5.5.2 Line too long"),
        },
        new("BP-4.4-14", "S-4.4-19", "finds a NUL or bare LF at octet 4096 of a continuation")
        {
            Mutations = Answers(l => l.StartsWith("AAAA", StringComparison.Ordinal) && l.Length >= 4096 && l[4095] is '\0' or '\n',
                "501 5.5.2 Stray octet\0"),
        },
        new("BP-4.4-1", "S-4.4-17", "asks for EHLO before it looks for a bare LF")
        {
            Mutations = Answers(l => IsUpgrade(l) && l.IndexOfAny(['\r', '\n', '\0']) >= 0, "503 5.5.1 EHLO first"),
            AlsoFails = "S-4.4-14 S-4.4-16 S-4.4-18",
        },
        new("BP-4.4-1", "S-4.4-17", "treats XBLACKPONY with a bare LF after it as a verb that it does not know")
        {
            Mutations = Answers(l => IsUpgrade(l) && l.Length > 10 && l[10] is '\n' or '\r' or '\0', "500 5.5.2 Unknown command"),
        },
        new("BP-4.4-1", "S-4.4-17", "does not look for a bare LF inside")
        {
            Mutations =
                HearsInside(t => IsUpgrade(t) ? string.Concat(t[..^2].Select(c => c is '\r' or '\n' or '\0' ? '-' : c)) + "\r\n" : t),
            AlsoFails = "S-4.4-20 S-4.4-22",
        },

        // ---------------------------------------------------------------- 4.5 after the upgrade
        new("BP-4.5-1", "S-4.5-6", "says the client's first EHLO again to the mail server, where its second has another name")
        {
            Behind = n => FirstLine(n, "EHLO probe.test"),
        },
        new("BP-4.5-1", "S-4.5-7", "treats the EHLO outside as one inside too") { Behind = EhloIsLeft },
        new("BP-4.5-3", "S-4.5-4", "greets again inside")
        {
            Mutations = Rarely(Sends(RecordType.Ident, r => [r, Rec.Line("220 sink.test ESMTP\r\n")])),
            AlsoFails = "S-4.5-7 S-5.3-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-12 S-10.3-3",
        },
        new("BP-4.5-3", "S-5.5-8", "greets again under ROT")
        {
            Mutations = Says(l => l.StartsWith("220 ROT", StringComparison.Ordinal) ? l + "\r\n220 fvax.grfg RFZGC" : l),
            AlsoFails = "S-5.5-2 S-5.5-3 S-5.5-4 S-5.5-5 S-5.5-10",
        },
        new("BP-4.5-4", "S-4.5-1", "offers STARTTLS inside") { Mutations = SaysInside("250-PIPELINING", "250-STARTTLS\r\n250-PIPELINING") },
        new("BP-4.5-4", "S-4.5-1", "makes its offer inside too")
        {
            Mutations = SaysInside("250-PIPELINING", $"250-XBLACKPONY V1 {Core}\r\n250-PIPELINING"),
        },
        new("BP-4.5-4", "S-5.5-8", "makes its offer under ROT too")
        {
            Mutations = UnderRot(
                says: (l, n) => l.StartsWith("250-", StringComparison.Ordinal) ? $"{l}\r\n250-{Shift("XBLACKPONY V1 ROT", n)}" : l),
        },
        new("BP-4.5-5", "S-4.5-2", "treats XBLACKPONY inside as NOOP")
        {
            Mutations = HearsInside(t => IsUpgrade(t) ? "NOOP\r\n" : t),
            AlsoFails = "S-4.4-17 S-4.4-20 S-4.4-22",
        },
        new("BP-4.5-5", "S-4.5-2", "agrees to STARTTLS inside") { Mutations = SaysInside("503 5.5.1 STARTTLS", "220 2.0.0 STARTTLS") },
        new("BP-4.5-5", "S-5.5-8", "agrees to STARTTLS under ROT")
        {
            Mutations = UnderRot(says: (l, n) => l.Replace("503 5.5.1 " + Shift("STARTTLS", n), "220 2.0.0", StringComparison.Ordinal)),
        },
        new("BP-4.5-8", "S-4.5-3", "does not know HELO inside")
        {
            Mutations = HearsInside(t => t.Replace("HELO", "NO-HELO", StringComparison.Ordinal)),
        },

        // ---------------------------------------------------------------- 4.6 nothing slips across the switch
        new("BP-4.6-1", "S-4.6-1", "treats what stands after the command as the session inside")
        {
            Mutations = Drops(IsUpgrade),
            AlsoFails = "S-4.4-2 S-4.4-21 S-5.5-9 S-8.1-11",
        },
        new("BP-4.6-1", "S-4.6-3", "treats plaintext after its 220 as the session inside")
        {
            Mutations = Takes(r => r.Verified ? [r] : [Finished, Rec.Line("MAIL FROM:<evil@probe.test>\r\n")]),
            AlsoFails = "S-5.4-4 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-4 S-6.1-5 S-6.1-6 S-8.3-7",
        },
        new("BP-4.6-3", "S-4.6-2", "says something in plaintext after its 220")
        {
            Mutations = SaysTo(HybridAes, l => l.StartsWith("220 K=", StringComparison.Ordinal) ? l + "\r\nWelcome inside" : l),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.5-4 S-4.5-7 S-5.3-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-1 S-6.3-12 S-10.3-3",
        },

        // ---------------------------------------------------------------- 4.7 together with STARTTLS
        new("BP-4.7-1", "S-4.7-1", "offers inside TLS") { Mutations = OverlooksStartTls(l => l), AlsoFails = "S-10.2-15" },
    ];

    /// <summary>It agrees to STARTTLS and reads on as before.</summary>
    internal static Func<Mutations> OverlooksStartTls(Func<string, string?> says) => () =>
    {
        bool asked = false;
        return new Mutations
        {
            PeerLine = l =>
            {
                asked |= l == "STARTTLS";
                return l == "STARTTLS" ? "NOOP" : l;
            },
            PortLine = l =>
            {
                bool agrees = asked && l.StartsWith("250 2.0.0", StringComparison.Ordinal);
                asked &= !agrees;
                return agrees ? "220" + l[3..] : says(l);
            },
        };
    };

    // What came in one segment with such a line is gone.
    private static Func<Mutations> Drops(Func<string, bool> which) => () =>
    {
        Mutations hooks = null!;
        bool drops = false;
        return hooks = new Mutations
        {
            PeerLine = l =>
            {
                bool dropped = drops;
                drops = hooks.HasMore && (drops || which(l));
                return dropped ? null : l;
            },
        };
    };

    private static Mutations ResetsAfter(params string[] replies)
    {
        Mutations hooks = null!;
        return hooks = new Mutations
        {
            PortLine = l =>
            {
                hooks.EndsByReset |= replies.Any(r => l.StartsWith(r, StringComparison.Ordinal));
                return l;
            },
        };
    }

    // An answer to XBLACKPONY as long as it is what the client begins with.
    private static Func<string, string?> FirstIsUpgrade(string reply)
    {
        bool first = true;
        return l =>
        {
            first &= IsUpgrade(l);
            return first ? reply + "\r\n" : null;
        };
    }

    private static string TwoHalves(string line) =>
        line.Length == 406 && line[3] == '-' ? $"{line[..206]}\r\n{line[..6]}{line[206..]}" : line;

    // On the second connection something stands before the first line.
    // In the sessions inside, which begin with MAIL: the mail server hears an EHLO before, and its reply is not heard.
    private static Mutations EhloIsLeft(int connection)
    {
        const int Outside = 2;
        bool begun = connection <= Outside, hides = false;
        return new Mutations
        {
            PortLine = l =>
            {
                hides = !begun && l.StartsWith("MAIL", StringComparison.Ordinal);
                begun = true;
                return hides ? $"EHLO probe.test\r\n{l}" : l;
            },
            PeerLine = l =>
            {
                bool hidden = hides;
                hides &= l.Length > 3 && l[3] == '-';
                return hidden ? null : l;
            },
        };
    }

    private static Mutations FirstLine(int connection, string text)
    {
        bool begun = connection == 1;
        return new Mutations
        {
            PortLine = l =>
            {
                var line = begun || l != "EHLO inside.test" ? l : $"{text}\r\n{l}";
                begun = true;
                return line;
            },
        };
    }
}
