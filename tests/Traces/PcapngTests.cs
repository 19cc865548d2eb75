using System.Buffers.Binary;
using System.Text;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>Blocks and options of pcapng, in both octet orders, whole and damaged.</summary>
public sealed class PcapngTests
{
    // Names to which a text of the inline data is bound.
    private const uint Section = 0x0a0d0d0a, Description = 1, Obsolete = 2, Simple = 3, Enhanced = 6, Secrets = 10;

    [Theory]
    [InlineData("", 1_000_000_000)]
    [InlineData("9:00", 1_000_000_000_000_000)]
    [InlineData("9:03", 1_000_000_000_000)]
    [InlineData("9:09", 1_000_000)]
    [InlineData("9:8a", 976_562_500_000)]
    [InlineData("9:80", 1_000_000_000_000_000)]
    [InlineData("2:65746830,9:09", 1_000_000)]
    [InlineData("2:6574683061,9:09", 1_000_000)]
    [InlineData("9:,3:00,9:09", 1_000_000)]
    [InlineData("14:0000000000000007,9:09", 7_001_000_000)]
    [InlineData("14:fffffffffffffffe", -1_000_000_000)]
    [InlineData("14:00000007", 1_000_000_000)]
    [InlineData("0:,9:09", 1_000_000_000)]
    [InlineData("9:09,0:", 1_000_000)]
    [InlineData("2:00*,9:09", 1_000_000_000)]
    public void The_time_of_a_packet_is_in_the_units_and_from_the_offset_of_its_interface(string options, long nanoseconds)
    {
        foreach (var big in (bool[])[false, true])
        {
            var file = new File(big);
            file.Block(Section, Header(file));
            file.Block(Description, [.. file.Number(1, 2), 0, 0, .. file.Number(0), .. file.Options(options)]);
            file.Block(Enhanced, [.. file.Number(0), .. file.Number(0), .. file.Number(1_000_000), .. file.Number(3), .. file.Number(9),
                1, 2, 3]);
            Assert.Equal([(nanoseconds, LinkType.Ethernet, "010203")], Packets(file, out var damage));
            Assert.Null(damage);
        }
    }

    [Fact]
    public void Packets_of_each_kind_of_block_are_read()
    {
        foreach (var big in (bool[])[false, true])
        {
            var file = new File(big);
            file.Block(Section, Header(file));
            file.Block(Simple, [.. file.Number(3), 9, 9, 9]);
            file.Block(Description, [.. file.Number(101, 2), 0, 0, .. file.Number(5)]);
            file.Block(Description, [.. file.Number(1, 2), 0, 0, .. file.Number(0)]);
            file.Block(Simple, [.. file.Number(3), 1, 2, 3]);
            file.Block(Simple, [.. file.Number(9), 1, 2, 3, 4, 5, 6, 7, 8, 9]);
            file.Block(Simple, [.. file.Number(4), 1, 2, 3, 4]);
            file.Block(Obsolete, [.. file.Number(1, 2), 0, 0, .. file.Number(1), .. file.Number(2), .. file.Number(1),
                .. file.Number(1), 7]);
            file.Block(0x0bad, []);
            file.Block(Section, Header(file));
            file.Block(Description, [.. file.Number(228, 2), 0, 0, .. file.Number(0)]);
            file.Block(Enhanced, [.. file.Number(0), .. file.Number(0), .. file.Number(5), .. file.Number(0), .. file.Number(0)]);
            Assert.Equal([(0, (LinkType)101, "010203"), (0, (LinkType)101, "0102030405"), (0, (LinkType)101, "01020304"),
                (4294967298_000, LinkType.Ethernet, "07"), (5_000, (LinkType)228, "")], Packets(file, out var damage));
            Assert.Null(damage);
        }
    }

    [Theory]
    [InlineData("A packet is from interface 1, which is not described.", Enhanced, 1u, 0u)]
    [InlineData("A packet is longer than its block.", Enhanced, 0u, 5u)]
    [InlineData(null, Enhanced, 0u, 4u)]
    [InlineData(null, 77u, 1u, 5u)]
    public void A_packet_that_fits_no_interface_or_block_is_damage(string? expected, uint type, uint number, uint length)
    {
        var file = new File(big: false);
        file.Block(Section, Header(file));
        file.Block(Description, [.. file.Number(1, 2), 0, 0, .. file.Number(0)]);
        file.Block(type, [.. file.Number(number), .. file.Number(0), .. file.Number(0), .. file.Number(length), .. file.Number(0),
            1, 2, 3, 4]);
        Packets(file, out var damage);
        Assert.Equal(expected, damage);
    }

    [Theory]
    [InlineData("0a0d0d0a1c0000004d3c2b1b", "A section has no byte-order magic.")]
    [InlineData("0a0d0d0a0b0000004d3c2b1a", "A block has the impossible length 11.")]
    [InlineData("0a0d0d0a0e0000004d3c2b1a", "A block has the impossible length 14.")]
    [InlineData("0a0d0d0affffff7f4d3c2b1a", "A block has the impossible length 2147483647.")]
    [InlineData("0a0d0d0a200000004d3c2b1a01", "The file ends within a block.")]
    [InlineData("0a0d0d0a1c0000004d3c2b1a01", "The file ends within a block.")]
    [InlineData("0a0d0d0a1c000000", "The file ends within a block.")]
    [InlineData("0a0d0d0a0c0000004d3c2b1a", null)]
    public void What_is_damaged_is_said(string hex, string? expected)
    {
        var file = new File(big: false);
        file.Octets.Write(Convert.FromHexString(hex));
        Packets(file, out var damage);
        Assert.Equal(expected, damage);
    }

    [Fact]
    public void Secrets_that_stand_in_the_file_are_taken_as_far_as_they_go()
    {
        const string Line = "CLIENT_RANDOM 0000000000000000000000000000000000000000000000000000000000000001 "
            + "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000002\n";
        Assert.Equal(0, BadLines(0x544c534b, Line, 0));
        Assert.Equal(1, BadLines(0x544c534b, "no line of the log.\n", 0));
        Assert.Equal(0, BadLines(0x544c534b, "no line of the log.\n", -20));
        Assert.Equal(1, BadLines(0x544c534b, "no line of the log.\n", 100));
        Assert.Equal(0, BadLines(0x57474b4c, "no line of the log.\n", 0));

        static int BadLines(uint kind, string text, int more)
        {
            var file = new File(big: false);
            file.Block(Section, Header(file));
            file.Block(Secrets, [.. file.Number(kind), .. file.Number((uint)(text.Length + more)), .. Encoding.ASCII.GetBytes(text)]);
            using var reader = CaptureReader.Open(new MemoryStream(file.Octets.ToArray()))!;
            reader.Secrets = new KeyLog();
            Assert.False(reader.Read(out _));
            Assert.Null(reader.Damage);
            return reader.Secrets.BadLines;
        }
    }

    // A session, its frames in blocks of each kind and on two interfaces, the first with options.
    internal static byte[] Sample(bool big)
    {
        var file = new File(big);
        file.Block(Section, Header(file));
        file.Block(Description, [.. file.Number(1, 2), 0, 0, .. file.Number(65535), .. file.Options("2:65746830,9:09,0:")]);
        file.Block(Description, [.. file.Number(101, 2), 0, 0, .. file.Number(65535)]);
        file.Block(Secrets, [.. file.Number(0x544c534b), .. file.Number(20), .. "no line of the log.\n"u8]);
        uint time = 0;
        foreach (var frame in Frames.Session())
        {
            var length = file.Number((uint)frame.Length);
            byte[] body = (++time % 4) switch
            {
                0 => [.. length, .. frame],
                1 => [.. file.Number(0), .. file.Number(0), .. file.Number(time), .. length, .. length, .. frame,
                    .. file.Options("1:6869,0:")],
                2 => [.. file.Number(1), .. file.Number(0), .. file.Number(time), .. file.Number((uint)frame.Length - 14),
                    .. file.Number((uint)frame.Length - 14), .. Frames.Ip(frame)],
                _ => [.. file.Number(0, 2), 0, 0, .. file.Number(0), .. file.Number(time), .. length, .. length, .. frame],
            };
            file.Block((time % 4) switch { 0 => Simple, 3 => Obsolete, _ => Enhanced }, body);
        }

        return file.Octets.ToArray();
    }

    private static byte[] Header(File file) => [.. file.Number(0x1a2b3c4d), .. file.Number(1, 2), 0, 0, .. Enumerable.Repeat((byte)255, 8)];

    private static List<(long Time, LinkType Link, string Data)> Packets(File file, out string? damage)
    {
        using var reader = CaptureReader.Open(new MemoryStream(file.Octets.ToArray()))!;
        Assert.Equal("pcapng", reader.Format);
        var packets = new List<(long, LinkType, string)>();
        while (reader.Read(out var packet))
        {
            packets.Add((packet.Time, packet.Link, Convert.ToHexStringLower(packet.Data)));
        }

        damage = reader.Damage;
        return packets;
    }

    private sealed class File(bool big)
    {
        public MemoryStream Octets { get; } = new();

        public byte[] Number(uint number, int size = 4)
        {
            var octets = new byte[4];
            BinaryPrimitives.WriteUInt32BigEndian(octets, number);
            return big ? octets[^size..] : [.. octets[^size..].Reverse()];
        }

        public void Block(uint type, byte[] body)
        {
            body = [.. body, .. new byte[-body.Length & 3]];
            var length = Number((uint)body.Length + 12);
            Octets.Write([.. Number(type), .. length, .. body, .. length]);
        }

        // Code, colon, value in hexadecimal digits, in the order of the file if it is a number; an asterisk makes the length too great.
        public byte[] Options(string options) =>
        [
            .. options.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(o => o.Split(':')).SelectMany(o =>
            {
                var value = Convert.FromHexString(o[1].TrimEnd('*'));
                uint length = o[1].EndsWith('*') ? 200 : (uint)value.Length;
                value = o[0] == "14" && !big ? [.. value.Reverse()] : value;
                return (byte[])[.. Number(uint.Parse(o[0]), 2), .. Number(length, 2), .. value, .. new byte[-value.Length & 3]];
            }),
        ];
    }
}
