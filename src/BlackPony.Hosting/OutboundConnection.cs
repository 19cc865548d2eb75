using System.Net;
using System.Net.Sockets;
using BlackPony.Reference;
using BlackPony.Reference.Smtp;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>One mail server that hands over mail, the next server, and the machine between them.</summary>
internal sealed class OutboundConnection(Socket client, OutboundSettings settings, ILogger log)
{
    private readonly byte[] _clientOctets = new byte[16384];
    private readonly Deadline _deadline = new(settings.Time);
    private readonly List<Task> _leaving = [];
    private byte[] _nextOctets = [];
    private NextServer? _next;
    private Task<int>? _clientRead;
    private Task<int>? _nextRead;
    private Task<bool>? _securing;
    private int _before;

    public async Task RunAsync(CancellationToken stop, CancellationToken kill)
    {
        var address = ((IPEndPoint)client.LocalEndPoint!).Address;
        var name = address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[IPv6:{address}]" : $"[{address}]";
        var session = new OutboundSession(new OutboundOptions(name, settings.Routes.Find) { StartTls = settings.StartTls });
        using var outlet = new Outlet(settings.Time, kill);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var stopping = Task.Delay(Timeout.InfiniteTimeSpan, ended.Token);
        try
        {
            while (true)
            {
                await FlushAsync(session, outlet, kill).ConfigureAwait(false);
                var request = session.TakeRequest();
                if (request == OutboundRequest.Close)
                {
                    break;
                }

                Do(session, request, kill);
                await NextAsync(session, stopping, kill).ConfigureAwait(false);
            }

            Leave(session, session.HasQuit);
            await Linger.AwayAsync(client, settings.Time, kill).ConfigureAwait(false);
        }
        finally
        {
            Leave(session, hasQuit: false);
            await ended.CancelAsync().ConfigureAwait(false);
            client.Dispose();
            await Task.WhenAll(_leaving).ConfigureAwait(false);
        }
    }

    private void Do(OutboundSession session, OutboundRequest request, CancellationToken kill)
    {
        if (request is OutboundRequest.LeaveNext or OutboundRequest.OpenNext)
        {
            Leave(session, session.HasQuit);
        }

        if (request == OutboundRequest.OpenNext)
        {
            _next = NextServer.Start(session.Route!, settings, log, kill);
            _nextOctets = new byte[16384];
        }
        else if (request == OutboundRequest.StartTls)
        {
            _securing = _next!.StartTlsAsync();
        }
    }

    // What is left ends by itself, and takes its last read with it.
    private void Leave(OutboundSession session, bool hasQuit)
    {
        _leaving.RemoveAll(l => l.IsCompleted);
        if (_next is not null)
        {
            _leaving.Add(_next.LeaveAsync(_nextRead, hasQuit, session.Messages - _before));
        }

        _before = session.Messages;
        (_next, _nextRead, _securing) = (null, null, null);
    }

    // Waits for the next thing that happens and tells the machine.
    private async Task NextAsync(OutboundSession session, Task stopping, CancellationToken kill)
    {
        if (session.WantsClient)
        {
            _clientRead ??= CountAsync(client.ReceiveAsync(_clientOctets.AsMemory(), kill).AsTask());
        }

        if (_next is not null && _securing is null)
        {
            _nextRead ??= _next.ReadAsync(_nextOctets);
        }

        if (stopping.IsCompleted && session.IsIdle)
        {
            session.Stop();
            return;
        }

        using var wake = CancellationTokenSource.CreateLinkedTokenSource(kill);
        List<Task> waits = [_deadline.WaitAsync(session.Progress, session.Patience, wake.Token)];
        waits.AddRange(((Task?[])[_securing, _nextRead, session.WantsClient ? _clientRead : null, stopping.IsCompleted ? null : stopping]).OfType<Task>());
        var first = await Task.WhenAny(waits).ConfigureAwait(false);
        await wake.CancelAsync().ConfigureAwait(false);
        if (kill.IsCancellationRequested)
        {
            session.Stop();
        }
        else if (first == _securing)
        {
            bool secured = await _securing.ConfigureAwait(false);
            _securing = null;
            session.TlsDone(secured);
        }
        else if (first == _nextRead)
        {
            int count = await _nextRead.ConfigureAwait(false);
            _nextRead = null;
            if (count > 0)
            {
                session.FromNext(_nextOctets.AsSpan(0, count));
            }
            else
            {
                session.NextEnded();
            }
        }
        else if (first == _clientRead)
        {
            int count = await _clientRead.ConfigureAwait(false);
            _clientRead = null;
            if (count > 0)
            {
                session.FromClient(_clientOctets.AsSpan(0, count));
            }
            else
            {
                session.ClientEnded();
            }
        }
        else if (first == waits[0])
        {
            session.TimedOut();
        }
    }

    private async Task FlushAsync(OutboundSession session, Outlet outlet, CancellationToken kill)
    {
        if (_next is not null && session.ToNext.WrittenCount > 0)
        {
            await FlushNextAsync(session, _next, kill).ConfigureAwait(false);
        }

        session.ToNext.ResetWrittenCount();
        if (session.ToClient.WrittenCount > 0)
        {
            await outlet.SendAsync(client, session.ToClient).ConfigureAwait(false);
        }
    }

    private async Task FlushNextAsync(OutboundSession session, NextServer next, CancellationToken kill)
    {
        using var patience = new Patience(Limits.IdleTimeout, settings.Time, kill);
        try
        {
            await next.WriteAsync(session.ToNext.WrittenMemory, patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (kill.IsCancellationRequested)
        {
            session.Stop();
        }
        catch (OperationCanceledException)
        {
            // It takes nothing any more: lost ([BP-10.5-15]).
            session.NextEnded();
        }
    }

    private static async Task<int> CountAsync(Task<int> read)
    {
        try
        {
            return await read.ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return 0;
        }
    }
}
