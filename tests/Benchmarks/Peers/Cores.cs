using System.Diagnostics;
using System.Globalization;

namespace BlackPony.Benchmarks.Peers;

/// <summary>
/// A relay has one core, and this process, which is its clients and its server, another: so it is the relay that is measured.
/// </summary>
internal sealed class Cores : IDisposable
{
    /// <summary>The command before the command of a program that has a core of its own.</summary>
    public static string[] Own { get; } = ["taskset", "-c", "0"];

    private readonly string _before = Mine("");

    /// <summary>Keeps this process on the other core.</summary>
    public Cores()
    {
        if (Environment.ProcessorCount < 2)
        {
            throw new InvalidOperationException("Two cores are needed.");
        }

        Mine("1");
    }

    public void Dispose() => Mine(_before);

    // All threads of this process; prints where they were.
    private static string Mine(string cores)
    {
        string[] what = cores.Length == 0 ? ["-c", "-p"] : ["-a", "-c", "-p", cores];
        using var process = Process.Start(new ProcessStartInfo("taskset",
            [.. what, Environment.ProcessId.ToString(CultureInfo.InvariantCulture)]) { RedirectStandardOutput = true })!;
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return text.Split(':')[^1].Trim();
    }
}
