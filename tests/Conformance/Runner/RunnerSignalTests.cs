using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using BlackPony.Conformance.Targets;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>SIGINT and SIGTERM, as of a person at a terminal and of a CI job that is cancelled.</summary>
public sealed class RunnerSignalTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Report => Path.Combine(_folder, "r.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public async Task One_that_comes_before_the_cases_ends_the_run_with_a_report_that_none_was_run(string signal)
    {
        await using var sink = Answers(_ => true);
        // The program reads its baseline before it connects, and waits for the end of the file.
        var baseline = Path.Combine(_folder, "baseline");
        using (var made = Process.Start("mkfifo", [baseline]))
            await made.WaitForExitAsync(Cancel);

        // What a script starts in the background ignores SIGINT, and so do the tests' children then.
        using var process = RunnerProgram.StartIn("exec env --default-signal=INT \"$@\"", "--server", $"127.0.0.1:{sink.Port}", "--output",
            Report, "--format", "console", "--expected-failures", baseline);
        var ended = EndedAsync(process);
        using var writer = Process.Start("/bin/sh",
            ["-c", "exec 3> \"$1\"; kill -\"$2\" \"$3\"; exec 3>&-", "sh", baseline, signal, Id(process)]);
        await Task.WhenAny(writer.WaitForExitAsync(Cancel), ended);
        if (!writer.HasExited)
            writer.Kill();

        using var report = await ended;
        Assert.Empty(report.RootElement.GetProperty("cases").EnumerateArray());
        // That a step of the preflight was cut short says nothing about the server.
        Assert.Empty(report.RootElement.GetProperty("preflight").EnumerateArray());
        Assert.True(NotRun(report) > 100);
    }

    [Fact]
    public async Task One_ends_the_run_with_a_report_of_what_was_run()
    {
        await using var sink = Answers(line => line.StartsWith("XBLACKPONY ", StringComparison.Ordinal));
        using var process = RunnerProgram.Start("--server", $"127.0.0.1:{sink.Port}", "--no-preflight", "--profile", "core", "--output",
            Report, "--format", "console", "--jobs", "4");
        var ended = EndedAsync(process);
        // Some cases have ended, and one that waits for the upgrade hangs.
        while (!ended.IsCompleted && !sink.Sessions.Any(s => s.Commands.Any(c => c.StartsWith("XBLACKPONY", StringComparison.Ordinal))))
            await Task.Delay(10, Cancel);

        if (!ended.IsCompleted)
            await EndAsync(process);

        using var report = await ended;
        Assert.True(NotRun(report) > 0);
        Assert.Equal(0, report.RootElement.GetProperty("totals").GetProperty("errors").GetInt32());
    }

    [Fact]
    public async Task A_run_of_both_roles_keeps_the_cases_of_the_client()
    {
        // Each case of the client has a folder of its own: with one at a time, the first has ended when there is another.
        using var process = RunnerProgram.StartIn($"TMPDIR='{_folder}' exec \"$@\"", "--output", Report, "--format", "console",
            "--jobs", "1");
        var ended = EndedAsync(process);
        var seen = new HashSet<string>();
        while (!ended.IsCompleted && seen.Count < 3)
        {
            seen.UnionWith(Directory.GetDirectories(_folder));
            await Task.Delay(1, Cancel);
        }

        if (!ended.IsCompleted)
            await EndAsync(process);

        using var report = await ended;
        var roles = report.RootElement.GetProperty("cases").EnumerateArray().Select(c => c.GetProperty("role").GetString());
        Assert.Contains("client", roles);
        Assert.True(NotRun(report) > 0);
    }

    // Offers, and is silent after such a command.
    private static MailSink Answers(Func<string, bool> silent) => new()
    {
        Extensions = ["XBLACKPONY V1 X25519-CHACHA20POLY1305 G-00AA"],
        Answer = (_, line) => silent(line) ? "" : null,
    };

    private static int NotRun(JsonDocument report) => report.RootElement.GetProperty("totals").GetProperty("not_run").GetInt32();

    private static string Id(Process process) => process.Id.ToString(CultureInfo.InvariantCulture);

    private static async Task EndAsync(Process process)
    {
        using var kill = Process.Start("kill", ["-TERM", Id(process)]);
        await kill.WaitForExitAsync(Cancel);
    }

    private async Task<JsonDocument> EndedAsync(Process process)
    {
        var (output, error) = (process.StandardOutput.ReadToEndAsync(Cancel), process.StandardError.ReadToEndAsync(Cancel));
        await process.WaitForExitAsync(Cancel);
        Assert.True(process.ExitCode == 130, $"{process.ExitCode} {await error}{await output}");
        Assert.Contains("ended by a signal", await error, StringComparison.Ordinal);
        return JsonDocument.Parse(await File.ReadAllTextAsync(Report, Cancel));
    }
}
