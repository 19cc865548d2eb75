using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>Key schedule, spec 6.</summary>
internal static class Server6Keys
{
    private const string Core = "X25519-CHACHA20POLY1305";

    public static IReadOnlyList<Case<ServerProbe>> Cases { get; } =
    [
        new("S-6.1-1", "An offer that was edited on the way makes the upgrade fail", Must, Profile.Core, "BP-6.1-1 BP-6.1-5", async p =>
        {
            await p.SwitchAsync(Core, hashedOffer: o => o.Replace("V1", "V1 X25519-ROT13", StringComparison.Ordinal));
            await p.Wire.SendRecordAsync(RecordType.Finished, p.Wire.Keys.Finished(Role.Client));
            await p.Wire.ExpectEndAsync();
        }),
        new("S-6.3-1", "The server's Finished comes directly after the 220 reply, without the client's", Must, Profile.Core, "BP-6.3-1 BP-6.3-2", async p =>
        {
            await p.SwitchAsync(Core);
            await p.Wire.RecordAsync(RecordType.Finished);
        }),
        new("S-6.3-2", "A wrong client's Finished gets an alert", Must, Profile.Core, "BP-6.3-7 BP-8.3-1 BP-8.3-2", async p =>
        {
            await p.SwitchAsync(Core);
            await p.Wire.RecordAsync(RecordType.Finished);
            await p.Wire.SendRecordAsync(RecordType.Finished, new byte[32]);
            await SkipIdentAsync(p);
        }),
        new("S-6.3-3", "Data before the client's Finished gets an alert and no reply", Must, Profile.Core, "BP-6.3-5 BP-6.3-6", async p =>
        {
            await p.SwitchAsync(Core);
            await p.Wire.RecordAsync(RecordType.Finished);
            await p.Wire.SendInsideAsync("EHLO probe.test\r\n");
            await SkipIdentAsync(p);
        }),
        new("S-6.3-4", "A second Finished gets an alert", Must, Profile.Core, "BP-6.3-8", async p =>
        {
            await p.UpgradeAsync(Core);
            await p.Wire.SendRecordAsync(RecordType.Finished, p.Wire.Keys.Finished(Role.Client));
            await SkipIdentAsync(p);
        }),
        new("S-6.5-1", "An ident record from a client gets an alert", Must, Profile.Core, "BP-6.5-4", async p =>
        {
            await p.UpgradeAsync(Core);
            await p.Wire.SendRecordAsync(RecordType.Ident, new byte[96]);
            await SkipIdentAsync(p);
        }),
    ];

    // The server's IDENT may stand before its alert.
    internal static async Task SkipIdentAsync(ServerProbe p)
    {
        var record = await p.Wire.RecordAsync();
        if (record?.Type == RecordType.Ident)
        {
            record = await p.Wire.RecordAsync();
        }

        Server4Negotiation.Check(record?.Type == RecordType.Alert, $"Expected an alert, got {record?.Type.ToString() ?? "the end of the connection"}.");
        Server4Negotiation.Check(record!.Data is [1], "The alert's data is not the one octet 1.");
        Server4Negotiation.Check(await p.Wire.RecordAsync() is null, "Something follows the alert.");
    }
}
