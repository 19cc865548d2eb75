using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using BlackPony.Conformance;
using BlackPony.Conformance.Targets;
using BlackPony.Reference;
using BlackPony.Reference.Policy;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>The reference's mailer with exactly one requirement broken.</summary>
/// <param name="Breaks">The sentence that it breaks.</param>
/// <param name="CaughtBy">The cases that catch it, separated by spaces: each cites the sentence.</param>
/// <param name="Does">What it does instead.</param>
internal sealed record FaultyClient(string Breaks, string CaughtBy, string Does) : IFaultyPort
{
    /// <summary>A fault on the wire, for each connection anew; given which connection of the delivery it is, from 1.</summary>
    public Func<int, Hooks>? Hooks { get; init; }

    /// <summary>A fault in what the client accepts: a suite with a step of its own, for example.</summary>
    public Func<MailerOptions, MailerOptions>? Options { get; init; }

    /// <summary>A fault in its randomness.</summary>
    public IRandomSource? Random { get; init; }

    /// <summary>Changes what the client is asked for.</summary>
    public Func<Delivery, Delivery>? Asks { get; init; }

    /// <summary>Changes what the client says, or its memory, when it has ended.</summary>
    public Func<Delivery, Outcome, Outcome>? Says { get; init; }

    /// <summary>A further delivery that it makes of its own accord when the first has ended; null for none.</summary>
    public Func<Delivery, Outcome, Delivery?>? Again { get; init; }

    /// <summary>How long a case waits for it, where the fault shows as a hang.</summary>
    public TimeSpan Timeout { get; init; } = Faulty.Options.Timeout;

    public override string ToString() => $"{Breaks}: {Does}";
}

/// <summary>The faulty client before its <see cref="Shim"/>.</summary>
internal sealed class FaultyClientTarget(FaultyClient fault) : ClientTarget, IAsyncDisposable
{
    // One shim for each port of the suite's, so that the memory meets the same server again.
    private readonly ConcurrentDictionary<int, (Shim Shim, StrongBox<int> Connections, Secrets Secrets)> _shims = new();

    public override string Name => fault.ToString();

    public override Needs Can => new EmbeddedMailer().Can;

    public override IReadOnlyDictionary<string, TimeSpan> Timeouts => VirtualTime.Limits;

    public override bool HasVirtualTime => true;

    public override async Task<Outcome> DeliverAsync(Delivery delivery, CancellationToken cancel)
    {
        var (shim, connections, secrets) = _shims.GetOrAdd(delivery.Port, port =>
        {
            var count = new StrongBox<int>();
            var log = new Secrets();
            return (new Shim(() => Task.FromResult(("127.0.0.1", port)), Role.Client, log, () => fault.Hooks?.Invoke(Interlocked.Increment(ref count.Value)) ?? new Hooks()), count, log);
        });
        connections.Value = 0;
        var asked = (fault.Asks?.Invoke(delivery) ?? delivery) with { Port = shim.Port };
        var mailer = new EmbeddedMailer(
            usual =>
            {
                var options = usual with { KeyLog = secrets, Suites = [.. usual.Suites.Select(s => s.Encrypts ? new ClientSuite(s) { Tells = secrets.Shared.Add } : s)] };
                return fault.Options?.Invoke(options) ?? options;
            },
            fault.Random);
        var outcome = await mailer.DeliverAsync(asked, cancel);
        if (fault.Again?.Invoke(asked, outcome) is { } again)
        {
            outcome = await mailer.DeliverAsync(again, cancel);
        }

        return fault.Says?.Invoke(asked, outcome) ?? outcome;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (shim, _, _) in _shims.Values)
        {
            await shim.DisposeAsync();
        }
    }
}
