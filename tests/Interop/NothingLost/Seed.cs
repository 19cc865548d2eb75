namespace BlackPony.Tests.Interop.NothingLost;

/// <summary>Random numbers from a seed that the test prints, one stream for each place that draws.</summary>
internal sealed class Seed(int number)
{
    private int _places;

    /// <summary>The seed.</summary>
    public int Number => number;

    /// <summary>The next place's own stream.</summary>
    public Random Next() => new(unchecked((number * 7919) + Interlocked.Increment(ref _places)));
}
