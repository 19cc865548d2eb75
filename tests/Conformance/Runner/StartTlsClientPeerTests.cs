using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Conformance.Tls;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>What the suite's server of STARTTLS asks a client for, answers it, and says of it.</summary>
public sealed class StartTlsClientPeerTests : IDisposable
{
    private const string MailInPlaintext = "EHLO a|MAIL FROM:<a>|RCPT TO:<b>|DATA|x\r\n.";

    private readonly CaseTimeout _timeout = new(TimeSpan.FromSeconds(60));
    private readonly CaseContext _context;

    public StartTlsClientPeerTests() => _context = new CaseContext(new Transcript(), new SeededRandom("tests", "clients"), _timeout);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _timeout.Dispose();

    [Theory]
    [InlineData(Needs.VerifyPolicy, Needs.RequiredPolicy | Needs.VerifyPolicy, "verify")]
    [InlineData(Needs.OpportunisticPolicy, Needs.RequiredPolicy | Needs.OpportunisticPolicy, "opportunistic")]
    [InlineData(Needs.RequiredPolicy, Needs.Nothing, "required")]
    [InlineData(Needs.Nothing, Needs.RequiredPolicy | Needs.VerifyPolicy, "required")]
    [InlineData(Needs.Nothing, Needs.VerifyPolicy, "verify")]
    [InlineData(Needs.Nothing, Needs.Nothing, "opportunistic")]
    public async Task A_client_is_given_the_policy_that_the_case_needs_or_else_the_strictest_that_it_can(
        Needs needs, Needs can, string policy)
    {
        var client = new Client(can);
        await using var probe = new StartTlsClientProbe(client, needs, _context);
        await probe.DeliverAsync(new ServerScript());
        Assert.Equal(policy, client.Last!.Words["policy"]);
    }

    [Fact]
    public async Task A_client_is_given_all_that_its_command_has_a_word_for()
    {
        string authority = "", message = "";
        var client = new Client(Needs.Nothing, async d =>
        {
            authority = await File.ReadAllTextAsync(d.Words["cafile"], Cancel);
            message = await File.ReadAllTextAsync(d.Words["message"], Encoding.Latin1, Cancel);
            return true;
        });
        await using var probe = new StartTlsClientProbe(client, Needs.Nothing, _context);
        probe.Next = probe.Next with { Message = "Subject: \xe9\r\n\r\n" };
        await probe.DeliverAsync(new ServerScript());
        var words = client.Last!.Words;
        Assert.Equal(("from@client.test", "to@sink.test", "user", "secret-of-the-test", "1"),
            (words["from"], words["to"], words["user"], words["password"], words["count"]));
        Assert.Equal((TestCertificate.AuthorityPem, "Subject: \xe9\r\n\r\n"), (authority, message));
        Assert.Equal(("localhost", true), (client.Last.Host, probe.Delivered));
        await probe.DeliverAsync(new ServerScript(), "other@sink.test", 12);
        Assert.Equal(("other@sink.test", "12"), (client.Last.Words["to"], client.Last.Words["count"]));
    }

    [Theory]
    [InlineData(null, "no connection", "no connection", "no connection")]
    [InlineData("", null, "The client did not send STARTTLS, so nothing is known about it.",
        "The client completed no handshake, so nothing is known about it.")]
    [InlineData("EHLO a|starttls", null, null, "The client completed no handshake, so nothing is known about it.")]
    public async Task Of_a_client_that_does_not_come_so_far_nothing_is_known(
        string? lines, string? greeted, string? startTls, string? inside)
    {
        await using var probe = new StartTlsClientProbe(Speaks(lines), Needs.Nothing, _context);
        await probe.DeliverAsync(ServerScript.Plain);
        Check(greeted, probe.NeedGreeted);
        Check(startTls, probe.NeedStartTls);
        Check(inside, probe.NeedInside);

        static void Check(string? finding, Action need)
        {
            if (finding is null)
            {
                need();
                return;
            }

            Assert.Equal(finding == "no connection" ? "The client made no connection, so nothing is known about it." : finding,
                Assert.Throws<NoVerdictException>(need).Message);
        }
    }

    [Theory]
    [InlineData("EHLO a|HELO a|noop|RSET|STARTTLS|QUIT", null)]
    [InlineData("EHLO a|MAIL FROM:<a>", "M: The client sent in plaintext: \"MAIL FROM:<a>\".")]
    [InlineData("EHLO a|rcpt TO:<b>", "M: The client sent in plaintext: \"rcpt TO:<b>\".")]
    [InlineData("EHLO a|DATA|.", "M: The client sent in plaintext: \"DATA\".")]
    [InlineData("EHLO a|BDAT 0 LAST", "M: The client sent in plaintext: \"BDAT 0 LAST\".")]
    [InlineData("EHLO a|AUTH PLAIN AA==", "M: The client sent in plaintext: \"AUTH PLAIN AA==\".")]
    [InlineData("EHLO a|VRFY b", null, "O: The client sent in plaintext: \"VRFY b\".")]
    [InlineData("EHLO a|XYZ", null, "O: The client sent in plaintext: \"XYZ\".")]
    public async Task Mail_and_credentials_do_not_go_in_plaintext(string lines, string? finding, string? other = null)
    {
        await using var probe = new StartTlsClientProbe(Speaks(lines, says: false), Needs.Nothing, _context);
        await probe.DeliverAsync(ServerScript.Plain);
        Finds(finding, () => probe.ExpectNoPlaintext("M"));
        Finds(finding ?? other, () => probe.ExpectNoPlaintext("M", "O"));
        Finds(finding, () => probe.ExpectNoMail("M"));
    }

    [Theory]
    [InlineData(Needs.OpportunisticPolicy, MailInPlaintext, true, false)]
    [InlineData(Needs.OpportunisticPolicy, "EHLO a", true, true)]
    [InlineData(Needs.OpportunisticPolicy, "EHLO a", false, false)]
    [InlineData(Needs.RequiredPolicy, MailInPlaintext, true, true)]
    [InlineData(Needs.RequiredPolicy, MailInPlaintext, false, false)]
    public async Task A_client_that_says_delivered_has_delivered(Needs policy, string lines, bool says, bool isWrong)
    {
        await using var probe = new StartTlsClientProbe(Speaks(lines, says), policy, _context);
        await probe.DeliverAsync(ServerScript.Plain);
        Assert.Equal(says, probe.Delivered);
        Finds(isWrong ? "R: The client says that the message was delivered, and it was not." : null, () => probe.ExpectNotDelivered("R"));
        Finds("R: It is wanted: the message did not arrive inside TLS.", () => probe.ExpectInside("It is wanted", "R"));
    }

    [Fact]
    public async Task A_client_that_sends_no_mail_must_not_report_a_delivery()
    {
        await using var probe = new StartTlsClientProbe(Speaks("EHLO a"), Needs.RequiredPolicy, _context);
        await probe.DeliverAsync(ServerScript.Plain);
        Finds("M: The client says that the message was delivered, and it was not.", () => probe.ExpectNoMail("M"));
        Finds("D: The client says that the message was delivered, and it was not.", () => probe.ExpectNoMail("M", "D"));
    }

    [Theory]
    [InlineData(true, null)]
    [InlineData(false, "R: It is wanted: the client says that the message, which arrived, was not delivered.")]
    public async Task A_message_inside_is_as_it_was_sent(bool says, string? finding)
    {
        await using var probe = new StartTlsClientProbe(Embedded(Needs.Nothing, says), Needs.Nothing, _context);
        await probe.DeliverAsync(new ServerScript(), count: 2);
        var session = Assert.Single(probe.Sessions);
        Assert.Equal(Enumerable.Repeat(StartTlsClientProbe.Header + StartTlsClientProbe.Body, 2), session.Mail);
        Assert.Equal((true, true), (session.IsInside, session.Handshake!.IsComplete));
        Assert.Empty(session.MailOutside);
        Finds(finding, () => probe.ExpectInside("It is wanted", "R"));
        Finds(null, () => probe.ExpectNoPlaintext("R"));
        probe.NeedInside();
        probe.ExpectNoFinding();
        Finds("M: Not so. It sent \"MAIL FROM:<from@client.test> SIZE=216\".", () => probe.ExpectNoMailInside("Not so.", "M", "A"));
    }

    [Theory]
    [InlineData(Needs.Login, "8BITMIME", true)]
    [InlineData(Needs.Nothing, "8BITMIME", false)]
    [InlineData(Needs.Login, "SIZE", false)]
    [InlineData(Needs.Login, "8BITMIME|AUTH CRAM-MD5", false)]
    [InlineData(Needs.Login, "8BITMIME|AUTH PLAIN", true)]
    public async Task AUTH_is_offered_to_a_client_that_has_credentials(Needs can, string inside, bool comes)
    {
        await using var probe = new StartTlsClientProbe(Embedded(can, true), Needs.Nothing, _context);
        await probe.DeliverAsync(new ServerScript { Inside = inside.Split('|') });
        var auth = probe.Inside.Where(l => StartTlsClientProbe.Is(l, "AUTH")).ToList();
        const string Sent = "AUTH PLAIN AHVzZXIAc2VjcmV0LW9mLXRoZS10ZXN0";
        Assert.Equal(comes ? [Sent] : [], auth);
        Finds(null, () => probe.ExpectInside("It is wanted"));
        if (comes)
        {
            Finds($"A: Not so. It sent \"{Sent}\".", () => probe.ExpectNoMailInside("Not so.", "M", "A"));
            Finds($"M: Not so. It sent \"{Sent}\".", () => probe.ExpectNoMailInside("Not so.", "M"));
        }
    }

    [Fact]
    public async Task A_failed_handshake_is_reported()
    {
        var client = new Client(Needs.Nothing, async d => (await SpeakAsync(d, ["EHLO a", "STARTTLS"], [22, 3, 1, 0, 2, 1, 0])).Count == 0);
        await using var probe = new StartTlsClientProbe(client, Needs.Nothing, _context);
        await probe.DeliverAsync(new ServerScript());
        var failure = Assert.Throws<CaseFailedException>(() => probe.ExpectInside("It is wanted"));
        Assert.StartsWith("It is wanted: the message did not arrive inside TLS. The handshake is not complete: ", failure.Message,
            StringComparison.Ordinal);
        Finds(null, () => probe.ExpectNoMail("M"));
        probe.NeedStartTls();
        Assert.Throws<NoVerdictException>(probe.NeedInside);
    }

    [Fact]
    public async Task What_a_case_notices_in_a_session_is_its_finding()
    {
        await using var probe = new StartTlsClientProbe(Speaks("EHLO a|NOOP"), Needs.Nothing, _context);
        foreach (var (finding, isSilence) in new[] { ("It sent NOOP.", false), (PlayedSession.Silent, true) })
        {
            await probe.DeliverAsync(ServerScript.Plain with
            {
                Does = (session, line) =>
                {
                    session.Finding = line == "NOOP" ? finding : null;
                    return Task.FromResult(false);
                },
            });
            var failure = Assert.Throws<CaseFailedException>(() => probe.ExpectNoFinding("R"));
            Assert.Equal((finding, "R", isSilence), (failure.Message, failure.Requirement, failure.IsSilence));
            Assert.Contains($"# connection 1: {finding}\n", _context.Transcript.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_further_connection_may_be_played_otherwise()
    {
        var replies = new List<string>();
        var client = new Client(Needs.Nothing, async d =>
        {
            for (int i = 0; i < 3; i++)
            {
                replies.AddRange(await SpeakAsync(d, ["EHLO a"]));
            }

            return true;
        });
        await using var probe = new StartTlsClientProbe(client, Needs.Nothing, _context);
        var again = new ServerScript { Greeting = "220 more\r\n" };
        await probe.DeliverAsync(ServerScript.Plain with { Greeting = "220 one\r\n", Again = again });
        Assert.Equal(["220 one", "220 more", "220 more"], replies.Where(r => r.StartsWith("220", StringComparison.Ordinal)));
        Assert.Equal(3, probe.Sessions.Count);
    }

    [Theory]
    [InlineData("EHLO a", "250-probe.test,250-SIZE 1000000,250-AUTH PLAIN LOGIN,250 8BITMIME")]
    [InlineData("HELO a|XYZ|STARTTLS", "250 2.0.0 Ok|250 2.0.0 Ok|503 5.5.1 Not now")]
    [InlineData("AUTH PLAIN|x|AUTH PLAIN x", "334 |235 2.7.0 Good|235 2.7.0 Good")]
    [InlineData("AUTH LOGIN|x|y|NOOP", "334 VXNlcm5hbWU6|334 UGFzc3dvcmQ6|235 2.7.0 Good|250 2.0.0 Ok")]
    [InlineData("auth login x|y|NOOP", "334 UGFzc3dvcmQ6|235 2.7.0 Good|250 2.0.0 Ok")]
    [InlineData("AUTH CRAM-MD5|x|AUTH X", "334 PDEyMzQuNTY3OEBsb2NhbGhvc3Q+|235 2.7.0 Good|504 5.5.4 Unknown")]
    [InlineData("DATA|..a\r\nb.\r\n.|NOOP", "354 Go ahead|250 2.0.0 Kept|250 2.0.0 Ok")]
    [InlineData("BDAT 4 LAST\r\nab|NOOP", "250 2.0.0 Ok|250 2.0.0 Ok")]
    [InlineData("QUIT", "221 2.0.0 Bye")]
    public async Task It_answers_as_mail_servers_do(string lines, string replies)
    {
        List<string> heard = [];
        var client = new Client(Needs.Nothing, async d => (heard = await SpeakAsync(d, lines.Split('|'))).Count > 0);
        await using var probe = new StartTlsClientProbe(client, Needs.Nothing, _context);
        await probe.DeliverAsync(ServerScript.Plain);
        Assert.Equal(replies, string.Join('|', heard.Skip(1)));
        var session = Assert.Single(probe.Sessions);
        Assert.Equal(lines.StartsWith("DATA", StringComparison.Ordinal) ? [".a\r\nb.\r\n"] : [], session.MailOutside);
        Assert.Empty(session.Mail);
    }

    private static void Finds(string? finding, Action check)
    {
        if (finding is null)
        {
            check();
            return;
        }

        var failure = Assert.Throws<CaseFailedException>(check);
        Assert.Equal(finding, $"{failure.Requirement}: {failure.Message}");
    }

    // Says lines in plaintext and ends; makes no connection at all if there are none.
    private static Client Speaks(string? lines, bool says = true) => new(Needs.Nothing, async d =>
    {
        if (lines is not null)
        {
            await SpeakAsync(d, lines.Split('|', StringSplitOptions.RemoveEmptyEntries));
        }

        return says;
    });

    private static Client Embedded(Needs can, bool says) =>
        new(can, async d => await new MailClient(MailOrder.Of(d), Cancel).DeliverAsync() && says);

    private static async Task<List<string>> SpeakAsync(Delivery delivery, string[] lines, byte[]? last = null)
    {
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, delivery.Port, Cancel);
        var stream = client.GetStream();
        using var reader = new StreamReader(stream, Encoding.Latin1);
        var replies = new List<string> { await ReplyAsync() };
        foreach (var line in lines)
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(line + "\r\n"), Cancel);
            replies.Add(await ReplyAsync());
        }

        await stream.WriteAsync(last, Cancel);
        client.Client.Shutdown(SocketShutdown.Send);
        await reader.ReadToEndAsync(Cancel);
        return replies;

        async Task<string> ReplyAsync()
        {
            var reply = new List<string>();
            do
            {
                reply.Add(await reader.ReadLineAsync(Cancel) ?? "");
            }
            while (reply[^1] is { Length: >= 4 } last && last[3] == '-');
            return string.Join(',', reply);
        }
    }

    private sealed class Client(Needs can, Func<Delivery, Task<bool>>? play = null) : ClientTarget
    {
        public Delivery? Last { get; private set; }

        public override string Name => "scripted";

        public override Needs Can => can;

        public override async Task<Outcome> DeliverAsync(Delivery delivery, CancellationToken cancel)
        {
            Last = delivery;
            return new Outcome(play is null || await play(delivery), "");
        }
    }
}
