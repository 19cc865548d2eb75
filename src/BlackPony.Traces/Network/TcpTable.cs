using System.Net;
using System.Runtime.InteropServices;

namespace BlackPony.Traces.Network;

/// <summary>The connections of a capture, by their addresses and ports; bounded, the oldest go first.</summary>
/// <param name="open">Makes what takes the streams: side 0, side 1, whether the opening was captured, time.</param>
internal sealed class TcpTable(Func<IPEndPoint, IPEndPoint, bool, long, IStreams> open)
{
    private const int MaxConnections = 32768;
    private const int MaxClosed = 4096;
    private const int MaxHeldOctets = 48 << 20;

    // By so much, in nanoseconds, a packet comes late that is not lost.
    private const long MaxLateness = 2_000_000_000;

    private readonly Dictionary<FlowKey, Entry> _connections = [];
    private readonly Queue<(FlowKey Key, TcpConnection Connection)> _order = new();
    private readonly Queue<(FlowKey Key, TcpConnection Connection)> _closed = new();
    private readonly Queue<(TcpConnection Connection, long Time)> _ending = new();
    private long _held;

    // Side 0's direction is the canonical one, or its reverse.
    private readonly record struct Entry(TcpConnection Connection, bool Reversed);

    /// <summary>Takes a segment.</summary>
    public void Take(in Segment segment, long time)
    {
        while (_ending.TryPeek(out var ending) && time - ending.Time > MaxLateness)
        {
            _held -= ending.Connection.HeldOctets;
            ending.Connection.Close();
            _ending.Dequeue();
        }

        var key = segment.Flow.Canonical(out bool reversed);
        ref var entry = ref CollectionsMarshal.GetValueRefOrNullRef(_connections, key);
        if (System.Runtime.CompilerServices.Unsafe.IsNullRef(ref entry))
        {
            // What opens nothing and says nothing is no connection yet.
            if ((segment.Syn || segment.Length > 0) && !segment.Rst)
                Take(Open(key, segment, reversed, time), key, segment, reversed, time);

            return;
        }

        if (entry.Connection.IsSucceededBy(segment, reversed == entry.Reversed ? 0 : 1))
        {
            _held -= entry.Connection.HeldOctets;
            entry.Connection.Close();
            Take(Open(key, segment, reversed, time), key, segment, reversed, time);
            return;
        }

        Take(entry, key, segment, reversed, time);
    }

    /// <summary>Ends every connection: the capture is over.</summary>
    public void Finish()
    {
        foreach (var (_, connection) in _order)
            connection.Close();

        _connections.Clear();
        _ending.Clear();
        _order.Clear();
        _closed.Clear();
    }

    private void Take(in Entry entry, FlowKey key, in Segment segment, bool reversed, long time)
    {
        var connection = entry.Connection;
        if (connection.IsIgnored && !segment.Fin && !segment.Rst)
            return;

        int before = connection.HeldOctets;
        bool wasEnding = connection.IsEnding;
        connection.Take(segment, reversed == entry.Reversed ? 0 : 1, time);
        _held += connection.HeldOctets - before;
        if (_held > MaxHeldOctets && connection.HeldOctets > 0)
        {
            _held -= connection.HeldOctets;
            connection.Flush();
        }

        if (connection.IsEnding && !wasEnding)
        {
            // What it lacks may be late; then it is lost, and the session is over.
            _ending.Enqueue((connection, time));
        }

        if (connection.IsClosed)
        {
            _closed.Enqueue((key, connection));
            if (_closed.Count > MaxClosed)
            {
                var oldest = _closed.Dequeue();
                if (_connections.TryGetValue(oldest.Key, out var there) && there.Connection == oldest.Connection)
                    _connections.Remove(oldest.Key);
            }
        }
    }

    private Entry Open(FlowKey key, in Segment segment, bool reversed, long time)
    {
        while (_order.Count >= MaxConnections)
        {
            var (oldKey, old) = _order.Dequeue();
            _held -= old.HeldOctets;
            old.Close();
            if (_connections.TryGetValue(oldKey, out var there) && there.Connection == old)
                _connections.Remove(oldKey);
        }

        // A SYN with ACK is the server's: the client's own was not captured.
        bool fromServer = segment.Syn && segment.Ack;
        var flow = fromServer ? segment.Flow.Reversed : segment.Flow;
        var entry = new Entry(new TcpConnection(open(flow.Source, flow.Destination, segment.Syn, time)), reversed != fromServer);
        _connections[key] = entry;
        _order.Enqueue((key, entry.Connection));
        return entry;
    }
}
