using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <summary>Closing and alerts, spec 8.</summary>
internal static class Server8Closing
{
    public static IReadOnlyList<Case<ServerProbe>> Cases { get; } =
    [
        // ---------------------------------------------------------------- 8.1 close
        // [BP-8.1-5] A server that sent a 221 or 421 reply MUST send its close after the data record that ends that reply, with nothing but
        //   a rekey record between them.
        // [BP-8.1-1] A side MUST send a close record before it closes the connection, unless it sends or has received an alert, the session
        //   is truncated, or it is a client that has not verified the server's Finished.
        // [BP-8.1-2] A side MUST NOT send any record after its close.
        // [BP-8.1-9] A side that closes the connection MUST end its own direction first, and then read and discard what still comes, until
        //   the peer ends its direction or `LingerTimeout` has gone by.
        new("S-8.1-1", "After 221 comes a close record, and no other", Must, Profile.Core, "BP-8.1-5 BP-8.1-1 BP-8.1-2 BP-8.1-9", async p =>
        {
            await p.InsideAsync();
            await p.ProbeConnection.CommandInsideAsync("QUIT", 221);
            await p.ProbeConnection.ExpectCloseAsync();
            await p.ProbeConnection.SendRecordAsync(RecordType.Close);
            await p.ProbeConnection.ExpectNothingAsync("Something follows the close.", "BP-8.1-2", "BP-8.1-9");
        }),
        // [BP-8.1-3] A side that receives a close MUST send its own close, if it has not yet, and then close the connection; it need not
        //   send the replies that it still owes.
        // [BP-8.1-2] A side MUST NOT send any record after its close.
        // [BP-8.1-9] A side that closes the connection MUST end its own direction first, and then read and discard what still comes, until
        //   the peer ends its direction or `LingerTimeout` has gone by.
        new("S-8.1-2", "A client's close is answered with a close and the end of the connection",
            Must, Profile.Core, "BP-8.1-3 BP-8.1-2 BP-8.1-9", async p =>
        {
            await p.InsideAsync();
            await p.ProbeConnection.SendRecordAsync(RecordType.Close);
            var record = await p.ProbeConnection.NextAsync();
            That(record?.Type == RecordType.Close, $"The close is answered with {record?.Name ?? "the end of the connection"}.");
            await p.ProbeConnection.ExpectNothingAsync("Something follows the close.", "BP-8.1-2", "BP-8.1-9");
        }),
        // [BP-8.1-4] A recipient MUST ignore every octet that follows a close record.
        // [BP-8.1-3] A side that receives a close MUST send its own close, if it has not yet, and then close the connection; it need not
        //   send the replies that it still owes.
        // [BP-8.1-9] A side that closes the connection MUST end its own direction first, and then read and discard what still comes, until
        //   the peer ends its direction or `LingerTimeout` has gone by.
        new("S-8.1-3", "What follows a client's close is ignored", Must, Profile.Core, "BP-8.1-4 BP-8.1-3 BP-8.1-9", async p =>
        {
            await p.InsideAsync();
            var close = p.ProbeConnection.Seal(RecordType.Close, []);
            var noop = p.ProbeConnection.Seal(RecordType.Data, "NOOP\r\n"u8);
            await p.ProbeConnection.SendRecordsAsync(close, noop, [0xff, 0xff, 0, 1, 2, 3]);
            var record = await p.ProbeConnection.NextAsync();
            That(record?.Type == RecordType.Close,
                $"The close with octets after it is answered with {record?.Name ?? "the end of the connection"}.",
                record is null ? "BP-8.1-3" : null);
            await p.ProbeConnection.ExpectNothingAsync("The octets after the close are answered.", reset: "BP-8.1-9");
        }),
        // [BP-10.3-6] A relay whose backend ends the connection inside MUST send its close after what the backend sent, with a 421 reply
        //   before it unless the backend's last complete reply was 221 or 421.
        // [BP-8.1-1] A side MUST send a close record before it closes the connection, unless it sends or has received an alert, the session
        //   is truncated, or it is a client that has not verified the server's Finished.
        // [BP-8.1-5] A server that sent a 221 or 421 reply MUST send its close after the data record that ends that reply, with nothing but
        //   a rekey record between them.
        new("S-8.1-4", "A server whose mail server ends the session says 421 and sends its close",
            Must, Profile.Core, "BP-10.3-6 BP-8.1-1 BP-8.1-5", async p =>
        {
            await p.ConnectAsync();
            await p.InsideAsync();
            p.Backend.Answer = (_, line) => line == "NOOP" ? "\0" : null;
            await p.ProbeConnection.SendInsideAsync("NOOP\r\n");
            var reply = await p.ProbeConnection.ReplyInsideAsync();
            That(reply.Code == 421, $"The client gets {Show(reply.Lines[0])}.");
            await p.ProbeConnection.ExpectCloseAsync();
        })
        { Needs = Needs.Backend },
        // [BP-8.1-6] A side that sent its close MUST read on, discard data, and close the connection when the peer's close, an alert, a
        //   failure or the peer's end has come, at the latest `CloseTimeout` later; it may end its own direction before.
        new("S-8.1-5", "After its close the server waits for the client's no longer than CloseTimeout",
            Must, Profile.Timeouts, "BP-8.1-6", async p =>
        {
            await p.InsideAsync();
            await p.ProbeConnection.CommandInsideAsync("QUIT", 221);
            await p.ProbeConnection.ExpectCloseAsync();
            await p.WithinAsync(nameof(Limits.CloseTimeout), p.ProbeConnection.DrainAsync(),
                "The connection stays open after the server's close.");
        })
        { Needs = Needs.Timeouts },
        // [BP-8.1-5] A server that sent a 221 or 421 reply MUST send its close after the data record that ends that reply, with nothing but
        //   a rekey record between them.
        // [BP-8.1-1] A side MUST send a close record before it closes the connection, unless it sends or has received an alert, the session
        //   is truncated, or it is a client that has not verified the server's Finished.
        // [BP-8.1-2] A side MUST NOT send any record after its close.
        // [BP-8.1-8] A server MUST NOT reply to anything that a client sends after QUIT.
        // [BP-8.1-9] A side that closes the connection MUST end its own direction first, and then read and discard what still comes, until
        //   the peer ends its direction or `LingerTimeout` has gone by.
        new("S-8.1-7", "What is pipelined after QUIT changes nothing: the 221, the close, and no more",
            Must, Profile.Core, "BP-8.1-5 BP-8.1-1 BP-8.1-2 BP-8.1-8 BP-8.1-9", async p =>
        {
            await p.InsideAsync();
            await p.ProbeConnection.SendInsideAsync("QUIT\r\nNOOP\r\nNOOP\r\n");
            var reply = await p.ProbeConnection.ReplyInsideAsync();
            That(reply.Code == 221, $"QUIT is answered with {Show(reply.Lines[0])}.");
            await p.ProbeConnection.ExpectCloseAsync("BP-8.1-8");
            await p.ProbeConnection.SendRecordAsync(RecordType.Close);
            await p.ProbeConnection.ExpectNothingAsync("Something follows the close.", "BP-8.1-2", "BP-8.1-9");
        }),
        // [BP-8.1-7] A server MUST send 421, and inside its close, and close the connection when `IdleTimeout` or `ContinuationTimeout` has
        //   gone by.
        // [BP-8.1-1] A side MUST send a close record before it closes the connection, unless it sends or has received an alert, the session
        //   is truncated, or it is a client that has not verified the server's Finished.
        new("S-8.1-8", "A client that is silent for IdleTimeout gets 421 and the end, inside with a close",
            Must, Profile.Timeouts, "BP-8.1-7 BP-8.1-1", async p =>
        {
            await p.EhloAsync();
            await p.WithinAsync(nameof(Limits.IdleTimeout), p.ProbeConnection.ExpectAsync(421), "No 421 comes.");
            await p.ProbeConnection.ExpectClosedAsync("The connection stays open.");
            await p.ConnectAsync();
            await p.InsideAsync();
            await p.WithinAsync(nameof(Limits.IdleTimeout), InsideAsync(), "No 421 comes inside.");

            async Task InsideAsync()
            {
                var reply = await p.ProbeConnection.ReplyInsideAsync();
                That(reply.Code == 421, $"Inside a silent client gets {Show(reply.Lines[0])}.");
                await p.ProbeConnection.ExpectCloseAsync();
            }
        })
        { Needs = Needs.Timeouts },
        // [BP-8.1-7] A server MUST send 421, and inside its close, and close the connection when `IdleTimeout` or `ContinuationTimeout` has
        //   gone by.
        new("S-8.1-9", "A client that does not send its continuation gets 421 and the end", Must, Profile.Timeouts, "BP-8.1-7", async p =>
        {
            await p.NeedAsync(Classic);
            await p.ProbeConnection.CommandAsync(p.Command(Classic), 334);
            await p.WithinAsync(nameof(Limits.ContinuationTimeout), p.ProbeConnection.ExpectAsync(421), "No 421 comes.");
            await p.ProbeConnection.ExpectClosedAsync("The connection stays open.");
        })
        { Needs = Needs.Timeouts },
        // [BP-8.1-7] A server MUST send 421, and inside its close, and close the connection when `IdleTimeout` or `ContinuationTimeout` has
        //   gone by.
        new("S-8.1-10", "The single octets of a command or continuation do not prolong the time-out",
            Must, Profile.Timeouts, "BP-8.1-7", async p =>
        {
            await p.EhloAsync();
            await p.WithinDrippingAsync(nameof(Limits.IdleTimeout), Slow(), p.ProbeConnection.ExpectAsync(421),
                "No 421 comes while the client sends a command octet by octet.");
            await p.ConnectAsync();
            await p.NeedAsync(Classic);
            await p.ProbeConnection.CommandAsync(p.Command(Classic), 334);
            await p.WithinDrippingAsync(nameof(Limits.ContinuationTimeout), Slow(), p.ProbeConnection.ExpectAsync(421),
                "No 421 comes while the client sends a continuation octet by octet.");

            static byte[] Slow() => System.Text.Encoding.ASCII.GetBytes("NOOP " + new string('x', 400));
        })
        { Needs = Needs.Timeouts },

        // [BP-8.1-9] A side that closes the connection MUST end its own direction first, and then read and discard what still comes, until
        //   the peer ends its direction or `LingerTimeout` has gone by.
        // [BP-4.4-4] A server that finds octets after the command's CRLF, or after the continuation's, in its buffer MUST reply 503 and
        //   close the connection, without processing those octets.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        // [BP-8.1-2] A side MUST NOT send any record after its close.
        new("S-8.1-11", "After the server has ended the connection it still reads: what comes then is not answered with a reset",
            Must, Profile.Core, "BP-8.1-9 BP-4.4-4 BP-8.3-1 BP-8.1-2", async p =>
        {
            await p.InsideAsync();
            await p.ProbeConnection.CommandInsideAsync("QUIT", 221);
            await p.ProbeConnection.ExpectCloseAsync();
            await p.ProbeConnection.SendRecordAsync(RecordType.Close);
            await p.ProbeConnection.ExpectNothingAsync("Something follows the close.", "BP-8.1-2", "BP-8.1-9");
            await p.ProbeConnection.ExpectLingersAsync();
            await p.ConnectAsync();
            await p.NeedAsync(Core);
            await p.ProbeConnection.CommandAsync($"{p.Command(Core)}\r\nNOOP", 503, "BP-4.4-4");
            await p.ProbeConnection.ExpectClosedAsync("The connection stays open.", "BP-4.4-4");
            await p.ProbeConnection.ExpectLingersAsync();
            await p.ConnectAsync();
            await p.InsideAsync();
            await p.ProbeConnection.SendRecordAsync((RecordType)100);
            await p.ProbeConnection.ExpectAlertAsync();
            await p.ProbeConnection.ExpectLingersAsync();
        }),

        // ---------------------------------------------------------------- 8.2 truncation
        // [BP-8.2-1] A side that sees the connection end before the peer's close MUST treat the session as truncated.
        // [BP-8.2-2] A server MUST NOT accept, queue or pass on as complete a message whose end had not arrived in verified records,
        //   however the session ended.
        new("S-8.2-1", "A message whose session is cut before its last dot is not delivered",
            Must, Profile.Core, "BP-8.2-1 BP-8.2-2", async p =>
        {
            await p.ConnectAsync();
            await p.InsideAsync();
            await p.EnvelopeInsideAsync();
            await p.ProbeConnection.CommandInsideAsync("DATA", 354);
            await p.ProbeConnection.SendInsideAsync("Subject: cut\r\n\r\nhalf\r\n");
            p.ProbeConnection.EndDirection();
            await TruncatedAsync(p);
            await EndedAsync(p);
        })
        { Needs = Needs.Backend },
        // [BP-8.2-2] A server MUST NOT accept, queue or pass on as complete a message whose end had not arrived in verified records,
        //   however the session ended.
        new("S-8.2-2", "A last dot in a record that does not verify ends no message", Must, Profile.Core, "BP-8.2-2", async p =>
        {
            await p.ConnectAsync();
            await p.InsideAsync();
            await p.EnvelopeInsideAsync();
            await p.ProbeConnection.CommandInsideAsync("DATA", 354);
            await p.ProbeConnection.SendInsideAsync("Subject: forged\r\n\r\nhalf\r\n");
            var record = p.ProbeConnection.Seal(RecordType.Data, ".\r\n"u8);
            record[^1] ^= 0x80;
            await p.ProbeConnection.SendRecordsAsync(record);
            await p.ProbeConnection.ExpectAlertAsync();
            await EndedAsync(p);
        })
        { Needs = Needs.Backend },
        // [BP-8.2-2] A server MUST NOT accept, queue or pass on as complete a message whose end had not arrived in verified records,
        //   however the session ended.
        new("S-8.2-3", "A close within a message ends no message", Must, Profile.Core, "BP-8.2-2", async p =>
        {
            await p.ConnectAsync();
            await p.InsideAsync();
            await p.EnvelopeInsideAsync();
            await p.ProbeConnection.CommandInsideAsync("DATA", 354);
            await p.ProbeConnection.SendInsideAsync("Subject: closed\r\n\r\nhalf\r\n");
            await p.ProbeConnection.SendRecordAsync(RecordType.Close);
            await p.ProbeConnection.DrainAsync();
            await EndedAsync(p);
        })
        { Needs = Needs.Backend },
        // [BP-8.2-1] A side that sees the connection end before the peer's close MUST treat the session as truncated.
        // [BP-7.1-8] A recipient MUST NOT deliver any octet of a record before the record's protection is verified.
        new("S-8.2-4", "A FIN within a record delivers nothing of it", Must, Profile.Core, "BP-8.2-1 BP-7.1-8", async p =>
        {
            await p.ConnectAsync();
            await p.InsideAsync();
            await p.EnvelopeInsideAsync();
            await p.ProbeConnection.CommandInsideAsync("DATA", 354);
            await p.ProbeConnection.SendInsideAsync("Subject: cut\r\n\r\n");
            var record = p.ProbeConnection.Seal(RecordType.Data, "all\r\n.\r\n"u8);
            await p.ProbeConnection.SendRecordsAsync(record[..^1]);
            p.ProbeConnection.EndDirection();
            await TruncatedAsync(p);
            await EndedAsync(p, "BP-7.1-8");
        })
        { Needs = Needs.Backend },

        // [BP-8.2-2] A server MUST NOT accept, queue or pass on as complete a message whose end had not arrived in verified records,
        //   however the session ended.
        // [BP-8.2-1] A side that sees the connection end before the peer's close MUST treat the session as truncated.
        new("S-8.2-5", "However a session ends within a message, the server has not accepted it; a later whole one it has",
            Must, Profile.Core, "BP-8.2-2 BP-8.2-1", async p =>
        {
            var halves = new Dictionary<string, Func<Task>>
            {
                ["the end of the connection"] = () => Task.CompletedTask,
                ["a reset"] = () =>
                {
                    p.ProbeConnection.Reset();
                    return Task.CompletedTask;
                },
                ["a close"] = () => p.ProbeConnection.SendRecordAsync(RecordType.Close),
                ["an alert"] = () => p.ProbeConnection.SendRecordAsync(RecordType.Alert, new byte[] { 1 }),
                ["a last dot in a record that does not verify"] = () => p.ProbeConnection.SendRecordsAsync(Dot(^1, 0x80)),
                ["a last dot in a record that is cut"] = () => p.ProbeConnection.SendRecordsAsync(Dot(^1, 0)[..^1]),
                ["a last dot in plaintext"] = () => p.ProbeConnection.SendRecordsAsync("\r\n.\r\n"u8.ToArray()),
                ["a last dot in an ignored record"] = () => p.ProbeConnection.SendRecordAsync((RecordType)200, "\r\n.\r\n"u8.ToArray()),
                ["a line with a bare LF and a dot"] = () => p.ProbeConnection.SendInsideAsync("half\n.\n"),
            };
            var markers = new Dictionary<string, string>();
            foreach (var (how, end) in halves)
            {
                var half = markers[how] = p.Marker();
                await p.InsideAsync();
                await p.EnvelopeInsideAsync();
                await p.ProbeConnection.CommandInsideAsync("DATA", 354);
                await p.ProbeConnection.SendInsideAsync($"Subject: {half}\r\n\r\nhalf\r\n");
                await end();
                if (how != "a reset")
                {
                    p.ProbeConnection.EndDirection();
                    await p.ProbeConnection.DrainAsync();
                }

                await p.ConnectAsync();
            }

            await NotAcceptedAsync(p, markers);

            byte[] Dot(Index at, byte flip)
            {
                var record = p.ProbeConnection.Seal(RecordType.Data, ".\r\n"u8);
                record[at] ^= flip;
                return record;
            }
        })
        { Needs = Needs.Mailbox },
        // [BP-8.2-2] A server MUST NOT accept, queue or pass on as complete a message whose end had not arrived in verified records,
        //   however the session ended.
        new("S-8.2-6", "However a session ends within a message in chunks, the server has not accepted it", Must, Profile.Core, "BP-8.2-2",
            async p =>
        {
            const string Chunk = "half\r\n";
            var markers = new Dictionary<string, string>();
            foreach (var (how, last) in new[]
            {
                ("a chunk that is not the last one", $"BDAT {Chunk.Length}\r\n{Chunk}"),
                ("a part of the last chunk", $"BDAT {Chunk.Length + 1} LAST\r\n{Chunk}"),
            })
            {
                foreach (bool closes in (bool[])[false, true])
                {
                    var half = p.Marker();
                    markers[how + (closes ? ", and a close" : "")] = half;
                    if (!(await p.InsideAsync()).HasKeyword("CHUNKING"))
                        throw new NotApplicableException("The server does not offer CHUNKING (RFC 3030).");

                    await p.EnvelopeInsideAsync();
                    var head = $"Subject: {half}\r\n";
                    await p.ProbeConnection.CommandInsideAsync($"BDAT {head.Length + 2}\r\n{head}", 250);
                    await p.ProbeConnection.SendInsideAsync(last);
                    if (closes)
                        await p.ProbeConnection.SendRecordAsync(RecordType.Close);

                    p.ProbeConnection.EndDirection();
                    await p.ProbeConnection.DrainAsync();
                    await p.ConnectAsync();
                }
            }

            await NotAcceptedAsync(p, markers);
        })
        { Needs = Needs.Mailbox },

        // ---------------------------------------------------------------- 8.3 failures and the alert
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        // [BP-8.3-2] The alert's data MUST be the one octet 1, whatever the failure was.
        // [BP-8.3-3] A side MUST NOT process any octet that follows the failure.
        // [BP-8.3-5] A side MUST NOT deliver to its SMTP layer anything of the record that failed.
        new("S-8.3-1", "A flipped bit anywhere in a record gets the one alert, and what follows is not read", Must, Profile.Core,
            "BP-8.3-1 BP-8.3-2 BP-8.3-3 BP-8.3-5", p => Server7Records.FlipAsync(p, Core, "BP-8.3-5", 0, 2, 5, 100, 257, 258, 273)),
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        // [BP-8.3-3] A side MUST NOT process any octet that follows the failure.
        // [BP-7.2-1] The nonce MUST be the 12-octet *iv* XORed with *seq* as a big-endian 64-bit number, padded on the left with four zero
        //   octets.
        Fails("S-8.3-2", "A repeated record gets the one alert",
            "BP-8.3-1 BP-8.3-3 BP-7.2-1", (noop, quit) => [noop, noop, quit], answers: 1, taken: 4),
        // [BP-8.3-4] A side that receives an alert, whatever its data, MUST close the connection without an alert or a close of its own.
        new("S-8.3-3", "A client's alert ends the connection without another record, whatever its data",
            Must, Profile.Core, "BP-8.3-4", async p =>
        {
            foreach (var data in (byte[][])[[1], [], [2, 40], [0]])
            {
                await p.InsideAsync();
                await p.ProbeConnection.SendRecordAsync(RecordType.Alert, data);

                // A rekey, or what is ignored, may have been under way.
                That(await p.ProbeConnection.NextAsync() is null, "Something follows the client's alert.");
                p.ProbeConnection.ExpectNoReset();
                await p.ConnectAsync();
            }
        }),
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        // [BP-7.2-1] The nonce MUST be the 12-octet *iv* XORed with *seq* as a big-endian 64-bit number, padded on the left with four zero
        //   octets.
        Fails("S-8.3-4", "A record that is missing gets the one alert", "BP-8.3-1 BP-7.2-1", (_, quit) => [quit], answers: 0, taken: 2),
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        // [BP-8.3-3] A side MUST NOT process any octet that follows the failure.
        // [BP-7.2-1] The nonce MUST be the 12-octet *iv* XORed with *seq* as a big-endian 64-bit number, padded on the left with four zero
        //   octets.
        Fails("S-8.3-5", "Records in another order get the one alert",
            "BP-8.3-1 BP-8.3-3 BP-7.2-1", (noop, quit) => [noop, quit], answers: 0, taken: 3, turned: true),
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        // [BP-8.3-3] A side MUST NOT process any octet that follows the failure.
        Fails("S-8.3-6", "A record from elsewhere gets the one alert",
            "BP-8.3-1 BP-8.3-3", (noop, quit) => [noop, [0, 0x20, .. new byte[32]], quit], answers: 1, taken: 4),
        // [BP-6.3-6] A side MUST treat as a failure (Section 8.3) a first record of another type than finished or alert.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("S-8.3-7", "The first record cut away makes the session fail (Terrapin)", Must, Profile.Core, "BP-6.3-6 BP-8.3-1", async p =>
        {
            await p.SwitchAsync(Core);
            await p.TakeFinishedAsync();
            p.ProbeConnection.Seal(RecordType.Finished, p.ProbeConnection.Keys.Finished(Role.Client));
            await p.ProbeConnection.SendInsideAsync("EHLO probe.test\r\n");
            await p.ProbeConnection.ExpectAlertAsync();
        }),
        // [BP-8.3-7] A side MUST NOT continue in plaintext in a connection in which records began.
        // [BP-8.3-3] A side MUST NOT process any octet that follows the failure.
        new("S-8.3-8", "The session does not go on in plaintext after a failure", Must, Profile.Core, "BP-8.3-7 BP-8.3-3", async p =>
        {
            await p.InsideAsync();
            p.ProbeConnection.PlaintextViolates = _ => "BP-8.3-7";
            await p.ProbeConnection.SendRecordsAsync([0, 0], "NOOP\r\nQUIT\r\n"u8.ToArray());
            await p.ProbeConnection.ExpectAlertAsync("BP-8.3-3");
        }),
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        // [BP-8.3-3] A side MUST NOT process any octet that follows the failure.
        new("S-8.3-10", "However much is unread after a failure, the alert arrives, and the connection ends with FIN",
            Must, Profile.Core, "BP-8.3-1 BP-8.3-3", async p =>
        {
            await p.InsideAsync();
            await p.ProbeConnection.SendRecordsAsync([0, 0], new byte[100_000]);
            await p.ProbeConnection.ExpectAlertAsync();
        }),
        // [BP-8.3-6] A side SHOULD use the same alert after the same processing for every failure of a record that has come whole, so that
        //   neither content nor time tells which check failed.
        new("S-8.3-9", "Every failure gets the same alert, of the same size", Should, Profile.Core, "BP-8.3-6", async p =>
        {
            var sizes = new List<int>();
            Func<ServerProbe, byte[]>[] failures =
            [
                q => Flip(q.ProbeConnection.Seal(RecordType.Data, "NOOP\r\n"u8)),
                q => q.ProbeConnection.SealInner(new byte[256]),
                q => q.ProbeConnection.Seal((RecordType)100, []),
                q => q.ProbeConnection.Seal(RecordType.Ident, new byte[96]),
            ];
            foreach (var failure in failures)
            {
                await p.InsideAsync();
                await p.ProbeConnection.SendRecordsAsync(failure(p));
                await p.ProbeConnection.ExpectAlertAsync();
                sizes.Add(p.ProbeConnection.Records[^1].Inner);
                await p.ConnectAsync();
            }

            That(sizes.Distinct().Count() == 1, $"The alerts' inner lengths are {string.Join(", ", sizes)}.");

            static byte[] Flip(byte[] record)
            {
                record[^1] ^= 1;
                return record;
            }
        }),
    ];

    // The mail server's session has ended, and it kept no message.
    private static async Task EndedAsync(ServerProbe p, string whole = "BP-8.2-2")
    {
        var session = (await p.BackendSessionsAsync(2))[^1];
        await p.ExpectEndAsync(session.Ended, "The mail server's connection stays open.", "BP-10.3-7");

        That(p.Backend.Messages.IsEmpty, "The mail server got a whole message.", whole);
    }

    // The end of a connection is no close, and is not answered as one.
    private static async Task TruncatedAsync(ServerProbe p)
    {
        while (await p.ProbeConnection.RecordAsync() is { } record)
            That(record.Type != RecordType.Close, "The end of the connection is answered with a close.", "BP-8.2-1");
    }

    // So many answers are due. A server that takes the record that is out of its order gives more than one that only steps over it;
    // QUIT ends the session of both.
    private static Case<ServerProbe> Fails(string id, string title, string requirements, Func<byte[], byte[], byte[][]> send, int answers,
        int taken, bool turned = false) => new(id, title, Must, Profile.Core, requirements, async p =>
    {
        await p.InsideAsync();
        byte[] Quit() => p.ProbeConnection.Seal(RecordType.Data, "NOOP\r\nQUIT\r\n"u8);
        byte[] Noop() => p.ProbeConnection.Seal(RecordType.Data, "NOOP\r\n"u8);
        var (first, second) = turned ? (Quit(), Noop()) : (Noop(), Quit());
        await p.ProbeConnection.SendRecordsAsync(turned ? send(second, first) : send(first, second));
        var (lines, end) = await p.ProbeConnection.ToTheEndAsync();
        That(lines.Count <= answers,
            $"{lines.Count} replies came, and no more than {answers} were due: {Show(string.Join("\r\n", lines))}.",
            lines.Count >= taken ? "BP-7.2-1" : "BP-8.3-3");
        await Server7Records.ExpectAlertAsync(p, end);
    });

    // What the mailbox shows of a later message it would show of these too.
    private static async Task NotAcceptedAsync(ServerProbe p, Dictionary<string, string> markers)
    {
        var whole = p.Marker();
        await p.InsideAsync();
        await p.DeliverInsideAsync($"Subject: {whole}\r\n\r\nwhole\r\n");
        var mail = await p.MailAsync(whole);
        foreach (var (how, half) in markers)
            That(!mail.Contains(half, StringComparison.Ordinal), $"The server has accepted a message whose end is {how}.");
    }
}
