using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NJsonSchema;

namespace BlackPony.Tests.Specification.Vectors;

/// <summary>The files are what the reference makes, and sound. <c>BLACKPONY_WRITE=1</c> writes them anew.</summary>
public class VectorFileTests
{
    public static TheoryData<string> Names => [.. VectorFiles.All.Select(f => f.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_file_holds_what_the_reference_makes(string name)
    {
        var fresh = VectorFiles.All.Single(f => f.Name == name).ToString();
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
        {
            File.WriteAllText(Path.Combine(VectorFile.Folder, name), fresh);
        }
        else
        {
            Assert.True(fresh == Read(name), $"spec/vectors/{name} is stale; BLACKPONY_WRITE=1 writes it anew.");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_file_satisfies_the_schema(string name) => Assert.Empty((await Schema()).Validate(Read(name)));

    [Fact]
    public async Task The_schema_refuses_what_it_should()
    {
        var schema = await Schema();
        Refused(f => f.Remove("notes"));
        Refused(f => f["protocol"] = "BlackPony V2");
        Refused(f => f["more"] = 1);
        Refused(f => f["tests"]![0]!["result"] = "perhaps");
        Refused(f => f["tests"]![0]!["requirements"]![0] = "4.1-1");
        Refused(f => f["tests"]![0]!["input"]!["shift"] = 13);
        Refused(f => f["tests"]![0]!["input"]!["other"] = "a");
        Refused(f => f["tests"]![0]!["expect"]!["th"] = "AB");

        void Refused(Action<JsonObject> change)
        {
            var file = JsonNode.Parse(Read("rot.json"))!.AsObject();
            change(file);
            Assert.NotEmpty(schema.Validate(file.ToJsonString()));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Counts_flags_and_requirements_are_right(string name)
    {
        var file = JsonNode.Parse(Read(name))!;
        var tests = file["tests"]!.AsArray();
        Assert.Equal(name, file["subject"].String() + ".json");
        Assert.Equal(tests.Count, file["numberOfTests"].Int());
        Assert.Equal(Enumerable.Range(1, tests.Count), tests.Select(t => t!["tcId"].Int()));
        var notes = file["notes"]!.AsObject();
        var used = tests.SelectMany(t => t!["flags"].Strings()).ToHashSet();
        Assert.Equal(notes.Select(n => n.Key).Order(), used.Order());
        var cited = tests.SelectMany(t => t!["requirements"].Strings()).Concat(notes.SelectMany(n => n.Value!["requirements"].Strings()));
        Assert.Empty(cited.Except(BlackPony.Conformance.Specification.BlackPony.Requirements.Keys));
        Assert.All(tests, t => Assert.True(
            t!["result"].String() == "valid" ? t["expect"] is not null && Reactions(t).Count == 0 : Reactions(t).Count == 1,
            $"{name} {t["tcId"]}"));
    }

    [Fact]
    public void There_are_many_and_the_folder_and_the_README_have_each()
    {
        var folder = Directory.GetFiles(VectorFile.Folder, "*.json").Select(Path.GetFileName).Except(["vectors.schema.json"]);
        Assert.Equal(VectorFiles.All.Select(f => f.Name).Order(), folder.Order());
        var readme = Read("README.md");
        int total = 0;
        foreach (var name in VectorFiles.All.Select(f => f.Name))
        {
            int count = JsonNode.Parse(Read(name))!["numberOfTests"].Int();
            Assert.True(
                Regex.IsMatch(readme, $@"^\| \[`{Regex.Escape(name)}`\]\({Regex.Escape(name)}\) \| {count} \|", RegexOptions.Multiline),
                $"README.md has no row for {name} with {count} tests.");
            total += count;
        }

        Assert.True(total >= 150);
        Assert.Contains($"{total} tests", readme, StringComparison.Ordinal);
    }

    private static List<string> Reactions(JsonNode test) =>
        [.. ((string[])["reply", "alert", "cancel", "broken", "noOffer", "substitute", "error"]).Where(r => test[r] is not null)];

    // NJsonSchema reads draft 4, in which $defs has another name; of the newer drafts the schema uses nothing else.
    private static Task<JsonSchema> Schema() =>
        JsonSchema.FromJsonAsync(Read("vectors.schema.json").Replace("$defs", "definitions", StringComparison.Ordinal));

    private static string Read(string name) => File.ReadAllText(Path.Combine(VectorFile.Folder, name));
}
