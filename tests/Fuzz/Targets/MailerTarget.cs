using BlackPony.Fuzz.Sessions;

namespace BlackPony.Fuzz.Targets;

/// <summary>
/// The whole mailer from its first octet, with the real suites. Settings:
/// options (<see cref="MailerSettings"/>), targets, draws of randomness.
/// Events: n, m a connection stands or can't be made; s, e the server says something or ends; l, g the local mail server; t time goes by;
/// x the server floods.
/// </summary>
public sealed class MailerTarget : ITarget
{
    /// <inheritdoc/>
    public string Name => "mailer";

    /// <inheritdoc/>
    public void Run(ReadOnlySpan<byte> input)
    {
        var script = Script.Read(input);
        var whole = Play(script, Cut.Whole);
        // The mail server's end waits for the machine and may come between two pieces.
        if (script.Events.All(e => e.Kind is not ('x' or 'g')))
        {
            var pieces = Play(script, Cut.Anywhere);
            Invariant.Same(whole.Left, pieces.Left, "the server gets the same whatever the cut");
            Invariant.Same(whole.Right, pieces.Right, "the mail server gets the same whatever the cut");
            Invariant.That(whole.Ended == pieces.Ended, "it ends or not whatever the cut");
        }
    }

    private static Outcome Play(Script script, Func<byte[], IEnumerable<byte[]>> cut)
    {
        int draws = script.Setting(2) is > 0 and < 32 and var n ? n - 1 : int.MaxValue;
        using var host = new MailerDriver(MailerSettings.Of(script.Setting(0)), new LimitedRandom(draws), 1 + (script.Setting(1) % 3), cut);
        int floods = 0;
        foreach (var step in script.Events)
        {
            if (step.Kind == 's')
            {
                host.Server(step.Octets);
            }
            else if (step.Kind == 'x')
            {
                host.Server(floods++ == 0 ? Flood.Of(step.Octets) : []);
            }
            else
            {
                MailerEvents.Do(host, step);
            }
        }

        return host.Finish();
    }
}
