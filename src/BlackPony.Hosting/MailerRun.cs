using System.Net;
using System.Net.Sockets;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Mailer;

namespace BlackPony.Hosting;

/// <summary>One delivery's sockets and streams. Every write has a bound, and a server that takes nothing is still listened to.</summary>
internal sealed class MailerRun(MailerSession session, IReadOnlyList<MailTarget> targets, Stream input, Stream output, TimeProvider time)
    : SessionLoop(time), IDisposable
{
    private readonly byte[] _localOctets = GC.AllocateUninitializedArray<byte>(16384);
    private readonly byte[] _serverOctets = GC.AllocateUninitializedArray<byte>(32768);
    private readonly ProgressTimeout _sendDeadline = new(time);
    private SocketWriter? _server;
    private Task<int>? _localRead;
    private Task<int>? _serverRead;
    private CancellationToken _cancel;
    private bool _localGone;
    private bool _serverEnded;
    private TimeSpan _connecting;
    private int _next;

    /// <summary>The memory, under remembered.</summary>
    public ServerMemory? Memory { get; init; }

    /// <summary>Writes the memory: called when it has changed, before any mail flows ([BP-9.4-2]).</summary>
    public Func<Task>? Remember { get; init; }

    /// <summary>Is called for each connection: whether it came about.</summary>
    public Action<MailTarget, bool>? Reached { get; init; }

    /// <summary>Whether the local mail server took the replies no more.</summary>
    public bool HasLostLocal => _localGone;

    // What a server does not take is not read from the mail server either.
    private bool ReadsLocal => session.WantsClient && _server?.Pending is null && !_localGone;

    // The end is said once: a session that refuses goes on without the server.
    private bool ReadsServer => _server is not null && !_serverEnded && session.ToServer.WrittenCount <= Limits.MaxHeld;

    /// <summary>Runs it to its end.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        _cancel = cancel;
        await ConnectAsync(_next++).ConfigureAwait(false);
        await LoopAsync(session, cancel).ConfigureAwait(false);
        await DrainAsync().ConfigureAwait(false);
        await LeaveAsync().ConfigureAwait(false);
    }

    public void Dispose() => _server?.Dispose();

    /// <inheritdoc/>
    protected override async ValueTask FlushAsync()
    {
        await RememberAsync().ConfigureAwait(false);
        FlushServer();
        await FlushLocalAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    protected override async ValueTask DoAsync(SessionRequest request) =>
        await ConnectAsync(request == SessionRequest.Reconnect ? _next - 1 : _next++).ConfigureAwait(false);

    /// <inheritdoc/>
    protected override void Ask()
    {
        if (ReadsLocal)
            _localRead ??= Watch(input.ReadAsync(_localOctets, CancellationToken.None).AsTask());

        if (ReadsServer)
            _serverRead ??= Watch(_server!.Socket.ReceiveAsync(_serverOctets.AsMemory(), _cancel).AsTask());
    }

    /// <inheritdoc/>
    protected override bool Happened()
    {
        if (Left() == TimeSpan.Zero)
        {
            Abandon();
            session.ServerEnded();
        }
        else if (_serverRead is { IsCompleted: true } server && ReadsServer)
        {
            _serverRead = null;
            int count = Count(server);
            _serverEnded = count == 0;
            Telemetry.Received(count);
            Pass(_serverOctets.AsSpan(0, count), isClient: false, session);
        }
        else if (_localRead is { IsCompleted: true } local && ReadsLocal)
        {
            _localRead = null;
            Pass(_localOctets.AsSpan(0, Count(local)), isClient: true, session);
        }
        else
        {
            return false;
        }

        return true;
    }

    /// <inheritdoc/>
    protected override void Kill() => _cancel.ThrowIfCancellationRequested();

    /// <inheritdoc/>
    protected override TimeSpan Left() =>
        _server?.Pending is null ? Timeout.InfiniteTimeSpan : _sendDeadline.Left(_server.Writes, Limits.IdleTimeout);

    private async Task RememberAsync()
    {
        if (Memory is { Changes.Count: > 0 })
        {
            await (Remember?.Invoke() ?? Task.CompletedTask).ConfigureAwait(false);
            Memory.Written();
        }
    }

    private async Task ConnectAsync(int index)
    {
        await LeaveAsync().ConfigureAwait(false);
        // Each address gets its share of the time: all are tried, and the whole is bounded (RFC 5321 4.5.3.2.3, [BP-10.4-19]).
        var left = Limits.ReachTimeout - _connecting;
        if (index >= targets.Count || left <= TimeSpan.Zero)
        {
            session.ConnectFailed(false);
            return;
        }

        left /= targets.Count - index;
        var target = targets[index];
        bool more = index + 1 < targets.Count;
        long began = Time.GetTimestamp();
        bool isReached = await TryConnectAsync(target, left < Limits.ConnectTimeout ? left : Limits.ConnectTimeout).ConfigureAwait(false);
        _connecting += Time.GetElapsedTime(began);
        Reached?.Invoke(target, isReached);
        if (isReached)
            session.Connected(target.Name, target.Port, more, target.Domain);
        else
            session.ConnectFailed(more);
    }

    private async Task<bool> TryConnectAsync(MailTarget target, TimeSpan limit)
    {
        Socket? socket = null;
        try
        {
            // Not every machine has each address family.
            socket = new Socket(target.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            using var patience = new LinkedTimeout(limit, Time, _cancel);
            await socket.ConnectAsync(new IPEndPoint(target.Address, target.Port), patience.Token).ConfigureAwait(false);
            _server = new SocketWriter(socket);
            return true;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException && !_cancel.IsCancellationRequested)
        {
            socket?.Dispose();
            return false;
        }
    }

    private async Task LeaveAsync()
    {
        if (_server is not { } server)
            return;

        (_server, _serverRead, _serverEnded) = (null, null, false);
        using (server)
        {
            await DrainAndClose.AwayAsync(server.Socket, Time).ConfigureAwait(false);
        }
    }

    private void FlushServer()
    {
        if (_server is null)
        {
            session.ToServer.ResetWrittenCount();
        }
        else if (_server.Pending is null && session.ToServer.WrittenCount > 0)
        {
            Telemetry.Sent(session.ToServer.WrittenCount);
            _server.Write(session.ToServer.WrittenSpan, _cancel);
            session.ToServer.ResetWrittenCount();
            Watch(_server.Pending ?? Task.CompletedTask);
        }
    }

    // What was said last goes out before the end, if the server takes it.
    private async Task DrainAsync()
    {
        while (_server?.Pending is { } sending)
        {
            using var wake = CancellationTokenSource.CreateLinkedTokenSource(_cancel);
            var stalled = _sendDeadline.WaitAsync(_server.Writes, Limits.IdleTimeout, wake.Token);
            var first = await Task.WhenAny(sending, stalled).ConfigureAwait(false);
            await wake.CancelAsync().ConfigureAwait(false);
            _cancel.ThrowIfCancellationRequested();
            if (first == stalled)
            {
                Abandon();
                return;
            }

            FlushServer();
        }
    }

    // A server that takes nothing gets no farewell: it would wait after the rest.
    private void Abandon()
    {
        _server!.Abort();
        (_server, _serverRead) = (null, null);
    }

    private async Task FlushLocalAsync()
    {
        if (session.ToClient.WrittenCount == 0 || _localGone)
            return;

        if (await IsTakenAsync(WriteLocalAsync()).ConfigureAwait(false))
        {
            session.ToClient.ResetWrittenCount();
            return;
        }

        // A write that hangs may still use the octets: they stay where they are.
        _localGone = true;
        session.ClientEnded();
        FlushServer();
    }

    private async Task WriteLocalAsync()
    {
        await output.WriteAsync(session.ToClient.WrittenMemory, _cancel).ConfigureAwait(false);
        await output.FlushAsync(_cancel).ConfigureAwait(false);
    }

    // A write to standard output cannot be cancelled, but it need not be waited for.
    private async Task<bool> IsTakenAsync(Task write)
    {
        try
        {
            await write.WaitAsync(Limits.IdleTimeout, Time, _cancel).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is IOException or TimeoutException or ObjectDisposedException or InvalidOperationException)
        {
            return false;
        }
    }

    // 0 at the end, however it came.
    private static int Count(Task<int> read)
    {
        try
        {
            return read.GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            return 0;
        }
    }
}
