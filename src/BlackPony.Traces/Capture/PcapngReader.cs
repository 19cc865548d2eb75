using System.Buffers.Binary;

namespace BlackPony.Traces.Capture;

/// <summary>pcapng (draft-ietf-opsawg-pcapng): sections in either octet order, several interfaces, blocks of other kinds stepped
/// over.</summary>
internal sealed class PcapngReader(OctetSource source) : CaptureReader(source)
{
    private const uint SectionHeader = 0x0a0d0d0a;
    private const uint InterfaceDescription = 1;
    private const uint ObsoletePacket = 2;
    private const uint SimplePacket = 3;
    private const uint EnhancedPacket = 6;
    private const uint DecryptionSecrets = 10;
    private const uint TlsKeyLog = 0x544c534b;
    private const uint Magic = 0x1a2b3c4d;
    private const int MaxInterfaces = 65536;

    private readonly List<Interface> _interfaces = [];
    private bool _little;

    private readonly record struct Interface(LinkType Link, uint SnapLength, ulong UnitsPerSecond, long OffsetSeconds)
    {
        public long Nanoseconds(ulong units)
        {
            ulong seconds = units / UnitsPerSecond;
            var rest = (UInt128)(units % UnitsPerSecond) * 1_000_000_000 / UnitsPerSecond;
            return unchecked((((long)seconds + OffsetSeconds) * 1_000_000_000) + (long)rest);
        }
    }

    public override string Format => "pcapng";

    public static bool Knows(ReadOnlySpan<byte> octets) => BinaryPrimitives.ReadUInt32LittleEndian(octets) == SectionHeader;

    public override bool Read(out Packet packet)
    {
        packet = default;
        while (Source.Ensure(12))
        {
            // A section header reads the same in both orders, and says the order of all that follows.
            bool section = BinaryPrimitives.ReadUInt32LittleEndian(Source.Span) == SectionHeader;
            if (section && !Order())
                return Broken("A section has no byte-order magic.");

            uint type = Number(0);
            uint length = Number(4);
            if (length < 12 || length % 4 != 0 || length > MaxRecord)
                return Broken($"A block has the impossible length {length}.");

            if (!Source.Ensure((int)length))
                return Broken("The file ends within a block.");

            var body = Source.Span[8..((int)length - 4)];
            Source.Advance((int)length);
            switch (type)
            {
                case SectionHeader:
                    _interfaces.Clear();
                    break;
                case InterfaceDescription when body.Length >= 8 && _interfaces.Count < MaxInterfaces:
                    _interfaces.Add(ReadInterface(body));
                    break;
                case DecryptionSecrets when Secrets is not null && body.Length >= 8 && Number(body) == TlsKeyLog:
                    Secrets.Add(body.Slice(8, (int)Math.Min(Number(body[4..]), (uint)body.Length - 8)));
                    break;
                case EnhancedPacket when body.Length >= 20:
                    return Take(body, Number(body), Number(body[12..]), 20, out packet);
                case ObsoletePacket when body.Length >= 20:
                    return Take(body, _little ? BinaryPrimitives.ReadUInt16LittleEndian(body) : BinaryPrimitives.ReadUInt16BigEndian(body),
                        Number(body[12..]), 20, out packet);
                case SimplePacket when body.Length >= 4 && _interfaces.Count > 0:
                    uint snap = _interfaces[0].SnapLength;
                    packet = new Packet(0, _interfaces[0].Link,
                        body.Slice(4, (int)Math.Min(Math.Min(Number(body), snap == 0 ? uint.MaxValue : snap), (uint)body.Length - 4)));
                    return true;
                default:
                    break;
            }
        }

        return AtEnd("a block");
    }

    private bool Take(ReadOnlySpan<byte> body, uint number, uint length, int header, out Packet packet)
    {
        packet = default;
        if (number >= _interfaces.Count)
            return Broken($"A packet is from interface {number}, which is not described.");

        if (length > body.Length - header)
            return Broken("A packet is longer than its block.");

        var from = _interfaces[(int)number];
        packet = new Packet(from.Nanoseconds(((ulong)Number(body[4..]) << 32) | Number(body[8..])), from.Link,
            body.Slice(header, (int)length));
        return true;
    }

    private Interface ReadInterface(ReadOnlySpan<byte> body)
    {
        var link = (LinkType)(_little ? BinaryPrimitives.ReadUInt16LittleEndian(body) : BinaryPrimitives.ReadUInt16BigEndian(body));
        uint snap = Number(body[4..]);
        ulong units = 1_000_000;
        long offset = 0;
        for (var options = body[8..]; options.Length >= 4;)
        {
            int code = _little ? BinaryPrimitives.ReadUInt16LittleEndian(options) : BinaryPrimitives.ReadUInt16BigEndian(options);
            int length = _little ? BinaryPrimitives.ReadUInt16LittleEndian(options[2..])
                : BinaryPrimitives.ReadUInt16BigEndian(options[2..]);
            if (code == 0 || length > options.Length - 4)
                break;

            var value = options.Slice(4, length);
            if (code == 9 && length >= 1)
            {
                // if_tsresol: a power of ten, or of two with the highest bit.
                int power = value[0] & 0x7f;
                units = value[0] >= 0x80 ? 1UL << Math.Min(power, 63) : (ulong)Math.Pow(10, Math.Min(power, 19));
            }
            else if (code == 14 && length >= 8)
            {
                offset = _little ? BinaryPrimitives.ReadInt64LittleEndian(value) : BinaryPrimitives.ReadInt64BigEndian(value);
            }

            options = options[Math.Min(options.Length, 4 + ((length + 3) & ~3))..];
        }

        return new Interface(link, snap, units, offset);
    }

    private bool Order()
    {
        _little = BinaryPrimitives.ReadUInt32LittleEndian(Source.Span[8..]) == Magic;
        return _little || BinaryPrimitives.ReadUInt32BigEndian(Source.Span[8..]) == Magic;
    }

    private uint Number(int at) => Number(Source.Span[at..]);

    private uint Number(ReadOnlySpan<byte> octets) => _little ? BinaryPrimitives.ReadUInt32LittleEndian(octets)
        : BinaryPrimitives.ReadUInt32BigEndian(octets);
}
