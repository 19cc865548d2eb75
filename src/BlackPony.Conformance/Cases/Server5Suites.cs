using BlackPony.Conformance.Peers;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>Suites, spec 5.</summary>
internal static class Server5Suites
{
    public static IReadOnlyList<Case<ServerProbe>> Cases { get; } =
    [
        Deliver("S-5.2-1", "X25519-CHACHA20POLY1305", Must, Profile.Core, "BP-5.1-1 BP-6.2-2 BP-7.2-1 BP-7.2-2 BP-7.2-3"),
        Deliver("S-5.3-1", "X25519MLKEM768-CHACHA20POLY1305", Should, Profile.Hybrid, "BP-5.1-2 BP-4.3-4"),
        Deliver("S-5.3-2", "X25519MLKEM768-AES256GCM", May, Profile.Hybrid, "BP-5.1-4"),
        Deliver("S-5.4-1", "RSA-BLOWFISH", Should, Profile.Classic, "BP-5.1-3 BP-4.3-6 BP-7.3-1 BP-7.3-2"),
        new("S-5.1-1", "A share that is not canonical base64 of the right length gets 501", Must, Profile.Core, "BP-5.1-7 BP-5.1-8 BP-5.1-9", async p =>
        {
            await p.NeedAsync("X25519-CHACHA20POLY1305");
            var share = ServerProbe.Share("X25519-CHACHA20POLY1305");
            foreach (var bad in (string[])[share[..^1], share[..40], share + "AAAA", share.Replace('=', 'A'), share[..^2] + (share[^2] == 'B' ? "C=" : "B="), "*"])
            {
                await p.Wire.CommandAsync($"XBLACKPONY V1 X25519-CHACHA20POLY1305 {bad}", 501);
            }

            await p.ExpectUsableAsync();
        }),
        new("S-5.2-2", "An X25519 share that makes an all-zero result gets 501", Must, Profile.Core, "BP-5.2-2", async p =>
        {
            await p.NeedAsync("X25519-CHACHA20POLY1305");
            await p.Wire.CommandAsync($"XBLACKPONY V1 X25519-CHACHA20POLY1305 {Convert.ToBase64String(new byte[32])}", 501);
            await p.Wire.CommandAsync($"XBLACKPONY V1 X25519-CHACHA20POLY1305 {Convert.ToBase64String([1, .. new byte[31]])}", 501);
            await p.UpgradeAsync("X25519-CHACHA20POLY1305");
        }),
        new("S-5.3-3", "An ML-KEM key that fails the check of FIPS 203 7.2 gets 501", Must, Profile.Hybrid, "BP-5.3-2 BP-5.3-3", async p =>
        {
            await p.NeedAsync("X25519MLKEM768-CHACHA20POLY1305");
            var share = Convert.FromBase64String(ServerProbe.Share("X25519MLKEM768-CHACHA20POLY1305"));
            share[0] = 0xff;
            share[1] |= 0x0f;
            await p.Wire.CommandAsync($"XBLACKPONY V1 X25519MLKEM768-CHACHA20POLY1305 {Convert.ToBase64String(share)}", 501);
            await p.ExpectUsableAsync();
        }),
        new("S-5.4-2", "An even modulus, or one without its highest bit, gets 501", Must, Profile.Classic, "BP-5.4-5", async p =>
        {
            await p.NeedAsync("RSA-BLOWFISH");
            var share = Convert.FromBase64String(ServerProbe.Share("RSA-BLOWFISH"));
            var even = (byte[])share.Clone();
            even[383] &= 0xfe;
            await p.Wire.CommandAsync($"XBLACKPONY V1 RSA-BLOWFISH {Convert.ToBase64String(even)}", 501);
            share[0] &= 0x7f;
            await p.Wire.CommandAsync($"XBLACKPONY V1 RSA-BLOWFISH {Convert.ToBase64String(share)}", 501);
            await p.ExpectUsableAsync();
        }),
        new("S-5.4-3", "\"*\" and a malformed continuation get 501, and the session stays usable", Must, Profile.Classic, "BP-4.4-8 BP-5.4-7", async p =>
        {
            await p.NeedAsync("RSA-BLOWFISH");
            foreach (var line in (string[])["*", "QUIT", "", Convert.ToBase64String(new byte[383])])
            {
                await p.Wire.CommandAsync($"XBLACKPONY V1 RSA-BLOWFISH {ServerProbe.Share("RSA-BLOWFISH")}", 334);
                await p.Wire.CommandAsync(line, 501);
            }

            await p.ExpectUsableAsync();
        }),
        new("S-5.4-4", "A continuation that does not decrypt is answered like a good one, and the session fails at Finished", Must, Profile.Classic, "BP-5.4-8 BP-5.4-10 BP-8.3-1", async p =>
        {
            await p.SwitchAsync("RSA-BLOWFISH", continuation: _ => Enumerable.Repeat((byte)0x11, 384).ToArray());
            await p.Wire.SendRecordAsync(RecordType.Finished, new byte[32]);
            await p.Wire.ExpectEndAsync();
        }),
        new("S-5.5-1", "ROT takes 1 to 25 and nothing else, and carries a session", Must, Profile.Manual, "BP-5.5-1 BP-5.5-2 BP-5.5-3 BP-5.5-11 BP-4.5-3 BP-4.5-4", async p =>
        {
            await p.NeedAsync("ROT");
            foreach (var bad in (string[])["0", "26", "013", "+5", "x"])
            {
                await p.Wire.CommandAsync($"XBLACKPONY V1 ROT {bad}", 501);
            }

            var go = await p.Wire.CommandAsync("XBLACKPONY V1 ROT 13", 220);
            Server4Negotiation.Check(!go.Text(0).StartsWith("K="u8), "The 220 reply looks like a share.");
            var reply = await p.Wire.CommandAsync("RUYB cebor.grfg", 250);
            Server4Negotiation.Check(!reply.Lines.Any(l => System.Text.Encoding.Latin1.GetString(l).Contains("KOYNPXCBAL", StringComparison.Ordinal)), "XBLACKPONY is offered inside ROT.");
            await p.Wire.CommandAsync("DHVG", 221);
        }),
    ];

    private static Case<ServerProbe> Deliver(string id, string suite, Level level, Profile profile, string requirements) =>
        new(id, $"{suite} carries a message", level, profile, requirements, async p =>
        {
            await p.UpgradeAsync(suite);
            await p.DeliverInsideAsync();
        });
}
