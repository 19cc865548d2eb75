using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Inbound;
using BlackPony.Smtp.Lines;

namespace BlackPony.Tests.Reference.Smtp;

/// <summary>The relay's machine between an ordinary client and a scripted backend (spec 10).</summary>
public sealed class InboundSessionTests : IDisposable
{
    private readonly InboundSession _relay = new(new ServerOptions(new RsaKeys(TimeProvider.System)) { Grease = false }, Seeded(), "test");

    public InboundSessionTests()
    {
        _relay.BackendReady("220 b.test\r\n"u8);
        Assert.Equal("220 b.test\r\n", ToClient());
        Client("EHLO a.test\r\n");
        Assert.Equal("EHLO a.test\r\n", ToBackend());
        Backend("250-b.test\r\n250-STARTTLS\r\n250-XCLIENT ADDR\r\n250-XBLACKPONY V1 ROT\r\n250 CHUNKING\r\n");
    }

    public void Dispose() => _relay.Dispose();

    [Fact]
    public void Ehlo_is_passed_on_with_the_relays_own_offer_and_STARTTLS() // [BP-10.2-8], [BP-10.2-10], [BP-10.1-5], [BP-4.8-3]
        => Assert.Equal(
            "250-b.test\r\n250-STARTTLS\r\n250-CHUNKING\r\n250 XBLACKPONY V1 X25519MLKEM768-CHACHA20POLY1305 X25519MLKEM768-AES256GCM "
                + "X25519-CHACHA20POLY1305 RSA-BLOWFISH\r\n", ToClient());

    [Fact]
    public void After_STARTTLS_it_is_a_plain_pipe() // [BP-10.2-11]
    {
        ToClient();
        Client("STARTTLS\r\n");
        Assert.Equal("STARTTLS\r\n", ToBackend());
        Backend("220 go\r\n");
        Assert.Equal("220 go\r\n", ToClient());
        Client("\x16\x03\x01\n\0XCLIENT\r\n");
        Assert.Equal("\x16\x03\x01\n\0XCLIENT\r\n", ToBackend());
        Backend("\x16\x03\x03\0\n");
        Assert.Equal("\x16\x03\x03\0\n", ToClient());
    }

    // [BP-10.2-13], [BP-4.4-5]
    [Theory]
    [InlineData("250 taken\r\n", "503 5.5.1 ")]
    [InlineData("550 not taken\r\n", "501 5.5.4 ")]
    public void An_upgrade_behind_MAIL_is_examined_when_the_backend_has_answered_MAIL(string answer, string refusal)
    {
        ToClient();
        Client("MAIL FROM:<a@a>\r\nXBLACKPONY V1\r\n");
        Assert.Equal("", ToClient());
        Backend(answer);
        Assert.StartsWith(answer + refusal, ToClient(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_plain_pipe_says_nothing_of_its_own_and_waits_for_either_side() // [BP-10.2-14]
    {
        ToClient();
        Client("STARTTLS\r\n");
        Backend("220 go\r\n");
        ToClient();
        Assert.Equal(Limits.NextServerTimeout, _relay.PeerTimeout);
        long before = _relay.Progress;
        Backend("\x17\x03\x03\0\u0001x");
        Assert.NotEqual(before, _relay.Progress);
        ToClient();
        _relay.TimedOut();
        Assert.Equal((SessionRequest.Close, "plain"), (_relay.Request, _relay.Report.Closed));
        Assert.Equal("", ToClient());
    }

    [Fact]
    public void Without_any_suite_a_command_with_something_behind_it_is_refused_as_unknown_and_the_session_goes_on() // [BP-4.4-1]
    {
        using var off = new InboundSession(new ServerOptions(new RsaKeys(TimeProvider.System)) { Suites = [] }, Seeded(), "test");
        off.BackendReady("220 b.test\r\n"u8);
        off.ToClient.ResetWrittenCount();
        off.FromClient("XBLACKPONY V1 X AAAA\r\nNOOP\r\n"u8);
        Assert.StartsWith("502 ", Encoding.ASCII.GetString(off.ToClient.WrittenSpan), StringComparison.Ordinal);
        Assert.Equal("NOOP\r\n", Encoding.ASCII.GetString(off.ToServer.WrittenSpan));
    }

    [Fact]
    public void Payloads_pass_octet_by_octet_and_commands_behind_them_are_read_again() // [BP-10.2-4], [BP-10.1-4]
    {
        ToClient();
        Client("MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nDATA\r\nXCLIENT held until 354 is there\r\n");
        Assert.Equal("MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nDATA\r\n", ToBackend());
        Backend("250 1\r\n250 2\r\n354 3\r\n");
        Client("bare\nlf\n.\nXCLIENT\n nul\0 \xFF\r\r\n.\r");
        Client("\nXCLIENT ADDR=127.0.0.1\r\n");
        Assert.Equal("XCLIENT held until 354 is there\r\nbare\nlf\n.\nXCLIENT\n nul\0 \xFF\r\r\n.\r\n", ToBackend());
        Assert.Equal("250 1\r\n250 2\r\n354 3\r\n", ToClient());
        Backend("250 kept\r\n");
        Assert.Equal("250 kept\r\n550 5.7.1 Not permitted\r\n", ToClient());
        Client("BDAT 12 LAST\r\nPROXY\nx\r\n.\r\nNOOP\r\n");
        Assert.Equal("BDAT 12 LAST\r\nPROXY\nx\r\n.\r\nNOOP\r\n", ToBackend());
        Assert.Equal("", ToClient());
    }

    [Theory]
    [InlineData("BDAT 80 FOO")]
    [InlineData("BDAT 80 LAST x")]
    [InlineData("BDAT -1")]
    [InlineData("BDAT 99999999999999999999")]
    public void A_malformed_BDAT_has_no_payload(string command) // [BP-10.2-4], [BP-10.1-4]
    {
        Client("EHLO a.test\r\n");
        Backend("250-b.test\r\n250 CHUNKING\r\n");
        ToBackend();
        Client(command + "\r\nXCLIENT ADDR=127.0.0.1\r\n");
        Backend("501 what\r\n");
        Assert.Equal(command + "\r\n", ToBackend());
    }

    [Fact]
    public void BDAT_is_no_payload_where_the_backend_does_not_know_it()
    {
        Client("EHLO a.test\r\n");
        Backend("250 b.test\r\n");
        ToClient();
        ToBackend();
        Client("BDAT 22\r\nXCLIENT ADDR=127.0.0.1\r\n");
        Assert.Equal("BDAT 22\r\n", ToBackend());
        Backend("500 what\r\n");
        Assert.Equal("", ToBackend());
        Assert.Equal("500 what\r\n550 5.7.1 Not permitted\r\n", ToClient());
    }

    /// <summary>A command that passes row 11 of spec 4.4 is refused for its share only when the backend has been reached.</summary>
    [Theory]
    [InlineData(true, "501 ")]
    [InlineData(false, "454 ")]
    public void The_fresh_backend_is_opened_before_the_share_is_examined(bool isThere, string reply) // [BP-10.3-10]
    {
        ToClient();
        Client("XBLACKPONY V1 X25519-CHACHA20POLY1305 AAAA\r\n");
        Assert.Equal(SessionRequest.Connect, _relay.Request);
        if (isThere)
            _relay.BackendReady("220 b.test\r\n"u8);
        else
            _relay.BackendUnavailable();

        Assert.StartsWith(reply, ToClient(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_fresh_backend_that_is_not_there_is_a_454_and_the_session_goes_on() // [BP-10.3-4]
    {
        ToClient();
        Client($"XBLACKPONY V1 X25519-CHACHA20POLY1305 {Convert.ToBase64String(Enumerable.Repeat((byte)9, 32).ToArray())}\r\n");
        Assert.Equal(SessionRequest.Connect, _relay.Request);
        _relay.BackendUnavailable();
        Assert.Equal(SessionRequest.None, _relay.Request);
        Assert.Equal(454, _relay.RefusedWith);
        Assert.StartsWith("454 ", ToClient(), StringComparison.Ordinal);
        Client("NOOP\r\n");
        Assert.Equal("NOOP\r\n", ToBackend());
    }

    [Fact]
    public void What_comes_behind_the_command_while_the_fresh_backend_is_opened_ends_the_session() // [BP-4.4-4], [BP-4.6-1]
    {
        ToClient();
        Client($"XBLACKPONY V1 X25519-CHACHA20POLY1305 {Convert.ToBase64String(Enumerable.Repeat((byte)9, 32).ToArray())}\r\n");
        Client("MAIL FROM:<evil@e>\r\n");
        Assert.StartsWith("503 5.5.1 ", ToClient(), StringComparison.Ordinal);
        Assert.Equal(SessionRequest.Close, _relay.Request);
        _relay.BackendReady("220 b.test\r\n"u8);
        Assert.Equal("", ToClient() + ToBackend());
    }

    [Fact]
    public void Any_split_of_a_plaintext_session_gives_the_same_octets()
    {
        const string Dialogue = "MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nBDAT 5\r\na\nb\r\nBDAT 3 LAST\r\n.\r\nNOOP\r\nXCLIENT X\r\n";
        foreach (char octet in Dialogue)
        {
            Client(octet.ToString());
        }

        Assert.Equal(Dialogue.Replace("XCLIENT X\r\n", "", StringComparison.Ordinal), ToBackend());
    }

    [Fact]
    public void A_client_that_sends_on_while_the_backend_is_silent_is_not_read_any_more() // [BP-10.1-7]
    {
        ToClient();
        Client("DATA\r\n");
        int sent = 0;
        for (; _relay.WantsClient; sent += 1000)
        {
            Client(new string('x', 1000));
        }

        Assert.InRange(sent, Limits.MaxHeld, Limits.MaxHeld + 1000);
        Assert.Equal("DATA\r\n", ToBackend());
        Backend("354 go\r\n");
        Assert.True(_relay.WantsClient);
        Assert.Equal(sent, ToBackend().Length);
    }

    [Fact]
    public void An_over_long_command_is_answered_and_not_kept() // [BP-10.2-12]
    {
        ToClient();
        for (int i = 0; i < 100; i++)
        {
            Client(new string('x', 1000));
        }

        Client("\r\nNOOP\r\n");
        Assert.StartsWith("500 ", ToClient(), StringComparison.Ordinal);
        Assert.Equal("NOOP\r\n", ToBackend());
    }

    [Fact]
    public void A_reply_that_comes_line_by_line_is_passed_on_once() // found by fuzzing
    {
        ToClient();
        Client("EHLO a.test\r\n");
        Backend("250-b.test\r\n");
        Backend("250-PIPELINING\r\n250-8BIT");
        Backend("MIME\r\n250 SIZE\r\n");
        Assert.StartsWith("250-b.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE\r\n250 XBLACKPONY ", ToClient(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_client_said_behind_STARTTLS_stays_before_what_it_says_later() // found by fuzzing
    {
        Client("STARTTLS\r\nearly ");
        Backend("220 go\r\n");
        Client("late");
        Assert.Equal("STARTTLS\r\nearly late", ToBackend());
    }

    [Theory]
    [InlineData("421 b.test going down\r\n")]
    [InlineData("garbage\n")]
    [InlineData("")]
    public void A_backend_that_gives_up_before_the_clients_Finished_is_not_told_of_before_it(string says) // [BP-6.3-5], found by fuzzing
    {
        Client($"XBLACKPONY V1 X25519-CHACHA20POLY1305 {Convert.ToBase64String(Enumerable.Repeat((byte)9, 32).ToArray())}\r\n");
        _relay.BackendReady("220 b.test\r\n"u8);
        _relay.ToClient.ResetWrittenCount();
        Backend(says);
        _relay.ServerEnded();
        Assert.Equal(0, _relay.ToClient.WrittenCount);
        Assert.Equal(Limits.FinishedTimeout, _relay.PeerTimeout);
        _relay.TimedOut();
        Assert.Equal(2 + 256 + 16, _relay.ToClient.WrittenCount);
        Assert.Equal(SessionRequest.Close, _relay.Request);
    }

    [Fact]
    public void A_relay_that_is_told_to_stop_before_the_clients_Finished_says_so_behind_it() // [BP-6.3-5], found by fuzzing
    {
        Client($"XBLACKPONY V1 X25519-CHACHA20POLY1305 {Convert.ToBase64String(Enumerable.Repeat((byte)9, 32).ToArray())}\r\n");
        _relay.BackendReady("220 b.test\r\n"u8);
        _relay.ToClient.ResetWrittenCount();
        _relay.Stop();
        Assert.Equal(0, _relay.ToClient.WrittenCount);
        Assert.Equal(Limits.FinishedTimeout, _relay.PeerTimeout);
    }

    [Fact]
    public void A_221_before_the_switch_is_forgotten_with_all_else() // [BP-4.5-1], found by fuzzing
    {
        Backend("221 b.test bye, unasked\r\n");
        Client($"XBLACKPONY V1 X25519-CHACHA20POLY1305 {Convert.ToBase64String(Enumerable.Repeat((byte)9, 32).ToArray())}\r\n");
        _relay.BackendReady("220 b.test\r\n"u8);
        _relay.ClientEnded();
        Assert.Equal("truncated", _relay.Report.Closed);
    }

    [Fact]
    public void A_client_that_had_ended_before_the_switch_is_truncated_at_once() // [BP-8.2-1], found by fuzzing
    {
        Client($"NOOP\r\nXBLACKPONY V1 X25519-CHACHA20POLY1305 {Convert.ToBase64String(Enumerable.Repeat((byte)9, 32).ToArray())}\r\n");
        _relay.ClientEnded();
        Backend("250 ok\r\n");
        _relay.BackendReady("220 b.test\r\n"u8);
        Assert.Equal(SessionRequest.Close, _relay.Request);
        Assert.Equal("truncated", _relay.Report.Closed);
    }

    [Fact]
    public void A_client_that_ended_within_a_line_leaves_no_session_behind() // state table G.6, found by cutting connections
    {
        Client("XBLACKPONY V1 X25519-CHACHA20POLY1305 CQAAAA");
        Assert.False(_relay.BackendInputDone);
        _relay.ClientEnded();
        Assert.True(_relay.BackendInputDone);
    }

    [Fact]
    public void What_a_client_said_before_it_ended_is_still_passed_on() // [BP-10.2-3]
    {
        Client("DATA\r\nNOOP\r\nQUI");
        _relay.ClientEnded();
        Assert.False(_relay.BackendInputDone);
        Backend("503 5.5.1 no\r\n");
        Assert.EndsWith("NOOP\r\n", Encoding.Latin1.GetString(_relay.ToServer.WrittenSpan), StringComparison.Ordinal);
        Assert.True(_relay.BackendInputDone);
    }

    [Fact]
    public void A_backend_that_never_answers_keeps_no_session_whose_client_has_gone()
    {
        Client("NOOP\r\n");
        Assert.Equal(Timeout.InfiniteTimeSpan, _relay.PeerTimeout);
        _relay.ClientEnded();
        Assert.Equal(Limits.NextServerTimeout, _relay.PeerTimeout);
        _relay.TimedOut();
        Assert.Equal(SessionRequest.Close, _relay.Request);
    }

    [Fact]
    public void Nothing_goes_out_behind_the_end() // found by fuzzing
    {
        Client("bare\nLF\r\n");
        Assert.Equal(SessionRequest.Close, _relay.Request);
        ToClient();
        _relay.TimedOut();
        _relay.BackendReady("220 b.test\r\n"u8);
        _relay.BackendUnavailable();
        _relay.ServerEnded();
        _relay.ClientEnded();
        Backend("250 late\r\n");
        Client("NOOP\r\n");
        Assert.Equal(SessionRequest.Close, _relay.Request);
        Assert.Equal("plain", _relay.Report.Closed);
        Assert.Equal("", ToClient());
        Assert.Equal("", ToBackend());
    }

    [Theory]
    [InlineData("554 b.test no service\r\n")]
    [InlineData("421 b.test busy\r\n")]
    public void A_backend_that_does_not_want_to_talk_is_passed_on_and_ends_the_session(string greeting) // [BP-10.3-1]
    {
        using var relay = new InboundSession(new ServerOptions(new RsaKeys(TimeProvider.System)), Seeded(), "test");
        relay.FromClient("EHLO a.test\r\n"u8);
        Assert.Equal(Timeout.InfiniteTimeSpan, relay.PeerTimeout);
        relay.BackendReady(Encoding.ASCII.GetBytes(greeting));
        Assert.Equal(greeting, Encoding.ASCII.GetString(relay.ToClient.WrittenSpan));
        Assert.Equal(0, relay.ToServer.WrittenCount);
        Assert.Equal((SessionRequest.Close, "plain"), (relay.Request, relay.Report.Closed));
    }

    [Fact]
    public void A_backend_that_is_not_there_is_a_421_and_what_the_client_said_goes_nowhere() // [BP-10.3-2]
    {
        using var relay = new InboundSession(new ServerOptions(new RsaKeys(TimeProvider.System)), Seeded(), "test");
        relay.FromClient("EHLO a.test\r\n"u8);
        relay.BackendUnavailable();
        Assert.Equal("421 4.3.0 Mail server not reachable, try again later\r\n", Encoding.ASCII.GetString(relay.ToClient.WrittenSpan));
        Assert.Equal(0, relay.ToServer.WrittenCount);
        Assert.Equal((SessionRequest.Close, "plain"), (relay.Request, relay.Report.Closed));
    }

    [Fact]
    public void What_a_hasty_client_said_before_the_greeting_is_passed_on_behind_it() // [BP-10.2-3]
    {
        using var relay = new InboundSession(new ServerOptions(new RsaKeys(TimeProvider.System)), Seeded(), "test");
        relay.FromClient("NOOP\r\n"u8);
        Assert.Equal(0, relay.ToServer.WrittenCount);
        relay.BackendReady("220 b.test\r\n"u8);
        Assert.Equal("NOOP\r\n", Encoding.ASCII.GetString(relay.ToServer.WrittenSpan));
    }

    [Fact]
    public void Octets_behind_the_220_to_STARTTLS_pass_in_their_order_both_ways() // [BP-10.2-11]
    {
        ToClient();
        Client("STARTTLS\r\n\x16\x03\x01 hello");
        Assert.Equal("STARTTLS\r\n", ToBackend());
        Backend("220 go\r\n\x16\x03\x03 early\n\0");
        Assert.Equal("220 go\r\n\x16\x03\x03 early\n\0", ToClient());
        Assert.Equal("\x16\x03\x01 hello", ToBackend());
        Assert.Equal(SessionRequest.None, _relay.Request);
        Client("more");
        Backend("and more");
        Assert.Equal(("more", "and more"), (ToBackend(), ToClient()));
        _relay.ClientEnded();
        Assert.Equal("", ToBackend() + ToClient());
        Assert.True(_relay.BackendInputDone);
        _relay.ServerEnded();
        Assert.Equal((SessionRequest.Close, "plain"), (_relay.Request, _relay.Report.Closed));
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n")]
    [InlineData("POST / HTTP/1.1\r\n")]
    [InlineData("PUT / HTTP/1.1\r\n")]
    [InlineData("HEAD / HTTP/1.1\r\n")]
    [InlineData("OPTIONS * HTTP/1.1\r\n")]
    [InlineData("DELETE / HTTP/1.1\r\n")]
    [InlineData("PATCH / HTTP/1.1\r\n")]
    [InlineData("TRACE / HTTP/1.1\r\n")]
    [InlineData("connect x:25 HTTP/1.1\r\n")]
    public void Another_protocols_request_as_the_first_command_ends_the_session(string line) // [BP-10.1-8]
    {
        using var relay = new InboundSession(new ServerOptions(new RsaKeys(TimeProvider.System)), Seeded(), "test");
        relay.BackendReady("220 b.test\r\n"u8);
        relay.FromClient(Encoding.ASCII.GetBytes(line));
        Assert.Equal("220 b.test\r\n421 4.7.0 This is a mail server\r\n", Encoding.ASCII.GetString(relay.ToClient.WrittenSpan));
        Assert.Equal((SessionRequest.Close, 0), (relay.Request, relay.ToServer.WrittenCount));
    }

    [Fact]
    public void A_backend_that_nobody_asked_for_changes_nothing()
    {
        ToClient();
        _relay.BackendReady("220 b.test\r\n"u8);
        _relay.BackendUnavailable();
        Assert.Equal("", ToClient());
        Client("NOOP\r\n");
        Assert.Equal("NOOP\r\n", ToBackend());
        Assert.Equal(SessionRequest.None, _relay.Request);
    }

    [Fact]
    public void So_much_of_a_client_waits_and_no_more() // [BP-10.1-7], spec 13: MaxHeld
    {
        Client("DATA\r\n");
        Client(new string('x', Limits.MaxHeld - 1));
        Assert.True(_relay.WantsClient);
        Client("x");
        Assert.False(_relay.WantsClient);
    }

    [Fact]
    public void Half_of_a_message_that_came_before_its_354_is_passed_on_though_its_client_has_gone() // [BP-10.2-3]
    {
        Assert.False(_relay.BackendInputDone);
        Client("DATA\r\nhalf of it");
        _relay.ClientEnded();
        Assert.False(_relay.BackendInputDone);
        ToBackend();
        Backend("354 go\r\n");
        Assert.Equal("half of it", ToBackend());
        Assert.True(_relay.BackendInputDone);
    }

    [Theory]
    [InlineData("454 not now\r\n")]
    [InlineData("250 what\r\n")]
    public void Without_a_220_to_STARTTLS_the_session_is_read_as_before(string reply) // [BP-10.2-11]
    {
        ToClient();
        Client("STARTTLS\r\nXCLIENT ADDR=127.0.0.1\r\n");
        Backend(reply);
        Assert.Equal("STARTTLS\r\n", ToBackend());
        Assert.Equal(reply + "550 5.7.1 Not permitted\r\n", ToClient());
    }

    [Fact]
    public void A_reply_with_a_bare_LF_or_a_long_line_is_passed_on() // [BP-10.2-15]
    {
        ToClient();
        Client("NOOP\r\nRSET\r\n");
        Backend("250 bare LF\n250 " + new string('x', 3000) + "\r\n");
        Assert.Equal("250 bare LF\r\n250 " + new string('x', Limits.MaxEhloLine - 6) + "\r\n", ToClient());
        Assert.Equal(SessionRequest.None, _relay.Request);
    }

    [Theory]
    [InlineData("what\r\n")]
    [InlineData("25\r\n")]
    [InlineData("650 no\r\n")]
    [InlineData("150 no\r\n")]
    [InlineData("250-a\r\n251 b\r\n")]
    [InlineData("2500 no\r\n")]
    public void A_backend_that_speaks_no_SMTP_is_given_up(string reply) // [BP-10.3-6]
    {
        ToClient();
        Client("NOOP\r\n");
        Backend(reply);
        Assert.Equal("421 4.3.0 Mail server speaks no SMTP\r\n", ToClient());
        Assert.Equal((SessionRequest.Close, "plain"), (_relay.Request, _relay.Report.Closed));
        Backend("250 ok\r\n");
        Client("NOOP\r\n");
        Assert.Equal("", ToClient());
    }

    [Theory]
    [InlineData("dXNlcg==\r\n", "dXNlcg==\r\n")]
    [InlineData("XCLIENT ADDR=127.0.0.1\r\n", "XCLIENT ADDR=127.0.0.1\r\n")]
    [InlineData("*\r\nNOOP\r\n", "*\r\n")]
    public void A_line_that_a_3yz_asked_for_is_no_command(string says, string passed) // [BP-10.2-5]
    {
        ToClient();
        Client("AUTH LOGIN\r\n" + says);
        Assert.Equal("AUTH LOGIN\r\n", ToBackend());
        Backend("334 VXNlcm5hbWU6\r\n");
        Assert.Equal(passed, ToBackend());
        Assert.False(_relay.IsIdle);
    }

    [Fact]
    public void A_client_that_ends_within_AUTH_leaves_no_session_behind() // state table G.6
    {
        Client("AUTH LOGIN\r\n");
        Backend("334 VXNlcm5hbWU6\r\n");
        ToBackend();
        Client("dXNl");
        _relay.ClientEnded();
        Assert.Equal("", ToBackend());
        Assert.True(_relay.BackendInputDone);
        _relay.ServerEnded();
        Assert.Equal((SessionRequest.Close, "plain"), (_relay.Request, _relay.Report.Closed));
    }

    [Fact]
    public void An_over_long_answer_within_AUTH_is_refused_here_and_the_backend_still_waits_for_one() // [BP-10.2-12]
    {
        Client("AUTH LOGIN\r\n");
        Backend("334 VXNlcm5hbWU6\r\n");
        ToBackend();
        ToClient();
        Client(new string('A', Limits.MaxOtherCommandLine - 1) + "\r\n");
        Assert.Equal("500 5.5.2 Line too long\r\n", ToClient());
        Assert.Equal("", ToBackend());
        Client("XCLIENT\r\n");
        Assert.Equal("XCLIENT\r\n", ToBackend());
        Client("AGAIN\r\n");
        Assert.Equal("", ToBackend());
        Backend("535 no\r\n");
        Assert.Equal("AGAIN\r\n", ToBackend());
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void A_command_line_may_be_as_long_as_its_limit(int more, bool passes) // [BP-10.2-12]
    {
        ToClient();
        var line = "NOOP " + new string('x', Limits.MaxOtherCommandLine - 7 + more) + "\r\n";
        Client(line[..^1]);
        Assert.Equal("", ToBackend() + ToClient());
        Client("\n");
        Assert.Equal(passes ? line : "", ToBackend());
        Assert.Equal(passes ? "" : "500 5.5.2 Line too long\r\n", ToClient());
        Client("NOOP\r\n");
        Assert.Equal("NOOP\r\n", ToBackend());
    }

    [Theory]
    [InlineData(0, "501 ")]
    [InlineData(1, "500 ")]
    public void A_command_of_an_upgrade_has_a_limit_of_its_own(int more, string code) // [BP-4.2-4], [BP-4.4-3]
    {
        ToClient();
        Client("XBLACKPONY " + new string('x', Limits.MaxCommandLine - 13 + more) + "\r\n");
        Assert.StartsWith(code, ToClient(), StringComparison.Ordinal);
        Assert.Equal(SessionRequest.None, _relay.Request);
    }

    [Fact]
    public void Where_BlackPony_is_off_its_command_is_as_long_as_any_other() // [BP-4.4-1]
    {
        using var off = new InboundSession(new ServerOptions(new RsaKeys(TimeProvider.System)) { Suites = [] }, Seeded(), "test");
        off.BackendReady("220 b.test\r\n"u8);
        off.ToClient.ResetWrittenCount();
        off.FromClient(Encoding.ASCII.GetBytes("XBLACKPONY " + new string('x', Limits.MaxCommandLine) + "\r\n"));
        Assert.StartsWith("502 ", Encoding.ASCII.GetString(off.ToClient.WrittenSpan), StringComparison.Ordinal);
        Assert.Equal(502, off.RefusedWith);
    }

    [Fact]
    public void The_answer_to_an_over_long_line_waits_for_the_answers_before_it() // [BP-10.2-13]
    {
        ToClient();
        Client("NOOP\r\n" + new string('x', Limits.MaxOtherCommandLine) + "\r\nRSET\r\n");
        Assert.Equal("NOOP\r\n", ToBackend());
        Assert.Equal("", ToClient());
        Backend("250 ok\r\n");
        Assert.Equal("250 ok\r\n500 5.5.2 Line too long\r\n", ToClient());
        Assert.Equal("RSET\r\n", ToBackend());
    }

    [Theory]
    [InlineData("")]
    [InlineData(" NOOP")]
    [InlineData("NO-OP")]
    [InlineData("\tNOOP")]
    public void A_line_without_a_command_is_refused_in_its_turn_and_never_passed_on(string line) // [BP-10.1-10], [BP-10.2-13]
    {
        ToClient();
        Client("NOOP\r\n" + line + "\r\nRSET\r\n");
        Assert.Equal("NOOP\r\n", ToBackend());
        Backend("250 ok\r\n");
        Assert.Equal("250 ok\r\n500 5.5.2 No command\r\n", ToClient());
        Assert.Equal("RSET\r\n", ToBackend());
    }

    // [BP-10.2-1], [BP-10.2-2], [BP-10.2-13]
    [Theory]
    [InlineData("NO\rOP\r\n")]
    [InlineData("NOOP\nNOOP\r\n")]
    [InlineData("NO\0OP\r\n")]
    [InlineData("NO\0OP")]
    [InlineData("\nNOOP\r\n")]
    [InlineData("\0")]
    public void A_stray_octet_in_a_command_ends_the_session_behind_the_answers_before_it(string line)
    {
        ToClient();
        Client("NOOP\r\n" + line);
        Assert.Equal("", ToClient());
        Assert.Equal(SessionRequest.None, _relay.Request);
        Backend("250 ok\r\n");
        Assert.Equal("250 ok\r\n501 5.5.2 Bare LF, bare CR or NUL in a command\r\n", ToClient());
        Assert.Equal("NOOP\r\n", ToBackend());
        Assert.Equal(SessionRequest.Close, _relay.Request);
    }

    [Fact]
    public void A_CR_whose_LF_has_not_come_yet_is_not_stray() // [BP-10.2-1]
    {
        ToClient();
        Client("NOOP\r");
        Assert.Equal("", ToClient());
        Client("\n");
        Assert.Equal("NOOP\r\n", ToBackend());
    }

    [Fact]
    public void A_session_is_idle_between_messages_and_not_within_one() // [BP-10.3-9]
    {
        Assert.True(_relay.IsIdle);
        Client("MAIL FROM:<a@a>\r\n");
        Assert.False(_relay.IsIdle);
        Backend("250 ok\r\n");
        Assert.False(_relay.IsIdle);
        Client("RCPT TO:<b@b>\r\n");
        Backend("250 ok\r\n");
        Assert.False(_relay.IsIdle);
        Client("DATA\r\n");
        Backend("354 go\r\n");
        Assert.False(_relay.IsIdle);
        Client("half of it");
        Assert.False(_relay.IsIdle);
        Client("\r\n.\r\n");
        Assert.False(_relay.IsIdle);
        Assert.Equal(0, _relay.Messages);
        Backend("250 kept\r\n");
        Assert.True(_relay.IsIdle);
        Assert.Equal(1, _relay.Messages);
    }

    [Theory]
    [InlineData("RSET", "250 ok\r\n", true)]
    [InlineData("RSET", "421 going\r\n", false)]
    [InlineData("NOOP", "250 ok\r\n", false)]
    [InlineData("HELO a.test", "250 ok\r\n", true)]
    [InlineData("EHLO a.test", "250 b.test\r\n", true)]
    [InlineData("EHLO a.test", "502 what\r\n", false)]
    [InlineData("RCPT TO:<b@b>", "550 no\r\n", false)]
    public void A_transaction_ends_with_what_ends_it_at_the_backend(string command, string reply, bool ends) // [BP-10.3-9], [BP-4.5-8]
    {
        Client("MAIL FROM:<a@a>\r\n");
        Backend("250 ok\r\n");
        Client(command + "\r\n");
        Backend(reply);
        Assert.Equal(ends, _relay.IsIdle);
    }

    [Theory]
    [InlineData("550 no\r\n")]
    [InlineData("452 later\r\n")]
    public void A_message_that_is_refused_ends_its_transaction_and_is_not_counted(string reply)
    {
        Client("MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nDATA\r\n");
        Backend("250 1\r\n250 2\r\n354 3\r\n");
        Client(".\r\n");
        Backend(reply);
        Assert.True(_relay.IsIdle);
        Assert.Equal(0, _relay.Messages);
    }

    [Fact]
    public void An_empty_message_is_a_dot_right_behind_the_354() // [BP-10.2-4], RFC 5321 4.1.1.4
    {
        ToClient();
        Client("MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nDATA\r\n");
        Backend("250 1\r\n250 2\r\n354 3\r\n");
        ToBackend();
        Client(".\r\nXCLIENT ADDR=127.0.0.1\r\n");
        Assert.Equal(".\r\n", ToBackend());
        Backend("250 kept\r\n");
        Assert.Equal("250 1\r\n250 2\r\n354 3\r\n250 kept\r\n550 5.7.1 Not permitted\r\n", ToClient());
    }

    [Theory]
    [InlineData("a\r\r.\r\nb")]
    [InlineData("a\r.\r\nb")]
    [InlineData("a\n.\r\nb")]
    [InlineData("a\r\n.\rb")]
    [InlineData("a\r\n.\nb")]
    [InlineData("a\r\n.\r\r\nb")]
    [InlineData("a\r\n..\r\nb")]
    [InlineData("a\r\r\n.x\r\nb")]
    [InlineData(".\rb")]
    public void What_only_looks_like_the_end_of_a_message_is_none_however_it_comes(string message) // [BP-10.2-4]
    {
        foreach (int piece in (int[])[1, 2, 3, 100])
        {
            using var relay = new InboundSession(new ServerOptions(new RsaKeys(TimeProvider.System)), Seeded(), "test");
            relay.BackendReady("220 b.test\r\n"u8);
            relay.FromClient("DATA\r\n"u8);
            relay.FromServer("354 go\r\n"u8);
            relay.ToServer.ResetWrittenCount();
            foreach (var part in Encoding.ASCII.GetBytes(message + "\r\n.\r\nXCLIENT\r\n").Chunk(piece))
            {
                relay.FromClient(part);
            }

            Assert.Equal(message + "\r\n.\r\n", Encoding.ASCII.GetString(relay.ToServer.WrittenSpan));
        }
    }

    [Fact]
    public void What_comes_in_one_piece_is_read_to_its_end() // [BP-10.2-3]
    {
        ToClient();
        Client("XCLIENT x\r\n\r\nNOOP\r\nBDAT 3\r\nabcBDAT 1 LAST\r\nXXCLIENT x\r\n");
        Assert.Equal("550 5.7.1 Not permitted\r\n500 5.5.2 No command\r\n", ToClient());
        Assert.Equal("NOOP\r\nBDAT 3\r\nabcBDAT 1 LAST\r\nX", ToBackend());
        Backend("250 1\r\n250 2\r\n250 3\r\n");
        Assert.Equal("250 1\r\n250 2\r\n250 3\r\n550 5.7.1 Not permitted\r\n", ToClient());
        Client("DATA\r\n");
        Backend("354 go\r\n");
        Client("x\r\n.\r\nNOOP\r\n");
        Assert.Equal("DATA\r\nx\r\n.\r\nNOOP\r\n", ToBackend());
    }

    [Fact]
    public void A_reply_of_several_lines_to_anything_but_EHLO_is_passed_on_as_it_is() // [BP-10.2-7], [BP-4.1-2]
    {
        ToClient();
        Client("HELP\r\nHELO a.test\r\n");
        Backend("214-help\r\n214-STARTTLS\r\n214-XCLIENT x\r\n214 end\r\n250-b.test\r\n250 XBLACKPONY V1 ROT\r\n");
        Assert.Equal("214-help\r\n214-STARTTLS\r\n214-XCLIENT x\r\n214 end\r\n250-b.test\r\n250 XBLACKPONY V1 ROT\r\n", ToClient());
    }

    [Fact]
    public void A_refused_EHLO_of_several_lines_is_passed_on_as_it_is() // [BP-10.2-7]
    {
        ToClient();
        Client("EHLO a.test\r\n");
        Backend("550-no\r\n550-XCLIENT x\r\n550 no\r\n");
        Assert.Equal("550-no\r\n550-XCLIENT x\r\n550 no\r\n", ToClient());
    }

    [Fact]
    public void An_upgrade_behind_HELO_is_refused_and_behind_another_EHLO_it_is_not() // [BP-4.4-6], [BP-4.1-6]
    {
        Client("HELO a.test\r\n");
        Backend("250 b.test\r\n");
        ToClient();
        Client("XBLACKPONY V1 X\r\n");
        Assert.StartsWith("503 ", ToClient(), StringComparison.Ordinal);
        Client("EHLO a.test\r\n");
        Backend("250 b.test\r\n");
        ToClient();
        Client("XBLACKPONY V1 X\r\n");
        Assert.StartsWith("501 ", ToClient(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_backend_that_ends_is_told_to_a_client_that_does_not_expect_it() // [BP-10.3-6], [BP-10.3-11]
    {
        ToClient();
        _relay.ServerEnded();
        Assert.Equal("421 4.3.0 Mail server closed the connection\r\n", ToClient());
        Assert.Equal((SessionRequest.Close, "plain"), (_relay.Request, _relay.Report.Closed));
    }

    [Theory]
    [InlineData("221 bye\r\n")]
    [InlineData("421 going\r\n")]
    public void A_backend_that_said_goodbye_ends_without_a_word_of_the_relay(string reply) // [BP-10.3-6], [BP-10.3-11]
    {
        Client("QUIT\r\n");
        Backend(reply);
        ToClient();
        Assert.Equal(SessionRequest.None, _relay.Request);
        _relay.ServerEnded();
        Assert.Equal("", ToClient());
        Assert.Equal((SessionRequest.Close, "plain"), (_relay.Request, _relay.Report.Closed));
    }

    [Fact]
    public void A_relay_that_stops_says_so_and_ends() // [BP-10.3-9]
    {
        ToClient();
        _relay.Stop();
        Assert.Equal("421 4.3.2 Service shutting down\r\n", ToClient());
        Assert.Equal(SessionRequest.Close, _relay.Request);
        _relay.Stop();
        Assert.Equal("", ToClient());
    }

    [Fact]
    public void A_silent_client_hears_421_and_is_waited_for_as_long_as_it_has_the_word() // [BP-8.1-6]
    {
        ToClient();
        Assert.Equal(Limits.IdleTimeout, _relay.PeerTimeout);
        Client("NOOP\r\n");
        Assert.Equal(Timeout.InfiniteTimeSpan, _relay.PeerTimeout);
        Backend("250 ok\r\n");
        ToClient();
        Assert.Equal(Limits.IdleTimeout, _relay.PeerTimeout);
        _relay.TimedOut();
        Assert.Equal("421 4.4.2 Timeout\r\n", ToClient());
        Assert.Equal((SessionRequest.Close, "plain"), (_relay.Request, _relay.Report.Closed));
    }

    [Fact]
    public void Everything_that_comes_whole_is_progress_and_half_a_line_is_none() // spec 13
    {
        Client("DATA\r\n");
        Backend("354 go\r\n");
        Moves(true, () => Client("x"));
        Client("\r\n.\r\n");
        Moves(true, () => Backend("250 ok\r\n"));
        Moves(false, () => Client("NOO"));
        Moves(true, () => Client("P\r\n"));
        Moves(false, () => Backend("250 "));
        Moves(true, () => Backend("ok\r\n"));
        Client("BDAT 9 LAST\r\n");
        Moves(true, () => Client("x"));

        void Moves(bool whole, Action action)
        {
            long before = _relay.Progress;
            action();
            Assert.Equal(whole, _relay.Progress > before);
        }
    }

    [Theory]
    [InlineData("XCLIENT ADDR=127.0.0.1")]
    [InlineData("XFORWARD NAME=x")]
    [InlineData("PROXY TCP4 1.1.1.1 2.2.2.2 1 2")]
    [InlineData("xclient x")]
    [InlineData("VERB")]
    [InlineData("verb on")]
    public void Commands_that_change_the_clients_identity_or_the_backends_replies_are_refused(string command) // [BP-10.1-4]
    {
        ToClient();
        Client(command + "\r\n");
        Assert.Equal("550 5.7.1 Not permitted\r\n", ToClient());
        Assert.Equal("", ToBackend());
    }

    [Fact]
    public void BDAT_chunks_are_one_message_with_their_last() // [BP-10.2-4], RFC 3030 2
    {
        Client("MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nBDAT 3\r\nabcBDAT 0 LAST\r\n");
        Backend("250 1\r\n250 2\r\n250 3\r\n");
        Assert.False(_relay.IsIdle);
        Assert.Equal(0, _relay.Messages);
        Backend("250 kept\r\n");
        Assert.True(_relay.IsIdle);
        Assert.Equal(1, _relay.Messages);
    }

    private static SeededRandom Seeded() => new("tests", "server");

    private void Client(string octets) => _relay.FromClient(Encoding.Latin1.GetBytes(octets));

    private void Backend(string octets) => _relay.FromServer(Encoding.Latin1.GetBytes(octets));

    private string ToClient()
    {
        var text = Encoding.Latin1.GetString(_relay.ToClient.WrittenSpan);
        _relay.ToClient.ResetWrittenCount();
        return text;
    }

    private string ToBackend()
    {
        var text = Encoding.Latin1.GetString(_relay.ToServer.WrittenSpan);
        _relay.ToServer.ResetWrittenCount();
        return text;
    }
}
