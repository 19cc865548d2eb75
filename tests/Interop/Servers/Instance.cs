using System.Diagnostics;
using System.Globalization;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>The processes of one server, and no others: other tests run the same programs at the same time.</summary>
internal static class Instance
{
    /// <summary>Sends a signal to the process group that a daemon leads.</summary>
    public static void Signal(Process leader, string name) => Kill(name, "-" + leader.Id.ToString(CultureInfo.InvariantCulture));

    /// <summary>Ends a daemon by SIGKILL, with all that it started: its group, and what works in its folder.</summary>
    public static async Task KillAsync(Process leader, string folder)
    {
        Signal(leader, "KILL");
        for (var began = Stopwatch.StartNew(); Within(folder) is { Count: > 0 } left;)
        {
            Assert.True(began.Elapsed < Wait.HangGuard, $"Processes {string.Join(", ", left)} in {folder} do not end.");
            Kill("KILL", [.. left]);
            await Task.Delay(10);
        }

        // Last: this waits for all that hold its output.
        await leader.WaitForExitAsync();
    }

    private static void Kill(string signal, params string[] ids)
    {
        using var kill = Process.Start(new ProcessStartInfo("kill", ["-" + signal, "--", .. ids]) { RedirectStandardError = true })!;
        kill.WaitForExit();
    }

    // A mail server works in its queue.
    private static List<string> Within(string folder) =>
        [.. Directory.EnumerateDirectories("/proc")
            .Where(p => char.IsDigit(Path.GetFileName(p)[0]) && WorkingFolder(p).StartsWith(folder + "/", StringComparison.Ordinal))
            .Select(p => Path.GetFileName(p))];

    private static string WorkingFolder(string process)
    {
        try
        {
            return new FileInfo(process + "/cwd").LinkTarget ?? "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
