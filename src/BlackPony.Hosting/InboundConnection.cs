using System.Net.Sockets;
using BlackPony.Smtp.Inbound;
using BlackPony.Smtp.Lines;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>One client, its backend, and the session between them.</summary>
internal sealed class InboundConnection(ClientConnection connection, InboundSettings settings, ILogger log)
    : SessionLoop(settings.Time), IDisposable
{
    // Several records of the greatest length at a time.
    private const int ReadLength = 131072;

    private readonly Socket _client = connection.Socket;
    private readonly InboundSession _session = new(settings.Options, settings.Random, connection.Peer.ToString());
    private readonly BackendConnector _connector = new(settings);
    private readonly QueueIds _queueIds = new();
    private SessionPlace? _place;
    private SocketSender? _sender;
    private SocketReadiness? _fromClient;
    private SocketReadiness? _fromBackend;
    private BackendConnection? _backend;
    private BackendConnection? _fresh;
    private Task<BackendConnection>? _opening;
    private CancellationToken _kill;
    private bool _clientDone;
    private bool _backendTold;
    private bool _backendGone;

    public void Dispose() => _session.Dispose();

    public async Task RunAsync(SessionPlace place, CancellationToken end)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(end, settings.Probe?.Open ?? CancellationToken.None);
        using var stopping = place.Stop.UnsafeRegister(b => ((AsyncAutoResetEvent)b!).Ring(), Wake);
        using var sender = new SocketSender(settings.Time, ending.Token);
        (_place, _sender, _kill) = (place, sender, ending.Token);
        _fromClient = new SocketReadiness(_client, Wake);
        try
        {
            Telemetry.SessionBegan();
            BeginOpening();
            await LoopAsync(_session, _kill).ConfigureAwait(false);
            _backend?.Dispose();
            _backend = null;
            await DrainAndClose.AwayAsync(_client, settings.Time, _kill).ConfigureAwait(false);
        }
        catch (Exception e) when (IsBug(e) && _session.Report.Suite is null)
        {
            // After an upgrade nothing is said: the last record may be half made.
            LogBug(log, e, $" peer={_session.Report.Peer} queue={_queueIds}");
            _session.Stop(InternalError);
            await sender.SendAsync(_client, _session.ToClient).ConfigureAwait(false);
            await DrainAndClose.AwayAsync(_client, settings.Time, _kill).ConfigureAwait(false);
        }
        finally
        {
            _backend?.Dispose();
            _fresh?.Dispose();
            if (_opening is not null)
            {
                _ = _opening.ContinueWith(
                    t => t.Result.Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            }

            var report = _session.Report;
            var failure = Failure();
            Telemetry.SessionEnded(report, _session.Messages, failure);
            log.LogInformation(
                "session peer={Peer} suite={Suite} encrypted={Encrypted} failure={Failure} closed={Closed} messages={Messages} "
                    + "queue={Queue}",
                report.Peer, report.Suite ?? "none", report.Encrypted ? "yes" : "no", failure ?? "none", report.Closed, _session.Messages,
                _queueIds);
        }
    }

    // An upgrade waits for a fresh backend or for the client's share; the key exchange comes next.
    /// <inheritdoc/>
    protected override bool TakesLong => _session.NeedsFreshBackend;

    /// <inheritdoc/>
    protected override async ValueTask FlushAsync()
    {
        if (_fresh is not null && _session.SwitchedBackend)
        {
            _backend!.Dispose();
            _backendGone = false;
            UseBackend(_fresh);
            _fresh = null;
        }
        else if (_fresh is not null && !_session.NeedsFreshBackend)
        {
            _fresh.Dispose();
            _fresh = null;
        }

        if (_backend is not null)
            await FlushBackendAsync(_backend.Socket).ConfigureAwait(false);

        if (_session.ToClient.WrittenCount > 0)
        {
            Telemetry.Sent(_session.ToClient.WrittenCount);
            await _sender!.SendAsync(_client, _session.ToClient).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    protected override ValueTask DoAsync(SessionRequest request)
    {
        if (_opening is null && _fresh is null)
            BeginOpening();

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    protected override void Ask()
    {
        _place!.Report(_session.IsIdle, _session.Messages);
        if (!_clientDone && _session.WantsClient)
            _fromClient!.Ask();

        if (!_backendGone)
            _fromBackend?.Ask();
    }

    /// <inheritdoc/>
    protected override bool Happened()
    {
        if (_place!.Stop.IsCancellationRequested && _session.IsIdle)
            _session.Stop();
        else if (_opening is { IsCompleted: true })
            OnOpened();
        else if (_fromBackend is { HasArrived: true })
            OnBackend();
        else if (_fromClient!.HasArrived && _session.WantsClient)
            OnClient();
        else
            return false;

        return true;
    }

    // Not even the client's close is waited for.
    /// <inheritdoc/>
    protected override void Kill()
    {
        _session.Stop();
        _session.TimedOut();
    }

    // Why the client that asked for encryption has none.
    private string? Failure() => _session.Report switch
    {
        { Encrypted: true } => null,
        { Suite: not null and not "ROT" } report => report.Closed,
        { Suite: null } when _session.RefusedWith > 0 => $"refused-{_session.RefusedWith}",
        _ => null,
    };

    private void BeginOpening() => _opening = Watch(_connector.OpenAsync(connection, _kill));

    private void OnClient()
    {
        int count = Pass(_fromClient!, isClient: true, _session, ReadLength);
        Telemetry.Received(Math.Max(count, 0));
        _clientDone |= count == 0;
    }

    private void OnBackend()
    {
        int before = _session.Messages;
        _backendGone |=
            Pass(_fromBackend!, isClient: false, _session, ReadLength, o => _queueIds.Take(o, _session.Messages - before)) == 0;
    }

    private void OnOpened()
    {
        var opening = _opening!;
        _opening = null;
        try
        {
            var opened = opening.GetAwaiter().GetResult();
            if (_backend is null)
                UseBackend(opened);
            else
                _fresh = opened;

            _session.BackendReady(opened.Greeting);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            log.LogWarning("backend {Backend} not available: {Error} peer={Peer} queue={Queue}", settings.Backend, e.Message,
                _session.Report.Peer, _queueIds);
            if (_backend is null)
                Telemetry.ConnectionRefused("backend");

            _session.BackendUnavailable();
        }
    }

    private async ValueTask FlushBackendAsync(Socket backend)
    {
        try
        {
            if (_session.ToServer.WrittenCount > 0)
                await _sender!.SendAsync(backend, _session.ToServer).ConfigureAwait(false);

            if (_session.BackendInputDone && !_backendTold)
            {
                _backendTold = true;
                backend.Shutdown(SocketShutdown.Send);
            }
        }
        catch (SocketException)
        {
            // The read tells what the backend said before it went away, and that it went ([BP-10.3-6]).
            _session.ToServer.ResetWrittenCount();
        }
    }

    private void UseBackend(BackendConnection opened)
    {
        _backend = opened;
        _fromBackend = new SocketReadiness(opened.Socket, Wake);
    }
}
