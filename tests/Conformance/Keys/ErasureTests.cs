using System.Buffers;
using System.Collections;
using System.Reflection;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using BlackPony.Reference.Smtp;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Keys;

/// <summary>What was erased is nowhere in what the reference still holds. What the runtime, the operating system and BouncyCastle copied no test sees.</summary>
public class ErasureTests
{
    private static readonly Suite Suite = SuiteRegistry.Find("X25519-CHACHA20POLY1305")!;
    private static readonly byte[] Drawn = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    [Fact]
    public void A_private_value_of_a_client_goes_when_the_keys_are_there() // [BP-5.1-13]
    {
        using var server = Suite.StartServer(new SystemRandom(), TestRsaKeys.Server);
        using var client = Start(out var command);
        Assert.True(Holds(client, Drawn));
        Base64Share.TryDecode(Encoding.ASCII.GetBytes(UpgradeCommand.Parse(command)!.Share), out var share);
        var step = Answer(client, $"220 K={Base64Share.Encode(server.Begin(share)!)}\r\n");
        Assert.Equal(ClientStepKind.Agreed, step.Kind);
        using var channel = step.Channel!;
        Assert.False(Holds(client, Drawn));
        Assert.False(Holds(channel, server.TakeSharedSecret()));
    }

    [Theory]
    [InlineData("454 not now\r\n", ClientStepKind.Refused)]
    [InlineData("220 no share\r\n", ClientStepKind.Broken)]
    public void A_private_value_of_a_client_goes_when_there_will_be_no_keys(string reply, ClientStepKind kind) // [BP-5.1-13]
    {
        using var client = Start(out _);
        Assert.Equal(kind, Answer(client, reply).Kind);
        Assert.False(Holds(client, Drawn));
    }

    [Fact]
    public void The_shared_secret_of_a_server_goes_when_the_keys_are_there() // [BP-5.1-13]
    {
        using var server = new ServerUpgrade(new ServerOptions(TestRsaKeys.Server) { Suites = [Suite], Grease = false }, new SystemRandom());
        server.NewOffer();
        using var client = Suite.StartClient(new SystemRandom(), TestRsaKeys.Client);
        server.Examine(new UpgradeCommand(Offer.Version, Suite.Name, Base64Share.Encode(client.Share)).ToOctets(), inside: false, afterEhlo: true, inTransaction: false);
        var step = server.Exchange();
        using var channel = step.Channel!;
        Base64Share.TryDecode(step.Reply.AsSpan()["220 K=".Length..^2], out var share);
        var secret = client.Finish(share)!;
        Assert.False(Holds(server, secret));
        Assert.False(Holds(channel, secret));
    }

    [Fact]
    public void A_traffic_secret_goes_with_the_rekey_at_both_sides() // [BP-6.2-3]
    {
        using var keys = new KeySchedule(Suite.Name, Drawn, new byte[32]);
        using var client = new SecureChannel(Role.Client, Suite, Drawn, new byte[32]);
        using var server = new SecureChannel(Role.Server, Suite, Drawn, new byte[32]);
        var (toClient, toServer, data) = (new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
        server.Start(toClient);
        client.Receive(toClient.WrittenSpan, data, toServer);
        Assert.True(Holds(client, keys.ClientTraffic) && Holds(client, keys.ServerTraffic));
        client.Rekey(toServer);
        Assert.False(Holds(client, keys.ClientTraffic));
        server.Receive(toServer.WrittenSpan, data, toClient);
        Assert.True(server.IsEstablished);
        Assert.False(Holds(server, keys.ClientTraffic));
        Assert.True(Holds(server, keys.ServerTraffic));
    }

    [Fact]
    public void Every_secret_of_a_session_goes_with_its_end() // [BP-6.2-3]
    {
        using var keys = new KeySchedule(Suite.Name, Drawn, new byte[32]);
        using var channel = new SecureChannel(Role.Client, Suite, Drawn, new byte[32]);
        byte[][] secrets = [keys.ClientTraffic.ToArray(), keys.ServerTraffic.ToArray(), keys.ExporterSecret.ToArray()];
        Assert.All(secrets, s => Assert.True(Holds(channel, s)));
        channel.Dispose();
        Assert.All(secrets, s => Assert.False(Holds(channel, s)));
    }

    private static ClientUpgrade Start(out ReadOnlySpan<byte> command)
    {
        var client = new ClientUpgrade(Offer.Create([Suite], null), Suite, 0, new GivenStream([.. Drawn]), TestRsaKeys.Client, null);
        command = client.Command.AsSpan()[..^2];
        return client;
    }

    private static ClientStep Answer(ClientUpgrade client, string reply) => client.OnReply(new ReplyReader().Read(Encoding.ASCII.GetBytes(reply), out _)!);

    // Whether octets stand in any array that an object of the reference reaches by its fields.
    private static bool Holds(object root, byte[] octets)
    {
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        var left = new Queue<object>([root]);
        while (left.TryDequeue(out var next))
        {
            if (!seen.Add(next))
            {
                continue;
            }

            if (next is byte[] array)
            {
                if (array.AsSpan().IndexOf(octets) >= 0)
                {
                    return true;
                }
            }
            else if (next is IEnumerable items and not string)
            {
                items.Cast<object?>().OfType<object>().ToList().ForEach(left.Enqueue);
            }
            else if (next.GetType().Assembly == typeof(SecureChannel).Assembly)
            {
                next.GetType().GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).Select(f => f.GetValue(next)).OfType<object>().ToList().ForEach(left.Enqueue);
            }
        }

        return false;
    }
}
