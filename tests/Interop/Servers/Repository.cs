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

    /// <summary>
    /// A port of 127.0.0.1 that is free, and stays so until a server takes it:
    /// below those that the system gives to connections, and given here once.
    /// </summary>
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

    /// <summary>
    /// Ends a test that hangs. It measures nothing: what a test waits for comes by itself, however busy the machine is,
    /// and what must not take long is tested in virtual time.
    /// </summary>
    public static readonly TimeSpan HangGuard = TimeSpan.FromMinutes(5);

    /// <summary>Tries again until it works.</summary>
    public static async Task<T> RetryAsync<T>(Func<Task<T>> step)
    {
        for (var began = Stopwatch.StartNew(); ;)
        {
            try
            {
                return await step();
            }
            catch (Exception) when (began.Elapsed < HangGuard)
            {
                await Task.Delay(20);
            }
        }
    }

    /// <summary>Waits until something has happened.</summary>
    /// <param name="probe">What has happened, or null.</param>
    /// <param name="failure">What to say if it never happens.</param>
    public static async Task<T> EventuallyAsync<T>(Func<T?> probe, Func<string> failure)
        where T : class
    {
        for (var began = Stopwatch.StartNew(); began.Elapsed < HangGuard;)
        {
            if (probe() is { } result)
            {
                return result;
            }

            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        throw new TimeoutException(failure());
    }

    /// <summary>Waits until something is so.</summary>
    public static Task EventuallyAsync(Func<bool> probe, Func<string> failure) => EventuallyAsync(() => probe() ? "" : null, failure);

    /// <summary>Whether something listens on a port of 127.0.0.1.</summary>
    public static async Task<bool> ListensAsync(int port)
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

    /// <summary>Waits until a process listens on a port, or ends.</summary>
    /// <returns>Null if it listens, else why not.</returns>
    public static async Task<string?> WaitForPortAsync(int port, Process process)
    {
        for (var began = Stopwatch.StartNew(); began.Elapsed < HangGuard;)
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
}
