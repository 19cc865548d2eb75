using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Inbound;
using BlackPony.Smtp.Mailer;

namespace BlackPony.Tests.Reference.Smtp;

/// <summary>Without randomness nothing is encrypted, and nothing pretends to be.</summary>
public class RandomnessTests
{
    private static readonly RsaKeys Rsa = TestRsaKeys.Server;

    public static TheoryData<string> Suites => [.. SuiteRegistry.Default.Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(Suites))]
    public void A_server_without_randomness_refuses_with_454_and_the_session_goes_on(string name) // [BP-5.1-14]
    {
        var suite = SuiteRegistry.Find(name)!;
        var source = new Failing();
        using var relay = new InboundSession(new ServerOptions(Rsa) { Suites = [suite], Grease = false }, source, "test");
        relay.BackendReady("220 b.test\r\n"u8);
        relay.FromClient("EHLO a.test\r\n"u8);
        relay.FromServer("250 b.test\r\n"u8);
        using var client = suite.StartClient(new SeededRandom("tests", "client"), TestRsaKeys.Client);
        relay.ToClient.ResetWrittenCount();
        relay.FromClient(Encoding.ASCII.GetBytes($"XBLACKPONY V1 {name} {Base64Share.Encode(client.Share)}\r\n"));
        relay.BackendReady("220 b.test\r\n"u8);
        Assert.StartsWith("454 4.7.0 ", Encoding.ASCII.GetString(relay.ToClient.WrittenSpan), StringComparison.Ordinal);
        relay.ToServer.ResetWrittenCount();
        relay.FromClient("NOOP\r\n"u8);
        Assert.Equal("NOOP\r\n", Encoding.ASCII.GetString(relay.ToServer.WrittenSpan));
    }

    [Fact]
    public void A_server_whose_randomness_ends_before_the_continuation_refuses_it_with_454() // [BP-5.1-14]
    {
        using var relay = new InboundSession(new ServerOptions(Rsa) { Suites = [SuiteRegistry.Find("RSA-BLOWFISH")!], Grease = false },
            new Failing(after: 1), "test");
        relay.BackendReady("220 b.test\r\n"u8);
        relay.FromClient("EHLO a.test\r\n"u8);
        relay.FromServer("250 b.test\r\n"u8);
        using var client = SuiteRegistry.Find("RSA-BLOWFISH")!.StartClient(new SeededRandom("tests", "client"), TestRsaKeys.Client);
        relay.FromClient(Encoding.ASCII.GetBytes($"XBLACKPONY V1 RSA-BLOWFISH {Base64Share.Encode(client.Share)}\r\n"));
        relay.BackendReady("220 b.test\r\n"u8);
        Assert.Contains("334 K=", Encoding.ASCII.GetString(relay.ToClient.WrittenSpan), StringComparison.Ordinal);
        relay.ToClient.ResetWrittenCount();
        relay.FromClient(Encoding.ASCII.GetBytes(Base64Share.Encode(new byte[384]) + "\r\n"));
        Assert.StartsWith("454 4.7.0 ", Encoding.ASCII.GetString(relay.ToClient.WrittenSpan), StringComparison.Ordinal);
    }

    [Fact]
    public void A_server_whose_grease_cannot_be_drawn_offers_nothing() // [BP-5.1-14]
    {
        using var relay = new InboundSession(new ServerOptions(Rsa), new Failing(), "test");
        relay.BackendReady("220 b.test\r\n"u8);
        relay.FromClient("EHLO a.test\r\n"u8);
        relay.FromServer("250 b.test\r\n"u8);
        Assert.Equal("220 b.test\r\n250 b.test\r\n", Encoding.ASCII.GetString(relay.ToClient.WrittenSpan));
    }

    [Theory]
    [InlineData(ClientPolicy.Opportunistic)]
    [InlineData(ClientPolicy.Remembered)]
    [InlineData(ClientPolicy.Required)]
    public void A_client_without_randomness_defers_under_every_policy(ClientPolicy policy) // [BP-5.1-15]
    {
        var options = new MailerOptions(Rsa) { Policy = policy, Memory = new ServerMemory(TimeProvider.System) };
        using var mailer = new MailerSession(options, new Failing());
        mailer.Connected("mx.b.test", 25, moreTargets: false);
        mailer.FromServer("220 b.test\r\n"u8);
        mailer.FromClient("EHLO a.test\r\n"u8);
        mailer.FromServer("250-b.test\r\n250 XBLACKPONY V1 X25519-CHACHA20POLY1305\r\n"u8);
        mailer.FromClient("MAIL FROM:<a@a>\r\n"u8);
        Assert.EndsWith("421 4.3.0 No randomness available\r\n", Encoding.ASCII.GetString(mailer.ToClient.WrittenSpan),
            StringComparison.Ordinal);
        Assert.Equal("EHLO a.test\r\n", Encoding.ASCII.GetString(mailer.ToServer.WrittenSpan));
        Assert.True(mailer.Report is { Deferred: true, Reason: "no-randomness", Encrypted: false });
    }

    /// <summary>Randomness that is there for so many draws only.</summary>
    private sealed class Failing(int after = 0) : IRandomSource
    {
        private int _left = after;

        public void Fill(Span<byte> octets)
        {
            if (_left-- <= 0)
            {
                throw new RandomnessUnavailableException();
            }

            octets.Fill(1);
        }
    }
}
