using System.Diagnostics;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>The program <c>blackpony-conformance</c> as a user runs it.</summary>
internal static class RunnerProgram
{
    /// <summary>Where it was built.</summary>
    public static string Folder { get; } = Path.Combine(
        RepositoryRoot.Folder, "tools", "conformance-runner", "bin",
        AppContext.BaseDirectory.Contains("Release", StringComparison.Ordinal) ? "Release" : "Debug", "net10.0");

    private static readonly string File = Path.Combine(Folder, "blackpony-conformance.dll");

    /// <summary>Runs it to its end.</summary>
    public static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", [File, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await error);
    }
}
