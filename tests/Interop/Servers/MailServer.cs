using System.Diagnostics;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>A mail server of its own for a test: private configuration and queue, loopback only.</summary>
internal abstract class MailServer : IDisposable
{
    private ProcessStartInfo? _start;
    private Daemon? _daemon;

    /// <summary>The server's folder, port and mailbox.</summary>
    protected MailServer(string folder)
    {
        Folder = ServerInstall.Open(folder);
        Port = FreePorts.Next();
        Mailbox = Mailbox.Create(Path.Combine(folder, "box"));
    }

    /// <summary>Where its queue and configuration are.</summary>
    public string Folder { get; }

    /// <summary>Where it listens on 127.0.0.1.</summary>
    public int Port { get; }

    /// <summary>Where it keeps the mail of its own domains.</summary>
    public Mailbox Mailbox { get; }

    /// <summary>What it logged, for a test that fails.</summary>
    public abstract string Log { get; }

    /// <summary>What it wrote to its standard output and standard error.</summary>
    protected string Output => _daemon?.Output ?? "";

    /// <inheritdoc/>
    public virtual void Dispose()
    {
        _daemon?.End();
        _daemon?.Dispose();
        _daemon = null;
    }

    /// <summary>Ends the server by SIGKILL, in the midst of whatever it does.</summary>
    public Task KillAsync() => _daemon!.KillAsync(Folder);

    /// <summary>Starts it again, as it was.</summary>
    public async Task StartAgainAsync()
    {
        _daemon!.Dispose();
        await RunAsync();
    }

    /// <summary>Starts the server as the leader of a process group, and waits for its port.</summary>
    /// <exception cref="TimeoutException">It does not listen; the message says why.</exception>
    protected async Task StartAsync(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        _start = Daemon.Private(program, arguments);
        _start.RedirectStandardInput = true;
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            _start.Environment[name] = value;
        }

        await RunAsync();
    }

    private async Task RunAsync() => _daemon = await Daemon.StartAsync(_start!, Port, () => Log);
}
