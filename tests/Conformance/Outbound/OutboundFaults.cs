using BlackPony.Reference.Policy;
using BlackPony.Smtp.Lines;

namespace BlackPony.Tests.Conformance.Outbound;

/// <summary>Outbound relays that break a requirement of spec 10.5.</summary>
internal static class OutboundFaults
{
    public static IReadOnlyList<FaultyOutbound> All { get; } =
    [
        new("BP-10.5-1", "O-10.5-1", "forgets the policy")
        {
            Settings = s => s with { Mailer = s.Mailer with { Policy = ClientPolicy.Opportunistic } },
        },
        new("BP-10.5-2", "O-10.5-2", "serves everybody") { Settings = s => s with { Allowed = [] } },
        new("BP-10.5-4", "O-10.5-4", "offers DSN") { Says = s => s.Replace("250 SIZE", "250-DSN\r\n250 SIZE", StringComparison.Ordinal) },
        new("BP-10.5-4", "O-10.5-4", "offers SIZE with a number")
        {
            Says = s => s.Replace("250 SIZE", "250 SIZE 1000", StringComparison.Ordinal),
        },
        new("BP-10.5-5", "O-10.5-5", "passes MAIL on before it knows the route")
        {
            Hears = s => s == "MAIL FROM:<waits@a.test>\r\n" ? s + "RCPT TO:<r@b.test>\r\n" : s,
        },
        new("BP-10.5-5", "O-10.5-5", "makes a connection for each transaction") { AlsoFails = "O-10.5-21", LeavesAfterMessage = true },
        new("BP-10.5-5", "O-10.5-5", "does not answer MAIL until a recipient comes") { Says = s => s == "250 2.1.0 Ok\r\n" ? "" : s },
        new("BP-10.5-6", "O-10.5-6", "tells the recipient its own opinion of a refused MAIL")
        {
            Says = s => s.StartsWith("553", StringComparison.Ordinal) ? "550 5.1.0 Refused\r\n" : s,
        },
        new("BP-10.5-7", "O-10.5-7", "bounces a recipient of another route")
        {
            Says = s => s.StartsWith("452", StringComparison.Ordinal) ? "550" + s[3..] : s,
        },
        new("BP-10.5-7", "O-10.5-7", "hands a recipient to the route of another")
        {
            Hears = s => s.Replace("<r@c.test>", "<r@b.test>", StringComparison.Ordinal),
        },
        new("BP-10.5-8", "O-10.5-8", "asks for SIZE and BODY whatever is offered")
        {
            HearsBack = s => s == "250 mx\r\n" ? "250-mx\r\n250-SIZE\r\n250 8BITMIME\r\n" : s,
        },
        new("BP-10.5-9", "O-10.5-9", "clears the highest bit of a message")
        {
            SaysOn = s => string.Concat(s.Select(c => (char)(c & 0x7f))),
        },
        new("BP-10.5-9", "O-10.5-9", "makes CRLF of a bare LF in a message")
        {
            SaysOn = s => s.Replace("\r\n", "\n", StringComparison.Ordinal).Replace("\n", "\r\n", StringComparison.Ordinal),
        },
        new("BP-10.5-10", "O-10.5-10", "passes on internationalized mail whatever is offered")
        {
            HearsBack = s => s == "250 mx\r\n" ? "250-mx\r\n250 SMTPUTF8\r\n" : s,
        },
        new("BP-10.5-11", "O-10.5-11", "passes on 421 as it is")
        {
            Says = s => s.Replace("451 stopping", "421 stopping", StringComparison.Ordinal),
        },
        new("BP-10.5-11", "O-10.5-11", "trims replies") { Says = s => s.Replace(" \r\n", "\r\n", StringComparison.Ordinal) },
        new("BP-10.5-13", "O-10.5-13", "does not use STARTTLS") { AlsoFails = "O-10.5-14", Options = o => o with { StartTls = false } },
        new("BP-10.5-14", "O-10.5-14", "gives up where TLS fails") { GivesUpTls = true },
        new("BP-10.5-15", "O-10.5-15", "acknowledges a message when it has it")
        {
            Adds = s => s.EndsWith("\r\n.\r\n", StringComparison.Ordinal) ? "250 2.0.0 Queued here\r\n" : "",
        },
        new("BP-10.5-15", "O-10.5-15", "takes a lost next server for one that took the message")
        {
            Says = s => s.StartsWith("451 4.4.2", StringComparison.Ordinal) ? "250 2.0.0 Ok\r\n" : s,
        },
        new("BP-10.5-16", "O-10.5-16", "completes a message at its client's end") { AtTheEnd = "\r\n.\r\n" },
        new("BP-10.5-17", "O-10.5-17", "throws away what came behind the 220 to STARTTLS, and goes on")
        {
            HearsBack = s => s.StartsWith("220 go\r\n", StringComparison.Ordinal) ? "220 go\r\n" : s,
        },
        new("BP-10.5-18", "O-10.5-18", "ends a command at a bare LF")
        {
            Hears = s => s.StartsWith("NOOP\n", StringComparison.Ordinal) ? s.Insert(4, "\r") : s,
        },
        new("BP-10.5-18", "O-10.5-18", "goes on after a stray octet") { Asks = r => r == SessionRequest.Close ? SessionRequest.None : r },
        new("BP-10.5-19", "O-10.5-19", "takes a long reply for none")
        {
            HearsBack = s => s.Length > 10_000 ? "garbage\r\n" : s,
        },
        new("BP-10.5-19", "O-10.5-19", "passes on a line of any length")
        {
            Says = s => s.Replace("250 done", "250 " + new string('x', 600), StringComparison.Ordinal),
        },
        new("BP-10.5-20", "O-10.5-20", "drops a parameter that it does not offer")
        {
            Hears = s => s.Replace(" RET=HDRS", "", StringComparison.Ordinal),
        },
        new("BP-10.5-21", "O-10.5-21", "defers where a kept connection ends")
        {
            HearsBack = s => s.StartsWith("421 4.7.0 no more", StringComparison.Ordinal) ? "451 4.7.0 no more\r\n" : s,
        },
        new("BP-10.5-22", "O-10.5-22", "searches for a next server for ever") { SearchesOn = true },
        new("BP-10.5-23", "O-10.5-23", "defers whatever malformed reply it gets")
        {
            Says = s => s.StartsWith("550 The next hop's reply is not SMTP", StringComparison.Ordinal) ? "451" + s[3..] : s,
        },
    ];
}
