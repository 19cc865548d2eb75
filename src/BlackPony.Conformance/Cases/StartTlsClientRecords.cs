using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Tls;
using Org.BouncyCastle.Tls;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>Records and messages inside, profile tls of spec/starttls.md, for clients.</summary>
internal static class StartTlsClientRecords
{
    private static readonly byte[] HelloRequest = [(byte)HandshakeType.hello_request, 0, 0, 0];

    // A lifetime, an age, a nonce of one octet, a ticket of eight.
    private static readonly byte[] Ticket =
        [(byte)HandshakeType.new_session_ticket, 0, 0, 22, 0, 0, 0x1c, 0x20, 1, 2, 3, 4, 1, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0];

    public static IReadOnlyList<Case<StartTlsClientProbe>> Cases { get; } =
    [
        // [TLS-9325.3.5-2] A client with TLS 1.2 MUST implement renegotiation_info.
        new("TC-9325.3.5-2", "A HelloRequest in the session does no harm", Must, Profile.Tls, "TLS-9325.3.5-2", async p =>
        {
            await p.DeliverAsync(Before("MAIL", s => s.Wire.SendHandshakeAsync(HelloRequest)) with
            {
                Tls = new TlsServerSettings { Versions = [ProtocolVersion.TLSv12] },
            });
            NeedVersion(p, "TLS 1.2");
            Expect.That(!p.Delivered || p.Sessions.Any(s => s.Mail.Count > 0),
                "The client says that the message was delivered, and it was not.");
            var again = p.Sessions.FirstOrDefault(s => s.IsInside && s.Mail.Count == 0 && !s.Wire.WasClosed && s.Wire.Failure is null);
            Expect.That(again is null, "After a HelloRequest the client neither delivers nor ends the session with an alert.",
                isWarning: true);
        }),
        // [TLS-9846.5.1-2] A client MUST accept application data records without content.
        Accepts("TC-9846.5.1-1", "Empty application data records are accepted", "TLS-9846.5.1-2", "Records without content",
            Before("EHLO", s => s.Wire.SendEmptyAsync(5))),
        // [TLS-9846.5.1-4] A client MUST accept replies split over records and several replies in one record.
        Accepts("TC-9846.5.1-2", "Replies octet by octet, each in a record, are accepted", "TLS-9846.5.1-4", "Replies octet by octet",
            new ServerScript
            {
                Does = async (s, line) =>
                {
                    if (!s.IsInside || Verb(line) is not ("MAIL" or "RCPT"))
                        return false;

                    await s.Wire.SendRecordsAsync("250 2.0.0 Ok\r\n", each: 1);
                    return true;
                },
            }),
        // [TLS-9846.5.1-4] A client MUST accept replies split over records and several replies in one record.
        Accepts("TC-9846.5.1-3", "Two replies in one record are accepted", "TLS-9846.5.1-4", "Two replies in one record", new ServerScript
        {
            Inside = ["PIPELINING", "8BITMIME"],
            Does = async (s, line) =>
            {
                // Of a client that does not pipeline the reply to RCPT would be late: it gets them one by one.
                if (!s.IsInside || Verb(line) != "MAIL" || !await s.Wire.ComesMoreAsync(PlayedSession.Quiet))
                    return false;

                s.IsHeld = true;
                return true;
            },
            Answer = (s, line) =>
            {
                bool both = s.IsHeld && Verb(line) == "RCPT";
                s.IsHeld &= !both;
                return both ? "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n" : null;
            },
        }),
        // [TLS-9846.4.7.1-1] A client that does not support resumption MUST ignore NewSessionTicket messages.
        new("TC-9846.4.7.1-1", "Tickets before a reply are accepted", Must, Profile.Tls, "TLS-9846.4.7.1-1", async p =>
        {
            await p.DeliverAsync(Before("EHLO", s => s.Wire.SendHandshakeAsync(Ticket, Ticket, Ticket)) with
            {
                Tls = new TlsServerSettings { Versions = [ProtocolVersion.TLSv13] },
            });
            NeedVersion(p, "TLS 1.3");
            p.ExpectInside("Tickets before the reply to EHLO");
        }),
        // [TLS-9846.4.7.3-2] A client MUST follow a KeyUpdate of its peer.
        new("TC-9846.4.7.3-1", "A KeyUpdate in the session is followed", Must, Profile.Tls, "TLS-9846.4.7.3-2", async p =>
        {
            await p.DeliverAsync(Before("DATA", s => s.Wire.UpdateKeysAsync()) with
            {
                Tls = new TlsServerSettings { Versions = [ProtocolVersion.TLSv13] },
            });
            NeedVersion(p, "TLS 1.3");
            p.ExpectInside("A KeyUpdate before the reply to DATA");
        }),
        // [TLS-9846.5.2-3] A client MUST terminate the connection on a record that does not decrypt.
        Broken("TC-9846.5.2-1", "A tampered record ends the session", "TLS-9846.5.2-3", "EHLO", s =>
            s.Wire.SendRecordsAsync("250 localhost tampered\r\n", edit: StartTlsTls.Tamper), "A tampered record came"),
        // [TLS-9846.5-2] A client MUST terminate the connection when octets that are no TLS record come during a TLS session.
        Broken("TC-9846.5-2", "Plaintext among the records ends the session", "TLS-9846.5-2", "MAIL", s =>
            s.Wire.SendRawAsync("250 2.1.0 Ok\r\n"u8.ToArray()), "Plaintext came among the records"),
    ];

    private static string Verb(string line) => StartTlsClientProbe.Verb(line);

    // Something before the reply to a command inside.
    private static ServerScript Before(string verb, Func<PlayedSession, Task> what) => new()
    {
        Does = async (s, line) =>
        {
            if (s.IsInside && StartTlsClientProbe.Is(line, verb))
                await what(s);

            return false;
        },
    };

    private static void NeedVersion(StartTlsClientProbe p, string version)
    {
        p.NeedStartTls();
        if (!p.Sessions.Any(s => s.IsInside))
            throw new NotApplicableException($"The client does not speak {version}.");
    }

    private static Case<StartTlsClientProbe> Accepts(string id, string title, string requirement, string what, ServerScript script) =>
        new(id, title, Must, Profile.Tls, requirement, async p =>
        {
            await p.DeliverAsync(script);
            p.NeedInside();
            p.ExpectInside(what);
        });

    private static Case<StartTlsClientProbe> Broken(string id, string title, string requirement, string verb,
        Func<PlayedSession, Task> breaks, string after) =>
        new(id, title, Must, Profile.Tls, requirement, async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Does = async (s, line) =>
                {
                    if (!s.IsInside || Verb(line) != verb)
                        return false;

                    await breaks(s);
                    return await StartTlsClientInjection.EndsAsync(s, after);
                },
            });
            p.NeedInside();
            p.ExpectNoFinding();
            p.ExpectNotDelivered();
        });
}
