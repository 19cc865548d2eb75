using System.Text;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary>A letter from sendmail to sendmail, in all four pairings.</summary>
public sealed class SendmailTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public SendmailTests() => System.IO.File.SetUnixFileMode(_folder, (UnixFileMode)0b111_101_101);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task Mail_arrives_byte_for_byte_and_is_encrypted_when_both_sides_know_how(bool sender, bool receiver)
    {
        Sendmail.Need();
        var (backend, door) = (FreePorts.Next(), FreePorts.Next());
        using var b = await Sendmail.StartAsync(Path.Combine(_folder, "b"), "mx.b.test", "b.test", backend);
        using var listen = receiver ? await BlackPonyProgram.ListenAsync(door, backend) : null;
        await using var wire = new WireTap(receiver ? door : backend);
        using var a = await Sendmail.SenderAsync(
            Path.Combine(_folder, "a"), "mail.a.test", "b.test", sender ? "blackpony:[127.0.0.1]" : "esmtp:[127.0.0.1]",
            $"{BlackPonyProgram.Script(_folder)} mailer --port {wire.Port} -- \\$h", wire.Port);

        await DeliverAsync(a, b, "This line is the mark.\r\n.\r\n..\r\n.dot\r\nFrom here\r\n", "one@b.test");
        await DeliverAsync(a, b, "Gr\xFC\xDF" + "e, 8 bits: \x80\xFF\r\n", "eight@b.test");
        await DeliverAsync(a, b, "To several.\r\n", "x@b.test", "y@b.test", "z@b.test");
        await DeliverAsync(a, b, Big(10_000_000), "big@b.test");

        Assert.Equal(!(sender && receiver), wire.Saw("This line is the mark."));
        Assert.Equal(!(sender && receiver), wire.Saw("<one@b.test>"));
        Assert.Equal(sender && receiver, wire.Saw("\r\n220 K=") || wire.Saw("220-K="));

        // It was started with -v, which asks no next hop to be verbose.
        Assert.False(wire.Saw("\r\nVERB"));
    }

    [Fact]
    public async Task A_client_cannot_make_sendmail_reply_with_lines_that_are_no_SMTP() // [BP-10.1-4], [BP-10.1-5]
    {
        Sendmail.Need();
        var (backend, door) = (FreePorts.Next(), FreePorts.Next());
        using var b = await Sendmail.StartAsync(Path.Combine(_folder, "b"), "mx.b.test", "b.test", backend);
        using var direct = await SmtpUser.ConnectAsync(backend);
        Assert.Contains("250-VERB", await direct.SayAsync("EHLO x.test", "250"), StringComparison.Ordinal);
        using var listen = await BlackPonyProgram.ListenAsync(door, backend);
        using var person = await SmtpUser.ConnectAsync(door);
        Assert.DoesNotContain("250-VERB", await person.SayAsync("EHLO x.test", "250"), StringComparison.Ordinal);
        await person.SayAsync("VERB", "550");
        await person.SayAsync("MAIL FROM:<s@a.test>", "250");
        await person.SayAsync("RCPT TO:<u@b.test>", "250");
        await person.SayAsync("DATA", "354");
        await person.SayAsync("Subject: s\r\n\r\nx\r\n.", "250");
        await person.SayAsync("QUIT", "221");
    }

    [Fact]
    public async Task Required_keeps_the_mail_queued_when_the_server_cannot_encrypt()
    {
        Sendmail.Need();
        var backend = FreePorts.Next();
        using var b = await Sendmail.StartAsync(Path.Combine(_folder, "b"), "mx.b.test", "b.test", backend);
        await using var wire = new WireTap(backend);
        using var a = await Sendmail.SenderAsync(
            Path.Combine(_folder, "a"), "mail.a.test", "b.test", "blackpony:[127.0.0.1]",
            $"{BlackPonyProgram.Script(_folder)} mailer --policy required --port {wire.Port} -- \\$h", wire.Port);
        var said = await a.SendAsync("Subject: s\r\n\r\nsecret\r\n"u8.ToArray(), "u@b.test");
        Assert.Contains("Deferred: 421 4.7.0 Encryption required", said, StringComparison.Ordinal);
        Assert.False(wire.Saw("MAIL FROM") || wire.Saw("secret"));
    }

    [Fact]
    public async Task Mail_bounces_where_the_mailer_refuses_plaintext_to_a_server_that_it_knew_for_long() // [BP-9.4-24]
    {
        Sendmail.Need();
        var backend = FreePorts.Next();
        using var b = await Sendmail.StartAsync(Path.Combine(_folder, "b"), "mx.b.test", "b.test", backend);
        await using var wire = new WireTap(backend);
        var folder = Directory.CreateDirectory(Path.Combine(_folder, "memory"));
        folder.UnixFileMode = (UnixFileMode)0b111_111_111;
        var memory = Path.Combine(folder.FullName, "memory");
        string Ago(int days) => DateTime.UtcNow.AddDays(-days).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", null);
        await File.WriteAllTextAsync(memory, "# BlackPony memory 2: name port first-good last-good failing-since keys\n"
            + $"127.0.0.1 {wire.Port} {Ago(20)} {Ago(5)} {Ago(4)} -\n# end\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(memory, (UnixFileMode)0b110_110_110);
        using var a = await Sendmail.SenderAsync(
            Path.Combine(_folder, "a"), "mail.a.test", "b.test", "blackpony:[127.0.0.1]",
            $"{BlackPonyProgram.Script(_folder)} mailer --policy remembered --memory {memory} --refuse-forgotten"
                + $" --port {wire.Port} -- \\$h",
            wire.Port);
        var said = await a.SendAsync("Subject: s\r\n\r\nsecret\r\n"u8.ToArray(), "u@b.test");
        Assert.Contains("554 5.7.0 Encryption is remembered", said, StringComparison.Ordinal);
        Assert.DoesNotContain("Deferred", said, StringComparison.Ordinal);
        Assert.False(wire.Saw("MAIL FROM") || wire.Saw("secret"));
    }

    [Fact]
    public async Task A_stranger_through_listen_is_refused_relaying()
    {
        Sendmail.Need();
        var (backend, door) = (FreePorts.Next(), FreePorts.Next());
        using var b = await Sendmail.StartAsync(Path.Combine(_folder, "b"), "mx.b.test", "b.test", backend);
        using var listen = await BlackPonyProgram.ListenAsync(door, backend);
        using var person = await SmtpUser.ConnectAsync(door);
        await person.SayAsync("EHLO stranger.test", "250");
        await person.SayAsync("MAIL FROM:<s@stranger.test>", "250");
        await person.SayAsync("RCPT TO:<victim@elsewhere.test>", "550");
        await person.SayAsync("RCPT TO:<victim%elsewhere.test@b.test>", "550");
        await person.SayAsync("RCPT TO:<u@b.test>", "250");
    }

    [Theory]
    [InlineData("--proxy-protocol", "v1")]
    [InlineData("--proxy-protocol", "v2")]
    [InlineData("--xclient", null)]
    public async Task Sendmail_which_knows_neither_PROXY_nor_XCLIENT_is_never_spoken_to_as_if_it_did(string option, string? value)
    {
        Sendmail.Need();
        var (backend, door) = (FreePorts.Next(), FreePorts.Next());
        using var b = await Sendmail.StartAsync(Path.Combine(_folder, "b"), "mx.b.test", "b.test", backend);
        using var listen = await BlackPonyProgram.ListenAsync(door, backend, value is null ? [option] : [option, value]);
        await SmtpUser.RefusedAsync(door);
    }

    [Fact]
    public async Task A_session_typed_by_hand_in_ROT13_delivers_a_letter()
    {
        Sendmail.Need();
        var (backend, door) = (FreePorts.Next(), FreePorts.Next());
        using var b = await Sendmail.StartAsync(Path.Combine(_folder, "b"), "mx.b.test", "b.test", backend);
        using var listen = await BlackPonyProgram.ListenAsync(door, backend, "--allow-rot");
        using var person = await SmtpUser.ConnectAsync(door);
        await person.SayAsync("EHLO me.a.test", "250");
        await person.SayAsync("XBLACKPONY V1 ROT 13", "220");
        await person.SayAsync("RUYB zr.n.grfg", "250");
        await person.SayAsync("ZNVY SEBZ:<zr@n.grfg>", "250");
        await person.SayAsync("EPCG GB:<lbh@o.grfg>", "250");
        await person.SayAsync("QNGN", "354");
        await person.SayAsync("Fhowrpg: uryyb\r\n\r\nOl unaq.\r\n.", "250");
        await person.SayAsync("DHVG", "221");
        Assert.EndsWith("\r\n\r\nBy hand.\r\n", await b.Mailbox.ReceivedAsync("you@b.test"), StringComparison.Ordinal);
    }

    private static async Task DeliverAsync(Sendmail a, Sendmail b, string body, params string[] recipients)
    {
        var head = $"From: s@a.test\r\nTo: undisclosed\r\nSubject: {recipients[0]}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
            + "charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
        var said = await a.SendAsync(Encoding.Latin1.GetBytes(head + body), recipients);
        Assert.DoesNotContain("Deferred", said, StringComparison.Ordinal);
        foreach (var recipient in recipients)
        {
            var received = await b.Mailbox.ReceivedAsync(recipient);
            Assert.Equal(body, received[(received.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
        }
    }

    private static string Big(int length)
    {
        var text = new StringBuilder();
        for (int i = 0; text.Length < length; i++)
        {
            text.Append(i).Append(" the quick brown pony jumps over the lazy tap, again and again\r\n");
        }

        return text.ToString();
    }
}
