using BlackPony.Fuzz.Sessions;
using BlackPony.Reference;

namespace BlackPony.Fuzz.Targets;

/// <summary>
/// The whole relay from its first octet, with the real suites. First setting: how many draws of randomness succeed, if not all.
/// Events: c, e the client says something or ends; b, g the backend; r, u a backend connection is open or not to be had; t time goes by;
/// s, k the relay stops in order or at once; x the client floods it.
/// </summary>
public sealed class RelayTarget : ITarget
{
    /// <inheritdoc/>
    public string Name => "relay";

    /// <inheritdoc/>
    public void Run(ReadOnlySpan<byte> input)
    {
        var script = Script.Read(input);
        var whole = Play(script, Cut.Whole, Cut.Whole);
        if (script.Events.Where(e => e.Kind == 'c').Sum(e => e.Octets.Length) < Limits.MaxHeld && script.Events.All(e => e.Kind != 'x'))
        {
            var pieces = Play(script, Cut.WithinLines, Cut.WithinFirstLine);
            Invariant.Same(whole.Left, pieces.Left, "the client gets the same whatever the cut");
            Invariant.Same(whole.Right, pieces.Right, "the backend gets the same whatever the cut");
            Invariant.That(whole.Ended == pieces.Ended, "it ends or not whatever the cut");
        }
    }

    private static Outcome Play(Script script, Func<byte[], IEnumerable<byte[]>> cutClient, Func<byte[], IEnumerable<byte[]>> cutBackend)
    {
        int draws = script.Setting(0) is > 0 and < 32 and var n ? n - 1 : int.MaxValue;
        using var host = new InboundDriver(InboundSettings.Real, new LimitedRandom(draws), cutClient);
        int floods = 0;
        foreach (var step in script.Events)
        {
            if (step.Kind == 'c')
            {
                host.Client(step.Octets);
            }
            else if (step.Kind == 'x' && floods++ == 0)
            {
                host.Client(Flood.Of(step.Octets));
            }
            else
            {
                RelayEvents.Do(host, step, cutBackend);
            }
        }

        return host.Finish(suite: null);
    }
}
