using System.Buffers;
using System.Buffers.Binary;
using BlackPony.Reference.Suites;

namespace BlackPony.Reference.Records;

/// <summary>One direction's recipient (spec 7.1, 7.6). Keeps at most one record, and no memory for one while none is under way.</summary>
internal sealed class RecordReader : IDisposable
{
    private readonly TrafficKeys _keys;
    private byte[] _record = [];
    private int _have;

    /// <summary>Begins with traffic[0].</summary>
    /// <param name="suite">A suite that encrypts.</param>
    /// <param name="trafficSecret">32 octets.</param>
    public RecordReader(Suite suite, ReadOnlySpan<byte> trafficSecret) => _keys = new TrafficKeys(suite, trafficSecret);

    /// <summary>Whether a record failed: its length, its protection, its form or a limit. Nothing more is read.</summary>
    public bool Failed { get; private set; }

    /// <summary>Takes octets until a record is whole.</summary>
    /// <param name="octets">What came in; what was used is cut off.</param>
    /// <param name="type">The record's type.</param>
    /// <param name="data">The record's data, valid until the next call.</param>
    /// <returns>Whether there is a record; false with <see cref="Failed"/> after a failure.</returns>
    public bool Read(ref ReadOnlySpan<byte> octets, out RecordType type, out ReadOnlySpan<byte> data)
    {
        type = 0;
        data = default;
        while (!Failed)
        {
            int need = 2;
            if (_have >= 2)
            {
                int length = BinaryPrimitives.ReadUInt16BigEndian(_record);

                // At the two octets, before the rest has come ([BP-7.1-2], [BP-7.1-3]).
                if (length > Limits.MaxInner + _keys.TagLength || length < 1 + _keys.TagLength)
                {
                    Failed = true;
                    return false;
                }

                need = 2 + length;
            }

            if (octets.IsEmpty)
            {
                if (_have == 0)
                    Keep(0);

                return false;
            }

            // Nothing is kept for what a length only promises: there is a third octet.
            Keep(need);
            int take = Math.Min(need - _have, octets.Length);
            octets[..take].CopyTo(_record.AsSpan(_have));
            octets = octets[take..];
            _have += take;
            if (_have == need && need > 2)
            {
                _have = 0;
                return Open(_record.AsSpan(0, need), out type, out data);
            }
        }

        return false;
    }

    /// <summary>Goes on to the next traffic secret, after a rekey record.</summary>
    public void Rekey() => _keys.Next();

    /// <summary>Erases the secret and the keys ([BP-6.2-3]).</summary>
    public void Dispose() => _keys.Dispose();

    // Makes room for so many octets of a record; 0 gives the memory back.
    private void Keep(int length)
    {
        if (length > _record.Length || length == 0)
        {
            var room = length == 0 ? [] : ArrayPool<byte>.Shared.Rent(length);
            _record.AsSpan(0, Math.Min(_have, length)).CopyTo(room);
            if (_record.Length > 0)
                ArrayPool<byte>.Shared.Return(_record);

            _record = room;
        }
    }

    private bool Open(Span<byte> record, out RecordType type, out ReadOnlySpan<byte> data)
    {
        type = 0;
        data = default;

        // Nothing of a record is looked at before it is verified ([BP-7.1-8], [BP-8.3-5]); its limits are those of the sender ([BP-7.6-3]).
        if (!_keys.Open(record))
        {
            Failed = true;
            return false;
        }

        // [BP-7.1-4], [BP-7.5-2]; none is a failure ([BP-7.1-5]).
        var inner = record[2..^_keys.TagLength];
        int last = inner.LastIndexOfAnyExcept((byte)0);
        if (last < 0)
        {
            Failed = true;
            return false;
        }

        type = (RecordType)inner[last];
        data = inner[..last];
        return true;
    }
}
