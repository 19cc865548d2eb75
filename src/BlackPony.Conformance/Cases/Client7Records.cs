using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Cases.Client4Negotiation;
using static BlackPony.Conformance.Cases.Client6Keys;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <summary>Records, spec 7.</summary>
internal static class Client7Records
{
    public static IReadOnlyList<Case<ClientProbe>> Cases { get; } =
    [
        // ---------------------------------------------------------------- 7.1 format
        // [BP-7.1-1] A sender MUST NOT make an *inner* longer than `MaxInner`, padding included.
        new("C-7.1-1", "A message of several megabytes comes in records of no more than the greatest length",
            Must, Profile.Core, "BP-7.1-1", async p =>
        {
            p.Next = p.Next with { Message = Big(3_000_000) };
            await p.CarryAsync(CoreOffer);
            await p.ExpectAsync(delivered: true);
        }),
        // [BP-7.1-2] A recipient MUST treat as a failure a length greater than `MaxInner` plus the suite's tag length, as soon as it has
        //   read the two octets.
        After("C-7.1-2", "A length above the limit gets an alert at its two octets", "BP-7.1-2", _ => [[0x40, 0x12]], part: true),
        // [BP-7.1-3] A recipient MUST treat as a failure a length smaller than one plus the suite's tag length, as soon as it has read the
        //   two octets.
        After("C-7.1-3", "A length below the limit gets an alert at its two octets", "BP-7.1-3", _ => [[0x00, 0x10]], part: true),
        // [BP-7.1-6] A recipient MUST accept records split and joined in any way by the transport.
        Says("C-7.1-4", "Records in single octets are accepted", "BP-7.1-6", async (wire, text) =>
        {
            foreach (byte octet in wire.Seal(RecordType.Data, Encoding.Latin1.GetBytes(text)))
                await wire.SendRecordsAsync([octet]);
        }),
        // [BP-7.1-7] A recipient MUST accept SMTP lines split over and joined in data records in any way.
        Says("C-7.1-9", "Replies split over records are accepted", "BP-7.1-7", async (wire, text) =>
        {
            foreach (var part in text.Chunk(3))
                await wire.SendRecordAsync(RecordType.Data, Encoding.Latin1.GetBytes(part));
        }),
        // [BP-7.1-4] A recipient MUST find the type as the last octet of *inner* that is not zero.
        Says("C-7.1-5", "The type is the last octet that is not zero",
            "BP-7.1-4", (wire, text) => wire.SendRecordsAsync(wire.SealInner([.. Encoding.Latin1.GetBytes(text), 1]))),
        // [BP-7.1-5] A recipient MUST treat as a failure an *inner* of zero octets only.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        After("C-7.1-6", "An inner of zero octets only gets an alert", "BP-7.1-5 BP-8.3-1", w => [w.SealInner(new byte[256])]),
        // [BP-7.1-8] A recipient MUST NOT deliver any octet of a record before the record's protection is verified.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("C-7.1-7", "Nothing of a record is delivered before it is verified", Must, Profile.Core, "BP-7.1-8 BP-8.3-1", async p =>
        {
            // A client closes by itself at a malformed reply ([BP-4.3-13]): one that takes the octets as they come does so before it finds
            // the record wrong.
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer);
            await p.FinishAsync(wire);
            var record = wire.Seal(RecordType.Data, "garbage\r\n"u8);
            foreach (var part in (byte[][])[record[..^1], [(byte)(record[^1] ^ 1)]])
                await wire.SendRecordsAsync(part);

            await EndsByAlertAsync(wire);
            await p.ExpectAsync(delivered: false, "BP-9.2-6", "BP-9.2-6");
        }),
        // [BP-7.1-2] A recipient MUST treat as a failure a length greater than `MaxInner` plus the suite's tag length, as soon as it has
        //   read the two octets.
        Says("C-7.1-8", "A record of the greatest size is accepted",
            "BP-7.1-2", (wire, text) => wire.SendRecordAsync(RecordType.Data, Encoding.Latin1.GetBytes(text), Limits.MaxInner)),

        // [BP-7.1-2] A recipient MUST treat as a failure a length greater than `MaxInner` plus the suite's tag length, as soon as it has
        //   read the two octets.
        new("C-7.1-10", "A record of the greatest size is accepted in RSA-BLOWFISH, whose tag is longer", Must, Profile.Classic, "BP-7.1-2",
            p => SayAsync(p,
                (wire, text) => wire.SendRecordAsync(RecordType.Data, Encoding.Latin1.GetBytes(text), Limits.MaxInner), Classic)),
        // [BP-7.1-2] A recipient MUST treat as a failure a length greater than `MaxInner` plus the suite's tag length, as soon as it has
        //   read the two octets.
        // [BP-7.1-3] A recipient MUST treat as a failure a length smaller than one plus the suite's tag length, as soon as it has read the
        //   two octets.
        new("C-7.1-11", "Lengths out of bounds get an alert at their two octets in RSA-BLOWFISH, whose tag is longer",
            Must, Profile.Classic, "BP-7.1-2 BP-7.1-3", async p =>
        {
            foreach (int length in (int[])[Limits.MaxInner + Limits.HmacTag + 1, Limits.HmacTag])
            {
                await AfterAsync(p, _ => [[(byte)(length >> 8), (byte)length]], Classic, part: true,
                    requirement: length > Limits.MaxInner ? "BP-7.1-2" : "BP-7.1-3");
            }
        }),

        // ---------------------------------------------------------------- 7.2, 7.3 protection
        // [BP-7.3-3] A recipient MUST verify the tag, in constant time, before it decrypts.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        After("C-7.3-2", "A flipped bit in a Blowfish record's ciphertext gets an alert",
            "BP-7.3-3 BP-8.3-1", w => [Flip(w.Seal(RecordType.Data, "250 Ok\r\n"u8), 2)], Profile.Classic, Classic),
        // [BP-7.3-2] The tag MUST be the whole 32 octets of the HMAC.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        After("C-7.3-1", "A flipped bit in a Blowfish record's tag gets an alert",
            "BP-7.3-2 BP-8.3-1", w => [Flip(w.Seal(RecordType.Data, "250 Ok\r\n"u8), 289)], Profile.Classic, Classic),

        // ---------------------------------------------------------------- 7.4 types
        // [BP-7.4-1] A recipient MUST ignore a record of type 128 to 255 anywhere after the sender's Finished.
        Says("C-7.4-1", "Records of type 128 and above are ignored", "BP-7.4-1",
            (wire, text) => wire.SendRecordsAsync(wire.Seal((RecordType)128, "500 no\r\n"u8), wire.Seal((RecordType)255, []),
                wire.Seal(RecordType.Data, Encoding.Latin1.GetBytes(text)))),
        // [BP-7.4-2] A recipient MUST treat a record of type 7 to 127 as a failure.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("C-7.4-2", "A record of an unassigned type gets an alert", Must, Profile.Core, "BP-7.4-2 BP-8.3-1", async p =>
        {
            foreach (int type in (int[])[7, 50, 127])
                await AfterAsync(p, w => [w.Seal((RecordType)type, [])]);
        }),
        // [BP-7.4-3] A recipient MUST treat a rekey or close record that carries data as a failure.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        After("C-7.4-3", "A close that carries data gets an alert", "BP-7.4-3 BP-8.3-1", w => [w.Seal(RecordType.Close, "x"u8)]),
        // [BP-7.4-3] A recipient MUST treat a rekey or close record that carries data as a failure.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        After("C-7.4-6", "A rekey that carries data gets an alert", "BP-7.4-3 BP-8.3-1", w =>
        {
            var record = w.Seal(RecordType.Rekey, "x"u8);
            w.NextKeys();
            return [record];
        }),
        // [BP-7.4-4] A recipient MUST accept a data record without data.
        Says("C-7.4-4", "A data record without data is accepted", "BP-7.4-4",
            (wire, text) => wire.SendRecordsAsync(wire.Seal(RecordType.Data, []),
                wire.Seal(RecordType.Data, Encoding.Latin1.GetBytes(text)), wire.Seal(RecordType.Data, []))),
        // [BP-7.4-5] A recipient MUST treat as a failure more than `MaxIdleRecords` records in a row that are ignored, rekey, or data
        //   records without data.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        After("C-7.4-5", "More than 64 records in a row without data get an alert", "BP-7.4-5 BP-8.3-1",
            w => [.. Enumerable.Range(0, Limits.MaxIdleRecords + 1)
                .Select(i => w.Seal(i % 2 == 0 ? RecordType.Data : (RecordType)130, []))]),

        // [BP-7.4-6] A recipient MUST count such records for each direction, whatever their kind, until a data record with data starts the
        //   count again, and over every rekey.
        After("C-7.4-7", "A rekey does not reset the count of records without data", "BP-7.4-6", w =>
        {
            byte[][] before = [.. Enumerable.Range(1, Limits.MaxIdleRecords - 1).Select(_ => w.Seal((RecordType)130, [])),
                w.Seal(RecordType.Rekey, [])];
            w.NextKeys();
            return [.. before, w.Seal(RecordType.Data, [])];
        }),

        // [BP-7.4-5] A recipient MUST treat as a failure more than `MaxIdleRecords` records in a row that are ignored, rekey, or data
        //   records without data.
        new("C-7.4-8", "Finished and ident do not count as records without data: 64 of those may follow",
            Must, Profile.Core, "BP-7.4-5", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer);
            await p.FinishAsync(wire, Ident.Create([new IdentKey(new byte[32])], wire.Keys.TranscriptHash));
            await wire.SendRecordsAsync([.. Idle(wire)]);
            await wire.SendInsideAsync(ClientProbe.EhloReply());
            await p.ServeMailAsync(wire, inside: true);
            await p.ExpectAsync(delivered: true);
        }),

        // [BP-7.4-6] A recipient MUST count such records for each direction, whatever their kind, until a data record with data starts the
        //   count again, and over every rekey.
        Says("C-7.4-9", "A data record with data starts the count again: 64 records without data before it and 64 after it are accepted",
            "BP-7.4-6", (wire, text) => wire.SendRecordsAsync([.. Idle(wire), wire.Seal(RecordType.Data, "250-"u8), .. Idle(wire),
                wire.Seal(RecordType.Data, Encoding.Latin1.GetBytes(text[4..]))])),

        // ---------------------------------------------------------------- 7.5 padding
        // [BP-7.5-1] A sender SHOULD pad every record so that *inner* is a multiple of `PadTo` octets or `MaxInner`, whichever is smaller.
        new("C-7.5-1", "The client pads its records to multiples of 256", Should, Profile.Core, "BP-7.5-1", async p =>
        {
            foreach (var suite in Encrypting)
            {
                var wire = await GoodAsync(p, $"XBLACKPONY V1 {suite}");
                That(wire.Records.All(r => r.Inner % Limits.PadTo == 0 || r.Inner == Limits.MaxInner),
                    $"Records come with inner lengths of {string.Join(", ", wire.Records.Select(r => r.Inner))}.");
            }
        }),
        // [BP-7.5-2] A recipient MUST accept any padding within `MaxInner`.
        Says("C-7.5-2", "Any padding is accepted",
            "BP-7.5-2", (wire, text) => wire.SendRecordAsync(RecordType.Data, Encoding.Latin1.GetBytes(text), 1000)),

        // ---------------------------------------------------------------- 7.6 rekey
        // [BP-7.6-4] A sender MAY send a rekey record at any time after its Finished.
        // [BP-7.6-5] A recipient MUST NOT send a rekey record because it received one.
        new("C-7.6-1", "The server's rekeys lose nothing, and are not answered", Must, Profile.Core, "BP-7.6-4 BP-7.6-5", async p =>
        {
            // A client may rekey of its own accord ([BP-7.6-4]): then it does so without the server's rekeys too.
            const int Rekeys = 2;
            int unasked = await CountAsync((wire, text) => wire.SendInsideAsync(text));
            int count = await CountAsync(async (wire, text) =>
            {
                await wire.SendInsideAsync(text[..2]);
                await wire.RekeyAsync();
                await wire.SendInsideAsync(text[2..]);
                await wire.RekeyAsync();
            });
            That(count < (unasked == 0 ? 1 : unasked + Rekeys),
                $"The client sent {count} rekey records where the server sent {Rekeys}, and {unasked} where the server sent none.",
                "BP-7.6-5");

            async Task<int> CountAsync(Func<ProbeConnection, string, Task> say) =>
                (await SayAsync(p, say)).Records.Count(r => r.Type == RecordType.Rekey);
        }),
        // [BP-7.6-2] A sender MUST send a rekey record before its Blowfish blocks under one traffic secret, the rekey record's included,
        //   are more than `BlowfishRekeyBlocks`, where a record counts as the length of its *inner* divided by 8, rounded up.
        new("C-7.6-2", "The client rekeys its Blowfish records in time, and loses nothing", Must, Profile.Classic, "BP-7.6-2", async p =>
        {
            p.Next = p.Next with { Message = Big(8_500_000) };
            var wire = await p.AcceptAsync("XBLACKPONY V1 RSA-BLOWFISH");
            await NeedCommandAsync(p, wire, Classic);
            await p.SwitchAsync(wire, "XBLACKPONY V1 RSA-BLOWFISH", command: wire.Plaintext[^1]);
            await p.FinishAsync(wire);
            await wire.SendInsideAsync(ClientProbe.EhloReply());
            await p.ServeMailAsync(wire, inside: true);
            await p.ExpectAsync(delivered: true);
            That(wire.Records.Any(r => r.Type == RecordType.Rekey), "No rekey record came.");
        })
        { RunsAlone = true },
        // [BP-7.6-3] A recipient MUST treat a record that exceeds these limits as a failure when it has come whole.
        new("C-7.6-3", "2^20 Blowfish blocks under one traffic secret are accepted, and one more gets an alert",
            Must, Profile.Classic, "BP-7.6-3", async p =>
        {
            const string Offer = "XBLACKPONY V1 RSA-BLOWFISH";
            const int Greatest = (Limits.MaxInner + 7) / 8;
            var wire = await p.AcceptAsync(Offer);
            await NeedCommandAsync(p, wire, Classic);
            await p.SwitchAsync(wire, Offer, command: wire.Plaintext[^1]);
            await p.FinishAsync(wire);
            await wire.SendInsideAsync(ClientProbe.EhloReply());
            That(await wire.LineInsideAsync() is not null, "The session ended before its time.");

            // The rekey starts the count again.
            await wire.RekeyAsync();
            long left = Limits.BlowfishRekeyBlocks;
            for (var data = "250-"u8.ToArray(); left > Greatest; left -= Greatest, data = "x"u8.ToArray())
                await wire.SendRecordAsync(RecordType.Data, data, Limits.MaxInner);

            // Full records have a block that is not whole, which counts: the last of them all ends the reply at the limit itself.
            await wire.SendRecordAsync(RecordType.Data, "\r\n250 Ok\r\n"u8.ToArray(), 8 * (int)left);
            That(await wire.LineInsideAsync() is not null, "The client ends the session at 2^20 blocks, which are within the limit.");
            await wire.SendRecordsAsync(wire.SealInner([.. "250\r\n"u8, (byte)RecordType.Data]));
            await EndsByAlertAsync(wire);
            await p.ExpectAsync(delivered: false, "BP-9.2-6", "BP-9.2-6");
        })
        { RunsAlone = true },
    ];

    // Its lines differ: one that is lost or moved is seen.
    private static string Big(int length)
    {
        const string Header = "Subject: big\r\n\r\n";
        const int Line = 910;
        int lines = (length - Header.Length + Line - 1) / Line;
        return string.Create(Header.Length + (lines * Line), lines, (text, count) =>
        {
            Header.CopyTo(text);
            for (int i = 0; i < count; i++)
            {
                var line = text.Slice(Header.Length + (i * Line), Line);
                line.Fill('.');
                i.TryFormat(line, out _);
                "\r\n".CopyTo(line[^2..]);
            }
        });
    }

    // As many records without data as may come in a row.
    private static IEnumerable<byte[]> Idle(ProbeConnection wire) =>
        Enumerable.Range(0, Limits.MaxIdleRecords).Select(i => wire.Seal(i % 2 == 0 ? (RecordType)130 : RecordType.Data, []));

    private static byte[] Flip(byte[] record, int at)
    {
        record[at] ^= 1;
        return record;
    }

    // A whole delivery in which the server's replies inside come in a way of their own.
    private static Case<ClientProbe> Says(string id, string title, string requirements, Func<ProbeConnection, string, Task> say) =>
        new(id, title, Must, Profile.Core, requirements, p => SayAsync(p, say));

    private static async Task<ProbeConnection> SayAsync(ClientProbe p, Func<ProbeConnection, string, Task> say, string suite = Core)
    {
        var offer = $"XBLACKPONY V1 {suite}";
        var wire = await p.AcceptAsync(offer);
        await NeedCommandAsync(p, wire, suite);
        await p.SwitchAsync(wire, offer, command: wire.Plaintext[^1]);
        await p.FinishAsync(wire);
        await say(wire, ClientProbe.EhloReply("8BITMIME"));
        await p.ServeMailAsync(wire, inside: true);
        await p.ExpectAsync(delivered: true);
        return wire;
    }
}
