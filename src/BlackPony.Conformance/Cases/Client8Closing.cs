using BlackPony.Conformance.Peers;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Cases.Client4Negotiation;
using static BlackPony.Conformance.Cases.Client6Keys;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>Closing and alerts, spec 8.</summary>
internal static class Client8Closing
{
    public static IReadOnlyList<Case<ClientProbe>> Cases { get; } =
    [
        // ---------------------------------------------------------------- 8.1 close
        // [BP-8.1-3] A side that receives a close MUST send its own close, if it has not yet, and then close the connection; it need not
        //   send the replies that it still owes.
        // [BP-8.1-2] A side MUST NOT send any record after its close.
        new("C-8.1-1", "The server's close is answered with a close, and nothing follows",
            Must, Profile.Core, "BP-8.1-3 BP-8.1-2", async p =>
        {
            foreach (var suite in (string[])[Names.Core, Names.HybridAes])
            {
                var offer = $"XBLACKPONY V1 {suite}";
                var wire = await p.AcceptAsync(offer);
                if ((await ClientProbe.LineAsync(wire))?.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase) == true)
                {
                    await p.SwitchAsync(wire, offer, command: wire.Plaintext[^1]);
                    await p.FinishAsync(wire);
                    await wire.SendInsideAsync(ClientProbe.EhloReply());
                    await p.ServeMailAsync(wire, inside: true);
                    await ClosesAsync(wire);
                }
                else
                {
                    await wire.SendLineAsync("250 Ok");
                    await p.ServeMailAsync(wire, inside: false);
                }

                await p.ExpectAsync(delivered: true);
            }
        }),
        // [BP-8.1-4] A recipient MUST ignore every octet that follows a close record.
        new("C-8.1-2", "What follows the server's close is ignored", Must, Profile.Core, "BP-8.1-4", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.UpgradeAsync(wire, CoreOffer);
            await p.ServeMailAsync(wire, inside: true, behind: [0xff, 0xff, 1, 2, 3], together: true);
            await ClosesAsync(wire, "BP-8.1-4");
            await p.ExpectAsync(delivered: true);
        }),
        // [BP-8.1-4] A recipient MUST ignore every octet that follows a close record.
        // [BP-8.1-3] A side that receives a close MUST send its own close, if it has not yet, and then close the connection; it need not
        //   send the replies that it still owes.
        new("C-8.1-3", "A server's close and octets after it in one segment end the session in order",
            Must, Profile.Core, "BP-8.1-4 BP-8.1-3", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer);
            await p.FinishAsync(wire);
            await wire.SendRecordsAsync(wire.Seal(RecordType.Close, []), wire.Seal(RecordType.Data, "250 Ok\r\n"u8), [0xff, 0xff, 1, 2, 3]);
            await ClosesAsync(wire, "BP-8.1-4");
            await p.ExpectAsync(delivered: false, further: "BP-9.2-6");
        }),
        // [BP-8.1-6] A side that sent its close MUST read on, discard data, and close the connection when the peer's close, an alert, a
        //   failure or the peer's end has come, at the latest `CloseTimeout` later; it may end its own direction before.
        new("C-8.1-4", "After its close the client waits for the server's no longer than CloseTimeout",
            Must, Profile.Timeouts, "BP-8.1-6", async p =>
        {
            // The mail server ends without QUIT: the mailer closes first, and gets no answer.
            p.Next = p.Next with
            {
                Script = async local => await local.ReplyAsync() == 220 && await local.SayAsync("EHLO client.test\r\n") == 250,
            };
            var wire = await p.AcceptAsync(CoreOffer);
            await p.UpgradeAsync(wire, CoreOffer);
            That((await wire.NextAsync())?.Type == RecordType.Close, "The client ends its session without a close.", "BP-8.1-1");
            await p.WithinAsync(nameof(Reference.Limits.CloseTimeout), wire.DrainAsync(),
                "The connection stays open after the client's close.");
        })
        { Needs = Needs.Timeouts | Needs.Mailer },
        // [BP-8.1-9] A side that closes the connection MUST end its own direction first, and then read and discard what still comes, until
        //   the peer ends its direction or `LingerTimeout` has gone by.
        // [BP-8.1-3] A side that receives a close MUST send its own close, if it has not yet, and then close the connection; it need not
        //   send the replies that it still owes.
        new("C-8.1-5", "The client ends the connection with FIN after its close, not with a reset",
            Must, Profile.Core, "BP-8.1-9 BP-8.1-3", async p =>
        {
            // The 221 and the close come together, so that the client has nothing unread when it ends.
            var wire = await p.AcceptAsync(CoreOffer);
            await p.UpgradeAsync(wire, CoreOffer);
            await p.ServeMailAsync(wire, inside: true, together: true);
            await ClosesAsync(wire);
            wire.ExpectNoReset();
            await p.ExpectAsync(delivered: true);
        }),

        // [BP-8.1-1] A side MUST send a close record before it closes the connection, unless it sends or has received an alert, the session
        //   is truncated, or it is a client that has not verified the server's Finished.
        new("C-8.1-6", "A client that closes first sends its close before it ends the connection",
            Must, Profile.Core, "BP-8.1-1", async p =>
        {
            // The mail server ends without QUIT.
            p.Next = p.Next with
            {
                Script = async local => await local.ReplyAsync() == 220 && await local.SayAsync("EHLO client.test\r\n") == 250,
            };
            var wire = await p.AcceptAsync(CoreOffer);
            await p.UpgradeAsync(wire, CoreOffer);
            var record = await wire.NextAsync();
            That(record?.Type == RecordType.Close,
                $"The client ends its session with {record?.Type.ToString() ?? "the end of the connection"}.");
            await wire.SendRecordAsync(RecordType.Close);
        })
        { Needs = Needs.Mailer },

        // [BP-8.1-9] A side that closes the connection MUST end its own direction first, and then read and discard what still comes, until
        //   the peer ends its direction or `LingerTimeout` has gone by.
        // [BP-8.1-3] A side that receives a close MUST send its own close, if it has not yet, and then close the connection; it need not
        //   send the replies that it still owes.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("C-8.1-7", "After the client has ended the connection it still reads: what comes then is not answered with a reset",
            Must, Profile.Core, "BP-8.1-9 BP-8.1-3 BP-8.3-1", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.UpgradeAsync(wire, CoreOffer);
            await p.ServeMailAsync(wire, inside: true, together: true);
            await ClosesAsync(wire);
            wire.ExpectNoReset();
            await wire.ExpectLingersAsync();
            await p.ExpectAsync(delivered: true);

            wire = await p.AcceptAsync(CoreOffer);
            await p.UpgradeAsync(wire, CoreOffer);
            That(await wire.LineInsideAsync() is not null, "The session ended before its time.");
            await wire.SendRecordAsync((RecordType)100);
            await wire.ExpectAlertAsync();
            await wire.ExpectLingersAsync();
            await p.ExpectAsync(delivered: false);
        }),

        // ---------------------------------------------------------------- 8.2 truncation
        // [BP-8.2-1] A side that sees the connection end before the peer's close MUST treat the session as truncated.
        // [BP-9.2-7] A client MUST NOT send mail both in plaintext and in records in one delivery attempt.
        new("C-8.2-1", "A session cut before the answer to the message does not count as delivered",
            Must, Profile.Core, "BP-8.2-1 BP-9.2-7", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.UpgradeAsync(wire, CoreOffer);
            await ToTheDotAsync(wire);
            wire.EndDirection();
            await wire.DrainAsync();
            await p.ExpectAsync(delivered: false, further: "BP-9.2-7");
        }),
        // [BP-8.2-3] A client MUST NOT treat a message as delivered unless the positive reply to its end arrived in verified records.
        new("C-8.2-2", "A positive answer to the message in plaintext, or in a record that does not verify, does not count",
            Must, Profile.Core, "BP-8.2-3", async p =>
        {
            foreach (var forged in (Func<ProbeConnection, byte[]>[])[_ => "250 2.0.0 Kept\r\n250 2.0.0 Kept\r\n"u8.ToArray(), Forged])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.UpgradeAsync(wire, CoreOffer);
                await ToTheDotAsync(wire);
                await wire.SendRecordsAsync(forged(wire));
                wire.EndDirection();
                await wire.DrainAsync();
                await p.ExpectAsync(delivered: false, further: "BP-9.2-7");
            }

            static byte[] Forged(ProbeConnection wire)
            {
                var record = wire.Seal(RecordType.Data, "250 2.0.0 Kept\r\n"u8);
                record[^1] ^= 1;
                return record;
            }
        }),
        // [BP-8.2-4] A side that has sent or received a complete 221 reply SHOULD report a missing close and take no other action.
        new("C-8.2-3", "A missing close after 221 changes nothing: the message is delivered", Should, Profile.Core, "BP-8.2-4", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.UpgradeAsync(wire, CoreOffer);
            await p.ServeMailAsync(wire, inside: true, close: false);
            await p.ExpectAsync(delivered: true);
        }),
        // [BP-8.2-3] A client MUST NOT treat a message as delivered unless the positive reply to its end arrived in verified records.
        new("C-8.2-4", "A close before the answer to the message is no answer", Must, Profile.Core, "BP-8.2-3", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.UpgradeAsync(wire, CoreOffer);
            await ToTheDotAsync(wire);
            await wire.SendRecordAsync(RecordType.Close);
            await ClosesAsync(wire);
            await p.ExpectAsync(delivered: false, further: "BP-9.2-7");
        }),

        // [BP-8.2-3] A client MUST NOT treat a message as delivered unless the positive reply to its end arrived in verified records.
        new("C-8.2-5", "No other than a positive answer to the message counts", Must, Profile.Core, "BP-8.2-3", async p =>
        {
            foreach (var answer in (string[])["354 Go on", "354-Go\r\n354 on", "334 K=AAAA", "450 later", "554 no"])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.UpgradeAsync(wire, CoreOffer);
                await ToTheDotAsync(wire);
                await wire.SendInsideAsync(answer + "\r\n");
                await p.ServeMailAsync(wire, inside: true);
                await p.ExpectAsync(delivered: false, further: "BP-9.2-7");
            }
        }),

        // ---------------------------------------------------------------- 8.3 failures and the alert
        // [BP-8.3-5] A side MUST NOT deliver to its SMTP layer anything of the record that failed.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        // [BP-8.3-2] The alert's data MUST be the one octet 1, whatever the failure was.
        // [BP-8.3-3] A side MUST NOT process any octet that follows the failure.
        After("C-8.3-1", "A flipped bit gets the one alert, and what follows is not read",
            "BP-8.3-5 BP-8.3-1 BP-8.3-2 BP-8.3-3", w => [Flip(w.Seal(RecordType.Data, "250 Ok\r\n"u8))], skipped: "BP-8.3-3"),
        // [BP-7.2-1] The nonce MUST be the 12-octet *iv* XORed with *seq* as a big-endian 64-bit number, padded on the left with four zero
        //   octets.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        After("C-8.3-2", "A repeated record gets the one alert", "BP-7.2-1 BP-8.3-1", w => Twice(w.Seal(RecordType.Data, "250-"u8))),
        // [BP-7.2-1] The nonce MUST be the 12-octet *iv* XORed with *seq* as a big-endian 64-bit number, padded on the left with four zero
        //   octets.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        After("C-8.3-3", "A record that is missing gets the one alert", "BP-7.2-1 BP-8.3-1",
            w => [.. new[] { w.Seal(RecordType.Data, "250-x\r\n"u8), w.Seal(RecordType.Data, "250 Ok\r\n"u8) }.Skip(1)]),
        // [BP-6.2-2] The client MUST protect its records with the keys from client_traffic, and the server with those from server_traffic.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        After("C-8.3-6", "A record of the client's own sent back gets the one alert", "BP-6.2-2 BP-8.3-1", w =>
        {
            // It has the sequence number of this one.
            w.Seal(RecordType.Data, []);
            return [w.LastRecord];
        }),
        // [BP-8.3-4] A side that receives an alert, whatever its data, MUST close the connection without an alert or a close of its own.
        new("C-8.3-4", "The server's alert ends the connection without another record, whatever its data, and the mail is deferred",
            Must, Profile.Core, "BP-8.3-4", async p =>
        {
            foreach (var data in AlertData)
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.UpgradeAsync(wire, CoreOffer);
                That(await wire.LineInsideAsync() is not null, "The session ended before its time.");
                int before = wire.Records.Count;
                await wire.SendRecordAsync(RecordType.Alert, data);
                while (await wire.RecordAsync() is not null)
                {
                }

                That(!wire.Records.Skip(before).Any(r => r.Type is RecordType.Alert or RecordType.Close),
                    "The client answered the alert with an alert or a close.");
                await p.ExpectAsync(delivered: false, "BP-9.2-6", "BP-9.2-6");
            }
        }),
        // [BP-8.3-7] A side MUST NOT continue in plaintext in a connection in which records began.
        // [BP-4.6-2] A client MUST NOT interpret as a reply any octet received after the 220 that is not in a verified record.
        new("C-8.3-5", "After a failure the client does not go on in plaintext in the same connection",
            Must, Profile.Core, "BP-8.3-7 BP-4.6-2", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer);
            wire.PlaintextViolates = text => text.Contains("MAIL", StringComparison.OrdinalIgnoreCase) ? "BP-4.6-2" : "BP-8.3-7";
            await wire.SendRecordsAsync([0, 0], "220 probe.test\r\n250 Ok\r\n250 Ok\r\n"u8.ToArray());
            await wire.ExpectAlertAsync();
            await FreshAsync(p);
        }),
    ];

    private static byte[] Flip(byte[] record)
    {
        record[^1] ^= 1;
        return record;
    }

    private static byte[][] Twice(byte[] record) => [record, record];

    /// <summary>The session up to the dot after the message, which is not answered.</summary>
    internal static async Task ToTheDotAsync(ProbeConnection wire)
    {
        while (await wire.LineInsideAsync() is { } line)
        {
            bool data = line.StartsWith("DATA", StringComparison.OrdinalIgnoreCase);
            await wire.SendInsideAsync(data ? "354 Go\r\n" : "250 Ok\r\n");
            if (data)
                break;
        }

        while (await wire.LineInsideAsync() is { } line && line != ".")
        {
        }
    }

    // A close comes, after what was under way perhaps, or came already from a client that closed first; and nothing after it.
    private static async Task ClosesAsync(ProbeConnection wire, string alert = "BP-8.1-3")
    {
        var last = wire.Records.LastOrDefault();
        while (await wire.RecordAsync() is { } record)
        {
            That(last?.Type != RecordType.Close, "A record follows the client's close.", "BP-8.1-2");
            last = record;
        }

        That(last?.Type == RecordType.Close, $"The server's close is answered with {last?.Name ?? "the end of the connection"}.",
            last?.Type == RecordType.Alert ? alert : "BP-8.1-3");
    }
}
