using BlackPony.Conformance.Peers;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <summary>Suites, spec 5.</summary>
internal static partial class Server5Suites
{
    // RFC 7748 6.1: points whose product with every private key is zero.
    internal static readonly byte[][] SmallOrder =
    [
        new byte[32],
        [1, .. new byte[31]],
        Convert.FromHexString("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        Convert.FromHexString("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        Convert.FromHexString("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        Convert.FromHexString("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        Convert.FromHexString("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ];

    public static IReadOnlyList<Case<ServerProbe>> Cases { get; } = [.. EverySuite, .. X25519, .. Rsa, .. Shifted];

    private static IReadOnlyList<Case<ServerProbe>> EverySuite =>
    [
        // ---------------------------------------------------------------- 5.1 rules for every suite
        // [BP-5.1-7] A recipient MUST treat a share that is not canonical base64 as an invalid share.
        // [BP-5.1-9] A server that finds the client's share invalid MUST reply 501.
        new("S-5.1-1", "A share that is not canonical base64 gets 501", Must, Profile.Core, "BP-5.1-7 BP-5.1-9", async p =>
        {
            await p.NeedAsync(Core);
            var share = p.Share(Core);
            foreach (var bad in (string[])[share[..^1], share.Replace('=', 'A')[..43], share[..^2] + (share[^2] == 'B' ? "C=" : "B="), "*",
                "=" + share[1..], share.Replace('=', '-')])
            {
                await p.ProbeConnection.RefusedAsync($"XBLACKPONY V1 {Core} {bad}", 501, null, "BP-5.1-9");
            }

            await p.ExpectUsableAsync();
        }),
        // [BP-5.1-8] A recipient MUST treat a share whose decoded length differs from the one that the suite gives as an invalid share.
        // [BP-5.1-9] A server that finds the client's share invalid MUST reply 501.
        new("S-5.1-2", "A share of a wrong length gets 501", Must, Profile.Core, "BP-5.1-8 BP-5.1-9", async p =>
        {
            await p.NeedAsync(Core);
            var share = Convert.FromBase64String(p.Share(Core));
            foreach (int length in (int[])[1, 31, 33, 64, 1216])
            {
                // A good share with more octets after it is not valid.
                var octets = Enumerable.Repeat(share, 38).SelectMany(s => s).Take(length).ToArray();
                await p.ProbeConnection.RefusedAsync($"XBLACKPONY V1 {Core} {Convert.ToBase64String(octets)}", 501, null, "BP-5.1-9");
            }

            await p.ExpectUsableAsync();
        }),
        // [BP-5.1-8] A recipient MUST treat a share whose decoded length differs from the one that the suite gives as an invalid share.
        // [BP-5.1-9] A server that finds the client's share invalid MUST reply 501.
        new("S-5.1-3", "A share of a wrong length gets 501 in the hybrid suite", Must, Profile.Hybrid, "BP-5.1-8 BP-5.1-9", async p =>
        {
            await p.NeedAsync(Hybrid);
            var share = Convert.FromBase64String(p.Share(Hybrid));
            await p.ProbeConnection.RefusedAsync($"XBLACKPONY V1 {Hybrid} {Convert.ToBase64String(share[..^1])}", 501, null, "BP-5.1-9");
            await p.ProbeConnection.RefusedAsync($"XBLACKPONY V1 {Hybrid} {Convert.ToBase64String(share[..1184])}", 501, null, "BP-5.1-9");
            await p.ProbeConnection.RefusedAsync($"XBLACKPONY V1 {Hybrid} {Convert.ToBase64String([.. share, 0])}", 501, null, "BP-5.1-9");
        }),
        // [BP-5.1-8] A recipient MUST treat a share whose decoded length differs from the one that the suite gives as an invalid share.
        // [BP-5.1-9] A server that finds the client's share invalid MUST reply 501.
        new("S-5.1-4", "A share of a wrong length gets 501 in RSA-BLOWFISH", Must, Profile.Classic, "BP-5.1-8 BP-5.1-9", async p =>
        {
            await p.NeedAsync(Classic);
            var share = Convert.FromBase64String(p.Share(Classic));
            await p.ProbeConnection.RefusedAsync($"XBLACKPONY V1 {Classic} {Convert.ToBase64String(share[..^1])}", 501, null, "BP-5.1-9");
            await p.ProbeConnection.RefusedAsync($"XBLACKPONY V1 {Classic} {Convert.ToBase64String(share[..384])}", 501, null, "BP-5.1-9");
            await p.ProbeConnection.RefusedAsync($"XBLACKPONY V1 {Classic} {Convert.ToBase64String([.. share, 0])}", 501, null, "BP-5.1-9");
        }),
        // [BP-5.1-6] A share MUST be written as one string of canonical base64: the alphabet of RFC 4648 Section 4, padded with "=" to a
        //   multiple of four characters, unused bits zero, without white space or line break inside.
        new("S-5.1-5", "The server's share is canonical base64",
            Must, Profile.Core, "BP-5.1-6", p => p.EachSuiteAsync(s => p.SwitchAsync(s))),
        // [BP-5.1-11] Each private value of a key exchange MUST be used in one session only, except the RSA key pairs of Section 5.4.
        // [BP-5.2-1] Each side MUST draw a new X25519 private key for every XBLACKPONY command that reaches the key exchange.
        new("S-5.1-6", "The server's private values are used in one session only", Must, Profile.Core, "BP-5.1-11 BP-5.2-1", async p =>
        {
            await p.NeedAsync(Core);
            bool hybrid = p.Suites.Contains(Hybrid, StringComparer.OrdinalIgnoreCase);
            bool core = await RepeatsAsync(Core);
            That(!core || !hybrid || !await RepeatsAsync(Hybrid), "Two sessions have the same X25519 public key, in each of two suites.");
            That(!core, "Two sessions have the same X25519 public key.", "BP-5.2-1");

            async Task<bool> RepeatsAsync(string suite)
            {
                await p.ConnectAsync();
                await p.SwitchAsync(suite);
                var first = p.ServerShare;
                await p.ConnectAsync();
                await p.SwitchAsync(suite);
                return first.AsSpan(first.Length - 32).SequenceEqual(p.ServerShare.AsSpan(p.ServerShare.Length - 32));
            }
        }),
        // [BP-5.1-12] A key or private value of a key exchange MUST NOT be used in more than one suite.
        new("S-5.1-7", "The server's X25519 key is not the same in two suites", Must, Profile.Hybrid, "BP-5.1-12", async p =>
        {
            await p.SwitchAsync(Core);
            var core = p.ServerShare;
            await p.ConnectAsync();
            await p.SwitchAsync(Hybrid);
            That(!core.AsSpan().SequenceEqual(p.ServerShare.AsSpan(1088)), "Two suites have the same X25519 public key.");
        }),
    ];

    private static Case<ServerProbe> Deliver(string id, string suite, Level level, Profile profile, string requirements) =>
        new(id, $"{suite} carries a message", level, profile, requirements, async p =>
        {
            if ((level == Should && p.Claims(profile)) || suite == Core)
            {
                await p.EhloAsync();
                That(p.Suites.Contains(suite, StringComparer.OrdinalIgnoreCase), $"{suite} is not offered.");
            }

            await p.InsideAsync(suite);
            await p.DeliverInsideAsync();
        });
}
