namespace BlackPony.Conformance.Targets;

/// <summary>
/// A clock that stands still until it is advanced, so that the reference's time-outs are neither waited for nor met by a machine
/// that is busy.
/// </summary>
public sealed class VirtualTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<Timer> _timers = [];
    private long _now = TimeSpan.TicksPerDay;
    private long _asked;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The time-outs of the reference, by their names in spec 13.</summary>
    public static IReadOnlyDictionary<string, TimeSpan> Limits { get; } = new Dictionary<string, TimeSpan>
    {
        [nameof(Reference.Limits.ContinuationTimeout)] = Reference.Limits.ContinuationTimeout,
        [nameof(Reference.Limits.FinishedTimeout)] = Reference.Limits.FinishedTimeout,
        [nameof(Reference.Limits.IdleTimeout)] = Reference.Limits.IdleTimeout,
        [nameof(Reference.Limits.CloseTimeout)] = Reference.Limits.CloseTimeout,
        [nameof(Reference.Limits.UpgradeTimeout)] = Reference.Limits.UpgradeTimeout,
        [nameof(Reference.Limits.ReplyTimeout)] = Reference.Limits.ReplyTimeout,
        [nameof(Reference.Limits.GreetingTimeout)] = Reference.Limits.GreetingTimeout,
    };

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>What the clock says.</summary>
    public TimeSpan Now
    {
        get
        {
            lock (_lock)
            {
                return TimeSpan.FromTicks(_now);
            }
        }
    }

    /// <summary>
    /// How long, by the clock on the wall, an octet may be on its way to a target that reads this clock when it comes. One that keeps an
    /// unfinished line elsewhere does not read it, and is not waited for.
    /// </summary>
    public TimeSpan Transit { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>How often the clock was read. Who waits for something reads it when octets came.</summary>
    public long Asked
    {
        get
        {
            lock (_lock)
            {
                return _asked;
            }
        }
    }

    /// <inheritdoc/>
    public override long GetTimestamp()
    {
        lock (_lock)
        {
            _asked++;
            Changed();
            return _now;
        }
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Done when somebody has read the clock more often than so many times.</summary>
    public Task AskedAsync(long times, CancellationToken cancel) => UntilAsync(() => _asked > times, cancel);

    /// <summary>
    /// Done when a timer is set that is due within a limit: from a moment on, or from when it was set, if that was later.
    /// </summary>
    /// <param name="since">The moment, as <see cref="Now"/> was.</param>
    /// <param name="limit">The limit.</param>
    /// <param name="cancel">Ends the wait.</param>
    public Task SetAsync(TimeSpan since, TimeSpan limit, CancellationToken cancel) =>
        UntilAsync(() => Next(since, limit) is not null, cancel);

    /// <summary>Goes on to the next timer that is due within a limit, as <see cref="SetAsync"/> says.</summary>
    public void AdvanceToNext(TimeSpan since, TimeSpan limit)
    {
        TimeSpan by;
        lock (_lock)
        {
            by = Next(since, limit) is { } next ? TimeSpan.FromTicks(Math.Max(0, next.Due - _now)) : TimeSpan.Zero;
        }

        Advance(by);
    }

    /// <summary>Goes on by this time; every timer that is due on the way goes off at its own moment.</summary>
    public void Advance(TimeSpan by)
    {
        long until;
        lock (_lock)
        {
            until = _now + by.Ticks;
        }

        while (GoOn(until) is { } timer)
            timer.GoOff();
    }

    // Within the lock.
    private Timer? Next(TimeSpan since, TimeSpan limit) =>
        _timers.Where(t => t.Due <= Math.Max(since.Ticks, t.SetAt) + limit.Ticks).MinBy(t => t.Due);

    private Timer? GoOn(long until)
    {
        lock (_lock)
        {
            var next = _timers.MinBy(t => t.Due);
            if (next is null || next.Due > until)
            {
                _now = Math.Max(_now, until);
                return null;
            }

            _now = Math.Max(_now, next.Due);
            _timers.Remove(next);
            return next;
        }
    }

    private async Task UntilAsync(Func<bool> condition, CancellationToken cancel)
    {
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (condition())
                    return;

                changed = _changed.Task;
            }

            await changed.WaitAsync(cancel);
        }
    }

    // Within the lock.
    private void Changed()
    {
        _changed.TrySetResult();
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class Timer(VirtualTime time, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period = Timeout.InfiniteTimeSpan;

        public long Due { get; private set; }

        public long SetAt { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._lock)
            {
                time._timers.Remove(this);
                _period = period;
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    (SetAt, Due) = (time._now, time._now + dueTime.Ticks);
                    time._timers.Add(this);
                    time.Changed();
                }
            }

            // What is due at once waits for nobody.
            if (dueTime == TimeSpan.Zero)
                time.Advance(TimeSpan.Zero);

            return true;
        }

        public void GoOff()
        {
            if (_period != Timeout.InfiniteTimeSpan && _period > TimeSpan.Zero)
                Change(_period, _period);

            callback(state);
        }

        public void Dispose()
        {
            lock (time._lock)
            {
                time._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
