using System.Text;
using BlackPony.Fuzz.Sessions;
using BlackPony.Reference;

namespace BlackPony.Fuzz.Targets;

/// <summary>
/// The relay after a 220, with each record protection (first setting). The client's events are records (<see cref="Peer"/>):
/// F Finished, D data,
/// T any type, K rekey, O close, A alert, I ident, H harmed, R raw octets, x a flood of data;
/// the others are the relay's (<see cref="RelayTarget"/>).
/// </summary>
public sealed class RelayInsideTarget : ITarget
{
    /// <inheritdoc/>
    public string Name => "relay-inside";

    /// <inheritdoc/>
    public void Run(ReadOnlySpan<byte> input)
    {
        var script = Script.Read(input);
        var whole = Play(script, Cut.Whole, Cut.Whole);
        var pieces = Play(script, Cut.Anywhere, Cut.WithinFirstLine);
        Invariant.That(whole.Ended == pieces.Ended, "it ends or not whatever the cut");
        if (!whole.Ended && script.Events.All(e => e.Kind != 'x'))
        {
            // At an end, replies that are still owed may or may not be sent ([BP-8.1-3]).
            Invariant.Same(whole.Left, pieces.Left, "the client gets the same whatever the cut");
            Invariant.Same(whole.Right, pieces.Right, "the backend gets the same whatever the cut");
        }
    }

    private static Outcome Play(Script script, Func<byte[], IEnumerable<byte[]>> cutClient, Func<byte[], IEnumerable<byte[]>> cutBackend)
    {
        var suite = QuickSuite.All[script.Setting(0) % QuickSuite.All.Count];
        using var host = new InboundDriver(InboundSettings.Real with { Suites = [suite] }, new LimitedRandom(), cutClient);
        host.Opened([.. "220 b\r\n"u8]);
        host.Client([.. "EHLO a\r\n"u8]);
        host.Backend([[.. "250 b\r\n"u8]]);
        host.Client(Encoding.ASCII.GetBytes($"XBLACKPONY V1 {suite.Name} {QuickSuite.Share}\r\n"));
        host.Opened([.. "220 b\r\n"u8]);
        Invariant.That(host.Switched, "the switch has happened");
        using var client = new Peer(Role.Client, suite, host.Secrets.TranscriptHash);
        int floods = 0;
        foreach (var step in script.Events)
        {
            if (step.Kind == 'x')
            {
                foreach (var piece in floods++ == 0 ? Flood.Of(step.Octets).Chunk(Limits.MaxData) : [])
                {
                    host.Client(client.Octets(new ScriptEvent('D', piece))!);
                }
            }
            else if (client.Octets(step) is { } wire)
            {
                host.Client(wire);
            }
            else
            {
                RelayEvents.Do(host, step, cutBackend);
            }
        }

        return host.Finish(suite);
    }
}
