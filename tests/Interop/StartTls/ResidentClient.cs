using System.Diagnostics;

namespace BlackPony.Tests.Interop.StartTls;

/// <summary>A client whose process runs as long as it is tested; <c>clients/ask.sh</c> asks it to send a message.</summary>
internal sealed class ResidentClient : IDisposable
{
    private readonly Process _process;

    private ResidentClient(Process process, int port) => (_process, Port) = (process, port);

    /// <summary>Where it listens on 127.0.0.1.</summary>
    public int Port { get; }

    /// <summary>Starts one, and waits until it says where it listens.</summary>
    /// <param name="program">The program that runs the script, and its options.</param>
    /// <param name="script">The script of <c>clients</c>.</param>
    /// <param name="arguments">The script's.</param>
    public static async Task<ResidentClient> StartAsync(IEnumerable<string> program, string script, params string[] arguments)
    {
        string[] command = [.. program, Path.Combine(StartTlsSuite.Scripts, script), .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
        };
        StartTlsSuite.Prepare(start);
        var process = Process.Start(start)!;
        try
        {
            var line = await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask()
                .WaitAsync(Servers.Wait.HangGuard);
            Assert.True(int.TryParse(line, out int port), $"{string.Join(' ', command)} says {line ?? "nothing"} instead of its port.");
            return new(process, port);
        }
        catch
        {
            End(process);
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        End(_process);
    }

    private static void End(Process process)
    {
        process.Kill();
        process.WaitForExit();
        process.Dispose();
    }
}
