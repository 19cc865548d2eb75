using System.Text;
using System.Text.RegularExpressions;
using BlackPony.Conformance.Peers;
using BlackPony.Reference.Negotiation;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>AUTH, profile submission of spec/starttls.md. The credentials are the suite's own, as its user gave them.</summary>
internal static partial class StartTlsSubmission
{
    public static IReadOnlyList<Case<StartTlsProbe>> Cases { get; } =
    [
        // [TLS-4.2-4] A server MUST discard the authentication of a client that authenticated before the handshake.
        new("TS-4.2-29", "Authentication from before TLS is gone: AUTH works again", Must, Profile.Submission, "TLS-4.2-4", async p =>
        {
            await OutsideAsync(p);
            if (!await p.LateAsync())
                return;

            await p.Connection.CommandAsync("EHLO probe.test", 250);
            await p.Connection.CommandAsync(Plain(p), 235);
        })
        { Needs = Needs.Credentials | Needs.PlainAuth },
        // [TLS-4.2-4] A server MUST discard the authentication of a client that authenticated before the handshake.
        new("TS-4.2-30", "Authentication from before TLS is gone: no relaying", Must, Profile.Submission, "TLS-4.2-4", async p =>
        {
            await NeedRelayForUsersOnlyAsync(p);
            await p.AgainAsync();
            await OutsideAsync(p);
            if (!await p.LateAsync())
                return;

            await p.Connection.CommandAsync("EHLO probe.test", 250);
            int code = await RelayAsync(p);
            That(code >= 400, $"A user who authenticated before TLS is known inside: a recipient elsewhere is answered with {code}.");
        })
        { Needs = Needs.Credentials | Needs.PlainAuth | Needs.Foreign },
        // [TLS-4.2-5] A server MUST discard a SASL exchange that was begun before the handshake.
        // [TLS-4954.4-4] A server MUST answer 501 to a client that cancels a SASL exchange with "*".
        new("TS-4.2-31", "A cancelled exchange from before TLS is gone", Must, Profile.Submission, "TLS-4.2-5 TLS-4954.4-4", async p =>
        {
            await NeedOutsideAsync(p);
            await p.Connection.CommandAsync("AUTH PLAIN", 334);
            await p.Connection.CommandAsync("*", 501, "TLS-4954.4-4");
            if (!await p.LateAsync())
                return;

            await p.Connection.SendLineAsync(Response(p));
            var reply = await p.Connection.ReplyOrEndAsync();
            That(reply is not { Code: 235 }, $"Inside, credentials without AUTH are answered with {Show(reply?.Lines[0] ?? [])}.");
        })
        { Needs = Needs.Credentials | Needs.PlainAuth },
        // [TLS-4954.4-4] A server MUST answer 501 to a client that cancels a SASL exchange with "*".
        new("TS-4.2-32", "An exchange inside can be cancelled", Must, Profile.Submission, "TLS-4954.4-4", async p =>
        {
            await NeedInsideAsync(p);
            await p.Connection.CommandAsync("AUTH PLAIN", 334);
            await p.Connection.CommandAsync("*", 501);
            await p.Connection.CommandAsync("RSET", 250);
        })
        { Needs = Needs.Credentials },
        // [TLS-4954.4-2] A server SHOULD NOT permit a plaintext password mechanism outside TLS.
        new("TS-4954.4-1", "A plaintext password is not accepted outside", Should, Profile.Submission, "TLS-4954.4-2", async p =>
        {
            await p.OpenAsync();
            await p.Connection.SendLineAsync(Plain(p));
            var reply = await p.Connection.ReplyAsync();
            That(reply.Code != 235, "A password in plaintext is accepted outside TLS. On loopback servers often permit it: test from "
                + "elsewhere.");
        })
        { Needs = Needs.Credentials },
        // [TLS-4954.6-1] A server SHOULD NOT offer before TLS a mechanism that it does not permit there.
        new("TS-4954.6-1", "PLAIN and LOGIN are not offered outside, and AUTH is inside", Should, Profile.Submission, "TLS-4954.6-1",
            async p =>
        {
            var inside = await p.InsideAsync();
            var offered = Mechanisms(p.Outside).Intersect(["PLAIN", "LOGIN"]).ToList();
            That(offered.Count == 0, $"Outside TLS AUTH is offered with {string.Join(", ", offered)}.");
            That(Mechanisms(inside).Any(), "AUTH is not offered inside.");
        })
        { Needs = Needs.Credentials },
        // [TLS-4954.4-3] A server SHOULD answer 504, 530 or 538 to AUTH with a mechanism that it does not permit without TLS.
        new("TS-4954.4-2", "AUTH PLAIN outside is refused with a fitting code", Should, Profile.Submission, "TLS-4954.4-3", async p =>
        {
            await p.OpenAsync();
            await p.Connection.SendLineAsync("AUTH PLAIN");
            var reply = await p.Connection.ReplyAsync();
            if (reply.Code == 334)
                throw new NotApplicableException("AUTH PLAIN is permitted outside TLS; see TS-4954.4-1.");

            That(reply.Code is 504 or 530 or 538, $"Sent AUTH PLAIN outside, expected 504, 530 or 538, got {Show(reply.Lines[^1])}.");
        })
        { Needs = Needs.Credentials },
        // [TLS-8314.4.1-1] A server that denies authentication in plaintext MUST NOT show there whether the credentials were valid.
        new("TS-8314.4.1-1", "Valid and wrong credentials look the same outside", Must, Profile.Submission, "TLS-8314.4.1-1", async p =>
        {
            await p.OpenAsync();
            await p.Connection.SendLineAsync(Plain(p));
            var valid = await p.Connection.ReplyAsync();
            if (valid.Code == 235)
                throw new NotApplicableException("A plaintext password is accepted outside TLS; see TS-4954.4-1.");

            await p.AgainAsync();
            await p.OpenAsync();
            await p.Connection.SendLineAsync(Plain(p, "x"));
            var wrong = await p.Connection.ReplyAsync();
            That(Same(valid) == Same(wrong),
                $"Outside TLS, valid credentials are answered with {Show(valid.Lines[^1])}, wrong ones with {Show(wrong.Lines[^1])}.");
        })
        { Needs = Needs.Credentials },
    ];

    /// <summary>AUTH PLAIN with the credentials that the suite was given.</summary>
    /// <param name="p">The probe.</param>
    /// <param name="more">What makes the password wrong.</param>
    internal static string Plain(StartTlsProbe p, string more = "") => $"AUTH PLAIN {Response(p, more)}";

    /// <summary>The case does not apply unless the server relays for authenticated users only.</summary>
    internal static async Task NeedRelayForUsersOnlyAsync(StartTlsProbe p)
    {
        await NeedInsideAsync(p);
        if (await RelayAsync(p) < 400)
            throw new NotApplicableException("The server relays for everybody from here.");

        await p.AgainAsync();
        await NeedInsideAsync(p);
        await p.Connection.SendLineAsync(Plain(p));
        if (await p.Connection.ReplyAsync() is not { Code: 235 } || await RelayAsync(p) >= 400)
            throw new NotApplicableException("The server does not relay for the user of --auth.");
    }

    /// <summary>MAIL and RCPT elsewhere.</summary>
    /// <returns>The code of the last reply.</returns>
    internal static async Task<int> RelayAsync(StartTlsProbe p)
    {
        await p.Connection.SendLineAsync("MAIL FROM:<probe@probe.test>");
        if (await p.Connection.ReplyAsync() is { Code: >= 400 } refused)
            return refused.Code;

        await p.Connection.SendLineAsync($"RCPT TO:<{p.Facts.Foreign}>");
        return (await p.Connection.ReplyAsync()).Code;
    }

    private static string Response(StartTlsProbe p, string more = "") =>
        Convert.ToBase64String(Encoding.UTF8.GetBytes($"\0{p.Facts.Credentials!.Value.User}\0{p.Facts.Credentials.Value.Password}{more}"));

    private static IEnumerable<string> Mechanisms(Reply ehlo) =>
        ehlo.Texts().Skip(1).Select(t => t.ToUpperInvariant().Split(' ', '=')).Where(w => w[0] == "AUTH").SelectMany(w =>
            w.Skip(1)).Distinct();

    private static async Task NeedOutsideAsync(StartTlsProbe p)
    {
        await p.OpenAsync();
        if (!Mechanisms(p.Outside).Contains("PLAIN"))
            throw new NotApplicableException("The server does not offer AUTH PLAIN outside TLS, and that is good.");
    }

    private static async Task OutsideAsync(StartTlsProbe p)
    {
        await NeedOutsideAsync(p);
        await p.Connection.SendLineAsync(Plain(p));
        if (await p.Connection.ReplyAsync() is not { Code: 235 } and var refused)
            throw new NotApplicableException($"Outside TLS the credentials of --auth are answered with {Show(refused.Lines[^1])}.");
    }

    private static async Task NeedInsideAsync(StartTlsProbe p)
    {
        if (!Mechanisms(await p.InsideAsync()).Contains("PLAIN"))
            throw new NotApplicableException("The server does not offer AUTH PLAIN inside TLS.");
    }

    // But for digits, which may change with each connection.
    private static string Same(Reply reply) => $"{reply.Code} {Digits().Replace(string.Join('\n', reply.Texts()), "0")}";

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Digits();
}
