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
    private static readonly IdentKey Key = new(new byte[32]);

    public static IReadOnlyList<Case<ClientProbe>> Cases { get; } =
    [
        // ---------------------------------------------------------------- 6.1 transcript hash
        new("C-6.1-1", "A share that was altered on the way makes the upgrade fail", Must, Profile.Core, "BP-6.1-4 BP-9.2-2", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer, tamper: share => [(byte)(share[0] ^ 1), .. share[1..]]);
            await FailsAsync(p, wire);
        }),
        new("C-6.1-2", "An offer that was edited on the way makes the upgrade fail", Must, Profile.Core, "BP-6.1-1", async p =>
        {
            // The server offered more than the client saw.
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, "XBLACKPONY V1 X25519MLKEM768-CHACHA20POLY1305 X25519-CHACHA20POLY1305");
            await FailsAsync(p, wire);
        }),
        new("C-6.1-3", "A command that was edited on the way makes the upgrade fail", Must, Profile.Core, "BP-6.1-2", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer, command: await p.ExpectCommandAsync(wire) + " G-0000");
            await FailsAsync(p, wire);
        }),
        new("C-6.1-4", "A 220 reply whose lines were split anew on the way makes the upgrade fail", Must, Profile.Core, "BP-6.1-4", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer, reply: l => $"220-{l[4..10]}\r\n220 K={l[10..]}");
            await FailsAsync(p, wire);
        }),

        // ---------------------------------------------------------------- 6.3 Finished
        new("C-6.3-1", "A server's Finished with a wrong value gets an alert, no Finished and no mail", Must, Profile.Core, "BP-6.3-3 BP-6.3-7 BP-8.3-1 BP-9.2-2", async p =>
        {
            foreach (var verify in (Func<Wire, byte[]>[])[_ => new byte[32], w => w.Keys.Finished(Role.Server)[..31], w => [.. w.Keys.Finished(Role.Server), 0], w => w.Keys.Finished(Role.Client)])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer);
                await wire.SendRecordAsync(RecordType.Finished, verify(wire));
                await wire.ExpectAlertAsync("BP-6.3-7");
                await FreshAsync(p);
            }
        }),
        new("C-6.3-2", "The client's Finished and EHLO follow the server's Finished at once, before any IDENT", Must, Profile.Core, "BP-6.3-4 BP-6.3-1", async p =>
        {
            var wire = await p.CarryAsync(CoreOffer);
            That(wire.Records[0].Type == RecordType.Finished, "The first record is no Finished.");
            await p.ExpectAsync(delivered: true);
        }),
        First("C-6.3-3", "A first record that is data", RecordType.Data, "250 probe.test\r\n"u8.ToArray()),
        First("C-6.3-4", "A first record that is a close", RecordType.Close, []),
        First("C-6.3-5", "A first record that is an ident", RecordType.Ident, new byte[96]),
        First("C-6.3-6", "A first record of an unknown type", (RecordType)200, []),
        First("C-6.3-9", "A first record that is a rekey", RecordType.Rekey, []),
        After("C-6.3-7", "A second Finished gets an alert, and the mail is deferred", "BP-6.3-8 BP-8.3-1", w => [w.Seal(RecordType.Finished, w.Keys.Finished(Role.Server))]),
        new("C-6.3-8", "An alert in the place of the server's Finished is a broken upgrade", Must, Profile.Core, "BP-8.3-4 BP-9.2-2", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer);
            await wire.SendRecordAsync(RecordType.Alert, new byte[] { 1 });
            await wire.ExpectNothingAsync("Something follows the server's alert.", "BP-8.3-4");
            await FreshAsync(p);
        }),

        // ---------------------------------------------------------------- 6.5 IDENT
        new("C-6.5-1", "An ident record with good signatures is taken, and the client sends none", Must, Profile.Core, "BP-6.5-3", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer);
            await p.FinishAsync(wire, Ident.Create([Key, new IdentKey([1, .. new byte[31]])], wire.Keys.TranscriptHash));
            await wire.SendInsideAsync(ClientProbe.EhloReply());
            await p.ServeMailAsync(wire, inside: true);
            await p.ExpectAsync(delivered: true);
            That(!wire.Records.Any(r => r.Type == RecordType.Ident), "The client sent an ident record.");
        }),
        new("C-6.5-2", "An ident record with a wrong signature gets an alert, and the mail is deferred", Must, Profile.Core, "BP-6.5-6 BP-8.3-1 BP-9.2-6", p => BadIdentAsync(p, w => Flip(Ident.Create([Key, Key], w.Keys.TranscriptHash)))),
        new("C-6.5-3", "An ident record of a wrong length gets an alert, and the mail is deferred", Must, Profile.Core, "BP-6.5-5 BP-8.3-1", async p =>
        {
            foreach (var bad in (Func<byte[], byte[]>[])[_ => [], i => i[..95], i => [.. i, 0], i => [.. i, .. i, .. i, .. i, .. i]])
            {
                await BadIdentAsync(p, w => bad(Ident.Create([Key], w.Keys.TranscriptHash)));
            }
        }),
        After("C-6.5-4", "An ident record that is not the server's second gets an alert, and the mail is deferred", "BP-6.5-4 BP-8.3-1", w => [w.Seal(RecordType.Data, "250 Ok\r\n"u8), w.Seal(RecordType.Ident, Ident.Create([Key], w.Keys.TranscriptHash))]),
        new("C-6.5-5", "An ident record behind an ignored one gets an alert", Must, Profile.Core, "BP-6.5-4", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer);
            await wire.SendRecordsAsync(wire.Seal(RecordType.Finished, wire.Keys.Finished(Role.Server)), wire.Seal((RecordType)128, []), wire.Seal(RecordType.Ident, Ident.Create([Key], wire.Keys.TranscriptHash)));
            wire.EndDirection();
            await EndsByAlertAsync(wire);
            await p.ExpectAsync(delivered: false);
        }),
    ];

    private static byte[] Flip(byte[] octets)
    {
        octets[^1] ^= 1;
        return octets;
    }

    private static async Task BadIdentAsync(ClientProbe p, Func<Wire, byte[]> ident)
    {
        var wire = await p.AcceptAsync(CoreOffer);
        await p.SwitchAsync(wire, CoreOffer);
        await wire.SendRecordsAsync(wire.Seal(RecordType.Finished, wire.Keys.Finished(Role.Server)), wire.Seal(RecordType.Ident, ident(wire)));
        wire.EndDirection();
        await EndsByAlertAsync(wire);
        await p.ExpectAsync(delivered: false, "BP-9.2-6", "BP-9.2-6");
    }

    /// <summary>What the client had under way may come; then its alert, and the end.</summary>
    internal static async Task EndsByAlertAsync(Wire wire, string? requirement = null)
    {
        Incoming? last = null;
        while (await wire.RecordAsync() is { } record)
        {
            That(last?.Type != RecordType.Alert, "Something follows the alert.", "BP-8.3-1");
            last = record;
        }

        That(last?.Type == RecordType.Alert, $"Expected an alert before the end, got {last?.Type.ToString() ?? "nothing"}.", requirement);
        That(last!.Data is [1], "The alert's data is not the one octet 1.", "BP-8.3-2");
    }

    // The keys differ: the client's alert can't be read, and it must not go on.
    private static async Task FailsAsync(ClientProbe p, Wire wire)
    {
        await wire.SendRecordAsync(RecordType.Finished, wire.Keys.Finished(Role.Server));
        wire.EndDirection();
        await wire.DrainAsync();
        await FreshAsync(p);
    }

    private static Case<ClientProbe> First(string id, string title, RecordType type, byte[] data) => new(id, $"{title} gets an alert", Must, Profile.Core, "BP-6.3-6 BP-8.3-1", async p =>
    {
        var wire = await p.AcceptAsync(CoreOffer);
        await p.SwitchAsync(wire, CoreOffer);
        await wire.SendRecordAsync(type, data);
        wire.EndDirection();
        await wire.ExpectAlertAsync();
        await FreshAsync(p);
    });

    /// <summary>An established session in which the server then sends records that are a failure, and, unless it waits for the alert, ends its direction.</summary>
    internal static Case<ClientProbe> After(string id, string title, string requirements, Func<Wire, byte[][]> records, Profile profile = Profile.Core, string suite = Core, bool waits = false) => new(id, title, Must, profile, requirements, async p =>
    {
        var offer = $"XBLACKPONY V1 {suite}";
        var wire = await p.AcceptAsync(offer);
        await NeedCommandAsync(p, wire, suite);
        await p.SwitchAsync(wire, offer, command: wire.Plaintext[^1]);
        await p.FinishAsync(wire);
        await wire.SendInsideAsync(ClientProbe.EhloReply());
        That(await wire.LineInsideAsync() is not null, "The session ended before its time.");
        await wire.SendRecordsAsync(records(wire));
        if (!waits)
        {
            wire.EndDirection();
        }

        await EndsByAlertAsync(wire, requirements.Split(' ')[0]);
        await p.ExpectAsync(delivered: false, "BP-9.2-6", "BP-9.2-6");
    });
}
