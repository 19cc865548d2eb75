using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Network;

namespace BlackPony.Tests.Traces;

/// <summary>
/// What is read of packets, fragments and segments: whole, cut short after each octet, with each octet changed, in any order.
/// <c>tests/Traces/Reports/inputs</c> has the tables; <c>BLACKPONY_WRITE=1</c> writes them again.
/// </summary>
public sealed class PacketTableTests
{
    private static readonly byte[] Four = Frames.Client(0x01020304, 0xa1a2a3a4, "EHLO a\r\n", Frames.Ack | 8);
    private static readonly byte[] Six = TcpWriter.Frame(IPEndPoint.Parse("[2001:db8::1]:40000"), IPEndPoint.Parse("[2001:db8::2]:25"),
        0x01020304, 0xa1a2a3a4, Frames.Ack | Frames.Fin, "QUIT\r\n"u8);

    private static readonly (string Name, LinkType Link, byte[] Frame)[] Packets =
    [
        ("Ethernet", LinkType.Ethernet, Four),
        ("Ethernet, padded", LinkType.Ethernet, [.. Four, 0, 0, 0, 0]),
        ("Ethernet, IPv6", LinkType.Ethernet, Six),
        ("a tag", LinkType.Ethernet, [.. Four[..12], 0x81, 0, 0, 7, .. Four[12..]]),
        ("two tags", LinkType.Ethernet, [.. Four[..12], 0x88, 0xa8, 0, 7, 0x91, 0, 0, 8, .. Four[12..]]),
        ("another tag", LinkType.Ethernet, [.. Four[..12], 0x92, 0, 0, 7, .. Four[12..]]),
        ("PPPoE", LinkType.Ethernet, [.. Four[..12], 0x88, 0x64, 0x11, 0, 0, 1, 0, 50, 0, 0x21, .. Four[14..]]),
        ("PPPoE, IPv6", LinkType.Ethernet, [.. Six[..12], 0x88, 0x64, 0x11, 0, 0, 1, 0, 50, 0, 0x57, .. Six[14..]]),
        ("MPLS", LinkType.Ethernet, [.. Four[..12], 0x88, 0x47, 0, 0x10, 1, 64, .. Four[14..]]),
        ("MPLS, two labels", LinkType.Ethernet, [.. Four[..12], 0x88, 0x47, 0, 0x10, 0, 64, 0, 0x20, 1, 64, .. Four[14..]]),
        ("SNAP", LinkType.Ethernet, [.. Four[..12], 0, 56, 0xaa, 0xaa, 3, 0, 0, 0, .. Four[12..]]),
        ("SNAP, the longest", LinkType.Ethernet, [.. Four[..12], 0x05, 0xdc, 0xaa, 0xaa, 3, 0, 0, 0, .. Four[12..]]),
        ("SNAP, too long", LinkType.Ethernet, [.. Four[..12], 0x05, 0xdd, 0xaa, 0xaa, 3, 0, 0, 0, .. Four[12..]]),
        ("Linux cooked", LinkType.LinuxCooked, [0, 4, 3, 4, .. new byte[10], .. Four[12..]]),
        ("Linux cooked 2", LinkType.LinuxCooked2, [8, 0, .. new byte[18], .. Four[14..]]),
        ("Linux cooked 2, IPv6", LinkType.LinuxCooked2, [0x86, 0xdd, .. new byte[18], .. Six[14..]]),
        ("Linux cooked 2, a tag", LinkType.LinuxCooked2, [0x81, 0, .. new byte[18], 0, 7, .. Four[12..]]),
        ("PPP", LinkType.Ppp, [0xff, 3, 0, 0x21, .. Four[14..]]),
        ("PPP without an address", LinkType.PppHdlc, [0, 0x57, .. Six[14..]]),
        ("BSD loopback", LinkType.Null, [2, 0, 0, 0, .. Four[14..]]),
        ("OpenBSD loopback", LinkType.Loop, [0, 0, 0, 24, .. Six[14..]]),
        ("raw", LinkType.Raw, Four[14..]), ("raw, BSD", LinkType.RawBsd, Six[14..]), ("raw, OpenBSD", LinkType.RawOpenBsd, Four[14..]),
        ("raw IPv4", LinkType.IPv4, Four[14..]), ("raw IPv6", LinkType.IPv6, Six[14..]), ("unknown", (LinkType)147, Four),
        ("IPv4 in an IPv6 address", LinkType.Raw,
            [.. Six[14..22], .. new byte[10], 0xff, 0xff, 10, 0, 0, 1, .. Six[38..48], 0xff, 0xff, 10, 0, 0, 2, .. Six[54..]]),
        ("IPv4 options", LinkType.Raw, With(Header(4, 6, [], 6), Four[34..])),
        ("IPv4, longer than captured", LinkType.Raw, [.. Four[14..16], 5, 0, .. Four[18..]]),
        ("IPv4 without a length", LinkType.Raw, [.. Four[14..16], 0, 0, .. Four[18..]]),
        ("TCP options", LinkType.Raw, With(Header(4, 6), [.. Four[34..46], 0x70, .. Four[47..54], 1, 1, 1, 1, 1, 1, 1, 0, .. "x"u8])),
        ("TCP options and no more", LinkType.Raw, With(Header(4, 6), [.. Four[34..46], 0x60, .. Four[47..54], 1, 1, 1, 0])),
        ("IPv4 in IPv4", LinkType.Raw, With(Header(4, 4), Four[14..])),
        ("IPv4 in IPv4, with options", LinkType.Raw, With(Header(4, 4, [], 7), Four[14..])),
        ("IPv6 in IPv4", LinkType.Raw, With(Header(4, 41), Six[14..])),
        ("IPv4 in IPv6", LinkType.Raw, With(Header(6, 4), Four[14..])), ("IPv6 in IPv6", LinkType.Raw, With(Header(6, 41), Six[14..])),
        ("four tunnels", LinkType.Raw, With(Header(4, 4), With(Header(4, 4), With(Header(4, 41), With(Header(6, 4), Four[14..]))))),
        ("five tunnels", LinkType.Raw,
            With(Header(4, 4), With(Header(4, 4), With(Header(4, 4), With(Header(4, 41), With(Header(6, 4), Four[14..])))))),
        ("GRE", LinkType.Raw, With(Header(4, 47, [0, 0, 8, 0]), Four[14..])),
        ("GRE, IPv6", LinkType.Raw, With(Header(4, 47, [0, 0, 0x86, 0xdd]), Six[14..])),
        ("GRE with a key", LinkType.Raw, With(Header(4, 47, [0x20, 0, 8, 0, 1, 2, 3, 4]), Four[14..])),
        ("GRE with all", LinkType.Raw, With(Header(4, 47, [0xb0, 0, 8, 0, .. new byte[12]]), Four[14..])),
        ("GRE in IPv6", LinkType.Raw, With(Header(6, 47, [0x80, 0, 8, 0, 0, 0, 0, 0]), Four[14..])),
        .. from next in (byte[])[0, 43, 44, 51, 59, 60, 135, 139, 140]
           from words in (byte[])[0, 1]
           select ($"extension {next}, {words}", LinkType.Raw, With(Header(6, next, Extension(next, words)), Six[54..])),
        ("two extensions", LinkType.Raw, With(Header(6, 60, [43, 0, 1, 4, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]), Six[54..])),
    ];

    // The offset, + or - for whether more follows, how many octets, and which datagram.
    private static readonly string[] Fragments =
    [
        "0+16 16-8", "16-8 0+16", "0+8 8+8 16-8", "16-8 8+8 0+8", "0+8 16-8", "0+8 16-8 8+8", "0+8 0+8 8-16", "0+16 8-16", "8-16 0+16",
        "0+24 8-8", "8-8 0+24", "0+16 16-8 0+16 16-8", "0+16/1 16-8/2", "0+16/1 0+16/2 16-8/1 16-8/2", "0+0 0+16 16-8", "0+24 24-0",
        "24-0 0+24", "8+8 16-8 0+8", "0-24", "0-20", "0-19", "16-4 0+16", "0+16 16-1", "0+16 16-24 16-8", "0+8 8-8 16-8", "8-8 16-8 0+8",
        "65504-31 0+8", "65512-23 0+65512", "65512-24 0+65512", "65528+8 65512-24 0+65512", "0+65512 65512-23", "0+65512 65512-24",
        "8+16 0+8 24-8", "8+8 8-8 0+8", "8-8 8+8 0+8",
    ];

    // Tokens: the sender (c, s; o is the client on another port), the offset of the segment, flags (S A F R), what it acknowledges (1 by
    // default), a colon and the text, a slash and how many octets are cut off. +N: N nanoseconds pass.
    private static readonly string[] Segments =
    [
        "c0S s0SA c1A:ab s1A:xy c3FA s3FA", "c0S s0SA c1A:ab c1A:ab s1A:xy c3FA s3FA", "c0S s0SA c1A:ab c3A:cd s1A:xy c5FA s3FA",
        "c0S s0SA c3A:cd c1A:ab s1A:xy c5FA s3FA", "c0S s0SA c1A:abc c3A:cde s1A:xy c6FA s3FA", "c0S s0SA c3A:cd s1A5:xy c1A:ab c5FA s3FA",
        "c0S s0SA s1A3:xy c1A1:ab c3FA s3FA", "c0S s0SA c1A:ab/1 c3A:cd s1A:xy c5FA s3FA", "c0S s0SA c1A:ab/1 c1A:ab c3FA s1FA",
        "c0S s0SA c1A:abcd/3 c2A:bcd c5FA s1FA", "c0S s0SA c1A:ab c3R s1A:xy", "c0S s0SA c1A:ab s1R c3A:cd", "c0S s0SA c1A:ab c9R",
        "c0S s0SA c1A:ab c4194307R c3A:cd c5FA s1FA", "c0S s0SA c1A:ab c4194308R c3A:cd c5FA s1FA", "c0S s0SA c4194305R c1A:ab",
        "c0S s0SA c4194306R c1A:ab", "c0S s0SA c-4194303R c1A:ab", "c0S s0SA c-4194304R c1A:ab",
        "c0S s0SA c1A:ab c3FA s1FA c4A:late c8A:x", "c0S s0SA c1A:ab c3FA s1FA c4A", "c0S s0SA c1A:ab c3FA s1FA c3A:x",
        "c0S s0SA c1A:ab c3FA s1FA c3FA", "c0S s0SA c1A:ab c3FA s1FA c0S s0SA c1A:new", "c0S s0SA c1A:ab c3FA s1FA c100S s100SA c101A:new",
        "c0S s0SA c1A:ab c100S s100SA c101A101:new", "c0S s0SA c100S s0SA c101A:new", "c0S s0SA s100SA c1A101:ab", "c0S s0SA s1A:xy s100SA",
        "c0S s0SA c1A:ab s1A:x s50SA", "c0S c0S s0SA s0SA c1A:ab", "s0SA c1A:ab s1A:xy", "c0S c1A:ab", "s1A:xy c1A3:ab", "c1A:ab s1A3:xy",
        "c5A c5A:ab", "c5F c6A:ab", "c5R c6A:ab", "c5FA s1FA5", "s0SA s1FA c1FA", "c0S s0SA c0A:ab c1A:b", "c0S s0SA c0A:a c1A:b",
        "c0S s0SA s0A:xy c1A2:ab", "c0S s0SA c0:ab s1A2:xy c2:cd", "c0S:ab s0SA c3A:cd", "c0S s0SA c1FA:ab s1A3:xy s3FA4",
        "c0S s0SA c3FA s1FA c1A:ab", "c0S s0SA c3FA s1FA +2000000000 c1A:ab", "c0S s0SA c3FA s1FA +2000000001 o0S c1A:ab",
        "c0S s0SA c3FA s3FA +2000000001 o0S o1A:z", "c0S s0SA c1A:ab c5A:ef c9A:ij s1A:xy c11FA s3FA", "c0S s0SA c1A:ab s3A3:z c3A4:cd",
        "c0S s0SA c1A:ab s1A5:xy c7A3:gh s3A9:zz", "c0S s0SA s1A9:xy c1A1:ab", "c0S s0SA c1073741825A:ab c1A:x",
        "c0S s0SA c1073741826A:ab c1A:x",
        "c0S s0SA c1A:ab c3FA c4A:x s1FA", "c0S s0SA c1A:ab c3FA/0 c2A:bx s1FA", "c0S s0SA s1A:xy s1A:XYz s4FA c1FA",
        "c4294967290A:abcdefgh c2A:ij",
        "c0S s0SA c1A:ab s3A:z c5A:ef s1A:xy c3A:cd", "c0S s0SA c1A:ab s1R c3R c100S s100SA c101A:new", "c0S s0SA c1A:ab s1R c3A:cd s50A:n",
        "c0S s0SA c1A:ab s1R s1A:n", "c0S s0SA c1A:ab s5R s5A:n", "c0S s0SA c1A:ab c3R c5A:n", "c0S s0SA c1A:ab c3R c4194308A:n",
        "c0S s0SA c1A:ab s1R c4194307A:n", "c0S s0SA c1A:ab s1R c4194308A:n", "c0S s0SA c1A:ab s1R c-4194301A:n",
        "c0S s0SA c1A:ab s1R c-4194302A:n",
        "c0S s0SA c4194000A:ab c1A:x c4194002FA s1FA",
    ];

    [Fact]
    public void What_is_read_of_a_packet_stays_the_same() => InputTables.Compare("packets", Packets.SelectMany(p =>
    {
        var all = new StringBuilder();
        for (int i = 0; i < p.Frame.Length; i++)
        {
            foreach (int octet in (int[])[p.Frame[i] + 1, p.Frame[i] - 1, 0, 0xff, p.Frame[i] ^ 0x10, p.Frame[i] ^ 0x20])
            {
                byte[] changed = [.. p.Frame[..i], (byte)octet, .. p.Frame[(i + 1)..]];
                all.Append(Read(p.Link, changed)).Append(Read(p.Link, changed[..^1])).Append(Read(p.Link, [.. changed, 0]));
            }
        }

        // Of a packet that was cut short, only what differs from the whole one is listed.
        var whole = Read(p.Link, p.Frame);
        var alike = whole[..(whole.LastIndexOf(' ') + 1)];
        var cut = Enumerable.Range(0, p.Frame.Length).Select(n => Read(p.Link, p.Frame[..n]))
            .Select(r => r.StartsWith(alike, StringComparison.Ordinal) ? r[alike.Length..] : r);
        return (string[])
        [
            $"{p.Name}: {whole}", " cut short: " + string.Join(' ', InputTables.Runs(cut)),
            $" changed: {Digest(all)}",
        ];
    }));

    [Fact]
    public void What_fragments_make_stays_the_same() => InputTables.Compare("fragments", Fragments.SelectMany(f => ((bool[])[false, true])
        .Select(six => $"{f}{(six ? ", IPv6" : "")}: {string.Join(' ', Assembled(f, six))}")));

    [Fact]
    public void What_segments_make_stays_the_same() => InputTables.Compare("segments", Segments.SelectMany(s =>
    {
        var tokens = s.Split(' ');
        var (lost, order) = (new StringBuilder(), new StringBuilder());
        for (int mask = 0; mask < 1 << Math.Min(tokens.Length, 9); mask++)
        {
            lost.Append(Streams(tokens.Where((_, i) => (mask >> i & 1) == 0)));
        }

        for (int i = 0; i < tokens.Length; i++)
        {
            for (int to = 0; to < tokens.Length; to++)
            {
                var moved = tokens.ToList();
                moved.RemoveAt(i);
                moved.Insert(to, tokens[i]);
                order.Append(Streams(moved)).Append(Streams([.. tokens[..to], tokens[i], .. tokens[to..]]));
            }
        }

        return (string[])[$"{s}: {Streams(tokens)}", $" with any lost: {Digest(lost)}", $" with any late, or twice: {Digest(order)}"];
    }));

    private static byte[] Header(int version, byte next, byte[]? extra = null, int words = 5) => version == 4
        ? [(byte)(0x40 | words), 0, 0, 0, 0, 1, 0x40, 0, 64, next, 192, 0, 2, 1, 192, 0, 2, 2, .. new byte[(words - 5) * 4],
            .. extra ?? []]
        : [0x60, 0, 0, 0, 0, 0, next, 64, .. new byte[15], 1, .. new byte[15], 2, .. extra ?? []];

    // The length counts eight octets, in an authentication header (51) four; a fragment header (44) has none.
    private static byte[] Extension(byte next, byte words) =>
        [6, next == 44 ? (byte)0 : words, 0, 0, 0, 0, 0, 0, .. new byte[words * (next == 51 ? 4 : next == 44 ? 0 : 8)]];

    // Writes the packet's length into its header.
    private static byte[] With(byte[] header, byte[] payload)
    {
        byte[] whole = [.. header[..10], .. header[0] >> 4 == 4 ? new byte[2] : [], .. header[10..], .. payload];
        BinaryPrimitives.WriteUInt16BigEndian(whole.AsSpan(whole[0] >> 4 == 4 ? 2 : 4),
            (ushort)(whole.Length - (whole[0] >> 4 == 4 ? 0 : 40)));
        return whole;
    }

    private static string Read(LinkType link, byte[] frame) =>
        new IpReader().Read(LinkLayer.Ip(link, frame), out var segment) ? Shown(segment) : "-";

    private static string Shown(in Segment segment) => $"{segment.Flow.Source} {segment.Flow.Destination} {segment.Sequence:x} "
        + $"{segment.Acknowledgement:x} {(segment.Syn ? "S" : "")}{(segment.Ack ? "A" : "")}{(segment.Fin ? "F" : "")}"
        + $"{(segment.Rst ? "R" : "")} {segment.Data.Length}/{segment.Length}";

    private static IEnumerable<string> Assembled(string fragments, bool six)
    {
        var whole = new byte[65536];
        Four.AsSpan(34, 20).CopyTo(whole);
        for (int i = 20; i < whole.Length; i++)
        {
            whole[i] = (byte)(i * 7);
        }

        var reader = new IpReader();
        int number = 0;
        foreach (var fragment in fragments.Split(' '))
        {
            var parts = fragment.Split('+', '-', '/');
            int offset = int.Parse(parts[0]), length = int.Parse(parts[1]);
            int more = fragment.Contains('+', StringComparison.Ordinal) ? 1 : 0;
            byte id = parts.Length > 2 ? byte.Parse(parts[2]) : (byte)1;
            // What overlaps is different, so that it shows which of the two stays.
            byte[] payload = [.. whole.AsSpan(offset, Math.Min(length, whole.Length - offset))];
            if (payload.Length > 0)
            {
                payload[^1] ^= (byte)number++;
            }

            byte[] packet = six
                ? With(Header(6, 44, [6, 0, (byte)(offset >> 8), (byte)((offset & 0xf8) | more), 0, 0, 0, id]), payload)
                : With(Header(4, 6), payload);
            if (!six)
            {
                BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), id);
                BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(6), (ushort)((offset / 8) | (more << 13)));
            }

            yield return reader.Read(packet, out var segment)
                ? $"{segment.Data.Length}/{segment.Length} {Convert.ToHexStringLower(segment.Data[..Math.Min(8, segment.Data.Length)])} "
                    + Convert.ToHexStringLower(SHA256.HashData(segment.Data))[..8]
                : "-";
            // A fragment that was not captured whole is ignored.
            if (length > 8 && reader.Read(packet.AsSpan()[..^1], out _))
            {
                yield return "cut";
            }
        }
    }

    // What is passed on of a row of segments, client and server from 1000 and 5000.
    private static string Streams(IEnumerable<string> tokens)
    {
        var log = new StringBuilder();
        int opened = 0;
        var table = new TcpTable((source, destination, opening, _) =>
        {
            log.Append($"[{++opened} {source.Port}>{destination.Port}{(opening ? "" : " midstream")}]");
            return new Streamed(log, opened);
        });
        long time = 0;
        foreach (var token in tokens)
        {
            if (token[0] == '+')
            {
                time += long.Parse(token);
                continue;
            }

            var (head, text) = token.Split(':') is [var h, var t] ? (h, t) : (token.Split('/')[0], "");
            int cut = token.Split('/') is [_, var c] ? int.Parse(c) : 0;
            text = text.Split('/')[0];
            var number = new string([.. head.Skip(1).TakeWhile(x => x == '-' || char.IsAsciiDigit(x))]);
            var flags = head[(1 + number.Length)..];
            bool client = head[0] != 's';
            byte bits = 0;
            foreach (char flag in flags)
            {
                bits |= flag switch { 'S' => Frames.Syn, 'A' => Frames.Ack, 'F' => Frames.Fin, 'R' => Frames.Rst, _ => 0 };
            }

            var acknowledged = new string([.. flags.Where(char.IsAsciiDigit)]);
            uint sequence = (uint)long.Parse(number) + (client ? 1000u : 5000u);
            uint acknowledgement = (acknowledged.Length == 0 ? 1 : uint.Parse(acknowledged)) + (client ? 5000u : 1000u);
            var end = head[0] == 'o' ? new IPEndPoint(Inspection.Client.Address, 40001) : Inspection.Client;
            var frame = client ? Frames.Tcp(end, Inspection.Server, sequence, acknowledgement, text, bits)
                : Frames.Tcp(Inspection.Server, end, sequence, acknowledgement, text, bits);
            Assert.True(new IpReader().Read(frame.AsSpan(14, frame.Length - 14 - cut), out var segment));
            table.Take(segment, ++time);
            log.Append(' ');
        }

        table.Finish();
        return log.ToString();
    }

    private static string Digest(StringBuilder text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..16];

    private sealed class Streamed(StringBuilder log, int number) : IStreams
    {
        public bool IsIgnored => false;

        public void Data(int side, ReadOnlySpan<byte> octets, long time) => Say(side, Encoding.Latin1.GetString(octets), time);

        public void Gap(int side, long length, bool cut, long time) => Say(side, $"{length} {(cut ? "cut" : "lost")}", time);

        public void End(int side, bool reset, long time) => Say(side, reset ? "reset" : "end", time);

        public void Finish() => log.Append($"{number}finished,");

        private void Say(int side, string what, long time) => log.Append($"{number}{"cs"[side]}({what})@{time % 1000},");
    }
}
