using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Tls;
using Org.BouncyCastle.Tls;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>Handshakes, profile tls of spec/starttls.md, for clients.</summary>
internal static class StartTlsClientTls
{
    public static IReadOnlyList<Case<StartTlsClientProbe>> Cases { get; } =
    [
        // [TLS-9325.3.1.1-5] A client MUST support TLS 1.2.
        new("TC-9325.3.1.1-1", "TLS 1.2 alone is accepted", Should, Profile.Tls, "TLS-9325.3.1.1-5", async p =>
        {
            await p.DeliverAsync(Only(ProtocolVersion.TLSv12));
            p.NeedStartTls();
            p.ExpectInside("A server with TLS 1.2 alone");
        }),
        // [TLS-9325.3.1.1-6] A client SHOULD support TLS 1.3.
        new("TC-9325.3.1.1-2", "TLS 1.3 alone is accepted", Should, Profile.Tls, "TLS-9325.3.1.1-6", async p =>
        {
            await p.DeliverAsync(Only(ProtocolVersion.TLSv13));
            p.NeedStartTls();
            p.ExpectInside("A server with TLS 1.3 alone");
        }),
        // [TLS-8996.4-2] A client MUST NOT negotiate TLS 1.0.
        Old("TC-8996.4-1", "TLS 1.0 alone is refused", "TLS-8996.4-2", ProtocolVersion.TLSv10),
        // [TLS-8996.5-2] A client MUST NOT negotiate TLS 1.1.
        Old("TC-8996.5-1", "TLS 1.1 alone is refused", "TLS-8996.5-2", ProtocolVersion.TLSv11),
        // [TLS-9325.4.1-2] A client MUST NOT negotiate suites with NULL encryption, RC4 or less than 112 bits of security.
        Selects("TC-9325.4.1-1", "NULL and RC4 suites are refused", "TLS-9325.4.1-2", Needs.RequiredPolicy, TestCertificate.Rsa,
            CipherSuite.TLS_RSA_WITH_NULL_SHA256, CipherSuite.TLS_RSA_WITH_RC4_128_SHA),
        // [TLS-7817.3-1] A client that verifies MUST NOT accept a certificate that does not chain to a CA which it trusts.
        Selects("TC-7817.3-6", "verify: an anonymous suite, no mail", "TLS-7817.3-1", Needs.VerifyPolicy, null,
            CipherSuite.TLS_ECDH_anon_WITH_AES_128_CBC_SHA),
        // [TLS-6066.3-1] A client SHOULD send the server's host name as server_name if it has one.
        new("TC-6066.3-1", "server_name is sent", Should, Profile.Tls, "TLS-6066.3-1", async p =>
        {
            await p.DeliverAsync(new ServerScript());
            var name = Hello(p).Name;
            That(TestCertificate.Host.Equals(name, StringComparison.OrdinalIgnoreCase),
                $"The client was told to connect to {TestCertificate.Host}; its server_name is {(name is null ? "missing" : Show(name))}.");
        })
        { Needs = Needs.HostName },
        // [TLS-6066.3-2] A client SHOULD NOT send an address literal as server_name.
        new("TC-6066.3-2", "No address literal as server_name", Should, Profile.Tls, "TLS-6066.3-2", async p =>
        {
            p.Next = p.Next with { Host = "127.0.0.1" };
            await p.DeliverAsync(new ServerScript());
            That(Hello(p).Name is not "127.0.0.1", "The client's server_name is \"127.0.0.1\".");
        })
        { Needs = Needs.HostName },
        // [TLS-9325.3.8-1] A client SHOULD abort a handshake in which the server selects a protocol that the client did not list.
        new("TC-9325.3.8-1", "ALPN with a protocol that was not offered ends the handshake", Should, Profile.Tls, "TLS-9325.3.8-1",
            async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Tls = new TlsServerSettings { Versions = [ProtocolVersion.TLSv13], Protocol = "h2" },
            });
            if (!Hello(p).OffersTls13)
                throw new NotApplicableException("The client offers no TLS 1.3.");

            That(!p.Sessions.Any(s => s.Mail.Count > 0), "The server selected the protocol h2, and the client delivered.");
        }),
        // [TLS-9325.3.5-2] A client with TLS 1.2 MUST implement renegotiation_info.
        new("TC-9325.3.5-1", "renegotiation_info or its suite is sent", Must, Profile.Tls, "TLS-9325.3.5-2", async p =>
        {
            await p.DeliverAsync(new ServerScript());
            var hello = Hello(p);
            if (!hello.OffersTls12)
                throw new NotApplicableException("The client offers no TLS 1.2.");

            That(hello.Extensions.ContainsKey(RawClientHello.RenegotiationInfo) || hello.Suites.Contains(RawClientHello.SignallingSuite),
                "The ClientHello offers TLS 1.2, and has neither renegotiation_info nor the suite that stands for it.");
        }),
        // [TLS-9846.6.1-2] A client MUST send close_notify before it ends its side of the connection.
        new("TC-9846.6.1-1", "close_notify comes before the end", Should, Profile.Tls, "TLS-9846.6.1-2", async p =>
        {
            await p.DeliverAsync(new ServerScript());
            p.NeedInside();
            That(p.Sessions.First(s => s.IsInside).Wire.WasClosed, "The client ended the connection without close_notify.");
        }),
    ];

    private static ServerScript Only(ProtocolVersion version) =>
        new() { Tls = new TlsServerSettings { Versions = [version] }, Again = ServerScript.Plain };

    private static RawClientHello Hello(StartTlsClientProbe p)
    {
        p.NeedStartTls();
        var hello = p.Sessions.Select(s => RawClientHello.Read(s.Hello)).FirstOrDefault(h => h is not null);
        p.Need(hello is not null, "sent no ClientHello");
        return hello!;
    }

    private static Case<StartTlsClientProbe> Old(string id, string title, string requirement, ProtocolVersion version) =>
        new(id, title, Should, Profile.Tls, requirement, async p =>
        {
            await p.DeliverAsync(Only(version));
            Hello(p);
            var handshakes = p.Sessions.Select(s => s.Handshake).OfType<HandshakeEnd>();
            p.Need(!handshakes.Any(h => h.IsOwn && h.What.Contains("internal_error", StringComparison.Ordinal)),
                $"may have {version}, and the suite's own TLS failed with it");
            That(!p.Sessions.Any(s => s.IsInside), $"The client completed a handshake with {version}.");
        });

    // The first flight of a server that selects a suite, offered or not: the answer has to be an alert or an end, not a key.
    private static Case<StartTlsClientProbe> Selects(string id, string title, string requirement, Needs needs, TestCertificate? certificate,
        params int[] suites) =>
        new(id, title, Must, Profile.Tls, requirement, async p =>
        {
            foreach (int suite in suites)
            {
                await p.DeliverAsync(new ServerScript
                {
                    Tls = new TlsServerSettings { Instead = RawServerFlight.Of(suite, certificate) },
                    Again = ServerScript.Plain,
                });
                Hello(p);
                That(!p.Sessions.Any(s => s.After.StartsWith('\x16')), $"The client goes on with the suite 0x{suite:X4}.");
                p.ExpectNotDelivered();
            }
        })
        { Needs = needs };
}
