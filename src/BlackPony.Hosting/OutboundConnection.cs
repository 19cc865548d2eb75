using System.Buffers;
using System.Net;
using System.Net.Sockets;
using BlackPony.Reference;
using BlackPony.Smtp.Outbound;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>One mail server that hands over mail, the next server, and the machine between them.</summary>
internal sealed class OutboundConnection(Socket client, OutboundSettings settings, ILogger log)
{
    private readonly byte[] _clientOctets = new byte[16384];
    private readonly ProgressTimeout _deadline = new(settings.Time);
    private readonly List<Task> _leaving = [];
    private readonly ProgressTimeout _search = new(settings.Time);
    private readonly ProgressTimeout _writing = new(settings.Time);
    private byte[] _nextOctets = [];
    private byte[] _toNext = [];
    private NextHop? _next;
    private NextHop? _left;
    private Task? _nextWrite;
    private long _writes;
    private Task<int>? _clientRead;
    private Task<int>? _nextRead;
    private Task<bool>? _securing;
    private int _before;

    public async Task RunAsync(CancellationToken stop, CancellationToken kill)
    {
        var address = ((IPEndPoint)client.LocalEndPoint!).Address;
        var name = address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[IPv6:{address}]" : $"[{address}]";
        var session = new OutboundSession(new OutboundOptions(name, settings.Routes.Find) { StartTls = settings.StartTls });
        using var outlet = new SocketSender(settings.Time, kill);
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
            await DrainAndClose.AwayAsync(client, settings.Time, kill).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not (SocketException or IOException or OperationCanceledException or ObjectDisposedException))
        {
            // A bug: the mail server keeps its mail. Its message may hold octets of the peer: only the type is logged.
            log.LogError("session ended with an internal error: {Type}", e.GetType().Name);
            await SendLastAsync(outlet, kill).ConfigureAwait(false);
        }
        finally
        {
            Leave(session, hasQuit: false);
            await ended.CancelAsync().ConfigureAwait(false);
            client.Dispose();
            await Task.WhenAll(_leaving).ConfigureAwait(false);
        }
    }

    private async Task SendLastAsync(SocketSender outlet, CancellationToken kill)
    {
        var words = new PooledBuffer();
        words.Write("421 4.3.0 Internal error, try again later\r\n"u8);
        await outlet.SendAsync(client, words).ConfigureAwait(false);
        await DrainAndClose.AwayAsync(client, settings.Time, kill).ConfigureAwait(false);
    }

    private void Do(OutboundSession session, OutboundRequest request, CancellationToken kill)
    {
        if (request is OutboundRequest.LeaveNext or OutboundRequest.OpenNext)
        {
            Leave(session, session.HasQuit);
        }

        if (request == OutboundRequest.OpenNext)
        {
            _next = NextHop.Start(session.Route!, settings, log, kill);
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
        Note(session);
        if (_next is not null)
        {
            _left = _next;
            _leaving.Add(_next.LeaveAsync(_nextRead, hasQuit, session.Messages - _before));
        }

        _before = session.Messages;
        (_next, _nextRead, _securing) = (null, null, null);
        if (_nextWrite is not null)
        {
            // Its octets are still in use there.
            (_nextWrite, _toNext) = (null, []);
        }
    }

    private void Note(OutboundSession session)
    {
        foreach (var outcome in session.TakeOutcomes())
        {
            (_next ?? _left)?.Note(outcome);
        }
    }

    // Waits for the next thing that happens and tells the machine.
    private async Task NextAsync(OutboundSession session, Task stopping, CancellationToken kill)
    {
        // What the next server does not take is not read from the client either.
        bool readsClient = session.WantsClient && _nextWrite is null;
        if (readsClient)
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

        // A client that is not read from is not idle.
        var patience = _nextWrite is null ? session.PeerTimeout : Timeout.InfiniteTimeSpan;
        List<Task> waits = [_deadline.WaitAsync(session.Progress, patience, wake.Token)];
        var searched = session.IsSearching ? _search.WaitAsync(session.Searches, Limits.RecipientTimeout, wake.Token) : null;
        var stalled = _nextWrite is null ? null : _writing.WaitAsync(_writes, Limits.IdleTimeout, wake.Token);
        var (reading, stop) = (readsClient ? _clientRead : null, stopping.IsCompleted ? null : stopping);
        Task?[] others = [_nextWrite, _securing, _nextRead, reading, stop, searched, stalled];
        waits.AddRange(others.OfType<Task>());
        var first = await Task.WhenAny(waits).ConfigureAwait(false);
        await wake.CancelAsync().ConfigureAwait(false);
        if (kill.IsCancellationRequested)
        {
            session.Stop();
        }
        else if (first == _nextWrite)
        {
            _nextWrite = null;
        }
        else if (first == stalled)
        {
            // It takes nothing any more: lost ([BP-10.5-15]).
            session.NextEnded();
        }
        else if (first == searched)
        {
            session.SearchTimedOut();
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

    private async Task FlushAsync(OutboundSession session, SocketSender outlet, CancellationToken kill)
    {
        Note(session);
        if (_next is null)
        {
            session.ToNext.ResetWrittenCount();
        }
        else if (_nextWrite is null && session.ToNext.WrittenCount > 0)
        {
            WriteNext(session.ToNext.WrittenSpan, _next, kill);
            session.ToNext.ResetWrittenCount();
        }

        if (session.ToClient.WrittenCount > 0)
        {
            await outlet.SendAsync(client, session.ToClient).ConfigureAwait(false);
        }
    }

    // What is not taken at once goes out while the next server is listened to.
    private void WriteNext(ReadOnlySpan<byte> octets, NextHop next, CancellationToken kill)
    {
        if (_toNext.Length < octets.Length)
        {
            _toNext = new byte[octets.Length];
        }

        octets.CopyTo(_toNext);
        _writes++;
        var write = next.WriteAsync(_toNext.AsMemory(0, octets.Length), kill);
        _nextWrite = write.IsCompleted ? null : write;
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
