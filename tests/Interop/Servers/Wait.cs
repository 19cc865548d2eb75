using System.Diagnostics;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>Waiting for what comes by itself.</summary>
internal static class Wait
{
    /// <summary>
    /// Ends a test that hangs. It measures nothing: what a test waits for comes by itself, however busy the machine is,
    /// and what must not take long is tested in virtual time.
    /// </summary>
    public static readonly TimeSpan HangGuard = TimeSpan.FromMinutes(5);

    /// <summary>Tries again until it works.</summary>
    public static async Task<T> RetryAsync<T>(Func<Task<T>> step)
    {
        for (var began = Stopwatch.StartNew(); ;)
        {
            try
            {
                return await step();
            }
            catch (Exception) when (began.Elapsed < HangGuard)
            {
                await Task.Delay(20);
            }
        }
    }

    /// <summary>Waits until something has happened.</summary>
    /// <param name="probe">What has happened, or null.</param>
    /// <param name="failure">What to say if it never happens.</param>
    public static async Task<T> EventuallyAsync<T>(Func<T?> probe, Func<string> failure)
        where T : class
    {
        for (var began = Stopwatch.StartNew(); began.Elapsed < HangGuard;)
        {
            if (probe() is { } result)
            {
                return result;
            }

            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        throw new TimeoutException(failure());
    }

    /// <summary>Waits until something is so.</summary>
    public static Task EventuallyAsync(Func<bool> probe, Func<string> failure) => EventuallyAsync(() => probe() ? "" : null, failure);
}
