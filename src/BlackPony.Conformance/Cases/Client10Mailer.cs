using System.Net;
using System.Net.Sockets;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Cases.Client4Negotiation;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>The mailer, spec 10.4: the suite is the mail server before it and the one behind it.</summary>
internal static class Client10Mailer
{
    public static IReadOnlyList<Case<ClientProbe>> Cases { get; } =
    [
        // [BP-10.4-1] A mailer MUST write nothing but SMTP replies to the mail server.
        Mailer("C-10.4-1", "Nothing but SMTP replies comes on standard output", "BP-10.4-1", async p =>
        {
            await p.CarryAsync(CoreOffer);
            var outcome = await p.ExpectAsync(delivered: true);
            That(outcome.Replies.EndsWith("\r\n", StringComparison.Ordinal), "The last line has no end.");
            var bad = outcome.Replies.Split("\r\n")[..^1]
                .FirstOrDefault(l => l.Length < 3 || !l[..3].All(char.IsAsciiDigit) || (l.Length > 3 && l[3] is not (' ' or '-')));
            That(bad is null, $"The mailer wrote {Show(bad ?? "")}.");
        }),
        // [BP-10.4-2] A mailer MUST connect before it greets, and pass on the server's greeting.
        Mailer("C-10.4-2", "The greeting is the server's own", "BP-10.4-2", async p =>
        {
            var wire = await p.ConnectAsync();
            await wire.SendAsync("220-probe.test first\r\n220 second \xE9\r\n");
            await p.ExpectEhloAsync(wire);
            await ClientProbe.AnswerEhloAsync(wire);
            await p.ServeMailAsync(wire, inside: false);
            var outcome = await p.ExpectAsync(delivered: true);
            That(outcome.Replies.StartsWith("220-probe.test first\r\n220 second \xE9\r\n", StringComparison.Ordinal),
                $"The mail server was greeted with {Show(outcome.Replies)}.");
        }),
        // [BP-10.4-3] A mailer that reaches no server MUST greet with 421.
        Mailer("C-10.4-3", "Without a server the mail server is greeted with 421", "BP-10.4-3", async p =>
        {
            // Bound, so that nobody else gets the port, and without a listener.
            using var closed = new Socket(SocketType.Stream, ProtocolType.Tcp);
            closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            p.Next = p.Next with { Port = ((IPEndPoint)closed.LocalEndPoint!).Port };
            var outcome = await p.RunAloneAsync();
            That(outcome.Replies.StartsWith("421", StringComparison.Ordinal) && !outcome.Delivered,
                $"The mail server was greeted with {Show(outcome.Replies)}.");
        }),
        // [BP-10.4-4] A mailer MUST use the name that the mail server says in EHLO in its own EHLO, outside and inside.
        Mailer("C-10.4-4", "EHLO has the mail server's name, outside and inside", "BP-10.4-4", async p =>
        {
            p.Next = p.Next with { Script = l => Session(l, "EHLO queue-of-the-case.test\r\n") };
            var wire = await p.AcceptAsync(CoreOffer);
            That(p.EhloName == "queue-of-the-case.test", $"The EHLO outside says {Show(p.EhloName)}.");
            await p.UpgradeAsync(wire, CoreOffer);
            That(p.EhloName == "queue-of-the-case.test", $"The EHLO inside says {Show(p.EhloName)}.");
            await p.ServeMailAsync(wire, inside: true);
            await p.ExpectAsync(delivered: true);
        }),
        // [BP-10.4-5] A mailer MUST answer the mail server's EHLO with the EHLO reply of the session that will carry the mail: the one
        //   inside after an upgrade, the plain one after a fall-back.
        Mailer("C-10.4-5", "The mail server gets the EHLO reply of the session inside", "BP-10.4-5", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer, "SIZE 1", "OUTSIDE");
            await p.UpgradeAsync(wire, CoreOffer, extensions: ["SIZE 2", "X-INSIDE a b"]);
            await p.ServeMailAsync(wire, inside: true);
            var replies = (await p.ExpectAsync(delivered: true)).Replies;
            That(replies.Contains("250-SIZE 2\r\n250 X-INSIDE a b\r\n", StringComparison.Ordinal)
                && !replies.Contains("OUTSIDE", StringComparison.Ordinal), $"The mail server got {Show(replies)}.");
        }),
        // [BP-10.4-6] A mailer MUST remove XBLACKPONY from the EHLO reply with which it answers the mail server's first EHLO.
        Mailer("C-10.4-6", "XBLACKPONY is not shown to the mail server, whether the upgrade succeeds or not", "BP-10.4-6", async p =>
        {
            foreach (var offer in (string[])[CoreOffer, CoreOffer.ToLowerInvariant()])
            {
                var wire = await p.AcceptAsync(offer);
                await p.ExpectCommandAsync(wire);
                await wire.SendLineAsync("454 not now");
                await p.ServeMailAsync(wire, inside: false);
                Hidden((await p.ExpectAsync(delivered: true)).Replies);
                wire = await p.AcceptAsync($"{offer.Split(' ')[0]} V1 NO-SUCH-SUITE");
                await p.ServeMailAsync(wire, inside: false);
                Hidden((await p.ExpectAsync(delivered: true)).Replies);
                wire = await p.AcceptAsync(offer);
                await p.UpgradeAsync(wire, offer, extensions: [offer]);
                await p.ServeMailAsync(wire, inside: true);
                Hidden((await p.ExpectAsync(delivered: true)).Replies);
            }

            static void Hidden(string text) =>
                That(!text.Contains("XBLACKPONY", StringComparison.OrdinalIgnoreCase), $"The mail server got {Show(text)}.");
        }),
        // [BP-10.4-7] A mailer MUST remove STARTTLS from that reply after an upgrade.
        Mailer("C-10.4-7", "STARTTLS is not shown to the mail server after an upgrade", "BP-10.4-7", async p =>
        {
            foreach (var keyword in (string[])["STARTTLS", "starttls"])
            {
                var wire = await p.AcceptAsync(CoreOffer, keyword);
                await p.UpgradeAsync(wire, CoreOffer, extensions: [keyword, "8BITMIME"]);
                await p.ServeMailAsync(wire, inside: true);
                var replies = (await p.ExpectAsync(delivered: true)).Replies;
                That(!replies.Contains(keyword, StringComparison.Ordinal) && replies.Contains("8BITMIME", StringComparison.Ordinal),
                    $"The mail server got {Show(replies)}.");
            }
        }),
        // [BP-10.4-8] A mailer that defers MUST answer the mail server's EHLO or HELO with a 421 reply, and end.
        // [BP-9.1-5] A client that defers MUST try the next address or mail exchanger, if there is one, and else report a temporary failure
        //   (4yz) to whoever handed over the mail.
        Mailer("C-10.4-8", "A deferral is a 421 to the mail server's EHLO", "BP-10.4-8 BP-9.1-5", async p =>
        {
            p.Next = p.Next with { Policy = ClientPolicy.Required };
            var wire = await p.AcceptAsync("");
            await ClientProbe.TakeQuitAsync(wire);
            var replies = (await p.ExpectAsync(delivered: false, "BP-9.1-5")).Replies;
            That(replies.StartsWith("220 ", StringComparison.Ordinal) && replies.Contains("\r\n421 ", StringComparison.Ordinal),
                $"The mail server got {Show(replies)}.");
        }, Needs.Policy),
        // [BP-10.4-9] After the reply to EHLO or HELO a mailer MUST pass on all else octet by octet.
        Mailer("C-10.4-9", "Commands, payload and replies pass octet by octet, pipelined ones too", "BP-10.4-9", async p =>
        {
            const string Sent = "mail FROM:<a@client.test>  X=\xE9\r\nRCPT TO:<b@sink.test>\r\nRCPT TO:<c@sink.test>\r\nDATA\r\n";
            const string Body = "Subject: octets\r\n\r\nbare\nLF bare\rCR \0 \x80\xFF ..\r\n..\r\n.\r\n";
            p.Next = p.Next with
            {
                Script = async l =>
                {
                    await l.ReplyAsync();
                    await l.SayAsync("EHLO client.test\r\n");
                    await l.SendAsync(Sent);
                    for (int i = 0; i < 4; i++)
                        await l.ReplyAsync();

                    await l.SayAsync(Body);
                    await l.SayAsync("QUIT\r\n");
                    return false;
                },
            };
            var wire = await p.AcceptAsync(CoreOffer);
            await p.UpgradeAsync(wire, CoreOffer, extensions: ["PIPELINING"]);
            var got = System.Text.Encoding.Latin1.GetString(await wire.OctetsInsideAsync(Sent.Length));
            That(got == Sent, $"Sent {Show(Sent)}, and the server got {Show(got)}.");
            await wire.SendInsideAsync("250-2.1.0 \xE9\r\n250 Ok\r\n250 2.1.5 Ok\r\n251 elsewhere\r\n354 go\r\n");
            got = System.Text.Encoding.Latin1.GetString(await wire.OctetsInsideAsync(Body.Length));
            That(got == Body, $"Sent {Show(Body)}, and the server got {Show(got)}.");
            await wire.SendInsideAsync("250 2.0.0 kept \xFF\r\n");
            await p.ServeMailAsync(wire, inside: true);
            var replies = (await p.ExpectAsync(delivered: false)).Replies;
            That(replies.Contains("250-2.1.0 \xE9\r\n250 Ok\r\n250 2.1.5 Ok\r\n251 elsewhere\r\n354 go\r\n250 2.0.0 kept \xFF\r\n221 ",
                StringComparison.Ordinal), $"The mail server got {Show(replies)}.");
        }),
        // [BP-10.4-10] A mailer whose server's session is truncated or fails MUST close towards the mail server without passing on or
        //   making up a reply.
        Mailer("C-10.4-10", "A session that is cut passes no reply on, and invents none", "BP-10.4-10", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.UpgradeAsync(wire, CoreOffer);
            await wire.LineInsideAsync();
            var half = wire.Seal(RecordType.Data, "250 forged\r\n"u8);
            half[^1] ^= 1;
            await wire.SendRecordsAsync(half);
            wire.EndDirection();
            await wire.DrainAsync();
            var replies = (await p.ExpectAsync(delivered: false)).Replies;
            That(replies == "220 probe.test ESMTP\r\n250 probe.test\r\n", $"The mail server got {Show(replies)}.");
        }),
        // [BP-10.4-13] A mailer MUST NOT remove STARTTLS from that reply after a fall-back.
        // [BP-10.4-9] After the reply to EHLO or HELO a mailer MUST pass on all else octet by octet.
        Mailer("C-10.4-11", "After a fall-back STARTTLS is shown, and what follows its 220 passes octet by octet",
            "BP-10.4-13 BP-10.4-9", async p =>
        {
            p.Next = p.Next with
            {
                Script = async l =>
                {
                    await l.ReplyAsync();
                    await l.SayAsync("EHLO client.test\r\n");
                    await l.SayAsync("STARTTLS\r\n");
                    await l.SendAsync("\x16\x03\x01\n\r\0\xFF");
                    await l.DrainAsync();
                    return false;
                },
            };
            var wire = await p.AcceptAsync("", "STARTTLS");
            That(await wire.LineAsync() == "STARTTLS", "STARTTLS did not come through.", "BP-10.4-9");
            await wire.SendLineAsync("220 go");
            That((await wire.OctetsAsync(7)).AsSpan().SequenceEqual("\u0016\u0003\u0001\n\r\0"u8.ToArray().Append((byte)0xff).ToArray()),
                "The octets after STARTTLS did not come through.");
            await wire.SendAsync("\x16\n\0\xFE");
            wire.EndDirection();
            var replies = (await p.ExpectAsync(delivered: false)).Replies;
            That(replies.Contains("STARTTLS\r\n", StringComparison.Ordinal), "STARTTLS is not shown to the mail server.");
            That(replies.EndsWith("220 go\r\n\x16\n\0\xFE", StringComparison.Ordinal),
                $"The mail server got {Show(replies)}.", "BP-10.4-9");
        }),
        // [BP-10.4-27] A mailer whose mail server says HELO before EHLO MUST do as after a 5yz reply to EHLO: pass HELO on, or defer
        //   ([BP-9.2-8]).
        // [BP-9.2-8] A client whose EHLO is refused with 5yz and that falls back to HELO MUST apply its policy as if there had been no
        //   offer.
        // [BP-10.4-8] A mailer that defers MUST answer the mail server's EHLO or HELO with a 421 reply, and end.
        Mailer("C-10.4-12", "A mail server that says HELO gets plain SMTP, or a deferral where encryption is required",
            "BP-10.4-27 BP-9.2-8 BP-10.4-8", async p =>
        {
            p.Next = p.Next with { Script = l => Session(l, "HELO client.test\r\n") };
            var wire = await p.ConnectAsync();
            await wire.SendLineAsync("220 probe.test ESMTP");
            var first = await ClientProbe.LineAsync(wire);
            That(first == "HELO client.test", $"The mail server said HELO, and the mailer sent {Show(first ?? "nothing")}.");
            await wire.SendLineAsync("250 probe.test");
            await p.ServeMailAsync(wire, inside: false);
            await p.ExpectAsync(delivered: true);
            p.Next = p.Next with { Policy = ClientPolicy.Required };
            wire = await p.ConnectAsync();
            await wire.SendLineAsync("220 probe.test ESMTP");
            await ClientProbe.TakeQuitAsync(wire);
            var replies = (await p.ExpectAsync(delivered: false)).Replies;
            That(replies.Contains("\r\n421 ", StringComparison.Ordinal), $"The mail server got {Show(replies)}.", "BP-10.4-8");
        }, Needs.Policy),
        // [BP-10.4-21] A mailer MUST NOT pass on a control character (0 to 31 and 127) other than the tab in the greeting or in its reply
        //   to EHLO; it writes a question mark instead.
        Mailer("C-10.4-13", "A control character of the server does not reach the mail server", "BP-10.4-21", async p =>
        {
            var wire = await p.ConnectAsync();
            await wire.SendAsync("220 probe.test\r bare, \0 and \x1B[2J, DEL \x7F, and a\ttab\r\n");
            await p.ExpectEhloAsync(wire);
            await ClientProbe.AnswerEhloAsync(wire, "SIZE 1\r2", "X-DEL \x7F");
            await p.ServeMailAsync(wire, inside: false);
            var replies = (await p.ExpectAsync(delivered: true)).Replies;
            bool isClean = replies.StartsWith("220 probe.test? bare, ? and ?[2J, DEL ?, and a\ttab\r\n", StringComparison.Ordinal);
            That(isClean, $"The mail server was greeted with {Show(replies)}.");
            var text = replies.Replace("\r\n", "", StringComparison.Ordinal);
            That(text.IndexOfAny(['\r', '\x7F']) < 0, $"The mail server got {Show(replies)}.");
        }),
    ];

    private static async Task<bool> Session(LocalSide local, string hello)
    {
        bool delivered = await local.ReplyAsync() == 220 && await local.SayAsync(hello) == 250 && await local.MailAsync();
        await local.SayAsync("QUIT\r\n");
        return delivered;
    }

    private static Case<ClientProbe> Mailer(string id, string title, string requirements, Func<ClientProbe, Task> run,
        Needs more = Needs.Nothing) => new(id, title, Must, Profile.Core, requirements, run) { Needs = Needs.Mailer | more };
}
