using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.Matrix;

/// <summary>Tries one extension in a session with a server; the session is in order behind it.</summary>
/// <param name="session">The session, behind EHLO.</param>
/// <param name="recipient">Whose mail the server keeps in its box.</param>
/// <param name="box">The box.</param>
internal delegate Task TryAsync(Person session, string recipient, Box box);

/// <summary>The extensions of SMTP that a mail server keeps behind <c>listen</c>, each by what it is for.</summary>
internal static class Features
{
    public static readonly IReadOnlyList<(string Keyword, TryAsync Try)> All =
    [
        ("8BITMIME", EightBitAsync), ("SMTPUTF8", InternationalAsync), ("PIPELINING", PipeliningAsync), ("CHUNKING", ChunkingAsync),
        ("SIZE", SizeAsync), ("DSN", StatusAsync), ("AUTH", AuthAsync),
    ];

    private static Task EightBitAsync(Person session, string recipient, Box box) =>
        DeliverAsync(session, "MAIL FROM:<s@a.test> BODY=8BITMIME", recipient, "Subject: 8 bits\r\n", "\x80\xFF\xE9\r\n", box);

    private static Task InternationalAsync(Person session, string recipient, Box box) =>
        DeliverAsync(session, "MAIL FROM:<gr\xC3\xBC\xC3\x9F" + "e@a.test> BODY=8BITMIME SMTPUTF8", recipient, "Subject: gr\xC3\xBC\xC3\x9F" + "e\r\n", "international\r\n", box);

    private static async Task DeliverAsync(Person session, string mail, string recipient, string head, string body, Box box)
    {
        await session.SayAsync(mail, "250");
        await session.SayAsync($"RCPT TO:<{recipient}>", "250");
        await session.SayAsync("DATA", "354");
        await session.SayAsync($"{head}\r\n{body}.", "250");
        await ExpectAsync(box, recipient, head, body);
    }

    private static async Task PipeliningAsync(Person session, string recipient, Box box)
    {
        await session.SayAsync($"MAIL FROM:<s@a.test>\r\nRCPT TO:<{recipient}>\r\nRCPT nonsense\r\nDATA", "250");
        await session.ExpectAsync("250");
        await session.ExpectAsync("5");
        await session.ExpectAsync("354");
        await session.SayAsync("Subject: group\r\n\r\ntogether\r\n.", "250");
        await ExpectAsync(box, recipient, "Subject: group\r\n", "together\r\n");
    }

    private static async Task ChunkingAsync(Person session, string recipient, Box box)
    {
        await session.SayAsync("MAIL FROM:<s@a.test>", "250");
        await session.SayAsync($"RCPT TO:<{recipient}>", "250");

        // A dot alone on a line, and what looks like commands, are content here.
        const string First = "Subject: chunks\r\n\r\none\r\n.\r\nQUIT\r\n";
        const string Last = "MAIL FROM:<x@a.test>\r\nRCPT TO:<x@elsewhere.test>\r\n";
        await session.SayAsync($"BDAT {First.Length}\r\n{First}BDAT {Last.Length} LAST\r\n{Last[..^2]}", "250");
        await session.ExpectAsync("250");
        await ExpectAsync(box, recipient, "Subject: chunks\r\n", "one\r\n.\r\nQUIT\r\n" + Last);
    }

    private static async Task SizeAsync(Person session, string recipient, Box box)
    {
        // OpenSMTPD looks at the message only.
        await session.SayAsync("MAIL FROM:<s@a.test> SIZE=99999999999", recipient.EndsWith("opensmtpd.test", StringComparison.Ordinal) ? "250" : "552");
        await session.SayAsync("RSET", "250");
        await session.SayAsync("MAIL FROM:<s@a.test> SIZE=1000", "250");
        await session.SayAsync("RSET", "250");
    }

    private static async Task StatusAsync(Person session, string recipient, Box box)
    {
        await session.SayAsync("MAIL FROM:<s@a.test> RET=HDRS ENVID=id+3D1", "250");
        await session.SayAsync($"RCPT TO:<{recipient}> NOTIFY=NEVER ORCPT=rfc822;{recipient}", "250");
        await session.SayAsync("RSET", "250");
    }

    private static async Task AuthAsync(Person session, string recipient, Box box)
    {
        await session.SayAsync("AUTH PLAIN " + Convert.ToBase64String("\0me\0wrong"u8), "535");
        await session.SayAsync("AUTH PLAIN", "334");
        await session.SayAsync(Convert.ToBase64String("\0me\0secret"u8), "235");

        // Who is known may do what strangers may not.
        await session.SayAsync("MAIL FROM:<s@a.test>", "250");
        await session.SayAsync("RCPT TO:<somebody@elsewhere.test>", "250");
        await session.SayAsync("RSET", "250");
    }

    private static async Task ExpectAsync(Box box, string recipient, string head, string body)
    {
        var received = await box.ReceivedAsync(recipient);
        Assert.Contains(head, received, StringComparison.Ordinal);
        Assert.Equal(body, received[(received.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
    }
}
