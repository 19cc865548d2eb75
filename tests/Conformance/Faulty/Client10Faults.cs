using static BlackPony.Tests.Conformance.Faulty.ClientMutations;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Clients that break a requirement of spec 10.4.</summary>
internal static class Client10Faults
{
    public static IReadOnlyList<FaultyClient> All { get; } =
    [
        new("BP-10.4-1", "C-10.4-1", "tells the mail server that it connects")
        {
            Says = (_, o) => o with { Replies = "connecting\r\n" + o.Replies },
            AlsoFails = "C-10.4-2 C-10.4-3 C-10.4-8 C-10.4-10 C-10.4-13",
        },
        new("BP-10.4-2", "C-10.4-2", "greets in its own words") { Mutations = _ => Reads("probe.test first", "a mailer") },
        new("BP-10.4-21", "C-10.4-13", "passes on a bare CR in the greeting")
        {
            Says = (_, o) => o with { Replies = o.Replies.Replace("probe.test?", "probe.test\r", StringComparison.Ordinal) },
        },
        new("BP-10.4-21", "C-10.4-13", "passes on a bare CR in the EHLO reply")
        {
            Says = (_, o) => o with { Replies = o.Replies.Replace("SIZE 1?2", "SIZE 1\r2", StringComparison.Ordinal) },
        },
        new("BP-10.4-21", "C-10.4-13", "passes on a DEL in the greeting")
        {
            Says = (_, o) => o with { Replies = o.Replies.Replace("DEL ?,", "DEL \x7F,", StringComparison.Ordinal) },
        },
        new("BP-10.4-21", "C-10.4-13", "passes on a DEL in the EHLO reply")
        {
            Says = (_, o) => o with { Replies = o.Replies.Replace("X-DEL ?", "X-DEL \x7F", StringComparison.Ordinal) },
        },
        new("BP-10.4-3", "C-10.4-3", "bounces mail for a server that it does not reach")
        {
            Says = (_, o) => o.Replies.StartsWith("421 ", StringComparison.Ordinal) ? o with { Replies = "554 " + o.Replies[4..] } : o,
        },
        new("BP-10.4-4", "C-10.4-4", "says its own name in EHLO outside") { Mutations = _ => Sends("queue-of-the-case.test", "localhost") },
        new("BP-10.4-4", "C-10.4-4", "says its own name in EHLO inside")
        {
            Mutations = _ => SendsInside("queue-of-the-case.test", "localhost"),
        },
        new("BP-10.4-5", "C-10.4-5", "answers EHLO with the SIZE of the session outside")
        {
            Mutations = _ => ReadsInside("SIZE 2", "SIZE 1"),
        },
        new("BP-10.4-6", "C-10.4-6", "shows the offer to the mail server")
        {
            Says = (_, o) =>
                o with { Replies = o.Replies.Replace("250 probe.test", "250-probe.test\r\n250 " + CoreOffer, StringComparison.Ordinal) },
            AlsoFails = "C-10.4-10",
        },
        new("BP-10.4-6", "C-10.4-6", "shows an offer in lower case to the mail server")
        {
            Mutations = r => Notes(r, "xblackpony"),
            Says = (r, o) => r.Seen.ContainsKey("xblackpony")
                ? o with { Replies = o.Replies.Replace("250 probe.test", "250-probe.test\r\n250 xblackpony v1", StringComparison.Ordinal) }
                : o,
        },
        new("BP-10.4-7", "C-10.4-7", "shows a STARTTLS in lower case to the mail server after an upgrade")
        {
            Mutations = r => Notes(r, "starttls"),
            Says = (r, o) => r.Seen.ContainsKey("starttls")
                ? o with { Replies = o.Replies.Replace("250 8BITMIME", "250-starttls\r\n250 8BITMIME", StringComparison.Ordinal) }
                : o,
        },
        new("BP-10.4-7", "C-10.4-7", "shows STARTTLS to the mail server after an upgrade")
        {
            Says = (_, o) =>
                o with { Replies = o.Replies.Replace("250 8BITMIME", "250-STARTTLS\r\n250 8BITMIME", StringComparison.Ordinal) },
        },
        new("BP-10.4-8", "C-10.4-8 C-10.4-12", "defers with 550")
        {
            Says = (_, o) => o with { Replies = o.Replies.Replace("\r\n421 ", "\r\n550 ", StringComparison.Ordinal) },
        },
        new("BP-10.4-27", "C-10.4-12", "passes HELO on though encryption is required")
        {
            Mutations = _ => InsteadOfQuit("HELO client.test", last => last.StartsWith("220", StringComparison.Ordinal)),
        },
        new("BP-10.4-9", "C-10.4-9", "writes spaces for the NULs of the message") { Mutations = _ => SendsInside("\0", " ") },
        new("BP-10.4-9", "C-10.4-9", "makes one code of all positive replies")
        {
            Mutations = _ => ReadsInside("251 elsewhere", "250 elsewhere"),
        },
        new("BP-10.4-9", "C-10.4-11", "does not pass on STARTTLS") { Mutations = _ => Sends("STARTTLS", "NOOP") },
        new("BP-10.4-10", "C-10.4-10", "makes up a reply when the session is cut")
        {
            Says = (_, o) => o with { Replies = o.Replies + "451 4.4.2 Connection lost\r\n" },
            AlsoFails = "C-10.4-11",
        },
        new("BP-10.4-13", "C-10.4-11", "hides STARTTLS after a fall-back") { Mutations = _ => Misses("STARTTLS") },
    ];

    // Notes in the run whether such a keyword came in plaintext.
    private static Mutations Notes(ClientRun run, string keyword) => new()
    {
        PeerLine = l =>
        {
            if (l.Contains(keyword, StringComparison.Ordinal))
                run.Seen[keyword] = true;

            return l;
        },
    };
}
