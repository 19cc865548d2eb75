using BlackPony.Conformance.Peers;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>The lists of extensions outside and inside, profile core of spec/starttls.md, for clients.</summary>
internal static class StartTlsClientExtensions
{
    private static readonly string[] Parameters = ["SIZE=", "BODY=", "RET=", "ENVID=", "NOTIFY=", "ORCPT=", "SMTPUTF8"];

    public static IReadOnlyList<Case<StartTlsClientProbe>> Cases { get; } =
    [
        // [TLS-4.2-13] A client MUST NOT use inside TLS an extension that only the EHLO reply before the handshake offered.
        new("TC-4.2-2", "Parameters that only the outer list offers are not used", Must, Profile.Core, "TLS-4.2-13", async p =>
        {
            await NoParameterAsync(p, new ServerScript
            {
                Outside = ["STARTTLS", "SIZE 1000000", "8BITMIME", "DSN", "SMTPUTF8"],
                Inside = ["HELP"],
            });
        }),
        // [TLS-4.2-13] A client MUST NOT use inside TLS an extension that only the EHLO reply before the handshake offered.
        new("TC-4.2-3", "CHUNKING that only the outer list offers is not used", Must, Profile.Core, "TLS-4.2-13", async p =>
        {
            await p.DeliverAsync(new ServerScript { Outside = ["STARTTLS", "CHUNKING", "8BITMIME"], Inside = ["8BITMIME"] });
            p.NeedInside();
            That(!p.Inside.Any(l => Verb(l) == "BDAT"), "The client sent BDAT, and only the list outside offers CHUNKING.");
        }),
        // [TLS-4.2-13] A client MUST NOT use inside TLS an extension that only the EHLO reply before the handshake offered.
        // [TLS-5321.4.3.1-1] A client MUST wait for the reply to a command before it sends the next, unless the EHLO reply that is in force
        //   offered PIPELINING.
        new("TC-4.2-4", "PIPELINING that only the outer list offers is not used", Must, Profile.Core, "TLS-4.2-13 TLS-5321.4.3.1-1",
            async p =>
        {
            var script = new ServerScript { Outside = ["STARTTLS", "PIPELINING", "8BITMIME"], Inside = ["8BITMIME"], Does = OneAsync };
            await p.DeliverAsync(script);
            p.NeedInside();
            p.ExpectNoFinding("TLS-4.2-13");

            // Without any offer.
            await p.DeliverAsync(script with { Outside = ["STARTTLS", "8BITMIME"] });
            p.NeedInside();
            p.ExpectNoFinding("TLS-5321.4.3.1-1");
        }),
        // [TLS-4.2-13] A client MUST NOT use inside TLS an extension that only the EHLO reply before the handshake offered.
        new("TC-4.2-5", "8BITMIME that only the outer list offers is not used", Must, Profile.Core, "TLS-4.2-13", async p =>
        {
            p.Next = p.Next with { Message = StartTlsClientProbe.Header + "Gr\u00fc\u00dfe.\r\n" };
            await p.DeliverAsync(new ServerScript { Outside = ["STARTTLS", "HELP"], Inside = ["HELP"] });
            if (HasEightBits(p))
                throw new NotApplicableException("The client sends eight bits without any offer too.");

            await p.DeliverAsync(new ServerScript { Outside = ["STARTTLS", "8BITMIME"], Inside = ["HELP"] });
            p.NeedInside();
            That(!HasEightBits(p), "The client sent octets over 127, and only the list outside offers 8BITMIME.");
        }),
        // [TLS-4.2-13] A client MUST NOT use inside TLS an extension that only the EHLO reply before the handshake offered.
        new("TC-4.2-6", "SMTPUTF8 that only the outer list offers is not used", Must, Profile.Core, "TLS-4.2-13", async p =>
        {
            var script = new ServerScript { Outside = ["STARTTLS", "SMTPUTF8", "8BITMIME"], Inside = ["8BITMIME"] };
            if (await UsesAsync(script with { Outside = ["STARTTLS", "8BITMIME"] }) is not null)
                throw new NotApplicableException("The client sends UTF-8 in an address without any offer too.");

            var line = await UsesAsync(script);
            if (!p.Sessions.Any(s => s.IsInside))
                throw new NotApplicableException("The client does not begin a delivery to an address with UTF-8.");

            That(line is null, $"Only the list outside offers SMTPUTF8, and the client sent {Show(line ?? "")}.");

            async Task<string?> UsesAsync(ServerScript script)
            {
                await p.DeliverAsync(script, to: "empf\u00e4nger@sink.test");
                return p.Inside.FirstOrDefault(l => l.Any(c => c > 127) || l.Contains("SMTPUTF8", StringComparison.OrdinalIgnoreCase));
            }
        })
        { Needs = Needs.Recipient },
        // [TLS-4.2-15] A client SHOULD use what the EHLO reply inside TLS offers where it would have used it outside.
        new("TC-4.2-9", "Extensions that only the inner list offers are used", Should, Profile.Core, "TLS-4.2-15", async p =>
        {
            await p.DeliverAsync(new ServerScript { Outside = ["STARTTLS"], Inside = ["SIZE 1000000", "8BITMIME", "AUTH PLAIN LOGIN"] });
            p.NeedInside();
            That(p.Inside.Any(l => Verb(l) == "AUTH"), "The list inside offers AUTH, the client has credentials, and it did not use them.");
        })
        { Needs = Needs.Login },
        // [TLS-4.2-14] A client whose EHLO inside TLS is refused MUST NOT go by the extensions that it was offered before the handshake.
        new("TC-4.2-10", "EHLO inside refused: no extension is used", Must, Profile.Core, "TLS-4.2-14", async p =>
        {
            await NoParameterAsync(p, new ServerScript
            {
                Outside = ["STARTTLS", "SIZE 1000000", "8BITMIME", "DSN", "AUTH PLAIN LOGIN"],
                Answer = (s, line) => s.IsInside && Verb(line) == "EHLO" ? "500 5.5.1 Unknown\r\n" : null,
            });
            That(!p.Inside.Any(l => Verb(l) == "AUTH"), "EHLO inside was refused, and the client sent AUTH.");
        }),
        // [TLS-6-4] A client that requires TLS MUST NOT send mail or credentials in plaintext, on that or another connection, after a
        //   handshake that failed.
        new("TC-4.2-11", "required: EHLO and HELO inside refused, no mail in plaintext", Must, Profile.Core, "TLS-6-4", async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Answer = (s, line) => s.IsInside ? Verb(line) == "QUIT" ? null : "500 5.5.1 Unknown\r\n" : null,
                Again = ServerScript.Plain,
            });
            p.NeedInside();
            p.ExpectNoMail("TLS-6-4");
        })
        { Needs = Needs.RequiredPolicy },
        // [TLS-4.2-18] A client MUST NOT send STARTTLS inside TLS, whatever the server offers there.
        new("TC-4.2-12", "STARTTLS offered inside is not used", Must, Profile.Core, "TLS-4.2-18", async p =>
        {
            await p.DeliverAsync(new ServerScript { Inside = ["SIZE 1000000", "STARTTLS", "8BITMIME"] });
            p.NeedInside();
            That(!p.Inside.Any(l => Verb(l) == "STARTTLS"), "The client sent STARTTLS inside TLS.");
        }),
        // [TLS-4.2-19] A client MUST NOT send a command outside TLS on a connection whose handshake is complete.
        new("TC-4.2-13", "A second message on the same connection stays inside", Must, Profile.Core, "TLS-4.2-19", async p =>
        {
            await p.DeliverAsync(new ServerScript(), count: 2);
            p.NeedInside();
            That(!p.Sessions.Any(s => StartTlsConnection.HasCommand(System.Text.Encoding.Latin1.GetBytes(s.After))),
                "The client sent a command in plaintext on a connection that had TLS.");
            That(p.Sessions.Sum(s => s.Mail.Count) == 2, $"Two messages were to be sent; {p.Sessions.Sum(s => s.Mail.Count)} came inside.");
        })
        { Needs = Needs.Several },
    ];

    private static string Verb(string line) => StartTlsClientProbe.Verb(line);

    private static async Task NoParameterAsync(StartTlsClientProbe p, ServerScript script)
    {
        await p.DeliverAsync(script with { Outside = ["STARTTLS"] });
        if (Parameter() is not null)
            throw new NotApplicableException("The client sends parameters without any offer too.");

        await p.DeliverAsync(script);
        p.NeedInside();
        var line = Parameter();
        That(line is null, $"The list inside offers nothing that allows {Show(line ?? "")}.");

        string? Parameter() => p.Inside.FirstOrDefault(l => Verb(l) is "MAIL" or "RCPT"
            && Parameters.Any(w => l.Contains(" " + w, StringComparison.OrdinalIgnoreCase)));
    }

    private static bool HasEightBits(StartTlsClientProbe p) => p.Sessions.SelectMany(s => s.Mail.Concat(s.MailOutside)).Any(m =>
        m.Any(c => c > 127));

    // One command at a time inside; the replies come late.
    private static async Task<bool> OneAsync(PlayedSession session, string line)
    {
        if (session.IsInside && Verb(line) is "MAIL" or "RCPT" or "DATA" && session.Finding is null)
            await session.QuietAsync($"The client sent more than {Show(line)} before the reply to it.");

        return false;
    }
}
