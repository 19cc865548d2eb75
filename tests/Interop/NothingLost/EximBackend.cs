using System.Diagnostics;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.NothingLost;

/// <summary>Exim, which delivers while it is killed, into a maildir.</summary>
internal sealed class EximBackend : RealBackend
{
    private readonly Exim _exim;

    private EximBackend(AttemptLog ledger, Random random, Exim exim)
        : base(ledger, random, exim, exim.KillAsync, exim.StartAgainAsync) => _exim = exim;

    public override int Port => _exim.Port;

    protected override string Mailbox => Path.Combine(_exim.Folder, "mail", "new");

    public static async Task<IBackend> StartAsync(string folder, AttemptLog ledger, Random random)
    {
        ServerInstall.Need("exim");
        return new EximBackend(ledger, random,
            await Exim.StartAsync(folder, "mx.b.test", ["b.test"],
                own: $"driver = appendfile\n  maildir_format\n  directory = {folder}/mail"));
    }

    protected override async Task FlushAsync()
    {
        for (var began = Stopwatch.StartNew(); Queued();)
        {
            Assert.True(began.Elapsed < Wait.HangGuard,
                $"Exim's queue does not empty: {_exim.Log[^Math.Min(3000, _exim.Log.Length)..]}");
            await _exim.FlushAsync();
            await Task.Delay(200, TestContext.Current.CancellationToken);
        }

        // A message is in the queue from the moment that its header file stands beside its data; what was delivered loses its data first.
        bool Queued() => Directory.EnumerateFiles(Path.Combine(_exim.Folder, "spool", "input"), "*-D").Any(d => File.Exists(d[..^1] + "H"));
    }
}
