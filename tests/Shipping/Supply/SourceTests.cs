using System.Text.Json;
using System.Xml.Linq;

namespace BlackPony.Tests.Shipping.Supply;

/// <summary>Where what we build from comes from: one source, whatever the machine's settings, in versions that are written down.</summary>
public sealed class SourceTests
{
    private const string NuGetOrg = "https://api.nuget.org/v3/index.json";
    private const string Here = "artifacts/publish/packages";
    private static readonly XElement Sources = XDocument.Load(Repository.At("nuget.config")).Root!;

    [Fact]
    public void Packages_come_from_nuget_org_alone_and_ours_only_from_here()
    {
        string[] lists = ["packageSources", "packageSourceMapping", "disabledPackageSources"];
        Assert.All(lists, name => Assert.Equal("clear", Sources.Element(name)!.Elements().First().Name.LocalName));
        var sources = Sources.Element("packageSources")!.Elements("add")
            .ToDictionary(e => e.Attribute("key")!.Value, e => e.Attribute("value")!.Value);
        Assert.Equal(2, sources.Count);
        Assert.Equal(NuGetOrg, sources["nuget.org"]);
        Assert.Equal(Here, sources["blackpony"]);
        var patterns = Sources.Element("packageSourceMapping")!.Elements("packageSource")
            .ToDictionary(e => e.Attribute("key")!.Value, e => e.Elements().Select(p => p.Attribute("pattern")!.Value).ToArray());
        Assert.Equal(["*"], patterns["nuget.org"]);
        Assert.Equal(["BlackPony*"], patterns["blackpony"]);
    }

    /// <summary>NuGet's own answer, in a folder of the repository and with settings of the user that say otherwise.</summary>
    [Fact]
    public async Task What_the_user_has_set_does_not_count()
    {
        var home = Directory.CreateTempSubdirectory("blackpony-").FullName;
        try
        {
            var settings = Directory.CreateDirectory(Path.Combine(home, ".nuget", "NuGet")).FullName;
            await File.WriteAllTextAsync(Path.Combine(settings, "NuGet.Config"), """
                <configuration>
                  <packageSources><add key="other" value="https://packages.example/index.json" /></packageSources>
                </configuration>
                """, TestContext.Current.CancellationToken);
            Assert.Contains("E https://packages.example/index.json", await SourcesAsync(home));
            Assert.Equal([$"E {NuGetOrg}", $"E {Repository.At(Here)}"], await SourcesAsync(Repository.At("tools")));
        }
        finally
        {
            Directory.Delete(home, recursive: true);
        }

        async Task<string[]> SourcesAsync(string folder)
        {
            var environment = new Dictionary<string, string> { ["HOME"] = home, ["DOTNET_CLI_HOME"] = home };
            var run = await Run.ProgramAsync("dotnet", ["nuget", "list", "source", "--format", "short"], folder, environment);
            return run.Good().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
    }

    [Fact]
    public void Every_project_has_its_packages_locked()
    {
        var projects = ((string[])["src", "tools", "tests", "spec"])
            .SelectMany(f => Directory.EnumerateFiles(Repository.At(f), "*.csproj", SearchOption.AllDirectories)).ToList();
        Assert.True(projects.Count > 10);
        Assert.All(projects, p => Assert.True(File.Exists(Path.Combine(Path.GetDirectoryName(p)!, "packages.lock.json")), p));
    }

    [Fact]
    public void Every_tool_of_the_build_has_one_version()
    {
        using var json = JsonDocument.Parse(Repository.Read(".config", "dotnet-tools.json"));
        var tools = json.RootElement.GetProperty("tools").EnumerateObject().ToList();
        Assert.Contains(tools, t => t.Name == "cyclonedx");
        Assert.All(tools, t => Assert.Matches(@"^\d+\.\d+\.\d+$", t.Value.GetProperty("version").GetString()));
        Assert.All(tools, t => Assert.False(t.Value.GetProperty("rollForward").GetBoolean()));
    }

    /// <summary>A tag can be moved to other code; a commit cannot.</summary>
    [Fact]
    public void The_example_for_GitHub_names_its_actions_by_commit()
    {
        var uses = File.ReadLines(Repository.At("spec", "ci", "github-actions.yml"))
            .Where(l => l.Contains("uses:", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(uses);
        Assert.All(uses, u => Assert.Matches(@"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", u));
    }

    /// <summary>With a second source, whoever registers our name there with a higher version is installed instead of us.</summary>
    [Theory]
    [InlineData("docs/building.md")]
    [InlineData("spec/porting.md")]
    public void Our_tools_are_installed_from_what_was_built_and_nowhere_else(string file)
    {
        var installs = File.ReadLines(Repository.At(file)).Where(l => l.Contains("dotnet tool install", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(installs);
        Assert.All(installs, i => Assert.Matches(@" --source \S*packages$", i));
    }

    /// <summary>A gate runs the suite only if it is the one whose checksum the project gave.</summary>
    [Theory]
    [InlineData("spec/ci/github-actions.yml")]
    [InlineData("spec/ci/gitlab-ci.yml")]
    public void A_gate_checks_the_sum_of_what_it_fetches_before_it_runs_it(string file)
    {
        var lines = File.ReadAllLines(Repository.At(file)).Select(l => l.Trim(' ', '-')).ToList();
        int fetched = lines.FindIndex(l => l.StartsWith("curl ", StringComparison.Ordinal));
        int checkedAt = lines.FindIndex(l => l.EndsWith("sha256sum --check", StringComparison.Ordinal));
        int made = lines.FindIndex(l => l.StartsWith("chmod +x", StringComparison.Ordinal));
        Assert.True(fetched >= 0 && fetched < checkedAt && checkedAt < made, $"{fetched} {checkedAt} {made}");
        Assert.DoesNotContain(lines, l => l.Contains("dotnet tool install", StringComparison.Ordinal));
    }
}
