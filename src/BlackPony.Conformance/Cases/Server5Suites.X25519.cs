using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <content>X25519 alone and with ML-KEM, spec 5.2 and 5.3.</content>
internal static partial class Server5Suites
{
    private static IReadOnlyList<Case<ServerProbe>> X25519 =>
    [
        // ---------------------------------------------------------------- 5.2 X25519
        // [BP-5.1-1] An implementation MUST implement `X25519-CHACHA20POLY1305`.
        Deliver("S-5.2-1", Core, Must, Profile.Core, "BP-5.1-1"),
        // [BP-5.2-2] A server whose X25519 result is all zero octets MUST reply 501.
        new("S-5.2-2", "An X25519 share that makes an all-zero result gets 501", Must, Profile.Core, "BP-5.2-2", async p =>
        {
            await p.NeedAsync(Core);
            foreach (var point in SmallOrder)
                await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Core} {Convert.ToBase64String(point)}", 501);

            await p.ExpectUsableAsync();
        }),
        // [BP-5.2-4] A side MUST accept every other public key of 32 octets, as RFC 7748 Section 5 says: it ignores the highest bit of the
        //   last octet, and accepts non-canonical values.
        new("S-5.2-3", "An X25519 share with its highest bit set is accepted as if it were clear",
            Must, Profile.Core, "BP-5.2-4", async p =>
        {
            await p.UpgradeAsync(Core, c =>
            {
                var fields = c.Split(' ');
                var share = Convert.FromBase64String(fields[3]);
                share[31] |= 0x80;
                return $"{fields[0]} {fields[1]} {fields[2]} {Convert.ToBase64String(share)}";
            });
            await p.ProbeConnection.CommandInsideAsync("EHLO probe.test", 250);
        }),

        // [BP-5.2-4] A side MUST accept every other public key of 32 octets, as RFC 7748 Section 5 says: it ignores the highest bit of the
        //   last octet, and accepts non-canonical values.
        new("S-5.2-4", "An X25519 share of a non-canonical value is accepted, and means that value modulo p",
            Must, Profile.Core, "BP-5.2-4", p => NonCanonicalAsync(p, Core)),

        // ---------------------------------------------------------------- 5.3 X25519MLKEM768
        // [BP-5.1-2] An implementation SHOULD implement `X25519MLKEM768-CHACHA20POLY1305`.
        Deliver("S-5.3-1", Hybrid, Should, Profile.Hybrid, "BP-5.1-2"),
        // [BP-5.1-4] An implementation MAY implement `X25519MLKEM768-AES256GCM`.
        // [BP-6.2-2] The client MUST protect its records with the keys from client_traffic, and the server with those from server_traffic.
        // [BP-7.2-1] The nonce MUST be the 12-octet *iv* XORed with *seq* as a big-endian 64-bit number, padded on the left with four zero
        //   octets.
        // [BP-7.2-2] The additional data MUST be the record's two length octets.
        // [BP-7.2-3] The tag MUST be 16 octets.
        Deliver("S-5.3-2", HybridAes, May, Profile.Hybrid, "BP-5.1-4 BP-6.2-2 BP-7.2-1 BP-7.2-2 BP-7.2-3"),
        // [BP-5.3-2] A server MUST make the encapsulation key check of FIPS 203 Section 7.2 on the client's ML-KEM key.
        // [BP-5.3-3] A server MUST reply 501 if that check fails.
        new("S-5.3-3", "An ML-KEM key that fails the check of FIPS 203 7.2 gets 501", Must, Profile.Hybrid, "BP-5.3-2 BP-5.3-3", async p =>
        {
            await p.NeedAsync(Hybrid);
            foreach (int at in (int[])[0, 600, 1149])
            {
                // Twelve bits of 0xfff are no coefficient below 3329.
                var share = Convert.FromBase64String(p.Share(Hybrid));
                share[at] = 0xff;
                share[at + 1] = 0xff;
                share[at + 2] = 0xff;
                await p.ProbeConnection.RefusedAsync($"XBLACKPONY V1 {Hybrid} {Convert.ToBase64String(share)}", 501, null, "BP-5.3-3");
            }

            await p.ExpectUsableAsync();
        }),
        // [BP-5.3-4] The rules of Section 5.2 on an all-zero result MUST be applied to the X25519 part.
        new("S-5.3-4", "An all-zero X25519 result in the hybrid suite gets 501", Must, Profile.Hybrid, "BP-5.3-4", async p =>
        {
            await p.NeedAsync(Hybrid);
            foreach (var point in SmallOrder)
            {
                var share = Convert.FromBase64String(p.Share(Hybrid));
                point.CopyTo(share, 1184);
                await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Hybrid} {Convert.ToBase64String(share)}", 501);
            }
        }),
        // [BP-5.3-1] Each side MUST draw new ML-KEM and X25519 values for every XBLACKPONY command that reaches the key exchange.
        new("S-5.3-5", "The server's ciphertext and X25519 key are new in each session", Must, Profile.Hybrid, "BP-5.3-1", async p =>
        {
            await p.SwitchAsync(Hybrid);
            var first = p.ServerShare;
            await p.ConnectAsync();
            await p.SwitchAsync(Hybrid);
            That(!first.AsSpan(0, 1088).SequenceEqual(p.ServerShare.AsSpan(0, 1088)), "Two sessions have the same ciphertext.");
            That(!first.AsSpan(1088).SequenceEqual(p.ServerShare.AsSpan(1088)), "Two sessions have the same X25519 public key.");
        }),

        // [BP-5.2-4] A side MUST accept every other public key of 32 octets, as RFC 7748 Section 5 says: it ignores the highest bit of the
        //   last octet, and accepts non-canonical values.
        new("S-5.3-6", "An X25519 part of a non-canonical value is accepted in the hybrid suite",
            Must, Profile.Hybrid, "BP-5.2-4", p => NonCanonicalAsync(p, Hybrid)),
    ];

    // p + 9 is the base point, whose product with the server's private key is the server's own share: so this side knows the secret.
    private static async Task NonCanonicalAsync(ServerProbe p, string suite)
    {
        foreach (byte last in (byte[])[0x7f, 0xff])
        {
            byte[] point = [0xf6, .. Enumerable.Repeat((byte)0xff, 30), last];
            await p.SwitchAsync(suite, command =>
            {
                var fields = command.Split(' ');
                return $"{fields[0]} {fields[1]} {fields[2]} "
                    + Convert.ToBase64String([.. Convert.FromBase64String(fields[3])[..^32], .. point]);
            });
            byte[] secret = [.. p.Secret[..^32], .. p.ServerShare[^32..]];
            p.ProbeConnection.SwitchTo(
                Reference.Suites.SuiteRegistry.Find(suite)!, Role.Client, secret, p.ProbeConnection.Keys.TranscriptHash);
            await p.FinishAsync();
            await p.ProbeConnection.CommandInsideAsync("EHLO probe.test", 250);
            await p.ConnectAsync();
        }
    }
}
