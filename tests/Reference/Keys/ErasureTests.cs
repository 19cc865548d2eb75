using System.Buffers;
using System.Collections;
using System.Reflection;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Inbound;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Mailer;

namespace BlackPony.Tests.Reference.Keys;

/// <summary>
/// What was erased is nowhere in what the reference still holds. What the runtime, the operating system and BouncyCastle copied no test
/// sees.
/// </summary>
public class ErasureTests
{
    private static readonly Suite Suite = SuiteRegistry.Find("X25519-CHACHA20POLY1305")!;
    private static readonly byte[] Drawn = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    [Fact]
    public void A_private_value_of_a_client_goes_when_the_keys_are_there() // [BP-5.1-13]
    {
        using var server = Suite.StartServer(new SeededRandom("tests", "server"), TestRsaKeys.Server);
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
        using var server = new ServerUpgrade(new ServerOptions(TestRsaKeys.Server) { Suites = [Suite], Grease = false },
            new SeededRandom("tests", "server"));
        server.NewOffer();
        using var client = Suite.StartClient(new SeededRandom("tests", "client"), TestRsaKeys.Client);
        server.Examine(new UpgradeCommand(Offer.Version, Suite.Name, Base64Share.Encode(client.Share)).ToOctets(), inside: false,
            afterEhlo: true, inTransaction: false);
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

    [Theory]
    [InlineData("X25519-CHACHA20POLY1305")]
    [InlineData("X25519MLKEM768-AES256GCM")]
    [InlineData("RSA-BLOWFISH")]
    public void Nothing_that_an_exchange_drew_or_agreed_on_stays_in_it(string name) // [BP-5.1-13]
    {
        var suite = SuiteRegistry.Find(name)!;
        var (clients, servers) = (new Drawer("client"), new Drawer("server"));
        using var client = suite.StartClient(clients, TestRsaKeys.Client);
        using var server = suite.StartServer(servers, TestRsaKeys.Server);
        var share = server.Begin(client.Share)!;
        share = suite.NeedsContinuation ? server.Continue(client.Continue(share)!)! : share;
        var secret = client.Finish(share)!;
        Assert.True(Holds(server, secret));
        client.Dispose();
        server.Dispose();
        Assert.False(Holds(client, secret) || Holds(server, secret));
        Assert.All(clients.Drawn, d => Assert.True(client.Share.AsSpan().IndexOf(d) >= 0 || !Holds(client, d)));
        Assert.All(servers.Drawn, d => Assert.True(share.AsSpan().IndexOf(d) >= 0 || !Holds(server, d)));
        Assert.NotEmpty(clients.Drawn);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_secrets_of_a_session_that_a_mailer_gives_up_go_with_it(bool next) // [BP-6.2-3]
    {
        using var mailer = Inside(out var channel, out var secrets);
        Assert.All(secrets, s => Assert.True(Holds(channel, s)));
        if (next)
        {
            mailer.ServerEnded();
            Assert.Equal(SessionRequest.Connect, mailer.Request);
        }
        else
        {
            mailer.Dispose();
        }

        Assert.All(secrets, s => Assert.False(Holds(channel, s)));
    }

    [Fact]
    public void A_private_value_of_a_mailer_that_is_given_up_within_its_upgrade_goes_with_it() // [BP-5.1-13]
    {
        var mailer = new MailerSession(new MailerOptions(TestRsaKeys.Client) { Suites = [Suite] }, new GivenStream([.. Drawn]));
        mailer.Connected("mx.b.test", 25, moreTargets: false);
        mailer.FromServer("220 mx\r\n"u8);
        mailer.FromClient("EHLO a.test\r\n"u8);
        mailer.FromServer(Encoding.ASCII.GetBytes($"250-mx\r\n250 XBLACKPONY V1 {Suite.Name}\r\n"));
        var upgrade = Reached(mailer).OfType<ClientUpgrade>().Single();
        Assert.True(Holds(upgrade, Drawn));
        mailer.Dispose();
        Assert.False(Holds(upgrade, Drawn));
    }

    [Fact]
    public void The_secrets_of_a_relays_session_go_with_it() // [BP-6.2-3]
    {
        var keys = new SecretsLog();
        var relay = new InboundSession(new ServerOptions(TestRsaKeys.Server) { Suites = [Suite], Grease = false, KeyLog = keys },
            new SeededRandom("erasure", "server"), "test");
        relay.BackendReady("220 b.test\r\n"u8);
        relay.FromClient("EHLO a.test\r\n"u8);
        relay.FromServer("250 b.test\r\n"u8);
        using var client = Start(out _);
        relay.FromClient(client.Command);
        relay.BackendReady("220 b.test\r\n"u8);
        var channel = Reached(relay).OfType<SecureChannel>().Single();
        Assert.All(keys.Secrets, s => Assert.True(Holds(channel, s)));
        relay.Dispose();
        Assert.Equal(3, keys.Secrets.Count);
        Assert.All(keys.Secrets, s => Assert.False(Holds(channel, s)));
    }

    private static ClientUpgrade Start(out ReadOnlySpan<byte> command)
    {
        var client = new ClientUpgrade(Offer.Create([Suite], null), Suite, 0, new GivenStream([.. Drawn]), TestRsaKeys.Client, null);
        command = client.Command.AsSpan()[..^2];
        return client;
    }

    private static ClientStep Answer(ClientUpgrade client, string reply) =>
        client.OnReply(new ReplyReader().Read(Encoding.ASCII.GetBytes(reply), out _)!);

    // To EHLO inside: the mailer, its channel, and the server's side of it.
    private static MailerSession Inside(out SecureChannel channel, out byte[][] secrets)
    {
        var keys = new SecretsLog();
        var mailer = new MailerSession(new MailerOptions(TestRsaKeys.Client) { Suites = [Suite], KeyLog = keys },
            new SeededRandom("erasure", "client"));
        mailer.Connected("mx.b.test", 25, moreTargets: true);
        mailer.FromServer("220 mx\r\n"u8);
        mailer.FromClient("EHLO a.test\r\n"u8);
        using var server = new ServerUpgrade(new ServerOptions(TestRsaKeys.Server) { Suites = [Suite], Grease = false },
            new SeededRandom("erasure", "server"));
        mailer.FromServer(Encoding.ASCII.GetBytes($"250-mx\r\n250 {Encoding.ASCII.GetString(server.NewOffer().Span)}\r\n"));
        server.Examine(mailer.ToServer.WrittenSpan["EHLO a.test\r\n".Length..^2], inside: false, afterEhlo: true, inTransaction: false);
        var step = server.Exchange();
        mailer.FromServer(step.Reply);
        using var theirs = step.Channel!;
        var records = new ArrayBufferWriter<byte>();
        theirs.Start(records);
        mailer.FromServer(records.WrittenSpan);
        channel = Reached(mailer).OfType<SecureChannel>().Single();
        Assert.True(channel.IsEstablished);
        secrets = [.. keys.Secrets];
        Assert.Equal(3, secrets.Length);
        return mailer;
    }

    // Whether octets stand in any array that an object of the reference reaches by its fields.
    private static bool Holds(object root, byte[] octets) => Reached(root).OfType<byte[]>().Any(a => a.AsSpan().IndexOf(octets) >= 0);

    private static IEnumerable<object> Reached(object root)
    {
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        var left = new Queue<object>([root]);
        while (left.TryDequeue(out var next))
        {
            if (!seen.Add(next))
            {
                continue;
            }

            yield return next;
            if (next is IEnumerable items and not string and not byte[])
            {
                items.Cast<object?>().OfType<object>().ToList().ForEach(left.Enqueue);
            }
            else if (next.GetType().Assembly.GetName().Name is "BlackPony.Reference" or "BlackPony.Smtp")
            {
                for (var type = next.GetType(); type is not null; type = type.BaseType)
                {
                    type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
                        .Select(f => f.GetValue(next)).OfType<object>().ToList().ForEach(left.Enqueue);
                }
            }
        }
    }

    // Randomness that remembers what it gave.
    private sealed class Drawer(string name) : IRandomSource
    {
        private readonly SeededRandom _random = new("erasure", name);

        public List<byte[]> Drawn { get; } = [];

        public void Fill(Span<byte> octets)
        {
            _random.Fill(octets);
            if (octets.Length >= 16)
            {
                Drawn.Add(octets.ToArray());
            }
        }
    }

    private sealed class SecretsLog : IKeyLog
    {
        public List<byte[]> Secrets { get; } = [];

        public void Log(string line) => Secrets.Add(Convert.FromHexString(line.Split(' ')[2]));
    }
}
