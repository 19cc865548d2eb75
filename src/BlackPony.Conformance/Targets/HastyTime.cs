namespace BlackPony.Conformance.Targets;

/// <summary>A clock that runs a hundred times as fast: so the reference's time-outs can be waited for. Timers of ConnectTimeout's length go as they should all the same: no case waits for one, and a machine may be busy.</summary>
public sealed class HastyTime : TimeProvider
{
    private const int Factor = 100;

    /// <summary>The time-outs of the reference under this clock.</summary>
    public static IReadOnlyDictionary<string, TimeSpan> Limits { get; } = new Dictionary<string, TimeSpan>
    {
        [nameof(Reference.Limits.ContinuationTimeout)] = Reference.Limits.ContinuationTimeout / Factor,
        [nameof(Reference.Limits.FinishedTimeout)] = Reference.Limits.FinishedTimeout / Factor,
        [nameof(Reference.Limits.IdleTimeout)] = Reference.Limits.IdleTimeout / Factor,
        [nameof(Reference.Limits.CloseTimeout)] = Reference.Limits.CloseTimeout / Factor,
        [nameof(Reference.Limits.ReplyTimeout)] = Reference.Limits.ReplyTimeout / Factor,
        [nameof(Reference.Limits.GreetingTimeout)] = Reference.Limits.GreetingTimeout / Factor,
    };

    /// <inheritdoc/>
    public override long GetTimestamp() => base.GetTimestamp() * Factor;

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        base.CreateTimer(callback, state, dueTime > TimeSpan.Zero && dueTime != Reference.Limits.ConnectTimeout ? dueTime / Factor : dueTime, period);
}
