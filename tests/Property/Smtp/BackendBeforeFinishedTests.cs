using System.Buffers;
using System.Text;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Inbound;
using BlackPony.Tests.Property.Exploration;

namespace BlackPony.Tests.Property.Smtp;

/// <summary>What happens behind the relay around its 220, before the client's Finished; found by the exploration.</summary>
public class BackendBeforeFinishedTests
{
    private readonly ArrayBufferWriter<byte> _fromClient = new();

    // [BP-6.3-5], [BP-10.3-6]
    [Theory]
    [InlineData("", "421 4.3.0 Mail server closed the connection\r\n")]
    [InlineData("421 4.3.2 Shutting down\r\n", "421 4.3.2 Shutting down\r\n")]
    public void A_mail_server_that_goes_away_before_the_clients_Finished_is_told_behind_it(string says, string heard)
    {
        using var relay = Agreed(out var client);
        relay.FromServer(Encoding.ASCII.GetBytes(says));
        relay.ServerEnded();
        Assert.Equal(heard, Heard(relay, client));
        Assert.Equal(ChannelState.Closed, client.State);
        Assert.True(relay.Report is { Closed: "close", Encrypted: true });
    }

    [Fact]
    public void A_relay_that_stops_before_the_clients_Finished_waits_for_it() // [BP-10.3-9], [BP-6.3-5]
    {
        using var relay = Agreed(out var client);
        Assert.False(relay.IsIdle);
        relay.Stop();
        Assert.Equal("421 4.3.2 Service shutting down\r\n", Heard(relay, client));
    }

    [Fact]
    public void A_client_whose_Finished_does_not_come_gets_the_alert() // [BP-6.3-9]
    {
        using var relay = Agreed(out var client);
        relay.ServerEnded();
        relay.TimedOut();
        Assert.Equal("", Heard(relay, client));
        Assert.Equal(ChannelState.Alerted, client.State);
    }

    [Fact]
    public void What_the_old_mail_server_left_unfinished_is_no_part_of_the_session_inside() // [BP-4.5-1]
    {
        using var relay = Agreed(out var client, "250-half a reply\r\n250-");
        client.Send("EHLO a\r\n"u8, _fromClient);
        Assert.Equal("", Heard(relay, client));
        relay.FromServer("250 b\r\n"u8);
        Assert.Equal("250 b\r\n", Heard(relay, client));
    }

    private InboundSession Agreed(out SecureChannel client, string oldSays = "")
    {
        var toy = new ToySuite(ToySuite.Weak);
        var keys = new RsaKeys(TimeProvider.System);
        var relay = new InboundSession(new ServerOptions(keys) { Suites = [toy], Grease = false }, new CountingRandom((byte)'s'), "test");
        relay.BackendReady("220 b\r\n"u8);
        relay.FromClient("EHLO a\r\n"u8);
        relay.FromServer("250 b\r\n"u8);
        relay.ToClient.ResetWrittenCount();
        using var upgrade = new ClientUpgrade(Offer.Create([toy], null), toy, 13, new CountingRandom((byte)'c'), keys, null);
        relay.FromServer(Encoding.ASCII.GetBytes(oldSays));
        relay.FromClient(upgrade.Command);
        relay.BackendReady("220 b\r\n"u8);
        var octets = relay.ToClient.WrittenSpan.ToArray();
        client = upgrade.OnReply(new ReplyReader().Read(octets, out int reply)!).Channel!;
        relay.ToClient.ResetWrittenCount();
        client.Receive(octets.AsSpan(reply), new ArrayBufferWriter<byte>(), _fromClient);
        return relay;
    }

    // The client's records reach the relay, and the relay's the client.
    private string Heard(InboundSession relay, SecureChannel client)
    {
        var heard = new ArrayBufferWriter<byte>();
        while (_fromClient.WrittenCount + relay.ToClient.WrittenCount > 0)
        {
            var up = _fromClient.WrittenSpan.ToArray();
            _fromClient.ResetWrittenCount();
            relay.FromClient(up);
            client.Receive(relay.ToClient.WrittenSpan, heard, _fromClient);
            relay.ToClient.ResetWrittenCount();
        }

        return Encoding.ASCII.GetString(heard.WrittenSpan);
    }
}
