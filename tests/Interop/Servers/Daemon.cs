using System.Diagnostics;
using System.Text;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>
/// A server's process, the leader of a process group, with the users that its package would have made (<c>private.sh</c>).
/// </summary>
internal sealed class Daemon : IDisposable
{
    private readonly StringBuilder _output = new();
    private readonly Process _process;

    private Daemon(ProcessStartInfo start)
    {
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Append(line.Data);
        _process.ErrorDataReceived += (_, line) => Append(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>What the process wrote to its standard output and standard error.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>A program as the leader of a process group, in the servers' mount namespace.</summary>
    public static ProcessStartInfo Private(string program, IEnumerable<string> arguments) =>
        new("setsid", [Repository.At("tests", "Interop", "Servers", "private.sh"), program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

    /// <summary>Starts a server and waits until it listens.</summary>
    /// <param name="start">From <see cref="Private"/>.</param>
    /// <param name="port">The port on 127.0.0.1 on which it will listen.</param>
    /// <param name="log">Reads the server's log.</param>
    /// <exception cref="TimeoutException">It does not listen. The message says why: command, exit code, output and log.</exception>
    public static async Task<Daemon> StartAsync(ProcessStartInfo start, int port, Func<string> log)
    {
        var daemon = new Daemon(start);
        if (await Ports.WaitAsync(port, daemon._process) is not { } reason)
        {
            return daemon;
        }

        using (daemon)
        {
            daemon.End(now: true);
            throw new TimeoutException($"""
                {reason}
                Command: {string.Join(' ', start.ArgumentList.Skip(1))}
                Output: {daemon.Output.TrimEnd()}
                Log: {log().TrimEnd()}
                """);
        }
    }

    /// <summary>Ends the server by SIGTERM, or by SIGKILL if it does not end within 3 s.</summary>
    public void End(bool now = false)
    {
        if (now || !Terminated())
        {
            Instance.Signal(_process, "KILL");
            _process.WaitForExit(5000);
        }

        bool Terminated()
        {
            Instance.Signal(_process, "TERM");
            return _process.WaitForExit(3000);
        }
    }

    /// <summary>Sends it a signal.</summary>
    public void Signal(string name) => Instance.Signal(_process, name);

    /// <summary>Ends the server and all that it started by SIGKILL.</summary>
    public Task KillAsync(string folder) => Instance.KillAsync(_process, folder);

    /// <inheritdoc/>
    public void Dispose() => _process.Dispose();

    private void Append(string? line)
    {
        lock (_output)
        {
            _output.AppendLine(line);
        }
    }
}
