using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using BlackPony.Conformance;
using BlackPony.Conformance.Targets;
using BlackPony.Reference;
using BlackPony.Reference.Policy;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>The reference's mailer with exactly one requirement broken.</summary>
/// <param name="Breaks">The requirement that it breaks.</param>
/// <param name="CaughtBy">The cases that catch it, separated by spaces: each reports the requirement.</param>
/// <param name="Does">What it does instead.</param>
internal sealed record FaultyClient(string Breaks, string CaughtBy, string Does) : IFaultyImplementation
{
    /// <summary>A fault on the wire, for each connection anew.</summary>
    public Func<ClientRun, Mutations>? Mutations { get; init; }

    /// <summary>Whether it makes a connection; given which of the delivery it is, from 1.</summary>
    public Func<int, bool> Connects { get; init; } = _ => true;

    /// <summary>A fault in what the client accepts: a suite with a step of its own, for example.</summary>
    public Func<MailerOptions, MailerOptions>? Options { get; init; }

    /// <summary>A fault in its randomness.</summary>
    public IRandomSource? Random { get; init; }

    /// <summary>Changes what the client is asked for.</summary>
    public Func<Delivery, Delivery>? Asks { get; init; }

    /// <summary>Changes what the client says, or its memory, when it has ended.</summary>
    public Func<ClientRun, Outcome, Outcome>? Says { get; init; }

    /// <summary>A further delivery that it makes of its own accord when the first has ended; null for none.</summary>
    public Func<ClientRun, Outcome, Delivery?>? Again { get; init; }

    /// <inheritdoc/>
    public string AlsoFails { get; init; } = "";

    /// <inheritdoc/>
    public string? Wide { get; init; }

    /// <inheritdoc/>
    public TimeSpan? Silence { get; init; }

    public override string ToString() => $"{Breaks}: {Does}";
}

/// <summary>One delivery of a faulty client.</summary>
/// <param name="delivery">What the suite asked for.</param>
internal sealed class ClientRun(Delivery delivery)
{
    public Delivery Delivery => delivery;

    /// <summary>How many connections it made.</summary>
    public int Connections { get; set; }

    /// <summary>What its hooks saw.</summary>
    public ConcurrentDictionary<string, bool> Seen { get; } = new();
}

/// <summary>The faulty client before its <see cref="TamperingProxy"/>.</summary>
internal sealed class FaultyClientTarget(FaultyClient fault) : ClientTarget, IAsyncDisposable
{
    // One shim for each port of the suite's, so that the memory meets the same server again.
    private readonly ConcurrentDictionary<int, (TamperingProxy TamperingProxy, StrongBox<ClientRun> Run, Secrets Secrets)> _shims = new();

    public override string Name => fault.ToString();

    public override Needs Can => new EmbeddedMailer().Can;

    public override IReadOnlyDictionary<string, TimeSpan> Timeouts => VirtualTime.Limits;

    public override bool HasVirtualTime => true;

    public override async Task<Outcome> DeliverAsync(Delivery delivery, CancellationToken cancel)
    {
        var (shim, box, secrets) = _shims.GetOrAdd(delivery.Port, port =>
        {
            var current = new StrongBox<ClientRun>();
            var log = new Secrets();
            Task<(string, int)> ConnectAsync() =>
                fault.Connects(++current.Value!.Connections) ? Task.FromResult(("127.0.0.1", port)) : throw new SocketException();
            return (new TamperingProxy(ConnectAsync, Role.Client, log,
                () => fault.Mutations?.Invoke(current.Value!) ?? new Mutations()), current, log);
        });
        var asked = (fault.Asks?.Invoke(delivery) ?? delivery) with { Port = shim.Port };
        var run = box.Value = new ClientRun(delivery with { Port = shim.Port });
        var mailer = new EmbeddedMailer(
            usual =>
            {
                var options = usual with
                {
                    KeyLog = secrets,
                    Suites = [.. usual.Suites.Select(s => s.Encrypts ? new ClientSuite(s) { Tells = secrets.Shared.Add } : s)],
                };
                return fault.Options?.Invoke(options) ?? options;
            },
            fault.Random);
        var outcome = await mailer.DeliverAsync(asked, cancel);
        if (fault.Again?.Invoke(run, outcome) is { } again)
        {
            outcome = await mailer.DeliverAsync(again with { Port = shim.Port }, cancel);
        }

        return fault.Says?.Invoke(run, outcome) ?? outcome;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (shim, _, _) in _shims.Values)
        {
            await shim.DisposeAsync();
        }
    }
}
