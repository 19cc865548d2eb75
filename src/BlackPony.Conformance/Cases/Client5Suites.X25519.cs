using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Cases.Client4Negotiation;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <content>X25519 alone and with ML-KEM, spec 5.2 and 5.3.</content>
internal static partial class Client5Suites
{
    private static IReadOnlyList<Case<ClientProbe>> X25519 =>
    [
        // ---------------------------------------------------------------- 5.2 X25519
        // [BP-5.1-1] An implementation MUST implement `X25519-CHACHA20POLY1305`.
        Carries("C-5.2-2", Core, Must, Profile.Core, "BP-5.1-1"),
        // [BP-5.2-3] A client whose X25519 result is all zero octets MUST close the connection without sending another octet.
        // [BP-5.1-10] A client that finds the server's share in a 220 reply invalid MUST close the connection without sending another
        //   octet.
        new("C-5.2-1", "A server's share that makes an all-zero result ends the connection at once",
            Must, Profile.Core, "BP-5.2-3 BP-5.1-10", async p =>
        {
            foreach (var point in Server5Suites.SmallOrder)
                await InvalidAsync(p, Convert.ToBase64String(point));
        }),

        // [BP-5.2-4] A side MUST accept every other public key of 32 octets, as RFC 7748 Section 5 says: it ignores the highest bit of the
        //   last octet, and accepts non-canonical values.
        new("C-5.2-3", "A server's X25519 share with its highest bit set is accepted as if it were clear",
            Must, Profile.Core, "BP-5.2-4", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.SwitchAsync(wire, CoreOffer, share => [.. share[..31], (byte)(share[31] | 0x80)]);
            await p.FinishAsync(wire, none: "BP-5.2-4");
            await wire.SendInsideAsync(ClientProbe.EhloReply());
            await p.ServeMailAsync(wire, inside: true);
            await p.ExpectAsync(delivered: true);
        }),

        // [BP-5.2-4] A side MUST accept every other public key of 32 octets, as RFC 7748 Section 5 says: it ignores the highest bit of the
        //   last octet, and accepts non-canonical values.
        new("C-5.2-4", "A server's X25519 share of a non-canonical value is accepted, and means that value modulo p",
            Must, Profile.Core, "BP-5.2-4", p => NonCanonicalAsync(p, Core)),

        // ---------------------------------------------------------------- 5.3 X25519MLKEM768
        // [BP-5.1-2] An implementation SHOULD implement `X25519MLKEM768-CHACHA20POLY1305`.
        Carries("C-5.3-1", Hybrid, Should, Profile.Hybrid, "BP-5.1-2"),
        // [BP-5.1-4] An implementation MAY implement `X25519MLKEM768-AES256GCM`.
        // [BP-6.2-1] *suite* in the salt MUST be the suite's name in upper case, as in the table of Section 5, whatever its case on the
        //   wire.
        // [BP-7.2-1] The nonce MUST be the 12-octet *iv* XORed with *seq* as a big-endian 64-bit number, padded on the left with four zero
        //   octets.
        // [BP-7.2-2] The additional data MUST be the record's two length octets.
        // [BP-7.2-3] The tag MUST be 16 octets.
        Carries("C-5.3-4", HybridAes, May, Profile.Hybrid, "BP-5.1-4 BP-6.2-1 BP-7.2-1 BP-7.2-2 BP-7.2-3"),
        // [BP-5.3-5] A client MUST use the result of ML-KEM decapsulation whatever it is.
        new("C-5.3-2", "An altered ciphertext is not noticed before Finished: the client answers with an alert",
            Must, Profile.Hybrid, "BP-5.3-5", async p =>
        {
            var wire = await p.AcceptAsync(HybridOffer);
            await NeedCommandAsync(p, wire, Hybrid);
            await p.SwitchAsync(wire, HybridOffer, tamper: s => [(byte)(s[0] ^ 1), .. s[1..]], command: wire.Plaintext[^1]);
            await wire.SendRecordAsync(RecordType.Finished, wire.Keys.Finished(Role.Server));
            That(await wire.DrainAsync() >= 2 + 16, "The client ended the connection without an alert: it noticed the altered ciphertext.");
            await FreshAsync(p);
        }),
        // [BP-5.3-4] The rules of Section 5.2 on an all-zero result MUST be applied to the X25519 part.
        // [BP-5.1-10] A client that finds the server's share in a 220 reply invalid MUST close the connection without sending another
        //   octet.
        new("C-5.3-3", "An all-zero X25519 part in the hybrid share ends the connection at once",
            Must, Profile.Hybrid, "BP-5.3-4 BP-5.1-10", async p =>
        {
            var wire = await p.AcceptAsync(HybridOffer);
            await NeedCommandAsync(p, wire, Hybrid);
            await p.SwitchAsync(wire, HybridOffer, tamper: s => [.. s[..1088], .. new byte[32]], behind: NoFinished,
                command: wire.Plaintext[^1]);
            await NothingAsync(wire);
            await FreshAsync(p);
        }),
        // [BP-5.3-1] Each side MUST draw new ML-KEM and X25519 values for every XBLACKPONY command that reaches the key exchange.
        new("C-5.3-5", "The client's ML-KEM key and X25519 key are new in each session", Must, Profile.Hybrid, "BP-5.3-1", async p =>
        {
            var first = await ShareAsync(p, HybridOffer, Hybrid);
            var second = await ShareAsync(p, HybridOffer, Hybrid);
            That(first.Length == 1216 && second.Length == 1216, $"The share has {first.Length} octets.", "BP-5.1-8");
            That(!first.AsSpan(0, 1184).SequenceEqual(second.AsSpan(0, 1184)), "Two sessions have the same ML-KEM key.");
            That(!first.AsSpan(1184).SequenceEqual(second.AsSpan(1184)), "Two sessions have the same X25519 public key.");
        }),

        // [BP-5.1-10] A client that finds the server's share in a 220 reply invalid MUST close the connection without sending another
        //   octet.
        // [BP-5.1-7] A recipient MUST treat a share that is not canonical base64 as an invalid share.
        // [BP-5.1-8] A recipient MUST treat a share whose decoded length differs from the one that the suite gives as an invalid share.
        new("C-5.3-6", "An invalid server's share in the hybrid suite ends the connection at once",
            Must, Profile.Hybrid, "BP-5.1-10 BP-5.1-7 BP-5.1-8", async p =>
        {
            var good = Convert.ToBase64String([.. Enumerable.Repeat((byte)0x11, 1120)]);
            foreach (var bad in (string[])[good[..^1], good[..^3] + "B==", good + " ", Convert.ToBase64String(new byte[1119]),
                Convert.ToBase64String([.. Enumerable.Repeat((byte)9, 32)]), Convert.ToBase64String([.. Enumerable.Repeat((byte)9, 1121)])])
            {
                var wire = await p.AcceptAsync(HybridOffer);
                await NeedCommandAsync(p, wire, Hybrid);
                await SendInvalidAsync(p, wire, bad);
            }
        }),

        // [BP-5.2-4] A side MUST accept every other public key of 32 octets, as RFC 7748 Section 5 says: it ignores the highest bit of the
        //   last octet, and accepts non-canonical values.
        new("C-5.3-7", "A server's X25519 part of a non-canonical value is accepted in the hybrid suite",
            Must, Profile.Hybrid, "BP-5.2-4", p => NonCanonicalAsync(p, Hybrid)),
    ];

    // p + 9 is the base point, whose product with the client's private key is the client's own share: so this side knows the secret.
    private static async Task NonCanonicalAsync(ClientProbe p, string suite)
    {
        foreach (byte last in (byte[])[0x7f, 0xff])
        {
            byte[] point = [0xf6, .. Enumerable.Repeat((byte)0xff, 30), last];
            var offer = $"XBLACKPONY V1 {suite}";
            var wire = await p.AcceptAsync(offer);
            await p.SwitchAsync(wire, offer, share => [.. share[..^32], .. point], command: await NeedCommandAsync(p, wire, suite));
            wire.SwitchTo(SuiteRegistry.Find(suite)!, Role.Server, [.. p.Secret[..^32], .. p.ClientShare[^32..]], wire.Keys.TranscriptHash);
            await p.FinishAsync(wire, none: "BP-5.2-4");
            await wire.SendInsideAsync(ClientProbe.EhloReply());
            await p.ServeMailAsync(wire, inside: true);
            await p.ExpectAsync(delivered: true);
        }
    }

    private static async Task<byte[]> ShareAsync(ClientProbe p, string offer, string suite)
    {
        var wire = await p.AcceptAsync(offer);
        await NeedCommandAsync(p, wire, suite);
        var share = Convert.FromBase64String(wire.Plaintext[^1].Split(' ')[3]);
        await wire.SendLineAsync("454 not now");
        await p.ServeMailAsync(wire, inside: false);
        await p.ExpectAsync(delivered: true);
        return share;
    }
}
