using BlackPony.Conformance.Peers;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>Closing and alerts, spec 8.</summary>
internal static class Server8Closing
{
    private const string Core = "X25519-CHACHA20POLY1305";

    public static IReadOnlyList<Case<ServerProbe>> Cases { get; } =
    [
        new("S-8.1-1", "After 221 comes a close record", Must, Profile.Core, "BP-8.1-1 BP-8.1-5", async p =>
        {
            await p.UpgradeAsync(Core);
            await p.Wire.CommandInsideAsync("EHLO probe.test", 250);
            await p.Wire.CommandInsideAsync("QUIT", 221);
            await p.Wire.RecordAsync(RecordType.Close);
        }),
        new("S-8.1-2", "A client's close is answered with a close and the end of the connection", Must, Profile.Core, "BP-8.1-3 BP-8.1-4", async p =>
        {
            await p.UpgradeAsync(Core);
            await p.Wire.SendRecordAsync(RecordType.Close);
            var record = await p.Wire.RecordAsync();
            record = record?.Type == RecordType.Ident ? await p.Wire.RecordAsync() : record;
            Server4Negotiation.Check(record?.Type == RecordType.Close, "The close is not answered.");
            Server4Negotiation.Check(await p.Wire.RecordAsync() is null, "Something follows the close.");
        }),
        new("S-8.3-1", "A flipped bit gets the one alert, and what follows is not read", Must, Profile.Core, "BP-8.3-1 BP-8.3-2 BP-8.3-3 BP-8.3-5", async p =>
        {
            await p.UpgradeAsync(Core);
            var record = p.Wire.Seal(RecordType.Data, "EHLO probe.test\r\n"u8);
            record[10] ^= 1;
            await p.Wire.SendAsync((byte[])[.. record, .. p.Wire.Seal(RecordType.Data, "NOOP\r\n"u8)]);
            await Server6Keys.SkipIdentAsync(p);
        }),
        new("S-8.3-2", "A repeated record gets the one alert", Must, Profile.Core, "BP-8.3-1", async p =>
        {
            await p.UpgradeAsync(Core);
            var record = p.Wire.Seal(RecordType.Data, "EHLO probe.test\r\n"u8);
            await p.Wire.SendAsync(record);
            await p.Wire.ReplyInsideAsync();
            await p.Wire.SendAsync(record);
            await Server6Keys.SkipIdentAsync(p);
        }),
        new("S-8.3-3", "A client's alert ends the connection without another record", Must, Profile.Core, "BP-8.3-4", async p =>
        {
            await p.UpgradeAsync(Core);
            await p.Wire.SendRecordAsync(RecordType.Alert, new byte[] { 1 });
            var record = await p.Wire.RecordAsync();
            record = record?.Type == RecordType.Ident ? await p.Wire.RecordAsync() : record;
            Server4Negotiation.Check(record is null, "Something follows the client's alert.");
        }),
    ];
}
