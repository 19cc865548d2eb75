using System.Buffers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Reference.Records;

/// <summary>What a channel refuses to send, and the one alert that it sends.</summary>
public class SecureChannelTests
{
    private static readonly Suite Suite = SuiteRegistry.Find("X25519-CHACHA20POLY1305")!;
    private readonly ArrayBufferWriter<byte> _sent = new();

    [Fact]
    public void Nothing_is_sent_before_the_peers_Finished() // [BP-6.3-5]
    {
        using var client = new SecureChannel(Role.Client, Suite, new byte[32], new byte[32]);
        Assert.Contains("not open", Assert.Throws<InvalidOperationException>(() => client.Send("MAIL"u8, _sent)).Message,
            StringComparison.Ordinal);
        Assert.Equal(0, _sent.WrittenCount);
    }

    [Fact]
    public void Nothing_is_sent_behind_the_own_close() // [BP-8.1-2]
    {
        using var client = new SecureChannel(Role.Client, Suite, new byte[32], new byte[32]);
        using var server = new SecureChannel(Role.Server, Suite, new byte[32], new byte[32]);
        var (toClient, data) = (new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
        server.Start(toClient);
        client.Receive(toClient.WrittenSpan, data, _sent);
        client.Close(_sent);
        int sent = _sent.WrittenCount;
        Assert.Throws<InvalidOperationException>(() => client.Send("MAIL"u8, _sent));
        Assert.Equal(sent, _sent.WrittenCount);
    }

    [Fact]
    public void A_server_shows_keys_and_withdraws_others() // [BP-6.5-8], [BP-6.5-9]
    {
        var (shown, old) = (new IdentKey(new byte[32]), new IdentKey([1, .. new byte[31]], isWithdrawn: true));
        IdentKey[] idents = [new IdentKey([1, .. new byte[31]]), shown, old];
        using var client = new SecureChannel(Role.Client, Suite, new byte[32], new byte[32]);
        using var server = new SecureChannel(Role.Server, Suite, new byte[32], new byte[32], idents);
        var (toClient, data) = (new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
        server.Start(toClient);
        client.Receive(toClient.WrittenSpan, data, _sent);
        Assert.Equal(ChannelState.Open, client.State);
        Assert.Equal([(Convert.ToHexStringLower(old.PublicKey), true), (Convert.ToHexStringLower(shown.PublicKey), false)],
            client.PeerIdents.Select(k => (k.Key, k.IsWithdrawn)));
    }

    [Fact]
    public void Both_ends_export_the_same_keying_material() // spec 6.4
    {
        using var client = new SecureChannel(Role.Client, Suite, new byte[32], new byte[32]);
        using var server = new SecureChannel(Role.Server, Suite, new byte[32], new byte[32]);
        using var keys = new KeySchedule(Suite.Name, new byte[32], new byte[32]);
        var material = client.Export("EXPORTER test", "context"u8, 48);
        Assert.Equal(keys.Export("EXPORTER test", "context"u8, 48), material);
        Assert.Equal(material, server.Export("EXPORTER test", "context"u8, 48));
        Assert.NotEqual(material, server.Export("EXPORTER test", "other"u8, 48));
        Assert.NotEqual(material, server.Export("EXPORTER other", "context"u8, 48));
    }

    [Theory]
    [InlineData(Role.Client)]
    [InlineData(Role.Server)]
    public void Every_failure_of_a_record_gets_the_same_alert(Role role) // [BP-8.3-6], [BP-8.3-2]
    {
        (RecordType Type, byte[] Data, bool Harmed)[] failures =
        [
            (RecordType.Data, [1], true),
            (RecordType.Finished, new byte[32], false),
            (RecordType.Ident, new byte[96], false),
            (RecordType.Rekey, [0], false),
            (RecordType.FirstIgnored - 1, [], false),
        ];
        var alerts = failures.Select(f => Alert(role, f.Type, f.Data, f.Harmed)).ToList();
        Assert.All(alerts, a => Assert.Equal(alerts[0], a));

        // An attacker that has the keys, and sends a valid Finished.
        byte[] Alert(Role role, RecordType type, byte[] data, bool harmed)
        {
            using var channel = new SecureChannel(role, Suite, new byte[32], new byte[32]);
            using var keys = new KeySchedule(Suite.Name, new byte[32], new byte[32]);
            var peer = role == Role.Client ? Role.Server : Role.Client;
            using var writer = new RecordWriter(Suite, peer == Role.Client ? keys.ClientTraffic : keys.ServerTraffic);
            ArrayBufferWriter<byte> records = new(), received = new(), sent = new();
            channel.Start(sent);
            writer.Write(RecordType.Finished, keys.Finished(peer), records);
            channel.Receive(records.WrittenSpan, received, sent);
            int before = sent.WrittenCount;
            records.Clear();
            writer.Write(RecordType.Data, [], records);
            writer.Write(type, data, records);
            var octets = records.WrittenSpan.ToArray();
            octets[^1] ^= harmed ? (byte)1 : (byte)0;
            channel.Receive(octets, received, sent);
            Assert.Equal((ChannelState.Failed, 0), (channel.State, received.WrittenCount));
            return sent.WrittenSpan[before..].ToArray();
        }
    }
}
