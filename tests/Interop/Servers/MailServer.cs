using System.Diagnostics;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>A mail server of its own for a test: private configuration and queue, loopback only.</summary>
internal abstract class MailServer : IDisposable
{
    private ProcessStartInfo? _start;
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

        Instance.Signal(_daemon, "TERM");
        if (!_daemon.WaitForExit(3000))
        {
            Instance.Signal(_daemon, "KILL");
            _daemon.WaitForExit(5000);
        }

        _daemon.Dispose();
        _daemon = null;
    }

    /// <summary>Ends the server by SIGKILL, in the midst of whatever it does.</summary>
    public Task KillAsync() => Instance.KillAsync(_daemon!, Folder);

    /// <summary>Starts it again, as it was.</summary>
    public async Task StartAgainAsync()
    {
        _daemon!.Dispose();
        await RunAsync();
    }

    /// <summary>Starts the server as the leader of a process group, and waits for its port.</summary>
    protected async Task StartAsync(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo("setsid", [program, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        _start = start;
        await RunAsync();
    }

    private async Task RunAsync()
    {
        _daemon = Process.Start(_start!)!;
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
            Dispose();
            throw new TimeoutException($"{e.Message} {Log}", e);
        }
    }

    /// <summary>Takes a line of what the server says.</summary>
    protected virtual void Said(string? line)
    {
    }
}
