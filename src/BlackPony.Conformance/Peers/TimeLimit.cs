using System.Globalization;
using System.Net.Sockets;
using BlackPony.Conformance.Targets;

namespace BlackPony.Conformance.Peers;

/// <summary>
/// Something that a target has to do within one of its own time-outs. A clock that the suite turns is turned; any other is waited for.
/// </summary>
internal static class TimeLimit
{
    // A target may be this much late by its own clock.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    // A target that has just said something sets its next timer. One that does so later, when the clock has gone on, is only waited for
    // longer.
    private static readonly TimeSpan Settles = TimeSpan.FromMilliseconds(50);

    /// <summary>Waits for it.</summary>
    /// <exception cref="CaseFailedException">It did not come.</exception>
    public static async Task WithinAsync(CaseContext context, string name, TimeSpan limit, VirtualTime? time, Task task, string finding)
    {
        var silence = Silence(name, limit, finding);
        if (time is null)
        {
            context.Timeout.Renew(limit + Grace);
            if (await Task.WhenAny(task, Task.Delay(limit + Grace)) != task)
                throw silence;
        }
        else
        {
            await TurnAsync(context, limit, time, task, silence);
        }

        await task;
    }

    private static CaseFailedException Silence(string name, TimeSpan limit, string finding) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{finding} ({name} is {limit.TotalSeconds:0.##} s here.)")) { IsSilence = true };

    // The clock goes on only when a timer is set that is due within the limit: so no target is late because it is slow. One that began to
    // wait when the clock had gone on already has the whole limit from then.
    private static async Task TurnAsync(CaseContext context, TimeSpan limit, VirtualTime time, Task task, CaseFailedException silence)
    {
        var since = time.Now;
        try
        {
            await Task.WhenAny(task, Task.Delay(Settles, context.Cancel));
            while (!task.IsCompleted && time.Now <= since + (2 * limit))
            {
                await Task.WhenAny(task, time.SetAsync(since, limit, context.Cancel)).Unwrap();

                // What the target does when its time is over takes time of the wall's; its next timers are other ones.
                if (!task.IsCompleted && time.Now >= since + limit)
                    await Task.WhenAny(task, Task.Delay(context.Timeout.Limit / 4, context.Cancel));

                if (!task.IsCompleted)
                    time.AdvanceToNext(since, limit);
            }

            await task.WaitAsync(context.Cancel);
        }
        catch (OperationCanceledException) when (context.Cancel.IsCancellationRequested)
        {
            throw silence;
        }
    }

    /// <summary>Waits for it while single octets of something come, and never the last: they do not prolong a time-out (spec 13).</summary>
    /// <exception cref="CaseFailedException">It did not come.</exception>
    public static async Task WithinDrippingAsync(CaseContext context, string name, TimeSpan limit, VirtualTime? time, Task task,
        string finding, Func<ReadOnlyMemory<byte>, Task> send, byte[] octets)
    {
        using var over = new CancellationTokenSource();
        var drip = DripAsync();
        try
        {
            if (time is null)
            {
                await WithinAsync(context, name, limit, time, task, finding);
            }
            else
            {
                await drip;
                await TurnAsync(context, TimeSpan.Zero, time, task, Silence(name, limit, finding));
            }
        }
        finally
        {
            await over.CancelAsync();
            await drip;
        }

        async Task DripAsync()
        {
            try
            {
                // The limit and half of it again; by the clock on the wall, as long as it takes.
                for (int i = 0; i < octets.Length - 1 && !task.IsCompleted && (time is null || i < 6); i++)
                {
                    long asked = time?.Asked ?? 0;
                    await send(octets.AsMemory(i, 1));
                    if (time is null)
                    {
                        await Task.Delay(limit / 4, over.Token);
                    }
                    else
                    {
                        await Task.WhenAny(task, time.AskedAsync(asked, context.Cancel), Task.Delay(time.Transit, over.Token));
                        time.Advance(limit / 4);
                    }
                }
            }
            catch (Exception e) when (e is OperationCanceledException or IOException or SocketException or CaseFailedException)
            {
                // It is over, or the target has closed.
            }
        }
    }
}
