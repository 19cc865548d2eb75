using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <summary>Negotiation, spec 4. The client has the opportunistic policy and its own suites.</summary>
internal static partial class Client4Negotiation
{
    internal const string CoreOffer = "XBLACKPONY V1 X25519-CHACHA20POLY1305";
    /// <summary>An offer of all suites that are on if nothing else is set.</summary>
    internal static readonly string AllOffer = "XBLACKPONY V1 " + string.Join(' ', SuiteRegistry.Default.Select(s => s.Name));
    private const string AnyShare = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

    public static IReadOnlyList<Case<ClientProbe>> Cases { get; } = [.. Offer, .. Replies, .. Refusals, .. Inside];

    /// <summary>Refuses the client's command with 504; the case does not apply if it does not try again.</summary>
    /// <returns>The connection, and both commands.</returns>
    internal static async Task<(ProbeConnection Wire, string First, string Second)> SecondAttemptAsync(
        ClientProbe p, params string[] refusal)
    {
        var wire = await p.AcceptAsync(AllOffer);
        var first = await p.ExpectCommandAsync(wire);
        foreach (var line in refusal)
            await wire.SendLineAsync(line);

        var second = await ClientProbe.LineAsync(wire) ?? "";
        if (second.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase))
            return (wire, first, second);

        await wire.SendLineAsync("250 Ok");
        await p.ServeMailAsync(wire, inside: false);
        await p.ExpectAsync(delivered: true);
        throw new NotApplicableException("The client has one suite, or does not try again after 504.");
    }

    /// <summary>The client was not to send XBLACKPONY.</summary>
    internal static void NoCommand(ProbeConnection wire, string requirement) =>
        That(!wire.Plaintext.Any(l => l.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase)),
            "The client sent XBLACKPONY.", requirement);

    /// <summary>The command, which is then refused, and the mail in plaintext.</summary>
    internal static async Task<string> CommandAsync(ClientProbe p, string offer)
    {
        var wire = await p.AcceptAsync(offer);
        var command = await p.ExpectCommandAsync(wire);
        await wire.SendLineAsync("454 not now");
        await p.ServeMailAsync(wire, inside: false);
        await p.ExpectAsync(delivered: true);
        return command;
    }

    /// <summary>The command; the case does not apply to a client that does not know the one suite of the offer.</summary>
    internal static async Task<string> NeedCommandAsync(ClientProbe p, ProbeConnection wire, string suite)
    {
        var line = await ClientProbe.LineAsync(wire);
        if (line?.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase) != true
            || !line.Split(' ')[2].Equals(suite, StringComparison.OrdinalIgnoreCase))
        {
            throw new NotApplicableException($"The client does not choose {suite}.");
        }

        return line;
    }

    /// <summary>The one fresh connection, in plain SMTP, although the server offers again ([BP-9.2-2]).</summary>
    internal static async Task FreshAsync(ClientProbe p)
    {
        var wire = await p.AcceptAsync("BP-9.2-2", CoreOffer, []);
        await p.ServeMailAsync(wire, inside: false);
        NoCommand(wire, "BP-9.2-2");
        await p.ExpectAsync(delivered: true, "BP-9.2-2", "BP-9.2-3");
    }

    // The characters of the core suite's share in so many lines.
    private static int[] Lines(int count) => [.. Enumerable.Range(0, count).Select(i => (AnyShare.Length + i) / count)];

    // A line of 512 octets is not too long yet.
    private static async Task LongLinesAsync(ClientProbe p, string suite)
    {
        const int Greatest = Limits.MaxReplyLine - 8;
        var offer = $"XBLACKPONY V1 {suite}";
        foreach (int size in (int[])[Greatest, Greatest + 1])
        {
            var wire = await p.AcceptAsync(offer);
            await p.SwitchAsync(wire, offer, command: await NeedCommandAsync(p, wire, suite), fragment: size);
            if (size > Greatest)
            {
                await NothingAfterAsync(p, wire, "a line that is too long");
            }
            else
            {
                await p.FinishAsync(wire, none: "BP-4.3-5");
                await wire.SendInsideAsync(ClientProbe.EhloReply());
                await p.ServeMailAsync(wire, inside: true);
                await p.ExpectAsync(delivered: true);
            }
        }
    }

    // A client that went on would take the Finished.
    private static async Task NothingAfterAsync(ClientProbe p, ProbeConnection wire, string what)
    {
        await wire.SendRecordAsync(RecordType.Finished, wire.Keys.Finished(Role.Server));
        await NothingAsync(wire, what);
        await FreshAsync(p);
    }

    internal static async Task NothingAsync(ProbeConnection wire, string what, string? requirement = null)
    {
        // A client that says QUIT knows that the upgrade broke.
        var came = await wire.SomeAsync();
        bool quits = came.AsSpan().StartsWith("QUIT\r\n"u8);
        That(came.Length == 0, $"After {what} the client sends {Show(came)} in the same connection.", quits ? "BP-4.3-16" : requirement);
    }

    private static async Task BrokenAsync(ClientProbe p, string reply, bool close = false)
    {
        var wire = await p.AcceptAsync(CoreOffer);
        await p.ExpectCommandAsync(wire);
        await wire.SendAsync(reply);
        if (close)
            wire.EndDirection();

        await NothingAsync(wire, Show(reply));
        await FreshAsync(p);
    }

    private static Case<ClientProbe> Broken(string id, string title, string requirements, string reply, bool close = false) =>
        new(id, title, Must, Profile.Core, requirements, p => BrokenAsync(p, reply, close));

    // The command for each suite that the client has; for all but the first it may have none.
    private static Case<ClientProbe> Asks(string id, string title, string requirements, string offer, Action<string, string> check) =>
        new(id, title, Must, Profile.Core, requirements, async p =>
        {
            foreach (var suite in Names.Encrypting)
            {
                var wire = await p.AcceptAsync(offer + suite);
                var line = suite == Core ? await p.ExpectCommandAsync(wire) : await ClientProbe.LineAsync(wire) ?? "";
                bool asks = line.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase);
                if (asks)
                    check(suite, line);

                await wire.SendLineAsync(asks ? "454 4.7.0 Enough" : "250 Ok");
                await p.ServeMailAsync(wire, inside: false);
                await p.ExpectAsync(delivered: true);
            }
        });

    private static Case<ClientProbe> Carries(string id, string title, string requirements, string offer) =>
        new(id, title, Must, Profile.Core, requirements, async p =>
        {
            await p.CarryAsync(offer);
            await p.ExpectAsync(delivered: true);
        });

    private static Case<ClientProbe> Plain(string id, string title, string requirements, string offer, string? command = null) =>
        new(id, title, Must, Profile.Core, requirements, p => PlainAsync(p, offer, command ?? requirements.Split(' ')[0]));

    private static async Task PlainAsync(ClientProbe p, string offer, string command)
    {
        var wire = await p.AcceptAsync(offer);
        await p.ServeMailAsync(wire, inside: false);
        NoCommand(wire, command);
        await p.ExpectAsync(delivered: true, "BP-9.2-1");
    }

    // With a token at its end that makes the line of the EHLO reply so long, code and CRLF included.
    private static string Long(string offer, int length) => offer.PadRight(length - "250 \r\n".Length, 'x');

    private static Case<ClientProbe> Refused(string id, string reply) => new(id,
        $"A refusal \"{Escape(System.Text.Encoding.Latin1.GetBytes(reply.Split('\r')[0]))}\": plain SMTP in the same connection", Must,
        Profile.Core, "BP-4.4-11 BP-9.2-1 BP-4.2-11", async p =>
    {
        // Only a 504 is a reason to name another suite.
        var wire = await p.AcceptAsync(reply.StartsWith("504", StringComparison.Ordinal) ? CoreOffer : $"{CoreOffer} {Classic} {Hybrid}");
        await p.ExpectCommandAsync(wire);
        await wire.SendLineAsync(reply);
        await p.ServeMailAsync(wire, inside: false);
        That(wire.Plaintext.Count(l => l.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase)) == 1,
            "The client asked again.", "BP-4.2-11");
        await p.ExpectAsync(delivered: true);
    });
}
