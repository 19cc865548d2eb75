using System.Text;

namespace BlackPony.Tests.Conformance.StartTls;

/// <content>What is kept of the session outside, policies, AUTH and ends.</content>
internal static partial class StartTlsFaults
{
    private static IReadOnlyList<StartTlsFault> State =>
    [
        new("TLS-4.2-8", "TS-4.2-1", "greets once more, with the reply to a NOOP that comes first")
        {
            Edit = (s, line, reply) => s.IsInside && s.State.Name is null && line == "NOOP" ? "220 local.test ESMTP\r\n" + reply : reply,
            AlsoFails = "TS-4.2-4 TS-4.2-16 TS-4.2-22 TS-4.2-27 TS-5321.4.2-1",
        },
        new("TLS-4.2-2", "TS-4.2-2 TS-4.2-3", "remembers inside that EHLO was said")
        {
            Keeps = (s, outside) => (s.State.Name, s.State.IsExtended) = (outside.Name is null ? null : "somebody", outside.IsExtended),
        },
        new("TLS-4.2-2", "TS-4.2-4", "refuses VRFY inside before EHLO")
        {
            Answer = (s, line) => s.IsInside && s.State.Name is null && line.StartsWith("VRFY", StringComparison.Ordinal)
                ? "503 5.5.1 EHLO first\r\n"
                : null,
        },
        new("TLS-4.2-1", "TS-4.2-5", "writes the name from before TLS into Received") { Received = s => s.Outside.Name },
        new("TLS-4.2-3", "TS-4.2-6 TS-4.2-7 TS-4.2-8", "goes on inside with a transaction from outside")
        {
            Keeps = (s, outside) =>
            {
                s.State.Sender = outside.Sender;
                s.State.Recipients.AddRange(outside.Recipients);
            },
        },
        new("TLS-4.2-3", "TS-4.2-9", "delivers to the recipients from outside too") { Recipients = s => s.Outside.Recipients },
        new("TLS-3030.2-1", "TS-4.2-8", "reads the octets of a refused chunk as commands") { LeavesChunks = true },
        new("TLS-5321.4.1.1.4-1", "TS-5321.4.1.1.4-1", "answers a line STARTTLS in a message")
        {
            Edit = (s, line, reply) => line == "DATA" && s.Flag ? "220 2.0.0 Ready to start TLS\r\n" + reply : reply,
        },
        new("TLS-4.2-9", "TS-4.2-10 TS-4.2-11", "offers STARTTLS inside")
        {
            Edit = (s, _, reply) => s.IsInside
                ? reply.Replace("250-PIPELINING\r\n", "250-PIPELINING\r\n250-STARTTLS\r\n", StringComparison.Ordinal)
                : reply,
        },
        new("TLS-4.2-10", "TS-4.2-12 TS-4.2-13 TS-4.2-14", "answers STARTTLS inside with 250")
        {
            Answer = (s, line) => s.IsInside && IsStartTls(line) ? "250 2.0.0 Again\r\n" : null,
        },
        new("TLS-5321.4.1.1.1-1", "TS-5321.4.1.1.1-1 TS-4.2-13", "does not know HELO inside")
        {
            Answer = (s, line) => s.IsInside && line.StartsWith("HELO", StringComparison.Ordinal) ? "502 5.5.1 EHLO\r\n" : null,
            AlsoFails = "TS-4.2-11",
        },
        new("TLS-5321.4.1.1.10-2", "TS-5321.4.1.1.10-1 TS-5321.4.1.1.10-8", "ends at QUIT without a reply")
        {
            Answer = (s, line) =>
            {
                s.IsOver |= s.IsInside && line == "QUIT";
                return s.IsOver ? "" : null;
            },
            AlsoFails = "TS-2920.3.2-2 TS-9846.6.1-1",
        },
    ];

    private static IReadOnlyList<StartTlsFault> Injected =>
    [
        new("TLS-4.2-6", "TS-4.2-16 TS-4.2-19 TS-4.2-22 TS-4.2-23 TS-4.2-25 TS-4.2-26 TS-4.2-27 TS-4.2-28 TS-5321.4.2-1",
            "runs inside the commands that came before")
        {
            Holds = Whole,

            // Where the server is slow, and NOOP is there when it reads STARTTLS.
            AlsoFails = "TS-4.2-21",
        },
        new("TLS-4.2-6", "TS-4.2-21", "runs inside the commands that came while it made its 220")
        {
            Before = s =>
            {
                if (s.Input.Count == 0 && s.More(50))
                {
                    s.Receive();
                }

                return Task.CompletedTask;
            },
            Holds = Whole,
            AlsoFails = "TS-4.2-16 TS-4.2-19 TS-4.2-20 TS-4.2-22 TS-4.2-23 TS-4.2-25 TS-4.2-26 TS-4.2-27 TS-4.2-28 TS-5321.4.2-1",
        },
        new("TLS-4.2-6", "TS-4.2-24", "treats a bare LF as the end of a line, and runs inside what came before")
        {
            Line = s => LineTo(s, '\n'),
            Holds = Whole,
            AlsoFails = "TS-5321.2.3.8-1 TS-4.2-16 TS-4.2-19 TS-4.2-21 TS-4.2-22 TS-4.2-23 TS-4.2-25 TS-4.2-26 TS-4.2-27 TS-4.2-28 "
                + "TS-5321.4.2-1",
        },
        new("TLS-4.2-6", "TS-4.2-20", "runs inside what comes between 220 and the ClientHello")
        {
            Came = (s, octets) =>
            {
                if (s.Tls is null || s.SawHello || octets[0] == 22)
                {
                    return Task.FromResult<byte[]?>(octets);
                }

                int hello = octets.AsSpan().IndexOf((byte[])[22, 3]);
                hello = hello < 0 ? octets.Length : hello;
                s.Hold(Encoding.Latin1.GetString(octets[..hello]));
                return Task.FromResult<byte[]?>(octets[hello..]);
            },
            AlsoFails = "TS-4.2-21",
        },
        new("TLS-4.2-7", "TS-4.2-17 TS-4.2-18", "joins the beginning of a command that came before to what comes inside")
        {
            Holds = text => text[(text.LastIndexOf('\n') + 1)..],
        },
        new("TLS-4.2-4", "TS-4.2-23", "accepts inside the credentials that came before")
        {
            Before = s =>
            {
                s.Flag = Encoding.Latin1.GetString([.. s.Input]).StartsWith("AUTH", StringComparison.Ordinal);
                return Task.CompletedTask;
            },
            Secured = s => s.State.IsAuthenticated = s.Flag,
        },
        new("TLS-4-5", "TS-4.2-16 TS-4-6", "answers in plaintext what came with STARTTLS")
        {
            Before = s => Encoding.Latin1.GetString([.. s.Input]).StartsWith("EHLO", StringComparison.Ordinal)
                ? s.RawAsync("250 local.test\r\n"u8.ToArray())
                : Task.CompletedTask,
            AlsoFails = "TS-4.2-22",
        },
        new("TLS-4-5", "TS-4-7", "treats a ClientHello that came with STARTTLS as a command")
        {
            Before = s => s.Input is [22, ..] ? s.RawAsync("500 5.5.2 Unknown\r\n"u8.ToArray()) : Task.CompletedTask,
        },
        new("TLS-4-5", "TS-4-8", "treats text instead of a ClientHello as a command")
        {
            Came = async (s, octets) =>
            {
                if (s.Tls is null || s.SawHello || octets[0] == 22)
                {
                    return octets;
                }

                await s.RawAsync("250 2.0.0 Ok\r\n"u8.ToArray());
                return [];
            },
            AlsoFails = "TS-4.2-20 TS-4.2-21 TS-9325.3.1.1-4",
        },
        new("TLS-9846.5-1", "TS-9846.5-1 TS-9846.5-2", "runs a command in plaintext among the records")
        {
            Came = async (s, octets) =>
            {
                if (s.Tls is null || !s.SawHello || !octets.AsSpan().StartsWith("NOOP\r\n"u8))
                {
                    return octets;
                }

                await s.RawAsync("250 2.0.0 Ok\r\n"u8.ToArray());
                return octets[6..];
            },
        },
    ];

    private static IReadOnlyList<StartTlsFault> Required =>
    [
        new("TLS-4-6", "TS-4-9 TS-4-10 TS-4-11 TS-4-12", "refuses with 503 where TLS is required")
        {
            Refuses = (_, _, usual) => usual?.Replace("530 5.7.0", "503 5.5.1", StringComparison.Ordinal),
        },
        new("TLS-4-7", "TS-4-13", "refuses NOOP where TLS is required")
        {
            Refuses = (s, line, usual) => s.Server.Options.RequiresTls && !s.IsInside && line == "NOOP" ? "530 5.7.0 TLS first\r\n" : usual,
        },
        new("TLS-4-8", "TS-4-14", "gives 530 another enhanced code")
        {
            Refuses = (_, _, usual) => usual?.Replace("530 5.7.0", "530 5.5.1", StringComparison.Ordinal),
        },
        new("TLS-6-1", "TS-6-1", "does not require TLS of clients that say HELO")
        {
            Refuses = (s, line, usual) =>
                usual?.StartsWith("530", StringComparison.Ordinal) == true && (line.StartsWith("HELO", StringComparison.Ordinal)
                    || s.State is { Name: not null, IsExtended: false })
                ? null
                : usual,
            AlsoFails = "TS-4-10",
        },
        new("TLS-4-9", "TS-4-15", "requires TLS of every client, though it is public")
        {
            Refuses = (s, line, usual) => usual ?? (!s.IsInside && line.StartsWith("MAIL", StringComparison.Ordinal)
                ? "530 5.7.0 TLS first\r\n"
                : null),
        },
        new("TLS-4.1-1", "TS-4.1-1", "answers NOOP of a client without a certificate that it wants")
        {
            Refuses = (s, line, usual) => s.Server.Options.WantsCertificate && s.IsInside && line == "NOOP" ? null : usual,
        },
        new("TLS-4.1-2", "TS-4.1-2", "takes mail of a client without a certificate that it wants")
        {
            Refuses = (s, _, usual) => s.Server.Options.WantsCertificate && s.IsInside ? null : usual,
            AlsoFails = "TS-4.1-1",
        },
        new("TLS-9846.6.2-1", "TS-9846.6.2-1 TS-9846.6.2-2 TS-9846.6.2-3", "goes on in plaintext after a handshake that failed")
        {
            Broken = async s =>
            {
                if (s.IsInside)
                {
                    return false;
                }

                await s.SendTlsAsync();
                s.Tls = null;
                return true;
            },
            AlsoFails = "TS-4.2-21",
        },
    ];

    private static IReadOnlyList<StartTlsFault> Auth =>
    [
        new("TLS-4.2-4", "TS-4.2-29 TS-4.2-30", "keeps the authentication from before TLS")
        {
            Keeps = (s, outside) => s.State.IsAuthenticated = outside.IsAuthenticated,
        },
        new("TLS-4.2-5", "TS-4.2-31", "goes on inside with an exchange that was cancelled outside")
        {
            Edit = (s, line, reply) =>
            {
                s.Flag |= !s.IsInside && reply.StartsWith("501 5.0.0", StringComparison.Ordinal);
                return s.IsInside && s.Flag && !line.Contains(' ') && line.Length > 12 ? "235 2.7.0 Good\r\n" : reply;
            },
        },
        new("TLS-4954.4-4", "TS-4.2-31 TS-4.2-32", "answers a cancelled exchange with 500")
        {
            Edit = (_, _, reply) => reply.Replace("501 5.0.0", "500 5.0.0", StringComparison.Ordinal),
        },
        new("TLS-4954.4-2", "TS-4954.4-1", "permits AUTH PLAIN outside")
        {
            Options = o => o with { PlainAuth = true },
            AlsoFails = "TS-4954.6-1",
        },
        new("TLS-4954.6-1", "TS-4954.6-1", "offers AUTH PLAIN outside, and refuses it")
        {
            Edit = (s, _, reply) => s.IsInside
                ? reply
                : reply.Replace("250-PIPELINING\r\n", "250-PIPELINING\r\n250-AUTH PLAIN\r\n", StringComparison.Ordinal),
        },
        new("TLS-4954.4-3", "TS-4954.4-2", "answers AUTH outside with 502")
        {
            Edit = (_, _, reply) => reply.Replace("538 5.7.11", "502 5.5.1", StringComparison.Ordinal),
        },
        new("TLS-8314.4.1-1", "TS-8314.4.1-1", "says outside that a password is wrong")
        {
            Edit = (_, line, reply) => reply.StartsWith("538", StringComparison.Ordinal) && line.Split(' ') is [_, _, var response]
                && Encoding.UTF8.GetString(Convert.FromBase64String(response)).EndsWith('x')
                ? "535 5.7.8 Wrong\r\n"
                : reply,
        },
    ];

    private static IReadOnlyList<StartTlsFault> Ends =>
    [
        new("TLS-5321.4.1.1.10-1", "TS-5321.4.1.1.10-2 TS-5321.4.1.1.10-3 TS-5321.4.1.1.10-4 TS-5321.4.1.1.10-5 TS-5321.4.1.1.10-6 "
            + "TS-5321.4.1.1.10-7", "delivers a message whose connection ended before its end")
        {
            KeepsWhatIsCut = true,
        },
    ];

    private static string Whole(string text) => text[..(text.LastIndexOf('\n') + 1)];
}
