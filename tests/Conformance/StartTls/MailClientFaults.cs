using System.Text;
using BlackPony.Conformance.Targets;

namespace BlackPony.Tests.Conformance.StartTls;

/// <summary>The faulty clients of STARTTLS: one at least for each requirement that a client case cites.</summary>
internal static partial class MailClientFaults
{
    /// <summary>All.</summary>
    public static IReadOnlyList<MailClientFault> All { get; } =
        [.. Command, .. Extensions, .. Injected, .. Policy, .. Certificates, .. Ends, .. Handshake, .. Records,
            new("TLS-5321.4.5.3.2-1", "TC-5321.4.5.3.2-1", "waits for a server in the handshake for ever") 
            {
                Silence = TimeSpan.FromSeconds(1),
                WaitsForEver = true,
            },
        ];

    private static IReadOnlyList<MailClientFault> Command =>
    [
        new("TLS-4-10", "TC-4-1", "sends STARTTLS with a parameter")
        {
            Sends = (_, line) => line == "STARTTLS\r\n" ? "STARTTLS now\r\n" : line,
        },
        new("TLS-4-11", "TC-4-1", "sends NOOP after 220, before the ClientHello")
        {
            Shakes = async (c, stream) =>
            {
                await stream.WriteAsync("NOOP\r\n"u8.ToArray());
                return await c.ShakeAsync(stream);
            },
            Wide = "No handshake succeeds.",
        },
        new("TLS-5321.4.5.2-1", "TC-4-1", "drops a period at the beginning of a line")
        {
            Stuffs = text => text.Replace("\r\n.dot", "\r\ndot", StringComparison.Ordinal)
                .Replace("\r\n.", "\r\n..", StringComparison.Ordinal),
        },
        new("TLS-5321.4.3.1-1", "TC-4-2", "sends NOOP right after STARTTLS, where HELP and SIZE are offered")
        {
            Sends = (c, line) => line == "STARTTLS\r\n" && c.InForce is ["STARTTLS", "HELP", ..] && c.Has("SIZE")
                ? line + "NOOP\r\n"
                : line,
        },
        new("TLS-5321.4.3.1-1", "TC-4.2-4", "sends MAIL and RCPT in a group without any offer")
        {
            Mails = async c => c.Outside.Contains("PIPELINING") || c.InForce is not ["8BITMIME", ..] ? null : await GroupAsync(c),
        },
        new("TLS-4-12", "TC-4-3", "sends NOOP after STARTTLS in a group")
        {
            Sends = (c, line) => line == "STARTTLS\r\n" && c.Has("PIPELINING") ? line + "NOOP\r\n" : line,
            AlsoFails = "TC-4.2-4",
        },
        new("TLS-5321.4.1.1.1-2", "TC-5321.4.1.1.1-1", "knows the keyword in upper case only")
        {
            Offered = (c, _) => c.InForce.Any(l => l.Split(' ')[0] == "STARTTLS"),
        },
        new("TLS-5321.4.1.1.1-4", "TC-5321.4.1.1.1-2", "does not find the keyword on the last line, where HELP is before it")
        {
            Offered = (c, usual) => usual && c.InForce is not [.., "HELP", "STARTTLS"],
        },
        new("TLS-5321.4.1.1.1-3", "TC-5321.4.1.1.1-3", "treats the keyword as an offer wherever it stands")
        {
            Offered = (c, _) => c.InForce.Any(l => l.Contains("STARTTLS", StringComparison.OrdinalIgnoreCase)),
        },
        new("TLS-5321.4.2-3", "TC-5321.4.2-1", "accepts 220 in one line only") { Agrees = (r, usual) => usual && r.Lines.Count == 1 },
        new("TLS-5321.4.2-2", "TC-5321.4.2-2 TC-5321.4.2-3", "reads the text of the reply")
        {
            Agrees = (r, usual) => usual && r.Lines[^1].Length != 4 && !Encoding.Latin1.GetString(r.Lines[^1]).Contains("not available"),
        },
        new("TLS-5321.4.2.1-2", "TC-5321.4.2.1-1", "wants a space after the code")
        {
            Agrees = (r, usual) => usual && r.Lines[^1].Length > 3,
        },
        new("TLS-5321.4.2-5", "TC-5321.4.2-4", "begins the handshake when it has read 220")
        {
            Sent = async (c, line) =>
            {
                while (line == "STARTTLS" && c.Waiting.Count < 4 && await c.MoreAsync())
                {
                }

                if (line == "STARTTLS" && c.Unread.StartsWith("220 ", StringComparison.Ordinal) && !c.Unread.Contains('\n'))
                {
                    c.Waiting.AddRange("\r\n"u8);
                }
            },
        },
        new("TLS-5321.4.2-5", "TC-5321.3.8-1", "treats a reply without its last line as complete")
        {
            Ends = (c, line) => c.IsInside && line.StartsWith("EHLO", StringComparison.Ordinal) ? FaultyMailClient.Ok() : null,
            AlsoFails = "TC-4.2-17 TC-9846.5-1",
        },
        new("TLS-4.2-12", "TC-4.2-1", "says HELO inside")
        {
            Sends = (c, line) => c.IsInside && line.StartsWith("EHLO", StringComparison.Ordinal) ? "HELO client.test\r\n" : line,
            AlsoFails = "TC-4.2-9 TC-5321.4.2.1-3 TC-9846.5.2-1 TC-5321.3.8-1",
        },
        new("TLS-5321.4.1.1.10-3", "TC-5321.4.1.1.10-1", "ends without QUIT") { LeavesWithoutQuit = true },
        new("TLS-4-13", "TC-4-4", "waits for the server's end when it got garbage")
        {
            Came = async (c, octets) =>
            {
                if (octets[0] != '5')
                {
                    return octets;
                }

                while (await c.Plain.ReadAsync(new byte[100]) > 0)
                {
                }

                return null;
            },
        },
        new("TLS-9846.6.2-2", "TC-4-4 TC-6-12 TC-6-15 TC-9846.6.2-1", "says QUIT in plaintext when the handshake failed")
        {
            Broken = async c => await c.Plain.WriteAsync("QUIT\r\n"u8.ToArray()),
        },
        new("TLS-5321.4.3.1-2", "TC-5321.4.3.1-1", "says NOOP before the greeting is whole")
        {
            Greets = async c =>
            {
                await c.MoreAsync();
                if (!c.Unread.Contains("220 ", StringComparison.Ordinal))
                {
                    await c.SendAsync("NOOP\r\n");
                }
            },
        },
    ];

    private static IReadOnlyList<MailClientFault> Extensions =>
    [
        new("TLS-4.2-13", "TC-4.2-2 TC-4.2-3 TC-4.2-4 TC-4.2-5 TC-4.2-6 TC-4.2-7 TC-4.2-8", "goes by the list outside")
        {
            Lists = (outside, inside) => inside.Count == 0 ? inside : outside,
            Mails = async c => c.Has("CHUNKING") ? await ChunkAsync(c) : c.Has("PIPELINING") ? await GroupAsync(c) : null,
            AlsoFails = "TC-4.2-9 TC-4.2-16",
        },
        new("TLS-4.2-14", "TC-4.2-10", "goes by the list outside if EHLO inside is refused")
        {
            Lists = (outside, inside) => inside.Count == 0 ? outside : inside,
        },
        new("TLS-4.2-15", "TC-4.2-9", "does not use AUTH if the list outside has none")
        {
            LogsIn = c => Task.FromResult(c.Outside.Any(l => l.StartsWith("AUTH", StringComparison.Ordinal)) ? (bool?)null : true),
        },
        new("TLS-4.2-18", "TC-4.2-12", "sends STARTTLS inside where it is offered")
        {
            LogsIn = async c =>
            {
                if (c.Has("STARTTLS"))
                {
                    await c.AskAsync("STARTTLS");
                }

                return null;
            },
        },
        new("TLS-4.2-19", "TC-4.2-13", "sends the second message outside TLS on the same connection")
        {
            Mails = async c =>
            {
                if (!c.Flag)
                {
                    c.Flag = true;
                    return null;
                }

                c.Leave();
                return await c.TransactAsync();
            },
        },
    ];

    private static IReadOnlyList<MailClientFault> Injected =>
    [
        new("TLS-4.2-16", "TC-4.2-14 TC-4.2-19 TC-4.2-15", "believes inside the whole lines that came with 220")
        {
            Keeps = text => text[..(text.LastIndexOf('\n') + 1)],
            AlsoFails = "TC-4.2-16 TC-4.2-18 TC-4.2-21",
        },
        new("TLS-4.2-16", "TC-4.2-20 TC-4.2-21", "believes inside what comes before the ServerHello")
        {
            Came = (c, octets) =>
            {
                if (c.IsInside || octets[0] != '2')
                {
                    return Task.FromResult<byte[]?>(octets);
                }

                int hello = octets.AsSpan().IndexOf((byte[])[22, 3]);
                hello = hello < 0 ? octets.Length : hello;
                c.Noticed += Encoding.Latin1.GetString(octets[..hello]);
                return Task.FromResult<byte[]?>(octets[hello..]);
            },
            Keeps = text => text,
            AlsoFails = "TC-4.2-14 TC-4.2-15 TC-4.2-16 TC-4.2-17 TC-4.2-18 TC-4.2-19",
        },
        new("TLS-4.2-17", "TC-4.2-16 TC-4.2-17", "keeps for inside what came with 220 if it ends in half a line")
        {
            Keeps = text => text.EndsWith('\n') ? "" : text,
        },
        new("TLS-5321.3.3-1", "TC-4.2-18", "sends the message after a 354 that came with 220")
        {
            Keeps = text => text.Contains("\r\n354", StringComparison.Ordinal) ? text : "",
        },
        new("TLS-2920.3.1-1", "TC-2920.3.1-2", "treats an early 220 as the answer to STARTTLS, and goes on in plaintext when that fails")
        {
            GivesIn = (c, step) => step == "end" && c.WasEarly,
        },
        new("TLS-2920.3.1-1", "TC-2920.3.1-4", "treats any positive reply as the one that it waits for")
        {
            Hears = (_, line, reply) => reply.Code >= 400 ? null
                : line == "DATA" ? FaultyMailClient.Ok(354)
                : line.EndsWith("\r\n.", StringComparison.Ordinal) || line.StartsWith("EHLO", StringComparison.Ordinal) && reply.Code != 250
                    ? FaultyMailClient.Ok()
                    : null,
        },
        new("TLS-9846.5-2", "TC-9846.5-1 TC-9846.5-2", "believes a reply in plaintext among the records")
        {
            Came = (c, octets) => c.IsInside && octets[0] == '2' ? throw new IOException("plaintext") : Task.FromResult<byte[]?>(octets),
            Ends = (c, line) => c.IsInside && (line.StartsWith("EHLO", StringComparison.Ordinal)
                || line.StartsWith("MAIL", StringComparison.Ordinal)) ? FaultyMailClient.Ok() : null,
            AlsoFails = "TC-4.2-17 TC-5321.3.8-1",
        },
    ];

    private static IReadOnlyList<MailClientFault> Policy =>
    [
        new("TLS-6-2", "TC-6-1 TC-6-2 TC-6-3 TC-6-4 TC-6-5 TC-6-6 TC-5321.4.1.1.1-4",
            "delivers in plaintext where it finds no offer of STARTTLS alone on a line")
        {
            Offered = (c, usual) => usual && !c.InForce.Any(l => l.StartsWith("STARTTLS ", StringComparison.OrdinalIgnoreCase)),
            GivesIn = (c, step) => step == "offer" || (step == "end" && !c.HasAsked),
            AlsoFails = "TC-2920.3.1-3 TC-6-7",
        },
        new("TLS-6-3", "TC-6-8 TC-6-9 TC-6-10 TC-6-11 TC-5321.4.3.2-2 TC-5321.4.2.1-2 TC-5321.4.2-5 TC-2920.3.1-1",
            "delivers in plaintext when STARTTLS is refused")
        {
            GivesIn = (c, step) => step == "reply" || (step == "end" && c.HasAsked && !c.HasBegun),
            AlsoFails = "TC-4-5 TC-4-6 TC-5321.4.3.2-1",
        },
        new("TLS-6-4", "TC-6-12 TC-6-13 TC-6-14 TC-6-15 TC-6-16 TC-4.2-11 TC-5321.4.2.1-3 TC-5321.3.8-1",
            "delivers in plaintext on a new connection when TLS failed")
        {
            GivesIn = (c, step) => step == "end" && c.HasBegun && !c.HasMailed
                && c.Order.Policy == MailPolicy.Required,
            AlsoFails = "TC-2920.3.1-2 TC-9325.4.1-1 TC-4.2-18 TC-9846.5.2-1",
        },
        new("TLS-6-4", "TC-6-12 TC-6-13 TC-6-15", "logs in on the connection on which TLS failed")
        {
            Broken = async c =>
            {
                if (c.Order.Policy == MailPolicy.Required)
                    await c.Plain.WriteAsync(Encoding.Latin1.GetBytes($"AUTH PLAIN {c.Secret}\r\n"));
            },
            AlsoFails = "TC-2920.3.1-2 TC-4-4",
        },
        new("TLS-8314.5.2-1", "TC-6-7 TC-2920.3.1-3", "asks for the recipient with VRFY in plaintext")
        {
            Sends = (c, line) => line == "QUIT\r\n" && !c.IsInside ? "VRFY to@sink.test\r\nQUIT\r\n" : line,
        },
        new("TLS-8314.5.2-1", "TC-8314.5.2-1", "sends its credentials in plaintext")
        {
            Sends = (c, line) => line == "STARTTLS\r\n" && c.InForce is ["AUTH PLAIN LOGIN", "STARTTLS", ..]
                ? $"AUTH PLAIN {c.Secret}\r\n{line}"
                : line,
            Sent = async (c, line) =>
            {
                if (line == "STARTTLS" && c.InForce is ["AUTH PLAIN LOGIN", "STARTTLS", ..])
                {
                    await c.NextAsync();
                }
            },
        },
        new("TLS-4-14", "TC-6-8 TC-6-9 TC-6-10 TC-4-5 TC-4-6", "begins a handshake after any reply to STARTTLS")
        {
            Agrees = (_, _) => true,
            AlsoFails = "TC-5321.4.3.2-1",
        },
        new("TLS-4-15", "TC-4-5 TC-4-6", "answers 354 and 334 to STARTTLS with what they ask for")
        {
            Replied = async (c, line, reply) =>
            {
                if (line == "STARTTLS" && reply.Code is 354 or 334)
                {
                    await c.SendAsync(reply.Code == 354 ? c.Text + ".\r\n" : c.Secret + "\r\n");
                }
            },
        },
        new("TLS-5321.3.8-1", "TC-6-4 TC-6-16 TC-5321.3.8-2", "reports a message as delivered whose connection was lost")
        {
            Lost = c => !c.HasAsked || c.IsInside,
            AlsoFails = "TC-5321.4.2.1-4 TC-5321.4.2.5-1 TC-5321.4.2.5-2 TC-5321.4.2.5-3 TC-5321.4.2.5-4 TC-5321.4.2.5-5 "
                + "TC-5321.4.2.5-6 TC-5321.4.2.5-7 TC-5321.4.2.5-8 TC-9846.5.2-1 TC-5321.3.8-1 TC-9846.5-2 "
                + "TC-5321.4.2.1-3 TC-9325.3.5-2",
        },
        new("TLS-5321.4.2.1-1", "TC-6-11 TC-5321.4.2.1-3 TC-5321.4.2.1-4", "reports a message as delivered whose session ended with 421")
        {
            Hears = (c, _, reply) =>
            {
                c.Flag |= reply.Code == 421;
                return null;
            },
            Lost = c => c.Flag,
        },
        new("TLS-5321.4.3.2-1", "TC-5321.4.3.2-1", "begins a handshake after a code that it does not know")
        {
            Agrees = (r, usual) => usual || r.Code is 499 or 599,
        },
        new("TLS-5321.4.2.1-3", "TC-5321.4.2.1-2", "goes by the first code of a reply with different ones")
        {
            Ends = (c, line) => line == "STARTTLS" && c.Unread.StartsWith("454", StringComparison.Ordinal)
                ? FaultyMailClient.Ok(220) : null,
        },
        new("TLS-5321.4.2-4", "TC-5321.4.2-5", "begins a handshake after what is no reply")
        {
            Ends = (c, line) => line == "STARTTLS" && c.Unread.StartsWith("hello", StringComparison.Ordinal)
                ? FaultyMailClient.Ok(220) : null,
        },
        new("TLS-6-5", "TC-6-18", "always verifies") { Tls = (_, o) => o.RemoteCertificateValidationCallback = null },
        new("TLS-6-5", "TC-6-19", "delivers inside only")
        {
            Mails = c => Task.FromResult(c.IsInside ? (bool?)null : false),
        },
        new("TLS-6-6", "TC-6-17", "uses no TLS with a server with which it failed once")
        {
            Broken = c =>
            {
                c.Kept["failed"] = true;
                return Task.CompletedTask;
            },
            Offered = (c, usual) => usual && (c.Requires || !c.Kept.ContainsKey("failed")),
        },
    ];

    // MAIL and RCPT in a group.
    private static async Task<bool> GroupAsync(FaultyMailClient client)
    {
        var first = await client.AskAsync($"MAIL FROM:<{client.Order.From}>\r\nRCPT TO:<{client.Order.To}>");
        return first.Code == 250 && (await client.NextAsync()).Code == 250 && (await client.AskAsync("DATA")).Code == 354
            && (await client.AskAsync(client.Text + ".")).Code == 250;
    }

    private static async Task<bool> ChunkAsync(FaultyMailClient client)
    {
        await client.AskAsync($"MAIL FROM:<{client.Order.From}>");
        await client.AskAsync($"RCPT TO:<{client.Order.To}>");
        await client.SendAsync($"BDAT {client.Order.Message.Length} LAST\r\n{client.Order.Message}");
        return (await client.NextAsync()).Code == 250;
    }
}
