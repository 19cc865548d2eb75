using System.Text.Json;
using System.Text.RegularExpressions;
using BlackPony.Conformance;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.Python;

/// <summary>The second implementation, in Python: its own tests, the suite, and mail to and from the reference.</summary>
public sealed partial class PythonTests(PythonMatrix matrix) : IClassFixture<PythonMatrix>
{
    [Fact]
    public async Task Its_own_tests_run_every_vector_and_every_transcript()
    {
        await PythonImplementation.NeedAsync();
        var (code, output) = await PythonImplementation.RunAsync("-m", "unittest", "-v");
        Assert.True(code == 0, output);
        Assert.Equal(VectorFiles().Sum(f => f.GetProperty("numberOfTests").GetInt32()), Vector().Count(output));
        var transcripts = Directory.GetFiles(Repository.At("spec", "transcripts"), "*.txt");
        Assert.NotEmpty(transcripts);
        Assert.All(transcripts, t =>
            Assert.Matches($@"test_(server|client)_{Path.GetFileNameWithoutExtension(t).Replace('-', '_')} ", output));
        Assert.All(Skipped().Matches(output).Select(m => m.Groups[1].Value), r => Assert.Matches("not a relay", r));
    }

    [Fact]
    public async Task Its_types_are_checked()
    {
        await PythonImplementation.NeedAsync();
        var (there, _) = await PythonImplementation.RunAsync("-c", "import mypy");
        Assert.SkipUnless(there == 0, "Needs Debian's mypy.");
        var (code, output) = await PythonImplementation.RunAsync(
            "-m", "mypy", "--strict", "--cache-dir", "/dev/null", "blackpony", "tests");
        Assert.True(code == 0, output);
    }

    /// <summary>As its README says, with Debian's packages; from a copy, because setuptools leaves files behind.</summary>
    [Fact]
    public async Task It_is_installed_by_pip_without_a_network()
    {
        await PythonImplementation.NeedAsync();
        var (there, _) = await PythonImplementation.RunAsync(
            "-c", "import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, ['pip', 'setuptools', 'wheel'])))");
        Assert.SkipUnless(there == 0, "Needs Debian's python3-pip, with python3-setuptools and python3-wheel.");
        var folder = Directory.CreateTempSubdirectory("blackpony-").FullName;
        try
        {
            await Shell.RunAsync($"cp -r '{PythonImplementation.Folder}' '{folder}/copy'");
            string[] offline = ["--no-index", "--no-build-isolation", "--no-deps", "--no-cache-dir", "--target", $"{folder}/site"];
            var (code, output) = await PythonImplementation.RunAsync(["-m", "pip", "install", .. offline, $"{folder}/copy"]);
            Assert.True(code == 0, output);
            var modules = Directory.GetFiles(Path.Combine(PythonImplementation.Folder, "blackpony")).Select(Path.GetFileName);
            Assert.All(modules, m => Assert.True(File.Exists(Path.Combine(folder, "site", "blackpony", m!)), m));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Its_server_passes_the_suite()
    {
        await PythonImplementation.NeedAsync();
        AllGood(await matrix.ServerAsync());
    }

    [Fact]
    public async Task Its_client_passes_the_suite()
    {
        await PythonImplementation.NeedAsync();
        AllGood(await matrix.ClientAsync());
    }

    public static TheoryData<string, string> Cells => [.. PythonMatrix.Suites.SelectMany(s => PythonMatrix.Ways.Select(w => (s, w)))];

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task Mail_arrives_octet_for_octet(string suite, string way)
    {
        await PythonImplementation.NeedAsync();
        Assert.Equal(suite switch { "ROT" => "shifted", "none" => "plain", _ => "encrypted" }, await matrix.CellAsync(suite, way));
    }

    [Fact]
    public async Task Both_READMEs_show_what_these_tests_saw()
    {
        await PythonImplementation.NeedAsync();
        var table = await matrix.TableAsync();
        await HoldsAsync(Repository.At("README.md"), t => Marked.Put(t, "matrix", table));
        var suite = await matrix.SuiteTableAsync();
        await HoldsAsync(
            Path.Combine(PythonImplementation.Folder, "README.md"), t => Marked.Put(Marked.Put(t, "suite", suite), "matrix", table));
    }

    private static async Task HoldsAsync(string path, Func<string, string> put)
    {
        var seen = put(await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken));
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
        {
            await File.WriteAllTextAsync(path, seen, TestContext.Current.CancellationToken);
        }

        Assert.Equal(seen, await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken));
    }

    private static void AllGood(IReadOnlyList<CaseResult> results)
    {
        Assert.Empty(results.Where(r => !PythonMatrix.IsGood(r)).Select(r => $"{r.Case.Id} {r.Verdict}: {r.Detail}\n{r.Transcript}"));
        Assert.All(PythonMatrix.Profiles, p => Assert.Contains(results, r => r.Case.Profile == p && r.Verdict == Verdict.Pass));
    }

    private static IEnumerable<JsonElement> VectorFiles() => Directory.GetFiles(Repository.At("spec", "vectors"), "*.json")
        .Where(f => !f.EndsWith("schema.json", StringComparison.Ordinal)).Select(f => JsonDocument.Parse(File.ReadAllBytes(f)).RootElement);

    [GeneratedRegex(@"\(tests\.test_vectors\.Vectors\.test_\w+_\d{3}\) \.\.\. (ok|skipped)")]
    private static partial Regex Vector();

    [GeneratedRegex(@"\.\.\. skipped '(.*)'")]
    private static partial Regex Skipped();
}
