using System.Buffers.Binary;
using System.Net;

namespace BlackPony.Traces.Network;

/// <summary>Two addresses and two ports, from sender to recipient; IPv4 addresses in their IPv6 form (RFC 4291 2.5.5.2).</summary>
internal readonly record struct FlowKey(ulong SourceHigh, ulong SourceLow, ulong DestinationHigh, ulong DestinationLow, uint Ports)
{
    private const ulong Mapped = 0xffff_0000_0000;

    public ushort SourcePort => (ushort)(Ports >> 16);

    public ushort DestinationPort => (ushort)Ports;

    /// <summary>The other direction.</summary>
    public FlowKey Reversed => new(DestinationHigh, DestinationLow, SourceHigh, SourceLow, (Ports << 16) | (Ports >> 16));

    public IPEndPoint Source => new(Address(SourceHigh, SourceLow), SourcePort);

    public IPEndPoint Destination => new(Address(DestinationHigh, DestinationLow), DestinationPort);

    public static FlowKey IPv4(ReadOnlySpan<byte> addresses) =>
        new(0, Mapped | BinaryPrimitives.ReadUInt32BigEndian(addresses), 0, Mapped | BinaryPrimitives.ReadUInt32BigEndian(addresses[4..]),
            0);

    public static FlowKey IPv6(ReadOnlySpan<byte> addresses) => new(
        BinaryPrimitives.ReadUInt64BigEndian(addresses),
        BinaryPrimitives.ReadUInt64BigEndian(addresses[8..]),
        BinaryPrimitives.ReadUInt64BigEndian(addresses[16..]),
        BinaryPrimitives.ReadUInt64BigEndian(addresses[24..]),
        0);

    /// <summary>The same for both directions, so that one entry serves both.</summary>
    public FlowKey Canonical(out bool reversed)
    {
        reversed = SourceHigh != DestinationHigh ? SourceHigh > DestinationHigh : SourceLow != DestinationLow ? SourceLow > DestinationLow
            : SourcePort > DestinationPort;
        return reversed ? Reversed : this;
    }

    public bool Equals(FlowKey other) => Ports == other.Ports && SourceLow == other.SourceLow && DestinationLow == other.DestinationLow
        && SourceHigh == other.SourceHigh && DestinationHigh == other.DestinationHigh;

    // Cheap, and mixed well enough that consecutive ports and addresses spread.
    public override int GetHashCode()
    {
        ulong hash = (SourceLow ^ (DestinationLow * 0x9e3779b97f4a7c15) ^ Ports ^ (SourceHigh * 0xc2b2ae3d27d4eb4f) ^ (
            DestinationHigh * 0x165667b19e3779f9)) * 0x9e3779b97f4a7c15;
        return (int)(hash >> 32);
    }

    private static IPAddress Address(ulong high, ulong low)
    {
        Span<byte> octets = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(octets, high);
        BinaryPrimitives.WriteUInt64BigEndian(octets[8..], low);
        return high == 0 && low >> 32 == 0xffff ? new IPAddress(octets[12..]) : new IPAddress(octets);
    }
}
