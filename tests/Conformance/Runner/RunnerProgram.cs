using System.Diagnostics;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>The program <c>blackpony-conformance</c> as a user runs it.</summary>
internal static class RunnerProgram
{
    private static readonly string File = Repository.Built("conformance-runner", "blackpony-conformance.dll");

    /// <summary>Where it was built.</summary>
    public static string Folder { get; } = Path.GetDirectoryName(File)!;

    /// <summary>Runs it to its end.</summary>
    public static Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments) => RunInAsync("exec \"$@\"", arguments);

    /// <summary>Runs it to its end by a shell that sets something up first.</summary>
    public static async Task<(int Code, string Output, string Error)> RunInAsync(string shell, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", shell, "sh", "dotnet", File, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await error);
    }
}
