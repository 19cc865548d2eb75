namespace BlackPony.Hosting;

/// <summary>
/// Rings when a time is over. A timer is made only where none rings early enough; one that rings too early does so in vain.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="bell">What rings.</param>
internal sealed class WakeTimer(TimeProvider time, AsyncAutoResetEvent bell) : IDisposable
{
    private ITimer? _timer;
    private long _due = long.MaxValue;

    /// <summary>Sees to it that the bell rings after this time or before it.</summary>
    /// <param name="left">How long; infinite for no matter when.</param>
    public void Set(TimeSpan left)
    {
        if (left == Timeout.InfiniteTimeSpan)
            return;

        long due = time.GetTimestamp() + (long)(left.TotalSeconds * time.TimestampFrequency);
        if (due < Volatile.Read(ref _due))
        {
            _timer?.Dispose();
            Volatile.Write(ref _due, due);
            _timer = time.CreateTimer(_ => Rings(), null, left, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose() => _timer?.Dispose();

    private void Rings()
    {
        Volatile.Write(ref _due, long.MaxValue);
        bell.Ring();
    }
}
