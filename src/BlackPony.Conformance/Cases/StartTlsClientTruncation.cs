using BlackPony.Conformance.Peers;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>Ends that come too early, profile truncation of spec/starttls.md, for clients.</summary>
internal static class StartTlsClientTruncation
{
    public static IReadOnlyList<Case<StartTlsClientProbe>> Cases { get; } =
    [
        // [TLS-5321.4.2.5-1] A client MUST NOT treat a message that it sent inside TLS as delivered without a complete 2yz reply to its end
        //   of data, received inside TLS.
        Cut("TC-5321.4.2.5-1", "FIN after the end of data is no delivery", (s, _) => s.HangUpAsync(), "FIN"),
        // [TLS-5321.4.2.5-1] A client MUST NOT treat a message that it sent inside TLS as delivered without a complete 2yz reply to its end
        //   of data, received inside TLS.
        Cut("TC-5321.4.2.5-2", "RST after the end of data is no delivery", (s, _) => s.ResetAsync(), "RST"),
        // [TLS-5321.4.2.5-1] A client MUST NOT treat a message that it sent inside TLS as delivered without a complete 2yz reply to its end
        //   of data, received inside TLS.
        Cut("TC-5321.4.2.5-3", "close_notify after the end of data is no delivery", CloseAsync, ""),
        // [TLS-5321.4.2.5-1] A client MUST NOT treat a message that it sent inside TLS as delivered without a complete 2yz reply to its end
        //   of data, received inside TLS.
        Cut("TC-5321.4.2.5-4", "250 in plaintext among the records is no delivery", async (s, _) =>
        {
            await s.Wire.SendRawAsync("250 2.0.0 Kept\r\n"u8.ToArray());
            await s.Wire.RestAsync(PlayedSession.Quiet);
            return await s.HangUpAsync();
        }, "250 in plaintext"),
        // [TLS-5321.4.2.5-1] A client MUST NOT treat a message that it sent inside TLS as delivered without a complete 2yz reply to its end
        //   of data, received inside TLS.
        Cut("TC-5321.4.2.5-5", "250 without CRLF is no delivery", CloseAsync, "250 2.0.0 Kept"),
        // [TLS-5321.4.2.5-1] A client MUST NOT treat a message that it sent inside TLS as delivered without a complete 2yz reply to its end
        //   of data, received inside TLS.
        Cut("TC-5321.4.2.5-6", "250- and an end is no delivery", CloseAsync, "250-2.0.0 Kept\r\n"),
        // [TLS-5321.4.2.5-1] A client MUST NOT treat a message that it sent inside TLS as delivered without a complete 2yz reply to its end
        //   of data, received inside TLS.
        Cut("TC-5321.4.2.5-7", "250 or 25 and nothing more is no delivery", CloseAsync, "250", "25"),
        // [TLS-5321.4.2.5-1] A client MUST NOT treat a message that it sent inside TLS as delivered without a complete 2yz reply to its end
        //   of data, received inside TLS.
        Cut("TC-5321.4.2.5-8", "A tampered record with 250 is no delivery", async (s, _) =>
        {
            await s.Wire.SendRecordsAsync("250 2.0.0 Kept\r\n", edit: StartTlsTls.Tamper);
            await s.Wire.RestAsync(PlayedSession.Quiet);
            return await s.HangUpAsync();
        }, "a tampered record"),
        // [TLS-5321.4.2-5] A client MUST NOT act on a reply before it has its last line with CRLF.
        // [TLS-6-4] A client that requires TLS MUST NOT send mail or credentials in plaintext, on that or another connection, after a
        //   handshake that failed.
        new("TC-5321.3.8-1", "required: EHLO reply inside cut, no mail", Must, Profile.Truncation, "TLS-5321.4.2-5 TLS-6-4", async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Does = async (s, line) =>
                {
                    if (!s.IsInside || Verb(line) is not ("EHLO" or "HELO"))
                        return false;

                    await s.Wire.CloseTlsAsync("250-localhost\r\n");
                    s.Wire.EndDirection();
                    return true;
                },
                Answer = (s, _) => s.IsInside ? "" : null,
                Again = ServerScript.Plain,
            });
            p.NeedInside();
            p.ExpectNoMailInside("The EHLO reply was not whole.", "TLS-5321.4.2-5");
            p.ExpectNoMail("TLS-6-4", "TLS-5321.4.2-5");
        })
        { Needs = Needs.RequiredPolicy },
        // [TLS-5321.3.8-1] A client SHOULD treat a connection that is lost, inside TLS too, as a 451 reply, and try again later.
        new("TC-5321.3.8-2", "A connection lost at MAIL, RCPT or DATA is no delivery", Should, Profile.Truncation, "TLS-5321.3.8-1",
            async p =>
        {
            foreach (var verb in (string[])["MAIL", "RCPT", "DATA"])
            {
                await p.DeliverAsync(new ServerScript
                {
                    Does = (s, line) => s.IsInside && Verb(line) == verb ? s.HangUpAsync() : Task.FromResult(false),
                });
                p.NeedInside();
                p.ExpectNotDelivered();
            }
        }),
    ];

    private static string Verb(string line) => StartTlsClientProbe.Verb(line);

    private static async Task<bool> CloseAsync(PlayedSession session, string text)
    {
        await session.Wire.CloseTlsAsync(text);
        return await session.HangUpAsync();
    }

    // Every connection is cut so: a client that comes again does not deliver there.
    private static Case<StartTlsClientProbe> Cut(string id, string title, Func<PlayedSession, string, Task<bool>> end,
        params string[] replies) =>
        new(id, title, Must, Profile.Truncation, "TLS-5321.4.2.5-1", async p =>
        {
            foreach (var reply in replies)
            {
                await p.DeliverAsync(new ServerScript
                {
                    Does = async (s, line) => s.IsInside && line == "." && await end(s, reply),
                });
                p.NeedInside();
                p.Need(p.Sessions.Any(s => s.Mail.Count > 0), "did not send a message");
                p.ExpectNotDelivered();
            }
        });
}
