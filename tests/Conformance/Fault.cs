namespace BlackPony.Tests.Conformance;

/// <summary>An implementation with exactly one requirement broken.</summary>
/// <param name="Breaks">The requirement that it breaks.</param>
/// <param name="CaughtBy">The cases that catch it, separated by spaces: each reports the requirement.</param>
/// <param name="Does">What it does instead.</param>
internal abstract record Fault(string Breaks, string CaughtBy, string Does)
{
    /// <summary>The other cases that fail, separated by spaces.</summary>
    public string AlsoFails { get; init; } = "";

    /// <summary>Why most of the other cases fail, if they do.</summary>
    public string? Wide { get; init; }

    /// <summary>How long a case waits for what never comes; null for the usual time.</summary>
    public TimeSpan? Silence { get; init; }

    public sealed override string ToString() => $"{Breaks}: {Does}";
}
