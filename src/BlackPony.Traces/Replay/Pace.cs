namespace BlackPony.Traces.Replay;

/// <summary>Lets so many begin in a second, evenly.</summary>
/// <param name="perSecond">How many; 0 is no limit.</param>
/// <param name="time">The clock.</param>
public sealed class Pace(double perSecond, TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();
    private long _begun;

    /// <summary>Waits until the next may begin.</summary>
    public async Task NextAsync(CancellationToken cancel)
    {
        if (perSecond > 0)
        {
            var due = TimeSpan.FromSeconds((Interlocked.Increment(ref _begun) - 1) / perSecond);
            if (due > time.GetElapsedTime(_start))
                await Task.Delay(due - time.GetElapsedTime(_start), time, cancel);
        }
    }
}
