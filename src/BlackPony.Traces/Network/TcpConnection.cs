namespace BlackPony.Traces.Network;

/// <summary>
/// Reassembles a connection (RFC 9293). A segment is passed on when its own direction has come so far and the other has come to where its
/// sender
/// had acknowledged it: so the two streams come in the order in which they caused each other, however the packets were captured.
/// </summary>
internal sealed class TcpConnection(IStreams streams)
{
    // What is held back for a packet that may still come; beyond it the packet counts as lost.
    private const int MaxHeldSegments = 1024;
    private const int MaxHeldOctets = 4 << 20;

    // No window is larger (RFC 7323 2.3): what is farther away is of another connection.
    private const int MaxWindow = 1 << 30;

    // What is in flight at most, for any sane pair of hosts: what is farther off is stray, or of another connection.
    private const int MaxInFlight = MaxWindow / 256;

    private readonly List<Held> _held = [];
    private IStreams? _streams = streams;
    private Side _first;
    private Side _second;

    // Who reset it, having said all before: if that side goes on, the reset was not its own.
    private int? _reset;

    private struct Side
    {
        public bool Known;
        public bool Ended;
        public bool Closing;
        public uint Next;
        public uint Start;
        public uint Uncounted;
    }

    private readonly record struct Held(
        int Side, uint Sequence, uint Acknowledgement, bool Acknowledges, byte[] Data, int Length, bool Fin, long Time);

    /// <summary>Whether it ended; late retransmissions may still come.</summary>
    public bool IsClosed => _streams is null;

    /// <summary>Whether nobody wants to see more of it.</summary>
    public bool IsIgnored => _streams is null or { IsIgnored: true };

    /// <summary>Whether both sides said that they end it, and packets before that may still come.</summary>
    public bool IsEnding => !IsClosed && _first.Closing && _second.Closing;

    /// <summary>Octets that wait for a packet that may still come.</summary>
    public int HeldOctets { get; private set; }

    /// <summary>Whether a segment begins another connection on the same ports.</summary>
    public bool IsSucceededBy(in Segment segment, int side)
    {
        ref var from = ref Of(side);
        if (segment.Syn)
        {
            // A server answers a SYN that came again with another number (RFC 4987 3.6), until it has said something.
            return from.Known && segment.Sequence + 1 != from.Start && (IsClosed || !segment.Ack || from.Next != from.Start);
        }

        if (!IsClosed || !from.Known || segment.Length == 0)
            return false;

        // After both ends nobody says more; after a reset the other side may not have heard of it.
        int ahead = (int)(segment.Sequence - from.Next);
        return ahead is > MaxInFlight or < -MaxInFlight || (ahead >= 0 && ((_first.Ended && _second.Ended) || _reset == side));
    }

    /// <summary>Takes a segment.</summary>
    public void Take(in Segment segment, int side, long time)
    {
        if (IsClosed)
            return;

        ref var from = ref Of(side);
        uint sequence = segment.Sequence;
        if (segment.Syn)
            sequence++;

        if (!from.Known)
            (from.Known, from.Next, from.Start) = (true, sequence, sequence);

        if (segment.Rst)
        {
            // One from far outside the window is nobody's (RFC 9293 3.5.3), and changes nothing.
            if ((int)(sequence - from.Next) is > MaxInFlight or < -MaxInFlight)
                return;

            _reset = sequence == from.Next ? side : null;
            Flush();
            _streams!.End(side, reset: true, time);
            Close();
            return;
        }

        if (segment.Length == 0 && !segment.Fin)
            return;

        // Written by hand: the SYN was not counted. One octet there is a probe of an idle connection (RFC 9293 3.8.4).
        if (!segment.Syn && sequence + 1 == from.Start && from.Next == from.Start && segment.Length > 1)
            (from.Next, from.Uncounted) = (sequence, 1);

        int ahead = (int)(sequence - from.Next);
        if (ahead is > MaxWindow or < -MaxWindow || ahead + segment.Length + (segment.Fin ? 1 : 0) <= 0)
            return;

        from.Closing |= segment.Fin;
        if (_held.Count == 0 && ahead <= 0 && Reached(side, segment.Ack, segment.Acknowledgement))
        {
            Deliver(side, sequence, segment.Data, segment.Length, segment.Fin, time);
        }
        else
        {
            _held.Add(new Held(side, sequence, segment.Acknowledgement, segment.Ack, segment.Data.ToArray(), segment.Length, segment.Fin,
                time));
            HeldOctets += segment.Data.Length;
            Drain();
            if (_held.Count > MaxHeldSegments || HeldOctets > MaxHeldOctets)
                GiveUpOne();
        }

        if (_first.Ended && _second.Ended)
        {
            Flush();
            Close();
        }
    }

    /// <summary>Counts what has not come as lost, so that what was held is read.</summary>
    public void Flush()
    {
        while (_held.Count > 0)
            GiveUpOne();
    }

    /// <summary>Ends it.</summary>
    public void Close()
    {
        if (!IsClosed)
        {
            Flush();
            _streams!.Finish();
            _streams = null;
        }
    }

    private ref Side Of(int side)
    {
        if (side == 0)
            return ref _first;

        return ref _second;
    }

    private bool Reached(int side, bool acknowledges, uint acknowledgement)
    {
        ref var other = ref Of(1 - side);
        return !other.Known || !acknowledges || (int)(acknowledgement - other.Next - other.Uncounted) <= 0;
    }

    private void Deliver(int side, uint sequence, ReadOnlySpan<byte> data, int length, bool fin, long time)
    {
        ref var from = ref Of(side);
        // Octets that came before stay as they came first.
        int skip = (int)(from.Next - sequence);
        if (!from.Ended && skip < length)
        {
            var fresh = data[Math.Min(skip, data.Length)..];
            from.Next = sequence + (uint)length;
            if (!fresh.IsEmpty)
                _streams!.Data(side, fresh, time);

            if (data.Length < length)
                _streams!.Gap(side, length - Math.Max(data.Length, skip), cut: true, time);
        }

        if (fin && !from.Ended && (int)(from.Next - sequence) >= length)
        {
            from.Next++;
            from.Ended = true;
            _streams!.End(side, reset: false, time);
        }
    }

    private void Drain()
    {
        for (int i = 0; i < _held.Count;)
        {
            var held = _held[i];
            if ((int)(held.Sequence - Of(held.Side).Next) <= 0 && Reached(held.Side, held.Acknowledges, held.Acknowledgement))
            {
                Release(i);
                i = 0;
            }
            else
            {
                i++;
            }
        }
    }

    private void Release(int index)
    {
        var held = _held[index];
        _held.RemoveAt(index);
        HeldOctets -= held.Data.Length;
        Deliver(held.Side, held.Sequence, held.Data, held.Length, held.Fin, held.Time);
    }

    // The packet that the oldest of the held ones waits for is lost: in its own direction or, if nothing lacks there, in the other.
    private void GiveUpOne()
    {
        int lowest = Lowest(_held[0].Side);
        var blocked = _held[lowest];
        if (Skip(blocked.Side, blocked.Sequence, blocked.Time))
        {
            Drain();
            return;
        }

        int other = Lowest(1 - blocked.Side);
        uint until = blocked.Acknowledgement;
        if (other >= 0 && (int)(_held[other].Sequence - until) < 0)
            until = _held[other].Sequence;

        if (!Skip(1 - blocked.Side, until, blocked.Time))
            Release(lowest);

        Drain();
    }

    private bool Skip(int side, uint until, long time)
    {
        ref var from = ref Of(side);
        int missing = (int)(until - from.Next);
        if (missing <= 0 || from.Ended)
            return false;

        from.Next = until;
        _streams!.Gap(side, missing, cut: false, time);
        return true;
    }

    private int Lowest(int side)
    {
        int lowest = -1;
        for (int i = 0; i < _held.Count; i++)
        {
            if (_held[i].Side == side && (lowest < 0 || (int)(_held[i].Sequence - _held[lowest].Sequence) < 0))
                lowest = i;
        }

        return lowest;
    }
}
