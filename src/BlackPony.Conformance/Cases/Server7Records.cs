using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>Records, spec 7.</summary>
internal static class Server7Records
{
    private const string Core = "X25519-CHACHA20POLY1305";

    public static IReadOnlyList<Case<ServerProbe>> Cases { get; } =
    [
        new("S-7.1-1", "A length beyond the limit gets an alert at its two octets", Must, Profile.Core, "BP-7.1-2 BP-8.3-1", p => BadLengthAsync(p, [0x40, 0x12])),
        new("S-7.1-2", "A length below the limit gets an alert at its two octets", Must, Profile.Core, "BP-7.1-3 BP-8.3-1", p => BadLengthAsync(p, [0x00, 0x10])),
        new("S-7.1-3", "Records in single octets, and several in one segment, are taken", Must, Profile.Core, "BP-7.1-6", async p =>
        {
            await p.UpgradeAsync(Core);
            foreach (byte octet in p.Wire.Seal(RecordType.Data, "EHLO probe.test\r\n"u8))
            {
                await p.Wire.SendAsync(new[] { octet });
            }

            Is(await p.Wire.ReplyInsideAsync(), 250);
            await p.Wire.SendAsync((byte[])[.. p.Wire.Seal(RecordType.Data, "NOOP\r\n"u8), .. p.Wire.Seal(RecordType.Data, "NOOP\r\n"u8)]);
            Is(await p.Wire.ReplyInsideAsync(), 250);
            Is(await p.Wire.ReplyInsideAsync(), 250);
        }),
        new("S-7.1-4", "A line may be split over records", Must, Profile.Core, "BP-7.1-7 BP-7.4-4", async p =>
        {
            await p.UpgradeAsync(Core);
            foreach (var part in (string[])["EH", "", "LO probe.test\r", "\nNO", "OP\r\n"])
            {
                await p.Wire.SendInsideAsync(part);
            }

            Is(await p.Wire.ReplyInsideAsync(), 250);
            Is(await p.Wire.ReplyInsideAsync(), 250);
        }),
        new("S-7.1-5", "A record of the greatest size is taken", Must, Profile.Core, "BP-7.1-2 BP-7.5-2", async p =>
        {
            await p.UpgradeAsync(Core);
            await p.Wire.CommandInsideAsync("EHLO probe.test", 250);
            await p.Wire.CommandInsideAsync("MAIL FROM:<a@probe.test>", 250);
            await p.Wire.CommandInsideAsync("RCPT TO:<b@sink.test>", 250);
            await p.Wire.CommandInsideAsync("DATA", 354);
            var text = new StringBuilder();
            while (text.Length < Limits.MaxData)
            {
                text.Append("0123456789012345678901234567890123456789\r\n");
            }

            await p.Wire.SendInsideAsync(text.ToString()[..Limits.MaxData]);
            await p.Wire.CommandInsideAsync("\r\n.", 250);
        }),
        new("S-7.4-1", "Records of type 128 and above are ignored", Must, Profile.Core, "BP-7.4-1", async p =>
        {
            await p.UpgradeAsync(Core);
            await p.Wire.SendRecordAsync((RecordType)128, "?"u8.ToArray());
            await p.Wire.SendRecordAsync((RecordType)255);
            await p.Wire.CommandInsideAsync("EHLO probe.test", 250);
        }),
        new("S-7.4-2", "A record of an unassigned type gets an alert", Must, Profile.Core, "BP-7.4-2", async p =>
        {
            await p.UpgradeAsync(Core);
            await p.Wire.SendRecordAsync((RecordType)7);
            await Server6Keys.SkipIdentAsync(p);
        }),
        new("S-7.4-3", "A close that carries data gets an alert", Must, Profile.Core, "BP-7.4-3", async p =>
        {
            await p.UpgradeAsync(Core);
            await p.Wire.SendRecordAsync(RecordType.Close, "x"u8.ToArray());
            await Server6Keys.SkipIdentAsync(p);
        }),
        new("S-7.4-4", "More than 64 records in a row without data get an alert", Must, Profile.Core, "BP-7.4-5", async p =>
        {
            await p.UpgradeAsync(Core);
            for (int i = 0; i <= Limits.MaxIdleRecords; i++)
            {
                await p.Wire.SendRecordAsync(RecordType.Data);
            }

            await Server6Keys.SkipIdentAsync(p);
        }),
        new("S-7.6-1", "Rekeying in the middle of a line loses nothing", Must, Profile.Core, "BP-7.6-4 BP-7.6-5", async p =>
        {
            await p.UpgradeAsync(Core);
            await p.Wire.SendInsideAsync("EHLO pro");
            await RekeyAsync(p);
            await p.Wire.SendInsideAsync("be.test\r\n");
            Is(await p.Wire.ReplyInsideAsync(), 250);
            await RekeyAsync(p);
            await p.Wire.CommandInsideAsync("NOOP", 250);
        }),
        new("S-7.6-2", "Rekeying works in RSA-BLOWFISH", Must, Profile.Classic, "BP-7.6-4 BP-6.2-3", async p =>
        {
            await p.UpgradeAsync("RSA-BLOWFISH");
            await RekeyAsync(p);
            await p.Wire.CommandInsideAsync("EHLO probe.test", 250);
        }),
    ];

    private static void Is(Reference.Smtp.Reply reply, int code) => Server4Negotiation.Check(reply.Code == code, $"Expected {code}, got {reply.Code}.");

    private static async Task RekeyAsync(ServerProbe p)
    {
        var output = new System.Buffers.ArrayBufferWriter<byte>();
        p.Wire.Writer.Rekey(output);
        await p.Wire.SendAsync(output.WrittenMemory);
    }

    private static async Task BadLengthAsync(ServerProbe p, byte[] length)
    {
        await p.UpgradeAsync(Core);
        await p.Wire.SendAsync(length);
        await Server6Keys.SkipIdentAsync(p);
    }
}
