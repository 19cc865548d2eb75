using System.Diagnostics;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>A private sendmail: a server that keeps the mail of its domain as files, or a sender.</summary>
public sealed class Sendmail : IDisposable
{
    private static readonly string ServerInstall = Repository.At("artifacts", "servers");
    private readonly string _host;
    private int _messages;
    private int _port;
    private string _options = "";
    private Daemon? _daemon;

    private Sendmail(string folder, string host)
    {
        Folder = folder;
        _host = host;
        Directory.CreateDirectory(folder);
    }

    /// <summary>Where its queue, configuration and mailboxes are.</summary>
    public string Folder { get; }

    /// <summary>Where it keeps what it received.</summary>
    internal Mailbox Mailbox => new(Path.Combine(Folder, "box"));

    /// <summary>Skips the test where sendmail cannot run.</summary>
    public static void Need() => Servers.ServerInstall.Need("sendmail");

    /// <summary>
    /// Starts a server for mail of a domain, or of several with spaces between; <paramref name="smartHost"/> is a port for all other mail,
    /// which <paramref name="relaysForItself"/> takes from this machine.
    /// </summary>
    public static async Task<Sendmail> StartAsync(string folder, string host, string domains, int port, bool tls = false,
        string options = "", int? smartHost = null, bool relaysForItself = true)
    {
        var server = new Sendmail(folder, host) { _port = port, _options = options };
        await server.ShellAsync($"sm_server {folder} {host} {port} '{domains}' {(tls ? "tls" : "")}"
            + (relaysForItself ? "" : $" && sm_stranger {folder}"),
            smartHost is null
                ? []
                : [("SM_EXTRA", $"define(`SMART_HOST', `esmtp:[127.0.0.1]')dnl\ndefine(`ESMTP_MAILER_ARGS', `TCP $h {smartHost}')dnl")]);
        await server.RunAsync();
        return server;
    }

    /// <summary>Ends the server by SIGKILL, in the midst of whatever it does.</summary>
    public Task KillAsync() => _daemon!.KillAsync(Folder);

    /// <summary>Starts it again, as it was.</summary>
    public async Task StartAgainAsync()
    {
        _daemon!.Dispose();
        await RunAsync();
    }

    /// <summary>Delivers what is in the queue.</summary>
    /// <returns>What sendmail says.</returns>
    public Task<string> FlushAsync() => ShellAsync($"sm_retry {Folder} {_host} && sm_queue {Folder} {_host}");

    /// <summary>Makes a sender.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="host">Its host name.</param>
    /// <param name="domain">The domain to which it sends.</param>
    /// <param name="route">A mailertable value for that domain: <c>blackpony:…</c> or <c>esmtp:…</c>.</param>
    /// <param name="mailer">Program and arguments of the mailer <c>blackpony</c>.</param>
    /// <param name="port">The port for sendmail's own mailers.</param>
    public static async Task<Sendmail> SenderAsync(string folder, string host, string domain, string route, string mailer, int port)
    {
        var sender = new Sendmail(folder, host);
        await sender.ShellAsync(
            $"SM_ROUTE='{route}' SM_EXTRA='define(`ESMTP_MAILER_ARGS'\"'\"', `TCP $h {port}'\"'\"')dnl' sm_sender {folder} {host} "
                + $"{domain} {mailer}");
        return sender;
    }

    /// <summary>Makes a sender with routes to several ports.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="host">Its host name.</param>
    /// <param name="routes">The domains and their ports.</param>
    /// <param name="mailer">Program and arguments of a mailer, which gets the port behind them; null for sendmail's own.</param>
    public static async Task<Sendmail> RouterAsync(string folder, string host,
        IReadOnlyCollection<(string Domain, int Port)> routes, string? mailer)
    {
        const string Fields = @"S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\r\n, L=990, T=DNS/RFC822/SMTP";
        var sender = new Sendmail(folder, host);
        var mailers = routes.Select(r => mailer is null
            ? $"Mto{r.Port}, P=[IPC], F=mDFMuXak, {Fields}, A=TCP $h {r.Port}"
            : $"Mto{r.Port}, P={mailer.Split(' ')[0]}, F=mDFMuXakS, {Fields}, A=blackpony {mailer.Split(' ', 2)[1]} --port {r.Port} -- $h");
        await sender.ShellAsync($"sm_router {folder} {host}", ("SM_MAILERS", string.Join('\n', mailers)),
            ("SM_TABLE", string.Join('\n', routes.Select(r => $"{r.Domain} to{r.Port}:[127.0.0.1]"))));
        return sender;
    }

    /// <summary>Hands in a message and delivers it.</summary>
    /// <returns>What sendmail says, with <c>-v</c>.</returns>
    public async Task<string> SendAsync(byte[] message, params string[] recipients)
    {
        var file = Path.Combine(Folder, $"message-{Interlocked.Increment(ref _messages)}");
        await File.WriteAllBytesAsync(file, message);
        return await ShellAsync(
            $"sm_run {_host} -C {Folder}/sendmail.cf -B8BITMIME -bm -v -i -odi -f s@a.test -- {string.Join(' ', recipients)} <{file} || "
                + "true");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _daemon?.End(now: true);
        _daemon?.Dispose();
        _daemon = null;
    }

    private async Task RunAsync() =>
        _daemon = await Daemon.StartAsync(
            Shell($"sm_exec {_host} -C {Folder}/sendmail.cf -bD {_options}"), _port, () => "none");

    private static ProcessStartInfo Shell(string commands)
    {
        var start = Daemon.Private("/bin/bash", ["-c", $". {Repository.Root}/tests/Interop/Servers/sendmail.sh && {commands}"]);
        start.Environment["SM_LAB"] = ServerInstall;
        return start;
    }

    private async Task<string> ShellAsync(string commands, params (string Name, string Value)[] environment)
    {
        var start = Shell(commands);
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (await Task.WhenAny(output, Task.Delay(Wait.HangGuard)) != output)
        {
            Instance.Signal(process, "KILL");
            Assert.Fail($"sendmail hung: {commands}");
        }

        var text = await output;
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"sendmail's set-up failed: {await error}{text}");
        return text + await error;
    }
}
