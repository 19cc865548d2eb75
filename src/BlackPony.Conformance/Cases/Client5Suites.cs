using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Cases.Client4Negotiation;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>Suites, spec 5.</summary>
internal static partial class Client5Suites
{
    private const string ClassicOffer = "XBLACKPONY V1 RSA-BLOWFISH";
    private const string HybridOffer = "XBLACKPONY V1 X25519MLKEM768-CHACHA20POLY1305";

    /// <summary>The suite's own modulus and a nonce.</summary>
    internal static byte[] GoodShare => [.. TestRsaKeys.ServerModulus, .. new byte[32]];

    // A record that does not verify: a client that goes on after an invalid share answers it with an alert.
    private static readonly string NoFinished = "\u0001\u0010" + new string('\0', 0x110);

    public static IReadOnlyList<Case<ClientProbe>> Cases { get; } = [.. EverySuite, .. X25519, .. Rsa, .. Shifted];

    private static IReadOnlyList<Case<ClientProbe>> EverySuite =>
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
    ];

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
}
