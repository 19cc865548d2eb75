namespace BlackPony.Hosting;

/// <summary>A time-out that single octets do not prolong (spec 13): it begins anew only with progress or with another patience.</summary>
internal sealed class Deadline(TimeProvider time)
{
    private long _progress = -1;
    private TimeSpan _patience;
    private long _since;

    /// <summary>Done when the time is over.</summary>
    public Task WaitAsync(long progress, TimeSpan patience, CancellationToken cancel)
    {
        if (progress != _progress || patience != _patience)
        {
            (_progress, _patience, _since) = (progress, patience, time.GetTimestamp());
        }

        if (patience == Timeout.InfiniteTimeSpan)
        {
            return Task.Delay(patience, cancel);
        }

        var left = patience - time.GetElapsedTime(_since);
        return Task.Delay(left > TimeSpan.Zero ? left : TimeSpan.Zero, time, cancel);
    }
}
