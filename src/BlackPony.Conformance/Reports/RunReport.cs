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
    /// <summary>What was tested.</summary>
    public Protocol Protocol { get; init; } = Protocol.BlackPony;

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
        ("specification", Protocol.Specification.Version),
        ("platform", Platform),
        ("profiles", ProfileNames),
        ("seed", Seed),
        ("duration", string.Create(CultureInfo.InvariantCulture, $"{Duration.TotalSeconds:0.0} s")),
        ("command line", CommandLine),
    ];

    /// <summary>The profiles, separated by commas.</summary>
    public string ProfileNames => string.Join(", ", Profiles.Select(p => p.ToString().ToLowerInvariant()));

    /// <summary>What the failures have in common, the earliest step first.</summary>
    public IReadOnlyList<FailureCause> Causes { get; init; } = [];

    /// <summary>What the preflights found.</summary>
    public IReadOnlyList<PreflightResult> Preflights { get; init; } = [];

    /// <summary>How many selected cases were not run: the preflight, <c>--max-failures</c> or a signal ended the run.</summary>
    public int NotRun { get; init; }

    /// <summary>The step at which a preflight ended the run, before any case of its role; null if none did.</summary>
    public PreflightFailure? Stopped =>
        Preflights.Where(p => Results.All(r => r.Case.Role != p.Role)).SelectMany(p => p.Failures).FirstOrDefault();

    /// <summary>What failed, how many causes that has, and where to begin: one line.</summary>
    public string Verdict
    {
        get
        {
            int failed = Count(Conformance.Verdict.Fail) + Count(Conformance.Verdict.Error);
            var rest = NotRun > 0 ? $" {NotRun} cases were not run." : "";
            if (Stopped is { } stopped)
                return $"The preflight ended at: {stopped.What}. Read {stopped.Read}.{rest}";

            if (failed == 0)
                return $"{Count(Conformance.Verdict.Pass)} passed, none failed.{rest}";

            var blocked = Count(Conformance.Verdict.Blocked) > 0 ? $", {Count(Conformance.Verdict.Blocked)} blocked" : "";
            var many = Causes.Count == 1 ? "1 cause" : $"{Causes.Count} causes";
            var causes = Causes.Count > 0 ? $", {many}; begin with {Causes[0].First.Case.Id}" : "";
            return $"{failed} failed{blocked}{causes}.{rest}";
        }
    }

    /// <summary>The report with its causes found.</summary>
    public RunReport Explained()
    {
        var (results, causes) = Conformance.Causes.Find(Results);
        return this with { Results = results, Causes = causes };
    }

    /// <summary>The version of the suite.</summary>
    public static string SuiteVersion { get; } =
        typeof(RunReport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>What the report calls the target.</summary>
    public string Target => string.Join(", ", new[] { Server, Client }.OfType<string>().Distinct());

    /// <summary>How many results have a verdict.</summary>
    public int Count(Conformance.Verdict verdict) => Results.Count(r => r.Verdict == verdict);

    /// <summary>A verdict as reports write it.</summary>
    public static string Word(Conformance.Verdict verdict) =>
        verdict == Conformance.Verdict.NotApplicable ? "not_applicable" : verdict.ToString().ToLowerInvariant();

    /// <summary>A step as reports write it.</summary>
    /// <param name="step">The step.</param>
    /// <param name="protocol">The protocol, which has words of its own for some.</param>
    public static string Words(Step step, Protocol protocol) => step switch
    {
        Step.Connect => "connection",
        Step.Greeting => "greeting",
        Step.Ehlo => "EHLO",
        Step.Offer => "offer",
        Step.Upgrade => protocol == Protocol.StartTls ? "STARTTLS" : "upgrade",
        Step.Finished => protocol == Protocol.StartTls ? "handshake" : "Finished",
        Step.Inside => "EHLO inside",
        _ => "inside",
    };

    /// <summary>A level as BCP 14 writes it.</summary>
    public static string Word(Level level) => level.ToString().ToUpperInvariant();

    /// <summary>The requirement that a result's case found violated, in full.</summary>
    public static string? Requirement(CaseResult result) =>
        result.Violated is { } id && Specification.Find(id) is { } text ? $"[{id}] {text}" : null;
}
