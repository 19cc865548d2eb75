using System.Net;
using System.Net.Sockets;
using BlackPony.Reference;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>Listens, runs a session for each connection within a bound, and lets them finish at the end (spec 10).</summary>
/// <typeparam name="TSettings">Its other settings.</typeparam>
/// <param name="settings">What it does.</param>
/// <param name="log">Where to log.</param>
public abstract class SessionServer<TSettings>(TSettings settings, ILogger log) : IAsyncDisposable
    where TSettings : ServerSettings
{
    private readonly List<Socket> _listeners = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _kill = new();
    private readonly Dictionary<SessionPlace, Task> _sessions = [];
    private readonly Dictionary<IPAddress, int> _clients = [];
    private readonly HashSet<Task> _refusals = [];
    private readonly HashSet<Task> _headers = [];
    private readonly List<Task> _accepting = [];
    private int _leaving;
    private volatile TSettings _settings = settings;

    /// <summary>What sessions that begin now do.</summary>
    protected TSettings Settings => _settings;

    /// <summary>Where to log.</summary>
    protected ILogger Log => log;

    /// <summary>Where the server listens, with the ports that the system chose.</summary>
    public IReadOnlyList<IPEndPoint> EndPoints => [.. _listeners.Select(l => (IPEndPoint)l.LocalEndPoint!)];

    /// <summary>Begins to listen.</summary>
    /// <exception cref="ListenException">An address can't be used.</exception>
    public void Start()
    {
        foreach (var endPoint in _settings.Listen)
        {
            var listener = ListenSocket.Open(endPoint);
            _listeners.Add(listener);
            Log.LogInformation("listening on {EndPoint}", listener.LocalEndPoint);
        }

        foreach (var listener in _listeners)
            _accepting.Add(AcceptAsync(listener));
    }

    /// <summary>
    /// Takes other settings for the sessions that begin from now on; those in flight keep theirs, and the addresses stay as they are.
    /// </summary>
    public void Reconfigure(TSettings settings)
    {
        if (!settings.Listen.SequenceEqual(_settings.Listen))
            Log.LogWarning("the addresses to listen on change only after a restart; the old ones stay in use");

        _settings = settings with { Listen = _settings.Listen };
    }

    /// <summary>
    /// Stops: idle sessions end with 421, those in flight may finish within the time of the drain, and then get 421 too ([BP-10.3-9]).
    /// </summary>
    /// <param name="now">Ends the patience before that time.</param>
    public async Task StopAsync(CancellationToken now = default)
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        foreach (var listener in _listeners)
            listener.Dispose();

        await Task.WhenAll(_accepting).ConfigureAwait(false);
        Task headers;
        lock (_sessions)
        {
            headers = Task.WhenAll(_headers);
        }

        await headers.ConfigureAwait(false);
        Task all;
        lock (_sessions)
        {
            all = Task.WhenAll([.. _sessions.Values, .. _refusals]);
        }

        if (await Task.WhenAny(all, Task.Delay(_settings.Drain, _settings.Time, now)).ConfigureAwait(false) != all)
            Log.LogWarning("ending the sessions that are still open after {Drain} s or a second signal", _settings.Drain.TotalSeconds);

        await _kill.CancelAsync().ConfigureAwait(false);
        await all.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_stop.IsCancellationRequested)
        {
            await _kill.CancelAsync().ConfigureAwait(false);
            await StopAsync().ConfigureAwait(false);
        }

        _stop.Dispose();
        _kill.Dispose();
        GC.SuppressFinalize(this);
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (!_stop.IsCancellationRequested)
        {
            Socket client;
            try
            {
                client = await listener.AcceptAsync(_stop.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException e)
            {
                // Out of descriptors or a connection gone before it was taken: the listener lives on.
                Log.LogWarning("accept failed: {Error}", e.SocketErrorCode);
                await Task.Delay(50).ConfigureAwait(false);
                continue;
            }

            Welcome(client);
        }
    }

    // Nobody waits for a balancer that is slow to send its header: only the connections that do are bounded.
    private void Welcome(Socket socket)
    {
        ClientConnection connection;
        try
        {
            connection = ClientConnection.Of(socket);
        }
        catch (SocketException)
        {
            // It has gone already.
            socket.Dispose();
            return;
        }

        // [BP-10.1-21]
        if (!_settings.AcceptsProxyFrom(connection.Peer.Address))
        {
            Admit(connection);
            return;
        }

        lock (_sessions)
        {
            if (_headers.Count >= _settings.MaxSessions)
                Refuse(connection, "full");
            else
                Keep(_headers, Task.Run(() => AdmitAfterHeaderAsync(connection)));
        }
    }

    private async Task AdmitAfterHeaderAsync(ClientConnection balancer)
    {
        ClientConnection? client = null;
        try
        {
            client = await balancer.AfterHeaderAsync(_settings.TellsClientAddress, _settings.Time, _stop.Token).ConfigureAwait(false);
            if (client is null)
                Log.LogDebug("{Peer} ended its connection before a PROXY header", balancer.Peer);
            else
                Admit(client);
        }
        catch (ProxyHeaderException e)
        {
            // [BP-10.1-22]
            Telemetry.ConnectionRefused("proxy");
            Log.LogWarning("connection from {Peer} closed: PROXY header: {Error}", balancer.Peer, e.Message);
        }
        catch (Exception e) when (!SessionLoop.IsBug(e))
        {
            Log.LogDebug("connection from {Peer} lost before its PROXY header: {Error}", balancer.Peer, e.Message);
        }
        catch (Exception e)
        {
            SessionLoop.LogBug(Log, e);
        }
        finally
        {
            if (client is null)
                balancer.Socket.Dispose();
        }
    }

    private void Admit(ClientConnection client)
    {
        var address = SessionPlace.Network(client.Peer.Address);
        lock (_sessions)
        {
            var settings = _settings;
            int own = _clients.GetValueOrDefault(address);
            var refused = own >= settings.MaxSessionsPerClient ? "client" : _sessions.Count - _leaving >= settings.MaxSessions
                && !MakeRoom() ? "full" : null;
            if (refused is not null)
            {
                Refuse(client, refused);
                return;
            }

            var place = new SessionPlace(address, settings.Time, _stop.Token);
            _clients[address] = own + 1;
            var session = Task.Run(() => ServeAsync(client, place));
            _sessions.Add(place, session);
            session.ContinueWith(Leave, place, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        void Leave(Task session, object? state)
        {
            var place = (SessionPlace)state!;
            lock (_sessions)
            {
                _sessions.Remove(place);
                _leaving -= place.IsLeaving ? 1 : 0;
                if (--_clients[place.Client] == 0)
                    _clients.Remove(place.Client);
            }

            place.Dispose();
        }
    }

    // Under the lock, as Keep.
    private void Refuse(ClientConnection client, string reason)
    {
        bool patient = _refusals.Count < _settings.MaxSessions;
        Keep(_refusals, Task.Run(() => RefuseAsync(client, reason, patient)));
    }

    private void Keep(HashSet<Task> tasks, Task task)
    {
        tasks.Add(task);
        task.ContinueWith(Forget, null, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

        void Forget(Task done, object? state)
        {
            lock (_sessions)
            {
                tasks.Remove(done);
            }
        }
    }

    // The session that has waited longest between messages makes room, if it has waited long ([BP-10.1-17]).
    private bool MakeRoom()
    {
        var longest = _sessions.Keys.Where(p => !p.IsLeaving).MaxBy(p => p.Waiting);
        if (longest is null || longest.Waiting < Limits.CrowdedTimeout)
            return false;

        _leaving++;
        longest.Leave();
        return true;
    }

    /// <summary>Runs one session to its end.</summary>
    /// <param name="client">The connection; the server closes it after the session.</param>
    /// <param name="place">Its place; when its <see cref="SessionPlace.Stop"/> is cancelled, a session that is idle ends.</param>
    /// <param name="kill">The time of the drain is over: every session ends.</param>
    protected abstract Task RunSessionAsync(ClientConnection client, SessionPlace place, CancellationToken kill);

    private async Task ServeAsync(ClientConnection client, SessionPlace place)
    {
        try
        {
            using (client.Socket)
            {
                client.Socket.NoDelay = true;
                await RunSessionAsync(client, place, _kill.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (!SessionLoop.IsBug(e))
        {
            Log.LogInformation("session lost: {Error}", e.Message);
        }
        catch (Exception e)
        {
            // The other sessions go on.
            SessionLoop.LogBug(Log, e);
        }
    }

    // Without patience the refusal may be lost in a reset; but a flood of clients is held by nothing.
    private async Task RefuseAsync(ClientConnection client, string reason, bool patient)
    {
        using (client.Socket)
        {
            Telemetry.ConnectionRefused(reason);
            try
            {
                Log.LogWarning("too many sessions{Whose}: {Peer} refused", reason == "client" ? " from one client" : "",
                    client.Peer);
                await client.Socket.SendAsync(reason == "client"
                    ? "421 4.7.0 Too many sessions from your network, try again later\r\n"u8.ToArray()
                    : "421 4.3.2 Too many sessions, try again later\r\n"u8.ToArray()).ConfigureAwait(false);
                if (patient)
                    await DrainAndClose.AwayAsync(client.Socket, _settings.Time, _kill.Token).ConfigureAwait(false);
            }
            catch (SocketException)
            {
            }
        }
    }
}
