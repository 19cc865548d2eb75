using System.Buffers.Binary;

namespace BlackPony.Traces.Capture;

/// <summary>The classic format (draft-ietf-opsawg-pcap): microseconds or nanoseconds, either octet order.</summary>
internal sealed class PcapReader : CaptureReader
{
    private const uint Micro = 0xa1b2c3d4;
    private const uint Nano = 0xa1b23c4d;

    // Alexey Kuznetsov's variant: eight more octets in each record's header.
    private const uint Modified = 0xa1b2cd34;

    // No capture has longer packets: libpcap's greatest snapshot length.
    private const int MaxSane = 262144;

    private readonly bool _little;
    private readonly int _unit;
    private int _header;
    private LinkType _link;
    private bool _begun;

    public PcapReader(OctetSource source)
        : base(source)
    {
        _little = IsMagic(BinaryPrimitives.ReadUInt32LittleEndian(source.Span));
        var magic = Number(0);
        _unit = magic == Nano ? 1 : 1000;
        _header = magic == Modified ? 24 : 16;
    }

    public override string Format => "pcap";

    public static bool Knows(ReadOnlySpan<byte> octets) => IsMagic(BinaryPrimitives.ReadUInt32LittleEndian(octets))
        || IsMagic(BinaryPrimitives.ReadUInt32BigEndian(octets));

    public override bool Read(out Packet packet)
    {
        packet = default;
        if (!_begun && !Begin())
            return false;

        if (!Source.Ensure(_header))
            return AtEnd("a packet's header");

        long time = (Number(0) * 1_000_000_000L) + (Number(4) * (long)_unit);
        uint length = Number(8);
        if (length > MaxRecord)
            return Broken($"A packet has the impossible length {length}.");

        if (!Source.Ensure(_header + (int)length))
            return Broken("The file ends within a packet.");

        packet = new Packet(time, _link, Source.Span.Slice(_header, (int)length));
        Source.Advance(_header + (int)length);
        return true;
    }

    private static bool IsMagic(uint number) => number is Micro or Nano or Modified;

    private bool Begin()
    {
        if (!Source.Ensure(24))
            return Broken("The file ends within its header.");

        // The upper bits say whether frames end with a check sequence.
        _link = (LinkType)(Number(20) & 0xffff);
        Source.Advance(24);
        // Nokia 20; Red Hat 6.1 and SuSE 6.3 under the usual magic 24, or 28 under Kuznetsov's.
        int[] headers = _header == 16 ? [16, 20, 24] : [24, 28];
        _header = Array.Find(headers, Fits) is > 0 and var header ? header : _header;
        return _begun = true;
    }

    // Whether two records are what they should be with headers of so many octets.
    private bool Fits(int header)
    {
        if (!IsSane(0, header))
            return false;

        int next = header + (int)Number(8);
        return IsSane(next, header) || Source.Span.Length == next;
    }

    private bool IsSane(int at, int header) =>
        Source.Ensure(at + header) && Number(at + 4) < 1_000_000_000 / _unit && Number(at + 8) <= MaxSane
            && Number(at + 8) <= Number(at + 12);

    private uint Number(int at) => _little ? BinaryPrimitives.ReadUInt32LittleEndian(Source.Span[at..])
        : BinaryPrimitives.ReadUInt32BigEndian(Source.Span[at..]);
}
