using System.Diagnostics;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.NothingLost;

/// <summary>sendmail, which keeps all in its queue until the end.</summary>
internal sealed class SendmailBackend : RealBackend
{
    private readonly Sendmail _sendmail;
    private readonly int _port;

    private SendmailBackend(AttemptLog ledger, Random random, Sendmail sendmail, int port)
        : base(ledger, random, sendmail, sendmail.KillAsync, sendmail.StartAgainAsync) => (_sendmail, _port) = (sendmail, port);

    public override int Port => _port;

    protected override string Mailbox => Path.Combine(_sendmail.Folder, "box");

    public static async Task<IBackend> StartAsync(string folder, AttemptLog ledger, Random random)
    {
        Sendmail.Need();
        int port = FreePorts.Next();
        return new SendmailBackend(ledger, random,
            await Sendmail.StartAsync(folder, "mx.b.test", "b.test", port, options: "-O DeliveryMode=queueonly"), port);
    }

    protected override async Task FlushAsync()
    {
        // Who was killed with a session open may still hold a message.
        for (var began = Stopwatch.StartNew(); ;)
        {
            var said = await _sendmail.FlushAsync();
            // A control file that is still empty is none yet: sendmail was killed as it made it, and removes it after ten minutes.
            // The ledger says whether a message was lost so.
            if (said.Contains($"Total requests: {said.Split("(no control file").Length - 1}\n", StringComparison.Ordinal))
            {
                break;
            }

            Assert.True(began.Elapsed < Wait.HangGuard, $"sendmail's queue does not empty: {said[^Math.Min(3000, said.Length)..]}");
            await Task.Delay(500, TestContext.Current.CancellationToken);
        }

        foreach (var envelope in Directory.EnumerateFiles(Mailbox, "*.env"))
        {
            File.Delete(envelope);
        }
    }
}
