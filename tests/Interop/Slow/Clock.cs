using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Interop.Slow;

/// <summary>
/// A clock that a test moves, and that knows whether it was looked at. Behind the time-out it goes by itself, fifty times as fast,
/// so that what is left can end.
/// </summary>
internal sealed class Clock : FakeTimeProvider, IDisposable
{
    private int _looks;
    private Timer? _itself;

    /// <inheritdoc/>
    public override long GetTimestamp()
    {
        Interlocked.Increment(ref _looks);
        return base.GetTimestamp();
    }

    /// <summary>Does something, and waits until the other side has looked at the clock behind it: from then on it waits.</summary>
    public async Task SeenAsync(Func<Task> act)
    {
        int before = Volatile.Read(ref _looks);
        await act();
        await Servers.Wait.EventuallyAsync(() => Volatile.Read(ref _looks) != before, () => "Nobody looked at the clock.");
    }

    /// <summary>
    /// Lets go of one octet after the other, twenty in the time-out, so that a time-out that one of them prolonged would never be over.
    /// The end must not come before the time, and must come soon after it.
    /// </summary>
    /// <param name="timeout">The time-out.</param>
    /// <param name="drop">Lets go of an octet; null for silence.</param>
    /// <param name="ended">Done when the slow side was sent away.</param>
    /// <param name="waits">Whether the other side waits already, and so need not be seen to.</param>
    public async Task DripAsync(TimeSpan timeout, Func<Task>? drop, Task ended, bool waits = false)
    {
        if (!waits)
        {
            await SeenAsync(drop!);
        }

        for (int i = 1; i < 20; i++)
        {
            Advance(timeout / 20);
            await (drop?.Invoke() ?? Task.CompletedTask);

            // Time for the other side to take the octet before the clock goes on:
            // else it saw one octet only, and an end that came too early would not have come yet.
            await Task.WhenAny(ended, Task.Delay(20, TestContext.Current.CancellationToken));
        }

        Assert.False(ended.IsCompleted, "It ended before its time.");
        for (int i = 0; i < 6 && !ended.IsCompleted; i++)
        {
            Advance(timeout / 20);
            await (drop?.Invoke() ?? Task.CompletedTask);
            await Task.WhenAny(ended, Task.Delay(50, TestContext.Current.CancellationToken));
        }

        await ended.WaitAsync(Servers.Wait.HangGuard, TestContext.Current.CancellationToken);
        GoByItself();
    }

    /// <inheritdoc/>
    public void Dispose() => _itself?.Dispose();

    /// <summary>Goes by itself from now on, so that what is left can end.</summary>
    public void GoByItself() =>
        _itself = new Timer(_ => Advance(TimeSpan.FromSeconds(1)), null, TimeSpan.Zero, TimeSpan.FromMilliseconds(20));
}
