using System.Net;
using System.Net.Sockets;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Smtp.Mailer;

namespace BlackPony.Hosting;

/// <summary>One delivery's sockets and streams. Every write has a bound, and a server that takes nothing is still listened to.</summary>
internal sealed class MailerRun(MailerSession session, IReadOnlyList<MailTarget> targets, Stream input, Stream output, TimeProvider time)
    : IDisposable
{
    private readonly byte[] _localOctets = new byte[16384];
    private readonly byte[] _serverOctets = new byte[32768];
    private readonly ProgressTimeout _deadline = new(time);
    private readonly ProgressTimeout _sendDeadline = new(time);
    private SocketWriter? _server;
    private Task<int>? _localRead;
    private Task<int>? _serverRead;
    private bool _localGone;
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

    /// <summary>Runs it to its end.</summary>
    public async Task LoopAsync(CancellationToken cancel)
    {
        await ConnectAsync(_next++, cancel).ConfigureAwait(false);
        while (true)
        {
            await RememberAsync().ConfigureAwait(false);
            FlushServer(cancel);
            await FlushLocalAsync(cancel).ConfigureAwait(false);
            switch (session.Request)
            {
                case MailerRequest.Close:
                    await DrainAsync(cancel).ConfigureAwait(false);
                    await LeaveAsync().ConfigureAwait(false);
                    return;
                case MailerRequest.Reconnect:
                    await ConnectAsync(_next - 1, cancel).ConfigureAwait(false);
                    continue;
                case MailerRequest.NextTarget:
                    await ConnectAsync(_next++, cancel).ConfigureAwait(false);
                    continue;
            }

            await NextAsync(cancel).ConfigureAwait(false);
        }
    }

    public void Dispose() => _server?.Dispose();

    private async Task RememberAsync()
    {
        if (Memory is { HasChanges: true })
        {
            await (Remember?.Invoke() ?? Task.CompletedTask).ConfigureAwait(false);
            Memory.Written();
        }
    }

    private async Task ConnectAsync(int index, CancellationToken cancel)
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
        long began = time.GetTimestamp();
        bool isReached = await TryConnectAsync(target, left < Limits.ConnectTimeout ? left : Limits.ConnectTimeout, cancel).ConfigureAwait(false);
        _connecting += time.GetElapsedTime(began);
        Reached?.Invoke(target, isReached);
        if (isReached)
        {
            session.Connected(target.Name, target.Port, more);
        }
        else
        {
            session.ConnectFailed(more);
        }
    }

    private async Task<bool> TryConnectAsync(MailTarget target, TimeSpan limit, CancellationToken cancel)
    {
        Socket? socket = null;
        try
        {
            // Not every machine has each address family.
            socket = new Socket(target.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            using var patience = new LinkedTimeout(limit, time, cancel);
            await socket.ConnectAsync(new IPEndPoint(target.Address, target.Port), patience.Token).ConfigureAwait(false);
            _server = new SocketWriter(socket);
            return true;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException && !cancel.IsCancellationRequested)
        {
            socket?.Dispose();
            return false;
        }
    }

    private async Task LeaveAsync()
    {
        if (_server is not { } server)
        {
            return;
        }

        (_server, _serverRead) = (null, null);
        using (server)
        {
            await DrainAndClose.AwayAsync(server.Socket, time).ConfigureAwait(false);
        }
    }

    private async Task NextAsync(CancellationToken cancel)
    {
        var sending = _server?.Pending;

        // What a server does not take is not read from the mail server either.
        bool readsLocal = session.WantsLocal && sending is null && !_localGone;
        if (readsLocal)
        {
            _localRead ??= input.ReadAsync(_localOctets, CancellationToken.None).AsTask();
        }

        bool readsServer = _server is not null && session.ToServer.WrittenCount <= Limits.MaxHeld;
        if (readsServer)
        {
            _serverRead ??= _server!.Socket.ReceiveAsync(_serverOctets.AsMemory(), cancel).AsTask();
        }

        using var wake = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var timer = _deadline.WaitAsync(session.Progress, session.PeerTimeout, wake.Token);
        var stalled = sending is null ? null : _sendDeadline.WaitAsync(_server!.Writes, Limits.IdleTimeout, wake.Token);
        Task?[] others = [stalled, sending, readsServer ? _serverRead : null, readsLocal ? _localRead : null];
        Task[] waits = [timer, .. others.OfType<Task>()];
        var first = await Task.WhenAny(waits).ConfigureAwait(false);
        await wake.CancelAsync().ConfigureAwait(false);
        cancel.ThrowIfCancellationRequested();
        if (first == _serverRead)
        {
            await FromServerAsync(_serverRead).ConfigureAwait(false);
        }
        else if (first == _localRead)
        {
            await FromLocalAsync(_localRead).ConfigureAwait(false);
        }
        else if (first == stalled)
        {
            Abandon();
            session.ServerEnded();
        }
        else if (first == timer)
        {
            session.TimedOut();
        }
    }

    private async Task FromServerAsync(Task<int> read)
    {
        int count = await CountAsync(read).ConfigureAwait(false);
        _serverRead = null;
        if (count > 0)
        {
            Telemetry.Received(count);
            session.FromServer(_serverOctets.AsSpan(0, count));
        }
        else
        {
            session.ServerEnded();
        }
    }

    private async Task FromLocalAsync(Task<int> read)
    {
        int count = await CountAsync(read).ConfigureAwait(false);
        _localRead = null;
        if (count > 0)
        {
            session.FromLocal(_localOctets.AsSpan(0, count));
        }
        else
        {
            session.LocalEnded();
        }
    }

    private void FlushServer(CancellationToken cancel)
    {
        if (_server is null)
        {
            session.ToServer.ResetWrittenCount();
        }
        else if (_server.Pending is null && session.ToServer.WrittenCount > 0)
        {
            Telemetry.Sent(session.ToServer.WrittenCount);
            _server.Write(session.ToServer.WrittenSpan, cancel);
            session.ToServer.ResetWrittenCount();
        }
    }

    // What was said last goes out before the end, if the server takes it.
    private async Task DrainAsync(CancellationToken cancel)
    {
        while (_server?.Pending is { } sending)
        {
            using var wake = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            var stalled = _sendDeadline.WaitAsync(_server.Writes, Limits.IdleTimeout, wake.Token);
            var first = await Task.WhenAny(sending, stalled).ConfigureAwait(false);
            await wake.CancelAsync().ConfigureAwait(false);
            cancel.ThrowIfCancellationRequested();
            if (first == stalled)
            {
                Abandon();
                return;
            }

            FlushServer(cancel);
        }
    }

    // A server that takes nothing gets no farewell: it would wait behind the rest.
    private void Abandon()
    {
        _server!.Abort();
        (_server, _serverRead) = (null, null);
    }

    private async Task FlushLocalAsync(CancellationToken cancel)
    {
        if (session.ToLocal.WrittenCount == 0 || _localGone)
        {
            return;
        }

        if (await IsTakenAsync(WriteLocalAsync(cancel), cancel).ConfigureAwait(false))
        {
            session.ToLocal.ResetWrittenCount();
            return;
        }

        // A write that hangs may still use the octets: they stay where they are.
        _localGone = true;
        session.LocalEnded();
    }

    private async Task WriteLocalAsync(CancellationToken cancel)
    {
        await output.WriteAsync(session.ToLocal.WrittenMemory, cancel).ConfigureAwait(false);
        await output.FlushAsync(cancel).ConfigureAwait(false);
    }

    // A write to standard output cannot be cancelled, but it need not be waited for.
    private async Task<bool> IsTakenAsync(Task write, CancellationToken cancel)
    {
        try
        {
            await write.WaitAsync(Limits.IdleTimeout, time, cancel).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is IOException or TimeoutException or ObjectDisposedException or InvalidOperationException)
        {
            return false;
        }
    }

    private static async Task<int> CountAsync(Task<int> read)
    {
        try
        {
            return await read.ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            return 0;
        }
    }
}
