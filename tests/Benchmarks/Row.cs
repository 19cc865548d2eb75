namespace BlackPony.Benchmarks;

/// <summary>A row of the table: something of ours against a peer, measured in the same run.</summary>
internal interface IRow
{
    /// <summary>The name on the command line.</summary>
    string Name { get; }

    /// <summary>What is measured.</summary>
    string What { get; }

    /// <summary>Measures.</summary>
    Task<IReadOnlyList<Figure>> RunAsync(Effort effort);
}

/// <summary>What was found.</summary>
/// <param name="What">What was measured.</param>
/// <param name="Ours">Our figure, with its unit.</param>
/// <param name="Against">The peer.</param>
/// <param name="Theirs">The peer's figure, with its unit.</param>
/// <param name="Ratio">How many times better ours is; null where there is no ratio.</param>
/// <param name="Wanted">The least ratio wanted; null where nothing is.</param>
internal sealed record Figure(string What, string Ours, string Against, string Theirs, double? Ratio, double? Wanted)
{
    /// <summary>What the README calls it, if it is in the README's short table.</summary>
    public string? Short { get; init; }

    /// <summary>What else is worth saying, under the table.</summary>
    public string? Note { get; init; }
}

/// <summary>How long to measure.</summary>
/// <param name="Rounds">Rounds of each side, in turn, after one that does not count.</param>
/// <param name="Window">How long a round is.</param>
internal sealed record Effort(int Rounds, TimeSpan Window)
{
    public static Effort Full { get; } = new(7, TimeSpan.FromSeconds(2));

    public static Effort Quick { get; } = new(3, TimeSpan.FromSeconds(0.5));
}
