namespace BlackPony.Traces.Replay;

/// <summary>Where a live peer did not do what was captured.</summary>
/// <param name="Exchange">At which exchange, from 1; 0 is before the first.</param>
/// <param name="What">The command or what stands for it.</param>
/// <param name="Captured">What was captured.</param>
/// <param name="Live">What came.</param>
public sealed record Difference(int Exchange, string What, string Captured, string Live)
{
    /// <inheritdoc/>
    public override string ToString() => $"{(Exchange == 0 ? What : $"exchange {Exchange}, {What}")}: captured {Captured}, got {Live}";
}
