using BlackPony.Fuzz.Sessions;

namespace BlackPony.Fuzz.Targets;

/// <summary>
/// The whole outbound relay. Events: c, e the client says something or ends; n, g the next server; h, f its TLS stands or fails;
/// t time goes by; s the relay stops; x the client floods it.
/// </summary>
public sealed class OutboundTarget : ITarget
{
    /// <inheritdoc/>
    public string Name => "outbound";

    /// <inheritdoc/>
    public void Run(ReadOnlySpan<byte> input)
    {
        var script = Script.Read(input);
        var whole = Play(script, Cut.Whole, Cut.Whole);
        // The client's end waits for the machine and may come between two pieces.
        if (script.Events.All(e => e.Kind is not ('x' or 'e')))
        {
            var pieces = Play(script, Cut.Anywhere, Cut.WithinFirstLine);
            Invariant.Same(whole.Left, pieces.Left, "the client gets the same whatever the cut");
            Invariant.Same(whole.Right, pieces.Right, "the next servers get the same whatever the cut");
            Invariant.That(whole.Ended == pieces.Ended, "it ends or not whatever the cut");
        }
    }

    private static Outcome Play(Script script, Func<byte[], IEnumerable<byte[]>> cutClient, Func<byte[], IEnumerable<byte[]>> cutNext)
    {
        var host = new OutboundHost(cutClient);
        int floods = 0;
        foreach (var step in script.Events)
        {
            switch (step.Kind)
            {
                case 'c':
                    host.Client(step.Octets);
                    break;
                case 'x' when floods++ == 0:
                    host.Client(Flood.Of(step.Octets));
                    break;
                case 'e':
                    host.ClientEnds();
                    break;
                case 'n':
                    host.Next(cutNext(step.Octets));
                    break;
                case 'g':
                    host.NextEnds();
                    break;
                case 'h':
                    host.TlsEnds(secured: true);
                    break;
                case 'f':
                    host.TlsEnds(secured: false);
                    break;
                case 't':
                    host.TimesOut();
                    break;
                case 's':
                    host.Stops();
                    break;
            }
        }

        return host.Finish();
    }
}
