using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Smtp.Mailer;
using BlackPony.Smtp.Outbound;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>
/// A mailer in this process, spoken to as a mail server speaks to <c>blackpony mailer</c>: SMTP through two pipes (spec 10.4, 10.5).
/// </summary>
internal sealed class NextHop : IAsyncDisposable
{
    private readonly Route _route;
    private readonly string _domain;
    private readonly OutboundSettings _settings;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _leaving;
    private readonly CancellationTokenSource _kill;
    private readonly Pipe _toMailer = new();
    private readonly Pipe _fromMailer = new();
    private readonly Task _mailer;
    private readonly DeliveryLog _deliveries;
    private Stream _stream;
    private SessionReport? _report;

    private NextHop(Route route, string domain, OutboundSettings settings, ILogger log, CancellationToken kill)
    {
        (_route, _domain, _settings, _log, _deliveries) = (route, domain, settings, log, new DeliveryLog(log));
        _leaving = new CancellationTokenSource(Timeout.InfiniteTimeSpan, settings.Time);
        _kill = CancellationTokenSource.CreateLinkedTokenSource(kill, _leaving.Token);
        _stream = new DuplexStream(_fromMailer.Reader.AsStream(), _toMailer.Writer.AsStream());
        _mailer = Task.Run(RunAsync, CancellationToken.None);
    }

    /// <summary>Starts the mailer, which greets: with the server's greeting, or with the reason why there is none.</summary>
    /// <param name="route">The server.</param>
    /// <param name="domain">The domain of a recipient, which warnings name: by it they are found in the mail server's log.</param>
    /// <param name="settings">The relay's settings.</param>
    /// <param name="log">The log.</param>
    /// <param name="kill">Ends it at once.</param>
    public static NextHop Start(Route route, string domain, OutboundSettings settings, ILogger log, CancellationToken kill) =>
        new(route, domain, settings, log, kill);

    /// <summary>Notes what became of mail; it is logged when the server is left.</summary>
    public void Note(DeliveryOutcome outcome) => _deliveries.Note(outcome);

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
        using var patience = new LinkedTimeout(Limits.TlsTimeout, _settings.Time, _kill.Token);
#pragma warning disable CA5359 // Who can authenticate the server by TLS does not hand its mail over here.
        var tls = new SslStream(_stream, leaveInnerStreamOpen: false, (_, _, _, _) => true);
#pragma warning restore CA5359
        try
        {
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "" },
                patience.Token).ConfigureAwait(false);
            (_stream, _deliveries.Tls) = (tls, tls.SslProtocol.ToString());
            return true;
        }
        catch (Exception e) when (e is IOException or AuthenticationException or OperationCanceledException or InvalidOperationException)
        {
            _log.LogWarning("TLS with {Host} failed to={Domain}", _route.Host, _domain);
            return false;
        }
    }

    /// <summary>Leaves the server, waits until the mailer has ended and its memory is written, and reports.</summary>
    /// <param name="read">A read that is under way.</param>
    /// <param name="hasQuit">Whether QUIT was said: the server then closes the connection;
    /// else the mailer does, and the server drops a message that has not come whole.</param>
    /// <param name="messages">How many messages the server acknowledged.</param>
    public async Task LeaveAsync(Task<int>? read, bool hasQuit, int messages)
    {
        _leaving.CancelAfter(Limits.CloseTimeout);
        if (hasQuit && read is not null)
            await read.ConfigureAwait(false);

        var octets = new byte[1024];
        while (hasQuit && await ReadAsync(octets).ConfigureAwait(false) > 0)
        {
        }

        await DisposeAsync().ConfigureAwait(false);
        if (_report is { } report)
            Telemetry.SessionEnded(report, messages, report.Reason is "broken" or "refused" ? report.Reason : null);

        _deliveries.Write(_report, _domain);
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

    private void Warn(string warning) => _log.LogWarning("{Warning} to={Domain}", warning, _domain);

    private async Task RunAsync()
    {
        var output = _fromMailer.Writer.AsStream();
        MailerSession? session = null;
        var looksUp = "dns";
        try
        {
            var targets = await _settings.Router.ResolveAsync(_route, Warn, _kill.Token).ConfigureAwait(false);
            looksUp = "memory";
            IStoredMemory? memory = _settings.OpenMemory is { } open ? await open(targets, _kill.Token).ConfigureAwait(false)
                : _settings.MemoryPath is { } path ? new MemoryFile(path, _settings.Time) : null;
            foreach (var warning in memory?.Warnings ?? [])
            {
                // [BP-9.4-14]
                Warn(warning);
            }

            session = new MailerSession(_settings.Mailer with { Memory = memory?.Memory }, _settings.Random);
            Telemetry.SessionBegan();
            using var run = new MailerRun(session, targets, _toMailer.Reader.AsStream(), output, _settings.Time)
            {
                Memory = memory?.Memory,
                Remember = () => SaveAsync(memory!),
                Reached = _settings.Router.Reached,
            };
            await run.RunAsync(_kill.Token).ConfigureAwait(false);
        }
        catch (NoMailDomainException e)
        {
            // [BP-10.5-12]
            await output.WriteAsync(Encoding.ASCII.GetBytes(e.Reply + "\r\n")).ConfigureAwait(false);
        }
        catch (Exception e) when (session is null && e is IOException or FormatException or UnauthorizedAccessException)
        {
            // [BP-9.4-12], [BP-10.4-12]
            _log.LogWarning("delivery to {Host} deferred: {Error} to={Domain}", _route.Host, e.Message, _domain);
            Telemetry.DeliveryDeferred(looksUp);
            await DeferAsync(output, "421 4.4.3 Temporary failure before the connection, try again later").ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
        }
        catch (Exception e)
        {
            // A bug ends this delivery only. Its message may hold octets of the peer: only the type is logged.
            _log.LogError("delivery to {Host} ended with an internal error: {Type} to={Domain}", _route.Host, e.GetType().Name, _domain);
            await DeferAsync(output, "421 4.3.0 Internal error, try again later").ConfigureAwait(false);
        }
        finally
        {
            _report = session?.Report;
            session?.Dispose();
            await _toMailer.Reader.CompleteAsync().ConfigureAwait(false);
            await _fromMailer.Writer.CompleteAsync().ConfigureAwait(false);
        }
    }

    private async Task DeferAsync(Stream output, string reply)
    {
        try
        {
            await output.WriteAsync(Encoding.ASCII.GetBytes(reply + "\r\n"), _kill.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or OperationCanceledException)
        {
            // Nobody listens: what was asked counts as lost.
        }
    }

    private async Task SaveAsync(IStoredMemory memory)
    {
        try
        {
            await memory.SaveAsync(_kill.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            Warn($"the memory was not written: {e.Message}");
        }
    }
}
