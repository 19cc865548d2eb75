using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Tls;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>
/// Replies in plaintext that must not be believed inside, profile injection of spec/starttls.md. EHLO inside is refused: a client that
/// goes on with a transaction has used another reply as the answer.
/// </summary>
internal static class StartTlsClientInjection
{
    private const string Evil = "250-evil.test\r\n250-SIZE 1000000\r\n250 AUTH PLAIN LOGIN\r\n";

    public static IReadOnlyList<Case<StartTlsClientProbe>> Cases { get; } =
    [
        // [TLS-4.2-16] A client MUST NOT treat a reply that it received before the handshake was complete as the answer to a command that
        //   it sent inside TLS.
        new("TC-4.2-14", "An EHLO reply in the segment of 220 is not used inside", Must, Profile.Injection, "TLS-4.2-16", async p =>
        {
            bool goesOn = await GoesOnAsync(p);
            await p.DeliverAsync(Refusing() with { Agrees = "220 go\r\n" + Evil });
            p.NeedStartTls();
            ExpectNoMailInside(p, goesOn, "EHLO inside was refused, and a reply that came in plaintext is used instead.");
        }),
        // [TLS-4.2-17] A client MUST NOT join octets that it received before the handshake with octets that it receives inside TLS.
        new("TC-4.2-16", "Half a line is not joined to the first reply inside", Must, Profile.Injection, "TLS-4.2-17", async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Agrees = "220 go\r\n250-localhost\r\n250-SIZE 1000000\r\n250-AUTH LOGIN PLAIN ",
                Inside = ["HELP"],
            });
            p.NeedStartTls();
            var line = p.Inside.FirstOrDefault(l => Verb(l) == "AUTH" || l.Contains(" SIZE=", StringComparison.OrdinalIgnoreCase));
            That(line is null, $"Only what came in plaintext allows {Show(line ?? "")}.");
        }),
        // [TLS-4.2-17] A client MUST NOT join octets that it received before the handshake with octets that it receives inside TLS.
        new("TC-4.2-17", "Half a code is not completed inside", Must, Profile.Injection, "TLS-4.2-17", async p =>
        {
            bool goesOn = await GoesOnAsync(p);
            await p.DeliverAsync(Refusing("50 x\r\n550 5.5.1 No\r\n") with { Agrees = "220 go\r\n2" });
            p.NeedStartTls();
            ExpectNoMailInside(p, goesOn, "The digit 2 from plaintext was joined to \"50 x\".");
        }),
        // [TLS-4.2-16] A client MUST NOT treat a reply that it received before the handshake was complete as the answer to a command that
        //   it sent inside TLS.
        // [TLS-5321.3.3-1] A client MUST NOT send message data unless a 354 reply to DATA was received.
        new("TC-4.2-18", "Injected replies up to DATA carry no message", Must, Profile.Injection, "TLS-4.2-16 TLS-5321.3.3-1", async p =>
        {
            bool goesOn = await GoesOnAsync(p);
            await p.DeliverAsync(Refusing() with
            {
                Agrees = "220 go\r\n250 a\r\n250 b\r\n250 c\r\n354 d\r\n250 e\r\n",
                Answer = (s, line) => s.IsInside && Verb(line) != "QUIT" ? "550 5.5.1 No\r\n" : null,
            });
            p.NeedStartTls();
            That(!p.Inside.Any(l => l.StartsWith("Subject:", StringComparison.Ordinal)),
                "The client sent the message, and DATA was not answered with 354.", "TLS-5321.3.3-1");
            ExpectNoMailInside(p, goesOn, "EHLO inside was refused, and replies that came in plaintext are used instead.", "TLS-4.2-16");
            p.ExpectNotDelivered("TLS-4.2-16");
        }),
        // [TLS-4.2-16] A client MUST NOT treat a reply that it received before the handshake was complete as the answer to a command that
        //   it sent inside TLS.
        new("TC-4.2-19", "An injected refusal does not return the mail", Must, Profile.Injection, "TLS-4.2-16", async p =>
        {
            await p.DeliverAsync(new ServerScript { Agrees = "220 go\r\n550 5.7.1 No\r\n" });
            p.NeedStartTls();
            That(p.Delivered || !p.Sessions.Any(s => s.Inside.Count > 0),
                "The server inside accepted all, and the client did not deliver: it used the 550 that came in plaintext.");
        }),
        // [TLS-4.2-16] A client MUST NOT treat a reply that it received before the handshake was complete as the answer to a command that
        //   it sent inside TLS.
        new("TC-4.2-20", "Replies before the ServerHello end the handshake", Must, Profile.Injection, "TLS-4.2-16", async p =>
        {
            await p.DeliverAsync(Refusing() with
            {
                Tls = new TlsServerSettings { Between = "250 evil.test\r\n"u8.ToArray() },
            });
            p.NeedStartTls();
            That(!p.Sessions.Any(s => s.IsInside), "The client completed the handshake, although plaintext came before the ServerHello.");
        }),
        // [TLS-4.2-16] A client MUST NOT treat a reply that it received before the handshake was complete as the answer to a command that
        //   it sent inside TLS.
        new("TC-4.2-21", "Replies between 220 and the ClientHello are not used inside", Must, Profile.Injection, "TLS-4.2-16", async p =>
        {
            const int Times = 8;
            bool goesOn = await GoesOnAsync(p);
            for (int i = 0; i < Times; i++)
            {
                await p.DeliverAsync(Refusing() with
                {
                    Does = async (s, line) =>
                    {
                        if (s.IsInside || Verb(line) != "STARTTLS")
                            return false;

                        await s.SayAsync("220 go\r\n");
                        await Task.Delay(TimeSpan.FromMilliseconds(i));
                        await s.SayAsync(Evil);
                        await s.ShakeAsync();
                        return true;
                    },
                });
                p.NeedStartTls();
                ExpectNoMailInside(p, goesOn, "EHLO inside was refused, and a reply that came in plaintext is used instead.");
            }
        }),
        // [TLS-2920.3.1-1] A client MUST match replies to commands by counting both.
        // [TLS-6-3] A client that requires TLS MUST NOT send mail or credentials in plaintext after a reply to STARTTLS other than 220.
        new("TC-2920.3.1-1", "required: a reply after 454 shifts nothing", Must, Profile.Injection, "TLS-2920.3.1-1 TLS-6-3", async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Outside = ["STARTTLS", "AUTH PLAIN LOGIN"],
                Answer = (_, line) => Verb(line) == "STARTTLS" ? "454 4.7.0 No\r\n250 ok\r\n250 ok\r\n" : null,
                Again = ServerScript.Plain,
            });
            p.NeedStartTls();
            p.ExpectNoMail("TLS-6-3", "TLS-2920.3.1-1");
        })
        { Needs = Needs.RequiredPolicy },
        // [TLS-2920.3.1-1] A client MUST match replies to commands by counting both.
        new("TC-2920.3.1-2", "required: a 220 after the EHLO reply is not the answer to STARTTLS", Must, Profile.Injection,
            "TLS-2920.3.1-1", async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Answer = (_, line) => Verb(line) switch
                {
                    "EHLO" => "250-localhost\r\n250 STARTTLS\r\n220 go\r\n",
                    "STARTTLS" => "454 4.7.0 No\r\n",
                    _ => null,
                },
                Again = ServerScript.Plain,
            });
            p.NeedGreeted();
            p.ExpectNoPlaintext("TLS-2920.3.1-1");
            p.ExpectNotDelivered();
            if (p.Sessions.Any(s => s.HelloUnasked))
                p.Note("The client began a handshake after the early 220, which 454 then refused.");
        })
        { Needs = Needs.RequiredPolicy },
        // [TLS-8314.5.2-1] A client that requires TLS MUST NOT do anything in plaintext but find out the server's capabilities and send
        //   STARTTLS.
        new("TC-2920.3.1-3", "required: an EHLO reply in the segment of the greeting is not used", Must, Profile.Injection,
            "TLS-8314.5.2-1", async p =>
        {
            await p.DeliverAsync(new ServerScript { Greeting = "220 localhost ESMTP\r\n250-localhost\r\n250 AUTH PLAIN LOGIN\r\n" });
            p.NeedGreeted();
            p.ExpectNoPlaintext("TLS-8314.5.2-1", "TLS-8314.5.2-1");
        })
        { Needs = Needs.RequiredPolicy },
        // [TLS-2920.3.1-1] A client MUST match replies to commands by counting both.
        new("TC-2920.3.1-4", "An unsolicited 220 inside shifts no replies", Must, Profile.Injection, "TLS-2920.3.1-1", async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Secured = s => s.SayAsync("220 localhost ESMTP\r\n"),
                Answer = (_, line) => line == "." ? "554 5.6.0 No\r\n" : null,
            });
            p.NeedInside();
            p.ExpectNotDelivered();
        }),
        // [TLS-9846.5-2] A client MUST terminate the connection when octets that are no TLS record come during a TLS session.
        new("TC-9846.5-1", "Replies in plaintext after the handshake are not used", Must, Profile.Injection, "TLS-9846.5-2", async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Does = async (s, line) =>
                {
                    if (!s.IsInside || Verb(line) != "EHLO")
                        return false;

                    await s.Wire.SendRawAsync("250 evil.test\r\n"u8.ToArray());
                    return await EndsAsync(s, "Plaintext came instead of a record");
                },
            });
            p.NeedInside();
            p.ExpectNoFinding();
        }),
    ];

    /// <summary>The client has to end the connection; a further command is noted.</summary>
    internal static async Task<bool> EndsAsync(PlayedSession session, string after)
    {
        if (await session.Wire.LineAsync() is { } more)
            session.Finding ??= $"{after}, and the client went on with {Show(more)}.";

        return await session.HangUpAsync();
    }

    // Whether the client goes on although EHLO and HELO inside are refused.
    private static async Task<bool> GoesOnAsync(StartTlsClientProbe p)
    {
        await p.DeliverAsync(Refusing());
        return BeginsInside(p);
    }

    private static bool BeginsInside(StartTlsClientProbe p) => p.Inside.Any(l => Verb(l) is "AUTH" or "MAIL");

    // Of a client that always goes on, going on says nothing about what it believed.
    private static void ExpectNoMailInside(StartTlsClientProbe p, bool goesOn, string finding, string? requirement = null)
    {
        if (goesOn && BeginsInside(p))
            throw new NotApplicableException("The client sends AUTH or MAIL although EHLO and HELO inside are refused.");

        p.ExpectNoMailInside(finding, requirement);
    }

    // A server that refuses every EHLO and HELO inside.
    private static ServerScript Refusing(string ehlo = "550 5.5.1 No\r\n") => new()
    {
        Outside = ["STARTTLS", "HELP"],
        Answer = (s, line) => !s.IsInside ? null : Verb(line) switch
        {
            "EHLO" => ehlo,
            "HELO" or "MAIL" => "550 5.5.1 No\r\n",
            _ => null,
        },
    };

    private static string Verb(string line) => StartTlsClientProbe.Verb(line);
}
