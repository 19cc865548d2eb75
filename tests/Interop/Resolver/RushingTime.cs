using System.Collections.Concurrent;

namespace BlackPony.Tests.Interop.Resolver;

/// <summary>A clock whose timers go off as soon as they are set, and which is then as late as they say.</summary>
/// <param name="rushes">Which timers; the others never go off.</param>
internal sealed class RushingTime(Func<TimeSpan, bool> rushes) : TimeProvider
{
    private long _now;

    /// <summary>The timers that were set, by their time.</summary>
    public ConcurrentQueue<TimeSpan> Timers { get; } = new();

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref _now);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime <= TimeSpan.Zero)
        {
            return base.CreateTimer(callback, state, dueTime, period);
        }

        Timers.Enqueue(dueTime);
        if (!rushes(dueTime))
        {
            return base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        Interlocked.Add(ref _now, dueTime.Ticks);
        return base.CreateTimer(callback, state, TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
    }
}
