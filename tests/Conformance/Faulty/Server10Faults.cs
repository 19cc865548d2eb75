using System.Net;
using BlackPony.Reference.Records;
using static BlackPony.Tests.Conformance.Faulty.ServerFaults;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Relays that break a requirement of spec 10.</summary>
internal static class Server10Faults
{
    // All that shows is that something never comes.
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(1);

    public static IReadOnlyList<FaultyServer> All { get; } =
    [
        // ---------------------------------------------------------------- 10.1 the relay is a door
        new("BP-10.1-1", "S-10.1-2", "comes to its mail server from 127.0.0.1") { Settings = s => s with { BackendSource = null } },
        new("BP-10.1-2", "S-10.1-2", "comes to its mail server from 127.0.0.3")
        {
            Settings = s => s with { BackendSource = IPAddress.Parse("127.0.0.3") },
        },
        new("BP-10.1-4", "S-10.1-1", "knows PROXY as an unknown command only")
        {
            Mutations = Hears(l => l.Replace("PROXY ", "PROXIES ", StringComparison.Ordinal)),
        },
        new("BP-10.1-4", "S-10.1-1", "knows XCLIENT in upper case only")
        {
            Mutations = Hears(l => l.Replace("xclient ", "noop ", StringComparison.Ordinal)),
        },
        new("BP-10.1-4", "S-10.1-1", "passes on XCLIENT inside")
        {
            Mutations = HearsInside(t => t.Replace("XCLIENT ", "NOOP ", StringComparison.Ordinal)),
            AlsoFails = "S-10.2-7",
        },
        new("BP-10.1-4", "S-10.1-1", "passes on VERB")
        {
            Mutations = Hears(l => l.Replace("VERB", "NOOP", StringComparison.Ordinal)),
        },
        new("BP-10.1-5", "S-10.1-3", "passes on the keyword VERB")
        {
            Mutations = Says("250-8BITMIME", "250-VERB\r\n250-8BITMIME"),
            AlsoFails = "S-10.2-11",
        },
        new("BP-10.1-5", "S-10.1-3", "passes on the keyword XCLIENT")
        {
            Mutations = Says("250-8BITMIME", "250-XCLIENT NAME ADDR\r\n250-8BITMIME"),
            AlsoFails = "S-10.2-11",
        },
        new("BP-10.1-5", "S-10.1-3", "passes on the keyword XFORWARD inside")
        {
            Mutations = SaysInside("250 8BITMIME", "250-XFORWARD NAME ADDR\r\n250 8BITMIME"),
        },
        new("BP-10.1-8", "S-10.1-4", "speaks on with a web browser")
        {
            Mutations = Hears(l => l.StartsWith("GET ", StringComparison.Ordinal) ? "VRFY x" : l),
        },
        new("BP-10.1-8", "S-10.1-4", "does not know CONNECT")
        {
            Mutations = Hears(l => l.StartsWith("CONNECT ", StringComparison.Ordinal) ? "VRFY x" : l),
        },
        new("BP-10.1-10", "S-10.1-5", "treats white space before a command as nothing")
        {
            Mutations = Hears(l => l.TrimStart(' ')),
            AlsoFails = "S-5.4-3",
        },
        new("BP-10.1-10", "S-10.1-5", "treats a tab as a space")
        {
            Mutations = Hears(l => l.StartsWith("NOOP\t", StringComparison.Ordinal) ? l.Replace('\t', ' ') : l),
        },
        new("BP-10.1-10", "S-10.1-5", "treats a tab inside as nothing")
        {
            Mutations = HearsInside(t => t.Replace("\tXCLIENT", "NOOP", StringComparison.Ordinal)),
        },

        new("BP-10.1-6", "S-10.1-6", "bounds nothing") { Settings = s => s with { MaxSessions = 1000 } },
        new("BP-10.1-6", "S-10.1-6", "ends a connection above its bound without a greeting")
        {
            Mutations = () =>
            {
                bool greeting = true;
                return new Mutations
                {
                    PortLine = l =>
                    {
                        bool isRefusal = greeting && l.StartsWith("421", StringComparison.Ordinal);
                        greeting = false;
                        return isRefusal ? null : l;
                    },
                };
            },
            AlsoFails = "S-10.3-2",
        },

        // ---------------------------------------------------------------- 10.2 what the relay reads and passes on
        new("BP-10.2-1", "S-10.2-1", "ends a command at a bare LF")
        {
            Mutations = Hears(l => l.Replace("\n", "\r\n", StringComparison.Ordinal)),
            AlsoFails = "S-4.4-14 S-4.4-17 S-4.4-18 S-4.4-19 S-10.2-5",
        },
        new("BP-10.2-2", "S-10.2-1", "treats a bare LF as a space")
        {
            Mutations = Hears(l => l.Replace('\n', ' ')),
            AlsoFails = "S-4.4-14 S-4.4-17 S-4.4-18 S-4.4-19 S-10.2-5",
        },
        new("BP-10.2-2", "S-10.2-2", "treats a bare CR as a space")
        {
            Mutations = Hears(l => l.Replace('\r', ' ')),
            AlsoFails = "S-4.4-14 S-4.4-17 S-4.4-18 S-4.4-19 S-10.2-5",
        },
        new("BP-10.2-2", "S-10.2-2", "drops NUL")
        {
            Mutations = Hears(l => l.Replace("\0", "", StringComparison.Ordinal)),
            AlsoFails = "S-4.4-14 S-4.4-17 S-4.4-18 S-4.4-19 S-10.2-5",
        },
        new("BP-10.2-2", "S-10.2-3", "treats a bare LF inside as a space")
        {
            Mutations = HearsInside(t => t.Replace("P\nM", "P M", StringComparison.Ordinal)),
        },
        new("BP-4.4-1", "S-4.4-14", "drops NUL in the command")
        {
            Mutations = HearsUpgrade(l => l.Contains('\0') ? l.Replace("\0", "", StringComparison.Ordinal) + " SHARE" : l),
            AlsoFails = "S-4.4-17 S-4.4-18",
        },
        new("BP-10.2-3", "S-10.2-4", "trims command lines") { Behind = _ => new Mutations { PortLine = l => l.TrimEnd() } },
        new("BP-10.2-3", "S-10.2-4", "writes verbs in upper case")
        {
            Behind = _ => new Mutations { PortLine = l => l.Split(' ')[0].ToUpperInvariant() + l[l.Split(' ')[0].Length..] },
            AlsoFails = "S-5.5-4 S-5.5-10 S-10.2-5 S-10.2-6 S-10.2-7 S-10.2-9",
        },
        new("BP-10.2-3", "S-10.2-4", "clears the highest bit of commands")
        {
            Behind = _ => new Mutations { PortLine = SevenBits },
            AlsoFails = "S-5.5-4 S-5.5-10 S-10.2-5 S-10.2-6 S-10.2-7",
        },
        new("BP-10.2-3", "S-10.2-14", "passes on what came last first")
        {
            Mutations = HearsInside(t => string.Join("\r\n", t.Split("\r\n").SkipLast(1).Reverse()) + "\r\n"),
            AlsoFails = "S-4.4-22 S-4.5-5 S-7.1-4 S-7.4-4 S-7.4-5 S-7.4-6 S-7.4-7 S-7.6-1 S-8.1-7 S-8.2-5 S-8.2-6 S-10.2-6 "
                + "S-10.2-7 S-11.2-1",
        },
        new("BP-10.2-3", "S-10.2-9", "passes on no command that it does not know")
        {
            Mutations = Answers(l => l.StartsWith("AUTH", StringComparison.Ordinal), "502 5.5.1 Unknown"),
        },
        new("BP-10.2-4", "S-10.2-5 S-10.2-6 S-10.2-7", "mends NUL in a payload")
        {
            Behind = _ => new Mutations { PortLine = l => l.Replace('\0', ' ') },
        },
        new("BP-10.2-4", "S-10.2-5 S-10.2-6 S-10.2-7", "clears the highest bit of a payload")
        {
            Behind = _ => new Mutations { PortLine = SevenBits },
            AlsoFails = "S-5.5-4 S-5.5-10 S-10.2-4",
        },
        new("BP-10.2-4", "S-10.2-5 S-10.2-6", "makes CRLF of a bare LF in a payload")
        {
            Behind = _ => new Mutations { PortLine = l => l.Replace("\n", "\r\n", StringComparison.Ordinal) },
            AlsoFails = "S-10.2-7",
        },
        new("BP-10.2-4", "S-10.2-7", "looks for commands in a payload of BDAT")
        {
            Behind = _ => new Mutations { PortLine = l => l.Replace("XCLIENT", "XXXXXXX", StringComparison.Ordinal) },
            AlsoFails = "S-10.2-9",
        },
        new("BP-10.2-5", "S-10.2-8", "treats what stands after DATA as its payload")
        {
            Mutations = Hears(l => l.StartsWith("XCLIENT", StringComparison.Ordinal) ? "NOOP" : l),
            AlsoFails = "S-10.1-1 S-10.1-5 S-10.2-9",
        },
        new("BP-10.2-5", "S-10.2-9", "reads the answers of AUTH as commands")
        {
            Mutations = Answers(l => l == "XCLIENT", "550 5.7.1 Not permitted"),
        },
        new("BP-10.2-6", "S-10.2-10", "answers NOOP itself")
        {
            Mutations = Answers(l => l == "NOOP", "250 2.0.0 Ok"),
            AlsoFails = "S-4.4-21 S-4.6-1 S-8.1-11 S-10.2-8 S-10.2-13",
        },
        new("BP-10.2-7", "S-10.2-10", "trims replies") { Mutations = Says(l => l.TrimEnd()) },
        new("BP-10.2-7", "S-10.2-10", "knows no code but those of RFC 5321") { Mutations = Says("599", "550") },
        new("BP-10.2-7", "S-10.2-10", "passes on the last line of a reply only")
        {
            Mutations = Says(l => l.StartsWith("214-", StringComparison.Ordinal) ? null : l),
        },
        new("BP-10.2-7", "S-10.2-14", "says 250 instead of 354")
        {
            Mutations = SaysInside("354 Go ahead", "250 Go ahead"),
            AlsoFails = "S-4.5-3 S-4.5-5 S-5.2-1 S-5.3-1 S-5.3-2 S-5.4-1 S-5.4-5 S-6.5-2 S-7.1-5 S-7.1-10 S-7.4-1 S-8.2-1 "
                + "S-8.2-2 S-8.2-3 S-8.2-4 S-8.2-5 S-8.2-6 S-10.2-6 S-10.3-7 S-11.2-1",
        },
        new("BP-10.2-8", "S-10.2-11", "passes on the mail server's own XBLACKPONY")
        {
            Mutations = Says("250-8BITMIME", "250-XBLACKPONY V1 ROT\r\n250-8BITMIME"),
            AlsoFails = "S-4.1-1 S-4.1-3 S-4.1-5 S-4.4-6 S-4.4-9 S-5.2-1 S-5.3-1 S-5.4-1 S-5.5-6 S-6.1-7 S-6.1-8",
        },
        new("BP-10.2-8", "S-10.2-11", "removes keywords that it does not know")
        {
            Mutations = Says(l => l.StartsWith("250-X-ODD", StringComparison.Ordinal) ? null : l),
        },
        new("BP-10.2-8", "S-10.2-11", "puts its own name into the EHLO reply") { Mutations = Says("250-sink.test", "250-relay.test") },
        new("BP-10.2-9", "S-10.2-12", "passes on STARTTLS inside")
        {
            Mutations = SaysInside("250-8BITMIME", "250-STARTTLS\r\n250-8BITMIME"),
            AlsoFails = "S-4.5-1",
        },
        new("BP-10.2-9", "S-10.2-12", "removes SIZE inside") { Mutations = SaysInside("250-SIZE 1000\r\n", "") },
        new("BP-10.2-10", "S-10.2-11", "removes STARTTLS") { Mutations = Says(l => l == "250-STARTTLS" ? null : l) },
        new("BP-10.2-11", "S-4.7-1", "reads commands inside TLS")
        {
            Mutations = Server4Faults.OverlooksStartTls(l => IsOffer(l) ? "250 HELP" : l),
            AlsoFails = "S-4.1-1 S-4.1-3 S-4.4-6 S-4.4-9 S-5.2-1 S-5.3-1 S-5.4-1 S-6.1-7 S-6.1-8 S-10.2-11 S-10.2-15",
        },
        new("BP-10.2-12", "S-10.2-13", "takes no command of more than 512 octets")
        {
            Mutations = Answers(l => l.Length > 510 && l.StartsWith("NOOP", StringComparison.Ordinal), "500 5.5.2 Line too long"),
        },
        new("BP-10.2-12", "S-10.2-13", "cuts a command line at the limit") { Mutations = Hears(l => l[..Math.Min(l.Length, 12286)]) },
        new("BP-10.2-14", "S-10.2-15", "says 421 in a client's TLS when the mail server has gone")
        {
            Mutations = Server4Faults.OverlooksStartTls(l => l),
            AlsoFails = "S-4.7-1",
        },
        new("BP-10.2-15", "S-10.2-16", "treats a mail server with long lines as none")
        {
            Mutations = Says(l => l.Length > 2000 ? "421 4.3.0 Mail server speaks no SMTP" : l),
        },
        new("BP-10.2-15", "S-10.2-16", "waits for CRLF after a bare LF") { Mutations = Says(l => l == "214 2.0.0 bare LF" ? null : l) },

        // ---------------------------------------------------------------- 10.3 the relay and its backend
        new("BP-10.3-1", "S-10.3-1", "greets by its own name")
        {
            Mutations = Says(
                l => l.StartsWith("220", StringComparison.Ordinal) && l.Contains("ESMTP", StringComparison.Ordinal)
                    ? l[..4] + "relay.test ESMTP"
                    : l),
        },
        new("BP-10.3-2", "S-10.3-2", "greets with 554 without a mail server") { Mutations = Says("421 4.3.0", "554 5.3.2") },
        new("BP-10.3-3", "S-10.3-3", "passes on the mail server's second greeting")
        {
            Mutations = Rarely(Sends(RecordType.Ident, r => [r, Rec.Line("220 sink.test ESMTP\r\n")])),
            AlsoFails = "S-4.5-4 S-4.5-7 S-5.3-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-12",
        },
        new("BP-10.3-4", "S-10.3-4", "ends the session without a fresh connection")
        {
            Mutations = Says(l => l.StartsWith("454", StringComparison.Ordinal) ? "421 4.3.0 Mail server not reachable\0" : l),
            AlsoFails = "S-4.4-7 S-4.4-24",
        },
        new("BP-10.3-5", "S-10.3-5", "keeps the old connection to its mail server")
        {
            Silence = Short,
            Behind = n => new Mutations { HidesPortEnd = n == 1 },
        },
        new("BP-10.3-6", "S-8.1-4", "sends its close without a 421")
        {
            Mutations = Sends(RecordType.Data, r => r.Text.StartsWith("421", StringComparison.Ordinal) ? [] : [r]),
            AlsoFails = "S-8.1-8 S-10.3-8",
        },
        new("BP-10.3-6", "S-10.3-8", "says 421 after the mail server's own")
        {
            Mutations = Sends(RecordType.Close, r => [Rec.Line("421 4.3.0 Mail server closed the connection\r\n"), r]),
            AlsoFails = "S-4.4-17 S-4.4-20 S-4.4-22 S-8.1-1 S-8.1-2 S-8.1-3 S-8.1-4 S-8.1-5 S-8.1-7 S-8.1-8 S-8.1-11 S-10.2-3",
        },
        new("BP-10.3-7", "S-10.3-6", "keeps its mail server's connection when the client is cut off")
        {
            Silence = Short,
            Behind = n => new Mutations { HidesPortEnd = n == 2 },
            AlsoFails = "S-8.2-1 S-8.2-2 S-8.2-3 S-8.2-4",
        },
        new("BP-10.3-8", "S-10.3-7", "acknowledges a message itself") { Mutations = SaysInside("552 5.3.4", "250 2.0.0") },
    ];

    private static string SevenBits(string line) => string.Concat(line.Select(c => (char)(c & 0x7f)));
}
