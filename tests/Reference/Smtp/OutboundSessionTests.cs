using System.Text;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Outbound;

namespace BlackPony.Tests.Reference.Smtp;

/// <summary>The outbound relay's machine between a mail server and a next server, both of a few lines (spec 10.5).</summary>
public class OutboundSessionTests
{
    private const string Refused = "550 5.1.1 nobody\r\n";

    private readonly OutboundSession _relay = new(new OutboundOptions("[127.0.0.1]", d => new Route(d is "alias.test" ? "b.test" : d, 25)));

    public OutboundSessionTests() => Assert.Equal("220 [127.0.0.1] ESMTP BlackPony\r\n", Client());

    [Fact]
    public void The_client_is_offered_what_holds_with_every_next_server() // [BP-10.5-4]
    {
        Assert.Equal("250-[127.0.0.1]\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE\r\n", Say("EHLO a.test"));
        Assert.StartsWith("502 ", Say("STARTTLS"), StringComparison.Ordinal);
        Assert.StartsWith("502 ", Say("XBLACKPONY V1 ROT 13"), StringComparison.Ordinal);
        Assert.StartsWith("502 ", Say("AUTH PLAIN"), StringComparison.Ordinal);
        Assert.StartsWith("555 ", Say("MAIL FROM:<s@a.test> RET=HDRS"), StringComparison.Ordinal);
        Assert.StartsWith("250 ", Say("MAIL FROM:<s@a.test>"), StringComparison.Ordinal);
        Assert.StartsWith("555 ", Say("RCPT TO:<r@b.test> NOTIFY=NEVER"), StringComparison.Ordinal);
        Assert.StartsWith("502 ", Say("BDAT 1 LAST"), StringComparison.Ordinal);
    }

    // [BP-10.5-5], [BP-10.5-9], [BP-10.5-11], [BP-10.5-15]
    [Fact]
    public void MAIL_waits_for_a_recipient_and_the_message_is_acknowledged_by_the_next_server_alone()
    {
        Say("EHLO a.test");
        Assert.Equal("250 2.1.0 Ok\r\n", Say("MAIL FROM:<s@a.test>"));
        Assert.Equal(SessionRequest.None, _relay.TakeRequest());
        Assert.Equal("", Say("RCPT TO:<r@b.test>"));
        Assert.Equal((SessionRequest.Connect, new Route("b.test", 25)), (_relay.TakeRequest(), _relay.Route));
        Next("220 mx.b.test\r\n");
        Assert.Equal("EHLO a.test\r\n", Sent());
        Next("250 mx.b.test\r\n");
        Assert.Equal("MAIL FROM:<s@a.test>\r\n", Sent());
        Next("250 yes\r\n");
        Assert.Equal("RCPT TO:<r@b.test>\r\n", Sent());
        Assert.Equal("250-fine\r\n250 really\r\n", Next("250-fine\r\n250 really\r\n"));
        Assert.Equal("", Say("DATA"));
        Assert.Equal("354 go\r\n", Next("354 go\r\n"));
        Sent();
        var message = "bare \r and \n, NUL \0, \x80\xFF\r\n..\r\n\n.\n\r\n.\r\n";
        foreach (var octet in message)
        {
            Say(octet);
        }

        Assert.Equal(message, Sent());
        Assert.Equal("", Client());
        Assert.Equal("", Say("NOOP"));
        Assert.Equal("250 queued\r\n250 2.0.0 Ok\r\n", Next("250 queued\r\n"));
        Assert.True(_relay.IsIdle);
    }

    [Fact]
    public void The_next_transaction_goes_on_with_the_same_connection_or_another_one() // [BP-10.5-5]
    {
        Open("250-mx\r\n250 PIPELINING\r\n");
        Deliver();
        Say("MAIL FROM:<>\r\nRCPT TO:<r@b.test>");
        Assert.Equal("MAIL FROM:<>\r\nRCPT TO:<r@b.test>\r\n", Sent());
        Assert.Equal("250 good\r\n", Next("250 ok\r\n250 good\r\n"));
        Say("RSET");
        Assert.Equal("RSET\r\n", Sent());
        Say("MAIL FROM:<>\r\nRCPT TO:<r@c.test>");
        Next("250 reset\r\n");
        Assert.Equal("QUIT\r\n", Sent());
        Assert.True(_relay.HasQuit);
        Assert.Equal((SessionRequest.Connect, "c.test"), (_relay.TakeRequest(), _relay.Route!.Host));
    }

    [Fact]
    public void A_recipient_of_another_route_waits_for_another_transaction_and_one_of_the_same_route_does_not() // [BP-10.5-7]
    {
        Open("250-mx\r\n250 PIPELINING\r\n");
        Next("250 ok\r\n250 ok\r\n");
        Assert.StartsWith("452 4.5.3 ", Say("RCPT TO:<r@c.test>"), StringComparison.Ordinal);
        Say("RCPT TO:<r@alias.test>");
        Assert.Equal("250 ok\r\n", Next("250 ok\r\n"));
    }

    [Fact]
    public void A_route_whose_recipients_were_all_refused_makes_room_for_another() // [BP-10.5-7]
    {
        Open("250-mx\r\n250 PIPELINING\r\n");
        Say("RCPT TO:<r@c.test>");
        Assert.Equal(Refused, Next("250 ok\r\n" + Refused));
        Assert.Equal((SessionRequest.Connect, "c.test"), (_relay.TakeRequest(), _relay.Route!.Host));
        Assert.Equal("QUIT\r\n", Sent()[^6..]);
        Next("220 mx\r\n");
        Next("250 mx\r\n");
        Next("250 ok\r\n");
        Assert.Equal("250 ok\r\n", Next("250 ok\r\n"));
        Assert.StartsWith("452 ", Say("RCPT TO:<r@b.test>"), StringComparison.Ordinal);
    }

    // [BP-10.5-6], [BP-10.5-11]
    [Theory]
    [InlineData("554 no mail here\r\n", "554 no mail here\r\n")]
    [InlineData("421 4.7.0 Encryption required\r\n", "451 4.7.0 Encryption required\r\n")]
    [InlineData("556 5.1.10 The domain accepts no mail\r\n", "556 5.1.10 The domain accepts no mail\r\n")]
    [InlineData("garbage\n", "451 4.3.0 The next hop does not speak SMTP\r\n")]
    [InlineData("220 mx\r\n|421 busy\r\n", "451 busy\r\n")]
    [InlineData("220 mx\r\n|500 what\r\n|550 you\r\n", "550 you\r\n")]
    [InlineData("220 mx\r\n|250 mx\r\n|553-bad\r\n553 sender\r\n", "553-bad\r\n553 sender\r\n")]
    [InlineData("220 mx\r\n|250-mx\r\n250 PIPELINING\r\n|552 big\r\n503 no\r\n", "552 big\r\n")]
    public void What_the_server_says_in_the_place_of_taking_the_mail_every_recipient_hears(string server, string answer)
    {
        Begin();
        Assert.Equal(answer, server.Split('|').Select(Next).Last());
        Assert.Equal(answer, Say("RCPT TO:<s@b.test>"));
        Assert.StartsWith("554 ", Say("DATA"), StringComparison.Ordinal);
        Assert.Equal("250 2.0.0 Ok\r\n", Say("RSET"));
    }

    [Theory]
    [InlineData("SIZE=1000 BODY=8BITMIME", "250-mx\r\n250-SIZE\r\n250 8bitmime\r\n", " SIZE=1000 BODY=8BITMIME")]
    [InlineData("BODY=8BITMIME SIZE=1000", "250-mx\r\n250 SIZE 20\r\n", " SIZE=1000")]
    [InlineData("SIZE=1000 BODY=8BITMIME", "250 mx\r\n", "")]
    [InlineData("SMTPUTF8", "250-mx\r\n250 SMTPUTF8\r\n", " SMTPUTF8")]
    public void What_the_next_server_does_not_offer_is_not_asked_of_it(string parameters, string ehlo, string passed) // [BP-10.5-8]
    {
        Begin($"MAIL FROM:<s@a.test> {parameters}");
        Next("220 mx\r\n");
        Next(ehlo);
        Assert.Equal($"MAIL FROM:<s@a.test>{passed}\r\n", Sent()[13..]);
    }

    [Fact]
    public void Internationalized_mail_does_not_go_to_a_server_that_cannot_take_it() // [BP-10.5-10]
    {
        Begin("MAIL FROM:<s@a.test> SMTPUTF8");
        Next("220 mx\r\n");
        Sent();
        Assert.StartsWith("550 5.6.7 ", Next("250 mx\r\n"), StringComparison.Ordinal);
        Assert.Equal("", Sent());
        Assert.Equal("b.test Refused 550 False", Outcomes());
        Say("RSET\r\nMAIL FROM:<s@a.test>");
        Assert.StartsWith("553 5.6.7 ", Say("RCPT TO:<\xC3\xA9@b.test>"), StringComparison.Ordinal);
        Say("RSET");
        Assert.StartsWith("550 5.6.7 ", Say("MAIL FROM:<\xC3\xA9@b.test>"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("RCPT TO:<x@B.Test.>", "b.test")]
    [InlineData("RCPT TO:<\"a b<c\"@b.test>", "b.test")]
    [InlineData("RCPT TO:<\\x@b.test>", "b.test")]
    [InlineData("RCPT TO:<\\\"x>y\"@b.test>", "b.test")]
    [InlineData("RCPT TO:<\"a\\\">b\"@b.test>", "b.test")]
    [InlineData("RCPT TO:<\"\\\\\"@b.test>", "b.test")]
    [InlineData("rcpt to: <\"a> @b\\\"\"@b.test>", "b.test")]
    [InlineData("RCPT TO:<@relay.test,@second.test:x@b.test>", "b.test")]
    [InlineData("RCPT TO:<x@[192.0.2.7]>", "[192.0.2.7]")]
    [InlineData("RCPT TO:<x@[IPv6:2001:db8::7]>", "[2001:db8::7]")]
    [InlineData("RCPT TO:<x@xn--bcher-kva.test>", "xn--bcher-kva.test")]
    [InlineData("RCPT TO:<x@b\xC3\xBC" + "cher.test>", "xn--bcher-kva.test")]
    public void The_domain_of_the_address_is_where_it_goes(string command, string host) // [BP-9.4-1]
    {
        Say("EHLO a.test");
        Say("MAIL FROM:<> SMTPUTF8");
        Assert.Equal("", Say(command));
        Assert.Equal((SessionRequest.Connect, host), (_relay.TakeRequest(), _relay.Route!.Host));
    }

    [Theory]
    [InlineData("RCPT TO:<postmaster>", "550")]
    [InlineData("RCPT TO:<x@127.0.0.1>", "550")]
    [InlineData("RCPT TO:<x@0x7f.1>", "550")]
    [InlineData("RCPT TO:<x@[127.1]>", "550")]
    [InlineData("RCPT TO:<x@[IPv6:127.0.0.1]>", "550")]
    [InlineData("RCPT TO:<x@b..test>", "550")]
    [InlineData("RCPT TO:<x@>", "550")]
    [InlineData("RCPT TO:<\"x@b.test\">", "550")]
    [InlineData("RCPT TO:<x@\xFF.test>", "550")]
    [InlineData("RCPT TO:x@b.test", "501")]
    [InlineData("RCPT TO:<x@b.test", "501")]
    [InlineData("RCPT TO:<x y@b.test>", "501")]
    [InlineData("RCPT TO:<x@b.test>z", "501")]
    [InlineData("RCPT FROM:<x@b.test>", "501")]
    [InlineData("RCPT TO", "501")]
    [InlineData("RCPT TO:", "501")]
    [InlineData("RCPT TO:<", "501")]
    [InlineData("RCPT TO:<>", "550")]
    [InlineData("RCPT TO:x<y@b.test>", "501")]
    [InlineData("RCPT TO:<x@b.test> \u0001", "501")]
    [InlineData("RCPT TO:<x@b.test> \u007F", "501")]
    [InlineData("RCPT TO:<x@b.test>\t", "501")]
    [InlineData("RCPT TO:<\"x\u0001\"@b.test>", "501")]
    [InlineData("RCPT TO:<\"x@b.test>", "501")]
    [InlineData("RCPT TO:<\"x\\\"@b.test>", "501")]
    [InlineData("RCPT TO:<x\u0001@b.test>", "501")]
    [InlineData("RCPT TO:<x\u007F@b.test>", "501")]
    [InlineData("RCPT TO:<x<y@b.test>", "501")]
    [InlineData("RCPT", "501")]
    public void An_address_that_leads_nowhere_is_refused(string command, string code)
    {
        Say("EHLO a.test");
        Say("MAIL FROM:<> SMTPUTF8");
        Assert.StartsWith(code, Say(command), StringComparison.Ordinal);
    }

    [Fact]
    public void A_next_server_lost_behind_its_recipients_gets_no_message_and_acknowledges_none() // [BP-10.5-15]
    {
        Open("250 mx\r\n");
        Next("250 ok\r\n");
        Next("250 ok\r\n");
        _relay.ServerEnded();
        Assert.StartsWith("451 ", Say("DATA"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "451 4.4.2 The next hop closed the connection\r\n")]
    [InlineData("552 too big\r\n", "552 too big\r\n")]
    [InlineData("421 stopping\r\n", "451 stopping\r\n")]
    public void A_next_server_lost_within_the_message_gets_no_more_of_it(string words, string answer) // [BP-10.5-15]
    {
        Open("250 mx\r\n");
        StartData();
        Say("half\r\n");
        Assert.Equal("half\r\n\r\n", Sent());
        Assert.Equal("", Next(words));
        _relay.ServerEnded();
        Assert.Equal(answer, Say("of it\r\n."));
        Assert.Equal("", Sent());
        Assert.True(_relay.IsIdle);
    }

    [Theory]
    [InlineData("", "451 4.4.2 The next hop closed the connection\r\n")]
    [InlineData("421 stopping\r\n", "451 stopping\r\n")]
    [InlineData("354 what\r\n", "451 4.3.0 The next hop does not speak SMTP\r\n")]
    public void A_message_without_an_answer_is_not_acknowledged(string words, string answer) // [BP-10.5-15], [BP-10.5-11]
    {
        Open("250 mx\r\n");
        StartData();
        Say("message\r\n.");
        var said = Next(words);
        _relay.ServerEnded();
        Assert.Equal(answer, said + Client());
    }

    [Fact]
    public void A_silent_next_server_is_given_up_and_a_silent_client_too() // [BP-10.5-15]
    {
        Open("250 mx\r\n");
        StartData();
        Say("message\r\n.");
        _relay.TimedOut();
        Assert.StartsWith("451 4.4.2 ", Client(), StringComparison.Ordinal);
        Assert.Equal(SessionRequest.Disconnect, _relay.TakeRequest());
        _relay.TimedOut();
        Assert.StartsWith("421 4.4.2 ", Client(), StringComparison.Ordinal);
        Assert.Equal(SessionRequest.Close, _relay.TakeRequest());
    }

    [Fact]
    public void A_client_that_goes_away_within_a_message_leaves_it_without_an_end() // [BP-10.5-16]
    {
        Open("250 mx\r\n");
        StartData();
        Say("half\r\n");
        _relay.ClientEnded();
        Assert.Equal("half\r\n\r\n", Sent());
        Assert.Equal((SessionRequest.Close, false), (_relay.TakeRequest(), _relay.HasQuit));
    }

    [Fact]
    public void A_client_that_ends_its_direction_behind_QUIT_still_gets_its_answers() // [BP-10.5-15], found with Exim
    {
        Open("250 mx\r\n");
        StartData();
        Say("message\r\n.\r\nQUIT");
        _relay.ClientEnded();
        Assert.Equal(SessionRequest.None, _relay.TakeRequest());
        Assert.Equal("250 queued\r\n221 2.0.0 Bye\r\n", Next("250 queued\r\n"));
        Assert.Equal(SessionRequest.Close, _relay.TakeRequest());
    }

    [Theory]
    [InlineData("")]
    [InlineData("NOOP")]
    public void A_client_that_ends_its_direction_without_QUIT_is_left_when_it_has_its_answers(string half)
    {
        Begin();
        _relay.FromClient(Encoding.Latin1.GetBytes(half));
        _relay.ClientEnded();
        Next("220 mx\r\n");
        Next("250 mx\r\n");
        Next("250 ok\r\n");
        Assert.Equal(SessionRequest.None, _relay.TakeRequest());
        Assert.Equal("250 good\r\n", Next("250 good\r\n"));
        Assert.Equal((SessionRequest.Close, true), (_relay.TakeRequest(), _relay.HasQuit));
    }

    [Fact]
    public void A_server_without_BlackPony_is_spoken_to_in_TLS_if_it_has_that() // [BP-10.5-13]
    {
        Begin();
        Next("220 mx\r\n");
        Next("250-mx\r\n250 STARTTLS\r\n");
        Assert.Equal("EHLO a.test\r\nSTARTTLS\r\n", Sent());
        Next("220 go\r\n");
        Assert.Equal(SessionRequest.StartTls, _relay.TakeRequest());
        _relay.TlsDone(secured: true);
        Assert.Equal("EHLO a.test\r\n", Sent());
        Next("250-mx\r\n250 STARTTLS\r\n");
        Assert.Equal("MAIL FROM:<s@a.test>\r\n", Sent());
    }

    [Fact]
    public void What_a_server_offers_before_TLS_counts_for_nothing_in_it() // [BP-10.5-8]
    {
        Begin("MAIL FROM:<s@a.test> SIZE=1000");
        Next("220 mx\r\n");
        Next("250-mx\r\n250-SIZE\r\n250-PIPELINING\r\n250 STARTTLS\r\n");
        Next("220 go\r\n");
        _relay.TakeRequest();
        _relay.TlsDone(secured: true);
        Next("502 what\r\n");
        Sent();
        Next("250 mx\r\n");
        Assert.Equal("MAIL FROM:<s@a.test>\r\n", Sent());
    }

    [Fact]
    public void Where_TLS_fails_there_is_one_fresh_connection_without_it() // [BP-10.5-14]
    {
        Begin();
        Next("220 mx\r\n");
        Next("250-mx\r\n250 STARTTLS\r\n");
        Next("220 go\r\n");
        _relay.TakeRequest();
        _relay.TlsDone(secured: false);
        Assert.Equal(SessionRequest.Connect, _relay.TakeRequest());
        Sent();
        Next("220 mx\r\n");
        Next("250-mx\r\n250 STARTTLS\r\n");
        Assert.Equal("EHLO a.test\r\nMAIL FROM:<s@a.test>\r\n", Sent());
    }

    [Fact]
    public void Replies_put_behind_the_220_to_STARTTLS_are_not_heard() // [BP-10.5-17]
    {
        Begin();
        Next("220 mx\r\n");
        Next("250-mx\r\n250 STARTTLS\r\n");
        Assert.StartsWith("451 ", Next("220 go\r\n250 forged\r\n"), StringComparison.Ordinal);
        Assert.Equal(SessionRequest.Disconnect, _relay.TakeRequest());
        Assert.Equal("b.test Lost 0 False", Outcomes());
    }

    [Theory]
    [InlineData("NOOP\n", "501 ")]
    [InlineData("NO\rOP\r\n", "501 ")]
    [InlineData("NO\0OP\r\n", "501 ")]
    [InlineData("\nNOOP\r\n", "501 ")]
    [InlineData("\0", "501 ")]
    [InlineData("POST / HTTP/1.1\r\n", "421 ")]
    public void What_is_no_SMTP_ends_the_session(string octets, string code) // [BP-10.5-18]
    {
        _relay.FromClient(Encoding.Latin1.GetBytes(octets));
        Assert.StartsWith(code, Client(), StringComparison.Ordinal);
        Assert.Equal(SessionRequest.Close, _relay.TakeRequest());
        _relay.FromClient("EHLO a.test\r\n"u8);
        Assert.Equal("", Client());
        Assert.False(_relay.WantsClient);
    }

    [Fact]
    public void A_line_without_an_end_is_not_kept() // [BP-10.5-18]
    {
        for (int i = 0; i < 100; i++)
        {
            _relay.FromClient(new byte[1000].Select(_ => (byte)'x').ToArray());
        }

        Assert.StartsWith("500 ", Client(), StringComparison.Ordinal);
        Assert.Equal(SessionRequest.Close, _relay.TakeRequest());
    }

    [Fact]
    public void What_comes_of_its_own_accord_from_the_next_server_is_not_taken_for_an_answer()
    {
        Open("250-mx\r\n250 PIPELINING\r\n");
        Deliver();
        Assert.Equal("", Next("250 forged\r\n"));
        Assert.Equal(SessionRequest.Disconnect, _relay.TakeRequest());
        Say("MAIL FROM:<>");
        Say("RCPT TO:<r@b.test>");
        Assert.Equal(SessionRequest.Connect, _relay.TakeRequest());
    }

    [Theory]
    [InlineData("550 bare \r and NUL \0 and \x1B[2J and \x7F\r\n", "550 bare ? and NUL ? and ?[2J and ?\r\n")]
    [InlineData("550 \u007F\r\n", "550 ?\r\n")]
    [InlineData("550 \u001F~\r\n", "550 ?~\r\n")]
    [InlineData("550-fine\r\n550 \u0001\r\n", "550-fine\r\n550 ?\r\n")]
    [InlineData("550-\u0001\r\n550 ~fine\r\n", "550-?\r\n550 ~fine\r\n")]
    [InlineData("550 a tab\there\r\n", "550 a tab\there\r\n")]
    [InlineData("550-\xE9t\xE9\r\n550 \xC3\xA9\r\n", "550-?t?\r\n550 ??\r\n")]
    [InlineData("550 bare LF\n", "550 bare LF\r\n")]
    [InlineData("550\r\n", "550\r\n")]
    [InlineData("550\rx\r\n", "550?x\r\n")]
    public void Nothing_but_text_of_a_reply_reaches_the_mail_server(string reply, string passed) // [BP-10.5-11]
    {
        Open("250 mx\r\n");
        Next("250 ok\r\n");
        Assert.Equal(passed, Next(reply));
    }

    [Fact]
    public void UTF8_in_a_reply_reaches_a_mail_server_that_said_SMTPUTF8() // [BP-10.5-11], RFC 6531 3.7.4.2
    {
        Begin("MAIL FROM:<s@a.test> SMTPUTF8");
        Next("220 mx\r\n");
        Next("250-mx\r\n250 SMTPUTF8\r\n");
        Next("250 ok\r\n");
        Assert.Equal("550-\xC3\xA9\xC4\x80\u007F\r\n550 ?\r\n".Replace('\u007F', '?'), Next("550-\xC3\xA9\xC4\x80\u007F\r\n550 \xE9\r\n"));
    }

    [Fact]
    public void A_message_that_was_taken_with_too_many_words_is_acknowledged_with_fewer() // [BP-10.5-19]
    {
        Open("250 mx\r\n");
        StartData();
        Say("message\r\n.");
        var line = "250-" + new string('x', 5000) + "\r\n";
        var answer = Next(string.Concat(Enumerable.Repeat(line, 200)) + "250 done\r\n").Split("\r\n");
        Assert.Equal((129, "250 done", ""), (answer.Length, answer[^2], answer[^1]));
        Assert.All(answer[..^2], l => Assert.Equal("250-" + new string('x', 506), l));
        Assert.True(_relay.IsIdle);
        Assert.Equal(1, _relay.Messages);
    }

    [Theory]
    [InlineData("550-no\r\nsuch user\r\n", "550 The next hop's reply is not SMTP\r\n")]
    [InlineData("450-later\r\n45 what\r\n", "450 The next hop's reply is not SMTP\r\n")]
    [InlineData("400-later\r\nwhat\r\n", "400 The next hop's reply is not SMTP\r\n")]
    [InlineData("250x\r\n", "451 4.3.0 The next hop does not speak SMTP\r\n")]
    [InlineData("\n", "451 4.3.0 The next hop does not speak SMTP\r\n")]
    [InlineData("421-later\r\nwhat\r\n", "451 The next hop's reply is not SMTP\r\n")]
    [InlineData("550-no\r\n250 yes\r\n", "451 4.3.0 The next hop does not speak SMTP\r\n")]
    [InlineData("250-yes\r\n550 no\r\n", "451 4.3.0 The next hop does not speak SMTP\r\n")]
    [InlineData("250-yes\r\nno\r\n", "451 4.3.0 The next hop does not speak SMTP\r\n")]
    [InlineData("354 go\r\n", "451 4.3.0 The next hop does not speak SMTP\r\n")]
    [InlineData("650 no\r\n", "451 4.3.0 The next hop does not speak SMTP\r\n")]
    [InlineData("25\r\n", "451 4.3.0 The next hop does not speak SMTP\r\n")]
    [InlineData("\r\n", "451 4.3.0 The next hop does not speak SMTP\r\n")]
    public void A_malformed_reply_is_answered_with_its_code_if_that_is_clear(string reply, string answer) // [BP-10.5-19], [BP-10.5-23]
    {
        Open("250 mx\r\n");
        Next("250 ok\r\n");
        Assert.Equal(answer, Next(reply));
        Assert.Equal(SessionRequest.Disconnect, _relay.TakeRequest());
    }

    [Theory]
    [InlineData("421 4.7.0 no more\r\n")]
    [InlineData("")]
    public void A_kept_connection_that_ends_at_MAIL_is_followed_by_a_fresh_one(string words) // [BP-10.5-21]
    {
        Open("250-mx\r\n250 PIPELINING\r\n");
        Deliver();
        Say("MAIL FROM:<>");
        Say("RCPT TO:<r@b.test>\r\nRCPT TO:<q@b.test>");
        Assert.Equal("MAIL FROM:<>\r\nRCPT TO:<r@b.test>\r\nRCPT TO:<q@b.test>\r\n", Sent());
        Assert.Equal("", Next(words));
        if (words.Length == 0)
        {
            _relay.ServerEnded();
        }

        Assert.Equal((SessionRequest.Connect, false), (_relay.TakeRequest(), _relay.HasQuit));
        Next("220 mx\r\n");
        Next("250-mx\r\n250 PIPELINING\r\n");
        Assert.Equal("EHLO a.test\r\nMAIL FROM:<>\r\nRCPT TO:<r@b.test>\r\nRCPT TO:<q@b.test>\r\n", Sent());
        Assert.Equal("250 r\r\n550 q\r\n", Next("250 ok\r\n250 r\r\n550 q\r\n"));
    }

    [Fact]
    public void A_kept_connection_that_ends_at_RCPT_or_RSET_is_followed_by_a_fresh_one() // [BP-10.5-21]
    {
        Open("250 mx\r\n");
        Deliver();
        Say("MAIL FROM:<>");
        Say("RCPT TO:<r@b.test>");
        Next("250 ok\r\n");
        Assert.Equal("", Next("421 no\r\n"));
        Assert.Equal(SessionRequest.Connect, _relay.TakeRequest());
        Next("220 mx\r\n");
        Next("250 mx\r\n");
        Next("250 ok\r\n");
        Assert.Equal("250 r\r\n", Next("250 r\r\n"));
        Sent();
        Assert.Equal("250 2.0.0 Ok\r\n", Say("RSET"));
        Assert.Equal("RSET\r\n", Sent());
        Assert.Equal("", Next("421 no\r\n"));
        Say("MAIL FROM:<>");
        Assert.Equal("", Say("RCPT TO:<r@b.test>"));
        Assert.Equal(SessionRequest.Connect, _relay.TakeRequest());
    }

    [Fact]
    public void A_fresh_connection_that_ends_at_MAIL_is_followed_by_none() // [BP-10.5-21], [BP-10.5-11]
    {
        Open("250 mx\r\n");
        Deliver();
        Say("MAIL FROM:<>");
        Say("RCPT TO:<r@b.test>");
        Assert.Equal("", Next("421 no\r\n"));
        Assert.Equal(SessionRequest.Connect, _relay.TakeRequest());
        Next("220 mx\r\n");
        Next("250 mx\r\n");
        Assert.Equal("451 still no\r\n", Next("421 still no\r\n"));
        Assert.Equal(SessionRequest.Disconnect, _relay.TakeRequest());
        Assert.Equal("451 still no\r\n", Say("RCPT TO:<q@b.test>"));
    }

    [Fact]
    public void A_connection_on_which_a_recipient_was_accepted_is_not_replaced() // [BP-10.5-21], [BP-10.5-15]
    {
        Open("250-mx\r\n250 PIPELINING\r\n");
        Deliver();
        Say("MAIL FROM:<>");
        Say("RCPT TO:<r@b.test>\r\nRCPT TO:<q@b.test>");
        Assert.Equal("250 r\r\n451 no\r\n", Next("250 ok\r\n250 r\r\n421 no\r\n"));
        Assert.Equal("451 no\r\n", Say("DATA"));
    }

    [Theory]
    [InlineData("421 4.7.0 no TLS now\r\n")]
    [InlineData("354 what\r\n")]
    [InlineData("garbage\r\n")]
    [InlineData("")]
    [InlineData("timeout")]
    public void A_server_that_is_lost_at_STARTTLS_gets_one_fresh_connection_without_it(string words) // [BP-10.5-14]
    {
        Begin();
        Next("220 mx\r\n");
        Next("250-mx\r\n250 STARTTLS\r\n");
        Assert.Equal(BlackPony.Reference.Limits.TlsTimeout, _relay.PeerTimeout);
        Fail();
        WithoutTls();

        void Fail()
        {
            switch (words)
            {
                case "":
                    _relay.ServerEnded();
                    break;
                case "timeout":
                    _relay.TimedOut();
                    break;
                default:
                    Assert.Equal("", Next(words));
                    break;
            }
        }
    }

    [Fact]
    public void A_server_that_is_lost_within_TLS_gets_one_fresh_connection_without_it() // [BP-10.5-14]
    {
        Begin();
        Next("220 mx\r\n");
        Next("250-mx\r\n250 STARTTLS\r\n");
        Next("220 go\r\n");
        _relay.TakeRequest();
        _relay.TlsDone(secured: true);
        _relay.ServerEnded();
        WithoutTls();
    }

    [Theory]
    [InlineData("BODY=BINARYMIME", "555 ")]
    [InlineData("BODY=binarymime SIZE=3", "555 ")]
    [InlineData("RET=FULL", "555 ")]
    [InlineData("ENVID=x", "555 ")]
    [InlineData("AUTH=<>", "555 ")]
    [InlineData("REQUIRETLS", "555 ")]
    [InlineData("BY=120;R", "555 ")]
    [InlineData("MT-PRIORITY=3", "555 ")]
    [InlineData("HOLDFOR=60", "555 ")]
    [InlineData("SIZE=x REQUIRETLS", "555 ")]
    [InlineData("BODY=9BIT", "501 ")]
    [InlineData("BODY", "501 ")]
    [InlineData("BODY=8BITMIME BODY=7BIT", "501 ")]
    [InlineData("SIZE=", "501 ")]
    [InlineData("SIZE=-1", "501 ")]
    [InlineData("SMTPUTF8=yes", "501 ")]
    [InlineData("body=7bit size=12 smtputf8", "250 ")]
    public void A_parameter_that_is_not_offered_is_refused_and_never_dropped(string parameters, string code) // [BP-10.5-20], RFC 8689 5
    {
        Say("EHLO a.test");
        Assert.StartsWith(code, Say("MAIL FROM:<s@a.test> " + parameters), StringComparison.Ordinal);
    }

    [Fact]
    public void A_recipient_that_is_refused_here_hears_so_in_its_turn()
    {
        Open("250-mx\r\n250 PIPELINING\r\n");
        Assert.Equal("", Say("RCPT TO:<q@b.test> NOTIFY=NEVER\r\nRCPT TO:<\xC3\xA9@b.test>"));
        var answers = Next("250 ok\r\n250 first\r\n").Split("\r\n");
        Assert.Equal(["250 f", "555 5", "553 5", ""], answers.Select(a => a.Length > 5 ? a[..5] : a));
    }

    [Theory]
    [InlineData("550 no\r\n", "b.test Refused 550")]
    [InlineData("500 no\r\n", "b.test Refused 500")]
    [InlineData("400 later\r\n", "b.test Deferred 400")]
    [InlineData("450 later\r\n", "b.test Deferred 450")]
    [InlineData("421 later\r\n", "b.test Deferred 421")]
    [InlineData("what\r\n", "b.test Lost 0")]
    [InlineData("", "b.test Lost 0")]
    [InlineData("timeout", "b.test TimedOut 0")]
    public void Each_outcome_of_a_recipient_and_of_a_message_is_reported_with_its_domain(string words, string outcome) // [BP-11.1-5]
    {
        Open("250 mx\r\n");
        Next("250 ok\r\n");
        Answer();
        Assert.Equal($"{outcome} False", Outcomes());
        _relay.TakeRequest();
        Say("RSET\r\nMAIL FROM:<>\r\nRCPT TO:<r@b.test>");
        if (_relay.TakeRequest() == SessionRequest.Connect)
        {
            Next("220 mx\r\n");
            Next("250 mx\r\n");
        }
        else
        {
            Next("250 reset\r\n");
        }

        StartData();
        Say("message\r\n.");
        Answer();
        Assert.Equal($"{outcome} True", Outcomes());

        void Answer()
        {
            if (words is "timeout")
            {
                _relay.TimedOut();
            }
            else if (words is "")
            {
                _relay.ServerEnded();
            }
            else
            {
                Next(words);
            }
        }
    }

    [Fact]
    public void A_message_that_was_delivered_or_given_up_is_reported_with_its_domains() // [BP-11.1-5]
    {
        Open("250-mx\r\n250 PIPELINING\r\n");
        Next("250 ok\r\n250 ok\r\n");
        Say("RCPT TO:<r@alias.test>");
        Next("250 ok\r\n");
        Say("DATA");
        Next("354 go\r\n");
        Say("message\r\n.");
        Next("250 ok\r\n");
        Assert.Equal("b.test Delivered 250 True|alias.test Delivered 250 True", Outcomes());
        Say("MAIL FROM:<>\r\nRCPT TO:<r@b.test>");
        StartData();
        _relay.ClientEnded();
        Assert.Equal("b.test Abandoned 0 True", Outcomes());
    }

    [Fact]
    public void A_recipient_waits_for_a_server_no_longer_than_its_client_does() // [BP-10.5-22]
    {
        Begin();
        Assert.True(_relay.IsSearching);
        _relay.SearchTimedOut();
        Assert.StartsWith("451 4.4.1 ", Client(), StringComparison.Ordinal);
        Assert.Equal((SessionRequest.Disconnect, false), (_relay.TakeRequest(), _relay.IsSearching));
        Assert.Equal("b.test TimedOut 0 False", Outcomes());
    }

    [Fact]
    public void A_client_that_greets_with_another_name_gets_another_connection() // [BP-10.5-5]
    {
        Open("250 mx\r\n");
        Deliver();
        _relay.TakeRequest();
        Assert.StartsWith("250-", Say("EHLO a.test"), StringComparison.Ordinal);
        Assert.Equal(("", SessionRequest.None), (Sent(), _relay.TakeRequest()));
        Assert.StartsWith("250-", Say("EHLO c.test"), StringComparison.Ordinal);
        Assert.Equal("QUIT\r\n", Sent());
        Assert.Equal((SessionRequest.Disconnect, true), (_relay.TakeRequest(), _relay.HasQuit));
        Say("MAIL FROM:<>\r\nRCPT TO:<r@b.test>");
        Assert.Equal(SessionRequest.Connect, _relay.TakeRequest());
        Next("220 mx\r\n");
        Assert.Equal("EHLO c.test\r\n", Sent());
    }

    [Theory]
    [InlineData("EHLO a.test", "RSET\r\n")]
    [InlineData("HELO a.test", "RSET\r\n")]
    [InlineData("RSET", "RSET\r\n")]
    [InlineData("NOOP", "")]
    [InlineData("VRFY x", "")]
    [InlineData("MAIL FROM:<other@a.test>", "")]
    public void What_ends_a_transaction_here_ends_it_at_the_next_server(string command, string sent) // RFC 5321 4.1.4
    {
        Open("250 mx\r\n");
        Next("250 ok\r\n");
        Next("250 ok\r\n");
        Sent();
        var answer = Say(command);
        Assert.Equal(sent, Sent());
        Assert.Equal(command.StartsWith("MAIL", StringComparison.Ordinal) ? "503 5.5.1 A transaction is open\r\n" : "25",
            command.StartsWith("MAIL", StringComparison.Ordinal) ? answer : answer[..2]);
        Next(sent.Length > 0 ? "250 reset\r\n" : "");
        Assert.Equal(sent.Length > 0, _relay.IsIdle);
        Assert.Equal(sent.Length > 0 ? "b.test Abandoned 0 True" : "", Outcomes());
        Assert.StartsWith(sent.Length > 0 ? "503 " : "", Say("DATA"), StringComparison.Ordinal);
        Assert.Equal(sent.Length > 0 ? "" : "DATA\r\n", Sent());
    }

    [Fact]
    public void A_transaction_that_no_server_has_heard_of_ends_here_alone()
    {
        Say("EHLO a.test");
        Say("MAIL FROM:<s@a.test>");
        Assert.False(_relay.IsIdle);
        Assert.Equal("250 2.0.0 Ok\r\n", Say("RSET"));
        Assert.True(_relay.IsIdle);
        Assert.Equal("", Sent());
        Assert.StartsWith("503 5.5.1 MAIL first", Say("RCPT TO:<r@b.test>"), StringComparison.Ordinal);
        Assert.StartsWith("503 5.5.1 MAIL first", Say("DATA"), StringComparison.Ordinal);
    }

    [Fact]
    public void Commands_come_in_their_order()
    {
        Assert.Equal("503 5.5.1 EHLO first\r\n", Say("MAIL FROM:<s@a.test>"));
        Assert.Equal("501 5.5.4 Syntax: EHLO name\r\n", Say("EHLO"));
        Assert.Equal("501 5.5.4 Syntax: HELO name\r\n", Say("helo  "));
        Assert.Equal("503 5.5.1 EHLO first\r\n", Say("MAIL FROM:<s@a.test>"));
        Assert.Equal("250 [127.0.0.1]\r\n", Say("HELO a.test"));
        Assert.Equal("501 5.5.4 Syntax: MAIL FROM:<address>\r\n", Say("MAIL TO:<s@a.test>"));
        Assert.Equal("501 5.5.4 Malformed parameter\r\n", Say("MAIL FROM:<s@a.test> SIZE=x"));
        Assert.Equal("250 2.1.0 Ok\r\n", Say("MAIL FROM:<s@a.test>"));
        Assert.Equal("554 5.5.1 No valid recipients\r\n", Say("DATA"));
        Assert.Equal("252 2.5.1 Cannot verify; send some mail\r\n", Say("VRFY x"));
        Assert.Equal("502 5.5.1 Command not implemented\r\n", Say("TURN"));
        Assert.Equal("221 2.0.0 Bye\r\n", Say("QUIT"));
        Assert.Equal(SessionRequest.Close, _relay.TakeRequest());
        Assert.Equal(SessionRequest.Close, _relay.TakeRequest());
    }

    [Fact]
    public void So_many_recipients_are_asked_at_once_and_no_more() // their replies would fill the connection
    {
        Open("250-mx\r\n250 PIPELINING\r\n");
        Next("250 ok\r\n250 ok\r\n");
        Sent();
        for (int i = 0; i < 150; i++)
        {
            Assert.Equal("", Say($"RCPT TO:<r{i}@b.test>"));
        }

        Assert.Equal(100, Sent().Split("\r\n").Length - 1);
        Assert.Equal("250 r0\r\n", Next("250 r0\r\n"));
        Assert.Equal("RCPT TO:<r100@b.test>\r\n", Sent());
        Assert.Equal(string.Concat(Enumerable.Repeat("250 r\r\n", 100)), Next(string.Concat(Enumerable.Repeat("250 r\r\n", 100))));
        Assert.Equal(49, Sent().Split("\r\n").Length - 1);
    }

    [Fact]
    public void Without_PIPELINING_a_server_is_asked_one_thing_at_a_time() // RFC 2920
    {
        Open("250 mx\r\n");
        Assert.Equal("EHLO a.test\r\nMAIL FROM:<s@a.test>\r\n", Sent());
        Say("RCPT TO:<q@b.test>\r\nRCPT TO:<p@b.test>\r\nDATA");
        Assert.Equal("", Sent());
        Next("250 ok\r\n");
        Assert.Equal("RCPT TO:<r@b.test>\r\n", Sent());
        Assert.Equal("250 r\r\n", Next("250 r\r\n"));
        Assert.Equal("RCPT TO:<q@b.test>\r\n", Sent());
        Assert.Equal("550 q\r\n", Next("550 q\r\n"));
        Assert.Equal("RCPT TO:<p@b.test>\r\n", Sent());
        Assert.Equal("250 p\r\n", Next("250 p\r\n"));
        Assert.Equal("DATA\r\n", Sent());
    }

    [Fact]
    public void A_refusal_is_that_of_its_route_and_of_no_other() // [BP-10.5-6], [BP-10.5-7]
    {
        Begin();
        Assert.Equal("554 no mail here\r\n", Next("554 no mail here\r\n"));
        Assert.Equal(SessionRequest.Disconnect, _relay.TakeRequest());
        Assert.Equal("554 no mail here\r\n", Say("RCPT TO:<q@b.test>"));
        Assert.Equal(SessionRequest.None, _relay.TakeRequest());
        Assert.Equal("", Say("RCPT TO:<r@c.test>"));
        Assert.Equal((SessionRequest.Connect, "c.test"), (_relay.TakeRequest(), _relay.Route!.Host));
        Next("220 mx\r\n");
        Next("250 mx\r\n");
        Next("250 ok\r\n");
        Assert.Equal("250 good\r\n", Next("250 good\r\n"));
    }

    [Fact]
    public void A_refused_MAIL_is_forgotten_with_its_transaction() // [BP-10.5-6]
    {
        Open("250 mx\r\n");
        Assert.Equal("553 sender\r\n", Next("553 sender\r\n"));
        Say("RSET");
        Next("250 reset\r\n");
        Sent();
        Say("MAIL FROM:<other@a.test>\r\nRCPT TO:<r@b.test>");
        Assert.Equal("MAIL FROM:<other@a.test>\r\n", Sent());
        Assert.Equal(SessionRequest.None, _relay.TakeRequest());
    }

    [Fact]
    public void Where_STARTTLS_is_off_it_is_not_used() // [BP-10.5-13]
    {
        var relay = new OutboundSession(new OutboundOptions("r.test", d => new Route(d, 25)) { StartTls = false });
        relay.FromClient("EHLO a.test\r\nMAIL FROM:<s@a.test>\r\nRCPT TO:<r@b.test>\r\n"u8);
        relay.FromServer("220 mx\r\n"u8);
        relay.FromServer("250-mx\r\n250 STARTTLS\r\n"u8);
        Assert.Equal("EHLO a.test\r\nMAIL FROM:<s@a.test>\r\n", Encoding.ASCII.GetString(relay.ToServer.WrittenSpan));
    }

    [Theory]
    [InlineData("454 not now\r\n")]
    [InlineData("502 what\r\n")]
    public void A_refused_STARTTLS_is_no_more_than_that(string reply) // [BP-10.5-13]
    {
        Begin();
        Next("220 mx\r\n");
        Next("250-mx\r\n250 STARTTLS\r\n");
        Sent();
        Assert.Equal("", Next(reply));
        Assert.Equal("MAIL FROM:<s@a.test>\r\n", Sent());
        Assert.Equal(SessionRequest.None, _relay.TakeRequest());
    }

    [Fact]
    public void A_421_to_a_recipient_is_its_answer_and_that_of_all_behind_it() // [BP-10.5-11], [BP-10.5-15]
    {
        Open("250-mx\r\n250 PIPELINING\r\n");
        Say("RCPT TO:<q@b.test>\r\nRCPT TO:<p@b.test>");
        Assert.Equal("250 r\r\n451 going\r\n451 going\r\n", Next("250 ok\r\n250 r\r\n421 going\r\n"));
        Assert.Equal(SessionRequest.Disconnect, _relay.TakeRequest());
        Assert.False(_relay.HasQuit);
        Assert.Equal("451 going\r\n", Say("RCPT TO:<o@b.test>"));
        Assert.Equal("b.test Deferred 421 False|b.test Deferred 421 False|b.test Deferred 421 False", Outcomes());
        Assert.Equal("451 going\r\n", Say("DATA"));
        Assert.Equal("b.test Deferred 421 True", Outcomes());
    }

    [Fact]
    public void What_was_not_sent_to_a_lost_server_is_not_sent_to_the_next() // [BP-10.5-15]
    {
        Open("250 mx\r\n");
        StartData();
        _relay.FromClient("half\r\n"u8);
        _relay.ServerEnded();
        Assert.Equal("", Sent());
        _relay.FromClient("the rest\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<r@b.test>\r\n"u8);
        Assert.Equal("451 4.4.2 The next hop closed the connection\r\n250 2.1.0 Ok\r\n", Client());
        Assert.Equal(SessionRequest.Connect, _relay.TakeRequest());
        Next("220 mx\r\n");
        Assert.Equal("EHLO a.test\r\n", Sent());
    }

    [Fact]
    public void What_the_lost_server_said_last_is_no_answer_of_the_next() // [BP-10.5-15]
    {
        Open("250 mx\r\n");
        Next("250 ok\r\n");
        Next("250 half an ans");
        _relay.ServerEnded();
        Client();
        Say("RSET\r\nMAIL FROM:<>\r\nRCPT TO:<r@b.test>");
        Assert.Equal(SessionRequest.Connect, _relay.TakeRequest());
        Sent();
        Next("220 mx\r\n");
        Assert.Equal("EHLO a.test\r\n", Sent());
    }

    [Fact]
    public void A_loss_within_the_message_ends_the_transaction() // [BP-10.5-15]
    {
        Open("250 mx\r\n");
        StartData();
        Say("message\r\n.");
        Assert.False(_relay.IsIdle);
        _relay.ServerEnded();
        Assert.True(_relay.IsIdle);
        Client();
        Assert.Equal("503 5.5.1 MAIL first\r\n", Say("DATA"));
        Assert.Equal("250 2.1.0 Ok\r\n", Say("MAIL FROM:<>"));
    }

    [Fact]
    public void An_empty_message_is_a_dot_right_behind_the_354() // RFC 5321 4.1.1.4
    {
        Open("250 mx\r\n");
        StartData();
        Say(".");
        Assert.Equal(".\r\n", Sent());
        Assert.Equal("250 queued\r\n", Next("250 queued\r\n"));
        Assert.Equal(1, _relay.Messages);
        Assert.Equal("250 2.0.0 Ok\r\n", Say("NOOP"));
    }

    [Theory]
    [InlineData("550 no\r\n", "b.test Refused 550 True")]
    [InlineData("451 later\r\n", "b.test Deferred 451 True")]
    public void A_refused_DATA_or_message_leaves_the_session_as_it_is(string reply, string outcome) // [BP-10.5-15]
    {
        Open("250 mx\r\n");
        Next("250 ok\r\n");
        Next("250 ok\r\n");
        Say("DATA");
        Assert.Equal(reply, Next(reply));
        Assert.Equal(outcome, Outcomes());
        Assert.False(_relay.IsIdle);
        Say("DATA");
        Assert.Equal("354 go\r\n", Next("354 go\r\n"));
        Say("message\r\n.");
        Assert.Equal(reply, Next(reply));
        Assert.Equal(outcome, Outcomes());
        Assert.True(_relay.IsIdle);
        Assert.Equal((0, SessionRequest.None), (_relay.Messages, _relay.TakeRequest()));
    }

    [Theory]
    [InlineData("250 what\r\n")]
    [InlineData("220 what\r\n")]
    public void A_positive_reply_to_DATA_is_no_answer(string reply) // [BP-10.5-15]
    {
        Open("250 mx\r\n");
        Next("250 ok\r\n");
        Next("250 ok\r\n");
        Say("DATA");
        Assert.Equal("451 4.3.0 The next hop does not speak SMTP\r\n", Next(reply));
        Assert.Equal(SessionRequest.Disconnect, _relay.TakeRequest());
        Assert.Equal("b.test Lost 0 True", Outcomes());
    }

    [Fact]
    public void Who_has_the_word_is_waited_for_and_for_so_long() // spec 13
    {
        Assert.Equal(BlackPony.Reference.Limits.IdleTimeout, _relay.PeerTimeout);
        Begin();
        Assert.Equal(BlackPony.Reference.Limits.NextServerTimeout, _relay.PeerTimeout);
        Assert.True(_relay.IsSearching);
        Next("220 mx\r\n");
        Next("250-mx\r\n250 STARTTLS\r\n");
        Assert.Equal(BlackPony.Reference.Limits.TlsTimeout, _relay.PeerTimeout);
        Next("220 go\r\n");
        Assert.Equal(BlackPony.Reference.Limits.TlsTimeout, _relay.PeerTimeout);
        _relay.TlsDone(secured: true);
        Assert.Equal(BlackPony.Reference.Limits.NextServerTimeout, _relay.PeerTimeout);
        Next("250 mx\r\n");
        Next("250 ok\r\n");
        Assert.False(_relay.IsSearching);
        Assert.Equal(BlackPony.Reference.Limits.NextServerTimeout, _relay.PeerTimeout);
        Next("250 ok\r\n");
        Assert.Equal(BlackPony.Reference.Limits.IdleTimeout, _relay.PeerTimeout);
    }

    [Fact]
    public void Everything_that_comes_whole_is_progress_and_half_a_line_is_none() // spec 13
    {
        Open("250 mx\r\n");
        Moves(false, () => Next("250 "));
        Moves(true, () => Next("ok\r\n"));
        Next("250 ok\r\n");
        Moves(false, () => _relay.FromClient("DA"u8));
        Moves(true, () => _relay.FromClient("TA\r\n"u8));
        Next("354 go\r\n");
        Moves(true, () => _relay.FromClient("x"u8));

        void Moves(bool whole, Action action)
        {
            long before = _relay.Progress;
            action();
            Assert.Equal(whole, _relay.Progress > before);
        }
    }

    [Fact]
    public void A_client_that_sends_on_while_the_next_server_is_silent_is_not_read_any_more() // [BP-10.1-7]
    {
        Begin();
        int sent = 0;
        for (; _relay.WantsClient; sent += 1000)
        {
            _relay.FromClient(Encoding.ASCII.GetBytes("NOOP " + new string('x', 993) + "\r\n"));
        }

        Assert.InRange(sent, BlackPony.Reference.Limits.MaxHeld, BlackPony.Reference.Limits.MaxHeld + 999);
        Next("220 mx\r\n");
        Next("250 mx\r\n");
        Next("250 ok\r\n");
        Next("250 ok\r\n");
        Assert.True(_relay.WantsClient);
        _relay.ClientEnded();
        Assert.False(_relay.WantsClient);
    }

    [Theory]
    [InlineData(0, "250 ")]
    [InlineData(1, "500 ")]
    public void A_command_line_may_be_as_long_as_its_limit(int more, string code) // [BP-10.5-18]
    {
        Assert.StartsWith(code, Say("NOOP " + new string('x', BlackPony.Reference.Limits.MaxOtherCommandLine - 7 + more)),
            StringComparison.Ordinal);
        Assert.Equal(more == 0 ? SessionRequest.None : SessionRequest.Close, _relay.TakeRequest());
    }

    [Theory]
    [InlineData("NOOP\r", "250 ")]
    [InlineData("NOOP\rx", "501 ")]
    public void A_CR_whose_LF_has_not_come_yet_is_not_stray(string half, string code) // [BP-10.5-18]
    {
        _relay.FromClient(Encoding.ASCII.GetBytes(half));
        _relay.FromClient("\n"u8);
        Assert.StartsWith(code, Client(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_stray_octet_is_answered_behind_the_answers_before_it() // [BP-10.5-18]
    {
        Begin();
        _relay.FromClient("NO\nOP\r\n"u8);
        Assert.Equal("", Client());
        Next("220 mx\r\n");
        Next("250 mx\r\n");
        Next("250 ok\r\n");
        Assert.Equal("250 ok\r\n501 5.5.2 Bare LF, bare CR or NUL in a command\r\n", Next("250 ok\r\n"));
        Assert.Equal((SessionRequest.Close, true), (_relay.TakeRequest(), _relay.HasQuit));
    }

    [Fact]
    public void A_relay_that_stops_says_so_and_leaves_the_next_server() // [BP-10.3-9]
    {
        Open("250 mx\r\n");
        Deliver();
        _relay.Stop();
        Assert.Equal("421 4.3.2 Service shutting down\r\n", Client());
        Assert.Equal("QUIT\r\n", Sent());
        Assert.Equal((SessionRequest.Close, true), (_relay.TakeRequest(), _relay.HasQuit));
        _relay.Stop();
        Assert.Equal("", Client());
    }

    [Fact]
    public void A_server_that_knows_no_EHLO_is_greeted_with_HELO_and_the_clients_name() // RFC 5321 3.2
    {
        Begin("MAIL FROM:<s@a.test> SIZE=1000");
        Next("220 mx\r\n");
        Sent();
        Assert.Equal("", Next("500 what\r\n"));
        Assert.Equal("HELO a.test\r\n", Sent());
        Next("250-mx\r\n250 SIZE\r\n");
        Assert.Equal("MAIL FROM:<s@a.test>\r\n", Sent());
    }

    [Theory]
    [InlineData("400 later\r\n", "400 later\r\n")]
    [InlineData("450 later\r\n", "450 later\r\n")]
    [InlineData("354 what\r\n", "451 4.3.0 The next hop does not speak SMTP\r\n")]
    public void A_server_that_does_not_take_EHLO_is_of_no_use(string reply, string answer) // [BP-10.5-6]
    {
        Begin();
        Next("220 mx\r\n");
        Assert.Equal(answer, Next(reply));
        Assert.Equal(SessionRequest.Disconnect, _relay.TakeRequest());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void TLS_that_nobody_asked_for_changes_nothing(bool secured)
    {
        Open("250 mx\r\n");
        Sent();
        _relay.TlsDone(secured);
        Assert.Equal(("", SessionRequest.None), (Sent(), _relay.TakeRequest()));
        Next("250 ok\r\n");
        Assert.Equal("250 good\r\n", Next("250 good\r\n"));
    }

    [Fact]
    public void A_search_that_ended_in_time_is_not_ended_again() // [BP-10.5-22]
    {
        Open("250 mx\r\n");
        Next("250 ok\r\n");
        _relay.SearchTimedOut();
        Assert.Equal("250 good\r\n", Next("250 good\r\n"));
        Assert.Equal(1, _relay.Searches);
    }

    [Fact]
    public void An_empty_line_is_no_command_and_ends_nothing()
    {
        Assert.Equal("502 5.5.1 Command not implemented\r\n", Say(""));
        Assert.Equal("250 2.0.0 Ok\r\n", Say("NOOP"));
    }

    [Fact]
    public void What_waits_behind_an_answer_that_does_not_come_is_read_when_it_is_given_up() // [BP-10.5-15]
    {
        Open("250 mx\r\n");
        StartData();
        Assert.Equal("", Say("message\r\n.\r\nNOOP"));
        _relay.TimedOut();
        Assert.Equal("451 4.4.2 The next hop did not answer in time\r\n250 2.0.0 Ok\r\n", Client());
    }

    [Theory]
    [InlineData("\xC2\x80", true)]
    [InlineData("\x7E", false)]
    [InlineData("\xF4\x8F\xBF\xBF", true)]
    public void An_address_with_any_octet_beyond_ASCII_needs_SMTPUTF8(string octets, bool needs) // RFC 6531 3.2
    {
        Say("EHLO a.test");
        Assert.StartsWith(needs ? "550 5.6.7 " : "250 ", Say($"MAIL FROM:<{octets}@a.test>"), StringComparison.Ordinal);
    }

    [Fact]
    public void An_internationalized_sender_is_taken_with_SMTPUTF8() // [BP-10.5-10]
    {
        Say("EHLO a.test");
        Assert.StartsWith("250 ", Say("MAIL FROM:<\xC3\xA9@a.test> SMTPUTF8"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_refusal_comes_behind_the_answers_that_are_still_due() // [BP-10.5-6]
    {
        Open("250-mx\r\n250 PIPELINING\r\n");
        Assert.Equal("", Next("553 sender\r\n"));
        Assert.Equal("", Say("RCPT TO:<q@b.test>"));
        Assert.Equal("553 sender\r\n553 sender\r\n", Next("503 no\r\n"));
        Assert.Equal("b.test Refused 553 False|b.test Refused 553 False", Outcomes());
    }

    [Fact]
    public void A_refusal_stays_that_of_the_transaction_where_the_server_is_lost_behind_it() // [BP-10.5-6]
    {
        Open("250-mx\r\n250 PIPELINING\r\n");
        Next("553 sender\r\n");
        _relay.ServerEnded();
        Assert.Equal("553 sender\r\n", Client());
        Assert.Equal("553 sender\r\n", Say("RCPT TO:<q@b.test>"));
    }

    [Fact]
    public void A_server_that_ends_before_it_has_answered_EHLO_is_lost() // [BP-10.5-15]
    {
        Begin();
        Next("220 mx\r\n");
        _relay.ServerEnded();
        Assert.Equal("451 4.4.2 The next hop closed the connection\r\n", Client());
        Assert.Equal(SessionRequest.Disconnect, _relay.TakeRequest());
    }

    [Fact]
    public void A_server_that_owes_an_answer_is_not_told_QUIT()
    {
        Open("250 mx\r\n");
        Sent();
        _relay.Stop();
        Assert.Equal("", Sent());
        Assert.Equal((SessionRequest.Close, false), (_relay.TakeRequest(), _relay.HasQuit));
    }

    [Fact]
    public void The_server_behind_one_in_TLS_is_asked_for_TLS_too() // [BP-10.5-13]
    {
        Begin();
        Next("220 mx\r\n");
        Next("250-mx\r\n250 STARTTLS\r\n");
        Next("220 go\r\n");
        _relay.TakeRequest();
        _relay.TlsDone(secured: true);
        Next("250 mx\r\n");
        Deliver();
        Say("MAIL FROM:<>\r\nRCPT TO:<r@c.test>");
        Assert.Equal(SessionRequest.Connect, _relay.TakeRequest());
        Sent();
        Next("220 mx\r\n");
        Next("250-mx\r\n250 STARTTLS\r\n");
        Assert.Equal("EHLO a.test\r\nSTARTTLS\r\n", Sent());
    }

    [Fact]
    public void What_comes_in_plaintext_before_TLS_stands_is_not_heard_in_it() // [BP-10.5-17], RFC 3207 4.2
    {
        Begin("MAIL FROM:<s@a.test> SIZE=1000");
        Next("220 mx\r\n");
        Next("250-mx\r\n250 STARTTLS\r\n");
        Next("220 go\r\n");
        Assert.Equal(SessionRequest.StartTls, _relay.TakeRequest());
        Assert.Equal("", Next("250-mx\r\n250 SIZE\r\n250 forged\r\n"));
        Sent();
        _relay.TlsDone(secured: true);
        Next("250 mx\r\n");
        Assert.Equal("EHLO a.test\r\nMAIL FROM:<s@a.test>\r\n", Sent());
    }

    [Fact]
    public void A_long_reply_that_comes_in_pieces_is_the_same() // [BP-10.5-19]
    {
        Open("250 mx\r\n");
        StartData();
        Say("message\r\n.");
        var said = "";
        foreach (var piece in ("250-" + new string('x', 3000) + "\r\n250 done\r\n").Chunk(100))
        {
            said += Next(new string(piece));
        }

        Assert.Equal("250-" + new string('x', 506) + "\r\n250 done\r\n", said);
    }

    private string Outcomes() => string.Join('|', _relay.TakeOutcomes().Select(o => $"{o.Domain} {o.Result} {o.Code} {o.IsMessage}"));

    private void WithoutTls()
    {
        Assert.Equal((SessionRequest.Connect, false), (_relay.TakeRequest(), _relay.HasQuit));
        Sent();
        Next("220 mx\r\n");
        Next("250-mx\r\n250 STARTTLS\r\n");
        Assert.Equal("EHLO a.test\r\nMAIL FROM:<s@a.test>\r\n", Sent());
        _relay.ServerEnded();
        Assert.StartsWith("451 ", Client(), StringComparison.Ordinal);
    }

    private void Begin(string mail = "MAIL FROM:<s@a.test>")
    {
        Say("EHLO a.test");
        Say(mail);
        Say("RCPT TO:<r@b.test>");
        Assert.Equal(SessionRequest.Connect, _relay.TakeRequest());
    }

    private void Open(string ehlo)
    {
        Begin();
        Next("220 mx\r\n");
        Next(ehlo);
    }

    private void StartData()
    {
        Next("250 ok\r\n");
        Next("250 ok\r\n");
        Say("DATA");
        Assert.Equal("354 go\r\n", Next("354 go\r\n"));
        Sent();
    }

    private void Deliver()
    {
        StartData();
        Say("Subject: s\r\n.");
        Assert.Equal("250 queued\r\n", Next("250 queued\r\n"));
        Sent();
    }

    private string Say(string line)
    {
        _relay.FromClient(Encoding.Latin1.GetBytes(line + "\r\n"));
        return Client();
    }

    private void Say(char octet) => _relay.FromClient([(byte)octet]);

    private string Next(string reply)
    {
        _relay.FromServer(Encoding.Latin1.GetBytes(reply));
        return Client();
    }

    private string Client()
    {
        var text = Encoding.Latin1.GetString(_relay.ToClient.WrittenSpan);
        _relay.ToClient.ResetWrittenCount();
        return text;
    }

    private string Sent()
    {
        var text = Encoding.Latin1.GetString(_relay.ToServer.WrittenSpan);
        _relay.ToServer.ResetWrittenCount();
        return text;
    }
}
