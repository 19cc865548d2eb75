using BlackPony.Conformance.Targets;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>A clock that goes back to what it said when it last heard something.</summary>
internal sealed class PatientTime : TimeProvider
{
    private readonly HastyTime _time = new();
    private readonly Lock _lock = new();
    private long _heard;
    private long _lost;

    public PatientTime() => _heard = _time.GetTimestamp();

    public void Hear()
    {
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            _lost += now - _heard;
            _heard = now;
        }
    }

    public override long GetTimestamp()
    {
        lock (_lock)
        {
            return _time.GetTimestamp() - _lost;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => _time.CreateTimer(callback, state, dueTime, period);
}
