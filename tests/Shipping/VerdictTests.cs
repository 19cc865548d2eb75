namespace BlackPony.Tests.Shipping;

/// <summary>What <c>tests/run</c> makes of the output of <c>dotnet test</c>: a run that was cut short never looks green.</summary>
public sealed class VerdictTests : IDisposable
{
    private static readonly string[] Projects = ["Reference", "Specification", "Conformance", "Property", "Traces", "Shipping", "Interop"];
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_whole_run_ends_with_its_counts()
    {
        var run = await JudgeAsync(Whole(failed: 0), 0);
        Assert.Equal((0, "18 passed, 0 failed, 2 skipped\n"), (run.Code, run.Output));
    }

    [Fact]
    public async Task A_failure_shows_in_the_exit_code()
    {
        var run = await JudgeAsync(Whole(failed: 1), 2);
        Assert.Equal((1, "17 passed, 1 failed, 2 skipped\n"), (run.Code, run.Output));
    }

    [Theory]
    [InlineData("nothing was said", 0)] // dotnet test after SIGTERM
    [InlineData("no summary", 0)]
    [InlineData("no summary", 3)]
    [InlineData("no Interop", 0)]
    [InlineData("no Property", 0)]
    [InlineData("no skipped", 0)]
    [InlineData("another total", 0)]
    [InlineData("whole", 143)] // one of the test programs after SIGTERM
    public async Task A_run_that_was_cut_short_is_not_green_and_has_no_counts(string how, int code)
    {
        var whole = Whole(failed: 0);
        var run = await JudgeAsync(
            how switch
            {
                "nothing was said" => "Running tests from /x/BlackPony.Tests.Property.dll (net10.0|x64)\n",
                "no summary" => whole[..whole.IndexOf("Test run summary", StringComparison.Ordinal)],
                "no Interop" => whole.Replace("Tests.Interop.dll (net10.0|x64) passed", "Tests.Interop.dll", StringComparison.Ordinal),
                "no Property" => whole.Replace("Tests.Property.dll (net10.0|x64) passed", "Tests.Property.dll", StringComparison.Ordinal),
                "no skipped" => whole.Replace("  skipped: 2\n", "", StringComparison.Ordinal),
                "another total" => whole.Replace("total: 20", "total: 21", StringComparison.Ordinal),
                _ => whole,
            },
            code);
        Assert.Equal((1, ""), (run.Code, run.Output));
        Assert.Contains("does not count", run.Error, StringComparison.Ordinal);
    }

    private static string Whole(int failed) =>
        string.Concat(Projects.Select(p => $"/x/BlackPony.Tests.{p}.dll (net10.0|x64) passed (1m 40s 146ms)\n"))
        + $"\nTest run summary: Passed!\n  total: 20\n  failed: {failed}\n  succeeded: {18 - failed}\n  skipped: 2\n  duration: 1s\n";

    private async Task<Run> JudgeAsync(string output, int code)
    {
        var log = Path.Combine(_folder, "log");
        await File.WriteAllTextAsync(log, output, TestContext.Current.CancellationToken);
        return await Run.ProgramAsync("/bin/bash", [Repository.At("tests", "verdict"), log, $"{code}"]);
    }
}
