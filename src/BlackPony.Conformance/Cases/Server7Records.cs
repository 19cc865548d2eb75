using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <summary>Records, spec 7.</summary>
internal static class Server7Records
{
    public static IReadOnlyList<Case<ServerProbe>> Cases { get; } =
    [
        // ---------------------------------------------------------------- 7.1 format
        // [BP-7.1-2] A recipient MUST treat as a failure a length greater than `MaxInner` plus the suite's tag length, as soon as it has
        //   read the two octets.
        new("S-7.1-1", "A length above the limit gets an alert at its two octets",
            Must, Profile.Core, "BP-7.1-2", p => BadLengthAsync(p, Core, Limits.MaxInner + Limits.AeadTag + 1, 0xffff)),
        // [BP-7.1-3] A recipient MUST treat as a failure a length smaller than one plus the suite's tag length, as soon as it has read the
        //   two octets.
        new("S-7.1-2", "A length below the limit gets an alert at its two octets",
            Must, Profile.Core, "BP-7.1-3", p => BadLengthAsync(p, Core, 0, 1, Limits.AeadTag)),
        // [BP-7.1-6] A recipient MUST accept records split and joined in any way by the transport.
        new("S-7.1-3", "Records in single octets, and several in one segment, are accepted", Must, Profile.Core, "BP-7.1-6", async p =>
        {
            await p.UpgradeAsync();
            foreach (var line in (string[])["EHLO probe.test\r\n", "NOOP\r\n", "NOOP\r\n", "NOOP\r\n"])
            {
                foreach (byte octet in p.ProbeConnection.Seal(RecordType.Data, Encoding.ASCII.GetBytes(line)))
                    await p.ProbeConnection.SendRecordsAsync([octet]);

                await ExpectAsync(p, 250);
            }

            await p.ProbeConnection.SendRecordsAsync(p.ProbeConnection.Seal(RecordType.Data, "NOOP\r\n"u8),
                p.ProbeConnection.Seal(RecordType.Data, "NOOP\r\n"u8));
            await ExpectAsync(p, 250);
            await ExpectAsync(p, 250);
        }),
        // [BP-7.1-7] A recipient MUST accept SMTP lines split over and joined in data records in any way.
        new("S-7.1-4", "A line may be split over records, and records may hold several lines", Must, Profile.Core, "BP-7.1-7", async p =>
        {
            await p.UpgradeAsync();
            foreach (var part in (string[])["EH", "LO probe.test\r", "\nNO", "OP\r\nNOOP\r\nNOOP\r\n"])
                await p.ProbeConnection.SendInsideAsync(part);

            for (int i = 0; i < 4; i++)
                await ExpectAsync(p, 250);
        }),
        // [BP-7.1-2] A recipient MUST treat as a failure a length greater than `MaxInner` plus the suite's tag length, as soon as it has
        //   read the two octets.
        Greatest("S-7.1-5", Core, Profile.Core),
        // [BP-7.1-4] A recipient MUST find the type as the last octet of *inner* that is not zero.
        new("S-7.1-6", "The type is the last octet that is not zero, whatever the data ends with",
            Must, Profile.Core, "BP-7.1-4", async p =>
        {
            await p.UpgradeAsync();
            await p.ProbeConnection.SendRecordsAsync(p.ProbeConnection.SealInner([.. "EHLO probe.test\r\n"u8, 1]),
                p.ProbeConnection.SealInner([.. "NOOP\r\n"u8, 1, .. new byte[300]]));
            await ExpectAsync(p, 250);
            await ExpectAsync(p, 250);
        }),
        // [BP-7.1-5] A recipient MUST treat as a failure an *inner* of zero octets only.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("S-7.1-7", "An inner of zero octets only gets an alert", Must, Profile.Core, "BP-7.1-5 BP-8.3-1", async p =>
        {
            foreach (int length in (int[])[1, 256, Limits.MaxInner])
            {
                await p.InsideAsync();
                await p.ExpectFailureAtAsync(p.ProbeConnection.SealInner(new byte[length]));
                await p.ConnectAsync();
            }
        }),
        // [BP-7.1-8] A recipient MUST NOT deliver any octet of a record before the record's protection is verified.
        new("S-7.1-8", "Nothing of a record is delivered before it is verified", Must, Profile.Core, "BP-7.1-8", async p =>
        {
            // A server answers STARTTLS by itself: one that takes the octets as they come does so before it finds the record wrong.
            await p.InsideAsync();
            var record = p.ProbeConnection.Seal(RecordType.Data, "STARTTLS\r\n"u8);
            record[^1] ^= 1;
            foreach (var part in (byte[][])[record[..^1], record[^1..]])
                await p.ProbeConnection.SendRecordsAsync(part);

            await p.ProbeConnection.ExpectAlertAsync();
        }),
        // [BP-7.1-1] A sender MUST NOT make an *inner* longer than `MaxInner`, padding included.
        new("S-7.1-9", "The server's records keep to the greatest length", Must, Profile.Core, "BP-7.1-1", async p =>
        {
            await p.InsideAsync();
            await p.ProbeConnection.SendInsideAsync(string.Concat(Enumerable.Repeat("NOOP\r\n", 2000)));
            for (int i = 0; i < 2000; i++)
                await ExpectAsync(p, 250);
        }),
        // [BP-7.1-2] A recipient MUST treat as a failure a length greater than `MaxInner` plus the suite's tag length, as soon as it has
        //   read the two octets.
        Greatest("S-7.1-10", Classic, Profile.Classic),
        // [BP-7.1-2] A recipient MUST treat as a failure a length greater than `MaxInner` plus the suite's tag length, as soon as it has
        //   read the two octets.
        // [BP-7.1-3] A recipient MUST treat as a failure a length smaller than one plus the suite's tag length, as soon as it has read the
        //   two octets.
        new("S-7.1-11", "Lengths out of bounds get an alert in RSA-BLOWFISH, whose tag is longer", Must, Profile.Classic,
            "BP-7.1-2 BP-7.1-3", p => BadLengthAsync(p, Classic, Limits.MaxInner + Limits.HmacTag + 1, Limits.HmacTag)),

        // ---------------------------------------------------------------- 7.3 Blowfish protection
        // [BP-7.3-2] The tag MUST be the whole 32 octets of the HMAC.
        // [BP-7.3-3] A recipient MUST verify the tag, in constant time, before it decrypts.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("S-7.3-1", "A flipped bit anywhere in a Blowfish record gets the one alert",
            Must, Profile.Classic, "BP-7.3-2 BP-7.3-3 BP-8.3-1", async p =>
        {
            await FlipAsync(p, Classic, "BP-7.3-3", 0, 2, 100, 257);
            await FlipAsync(p, Classic, "BP-7.3-2", 258, 273, 289);
        }),

        // ---------------------------------------------------------------- 7.4 types
        // [BP-7.4-1] A recipient MUST ignore a record of type 128 to 255 anywhere after the sender's Finished.
        new("S-7.4-1", "Records of type 128 and above are ignored", Must, Profile.Core, "BP-7.4-1", async p =>
        {
            await p.UpgradeAsync();
            await p.ProbeConnection.SendRecordAsync((RecordType)128, "?"u8.ToArray());
            await p.ProbeConnection.SendRecordAsync((RecordType)255);
            await p.ProbeConnection.CommandInsideAsync("EHLO probe.test", 250);
            await p.EnvelopeInsideAsync();
            await p.ProbeConnection.CommandInsideAsync("DATA", 354);
            await p.ProbeConnection.SendInsideAsync("Subject: x\r\n");
            await p.ProbeConnection.SendRecordAsync((RecordType)200, "\r\n.\r\n"u8.ToArray());
            await p.ProbeConnection.CommandInsideAsync("\r\n.", 250);
        }),
        // [BP-7.4-2] A recipient MUST treat a record of type 7 to 127 as a failure.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("S-7.4-2", "A record of an unassigned type gets an alert", Must, Profile.Core, "BP-7.4-2 BP-8.3-1", async p =>
        {
            foreach (int type in (int[])[7, 50, 127])
            {
                await p.InsideAsync();
                await p.ExpectFailureAtAsync(p.ProbeConnection.Seal((RecordType)type, []));
                await p.ConnectAsync();
            }
        }),
        // [BP-7.4-3] A recipient MUST treat a rekey or close record that carries data as a failure.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("S-7.4-3", "A close or rekey that carries data gets an alert", Must, Profile.Core, "BP-7.4-3 BP-8.3-1", async p =>
        {
            foreach (var type in (RecordType[])[RecordType.Close, RecordType.Rekey])
            {
                await p.InsideAsync();
                var record = p.ProbeConnection.Seal(type, "x"u8);
                if (type == RecordType.Rekey)
                    p.ProbeConnection.NextKeys();

                await p.ExpectFailureAtAsync(record);
                await p.ConnectAsync();
            }
        }),
        // [BP-7.4-5] A recipient MUST treat as a failure more than `MaxIdleRecords` records in a row that are ignored, rekey, or data
        //   records without data.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("S-7.4-4", "More than 64 records in a row without data get an alert", Must, Profile.Core, "BP-7.4-5 BP-8.3-1", async p =>
        {
            await p.InsideAsync();
            for (int i = 0; i < Limits.MaxIdleRecords; i++)
            {
                await p.ProbeConnection.SendRecordAsync((i % 3) switch
                {
                    0 => RecordType.Data,
                    1 => (RecordType)128,
                    _ => (RecordType)200,
                });
            }

            await p.ExpectFailureAtAsync(p.ProbeConnection.Seal(RecordType.Data, []));
        }),
        // [BP-7.4-6] A recipient MUST count such records for each direction, whatever their kind, until a data record with data starts the
        //   count again, and over every rekey.
        new("S-7.4-6", "A rekey does not reset the count of records without data", Must, Profile.Core, "BP-7.4-6", async p =>
        {
            await p.InsideAsync();
            for (int i = 1; i < Limits.MaxIdleRecords; i++)
                await p.ProbeConnection.SendRecordAsync((RecordType)200);

            await p.ProbeConnection.RekeyAsync();
            await p.ExpectFailureAtAsync(p.ProbeConnection.Seal(RecordType.Data, []));
        }),
        // [BP-7.4-4] A recipient MUST accept a data record without data.
        new("S-7.4-5", "A data record without data is accepted, and 64 in a row are", Must, Profile.Core, "BP-7.4-4", async p =>
        {
            await p.InsideAsync();
            for (int i = 0; i < Limits.MaxIdleRecords; i++)
                await p.ProbeConnection.SendRecordAsync(RecordType.Data);

            await p.ProbeConnection.CommandInsideAsync("NOOP", 250);
            await p.ProbeConnection.SendRecordAsync(RecordType.Data);
            await p.ProbeConnection.CommandInsideAsync("NOOP", 250);
        }),

        // [BP-7.4-5] A recipient MUST treat as a failure more than `MaxIdleRecords` records in a row that are ignored, rekey, or data
        //   records without data.
        new("S-7.4-7", "Finished does not count as a record without data: 64 of those may follow",
            Must, Profile.Core, "BP-7.4-5", async p =>
        {
            await p.UpgradeAsync();
            await p.ProbeConnection.SendRecordsAsync(
                [.. Enumerable.Range(0, Limits.MaxIdleRecords)
                    .Select(i => p.ProbeConnection.Seal(i % 2 == 0 ? (RecordType)200 : RecordType.Data, []))]);
            await p.ProbeConnection.CommandInsideAsync("EHLO probe.test", 250);
        }),

        // ---------------------------------------------------------------- 7.5 padding
        // [BP-7.5-1] A sender SHOULD pad every record so that *inner* is a multiple of `PadTo` octets or `MaxInner`, whichever is smaller.
        new("S-7.5-1", "The server pads its records to multiples of 256", Should, Profile.Core, "BP-7.5-1", async p =>
        {
            await p.InsideAsync();
            await p.ProbeConnection.CommandInsideAsync("QUIT", 221);
            await p.ProbeConnection.NextAsync();
            That(p.ProbeConnection.Records.All(r => r.Inner % Limits.PadTo == 0 || r.Inner == Limits.MaxInner),
                $"Records come with inner lengths of {string.Join(", ", p.ProbeConnection.Records.Select(r => r.Inner))}.");
        }),
        // [BP-7.5-2] A recipient MUST accept any padding within `MaxInner`.
        new("S-7.5-2", "Any padding is accepted: none, one octet, the most possible", Must, Profile.Core, "BP-7.5-2", async p =>
        {
            await p.UpgradeAsync();
            await p.ProbeConnection.CommandInsideAsync("EHLO probe.test", 250);
            foreach (int inner in (int[])[7, 8, 255, 257, 1000, Limits.MaxInner])
            {
                await p.ProbeConnection.SendRecordAsync(RecordType.Data, "NOOP\r\n"u8.ToArray(), inner);
                await ExpectAsync(p, 250);
            }
        }),

        // ---------------------------------------------------------------- 7.6 rekey
        // [BP-7.6-4] A sender MAY send a rekey record at any time after its Finished.
        new("S-7.6-1", "Rekeying in the middle of a line loses nothing", Must, Profile.Core, "BP-7.6-4", async p =>
        {
            await p.UpgradeAsync();
            await p.ProbeConnection.SendInsideAsync("EHLO pro");
            await p.ProbeConnection.RekeyAsync();
            await p.ProbeConnection.SendInsideAsync("be.test\r\n");
            await ExpectAsync(p, 250);
            await p.ProbeConnection.RekeyAsync();
            await p.ProbeConnection.RekeyAsync();
            await p.ProbeConnection.CommandInsideAsync("NOOP", 250);
        }),
        // [BP-7.6-4] A sender MAY send a rekey record at any time after its Finished.
        new("S-7.6-2", "Rekeying works in RSA-BLOWFISH", Must, Profile.Classic, "BP-7.6-4", async p =>
        {
            await p.UpgradeAsync(Classic);
            await p.ProbeConnection.RekeyAsync();
            await p.ProbeConnection.CommandInsideAsync("EHLO probe.test", 250);
        }),
        // [BP-7.6-5] A recipient MUST NOT send a rekey record because it received one.
        new("S-7.6-3", "A rekey is not answered with one", Must, Profile.Core, "BP-7.6-5", async p =>
        {
            // A server may rekey of its own accord ([BP-7.6-4]): then it does so without the client's rekeys too.
            const int Rekeys = 10;
            int unasked = await CountAsync(rekeys: false);
            await p.ConnectAsync();
            int count = await CountAsync(rekeys: true);
            That(count < (unasked == 0 ? 1 : unasked + Rekeys),
                $"The server sent {count} rekey records where the client sent {Rekeys}, and {unasked} where the client sent none.");

            async Task<int> CountAsync(bool rekeys)
            {
                await p.InsideAsync();
                for (int i = 0; i < Rekeys; i++)
                {
                    if (rekeys)
                        await p.ProbeConnection.RekeyAsync();

                    await p.ProbeConnection.CommandInsideAsync("NOOP", 250);
                }

                return p.ProbeConnection.Records.Count(r => r.Type == RecordType.Rekey);
            }
        }),
        // [BP-6.2-3] A side MUST erase traffic[i] and its keys when it continues with traffic[i+1].
        new("S-7.6-4", "After a rekey record the old keys are no longer accepted", Must, Profile.Core, "BP-6.2-3", async p =>
        {
            await p.InsideAsync();
            await p.ProbeConnection.SendRecordAsync(RecordType.Rekey);
            await p.ProbeConnection.SendInsideAsync("NOOP\r\n");
            await p.ProbeConnection.ExpectAlertAsync();
        }),
        // [BP-7.6-2] A sender MUST send a rekey record before its Blowfish blocks under one traffic secret, the rekey record's included,
        //   are more than `BlowfishRekeyBlocks`, where a record counts as the length of its *inner* divided by 8, rounded up.
        new("S-7.6-5", "The server rekeys its Blowfish records in time", Must, Profile.Classic, "BP-7.6-2", async p =>
        {
            // The replies alone use up 2^20 blocks. A server that exceeds them fails where its records are opened.
            // The reply to HELP is long at many servers; RSET is the other command of no effect that may stand in a group (RFC 2920 3.1).
            const int Many = 256;
            await p.InsideAsync(Classic);
            await p.ProbeConnection.SendInsideAsync("HELP\r\n");
            var help = await p.ProbeConnection.ReplyInsideAsync();
            var command = help.Code / 100 == 2 ? "HELP\r\n" : "RSET\r\n";
            var commands = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(command, Many)));
            var records = p.ProbeConnection.Records;
            for (int seen = 0; records.FindIndex(seen, r => r.Type == RecordType.Rekey) < 0;)
            {
                seen = records.Count;
                await p.ProbeConnection.SendRecordAsync(RecordType.Data, commands);
                for (int i = 0; i < Many; i++)
                {
                    if ((await p.ProbeConnection.ReplyInsideAsync()).Code == 421)
                        throw new NotApplicableException("The server ends a session of so many commands.");
                }
            }
        })
        { RunsAlone = true },
        // [BP-7.6-3] A recipient MUST treat a record that exceeds these limits as a failure when it has come whole.
        new("S-7.6-6", "More than 2^20 Blowfish blocks under one traffic secret get an alert", Must, Profile.Classic, "BP-7.6-3", async p =>
        {
            await p.InsideAsync(Classic);
            await p.EnvelopeInsideAsync();
            await p.ProbeConnection.CommandInsideAsync("DATA", 354);
            // Little data and much padding: the blocks of both count, and only the data is work for the mail server.
            var line = "Blowfish\r\n"u8.ToArray();
            const int Greatest = (Limits.MaxInner + 7) / 8;
            long left = Limits.BlowfishRekeyBlocks - (5 * Limits.PadTo / 8);
            for (; left > 2 * Greatest; left -= Greatest)
                await p.ProbeConnection.SendRecordAsync(RecordType.Data, line, Limits.MaxInner);

            // The last two blocks' worth of records end the message at the limit itself, and are taken.
            await p.ProbeConnection.SendRecordAsync(RecordType.Data, "\r\n"u8.ToArray(), 8 * (int)(left / 2));
            await p.ProbeConnection.SendRecordAsync(RecordType.Data, ".\r\n"u8.ToArray(), 8 * (int)(left - (left / 2)));
            var reply = await p.ProbeConnection.ReplyInsideAsync();
            That(reply.Code == 250, $"After 2^20 blocks, all of them within the limit, came {Show(reply.Lines[0])}.");
            await p.ExpectFailureAtAsync(p.ProbeConnection.Seal(RecordType.Data, "NOOP\r\n"u8));
        })
        { RunsAlone = true },
    ];

    private static async Task ExpectAsync(ServerProbe p, int code)
    {
        var reply = await p.ProbeConnection.ReplyInsideAsync();
        That(reply.Code == code, $"Expected {code}, got {Show(reply.Lines[^1])}.");
    }

    private static Case<ServerProbe> Greatest(string id, string suite, Profile profile) =>
        new(id, $"A record of the greatest size is accepted ({suite})", Must, profile, "BP-7.1-2", async p =>
        {
            await p.InsideAsync(suite);
            await p.EnvelopeInsideAsync();
            await p.ProbeConnection.CommandInsideAsync("DATA", 354);
            var text = new StringBuilder();
            while (text.Length < Limits.MaxData)
                text.Append("0123456789012345678901234567890123456789\r\n");

            await p.ProbeConnection.SendInsideAsync(text.ToString()[..Limits.MaxData]);
            await p.ProbeConnection.CommandInsideAsync("\r\n.", 250);
        });

    private static async Task BadLengthAsync(ServerProbe p, string suite, params int[] lengths)
    {
        foreach (int length in lengths)
        {
            await p.InsideAsync(suite);
            await p.ProbeConnection.SendRecordsAsync([(byte)(length >> 8), (byte)length]);

            // A server that waits for the rest sees a truncated session, which is no failure and gets no alert (spec 8.2).
            p.ProbeConnection.EndDirection();
            var requirement = length > Limits.MaxInner ? "BP-7.1-2" : "BP-7.1-3";
            await p.ProbeConnection.ExpectAlertAsync(requirement, requirement);
            await p.ConnectAsync();
        }
    }

    // A server that skips the record answers what follows it; one that takes it answers twice.
    internal static async Task FlipAsync(ServerProbe p, string suite, string taken, params int[] octets)
    {
        foreach (int at in octets)
        {
            await p.InsideAsync(suite);
            var record = p.ProbeConnection.Seal(RecordType.Data, "NOOP\r\n"u8);
            record[at] ^= (byte)(at == 0 ? 0x40 : 1);
            await p.ProbeConnection.SendRecordsAsync(record, p.ProbeConnection.Seal(RecordType.Data, "NOOP\r\nQUIT\r\n"u8));
            var (lines, end) = await p.ProbeConnection.ToTheEndAsync();
            That(lines.Count == 0, $"With octet {at} of the record flipped came {lines.Count} replies: {Show(string.Join("\r\n", lines))}.",
                lines.Count == 2 ? "BP-8.3-3" : taken);
            await ExpectAlertAsync(p, end);
            await p.ConnectAsync();
        }
    }

    /// <summary>The alert of a session that ended with this record.</summary>
    internal static async Task ExpectAlertAsync(ServerProbe p, Incoming? end)
    {
        That(end?.Type == RecordType.Alert, $"Expected an alert, got {end?.Name ?? "the end of the connection"}.", "BP-8.3-1");
        That(end!.Data is [1], $"The alert's data is {Convert.ToHexStringLower(end.Data)}, not the one octet 1.", "BP-8.3-2");
        await p.ProbeConnection.ExpectNothingAsync("Something follows the alert.", "BP-8.3-1");
    }
}
