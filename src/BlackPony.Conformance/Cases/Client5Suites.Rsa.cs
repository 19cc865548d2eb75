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

/// <content>RSA-BLOWFISH, spec 5.4.</content>
internal static partial class Client5Suites
{
    private static IReadOnlyList<Case<ClientProbe>> Rsa =>
    [
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
            That(await wire.DrainAsync() >= 2 + 32, "The client ended the connection without an alert: it noticed the altered ciphertext.");
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
    ];

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
