using BlackPony.Conformance;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>The reference's server with exactly one requirement broken.</summary>
/// <param name="Breaks">The requirement that it breaks.</param>
/// <param name="CaughtBy">The cases that catch it, separated by spaces: each reports the requirement.</param>
/// <param name="Does">What it does instead.</param>
internal sealed record FaultyServer(string Breaks, string CaughtBy, string Does) : IFaultyImplementation
{
    /// <summary>A fault on the wire, for each connection anew.</summary>
    public Func<Mutations>? Mutations { get; init; }

    /// <summary>A fault between the relay and its mail server; given which connection to it this is, from 1.</summary>
    public Func<int, Mutations>? Behind { get; init; }

    /// <summary>A fault in what the server offers: a suite with a step of its own, for example.</summary>
    public Func<ServerOptions, ServerOptions>? Options { get; init; }

    /// <summary>A fault in the relay's settings.</summary>
    public Func<InboundSettings, InboundSettings>? Settings { get; init; }

    /// <summary>Whether its time-outs begin again with every octet.</summary>
    public bool ProlongsTimeouts { get; init; }

    /// <inheritdoc/>
    public string AlsoFails { get; init; } = "";

    /// <inheritdoc/>
    public string? Wide { get; init; }

    /// <inheritdoc/>
    public TimeSpan? Silence { get; init; }

    public override string ToString() => $"{Breaks}: {Does}";
}

/// <summary>The faulty server behind its <see cref="TamperingProxy"/>, made anew for each case.</summary>
internal sealed class FaultyServerTarget(FaultyServer fault) : ServerTarget
{
    public override string Name => fault.ToString();

    public override Task<ServerPlace> TakeAsync(Needs needs, CancellationToken cancel)
    {
        var secrets = new Secrets();
        EmbeddedServer? server = null;
        InstantTime? patient = null;
        int connections = 0;
        var behind = fault.Behind is null
            ? null
            : new TamperingProxy(() => Task.FromResult(("127.0.0.1", server!.Sink.Port)), Role.Client, secrets,
                () => fault.Behind(Interlocked.Increment(ref connections)));
        server = new EmbeddedServer(needs, usual =>
        {
            var options = usual.Options with
            {
                KeyLog = secrets,
                Suites = [.. usual.Options.Suites.Select(s => FaultyServerSuite.Keeping(s, secrets))],
            };
            var settings = usual with
            {
                BackendPort = behind?.Port ?? usual.BackendPort,
                Options = fault.Options?.Invoke(options) ?? options,
            };
            if (fault.ProlongsTimeouts)
            {
                patient = new InstantTime(settings.Time);
                settings = settings with { Time = patient };
            }

            return fault.Settings?.Invoke(settings) ?? settings;
        });
        Func<Mutations> hooks = patient is null
            ? fault.Mutations ?? (() => new Mutations())
            : () => new Mutations { PeerSpoke = patient.Hear };
        if (patient is not null)
        {
            // Its proxy reads the clock with every octet, however late that is on a busy machine.
            server.Time!.Transit = TimeSpan.FromMinutes(1);
        }

        var shim = new TamperingProxy(() => Task.FromResult(("127.0.0.1", server.Port)), Role.Server, secrets, hooks);
        return Task.FromResult(new ServerPlace("127.0.0.1", shim.Port, server.Sink, async () =>
        {
            await shim.DisposeAsync();
            await server.DisposeAsync();
            await (behind?.DisposeAsync() ?? ValueTask.CompletedTask);
        })
        {
            Time = server.Time,
            Timeouts = VirtualTime.Limits,
            RotIsOff = needs.HasFlag(Needs.RotOff),
            Mailbox = _ => Task.FromResult(string.Concat(server.Sink.Messages)),
            MaxSessions = EmbeddedServer.FewSessions,
        });
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
