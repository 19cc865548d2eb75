using System.Buffers.Binary;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <content>The replies that agree, spec 4.3.</content>
internal static partial class Client4Negotiation
{
    private static IReadOnlyList<Case<ClientProbe>> Replies =>
    [
        // ---------------------------------------------------------------- 4.3 the 220 and 334 replies
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        // [BP-9.2-3] A client MUST NOT make more than one such fresh connection for one address and delivery.
        Broken("C-4.3-1", "A 220 reply without K= is a broken upgrade: one fresh plain connection",
            "BP-4.3-7 BP-9.2-2 BP-9.2-3", "220 go ahead\r\n"),
        // [BP-4.3-8] A client MUST treat as a broken upgrade a reply with another code than 220, 334, 4yz or 5yz.
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        Broken("C-4.3-2", "A reply with another code is a broken upgrade", "BP-4.3-8 BP-9.2-2", $"250 K={AnyShare}\r\n"),
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        Broken("C-4.3-3", "A 334 reply in a suite that has none is a broken upgrade", "BP-4.3-7 BP-9.2-2", $"334 K={AnyShare}\r\n"),
        // [BP-4.6-4] A client MUST NOT send a plaintext octet after the command (or continuation) that the 220 answered.
        // [BP-4.6-2] A client MUST NOT interpret as a reply any octet received after the 220 that is not in a verified record.
        new("C-4.3-4", "Plaintext injected after the 220 is read as records, and no mail is sent there",
            Must, Profile.Core, "BP-4.6-4 BP-4.6-2", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer, behind: string.Concat(Enumerable.Repeat("250 injected\r\n", 2000)));

            // An alert is a record: its length does not look like letters.
            var length = await wire.OctetsAsync(2);
            bool isText = length.All(b => b is >= (byte)' ' and < 127);
            byte[] rest = isText && length.Length > 0
                ? [.. length, .. await wire.SomeAsync()]
                : length.Length < 2 ? length : await wire.OctetsAsync(BinaryPrimitives.ReadUInt16BigEndian(length));
            bool replied = System.Text.Encoding.Latin1.GetString(rest).Contains("MAIL", StringComparison.OrdinalIgnoreCase);
            That(length.Length == 0 || (!isText && rest.Length == BinaryPrimitives.ReadUInt16BigEndian(length)),
                $"Expected the end of the connection, perhaps after an alert, got {Show(rest)}.", replied ? "BP-4.6-2" : "BP-4.6-4");
            await wire.ExpectClosedAsync("The client continues after plaintext, which it treated as a record.", "BP-4.6-4");
            await FreshAsync(p);
        }),
        // [BP-4.3-5] A client MUST accept fragments of 1 or more characters, split anywhere, within `MaxReplyLine` and `MaxShareLines`.
        new("C-4.3-5", "Fragments are accepted split anywhere, even into single characters", Must, Profile.Core, "BP-4.3-5", async p =>
        {
            foreach (var sizes in (int[][])[Lines(Limits.MaxShareLines), Lines(7), [43, 1], [1, 43]])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer, sizes: sizes);
                await p.FinishAsync(wire, none: "BP-4.3-5");
                await wire.SendInsideAsync(ClientProbe.EhloReply());
                await p.ServeMailAsync(wire, inside: true);
                await p.ExpectAsync(delivered: true);
            }
        }),
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        Broken("C-4.3-6", "A 220 reply with an enhanced status code before K= is a broken upgrade",
            "BP-4.3-7", $"220 2.0.0 K={AnyShare}\r\n"),
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        Broken("C-4.3-7", "A 220 reply with a line that is not a share is a broken upgrade",
            "BP-4.3-7", $"220-K={AnyShare[..20]}\r\n220 {AnyShare[20..]}\r\n"),
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        Broken("C-4.3-8", "A 220 reply with an empty fragment is a broken upgrade", "BP-4.3-7", $"220-K=\r\n220 K={AnyShare}\r\n"),
        // [BP-4.3-11] A client MUST treat a greeting, a reply to EHLO, XBLACKPONY or the continuation, and every reply in records, except
        //   those of [BP-10.5-19], as malformed if it has a line longer than `MaxEhloLine`, more than `MaxEhloLines` lines, a line without
        //   a code, a code with anything but a hyphen, a space or CRLF after it, lines with different codes, or a bare LF.
        new("C-4.3-9", "A reply with lines of different codes is a broken upgrade", Must, Profile.Core, "BP-4.3-11", async p =>
        {
            await BrokenAsync(p, $"220-K={AnyShare[..20]}\r\n250 K={AnyShare[20..]}\r\n");
            await BrokenAsync(p, "450-not\r\n454 now\r\n");
        }),
        // [BP-4.3-11] A client MUST treat a greeting, a reply to EHLO, XBLACKPONY or the continuation, and every reply in records, except
        //   those of [BP-10.5-19], as malformed if it has a line longer than `MaxEhloLine`, more than `MaxEhloLines` lines, a line without
        //   a code, a code with anything but a hyphen, a space or CRLF after it, lines with different codes, or a bare LF.
        Broken("C-4.3-10", "A refusal with too long a line is a broken upgrade",
            "BP-4.3-11", $"{"454 ".PadRight(Limits.MaxEhloLine - 1, 'x')}\r\n"),
        // [BP-4.3-11] A client MUST treat a greeting, a reply to EHLO, XBLACKPONY or the continuation, and every reply in records, except
        //   those of [BP-10.5-19], as malformed if it has a line longer than `MaxEhloLine`, more than `MaxEhloLines` lines, a line without
        //   a code, a code with anything but a hyphen, a space or CRLF after it, lines with different codes, or a bare LF.
        Broken("C-4.3-11", "A refusal of too many lines is a broken upgrade",
            "BP-4.3-11", string.Concat(Enumerable.Repeat("454-no\r\n", Limits.MaxEhloLines)) + "454 no\r\n"),
        // [BP-4.3-11] A client MUST treat a greeting, a reply to EHLO, XBLACKPONY or the continuation, and every reply in records, except
        //   those of [BP-10.5-19], as malformed if it has a line longer than `MaxEhloLine`, more than `MaxEhloLines` lines, a line without
        //   a code, a code with anything but a hyphen, a space or CRLF after it, lines with different codes, or a bare LF.
        Broken("C-4.3-12", "A reply that is not SMTP is a broken upgrade", "BP-4.3-11", "HTTP/1.1 400 Bad Request\r\n\r\n"),
        // [BP-4.3-11] A client MUST treat a greeting, a reply to EHLO, XBLACKPONY or the continuation, and every reply in records, except
        //   those of [BP-10.5-19], as malformed if it has a line longer than `MaxEhloLine`, more than `MaxEhloLines` lines, a line without
        //   a code, a code with anything but a hyphen, a space or CRLF after it, lines with different codes, or a bare LF.
        new("C-4.3-13", "A reply with a bare LF, within a line or at its end, is a broken upgrade",
            Must, Profile.Core, "BP-4.3-11", async p =>
        {
            // A client that takes the LF for the end of a line would wait for the rest of a record: there it is.
            await BrokenAsync(p, $"220 K={AnyShare}\n220 x\r\n{new string('x', Limits.MaxInner)}");
            foreach (var reply in (string[])["454 not\nnow\r\n", "454 not\n454 now\r\n", "454 not now\n\r\n"])
                await BrokenAsync(p, reply);
        }),
        // [BP-4.3-8] A client MUST treat as a broken upgrade a reply with another code than 220, 334, 4yz or 5yz.
        new("C-4.3-14", "Every other code than 220, 334, 4yz and 5yz is a broken upgrade", Must, Profile.Core, "BP-4.3-8", async p =>
        {
            foreach (var reply in (string[])["221 bye", "250 ok", "354 go", "235 ok", "299 K=" + AnyShare])
                await BrokenAsync(p, reply + "\r\n");
        }),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-4.2-9] A client MUST NOT send anything after the command's CRLF until it has received the whole reply.
        new("C-4.3-15", "A reply in single octets is accepted", Must, Profile.Core, "BP-4.4-11 BP-4.2-9", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.ExpectCommandAsync(wire);
            foreach (char c in "454 4.7.0 Not now\r\n")
                await wire.SendAsync(c.ToString());

            await p.ServeMailAsync(wire, inside: false);
            await p.ExpectAsync(delivered: true);
        }),
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        Broken("C-4.3-16", "A connection that ends instead of a reply is a broken upgrade", "BP-9.2-2", "", close: true),
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        Broken("C-4.3-17", "A connection that ends within a reply is a broken upgrade",
            "BP-9.2-2", $"220-K={AnyShare[..20]}\r\n220 K=", close: true),
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        new("C-4.3-18", "A 220 instead of the 334 is a broken upgrade", Must, Profile.Classic, "BP-4.3-7", async p =>
        {
            var wire = await p.AcceptAsync("XBLACKPONY V1 RSA-BLOWFISH");
            await NeedCommandAsync(p, wire, Classic);
            await wire.SendLineAsync($"220 K={AnyShare}");
            await NothingAsync(wire, "a 220 instead of the 334");
            await FreshAsync(p);
        }),

        // [BP-4.3-13] A client that receives a malformed reply in records MUST send its close, close the connection, and go on as after a
        //   failure ([BP-9.2-6]).
        new("C-4.3-19", "A malformed reply inside ends the session with a close, and the mail is deferred",
            Must, Profile.Core, "BP-4.3-13", async p =>
        {
            foreach (var reply in (string[])["250 " + new string('x', Limits.MaxEhloLine) + "\r\n",
                "250-probe.test\n250 x\r\n", "garbage\r\n"])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer);
                await p.FinishAsync(wire);
                await wire.SendInsideAsync(reply);
                var record = await wire.NextAsync();
                That(record?.Type == RecordType.Close,
                    $"A malformed EHLO reply inside is answered with {record?.Type.ToString() ?? "the end of the connection"}.");
                wire.EndDirection();
                await wire.DrainAsync();
                await p.ExpectAsync(delivered: false, further: "BP-9.2-6");
            }
        }),
        // [BP-4.3-14] A client MUST treat as malformed a 220 or 334 reply to XBLACKPONY or the continuation that has a line longer than
        //   `MaxReplyLine`, more than `MaxShareLines` lines, or a line with nothing after "K=".
        new("C-4.3-20", "A share in more than 16 lines is a broken upgrade", Must, Profile.Core, "BP-4.3-14", async p =>
        {
            foreach (int lines in (int[])[22, Limits.MaxShareLines + 1])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer, sizes: Lines(lines));
                await wire.SendRecordAsync(RecordType.Finished, wire.Keys.Finished(Role.Server));
                wire.EndDirection();
                That((await wire.OctetsAsync(1)).Length == 0, $"The client goes on after a share of {lines} lines.");
                await FreshAsync(p);
            }
        }),

        // [BP-4.3-9] A client MUST treat every octet after the 220 reply's last CRLF as records, even if it came in the same segment.
        new("C-4.3-21", "A Finished that comes in one segment with the 220 is accepted", Must, Profile.Core, "BP-4.3-9", async p =>
        {
            // And the end after it: a client that discards what came with the 220 has nothing left.
            foreach (var suite in Names.Encrypting)
            {
                var offer = $"XBLACKPONY V1 {suite}";
                var wire = await p.AcceptAsync(offer);
                var line = await ClientProbe.LineAsync(wire) ?? "";
                if (line.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase))
                {
                    await p.SwitchAsync(wire, offer, command: line, finishes: true);
                    wire.EndDirection();
                    await ClientProbe.TakeFinishedAsync(wire, "BP-4.3-9");
                    await wire.DrainAsync();
                    await p.ExpectAsync(delivered: false, further: "BP-9.2-6");
                }
                else
                {
                    await wire.SendLineAsync("250 Ok");
                    await p.ServeMailAsync(wire, inside: false);
                    await p.ExpectAsync(delivered: true);
                }
            }
        }),

        // [BP-4.3-16] After a broken upgrade a client MUST NOT send anything more in that connection, except the alert if records began.
        new("C-4.3-27", "After a broken upgrade nothing more is sent in that connection", Must, Profile.Core, "BP-4.3-16", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.ExpectCommandAsync(wire);
            await wire.SendLineAsync("220 no share, and no more");
            var line = await wire.LineAsync();
            That(line is null, $"The client goes on in the connection of a broken upgrade, with {Show(line ?? "")}.");
            await FreshAsync(p);
        }),
        // [BP-4.3-15] A client MUST treat what it received before it sent XBLACKPONY, or the continuation, as the reply to it.
        new("C-4.3-28", "What came before the command is the reply to it", Must, Profile.Core, "BP-4.3-15", async p =>
        {
            var wire = await EarlyAsync("421 4.3.2 Early");
            await wire.SendLineAsync("454 4.7.0 Late");
            var line = await wire.LineAsync();
            That(line is null, $"The client discards a reply that came before its command, and goes on with {Show(line ?? "")}.");
            await FreshAsync(p);

            wire = await EarlyAsync("454 4.7.0 Early");
            await p.ServeMailAsync(wire, inside: false);
            await p.ExpectAsync(delivered: true);

            async Task<ProbeConnection> EarlyAsync(string reply)
            {
                var early = await p.ConnectAsync();
                await early.SendLineAsync("220 probe.test ESMTP");
                await p.ExpectEhloAsync(early);
                await early.SendAsync($"{ClientProbe.EhloReply(CoreOffer)}{reply}\r\n");
                await p.ExpectCommandAsync(early);
                return early;
            }
        }),
        // [BP-4.3-15] A client MUST treat what it received before it sent XBLACKPONY, or the continuation, as the reply to it.
        new("C-4.3-29", "What came before the continuation, or \"*\", is the reply to it", Must, Profile.Classic, "BP-4.3-15", async p =>
        {
            var wire = await EarlyAsync("421 4.3.2 Too early");
            await wire.SendLineAsync("454 4.7.0 Late");
            var line = await wire.LineAsync();
            That(line is null, $"The client discards a reply that came before its continuation, and goes on with {Show(line ?? "")}.");
            await FreshAsync(p);

            foreach (bool cancels in (bool[])[false, true])
            {
                wire = await EarlyAsync("501 5.5.4 Too early", cancels);
                await p.ServeMailAsync(wire, inside: false);
                await p.ExpectAsync(delivered: true);
            }

            async Task<ProbeConnection> EarlyAsync(string reply, bool cancels = false)
            {
                var early = await p.AcceptAsync($"XBLACKPONY V1 {Classic}");
                await NeedCommandAsync(p, early, Classic);
                byte[] share = cancels ? new byte[416] : Client5Suites.GoodShare;
                await Client5Suites.SendShareAsync(early, share, $"{reply}\r\n");
                var continuation = await early.LineAsync();
                That(continuation is not null, "The client does not continue where the reply to that came with the 334.");
                That((continuation == "*") == cancels, $"The client continues with {Show(continuation!)}.", "BP-5.4-6");
                return early;
            }
        }),
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        new("C-4.3-22", "A 220 reply that carries a good share in lines of another form is a broken upgrade",
            Must, Profile.Core, "BP-4.3-7", async p =>
        {
            foreach (var form in (Func<string, string>[])[l => l.Replace("K=", "k=", StringComparison.Ordinal),
                l => l.Insert(4, " "), l => l.Insert(4, "2.0.0 "), l => l.Replace("K=", "", StringComparison.Ordinal)])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer, form: form);
                await NothingAfterAsync(p, wire, "a 220 reply of another form");
            }
        }),
        // [BP-4.3-14] A client MUST treat as malformed a 220 or 334 reply to XBLACKPONY or the continuation that has a line longer than
        //   `MaxReplyLine`, more than `MaxShareLines` lines, or a line with nothing after "K=".
        // [BP-4.3-5] A client MUST accept fragments of 1 or more characters, split anywhere, within `MaxReplyLine` and `MaxShareLines`.
        new("C-4.3-23", "A line of 513 octets in a 220 reply is a broken upgrade, and one of 512 is not",
            Must, Profile.Hybrid, "BP-4.3-14 BP-4.3-5", p => LongLinesAsync(p, Hybrid)),
        // [BP-4.3-14] A client MUST treat as malformed a 220 or 334 reply to XBLACKPONY or the continuation that has a line longer than
        //   `MaxReplyLine`, more than `MaxShareLines` lines, or a line with nothing after "K=".
        // [BP-4.3-5] A client MUST accept fragments of 1 or more characters, split anywhere, within `MaxReplyLine` and `MaxShareLines`.
        new("C-4.3-24", "A line of 513 octets in RSA-BLOWFISH's 220 reply is a broken upgrade, and one of 512 is not",
            Must, Profile.Classic, "BP-4.3-14 BP-4.3-5", p => LongLinesAsync(p, Classic)),
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        new("C-4.3-25", "A 334 reply of another form is a broken upgrade, although its share is good", Must, Profile.Classic, "BP-4.3-7",
            async p =>
        {
            var share = Convert.ToBase64String([.. TestRsaKeys.ServerModulus, .. new byte[32]]);
            foreach (var reply in (string[])[$"334-k={share[..400]}\r\n334 k={share[400..]}\r\n", $"334 K={share}\r\n",
                $"334-2.0.0 K={share[..400]}\r\n334 2.0.0 K={share[400..]}\r\n", $"334-K={share}\r\n334 K=\r\n"])
            {
                var wire = await p.AcceptAsync($"XBLACKPONY V1 {Classic}");
                await NeedCommandAsync(p, wire, Classic);
                await wire.SendAsync(reply);
                await NothingAsync(wire, "a 334 reply of another form");
                await FreshAsync(p);
            }
        }),
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        // [BP-4.3-8] A client MUST treat as a broken upgrade a reply with another code than 220, 334, 4yz or 5yz.
        // [BP-4.3-11] A client MUST treat a greeting, a reply to EHLO, XBLACKPONY or the continuation, and every reply in records, except
        //   those of [BP-10.5-19], as malformed if it has a line longer than `MaxEhloLine`, more than `MaxEhloLines` lines, a line without
        //   a code, a code with anything but a hyphen, a space or CRLF after it, lines with different codes, or a bare LF.
        // [BP-4.4-12] A client MUST treat a 421 reply to XBLACKPONY or to the continuation as a broken upgrade.
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        new("C-4.3-26", "Whatever is no well-formed 220 and no refusal is a broken upgrade in reply to the continuation too",
            Must, Profile.Classic, "BP-4.3-7 BP-4.3-8 BP-4.3-11 BP-4.4-12 BP-9.2-2", async p =>
        {
            foreach (var (reply, requirement) in (List<(string, string)>)[("220 go ahead\r\n", "BP-4.3-7"),
                ($"334 K={AnyShare}\r\n", "BP-4.3-7"), ("250 ok\r\n", "BP-4.3-8"), ("354 go\r\n", "BP-4.3-8"),
                ("garbage\r\n", "BP-4.3-11"), ("450-not\r\n454 now\r\n", "BP-4.3-11"), ("421 4.3.2 Going down\r\n", "BP-4.4-12"),
                ("", "BP-9.2-2")])
            {
                var wire = await p.AcceptAsync($"XBLACKPONY V1 {Classic}");
                await NeedCommandAsync(p, wire, Classic);
                await Client5Suites.SendGoodShareAsync(wire);
                await wire.LineAsync();
                await wire.SendAsync(reply);
                if (reply.Length == 0)
                    wire.EndDirection();

                await NothingAsync(wire, $"{Show(reply)} to the continuation", requirement);
                await FreshAsync(p);
            }
        }),
    ];
}
