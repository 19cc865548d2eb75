using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Smtp;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>A mailer in this process, spoken to as a mail server speaks to <c>blackpony mailer</c>: SMTP through two pipes (spec 10.4, 10.5).</summary>
internal sealed class NextServer : IAsyncDisposable
{
    private readonly Route _route;
    private readonly OutboundSettings _settings;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _leaving;
    private readonly CancellationTokenSource _kill;
    private readonly Pipe _toMailer = new();
    private readonly Pipe _fromMailer = new();
    private readonly Task _mailer;
    private Stream _stream;
    private string? _tls;
    private SessionReport? _report;

    private NextServer(Route route, OutboundSettings settings, ILogger log, CancellationToken kill)
    {
        (_route, _settings, _log) = (route, settings, log);
        _leaving = new CancellationTokenSource(Timeout.InfiniteTimeSpan, settings.Time);
        _kill = CancellationTokenSource.CreateLinkedTokenSource(kill, _leaving.Token);
        _stream = new DuplexStream(_fromMailer.Reader.AsStream(), _toMailer.Writer.AsStream());
        _mailer = Task.Run(RunAsync, CancellationToken.None);
    }

    /// <summary>Starts the mailer, which greets: with the server's greeting, or with the reason why there is none.</summary>
    public static NextServer Start(Route route, OutboundSettings settings, ILogger log, CancellationToken kill) => new(route, settings, log, kill);

    /// <summary>Reads what the mailer says; 0 at its end.</summary>
    public async Task<int> ReadAsync(Memory<byte> octets)
    {
        try
        {
            return await _stream.ReadAsync(octets, _kill.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or InvalidOperationException)
        {
            return 0;
        }
    }

    /// <summary>Says something to the mailer. That it has ended shows when it is read.</summary>
    /// <exception cref="OperationCanceledException">The server takes nothing any more.</exception>
    public async Task WriteAsync(ReadOnlyMemory<byte> octets, CancellationToken cancel)
    {
        try
        {
            await _stream.WriteAsync(octets, cancel).ConfigureAwait(false);
            await _stream.FlushAsync(cancel).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
        }
    }

    /// <summary>Begins TLS through the mailer, which is a pipe then. Nobody is authenticated (RFC 7435, [BP-10.5-13]).</summary>
    public async Task<bool> StartTlsAsync()
    {
        using var patience = new Patience(Limits.ReplyTimeout, _settings.Time, _kill.Token);
#pragma warning disable CA5359 // Who can authenticate the server by TLS does not hand its mail over here.
        var tls = new SslStream(_stream, leaveInnerStreamOpen: false, (_, _, _, _) => true);
#pragma warning restore CA5359
        try
        {
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "" }, patience.Token).ConfigureAwait(false);
            (_stream, _tls) = (tls, tls.SslProtocol.ToString());
            return true;
        }
        catch (Exception e) when (e is IOException or AuthenticationException or OperationCanceledException or InvalidOperationException)
        {
            _log.LogWarning("TLS with {Host} failed", _route.Host);
            return false;
        }
    }

    /// <summary>Leaves the server, waits until the mailer has ended and its memory is written, and reports.</summary>
    /// <param name="read">A read that is under way.</param>
    /// <param name="hasQuit">Whether QUIT was said: the server then closes the connection; else the mailer does, and the server drops a message that has not come whole.</param>
    /// <param name="messages">How many messages the server acknowledged.</param>
    public async Task LeaveAsync(Task<int>? read, bool hasQuit, int messages)
    {
        _leaving.CancelAfter(Limits.CloseTimeout);
        if (hasQuit && read is not null)
        {
            await read.ConfigureAwait(false);
        }

        var octets = new byte[1024];
        while (hasQuit && await ReadAsync(octets).ConfigureAwait(false) > 0)
        {
        }

        await DisposeAsync().ConfigureAwait(false);
        if (_report is not null)
        {
            Tell(_report, messages);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _toMailer.Writer.CompleteAsync().ConfigureAwait(false);
        await _mailer.ConfigureAwait(false);
        await _stream.DisposeAsync().ConfigureAwait(false);
        _kill.Dispose();
        _leaving.Dispose();
    }

    private async Task RunAsync()
    {
        var output = _fromMailer.Writer.AsStream();
        try
        {
            var memory = _settings.MemoryPath is { } path ? new MemoryFile(path, _settings.Time) : null;
            foreach (var warning in memory?.Memory.Warnings ?? [])
            {
                // [BP-9.4-14]
                _log.LogWarning("{Warning}", warning);
            }

            var targets = await _settings.Router.ResolveAsync(_route, w => _log.LogWarning("{Warning}", w), _kill.Token).ConfigureAwait(false);
            Telemetry.SessionBegan();
            _report = new SessionReport();
            _report = await MailerHost.RunAsync(
                _settings.Mailer with { Memory = memory?.Memory }, _settings.Random, targets, _toMailer.Reader.AsStream(), output, _kill.Token, _settings.Time, () => SaveAsync(memory!), _settings.Router.Reached).ConfigureAwait(false);
        }
        catch (NoMailDomainException e)
        {
            // [BP-10.5-12]
            await output.WriteAsync(Encoding.ASCII.GetBytes(e.Reply + "\r\n")).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or FormatException or UnauthorizedAccessException)
        {
            // [BP-9.4-12], [BP-10.4-12]
            _log.LogWarning("no delivery to {Host} now: {Error}", _route.Host, e.Message);
            await output.WriteAsync("421 4.4.3 Temporary trouble before the connection, try again later\r\n"u8.ToArray()).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
        }
        catch (Exception e)
        {
            // A fault of ours ends this delivery only. Its message may hold octets of the peer: only the type is told.
            _log.LogError("delivery to {Host} ended by a fault: {Type}", _route.Host, e.GetType().Name);
        }
        finally
        {
            await _toMailer.Reader.CompleteAsync().ConfigureAwait(false);
            await _fromMailer.Writer.CompleteAsync().ConfigureAwait(false);
        }
    }

    private void Tell(SessionReport report, int messages)
    {
        Telemetry.SessionEnded(report, messages, report.Reason is "broken" or "refused" ? report.Reason : null);
        _log.LogInformation(
            "delivery to={Host} peer={Peer} suite={Suite} encrypted={Encrypted} tls={Tls} reason={Reason} deferred={Deferred} closed={Closed} messages={Messages}",
            _route.Host, report.Peer, report.Suite ?? "none", report.Encrypted ? "yes" : "no", _tls ?? "no", report.Reason ?? "none", report.Deferred ? "yes" : "no", report.Closed, messages);
        foreach (var warning in report.Warnings)
        {
            _log.LogWarning("{Warning}", warning);
        }
    }

    private async Task SaveAsync(MemoryFile memory)
    {
        try
        {
            await memory.SaveAsync(_kill.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            _log.LogWarning("the memory was not written: {Error}", e.Message);
        }
    }
}
