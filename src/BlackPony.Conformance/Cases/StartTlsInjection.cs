using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Tls;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>Plaintext that must not be believed inside, profile injection of spec/starttls.md.</summary>
internal static class StartTlsInjection
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(5);

    public static IReadOnlyList<Case<StartTlsProbe>> Cases { get; } =
    [
        // [TLS-4.2-6] A server MUST NOT execute inside TLS a command that it received before the handshake was complete.
        // [TLS-4-5] A server MUST NOT treat octets that come after STARTTLS and before the TLS session as SMTP commands in plaintext.
        new("TS-4.2-16", "A command in the segment of STARTTLS is not run inside", Must, Profile.Injection, "TLS-4.2-6 TLS-4-5", async p =>
        {
            await p.OpenAsync();
            if (await p.InjectAsync("STARTTLS\r\nEHLO injected.test\r\n") && await p.HandshakeOrEndAsync())
                await p.FirstIsNoopAsync("TLS-4.2-6");
        }),
        // [TLS-4-5] A server MUST NOT treat octets that come after STARTTLS and before the TLS session as SMTP commands in plaintext.
        new("TS-4-6", "A command in the segment of STARTTLS is not run in plaintext", Must, Profile.Injection, "TLS-4-5", async p =>
        {
            await p.OpenAsync();
            if (await p.InjectAsync("STARTTLS\r\nEHLO injected.test\r\n"))
                await SilentAsync(p, "the segment of STARTTLS");
        }),
        // [TLS-4.2-7] A server MUST NOT join octets that it received before the handshake with octets that it receives inside TLS.
        new("TS-4.2-17", "Half a command is not joined to the first inside", Must, Profile.Injection, "TLS-4.2-7", async p =>
        {
            await p.OpenAsync();
            if (await p.InjectAsync("STARTTLS\r\nNOOP ") && await p.HandshakeOrEndAsync())
                await p.FirstIsEhloAsync("TLS-4.2-7");
        }),
        // [TLS-4.2-7] A server MUST NOT join octets that it received before the handshake with octets that it receives inside TLS.
        new("TS-4.2-18", "Half a verb is not completed inside", Must, Profile.Injection, "TLS-4.2-7", async p =>
        {
            await p.OpenAsync();
            if (!await p.InjectAsync("STARTTLS\r\nNO") || !await p.HandshakeOrEndAsync())
                return;

            await p.Connection.SendLineAsync("OP");
            var reply = await p.Connection.ReplyOrEndAsync();
            That(reply is not { Code: 250 }, $"Inside, OP is answered with {Show(reply?.Lines[0] ?? [])}: it was joined to NO, sent "
                + "before.");
        }),
        // [TLS-4.2-6] A server MUST NOT execute inside TLS a command that it received before the handshake was complete.
        Inside("TS-4.2-19", "More commands than any buffer holds are not run inside",
            "STARTTLS\r\n" + string.Concat(Enumerable.Repeat("NOOP\r\n", 2730))),
        // [TLS-4.2-6] A server MUST NOT execute inside TLS a command that it received before the handshake was complete.
        new("TS-4.2-20", "A command between 220 and the ClientHello is not run inside", Must, Profile.Injection, "TLS-4.2-6", async p =>
        {
            await p.OpenAsync();
            await p.SwitchAsync();
            await p.Connection.SendAsync("EHLO injected.test\r\n");
            if (await p.HandshakeOrEndAsync())
                await p.FirstIsNoopAsync("TLS-4.2-6");
        }),
        // [TLS-4.2-6] A server MUST NOT execute inside TLS a command that it received before the handshake was complete.
        new("TS-4.2-21", "A command between STARTTLS and 220 is not run inside", Must, Profile.Injection, "TLS-4.2-6", async p =>
        {
            const int Times = 8;
            for (int i = 0; i < Times && !p.WasSilent; i++)
            {
                if (i > 0)
                    await p.AgainAsync();

                await p.OpenAsync();
                await p.Connection.SendAsync("STARTTLS\r\n");
                await Task.Delay(Moment);
                if (await p.InjectAsync("NOOP\r\n") && await p.HandshakeOrEndAsync())
                    await p.FirstIsEhloAsync("TLS-4.2-6");
            }
        }),
        // [TLS-4.2-6] A server MUST NOT execute inside TLS a command that it received before the handshake was complete.
        new("TS-4.2-22", "An injected transaction is not run inside", Must, Profile.Injection, "TLS-4.2-6", async p =>
        {
            await p.OpenAsync();
            var injected = $"STARTTLS\r\nEHLO injected.test\r\nMAIL FROM:<>\r\nRCPT TO:<{p.Facts.Local[0]}>\r\nDATA\r\n";
            if (await p.InjectAsync(injected) && await p.HandshakeOrEndAsync())
                await p.FirstIsNoopAsync("TLS-4.2-6");
        })
        { Needs = Needs.Local },
        // [TLS-4.2-6] A server MUST NOT execute inside TLS a command that it received before the handshake was complete.
        // [TLS-4.2-4] A server MUST discard the authentication of a client that authenticated before the handshake.
        new("TS-4.2-23", "Injected credentials do not count inside", Must, Profile.Injection, "TLS-4.2-6 TLS-4.2-4", async p =>
        {
            var auth = StartTlsSubmission.Plain(p);
            await StartTlsSubmission.NeedRelayForUsersOnlyAsync(p);
            await p.AgainAsync();
            await p.OpenAsync();
            if (!await p.InjectAsync($"STARTTLS\r\n{auth}\r\n") || !await p.HandshakeOrEndAsync())
                return;

            await p.FirstIsEhloAsync("TLS-4.2-6");
            var reply = await StartTlsSubmission.RelayAsync(p);
            That(reply >= 400, $"A user who was named before TLS counts inside: a recipient elsewhere is answered with {reply}.",
                "TLS-4.2-4");
        })
        { Needs = Needs.Credentials | Needs.Foreign },
        // [TLS-4.2-6] A server MUST NOT execute inside TLS a command that it received before the handshake was complete.
        Inside("TS-4.2-24", "A command after a bare LF is not run inside", "STARTTLS\nNOOP\r\n"),
        // [TLS-4.2-6] A server MUST NOT execute inside TLS a command that it received before the handshake was complete.
        Inside("TS-4.2-25", "A command after STARTTLS with a space, or in lower case, is not run inside",
            "STARTTLS \r\nNOOP\r\n", "starttls\r\nNOOP\r\n"),
        // [TLS-4.2-6] A server MUST NOT execute inside TLS a command that it received before the handshake was complete.
        new("TS-4.2-26", "A command after a STARTTLS in two segments is not run inside", Must, Profile.Injection, "TLS-4.2-6", async p =>
        {
            await p.OpenAsync();
            await p.Connection.SendAsync("STAR");
            await Task.Delay(Moment);
            if (await p.InjectAsync("TTLS\r\nNOOP\r\n") && await p.HandshakeOrEndAsync())
                await p.FirstIsEhloAsync("TLS-4.2-6");
        }),
        // [TLS-4.2-6] A server MUST NOT execute inside TLS a command that it received before the handshake was complete.
        new("TS-4.2-27", "Of a group, what comes after STARTTLS is not run inside", Must, Profile.Injection, "TLS-4.2-6", async p =>
        {
            await p.OpenAsync();
            p.Need("PIPELINING");
            await p.Connection.SendAsync("RSET\r\nSTARTTLS\r\nMAIL FROM:<>\r\n");
            if (await p.Connection.ReplyOrEndAsync() is not { Code: 250 })
                return;

            var reply = await p.Connection.ReplyOrEndAsync();
            if (reply is null or { Code: >= 500 })
                return;

            StartTlsProbe.Agreed(reply);
            if (await p.HandshakeOrEndAsync())
                await p.FirstIsNoopAsync("TLS-4.2-6");
        }),
        // [TLS-4.2-6] A server MUST NOT execute inside TLS a command that it received before the handshake was complete.
        new("TS-4.2-28", "An injected QUIT does not end the session", Must, Profile.Injection, "TLS-4.2-6", async p =>
        {
            await p.OpenAsync();
            if (!await p.InjectAsync("STARTTLS\r\nQUIT\r\n") || !await p.HandshakeOrEndAsync())
                return;

            await p.FirstIsEhloAsync("TLS-4.2-6");
        }),
        // [TLS-2920.3.2-2] A server that offers PIPELINING MUST NOT lose commands that follow a STARTTLS which it refused.
        // [TLS-2920.3.2-1] A server that offers PIPELINING MUST answer commands in the order in which it received them.
        new("TS-2920.3.2-3", "A command after a refused STARTTLS is answered", Must, Profile.Injection, "TLS-2920.3.2-2 TLS-2920.3.2-1",
            async p =>
        {
            await p.OpenAsync();
            p.Need("PIPELINING");
            await p.Connection.SendAsync("STARTTLS now\r\nNOOP\r\n");
            var reply = await p.Connection.ReplyAsync();
            if (reply.Code < 500)
                throw new NotApplicableException($"STARTTLS with a parameter is answered with {Show(reply.Lines[^1])}; see TS-4-2.");

            await p.Connection.SendLineAsync("EHLO probe.test");
            reply = await p.Connection.ReplyAsync();
            That(reply.Lines.Count == 1, $"The NOOP after a refused STARTTLS is lost: the next reply is {Show(reply.Lines[0])}.");
            That(reply.Code == 250, $"The NOOP after a refused STARTTLS is answered with {Show(reply.Lines[0])}.");
            reply = await p.Connection.ReplyAsync();
            That(reply.Lines.Count > 1, $"EHLO is answered with {Show(reply.Lines[0])}.", "TLS-2920.3.2-1");
        }),
        // [TLS-5321.4.2-1] A server MUST send exactly one reply to each command.
        // [TLS-4.2-6] A server MUST NOT execute inside TLS a command that it received before the handshake was complete.
        new("TS-5321.4.2-1", "STARTTLS twice in one segment gets one 220", Must, Profile.Injection, "TLS-5321.4.2-1 TLS-4.2-6", async p =>
        {
            await p.OpenAsync();
            if (await p.InjectAsync("STARTTLS\r\nSTARTTLS\r\n") && await p.HandshakeOrEndAsync("TLS-5321.4.2-1"))
                await p.FirstIsNoopAsync("TLS-4.2-6");
        }),
        // [TLS-4-5] A server MUST NOT treat octets that come after STARTTLS and before the TLS session as SMTP commands in plaintext.
        new("TS-4-7", "A ClientHello in the segment of STARTTLS gets no SMTP reply", Must, Profile.Injection, "TLS-4-5", async p =>
        {
            await p.OpenAsync();
            var hello = Encoding.Latin1.GetString(new RawHello().Record());
            if (await p.InjectAsync("STARTTLS\r\n" + hello))
                await SilentAsync(p, "the ClientHello in the segment of STARTTLS");
        }),
        // [TLS-4-5] A server MUST NOT treat octets that come after STARTTLS and before the TLS session as SMTP commands in plaintext.
        // [TLS-9846.6.2-1] A server MUST close the connection after a handshake that failed, without another octet of SMTP.
        new("TS-4-8", "Text instead of a ClientHello gets no reply", Must, Profile.Injection, "TLS-4-5 TLS-9846.6.2-1", async p =>
        {
            await p.OpenAsync();
            await p.SwitchAsync();
            await p.Connection.SendAsync("EHLO injected.test\r\n");
            await SilentAsync(p, "text instead of a ClientHello");
        }),
        // [TLS-9846.5-1] A server MUST terminate the connection when octets that are no TLS record come during a TLS session.
        new("TS-9846.5-1", "A plaintext command between two handshake messages is not run", Must, Profile.Injection, "TLS-9846.5-1",
            async p =>
        {
            await p.OpenAsync();
            await p.SwitchAsync();
            var settings = new TlsSettings { Between = "NOOP\r\n"u8.ToArray() };
            if (await p.HandshakeOrEndAsync(settings, "TLS-9846.5-1"))
                await p.Connection.ExpectEndAsync("Plaintext between two handshake messages was accepted.");
        }),
    ];

    private static Case<StartTlsProbe> Inside(string id, string title, params string[] segments) =>
        new(id, title, Must, Profile.Injection, "TLS-4.2-6", p => StartTlsCore.EachAsync(p, segments, async segment =>
        {
            if (await p.InjectAsync(segment) && await p.HandshakeOrEndAsync())
                await p.FirstIsEhloAsync("TLS-4.2-6");
        }));

    // 220 was taken; nothing but TLS may come now.
    private static async Task SilentAsync(StartTlsProbe p, string after)
    {
        var rest = await p.Connection.RestAsync(StartTlsProbe.Quiet);
        That(!StartTlsConnection.HasReply(rest), $"After {after} came {Show(rest)} in plaintext.", "TLS-4-5");
    }
}
