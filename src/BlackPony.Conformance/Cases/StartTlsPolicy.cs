using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Tls;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>A server that requires TLS, and a handshake that fails; profile policy of spec/starttls.md.</summary>
internal static class StartTlsPolicy
{
    public static IReadOnlyList<Case<StartTlsProbe>> Cases { get; } =
    [
        // [TLS-4-6] A server that requires TLS SHOULD answer every command before TLS other than NOOP, EHLO, STARTTLS and QUIT with 530.
        new("TS-4-9", "A server that requires TLS refuses MAIL", Should, Profile.Policy, "TLS-4-6", async p =>
        {
            await p.OpenAsync();
            await p.Connection.CommandAsync("MAIL FROM:<>", 530);
        })
        { Needs = Needs.TlsRequired },
        // [TLS-4-6] A server that requires TLS SHOULD answer every command before TLS other than NOOP, EHLO, STARTTLS and QUIT with 530.
        new("TS-4-10", "A server that requires TLS refuses every other command", Should, Profile.Policy, "TLS-4-6", p =>
            StartTlsCore.EachAsync(p,
                ["RCPT TO:<a@probe.test>", "DATA", "BDAT 0 LAST", "RSET", "VRFY postmaster", "EXPN postmaster", "HELP", "ETRN probe.test",
                    "AUTH PLAIN", "HELO probe.test"],
                line => p.Connection.CommandAsync(line, 530)))
        { Needs = Needs.TlsRequired },
        // [TLS-4-6] A server that requires TLS SHOULD answer every command before TLS other than NOOP, EHLO, STARTTLS and QUIT with 530.
        new("TS-4-11", "A server that requires TLS refuses an unknown verb with 530", Should, Profile.Policy, "TLS-4-6", async p =>
        {
            await p.OpenAsync();
            await p.Connection.CommandAsync("XYZZY", 530);
        })
        { Needs = Needs.TlsRequired },
        // [TLS-4-6] A server that requires TLS SHOULD answer every command before TLS other than NOOP, EHLO, STARTTLS and QUIT with 530.
        new("TS-4-12", "A server that requires TLS refuses each command of a group", Should, Profile.Policy, "TLS-4-6", async p =>
        {
            await p.OpenAsync();
            p.Need("PIPELINING");
            await p.Connection.SendAsync("MAIL FROM:<>\r\nRCPT TO:<a@probe.test>\r\nDATA\r\n");
            for (int i = 0; i < 3; i++)
                await p.Connection.ExpectAsync(530);
        })
        { Needs = Needs.TlsRequired },
        // [TLS-4-7] A server that requires TLS SHOULD answer NOOP, EHLO, STARTTLS and QUIT before TLS as it does otherwise.
        new("TS-4-13", "A server that requires TLS answers NOOP, EHLO, STARTTLS and QUIT", Should, Profile.Policy, "TLS-4-7", async p =>
        {
            await p.Connection.CommandAsync("NOOP", 250);
            await p.Connection.CommandAsync("EHLO probe.test", 250);
            await p.Connection.CommandAsync("STARTTLS", 220);
            await p.AgainAsync();
            await p.Connection.CommandAsync("QUIT", 221);
        })
        { Needs = Needs.TlsRequired },
        // [TLS-4-8] A server that requires TLS and offers ENHANCEDSTATUSCODES SHOULD give 530 the enhanced code 5.7.0.
        new("TS-4-14", "530 has the enhanced code 5.7.0", Should, Profile.Policy, "TLS-4-8", async p =>
        {
            await p.OpenAsync();
            p.Need("ENHANCEDSTATUSCODES");
            await p.Connection.SendLineAsync("MAIL FROM:<>");
            var reply = await p.Connection.ReplyAsync();
            if (reply.Code != 530)
                throw new NotApplicableException($"MAIL is answered with {Show(reply.Lines[^1])}; see TS-4-9.");

            That(reply.Texts().First().StartsWith("5.7.0 ", StringComparison.Ordinal),
                $"The enhanced code is not 5.7.0: {Show(reply.Lines[0])}.");
        })
        { Needs = Needs.TlsRequired },
        // [TLS-6-1] A server MUST be able to be configured to require TLS before it accepts messages.
        new("TS-6-1", "With TLS required a message passes inside and none outside", Must, Profile.Policy, "TLS-6-1", async p =>
        {
            foreach (var hello in (string[])["EHLO probe.test", "HELO probe.test"])
            {
                await p.Connection.SendLineAsync(hello);
                await p.Connection.ReplyAsync();
                foreach (var line in (string[])["MAIL FROM:<>", $"RCPT TO:<{p.Facts.Local[0]}>", "DATA"])
                {
                    await p.Connection.SendLineAsync(line);
                    var reply = await p.Connection.ReplyOrEndAsync();
                    That(reply is not { Code: 354 }, $"Outside, under {hello[..4]}, DATA is answered with {Show(reply?.Lines[0] ?? [])}.");
                    if (reply is null)
                        break;
                }

                await p.AgainAsync();
            }

            await p.InsideAsync();
            await p.DeliverAsync(p.Marker());
        })
        { Needs = Needs.TlsRequired | Needs.Local },
        // [TLS-4-9] A server that is publicly referenced MUST NOT require STARTTLS for mail that it delivers locally.
        new("TS-4-15", "A public server takes local mail in plaintext", Must, Profile.Policy, "TLS-4-9", async p =>
        {
            await p.EhloAsync();
            await p.EnvelopeAsync();
        })
        { Needs = Needs.Public | Needs.Local },
        // [TLS-4.1-1] A server for which the handshake gave too little authentication or privacy SHOULD answer every command other than
        //   QUIT with 554.
        new("TS-4.1-1", "A client without a certificate that is wanted gets 554 to all but QUIT", Should, Profile.Policy, "TLS-4.1-1",
            async p =>
        {
            if (!await WithoutCertificateAsync(p))
                return;

            foreach (var (line, code) in ((string, int)[])[("EHLO probe.test", 554), ("NOOP", 554), ("MAIL FROM:<>", 554), ("QUIT", 221)])
            {
                await p.Connection.SendLineAsync(line);
                if (await p.Connection.ReplyOrEndAsync() is not { } reply)
                    return;

                That(reply.Code == code, $"The client has no certificate. Sent {line.Split(' ')[0]}, expected {code}, got "
                    + $"{Show(reply.Lines[0])}.");
            }
        })
        { Needs = Needs.WantsCertificate },
        // [TLS-4.1-2] A server for which the handshake gave too little authentication or privacy MUST NOT accept a mail transaction in that
        //   session.
        new("TS-4.1-2", "A client without a certificate that is wanted delivers nothing", Must, Profile.Policy, "TLS-4.1-2", async p =>
        {
            if (!await WithoutCertificateAsync(p))
                return;

            foreach (var line in (string[])["EHLO probe.test", "MAIL FROM:<>", $"RCPT TO:<{p.Facts.Local[0]}>", "DATA"])
            {
                await p.Connection.SendLineAsync(line);
                if (await p.Connection.ReplyOrEndAsync() is not { } reply)
                    return;

                That(reply.Code != 354, $"The client has no certificate, and DATA is answered with {Show(reply.Lines[0])}.");
            }
        })
        { Needs = Needs.WantsCertificate | Needs.Local },
        // [TLS-9846.6.2-1] A server MUST close the connection after a handshake that failed, without another octet of SMTP.
        new("TS-9846.6.2-1", "After garbage for a ClientHello nothing works in plaintext", Must, Profile.Policy, "TLS-9846.6.2-1",
            async p =>
        {
            await p.OpenAsync();
            await p.SwitchAsync();
            await p.Connection.SendRawAsync((byte[])[22, 3, 1, 0, 64, .. Enumerable.Repeat((byte)0xa5, 64)]);
            await NothingWorksAsync(p, "garbage for a ClientHello");
        }),
        // [TLS-9846.6.2-1] A server MUST close the connection after a handshake that failed, without another octet of SMTP.
        new("TS-9846.6.2-2", "After a handshake without a common suite nothing works in plaintext", Must, Profile.Policy, "TLS-9846.6.2-1",
            async p =>
        {
            await p.OpenAsync();
            await p.SwitchAsync();
            await p.Connection.SendRawAsync(new RawHello { Suites = [0x5aa5] }.Record());
            await NothingWorksAsync(p, "a handshake without a common suite");
        }),
        // [TLS-9846.6.2-1] A server MUST close the connection after a handshake that failed, without another octet of SMTP.
        new("TS-9846.6.2-3", "After the client's alert nothing works in plaintext", Must, Profile.Policy, "TLS-9846.6.2-1", async p =>
        {
            await p.OpenAsync();
            await p.SwitchAsync();
            if (await p.HandshakeOrEndAsync(new TlsSettings { GivesUp = true }, "TLS-9846.6.2-1"))
                return;

            await NothingWorksAsync(p, "the client's alert in the handshake");
        }),
        // [TLS-9846.6.2-1] A server MUST close the connection after a handshake that failed, without another octet of SMTP.
        // [TLS-3-1] A server that offers STARTTLS MUST be able to complete a TLS handshake with a client that accepts its versions, suites
        //   and certificate.
        new("TS-9846.6.2-4", "After FIN and RST in the handshake the next connection works", Must, Profile.Policy, "TLS-9846.6.2-1 TLS-3-1",
            async p =>
        {
            foreach (bool resets in (bool[])[false, true])
            {
                await p.OpenAsync();
                await p.SwitchAsync();
                await p.Connection.SendRawAsync(new RawHello().Record().AsMemory(0, 40));
                if (resets)
                    p.Connection.Reset();
                else
                    p.Connection.EndDirection();

                await p.AgainAsync();
            }

            await p.InsideAsync();
        }),
    ];

    // A server may refuse the handshake too; with TLS 1.3 that shows with its next record.
    private static async Task<bool> WithoutCertificateAsync(StartTlsProbe p)
    {
        await p.OpenAsync();
        await p.SwitchAsync();
        return await p.HandshakeOrEndAsync("TLS-4.1-2");
    }

    private static async Task NothingWorksAsync(StartTlsProbe p, string after)
    {
        var first = await p.Connection.RestAsync(StartTlsProbe.Quiet);
        That(!StartTlsConnection.HasReply(first), $"After {after} came {Show(first)} in plaintext.");
        if (p.Connection.HasEnded)
            return;

        await p.Connection.SendRawAsync("NOOP\r\n"u8.ToArray());
        var rest = await p.Connection.RestAsync(StartTlsProbe.Quiet);
        That(!StartTlsConnection.HasReply(rest), $"After {after} NOOP is answered with {Show(rest)} in plaintext.");
    }
}
