namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>A clock that goes back to what it said when it last heard something.</summary>
/// <param name="time">The clock that it goes by.</param>
internal sealed class InstantTime(TimeProvider time) : TimeProvider
{
    private readonly Lock _lock = new();
    private long _heard = time.GetTimestamp();
    private long _lost;

    public override long TimestampFrequency => time.TimestampFrequency;

    public void Hear()
    {
        lock (_lock)
        {
            long now = time.GetTimestamp();
            _lost += now - _heard;
            _heard = now;
        }
    }

    public override long GetTimestamp()
    {
        lock (_lock)
        {
            return time.GetTimestamp() - _lost;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        time.CreateTimer(callback, state, dueTime, period);
}
