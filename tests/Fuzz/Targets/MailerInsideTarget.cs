using System.Text;
using BlackPony.Fuzz.Sessions;
using BlackPony.Reference;

namespace BlackPony.Fuzz.Targets;

/// <summary>
/// The mailer after a 220, with each record protection (second setting; the first is the options, the third the targets).
/// The server's events are records (<see cref="Peer"/>); the others are the mailer's (<see cref="MailerTarget"/>).
/// </summary>
public sealed class MailerInsideTarget : ITarget
{
    /// <inheritdoc/>
    public string Name => "mailer-inside";

    /// <inheritdoc/>
    public void Run(ReadOnlySpan<byte> input)
    {
        var script = Script.Read(input);
        var whole = Play(script, Cut.Whole);
        var pieces = Play(script, Cut.Anywhere);
        Invariant.That(whole.Ended == pieces.Ended, "it ends or not whatever the cut");
        if (!whole.Ended && script.Events.All(e => e.Kind != 'x'))
        {
            // At an end, what is owed may or may not be sent ([BP-8.1-3]).
            Invariant.Same(whole.Left, pieces.Left, "the server gets the same whatever the cut");
            Invariant.Same(whole.Right, pieces.Right, "the mail server gets the same whatever the cut");
        }
    }

    private static Outcome Play(Script script, Func<byte[], IEnumerable<byte[]>> cut)
    {
        var suite = QuickSuite.All[script.Setting(1) % QuickSuite.All.Count];
        var options = MailerSettings.Of(script.Setting(0)) with { Suites = [suite] };
        using var host = new MailerDriver(options, new LimitedRandom(), 1 + (script.Setting(2) % 3), cut);
        host.Connects(true);
        host.Server([.. "220 b\r\n"u8]);
        host.Local([.. "EHLO a\r\n"u8]);
        host.Server(Encoding.ASCII.GetBytes($"250-b\r\n250 XBLACKPONY V1 {suite.Name}\r\n"));
        host.Server(Encoding.ASCII.GetBytes($"220 K={QuickSuite.Share}\r\n"));
        Invariant.That(host.Switched, "the switch has happened");
        using var server = new Peer(Role.Server, suite, host.Secrets.TranscriptHash);
        int floods = 0;
        foreach (var step in script.Events)
        {
            if (step.Kind == 'x')
            {
                foreach (var piece in floods++ == 0 ? Flood.Of(step.Octets).Chunk(Limits.MaxData) : [])
                {
                    host.Server(server.Octets(new ScriptEvent('D', piece))!);
                }
            }
            else if (step.Kind == 's')
            {
                // In a fresh connection in plaintext.
                host.Server(step.Octets);
            }
            else if (server.Octets(step) is { } wire)
            {
                host.Server(wire);
            }
            else
            {
                MailerEvents.Do(host, step);
            }
        }

        return host.Finish();
    }
}
