using System.Diagnostics;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>The program <c>blackpony-conformance</c> as a user runs it.</summary>
internal static class RunnerProgram
{
    private static readonly string File = Repository.Built("conformance-runner", "blackpony-conformance.dll");

    /// <summary>Where it was built.</summary>
    public static string Folder { get; } = Path.GetDirectoryName(File)!;

    // No test reads what another one left behind.
    private static readonly string Cache = Directory.CreateTempSubdirectory("blackpony-cache-").FullName;

    static RunnerProgram() => AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(Cache, recursive: true);

    /// <summary>Starts it.</summary>
    public static Process Start(params string[] arguments) => StartIn("exec \"$@\"", arguments);

    /// <summary>Starts it by a shell that sets something up first.</summary>
    public static Process StartIn(string shell, params string[] arguments)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", shell, "sh", "dotnet", File, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["XDG_CACHE_HOME"] = Cache;
        return Process.Start(start)!;
    }

    /// <summary>Runs it to its end.</summary>
    public static Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments) => RunInAsync("exec \"$@\"", arguments);

    /// <summary>Runs it to its end by a shell that sets something up first.</summary>
    public static async Task<(int Code, string Output, string Error)> RunInAsync(string shell, params string[] arguments)
    {
        using var process = StartIn(shell, arguments);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await error);
    }
}
