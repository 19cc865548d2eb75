using System.Net;
using System.Text;
using BlackPony.Hosting;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property.Smtp;

/// <summary>The header of the PROXY protocol, against haproxy's doc/proxy-protocol.txt.</summary>
public class ProxyHeaderProperties
{
    private const string TooLong = "a line that is too long";

    private static readonly byte[] Signature = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

    private static readonly Gen<IPAddress> IPv4 = Gen.Choose(0, 255).ArrayOf(4).Select(o => new IPAddress([.. o.Select(n => (byte)n)]));

    private static readonly Gen<IPAddress> IPv6 =
        from octets in Gen.Frequency((1, Gen.Constant(0)), (1, Gen.Choose(0, 255))).ArrayOf(16)
        select new IPAddress([.. octets.Select(n => (byte)n)]);

    private static readonly Gen<(IPEndPoint Client, IPEndPoint Server)> Ends =
        from kind in Gen.Choose(0, 2)
        from client in kind == 0 ? IPv4 : kind == 1 ? IPv6 : IPv4.Select(a => a.MapToIPv6())
        from server in kind == 0 ? IPv4 : kind == 1 ? IPv6 : IPv4.Select(a => a.MapToIPv6())
        from ports in Gen.Frequency((4, Gen.Choose(1, 65535)), (1, Gen.Elements(0, 65535))).Two()
        select (new IPEndPoint(client, ports.Item1), new IPEndPoint(server, ports.Item2));

    private static readonly Gen<byte[][]> Items = Gen.Elements<byte[]>(
        [0x04, 0, 0], [0x04, 0, 3, 1, 2, 3], [0x02, 0, 4, .. "a.b."u8], [0x20, 0, 5, 1, 0, 0, 0, 0], [0xEA, 0, 2, 7, 7],
        [0x05, 1, 0, .. new byte[256]]).ArrayOf();

    private static readonly Gen<Header> Headers = Gen.OneOf(
        Ends.Select(e => new Header("v1", Line(e), e.Client, e.Server)),
        Gen.Elements("PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", $"PROXY UNKNOWN {new string('x', 91)}\r\n")
            .Select(l => new Header("v1 UNKNOWN", Encoding.ASCII.GetBytes(l))),
        from ends in Ends
        from items in Items
        from summed in Gen.Elements(true, false)
        select new Header(summed ? "v2 with a checksum" : "v2", Binary(0x21, ends, items, summed), ends.Client, ends.Server),
        from items in Items
        from summed in Gen.Elements(true, false)
        select new Header("v2 LOCAL", Binary(0x20, 0x00, [], items, summed), IsLocal: true),
        Gen.Elements<byte[]>([0x31], [0x32], [0x30]).SelectMany(f => Items, (f, items) =>
            new Header("v2 UNIX", Binary(0x21, f[0], new byte[216], items, summed: true))),
        Gen.Elements<byte[]>([0x12, 12], [0x22, 36], [0x10, 12], [0x00, 0], [0x01, 7]).Select(f =>
            new Header("v2 of no TCP", Binary(0x21, f[0], new byte[f[1]], [], summed: false))));

    [Fact]
    public void A_header_in_any_pieces_names_the_client_and_ends_where_it_ends() // [BP-10.1-22], [BP-10.1-23]
    {
        var values =
            from header in Headers
            from pieces in Generate.Pieces
            from behind in Generate.Octets
            select (header, pieces, behind);
        Always.Holds(
            values,
            [.. Cover.Seen<(Header, int[], byte[])>(3, "v1", "v1 UNKNOWN", "v2", "v2 with a checksum", "v2 LOCAL", "v2 UNIX",
                "v2 of no TCP", "octets of the client behind it", "IPv4 in IPv6")],
            (value, seen) =>
            {
                var (expected, pieces, behind) = value;
                seen.Add(expected.Kind);
                if (behind.Length > 0)
                    seen.Add("octets of the client behind it");

                if (expected.Client?.Address.IsIPv4MappedToIPv6 == true)
                    seen.Add("IPv4 in IPv6");

                byte[] stream = [.. expected.Octets, .. behind];
                var (header, read) = Read(stream, pieces);
                return header.Error is null && header.IsComplete && read == expected.Octets.Length && header.IsLocal == expected.IsLocal
                    && Equals(header.Client, Plain(expected.Client)) && Equals(header.Server, Plain(expected.Server));
            },
            times: 500);
    }

    [Fact]
    public void A_part_of_a_header_is_neither_complete_nor_wrong() // [BP-10.1-22]
    {
        var values =
            from header in Headers
            from cut in Gen.Choose(0, 99)
            from pieces in Generate.Pieces
            select (header.Kind, Part: header.Octets[..(header.Octets.Length * cut / 100)], pieces);
        Always.Holds(values, [.. Cover.Seen<(string, byte[], int[])>(3, "v1", "v2", "v2 LOCAL")], (value, seen) =>
        {
            var (kind, part, pieces) = value;
            seen.Add(kind);
            var (header, read) = Read(part, pieces);
            return !header.IsComplete && header.Error is null && header.Client is null && read == part.Length;
        });
    }

    [Fact]
    public void A_checksum_finds_every_flipped_bit() // [BP-10.1-22]
    {
        var values =
            from ends in Ends
            from items in Items
            from at in Gen.Choose(0, 10_000)
            from bit in Gen.Choose(0, 7)
            let whole = Binary(0x21, ends, items, summed: true)
            select (whole, at: at % whole.Length, bit);
        // A client of no TCP (octet 13) has nothing that is summed, and an item of another type is no checksum.
        Always.Holds(values.Where(v => v.at != 13 && v.at != v.whole.Length - 7), [], value =>
        {
            var octets = value.whole.ToArray();
            octets[value.at] ^= (byte)(1 << value.bit);
            var header = Read(octets, [octets.Length]).Header;
            return !header.IsComplete && header.Client is null;
        });
    }

    [Fact]
    public void Whatever_comes_is_read_to_an_end() // [BP-10.1-22]
    {
        var values =
            from begin in Gen.Elements<byte[]>([], [.. "PROXY "u8], [.. "PROXY TCP4 1.2.3.4 "u8], Signature,
                [.. Signature, 0x21, 0x11, 0, 12], [.. Signature, 0x20, 0x00, 0, 9], [.. Signature, 0x21, 0x31, 0, 220])
            from rest in Generate.Octets
            from pieces in Generate.Pieces
            select (Octets: (byte[])[.. begin, .. rest], pieces);
        Always.Holds(values, [.. Cover.Seen<(byte[], int[])>(1, "wrong", "not yet complete")], (value, seen) =>
        {
            var (octets, pieces) = value;
            var (header, read) = Read(octets, pieces);
            seen.Add(header.Error is not null ? "wrong" : header.IsComplete ? "complete" : "not yet complete");
            return !(header.IsComplete && header.Error is not null) && read <= octets.Length
                && (header.IsComplete || header.Error is not null || read == octets.Length)
                && (header.Error is null || header.Client is null);
        });
    }

    [Theory]
    [InlineData("EHLO a.test\r\n", "no PROXY header")]
    [InlineData("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "no PROXY header")]
    [InlineData("PROXY\r\n", "no PROXY header")]
    [InlineData("\r\n\r\n\0\r\nQUIT\r\n", "no PROXY header")]
    [InlineData("PROXY \r\n", "a malformed line")]
    [InlineData("PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "a malformed line")]
    [InlineData("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n", "a malformed line")]
    [InlineData("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", "a malformed line")]
    [InlineData("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n", "a malformed line")]
    [InlineData("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", "a malformed line")]
    [InlineData("PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n", "a malformed line")]
    [InlineData("PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n", "a malformed line")]
    [InlineData("PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n", "a malformed line")]
    [InlineData("PROXY TCP4 3221225985 192.0.2.2 1 2\r\n", "a malformed line")]
    [InlineData("PROXY TCP4 0xc0.0.2.1 192.0.2.2 1 2\r\n", "a malformed line")]
    [InlineData("PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n", "a malformed line")]
    [InlineData("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", "a malformed line")]
    [InlineData("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", "a malformed line")]
    [InlineData("PROXY TCP6 [2001:db8::1] 2001:db8::2 1 2\r\n", "a malformed line")]
    [InlineData("PROXY TCP6 fe80::1%1 2001:db8::2 1 2\r\n", "a malformed line")]
    [InlineData("PROXY TCP6 ::ffff:192.0.2.010 ::1 1 2\r\n", "a malformed line")]
    [InlineData("PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n", "a malformed line")]
    [InlineData("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", "a malformed line")]
    [InlineData("PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n", "a malformed line")]
    [InlineData("PROXY UNKNOWNS\r\n", "a malformed line")]
    [InlineData("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n", "a bare CR or LF")]
    [InlineData("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rE", "a bare CR or LF")]
    [InlineData("PROXY UNKNOWN\r\r\n", "a bare CR or LF")]
    public void A_malformed_line_is_refused(string octets, string error) // [BP-10.1-22]
    {
        var header = Read(Encoding.Latin1.GetBytes(octets), [1]).Header;
        Assert.Equal((error, false, null), (header.Error, header.IsComplete, header.Client));
    }

    [Fact]
    public void A_line_has_107_octets_and_no_more() // [BP-10.1-22]
    {
        var longest = "PROXY UNKNOWN ".PadRight(105, 'x');
        Assert.True(Read(Encoding.ASCII.GetBytes(longest + "\r\n"), [200]).Header.IsComplete);
        var (longer, read) = Read(Encoding.ASCII.GetBytes(longest + "x\r\n"), [200]);
        Assert.Equal((TooLong, 107), (longer.Error, read));
    }

    [Theory]
    [InlineData("11 11 000C C0000201 C0000202 0001 0002", "a version or a command that is not known")]
    [InlineData("22 11 000C C0000201 C0000202 0001 0002", "a version or a command that is not known")]
    [InlineData("21 41 000C C0000201 C0000202 0001 0002", "a family, a protocol or a length that is not possible")]
    [InlineData("21 13 000C C0000201 C0000202 0001 0002", "a family, a protocol or a length that is not possible")]
    [InlineData("21 11 000B C0000201 C0000202 0001 00", "a family, a protocol or a length that is not possible")]
    [InlineData("21 21 000C C0000201 C0000202 0001 0002", "a family, a protocol or a length that is not possible")]
    [InlineData("21 31 0000", "a family, a protocol or a length that is not possible")]
    [InlineData("21 11 000E C0000201 C0000202 0001 0002 0400", "an item that is longer than the header")]
    [InlineData("21 11 0010 C0000201 C0000202 0001 0002 04000200", "an item that is longer than the header")]
    [InlineData("21 11 0010 C0000201 C0000202 0001 0002 03000100", "a malformed checksum")]
    [InlineData("21 11 0013 C0000201 C0000202 0001 0002 03000400000000", "a wrong checksum")]
    [InlineData("20 00 0007 03000400000000", "a wrong checksum")]
    [InlineData("20 00 0000", null)]
    [InlineData("20 F7 0003 FFFFFF", null)]
    [InlineData("20 F7 0003 000102", null)]
    [InlineData("20 11 000C C0000201 C0000202 0001 0002", null)]
    [InlineData("21 00 0003 FFFFFF", null)]
    public void A_binary_header_is_accepted_or_refused(string hex, string? error) // [BP-10.1-22]
    {
        byte[] octets = [.. Signature, .. Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal))];
        var (header, read) = Read(octets, [octets.Length]);
        Assert.Equal((error, error is null, null), (header.Error, header.IsComplete, header.Client));
        Assert.True(read == octets.Length || read == 13);
    }

    [Fact]
    public void The_checksum_of_nine_digits_is_the_published_one() => Assert.Equal(0xE3069283u, Crc32C("123456789"u8)); // RFC 3720 B.4

    private static (ProxyHeader Header, int Read) Read(byte[] octets, int[] pieces)
    {
        var header = new ProxyHeader();
        int at = 0;
        for (int i = 0; at < octets.Length && !header.IsComplete && header.Error is null; i++)
        {
            int piece = Math.Min(pieces[i % pieces.Length], octets.Length - at);
            int read = header.Read(octets.AsSpan(at, piece));
            at += read;
            if (read < piece)
                break;
        }

        return (header, at);
    }

    private static IPEndPoint? Plain(IPEndPoint? end) =>
        end?.Address.IsIPv4MappedToIPv6 == true ? new IPEndPoint(end.Address.MapToIPv4(), end.Port) : end;

    private static byte[] Line((IPEndPoint Client, IPEndPoint Server) ends) =>
        Encoding.ASCII.GetBytes($"PROXY TCP{(ends.Client.Address.GetAddressBytes().Length == 4 ? 4 : 6)} {ends.Client.Address} "
            + $"{ends.Server.Address} {ends.Client.Port} {ends.Server.Port}\r\n");

    private static byte[] Binary(byte command, (IPEndPoint Client, IPEndPoint Server) ends, byte[][] items, bool summed) =>
        Binary(command, ends.Client.Address.GetAddressBytes().Length == 4 ? (byte)0x11 : (byte)0x21,
            [.. ends.Client.Address.GetAddressBytes(), .. ends.Server.Address.GetAddressBytes(), .. Port(ends.Client),
                .. Port(ends.Server)],
            items, summed);

    private static byte[] Binary(byte command, byte family, byte[] addresses, byte[][] items, bool summed)
    {
        byte[] rest = [.. addresses, .. items.SelectMany(i => i), .. summed ? (byte[])[3, 0, 4, 0, 0, 0, 0] : []];
        byte[] whole = [.. Signature, command, family, (byte)(rest.Length >> 8), (byte)rest.Length, .. rest];
        if (summed)
        {
            uint crc = Crc32C(whole);
            for (int i = 0; i < 4; i++)
                whole[^(4 - i)] = (byte)(crc >> (24 - (8 * i)));
        }

        return whole;
    }

    private static byte[] Port(IPEndPoint end) => [(byte)(end.Port >> 8), (byte)end.Port];

    private static uint Crc32C(ReadOnlySpan<byte> octets)
    {
        uint crc = uint.MaxValue;
        foreach (byte octet in octets)
        {
            crc ^= octet;
            for (int i = 0; i < 8; i++)
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0x82F63B78;
        }

        return ~crc;
    }

    internal sealed record Header(string Kind, byte[] Octets, IPEndPoint? Client = null, IPEndPoint? Server = null, bool IsLocal = false);
}
