using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>Ports of 127.0.0.1.</summary>
internal static class Ports
{
    /// <summary>Waits until a process listens on a port, or ends.</summary>
    /// <returns>Null if it listens, else why not.</returns>
    public static async Task<string?> WaitAsync(int port, Process process)
    {
        for (var began = Stopwatch.StartNew(); began.Elapsed < Wait.HangGuard;)
        {
            if (await ListensAsync(port))
            {
                return null;
            }

            if (process.HasExited)
            {
                await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                return string.Create(CultureInfo.InvariantCulture,
                    $"Nothing listens on port {port}: the program ended with exit code {process.ExitCode}.");
            }

            await Task.Delay(20);
        }

        return string.Create(CultureInfo.InvariantCulture, $"Nothing listens on port {port}: the program still runs.");
    }

    private static async Task<bool> ListensAsync(int port)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
