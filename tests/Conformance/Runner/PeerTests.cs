using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>
/// What the suite's own server says of a client that the test plays, and the suite's own client of a server that the test plays.
/// </summary>
public sealed class PeerTests : IDisposable
{
    private const string Offer = $"XBLACKPONY V1 {Names.Core} {Names.Classic} {Names.Hybrid}";

    private readonly CaseTimeout _timeout = new(TimeSpan.FromSeconds(60));
    private readonly CaseContext _context;

    public PeerTests() => _context = new CaseContext(new Transcript(), new SeededRandom("tests", "peers"), _timeout);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _timeout.Dispose();

    [Theory]
    [InlineData(true, "Expected a connection, but the client ended; it says that the message was delivered.")]
    [InlineData(false, "Expected a connection, but the client ended; it says that the message was not delivered.")]
    public async Task A_client_that_does_not_connect_is_a_failure(bool delivered, string finding)
    {
        await using var probe = new ClientProbe(new Client(_ => Task.FromResult(delivered)) { Connects = false }, _context);
        await FailsAsync(() => probe.AcceptAsync("BP-1", Offer, []), "BP-1", finding);
    }

    [Fact]
    public async Task A_client_that_does_not_connect_again_is_a_failure()
    {
        await using var probe = new ClientProbe(new Client(t => t.SayAsync("EHLO a")), _context);
        await probe.AcceptAsync("");
        await FailsAsync(() => probe.ConnectAsync("BP-1"), "BP-1",
            "Expected another connection, but the client ended; it says that the message was delivered.");
    }

    [Theory]
    [InlineData("HELO a", "Expected EHLO, got \"HELO a\".")]
    [InlineData("EHLO", "Expected EHLO, got \"EHLO\".")]
    [InlineData(null, "Expected EHLO, got \"the end of the connection\".")]
    public async Task A_client_that_does_not_say_EHLO_is_a_failure(string? first, string finding)
    {
        await using var probe = new ClientProbe(new Client(t => t.SayAsync(first)), _context);
        await FailsAsync(() => probe.AcceptAsync(Offer), null, finding);
    }

    [Theory]
    [InlineData(false, "the client's connection")]
    [InlineData(true, "the client's connection number 2")]
    public async Task A_silent_client_is_waited_for_by_the_number_of_its_connection(bool connects, string what)
    {
        var over = new TaskCompletionSource<bool>();
        await using var probe = new ClientProbe(new Client(async t => (!connects || await t.SayAsync("EHLO a")) && await over.Task)
        {
            Connects = connects,
        }, _context);
        if (connects)
        {
            await probe.AcceptAsync("");
        }

        var next = probe.ConnectAsync("BP-1");
        _timeout.End();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next);
        Assert.EndsWith($"The suite waited for this: {what}.", _timeout.ToString(), StringComparison.Ordinal);
        over.SetResult(true);
    }

    [Theory]
    [InlineData(0, "127.1.0.1")]
    [InlineData(49, "127.1.0.1")]
    [InlineData(50, "127.1.0.2")]
    [InlineData(150, "127.1.0.4")]
    public async Task Each_fifty_connections_come_from_another_address(int number, string address)
    {
        await using var server = new LoopbackServer(async (stream, cancel) =>
        {
            var peer = ((IPEndPoint)stream.Socket.RemoteEndPoint!).Address;
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"220 {peer}\r\n"), cancel);
            await stream.CopyToAsync(Stream.Null, cancel);
        });
        await using var target = new RemoteServer("127.0.0.1", server.Port, 0, VirtualTime.Limits);
        await using var probe = await ServerProbe.StartAsync(target, Needs.Nothing, _context);
        Assert.Equal([address], (await probe.GreetedAsync(number, "BP-1")).Texts());
    }

    [Fact]
    public async Task Mail_in_plaintext_is_served_to_the_end_and_comes_as_it_was_sent()
    {
        var client = new Client(async t =>
        {
            await t.SayAsync("NOOP");
            await t.SayAsync("ehlo mail.a.test");
            Assert.Equal("250-probe.test|250-SIZE|250 " + Offer, t.Reply);
            await t.SayAsync("MAIL FROM:<a>");
            await t.SayAsync("DATA");
            await t.SayAsync("Subject: test of a client\r\n\r\nNobody else reads this.\r\n..dot\r\n.");
            Assert.Equal("250 Kept", t.Reply);
            return await t.SayAsync("QUIT");
        });
        await using var probe = new ClientProbe(client, _context);
        var wire = await probe.AcceptAsync(Offer, "SIZE");
        Assert.Equal("mail.a.test", probe.EhloName);
        await probe.ServeMailAsync(wire, inside: false);
        Assert.Equal(ClientTarget.Message, probe.Received);
        await probe.ExpectAsync(delivered: true);
        Assert.Equal(["MAIL FROM:<a>", "DATA", "QUIT"], probe.Commands);
        Assert.Equal("NOOP EHLO MAIL DATA SUBJECT:  NOBODY ..DOT . QUIT", probe.Plaintext);
        probe.CheckPlaintext();
        await FailsAsync(() => Check(() => ClientProbe.ExpectNoMail(wire, "BP-1")), "BP-1",
            "The client sent in plaintext: \"MAIL FROM:<a>\".");
    }

    [Theory]
    [InlineData("Subject: test of a client\r\n\r\nNobody else reads this.\r\n..dot\r\n.", true, true, null)]
    [InlineData("Subject: test of a client\r\n\r\nNobody else reads this.\r\n.dot\r\n.", true, true,
        "The message did not come as it was sent. The first difference is octet 1 of line 4:\n- \".dot\"\n+ \"dot\"")]
    [InlineData("x\r\n.", false, true, "The client says that the mail was not delivered.")]
    [InlineData("x\r\n.", true, false, "The client says that the mail was delivered, and it was not.")]
    [InlineData("x\r\n.", false, false, null)]
    public async Task What_a_client_says_of_its_mail_must_be_true(string message, bool says, bool delivered, string? finding)
    {
        await using var probe = new ClientProbe(new Client(async t =>
        {
            foreach (var line in (string?[])["EHLO a", "DATA", message, "QUIT"])
            {
                await t.SayAsync(line);
            }

            return says;
        }), _context);
        await probe.ServeMailAsync(await probe.AcceptAsync(""), inside: false);
        var end = () => probe.ExpectAsync(delivered, "BP-1");
        if (finding is null)
        {
            Assert.Equal(says, (await end()).Delivered);
            Assert.Equal("", probe.Received);
            return;
        }

        await FailsAsync(end, "BP-1", finding);
    }

    [Fact]
    public async Task A_connection_too_many_is_a_failure_and_a_client_that_was_not_started_too()
    {
        await using var probe = new ClientProbe(new Client(async t =>
        {
            await t.SayAsync("EHLO a");
            using var another = new TcpClient();
            await another.ConnectAsync(IPAddress.Loopback, t.Port, Cancel);
            return await t.SayAsync("QUIT");
        }), _context);
        await FailsAsync(() => probe.ExpectAsync(true), null, "The client was not started.");
        await FailsAsync(() => probe.EndAsync(), null, "The client was not started.");
        await probe.ServeMailAsync(await probe.AcceptAsync(""), inside: false);
        await FailsAsync(() => probe.ExpectAsync(true, "BP-1", "BP-2"), "BP-2", "The client opened one connection too many.");
    }

    [Fact]
    public async Task An_end_of_whatever_kind_is_taken_and_another_delivery_can_follow()
    {
        int runs = 0;
        await using var probe = new ClientProbe(new Client(async t => await t.SayAsync("EHLO a") && ++runs == 2), _context);
        for (int i = 1; i <= 2; i++)
        {
            await probe.AcceptAsync("");
            Assert.Equal(i == 2, (await probe.EndAsync()).Delivered);
        }

        Assert.Equal(2, probe.Wires.Count);
        Assert.Equal("EHLO | EHLO", probe.Plaintext);
        Assert.Contains("# connection 2\n", _context.Transcript.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("# connection 1\n", _context.Transcript.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("QUIT", null)]
    [InlineData("RSET\r\nNOOP\r\nquit", null)]
    [InlineData(null, null)]
    [InlineData("MAIL FROM:<a>", "The client does not defer: it says \"MAIL FROM:<a>\".")]
    public async Task A_client_that_defers_quits_or_ends(string? line, string? finding)
    {
        var heard = "";
        await using var probe = new ClientProbe(new Client(async t =>
        {
            await t.SayAsync("EHLO a");
            await t.SayAsync(line);
            heard = t.Reply;
            return false;
        }), _context);
        var quit = ClientProbe.TakeQuitAsync(await probe.AcceptAsync(""), "BP-1");
        if (finding is null)
        {
            await quit;
            await probe.EndAsync();
            // The reply to the first of the commands.
            Assert.Equal(line is null ? "250 probe.test" : line[0] == 'Q' ? "221 Bye" : "250 Ok", heard);
        }
        else
        {
            await FailsAsync(() => quit, "BP-1", finding);
        }
    }

    [Theory]
    [InlineData("MAIL FROM:<a>", "BP-9.3-1", "Before the upgrade the client sent \"MAIL FROM:<a>\".")]
    [InlineData("VRFY a", "BP-9.3-1", "Before the upgrade the client sent \"VRFY a\".")]
    [InlineData("NOOP", null, null)]
    [InlineData("HELO a", null, null)]
    public async Task Before_an_upgrade_a_client_sends_what_is_harmless(string line, string? requirement, string? finding) // [BP-9.3-1]
    {
        await using var probe = new ClientProbe(new Client(async t =>
            await t.SayAsync("EHLO a") && await t.SayAsync(line) && await t.SayAsync("XBLACKPONY V1 ROT 13")), _context);
        await probe.ServeMailAsync(await probe.AcceptAsync(""), inside: false);
        await EitherAsync(() => Check(probe.CheckPlaintext), requirement, finding);
    }

    [Theory]
    [InlineData("MAIL FROM:<a>", true)]
    [InlineData("rcpt TO:<b>", true)]
    [InlineData("DATA", true)]
    [InlineData("BDAT 3 LAST", true)]
    [InlineData("AUTH PLAIN", true)]
    [InlineData("VRFY a", true)]
    [InlineData("EXPN a", true)]
    [InlineData("NOOP", false)]
    [InlineData("QUIT", false)]
    [InlineData("MAILX", false)]
    public async Task What_is_mail_or_about_mailboxes_does_not_go_in_plaintext(string line, bool isMail)
    {
        await using var probe = new ClientProbe(new Client(async t => await t.SayAsync("EHLO a") && await t.SayAsync(line)), _context);
        var wire = await probe.AcceptAsync("");
        await probe.ServeMailAsync(wire, inside: false, _ => "500 No");
        await EitherAsync(() => Check(() => ClientProbe.ExpectNoMail(wire, "BP-1")), "BP-1",
            isMail ? $"The client sent in plaintext: \"{line}\"." : null);
    }

    [Theory]
    [InlineData(ClientPolicy.Required, "BP-9.1-2", "The client sent in plaintext: \"MAIL FROM:<a>\".")]
    [InlineData(ClientPolicy.Opportunistic, null, null)]
    public async Task Under_required_no_mail_goes_in_plaintext(ClientPolicy policy, string? requirement, string? finding) // [BP-9.1-2]
    {
        await using var probe = new ClientProbe(new Client(async t => await t.SayAsync("EHLO a") && await t.SayAsync("MAIL FROM:<a>")),
            _context);
        probe.Next = probe.Next with { Policy = policy };
        await probe.ServeMailAsync(await probe.AcceptAsync(""), inside: false);
        await EitherAsync(() => Check(probe.CheckPlaintext), requirement, finding);
    }

    [Theory]
    [InlineData("QUIT", null, "Expected XBLACKPONY, got \"QUIT\".")]
    [InlineData(null, null, "Expected XBLACKPONY, got \"the end of the connection\".")]
    [InlineData("XBLACKPONY V1 ROT", "BP-4.2-1", "The command has too few fields: \"XBLACKPONY V1 ROT\".")]
    [InlineData("XBLACKPONY V1 NEW AAAA", "BP-4.2-2", "The client named the suite NEW.")]
    [InlineData($"XBLACKPONY V1 {Names.Core} AAB=", "BP-5.1-6", "The client's share is not canonical base64: \"AAB=\".")]
    [InlineData($"XBLACKPONY V1 {Names.Core} AAAA", "BP-5.1-6", "The client's share is invalid: 3 octets, 000000.")]
    public async Task A_command_that_is_none_is_a_failure(string? command, string? requirement, string finding)
    {
        await using var probe = new ClientProbe(new Client(async t => await t.SayAsync("EHLO a") && await t.SayAsync(command)), _context);
        var wire = await probe.AcceptAsync(Offer);
        await FailsAsync(() => probe.SwitchAsync(wire, Offer), requirement, finding);
    }

    [Fact]
    public async Task A_share_that_is_an_X25519_key_alone_is_named()
    {
        var share = Convert.ToBase64String(new byte[32]);
        await using var probe = new ClientProbe(new Client(async t =>
            await t.SayAsync("EHLO a") && await t.SayAsync($"XBLACKPONY V1 {Names.Hybrid} {share}")), _context);
        var wire = await probe.AcceptAsync(Offer);
        await FailsAsync(() => probe.SwitchAsync(wire, Offer), "BP-5.1-6",
            $"The client's share is invalid: 32 octets, {new string('0', 64)}. It is an X25519 key alone.");
    }

    [Theory]
    [InlineData(null, "BP-4.3-6", "The client ended the connection instead of continuing.")]
    [InlineData("AAAA", "BP-4.3-6", "The client's continuation is invalid.")]
    [InlineData("AAB=", "BP-5.1-6", "The client's share is not canonical base64: \"AAB=\".")]
    [InlineData("long", "BP-4.3-10", "The continuation line is too long.")]
    [InlineData("AAAA\r\nNOOP", "BP-4.3-6", "Something was sent after the continuation.")]
    public async Task A_continuation_that_is_none_is_a_failure(string? line, string requirement, string finding)
    {
        await using var probe = new ClientProbe(new Client(async t =>
        {
            await t.SayAsync("EHLO a");
            await t.SayAsync(Upgrade(Names.Classic));
            Assert.StartsWith("334-K=", t.Reply, StringComparison.Ordinal);
            return await t.SayAsync(line == "long" ? new string('A', 4095) : line);
        }), _context);
        var wire = await probe.AcceptAsync(Offer);
        await FailsAsync(() => probe.SwitchAsync(wire, Offer), requirement, finding);
    }

    public static TheoryData<string, string?, string?> Inside => new()
    {
        { "finished ehlo", null, null },
        { "", "BP-none", "The client ends instead of sending its Finished." },
        { "data", "BP-6.3-4", "Expected the client's Finished, got a data record." },
        { "close", "BP-6.3-1", "Expected the client's Finished, got a close record." },
        { "finished", "BP-none", "Expected EHLO inside, got \"the end of the session\"." },
        { "finished noop", "BP-none", "Expected EHLO inside, got \"NOOP\"." },
        { "wrong", "BP-6.3-1", "The client's verify_data has a wrong value. It is right with the other side's Finished key." },
    };

    [Theory]
    [MemberData(nameof(Inside))]
    public async Task A_client_comes_with_its_Finished_and_EHLO(string records, string? requirement, string? finding)
    {
        byte[] secret = [];
        var switched = new TaskCompletionSource();
        await using var probe = new ClientProbe(new Client(async t =>
        {
            await t.SayAsync("EHLO a");
            using var upgrade = new ClientUpgrade(BlackPony.Reference.Negotiation.Offer.Parse(Encoding.ASCII.GetBytes(Offer))!,
                SuiteRegistry.Find(Names.Core)!, 0, new SeededRandom("tests", "client"), TestRsaKeys.Client, null);
            await t.SayAsync(Encoding.ASCII.GetString(upgrade.Command)[..^2]);
            var step = upgrade.OnReply(new ReplyReader().Read(Encoding.ASCII.GetBytes(t.Reply + "\r\n"), out _)!);
            await switched.Task;
            using var keys = new BlackPony.Reference.Keys.KeySchedule(Names.Core, secret, Th(t, upgrade));
            using var mine = new Direction(SuiteRegistry.Find(Names.Core)!, keys.ClientTraffic);
            foreach (var word in records.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                byte[] inner = word switch
                {
                    "finished" => [.. keys.Finished(Role.Client), 2], "wrong" => [.. keys.Finished(Role.Server), 2],
                    "close" => [5], "noop" => [.. "NOOP\r\n"u8, 1],
                    _ => [.. "EHLO b.test\r\n"u8, 1],
                };
                await t.Stream.WriteAsync(mine.Seal([.. inner, .. new byte[256 - inner.Length]]), Cancel);
            }

            return step.Kind == ClientStepKind.Agreed;
        }), _context);
        var wire = await probe.AcceptAsync(Offer);
        await probe.SwitchAsync(wire, Offer);
        secret = probe.Secret;
        switched.SetResult();
        if (records == "wrong")
        {
            var failure = await Assert.ThrowsAsync<CaseFailedException>(() => probe.FinishAsync(wire));
            Assert.Equal((requirement, finding), (failure.Requirement, failure.Message.Split('\n')[0]));
            return;
        }

        await EitherAsync(() => probe.FinishAsync(wire, none: "BP-none"), requirement, finding);
        if (finding is null)
        {
            Assert.Equal("b.test", probe.EhloName);
            Assert.Equal((32, 32), (probe.ClientShare.Length, probe.Secret.Length));
            Assert.StartsWith($"XBLACKPONY V1 {Names.Core} ", probe.Command, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_time_out_that_the_target_does_not_declare_makes_a_case_not_applicable()
    {
        await using var probe = new ClientProbe(new Client(_ => Task.FromResult(true)) { Connects = false }, _context);
        Assert.Equal("The target declares no IdleTimeout: give --timeouts.",
            Assert.Throws<NotApplicableException>(() => probe.Timeout("IdleTimeout")).Message);
        Assert.False(probe.Claims(Profile.Core));
        await using (var claims = new ClientProbe(new Client(_ => Task.FromResult(true)), _context with { Claims = [Profile.Core] }))
        {
            Assert.Equal((true, false), (claims.Claims(Profile.Core), claims.Claims(Profile.Hybrid)));
        }

        Assert.Equal("", probe.Said);
        probe.Next.Log.Append("no such user\n");
        Assert.Equal("The client's standard error and end: no such user\n", probe.Said);
        Assert.True((await probe.RunAloneAsync()).Delivered);
    }

    public static TheoryData<string, string, string?, string?> UpgradeReplies
    {
        get
        {
            var share = Convert.ToBase64String([9, .. new byte[31]]);
            return new()
            {
                { Names.Core, "220 K=" + share, null, null },
                { Names.Core, "500 No", "BP-refused", "Expected 220, got \"500 No\"." },
                { Names.Core, "250 Ok", "BP-4.3-1", "Expected 220, got \"250 Ok\"." },
                { Names.Classic, "220 K=" + share, "BP-4.3-6", $"Expected 334, got \"220 K={share}\"." },
                { Names.Core, "220 Go ahead", "BP-4.3-2",
                    "The line \"220 Go ahead\" does not have \"K=\" directly after code and separator." },
                { Names.Core, "220 X=AAAA", "BP-4.3-2",
                    "The line \"220 X=AAAA\" does not have \"K=\" directly after code and separator." },
                { Names.Core, "220 K:AAAA", "BP-4.3-2",
                    "The line \"220 K:AAAA\" does not have \"K=\" directly after code and separator." },
                { Names.Core, "220", "BP-4.3-2", "The line \"220\" does not have \"K=\" directly after code and separator." },
                { Names.Core, "220 K=", "BP-4.3-2", "The line \"220 K=\" does not have \"K=\" directly after code and separator." },
                { Names.Core, $"220 2.0.0 K={share}", "BP-4.3-3", $"The line \"220 2.0.0 K={share}\" has an enhanced status code." },
                { Names.Core, "220 K=A", "BP-5.1-6", "The fragments of the 220 reply are not canonical base64: \"A\"." },
                { Names.Core, "220 K=AAB=", "BP-5.1-6", "The fragments of the 220 reply are not canonical base64: \"AAB=\"." },
                { Names.Core, "220 K=AAAA", "BP-5.1-8", "The share in the 220 reply is invalid: 3 octets, 000000." },
                { Names.Core, "220 K=" + new string('A', 505), "BP-4.3-4", "A line of the reply is longer than 512 octets." },
                { Names.Core, "220 K=" + new string('A', 504), "BP-5.1-8",
                    $"The share in the 220 reply is invalid: 378 octets, {new string('0', 80)}…." },
                { Names.Classic, "334 K=AAAA", "BP-4.3-6", "The share in the 334 reply is invalid: 3 octets, 000000." },
                { Names.Core, "", "BP-refused", "the connection ended." },
            };
        }
    }

    [Theory]
    [MemberData(nameof(UpgradeReplies))]
    public async Task A_reply_to_XBLACKPONY_is_one_or_what_is_wrong_with_it_is_said(
        string suite, string reply, string? requirement, string? finding)
    {
        await using var server = Server(line => line.StartsWith("XBLACKPONY", StringComparison.Ordinal)
            ? reply.Length == 0 ? null : reply + "\r\n" : $"250-port.test\r\n250 {Offer}\r\n");
        await using var target = new RemoteServer("127.0.0.1", server.Port, 0, VirtualTime.Limits);
        await using var probe = await ServerProbe.StartAsync(target, Needs.Nothing, _context);
        var upgrade = () => probe.SwitchAsync(suite, refused: "BP-refused");
        if (finding is null)
        {
            await upgrade();
            Assert.Equal([9, .. new byte[31]], probe.ServerShare);
            Assert.Equal(32, probe.Secret.Length);
            Assert.True(probe.ProbeConnection.Switched);
            return;
        }

        var failure = await Assert.ThrowsAsync<CaseFailedException>(upgrade);
        Assert.Equal(requirement, failure.Requirement);
        Assert.EndsWith(finding, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_case_that_is_run_again_does_not_take_the_mail_of_the_first_time_for_its_own()
    {
        await using var server = Server(_ => "250 Ok\r\n");
        await using var target = new RemoteServer("127.0.0.1", server.Port, 0, VirtualTime.Limits);
        var words = new List<string>();
        for (int i = 0; i < 2; i++)
        {
            var context = _context with { Random = new SeededRandom("tests", "TS-1-1") };
            await using var probe = await StartTlsProbe.StartAsync(target, Needs.Nothing, context);
            words.Add(probe.Marker());
        }

        Assert.NotEqual(words[0], words[1]);
    }

    [Fact]
    public async Task The_offer_is_the_first_line_of_that_keyword_and_what_it_lacks_is_not_applicable()
    {
        var offer = $"xblackpony V1 {Names.Core.ToLowerInvariant()} NEW ROT {Names.Classic}";
        await using var server = Server(line => line == "EHLO probe.test"
            ? $"250-port.test\r\n250-XBLACKPONYX V1 ROT\r\n250-{offer}\r\n250 SIZE\r\n"
            : line == "XBLACKPONY V1 NEW AAAA" ? "504-5.5.4 No\r\n504 such\r\n" : "250 Ok\r\n");
        await using var target = new RemoteServer("127.0.0.1", server.Port, 0, VirtualTime.Limits);
        await using var probe = await ServerProbe.StartAsync(target, Needs.Nothing, _context);
        Assert.Equal("", probe.Offer);
        await probe.NeedOfferAsync();
        Assert.Equal(offer, probe.Offer);
        Assert.Equal([Names.Core, Names.Classic], probe.Encrypting);
        await probe.NeedAsync(Names.Core);
        Assert.Equal($"{Names.Hybrid} is not offered.",
            (await Assert.ThrowsAsync<NotApplicableException>(() => probe.NeedAsync(Names.Hybrid))).Message);
        await probe.RefuseAsync("XBLACKPONY V1 NEW AAAA");
        Assert.Equal(["XBLACKPONY V1 NEW AAAA", "504-5.5.4 No", "504 such"], probe.Refused);
        await probe.EhloAsync();
        Assert.Empty(probe.Refused);
        await probe.RefuseAsync("XBLACKPONY V1 NEW AAAA");
        await probe.ConnectAsync();
        Assert.Empty(probe.Refused);
        await probe.EhloAsync();
        Assert.Matches($"^XBLACKPONY V1 {Names.Core} [A-Za-z0-9+/]{{43}}=$", probe.Command(Names.Core));
        var suites = new List<string>();
        await probe.EachSuiteAsync(s =>
        {
            suites.Add(s);
            return Task.CompletedTask;
        });
        Assert.Equal([Names.Core, Names.Classic], suites);
        await probe.ExpectUsableAsync();
        var failure = await Assert.ThrowsAsync<CaseFailedException>(probe.DeliverPlainAsync);
        Assert.Contains("expected 354, got \"250 Ok\"", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_without_an_offer_or_whose_session_is_not_usable_is_said()
    {
        await using var server = Server(line => line == "NOOP" ? "421 Bye\r\n" : "250 port.test\r\n");
        await using var target = new RemoteServer("127.0.0.1", server.Port, 0, new Dictionary<string, TimeSpan>());
        await using var probe = await ServerProbe.StartAsync(target, Needs.Nothing, _context);
        Assert.Equal("The server does not offer XBLACKPONY.",
            (await Assert.ThrowsAsync<NotApplicableException>(probe.NeedOfferAsync)).Message);
        await FailsAsync(() => probe.ExpectUsableAsync("BP-1"), "BP-1", "After the refusal NOOP is answered with \"421 Bye\".");
        Assert.Throws<NotApplicableException>(() => probe.Timeout("IdleTimeout"));
        Assert.False(probe.Claims(Profile.Core));
        await using (var claims = await ServerProbe.StartAsync(target, Needs.Nothing, _context with { Claims = [Profile.Core] }))
        {
            Assert.Equal((true, false), (claims.Claims(Profile.Core), claims.Claims(Profile.Hybrid)));
        }

        Assert.NotEqual(probe.Marker(), probe.Marker());
        Assert.StartsWith("marker-", probe.Marker(), StringComparison.Ordinal);
        await FailsAsync(() => probe.ConnectAsync(421, "BP-2"), "BP-2",
            "After the connection, expected 421, got \"220 port.test\".");
    }

    [Fact]
    public async Task Mail_is_found_in_the_mailbox_by_its_marker()
    {
        await using var server = new EmbeddedServer();
        await using var probe = await ServerProbe.StartAsync(server, Needs.Mailbox, _context);
        var found = probe.MailAsync("marker-7");
        server.Sink.Messages.Enqueue("other\r\n");
        Assert.False(found.IsCompleted);
        server.Sink.Messages.Enqueue("it is marker-7\r\n");
        Assert.Equal("other\r\nit is marker-7\r\n", await found);
    }

    private static string Upgrade(string suite)
    {
        using var exchange = SuiteRegistry.Find(suite)!.StartClient(new SeededRandom("tests", "upgrade"), TestRsaKeys.Client);
        return $"XBLACKPONY V1 {suite} {Convert.ToBase64String(exchange.Share)}";
    }

    private static byte[] Th(Talk talk, ClientUpgrade upgrade)
    {
        var hash = new BlackPony.Reference.Keys.TranscriptHash();
        foreach (var line in (string[])[Offer, Encoding.ASCII.GetString(upgrade.Command)[..^2], .. talk.Reply.Split('|')])
        {
            hash.Add(Encoding.ASCII.GetBytes(line));
        }

        return hash.Finish();
    }

    // Greets, and answers each line; null ends the connection.
    private static LoopbackServer Server(Func<string, string?> answer) => new(async (stream, cancel) =>
    {
        using var reader = new StreamReader(stream, Encoding.Latin1);
        await stream.WriteAsync("220 port.test\r\n"u8.ToArray(), cancel);
        while (await reader.ReadLineAsync(cancel) is { } line)
        {
            if (answer(line) is not { } reply)
            {
                return;
            }

            await stream.WriteAsync(Encoding.Latin1.GetBytes(reply), cancel);
        }
    });

    private static Task Check(Action check)
    {
        check();
        return Task.CompletedTask;
    }

    private static async Task FailsAsync(Func<Task> check, string? requirement, string finding)
    {
        var failure = await Assert.ThrowsAsync<CaseFailedException>(check);
        Assert.Equal((requirement, finding), (failure.Requirement, failure.Message));
    }

    private static Task EitherAsync(Func<Task> check, string? requirement, string? finding) =>
        finding is null ? check() : FailsAsync(check, requirement, finding);

    /// <summary>A client that makes one connection and plays a script in it.</summary>
    private sealed class Client(Func<Talk, Task<bool>> play) : ClientTarget
    {
        public bool Connects { get; init; } = true;

        public override string Name => "scripted";

        public override Needs Can => Needs.Policy;

        public override async Task<Outcome> DeliverAsync(Delivery delivery, CancellationToken cancel)
        {
            using var client = new TcpClient { NoDelay = true };
            if (!Connects)
            {
                return new Outcome(await play(null!), "");
            }

            await client.ConnectAsync(IPAddress.Loopback, delivery.Port, cancel);
            var stream = client.GetStream();
            var talk = new Talk(stream, delivery.Port);
            await talk.HearAsync();
            bool delivered = await play(talk);
            client.Client.Shutdown(SocketShutdown.Send);
            // Else what comes now would be answered with a reset.
            await stream.CopyToAsync(Stream.Null, cancel);
            return new Outcome(delivered, "");
        }
    }

    private sealed class Talk(NetworkStream stream, int port)
    {
        public Stream Stream => stream;

        public int Port => port;

        public string Reply { get; private set; } = "";

        // Says a line, if there is one, and hears the reply.
        public async Task<bool> SayAsync(string? line)
        {
            if (line is not null)
            {
                await stream.WriteAsync(Encoding.Latin1.GetBytes(line + "\r\n"), Cancel);
                await HearAsync();
            }

            return true;
        }

        public async Task HearAsync()
        {
            var reply = new StringBuilder();
            var octet = new byte[1];
            while (await stream.ReadAsync(octet, Cancel) > 0)
            {
                reply.Append((char)octet[0]);
                if (reply.ToString().Split("\r\n") is [.., { Length: >= 4 } last, ""] lines && last[3] == ' ')
                {
                    Reply = string.Join('|', lines[..^1]);
                    return;
                }
            }
        }
    }
}
