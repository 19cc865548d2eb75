namespace BlackPony.Traces.Capture;

/// <summary>A captured packet; its data is valid until the next one is read.</summary>
public readonly ref struct Packet
{
    /// <summary>Makes a packet.</summary>
    public Packet(long time, LinkType link, ReadOnlySpan<byte> data)
    {
        Time = time;
        Link = link;
        Data = data;
    }

    /// <summary>Nanoseconds since 1970.</summary>
    public long Time { get; }

    /// <summary>The link type.</summary>
    public LinkType Link { get; }

    /// <summary>What was captured of it.</summary>
    public ReadOnlySpan<byte> Data { get; }
}
