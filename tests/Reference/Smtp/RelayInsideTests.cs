using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Inbound;
using BlackPony.Smtp.Lines;

namespace BlackPony.Tests.Reference.Smtp;

/// <summary>
/// The relay's machine inside BlackPony, and around the upgrade: between a client's channel and a scripted backend (spec 10,
/// state table G.6).
/// </summary>
public sealed class RelayInsideTests : IDisposable
{
    private const string Suite = "X25519-CHACHA20POLY1305";

    private readonly InboundSession _relay = new(new ServerOptions(TestRsaKeys.Server) { Grease = false },
        new SeededRandom("inside", "server"), "test");
    private readonly PooledBuffer _toRelay = new();
    private readonly PooledBuffer _heard = new();
    private SecureChannel? _client;

    public RelayInsideTests()
    {
        _relay.BackendReady("220 b.test\r\n"u8);
        Plain("EHLO a.test\r\n");
        Backend("250 b.test\r\n");
        Taken(_relay.ToClient);
        Taken(_relay.ToServer);
    }

    public void Dispose()
    {
        _client?.Dispose();
        _relay.Dispose();
    }

    [Fact]
    public void Mail_inside_passes_both_ways_and_the_end_is_a_close() // [BP-10.2-3], [BP-8.1-5]
    {
        Upgrade();
        Assert.True(_relay.Report is { Encrypted: true, Suite: Suite });
        Inside("EHLO a.test\r\n");
        Assert.Equal("EHLO a.test\r\n", ToBackend());
        Backend("250-b.test\r\n250-STARTTLS\r\n250 XBLACKPONY V1 ROT\r\n");
        Assert.Equal("250 b.test\r\n", Heard());
        Inside("QUIT\r\n");
        Assert.Equal("QUIT\r\n", ToBackend());
        Assert.Equal(SessionRequest.None, _relay.Request);
        Backend("221 bye\r\n");
        Assert.Equal("221 bye\r\n", Heard());
        Assert.Equal(ChannelState.Closed, _client!.State);
        Assert.Equal((SessionRequest.Close, "close"), (_relay.Request, _relay.Report.Closed));
    }

    [Fact]
    public void Behind_the_221_a_flood_is_read_and_thrown_away_until_the_close() // [BP-8.1-5], spec 8.1
    {
        Upgrade();
        Inside("QUIT\r\nNOOP\r\n");
        Assert.Equal("QUIT\r\nNOOP\r\n", ToBackend());
        Backend("221 bye\r\n250 an answer to NOOP\r\n");
        Assert.Equal(Limits.CloseTimeout, _relay.PeerTimeout);
        Backend("250 another\r\n");
        for (int i = 0; i < 200; i++)
        {
            Assert.True(_relay.WantsClient);
            Inside("NOOP " + new string('x', 1000) + "\r\n");
        }

        Assert.Equal("", ToBackend());
        Assert.Equal(SessionRequest.None, _relay.Request);
        Assert.Equal("221 bye\r\n", Heard());
        Assert.Equal("close", _relay.Report.Closed);
    }

    [Fact]
    public void A_client_that_does_not_close_behind_221_is_truncated_when_its_time_is_over() // [BP-8.1-7]
    {
        Upgrade();
        Inside("QUIT\r\n");
        Backend("221 bye\r\n");
        Assert.Equal(Limits.CloseTimeout, _relay.PeerTimeout);
        _relay.ServerEnded();
        _relay.Stop();
        Assert.Equal(SessionRequest.None, _relay.Request);
        _relay.TimedOut();
        Assert.Equal((SessionRequest.Close, "truncated"), (_relay.Request, _relay.Report.Closed));
        _relay.ClientEnded();
        Assert.Equal("truncated", _relay.Report.Closed);
    }

    [Fact]
    public void A_client_that_ends_its_connection_behind_221_without_a_close_is_not_truncated() // [BP-8.2-4]
    {
        Upgrade();
        Inside("QUIT\r\n");
        Backend("221 bye\r\n");
        Backend("250 and another thing\r\n");
        _relay.ClientEnded();
        Assert.Equal((SessionRequest.Close, "close"), (_relay.Request, _relay.Report.Closed));
    }

    [Fact]
    public void A_client_that_ends_its_connection_without_a_goodbye_is_truncated() // [BP-8.2-1], [BP-8.2-2]
    {
        Upgrade();
        Inside("MAIL FROM:<a@a>\r\n");
        Backend("250 ok\r\n");
        _relay.ClientEnded();
        Assert.Equal((SessionRequest.Close, "truncated"), (_relay.Request, _relay.Report.Closed));
    }

    [Fact]
    public void What_comes_in_one_piece_with_the_clients_close_still_goes_to_the_backend() // [BP-8.1-4]
    {
        Upgrade();
        _client!.Send("NOOP\r\nHALF"u8, _toRelay);
        _client.Close(_toRelay);
        Pass();
        Assert.Equal("NOOP\r\n", ToBackend());
        Assert.Equal((SessionRequest.Close, "close"), (_relay.Request, _relay.Report.Closed));
        Assert.Equal(ChannelState.Closed, _client.State);
    }

    [Fact]
    public void A_broken_record_ends_the_session_with_an_alert_and_nothing_of_it_passes() // [BP-8.3-1]
    {
        Upgrade();
        var record = Sealed("NOOP\r\n");
        record[^1] ^= 1;
        _relay.FromClient(record);
        Assert.Equal("", ToBackend());
        Assert.Equal((SessionRequest.Close, "failure"), (_relay.Request, _relay.Report.Closed));
        Pass();
        Assert.Equal(ChannelState.Alerted, _client!.State);
    }

    [Fact]
    public void An_alert_of_the_client_ends_the_session_without_an_answer() // [BP-8.3-4]
    {
        Upgrade();
        _client!.Fail(_toRelay);
        _relay.FromClient(Taken(_toRelay));
        Assert.Equal((SessionRequest.Close, "alert"), (_relay.Request, _relay.Report.Closed));
        Assert.Equal(0, _relay.ToClient.WrittenCount);
    }

    [Fact]
    public void A_backend_may_say_so_much_before_the_clients_Finished_and_no_more() // [BP-6.3-5], [BP-10.1-7]
    {
        var line = "250 " + new string('x', 1018) + "\r\n";
        Agree();
        for (int i = 0; i < Limits.MaxHeld / line.Length; i++)
        {
            Backend(line);
        }

        Pass();
        Assert.Equal(string.Concat(Enumerable.Repeat(line, Limits.MaxHeld / line.Length)), Heard());
        Assert.Equal(SessionRequest.None, _relay.Request);
    }

    [Fact]
    public void A_backend_that_says_too_much_before_the_clients_Finished_is_given_up() // [BP-6.3-5], [BP-10.1-7]
    {
        var line = "250 " + new string('x', 1018) + "\r\n";
        Agree();
        for (int i = 0; i < Limits.MaxHeld / line.Length; i++)
        {
            Backend(line);
        }

        Backend("2");
        Pass();
        Assert.EndsWith("421 4.3.0 Mail server gave up\r\n", Heard(), StringComparison.Ordinal);
        Assert.Equal("close", _relay.Report.Closed);
    }

    [Fact]
    public void Of_two_reasons_before_the_clients_Finished_it_hears_the_first() // [BP-6.3-5], [BP-10.3-9]
    {
        Agree();
        _relay.ServerEnded();
        _relay.Stop();
        Pass();
        Assert.Equal("421 4.3.0 Mail server closed the connection\r\n", Heard());
    }

    [Fact]
    public void XBLACKPONY_inside_is_refused_in_its_turn_and_what_is_pipelined_behind_it_goes_on() // [BP-4.5-4], [BP-10.2-13]
    {
        Upgrade();
        Inside($"EHLO a.test\r\nXBLACKPONY V1 {Suite} AAAA\r\nNOOP\r\n");
        Assert.Equal("EHLO a.test\r\n", ToBackend());
        Assert.Equal("", Heard());
        Backend("250 b.test\r\n");
        Assert.Equal("250 b.test\r\n503 5.5.1 XBLACKPONY not allowed now\r\n", Heard());
        Assert.Equal("NOOP\r\n", ToBackend());
        Assert.Equal((SessionRequest.None, 503), (_relay.Request, _relay.RefusedWith));
    }

    [Fact]
    public void STARTTLS_inside_is_refused_and_the_session_goes_on() // [BP-4.5-5]
    {
        Upgrade();
        Inside("STARTTLS\r\nNOOP\r\n");
        Assert.Equal("503 5.5.1 STARTTLS not allowed inside\r\n", Heard());
        Assert.Equal("NOOP\r\n", ToBackend());
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n")]
    [InlineData("post / HTTP/1.1\r\n")]
    public void Another_protocols_request_as_the_first_command_inside_ends_the_session(string line) // [BP-10.1-8], [BP-4.5-1]
    {
        Upgrade();
        Inside(line);
        Assert.Equal("", ToBackend());
        Assert.Equal("421 4.7.0 This is a mail server\r\n", Heard());
        Assert.Equal("close", _relay.Report.Closed);
    }

    [Fact]
    public void A_word_of_another_protocol_behind_the_first_command_is_the_backends_to_refuse() // [BP-10.1-8]
    {
        Upgrade();
        Inside("NOOP\r\nGET / HTTP/1.1\r\n");
        Assert.Equal("NOOP\r\nGET / HTTP/1.1\r\n", ToBackend());
    }

    [Fact]
    public void Inside_nothing_is_known_of_what_the_backend_offered_outside() // [BP-4.5-1]
    {
        Plain("EHLO a.test\r\n");
        Backend("250-b.test\r\n250 CHUNKING\r\n");
        Upgrade();
        Inside("BDAT 6\r\nNOOP\r\n");
        Assert.Equal("BDAT 6\r\n", ToBackend());
        Backend("503 no\r\n");
        Assert.Equal("NOOP\r\n", ToBackend());
    }

    [Fact]
    public void The_fresh_backends_greeting_is_kept_back_and_one_that_does_not_greet_is_none() // [BP-10.3-3], [BP-10.3-4]
    {
        Command();
        _relay.BackendReady("554 no service\r\n"u8);
        Assert.StartsWith("454 ", Encoding.ASCII.GetString(Taken(_relay.ToClient)), StringComparison.Ordinal);
        Assert.False(_relay.SwitchedBackend);
        Plain("NOOP\r\n");
        Assert.Equal("NOOP\r\n", ToBackend());
        Backend("250 ok\r\n");
        Taken(_relay.ToClient);
        Upgrade();
        Assert.True(_relay.SwitchedBackend);
        Assert.Equal("", Heard());
    }

    [Fact]
    public void An_upgrade_that_asks_for_a_backend_is_not_idle_and_needs_it() // [BP-10.3-5]
    {
        Assert.False(_relay.NeedsFreshBackend);
        Command();
        Assert.True(_relay.NeedsFreshBackend);
        Assert.False(_relay.IsIdle);
        _relay.BackendReady("220 b.test\r\n"u8);
        Assert.False(_relay.NeedsFreshBackend);
        Assert.False(_relay.IsIdle);
        Assert.Equal(Limits.FinishedTimeout, _relay.PeerTimeout);
    }

    [Fact]
    public void A_silent_client_inside_hears_421_and_the_close() // [BP-8.1-6]
    {
        Upgrade();
        Assert.Equal(Limits.IdleTimeout, _relay.PeerTimeout);
        _relay.TimedOut();
        Assert.Equal(Limits.CloseTimeout, _relay.PeerTimeout);
        Assert.Equal(SessionRequest.None, _relay.Request);
        Backend("250 late\r\n");
        Inside("NOOP\r\n");
        Assert.Equal("", ToBackend());
        Pass();
        Assert.Equal("421 4.4.2 Timeout\r\n", Heard());
        Assert.Equal((SessionRequest.Close, "close"), (_relay.Request, _relay.Report.Closed));
    }

    [Fact]
    public void A_backend_that_ends_inside_is_told_with_421_and_the_close() // [BP-10.3-6]
    {
        Upgrade();
        _relay.ServerEnded();
        Pass();
        Assert.Equal("421 4.3.0 Mail server closed the connection\r\n", Heard());
        Assert.Equal("close", _relay.Report.Closed);
    }

    [Fact]
    public void A_continuation_comes_alone_and_in_time() // [BP-4.4-4], [BP-8.1-6]
    {
        Begin("RSA-BLOWFISH");
        Assert.Equal(Limits.ContinuationTimeout, _relay.PeerTimeout);
        Assert.True(_relay.NeedsFreshBackend);
        Plain("*\r\nN");
        Assert.Equal("503 5.5.1 The continuation must come alone\r\n", Encoding.ASCII.GetString(Taken(_relay.ToClient)));
        Assert.Equal((SessionRequest.Close, "plain"), (_relay.Request, _relay.Report.Closed));
        Assert.Equal("", ToBackend());
    }

    [Fact]
    public void A_continuation_that_is_too_long_is_refused_and_the_session_goes_on() // [BP-4.4-9], [BP-4.3-10]
    {
        Begin("RSA-BLOWFISH");
        Plain(new string('A', Limits.MaxCommandLine - 1) + "\r\n");
        Assert.Equal("500 5.5.2 Line too long\r\n", Encoding.ASCII.GetString(Taken(_relay.ToClient)));
        Assert.False(_relay.NeedsFreshBackend);
        Plain("NOOP\r\n");
        Assert.Equal("NOOP\r\n", ToBackend());
    }

    [Fact]
    public void A_continuation_may_be_as_long_as_its_limit() // [BP-4.3-10]
    {
        Begin("RSA-BLOWFISH");
        Plain(new string('A', Limits.MaxCommandLine - 2) + "\r\n");
        Assert.Equal("501 5.5.4 Invalid share\r\n", Encoding.ASCII.GetString(Taken(_relay.ToClient)));
    }

    [Fact]
    public void A_cancelled_continuation_leaves_the_session_as_it_was() // [BP-4.4-8], [BP-4.4-2]
    {
        Begin("RSA-BLOWFISH");
        Plain("*\r\n");
        Assert.Equal("501 5.7.0 Cancelled\r\n", Encoding.ASCII.GetString(Taken(_relay.ToClient)));
        Assert.Equal(501, _relay.RefusedWith);
        Upgrade();
        Assert.True(_relay.Report.Encrypted);
    }

    [Fact]
    public void An_exchange_that_waits_for_its_continuation_goes_with_the_session() // [BP-5.1-13]
    {
        var field = typeof(InboundSession).GetField("_upgrade",
            System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic)!;
        var upgrade = (ServerUpgrade)field.GetValue(_relay)!;
        Begin("RSA-BLOWFISH");
        Assert.NotNull(upgrade.Suite);
        _relay.Dispose();
        Assert.Null(upgrade.Suite);
    }

    [Fact]
    public void A_client_that_ends_within_an_upgrade_ends_the_session() // [BP-10.3-7]
    {
        Command();
        _relay.ClientEnded();
        Assert.Equal((SessionRequest.Close, "plain"), (_relay.Request, _relay.Report.Closed));
    }

    [Fact]
    public void A_backend_that_ends_outside_while_an_upgrade_asks_for_another_ends_the_session() // [BP-10.3-6]
    {
        Command();
        _relay.ServerEnded();
        Assert.Equal("421 4.3.0 Mail server closed the connection\r\n", Encoding.ASCII.GetString(Taken(_relay.ToClient)));
        Assert.Equal(SessionRequest.Close, _relay.Request);
    }

    private static byte[] Taken(PooledBuffer buffer)
    {
        var octets = buffer.WrittenSpan.ToArray();
        buffer.ResetWrittenCount();
        return octets;
    }

    private void Plain(string text) => _relay.FromClient(Encoding.Latin1.GetBytes(text));

    private void Backend(string text) => _relay.FromServer(Encoding.Latin1.GetBytes(text));

    private string ToBackend() => Encoding.Latin1.GetString(Taken(_relay.ToServer));

    private byte[] Sealed(string text)
    {
        _client!.Send(Encoding.Latin1.GetBytes(text), _toRelay);
        return Taken(_toRelay);
    }

    private void Inside(string text) => _relay.FromClient(Sealed(text));

    // The octets on their way reach both sides, until there are none.
    private void Pass()
    {
        while (_toRelay.WrittenCount + _relay.ToClient.WrittenCount > 0)
        {
            _relay.FromClient(Taken(_toRelay));
            _client!.Receive(Taken(_relay.ToClient), _heard, _toRelay);
        }
    }

    private string Heard()
    {
        Pass();
        return Encoding.Latin1.GetString(Taken(_heard));
    }

    // A command with a good share, and nothing more.
    private ClientUpgrade Command(string suite = Suite)
    {
        var chosen = SuiteRegistry.Find(suite)!;
        Plain("EHLO a.test\r\n");
        Backend("250 b.test\r\n");
        ToBackend();
        var reply = new ReplyReader().Read(Taken(_relay.ToClient), out _)!;
        var offer = Offer.Parse(reply.Lines[^1].AsSpan(4))!;
        var upgrade = new ClientUpgrade(offer, chosen, 0, new SeededRandom("inside", suite), TestRsaKeys.Client, null);
        _relay.FromClient(upgrade.Command);
        Assert.Equal(SessionRequest.Connect, _relay.Request);
        return upgrade;
    }

    // The same, until the server asks for the continuation.
    private void Begin(string suite)
    {
        Command(suite).Dispose();
        _relay.BackendReady("220 b.test\r\n"u8);
        Assert.StartsWith("334", Encoding.ASCII.GetString(Taken(_relay.ToClient)), StringComparison.Ordinal);
    }

    // The upgrade, but for the client's Finished, which waits.
    private void Agree()
    {
        using var upgrade = Command();
        _relay.BackendReady("220 b.test\r\n"u8);
        var octets = Taken(_relay.ToClient);
        _client = upgrade.OnReply(new ReplyReader().Read(octets, out int length)!).Channel!;
        _client.Receive(octets.AsSpan(length), _heard, _toRelay);
    }

    private void Upgrade()
    {
        Agree();
        Pass();
        Assert.True(_client!.IsEstablished);
    }
}
