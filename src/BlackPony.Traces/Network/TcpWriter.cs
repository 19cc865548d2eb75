using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using BlackPony.Reference;
using BlackPony.Traces.Capture;

namespace BlackPony.Traces.Network;

/// <summary>Writes a connection into a capture as Ethernet and IPv4 or IPv6, with all its handshakes and true check sums.</summary>
/// <param name="output">The file.</param>
/// <param name="client">The client's end.</param>
/// <param name="server">The server's end, of the same address family.</param>
/// <param name="number">Which connection of the capture it is: on the same ports another number is another connection.</param>
public sealed class TcpWriter(PcapWriter output, IPEndPoint client, IPEndPoint server, int number = 0)
{
    private const int MaxSegment = 1440;
    private const int MaxCut = 60_000;
    private const byte Fin = 1;
    private const byte Syn = 2;
    private const byte Rst = 4;
    private const byte Push = 8;
    private const byte Ack = 16;

    private readonly uint[] _next = [1000 + unchecked((uint)number * 0x0400_0000), 5000 + unchecked((uint)number * 0x0400_0000)];
    private ushort _id;

    /// <summary>The time of the next packet, nanoseconds since 1970.</summary>
    public long Time { get; set; }

    /// <summary>How much later each packet is than the one before, in nanoseconds.</summary>
    public long Step { get; init; } = 1000;

    /// <summary>The three packets that open it.</summary>
    public void Open()
    {
        Packet(Role.Client, Syn, []);
        Packet(Role.Server, Syn | Ack, []);
        Packet(Role.Client, Ack, []);
    }

    /// <summary>Sends octets, in as many segments as they need, each acknowledged.</summary>
    public void Send(Role sender, ReadOnlySpan<byte> octets)
    {
        for (; !octets.IsEmpty; octets = octets[Math.Min(MaxSegment, octets.Length)..])
        {
            Packet(sender, Push | Ack, octets[..Math.Min(MaxSegment, octets.Length)]);
            Packet(sender == Role.Client ? Role.Server : Role.Client, Ack, []);
        }
    }

    /// <summary>Ends a direction.</summary>
    public void End(Role sender)
    {
        Packet(sender, Fin | Ack, []);
        Packet(sender == Role.Client ? Role.Server : Role.Client, Ack, []);
    }

    /// <summary>Resets the connection.</summary>
    public void Reset(Role sender) => Packet(sender, Rst | Ack, []);

    /// <summary>Leaves out octets that a side sent: a gap for whoever reads the capture.</summary>
    public void Skip(Role sender, long length)
    {
        _next[(int)sender] += unchecked((uint)length);
        Packet(sender == Role.Client ? Role.Server : Role.Client, Ack, []);
    }

    /// <summary>Octets that a side sent in a packet that was captured without them.</summary>
    public void Cut(Role sender, long length)
    {
        for (; length > 0; length -= Math.Min(length, MaxCut))
            Packet(sender, Push | Ack, [], (int)Math.Min(length, MaxCut));
    }

    private void Packet(Role sender, byte flags, ReadOnlySpan<byte> data, int cut = 0)
    {
        var (from, to) = sender == Role.Client ? (client, server) : (server, client);
        uint acknowledgement = (flags & Ack) != 0 ? _next[1 - (int)sender] : 0;
        output.Write(Time, Frame(from, to, _next[(int)sender], acknowledgement, flags, data, _id++, cut), cut);
        _next[(int)sender] += (uint)(data.Length + cut) + ((flags & (Syn | Fin)) != 0 ? 1u : 0);
        Time += Step;
    }

    /// <summary>Makes a frame.</summary>
    internal static byte[] Frame(IPEndPoint from, IPEndPoint to, uint sequence, uint acknowledgement, byte flags, ReadOnlySpan<byte> data,
        ushort id = 0, int cut = 0)
    {
        var source = from.Address.GetAddressBytes();
        var target = to.Address.GetAddressBytes();
        bool six = source.Length == 16;
        int ipHeader = six ? 40 : 20;
        var frame = new byte[14 + ipHeader + 20 + data.Length];
        byte[] ethernet = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, six ? (byte)0x86 : (byte)8, six ? (byte)0xdd : (byte)0];
        ethernet.CopyTo(frame, 0);
        var ip = frame.AsSpan(14);
        var tcp = ip[ipHeader..];
        if (six)
        {
            ip[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)(tcp.Length + cut));
            (ip[6], ip[7]) = (6, 64);
            source.CopyTo(ip[8..]);
            target.CopyTo(ip[24..]);
        }
        else
        {
            ip[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(20 + tcp.Length + cut));
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], id);
            (ip[6], ip[8], ip[9]) = (0x40, 64, 6);
            source.CopyTo(ip[12..]);
            target.CopyTo(ip[16..]);
            BinaryPrimitives.WriteUInt16BigEndian(ip[10..], Checksum(ip[..20], 0));
        }

        BinaryPrimitives.WriteUInt16BigEndian(tcp, (ushort)from.Port);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], (ushort)to.Port);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[8..], acknowledgement);
        (tcp[12], tcp[13]) = (0x50, flags);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], 65535);
        data.CopyTo(tcp[20..]);
        uint pseudo = 6 + (uint)tcp.Length + Sum(source) + Sum(target);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], Checksum(tcp, pseudo));
        return frame;
    }

    // RFC 1071.
    private static ushort Checksum(ReadOnlySpan<byte> octets, uint sum) => (ushort)~Fold(sum + (ulong)Sum(octets));

    // Words are added as they stand in memory, which comes to the same, swapped (RFC 1071 2).
    private static uint Sum(ReadOnlySpan<byte> octets)
    {
        ulong sum = 0;
        foreach (ushort word in MemoryMarshal.Cast<byte, ushort>(octets))
            sum += word;

        ushort folded = BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(Fold(sum)) : Fold(sum);
        return folded + (octets.Length % 2 == 1 ? (uint)octets[^1] << 8 : 0);
    }

    private static ushort Fold(ulong sum)
    {
        while (sum >> 16 != 0)
            sum = (sum & 0xffff) + (sum >> 16);

        return (ushort)sum;
    }
}
