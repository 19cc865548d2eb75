using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace BlackPony.Conformance.Reports;

/// <summary>The failures as SARIF 2.1.0, which GitHub and other platforms show at a pull request: a rule a requirement.</summary>
public static class SarifReport
{
    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes a run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="strict">Whether warnings are failures.</param>
    /// <param name="expected">Failures that are expected: SARIF's suppressions.</param>
    /// <param name="file">The file at which the findings are shown; an implementation has no line that is known here.</param>
    public static string Write(RunReport run, bool strict, Baseline expected, string file)
    {
        var results = run.Preflights.SelectMany(p => p.Failures).Select(f => Result(f.Requirement ?? "preflight", "error",
                $"preflight: {f.What}\n{f.Detail}\nRead {f.Read}.", "preflight", file, false))
            .Concat(run.Results.Where(r => r.Verdict is Verdict.Fail or Verdict.Error or Verdict.Warn).Select(r => Result(
                r.Violated ?? "no-verdict", r.Verdict == Verdict.Warn && !strict ? "warning" : "error", Text(run, r), r.Case.Id, file,
                expected.Ids.Contains(r.Case.Id)))).ToList();
        var rules = results.Select(r => r["ruleId"]!.GetValue<string>()).Distinct().Select(id => (JsonNode)new JsonObject
        {
            ["id"] = id,
            ["shortDescription"] = new JsonObject { ["text"] = Specification.Find(id) ?? id },
        });
        return new JsonObject
        {
            ["$schema"] = "https://json.schemastore.org/sarif-2.1.0.json",
            ["version"] = "2.1.0",
            ["runs"] = new JsonArray(new JsonObject
            {
                ["tool"] = new JsonObject
                {
                    ["driver"] = new JsonObject
                    {
                        ["name"] = "blackpony-conformance",
                        ["version"] = RunReport.SuiteVersion,
                        ["rules"] = new JsonArray([.. rules]),
                    },
                },
                ["results"] = new JsonArray([.. results]),
            }),
        }.ToJsonString(Options) + "\n";
    }

    private static string Text(RunReport run, CaseResult result)
    {
        var cause = run.Causes.FirstOrDefault(c => c.First.Case.Id == result.Case.Id);
        var blocks = cause is { Blocked.Count: > 0 } ? $"\nIt blocks {cause.Blocked.Count} other cases." : "";
        return $"{result.Case.Id} {result.Case.Title}\n{result.Detail}\n{RunReport.Requirement(result)}{blocks}".TrimEnd();
    }

    private static JsonObject Result(string rule, string level, string text, string id, string file, bool isExpected)
    {
        var result = new JsonObject
        {
            ["ruleId"] = rule,
            ["level"] = level,
            ["message"] = new JsonObject { ["text"] = text },
            ["locations"] = new JsonArray(new JsonObject
            {
                ["physicalLocation"] = new JsonObject
                {
                    ["artifactLocation"] = new JsonObject { ["uri"] = file },
                    ["region"] = new JsonObject { ["startLine"] = 1 },
                },
            }),
            ["partialFingerprints"] = new JsonObject { ["case/v1"] = id },
        };
        if (isExpected)
            result["suppressions"] = new JsonArray(new JsonObject { ["kind"] = "external" });

        return result;
    }
}
