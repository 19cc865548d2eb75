using System.Buffers.Binary;

namespace BlackPony.Traces.Network;

/// <summary>A TCP segment (RFC 9293 3.1).</summary>
internal readonly ref struct Segment
{
    private const byte FinFlag = 1;
    private const byte SynFlag = 2;
    private const byte RstFlag = 4;
    private const byte AckFlag = 16;

    private readonly byte _flags;

    private Segment(FlowKey flow, ReadOnlySpan<byte> header, ReadOnlySpan<byte> data, int length)
    {
        Flow = flow;
        Sequence = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        Acknowledgement = BinaryPrimitives.ReadUInt32BigEndian(header[8..]);
        _flags = header[13];
        Data = data;
        Length = length;
    }

    public FlowKey Flow { get; }

    public uint Sequence { get; }

    public uint Acknowledgement { get; }

    /// <summary>The payload as far as it was captured.</summary>
    public ReadOnlySpan<byte> Data { get; }

    /// <summary>The payload's length on the wire.</summary>
    public int Length { get; }

    public bool Fin => (_flags & FinFlag) != 0;

    public bool Syn => (_flags & SynFlag) != 0;

    public bool Rst => (_flags & RstFlag) != 0;

    public bool Ack => (_flags & AckFlag) != 0;

    /// <summary>Reads a segment.</summary>
    /// <param name="addresses">The flow, without ports.</param>
    /// <param name="tcp">The TCP header and payload as far as captured.</param>
    /// <param name="length">Their length on the wire.</param>
    /// <param name="segment">The segment.</param>
    public static bool Read(FlowKey addresses, ReadOnlySpan<byte> tcp, int length, out Segment segment)
    {
        segment = default;
        if (tcp.Length < 20)
            return false;

        int header = (tcp[12] >> 4) * 4;
        if (header < 20 || header > length)
            return false;

        var data = tcp[Math.Min(header, tcp.Length)..];
        segment = new Segment(addresses with { Ports = BinaryPrimitives.ReadUInt32BigEndian(tcp) }, tcp, data,
            Math.Max(length - header, data.Length));
        return true;
    }
}
