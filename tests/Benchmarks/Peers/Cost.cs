using System.Globalization;

namespace BlackPony.Benchmarks.Peers;

/// <summary>A server's processor time for each thing done.</summary>
internal sealed class Cost(Child server)
{
    private readonly List<double> _each = [];

    /// <summary>Measures a round.</summary>
    public async Task<double> OfAsync(Func<Task<double>> round, TimeSpan window)
    {
        var before = server.ProcessorTime;
        double rate = await round();
        _each.Add((server.ProcessorTime - before).TotalMilliseconds / (rate * window.TotalSeconds));
        return rate;
    }

    /// <summary>The median, in milliseconds.</summary>
    public double Median => Rounds.Median(_each);

    public override string ToString() => Median.ToString("0.00 'ms'", CultureInfo.InvariantCulture);

    /// <summary>A figure of our cost and a peer's.</summary>
    public static Figure Compare(string what, Cost ours, string against, Cost theirs, double? wanted) =>
        new(what, ours.ToString(), against, theirs.ToString(), theirs.Median / ours.Median, wanted);
}
