using System.Diagnostics;
using System.Globalization;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>A mail server of its own for a test: private configuration and queue, loopback only.</summary>
internal abstract class MailServer : IDisposable
{
    private Process? _daemon;

    /// <summary>The server's folder, port and mailbox.</summary>
    protected MailServer(string folder)
    {
        Folder = Lab.Open(folder);
        Port = Repository.FreePort();
        Box = Box.Create(Path.Combine(folder, "box"));
    }

    /// <summary>Where its queue and configuration are.</summary>
    public string Folder { get; }

    /// <summary>Where it listens on 127.0.0.1.</summary>
    public int Port { get; }

    /// <summary>Where it keeps the mail of its own domains.</summary>
    public Box Box { get; }

    /// <summary>What it logged, for a test that fails.</summary>
    public abstract string Log { get; }

    /// <inheritdoc/>
    public virtual void Dispose()
    {
        if (_daemon is null)
        {
            return;
        }

        // Its process group, and no other.
        Kill("-TERM");
        if (!_daemon.WaitForExit(3000))
        {
            Kill("-KILL");
            _daemon.WaitForExit(5000);
        }

        _daemon.Dispose();
    }

    /// <summary>Starts the server as the leader of a process group, and waits for its port.</summary>
    protected async Task StartAsync(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo("setsid", [program, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        _daemon = Process.Start(start)!;
        _daemon.OutputDataReceived += (_, line) => Said(line.Data);
        _daemon.ErrorDataReceived += (_, line) => Said(line.Data);
        _daemon.BeginOutputReadLine();
        _daemon.BeginErrorReadLine();
        try
        {
            await Repository.WaitForPortAsync(Port);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message} {Log}", e);
        }
    }

    /// <summary>Takes a line of what the server says.</summary>
    protected virtual void Said(string? line)
    {
    }

    private void Kill(string signal)
    {
        using var kill = Process.Start(new ProcessStartInfo("kill", [signal, "--", "-" + _daemon!.Id.ToString(CultureInfo.InvariantCulture)]) { RedirectStandardError = true })!;
        kill.WaitForExit();
    }
}
