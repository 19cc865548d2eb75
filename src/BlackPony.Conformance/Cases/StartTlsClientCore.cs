using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Tls;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>The command and its reply, profile core of spec/starttls.md, for clients.</summary>
internal static class StartTlsClientCore
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(10);

    public static IReadOnlyList<Case<StartTlsClientProbe>> Cases { get; } =
    [
        // [TLS-4-11] A client MUST start the TLS negotiation after a 220 reply to STARTTLS before it sends any other SMTP command.
        // [TLS-4-10] A client MUST send STARTTLS without a parameter.
        // [TLS-5321.4.5.2-1] A client MUST send the message inside TLS with lines that begin with a period stuffed and all else unchanged.
        new("TC-4-1", "The message arrives over TLS as it was sent", Must, Profile.Core, "TLS-4-11 TLS-4-10 TLS-5321.4.5.2-1", async p =>
        {
            await p.DeliverAsync(new ServerScript());
            var wrong = p.Outside.FirstOrDefault(l => StartTlsClientProbe.Verb(l) == "STARTTLS" && l.TrimEnd().Length > 8);
            That(wrong is null, $"The client sent {Show(wrong ?? "")}.", "TLS-4-10");
            p.ExpectNoFinding("TLS-4-11");
            p.ExpectInside("A good server", "TLS-4-11");
            var mail = p.Sessions.SelectMany(s => s.Mail).First();
            int end = mail.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            var body = end < 0 ? "" : mail[(end + 4)..];
            That(body == StartTlsClientProbe.Body,
                $"The message did not come as it was sent. {Difference(StartTlsClientProbe.Body, body)}", "TLS-5321.4.5.2-1");
        }),
        // [TLS-5321.4.3.1-1] A client MUST wait for the reply to a command before it sends the next, unless the EHLO reply that is in force
        //   offered PIPELINING.
        new("TC-4-2", "Nothing follows STARTTLS before 220", Must, Profile.Core, "TLS-5321.4.3.1-1", async p =>
        {
            await p.DeliverAsync(new ServerScript { Outside = ["STARTTLS", "HELP", "SIZE 1000000"], Does = LateAsync });
            p.NeedStartTls();
            p.ExpectNoFinding();
        }),
        // [TLS-4-12] A client that uses pipelining MUST send STARTTLS as the last command of a group.
        new("TC-4-3", "Nothing follows STARTTLS before 220, with PIPELINING offered", Must, Profile.Core, "TLS-4-12", async p =>
        {
            await p.DeliverAsync(new ServerScript { Outside = ["PIPELINING", "STARTTLS"], Does = LateAsync });
            p.NeedStartTls();
            p.ExpectNoFinding();
        }),
        // [TLS-5321.4.1.1.1-2] A client MUST recognize the keyword STARTTLS in any mixture of upper and lower case.
        new("TC-5321.4.1.1.1-1", "The keyword in lower case is recognized", Must, Profile.Core, "TLS-5321.4.1.1.1-2", async p =>
        {
            await p.DeliverAsync(new ServerScript { Outside = ["SIZE 1000000", "starttls", "8BITMIME"] });
            p.ExpectInside("The keyword in lower case");
        }),
        // [TLS-5321.4.1.1.1-4] A client MUST find the keyword on any line after the first, the last included.
        new("TC-5321.4.1.1.1-2", "The keyword is recognized on the second, a middle and the last line", Must, Profile.Core,
            "TLS-5321.4.1.1.1-4", async p =>
        {
            string[][] lists = [["STARTTLS", "SIZE 1000000"], ["SIZE 1000000", "STARTTLS", "HELP"], ["SIZE 1000000", "HELP", "STARTTLS"]];
            foreach (var (list, where) in lists.Zip((string[])["on the second line", "in the middle", "on the last line"]))
            {
                await p.DeliverAsync(new ServerScript { Outside = list });
                p.ExpectInside($"STARTTLS {where}");
            }
        }),
        // [TLS-5321.4.1.1.1-3] A client SHOULD treat as the offer only a line after the first of the EHLO reply whose first word is
        //   STARTTLS.
        new("TC-5321.4.1.1.1-3", "A name, a longer word or a parameter is no offer", Should, Profile.Core, "TLS-5321.4.1.1.1-3", async p =>
        {
            string[] lists = ["250-localhost STARTTLS\r\n250 HELP\r\n", "250-localhost\r\n250-XSTARTTLS\r\n250 HELP\r\n",
                "250-localhost\r\n250-X STARTTLS\r\n250 HELP\r\n"];
            foreach (var list in lists)
            {
                await p.DeliverAsync(new ServerScript { Outside = [], Answer = (_, line) => Verb(line) == "EHLO" ? list : null });
                p.NeedGreeted();
                That(!p.Outside.Any(l => Verb(l) == "STARTTLS"), $"The client sent STARTTLS after the EHLO reply {Show(list)}.");
            }
        }),
        // [TLS-6-2] A client that requires TLS MUST NOT send mail or credentials to a server that does not offer STARTTLS.
        new("TC-5321.4.1.1.1-4", "required: keyword with a parameter, no plaintext", Must, Profile.Core, "TLS-6-2", async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Outside = ["STARTTLS x", "AUTH PLAIN LOGIN"],
                Answer = (s, line) => Verb(line) == "STARTTLS" && !s.IsInside ? "" : null,
            });
            p.NeedGreeted();
            p.ExpectNoPlaintext("TLS-6-2");
        })
        { Needs = Needs.RequiredPolicy },
        // [TLS-5321.4.2-3] A client MUST accept a reply of several lines to STARTTLS.
        Agrees("TC-5321.4.2-1", "220 in several lines is accepted", "TLS-5321.4.2-3", "220-a\r\n220 b\r\n"),
        // [TLS-5321.4.2-2] A client MUST go by the code of the reply to STARTTLS alone, with any text and with none.
        Agrees("TC-5321.4.2-2", "220 without text is accepted", "TLS-5321.4.2-2", "220 \r\n"),
        // [TLS-5321.4.2.1-2] A client MUST accept a last line of a reply that has the code without a space after it.
        Agrees("TC-5321.4.2.1-1", "220 without a space is accepted", "TLS-5321.4.2.1-2", "220\r\n"),
        // [TLS-5321.4.2-2] A client MUST go by the code of the reply to STARTTLS alone, with any text and with none.
        Agrees("TC-5321.4.2-3", "220 with a text that says no is accepted", "TLS-5321.4.2-2", "220 454 TLS not available\r\n"),
        // [TLS-5321.4.2-5] A client MUST NOT act on a reply before it has its last line with CRLF.
        new("TC-5321.4.2-4", "220 octet by octet is accepted at its CRLF, not before", Must, Profile.Core, "TLS-5321.4.2-5", async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Does = async (s, line) =>
                {
                    if (Verb(line) != "STARTTLS")
                        return false;

                    foreach (var octet in "220 go\r")
                    {
                        await s.Wire.SendAsync(octet.ToString());
                        await Task.Delay(Moment);
                    }

                    await s.QuietAsync("The client sent something before the CRLF of the 220 had come.");
                    await s.Wire.SendAsync("\n");
                    await s.ShakeAsync();
                    return true;
                },
            });
            p.NeedStartTls();
            p.ExpectNoFinding();
            p.ExpectInside("A 220 that comes octet by octet");
        }),
        // [TLS-4.2-12] A client SHOULD send EHLO as its first command after the handshake.
        new("TC-4.2-1", "EHLO is the first command inside", Should, Profile.Core, "TLS-4.2-12", async p =>
        {
            await p.DeliverAsync(new ServerScript());
            p.NeedInside();
            var first = p.Sessions.First(s => s.IsInside).Inside.FirstOrDefault();
            That(first is null || Verb(first) == "EHLO", $"The first command inside is {Show(first ?? "")}.");
        }),
        // [TLS-5321.4.1.1.10-3] A client MUST NOT intentionally close the connection inside TLS before it has sent QUIT.
        new("TC-5321.4.1.1.10-1", "QUIT comes before the end", Must, Profile.Core, "TLS-5321.4.1.1.10-3", async p =>
        {
            await p.DeliverAsync(new ServerScript());
            p.NeedInside();
            That(p.Inside.Any(l => Verb(l) == "QUIT"), "The client ended the connection without QUIT.");
        }),
        // [TLS-4-13] A client that cannot start the handshake after STARTTLS SHOULD abort the connection.
        // [TLS-9846.6.2-2] A client MUST close the connection after a handshake that failed, without another octet of SMTP.
        new("TC-4-4", "Garbage instead of a ServerHello: the connection is aborted", Should, Profile.Core, "TLS-4-13 TLS-9846.6.2-2",
            async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Tls = new TlsServerSettings { Instead = "500 what\r\n"u8.ToArray() },
                Again = ServerScript.Plain,
            });
            p.NeedStartTls();
            NoCommandAfter(p, "TLS-9846.6.2-2");
            p.ExpectNoFinding("TLS-4-13");
        }),
        // [TLS-5321.4.3.1-2] A client SHOULD NOT send a command before the greeting is complete.
        new("TC-5321.4.3.1-1", "No command before the greeting is whole", Should, Profile.Core, "TLS-5321.4.3.1-2", async p =>
        {
            await p.DeliverAsync(new ServerScript
            {
                Greets = async s =>
                {
                    await s.SayAsync("220-localhost ESMTP\r\n");
                    await s.QuietAsync("The client sent something before the last line of the greeting.");
                    await s.SayAsync("220 ready\r\n");
                },
            });
            p.NeedGreeted();
            p.ExpectNoFinding();
        }),
    ];

    /// <summary>The verb of a command.</summary>
    internal static string Verb(string line) => StartTlsClientProbe.Verb(line);

    /// <summary>No SMTP command on a connection whose handshake failed.</summary>
    internal static void NoCommandAfter(StartTlsClientProbe p, string? requirement = null)
    {
        var after = p.Sessions.Where(s => !s.IsInside && s.Hello.Length > 0).Select(s => s.After).FirstOrDefault(a =>
            StartTlsConnection.HasCommand(System.Text.Encoding.Latin1.GetBytes(a)));
        That(after is null, $"After a handshake that failed the client sent in plaintext: {Show(after ?? "")}.", requirement);
    }

    private static Case<StartTlsClientProbe> Agrees(string id, string title, string requirement, string reply) =>
        new(id, title, Must, Profile.Core, requirement, async p =>
        {
            await p.DeliverAsync(new ServerScript { Agrees = reply });
            p.NeedStartTls();
            p.ExpectInside($"The reply {Show(reply)} to STARTTLS");
        });

    // 220 comes when nothing has come for a while.
    private static async Task<bool> LateAsync(PlayedSession session, string line)
    {
        if (Verb(line) != "STARTTLS")
            return false;

        await session.QuietAsync("The client sent something after STARTTLS before the reply.");
        if (session.Finding is not null)
            return await session.HangUpAsync();

        await session.SwitchAsync();
        return true;
    }
}
