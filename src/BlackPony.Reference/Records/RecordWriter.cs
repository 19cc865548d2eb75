using System.Buffers;
using System.Buffers.Binary;
using BlackPony.Reference.Suites;

namespace BlackPony.Reference.Records;

/// <summary>One direction's sender (spec 7.1, 7.5, 7.6).</summary>
internal sealed class RecordWriter : IDisposable
{
    private readonly TrafficKeys _keys;

    /// <summary>Begins with traffic[0].</summary>
    /// <param name="suite">A suite that encrypts.</param>
    /// <param name="trafficSecret">32 octets.</param>
    public RecordWriter(Suite suite, ReadOnlySpan<byte> trafficSecret) => _keys = new TrafficKeys(suite, trafficSecret);

    /// <summary>Writes one record, and a rekey record before it when the limits ask for one.</summary>
    /// <param name="type">The type, 1 to 255.</param>
    /// <param name="data">At most <see cref="Limits.MaxData"/> octets.</param>
    /// <param name="output">Where the record goes.</param>
    public void Write(RecordType type, ReadOnlySpan<byte> data, IBufferWriter<byte> output)
    {
        // Room is kept for the rekey record itself ([BP-7.6-1], [BP-7.6-2]).
        if (!_keys.HasRoom(Padded(data.Length), Padded(0)))
            Rekey(output);

        Seal(type, data, output);
    }

    /// <summary>Writes a rekey record and goes on to the next traffic secret (spec 7.6).</summary>
    public void Rekey(IBufferWriter<byte> output)
    {
        Seal(RecordType.Rekey, [], output);
        _keys.Next();
    }

    /// <summary>Erases the secret and the keys ([BP-6.2-3]).</summary>
    public void Dispose() => _keys.Dispose();

    // [BP-7.5-1]
    private static int Padded(int dataLength) =>
        Math.Min((dataLength + 1 + Limits.PadTo - 1) / Limits.PadTo * Limits.PadTo, Limits.MaxInner);

    private void Seal(RecordType type, ReadOnlySpan<byte> data, IBufferWriter<byte> output)
    {
        int length = Padded(data.Length) + _keys.TagLength;
        var record = output.GetSpan(2 + length)[..(2 + length)];
        BinaryPrimitives.WriteUInt16BigEndian(record, (ushort)length);
        data.CopyTo(record[2..]);
        record[2 + data.Length] = (byte)type;
        record[(3 + data.Length)..].Clear();
        _keys.Seal(record);
        output.Advance(record.Length);
    }
}
