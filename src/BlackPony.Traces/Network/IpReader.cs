using System.Buffers.Binary;

namespace BlackPony.Traces.Network;

/// <summary>IPv4 (RFC 791) with fragments and IPv6 (RFC 8200) with extension headers and fragments, down to the TCP segment.</summary>
internal sealed class IpReader
{
    private const int Tcp = 6;
    private const int IpInIp = 4;
    private const int Ipv6InIp = 41;
    private const int Gre = 47;
    private const int MaxTunnels = 4;

    private readonly FragmentTable _fragments = new();

    /// <summary>Reads an IP packet.</summary>
    /// <returns>False if it carries no TCP segment, or one that is not yet whole.</returns>
    public bool Read(ReadOnlySpan<byte> ip, out Segment segment) => Read(ip, 0, out segment);

    private bool Read(ReadOnlySpan<byte> ip, int tunnels, out Segment segment)
    {
        segment = default;
        return !ip.IsEmpty && tunnels <= MaxTunnels && (ip[0] >> 4) switch
        {
            4 => ReadFour(ip, tunnels, out segment),
            6 => ReadSix(ip, tunnels, out segment),
            _ => false,
        };
    }

    private bool ReadFour(ReadOnlySpan<byte> ip, int tunnels, out Segment segment)
    {
        segment = default;
        if (ip.Length < 20)
            return false;

        int header = (ip[0] & 15) * 4;
        int total = BinaryPrimitives.ReadUInt16BigEndian(ip[2..]);
        // Zero is what a host that leaves segmentation to its network card captures.
        total = total == 0 ? ip.Length : total;
        if (ip[9] is IpInIp or Ipv6InIp or Gre && header >= 20 && ip.Length > header && (ip[6] & 0x3f) == 0 && ip[7] == 0)
        {
            return Read(ip[9] == Gre ? BehindGre(ip[header..]) : ip[header..Math.Min(Math.Max(total, header), ip.Length)], tunnels + 1,
                out segment);
        }

        if (ip[9] != Tcp || header < 20 || total < header || ip.Length < header)
            return false;

        var payload = ip[header..Math.Min(total, ip.Length)];
        int fragment = BinaryPrimitives.ReadUInt16BigEndian(ip[6..]);
        var flow = FlowKey.IPv4(ip[12..]);
        if ((fragment & 0x3fff) == 0)
            return Segment.Read(flow, payload, total - header, out segment);

        // A fragment that was not captured whole makes no whole datagram.
        var whole = payload.Length == total - header
            ? _fragments.Add(flow with { Ports = BinaryPrimitives.ReadUInt16BigEndian(ip[4..]) }, (fragment & 0x1fff) * 8,
                (fragment & 0x2000) != 0, payload)
            : null;
        return whole is not null && Segment.Read(flow, whole, whole.Length, out segment);
    }

    // RFC 2784 and RFC 2890: a check sum, a key and a number may stand before the packet.
    private static ReadOnlySpan<byte> BehindGre(ReadOnlySpan<byte> gre)
    {
        if (gre.Length < 4 || BinaryPrimitives.ReadUInt16BigEndian(gre[2..]) is not (0x0800 or 0x86dd))
            return default;

        int header = 4 + (4 * System.Numerics.BitOperations.PopCount((uint)gre[0] & 0xb0));
        return gre.Length > header ? gre[header..] : default;
    }

    private bool ReadSix(ReadOnlySpan<byte> ip, int tunnels, out Segment segment)
    {
        segment = default;
        if (ip.Length < 40)
            return false;

        int length = BinaryPrimitives.ReadUInt16BigEndian(ip[4..]);
        length = length == 0 ? ip.Length - 40 : length;
        var flow = FlowKey.IPv6(ip[8..]);
        return ReadSix(flow, ip[6], ip[40..Math.Min(40 + length, ip.Length)], length, fragmented: false, tunnels, out segment);
    }

    private bool ReadSix(FlowKey flow, int next, ReadOnlySpan<byte> rest, int length, bool fragmented, int tunnels, out Segment segment)
    {
        segment = default;
        while (next != Tcp)
        {
            if (rest.Length < 8)
                return false;

            int header;
            switch (next)
            {
                case 0 or 43 or 60 or 135 or 139 or 140:
                    header = (rest[1] + 1) * 8;
                    break;
                case 51:
                    header = (rest[1] + 2) * 4;
                    break;
                case 44 when !fragmented:
                    int word = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
                    // An atomic fragment (RFC 6946) is whole.
                    if ((word & ~6) == 0)
                    {
                        header = 8;
                        break;
                    }

                    // The first fragment's next header says what the whole is; this one's is the same in what anybody sends.
                    var whole = rest.Length == length
                        ? _fragments.Add(flow with { Ports = BinaryPrimitives.ReadUInt32BigEndian(rest[4..]) }, word & ~7, (word & 1) != 0,
                            rest[8..])
                        : null;
                    return whole is not null && ReadSix(flow, rest[0], whole, whole.Length, fragmented: true, tunnels, out segment);
                case IpInIp or Ipv6InIp or Gre:
                    return Read(next == Gre ? BehindGre(rest) : rest, tunnels + 1, out segment);
                default:
                    return false;
            }

            if (header > rest.Length)
                return false;

            next = rest[0];
            rest = rest[header..];
            length -= header;
        }

        return Segment.Read(flow, rest, length, out segment);
    }
}
