using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>Ports of 127.0.0.1.</summary>
internal static class Ports
{
    private const int FirstPort = 12000;

    // Where two runs are at work, each begins elsewhere.
    private static int _ports = Environment.ProcessId * 97 % (32768 - FirstPort);

    /// <summary>
    /// A port of 127.0.0.1 that is free, and stays so until a server takes it:
    /// below those that the system gives to connections, and given here once.
    /// </summary>
    public static int Free()
    {
        while (true)
        {
            int port = FirstPort + (Interlocked.Increment(ref _ports) % (32768 - FirstPort));
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Somebody's.
            }
        }
    }

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
