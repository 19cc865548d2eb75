using System.Buffers.Binary;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Suites;

namespace BlackPony.Conformance.Peers;

/// <summary>One direction's keys and count, with no rule of its own: it seals and opens whatever a case likes.</summary>
/// <param name="suite">A suite that encrypts.</param>
/// <param name="secret">traffic[0], 32 octets.</param>
internal sealed class Direction(Suite suite, byte[] secret) : IDisposable
{
    private byte[] _secret = secret;

    /// <summary>The protection under the present traffic secret.</summary>
    public RecordProtection Protection { get; private set; } = suite.Protect(secret);

    /// <summary>The next record's sequence number.</summary>
    public ulong Seq { get; private set; }

    /// <summary>How much of the protection's budget the opened records have used.</summary>
    public long Used { get; private set; }

    /// <summary>Makes a record of an <em>inner</em>.</summary>
    public byte[] Seal(ReadOnlySpan<byte> inner)
    {
        var record = new byte[2 + inner.Length + Protection.TagLength];
        BinaryPrimitives.WriteUInt16BigEndian(record, (ushort)(record.Length - 2));
        inner.CopyTo(record.AsSpan(2));
        Protection.Seal(Seq++, record);
        return record;
    }

    /// <summary>Opens a record in place.</summary>
    /// <returns>Its <em>inner</em>; null if it does not verify, and then the sequence number stays.</returns>
    public byte[]? Open(byte[] record) => Open(record, out var inner) ? inner.ToArray() : null;

    /// <summary>Opens a record in place.</summary>
    /// <param name="record">The record.</param>
    /// <param name="inner">Its <em>inner</em>, there.</param>
    /// <returns>Whether it verifies; if not, the sequence number stays.</returns>
    public bool Open(Span<byte> record, out ReadOnlySpan<byte> inner)
    {
        bool good = Protection.Open(Seq, record);
        Used += Protection.Cost(record.Length - 2 - Protection.TagLength);
        Seq += good ? 1u : 0;
        inner = good ? record[2..^Protection.TagLength] : default;
        return good;
    }

    /// <summary>Goes on to the next traffic secret.</summary>
    public void Rekey()
    {
        _secret = KeySchedule.ExpandLabel(_secret, "upd", [], KeySchedule.SecretLength);
        Protection.Dispose();
        Protection = suite.Protect(_secret);
        (Seq, Used) = (0, 0);
    }

    /// <inheritdoc/>
    public void Dispose() => Protection.Dispose();
}
