using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Tls;
using Org.BouncyCastle.Tls;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>A handshake that fails, profile policy of spec/starttls.md, for clients.</summary>
internal static class StartTlsClientFailure
{
    private static readonly byte[] Garbage = "500 what is this\r\n"u8.ToArray();

    public static IReadOnlyList<Case<StartTlsClientProbe>> Cases { get; } =
    [
        // [TLS-6-4] A client that requires TLS MUST NOT send mail or credentials in plaintext, on that or another connection, after a
        //   handshake that failed.
        // [TLS-9846.6.2-2] A client MUST close the connection after a handshake that failed, without another octet of SMTP.
        Failed("TC-6-12", "required: garbage for a ServerHello, no mail on any connection", new TlsServerSettings { Instead = Garbage }),
        // [TLS-6-4] A client that requires TLS MUST NOT send mail or credentials in plaintext, on that or another connection, after a
        //   handshake that failed.
        Ends("TC-6-13", "required: FIN in the handshake, no mail", session => session.HangUpAsync()),
        // [TLS-6-4] A client that requires TLS MUST NOT send mail or credentials in plaintext, on that or another connection, after a
        //   handshake that failed.
        Ends("TC-6-14", "required: RST in the handshake, no mail", session => session.ResetAsync()),
        // [TLS-6-4] A client that requires TLS MUST NOT send mail or credentials in plaintext, on that or another connection, after a
        //   handshake that failed.
        // [TLS-9846.6.2-2] A client MUST close the connection after a handshake that failed, without another octet of SMTP.
        Failed("TC-6-15", "required: the server's alert in the handshake, no mail", [.. ((short[])[AlertDescription.handshake_failure,
            AlertDescription.internal_error, AlertDescription.protocol_version])
            .Select(a => new TlsServerSettings { Instead = IProbeTls.Alert(a) })]),
        // [TLS-6-4] A client that requires TLS MUST NOT send mail or credentials in plaintext, on that or another connection, after a
        //   handshake that failed.
        // [TLS-5321.3.8-1] A client SHOULD treat a connection that is lost, inside TLS too, as a 451 reply, and try again later.
        new("TC-6-16", "required: FIN after the handshake, no mail in plaintext", Must, Profile.Policy, "TLS-6-4 TLS-5321.3.8-1", async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Does = (s, line) => s.IsInside ? s.HangUpAsync() : Task.FromResult(false),
                Again = ServerScript.Plain,
            });
            p.NeedInside();
            p.ExpectNoMail("TLS-6-4", "TLS-5321.3.8-1");
        })
        { Needs = Needs.RequiredPolicy },
        // [TLS-6-6] A client whose TLS failed once SHOULD try TLS again in a later session with the same host.
        new("TC-6-17", "opportunistic: after a broken handshake the next delivery tries TLS again", Should, Profile.Policy, "TLS-6-6",
            async p =>
        {
            await p.DeliverAsync(new ServerScript { Tls = new() { Instead = Garbage }, Again = ServerScript.Plain });
            p.NeedStartTls();
            await p.DeliverAsync(new ServerScript());
            p.NeedGreeted();
            That(p.Outside.Any(l => StartTlsClientProbe.Verb(l) == "STARTTLS"), "The client did not try STARTTLS again.");
        })
        { Needs = Needs.OpportunisticPolicy },
        // [TLS-9846.6.2-2] A client MUST close the connection after a handshake that failed, without another octet of SMTP.
        new("TC-9846.6.2-1", "opportunistic: no SMTP on the connection of a broken handshake", Must, Profile.Policy, "TLS-9846.6.2-2",
            async p =>
        {
            await p.DeliverAsync(new ServerScript { Tls = new() { Instead = Garbage }, Again = ServerScript.Plain });
            p.NeedStartTls();
            StartTlsClientCore.NoCommandAfter(p);
        })
        { Needs = Needs.OpportunisticPolicy },
    ];

    private static Case<StartTlsClientProbe> Failed(string id, string title, params TlsServerSettings[] ways) =>
        new(id, title, Must, Profile.Policy, "TLS-6-4 TLS-9846.6.2-2", async p =>
        {
            foreach (var way in ways)
            {
                await p.DeliverAsync(new ServerScript { Tls = way, Again = ServerScript.Plain });
                p.NeedStartTls();
                p.ExpectNoPlaintext("TLS-6-4");
                StartTlsClientCore.NoCommandAfter(p, "TLS-9846.6.2-2");
                p.ExpectNotDelivered("TLS-6-4");
            }
        })
        { Needs = Needs.RequiredPolicy };

    // The connection ends when the ClientHello has come.
    private static Case<StartTlsClientProbe> Ends(string id, string title, Func<PlayedSession, Task<bool>> end) =>
        new(id, title, Must, Profile.Policy, "TLS-6-4", async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Does = async (s, line) =>
                {
                    if (StartTlsClientProbe.Verb(line) != "STARTTLS")
                        return false;

                    await s.SayAsync("220 go\r\n");
                    await s.Wire.HelloAsync();
                    return await end(s);
                },
                Again = ServerScript.Plain,
            });
            p.NeedStartTls();
            p.ExpectNoMail("TLS-6-4");
        })
        { Needs = Needs.RequiredPolicy };
}
