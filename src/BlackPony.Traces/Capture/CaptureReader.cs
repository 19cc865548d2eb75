using System.IO.Compression;

namespace BlackPony.Traces.Capture;

/// <summary>Reads the packets of a capture file one after the other, whatever its format.</summary>
public abstract class CaptureReader : IDisposable
{
    /// <summary>Longer than any record of a sane file; a length beyond it is a broken file.</summary>
    internal const int MaxRecord = 16 << 20;

    private const int FirstRead = 16384;

    private protected CaptureReader(OctetSource source) => Source = source;

    /// <summary>The format's name.</summary>
    public abstract string Format { get; }

    /// <summary>Why reading ended early; null if the file is whole.</summary>
    public string? Damage { get; private set; }

    /// <summary>Where in the (unpacked) file reading stands.</summary>
    public long Offset => Source.Offset;

    /// <summary>Takes the secrets that stand in the file; null if they are not wanted.</summary>
    internal Sessions.KeyLog? Secrets { get; set; }

    private protected OctetSource Source { get; }

    /// <summary>Opens a stream by its first octets: pcap or pcapng, or gzip of either.</summary>
    /// <returns>Null if it is none of them.</returns>
    public static CaptureReader? Open(Stream stream) => Open(new OctetSource(stream), stream);

    /// <summary>The time of a file's first packet, nanoseconds since 1970; 0 if there is none, or if it can be read only once.</summary>
    public static long FirstTime(string path)
    {
        try
        {
            // A pipe has no length, and whoever writes into it would find it closed.
            if (new FileInfo(path).Length == 0)
                return 0;

            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            using var reader = stream.CanSeek ? Open(new OctetSource(stream, FirstRead), stream) : null;
            return reader is not null && reader.Read(out var packet) ? packet.Time : 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return 0;
        }
    }

    private static CaptureReader? Open(OctetSource source, Stream stream)
    {
        if (source.Ensure(3) && source.Span[..3].SequenceEqual<byte>([0x1f, 0x8b, 8]))
            source = new OctetSource(new GZipStream(new PrependedStream(source, stream), CompressionMode.Decompress));

        if (source.Ensure(4))
        {
            return PcapReader.Knows(source.Span) ? new PcapReader(source) : PcapngReader.Knows(source.Span) ? new PcapngReader(source)
                : null;
        }

        return null;
    }

    /// <summary>Reads the next packet.</summary>
    /// <returns>False at the end, or where the file is damaged (<see cref="Damage"/>).</returns>
    public abstract bool Read(out Packet packet);

    /// <inheritdoc/>
    public void Dispose()
    {
        Source.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected bool Broken(string why)
    {
        Damage ??= Source.Damage ?? why;
        return false;
    }

    // The end of the file between records is the end; anything else, and a stream that fails, is damage.
    private protected bool AtEnd(string what) => Source.Span.IsEmpty && Source.Damage is null ? false
        : Broken($"The file ends within {what}.");
}
