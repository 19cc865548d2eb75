using System.Text;
using BlackPony.Reference.Smtp;

namespace BlackPony.Tests.Conformance.Smtp;

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

    [Fact]
    public void MAIL_waits_for_a_recipient_and_the_message_is_acknowledged_by_the_next_server_alone() // [BP-10.5-5], [BP-10.5-9], [BP-10.5-11], [BP-10.5-15]
    {
        Say("EHLO a.test");
        Assert.Equal("250 2.1.0 Ok\r\n", Say("MAIL FROM:<s@a.test>"));
        Assert.Equal(OutboundRequest.None, _relay.TakeRequest());
        Assert.Equal("", Say("RCPT TO:<r@b.test>"));
        Assert.Equal((OutboundRequest.OpenNext, new Route("b.test", 25)), (_relay.TakeRequest(), _relay.Route));
        Next("220 mx.b.test\r\n");
        Assert.Equal("EHLO a.test\r\n", Sent());
        Next("250 mx.b.test\r\n");
        Assert.Equal("MAIL FROM:<s@a.test>\r\n", Sent());
        Next("250 yes\r\n");
        Assert.Equal("RCPT TO:<r@b.test>\r\n", Sent());
        Assert.Equal("250-fine\r\n250 \xE9t\xE9\r\n", Next("250-fine\r\n250 \xE9t\xE9\r\n"));
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
        Assert.Equal((OutboundRequest.OpenNext, "c.test"), (_relay.TakeRequest(), _relay.Route!.Host));
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
        Assert.Equal((OutboundRequest.OpenNext, "c.test"), (_relay.TakeRequest(), _relay.Route!.Host));
        Assert.Equal("QUIT\r\n", Sent()[^6..]);
        Next("220 mx\r\n");
        Next("250 mx\r\n");
        Next("250 ok\r\n");
        Assert.Equal("250 ok\r\n", Next("250 ok\r\n"));
        Assert.StartsWith("452 ", Say("RCPT TO:<r@b.test>"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("554 no mail here\r\n", "554 no mail here\r\n")]
    [InlineData("421 4.7.0 Encryption required\r\n", "451 4.7.0 Encryption required\r\n")]
    [InlineData("556 5.1.10 The domain takes no mail\r\n", "556 5.1.10 The domain takes no mail\r\n")]
    [InlineData("garbage\n", "451 4.3.0 The next server speaks no SMTP\r\n")]
    [InlineData("220 mx\r\n|421 busy\r\n", "451 busy\r\n")]
    [InlineData("220 mx\r\n|500 what\r\n|550 you\r\n", "550 you\r\n")]
    [InlineData("220 mx\r\n|250 mx\r\n|553-bad\r\n553 sender\r\n", "553-bad\r\n553 sender\r\n")]
    [InlineData("220 mx\r\n|250-mx\r\n250 PIPELINING\r\n|552 big\r\n503 no\r\n", "552 big\r\n")]
    public void What_the_server_says_in_the_place_of_taking_the_mail_every_recipient_hears(string server, string answer) // [BP-10.5-6], [BP-10.5-11]
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
        Say("RSET\r\nMAIL FROM:<s@a.test>");
        Assert.StartsWith("553 5.6.7 ", Say("RCPT TO:<\xC3\xA9@b.test>"), StringComparison.Ordinal);
        Say("RSET");
        Assert.StartsWith("550 5.6.7 ", Say("MAIL FROM:<\xC3\xA9@b.test>"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("RCPT TO:<x@B.Test.>", "b.test")]
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
        Assert.Equal((OutboundRequest.OpenNext, host), (_relay.TakeRequest(), _relay.Route!.Host));
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
        _relay.NextEnded();
        Assert.StartsWith("451 ", Say("DATA"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "451 4.4.2 The next server closed the connection\r\n")]
    [InlineData("552 too big\r\n", "552 too big\r\n")]
    [InlineData("421 stopping\r\n", "451 stopping\r\n")]
    public void A_next_server_lost_within_the_message_gets_no_more_of_it(string words, string answer) // [BP-10.5-15]
    {
        Open("250 mx\r\n");
        StartData();
        Say("half\r\n");
        Assert.Equal("half\r\n\r\n", Sent());
        Assert.Equal("", Next(words));
        _relay.NextEnded();
        Assert.Equal(answer, Say("of it\r\n."));
        Assert.Equal("", Sent());
        Assert.True(_relay.IsIdle);
    }

    [Theory]
    [InlineData("", "451 4.4.2 The next server closed the connection\r\n")]
    [InlineData("421 stopping\r\n", "451 stopping\r\n")]
    [InlineData("354 what\r\n", "451 4.3.0 The next server speaks no SMTP\r\n")]
    public void A_message_without_an_answer_is_not_acknowledged(string words, string answer) // [BP-10.5-15], [BP-10.5-11]
    {
        Open("250 mx\r\n");
        StartData();
        Say("message\r\n.");
        var said = Next(words);
        _relay.NextEnded();
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
        Assert.Equal(OutboundRequest.LeaveNext, _relay.TakeRequest());
        _relay.TimedOut();
        Assert.StartsWith("421 4.4.2 ", Client(), StringComparison.Ordinal);
        Assert.Equal(OutboundRequest.Close, _relay.TakeRequest());
    }

    [Fact]
    public void A_client_that_goes_away_within_a_message_leaves_it_without_an_end() // [BP-10.5-16]
    {
        Open("250 mx\r\n");
        StartData();
        Say("half\r\n");
        _relay.ClientEnded();
        Assert.Equal("half\r\n\r\n", Sent());
        Assert.Equal((OutboundRequest.Close, false), (_relay.TakeRequest(), _relay.HasQuit));
    }

    [Fact]
    public void A_client_that_ends_its_direction_behind_QUIT_still_gets_its_answers() // [BP-10.5-15], found with Exim
    {
        Open("250 mx\r\n");
        StartData();
        Say("message\r\n.\r\nQUIT");
        _relay.ClientEnded();
        Assert.Equal(OutboundRequest.None, _relay.TakeRequest());
        Assert.Equal("250 queued\r\n221 2.0.0 Bye\r\n", Next("250 queued\r\n"));
        Assert.Equal(OutboundRequest.Close, _relay.TakeRequest());
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
        Assert.Equal(OutboundRequest.None, _relay.TakeRequest());
        Assert.Equal("250 good\r\n", Next("250 good\r\n"));
        Assert.Equal((OutboundRequest.Close, true), (_relay.TakeRequest(), _relay.HasQuit));
    }

    [Fact]
    public void A_server_without_BlackPony_is_spoken_to_in_TLS_if_it_has_that() // [BP-10.5-13]
    {
        Begin();
        Next("220 mx\r\n");
        Next("250-mx\r\n250 STARTTLS\r\n");
        Assert.Equal("EHLO a.test\r\nSTARTTLS\r\n", Sent());
        Next("220 go\r\n");
        Assert.Equal(OutboundRequest.StartTls, _relay.TakeRequest());
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
        Assert.Equal(OutboundRequest.OpenNext, _relay.TakeRequest());
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
        Assert.Equal(OutboundRequest.LeaveNext, _relay.TakeRequest());
    }

    [Theory]
    [InlineData("NOOP\n", "501 ")]
    [InlineData("NO\rOP\r\n", "501 ")]
    [InlineData("NO\0OP\r\n", "501 ")]
    [InlineData("POST / HTTP/1.1\r\n", "421 ")]
    public void What_is_no_SMTP_ends_the_session(string octets, string code) // [BP-10.5-18]
    {
        _relay.FromClient(Encoding.Latin1.GetBytes(octets));
        Assert.StartsWith(code, Client(), StringComparison.Ordinal);
        Assert.Equal(OutboundRequest.Close, _relay.TakeRequest());
        _relay.FromClient("EHLO a.test\r\n"u8);
        Assert.Equal("", Client());
    }

    [Fact]
    public void A_line_without_an_end_is_not_kept() // [BP-10.5-18]
    {
        for (int i = 0; i < 100; i++)
        {
            _relay.FromClient(new byte[1000].Select(_ => (byte)'x').ToArray());
        }

        Assert.StartsWith("500 ", Client(), StringComparison.Ordinal);
        Assert.Equal(OutboundRequest.Close, _relay.TakeRequest());
    }

    [Fact]
    public void What_comes_of_its_own_accord_from_the_next_server_is_not_taken_for_an_answer()
    {
        Open("250-mx\r\n250 PIPELINING\r\n");
        Deliver();
        Assert.Equal("", Next("250 forged\r\n"));
        Assert.Equal(OutboundRequest.LeaveNext, _relay.TakeRequest());
        Say("MAIL FROM:<>");
        Say("RCPT TO:<r@b.test>");
        Assert.Equal(OutboundRequest.OpenNext, _relay.TakeRequest());
    }

    private void Begin(string mail = "MAIL FROM:<s@a.test>")
    {
        Say("EHLO a.test");
        Say(mail);
        Say("RCPT TO:<r@b.test>");
        Assert.Equal(OutboundRequest.OpenNext, _relay.TakeRequest());
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
        _relay.FromNext(Encoding.Latin1.GetBytes(reply));
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
        var text = Encoding.Latin1.GetString(_relay.ToNext.WrittenSpan);
        _relay.ToNext.ResetWrittenCount();
        return text;
    }
}
