using System.Diagnostics;

namespace BlackPony.Benchmarks;

/// <summary>Rounds of two sides in turn: what else the machine does meanwhile meets both.</summary>
internal static class Rounds
{
    /// <summary>The medians of both sides' rates and of their ratio.</summary>
    /// <param name="Ours">Ours.</param>
    /// <param name="Theirs">The peer's.</param>
    /// <param name="Ratio">Ours divided by the peer's, round by round.</param>
    public sealed record Result(double Ours, double Theirs, double Ratio);

    /// <summary>Runs a round that does not count, then the others.</summary>
    public static async Task<Result> CompareAsync(int rounds, Func<Task<double>> ours, Func<Task<double>> theirs)
    {
        var pairs = new List<(double Ours, double Theirs)>();
        for (int i = 0; i <= rounds; i++)
        {
            var pair = (await ours(), await theirs());
            if (i > 0)
            {
                pairs.Add(pair);
            }
        }

        return new Result(Median(pairs.Select(p => p.Ours)), Median(pairs.Select(p => p.Theirs)),
            Median(pairs.Select(p => p.Ours / p.Theirs)));
    }

    /// <summary>How often per second something can be done by one thread.</summary>
    public static double Rate(TimeSpan window, Action once)
    {
        long start = Stopwatch.GetTimestamp();
        int done = 0;
        TimeSpan elapsed;
        do
        {
            once();
            done++;
            elapsed = Stopwatch.GetElapsedTime(start);
        }
        while (elapsed < window);
        return done / elapsed.TotalSeconds;
    }

    /// <summary>How often per second something can be done by several workers at the same time.</summary>
    public static async Task<double> RateAsync(TimeSpan window, int workers, Func<Task> once)
    {
        long start = Stopwatch.GetTimestamp();
        int done = 0;
        await Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Run(async () =>
        {
            while (Stopwatch.GetElapsedTime(start) < window)
            {
                await once();
                Interlocked.Increment(ref done);
            }
        })));
        return done / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[(sorted.Count / 2) - 1] + sorted[sorted.Count / 2]) / 2;
    }
}
