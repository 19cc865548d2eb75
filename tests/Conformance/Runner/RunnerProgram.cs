using System.Diagnostics;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>The program <c>blackpony-conformance</c> as a user runs it.</summary>
internal static class RunnerProgram
{
    private static readonly string File = Repository.Built("conformance-runner", "blackpony-conformance.dll");

    /// <summary>Where it was built.</summary>
    public static string Folder { get; } = Path.GetDirectoryName(File)!;

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
