using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>All cases for clients. The client under test has the opportunistic policy and its default suites.</summary>
public static class ClientCases
{
    private const string Core = "XBLACKPONY V1 X25519-CHACHA20POLY1305";

    /// <summary>The cases.</summary>
    public static IReadOnlyList<Case<ClientProbe>> All { get; } =
    [
        Encrypted("C-4.1-1", "Grease, unknown tokens, doubled ones, other case and spaces do not disturb", Must, Profile.Core, "BP-4.1-8 BP-4.1-9 BP-4.1-10 BP-4.1-12", "xBlackPony  V9 v1 G-7A7A NO-SUCH-SUITE x25519-ChaCha20Poly1305 X25519-CHACHA20POLY1305 !?  "),
        Plain("C-4.1-2", "No offer: plain SMTP in the same connection", "BP-9.2-1 BP-4.8-5", ""),
        Plain("C-4.1-3", "Only unknown suites: plain SMTP in the same connection", "BP-4.1-13 BP-4.8-5", "XBLACKPONY V1 NO-SUCH-SUITE G-0000"),
        Plain("C-4.1-4", "No V1: plain SMTP in the same connection", "BP-4.1-13", "XBLACKPONY V2 V01 X25519-CHACHA20POLY1305"),
        Plain("C-4.1-5", "A line of more than 512 octets is no offer", "BP-4.1-13", "XBLACKPONY V1 X25519-CHACHA20POLY1305 " + new string('x', 500)),
        Plain("C-4.8-1", "Only ROT offered: it is not chosen", "BP-5.5-9", "XBLACKPONY V1 ROT"),
        new("C-4.2-1", "The command has its form, and nothing follows it", Must, Profile.Core, "BP-4.2-1 BP-4.2-2 BP-4.2-9", async p =>
        {
            var wire = await p.AcceptAsync(Core);
            var fields = (await ClientProbe.ExpectCommandAsync(wire)).Split(' ');
            Server4Negotiation.Check(fields.Length is 4 or 5 && fields[1] == "V1" && fields[2].Equals("X25519-CHACHA20POLY1305", StringComparison.OrdinalIgnoreCase) && fields[3].Length == 44, $"The command is \"{string.Join(' ', fields)}\".");
            await wire.SendLineAsync("454 not now");
            await p.ServeMailAsync(wire, inside: false);
            await p.ExpectAsync(delivered: true);
        }),
        Refused("C-4.4-1", 454),
        Refused("C-4.4-2", 500),
        Refused("C-4.4-3", 501),
        Refused("C-4.4-4", 502),
        Refused("C-4.4-5", 503),
        Broken("C-4.3-1", "A 220 reply without K= is a broken upgrade: one fresh plain connection", "BP-4.3-7 BP-9.2-2", "220 go ahead"),
        Broken("C-4.3-2", "A 250 reply is a broken upgrade", "BP-4.3-8 BP-9.2-2", "250 K=hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="),
        Broken("C-4.3-3", "A 334 reply in a suite that has none is a broken upgrade", "BP-4.3-7 BP-9.2-2", "334 K=hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="),
        Broken("C-5.1-1", "A share that is not canonical base64 is a broken upgrade", "BP-5.1-7 BP-5.1-10", "220 K=hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTm"),
        Broken("C-5.2-1", "An all-zero X25519 share is a broken upgrade", "BP-5.2-3", "220 K=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        Encrypted("C-5.3-1", "X25519MLKEM768-CHACHA20POLY1305 carries a message", Should, Profile.Hybrid, "BP-5.1-2 BP-4.3-5", "XBLACKPONY V1 X25519MLKEM768-CHACHA20POLY1305"),
        Encrypted("C-5.4-1", "RSA-BLOWFISH carries a message", Should, Profile.Classic, "BP-5.1-3 BP-4.3-6", "XBLACKPONY V1 RSA-BLOWFISH"),
        new("C-4.3-4", "Plaintext injected behind the 220 is read as records, and no mail is sent there", Must, Profile.Core, "BP-4.3-9 BP-4.6-2", async p =>
        {
            var wire = await p.AcceptAsync(Core);
            await p.SwitchAsync(wire, Core);
            await wire.SendLineAsync(string.Concat(Enumerable.Repeat("250 injected\r\n", 1000)));
            await wire.ExpectEndAsync();
            ClientProbe.ExpectNoMail(wire);
            await FreshAsync(p);
        }),
        new("C-6.3-1", "A wrong server's Finished gets no Finished back and no mail", Must, Profile.Core, "BP-6.3-3 BP-6.3-7 BP-9.2-2", async p =>
        {
            var wire = await p.AcceptAsync(Core);
            await p.SwitchAsync(wire, Core);
            await wire.SendRecordAsync(RecordType.Finished, new byte[32]);
            await wire.ExpectFailureAsync();
            await FreshAsync(p);
        }),
        new("C-6.1-1", "A share altered on the way makes the upgrade fail", Must, Profile.Core, "BP-6.1-4 BP-9.2-2", async p =>
        {
            var wire = await p.AcceptAsync(Core);
            await p.SwitchAsync(wire, Core, share => [(byte)(share[0] ^ 1), .. share[1..]]);
            await wire.SendRecordAsync(RecordType.Finished, wire.Keys.Finished(Role.Server));
            await wire.ExpectEndAsync();
            await FreshAsync(p);
        }),
        new("C-7.6-1", "The server's rekeys, empty and unknown records lose nothing", Must, Profile.Core, "BP-7.6-5 BP-7.4-1 BP-7.4-4", async p =>
        {
            var wire = await p.AcceptAsync(Core);
            await p.UpgradeAsync(wire, Core);
            var output = new System.Buffers.ArrayBufferWriter<byte>();
            wire.Writer.Rekey(output);
            await wire.SendAsync(output.WrittenMemory);
            await wire.SendRecordAsync(RecordType.Data);
            await wire.SendRecordAsync((RecordType)200, Encoding.ASCII.GetBytes("future"));
            await p.ServeMailAsync(wire, inside: true);
            await p.ExpectAsync(delivered: true);
        }),
        new("C-8.2-1", "A session cut before the answer to the message is not taken as delivered", Must, Profile.Core, "BP-8.2-1 BP-8.2-3 BP-9.2-6", async p =>
        {
            var wire = await p.AcceptAsync(Core);
            await p.UpgradeAsync(wire, Core);
            for (int i = 0; i < 2; i++)
            {
                await wire.LineInsideAsync();
                await wire.SendInsideAsync("250 Ok\r\n");
            }

            await wire.LineInsideAsync();
            wire.EndDirection();
            await p.ExpectAsync(delivered: false);
        }),
    ];

    private static Case<ClientProbe> Encrypted(string id, string title, Level level, Profile profile, string requirements, string offer) => new(id, title, level, profile, requirements, async p =>
    {
        var wire = await p.AcceptAsync(offer);
        await p.UpgradeAsync(wire, offer.TrimEnd('\r', '\n'));
        await p.ServeMailAsync(wire, inside: true);
        await p.ExpectAsync(delivered: true);
    });

    private static Case<ClientProbe> Plain(string id, string title, string requirements, string offer) => new(id, title, Must, Profile.Core, requirements, async p =>
    {
        var wire = await p.AcceptAsync(offer);
        await p.ServeMailAsync(wire, inside: false);
        await p.ExpectAsync(delivered: true);
        Server4Negotiation.Check(!wire.Seen.ToString().Contains("XBLACKPONY", StringComparison.OrdinalIgnoreCase), "The client sent XBLACKPONY without a usable offer.");
    });

    private static Case<ClientProbe> Refused(string id, int code) => new(id, $"A {code} refusal: plain SMTP in the same connection", Must, Profile.Core, "BP-4.4-11 BP-9.2-1 BP-4.2-11", async p =>
    {
        var wire = await p.AcceptAsync(Core);
        await ClientProbe.ExpectCommandAsync(wire);
        await wire.SendLineAsync($"{code} no");
        await p.ServeMailAsync(wire, inside: false);
        await p.ExpectAsync(delivered: true);
    });

    private static Case<ClientProbe> Broken(string id, string title, string requirements, string reply) => new(id, title, Must, Profile.Core, requirements, async p =>
    {
        var wire = await p.AcceptAsync(Core);
        await ClientProbe.ExpectCommandAsync(wire);
        await wire.SendLineAsync(reply);
        Server4Negotiation.Check(await wire.LineAsync() is null, "The client goes on in the connection of a broken upgrade.");
        await FreshAsync(p);
    });

    // The one fresh connection, in plain SMTP, although the server offers again ([BP-9.2-2]).
    private static async Task FreshAsync(ClientProbe p)
    {
        var wire = await p.AcceptAsync(Core);
        await p.ServeMailAsync(wire, inside: false);
        await p.ExpectAsync(delivered: true);
        Server4Negotiation.Check(!wire.Seen.ToString().Contains("XBLACKPONY", StringComparison.OrdinalIgnoreCase), "The fresh connection sent XBLACKPONY again.");
    }
}
