namespace BlackPony.SpecDocument;

/// <summary>What stands behind a requirement, as <c>coverage.md</c> has it.</summary>
/// <param name="Code">The members of the reference.</param>
/// <param name="Cases">The cases of the suite.</param>
/// <param name="Faults">The faulty implementations, and the cases that catch them.</param>
/// <param name="Tests">Other tests, vectors, or the reason why there is none.</param>
public sealed record Evidence(IReadOnlyList<string> Code, IReadOnlyList<string> Cases, IReadOnlyList<string> Faults,
    IReadOnlyList<string> Tests)
{
    /// <summary>Reads the tables.</summary>
    public static IReadOnlyDictionary<string, Evidence> Read(string coverage) =>
        coverage.Split('\n').Where(l => l.StartsWith("| BP-", StringComparison.Ordinal))
            .Select(l => l.Trim().Trim('|').Split('|').Select(c => c.Trim()).ToArray())
            .ToDictionary(c => c[0], c => new Evidence(Parts(c[2], "<br>"), Parts(c[3], " "), Parts(c[4], "<br>"), Parts(c[5], "<br>")));

    private static string[] Parts(string cell, string separator) =>
        cell.Split(separator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
