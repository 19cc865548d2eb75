using System.Security.Cryptography;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Cases.Client4Negotiation;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <summary>Suites, spec 5.</summary>
internal static class Client5Suites
{
    private const string ClassicOffer = "XBLACKPONY V1 RSA-BLOWFISH";
    private const string HybridOffer = "XBLACKPONY V1 X25519MLKEM768-CHACHA20POLY1305";

    /// <summary>The suite's own modulus and a nonce.</summary>
    internal static byte[] GoodShare => [.. TestRsaKeys.ServerModulus, .. new byte[32]];

    // A record that does not verify: who goes on after an invalid share answers it with an alert.
    private static readonly string NoFinished = "\u0001\u0010" + new string('\0', 0x110);

    public static IReadOnlyList<Case<ClientProbe>> Cases { get; } =
    [
        // ---------------------------------------------------------------- 5.1 rules for every suite
        // [BP-5.1-7] A recipient MUST treat a share that is not canonical base64 as an invalid share.
        // [BP-5.1-10] A client that finds the server's share in a 220 reply invalid MUST close the connection without sending another
        //   octet.
        new("C-5.1-1", "A server's share that is not canonical base64 ends the connection at once",
            Must, Profile.Core, "BP-5.1-7 BP-5.1-10", async p =>
        {
            foreach (var bad in (string[])["hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTm", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmp=",
                "@@@@", "hSDwCYkwp1R0i33c=D73Wg2/Og0mOBr066SpjqqbTmo="])
            {
                await InvalidAsync(p, bad);
            }
        }),
        // [BP-5.1-8] A recipient MUST treat a share whose decoded length differs from the one that the suite gives as an invalid share.
        // [BP-5.1-10] A client that finds the server's share in a 220 reply invalid MUST close the connection without sending another
        //   octet.
        new("C-5.1-2", "A server's share of a wrong length ends the connection at once",
            Must, Profile.Core, "BP-5.1-8 BP-5.1-10", async p =>
        {
            foreach (int length in (int[])[1, 31, 33, 1120])
            {
                // Not zeros, which would be refused for another reason.
                await InvalidAsync(p, Convert.ToBase64String([.. Enumerable.Repeat((byte)9, length)]));
            }
        }),
        // [BP-5.1-11] Each private value of a key exchange MUST be used in one session only, except the RSA key pairs of Section 5.4.
        // [BP-5.2-1] Each side MUST draw a new X25519 private key for every XBLACKPONY command that reaches the key exchange.
        new("C-5.1-3", "The client's private values are used in one session only", Must, Profile.Core, "BP-5.1-11 BP-5.2-1", async p =>
        {
            bool core = await RepeatsAsync(CoreOffer);
            That(!core || !await RepeatsAsync(HybridOffer), "Two deliveries have the same X25519 public key, in each of two suites.");
            That(!core, "Two deliveries have the same X25519 public key.", "BP-5.2-1");

            // False too for a client that does not have the suite.
            async Task<bool> RepeatsAsync(string offer)
            {
                var keys = new List<string>();
                for (int i = 0; i < 2; i++)
                {
                    var wire = await p.AcceptAsync(offer);
                    var line = await ClientProbe.LineAsync(wire) ?? "";
                    bool asks = line.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase);
                    keys.Add(asks ? Convert.ToHexString(Convert.FromBase64String(line.Split(' ')[3])[^32..]) : $"none {i}");
                    await wire.SendLineAsync(asks ? "454 not now" : "250 Ok");
                    await p.ServeMailAsync(wire, inside: false);
                    await p.ExpectAsync(delivered: true);
                }

                return keys[0] == keys[1];
            }
        }),
        // [BP-5.1-12] A key or private value of a key exchange MUST NOT be used in more than one suite.
        new("C-5.1-4", "The client's X25519 key is not the same in two suites", Must, Profile.Hybrid, "BP-5.1-12", async p =>
        {
            var wire = await p.AcceptAsync("XBLACKPONY V1 X25519MLKEM768-CHACHA20POLY1305 X25519-CHACHA20POLY1305");
            var first = await p.ExpectCommandAsync(wire);
            await wire.SendLineAsync("504 5.5.4 Not that one");
            var second = await ClientProbe.LineAsync(wire) ?? "";
            if (!second.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase))
                throw new NotApplicableException("The client does not try a second suite in one connection.");

            await wire.SendLineAsync("454 not now");
            await p.ServeMailAsync(wire, inside: false);
            await p.ExpectAsync(delivered: true);
            var (a, b) = (Convert.FromBase64String(first.Split(' ')[3]), Convert.FromBase64String(second.Split(' ')[3]));
            That(!a.AsSpan(a.Length - 32).SequenceEqual(b), "Two suites have the same X25519 public key.");
        }),

        // [BP-5.1-7] A recipient MUST treat a share that is not canonical base64 as an invalid share.
        // [BP-5.1-10] A client that finds the server's share in a 220 reply invalid MUST close the connection without sending another
        //   octet.
        new("C-5.1-5", "Blanks around the fragments of a server's share make it invalid",
            Must, Profile.Core, "BP-5.1-7 BP-5.1-10", async p =>
        {
            foreach (var form in (Func<string, string>[])[l => l + " ", l => l + "\t", l => l.Insert(6, " "), l => l.Insert(20, " ")])
            {
                var wire = await p.AcceptAsync(CoreOffer);
                await p.SwitchAsync(wire, CoreOffer, form: form);
                await wire.SendRecordAsync(RecordType.Finished, wire.Keys.Finished(Role.Server));
                await NothingAsync(wire);
                await FreshAsync(p);
            }
        }),

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
            That(await wire.DrainAsync() >= 2 + 16, "The client ended the connection without an alert: it took offence at the ciphertext.");
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

        // ---------------------------------------------------------------- 5.4 RSA-BLOWFISH
        // [BP-5.1-3] An implementation SHOULD implement `RSA-BLOWFISH`.
        Carries("C-5.4-1", Classic, Should, Profile.Classic, "BP-5.1-3"),
        // [BP-4.3-6] In a suite with a second message both sides MUST exchange it: the server replies 334 with its share, and the client
        //   sends one continuation line.
        // [BP-7.3-1] The counter block MUST be *seq* as 32 bits and then the block's number in the record, from 0, as 32 bits, both
        //   big-endian.
        // [BP-7.3-2] The tag MUST be the whole 32 octets of the HMAC.
        Carries("C-5.4-7", Classic, Must, Profile.Classic, "BP-4.3-6 BP-7.3-1 BP-7.3-2"),
        // [BP-5.4-6] A client MUST cancel ([BP-5.4-12]) if the server's share in the 334 reply is invalid, if its modulus has its highest
        //   bit clear or is even, or if its modulus equals the client's own.
        // [BP-5.4-12] To cancel, a client MUST send a continuation line of one "*", wait for the reply, and treat a 4yz or 5yz other than
        //   421 as a refusal.
        new("C-5.4-2", "An invalid server's share in the 334 is cancelled by \"*\", and the session goes on in plaintext",
            Must, Profile.Classic, "BP-5.4-6 BP-5.4-12", async p =>
        {
            var good = new byte[416];
            RandomNumberGenerator.Fill(good);
            good[0] |= 0x80;
            good[383] |= 1;
            foreach (var bad in (Func<byte[], byte[]>[])[s => s[..415], s => [(byte)(s[0] & 0x7f), .. s[1..]],
                s => [.. s[..383], (byte)(s[383] & 0xfe), .. s[384..]], s => [.. s, 0]])
            {
                await CancelledAsync(p, bad(good));
            }
        }),
        // [BP-5.4-6] A client MUST cancel ([BP-5.4-12]) if the server's share in the 334 reply is invalid, if its modulus has its highest
        //   bit clear or is even, or if its modulus equals the client's own.
        new("C-5.4-3", "The client's own modulus sent back is cancelled by \"*\"", Must, Profile.Classic, "BP-5.4-6", async p =>
        {
            var wire = await p.AcceptAsync(ClassicOffer);
            await NeedCommandAsync(p, wire, Classic);
            var share = Convert.FromBase64String(wire.Plaintext[^1].Split(' ')[3]);
            await CancelAsync(p, wire, [.. share[..384], .. new byte[32]]);
        }),
        // [BP-5.4-11] A client whose decryption of the server's half fails MUST continue with 32 random octets instead of that half.
        new("C-5.4-4", "A 220 that does not decrypt is not noticed before Finished: the client answers with an alert",
            Must, Profile.Classic, "BP-5.4-11", async p =>
        {
            var wire = await p.AcceptAsync(ClassicOffer);
            await NeedCommandAsync(p, wire, Classic);
            await p.SwitchAsync(wire, ClassicOffer, tamper: s => [.. Enumerable.Repeat((byte)0x11, 384)], command: wire.Plaintext[^1]);
            await wire.SendRecordAsync(RecordType.Finished, wire.Keys.Finished(Role.Server));
            That(await wire.DrainAsync() >= 2 + 32, "The client ended the connection without an alert: it took offence at the ciphertext.");
            await FreshAsync(p);
        }),
        // [BP-5.4-11] A client whose decryption of the server's half fails MUST continue with 32 random octets instead of that half.
        new("C-5.4-10", "The substitute for a half that does not decrypt is not one that a server could guess",
            Must, Profile.Classic, "BP-5.4-11", async p =>
        {
            foreach (var guess in (Func<byte[], byte[]>[])[_ => new byte[32], _ => [.. Enumerable.Repeat((byte)0xff, 32)], own => own])
            {
                var wire = await p.AcceptAsync(ClassicOffer);
                await NeedCommandAsync(p, wire, Classic);
                await p.SwitchAsync(wire, ClassicOffer, tamper: s => [.. Enumerable.Repeat((byte)0x11, 384)], command: wire.Plaintext[^1]);
                await NotUnderAsync(p, wire, guess(p.Secret[..32]), "goes on with a half that the server could guess");
            }
        }),
        // [BP-5.4-14] A side MUST treat as a failed decryption a decrypted value that is not the peer's letter and 32 octets.
        new("C-5.4-11", "A half without the server's letter is one that does not decrypt", Must, Profile.Classic, "BP-5.4-14", async p =>
        {
            var half = Enumerable.Range(1, 32).Select(i => (byte)i).ToArray();
            foreach (var content in (byte[][])[[(byte)'C', .. half], half, [.. half, (byte)'S'], [(byte)'S', .. half, 0]])
            {
                var wire = await p.AcceptAsync(ClassicOffer);
                await NeedCommandAsync(p, wire, Classic);
                await p.SwitchAsync(wire, ClassicOffer, tamper: _ => TestRsaKeys.Encrypt(p.ClientShare.AsSpan(0, 384), content),
                    command: wire.Plaintext[^1]);
                await NotUnderAsync(p, wire, half, "takes a half without the server's letter");
            }
        }),
        // [BP-5.4-4] Each nonce and each half MUST be 32 fresh random octets.
        new("C-5.4-5", "The client's nonce and half are new in each session", Must, Profile.Classic, "BP-5.4-4", async p =>
        {
            var (first, firstHalf) = await HalfAsync(p);
            var (second, secondHalf) = await HalfAsync(p);
            That(first.Length == 416, $"The share has {first.Length} octets.", "BP-5.1-8");
            That(!first.AsSpan(384).SequenceEqual(second.AsSpan(384)), "Two sessions have the same nonce.");
            That(!firstHalf.AsSpan().SequenceEqual(secondHalf), "Two sessions have the same half of the session key.");
        }),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        new("C-5.4-6", "A continuation that is refused leads to plaintext in the same connection",
            Must, Profile.Classic, "BP-4.4-11 BP-9.2-1", async p =>
        {
            foreach (var reply in (string[])["501 5.5.4 Invalid share", "454 4.7.0 Not now", "500 5.5.2 Too long", "454 not \0 now \r"])
            {
                var wire = await p.AcceptAsync(ClassicOffer);
                await NeedCommandAsync(p, wire, Classic);
                await SendGoodShareAsync(wire);
                await wire.LineAsync();
                await wire.SendLineAsync(reply);
                await p.ServeMailAsync(wire, inside: false);
                await p.ExpectAsync(delivered: true);
            }
        }),

        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        new("C-5.4-8", "A 504 to the continuation, or to \"*\", is not answered with another suite",
            Must, Profile.Classic, "BP-4.2-11", async p =>
        {
            const string Offer = $"{CoreOffer} {Classic}";
            p.Next = p.Next with { Suites = $"{Classic},{Core}" };
            foreach (var share in (byte[][])[GoodShare, new byte[416]])
            {
                var wire = await p.AcceptAsync(Offer);
                await NeedCommandAsync(p, wire, Classic);
                await SendShareAsync(wire, share);
                await wire.LineAsync();
                await wire.SendLineAsync("504 5.5.4 Not that suite");
                await p.ServeMailAsync(wire, inside: false);
                That(wire.Plaintext.Count(l => l.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase)) == 1,
                    "The client asked again.");
                await p.ExpectAsync(delivered: true);
            }
        })
        { Needs = Needs.Suites },

        // [BP-4.3-12] A client MUST treat fragments that are together no canonical base64 as an invalid share (Section 5.1), not as a
        //   malformed reply.
        new("C-5.4-9", "A 334 whose fragments are not base64 is an invalid share, not a malformed reply",
            Must, Profile.Classic, "BP-4.3-12", async p =>
        {
            foreach (var text in (string[])["@@@@", "AAAA=AAA", "AAA"])
            {
                var wire = await p.AcceptAsync(ClassicOffer);
                await NeedCommandAsync(p, wire, Classic);
                await wire.SendLineAsync($"334 K={text}");
                var line = await wire.LineAsync();
                That(line == "*", $"Fragments that are no base64 are answered with {Show(line ?? "the end of the connection")}.");
                await wire.SendLineAsync("501 5.7.0 Cancelled");
                await p.ServeMailAsync(wire, inside: false);
                await p.ExpectAsync(delivered: true, "BP-5.4-12", "BP-5.4-12");
            }
        }),

        // [BP-5.1-10] A client that finds the server's share in a 220 reply invalid MUST close the connection without sending another
        //   octet.
        // [BP-5.1-7] A recipient MUST treat a share that is not canonical base64 as an invalid share.
        // [BP-5.1-8] A recipient MUST treat a share whose decoded length differs from the one that the suite gives as an invalid share.
        new("C-5.4-12", "An invalid server's share in RSA-BLOWFISH's 220 ends the connection at once: it is no refusal",
            Must, Profile.Classic, "BP-5.1-10 BP-5.1-7 BP-5.1-8", async p =>
        {
            var good = Convert.ToBase64String([.. Enumerable.Repeat((byte)0x11, 384)]);
            foreach (var bad in (string[])[good[..^1], good[..^4], good + "AAAA", good[..^1] + "@", good[..^1] + "=", good + " ",
                Convert.ToBase64String(new byte[383]), Convert.ToBase64String(new byte[416])])
            {
                var wire = await p.AcceptAsync(ClassicOffer);
                await NeedCommandAsync(p, wire, Classic);
                await SendGoodShareAsync(wire);
                await wire.LineAsync();
                await SendInvalidAsync(p, wire, bad);
            }
        }),
        // [BP-5.4-6] A client MUST cancel ([BP-5.4-12]) if the server's share in the 334 reply is invalid, if its modulus has its highest
        //   bit clear or is even, or if its modulus equals the client's own.
        // [BP-5.4-12] To cancel, a client MUST send a continuation line of one "*", wait for the reply, and treat a 4yz or 5yz other than
        //   421 as a refusal.
        new("C-5.4-13", "Blanks around the fragments of the 334 make an invalid share, which is cancelled by \"*\"",
            Must, Profile.Classic, "BP-5.4-6 BP-5.4-12", async p =>
        {
            var text = Convert.ToBase64String([.. TestRsaKeys.ServerModulus, .. new byte[32]]);
            foreach (var reply in (string[])[$"334-K={text[..400]} \r\n334 K={text[400..]}\r\n",
                $"334-K={text[..400]}\r\n334 K= {text[400..]}\r\n", $"334-K={text[..400]}\r\n334 K={text[400..]}\t\r\n"])
            {
                var wire = await p.AcceptAsync(ClassicOffer);
                await NeedCommandAsync(p, wire, Classic);
                await wire.SendAsync(reply);
                var line = await wire.LineAsync();
                That(line == "*", $"Blanks around a fragment are answered with {Show(line ?? "the end of the connection")}.",
                    line is { Length: < 100 } ? "BP-5.4-12" : null);
                wire.EndDirection();
                await wire.DrainAsync();
                await FreshAsync(p);
            }
        }),
        // [BP-5.4-12] To cancel, a client MUST send a continuation line of one "*", wait for the reply, and treat a 4yz or 5yz other than
        //   421 as a refusal.
        new("C-5.4-14", "After \"*\" all that is no refusal is a broken upgrade", Must, Profile.Classic, "BP-5.4-12", async p =>
        {
            foreach (var reply in (string[])["220 ok\r\n", "220 K=AAAA\r\n", "334 K=AAAA\r\n", "250 ok\r\n", "421 bye\r\n",
                "garbage\r\n", ""])
            {
                var wire = await p.AcceptAsync(ClassicOffer);
                await NeedCommandAsync(p, wire, Classic);
                await SendShareAsync(wire, new byte[416]);
                var line = await wire.LineAsync();
                That(line == "*", $"An invalid share is answered with {Show(line ?? "the end of the connection")}.");
                await wire.SendAsync(reply);
                if (reply.Length == 0)
                    wire.EndDirection();

                await Client4Negotiation.NothingAsync(wire, $"{Show(reply)} to \"*\"");
                await FreshAsync(p);
            }
        }),

        // ---------------------------------------------------------------- 5.5 ROT
        // [BP-5.5-1] The third field of the command is *n*, a decimal number from 1 to 25 without leading zeros, and a server MUST reply
        //   501 to anything else.
        // [BP-5.5-2] The sender MUST shift A-Z within A-Z and a-z within a-z by *n* places forward, cyclically.
        // [BP-5.5-3] The recipient MUST shift letters *n* places backward.
        // [BP-5.5-4] Every octet that is not an ASCII letter MUST pass unchanged, octets 128 to 255 included.
        // [BP-5.5-5] The shift MUST be applied to the whole octet stream of the SMTP session as the last step before sending and the first
        //   after receiving, outside dot-stuffing, DATA, BDAT and every reply.
        // [BP-5.5-6] There are no records, no Finished, no close and no alert under ROT, and the connection MUST end as an ordinary SMTP
        //   session does.
        new("C-5.5-1", "A client that is configured for ROT shifts, in both directions, dots and 8 bits included",
            Must, Profile.Manual, "BP-5.5-1 BP-5.5-2 BP-5.5-3 BP-5.5-4 BP-5.5-5 BP-5.5-6", async p =>
        {
            p.Next = p.Next with { Suites = "ROT", Message = "Subject: \xE9 ROT\r\n\r\n.dot 123 Zz\xFF\r\n" };
            var wire = await RotAsync(p);
            var line = await NeedCommandAsync(p, wire, "ROT");
            var fields = line.Split(' ');
            That(fields.Length == 4 && int.TryParse(fields[3], out int n) && n is >= 1 and <= 25 && fields[3][0] != '0',
                $"The command is {Show(line)}.", "BP-5.5-1");
            int shift = int.Parse(fields[3], System.Globalization.CultureInfo.InvariantCulture);
            await wire.SendLineAsync("220 shifted from here on");
            var ehlo = Back(await wire.LineAsync() ?? "", shift);
            That(!wire.Plaintext[^1].StartsWith("EHLO ", StringComparison.OrdinalIgnoreCase),
                "The client says EHLO without the shift.", "BP-5.5-5");
            That(ehlo.StartsWith("EHLO ", StringComparison.OrdinalIgnoreCase),
                $"Expected a shifted EHLO, got {Show(wire.Plaintext[^1])}.", "BP-5.5-2");
            await wire.SendAsync(ClientProbe.Rot("250-probe.test\r\n250 8BITMIME\r\n", shift));
            await p.ServeMailAsync(wire, inside: false, shift: shift);
            That(await wire.DrainAsync() == 0, "Something follows QUIT.", "BP-5.5-6");
            That(Letters(p.Received) != Letters(p.Next.Message) || p.Received == p.Next.Message,
                $"Octets that are no letters were changed: {Show(p.Received)}.", "BP-5.5-4");
            var outcome = await p.ExpectAsync(delivered: true, "BP-5.5-5");

            static string Letters(string text) => string.Concat(text.Where(char.IsAsciiLetter));
            That(outcome.Replies.Length == 0 || outcome.Replies.Contains("250 8BITMIME\r\n", StringComparison.Ordinal),
                $"The mail server got {Show(outcome.Replies)}.", "BP-5.5-3");
        })
        { Needs = Needs.Suites },
        // [BP-9.1-4] ROT MUST NOT satisfy remembered or required: where plaintext is forbidden, a client does not accept ROT.
        new("C-5.5-2", "A client that is configured to require encryption does not deliver over ROT",
            Must, Profile.Manual, "BP-9.1-4", async p =>
        {
            p.Next = p.Next with { Suites = "ROT", Policy = Reference.Policy.ClientPolicy.Required };
            await NotOverRotAsync(p);
        })
        { Needs = Needs.Suites | Needs.Policy },
        // [BP-4.3-7] A client MUST treat as a broken upgrade a 220 or 334 reply that does not have this form (but for the characters of the
        //   fragments, [BP-4.3-12]; under ROT a 220 reply of one line with any text that does not begin with "K="), a 334 in a suite that
        //   has none, or a 220 where the suite needs a 334 first.
        new("C-5.5-3", "A reply to ROT that is no 220 of one line without a share is a broken upgrade",
            Must, Profile.Manual, "BP-4.3-7", async p =>
        {
            p.Next = p.Next with { Suites = Names.Rot };
            foreach (var reply in (string[])["220-shifted\r\n220 from here on\r\n", "220 K=13\r\n", "220 K=\r\n", "334 K=13\r\n"])
            {
                var wire = await RotAsync(p);
                await NeedCommandAsync(p, wire, Names.Rot);
                await wire.SendAsync(reply);
                await Client4Negotiation.NothingAsync(wire, $"{Show(reply)} to ROT");
                await FreshAsync(p);
            }
        })
        { Needs = Needs.Suites },
    ];

    /// <summary>A client that is configured for ROT where plaintext is forbidden: no mail, and it says so.</summary>
    internal static async Task NotOverRotAsync(ClientProbe p)
    {
        var wire = await RotAsync(p);
        if (await ClientProbe.LineAsync(wire) is { } line && line.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase))
        {
            int shift = int.Parse(line.Split(' ')[3], System.Globalization.CultureInfo.InvariantCulture);
            await wire.SendLineAsync("220 shifted from here on");
            while (await wire.LineAsync() is { } shifted)
            {
                That(!Back(shifted, shift).StartsWith("MAIL", StringComparison.OrdinalIgnoreCase), "The client sent MAIL under ROT.");
                bool quits = Back(shifted, shift).StartsWith("QUIT", StringComparison.OrdinalIgnoreCase);
                await wire.SendAsync(ClientProbe.Rot(quits ? "221 Bye\r\n" : "250 Ok\r\n", shift));
                if (quits)
                    wire.EndDirection();
            }
        }

        await p.ExpectAsync(delivered: false, "BP-9.1-4");
    }

    // A client that does not know ROT does not start with it, and need not.
    private static async Task<ProbeConnection> RotAsync(ClientProbe p)
    {
        int before = p.Wires.Count;
        try
        {
            return await p.AcceptAsync("XBLACKPONY V1 ROT");
        }
        catch (CaseFailedException) when (!p.Claims(Profile.Manual) && p.Wires.Count == before)
        {
            throw new NotApplicableException("The client makes no connection with ROT; --profile manual asks for it.");
        }
    }

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

    private static string Back(string text, int shift) => ClientProbe.Rot(text, 26 - shift);

    private static Case<ClientProbe> Carries(string id, string suite, Level level, Profile profile, string requirements) =>
        new(id, $"{suite} carries a message", level, profile, requirements, async p =>
        {
            // The core suite is asked of all; a missing SHOULD is a warning; else the case is for a client that has the suite.
            bool optional = profile != Profile.Core && (level != Should || !p.Claims(profile));
            var offer = $"XBLACKPONY V1 {suite}";
            var wire = await p.AcceptAsync(offer);
            if (optional)
                await NeedCommandAsync(p, wire, suite);

            await p.SwitchAsync(wire, offer, command: optional ? wire.Plaintext[^1] : null);
            await p.FinishAsync(wire);
            await wire.SendInsideAsync(ClientProbe.EhloReply());
            await p.ServeMailAsync(wire, inside: true);
            await p.ExpectAsync(delivered: true);
        });

    // A 220 with an invalid share: the connection ends without another octet, and the mail goes by a fresh one.
    private static async Task InvalidAsync(ClientProbe p, string share)
    {
        var wire = await p.AcceptAsync(CoreOffer);
        await p.ExpectCommandAsync(wire);
        await SendInvalidAsync(p, wire, share);
    }

    private static async Task SendInvalidAsync(ClientProbe p, ProbeConnection wire, string share)
    {
        await wire.SendAsync(
            string.Concat(share.Chunk(400).Select((c, i) => $"220{((i + 1) * 400 < share.Length ? '-' : ' ')}K={new string(c)}\r\n"))
                + NoFinished);
        await NothingAsync(wire);
        await FreshAsync(p);
    }

    // A client that goes on sends records; one that has found the share invalid may still say too much.
    private static async Task NothingAsync(ProbeConnection wire)
    {
        var came = await wire.SomeAsync();
        bool text = came.All(b => b is >= 32 and < 127 or (byte)'\r' or (byte)'\n');
        That(came.Length == 0, $"The client sent something after an invalid share: {Show(came)}.", text ? "BP-5.1-10" : null);
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

    // The client's share and its half of the session key; then its continuation is refused.
    private static async Task<(byte[] Share, byte[] Half)> HalfAsync(ClientProbe p)
    {
        var wire = await p.AcceptAsync(ClassicOffer);
        await NeedCommandAsync(p, wire, Classic);
        var share = Convert.FromBase64String(wire.Plaintext[^1].Split(' ')[3]);
        await SendGoodShareAsync(wire);
        using var pair = TestRsaKeys.Server.Use();
        var half = pair.Decrypt(Convert.FromBase64String(await wire.LineAsync() ?? ""));
        That(half is [(byte)'C', ..] && half.Length == 33, "What the client encrypted is not its letter and 32 octets.", "BP-5.4-14");
        await wire.SendLineAsync("454 not now");
        await p.ServeMailAsync(wire, inside: false);
        await p.ExpectAsync(delivered: true);
        return (share, half);
    }

    // The client does not take the server's Finished under this half of the server's.
    private static async Task NotUnderAsync(ClientProbe p, ProbeConnection wire, byte[] half, string finding)
    {
        wire.SwitchTo(SuiteRegistry.Find(Classic)!, Role.Server, [.. p.Secret[..32], .. half], wire.Keys.TranscriptHash);
        await wire.SendRecordAsync(RecordType.Finished, wire.Keys.Finished(Role.Server));
        That(!await wire.NextVerifiesAsync(), $"The client {finding}.");
        await wire.DrainAsync();
        await FreshAsync(p);
    }

    private static async Task CancelledAsync(ClientProbe p, byte[] share)
    {
        var wire = await p.AcceptAsync(ClassicOffer);
        await NeedCommandAsync(p, wire, Classic);
        await CancelAsync(p, wire, share);
    }

    private static async Task CancelAsync(ClientProbe p, ProbeConnection wire, byte[] share)
    {
        await SendShareAsync(wire, share);
        var line = await wire.LineAsync();
        That(line == "*", $"An invalid share is answered with {Show(line ?? "the end of the connection")}.",
            line is { Length: < 100 } ? "BP-5.4-12" : null);
        await wire.SendLineAsync("501 5.7.0 Cancelled");
        await p.ServeMailAsync(wire, inside: false);
        await p.ExpectAsync(delivered: true, "BP-5.4-12", "BP-5.4-12");
    }

    /// <summary>The 334 with the suite's own modulus and a nonce.</summary>
    internal static Task SendGoodShareAsync(ProbeConnection wire) => SendShareAsync(wire, GoodShare);

    /// <summary>The 334 with a share.</summary>
    /// <param name="wire">The connection.</param>
    /// <param name="share">The share.</param>
    /// <param name="behind">What follows the reply in one write.</param>
    internal static Task SendShareAsync(ProbeConnection wire, byte[] share, string behind = "")
    {
        var text = Convert.ToBase64String(share);
        return wire.SendAsync($"334-K={text[..400]}\r\n334 K={text[400..]}\r\n{behind}");
    }
}
