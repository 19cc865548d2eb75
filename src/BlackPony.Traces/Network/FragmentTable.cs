namespace BlackPony.Traces.Network;

/// <summary>Puts fragments together; holds a bounded number of datagrams, the oldest go first.</summary>
internal sealed class FragmentTable
{
    private const int MaxDatagram = 65535;
    private const int MaxDatagrams = 256;

    private readonly Dictionary<FlowKey, Datagram> _datagrams = [];
    private readonly Queue<FlowKey> _order = new();

    /// <summary>Adds a fragment; the key's ports are the identification.</summary>
    /// <returns>The whole datagram's payload when this was what it lacked.</returns>
    public byte[]? Add(FlowKey key, int offset, bool more, ReadOnlySpan<byte> data)
    {
        if (offset + data.Length > MaxDatagram || (data.IsEmpty && more))
            return null;

        if (!_datagrams.TryGetValue(key, out var datagram))
        {
            while (_datagrams.Count >= MaxDatagrams || _order.Count >= 2 * MaxDatagrams)
                _datagrams.Remove(_order.Dequeue());

            _datagrams[key] = datagram = new Datagram();
            _order.Enqueue(key);
        }

        var whole = datagram.Add(offset, more, data);
        if (whole is not null)
            _datagrams.Remove(key);

        return whole;
    }

    private sealed class Datagram
    {
        private const int MaxFragments = 1024;

        private readonly SortedList<int, byte[]> _parts = [];
        private int _length = -1;

        public byte[]? Add(int offset, bool more, ReadOnlySpan<byte> data)
        {
            if (_parts.Count < MaxFragments)
                _parts.TryAdd(offset, data.ToArray());

            _length = more ? _length : offset + data.Length;
            return _length < 0 ? null : Join();
        }

        private byte[]? Join()
        {
            int have = 0;
            foreach (var (offset, data) in _parts)
            {
                if (offset > have)
                    return null;

                have = Math.Max(have, offset + data.Length);
            }

            if (have < _length)
                return null;

            // What came first stays where fragments overlap: written last to first.
            var whole = new byte[have];
            for (int i = _parts.Count - 1; i >= 0; i--)
                _parts.Values[i].CopyTo(whole, _parts.Keys[i]);

            return whole[.._length];
        }
    }
}
