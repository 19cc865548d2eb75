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

    public override string ToString() => Rounds.Median(_each).ToString("0.00 'ms'", CultureInfo.InvariantCulture);
}
