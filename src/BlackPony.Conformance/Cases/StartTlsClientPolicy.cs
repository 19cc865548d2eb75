using BlackPony.Conformance.Peers;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>A client that requires TLS, and a server that has none or does not agree, profile policy of spec/starttls.md.</summary>
internal static class StartTlsClientPolicy
{
    private static readonly ServerScript WithAuth = new() { Outside = ["SIZE 1000000", "STARTTLS", "AUTH PLAIN LOGIN", "8BITMIME"] };

    public static IReadOnlyList<Case<StartTlsClientProbe>> Cases { get; } =
    [
        // [TLS-6-2] A client that requires TLS MUST NOT send mail or credentials to a server that does not offer STARTTLS.
        Stripped("TC-6-1", "required: STARTTLS not offered, no mail", ServerScript.Plain),
        // [TLS-6-2] A client that requires TLS MUST NOT send mail or credentials to a server that does not offer STARTTLS.
        Stripped("TC-6-2", "required: EHLO refused and HELO accepted, no mail", Ehlo("502 5.5.1 Unknown\r\n")),
        // [TLS-6-2] A client that requires TLS MUST NOT send mail or credentials to a server that does not offer STARTTLS.
        Stripped("TC-6-3", "required: keyword garbled, no mail", List("XXXXXXXA"), List("STARTTL"), List("START TLS")),
        // [TLS-6-2] A client that requires TLS MUST NOT send mail or credentials to a server that does not offer STARTTLS.
        // [TLS-5321.3.8-1] A client SHOULD treat a connection that is lost, inside TLS too, as a 451 reply, and try again later.
        new("TC-6-4", "required: EHLO reply cut, no mail", Must, Profile.Policy, "TLS-6-2 TLS-5321.3.8-1", async p =>
        {
            foreach (var part in (string[])["250-localhost\r\n", "250-localhost\r\n250-STARTT"])
            {
                await p.DeliverAsync(WithAuth with
                {
                    Does = async (s, line) =>
                    {
                        if (Verb(line) != "EHLO")
                            return false;

                        await s.SayAsync(part);
                        return await s.HangUpAsync();
                    },
                    Again = ServerScript.Plain,
                });
                p.NeedGreeted();
                p.ExpectNoMail("TLS-6-2", "TLS-5321.3.8-1");
            }
        })
        { Needs = Needs.RequiredPolicy },
        // [TLS-6-2] A client that requires TLS MUST NOT send mail or credentials to a server that does not offer STARTTLS.
        Stripped("TC-6-5", "required: EHLO reply empty, no mail", ServerScript.Plain with { Outside = [] }),
        // [TLS-6-2] A client that requires TLS MUST NOT send mail or credentials to a server that does not offer STARTTLS.
        Stripped("TC-6-6", "required: 530 to EHLO, no mail", Ehlo("530 5.7.0 No\r\n")),
        // [TLS-8314.5.2-1] A client that requires TLS MUST NOT do anything in plaintext but find out the server's capabilities and send
        //   STARTTLS.
        new("TC-6-7", "required: a server that accepts all in plaintext gets no mail and no other command", Must, Profile.Policy,
            "TLS-8314.5.2-1", async p =>
        {
            await p.DeliverAsync(ServerScript.Plain with { Answer = (_, line) => Verb(line) == "STARTTLS" ? "502 5.5.1 No\r\n" : null });
            p.NeedGreeted();
            p.ExpectNoPlaintext("TLS-8314.5.2-1", "TLS-8314.5.2-1");
            p.ExpectNotDelivered("TLS-8314.5.2-1");
        })
        { Needs = Needs.RequiredPolicy },
        // [TLS-6-3] A client that requires TLS MUST NOT send mail or credentials in plaintext after a reply to STARTTLS other than 220.
        // [TLS-4-14] A client MUST NOT start a TLS handshake after a reply to STARTTLS that begins with 3, 4 or 5.
        Refused("TC-6-8", "required: 454 to STARTTLS, no mail", "454 4.7.0 TLS not available\r\n"),
        // [TLS-6-3] A client that requires TLS MUST NOT send mail or credentials in plaintext after a reply to STARTTLS other than 220.
        // [TLS-4-14] A client MUST NOT start a TLS handshake after a reply to STARTTLS that begins with 3, 4 or 5.
        Refused("TC-6-9", "required: 501 to STARTTLS, no mail", "501 5.5.4 No parameter\r\n"),
        // [TLS-6-3] A client that requires TLS MUST NOT send mail or credentials in plaintext after a reply to STARTTLS other than 220.
        // [TLS-4-14] A client MUST NOT start a TLS handshake after a reply to STARTTLS that begins with 3, 4 or 5.
        Refused("TC-6-10", "required: 500, 502, 503, 530 and 554 to STARTTLS, no mail", "500 5.5.2 No\r\n", "502 5.5.1 No\r\n",
            "503 5.5.1 No\r\n", "530 5.7.0 No\r\n", "554 5.7.0 No\r\n"),
        // [TLS-6-3] A client that requires TLS MUST NOT send mail or credentials in plaintext after a reply to STARTTLS other than 220.
        // [TLS-5321.4.2.1-1] A client SHOULD end a session that gets 421, before or inside TLS, and try again later.
        new("TC-6-11", "required: 421 to STARTTLS, no mail", Must, Profile.Policy, "TLS-6-3 TLS-5321.4.2.1-1", async p =>
        {
            await p.DeliverAsync(WithAuth with
            {
                Does = async (s, line) =>
                {
                    if (Verb(line) != "STARTTLS")
                        return false;

                    await s.SayAsync("421 4.3.2 Closing\r\n");
                    return await s.HangUpAsync();
                },
                Again = ServerScript.Plain,
            });
            p.NeedStartTls();
            p.ExpectNoMail("TLS-6-3", "TLS-5321.4.2.1-1");
        })
        { Needs = Needs.RequiredPolicy },
        // [TLS-4-15] A client MUST NOT send credentials or message data in answer to a 334 or 354 reply to STARTTLS.
        // [TLS-4-14] A client MUST NOT start a TLS handshake after a reply to STARTTLS that begins with 3, 4 or 5.
        new("TC-4-5", "required: 354 to STARTTLS, no handshake and no message", Must, Profile.Policy, "TLS-4-15 TLS-4-14", async p =>
        {
            await p.DeliverAsync(Reply("354 Go ahead\r\n"));
            p.NeedStartTls();
            That(!p.Outside.Any(l => l.StartsWith("Subject:", StringComparison.Ordinal)), "The client sent the message after 354.",
                "TLS-4-15");
            That(!p.Sessions.Any(s => s.HelloUnasked), "The client began a handshake after 354.", "TLS-4-14");
            p.ExpectNoMail("TLS-4-15");
        })
        { Needs = Needs.RequiredPolicy },
        // [TLS-5321.4.3.2-1] A client MUST interpret a reply code that it does not know by its first digit.
        new("TC-5321.4.3.2-1", "required: 499 and 599 to STARTTLS, no mail", Must, Profile.Policy, "TLS-5321.4.3.2-1", async p =>
        {
            foreach (var reply in (string[])["499 no\r\n", "599 no\r\n"])
            {
                await p.DeliverAsync(Reply(reply));
                p.NeedStartTls();
                That(!p.Sessions.Any(s => s.HelloUnasked), $"The client began a handshake after {Show(reply)}.");
                p.ExpectNoPlaintext("TLS-5321.4.3.2-1");
                p.ExpectNotDelivered();
            }
        })
        { Needs = Needs.RequiredPolicy },
        // [TLS-6-3] A client that requires TLS MUST NOT send mail or credentials in plaintext after a reply to STARTTLS other than 220.
        new("TC-5321.4.3.2-2", "required: 250 and 299 to STARTTLS, no plaintext", Must, Profile.Policy, "TLS-6-3", async p =>
        {
            foreach (var reply in (string[])["250 ok\r\n", "299 ok\r\n"])
            {
                await p.DeliverAsync(WithAuth with { Agrees = reply, Again = ServerScript.Plain });
                p.NeedStartTls();
                p.ExpectNoPlaintext("TLS-6-3");
                p.Note($"After {reply[..3]} the client made {(p.Sessions.Any(s => s.IsInside) ? "a" : "no")} handshake.");
            }
        })
        { Needs = Needs.RequiredPolicy },
        // [TLS-6-3] A client that requires TLS MUST NOT send mail or credentials in plaintext after a reply to STARTTLS other than 220.
        // [TLS-5321.4.2.1-3] A client SHOULD treat a reply whose lines have different codes as an error.
        new("TC-5321.4.2.1-2", "required: 220- and 454 in one reply, no plaintext", Must, Profile.Policy, "TLS-6-3 TLS-5321.4.2.1-3",
            async p =>
        {
            await p.DeliverAsync(Reply("220-go\r\n454 no\r\n"));
            p.NeedStartTls();
            p.ExpectNoPlaintext("TLS-6-3");
            That(!p.Sessions.Any(s => s.HelloUnasked), "The client began a handshake after a reply whose lines are 220 and 454.",
                "TLS-5321.4.2.1-3", isWarning: true);
        })
        { Needs = Needs.RequiredPolicy },
        // [TLS-6-3] A client that requires TLS MUST NOT send mail or credentials in plaintext after a reply to STARTTLS other than 220.
        // [TLS-5321.4.2-4] A client SHOULD treat what is no reply code from 200 to 599 as a fatal error.
        new("TC-5321.4.2-5", "required: what is no reply, no mail", Must, Profile.Policy, "TLS-6-3 TLS-5321.4.2-4", async p =>
        {
            string? begun = null;
            foreach (var reply in (string[])["hello\r\n", "\0\0\0 \r\n", $"{new string('x', 100_000)}\r\n", "199 x\r\n", "620 x\r\n"])
            {
                await p.DeliverAsync(WithAuth with
                {
                    Does = async (s, line) =>
                    {
                        if (Verb(line) != "STARTTLS")
                            return false;

                        await s.SayAsync(reply);

                        // A client may wait for the line that is a reply.
                        if (!await s.Wire.ComesMoreAsync(PlayedSession.Quiet))
                            await s.HangUpAsync();

                        return true;
                    },
                    Again = ServerScript.Plain,
                });
                p.NeedStartTls();
                p.ExpectNoMail("TLS-6-3");
                begun ??= p.Sessions.Any(s => s.HelloUnasked) ? reply : null;
            }

            That(begun is null, $"The client began a handshake after {Show(begun ?? "")}.", "TLS-5321.4.2-4", isWarning: true);
        })
        { Needs = Needs.RequiredPolicy },
        // [TLS-6-5] A client SHOULD be able to be configured to use TLS when the server offers it and to deliver without it otherwise.
        new("TC-6-18", "opportunistic: TLS where it is offered, with any certificate", Should, Profile.Policy, "TLS-6-5", async p =>
        {
            await p.DeliverAsync(new ServerScript { Tls = new() { Certificate = Tls.TestCertificate.SelfSigned } });
            p.ExpectInside("A server with STARTTLS and a certificate that signs itself");
        })
        { Needs = Needs.OpportunisticPolicy },
        // [TLS-6-5] A client SHOULD be able to be configured to use TLS when the server offers it and to deliver without it otherwise.
        new("TC-6-19", "opportunistic: a server without STARTTLS gets the message in plaintext", Should, Profile.Policy, "TLS-6-5",
            async p =>
        {
            await p.DeliverAsync(ServerScript.Plain);
            p.NeedGreeted();
            That(p.Sessions.Any(s => s.MailOutside.Count > 0), "The server offers no STARTTLS, and the client did not deliver.");
        })
        { Needs = Needs.OpportunisticPolicy },
        // [TLS-6-4] A client that requires TLS MUST NOT send mail or credentials in plaintext, on that or another connection, after a
        //   handshake that failed.
        // [TLS-5321.4.2.1-1] A client SHOULD end a session that gets 421, before or inside TLS, and try again later.
        new("TC-5321.4.2.1-3", "required: 421 to EHLO inside, no mail in plaintext", Must, Profile.Policy,
            "TLS-6-4 TLS-5321.4.2.1-1", async p =>
        {
            await p.DeliverAsync(new ServerScript { Does = (s, line) => ClosingAsync(s, line, "EHLO"), Again = ServerScript.Plain });
            p.NeedInside();
            p.ExpectNoMail("TLS-6-4", "TLS-5321.4.2.1-1");
        })
        { Needs = Needs.RequiredPolicy },
        // [TLS-5321.4.2.1-1] A client SHOULD end a session that gets 421, before or inside TLS, and try again later.
        new("TC-5321.4.2.1-4", "421 to MAIL, RCPT, DATA or the end of data is no delivery", Must, Profile.Policy, "TLS-5321.4.2.1-1",
            async p =>
        {
            foreach (var verb in (string[])["MAIL", "RCPT", "DATA", "."])
            {
                await p.DeliverAsync(new ServerScript { Does = (s, line) => ClosingAsync(s, line, verb) });
                p.NeedInside();
                p.ExpectNotDelivered();
            }
        }),
    ];

    private static string Verb(string line) => StartTlsClientProbe.Verb(line);

    private static ServerScript Ehlo(string reply) =>
        ServerScript.Plain with { Answer = (_, line) => Verb(line) == "EHLO" ? reply : null };

    private static ServerScript List(string keyword) => ServerScript.Plain with { Outside = ["AUTH PLAIN LOGIN", keyword, "8BITMIME"] };

    private static ServerScript Reply(string reply) =>
        WithAuth with { Answer = (_, line) => Verb(line) == "STARTTLS" ? reply : null, Again = ServerScript.Plain };

    private static async Task<bool> ClosingAsync(PlayedSession session, string line, string verb)
    {
        if (!session.IsInside || !StartTlsClientProbe.Is(line, verb))
            return false;

        await session.SayAsync("421 4.3.2 Closing\r\n");
        await session.Wire.CloseTlsAsync();
        return await session.HangUpAsync();
    }

    // No offer: nothing of the mail, and nothing is delivered.
    private static Case<StartTlsClientProbe> Stripped(string id, string title, params ServerScript[] scripts) =>
        new(id, title, Must, Profile.Policy, "TLS-6-2", async p =>
        {
            foreach (var script in scripts)
            {
                await p.DeliverAsync(script);
                p.NeedGreeted();
                p.ExpectNoMail("TLS-6-2");
            }
        })
        { Needs = Needs.RequiredPolicy };

    // Another reply to STARTTLS than 220.
    private static Case<StartTlsClientProbe> Refused(string id, string title, params string[] replies) =>
        new(id, title, Must, Profile.Policy, "TLS-6-3 TLS-4-14", async p =>
        {
            foreach (var reply in replies)
            {
                await p.DeliverAsync(Reply(reply));
                p.NeedStartTls();
                That(!p.Sessions.Any(s => s.HelloUnasked), $"The client began a handshake after {Show(reply)}.", "TLS-4-14");
                p.ExpectNoMail("TLS-6-3");
            }
        })
        { Needs = Needs.RequiredPolicy };
}
