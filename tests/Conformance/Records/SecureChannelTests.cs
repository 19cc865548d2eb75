using System.Buffers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Records;

/// <summary>A channel whose owner asks for what must not be sent says so, and sends nothing.</summary>
public class SecureChannelTests
{
    private static readonly Suite Suite = SuiteRegistry.Find("X25519-CHACHA20POLY1305")!;
    private readonly ArrayBufferWriter<byte> _sent = new();

    [Fact]
    public void Nothing_is_sent_before_the_peers_Finished() // [BP-6.3-5]
    {
        using var client = new SecureChannel(Role.Client, Suite, new byte[32], new byte[32]);
        Assert.Contains("not open", Assert.Throws<InvalidOperationException>(() => client.Send("MAIL"u8, _sent)).Message, StringComparison.Ordinal);
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
}
