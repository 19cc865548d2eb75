using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Smtp;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Smtp;

/// <summary>The relay's machine between an ordinary client and a scripted backend (spec 10).</summary>
public sealed class RelaySessionTests : IDisposable
{
    private readonly RelaySession _relay = new(new ServerOptions(new RsaKeys(TimeProvider.System)) { Grease = false }, new SystemRandom(), "test");

    public RelaySessionTests()
    {
        _relay.BackendReady("220 b.test\r\n"u8);
        Assert.Equal("220 b.test\r\n", ToClient());
        Client("EHLO a.test\r\n");
        Assert.Equal("EHLO a.test\r\n", ToBackend());
        Backend("250-b.test\r\n250-STARTTLS\r\n250-XCLIENT ADDR\r\n250-XBLACKPONY V1 ROT\r\n250 CHUNKING\r\n");
    }

    public void Dispose() => _relay.Dispose();

    [Fact]
    public void Ehlo_is_passed_on_with_the_relays_own_offer_and_STARTTLS() // [BP-10.2-8], [BP-10.2-10], [BP-10.1-5]
        => Assert.Equal("250-b.test\r\n250-STARTTLS\r\n250-CHUNKING\r\n250 XBLACKPONY V1 X25519MLKEM768-CHACHA20POLY1305 X25519MLKEM768-AES256GCM X25519-CHACHA20POLY1305 RSA-BLOWFISH\r\n", ToClient());

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

    [Theory]
    [InlineData("250 taken\r\n", "503 5.5.1 ")]
    [InlineData("550 not taken\r\n", "501 5.5.4 ")]
    public void An_upgrade_behind_MAIL_is_examined_when_the_backend_has_answered_MAIL(string answer, string refusal) // [BP-10.2-13], [BP-4.4-5]
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
        Assert.Equal(Limits.NextServerTimeout, _relay.Patience);
        long before = _relay.Progress;
        Backend("\x17\x03\x03\0\u0001x");
        Assert.NotEqual(before, _relay.Progress);
        ToClient();
        _relay.TimedOut();
        Assert.Equal(RelayRequest.Close, _relay.Request);
        Assert.Equal("", ToClient());
    }

    [Fact]
    public void Without_any_suite_a_command_with_something_behind_it_is_refused_as_unknown_and_the_session_goes_on() // [BP-4.4-1]
    {
        using var off = new RelaySession(new ServerOptions(new RsaKeys(TimeProvider.System)) { Suites = [] }, new SystemRandom(), "test");
        off.BackendReady("220 b.test\r\n"u8);
        off.ToClient.ResetWrittenCount();
        off.FromClient("XBLACKPONY V1 X AAAA\r\nNOOP\r\n"u8);
        Assert.StartsWith("502 ", Encoding.ASCII.GetString(off.ToClient.WrittenSpan), StringComparison.Ordinal);
        Assert.Equal("NOOP\r\n", Encoding.ASCII.GetString(off.ToBackend.WrittenSpan));
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

    [Fact]
    public void A_fresh_backend_that_is_not_there_is_a_454_and_the_session_goes_on() // [BP-10.3-4]
    {
        ToClient();
        Client($"XBLACKPONY V1 X25519-CHACHA20POLY1305 {Convert.ToBase64String(Enumerable.Repeat((byte)9, 32).ToArray())}\r\n");
        Assert.Equal(RelayRequest.OpenBackend, _relay.Request);
        _relay.BackendUnavailable();
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
        Assert.Equal(RelayRequest.Close, _relay.Request);
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
        Assert.StartsWith("250-b.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE\r\n250 XBLACKPONY ", ToClient(), StringComparison.Ordinal);
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
        _relay.BackendEnded();
        Assert.Equal(0, _relay.ToClient.WrittenCount);
        Assert.Equal(Limits.FinishedTimeout, _relay.Patience);
        _relay.TimedOut();
        Assert.Equal(2 + 256 + 16, _relay.ToClient.WrittenCount);
        Assert.Equal(RelayRequest.Close, _relay.Request);
    }

    [Fact]
    public void A_relay_that_is_told_to_stop_before_the_clients_Finished_says_so_behind_it() // [BP-6.3-5], found by fuzzing
    {
        Client($"XBLACKPONY V1 X25519-CHACHA20POLY1305 {Convert.ToBase64String(Enumerable.Repeat((byte)9, 32).ToArray())}\r\n");
        _relay.BackendReady("220 b.test\r\n"u8);
        _relay.ToClient.ResetWrittenCount();
        _relay.Stop();
        Assert.Equal(0, _relay.ToClient.WrittenCount);
        Assert.Equal(Limits.FinishedTimeout, _relay.Patience);
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
        Assert.Equal(RelayRequest.Close, _relay.Request);
        Assert.Equal("truncated", _relay.Report.Closed);
    }

    [Fact]
    public void A_client_that_ended_within_a_line_leaves_no_session_behind() // state table 15.1, found by cutting connections
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
        Assert.EndsWith("NOOP\r\n", Encoding.Latin1.GetString(_relay.ToBackend.WrittenSpan), StringComparison.Ordinal);
        Assert.True(_relay.BackendInputDone);
    }

    [Fact]
    public void A_backend_that_never_answers_keeps_no_session_whose_client_has_gone()
    {
        Client("NOOP\r\n");
        Assert.Equal(Timeout.InfiniteTimeSpan, _relay.Patience);
        _relay.ClientEnded();
        Assert.Equal(Limits.NextServerTimeout, _relay.Patience);
        _relay.TimedOut();
        Assert.Equal(RelayRequest.Close, _relay.Request);
    }

    [Fact]
    public void Nothing_goes_out_behind_the_end() // found by fuzzing
    {
        Client("bare\nLF\r\n");
        Assert.Equal(RelayRequest.Close, _relay.Request);
        ToClient();
        _relay.TimedOut();
        _relay.BackendReady("220 b.test\r\n"u8);
        _relay.BackendUnavailable();
        Assert.Equal(RelayRequest.Close, _relay.Request);
        Assert.Equal("", ToClient());
    }

    private void Client(string octets) => _relay.FromClient(Encoding.Latin1.GetBytes(octets));

    private void Backend(string octets) => _relay.FromBackend(Encoding.Latin1.GetBytes(octets));

    private string ToClient()
    {
        var text = Encoding.Latin1.GetString(_relay.ToClient.WrittenSpan);
        _relay.ToClient.ResetWrittenCount();
        return text;
    }

    private string ToBackend()
    {
        var text = Encoding.Latin1.GetString(_relay.ToBackend.WrittenSpan);
        _relay.ToBackend.ResetWrittenCount();
        return text;
    }
}
