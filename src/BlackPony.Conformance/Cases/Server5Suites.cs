using System.Numerics;
using System.Security.Cryptography;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <summary>Suites, spec 5.</summary>
internal static class Server5Suites
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

    public static IReadOnlyList<Case<ServerProbe>> Cases { get; } =
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

        // ---------------------------------------------------------------- 5.5 ROT
        // [BP-5.5-1] The third field of the command is *n*, a decimal number from 1 to 25 without leading zeros, and a server MUST reply
        //   501 to anything else.
        // [BP-5.1-5] An implementation MAY implement `ROT`.
        new("S-5.5-1", "ROT accepts 1 to 25 without leading zeros, and nothing else", Must, Profile.Manual, "BP-5.5-1 BP-5.1-5", async p =>
        {
            await p.NeedAsync(Rot);
            foreach (var bad in (string[])["0", "26", "99", "013", "+5", "x"])
                await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 ROT {bad}", 501);

            await p.ProbeConnection.CommandAsync("XBLACKPONY V1 ROT 25", 220, "BP-5.1-5");
        }),
        // [BP-5.5-2] The sender MUST shift A-Z within A-Z and a-z within a-z by *n* places forward, cyclically.
        new("S-5.5-2", "The server shifts its letters forward, within A-Z and within a-z", Must, Profile.Manual, "BP-5.5-2", async p =>
        {
            var reply = await RotEhloAsync(p, 1, "FIMP qspcf.uftu");
            That(!reply.Texts()
                .Any(t => t.Contains("PIPELINING", StringComparison.Ordinal) || t.Contains("8BITMIME", StringComparison.Ordinal)),
                "The reply is not shifted.");

            // A keyword is letters, digits and hyphens, and stays so under the shift.
            foreach (var keyword in reply.Texts().Skip(1).Select(t => t.Split(' ')[0]))
                That(keyword.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'), $"A shifted letter left its alphabet: {Show(keyword)}.");
        }),
        // [BP-5.5-3] The recipient MUST shift letters *n* places backward.
        new("S-5.5-3", "The server shifts a client's letters backward", Must, Profile.Manual, "BP-5.5-3", async p =>
        {
            await RotEhloAsync(p, 25, "DGKN oqnad.sdrs");
            await p.ProbeConnection.CommandAsync("MNNO", 250);
        }),
        // [BP-5.5-4] Every octet that is not an ASCII letter MUST pass unchanged, octets 128 to 255 included.
        // [BP-5.5-5] The shift MUST be applied to the whole octet stream of the SMTP session as the last step before sending and the first
        //   after receiving, outside dot-stuffing, DATA, BDAT and every reply.
        new("S-5.5-4", "Octets that are not letters pass unchanged, and DATA is shifted like the rest",
            Must, Profile.Manual, "BP-5.5-4 BP-5.5-5", async p =>
        {
            await p.ConnectAsync();
            await RotEhloAsync(p, 13, "RUYB cebor.grfg");
            await p.ProbeConnection.CommandAsync("ZNVY SEBZ:<n@cebor.grfg>", 250);
            await p.ProbeConnection.CommandAsync("EPCG GB:<o@fvax.grfg>", 250);
            await p.ProbeConnection.CommandAsync("QNGN", 354);
            await p.ProbeConnection.CommandAsync("Fhowrpg: \xE9\x80\xFF 1[]{}@\r\n\r\n..qbg NZ nz\r\n.", 250);
            var message = p.Backend.Messages.FirstOrDefault()
                ?? throw new CaseFailedException("The message did not reach the mail server.", "BP-5.5-5");
            That(message.Contains("\xE9\x80\xFF 1[]{}@", StringComparison.Ordinal),
                $"Octets that are no letters were changed: {Show(message)}.");
            That(message == "Subject: \xE9\x80\xFF 1[]{}@\r\n\r\n.dot AM am\r\n", $"The message came as {Show(message)}.", "BP-5.5-5");
        })
        { Needs = Needs.Backend },
        // [BP-5.5-6] There are no records, no Finished, no close and no alert under ROT, and the connection MUST end as an ordinary SMTP
        //   session does.
        new("S-5.5-5", "A ROT session ends as an ordinary one, without close or alert", Must, Profile.Manual, "BP-5.5-6", async p =>
        {
            await RotEhloAsync(p, 13, "RUYB cebor.grfg");
            await p.ProbeConnection.CommandAsync("DHVG", 221);
            await p.ProbeConnection.ExpectClosedAsync("Something follows the 221.");
        }),
        // [BP-5.5-8] A server with ROT switched off MUST NOT offer it.
        // [BP-5.5-7] A server MUST have ROT switched off unless its operator switched it on.
        new("S-5.5-6", "With ROT off it is not offered, and gets 504", Must, Profile.Manual, "BP-5.5-8 BP-5.5-7", async p =>
        {
            await p.EhloAsync();
            await p.EhloAsync();
            That(!p.RotIsOff || !p.Suites.Contains(Rot), "ROT is offered.");
            if (p.Suites.Contains(Rot))
                throw new NotApplicableException("ROT is switched on here.");

            await p.ProbeConnection.CommandAsync("XBLACKPONY V1 ROT 13", 504, "BP-5.5-7");
        })
        { Needs = Needs.RotOff },
        // [BP-5.5-11] The 220 reply to a ROT command MUST be a single line that does not begin with "K=" after the code.
        new("S-5.5-7", "The 220 to ROT is one line, and no share", Must, Profile.Manual, "BP-5.5-11", async p =>
        {
            await p.NeedAsync(Rot);
            var reply = await p.ProbeConnection.CommandAsync("XBLACKPONY V1 ROT 13", 220);
            That(reply.Lines.Count == 1 && !reply.Texts().First().StartsWith("K=", StringComparison.OrdinalIgnoreCase),
                $"The reply is {Show(reply.Lines[0])}.");
        }),
        // [BP-4.5-4] The server MUST NOT offer XBLACKPONY or STARTTLS inside.
        // [BP-4.5-5] The server MUST reply 503 to XBLACKPONY and to STARTTLS inside.
        // [BP-4.5-3] The server MUST NOT send a second greeting.
        new("S-5.5-8", "Inside ROT neither XBLACKPONY nor STARTTLS is offered or accepted, and there is no second greeting",
            Must, Profile.Manual, "BP-4.5-4 BP-4.5-5 BP-4.5-3", async p =>
        {
            var reply = await RotEhloAsync(p, 13, "RUYB cebor.grfg", "BP-4.5-3");
            That(!reply.Texts()
                .Any(t => t.StartsWith("KOYNPXCBAL", StringComparison.Ordinal) || t.StartsWith("FGNEGGYF", StringComparison.Ordinal)),
                "XBLACKPONY or STARTTLS is offered inside ROT.");
            await p.ProbeConnection.CommandAsync("KOYNPXCBAL I1 EBG 13", 503, "BP-4.5-5");
            await p.ProbeConnection.CommandAsync("FGNEGGYF", 503, "BP-4.5-5");
            await p.ProbeConnection.CommandAsync("ABBC", 250);
        }),
        // [BP-4.4-4] A server that finds octets after the command's CRLF, or after the continuation's, in its buffer MUST reply 503 and
        //   close the connection, without processing those octets.
        new("S-5.5-9", "Octets after the ROT command get 503 and the end", Must, Profile.Manual, "BP-4.4-4", async p =>
        {
            await p.NeedAsync(Rot);
            await p.ProbeConnection.CommandAsync("XBLACKPONY V1 ROT 13\r\nABBC", 503);
            await p.ProbeConnection.ExpectClosedAsync("The connection stays open.");
        }),
        // [BP-5.5-4] Every octet that is not an ASCII letter MUST pass unchanged, octets 128 to 255 included.
        // [BP-5.5-5] The shift MUST be applied to the whole octet stream of the SMTP session as the last step before sending and the first
        //   after receiving, outside dot-stuffing, DATA, BDAT and every reply.
        new("S-5.5-10", "A message under ROT is accepted as it was before the shift", Must, Profile.Manual, "BP-5.5-4 BP-5.5-5", async p =>
        {
            var marker = p.Marker();
            if (!(await RotEhloAsync(p, 13, "RUYB cebor.grfg")).HasKeyword("8OVGZVZR"))
                throw new NotApplicableException("The server does not offer 8BITMIME (RFC 6152).");

            foreach (var (line, code) in new[]
            {
                ("MAIL FROM:<a@probe.test> BODY=8BITMIME", 250), ("RCPT TO:<b@sink.test>", 250), ("DATA", 354),
                ($"Subject: {marker}\r\n\r\n\xE9\x80\xFF 1[]{{}}@\r\n..dot AM am\r\n.", 250),
            })
                await p.ProbeConnection.CommandAsync(ClientProbe.Rot(line, 13), code, "BP-5.5-5");

            var mail = await p.MailAsync(marker);
            That(mail.Contains("\xE9\x80\xFF 1[]{}@", StringComparison.Ordinal), "Octets that are no letters were changed.");
            That(mail.Contains("\n.dot AM am", StringComparison.Ordinal), "The message was changed.", "BP-5.5-5");
        })
        { Needs = Needs.Mailbox },
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

    private static async Task<Reply> RotEhloAsync(ServerProbe p, int shift, string ehlo, string? requirement = null)
    {
        await p.NeedAsync(Rot);
        await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 ROT {shift}", 220);
        return await p.ProbeConnection.CommandAsync(ehlo, 250, requirement);
    }

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
