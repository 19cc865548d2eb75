using BlackPony.Conformance.Peers;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>AUTH, profile submission of spec/starttls.md, for clients that choose the mechanism.</summary>
internal static class StartTlsClientSubmission
{
    public static IReadOnlyList<Case<StartTlsClientProbe>> Cases { get; } =
    [
        // [TLS-4.2-13] A client MUST NOT use inside TLS an extension that only the EHLO reply before the handshake offered.
        new("TC-4.2-7", "AUTH that only the outer list offers is not used", Must, Profile.Submission, "TLS-4.2-13", async p =>
        {
            await p.DeliverAsync(new ServerScript { Outside = ["STARTTLS", "AUTH PLAIN"], Inside = ["HELP"] });
            p.NeedInside();
            Unused(p, "PLAIN");
        })
        { Needs = Needs.Login },
        // [TLS-4.2-13] A client MUST NOT use inside TLS an extension that only the EHLO reply before the handshake offered.
        new("TC-4.2-8", "AUTH mechanisms of the outer list are not used", Must, Profile.Submission, "TLS-4.2-13", async p =>
        {
            await p.DeliverAsync(new ServerScript { Outside = ["STARTTLS", "AUTH PLAIN LOGIN"], Inside = ["AUTH CRAM-MD5"] });
            p.NeedInside();
            Unused(p, "PLAIN", "LOGIN");
        })
        { Needs = Needs.Login },
        // [TLS-8314.5.2-1] A client that requires TLS MUST NOT do anything in plaintext but find out the server's capabilities and send
        //   STARTTLS.
        new("TC-8314.5.2-1", "required: AUTH offered outside, credentials only inside", Must, Profile.Submission, "TLS-8314.5.2-1",
            async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Outside = ["AUTH PLAIN LOGIN", "STARTTLS", "8BITMIME"],
                Inside = ["AUTH PLAIN LOGIN", "8BITMIME"],
            });
            p.NeedGreeted();
            p.ExpectNoPlaintext("TLS-8314.5.2-1", "TLS-8314.5.2-1");
            p.NeedInside();
        })
        { Needs = Needs.RequiredPolicy | Needs.Login },
        // [TLS-4-15] A client MUST NOT send credentials or message data in answer to a 334 or 354 reply to STARTTLS.
        // [TLS-4-14] A client MUST NOT start a TLS handshake after a reply to STARTTLS that begins with 3, 4 or 5.
        new("TC-4-6", "required: 334 to STARTTLS, no handshake and no credentials", Must, Profile.Submission, "TLS-4-15 TLS-4-14",
            async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Outside = ["STARTTLS", "AUTH PLAIN LOGIN"],
                Answer = (_, line) => StartTlsClientProbe.Verb(line) == "STARTTLS" ? "334 VXNlcm5hbWU6\r\n" : null,
                Again = ServerScript.Plain,
            });
            p.NeedStartTls();
            That(!p.Sessions.Any(s => s.HelloUnasked), "The client began a handshake after 334.", "TLS-4-14");
            var line = p.Outside.FirstOrDefault(l => !l.Contains(' ')
                && StartTlsClientProbe.Verb(l) is not ("STARTTLS" or "QUIT" or "RSET" or "NOOP" or "*"));
            That(line is null, $"The client answered 334 to STARTTLS with {Show(line ?? "")}.", "TLS-4-15");
            p.ExpectNoMail("TLS-4-15");
        })
        { Needs = Needs.RequiredPolicy | Needs.Login },
        // [TLS-4.2-16] A client MUST NOT treat a reply that it received before the handshake was complete as the answer to a command that
        //   it sent inside TLS.
        new("TC-4.2-15", "Injected mechanisms are not used", Must, Profile.Submission, "TLS-4.2-16", async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Outside = ["STARTTLS"],
                Agrees = "220 go\r\n250-evil.test\r\n250 AUTH PLAIN LOGIN\r\n",
                Inside = ["AUTH CRAM-MD5"],
            });
            p.NeedStartTls();
            Unused(p, "PLAIN", "LOGIN");
        })
        { Needs = Needs.Login },
    ];

    private static void Unused(StartTlsClientProbe p, params string[] mechanisms)
    {
        var line = p.Inside.FirstOrDefault(l => StartTlsClientProbe.Verb(l) == "AUTH"
            && l.Split(' ') is [_, var mechanism, ..] && mechanisms.Contains(mechanism.ToUpperInvariant()));
        That(line is null, $"The list inside does not offer what the client uses: {Show(line ?? "")}.");
    }
}
