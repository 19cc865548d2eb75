using System.Buffers.Binary;
using BlackPony.Traces.Capture;

namespace BlackPony.Traces.Network;

/// <summary>Finds the IP packet in a frame.</summary>
internal static class LinkLayer
{
    private const int IPv4 = 0x0800;
    private const int IPv6 = 0x86dd;
    private const int PppoeSession = 0x8864;
    private const int MplsUnicast = 0x8847;
    private const int MaxLength = 1500;

    /// <summary>The IP packet, padding after it included; empty if there is none.</summary>
    public static ReadOnlySpan<byte> Ip(LinkType link, ReadOnlySpan<byte> frame) => link switch
    {
        LinkType.Ethernet => frame.Length > 14 ? ByEtherType(frame[12..]) : default,
        LinkType.LinuxCooked => frame.Length > 16 ? ByEtherType(frame[14..]) : default,
        LinkType.LinuxCooked2 => frame.Length > 20 ? CookedTwo(frame) : default,
        LinkType.Raw or LinkType.RawBsd or LinkType.RawOpenBsd or LinkType.IPv4 or LinkType.IPv6 => frame,
        LinkType.Ppp or LinkType.PppHdlc => Ppp(frame),
        LinkType.Null or LinkType.Loop => frame.Length > 4 ? frame[4..] : default,
        _ => default,
    };

    /// <summary>Whether the link type is one of those that are read.</summary>
    public static bool Knows(LinkType link) => Enum.IsDefined(link);

    // The protocol stands first in version 2, the payload after twenty octets; VLAN tags stand in the payload.
    private static ReadOnlySpan<byte> CookedTwo(ReadOnlySpan<byte> frame) =>
        BinaryPrimitives.ReadUInt16BigEndian(frame) is IPv4 or IPv6 ? frame[20..] : IsTag(BinaryPrimitives.ReadUInt16BigEndian(frame))
            && frame.Length > 24 ? ByEtherType(frame[22..]) : default;

    // The protocol (RFC 1661 2), after address and control if they were not left away.
    private static ReadOnlySpan<byte> Ppp(ReadOnlySpan<byte> frame)
    {
        frame = frame.StartsWith<byte>([0xff, 3]) ? frame[2..] : frame;
        return frame.StartsWith<byte>([0, 0x21]) || frame.StartsWith<byte>([0, 0x57]) ? frame[2..] : default;
    }

    // The label that has the bottom-of-stack bit is the last (RFC 3032 2.1).
    private static ReadOnlySpan<byte> BehindLabels(ReadOnlySpan<byte> rest)
    {
        while (rest.Length > 4)
        {
            bool last = (rest[2] & 1) != 0;
            rest = rest[4..];
            if (last)
                return rest;
        }

        return default;
    }

    // Type, then payload; tags (802.1Q, QinQ) have two octets of their own and the next type.
    private static ReadOnlySpan<byte> ByEtherType(ReadOnlySpan<byte> rest)
    {
        while (rest.Length > 2)
        {
            int type = BinaryPrimitives.ReadUInt16BigEndian(rest);
            rest = rest[2..];
            if (type is IPv4 or IPv6)
                return rest;

            if (type == PppoeSession)
                return rest.Length > 8 ? Ppp(rest[6..]) : default;

            if (type == MplsUnicast)
                return BehindLabels(rest);

            // A length, and IEEE 802.2 with the type in its SNAP header.
            if (type <= MaxLength && rest.StartsWith<byte>([0xaa, 0xaa, 3, 0, 0, 0]))
            {
                rest = rest[6..];
                continue;
            }

            if (!IsTag(type) || rest.Length < 4)
                return default;

            rest = rest[2..];
        }

        return default;
    }

    private static bool IsTag(int type) => type is 0x8100 or 0x88a8 or 0x9100 or 0x9200;
}
