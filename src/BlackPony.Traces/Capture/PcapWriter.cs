using System.Buffers.Binary;

namespace BlackPony.Traces.Capture;

/// <summary>Writes packets into a pcap file with microseconds, little-endian.</summary>
public sealed class PcapWriter : IDisposable
{
    private const int SnapLength = 262144;

    private readonly Stream _output;

    /// <summary>Begins a file.</summary>
    public PcapWriter(Stream output, LinkType link)
    {
        _output = output;
        Span<byte> header = stackalloc byte[24];
        header.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header, 0xa1b2c3d4);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], 4);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], SnapLength);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], (uint)link);
        output.Write(header);
    }

    /// <summary>Writes a packet.</summary>
    /// <param name="time">Nanoseconds since 1970.</param>
    /// <param name="data">The packet.</param>
    /// <param name="cut">Octets of it that were not captured.</param>
    public void Write(long time, ReadOnlySpan<byte> data, int cut = 0)
    {
        Span<byte> header = stackalloc byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(header, (uint)(time / 1_000_000_000));
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], (uint)(time % 1_000_000_000 / 1000));
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], data.Length);
        BinaryPrimitives.WriteInt32LittleEndian(header[12..], data.Length + cut);
        _output.Write(header);
        _output.Write(data);
    }

    /// <inheritdoc/>
    public void Dispose() => _output.Flush();
}
