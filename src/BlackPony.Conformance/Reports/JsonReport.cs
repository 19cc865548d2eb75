using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace BlackPony.Conformance.Reports;

/// <summary>The run as JSON; <c>results.schema.json</c> beside this file describes it.</summary>
public static class JsonReport
{
    private const int MaxTranscript = 20_000;

    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes a run.</summary>
    public static string Write(RunReport run)
    {
        var cases = run.Results.Select(result =>
        {
            var test = Head(result.Case);
            test["verdict"] = RunReport.Word(result.Verdict);
            test["blocked_by"] = result.BlockedBy;
            test["detail"] = result.Detail;
            test["violated"] = result.Violated;
            test["requirement"] = RunReport.Requirement(result);
            test["plaintext"] = result.Plaintext;
            test["transcript"] = result.Transcript.Length > MaxTranscript
                ? result.Transcript[..MaxTranscript] + "\n# cut\n"
                : result.Transcript;
            test["duration_ms"] = Math.Round(result.Duration.TotalMilliseconds, 1);
            return test;
        });
        var report = new JsonObject
        {
            ["suite"] = new JsonObject
            {
                ["version"] = run.Version,
                ["spec"] = run.Protocol.Specification.Version,
                ["seed"] = run.Seed,
                ["platform"] = run.Platform,
                ["profiles"] = new JsonArray([.. run.Profiles.Select(p => JsonValue.Create(p.ToString().ToLowerInvariant()))]),
                ["command_line"] = run.CommandLine,
            },
            ["date"] = run.Date?.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            ["target"] = new JsonObject { ["server"] = run.Server, ["client"] = run.Client },
            ["totals"] = new JsonObject
            {
                ["passed"] = run.Count(Verdict.Pass),
                ["failed"] = run.Count(Verdict.Fail),
                ["warned"] = run.Count(Verdict.Warn),
                ["not_applicable"] = run.Count(Verdict.NotApplicable),
                ["errors"] = run.Count(Verdict.Error),
                ["blocked"] = run.Count(Verdict.Blocked),
                ["not_run"] = run.NotRun,
            },
            ["verdict"] = run.Verdict,
            ["preflight"] = new JsonArray([.. run.Preflights.Select(Preflight)]),
            ["causes"] = new JsonArray([.. run.Causes.Select(Cause)]),
            ["duration_ms"] = Math.Round(run.Duration.TotalMilliseconds),
            ["cases"] = new JsonArray([.. cases]),
        };
        // A report without it is one of BlackPony.
        if (run.Protocol != Protocol.BlackPony)
            report["suite"]!["protocol"] = run.Protocol.Name;

        return report.ToJsonString(Options) + "\n";
    }

    /// <summary>Cases that were not run, as a list.</summary>
    public static string List(IEnumerable<CaseInfo> cases) =>
        new JsonArray([.. cases.Select(c => (JsonNode)Head(c))]).ToJsonString(Options) + "\n";

    private static JsonObject Head(CaseInfo test) => new()
    {
        ["id"] = test.Id,
        ["title"] = test.Title,
        ["role"] = test.Role.ToString().ToLowerInvariant(),
        ["level"] = RunReport.Word(test.Level),
        ["profile"] = test.Profile.ToString().ToLowerInvariant(),
        ["requirements"] = new JsonArray([.. test.Requirements.Select(r => JsonValue.Create(r))]),
    };

    private static JsonNode Cause(FailureCause cause) => new JsonObject
    {
        ["step"] = cause.Step.ToString().ToLowerInvariant(),
        ["begin"] = cause.First.Case.Id,
        ["failed"] = new JsonArray([.. cause.Failures.Select(f => JsonValue.Create(f.Case.Id))]),
        ["blocked"] = new JsonArray([.. cause.Blocked.Select(f => JsonValue.Create(f.Case.Id))]),
    };

    private static JsonNode Preflight(PreflightResult preflight) => new JsonObject
    {
        ["role"] = preflight.Role.ToString().ToLowerInvariant(),
        ["target"] = preflight.Target,
        ["passed"] = new JsonArray([.. preflight.Steps.Select(s => JsonValue.Create(s.What))]),
        ["failed"] = new JsonArray([.. preflight.Failures.Select(f => new JsonObject
        {
            ["step"] = f.Step.ToString().ToLowerInvariant(),
            ["what"] = f.What,
            ["detail"] = f.Detail,
            ["read"] = f.Read,
            ["requirement"] = f.Requirement,
            ["transcript"] = f.Transcript,
        })]),
        ["warnings"] = new JsonArray([.. preflight.Warnings.Select(w => JsonValue.Create(w))]),
        ["duration_ms"] = Math.Round(preflight.Duration.TotalMilliseconds),
    };

    private static IReadOnlyList<FailureCause> Causes(JsonNode? causes, Dictionary<string, CaseResult> results) =>
        [.. (causes?.AsArray() ?? []).Select(c => new FailureCause(
            Enum.Parse<Step>(c!["step"]!.GetValue<string>(), true), results[c["begin"]!.GetValue<string>()],
            [.. c["failed"]!.AsArray().Select(f => results[f!.GetValue<string>()])],
            [.. c["blocked"]!.AsArray().Select(f => results[f!.GetValue<string>()])]))];

    private static IReadOnlyList<PreflightResult> Preflights(JsonNode? preflights) =>
        [.. (preflights?.AsArray() ?? []).Select(p => new PreflightResult(
            Enum.Parse<TestRole>(p!["role"]!.GetValue<string>(), true), p["target"]!.GetValue<string>(),
            [.. p["passed"]!.AsArray().Select(s => new PreflightStep(Step.Connect, s!.GetValue<string>()))],
            [.. p["failed"]!.AsArray().Select(f => Failure(f!))])
        {
            Duration = TimeSpan.FromMilliseconds(p["duration_ms"]!.GetValue<double>()),
            Warnings = [.. (p["warnings"]?.AsArray() ?? []).Select(w => w!.GetValue<string>())],
        })];

    private static PreflightFailure Failure(JsonNode failure) => new(
        Enum.Parse<Step>(failure["step"]!.GetValue<string>(), true), failure["what"]!.GetValue<string>(),
        failure["detail"]!.GetValue<string>(), failure["read"]!.GetValue<string>())
    {
        Requirement = failure["requirement"]?.GetValue<string>(),
        Transcript = failure["transcript"]!.GetValue<string>(),
    };

    /// <summary>Reads a run that was written before.</summary>
    /// <exception cref="FormatException">It is no such file.</exception>
    public static RunReport Read(string text)
    {
        try
        {
            var root = JsonNode.Parse(text)!;
            var results = root["cases"]!.AsArray().Select(c => new CaseResult(
                new CaseInfo(
                    Text(c, "id"), Text(c, "title"), Enum.Parse<TestRole>(Text(c, "role"), true), Enum.Parse<Level>(Text(c, "level"), true),
                    Enum.Parse<Profile>(Text(c, "profile"), true), [.. c!["requirements"]!.AsArray().Select(r => r!.GetValue<string>())]),
                Enum.Parse<Verdict>(Text(c, "verdict").Replace("_", "", StringComparison.Ordinal), true),
                Text(c, "detail"), c["violated"]?.GetValue<string>(), Text(c, "plaintext"), Text(c, "transcript"),
                TimeSpan.FromMilliseconds(c["duration_ms"]!.GetValue<double>()))
            {
                BlockedBy = c["blocked_by"]?.GetValue<string>(),
            }).ToList();
            if (results.Find(r => r.Case.Id.Split('-').Length != 3) is { } odd)
                throw new FormatException($"It has a case with the id '{odd.Case.Id}'.");

            return new RunReport(root["target"]!["server"]?.GetValue<string>(), root["target"]!["client"]?.GetValue<string>(),
                root["suite"]!["seed"]?.GetValue<string>() ?? "", results,
                TimeSpan.FromMilliseconds(root["duration_ms"]!.GetValue<double>()))
            {
                // Reports of earlier versions do not have these.
                Protocol = Protocol.All.Single(p => p.Name == (root["suite"]!["protocol"]?.GetValue<string>() ?? "blackpony")),
                Date = root["date"] is { } date ? DateTimeOffset.Parse(date.GetValue<string>(), CultureInfo.InvariantCulture) : null,
                Version = root["suite"]!["version"]?.GetValue<string>() ?? "",
                Platform = root["suite"]!["platform"]?.GetValue<string>() ?? "",
                CommandLine = root["suite"]!["command_line"]?.GetValue<string>() ?? "",
                Profiles = [.. (root["suite"]!["profiles"]?.AsArray() ?? []).Select(p => Enum.Parse<Profile>(p!.GetValue<string>(), true))],
                Causes = Causes(root["causes"], results.ToDictionary(r => r.Case.Id)),
                Preflights = Preflights(root["preflight"]),
                NotRun = root["totals"]?["not_run"]?.GetValue<int>() ?? 0,
            };
        }
        catch (Exception e) when (e is JsonException or NullReferenceException or InvalidOperationException or ArgumentException
            or FormatException or KeyNotFoundException)
        {
            throw new FormatException("It is not a JSON report of blackpony-conformance.", e);
        }

        static string Text(JsonNode? node, string name) => node![name]!.GetValue<string>();
    }
}
