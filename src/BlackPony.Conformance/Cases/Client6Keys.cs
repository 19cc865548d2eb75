using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Cases.Client4Negotiation;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <summary>Key schedule, spec 6.</summary>
internal static class Client6Keys
{
    /// <summary>What an alert may carry, rightly or not ([BP-8.3-4]).</summary>
    internal static readonly IReadOnlyList<byte[]> AlertData = [[1], [], [2, 40], [0]];

    private static readonly IdentKey Key = new(new byte[32]);

    public static IReadOnlyList<Case<ClientProbe>> Cases { get; } =
    [
        // ---------------------------------------------------------------- 6.1 transcript hash
        // [BP-6.1-4] Each *line* of a 334 or 220 reply MUST be hashed whole, with its code, its separator and "K=", up to and not including
        //   the CRLF.
        new("C-6.1-1", "A share that was altered in transit makes the upgrade fail", Must, Profile.Core, "BP-6.1-4", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer, tamper: share => [(byte)(share[0] ^ 1), .. share[1..]]);
            await FailsAsync(p, wire);
            await GoodAsync(p, CoreOffer, fragment: 10);
        }),
        // [BP-6.1-1] *offer* MUST be the octets of the XBLACKPONY line of the last positive EHLO reply before the command, from the first
        //   octet of the keyword up to and not including the CRLF, in the case and with the spaces that they had on the wire.
        new("C-6.1-2", "An offer that was edited in transit makes the upgrade fail", Must, Profile.Core, "BP-6.1-1", async p =>
        {
            // The server offered more than the client saw.
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, "XBLACKPONY V1 X25519MLKEM768-CHACHA20POLY1305 X25519-CHACHA20POLY1305");
            await FailsAsync(p, wire);
            await GoodAsync(p, CoreOffer + " G-0A1B");
        }),
        // [BP-6.1-2] *command* MUST be the octets of the whole XBLACKPONY command line as on the wire, from the verb's first octet up to
        //   and not including the CRLF.
        new("C-6.1-3", "A command that was edited in transit makes the upgrade fail", Must, Profile.Core, "BP-6.1-2", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer, command: await p.ExpectCommandAsync(wire) + " G-0000");
            await FailsAsync(p, wire);
            foreach (var suite in (string[])[Core, Hybrid, HybridAes])
                await GoodAsync(p, $"XBLACKPONY V1 {suite}");
        }),
        // [BP-6.1-4] Each *line* of a 334 or 220 reply MUST be hashed whole, with its code, its separator and "K=", up to and not including
        //   the CRLF.
        new("C-6.1-4", "A 220 reply whose lines were split differently in transit makes the upgrade fail",
            Must, Profile.Core, "BP-6.1-4", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer, reply: l => $"220-{l[4..10]}\r\n220 K={l[10..]}");
            await FailsAsync(p, wire);
            await GoodAsync(p, CoreOffer, fragment: 40);
        }),

        // [BP-6.1-3] *continuation* MUST be the octets of the continuation line up to and not including the CRLF.
        new("C-6.1-5", "A continuation that was edited in transit makes the upgrade fail", Must, Profile.Classic, "BP-6.1-3", async p =>
        {
            const string Offer = $"XBLACKPONY V1 {Classic}";
            var wire = await p.AcceptAsync(Offer);
            await NeedCommandAsync(p, wire, Classic);
            await p.SwitchAsync(wire, Offer, command: wire.Plaintext[^1], hashed: l => (l[0] == 'A' ? "B" : "A") + l[1..]);
            await FailsAsync(p, wire);

            await GoodAsync(p, Offer);
        }),
        // [BP-6.1-6] *refused* MUST be, in the order on the wire, every XBLACKPONY command since the offer that was answered with 504, and
        //   every line of each of those replies, each up to and not including the CRLF.
        new("C-6.1-6", "A command that was answered with 504, and the reply, are part of the transcript",
            Must, Profile.Core, "BP-6.1-6", async p =>
        {
            foreach (var lines in (string[][])[["504 5.5.4 Not that one"], ["504-5.5.4 Not that one", "504 5.5.4 Ask for another"]])
            {
                var (wire, first, second) = await SecondAttemptAsync(p, lines);
                await p.SwitchAsync(wire, AllOffer, command: second, refused: [first, .. lines]);
                await p.FinishAsync(wire, none: "BP-6.1-6");
                await wire.SendInsideAsync(ClientProbe.EhloReply());
                await p.ServeMailAsync(wire, inside: true);
                await p.ExpectAsync(delivered: true);
            }
        }),
        // [BP-6.1-6] *refused* MUST be, in the order on the wire, every XBLACKPONY command since the offer that was answered with 504, and
        //   every line of each of those replies, each up to and not including the CRLF.
        new("C-6.1-7", "A 504 that the server did not send makes the upgrade fail", Must, Profile.Core, "BP-6.1-6", async p =>
        {
            var (wire, _, second) = await SecondAttemptAsync(p, "504 5.5.4 Not that one");
            await p.SwitchAsync(wire, AllOffer, command: second);
            await FailsAsync(p, wire);
        }),

        // ---------------------------------------------------------------- 6.3 Finished
        // [BP-6.3-7] A side MUST treat as a failure verify_data of another length than 32 octets or another value than its own computation
        //   gives, compared in constant time.
        // [BP-6.3-3] The client MUST NOT send any record but an alert before it verified the server's Finished.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("C-6.3-1", "A server's Finished with a wrong value gets an alert, no Finished and no mail",
            Must, Profile.Core, "BP-6.3-7 BP-6.3-3 BP-8.3-1", async p =>
        {
            foreach (var verify in (Func<ProbeConnection, byte[]>[])[_ => new byte[32], w => w.Keys.Finished(Role.Server)[..31],
                w => [.. w.Keys.Finished(Role.Server), 0], w => w.Keys.Finished(Role.Client),
                w => Turned(w.Keys.Finished(Role.Server), 0), w => Turned(w.Keys.Finished(Role.Server), 31)])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer);
                await wire.SendRecordAsync(RecordType.Finished, verify(wire));
                var record = await wire.RecordAsync();
                That(record?.Type is RecordType.Alert or RecordType.Finished or null,
                    $"Before it verified the server's Finished the client sends {record?.Name}.", "BP-6.3-3");
                That(record?.Type != RecordType.Finished, "The client takes a server's Finished with a wrong value.");
                That(record is not null, "The connection ends without an alert.", "BP-8.3-1");
                That(record!.Data is [1], "The alert's data is not the one octet 1.", "BP-8.3-2");
                await wire.ExpectNothingAsync("Something follows the alert.", "BP-8.3-1");
                await FreshAsync(p);
            }
        }),
        // [BP-6.3-4] The client MUST send its Finished as soon as it verified the server's, without waiting for an ident record.
        // [BP-6.3-1] The first record in each direction MUST be a finished record whose data is the sender's verify_data, or an alert if
        //   the sender failed before.
        new("C-6.3-2", "The client's Finished and EHLO follow the server's Finished at once, before any IDENT",
            Must, Profile.Core, "BP-6.3-4 BP-6.3-1", async p =>
        {
            foreach (var suite in Encrypting)
                await GoodAsync(p, $"XBLACKPONY V1 {suite}");
        }),
        // [BP-6.3-6] A side MUST treat as a failure (Section 8.3) a first record of another type than finished or alert.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        First("C-6.3-3", "A first record that is data", RecordType.Data, "250 probe.test\r\n"u8.ToArray()),
        // [BP-6.3-6] A side MUST treat as a failure (Section 8.3) a first record of another type than finished or alert.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        First("C-6.3-4", "A first record that is a close", RecordType.Close, []),
        // [BP-6.3-6] A side MUST treat as a failure (Section 8.3) a first record of another type than finished or alert.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        First("C-6.3-5", "A first record that is an ident", RecordType.Ident, new byte[96]),
        // [BP-6.3-6] A side MUST treat as a failure (Section 8.3) a first record of another type than finished or alert.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        First("C-6.3-6", "A first record of an unknown type", (RecordType)200, []),
        // [BP-6.3-6] A side MUST treat as a failure (Section 8.3) a first record of another type than finished or alert.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        First("C-6.3-9", "A first record that is a rekey", RecordType.Rekey, []),
        // [BP-6.3-8] A side MUST treat a second finished record as a failure.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        After("C-6.3-7", "A second Finished gets an alert, and the mail is deferred",
            "BP-6.3-8 BP-8.3-1", w => [w.Seal(RecordType.Finished, w.Keys.Finished(Role.Server))]),
        // [BP-8.3-4] A side that receives an alert, whatever its data, MUST close the connection without an alert or a close of its own.
        new("C-6.3-8", "An alert instead of the server's Finished is a broken upgrade, whatever its data",
            Must, Profile.Core, "BP-8.3-4", async p =>
        {
            foreach (var data in AlertData)
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer);
                await wire.SendRecordAsync(RecordType.Alert, data);
                await wire.ExpectNothingAsync("Something follows the server's alert.", "BP-8.3-4");
                await FreshAsync(p);
            }
        }),

        // ---------------------------------------------------------------- 6.5 IDENT
        // [BP-6.5-3] A client MUST NOT send an ident record.
        // [BP-6.5-5] A client MUST treat as a failure an ident record whose length is not 96 to 96 × `MaxIdents` octets and a multiple of
        //   96.
        new("C-6.5-1", "An ident record with good signatures is accepted, and the client sends none",
            Must, Profile.Core, "BP-6.5-3 BP-6.5-5", async p =>
        {
            foreach (var suite in Encrypting)
            {
                var other = await GoodAsync(p, $"XBLACKPONY V1 {suite}");
                That(!other.Records.Any(r => r.Type == RecordType.Ident), "The client sent an ident record.");
            }

            foreach (int keys in (int[])[2, Limits.MaxIdents])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer);
                var shown = Enumerable.Range(0, keys).Select(i => new IdentKey([(byte)i, .. new byte[31]]));
                await p.FinishAsync(wire, Ident.Create([.. shown], wire.Keys.TranscriptHash), "BP-6.5-5");
                await wire.SendInsideAsync(ClientProbe.EhloReply());
                await p.ServeMailAsync(wire, inside: true);
                await p.ExpectAsync(delivered: true, "BP-6.5-5");
                That(!wire.Records.Any(r => r.Type == RecordType.Ident), "The client sent an ident record.");
            }
        }),
        // [BP-6.5-6] A client MUST treat as a failure an ident record in which any signature verifies neither for IDENT nor for WITHDRAWN.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("C-6.5-2", "An ident record with a wrong signature gets an alert, and the mail is deferred",
            Must, Profile.Core, "BP-6.5-6 BP-8.3-1", p => BadIdentAsync(p, w => Flip(Ident.Create([Key, Key], w.Keys.TranscriptHash)))),
        // [BP-6.5-6] A client MUST treat as a failure an ident record in which any signature verifies neither for IDENT nor for WITHDRAWN.
        new("C-6.5-6", "A withdrawn key is no failure, and its signature is verified too", Must, Profile.Core, "BP-6.5-6", async p =>
        {
            var withdrawn = new IdentKey([1, .. new byte[31]], isWithdrawn: true);
            foreach (var keys in (IdentKey[][])[[withdrawn], [Key, withdrawn], [withdrawn, Key]])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer);
                await p.FinishAsync(wire, Ident.Create(keys, wire.Keys.TranscriptHash), "BP-6.5-6");
                await wire.SendInsideAsync(ClientProbe.EhloReply());
                await p.ServeMailAsync(wire, inside: true);
                await p.ExpectAsync(delivered: true);
            }

            await BadIdentAsync(p, w => Flip(Ident.Create([Key, withdrawn], w.Keys.TranscriptHash)));
        }),
        // [BP-6.5-5] A client MUST treat as a failure an ident record whose length is not 96 to 96 × `MaxIdents` octets and a multiple of
        //   96.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("C-6.5-3", "An ident record of a wrong length gets an alert, and the mail is deferred",
            Must, Profile.Core, "BP-6.5-5 BP-8.3-1", async p =>
        {
            foreach (var bad in (Func<byte[], byte[]>[])[_ => [], i => i[..95], i => [.. i, 0], i => [.. i, .. i, .. i, .. i, .. i]])
                await BadIdentAsync(p, w => bad(Ident.Create([Key], w.Keys.TranscriptHash)));
        }),
        // [BP-6.5-4] A side MUST treat as a failure an ident record from a client, or one that is not the server's second record.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        After("C-6.5-4", "An ident record that is not the server's second gets an alert, and the mail is deferred", "BP-6.5-4 BP-8.3-1",
            w => [w.Seal(RecordType.Data, "250 Ok\r\n"u8), w.Seal(RecordType.Ident, Ident.Create([Key], w.Keys.TranscriptHash))],
            underWay: 1),
        // [BP-6.5-4] A side MUST treat as a failure an ident record from a client, or one that is not the server's second record.
        new("C-6.5-5", "An ident record after an ignored one gets an alert", Must, Profile.Core, "BP-6.5-4", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer);
            await wire.SendRecordsAsync(wire.Seal(RecordType.Finished, wire.Keys.Finished(Role.Server)), wire.Seal((RecordType)128, []),
                wire.Seal(RecordType.Ident, Ident.Create([Key], wire.Keys.TranscriptHash)),
                wire.Seal(RecordType.Data, System.Text.Encoding.Latin1.GetBytes(ClientProbe.EhloReply())));
            await EndsByAlertAsync(wire, underWay: 1);
            await p.ExpectAsync(delivered: false, further: "BP-9.2-6");
        }),
        // [BP-6.5-10] A client MUST accept an ident record that has the same key more than once, and treat it as one key.
        new("C-6.5-7", "An ident record that has a key twice is accepted", Must, Profile.Core, "BP-6.5-10", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer);
            var ident = Ident.Create([Key], wire.Keys.TranscriptHash);
            await p.FinishAsync(wire, [.. ident, .. ident], "BP-6.5-10");
            await wire.SendInsideAsync(ClientProbe.EhloReply());
            await p.ServeMailAsync(wire, inside: true);
            await p.ExpectAsync(delivered: true);
        }),
    ];

    private static byte[] Flip(byte[] octets) => Turned(octets, octets.Length - 1);

    private static byte[] Turned(byte[] octets, int at)
    {
        octets[at] ^= 1;
        return octets;
    }

    private static async Task BadIdentAsync(ClientProbe p, Func<ProbeConnection, byte[]> ident)
    {
        var wire = await p.AcceptAsync(CoreOffer);
        await p.SwitchAsync(wire, CoreOffer);
        await wire.SendRecordsAsync(wire.Seal(RecordType.Finished, wire.Keys.Finished(Role.Server)),
            wire.Seal(RecordType.Ident, ident(wire)),
            wire.Seal(RecordType.Data, System.Text.Encoding.Latin1.GetBytes(ClientProbe.EhloReply())));
        await EndsByAlertAsync(wire, underWay: 1);
        await p.ExpectAsync(delivered: false, "BP-9.2-6", "BP-9.2-6");
    }

    /// <summary>What the client had already sent may come; then its alert, and the end. A client that goes on gets an error.</summary>
    /// <param name="wire">The connection.</param>
    /// <param name="requirement">The requirement that a client violates which goes on instead; null for the case's first.</param>
    /// <param name="underWay">How many lines were under way.</param>
    /// <param name="skipped">The requirement that a client violates which steps over the failure, if it is another:
    /// it has one reply fewer than one that takes it.</param>
    internal static async Task EndsByAlertAsync(ProbeConnection wire, string? requirement = null, int underWay = 0, string? skipped = null)
    {
        Incoming? last = null;
        var data = new List<string>();
        while (await wire.RecordAsync() is { } record)
        {
            That(last?.Type != RecordType.Alert, "Something follows the alert.", "BP-8.3-1");
            last = record;
            if (record.Type == RecordType.Data)
            {
                int before = data.Count;
                data.AddRange(System.Text.Encoding.Latin1.GetString(record.Data).Split("\r\n", StringSplitOptions.RemoveEmptyEntries));
                if (before <= underWay && data.Count > underWay)
                {
                    await wire.SendRecordsAsync(wire.Seal(RecordType.Data, "421 4.3.2 Enough\r\n"u8), wire.Seal(RecordType.Close, []));
                    wire.EndDirection();
                }
            }
        }

        data.RemoveAll(d => d.StartsWith("QUIT", StringComparison.OrdinalIgnoreCase));
        int steps = data.Count - underWay;
        That(steps <= 0, $"The client goes on, with {string.Join(", ", data.Skip(underWay).Select(Show))}.",
            steps == 1 ? skipped ?? requirement : requirement);
        That(last?.Type != RecordType.Close, "The client closes in order instead of sending an alert.", requirement);
        That(last?.Type == RecordType.Alert, $"Expected an alert before the end, got {last?.Name ?? "nothing"}.", "BP-8.3-1");
        That(last!.Data is [1], "The alert's data is not the one octet 1.", "BP-8.3-2");
    }

    // The keys differ: the client's alert can't be read, and it must not go on.
    private static async Task FailsAsync(ClientProbe p, ProbeConnection wire)
    {
        await wire.SendRecordAsync(RecordType.Finished, wire.Keys.Finished(Role.Server));
        That(!await wire.NextVerifiesAsync(), "The client's keys are those of a server that saw another line.");
        wire.EndDirection();
        await wire.DrainAsync();
        await FreshAsync(p);
    }

    // A client that hashes neither line has other keys than every server. One that does not have the suite delivers in plaintext.
    internal static async Task<ProbeConnection> GoodAsync(ClientProbe p, string offer, int fragment = 0)
    {
        var wire = await p.AcceptAsync(offer);
        var line = await ClientProbe.LineAsync(wire);
        bool asks = line?.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase) == true;
        if (asks)
        {
            await p.SwitchAsync(wire, offer, fragment: fragment, command: line);
            await p.FinishAsync(wire);
            await wire.SendInsideAsync(ClientProbe.EhloReply());
        }
        else
        {
            await wire.SendLineAsync("250 Ok");
        }

        await p.ServeMailAsync(wire, inside: asks);
        await p.ExpectAsync(delivered: true);
        return wire;
    }

    private static Case<ClientProbe> First(string id, string title, RecordType type, byte[] data) =>
        new(id, $"{title} gets an alert", Must, Profile.Core, "BP-6.3-6 BP-8.3-1", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer);
            await wire.SendRecordAsync(type, data);
            if (type == RecordType.Rekey)
                wire.NextKeys();

            // And a good one, with which a client that steps over the first goes on.
            await wire.SendRecordAsync(RecordType.Finished, wire.Keys.Finished(Role.Server));
            wire.EndDirection();
            await wire.ExpectAlertAsync();
            await FreshAsync(p);
        });

    /// <summary>The case of <see cref="AfterAsync"/> alone.</summary>
    internal static Case<ClientProbe> After(string id, string title, string requirements, Func<ProbeConnection, byte[][]> records,
        Profile profile = Profile.Core, string suite = Core, bool part = false, string? skipped = null, int underWay = 0) =>
        new(id, title, Must, profile, requirements, p => AfterAsync(p, records, suite, part, skipped, underWay));

    /// <summary>
    /// An established session in which the server then sends records that are a failure, and ends its direction.
    /// After them comes a good reply, with which a client that takes or steps over the failure goes on.
    /// </summary>
    /// <param name="p">The server.</param>
    /// <param name="records">The records.</param>
    /// <param name="suite">The suite.</param>
    /// <param name="part">Whether the records are no whole record, so that none can follow;
    /// a client that waits for the rest violates the requirement.</param>
    /// <param name="skipped">The requirement that a client violates which steps over the failure, if it is another:
    /// it has one reply fewer than one that takes it.</param>
    /// <param name="underWay">How many commands answer good replies before the failure.</param>
    /// <param name="requirement">The requirement that a client violates which goes on; null for the case's first.</param>
    internal static async Task AfterAsync(ClientProbe p, Func<ProbeConnection, byte[][]> records, string suite = Core, bool part = false,
        string? skipped = null, int underWay = 0, string? requirement = null)
    {
        var offer = $"XBLACKPONY V1 {suite}";
        var wire = await p.AcceptAsync(offer);
        await NeedCommandAsync(p, wire, suite);
        await p.SwitchAsync(wire, offer, command: wire.Plaintext[^1]);
        await p.FinishAsync(wire);
        await wire.SendInsideAsync(ClientProbe.EhloReply());
        That(await wire.LineInsideAsync() is not null, "The session ended before its time.");
        byte[][] failure = records(wire);
        await wire.SendRecordsAsync(part ? failure : [.. failure, wire.Seal(RecordType.Data, "250 Ok\r\n"u8)]);
        if (part)
        {
            // A client that waits for the rest sees a truncated session, which is no failure and gets no alert (spec 8.2).
            wire.EndDirection();
            That(await wire.NextAsync() is { Type: RecordType.Alert }, "Expected an alert at the two octets.", requirement);
        }
        else
        {
            await EndsByAlertAsync(wire, requirement, underWay, skipped);
        }

        await p.ExpectAsync(delivered: false, "BP-9.2-6", "BP-9.2-6");
    }
}
