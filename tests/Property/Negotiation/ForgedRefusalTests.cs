using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Inbound;
using BlackPony.Smtp.Mailer;
using BlackPony.Tests.Property.Exploration;

namespace BlackPony.Tests.Property.Negotiation;

/// <summary>
/// The one way, found by the exploration, into a suite that is not the best of both:
/// nothing of a refused command is in the transcript (spec 6.1).
/// </summary>
public class ForgedRefusalTests
{
    [Fact]
    public void Under_required_a_forged_504_defers_the_mail() // [BP-4.8-7]
    {
        var (mailer, relay) = Forge(ClientPolicy.Required);
        Assert.Equal("QUIT\r\n", Encoding.ASCII.GetString(Taken(mailer.ToServer)));
        Assert.True(mailer.Report is { Deferred: true, Reason: "refused", Encrypted: false });
        mailer.Dispose();
        relay.Dispose();
    }

    [Fact]
    public void Under_opportunistic_who_forges_a_504_chooses_the_next_suite_as_he_could_have_had_plaintext() // [BP-4.8-4]
    {
        var (mailer, relay) = Forge(ClientPolicy.Opportunistic);
        var second = Taken(mailer.ToServer);
        Assert.StartsWith($"XBLACKPONY V1 {ToySuite.Weak} ", Encoding.ASCII.GetString(second), StringComparison.Ordinal);
        relay.FromClient(second);
        relay.BackendReady("220 b\r\n"u8);
        mailer.FromServer(Taken(relay.ToClient));
        relay.FromClient(Taken(mailer.ToServer));
        Assert.Equal((ToySuite.Weak, true, null), (mailer.Report.Suite, mailer.Report.Encrypted, mailer.Report.Reason));
        Assert.Equal((ToySuite.Weak, true), (relay.Report.Suite, relay.Report.Encrypted));
        mailer.Dispose();
        relay.Dispose();
    }

    private static (MailerSession Mailer, InboundSession Relay) Forge(ClientPolicy policy)
    {
        Suite[] suites = [new ToySuite(ToySuite.Strong), new ToySuite(ToySuite.Weak)];
        var keys = new RsaKeys(TimeProvider.System, () => throw new NotSupportedException());
        var mailer = new MailerSession(new MailerOptions(keys) { Policy = policy, Suites = suites }, new CountingRandom((byte)'c'));
        var relay = new InboundSession(new ServerOptions(keys) { Suites = suites, Grease = false }, new CountingRandom((byte)'s'), "test");
        mailer.Connected("b", 25, false);
        mailer.FromServer("220 b\r\n"u8);
        relay.BackendReady("220 b\r\n"u8);
        relay.FromClient("EHLO a\r\n"u8);
        relay.FromServer("250 b\r\n"u8);
        mailer.FromClient("EHLO a\r\n"u8);
        mailer.FromServer(Taken(relay.ToClient).AsSpan("220 b\r\n".Length));

        // The command for the better suite never reaches the server.
        Taken(mailer.ToServer);
        mailer.FromServer("504 no\r\n"u8);
        return (mailer, relay);
    }

    private static byte[] Taken(PooledBuffer output)
    {
        var octets = output.WrittenSpan.ToArray();
        output.ResetWrittenCount();
        return octets;
    }
}
