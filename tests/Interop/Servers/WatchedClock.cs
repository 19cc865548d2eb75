using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>A clock that the test advances, and that tells when somebody waits for it.</summary>
internal sealed class WatchedClock : FakeTimeProvider
{
    private readonly List<TimeSpan> _timers = [];
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Waits until a timer of this length was set.</summary>
    public async Task TimerAsync(TimeSpan length)
    {
        while (true)
        {
            Task more;
            lock (_timers)
            {
                if (_timers.Contains(length))
                {
                    return;
                }

                more = _more.Task;
            }

            await more.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Watched(this, base.CreateTimer(callback, state, dueTime, period));
        Note(dueTime);
        return timer;
    }

    private void Note(TimeSpan length)
    {
        lock (_timers)
        {
            _timers.Add(length);
            _more.TrySetResult();
            _more = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private sealed class Watched(WatchedClock clock, ITimer timer) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            bool changed = timer.Change(dueTime, period);
            clock.Note(dueTime);
            return changed;
        }

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}
