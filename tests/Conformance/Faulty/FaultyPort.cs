using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using BlackPony.Conformance;
using BlackPony.Conformance.Targets;
using BlackPony.Reference;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>The reference with exactly one requirement broken.</summary>
/// <param name="Breaks">The sentence that it breaks.</param>
/// <param name="Does">What it does instead.</param>
/// <param name="Hooks">The fault, for each connection anew.</param>
internal sealed record FaultyServer(string Breaks, string Does, Func<Hooks> Hooks)
{
    /// <summary>A second fault, between the relay and its mail server.</summary>
    public Func<Hooks>? Behind { get; init; }

    /// <summary>The address from which the relay comes to its mail server.</summary>
    public string Source { get; init; } = "127.0.0.2";

    public override string ToString() => $"{Breaks}: {Does}";
}

/// <summary>The reference's relay behind a tampering shim.</summary>
internal sealed class FaultyServerTarget(FaultyServer fault) : ServerTarget
{
    public override string Name => fault.ToString();

    public override Task<ServerPlace> TakeAsync(Needs needs, CancellationToken cancel)
    {
        var secrets = new Secrets();
        Shim? behind = null;
        EmbeddedServer? server = null;
        if (fault.Behind is not null)
        {
            behind = new Shim(() => Task.FromResult(("127.0.0.1", server!.Sink.Port)), Role.Client, secrets, fault.Behind);
        }

        server = new EmbeddedServer(secrets, !needs.HasFlag(Needs.RotOff), needs.HasFlag(Needs.Timeouts) ? new HastyTime() : null, behind?.Port ?? 0, fault.Source);
        var shim = new Shim(() => Task.FromResult(("127.0.0.1", server.Port)), Role.Server, secrets, fault.Hooks);
        return Task.FromResult(new ServerPlace("127.0.0.1", shim.Port, server.Sink, async () =>
        {
            await shim.DisposeAsync();
            await server.DisposeAsync();
            await (behind?.DisposeAsync() ?? ValueTask.CompletedTask);
        })
        { Timeouts = HastyTime.Limits });
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>The reference's mailer with exactly one requirement broken.</summary>
/// <param name="Breaks">The sentence that it breaks.</param>
/// <param name="Does">What it does instead.</param>
/// <param name="Hooks">The fault, for each connection anew; given which connection of the delivery it is, from 1.</param>
internal sealed record FaultyClient(string Breaks, string Does, Func<int, Hooks>? Hooks = null)
{
    /// <summary>Changes what the client is asked for.</summary>
    public Func<Delivery, Delivery>? Asks { get; init; }

    /// <summary>Changes what the client says.</summary>
    public Func<Delivery, Outcome, Outcome>? Says { get; init; }

    public override string ToString() => $"{Breaks}: {Does}";
}

/// <summary>The reference's mailer before a tampering shim.</summary>
internal sealed class FaultyClientTarget(FaultyClient fault) : ClientTarget, IAsyncDisposable
{
    // One shim for each port of the suite's, so that the memory meets the same server again.
    private readonly ConcurrentDictionary<int, (Shim Shim, StrongBox<int> Connections, Secrets Secrets)> _shims = new();

    public override string Name => fault.ToString();

    public override Needs Can => new EmbeddedMailer().Can;

    public override IReadOnlyDictionary<string, TimeSpan> Timeouts => HastyTime.Limits;

    public override async Task<Outcome> DeliverAsync(Delivery delivery, CancellationToken cancel)
    {
        var (shim, connections, secrets) = _shims.GetOrAdd(delivery.Port, port =>
        {
            var count = new StrongBox<int>();
            var log = new Secrets();
            return (new Shim(() => Task.FromResult(("127.0.0.1", port)), Role.Client, log, () => fault.Hooks?.Invoke(Interlocked.Increment(ref count.Value)) ?? new Hooks()), count, log);
        });
        connections.Value = 0;
        var asked = fault.Asks?.Invoke(delivery) ?? delivery;
        var outcome = await new EmbeddedMailer(secrets, new HastyTime()).DeliverAsync(asked with { Port = shim.Port }, cancel);
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
