using BlackPony.Conformance.Peers;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>Ends that come too early, profile truncation of spec/starttls.md.</summary>
internal static class StartTlsTruncation
{
    public static IReadOnlyList<Case<StartTlsProbe>> Cases { get; } =
    [
        // [TLS-5321.4.1.1.10-1] A server MUST cancel a transaction whose connection ends before the end of data, and deliver nothing of it.
        Cut("TS-5321.4.1.1.10-2", "FIN inside the message: nothing is delivered", (p, text) => EndAsync(p, text + "more\r\n")),
        // [TLS-5321.4.1.1.10-1] A server MUST cancel a transaction whose connection ends before the end of data, and deliver nothing of it.
        Cut("TS-5321.4.1.1.10-3", "close_notify and FIN inside the message: nothing is delivered", (p, text) =>
            CloseAsync(p, text + "more\r\n")),
        // [TLS-5321.4.1.1.10-1] A server MUST cancel a transaction whose connection ends before the end of data, and deliver nothing of it.
        Cut("TS-5321.4.1.1.10-4", "RST inside the message: nothing is delivered", async (p, text) =>
        {
            await p.Connection.SendAsync(text + "more\r\n");
            p.Connection.Reset();
        }),
        // [TLS-5321.4.1.1.10-1] A server MUST cancel a transaction whose connection ends before the end of data, and deliver nothing of it.
        Cut("TS-5321.4.1.1.10-5", "The end after CRLF and a dot: nothing is delivered",
            (p, text) => CloseAsync(p, text + "."), (p, text) => CloseAsync(p, text + ".\r")),
        // [TLS-5321.4.1.1.10-1] A server MUST cancel a transaction whose connection ends before the end of data, and deliver nothing of it.
        Cut("TS-5321.4.1.1.10-6", "A tampered record with the end of data: nothing is delivered", async (p, text) =>
        {
            await p.Connection.SendAsync(text);
            await p.Connection.SendRecordsAsync(".\r\n", edit: StartTlsTls.Tamper);
            await p.Connection.ExpectEndAsync("A tampered record was accepted.");
        }),
        // [TLS-5321.4.1.1.10-1] A server MUST cancel a transaction whose connection ends before the end of data, and deliver nothing of it.
        new("TS-5321.4.1.1.10-7", "FIN inside a chunk: nothing is delivered", Must, Profile.Truncation, "TLS-5321.4.1.1.10-1", async p =>
        {
            if (!(await p.InsideAsync()).HasKeyword("CHUNKING"))
                throw new NotApplicableException("The server does not offer CHUNKING inside.");

            var cut = p.Marker();
            await p.EnvelopeAsync();
            await EndAsync(p, $"BDAT 200 LAST\r\nSubject: {cut}\r\n\r\n{cut}\r\n");
            await NothingAsync(p, cut);
        })
        { Needs = Needs.Local | Needs.Mailbox },
        // [TLS-5321.4.1.1.10-2] A server MUST answer QUIT with 221, inside TLS too.
        new("TS-5321.4.1.1.10-8", "QUIT, close_notify and FIN at once: 221 all the same", Should, Profile.Truncation, "TLS-5321.4.1.1.10-2",
            async p =>
        {
            await p.InsideAsync();
            await p.Connection.CloseTlsAsync("QUIT\r\n");
            p.Connection.EndDirection();
            var reply = await p.Connection.ReplyOrEndAsync();
            if (reply is null && p.Connection.WasReset)
                throw new NotApplicableException("The connection ended with RST, which destroys what was sent before it.");

            That(reply is { Code: 221 }, "Sent QUIT, close_notify and FIN at once, expected 221, got "
                + $"{(reply is null ? "the end of the connection" : Show(reply.Lines[0]))}.");
        }),
    ];

    // Each way to cut in a connection of its own; the bound of "nothing" is a whole message, sent afterwards.
    private static Case<StartTlsProbe> Cut(string id, string title, params Func<StartTlsProbe, string, Task>[] ways) =>
        new(id, title, Must, Profile.Truncation, "TLS-5321.4.1.1.10-1", async p =>
        {
            for (int i = 0; i < ways.Length; i++)
            {
                if (i > 0)
                    await p.AgainAsync();

                var cut = p.Marker();
                await p.InsideAsync();
                await p.EnvelopeAsync();
                await p.Connection.CommandAsync("DATA", 354);
                await ways[i](p, $"From: <probe@probe.test>\r\nSubject: {cut}\r\n\r\n{cut}\r\n");
                await NothingAsync(p, cut);
            }
        })
        { Needs = Needs.Local | Needs.Mailbox };

    private static async Task EndAsync(StartTlsProbe p, string text)
    {
        await p.Connection.SendAsync(text);
        p.Connection.EndDirection();
        await NoReplyAsync(p);
    }

    private static async Task CloseAsync(StartTlsProbe p, string text)
    {
        await p.Connection.CloseTlsAsync(text);
        p.Connection.EndDirection();
        await NoReplyAsync(p);
    }

    private static async Task NoReplyAsync(StartTlsProbe p)
    {
        var reply = await p.Connection.ReplyOrEndAsync();
        That(reply is not { Code: 250 }, $"A message that was cut is answered with {Show(reply?.Lines[0] ?? [])}.");
    }

    private static async Task NothingAsync(StartTlsProbe p, string cut)
    {
        var whole = p.Marker();
        await p.AgainAsync();
        await p.InsideAsync();
        await p.DeliverAsync(whole);
        That(await p.CountAsync(cut, whole) == 0, "A message whose connection ended before its end was delivered.");
    }
}
