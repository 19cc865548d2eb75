using System.Numerics;
using System.Security.Cryptography;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <content>RSA-BLOWFISH, spec 5.4.</content>
internal static partial class Server5Suites
{
    private static IReadOnlyList<Case<ServerProbe>> Rsa =>
    [
        // ---------------------------------------------------------------- 5.4 RSA-BLOWFISH
        // [BP-5.1-3] An implementation SHOULD implement `RSA-BLOWFISH`.
        Deliver("S-5.4-1", Classic, Should, Profile.Classic, "BP-5.1-3"),
        // [BP-4.3-6] In a suite with a second message both sides MUST exchange it: the server replies 334 with its share, and the client
        //   sends one continuation line.
        // [BP-7.3-1] The counter block MUST be *seq* as 32 bits and then the block's number in the record, from 0, as 32 bits, both
        //   big-endian.
        // [BP-7.3-2] The tag MUST be the whole 32 octets of the HMAC.
        Deliver("S-5.4-5", Classic, Must, Profile.Classic, "BP-4.3-6 BP-7.3-1 BP-7.3-2"),
        // [BP-5.4-5] A server MUST reply 501 to a client's modulus that has its highest bit clear, is even, or equals the server's own.
        new("S-5.4-2", "An even modulus, or one without its highest bit, gets 501", Must, Profile.Classic, "BP-5.4-5", async p =>
        {
            await p.NeedAsync(Classic);
            var share = Convert.FromBase64String(p.Share(Classic));
            var even = (byte[])share.Clone();
            even[383] &= 0xfe;
            await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Classic} {Convert.ToBase64String(even)}", 501);
            share[0] &= 0x7f;
            await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Classic} {Convert.ToBase64String(share)}", 501);
            await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Classic} {Convert.ToBase64String(new byte[416])}", 501);
            await p.ExpectUsableAsync();
        }),
        // [BP-5.4-5] A server MUST reply 501 to a client's modulus that has its highest bit clear, is even, or equals the server's own.
        new("S-5.4-11", "The server's own modulus gets 501", Must, Profile.Classic, "BP-5.4-5", async p =>
        {
            await p.SwitchAsync(Classic);
            byte[] share = [.. p.FirstServerShare[..384], .. new byte[32]];
            await p.ConnectAsync();
            await p.NeedAsync(Classic);
            await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Classic} {Convert.ToBase64String(share)}", 501);
            await p.ExpectUsableAsync();
        }),
        // [BP-5.4-7] A server MUST reply 501 to a continuation line that is not canonical base64 of exactly 384 octets.
        new("S-5.4-3", "A continuation that is not canonical base64 of 384 octets gets 501, and the session stays usable",
            Must, Profile.Classic, "BP-5.4-7", async p =>
        {
            await p.NeedAsync(Classic);
            foreach (var line in (string[])["QUIT", "", Convert.ToBase64String(new byte[383]), Convert.ToBase64String(new byte[385]),
                Convert.ToBase64String(new byte[384])[..^1] + "*", "K=" + Convert.ToBase64String(new byte[384]),
                Convert.ToBase64String(new byte[384]) + " ", " " + Convert.ToBase64String(new byte[384])])
            {
                await p.ProbeConnection.CommandAsync(p.Command(Classic), 334);
                await p.ProbeConnection.CommandAsync(line, 501);
            }

            await p.ExpectUsableAsync();
        }),
        // [BP-5.4-8] A server whose decryption of the client's half fails for whatever reason MUST continue with 32 random octets instead
        //   of that half.
        // [BP-5.4-10] A server's replies and records MUST NOT depend on whether that decryption succeeded, nor their timing as far as the
        //   implementation controls it.
        new("S-5.4-4", "A continuation that does not decrypt is answered like a good one, and the session fails at Finished",
            Must, Profile.Classic, "BP-5.4-8 BP-5.4-10", async p =>
        {
            Func<byte[], byte[]>[] wrongs =
            [
                _ => Enumerable.Repeat((byte)0x11, 384).ToArray(),
                _ => Enumerable.Repeat((byte)0xff, 384).ToArray(),
                _ => new byte[384],
                good => [.. good[..^1], (byte)(good[^1] ^ 1)],
            ];
            await p.SwitchAsync(Classic);
            await p.TakeFinishedAsync();
            int usual = p.ProbeConnection.LastRecord.Length;
            await p.ConnectAsync();
            foreach (var wrong in wrongs)
            {
                await p.SwitchAsync(Classic, continuation: wrong, invalid: "BP-5.4-10");
                var record = await p.ProbeConnection.OctetsAsync(usual);
                That(record.Length == usual,
                    $"A good continuation is answered with a Finished of {usual} octets, this one with {record.Length}.", "BP-5.4-10");
                await p.ProbeConnection.SendRecordAsync(RecordType.Finished, new byte[32]);
                await p.ProbeConnection.DrainAsync();
                await p.ConnectAsync();
            }
        }),
        // [BP-5.4-3] A server MUST NOT generate an RSA key pair for each session.
        new("S-5.4-6", "No RSA key pair is generated for a session", Must, Profile.Classic, "BP-5.4-3", async p =>
        {
            await p.SwitchAsync(Classic);
            var first = p.FirstServerShare;
            await p.ConnectAsync();
            await p.SwitchAsync(Classic);
            That(first.AsSpan(0, 384).SequenceEqual(p.FirstServerShare.AsSpan(0, 384)), "Two sessions in a row have different RSA moduli.");
        }),
        // [BP-5.4-4] Each nonce and each half MUST be 32 fresh random octets.
        new("S-5.4-7", "The server's nonce and half are new in each session", Must, Profile.Classic, "BP-5.4-4", async p =>
        {
            await p.SwitchAsync(Classic);
            var (nonce, half) = (p.FirstServerShare[384..], p.Secret[32..]);
            await p.ConnectAsync();
            await p.SwitchAsync(Classic);
            That(!nonce.AsSpan().SequenceEqual(p.FirstServerShare.AsSpan(384)), "Two sessions have the same nonce.");
            That(!half.AsSpan().SequenceEqual(p.Secret.AsSpan(32)), "Two sessions have the same half of the key.");
        }),
        // [BP-5.4-8] A server whose decryption of the client's half fails for whatever reason MUST continue with 32 random octets instead
        //   of that half.
        new("S-5.4-9", "The substitute for a half that does not decrypt is not one that a client could guess",
            Must, Profile.Classic, "BP-5.4-8", async p =>
        {
            byte[] wrong = [.. Enumerable.Repeat((byte)0x11, 384)];
            await p.SwitchAsync(Classic, continuation: _ => wrong);
            var raw = await p.ProbeConnection.RawRecordAsync();
            var (nonce, own, server) = (p.FirstServerShare[384..], p.Secret[..32], p.Secret[32..]);
            byte[] hash = SHA256.HashData(wrong);
            byte[] line = System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(wrong));
            byte[][] guesses =
            [
                .. Enumerable.Range(0, 256).Select(i => Enumerable.Repeat((byte)i, 32).ToArray()),
                .. Enumerable.Range(0, 2).Select(i => Enumerable.Range(i, 32).Select(j => (byte)j).ToArray()),
                wrong[..32], wrong[^32..], line[..32], line[^32..], hash, SHA256.HashData(line), nonce, own, server,
            ];
            foreach (var guess in guesses)
            {
                That(!p.ProbeConnection.Verifies(raw, [.. guess, .. server]),
                    "The server goes on with a half that the client could guess, and so shows that the continuation did not decrypt.");
            }
        }),
        // [BP-5.4-8] A server whose decryption of the client's half fails for whatever reason MUST continue with 32 random octets instead
        //   of that half.
        new("S-5.4-12", "The substitute for a half that does not decrypt is not a half of the session before",
            Must, Profile.Classic, "BP-5.4-8", async p =>
        {
            await p.UpgradeAsync(Classic);
            var (own, server, nonce) = (p.Secret[..32], p.Secret[32..], p.FirstServerShare[384..]);
            await p.ConnectAsync();
            await p.SwitchAsync(Classic, continuation: _ => [.. Enumerable.Repeat((byte)0x11, 384)]);
            var raw = await p.ProbeConnection.RawRecordAsync();
            foreach (var guess in (byte[][])[own, server, nonce])
            {
                That(!p.ProbeConnection.Verifies(raw, [.. guess, .. p.Secret[32..]]),
                    "The server goes on with a value of the session before, which its client knows.");
            }
        })
        { RunsAlone = true },
        // [BP-5.4-14] A side MUST treat as a failed decryption a decrypted value that is not the peer's letter and 32 octets.
        new("S-5.4-10", "A half without the client's letter is one that does not decrypt", Must, Profile.Classic, "BP-5.4-14", async p =>
        {
            var half = Enumerable.Range(1, 32).Select(i => (byte)i).ToArray();
            foreach (var content in (byte[][])[[(byte)'S', .. half], half, [.. half, (byte)'C'], [(byte)'C', .. half, 0]])
            {
                await p.ConnectAsync();
                await p.SwitchAsync(Classic, continuation: _ => TestRsaKeys.Encrypt(p.FirstServerShare.AsSpan(0, 384), content));
                var raw = await p.ProbeConnection.RawRecordAsync();
                That(!p.ProbeConnection.Verifies(raw, [.. half, .. p.Secret[32..]]),
                    "The server takes a half without the client's letter.");
            }
        }),
        // [BP-4.3-6] In a suite with a second message both sides MUST exchange it: the server replies 334 with its share, and the client
        //   sends one continuation line.
        new("S-5.4-8", "The server's modulus has 3072 bits and is odd", Must, Profile.Classic, "BP-4.3-6", async p =>
        {
            await p.SwitchAsync(Classic);
            var modulus = new BigInteger(p.FirstServerShare.AsSpan(0, 384), isUnsigned: true, isBigEndian: true);
            That(modulus.GetBitLength() == Limits.RsaBits && !modulus.IsEven, $"The modulus has {modulus.GetBitLength()} bits or is even.");
        }),
    ];
}
