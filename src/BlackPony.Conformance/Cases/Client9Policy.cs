using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Cases.Client4Negotiation;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>Client policies, spec 9.</summary>
internal static partial class Client9Policy
{
    private static readonly IdentKey Old = new(new byte[32]);
    private static readonly IdentKey Withdrawn = new(new byte[32], isWithdrawn: true);
    private static readonly IdentKey New = new([1, .. new byte[31]]);

    public static IReadOnlyList<Case<ClientProbe>> Cases { get; } = [.. Policies, .. FallingBack, .. Memory];

    // A server that goes on as if it had said nothing wrong: EHLO and HELO get 250, and mail is taken.
    private static async Task TakesAllAsync(ClientProbe p, ProbeConnection wire, bool inside)
    {
        p.Commands.Clear();
        await p.ServeMailAsync(wire, inside);
        wire.EndDirection();
        await wire.DrainAsync();
        var mail = p.Commands.FirstOrDefault(c => c.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase));
        That(mail is null, $"The client goes on, and says {Show(mail ?? "")}.");
        await p.ExpectAsync(delivered: false, "BP-9.1-5");
    }

    // Every code that a server could give, as one line, as several, and in single octets.
    private static async Task SweepAsync(ClientProbe p, Func<Func<ProbeConnection, Task>, Task<ProbeConnection>> play)
    {
        foreach (var (code, shape) in ((int[])[220, 221, 250, 334, 354, 421, 450, 454, 500, 501, 502, 503, 504, 530, 550, 554])
            .SelectMany(c => Enumerable.Range(0, 3).Select(s => (c, s))))
        {
            p.Next = p.Next with { Policy = ClientPolicy.Required };
            var wire = await play(async wire =>
            {
                var text = shape == 0 ? $"{code}-first\r\n{code} last\r\n" : $"{code} said\r\n";
                foreach (var part in shape == 1 ? text.Select(c => c.ToString()) : [text])
                    await wire.SendAsync(part);
            });

            // The client's answer, or the end; only then the server's end.
            await wire.LineAsync();
            wire.EndDirection();
            await wire.DrainAsync();
            ClientProbe.ExpectNoMail(wire, "BP-9.1-2");
            await p.ExpectAsync(delivered: false, "BP-9.1-5");
        }
    }

    private static async Task<ProbeConnection> NotOfferedAsync(ClientProbe p, bool served = false)
    {
        var wire = await p.AcceptAsync("");
        if (served)
            await p.ServeMailAsync(wire, inside: false);

        return wire;
    }

    private static async Task<ProbeConnection> RefusedAsync(ClientProbe p)
    {
        var wire = await p.AcceptAsync(CoreOffer);
        await p.ExpectCommandAsync(wire);
        await wire.SendLineAsync("454 4.7.0 Not now");
        return wire;
    }

    private static async Task<ProbeConnection> BrokenAsync(ClientProbe p)
    {
        var wire = await p.AcceptAsync(CoreOffer);
        await p.ExpectCommandAsync(wire);
        await wire.SendLineAsync("220 but no share");
        await wire.DrainAsync();
        return wire;
    }

    private static async Task<ProbeConnection> WrongFinishedAsync(ClientProbe p)
    {
        var wire = await p.AcceptAsync(CoreOffer);
        await p.SwitchAsync(wire, CoreOffer);
        await wire.SendRecordAsync(RecordType.Finished, new byte[32]);
        await wire.DrainAsync();
        return wire;
    }

    private static async Task<ProbeConnection> EhloRefusedAsync(ClientProbe p)
    {
        var wire = await p.ConnectAsync();
        await wire.SendLineAsync("220 probe.test ESMTP");
        await p.ExpectEhloAsync(wire);
        await wire.SendLineAsync("502 no EHLO");
        if (await ClientProbe.LineAsync(wire) is { } line)
        {
            bool quits = line.Equals("QUIT", StringComparison.OrdinalIgnoreCase);
            await wire.SendLineAsync(quits ? "221 Bye" : "250 probe.test");
            if (quits)
                wire.EndDirection();
        }

        return wire;
    }

    // What breaks an upgrade, instead of the reply to XBLACKPONY or of the server's Finished.
    private static IReadOnlyList<Func<ClientProbe, ProbeConnection, Task>> Breaks { get; } =
    [
        (_, wire) => wire.SendLineAsync($"220 K={Convert.ToBase64String([.. Enumerable.Repeat((byte)9, 31)])}"),
        (_, wire) => wire.SendLineAsync($"220 K={Convert.ToBase64String(new byte[32])}"),
        (_, wire) => wire.SendLineAsync("220 K=@@@@"),
        (_, _) => Task.CompletedTask,
        SwitchAsync,
        (p, wire) => SwitchedAsync(p, wire, w => w.Seal(RecordType.Alert, [1])),
        (p, wire) => SwitchedAsync(p, wire, w => w.Seal(RecordType.Finished, new byte[32])),
        (p, wire) => SwitchedAsync(p, wire, w => w.Seal(RecordType.Data, "250 Ok\r\n"u8)),
        (p, wire) => SwitchedAsync(p, wire, w => w.Seal(RecordType.Close, [])),
        (p, wire) => SwitchedAsync(p, wire, _ => [0, 0]),
    ];

    // What loses a session after the server's Finished, before the reply to EHLO inside; null is the end of the connection.
    private static IReadOnlyList<Func<ProbeConnection, byte[]?>> Losses { get; } =
    [
        _ => null,
        w => w.Seal(RecordType.Alert, [1]),
        w => w.Seal(RecordType.Close, []),
        w => w.Seal((RecordType)100, []),
        w => w.Seal(RecordType.Data, "garbage\r\n"u8),
        _ => [0, 0],
    ];

    private static Task SwitchAsync(ClientProbe p, ProbeConnection wire) => p.SwitchAsync(wire, CoreOffer, command: p.Command);

    private static async Task SwitchedAsync(ClientProbe p, ProbeConnection wire, Func<ProbeConnection, byte[]> record)
    {
        await SwitchAsync(p, wire);
        await wire.SendRecordsAsync(record(wire));
    }

    // An upgrade that breaks in one of those ways.
    private static async Task<ProbeConnection> BreakAsync(ClientProbe p, Func<ClientProbe, ProbeConnection, Task> breaks)
    {
        var wire = await p.AcceptAsync(CoreOffer);
        await p.ExpectCommandAsync(wire);
        await breaks(p, wire);
        wire.EndDirection();
        await wire.DrainAsync();
        return wire;
    }

    // A session that is lost in one of those ways, when the client's Finished has come, or at once.
    private static async Task<ProbeConnection> LoseAsync(ClientProbe p, Func<ProbeConnection, byte[]?> loss, IdentKey[]? keys = null,
        bool atOnce = false)
    {
        var wire = await p.AcceptAsync(CoreOffer);
        await p.SwitchAsync(wire, CoreOffer);
        var ident = keys is null ? null : Ident.Create(keys, wire.Keys.TranscriptHash);
        if (atOnce)
        {
            await wire.SendRecordsAsync(wire.Seal(RecordType.Finished, wire.Keys.Finished(Role.Server)),
                ident is null ? [] : wire.Seal(RecordType.Ident, ident), loss(wire) ?? []);
        }
        else
        {
            await p.FinishAsync(wire, ident);
            await (loss(wire) is { } records ? wire.SendRecordsAsync(records) : Task.CompletedTask);
        }

        wire.EndDirection();
        await wire.DrainAsync();
        return wire;
    }

    // A server without an offer, which would take the mail of a client that connects at all.
    private static async Task<Outcome> MeetsNoOfferAsync(ClientProbe p)
    {
        try
        {
            var wire = await p.AcceptAsync("");
            await p.ServeMailAsync(wire, inside: false);
        }
        catch (CaseFailedException e) when (e.Message.Contains("connection, but the client ended", StringComparison.Ordinal)
            || e.Message.Contains("Expected EHLO", StringComparison.Ordinal))
        {
            // It did not even connect, or left at the greeting.
        }

        return await p.EndAsync();
    }

    // An upgraded session with these keys, to its end, whatever the client then does.
    private static async Task<ProbeConnection> IdentAsync(ClientProbe p, IdentKey[] keys)
    {
        var wire = await p.AcceptAsync(CoreOffer);
        await p.SwitchAsync(wire, CoreOffer);
        await p.FinishAsync(wire, keys.Length == 0 ? null : Ident.Create(keys, wire.Keys.TranscriptHash));
        await wire.SendInsideAsync(ClientProbe.EhloReply());
        await p.ServeMailAsync(wire, inside: true);
        return wire;
    }

    // The delivery must end without mail, and the client must say so. A client that sends MAIL is served,
    // to see whether it defers after it ([BP-9.1-6]) or delivers.
    private static async Task DeferAsync(ClientProbe p, Func<Task<ProbeConnection>> server, string? delivers = null,
        string further = "BP-9.2-3")
    {
        p.Commands.Clear();
        int before = p.Wires.Count;
        var wire = await server();
        if (!wire.Switched)
        {
            await p.ServeMailAsync(wire, inside: false);
            wire.EndDirection();
            await wire.DrainAsync();
        }

        var mail = p.Commands.FirstOrDefault(c => c.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase));
        bool message = p.Commands.Any(c => c.StartsWith("DATA", StringComparison.OrdinalIgnoreCase));
        That(mail is null, $"The client sends {Show(mail ?? "")} {(message ? "and the message" : "and then defers")}.",
            message ? delivers : "BP-9.1-6");
        await p.ExpectAsync(delivered: false, "BP-9.1-5", further);
        That(p.Wires.Count == before + 1, "The client opened another connection.", further);
    }

    private static Case<ClientProbe> Plain(string id, string title, string requirements) =>
        new(id, title, Must, Profile.Core, requirements, async p =>
        {
            await NotOfferedAsync(p, served: true);
            await p.ExpectAsync(delivered: true);
        });

    private static Case<ClientProbe> Deferred(string id, string title, ClientPolicy policy, string requirements,
        Func<ClientProbe, Task<ProbeConnection>> server, string? delivers = null) =>
        new(id, title, Must, Profile.Core, requirements, async p =>
        {
            p.Next = p.Next with { Policy = policy };
            await DeferAsync(p, () => server(p), delivers);
        })
        { Needs = Needs.Policy };

    private static Case<ClientProbe> Remembers(string id, string title, string requirements, IdentKey[]? keys,
        Func<ClientProbe, Task<ProbeConnection>> server) => new(id, title, Must, Profile.Core, requirements, async p =>
    {
        p.Next = p.Next with { Policy = ClientPolicy.Remembered };
        await IdentAsync(p, keys ?? []);
        await p.ExpectAsync(delivered: true);
        await DeferAsync(p, () => server(p));
    })
    { Needs = Needs.Policy | Needs.Memory };
}
