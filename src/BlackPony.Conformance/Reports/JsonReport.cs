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
        var cases = run.Results.Select(result => new JsonObject
        {
            ["id"] = result.Case.Id,
            ["title"] = result.Case.Title,
            ["role"] = result.Case.Role.ToString().ToLowerInvariant(),
            ["level"] = RunReport.Word(result.Case.Level),
            ["profile"] = result.Case.Profile.ToString().ToLowerInvariant(),
            ["requirements"] = new JsonArray([.. result.Case.Requirements.Select(r => JsonValue.Create(r))]),
            ["verdict"] = RunReport.Word(result.Verdict),
            ["detail"] = result.Detail,
            ["violated"] = result.Violated,
            ["requirement"] = RunReport.Requirement(result),
            ["plaintext"] = result.Plaintext,
            ["transcript"] = result.Transcript.Length > MaxTranscript
                ? result.Transcript[..MaxTranscript] + "\n# cut\n"
                : result.Transcript,
            ["duration_ms"] = Math.Round(result.Duration.TotalMilliseconds, 1),
        });
        return new JsonObject
        {
            ["suite"] = new JsonObject
            {
                ["version"] = run.Version,
                ["spec"] = Specification.Version,
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
            },
            ["duration_ms"] = Math.Round(run.Duration.TotalMilliseconds),
            ["cases"] = new JsonArray([.. cases]),
        }.ToJsonString(Options) + "\n";
    }

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
                TimeSpan.FromMilliseconds(c["duration_ms"]!.GetValue<double>())));
            return new RunReport(root["target"]!["server"]?.GetValue<string>(), root["target"]!["client"]?.GetValue<string>(),
                root["suite"]!["seed"]?.GetValue<string>() ?? "", [.. results],
                TimeSpan.FromMilliseconds(root["duration_ms"]!.GetValue<double>()))
            {
                // Reports of earlier versions do not have these.
                Date = root["date"] is { } date ? DateTimeOffset.Parse(date.GetValue<string>(), CultureInfo.InvariantCulture) : null,
                Version = root["suite"]!["version"]?.GetValue<string>() ?? "",
                Platform = root["suite"]!["platform"]?.GetValue<string>() ?? "",
                CommandLine = root["suite"]!["command_line"]?.GetValue<string>() ?? "",
                Profiles = [.. (root["suite"]!["profiles"]?.AsArray() ?? []).Select(p => Enum.Parse<Profile>(p!.GetValue<string>(), true))],
            };
        }
        catch (Exception e) when (e is JsonException or NullReferenceException or InvalidOperationException or ArgumentException
            or FormatException)
        {
            throw new FormatException("It is not a JSON report of blackpony-conformance.", e);
        }

        static string Text(JsonNode? node, string name) => node![name]!.GetValue<string>();
    }
}
