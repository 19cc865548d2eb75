using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Inbound;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Mailer;
using BlackPony.Tests.Property.Exploration;

namespace BlackPony.Tests.Property.Negotiation;

/// <summary>
/// What was once the one way, found by the exploration, into a suite that is not the best of both: a command that was refused with 504 is
/// part of the transcript now (spec 6.1).
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
    public void Under_opportunistic_a_forged_504_breaks_the_upgrade_and_is_reported() // [BP-6.1-6], [BP-9.2-5]
    {
        var (mailer, relay) = Forge(ClientPolicy.Opportunistic);
        var second = Taken(mailer.ToServer);
        Assert.StartsWith($"XBLACKPONY V1 {ToySuite.Weak} ", Encoding.ASCII.GetString(second), StringComparison.Ordinal);
        relay.FromClient(second);
        relay.BackendReady("220 b\r\n"u8);
        mailer.FromServer(Taken(relay.ToClient));
        Assert.Equal((SessionRequest.Reconnect, "broken"), (mailer.Request, mailer.Report.Reason));
        mailer.Connected("b", 25, false);
        mailer.FromServer("220 b\r\n250 b\r\n"u8);
        Assert.True(mailer.Report is { Encrypted: false, Downgrade: true });
        mailer.Dispose();
        relay.Dispose();
    }

    [Fact]
    public void A_504_of_the_server_itself_leads_to_the_next_suite_and_is_reported() // [BP-4.8-4], [BP-9.2-10]
    {
        // It loses the better suite after its offer.
        List<Suite> suites = [new ToySuite(ToySuite.Strong), new ToySuite(ToySuite.Weak)];
        var (mailer, relay) = Begin(ClientPolicy.Opportunistic, suites);
        suites.RemoveAt(0);
        for (int i = 0; i < 2; i++)
        {
            relay.FromClient(Command(mailer));
            mailer.FromServer(Taken(relay.ToClient));
        }

        relay.BackendReady("220 b\r\n"u8);
        mailer.FromServer(Taken(relay.ToClient));
        Assert.Equal((ToySuite.Weak, true, true, null),
            (mailer.Report.Suite, mailer.Report.Encrypted, mailer.Report.Downgrade, mailer.Report.Reason));
        Assert.Contains($"went under {ToySuite.Weak}", Assert.Single(mailer.Report.Warnings), StringComparison.Ordinal);
        relay.FromClient(Taken(mailer.ToServer));
        Assert.Equal((ToySuite.Weak, true), (relay.Report.Suite, relay.Report.Encrypted));
        mailer.Dispose();
        relay.Dispose();
    }

    // The command for the better suite never reaches the server.
    private static (MailerSession Mailer, InboundSession Relay) Forge(ClientPolicy policy)
    {
        var (mailer, relay) = Begin(policy, [new ToySuite(ToySuite.Strong), new ToySuite(ToySuite.Weak)]);
        Taken(mailer.ToServer);
        mailer.FromServer("504 no\r\n"u8);
        return (mailer, relay);
    }

    // Up to the client's first command; the relay has the list itself.
    private static (MailerSession Mailer, InboundSession Relay) Begin(ClientPolicy policy, IReadOnlyList<Suite> suites)
    {
        var keys = new RsaKeys(TimeProvider.System, () => throw new NotSupportedException());
        var mailer = new MailerSession(new MailerOptions(keys) { Policy = policy, Suites = [.. suites] }, new CountingRandom((byte)'c'));
        var relay = new InboundSession(new ServerOptions(keys) { Suites = suites, Grease = false }, new CountingRandom((byte)'s'), "test");
        mailer.Connected("b", 25, false);
        mailer.FromServer("220 b\r\n"u8);
        relay.BackendReady("220 b\r\n"u8);
        relay.FromClient("EHLO a\r\n"u8);
        relay.FromServer("250 b\r\n"u8);
        mailer.FromClient("EHLO a\r\n"u8);
        mailer.FromServer(Taken(relay.ToClient).AsSpan("220 b\r\n".Length));
        return (mailer, relay);
    }

    // Without the EHLO before it, which the relay has had.
    private static byte[] Command(MailerSession mailer)
    {
        var said = Taken(mailer.ToServer);
        return said[said.AsSpan().IndexOf("XBLACKPONY"u8)..];
    }

    private static byte[] Taken(PooledBuffer output)
    {
        var octets = output.WrittenSpan.ToArray();
        output.ResetWrittenCount();
        return octets;
    }
}
