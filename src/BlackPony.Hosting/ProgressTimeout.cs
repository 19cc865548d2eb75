namespace BlackPony.Hosting;

/// <summary>A time-out that single octets do not prolong (spec 13): it restarts only with progress or with another patience.</summary>
internal sealed class ProgressTimeout(TimeProvider time)
{
    private long _progress = -1;
    private TimeSpan _patience;
    private long _since;

    /// <summary>How long is left; zero if the time is over, infinite if the patience is.</summary>
    public TimeSpan Left(long progress, TimeSpan patience)
    {
        if (progress != _progress || patience != _patience)
            (_progress, _patience, _since) = (progress, patience, time.GetTimestamp());

        if (patience == Timeout.InfiniteTimeSpan)
            return patience;

        var left = patience - time.GetElapsedTime(_since);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>The time begins again.</summary>
    public void Restart() => _progress = -1;

    /// <summary>Done when the time is over.</summary>
    public Task WaitAsync(long progress, TimeSpan patience, CancellationToken cancel) => Task.Delay(Left(progress, patience), time, cancel);
}
