using System.Threading.Tasks.Sources;

namespace BlackPony.Hosting;

/// <summary>
/// Wakes the one loop that waits for it, whoever rings; a ring before the wait is not lost. Nothing is allocated for a wait.
/// </summary>
internal sealed class AsyncAutoResetEvent : IValueTaskSource
{
    private readonly Lock _lock = new();
    private ManualResetValueTaskSourceCore<bool> _wait;
    private bool _rung;
    private bool _waiting;

    public AsyncAutoResetEvent() => Ring = OnRing;

    /// <summary>Rings; the loop goes on before this returns.</summary>
    public Action Ring { get; }

    /// <summary>Done when the bell has rung since the last wait. One wait at a time.</summary>
    public ValueTask WaitAsync()
    {
        lock (_lock)
        {
            if (_rung)
            {
                _rung = false;
                return ValueTask.CompletedTask;
            }

            _wait.Reset();
            _waiting = true;
            return new ValueTask(this, _wait.Version);
        }
    }

    void IValueTaskSource.GetResult(short token) => _wait.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags);

    private void OnRing()
    {
        lock (_lock)
        {
            if (!_waiting)
            {
                _rung = true;
                return;
            }

            _waiting = false;
        }

        _wait.SetResult(true);
    }
}
