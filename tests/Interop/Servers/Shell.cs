using System.Diagnostics;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>The shell.</summary>
internal static class Shell
{
    /// <summary>Runs commands that prepare something.</summary>
    public static async Task RunAsync(string commands)
    {
        using var shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "set -e\n" + commands]) { RedirectStandardError = true })!;
        var error = await shell.StandardError.ReadToEndAsync();
        await shell.WaitForExitAsync();
        Assert.True(shell.ExitCode == 0, error);
    }
}
