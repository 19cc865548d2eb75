using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>Paths, ports and waiting.</summary>
internal static class Repository
{
    private const int FirstPort = 12000;

    // Where two runs are at work, each begins elsewhere.
    private static int _ports = Environment.ProcessId * 97 % (32768 - FirstPort);

    public static string Root => RepositoryRoot.Folder;

    /// <summary>A port of 127.0.0.1 that is free, and stays so until a server takes it: below those that the system gives to connections, and given here once.</summary>
    public static int FreePort()
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

    /// <summary>Runs commands that prepare something.</summary>
    public static async Task ShellAsync(string commands)
    {
        using var shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "set -e\n" + commands]) { RedirectStandardError = true })!;
        var error = await shell.StandardError.ReadToEndAsync();
        await shell.WaitForExitAsync();
        Assert.True(shell.ExitCode == 0, error);
    }

    /// <summary>Tries again until it works, for 10 s.</summary>
    public static async Task<T> RetryAsync<T>(Func<Task<T>> step)
    {
        for (int i = 0; ; i++)
        {
            try
            {
                return await step();
            }
            catch (Exception) when (i < 500)
            {
                await Task.Delay(20);
            }
        }
    }

    /// <summary>Waits until something listens on a port.</summary>
    public static async Task WaitForPortAsync(int port)
    {
        for (int i = 0; i < 500; i++)
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync("127.0.0.1", port);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(20);
            }
        }

        throw new TimeoutException(string.Create(CultureInfo.InvariantCulture, $"Nothing listens on port {port} after 10 s."));
    }
}
