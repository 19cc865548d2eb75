using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Mailer;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Reference.Smtp;

/// <summary>
/// The mailer's machine around an upgrade and inside, and from one mail exchanger to the next (spec 9, 10.4, state table G.6).
/// </summary>
public sealed class MailerInsideTests : IDisposable
{
    private const string Suite = "X25519-CHACHA20POLY1305";

    private readonly FakeTimeProvider _clock = new();
    private readonly ServerMemory _memory;
    private readonly PooledBuffer _toMailer = new();
    private readonly PooledBuffer _heard = new();
    private MailerSession _mailer;
    private ServerUpgrade? _upgrade;
    private SecureChannel? _server;

    public MailerInsideTests()
    {
        _memory = new ServerMemory(_clock);
        _mailer = Mailer(ClientPolicy.Opportunistic);
    }

    public void Dispose()
    {
        _mailer.Dispose();
        _upgrade?.Dispose();
        _server?.Dispose();
    }

    [Fact]
    public void Mail_inside_passes_both_ways_and_each_side_ends_with_a_close() // [BP-10.4-4], [BP-10.4-5], [BP-10.4-9], [BP-10.4-26]
    {
        Inside();
        Assert.Equal("220 mx.b.test\r\n250-mx.b.test\r\n250 SIZE\r\n", Local());
        Assert.True(_mailer.Report is { Encrypted: true, Suite: Suite, Peer: "mx.b.test:25", Reason: null, Deferred: false });
        Says("MAIL FROM:<a@a>\r\nbare \n\0\r\n");
        Assert.Equal("MAIL FROM:<a@a>\r\nbare \n\0\r\n", Heard());
        Sends("250 ok\r\n half");
        Assert.Equal("250 ok\r\n half", Local());
        Assert.Equal(Timeout.InfiniteTimeSpan, _mailer.PeerTimeout);
        _mailer.ClientEnded();
        Assert.Equal(Limits.CloseTimeout, _mailer.PeerTimeout);
        Assert.Equal(SessionRequest.None, _mailer.Request);
        Pass();
        Assert.Equal(ChannelState.Closed, _server!.State);
        Assert.Equal((SessionRequest.Close, "close"), (_mailer.Request, _mailer.Report.Closed));
        _mailer.ClientEnded();
        _mailer.ServerEnded();
        Assert.Equal("close", _mailer.Report.Closed);
    }

    [Fact]
    public void What_a_server_says_behind_the_mailers_close_is_thrown_away() // spec 8.1
    {
        Inside();
        Local();
        _mailer.ClientEnded();
        _server!.Send("250 late\r\n"u8, _toMailer);
        _mailer.FromServer(Taken(_toMailer));
        Assert.Equal("", Local());
        Assert.Equal(SessionRequest.None, _mailer.Request);
        _mailer.TimedOut();
        Assert.Equal((SessionRequest.Close, "truncated"), (_mailer.Request, _mailer.Report.Closed));
    }

    [Fact]
    public void A_server_that_ends_its_connection_without_a_close_is_truncated_and_nothing_goes_in_plaintext() // [BP-8.2-3], [BP-9.2-6]
    {
        Inside();
        Local();
        Says("MAIL FROM:<a@a>\r\n");
        _mailer.ServerEnded();
        Assert.Equal((SessionRequest.Close, "truncated"), (_mailer.Request, _mailer.Report.Closed));
        Assert.Equal("", Local());
        Taken(_mailer.ToServer);
        _mailer.FromClient("RCPT TO:<b@b>\r\n"u8);
        Assert.Empty(Taken(_mailer.ToServer));
    }

    [Fact]
    public void A_server_that_closes_inside_ends_the_session_and_is_answered() // [BP-8.1-3]
    {
        Inside();
        _server!.Send("421 going\r\n"u8, _toMailer);
        _server.Close(_toMailer);
        Pass();
        Assert.EndsWith("421 going\r\n", Local(), StringComparison.Ordinal);
        Assert.Equal((SessionRequest.Close, "close"), (_mailer.Request, _mailer.Report.Closed));
        Assert.Equal(ChannelState.Closed, _server.State);
    }

    [Theory]
    [InlineData(true, "alert")]
    [InlineData(false, "failure")]
    public void A_failure_inside_ends_the_session_and_says_whose_it_was(bool alert, string closed) // [BP-8.3-1], [BP-8.3-4]
    {
        Inside();
        Local();
        if (alert)
        {
            _server!.Fail(_toMailer);
        }
        else
        {
            _server!.Send("250 ok\r\n"u8, _toMailer);
        }

        var record = Taken(_toMailer);
        record[^1] ^= (byte)(alert ? 0 : 1);
        _mailer.FromServer(record);
        Assert.Equal((SessionRequest.Close, closed), (_mailer.Request, _mailer.Report.Closed));
        Assert.Equal("", Local());
    }

    [Fact]
    public void A_server_that_closes_in_EHLO_inside_is_followed_by_the_next_exchanger() // [BP-9.2-4], state table G.6
    {
        Confirm(moreTargets: true);
        _server!.Close(_toMailer);
        Pass();
        Assert.Equal(SessionRequest.Connect, _mailer.Request);
        Assert.True(_mailer.Report is { Reason: "broken", Suite: null, Encrypted: false, Deferred: false });
        Connect("mx2.b.test", moreTargets: false);
        Assert.Equal("EHLO a.test\r\n", Plain());
        Answer("250 mx2.b.test\r\n");
        Assert.Equal("220 mx.b.test\r\n250 mx2.b.test\r\n", Local());
        Assert.True(_mailer.Report is { Peer: "mx2.b.test:25", Reason: "not-offered", Downgrade: false, Closed: "plain" });
    }

    [Fact]
    public void A_server_that_closes_in_EHLO_inside_and_is_the_last_defers_the_mail() // [BP-9.2-4], [BP-9.2-6]
    {
        Confirm();
        _server!.Close(_toMailer);
        Pass();
        Assert.Equal("220 mx.b.test\r\n421 4.4.2 The server closed the session\r\n", Local());
        Assert.True(_mailer.Report is { Reason: "broken", Deferred: true, Closed: "close" });
        Assert.Equal(SessionRequest.Close, _mailer.Request);
    }

    // [BP-9.2-4], [BP-8.1-1], [BP-4.3-13]
    [Theory]
    [InlineData("end", "421 4.4.2 Connection lost\r\n", "truncated")]
    [InlineData("time", "421 4.4.2 Connection lost\r\n", "truncated")]
    [InlineData("alert", "421 4.7.0 The protected session failed\r\n", "alert")]
    [InlineData("garbage", "421 4.3.0 The server does not speak SMTP\r\n", "close")]
    public void A_server_that_is_lost_in_EHLO_inside_defers_the_mail(string how, string text, string closed)
    {
        Confirm();
        Assert.Equal(Limits.ReplyTimeout, _mailer.PeerTimeout);
        Assert.False(_mailer.WantsClient);
        switch (how)
        {
            case "end":
                _mailer.ServerEnded();
                break;
            case "time":
                _mailer.TimedOut();
                break;
            case "alert":
                _server!.Fail(_toMailer);
                break;
            default:
                _server!.Send("what\n"u8, _toMailer);
                break;
        }

        Pass();
        Assert.Equal("220 mx.b.test\r\n" + text, Local());
        Assert.True(_mailer.Report is { Deferred: true });
        Assert.Equal(how == "garbage" ? "unreachable" : "broken", _mailer.Report.Reason);
        Assert.Equal((SessionRequest.Close, closed), (_mailer.Request, _mailer.Report.Closed));
        Assert.Equal(how is "time" or "garbage", _server!.State == ChannelState.Closed);
    }

    [Fact]
    public void A_refused_EHLO_inside_is_the_local_servers_to_judge() // [BP-10.4-5]
    {
        Confirm();
        Assert.Equal("EHLO a.test\r\n", Heard());
        Sends("502-no\r\n502-STARTTLS\r\n502 not here\r\n");
        Assert.Equal("220 mx.b.test\r\n502-no\r\n502-STARTTLS\r\n502 not here\r\n", Local());
        Assert.True(_mailer.WantsClient);
        Says("HELO a.test\r\n");
        Assert.Equal("HELO a.test\r\n", Heard());
    }

    [Fact]
    public void An_exchanger_with_a_bad_greeting_is_followed_by_the_next_and_the_mail_server_sees_one_greeting() // [BP-9.2-4], [BP-10.4-2]
    {
        _mailer.Connected("mx.b.test", 25, moreTargets: true);
        Assert.Equal(Limits.GreetingTimeout, _mailer.PeerTimeout);
        _mailer.FromServer("554 mx.b.test no service\r\n"u8);
        Assert.Equal(SessionRequest.Connect, _mailer.Request);
        Assert.Equal(Timeout.InfiniteTimeSpan, _mailer.PeerTimeout);
        Assert.Equal("", Local());
        _mailer.Connected("mx2.b.test", 2525, moreTargets: false);
        Assert.Equal(SessionRequest.None, _mailer.Request);
        _mailer.FromServer("220 mx2.b.test\r\n"u8);
        Assert.Equal("220 mx2.b.test\r\n", Local());
        Assert.Equal("mx2.b.test:2525", _mailer.Report.Peer);
    }

    [Fact]
    public void The_last_exchangers_bad_greeting_is_the_local_servers_to_judge() // [BP-10.4-2], [BP-10.4-24]
    {
        _mailer.Connected("mx.b.test", 25, moreTargets: false);
        _mailer.FromServer("554 mx.b.test no \0 service\r\n"u8);
        Assert.Equal("554 mx.b.test no ? service\r\n", Local());
        Assert.Equal((SessionRequest.Close, "plain"), (_mailer.Request, _mailer.Report.Closed));
    }

    [Fact]
    public void A_bad_greeting_of_a_second_exchanger_defers_the_mail_and_is_not_a_second_greeting() // [BP-9.2-4], [BP-10.4-8]
    {
        Confirm(moreTargets: true);
        _mailer.ServerEnded();
        Assert.Equal(SessionRequest.Connect, _mailer.Request);
        _mailer.Connected("mx2.b.test", 25, moreTargets: false);
        Assert.Null(_mailer.Report.Suite);
        Assert.False(_mailer.Report.Encrypted);
        _mailer.FromServer("554 no service\r\n"u8);
        Assert.Equal("220 mx.b.test\r\n421 4.3.0 The server is not available now\r\n", Local());
        Assert.True(_mailer.Report is { Deferred: true, Closed: "plain" });
    }

    [Fact]
    public void A_bad_greeting_between_two_good_ones_is_passed_over() // [BP-9.2-4]
    {
        Confirm(moreTargets: true);
        _mailer.ServerEnded();
        _mailer.Connected("mx2.b.test", 25, moreTargets: true);
        _mailer.FromServer("421 busy\r\n"u8);
        Assert.Equal(SessionRequest.Connect, _mailer.Request);
        Connect("mx3.b.test", moreTargets: false);
        Assert.Equal("EHLO a.test\r\n", Plain());
        Agree();
        Sends("250 mx3.b.test\r\n");
        Assert.Equal("220 mx.b.test\r\n250 mx3.b.test\r\n", Local());
        Assert.True(_mailer.Report is { Encrypted: true, Suite: Suite, Peer: "mx3.b.test:25", Downgrade: false });
    }

    [Theory]
    [InlineData("421 busy\r\n", "")]
    [InlineData("450 later\r\n", "QUIT\r\n")]
    [InlineData("400 later\r\n", "QUIT\r\n")]
    [InlineData("499 later\r\n", "QUIT\r\n")]
    public void A_server_that_defers_EHLO_hears_QUIT_unless_it_said_421(string reply, string quit) // [BP-9.1-7]
    {
        Connect("mx.b.test", moreTargets: false);
        Ehlo();
        Plain();
        Answer(reply);
        Assert.Equal(quit, Plain());
        Assert.Equal("220 mx.b.test\r\n421 4.3.0 The server deferred EHLO\r\n", Local());
        Assert.True(_mailer.Report is { Deferred: true, Reason: "ehlo-refused" });
    }

    [Theory]
    [InlineData("421 busy\r\n")]
    [InlineData("450 later\r\n")]
    public void A_server_that_defers_EHLO_is_followed_by_the_next_exchanger(string reply) // [BP-9.2-9]
    {
        Connect("mx.b.test", moreTargets: true);
        Ehlo();
        Answer(reply);
        Assert.Equal(SessionRequest.Connect, _mailer.Request);
        _mailer.ConnectFailed(moreTargets: false);
        Assert.Equal("220 mx.b.test\r\n421 4.4.1 No mail server reachable, try again later\r\n", Local());
        Assert.True(_mailer.Report is { Deferred: true, Reason: "unreachable" });
    }

    [Fact]
    public void Where_no_exchanger_can_be_reached_the_mail_is_deferred() // [BP-9.2-4], [BP-10.4-8]
    {
        _mailer.ConnectFailed(moreTargets: true);
        Assert.Equal(SessionRequest.Connect, _mailer.Request);
        _mailer.ConnectFailed(moreTargets: false);
        Assert.Equal("421 4.4.1 No mail server reachable, try again later\r\n", Local());
        Assert.Equal(SessionRequest.Close, _mailer.Request);
    }

    [Theory]
    [InlineData("", "ident-missing")]
    [InlineData("3", "ident-mismatch")]
    [InlineData("2", null)]
    [InlineData("3 1", null)]
    public void A_remembered_server_shows_a_key_that_is_remembered(string keys, string? reason) // [BP-9.4-3], [BP-9.4-4], [BP-9.4-8]
    {
        _memory.Good("mx.b.test", 25, [Key(1).PublicKey, Key(2).PublicKey]);
        _clock.Advance(TimeSpan.FromHours(1));
        Restart(ClientPolicy.Remembered);
        Confirm(idents: [.. keys.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(k => Key(byte.Parse(k, null)))]);
        Sends("250 mx.b.test\r\n");
        Assert.Equal(reason, _mailer.Report.Reason);
        Assert.Equal(reason is not null, _mailer.Report.Deferred);
        var entry = _memory.Find("mx.b.test", 25, out _)!;
        Assert.Equal(reason is null ? null : _clock.GetUtcNow(), entry.FailingSince);
        Assert.Equal(reason is null ? _clock.GetUtcNow() : _clock.GetUtcNow() - TimeSpan.FromHours(1), entry.LastGood);
        Assert.Equal(reason is null
            ? "220 mx.b.test\r\n250 mx.b.test\r\n"
            : "220 mx.b.test\r\n421 4.7.0 The server does not show the remembered key\r\n", Local());
        Assert.Equal(reason is not null, _server!.State == ChannelState.Closed);
        Assert.Equal("EHLO a.test\r\n", Heard());
    }

    [Fact]
    public void A_server_without_keys_is_remembered_and_one_that_shows_keys_with_them() // [BP-9.4-2], [BP-9.4-3]
    {
        _memory.Good("mx.b.test", 25, []);
        Restart(ClientPolicy.Remembered);
        Confirm(idents: [Key(1)]);
        Assert.Empty(_memory.Find("mx.b.test", 25, out _)!.Idents);
        Sends("250 mx.b.test\r\n");
        Assert.Equal([Convert.ToHexStringLower(Key(1).PublicKey)], _memory.Find("mx.b.test", 25, out _)!.Idents);
        Assert.Null(_mailer.Report.Unremembered);
    }

    [Fact]
    public void Nothing_is_remembered_under_required() // [BP-9.4-2]
    {
        Restart(ClientPolicy.Required);
        Inside();
        Assert.Equal(0, _memory.Count);
    }

    [Fact]
    public void A_name_that_cannot_be_remembered_is_reported() // [BP-9.4-17]
    {
        Restart(ClientPolicy.Remembered);
        Connect("no_-.test", moreTargets: false);
        Ehlo();
        Agree();
        Sends("250 mx.b.test\r\n");
        Assert.Equal("no_-.test:25", _mailer.Report.Unremembered);
        Assert.StartsWith("not remembered: ", Assert.Single(_mailer.Report.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void ROT_is_spoken_where_it_was_named_and_nothing_is_remembered_of_it() // [BP-5.5-5], [BP-5.5-9], [BP-9.4-2]
    {
        Restart(ClientPolicy.Remembered, SuiteRegistry.Find("ROT")!);
        Rot();
        Assert.Equal("RUYB n.grfg\r\n", Plain());
        _mailer.FromServer("250 zk.o.grfg\r\n"u8);
        Assert.Equal("220 mx.b.test\r\n250 mx.b.test\r\n", Local());
        Assert.Equal(0, _memory.Count);
        Assert.True(_mailer.Report is { Suite: "ROT", Encrypted: false });
        _mailer.FromClient("MAIL FROM:<a@a>\r\n"u8);
        Assert.Equal("ZNVY SEBZ:<n@n>\r\n", Plain());
        _mailer.ClientEnded();
        Assert.Equal((SessionRequest.Close, "plain"), (_mailer.Request, _mailer.Report.Closed));
    }

    [Fact]
    public void A_server_that_came_into_the_memory_since_ROT_was_chosen_gets_no_mail_in_it() // [BP-9.1-4]
    {
        Restart(ClientPolicy.Remembered, SuiteRegistry.Find("ROT")!);
        Rot();
        Plain();
        _memory.Good("mx.b.test", 25, []);
        _mailer.FromServer("250 zk.o.grfg\r\n"u8);
        Assert.Equal("DHVG\r\n", Plain());
        Assert.Equal("220 mx.b.test\r\n421 4.7.0 Encryption required\r\n", Local());
        Assert.True(_mailer.Report is { Deferred: true, Reason: "refused" });
        Assert.NotNull(_memory.Find("mx.b.test", 25, out _)!.FailingSince);
    }

    [Fact]
    public void ROT_is_not_spoken_with_a_remembered_server() // [BP-9.1-4]
    {
        _memory.Good("mx.b.test", 25, []);
        Restart(ClientPolicy.Remembered, SuiteRegistry.Find("ROT")!);
        Connect("mx.b.test", moreTargets: false);
        Ehlo();
        Plain();
        Answer("250-mx.b.test\r\n250 XBLACKPONY V1 ROT\r\n");
        Assert.Equal("QUIT\r\n", Plain());
        Assert.True(_mailer.Report is { Deferred: true, Reason: "remembered" });
    }

    [Fact]
    public void A_504_is_followed_by_the_next_suite_and_a_second_one_by_plaintext() // [BP-4.8-4], [BP-4.8-5]
    {
        Connect("mx.b.test", moreTargets: false);
        Ehlo();
        Plain();
        Answer("250-mx.b.test\r\n250-XBLACKPONY V1 X25519MLKEM768-AES256GCM X25519-CHACHA20POLY1305 RSA-BLOWFISH\r\n250 STARTTLS\r\n");
        Assert.StartsWith("XBLACKPONY V1 X25519MLKEM768-AES256GCM ", Plain(), StringComparison.Ordinal);
        Answer("504 no\r\n");
        Assert.StartsWith("XBLACKPONY V1 X25519-CHACHA20POLY1305 ", Plain(), StringComparison.Ordinal);
        Answer("504 no\r\n");
        Assert.Equal("", Plain());
        Assert.Equal("220 mx.b.test\r\n250-mx.b.test\r\n250 STARTTLS\r\n", Local());
        Assert.True(_mailer.Report is { Reason: "refused", Suite: null, Encrypted: false });
        _mailer.FromClient("NOOP\r\n"u8);
        Assert.Equal("NOOP\r\n", Plain());
    }

    // [BP-4.8-7], [BP-9.1-2]
    [Theory]
    [InlineData("454 not now\r\n", ClientPolicy.Opportunistic)]
    [InlineData("504 no\r\n", ClientPolicy.Required)]
    [InlineData("454 not now\r\n", ClientPolicy.Required)]
    public void Another_refusal_or_one_that_would_weaken_what_is_asked_for_is_followed_by_no_other_suite(string reply, ClientPolicy policy)
    {
        Restart(policy);
        Connect("mx.b.test", moreTargets: false);
        Ehlo();
        Plain();
        Answer("250-mx.b.test\r\n250 XBLACKPONY V1 X25519MLKEM768-AES256GCM X25519-CHACHA20POLY1305\r\n");
        Plain();
        Answer(reply);
        Assert.Equal(policy == ClientPolicy.Required ? "QUIT\r\n" : "", Plain());
        Assert.Equal((policy == ClientPolicy.Required, "refused"), (_mailer.Report.Deferred, _mailer.Report.Reason));
    }

    [Theory]
    [InlineData("421 going\r\n")]
    [InlineData("250 what\r\n")]
    [InlineData("220 no share\r\n")]
    [InlineData("what\r\n")]
    [InlineData("")]
    [InlineData("time")]
    public void An_upgrade_that_breaks_is_followed_by_one_connection_in_plaintext(string how) // [BP-9.2-2], [BP-9.2-3], [BP-9.2-5]
    {
        Connect("mx.b.test", moreTargets: true);
        Ehlo();
        Answer("250-mx.b.test\r\n250 XBLACKPONY V1 X25519-CHACHA20POLY1305\r\n");
        Assert.Equal(Limits.UpgradeTimeout, _mailer.PeerTimeout);
        Plain();
        Break(how);
        Assert.Equal(SessionRequest.Reconnect, _mailer.Request);
        Assert.Equal("", Plain());
        Connect("mx.b.test", moreTargets: true);
        Assert.Equal("EHLO a.test\r\n", Plain());
        Answer("250-mx.b.test\r\n250-XBLACKPONY V1 X25519-CHACHA20POLY1305\r\n250 STARTTLS\r\n");
        Assert.Equal("220 mx.b.test\r\n250-mx.b.test\r\n250 STARTTLS\r\n", Local());
        Assert.True(_mailer.Report is { Downgrade: true, Reason: "broken", Encrypted: false, Suite: null, Deferred: false });
        Assert.StartsWith("downgrade: mx.b.test:25 ", Assert.Single(_mailer.Report.Warnings), StringComparison.Ordinal);
        _mailer.FromClient("MAIL FROM:<a@a>\r\n"u8);
        Assert.Equal("MAIL FROM:<a@a>\r\n", Plain());
    }

    // [BP-9.1-2], [BP-9.1-5]
    [Theory]
    [InlineData("421 going\r\n")]
    [InlineData("")]
    public void An_upgrade_that_breaks_where_encryption_is_required_is_followed_by_the_next_exchanger_or_none(string how)
    {
        Restart(ClientPolicy.Required);
        Connect("mx.b.test", moreTargets: true);
        Ehlo();
        Answer("250-mx.b.test\r\n250 XBLACKPONY V1 X25519-CHACHA20POLY1305\r\n");
        Break(how);
        Assert.Equal(SessionRequest.Connect, _mailer.Request);
        Connect("mx2.b.test", moreTargets: false);
        Plain();
        Answer("250-mx2.b.test\r\n250 XBLACKPONY V1 X25519-CHACHA20POLY1305\r\n");
        Plain();
        Break(how);
        Assert.Equal("220 mx.b.test\r\n421 4.7.0 Encryption required, and the upgrade failed\r\n", Local());
        Assert.True(_mailer.Report is { Deferred: true, Reason: "broken", Downgrade: false });
        Assert.Equal("", Plain());
    }

    [Fact]
    public void A_next_exchanger_is_asked_for_encryption_again() // [BP-9.2-4]
    {
        Connect("mx.b.test", moreTargets: true);
        Ehlo();
        Answer("250-mx.b.test\r\n250 XBLACKPONY V1 X25519-CHACHA20POLY1305\r\n");
        Break("");
        Connect("mx.b.test", moreTargets: true);
        Break("");
        Assert.Equal(SessionRequest.Connect, _mailer.Request);
        Connect("mx2.b.test", moreTargets: false);
        Plain();
        Answer("250-mx2.b.test\r\n250 XBLACKPONY V1 X25519-CHACHA20POLY1305\r\n");
        Assert.StartsWith("XBLACKPONY V1 X25519-CHACHA20POLY1305 ", Plain(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_server_whose_Finished_is_wrong_gets_an_alert_and_one_connection_in_plaintext() // [BP-6.3-3], [BP-9.2-2]
    {
        Connect("mx.b.test", moreTargets: false);
        Ehlo();
        Offer();
        var records = Switch();
        records[^1] ^= 1;
        _mailer.FromServer(records);
        Assert.Equal(SessionRequest.Reconnect, _mailer.Request);
        Assert.True(_mailer.Report is { Encrypted: false, Suite: null });
    }

    [Fact]
    public void Replies_that_come_octet_by_octet_are_the_same() // [BP-4.3-11]
    {
        foreach (var octet in Encoding.ASCII.GetBytes("220-mx\r\n220 b.test\r\n"))
        {
            if (_mailer.Report.Peer.Length == 0)
            {
                _mailer.Connected("mx.b.test", 25, moreTargets: false);
            }

            _mailer.FromServer([octet]);
        }

        Ehlo();
        _upgrade = new ServerUpgrade(new ServerOptions(TestRsaKeys.Server) { Suites = [SuiteRegistry.Find(Suite)!], Grease = false },
            new SeededRandom("inside", "server"));
        Plain();
        Array.ForEach(Encoding.ASCII.GetBytes($"250-mx.b.test\r\n250 {Encoding.ASCII.GetString(_upgrade.NewOffer().Span)}\r\n"),
            o => _mailer.FromServer([o]));
        Array.ForEach(Switch(), o => _mailer.FromServer([o]));
        Pass();
        Assert.Equal("EHLO a.test\r\n", Heard());
        Array.ForEach(Encoding.ASCII.GetBytes("250 mx.b.test\r\n"), o => Sends(((char)o).ToString()));
        Assert.Equal("220-mx\r\n220 b.test\r\n250 mx.b.test\r\n", Local());
    }

    [Fact]
    public void A_server_that_is_silent_before_its_Finished_gets_no_record() // [BP-6.3-4], [BP-8.1-6]
    {
        Connect("mx.b.test", moreTargets: false);
        Ehlo();
        Offer();
        Switch();
        _mailer.TimedOut();
        Assert.Equal("", Plain());
        Assert.Equal(SessionRequest.Reconnect, _mailer.Request);
    }

    [Theory]
    [InlineData("greeting")]
    [InlineData("EHLO")]
    public void A_server_that_is_lost_before_it_said_what_it_has_defers_the_mail(string at) // [BP-9.2-4]
    {
        _mailer.Connected("mx.b.test", 25, moreTargets: false);
        if (at == "EHLO")
        {
            _mailer.FromServer("220 mx.b.test\r\n"u8);
            Ehlo();
            Local();
        }

        _mailer.ServerEnded();
        Assert.Equal("421 4.4.2 Connection lost\r\n", Local());
        Assert.True(_mailer.Report is { Deferred: true, Reason: "unreachable", Closed: "plain" });
    }

    [Theory]
    [InlineData("300 what\r\n")]
    [InlineData("399 what\r\n")]
    [InlineData("what\r\n")]
    public void What_is_no_answer_to_EHLO_defers_the_mail(string reply) // [BP-9.2-9]
    {
        Connect("mx.b.test", moreTargets: false);
        Ehlo();
        Local();
        Answer(reply);
        Assert.Equal("421 4.3.0 The server does not speak SMTP\r\n", Local());
        Assert.True(_mailer.Report is { Deferred: true, Reason: "unreachable" });
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    public void A_server_may_say_so_much_unasked_and_no_more(int more, bool ends) // found by fuzzing
    {
        Connect("mx.b.test", moreTargets: false);
        Local();
        Answer(new string('2', Limits.MaxEhloLine + more));
        Assert.Equal(ends ? SessionRequest.Close : SessionRequest.None, _mailer.Request);
        Assert.Equal(ends ? "unreachable" : null, _mailer.Report.Reason);
    }

    [Theory]
    [InlineData("QUIT")]
    [InlineData("HELO a.test")]
    public void What_a_server_said_unasked_is_passed_on_when_the_session_is_plain(string says)
    {
        Connect("mx.b.test", moreTargets: false);
        Answer("250 early\r\n");
        Assert.Equal("220 mx.b.test\r\n", Local());
        _mailer.FromClient(Encoding.ASCII.GetBytes(says + "\r\n"));
        Assert.Equal("250 early\r\n", Local());
    }

    [Fact]
    public void Everything_that_comes_whole_is_progress_and_half_a_line_is_none() // spec 13
    {
        _mailer.Connected("mx.b.test", 25, moreTargets: false);
        long before = _mailer.Progress;
        _mailer.FromServer("220 mx"u8);
        Assert.Equal(before, _mailer.Progress);
        _mailer.FromServer("\r\n"u8);
        Assert.NotEqual(before, _mailer.Progress);
    }

    [Fact]
    public void The_policy_remembered_without_a_memory_remembers_nobody() // [BP-9.4-2]
    {
        using var mailer = new MailerSession(new MailerOptions(TestRsaKeys.Client) { Policy = ClientPolicy.Remembered },
            new SeededRandom("inside", "client"));
        mailer.Connected("mx.b.test", 25, moreTargets: false);
        mailer.FromServer("220 mx.b.test\r\n"u8);
        mailer.FromClient("EHLO a.test\r\n"u8);
        mailer.FromServer("250 mx.b.test\r\n"u8);
        Assert.EndsWith("250 mx.b.test\r\n", Encoding.ASCII.GetString(mailer.ToClient.WrittenSpan), StringComparison.Ordinal);
    }

    [Fact]
    public void A_server_that_was_forgotten_is_reported_though_it_is_looked_up_again() // [BP-9.4-10]
    {
        _memory.Good("mx.b.test", 25, []);
        _memory.Failing("mx.b.test", 25);
        _clock.Advance(Limits.MemoryPatience + TimeSpan.FromSeconds(1));
        Restart(ClientPolicy.Remembered);
        Connect("mx.b.test", moreTargets: false);
        Ehlo();
        Answer("250-mx.b.test\r\n250 XBLACKPONY V1 X25519-CHACHA20POLY1305\r\n");
        Answer("504 no\r\n");
        Assert.Equal("mx.b.test:25", _mailer.Report.Forgotten);
        Assert.Equal("refused", _mailer.Report.Reason);
    }

    [Fact]
    public void A_504_behind_a_continuation_is_followed_by_no_other_suite() // [BP-4.2-11], [BP-4.8-4]
    {
        var (rsa, other) = (SuiteRegistry.Find("RSA-BLOWFISH")!, SuiteRegistry.Find(Suite)!);
        using var mailer = new MailerSession(new MailerOptions(TestRsaKeys.Client) { Suites = [rsa, other] },
            new SeededRandom("inside", "client"));
        mailer.Connected("mx.b.test", 25, moreTargets: false);
        mailer.FromServer("220 mx.b.test\r\n"u8);
        mailer.FromClient("EHLO a.test\r\n"u8);
        _upgrade = new ServerUpgrade(new ServerOptions(TestRsaKeys.Server) { Suites = [rsa, other], Grease = false },
            new SeededRandom("inside", "server"));
        mailer.ToServer.ResetWrittenCount();
        mailer.FromServer(Encoding.ASCII.GetBytes($"250-mx\r\n250 {Encoding.ASCII.GetString(_upgrade.NewOffer().Span)}\r\n"));
        _upgrade.Examine(mailer.ToServer.WrittenSpan[..^2], inside: false, afterEhlo: true, inTransaction: false);
        mailer.FromServer(_upgrade.Exchange().Reply);
        mailer.ToServer.ResetWrittenCount();
        mailer.FromServer("504 no\r\n"u8);
        Assert.Equal(0, mailer.ToServer.WrittenCount);
        Assert.EndsWith("250 mx\r\n", Encoding.ASCII.GetString(mailer.ToClient.WrittenSpan), StringComparison.Ordinal);
    }

    [Fact]
    public void EHLO_inside_is_said_behind_the_servers_Finished_and_not_before() // [BP-10.4-4], [BP-6.3-4]
    {
        Connect("mx.b.test", moreTargets: false);
        Ehlo();
        Offer();
        var records = Switch();
        _mailer.FromServer(records.AsSpan(0, records.Length - 1));
        Assert.Equal("", Plain());
        Assert.Equal(Limits.UpgradeTimeout, _mailer.PeerTimeout);
        Assert.False(_mailer.WantsClient);
        _mailer.FromServer(records.AsSpan(records.Length - 1));
        Pass();
        Assert.Equal("EHLO a.test\r\n", Heard());
    }

    [Fact]
    public void What_the_local_server_says_during_the_upgrade_is_passed_on_behind_it() // [BP-4.2-9], [BP-4.6-4]
    {
        Connect("mx.b.test", moreTargets: false);
        _mailer.FromClient("EHLO a.test\r\nMAIL FROM:<a@a>\r\n"u8);
        Assert.Equal("EHLO a.test\r\n", Plain());
        Assert.False(_mailer.WantsClient);
        Agree();
        Assert.Equal("EHLO a.test\r\n", Heard());
        Sends("250 mx.b.test\r\n");
        Assert.Equal("MAIL FROM:<a@a>\r\n", Heard());
    }

    [Theory]
    [InlineData("EHLO a.test")]
    [InlineData("HELO a.test")]
    public void A_local_server_that_ends_outside_ends_the_session(string says)
    {
        Connect("mx.b.test", moreTargets: false);
        _mailer.FromClient(Encoding.ASCII.GetBytes(says + "\r\n"));
        _mailer.ClientEnded();
        Assert.Equal((SessionRequest.Close, "plain"), (_mailer.Request, _mailer.Report.Closed));
        Plain();
        Answer("250 mx.b.test\r\n");
        Assert.Equal("220 mx.b.test\r\n", Local());
    }

    [Theory]
    [InlineData(0, "503 5.5.1 EHLO first\r\n")]
    [InlineData(1, "500 5.5.2 Line too long\r\n")]
    public void A_line_of_the_local_server_before_EHLO_is_kept_within_a_limit(int more, string answer) // [BP-10.4-15]
    {
        Connect("mx.b.test", moreTargets: false);
        Local();
        _mailer.FromClient(Encoding.ASCII.GetBytes(new string('x', Limits.MaxCommandLine + more)));
        Assert.Equal(more == 0 ? SessionRequest.None : SessionRequest.Close, _mailer.Request);
        _mailer.FromClient("\r\n"u8);
        Assert.Equal(answer, Local());
        Assert.Equal(more == 0 ? "lost" : "plain", _mailer.Report.Closed);
    }

    [Fact]
    public void HELO_is_not_said_to_a_server_that_must_encrypt() // [BP-9.2-8]
    {
        Restart(ClientPolicy.Required);
        Connect("mx.b.test", moreTargets: false);
        _mailer.FromClient("HELO a.test\r\nMAIL FROM:<a@a>\r\n"u8);
        Assert.Equal("QUIT\r\n", Plain());
        Assert.Equal("220 mx.b.test\r\n421 4.7.0 Encryption required, and EHLO was not sent\r\n", Local());
        Assert.True(_mailer.Report is { Deferred: true, Reason: "ehlo-refused" });
    }

    // [BP-9.2-8], [BP-10.4-25]
    [Theory]
    [InlineData(ClientPolicy.Opportunistic, "220 mx.b.test\r\n500 what\r\n", null)]
    [InlineData(ClientPolicy.Required, "220 mx.b.test\r\n421 4.7.0 Encryption required, and the server refused EHLO\r\n", "QUIT\r\n")]
    public void A_refused_EHLO_is_the_local_servers_to_judge_where_plaintext_is_allowed(ClientPolicy policy, string local, string? quit)
    {
        Restart(policy);
        Connect("mx.b.test", moreTargets: false);
        Ehlo();
        Plain();
        Answer("500 what\r\n");
        Assert.Equal(local, Local());
        Assert.Equal(quit ?? "", Plain());
        Assert.Equal("ehlo-refused", _mailer.Report.Reason);
        Assert.Equal(quit is not null, _mailer.Report.Deferred);
        if (quit is null)
        {
            _mailer.FromClient("EHLO a.test\r\n"u8);
            Assert.Equal("503 5.5.1 EHLO first\r\n", Local());
            _mailer.FromClient("HELO a.test\r\n"u8);
            Assert.Equal("HELO a.test\r\n", Plain());
        }
    }

    private static byte[] Taken(PooledBuffer buffer)
    {
        var octets = buffer.WrittenSpan.ToArray();
        buffer.ResetWrittenCount();
        return octets;
    }

    private static IdentKey Key(byte number) => new([.. Enumerable.Repeat(number, 32)]);

    private MailerSession Mailer(ClientPolicy policy, params Suite[] more) => new(
        new MailerOptions(TestRsaKeys.Client) { Policy = policy, Memory = _memory, Suites = [.. SuiteRegistry.Default, .. more] },
        new SeededRandom("inside", "client"));

    private void Restart(ClientPolicy policy, params Suite[] more)
    {
        _mailer.Dispose();
        _mailer = Mailer(policy, more);
    }

    private string Local() => Encoding.Latin1.GetString(Taken(_mailer.ToClient));

    private string Plain() => Encoding.Latin1.GetString(Taken(_mailer.ToServer));

    private void Answer(string reply) => _mailer.FromServer(Encoding.Latin1.GetBytes(reply));

    private void Ehlo() => _mailer.FromClient("EHLO a.test\r\n"u8);

    private void Connect(string name, bool moreTargets)
    {
        _mailer.Connected(name, 25, moreTargets);
        _mailer.FromServer("220 mx.b.test\r\n"u8);
    }

    private void Break(string how)
    {
        switch (how)
        {
            case "":
                _mailer.ServerEnded();
                break;
            case "time":
                _mailer.TimedOut();
                break;
            default:
                Answer(how);
                break;
        }
    }

    private void Offer(IReadOnlyList<IdentKey>? idents = null)
    {
        _upgrade = new ServerUpgrade(new ServerOptions(TestRsaKeys.Server)
        {
            Suites = [SuiteRegistry.Find(Suite)!],
            Grease = false,
            Idents = idents ?? [],
        }, new SeededRandom("inside", "server"));
        Plain();
        Answer($"250-mx.b.test\r\n250 {Encoding.ASCII.GetString(_upgrade.NewOffer().Span)}\r\n");
    }

    // The server's 220; what follows it, its Finished, is returned.
    private byte[] Switch()
    {
        var command = Taken(_mailer.ToServer);
        Assert.Equal(ServerStepKind.Accepted,
            _upgrade!.Examine(command.AsSpan()[..^2], inside: false, afterEhlo: true, inTransaction: false).Kind);
        var step = _upgrade.Exchange();
        _server = step.Channel!;
        _mailer.FromServer(step.Reply);
        _server.Start(_toMailer);
        return Taken(_toMailer);
    }

    private void Agree(IReadOnlyList<IdentKey>? idents = null)
    {
        Offer(idents);
        _mailer.FromServer(Switch());
        Pass();
    }

    // To EHLO inside, which the server has not answered.
    private void Confirm(bool moreTargets = false, IReadOnlyList<IdentKey>? idents = null)
    {
        Connect("mx.b.test", moreTargets);
        Ehlo();
        Agree(idents);
        Assert.True(_server!.IsEstablished);
    }

    private void Inside()
    {
        Confirm();
        Sends("250-mx.b.test\r\n250-STARTTLS\r\n250-XBLACKPONY V1 ROT\r\n250 SIZE\r\n");
        Assert.Equal("EHLO a.test\r\n", Heard());
    }

    private void Rot()
    {
        Connect("mx.b.test", moreTargets: false);
        Ehlo();
        Plain();
        Answer("250-mx.b.test\r\n250 XBLACKPONY V1 ROT\r\n");
        Assert.Equal("XBLACKPONY V1 ROT 13\r\n", Plain());
        Answer("220 from here on\r\n");
    }

    private void Sends(string text)
    {
        _server!.Send(Encoding.Latin1.GetBytes(text), _toMailer);
        Pass();
    }

    private void Says(string text)
    {
        _mailer.FromClient(Encoding.Latin1.GetBytes(text));
        Pass();
    }

    // The octets on their way reach both sides, until there are none.
    private void Pass()
    {
        while (_toMailer.WrittenCount + _mailer.ToServer.WrittenCount > 0)
        {
            _mailer.FromServer(Taken(_toMailer));
            _server!.Receive(Taken(_mailer.ToServer), _heard, _toMailer);
        }
    }

    private string Heard()
    {
        Pass();
        return Encoding.Latin1.GetString(Taken(_heard));
    }
}
