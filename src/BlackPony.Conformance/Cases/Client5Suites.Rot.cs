using BlackPony.Conformance.Peers;
using static BlackPony.Conformance.Cases.Client4Negotiation;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <content>ROT, spec 5.5.</content>
internal static partial class Client5Suites
{
    private static IReadOnlyList<Case<ClientProbe>> Shifted =>
    [
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

    private static string Back(string text, int shift) => ClientProbe.Rot(text, 26 - shift);
}
