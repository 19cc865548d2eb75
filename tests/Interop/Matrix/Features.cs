using System.Text;
using BlackPony.Tests.Interop.Servers;
using MailKit;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace BlackPony.Tests.Interop.Matrix;

/// <summary>A server behind <c>listen</c>, as one who tries an extension finds it.</summary>
/// <param name="Folder">For files.</param>
/// <param name="Port">Where a client connects to: <c>listen</c>'s port, or a mailer's before it.</param>
/// <param name="Recipient">Whose mail the server keeps in its box.</param>
/// <param name="Sender">Who sends; the server keeps the mail of this address too.</param>
/// <param name="Mailbox">The box.</param>
internal sealed record Place(string Folder, int Port, string Recipient, string Sender, Mailbox Mailbox);

/// <summary>
/// The extensions of SMTP that a mail server keeps behind <c>listen</c>, each by an ordinary client that uses it, and by what it is for.
/// </summary>
internal static class Features
{
    public static readonly IReadOnlyList<(string Keyword, Func<Place, Task> Try)> All =
    [
        ("8BITMIME", EightBitAsync), ("SMTPUTF8", InternationalAsync), ("PIPELINING", PipeliningAsync), ("CHUNKING", ChunkingAsync),
        ("SIZE", SizeAsync), ("DSN", StatusAsync), ("AUTH", AuthAsync),
    ];

    private static async Task EightBitAsync(Place place)
    {
        var said = await MailKitAsync(place, place.Sender, body: "gr\u00FC\u00DFe\r\n");
        Assert.Contains(" BODY=8BITMIME", said, StringComparison.Ordinal);
        await ExpectAsync(place, "gr\xC3\xBC\xC3\x9F" + "e\r\n");
    }

    private static async Task InternationalAsync(Place place)
    {
        var said = await MailKitAsync(place, "gr\u00FC\u00DFe@a.test", subject: "gr\u00FC\u00DFe", international: true);
        Assert.Contains(" SMTPUTF8", said, StringComparison.Ordinal);
        Assert.Contains("Subject: gr\xC3\xBC\xC3\x9F" + "e\r\n", await ExpectAsync(place, "hello\r\n"), StringComparison.Ordinal);
    }

    // Who waits for each answer gets them one by one; here two recipients, one of them nonsense, and DATA come in one segment,
    // which no client says.
    private static async Task PipeliningAsync(Place place)
    {
        await MailKitAsync(place, place.Sender);
        await ExpectAsync(place, "hello\r\n");
        using var session = await SmtpUser.ConnectAsync(place.Port);
        await session.SayAsync("EHLO client.test", "250");
        await session.SayAsync($"MAIL FROM:<s@a.test>\r\nRCPT TO:<{place.Recipient}>\r\nRCPT nonsense\r\nDATA", "250");
        await session.ExpectAsync("250");
        await session.ExpectAsync("5");
        await session.ExpectAsync("354");
        await session.SayAsync("Subject: group\r\n\r\ntogether\r\n.", "250");
        await session.SayAsync("QUIT", "221");
        await ExpectAsync(place, "together\r\n");
    }

    // A dot alone on a line, and what looks like commands, are content here.
    private static async Task ChunkingAsync(Place place)
    {
        const string Body = "one\r\n.\r\nQUIT\r\nMAIL FROM:<x@a.test>\r\nRCPT TO:<x@elsewhere.test>\r\n";
        var said = await MailKitAsync(place, place.Sender, body: Body, chunks: true);
        Assert.Contains("C: BDAT ", said, StringComparison.Ordinal);
        await ExpectAsync(place, Body);
    }

    private static async Task SizeAsync(Place place)
    {
        var said = await MailKitAsync(place, place.Sender);
        Assert.Contains(" SIZE=", said, StringComparison.Ordinal);
        await ExpectAsync(place, "hello\r\n");

        // OpenSMTPD looks at the message only. No client sends what it can see to be too much.
        using var session = await SmtpUser.ConnectAsync(place.Port);
        await session.SayAsync("EHLO client.test", "250");
        await session.SayAsync("MAIL FROM:<s@a.test> SIZE=99999999999",
            place.Recipient.EndsWith("opensmtpd.test", StringComparison.Ordinal) ? "250" : "552");
        await session.SayAsync("QUIT", "221");
    }

    // The server tells the sender that the message has arrived, in the words that the sender asked for.
    private static async Task StatusAsync(Place place)
    {
        var said = await MailKitAsync(place, place.Sender, notify: true);
        Assert.Contains(" NOTIFY=SUCCESS", said, StringComparison.Ordinal);
        await ExpectAsync(place, "hello\r\n");
        var notice = await place.Mailbox.ReceivedAsync(place.Sender);
        Assert.Matches(@"(?i)\r\nAction: (delivered|relayed)\b", notice);

        // OpenSMTPD leaves the envelope's id out; Exim says it as it came, in xtext.
        var id = notice.Split("\r\n").FirstOrDefault(l => l.StartsWith("Original-Envelope-ID: ", StringComparison.OrdinalIgnoreCase))
            ?.Split(": ")[1];
        Assert.Equal(place.Sender.Split('@')[1] switch
        {
            "listen-opensmtpd.test" => null,
            "listen-exim.test" => "id+3D1",
            _ => "id=1",
        }, id);
    }

    // Who is known may do what strangers may not.
    private static async Task AuthAsync(Place place)
    {
        var refused = await Assert.ThrowsAnyAsync<Exception>(
            () => Sending.SwaksAsync(place.Folder, "Subject: s\r\n\r\nhello\r\n\r\n"u8.ToArray(), place.Port, [place.Recipient], "--auth",
                "PLAIN", "--auth-user", "me", "--auth-password", "wrong"));
        Assert.Contains("535", refused.Message, StringComparison.Ordinal);
        await Sending.SwaksAsync(place.Folder, "Subject: s\r\n\r\nhello\r\n\r\n"u8.ToArray(), place.Port, [place.Recipient], "--auth",
            "PLAIN", "--auth-user", "me", "--auth-password", "secret");
        await ExpectAsync(place, "hello\r\n\r\n");
        using var client = new SmtpClient();
        await client.ConnectAsync("127.0.0.1", place.Port, SecureSocketOptions.None, TestContext.Current.CancellationToken);
        await client.AuthenticateAsync(new SaslMechanismPlain("me", "secret"), TestContext.Current.CancellationToken);
        await client.NoOpAsync(TestContext.Current.CancellationToken);
        await client.DisconnectAsync(true, TestContext.Current.CancellationToken);

        // As far as one may go without mail for the world; the password comes behind the 334.
        using var session = await SmtpUser.ConnectAsync(place.Port);
        await session.SayAsync("EHLO client.test", "250");
        await session.SayAsync("AUTH PLAIN", "334");
        await session.SayAsync(Convert.ToBase64String("\0me\0secret"u8), "235");
        await session.SayAsync("MAIL FROM:<s@a.test>", "250");
        await session.SayAsync("RCPT TO:<somebody@elsewhere.test>", "250");
        await session.SayAsync("QUIT", "221");
    }

    /// <summary>Sends a message by MailKit.</summary>
    /// <returns>What was said, the client's lines with <c>C: </c> before them.</returns>
    private static async Task<string> MailKitAsync(Place place, string sender, string subject = "s", string body = "hello\r\n",
        bool international = false, bool chunks = false, bool notify = false)
    {
        using var said = new MemoryStream();
        using (var client = new Client(new ProtocolLogger(said, leaveOpen: true), chunks, notify))
        {
            await client.ConnectAsync("127.0.0.1", place.Port, SecureSocketOptions.None, TestContext.Current.CancellationToken);
            using var message = new MimeMessage
            {
                Subject = subject,
                Body = new TextPart { ContentTransferEncoding = ContentEncoding.EightBit },
            };
            ((TextPart)message.Body).SetText(Encoding.UTF8, body);
            message.From.Add(MailboxAddress.Parse(sender));
            var options = FormatOptions.Default.Clone();
            options.International = international;
            await client.SendAsync(options, message, MailboxAddress.Parse(sender), [MailboxAddress.Parse(place.Recipient)],
                TestContext.Current.CancellationToken);
            await client.DisconnectAsync(true, TestContext.Current.CancellationToken);
        }

        return Encoding.UTF8.GetString(said.ToArray());
    }

    private static async Task<string> ExpectAsync(Place place, string body)
    {
        var received = await place.Mailbox.ReceivedAsync(place.Recipient);
        Assert.Equal(body, received[(received.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
        return received;
    }

    private sealed class Client(IProtocolLogger log, bool chunks, bool notify) : SmtpClient(log)
    {
        protected override bool PreferSendAsBinaryData => chunks;

        protected override DeliveryStatusNotification? GetDeliveryStatusNotifications(MimeMessage message, MailboxAddress mailbox) =>
            notify ? DeliveryStatusNotification.Success : null;

        protected override string GetEnvelopeId(MimeMessage message) => notify ? "id=1" : null!;
    }
}
