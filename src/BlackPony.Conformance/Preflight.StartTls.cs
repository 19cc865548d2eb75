using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;

namespace BlackPony.Conformance;

/// <content>STARTTLS: does a server offer it and complete a handshake, does a client deliver a message?</content>
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
            if (Outdated(probe.Connection.Client.Certificate) is { } warning)
                _warnings.Add(warning);

            await probe.Connection.CommandAsync("EHLO probe.test", 250, "TLS-3-1");
            Passed(Step.Inside, "EHLO inside");
        });
    }

    // The cases take any certificate. A client that verifies does not, and would send no mail here.
    private static string? Outdated(byte[] certificate)
    {
        try
        {
            using var read = X509CertificateLoader.LoadCertificate(certificate);
            var (now, from, to) = (DateTime.UtcNow, read.NotBefore.ToUniversalTime(), read.NotAfter.ToUniversalTime());
            return now > to ? Said($"expired on {to:yyyy-MM-dd}")
                : now < from ? Said($"is not valid before {from:yyyy-MM-dd}; one of the two clocks may be wrong") : null;
        }
        catch (CryptographicException)
        {
            return Said($"cannot be read by .NET");
        }

        static string Said(FormattableString why) => $"The server's certificate {FormattableString.Invariant(why)}. The cases accept any "
            + "certificate, but clients that verify it will not send mail to this server. Install a valid one and restart the server.";
    }

    private async Task StartTlsAsync(ClientTarget target)
    {
        var context = Context("starttls");
        using var limit = context.Timeout;
        context.Transcript.Comment("one message");
        await using var probe = new StartTlsClientProbe(target, Conformance.Needs.Nothing, context);
        await TryAsync(TestRole.Client, "one message", context, () => SaidAsync(() => probe.Said, async () =>
        {
            await probe.DeliverAsync(new ServerScript());
            Expect.That(probe.Sessions.Count > 0, "The command ended without a connection to {host} {port}.");
            Passed(Step.Connect, "connection");
            Expect.That(probe.Outside.Any(l => StartTlsClientProbe.Verb(l) == "EHLO"), "The client sent no EHLO.", "TLS-4.2-12");
            Passed(Step.Ehlo, "EHLO");
            Expect.That(probe.Outside.Any(l => StartTlsClientProbe.Verb(l) == "STARTTLS"),
                "The server offers STARTTLS, and the client did not use it: switch TLS on in the command, or with {policy}.", "TLS-4.2-12");
            Passed(Step.Upgrade, "STARTTLS");
            var end = probe.Sessions.Select(s => s.Handshake).LastOrDefault(h => h is not null);
            Expect.That(probe.Sessions.Any(s => s.IsInside), $"The handshake is not complete: {end?.What ?? "no ClientHello came"}. "
                + "The certificate is for localhost, by the authority in {cafile}: a client that verifies needs both.", "TLS-4-11");
            Passed(Step.Finished, "handshake");
            if (probe.Inside.Any(l => StartTlsClientProbe.Verb(l) == "EHLO"))
                Passed(Step.Inside, "EHLO inside");

            Expect.That(probe.Sessions.Any(s => s.Mail.Count > 0), "The client sent no message: it gets one on its standard input, and in "
                + "{message}.", "TLS-5321.4.5.2-1");
            Expect.That(probe.Delivered, "The message arrived, and the command did not end with exit code 0.", "TLS-5321.4.2.5-1");
            Passed(Step.Message, "one message");
        }));
    }
}
