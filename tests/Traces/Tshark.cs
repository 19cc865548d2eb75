using System.Diagnostics;

namespace BlackPony.Tests.Traces;

/// <summary>The real tshark.</summary>
internal static class Tshark
{
    private static readonly string? Path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Select(f => System.IO.Path.Combine(f, "tshark")).FirstOrDefault(File.Exists);

    /// <summary>Runs it on a file.</summary>
    /// <returns>The lines that it writes.</returns>
    public static IReadOnlyList<string> Run(string file, params string[] arguments)
    {
        Assert.SkipWhen(Path is null, "tshark is not installed (apt-get install tshark)");
        var start = new ProcessStartInfo(Path, ["-r", file, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        // Its own settings, and nobody's plugins.
        start.Environment["HOME"] = System.IO.Path.GetTempPath();
        start.Environment["XDG_CONFIG_HOME"] = System.IO.Path.Combine(System.IO.Path.GetTempPath(), "no-wireshark-settings");
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"tshark ended with {process.ExitCode}: {errors.GetAwaiter().GetResult()}");
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
