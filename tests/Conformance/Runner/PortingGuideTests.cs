using System.Diagnostics;
using System.Text.RegularExpressions;
using BlackPony.Conformance.Targets;
using YamlDotNet.RepresentationModel;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>The port author's guide and the examples for CI name what there is.</summary>
public sealed partial class PortingGuideTests
{
    private static readonly string Guide = Repository.Read("spec", "porting.md");

    public static TheoryData<string> Commands =>
        [.. Lines(Guide).Concat(Scripts("github-actions.yml")).Concat(Scripts("gitlab-ci.yml")).Select(Command)
            .Where(c => c.Length > 0).Distinct()];

    /// <summary>With <c>--list</c> the runner reads its command line, says what is wrong with it, and tests nothing.</summary>
    [Theory]
    [MemberData(nameof(Commands))]
    public async Task The_runner_takes_the_command(string command)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", $"{command} --list"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = $"{RunnerProgram.Folder}:{Environment.GetEnvironmentVariable("PATH")}";
        start.Environment["client"] = Client().Match(Guide).Groups[1].Value;
        (start.Environment["CI_NODE_INDEX"], start.Environment["CI_NODE_TOTAL"]) = ("1", "2");
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
            process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, await error);
        Assert.NotEmpty(await output);
    }

    [Fact]
    public void The_guide_names_every_file_of_vectors_and_no_other()
    {
        var there = Directory.EnumerateFiles(Repository.At("spec", "vectors"), "*.json").Select(f => Path.GetFileName(f))
            .Where(f => f != "vectors.schema.json");
        Assert.Equal(there.Order(StringComparer.Ordinal),
            Vectors().Matches(Guide).Select(m => m.Groups[1].Value).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_guide_has_the_suite_run_every_profile()
    {
        foreach (var profile in BlackPony.Conformance.Protocol.BlackPony.Profiles)
        {
            Assert.Contains(Lines(Guide),
                l => l.StartsWith("blackpony-conformance --server ", StringComparison.Ordinal)
                    && l.Contains($"--profile {profile}", StringComparison.OrdinalIgnoreCase));
        }
    }

    [Theory]
    [InlineData("github-actions.yml", "name", "on", "jobs")]
    [InlineData("gitlab-ci.yml", "stages", "build", ".suite", "server", "client", "badge")]
    public void An_example_for_CI_is_sound_and_tests_both_roles(string file, params string[] keys)
    {
        var root = (YamlMappingNode)Load(file);
        Assert.Equal(keys, root.Children.Keys.Select(k => ((YamlScalarNode)k).Value));
        var scripts = Scripts(file).ToList();
        Assert.Contains(scripts, s => s.Contains("blackpony-conformance --server 127.0.0.1:2525", StringComparison.Ordinal));
        Assert.Contains(scripts, s => s.Contains("blackpony-conformance --client ", StringComparison.Ordinal));
        foreach (var script in scripts)
        {
            using var shell = Process.Start(new ProcessStartInfo("/bin/bash", ["-n", "-c", script]) { RedirectStandardError = true })!;
            var error = shell.StandardError.ReadToEnd();
            shell.WaitForExit();
            Assert.True(shell.ExitCode == 0, $"{script}\n{error}");
        }
    }

    [Fact]
    public void Every_step_on_GitHub_runs_or_uses_something_and_every_job_on_GitLab_has_a_stage_that_exists()
    {
        var steps = (YamlSequenceNode)Load("github-actions.yml")["jobs"]["conformance"]["steps"];
        Assert.All(steps.Cast<YamlMappingNode>(), s => Assert.Single(s.Children.Keys, k => ((YamlScalarNode)k).Value is "run" or "uses"));
        var gitlab = (YamlMappingNode)Load("gitlab-ci.yml");
        var stages = ((YamlSequenceNode)gitlab["stages"]).Select(s => s.ToString()).ToList();
        foreach (var (name, job) in gitlab.Children.Where(c => c.Value is YamlMappingNode))
        {
            var from = ((YamlMappingNode)job).Children.TryGetValue("extends", out var other) ? gitlab[other] : job;
            Assert.Contains(from["stage"].ToString(), stages);
            Assert.True(name.ToString() == ".suite" || ((YamlMappingNode)job).Children.ContainsKey("script"), $"{name} has no script.");
        }
    }

    /// <summary>What the gates show beside a pull request, of a report of a run that a preflight ended and of one with causes.</summary>
    [Theory]
    [InlineData("github-actions.yml", false, "::error title=preflight%3A upgrade with X25519-CHACHA20POLY1305::The line \"220 Go ahead\"")]
    [InlineData("github-actions.yml", true, "::error title=S-4.3-1 The 220 reply carries the share in K= lines%2C and")]
    [InlineData("gitlab-ci.yml", false, "\"check_name\": \"BP-4.3-2\"")]
    [InlineData("gitlab-ci.yml", true, "\"fingerprint\": \"S-4.3-1\"")]
    public async Task The_gates_show_where_to_begin(string file, bool isRun, string expected)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/jq"), "Needs jq (Debian's package; tests/run installs it).");
        await using var sink = new MailSink
        {
            Extensions = ["XBLACKPONY V1 X25519-CHACHA20POLY1305 G-00AA"],
            Answer = (_, line) => line.StartsWith("XBLACKPONY ", StringComparison.Ordinal) ? "220 Go ahead\r\n" : null,
        };
        var folder = Directory.CreateTempSubdirectory("blackpony-").FullName;
        try
        {
            string[] run = ["--server", $"127.0.0.1:{sink.Port}", "--profile", "core", "--select", "4.3", "--select", "6", "--output",
                $"{folder}/server.json"];
            Assert.Equal(1, (await RunnerProgram.RunAsync(isRun ? [.. run, "--no-preflight"] : run)).Code);
            var script = Scripts(file).Single(s => s.Contains("jq -", StringComparison.Ordinal));
            using var shell = Process.Start(new ProcessStartInfo("/bin/bash", ["-ec", script
                + "\n[ ! -e quality.json ] || cat quality.json"])
            {
                WorkingDirectory = folder,
                RedirectStandardOutput = true,
            })!;
            var output = await shell.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await shell.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(0, shell.ExitCode);
            Assert.Contains(expected, output, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("github-actions.yml")]
    [InlineData("gitlab-ci.yml")]
    public async Task The_gates_make_one_badge_of_both_roles(string file)
    {
        var folder = Directory.CreateTempSubdirectory("blackpony-").FullName;
        try
        {
            Directory.CreateDirectory(Path.Combine(folder, "badge"));
            Directory.CreateSymbolicLink(Path.Combine(folder, "bin"), RunnerProgram.Folder);
            foreach (var (name, cases) in new[] { ("server", "S-4.1-1"), ("client", "C-4.1-1"), ("client-1", "C-4.1-1") })
                Assert.Equal(0, (await RunnerProgram.RunAsync("--select", cases, "--output", $"{folder}/{name}.json")).Code);

            var line = Assert.Single(Scripts(file).SelectMany(Lines),
                l => l.StartsWith("bin/blackpony-conformance badge ", StringComparison.Ordinal));
            using var shell = Process.Start(new ProcessStartInfo("/bin/bash", ["-ec", line]) { WorkingDirectory = folder })!;
            await shell.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(0, shell.ExitCode);
            var badge = Directory.EnumerateFiles(folder, "blackpony.svg", SearchOption.AllDirectories).Single();
            Assert.Contains("BlackPony: 2 passed", await File.ReadAllTextAsync(badge, TestContext.Current.CancellationToken),
                StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static YamlNode Load(string file)
    {
        var yaml = new YamlStream();
        using var reader = File.OpenText(Repository.At("spec", "ci", file));
        yaml.Load(reader);
        return Assert.Single(yaml.Documents).RootNode;
    }

    /// <summary>What the shell gets: <c>run</c> at GitHub, <c>script</c>, <c>before_script</c> and <c>after_script</c> at GitLab.</summary>
    private static IEnumerable<string> Scripts(string file) => Load(file).AllNodes.OfType<YamlMappingNode>().SelectMany(m => m.Children)
        .Where(p => ((YamlScalarNode)p.Key).Value is "run" or "script" or "before_script" or "after_script")
        .SelectMany(p => p.Value is YamlSequenceNode lines ? lines.Select(l => l.ToString()) : [p.Value.ToString()]);

    private static IEnumerable<string> Lines(string text) => text.Split('\n').Select(l => l.Trim());

    private static string Command(string script) =>
        Lines(script).Select(l => l.StartsWith("bin/", StringComparison.Ordinal) ? l[4..] : l)
            .FirstOrDefault(l => l.StartsWith("blackpony-conformance --", StringComparison.Ordinal)) ?? "";

    [GeneratedRegex("^    client='(.*)'$", RegexOptions.Multiline)]
    private static partial Regex Client();

    [GeneratedRegex("`([a-z0-9-]+\\.json)`")]
    private static partial Regex Vectors();
}
