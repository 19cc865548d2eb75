using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Tls;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>A client that verifies the server's certificate, profile policy of spec/starttls.md.</summary>
internal static class StartTlsClientVerify
{
    public static IReadOnlyList<Case<StartTlsClientProbe>> Cases { get; } =
    [
        // [TLS-7817.3-2] A client that verifies MUST check that the certificate has the name of the server that it meant to reach.
        new("TC-4.1-1", "verify: a valid certificate, delivered", Must, Profile.Policy, "TLS-7817.3-2", async p =>
        {
            await p.DeliverAsync(new ServerScript());
            p.ExpectInside($"A certificate of {{cafile}} for {TestCertificate.Host}");
        })
        { Needs = Needs.VerifyPolicy | Needs.HostName },
        // [TLS-7817.3-1] A client that verifies MUST NOT accept a certificate that does not chain to a CA which it trusts.
        // [TLS-8314.5-1] A client that verifies MUST NOT treat a session as confidential if the certificate cannot be validated.
        new("TC-7817.3-1", "verify: a self-signed certificate, no mail", Must, Profile.Policy, "TLS-7817.3-1 TLS-8314.5-1", async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Inside = ["AUTH PLAIN LOGIN", "8BITMIME"],
                Tls = new TlsServerSettings { Certificate = TestCertificate.SelfSigned },
                Again = ServerScript.Plain,
            });
            Refused(p, "The server's certificate signs itself.", "TLS-7817.3-1", "TLS-8314.5-1");
        })
        { Needs = Needs.VerifyPolicy },
        // [TLS-7817.3-1] A client that verifies MUST NOT accept a certificate that does not chain to a CA which it trusts.
        Bad("TC-7817.3-2", "verify: an unknown CA, no mail", "TLS-7817.3-1", [TestCertificate.OtherAuthority]),
        // [TLS-7817.3-2] A client that verifies MUST check that the certificate has the name of the server that it meant to reach.
        Bad("TC-7817.3-3", "verify: another name, no mail", "TLS-7817.3-2", [TestCertificate.OtherName], Needs.HostName),
        // [TLS-5280.6.1.3-1] A client that verifies MUST NOT accept a certificate outside its validity period.
        Bad("TC-5280.6.1.3-1", "verify: expired or not yet valid, no mail", "TLS-5280.6.1.3-1",
            [TestCertificate.Expired, TestCertificate.NotYet]),
        // [TLS-5280.4.2.1.12-1] A client that verifies MUST NOT accept a certificate whose extended key usage lacks the purpose of a TLS
        //   server.
        Bad("TC-5280.4.2.1.12-1", "verify: a certificate for clients only, no mail", "TLS-5280.4.2.1.12-1", [TestCertificate.ClientOnly]),
        // [TLS-7817.3-3] A client that verifies MUST NOT match a wildcard that is only a part of the first label.
        Bad("TC-7817.3-4", "verify: a wildcard in a part of the label, no mail", "TLS-7817.3-3", TestCertificate.PartsOfLabel,
            Needs.HostName),
        // [TLS-4.1-4] A client for which the handshake gave too little authentication or privacy SHOULD send QUIT immediately after the
        //   handshake.
        // [TLS-4.1-3] A client for which the handshake gave too little authentication or privacy MUST NOT authenticate or begin a mail
        //   transaction in that session.
        new("TC-4.1-2", "verify: QUIT inside, or an alert", Should, Profile.Policy, "TLS-4.1-4 TLS-4.1-3", async p =>
        {
            await p.DeliverAsync(new ServerScript { Tls = new TlsServerSettings { Certificate = TestCertificate.SelfSigned } });
            p.NeedStartTls();
            p.ExpectNoMailInside("The server's certificate signs itself.", "TLS-4.1-3");
            var first = p.Sessions.FirstOrDefault(s => s.IsInside)?.Inside.FirstOrDefault();
            That(first is null || StartTlsClientProbe.Verb(first) == "QUIT",
                $"The server's certificate signs itself, and the client's first command inside is {Show(first ?? "")}.", "TLS-4.1-4");
        })
        { Needs = Needs.VerifyPolicy },
    ];

    private static Case<StartTlsClientProbe> Bad(string id, string title, string requirement, IReadOnlyList<TestCertificate> certificates,
        Needs more = Needs.Nothing) =>
        new(id, title, Must, Profile.Policy, requirement, async p =>
        {
            foreach (var certificate in certificates)
            {
                await p.DeliverAsync(new ServerScript
                {
                    Tls = new TlsServerSettings { Certificate = certificate },
                    Again = ServerScript.Plain,
                });
                Refused(p, "The server's certificate is not valid.", requirement, requirement);
            }
        })
        { Needs = Needs.VerifyPolicy | more };

    private static void Refused(StartTlsClientProbe p, string why, string requirement, string auth)
    {
        p.NeedStartTls();
        p.ExpectNoMailInside(why, requirement, auth);
        p.ExpectNoMail(requirement);
    }
}
