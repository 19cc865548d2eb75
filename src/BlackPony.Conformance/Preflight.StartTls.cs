using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;

namespace BlackPony.Conformance;

/// <content>STARTTLS: is it offered, does a handshake succeed?</content>
public sealed partial class Preflight
{
    private async Task StartTlsAsync(ServerTarget target)
    {
        var context = Context("starttls");
        using var limit = context.Timeout;
        await TryAsync(TestRole.Server, "STARTTLS", context, async () =>
        {
            await using var probe = await StartTlsProbe.StartAsync(target, Conformance.Needs.Nothing, context);
            await probe.EhloAsync();
            Passed(Step.Ehlo, "EHLO");
            Expect.That(probe.IsOffered, "STARTTLS is not offered in the reply to EHLO. Give the server a certificate and switch TLS on "
                + "(Postfix: smtpd_tls_security_level = may; Exim: tls_advertise_hosts = *), or name the port where it is on.", "TLS-2-1");
            Passed(Step.Offer, "offer");
            await probe.Connection.SendLineAsync("STARTTLS");
            var reply = await probe.Connection.ReplyAsync();
            Expect.That(reply.Code == 220, $"Sent STARTTLS, expected 220, got {Expect.Show(reply.Lines[^1])}. The server's log says why: "
                + "mostly it cannot read its certificate or key.", "TLS-3-1");
            Passed(Step.Upgrade, "STARTTLS");
            await probe.HandshakeAsync();
            Passed(Step.Finished, "handshake");
            await probe.Connection.CommandAsync("EHLO probe.test", 250, "TLS-3-1");
            Passed(Step.Inside, "EHLO inside");
        });
    }
}
