using System.Buffers;
using System.Net;
using System.Net.Sockets;
using BlackPony.Smtp.Inbound;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>One client, its backend, and the machine between them.</summary>
internal sealed class InboundConnection(Socket client, InboundSettings settings, ILogger log)
{
    // Several records of the greatest length at a time.
    private const int ReadLength = 131072;

    private readonly BackendConnector _connector = new(settings);
    private readonly ProgressTimeout _deadline = new(settings.Time);
    private readonly AsyncAutoResetEvent _bell = new();
    private SocketReadiness? _fromClient;
    private SocketReadiness? _fromBackend;
    private BackendConnection? _backend;
    private BackendConnection? _fresh;
    private Task<BackendConnection>? _opening;
    private bool _clientDone;
    private bool _backendTold;
    private bool _backendGone;

    public async Task RunAsync(SessionPlace place, CancellationToken end)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(end, settings.Probe?.Open ?? CancellationToken.None);
        var kill = ending.Token;
        var stop = place.Stop;
        var peer = (IPEndPoint)client.RemoteEndPoint!;
        using var session = new InboundSession(settings.Options, settings.Random, peer.ToString());
        using var alarm = new WakeTimer(settings.Time, _bell);
        using var stopping = stop.UnsafeRegister(b => ((AsyncAutoResetEvent)b!).Ring(), _bell);
        using var killing = kill.UnsafeRegister(b => ((AsyncAutoResetEvent)b!).Ring(), _bell);
        using var outlet = new SocketSender(settings.Time, kill);
        _fromClient = new SocketReadiness(client, _bell);
        try
        {
            Telemetry.SessionBegan();
            BeginOpening(peer, kill);
            while (true)
            {
                await FlushAsync(session, outlet).ConfigureAwait(false);
                if (session.Request == InboundRequest.Close)
                {
                    break;
                }

                place.Report(session.IsIdle, session.Messages);
                Ask(session, peer, kill);
                var left = _deadline.Left(session.Progress, session.PeerTimeout);
                if (!Happened(session, left, stop, kill))
                {
                    alarm.Set(left);
                    await _bell.WaitAsync().ConfigureAwait(false);
                }
            }

            _backend?.Dispose();
            _backend = null;
            await DrainAndClose.AwayAsync(client, settings.Time, kill).ConfigureAwait(false);
        }
        finally
        {
            _backend?.Dispose();
            _fresh?.Dispose();
            if (_opening is not null)
            {
                _ = _opening.ContinueWith(t => t.Result.Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            }

            var report = session.Report;
            var failure = Failure(session);
            Telemetry.SessionEnded(report, session.Messages, failure);
            log.LogInformation(
                "session peer={Peer} suite={Suite} encrypted={Encrypted} failure={Failure} closed={Closed} messages={Messages}",
                report.Peer, report.Suite ?? "none", report.Encrypted ? "yes" : "no", failure ?? "none", report.Closed, session.Messages);
        }
    }

    // Why the client that asked for encryption has none.
    private static string? Failure(InboundSession session) => session.Report switch
    {
        { Encrypted: true } => null,
        { Suite: not null and not "ROT" } report => report.Closed,
        { Suite: null } when session.RefusedWith > 0 => $"refused-{session.RefusedWith}",
        _ => null,
    };

    private void BeginOpening(IPEndPoint peer, CancellationToken kill)
    {
        _opening = _connector.OpenAsync(peer, (IPEndPoint)client.LocalEndPoint!, kill);
        _opening.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(_bell.Ring);
    }

    // Begins what the machine waits for.
    private void Ask(InboundSession session, IPEndPoint peer, CancellationToken kill)
    {
        if (session.Request == InboundRequest.OpenBackend && _opening is null && _fresh is null)
        {
            BeginOpening(peer, kill);
        }

        if (!_clientDone && session.WantsClient)
        {
            _fromClient!.Ask();
        }

        if (!_backendGone)
        {
            _fromBackend?.Ask();
        }
    }

    // Tells the machine one thing that has happened; false if nothing has.
    private bool Happened(InboundSession session, TimeSpan left, CancellationToken stop, CancellationToken kill)
    {
        if (kill.IsCancellationRequested)
        {
            // No more patience, not even for the client's close.
            session.Stop();
            session.TimedOut();
        }
        else if (stop.IsCancellationRequested && session.IsIdle)
        {
            session.Stop();
        }
        else if (left == TimeSpan.Zero)
        {
            session.TimedOut();
        }
        else if (_opening is { IsCompleted: true })
        {
            OnOpened(session);
        }
        else if (_fromBackend is { HasArrived: true })
        {
            OnBackend(session);
        }
        else if (_fromClient!.HasArrived && session.WantsClient)
        {
            OnClient(session);
        }
        else
        {
            return false;
        }

        return true;
    }

    private void OnBackend(InboundSession session)
    {
        var octets = ArrayPool<byte>.Shared.Rent(ReadLength);
        int count = _fromBackend!.Read(octets);
        if (count > 0)
        {
            session.FromBackend(octets.AsSpan(0, count));
        }
        else if (count == 0)
        {
            _backendGone = true;
            session.BackendEnded();
        }

        ArrayPool<byte>.Shared.Return(octets);
    }

    private void OnClient(InboundSession session)
    {
        var octets = ArrayPool<byte>.Shared.Rent(ReadLength);
        int count = _fromClient!.Read(octets);
        if (count > 0)
        {
            Telemetry.Received(count);
            session.FromClient(octets.AsSpan(0, count));
        }
        else if (count == 0)
        {
            _clientDone = true;
            session.ClientEnded();
        }

        ArrayPool<byte>.Shared.Return(octets);
    }

    private void OnOpened(InboundSession session)
    {
        var opening = _opening!;
        _opening = null;
        try
        {
            var connection = opening.GetAwaiter().GetResult();
            if (_backend is null)
            {
                UseBackend(connection);
            }
            else
            {
                _fresh = connection;
            }

            session.BackendReady(connection.Greeting);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            log.LogWarning("backend not available: {Error}", e.Message);
            if (_backend is null)
            {
                Telemetry.ConnectionRefused("backend");
            }

            session.BackendUnavailable();
        }
    }

    private async ValueTask FlushAsync(InboundSession session, SocketSender outlet)
    {
        if (_fresh is not null && session.SwitchedBackend)
        {
            _backend!.Dispose();
            _backendGone = false;
            UseBackend(_fresh);
            _fresh = null;
        }
        else if (_fresh is not null && !session.NeedsFreshBackend)
        {
            _fresh.Dispose();
            _fresh = null;
        }

        if (_backend is not null)
        {
            await FlushBackendAsync(session, _backend.Socket, outlet).ConfigureAwait(false);
        }

        if (session.ToClient.WrittenCount > 0)
        {
            Telemetry.Sent(session.ToClient.WrittenCount);
            await outlet.SendAsync(client, session.ToClient).ConfigureAwait(false);
        }
    }

    private async ValueTask FlushBackendAsync(InboundSession session, Socket backend, SocketSender outlet)
    {
        try
        {
            if (session.ToBackend.WrittenCount > 0)
            {
                await outlet.SendAsync(backend, session.ToBackend).ConfigureAwait(false);
            }

            if (session.BackendInputDone && !_backendTold)
            {
                _backendTold = true;
                backend.Shutdown(SocketShutdown.Send);
            }
        }
        catch (SocketException)
        {
            // The read tells what the backend said before it went away, and that it went ([BP-10.3-6]).
            session.ToBackend.ResetWrittenCount();
        }
    }

    private void UseBackend(BackendConnection connection)
    {
        _backend = connection;
        _fromBackend = new SocketReadiness(connection.Socket, _bell);
    }
}
