using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Mailer;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Reference.Smtp;

/// <summary>The mailer's machine and its policies where no encryption is to be had (spec 9).</summary>
public class MailerSessionTests
{
    private readonly ServerMemory _memory = new(TimeProvider.System);

    [Fact]
    public void A_remembered_server_that_offers_nothing_gets_no_mail() // [BP-9.1-3], [BP-9.4-8]
    {
        _memory.Good("mx.b.test", 25, []);
        using var mailer = Start(ClientPolicy.Remembered);
        Ehlo(mailer, "250-mx.b.test\r\n250 STARTTLS\r\n");
        Assert.EndsWith("421 4.7.0 Encryption required, and not available\r\n", Local(mailer), StringComparison.Ordinal);
        Assert.True(mailer.Report is { Deferred: true, Reason: "remembered", Encrypted: false });
        Assert.NotNull(_memory.Find("mx.b.test", 25, out _)!.FailingSince);
    }

    [Fact]
    public void A_server_that_is_not_remembered_gets_plain_mail_and_keeps_STARTTLS() // [BP-10.4-13]
    {
        using var mailer = Start(ClientPolicy.Remembered);
        Ehlo(mailer, "250-mx.b.test\r\n250-XBLACKPONY V9 NOTHING\r\n250 STARTTLS\r\n");
        Assert.EndsWith("250-mx.b.test\r\n250 STARTTLS\r\n", Local(mailer), StringComparison.Ordinal);
        mailer.FromClient("MAIL FROM:<a@a>\r\n"u8);
        Assert.Equal("MAIL FROM:<a@a>\r\n", Server(mailer));
    }

    [Theory]
    [InlineData("500 what\r\n")]
    [InlineData("421 busy\r\n")]
    [InlineData("garbage\n")]
    [InlineData("250 mx.b.test\r\n")]
    [InlineData("250-mx.b.test\r\n250 XBLACKPONY V1 ROT\r\n")]
    public void Required_defers_whatever_the_server_says_and_no_mail_leaves(string reply) // [BP-9.1-2], [BP-9.1-4]
    {
        using var mailer = Start(ClientPolicy.Required);
        Ehlo(mailer, reply);
        Assert.Matches(@"(^|\n)421 [^\r\n]*\r\n$", Local(mailer));
        Assert.Equal(SessionRequest.Close, mailer.Request);
        mailer.FromClient("MAIL FROM:<a@a>\r\n"u8);
        Assert.Matches("^(QUIT\r\n)?$", Server(mailer)); // [BP-9.1-7]
    }

    [Fact]
    public void A_server_that_was_forgotten_gets_plaintext_and_the_report_says_so() // [BP-9.4-10]
    {
        var clock = new FakeTimeProvider();
        var memory = new ServerMemory(clock);
        memory.Good("mx.b.test", 25, []);
        memory.Failing("mx.b.test", 25);
        clock.Advance(Limits.MemoryPatience + TimeSpan.FromSeconds(1));
        using var mailer = new MailerSession(new MailerOptions(new RsaKeys(TimeProvider.System))
        {
            Policy = ClientPolicy.Remembered,
            Memory = memory,
        }, new SeededRandom("tests", "client"));
        mailer.Connected("mx.b.test", 25, moreTargets: false);
        mailer.FromServer("220 b.test\r\n"u8);
        Ehlo(mailer, "250 b.test\r\n");
        mailer.FromClient("MAIL FROM:<a@a>\r\n"u8);
        Assert.EndsWith("MAIL FROM:<a@a>\r\n", Server(mailer), StringComparison.Ordinal);
        Assert.Equal("mx.b.test:25", mailer.Report.Forgotten);
        Assert.Equal("forgotten: mx.b.test:25 has not offered encryption for 72 hours, and may get plaintext from now on",
            Assert.Single(mailer.Report.Warnings));
    }

    [Fact]
    public void Mail_before_EHLO_does_not_pass_under_any_policy() // [BP-9.3-1], [BP-10.4-15]
    {
        using var mailer = Start(ClientPolicy.Opportunistic);
        mailer.FromClient("MAIL FROM:<a@a>\r\n"u8);
        Assert.EndsWith("503 5.5.1 EHLO first\r\n", Local(mailer), StringComparison.Ordinal);
        Assert.Equal("", Server(mailer));
    }

    [Theory]
    [InlineData("HELO a.test\r\nNOOP\r\n", "HELO a.test\r\nNOOP\r\n")]
    [InlineData("EHLO a.test\r\nNOOP\r\n", "EHLO a.test\r\n", "250 mx.b.test\r\n", "NOOP\r\n")]
    [InlineData("EHLO a.test\r\nHELO a.test\r\n", "EHLO a.test\r\n", "500 what\r\n", "HELO a.test\r\n")]
    // found by fuzzing
    public void What_the_mail_server_says_behind_its_greeting_is_not_lost(string says, string sent, string reply = "", string then = "")
    {
        using var mailer = Start(ClientPolicy.Opportunistic);
        mailer.FromClient(Encoding.ASCII.GetBytes(says));
        Assert.Equal(sent, Server(mailer));
        mailer.FromServer(Encoding.ASCII.GetBytes(reply));
        Assert.Equal(then, Server(mailer));
    }

    [Fact]
    public void Behind_a_QUIT_before_EHLO_nothing_leaves() // [BP-9.3-1], found by fuzzing
    {
        using var mailer = Start(ClientPolicy.Required);
        mailer.FromClient("QUIT\r\nMAIL FROM:<a@a>\r\n"u8);
        mailer.FromClient("RCPT TO:<b@b>\r\n"u8);
        Assert.Equal("QUIT\r\n", Server(mailer));
        mailer.FromServer("221 mx.b.test\r\n"u8);
        Assert.EndsWith("221 mx.b.test\r\n", Local(mailer), StringComparison.Ordinal);
    }

    [Fact]
    public void A_server_that_talks_on_unasked_is_not_listened_to_for_ever() // found by fuzzing
    {
        using var mailer = Start(ClientPolicy.Opportunistic);
        for (int i = 0; i < 1000 && mailer.Request == SessionRequest.None; i++)
        {
            mailer.FromServer("250 and another thing\r\n"u8);
        }

        Assert.Equal(SessionRequest.Close, mailer.Request);
        Assert.EndsWith("421 4.3.0 The server does not speak SMTP\r\n", Local(mailer), StringComparison.Ordinal);
    }

    [Fact]
    public void A_3yz_is_no_reply_to_EHLO() // [BP-9.2-9]
    {
        using var mailer = Start(ClientPolicy.Opportunistic);
        Ehlo(mailer, "354 go\r\n");
        Assert.EndsWith("421 4.3.0 The server does not speak SMTP\r\n", Local(mailer), StringComparison.Ordinal);
        Assert.Equal(SessionRequest.Close, mailer.Request);
    }

    private static void Ehlo(MailerSession mailer, string reply)
    {
        mailer.FromClient("EHLO a.test\r\n"u8);
        Assert.Equal("EHLO a.test\r\n", Server(mailer));
        mailer.FromServer(Encoding.Latin1.GetBytes(reply));
    }

    private static string Local(MailerSession mailer) => Encoding.Latin1.GetString(mailer.ToClient.WrittenSpan);

    private static string Server(MailerSession mailer)
    {
        var text = Encoding.Latin1.GetString(mailer.ToServer.WrittenSpan);
        mailer.ToServer.ResetWrittenCount();
        return text;
    }

    private MailerSession Start(ClientPolicy policy)
    {
        var mailer = new MailerSession(new MailerOptions(new RsaKeys(TimeProvider.System)) { Policy = policy, Memory = _memory },
            new SeededRandom("tests", "client"));
        mailer.Connected("mx.b.test", 25, moreTargets: false);
        mailer.FromServer("220 mx.b.test\r\n"u8);
        return mailer;
    }
}
