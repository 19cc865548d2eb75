using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;

namespace BlackPony.Conformance.Reports;

/// <summary>A whole run, as the reports show it.</summary>
/// <param name="Server">The server under test, if there was one.</param>
/// <param name="Client">The client under test, if there was one.</param>
/// <param name="Seed">The seed of the suite's draws.</param>
/// <param name="Results">The results.</param>
/// <param name="Duration">How long it took.</param>
public sealed record RunReport(string? Server, string? Client, string Seed, IReadOnlyList<CaseResult> Results, TimeSpan Duration)
{
    /// <summary>When it began; null if it is not known.</summary>
    public DateTimeOffset? Date { get; init; }

    /// <summary>The command line.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>The profiles that were run.</summary>
    public IReadOnlyList<Profile> Profiles { get; init; } = [];

    /// <summary>The runtime and the operating system.</summary>
    public string Platform { get; init; } = $"{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.OSDescription}";

    /// <summary>The version of the suite that ran.</summary>
    public string Version { get; init; } = SuiteVersion;

    /// <summary>Date, versions, profiles, seed, duration and command line, each with its name; empty where one is not known.</summary>
    public IEnumerable<(string Name, string Value)> Facts =>
    [
        ("date", Date?.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture) ?? ""),
        ("suite", Version),
        ("specification", Specification.Version),
        ("platform", Platform),
        ("profiles", ProfileNames),
        ("seed", Seed),
        ("duration", string.Create(CultureInfo.InvariantCulture, $"{Duration.TotalSeconds:0.0} s")),
        ("command line", CommandLine),
    ];

    /// <summary>The profiles, separated by commas.</summary>
    public string ProfileNames => string.Join(", ", Profiles.Select(p => p.ToString().ToLowerInvariant()));

    /// <summary>The version of the suite.</summary>
    public static string SuiteVersion { get; } =
        typeof(RunReport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>What the report calls the target.</summary>
    public string Target => string.Join(", ", new[] { Server, Client }.OfType<string>().Distinct());

    /// <summary>How many results have a verdict.</summary>
    public int Count(Verdict verdict) => Results.Count(r => r.Verdict == verdict);

    /// <summary>A verdict as reports write it.</summary>
    public static string Word(Verdict verdict) =>
        verdict == Verdict.NotApplicable ? "not_applicable" : verdict.ToString().ToLowerInvariant();

    /// <summary>A level as BCP 14 writes it.</summary>
    public static string Word(Level level) => level.ToString().ToUpperInvariant();

    /// <summary>The requirement that a result's case found violated, in full.</summary>
    public static string? Requirement(CaseResult result) =>
        result.Violated is { } id && Specification.Requirements.TryGetValue(id, out var text) ? $"[{id}] {text}" : null;
}
