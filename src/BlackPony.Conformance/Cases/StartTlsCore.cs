using System.Text;
using BlackPony.Conformance.Peers;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>The command and its replies, profile core of spec/starttls.md.</summary>
internal static class StartTlsCore
{
    public static IReadOnlyList<Case<StartTlsProbe>> Cases { get; } =
    [
        // [TLS-2-1] A server that offers the extension MUST put the keyword STARTTLS, with no parameter, on a line of its own in its reply
        //   to EHLO.
        new("TS-2-1", "The EHLO reply has one line STARTTLS, without a parameter", Must, Profile.Core, "TLS-2-1", async p =>
        {
            await p.OpenAsync();
            var offers = p.Outside.Texts().Skip(1).Where(StartTlsProbe.IsOffer).ToList();
            That(offers is [{ Length: 8 }], $"The offer is {string.Join(", ", offers.Select(o => Show(o)))}.");
        }),
        // [TLS-3-1] A server that offers STARTTLS MUST be able to complete a TLS handshake with a client that accepts its versions, suites
        //   and certificate.
        new("TS-3-1", "After the offer a handshake succeeds and EHLO inside is answered", Must, Profile.Core, "TLS-3-1", async p =>
            await p.InsideAsync()),
        // [TLS-3-1] A server that offers STARTTLS MUST be able to complete a TLS handshake with a client that accepts its versions, suites
        //   and certificate.
        new("TS-3-2", "A message is accepted inside", Must, Profile.Core, "TLS-3-1", async p =>
        {
            await p.InsideAsync();
            await p.DeliverAsync(p.Marker());
        })
        { Needs = Needs.Local },
        // [TLS-4-1] A server MUST NOT answer a STARTTLS command without parameter that it has offered with another code than 220, 454 or
        //   421.
        new("TS-4-1", "STARTTLS is answered 220 or 454", Must, Profile.Core, "TLS-4-1", async p =>
        {
            await p.OpenAsync();
            await p.Connection.SendLineAsync("STARTTLS");
            var reply = await p.Connection.ReplyAsync();
            That(reply.Code is 220 or 454 or 421, $"Sent STARTTLS, expected 220, got {Show(reply.Lines[^1])}.");
        }),
        // [TLS-4-2] A server SHOULD answer a STARTTLS command that has a parameter with 501 and stay in plaintext.
        new("TS-4-2", "STARTTLS with a parameter is refused", Should, Profile.Core, "TLS-4-2", async p =>
        {
            await p.OpenAsync();
            await p.Connection.CommandAsync("STARTTLS now", 501);
            await p.Connection.CommandAsync("NOOP", 250);
        }),
        // [TLS-4-2] A server SHOULD answer a STARTTLS command that has a parameter with 501 and stay in plaintext.
        // [TLS-2920.3.2-2] A server that offers PIPELINING MUST NOT lose commands that follow a STARTTLS which it refused.
        new("TS-4-3", "A refused STARTTLS does not stand in the way of the next", Should, Profile.Core, "TLS-4-2 TLS-2920.3.2-2", async p =>
        {
            await RefusedAsync(p);
            await p.Connection.CommandAsync("STARTTLS", 220);
            await p.HandshakeAsync();
        }),
        // [TLS-4-3] A server SHOULD answer STARTTLS with 454, and with no 5yz code, while TLS is not available for a temporary reason.
        new("TS-4-4", "Without a certificate STARTTLS is answered 454", Should, Profile.Core, "TLS-4-3", async p =>
        {
            await p.EhloAsync();
            await p.Connection.SendLineAsync("STARTTLS");
            var reply = await p.Connection.ReplyAsync();
            That(reply.Code is 454 or 421 || (reply.Code >= 500 && !p.IsOffered),
                $"Sent STARTTLS to a server without a certificate, expected 454, got {Show(reply.Lines[^1])}.");
            if (reply.Code != 421)
                await p.Connection.CommandAsync("NOOP", 250);
        })
        { Needs = Needs.NoCertificate },
        // [TLS-8314.4-1] A server SHOULD NOT offer STARTTLS if the command is likely to fail, as without a certificate.
        new("TS-8314.4-1", "Without a certificate STARTTLS is not offered", Should, Profile.Core, "TLS-8314.4-1", async p =>
        {
            await p.EhloAsync();
            That(!p.IsOffered, "A server without a certificate offers STARTTLS.");
        })
        { Needs = Needs.NoCertificate },
        // [TLS-4-4] A server MUST NOT send an octet between the CRLF of its 220 reply and its first TLS record.
        new("TS-4-5", "Nothing follows 220 before the ClientHello", Must, Profile.Core, "TLS-4-4", async p =>
        {
            await p.OpenAsync();
            await p.SwitchAsync();
            var rest = await p.Connection.RestAsync(StartTlsProbe.Quiet);
            That(rest.Length == 0, $"After 220 and before the ClientHello came {Show(rest)}.");
            await p.HandshakeAsync();
        }),
        // [TLS-5321.4.2.4-1] A server MUST NOT offer STARTTLS and then answer it with 500 or 502.
        new("TS-5321.4.2.4-1", "What is offered is implemented", Must, Profile.Core, "TLS-5321.4.2.4-1", async p =>
        {
            await p.OpenAsync();
            await p.Connection.SendLineAsync("STARTTLS");
            var reply = await p.Connection.ReplyAsync();
            That(reply.Code is not (500 or 502), $"STARTTLS is offered, and answered with {Show(reply.Lines[^1])}.");
        }),
        // [TLS-5321.4.1.1-1] A server SHOULD tolerate white space between STARTTLS and CRLF.
        new("TS-5321.4.1.1-1", "White space before CRLF is tolerated", Should, Profile.Core, "TLS-5321.4.1.1-1", p =>
            EachAsync(p, ["STARTTLS \r\n", "STARTTLS\t\r\n"], async text =>
            {
                await p.Connection.SendAsync(text);
                var reply = await p.Connection.ReplyAsync();
                That(reply.Code is 220 or 454 or 421, $"Sent {Show(text)}, expected 220, got {Show(reply.Lines[^1])}.");
            })),
        // [TLS-5321.2.4-1] A server MUST accept the verb STARTTLS in any mixture of upper and lower case.
        new("TS-5321.2.4-1", "The verb is not case sensitive", Must, Profile.Core, "TLS-5321.2.4-1", async p =>
        {
            await p.OpenAsync();
            await p.Connection.SendLineAsync("sTaRtTlS");
            var reply = await p.Connection.ReplyAsync();
            That(reply.Code is 220 or 454 or 421, $"Sent sTaRtTlS, expected 220, got {Show(reply.Lines[^1])}.");
        }),
        // [TLS-5321.4.1.1-2] A server SHOULD refuse a line in which STARTTLS is followed by a control character.
        new("TS-5321.4.1.1-2", "A control character after the verb is refused", Should, Profile.Core, "TLS-5321.4.1.1-2", p =>
            EachAsync(p, ["STARTTLS\0\r\n", "STARTTLS\v\r\n", "STARTTLS\x7f\r\n"], text => NotTakenAsync(p, text))),
        // [TLS-5321.2.4-2] A server SHOULD reject a command that has octets outside US-ASCII.
        new("TS-5321.2.4-2", "A verb that only Unicode folds to STARTTLS is refused", Should, Profile.Core, "TLS-5321.2.4-2", p =>
            EachAsync(p, [Octets("STARTTLſ"), Octets("ＳＴＡＲＴＴＬＳ")], text => NotTakenAsync(p, text))),
        // [TLS-5321.4.5.3.1.9-1] A server SHOULD answer a command line that is longer than it accepts with one 500 reply.
        // [TLS-5321.4.2-1] A server MUST send exactly one reply to each command.
        new("TS-5321.4.5.3.1.9-1", "A long line gets one reply", Should, Profile.Core, "TLS-5321.4.5.3.1.9-1 TLS-5321.4.2-1", async p =>
        {
            await p.OpenAsync();
            await p.Connection.SendAsync($"STARTTLS {new string('x', 3000)}\r\n");
            var reply = await p.Connection.ReplyOrEndAsync();
            That(reply is null or { Code: >= 400 }, $"Sent STARTTLS and 3,000 letters, got {Show(reply?.Lines[^1] ?? [])}.");
            if (reply is null or { Code: 421 })
                return;

            await p.Connection.SendLineAsync("NOOP");
            reply = await p.Connection.ReplyOrEndAsync();
            That(reply is null or { Code: 250 or 421 },
                $"After a line of 3,000 octets NOOP is answered with {Show(reply?.Lines[^1] ?? [])}: the line had two replies.");
        }),
        // [TLS-5321.2.3.8-1] A server MUST NOT treat a bare LF as the end of a command line.
        new("TS-5321.2.3.8-1", "A bare LF is no line end", Should, Profile.Core, "TLS-5321.2.3.8-1", p => NoEndAsync(p, "STARTTLS\n")),
        // [TLS-5321.2.3.8-2] A server MUST NOT treat a bare CR as the end of a command line.
        new("TS-5321.2.3.8-2", "A bare CR is no line end", Should, Profile.Core, "TLS-5321.2.3.8-2", p => NoEndAsync(p, "STARTTLS\r")),
        // [TLS-5321.3.2-1] A server MUST NOT list extensions in its reply to HELO.
        new("TS-5321.3.2-1", "The reply to HELO lists nothing", Must, Profile.Core, "TLS-5321.3.2-1", async p =>
        {
            var reply = await p.Connection.CommandAsync("HELO probe.test", 250);
            That(!reply.Texts().Any(StartTlsProbe.IsOffer) && reply.Lines.Count == 1,
                $"The reply to HELO has {reply.Lines.Count} lines, the last {Show(reply.Lines[^1])}.");
        }),
        // [TLS-5321.4.1.4-1] A server MAY refuse STARTTLS that comes before EHLO or after HELO.
        new("TS-5321.4.1.4-1", "STARTTLS before EHLO: what happens", May, Profile.Core, "TLS-5321.4.1.4-1", p => ReportedAsync(p)),
        // [TLS-5321.4.1.4-1] A server MAY refuse STARTTLS that comes before EHLO or after HELO.
        new("TS-5321.4.1.4-2", "STARTTLS under HELO: what happens", May, Profile.Core, "TLS-5321.4.1.4-1", async p =>
        {
            await p.Connection.CommandAsync("HELO probe.test", 250);
            await ReportedAsync(p);
        }),
        // [TLS-2920.3.2-1] A server that offers PIPELINING MUST answer commands in the order in which it received them.
        new("TS-2920.3.2-1", "A group that ends with STARTTLS is answered in order", Must, Profile.Core, "TLS-2920.3.2-1", async p =>
        {
            await p.OpenAsync();
            p.Need("PIPELINING");
            await p.Connection.SendAsync("RSET\r\nSTARTTLS\r\n");
            var first = await p.Connection.ReplyAsync();
            That(first.Code is 250 or 530, $"Sent RSET and STARTTLS in one segment, the first reply is {Show(first.Lines[^1])}.");
            StartTlsProbe.Agreed(await p.Connection.ReplyAsync());
            await p.HandshakeAsync();
        }),
        // [TLS-2034.4-1] A server that offers ENHANCEDSTATUSCODES SHOULD begin the text of its 2yz, 4yz and 5yz replies to STARTTLS, and of
        //   those inside TLS, with a code of the same class, the replies to EHLO and HELO excepted.
        new("TS-2034.4-1", "Replies have enhanced codes where they are offered", Should, Profile.Core, "TLS-2034.4-1", async p =>
        {
            await p.OpenAsync();
            p.Need("ENHANCEDSTATUSCODES");
            await HasAsync("STARTTLS now", '5');
            await HasAsync("STARTTLS", '2');
            await p.HandshakeAsync();
            var inside = await p.Connection.CommandAsync("EHLO probe.test", 250);
            if (!inside.HasKeyword("ENHANCEDSTATUSCODES"))
                return;

            await HasAsync("NOOP", '2');
            await HasAsync("XYZZY", '5');

            async Task HasAsync(string command, char kind)
            {
                await p.Connection.SendLineAsync(command);
                var reply = await p.Connection.ReplyAsync();
                var text = reply.Texts().First();
                if (reply.Code / 100 != kind - '0')
                    throw new NotApplicableException($"{command} is answered with {Show(reply.Lines[^1])}.");

                That(text.Length > 4 && text[0] == kind && text[1] == '.' && char.IsAsciiDigit(text[2]),
                    $"Sent {command}, got {Show(reply.Lines[0])}, without an enhanced code {kind}.x.x.");
            }
        }),
    ];

    /// <summary>Each in a connection of its own, since many servers count errors.</summary>
    internal static async Task EachAsync(StartTlsProbe p, string[] texts, Func<string, Task> play)
    {
        for (int i = 0; i < texts.Length && !p.WasSilent; i++)
        {
            if (i > 0)
                await p.AgainAsync();

            await p.OpenAsync();
            await play(texts[i]);
        }
    }

    /// <summary>STARTTLS with a parameter, which has to be refused.</summary>
    private static async Task RefusedAsync(StartTlsProbe p)
    {
        await p.OpenAsync();
        await p.Connection.SendLineAsync("STARTTLS now");
        if (await p.Connection.ReplyAsync() is { Code: < 500 } taken)
            throw new NotApplicableException($"STARTTLS with a parameter is answered with {Show(taken.Lines[^1])}; see TS-4-2.");
    }

    private static string Octets(string verb) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(verb + "\r\n"));

    private static async Task NotTakenAsync(StartTlsProbe p, string text)
    {
        await p.Connection.SendAsync(text);
        var reply = await p.Connection.ReplyOrEndAsync();
        That(reply is null or { Code: 221 or >= 400 }, $"Sent {Show(text)}, which is no STARTTLS, got {Show(reply?.Lines[^1] ?? [])}.");
        if (reply is null or { Code: 221 or 421 })
            return;

        // Some servers have no NOOP; one that requires TLS answers 530.
        await p.Connection.SendLineAsync("RSET");
        reply = await p.Connection.ReplyOrEndAsync();
        That(reply is null or { Code: 250 or 421 or 530 }, $"After {Show(text)} RSET is answered with {Show(reply?.Lines[^1] ?? [])}.");
    }

    private static async Task NoEndAsync(StartTlsProbe p, string text)
    {
        await p.OpenAsync();
        await p.Connection.SendAsync(text);
        var rest = await p.Connection.RestAsync(StartTlsProbe.Quiet);
        That(!Encoding.Latin1.GetString(rest).StartsWith("220", StringComparison.Ordinal),
            $"Sent {Show(text)} without CRLF, got {Show(rest)}.");
    }

    private static async Task ReportedAsync(StartTlsProbe p)
    {
        await p.Connection.SendLineAsync("STARTTLS");
        var reply = await p.Connection.ReplyAsync();
        That(reply.Code is 220 or 454 or 421 or >= 500, $"Sent STARTTLS, got {Show(reply.Lines[^1])}.");
        p.Note($"It is answered with {Show(reply.Lines[^1])}.");
    }
}
