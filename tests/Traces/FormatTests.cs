using System.Buffers.Binary;
using System.IO.Compression;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>File formats, link types and IP, each around the same session.</summary>
public sealed class FormatTests
{
    private static IEnumerable<byte[]> Session => Frames.Session();

    public static TheoryData<string> Shapes =>
        ["vlan", "qinq", "cooked", "cooked2", "cooked2 vlan", "raw", "raw 12", "ipv4", "null", "loop", "fragments", "fragments backwards",
        "padded", "pppoe", "pppoe 6", "ppp", "ppp without address", "mpls", "snap", "gre", "gre with key", "ip in ip"];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_link_type_is_read(string shape) => AssertSession(Shaped(shape));

    internal static byte[] Shaped(string shape)
    {
        var (link, frames) = shape switch
        {
            "vlan" => (LinkType.Ethernet, Session.Select(f => (byte[])[.. f[..12], 0x81, 0, 0, 7, .. f[12..]])),
            "qinq" => (LinkType.Ethernet, Session.Select(f => (byte[])[.. f[..12], 0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, .. f[12..]])),
            "pppoe 6" => (LinkType.Ethernet,
                Unpack(Inspection.Connection(System.Net.IPEndPoint.Parse("[2001:db8::1]:40000"),
                System.Net.IPEndPoint.Parse("[2001:db8::2]:25"), Frames.Lines))
                .Select(f => (byte[])[.. f[..12], 0x88, 0x64, 0x11, 0, 0, 1, 0, 0, 0, 0x57, .. f[14..]])),
            "pppoe" => (LinkType.Ethernet, Session.Select(f => (byte[])[.. f[..12], 0x88, 0x64, 0x11, 0, 0, 1, 0, 0, 0, 0x21, .. f[14..]])),
            "ppp" => (LinkType.Ppp, Session.Select(f => (byte[])[0xff, 3, 0, 0x21, .. Frames.Ip(f)])),
            "ppp without address" => (LinkType.PppHdlc, Session.Select(f => (byte[])[0, 0x21, .. Frames.Ip(f)])),
            "mpls" => (LinkType.Ethernet, Session.Select(
                f => (byte[])[.. f[..12], 0x88, 0x47, 0, 0x10, 0, 64, 0, 0x20, 1, 64, .. f[14..]])),
            "snap" => (LinkType.Ethernet, Session.Select(
                f => (byte[])[.. f[..12], 0, (byte)(f.Length - 6), 0xaa, 0xaa, 3, 0, 0, 0, .. f[12..]])),
            "gre" => (LinkType.Ethernet, Session.Select(f => Tunnel(f, 47, [0, 0, 8, 0]))),
            "gre with key" => (LinkType.Ethernet, Session.Select(f => Tunnel(f, 47, [0x30, 0, 8, 0, 1, 2, 3, 4, 0, 0, 0, 1]))),
            "ip in ip" => (LinkType.Raw, Session.Select(f => Frames.Ip(Tunnel(f, 4, [])))),
            "cooked" => (LinkType.LinuxCooked, Session.Select(f => (byte[])[0, 4, 3, 4, .. new byte[10], .. f[12..]])),
            "cooked2" => (LinkType.LinuxCooked2, Session.Select(f => (byte[])[8, 0, .. new byte[18], .. f[14..]])),
            "cooked2 vlan" => (LinkType.LinuxCooked2, Session.Select(f => (byte[])[0x81, 0, .. new byte[18], 0, 7, .. f[12..]])),
            "raw" => (LinkType.Raw, Session.Select(Frames.Ip)),
            "raw 12" => (LinkType.RawBsd, Session.Select(Frames.Ip)),
            "ipv4" => (LinkType.IPv4, Session.Select(Frames.Ip)),
            "null" => (LinkType.Null, Session.Select(f => (byte[])[2, 0, 0, 0, .. Frames.Ip(f)])),
            "loop" => (LinkType.Loop, Session.Select(f => (byte[])[0, 0, 0, 2, .. Frames.Ip(f)])),
            "fragments" => (LinkType.Ethernet, Numbered().SelectMany(Frames.Fragments)),
            "fragments backwards" => (LinkType.Ethernet, Numbered().SelectMany(f => Frames.Fragments(f).Reverse())),
            _ => (LinkType.Ethernet, Session.Select(f => (byte[])[.. f, .. new byte[20]])),
        };
        return Inspection.Pcap(frames, link);
    }

    [Fact]
    public void IPv6_is_read_through_extension_headers_and_fragments()
    {
        var client = System.Net.IPEndPoint.Parse("[2001:db8::1]:40000");
        var server = System.Net.IPEndPoint.Parse("[2001:db8::2]:25");
        var plain = Inspection.Connection(client, server, Frames.Lines);
        AssertSession(plain);
        var frames = Unpack(plain);
        AssertSession(Inspection.Pcap(frames.Select(f => Extended(f, 0, [6, 0, 1, 4, 0, 0, 0, 0]))));
        AssertSession(Inspection.Pcap(frames.Select(f => Extended(f, 60, [43, 0, 1, 4, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]))));
        int id = 0;
        AssertSession(Inspection.Pcap(frames.SelectMany(f =>
        {
            id++;
            var payload = f[54..];
            int cut = Math.Min(16, payload.Length / 8 * 8);
            return new[] { Extended([.. f[..54], .. payload[..cut]], 44, [6, 0, 0, 1, 0, 0, 0, (byte)id]),
                Extended([.. f[..54], .. payload[cut..]], 44, [6, 0, 0, (byte)cut, 0, 0, 0, (byte)id]) };
        })));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Pcap_is_read_in_both_orders_and_both_units(bool big, bool nano)
    {
        var file = new MemoryStream();
        void Write(uint number) => file.Write(
            big ? [(byte)(number >> 24), (byte)(number >> 16), (byte)(number >> 8), (byte)number]
            : [(byte)number, (byte)(number >> 8), (byte)(number >> 16), (byte)(number >> 24)]);
        Write(nano ? 0xa1b23c4d : 0xa1b2c3d4);
        file.Write(big ? [0, 2, 0, 4] : [2, 0, 4, 0]);
        foreach (uint field in (uint[])[0, 0, 65535, 1])
        {
            Write(field);
        }

        foreach (var frame in Session)
        {
            Write(1_700_000_000);
            Write(nano ? 250_000_000u : 250_000u);
            Write((uint)frame.Length);
            Write((uint)frame.Length);
            file.Write(frame);
        }

        AssertSession(file.ToArray());
        Assert.Equal(1_700_000_000_250_000_000, Inspection.Of(file.ToArray()).Only.Start);
        AssertSession(Gzip(file.ToArray()));
    }

    // Their magics are the usual ones, and no field says how long the records' headers are.
    [Theory]
    [InlineData(0xa1b2c3d4, 16)]
    [InlineData(0xa1b2c3d4, 20)]
    [InlineData(0xa1b2c3d4, 24)]
    [InlineData(0xa1b2cd34, 24)]
    [InlineData(0xa1b2cd34, 28)]
    public void Pcap_is_read_as_Nokia_Red_Hat_and_SuSE_wrote_it(uint magic, int header)
    {
        var file = new MemoryStream();
        using var writer = new BinaryWriter(file);
        foreach (uint field in (uint[])[magic, 0x0004_0002, 0, 0, 65535, 1])
        {
            writer.Write(field);
        }

        foreach (var frame in Session)
        {
            foreach (uint field in (uint[])[1_700_000_000, 250_000, (uint)frame.Length, (uint)frame.Length, 1, 0x0800, 7])
            {
                writer.Write(field);
            }

            file.SetLength(file.Length - 28 + header);
            file.Position = file.Length;
            writer.Write(frame);
        }

        AssertSession(file.ToArray());
        // Also of a single packet.
        Assert.Equal(1, Inspection.Of(file.ToArray()[..(24 + header + Session.First().Length)]).File.Packets);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Pcapng_is_read_with_several_interfaces_and_options(bool big)
    {
        var file = new MemoryStream();
        byte[] Number(uint n, int size = 4)
        {
            var octets = new byte[4];
            BinaryPrimitives.WriteUInt32BigEndian(octets, n);
            return big ? octets[^size..] : [.. octets[^size..].Reverse()];
        }

        void Block(uint type, params byte[][] parts)
        {
            byte[] body = [.. parts.SelectMany(p => p)];
            body = [.. body, .. new byte[(4 - (body.Length % 4)) % 4]];
            var length = Number((uint)body.Length + 12);
            file.Write([.. Number(type), .. length, .. body, .. length]);
        }

        Block(0x0a0d0d0a, Number(0x1a2b3c4d), Number(1, 2), Number(0, 2), [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Number(4, 2),
            Number(3, 2), [.. "os "u8, 0], Number(0, 2), Number(0, 2));
        Block(1, Number(101, 2), Number(0, 2), Number(0));
        Block(1, Number(1, 2), Number(0, 2), Number(262144), Number(2, 2), Number(4, 2), [.. "eth0"u8], Number(9, 2), Number(1, 2),
            [9, 0, 0, 0], Number(0, 2), Number(0, 2));
        Block(0x0bad, Number(1), "a block nobody knows"u8.ToArray());
        int i = 0;
        foreach (var frame in Session)
        {
            ulong time = i % 2 == 0 ? 1_700_000_000_000_000ul : 1_700_000_000_000_000_000ul;
            var data = i % 2 == 0 ? Frames.Ip(frame) : frame;
            byte[] padding = new byte[(4 - (data.Length % 4)) % 4];
            Block(6, Number((uint)(i++ % 2)), Number((uint)(time >> 32)), Number((uint)time), Number((uint)data.Length),
                Number((uint)data.Length), data, padding, Number(2, 2), Number(4, 2), Number(0), Number(0, 2), Number(0, 2));
        }

        AssertSession(file.ToArray());
        Assert.Equal(1_700_000_000_000_000_000, Inspection.Of(file.ToArray()).Only.Start);
        AssertSession(Gzip(file.ToArray()));
    }

    [Fact]
    public void A_cut_packet_is_a_gap()
    {
        var frames = Frames.Session();
        frames[12] = frames[12][..^10];
        var session = Inspection.Of(Inspection.Pcap(frames)).Only;
        Assert.Equal(1, session.Gaps);
        Assert.Equal(28, Assert.Single(session.Messages).Octets);
    }

    [Fact]
    public void A_link_type_that_is_not_read_is_a_finding() =>
        Assert.Contains("T-LINK-TYPE", Inspection.Of(Inspection.Pcap(Session, (LinkType)147)).Ids);

    [Fact]
    public void What_is_no_capture_is_unreadable()
    {
        Assert.NotNull(Inspection.Of("Dear reader,\n"u8.ToArray()).File.Unreadable);
        Assert.NotNull(Inspection.Of([]).File.Unreadable);
        Assert.NotNull(Inspection.Of(Gzip("Dear reader,\n"u8.ToArray())).File.Unreadable);
        Assert.NotNull(Inspection.Of(Repository.At("no-such-file")).File.Unreadable);
    }

    [Fact]
    public void Where_gzip_is_broken_that_is_said_and_not_that_the_capture_ends()
    {
        var capture = Inspection.Pcap(Frames.Session());
        // A second member goes on with a block of the reserved type (RFC 1951 3.2.3).
        byte[] packed = [.. Gzip(capture[..^30]), 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff, 0xff, 0xff];
        var file = Inspection.Of(packed).File;
        var damage = Assert.Single(file.Findings, f => f.Id == FindingKind.Damaged.Id);
        Assert.DoesNotContain("The file ends", damage.Text, StringComparison.Ordinal);
        Assert.Contains("The file ends within", Assert.Single(Inspection.Of(capture[..^3]).File.Findings).Text, StringComparison.Ordinal);
    }

    public static byte[] Gzip(byte[] octets)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(octets);
        }

        return packed.ToArray();
    }

    private static IEnumerable<byte[]> Numbered()
    {
        byte id = 0;
        foreach (var frame in Session)
        {
            frame[19] = ++id;
            yield return frame;
        }
    }

    private static byte[] Tunnel(byte[] frame, byte protocol, byte[] header)
    {
        byte[] outer = [.. frame[..34], .. header, .. frame[14..]];
        BinaryPrimitives.WriteUInt16BigEndian(outer.AsSpan(16), (ushort)(outer.Length - 14));
        outer[23] = protocol;
        return outer;
    }

    private static byte[] Extended(byte[] frame, byte next, byte[] header)
    {
        byte[] extended = [.. frame[..54], .. header, .. frame[54..]];
        extended[20] = next;
        BinaryPrimitives.WriteUInt16BigEndian(extended.AsSpan(18), (ushort)(extended.Length - 54));
        return extended;
    }

    private static List<byte[]> Unpack(byte[] pcap)
    {
        var frames = new List<byte[]>();
        using var reader = CaptureReader.Open(new MemoryStream(pcap))!;
        while (reader.Read(out var packet))
        {
            frames.Add(packet.Data.ToArray());
        }

        return frames;
    }

    private static void AssertSession(byte[] file)
    {
        var inspection = Inspection.Of(file);
        Assert.Null(inspection.File.Unreadable);
        Assert.Empty(inspection.File.Findings);
        var session = inspection.Only;
        Assert.Equal(Frames.Verbs, string.Join(' ', session.Commands));
        Assert.Equal(28, Assert.Single(session.Messages).Octets);
        Assert.Equal(0, session.Gaps);
    }
}
