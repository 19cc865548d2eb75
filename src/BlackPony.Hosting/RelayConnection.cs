using System.Buffers;
using System.Net;
using System.Net.Sockets;
using BlackPony.Reference;
using BlackPony.Reference.Smtp;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>One client, its backend, and the machine between them.</summary>
internal sealed class RelayConnection(Socket client, RelaySettings settings, ILogger log)
{
    private readonly BackendConnector _connector = new(settings);
    private readonly byte[] _clientOctets = new byte[16384];
    private byte[] _backendOctets = new byte[16384];
    private BackendConnection? _backend;
    private BackendConnection? _fresh;
    private Task<int>? _clientRead;
    private Task<int>? _backendRead;
    private Task<BackendConnection>? _opening;
    private readonly Deadline _deadline = new(settings.Time);
    private bool _clientDone;
    private bool _backendTold;
    private bool _backendGone;

    public async Task RunAsync(CancellationToken stop, CancellationToken kill)
    {
        var peer = (IPEndPoint)client.RemoteEndPoint!;
        using var session = new RelaySession(settings.Options, settings.Random, peer.ToString());
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var stopping = Task.Delay(Timeout.InfiniteTimeSpan, ended.Token);
        try
        {
            Telemetry.SessionBegan();
            _opening = OpenAsync(peer, kill);
            while (true)
            {
                await FlushAsync(session, kill).ConfigureAwait(false);
                if (session.Request == RelayRequest.Close)
                {
                    break;
                }

                await NextAsync(session, peer, stopping, kill).ConfigureAwait(false);
            }

            _backend?.Dispose();
            _backend = null;
            await LingerAsync(kill).ConfigureAwait(false);
        }
        finally
        {
            _backend?.Dispose();
            _fresh?.Dispose();
            if (_opening is not null)
            {
                _ = _opening.ContinueWith(t => t.Result.Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            }

            await ended.CancelAsync().ConfigureAwait(false);
            var report = session.Report;
            var failure = Failure(session);
            Telemetry.SessionEnded(report, session.Messages, failure);
            log.LogInformation(
                "session peer={Peer} suite={Suite} encrypted={Encrypted} failure={Failure} closed={Closed} messages={Messages}",
                report.Peer, report.Suite ?? "none", report.Encrypted ? "yes" : "no", failure ?? "none", report.Closed, session.Messages);
        }
    }

    // Why the client that asked for encryption has none.
    private static string? Failure(RelaySession session) => session.Report switch
    {
        { Encrypted: true } => null,
        { Suite: not null and not "ROT" } report => report.Closed,
        { Suite: null } when session.RefusedWith > 0 => $"refused-{session.RefusedWith}",
        _ => null,
    };

    private async Task<BackendConnection> OpenAsync(IPEndPoint peer, CancellationToken cancel)
    {
        if (settings.Guard is not null)
        {
            await settings.Guard.CheckAsync(cancel).ConfigureAwait(false);
        }

        return await _connector.OpenAsync(peer, (IPEndPoint)client.LocalEndPoint!, cancel).ConfigureAwait(false);
    }

    // Waits for the next thing that happens and tells the machine.
    private async Task NextAsync(RelaySession session, IPEndPoint peer, Task stopping, CancellationToken kill)
    {
        if (session.Request == RelayRequest.OpenBackend && _opening is null && _fresh is null)
        {
            _opening = OpenAsync(peer, kill);
        }

        if (!_clientDone && session.WantsClient)
        {
            _clientRead ??= client.ReceiveAsync(_clientOctets.AsMemory(), kill).AsTask();
        }

        if (_backend is not null && !_backendGone)
        {
            _backendRead ??= _backend.Socket.ReceiveAsync(_backendOctets.AsMemory(), kill).AsTask();
        }

        using var wake = CancellationTokenSource.CreateLinkedTokenSource(kill);
        var waits = new List<Task> { _deadline.WaitAsync(session.Progress, session.Patience, wake.Token) };
        if (!stopping.IsCompleted)
        {
            waits.Add(stopping);
        }
        else if (session.IsIdle)
        {
            session.Stop();
            return;
        }

        waits.AddRange(((Task?[])[_opening, _backendRead, session.WantsClient ? _clientRead : null]).OfType<Task>());
        var first = await Task.WhenAny(waits).ConfigureAwait(false);
        await wake.CancelAsync().ConfigureAwait(false);
        if (kill.IsCancellationRequested)
        {
            // No more patience, not even for the client's close.
            session.Stop();
            session.TimedOut();
        }
        else if (first == _opening)
        {
            await OnOpenedAsync(session).ConfigureAwait(false);
        }
        else if (first == _backendRead)
        {
            int count = await CountAsync(_backendRead).ConfigureAwait(false);
            _backendRead = null;
            if (count > 0)
            {
                session.FromBackend(_backendOctets.AsSpan(0, count));
            }
            else
            {
                _backendGone = true;
                session.BackendEnded();
            }
        }
        else if (first == _clientRead)
        {
            int count = await CountAsync(_clientRead).ConfigureAwait(false);
            _clientRead = null;
            if (count > 0)
            {
                Telemetry.Received(count);
                session.FromClient(_clientOctets.AsSpan(0, count));
            }
            else
            {
                _clientDone = true;
                session.ClientEnded();
            }
        }
        else if (first == waits[0])
        {
            session.TimedOut();
        }
    }

    private async Task OnOpenedAsync(RelaySession session)
    {
        var opening = _opening!;
        _opening = null;
        try
        {
            var connection = await opening.ConfigureAwait(false);
            if (_backend is null)
            {
                _backend = connection;
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

    private async Task FlushAsync(RelaySession session, CancellationToken kill)
    {
        if (_fresh is not null && session.SwitchedBackend)
        {
            // The old connection's last read ends with it, into its own buffer.
            _backend!.Dispose();
            _backendRead = null;
            _backendGone = false;
            _backendOctets = new byte[_backendOctets.Length];
            _backend = _fresh;
            _fresh = null;
        }
        else if (_fresh is not null && !session.NeedsFreshBackend)
        {
            _fresh.Dispose();
            _fresh = null;
        }

        if (session.ToBackend.WrittenCount > 0 && _backend is not null)
        {
            await SendAsync(_backend.Socket, session.ToBackend, kill).ConfigureAwait(false);
        }

        if (session.BackendInputDone && !_backendTold && _backend is not null)
        {
            _backendTold = true;
            _backend.Socket.Shutdown(SocketShutdown.Send);
        }

        if (session.ToClient.WrittenCount > 0)
        {
            Telemetry.Sent(session.ToClient.WrittenCount);
            await SendAsync(client, session.ToClient, kill).ConfigureAwait(false);
        }
    }

    private static async Task SendAsync(Socket socket, ArrayBufferWriter<byte> octets, CancellationToken kill)
    {
        // At the end of the drain the last reply still goes out, if the peer takes it at once.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(kill.IsCancellationRequested ? CancellationToken.None : kill);
        patience.CancelAfter(kill.IsCancellationRequested ? TimeSpan.FromSeconds(1) : Limits.IdleTimeout);
        for (var rest = octets.WrittenMemory; !rest.IsEmpty;)
        {
            rest = rest[await socket.SendAsync(rest, patience.Token).ConfigureAwait(false)..];
        }

        octets.ResetWrittenCount();
    }

    private static async Task<int> CountAsync(Task<int> read)
    {
        try
        {
            return await read.ConfigureAwait(false);
        }
        catch (SocketException)
        {
            return 0;
        }
    }

    // What was sent last must not be lost by a reset: the client's octets are read away for a while.
    private async Task LingerAsync(CancellationToken kill)
    {
        try
        {
            client.Shutdown(SocketShutdown.Send);
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(kill);
            patience.CancelAfter(Limits.LingerTimeout);
            if (_clientRead is not null)
            {
                await _clientRead.WaitAsync(patience.Token).ConfigureAwait(false);
            }

            for (int i = 0; !_clientDone && i < 64 && await client.ReceiveAsync(_clientOctets.AsMemory(), patience.Token).ConfigureAwait(false) > 0; i++)
            {
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
        }
    }
}
