using System.Net;
using System.Net.Sockets;
using BlackPony.Reference;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Outbound;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>One mail server that hands over mail, the next server, and the session between them.</summary>
internal sealed class OutboundConnection(Socket client, OutboundSettings settings, ILogger log, LastRoute routes)
    : SessionLoop(settings.Time)
{
    private const int ReadLength = 16384;

    private readonly OutboundSession _session =
        new(new OutboundOptions(Name(client), routes.Find) { StartTls = settings.StartTls });
    private readonly List<Task> _leaving = [];
    private readonly ProgressTimeout _search = new(settings.Time);
    private readonly ProgressTimeout _writing = new(settings.Time);
    private SocketReadiness? _fromClient;
    private SocketSender? _sender;
    private byte[] _nextOctets = [];
    private byte[] _toNext = [];
    private NextHop? _next;
    private NextHop? _left;
    private Task? _nextWrite;
    private long _writes;
    private Task<int>? _nextRead;
    private Task<bool>? _securing;
    private CancellationToken _stop;
    private CancellationToken _kill;
    private bool _clientDone;
    private int _before;

    // What the client sends is not read while the next server takes nothing.
    private bool ReadsClient => !_clientDone && _session.WantsClient && _nextWrite is null;

    private TimeSpan SearchLeft =>
        _session.IsSearching ? _search.Left(_session.Searches, Limits.RecipientTimeout) : Timeout.InfiniteTimeSpan;

    private TimeSpan WriteLeft => _nextWrite is null ? Timeout.InfiniteTimeSpan : _writing.Left(_writes, Limits.IdleTimeout);

    public async Task RunAsync(CancellationToken stop, CancellationToken kill)
    {
        using var sender = new SocketSender(settings.Time, kill);
        using var stopping = stop.UnsafeRegister(b => ((AsyncAutoResetEvent)b!).Ring(), Wake);
        (_sender, _stop, _kill) = (sender, stop, kill);
        _fromClient = new SocketReadiness(client, Wake);
        try
        {
            await LoopAsync(_session, kill).ConfigureAwait(false);
            Leave(_session.HasQuit);
            await DrainAndClose.AwayAsync(client, settings.Time, kill).ConfigureAwait(false);
        }
        catch (Exception e) when (IsBug(e))
        {
            LogBug(log, e);
            _session.Stop(InternalError);
            await sender.SendAsync(client, _session.ToClient).ConfigureAwait(false);
            await DrainAndClose.AwayAsync(client, settings.Time, kill).ConfigureAwait(false);
        }
        finally
        {
            Leave(hasQuit: false);
            client.Dispose();
            await Task.WhenAll(_leaving).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    protected override async ValueTask FlushAsync()
    {
        Note();
        if (_next is null)
        {
            _session.ToServer.ResetWrittenCount();
        }
        else if (_nextWrite is null && _session.ToServer.WrittenCount > 0)
        {
            WriteNext(_session.ToServer.WrittenSpan, _next);
            _session.ToServer.ResetWrittenCount();
        }

        if (_session.ToClient.WrittenCount > 0)
            await _sender!.SendAsync(client, _session.ToClient).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    protected override ValueTask DoAsync(SessionRequest request)
    {
        if (request == SessionRequest.StartTls)
        {
            _securing = Watch(_next!.StartTlsAsync());
            return ValueTask.CompletedTask;
        }

        Leave(_session.HasQuit);
        if (request == SessionRequest.Connect)
        {
            _next = NextHop.Start(_session.Route!, routes.DomainOf(_session.Route!), settings, log, _kill);
            _nextOctets = new byte[ReadLength];
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    protected override void Ask()
    {
        if (ReadsClient)
            _fromClient!.Ask();

        if (_next is not null && _securing is null)
            _nextRead ??= Watch(_next.ReadAsync(_nextOctets));
    }

    /// <inheritdoc/>
    protected override bool Happened()
    {
        if (_stop.IsCancellationRequested && _session.IsIdle)
        {
            _session.Stop();
        }
        else if (_nextWrite is { IsCompleted: true })
        {
            _nextWrite = null;
        }
        else if (_securing is { IsCompleted: true } securing)
        {
            _securing = null;
            _session.TlsDone(securing.GetAwaiter().GetResult());
        }
        else if (_nextRead is { IsCompleted: true } read)
        {
            _nextRead = null;
            Pass(_nextOctets.AsSpan(0, read.GetAwaiter().GetResult()), isClient: false, _session);
        }
        else if (_fromClient!.HasArrived && ReadsClient)
        {
            _clientDone |= Pass(_fromClient, isClient: true, _session, ReadLength) == 0;
        }
        else if (SearchLeft == TimeSpan.Zero)
        {
            _session.SearchTimedOut();
        }
        else if (WriteLeft == TimeSpan.Zero)
        {
            // It takes nothing any more: lost ([BP-10.5-15]).
            _session.ServerEnded();
        }
        else
        {
            return false;
        }

        return true;
    }

    /// <inheritdoc/>
    protected override void Kill() => _session.Stop();

    // A client that is not read from is not idle.
    /// <inheritdoc/>
    protected override TimeSpan PeerTimeout(ISession session) => _nextWrite is null ? session.PeerTimeout : Timeout.InfiniteTimeSpan;

    /// <inheritdoc/>
    protected override TimeSpan Left()
    {
        var (search, write) = (SearchLeft, WriteLeft);
        return search == Timeout.InfiniteTimeSpan || (write != Timeout.InfiniteTimeSpan && write < search) ? write : search;
    }

    private static string Name(Socket client)
    {
        var address = ((IPEndPoint)client.LocalEndPoint!).Address;
        return address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[IPv6:{address}]" : $"[{address}]";
    }

    // What is left ends by itself, and takes its last read with it.
    private void Leave(bool hasQuit)
    {
        _leaving.RemoveAll(l => l.IsCompleted);
        Note();
        if (_next is not null)
        {
            _left = _next;
            _leaving.Add(_next.LeaveAsync(_nextRead, hasQuit, _session.Messages - _before));
        }

        _before = _session.Messages;
        (_next, _nextRead, _securing) = (null, null, null);
        if (_nextWrite is not null)
        {
            // Its octets are still in use there.
            (_nextWrite, _toNext) = (null, []);
        }
    }

    private void Note()
    {
        foreach (var outcome in _session.TakeOutcomes())
            (_next ?? _left)?.Note(outcome);
    }

    // What is not taken at once goes out while the next server is listened to.
    private void WriteNext(ReadOnlySpan<byte> octets, NextHop next)
    {
        if (_toNext.Length < octets.Length)
            _toNext = new byte[octets.Length];

        octets.CopyTo(_toNext);
        _writes++;
        var write = Watch(next.WriteAsync(_toNext.AsMemory(0, octets.Length), _kill));
        _nextWrite = write.IsCompleted ? null : write;
    }
}
