using System.Diagnostics;

namespace BlackPony.Tools.TraceReplayer;

/// <summary>Lets so many begin in a second, evenly.</summary>
/// <param name="perSecond">How many; 0 is no limit.</param>
internal sealed class Pace(double perSecond)
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private long _begun;

    public async Task NextAsync(CancellationToken cancel)
    {
        if (perSecond > 0)
        {
            var due = TimeSpan.FromSeconds((Interlocked.Increment(ref _begun) - 1) / perSecond);
            if (due > _clock.Elapsed)
            {
                await Task.Delay(due - _clock.Elapsed, cancel);
            }
        }
    }
}
