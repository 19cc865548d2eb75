using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace BlackPony.Conformance.Targets;

/// <summary>Another implementation's server, at an address.</summary>
/// <param name="host">Host name or address.</param>
/// <param name="port">TCP port.</param>
/// <param name="backendPort">The port of 127.0.0.1 at which the relay under test expects its mail server, which the suite then plays;
/// 0 for none.</param>
/// <param name="timeouts">The time-outs that the target declares.</param>
/// <param name="mailbox">A command, run by <c>/bin/sh</c>, that prints all mail that the server has accepted; null if there is none.
/// </param>
public sealed class RemoteServer(string host, int port, int backendPort, IReadOnlyDictionary<string, TimeSpan> timeouts,
    string? mailbox = null) : ServerTarget
{
    // What a shell says if there is no such program.
    private const int NotFound = 127;

    private readonly MailSink? _backend = backendPort > 0 ? new MailSink(backendPort) : null;

    private volatile string _mailboxSays = "";

    /// <summary>What is known of it, if it is tested for STARTTLS.</summary>
    public MailFacts Facts { get; init; } = new();

    /// <inheritdoc/>
    public override string Name => $"{host}:{port}";

    /// <inheritdoc/>
    public override bool SharesBackend => true;

    /// <inheritdoc/>
    public override Task<ServerPlace> TakeAsync(Needs needs, CancellationToken cancel)
    {
        if (needs.HasFlag(Needs.Backend) && _backend is null)
            throw new NotApplicableException("Only for a relay whose mail server the suite plays: give --backend and the port.");

        if (needs.HasFlag(Needs.Mailbox) && mailbox is null)
        {
            throw new NotApplicableException("Only for a server whose mail can be looked at: give --mailbox and a command that prints all "
                + "mail that it has accepted. At a relay the cases with a backend show the same.");
        }

        Facts.Check(needs);
        var other = needs.HasFlag(Needs.NoCertificate) ? Facts.WithoutCertificate : null;
        return Task.FromResult(new ServerPlace(other?.Host ?? host, other?.Port ?? port, _backend, () =>
        {
            _backend?.Reset();
            return ValueTask.CompletedTask;
        })
        {
            Timeouts = timeouts,
            Mailbox = mailbox is null ? null : MailAsync,
            MailboxSays = () => _mailboxSays,
            Mark = RandomNumberGenerator.GetHexString(8, lowercase: true),
            Facts = Facts,
        });
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        if (_backend is not null)
            await _backend.DisposeAsync();
    }

    private async Task<string> MailAsync(CancellationToken cancel)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", mailbox!])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.Latin1,
            StandardErrorEncoding = Encoding.Latin1,
        })!;
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync(cancel);
        try
        {
            var mail = await process.StandardOutput.ReadToEndAsync(cancel);
            await process.WaitForExitAsync(cancel);

            // cat ends so too where there is no mail yet: it is told if none comes.
            var first = (await error).Split('\n')[0];
            _mailboxSays = process.ExitCode == 0 ? ""
                : $". The command of --mailbox ends with exit code {process.ExitCode}: {(first.Length > 0 ? first : "it says nothing")}";
            return process.ExitCode == NotFound
                ? throw new OwnTroubleException($"the command of --mailbox was not found: {mailbox}", new FileNotFoundException())
                : mail;
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>Connects once, to find out whether a mail server answers.</summary>
    /// <exception cref="SocketException">It is not reachable.</exception>
    public async Task ReachAsync(CancellationToken cancel)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new DnsEndPoint(host, port), cancel);
    }
}
