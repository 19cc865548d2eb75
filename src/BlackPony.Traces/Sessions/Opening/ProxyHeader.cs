using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace BlackPony.Traces.Sessions;

/// <summary>What a balancer in front of the server says first: haproxy's PROXY protocol, versions 1 and 2.</summary>
internal static class ProxyHeader
{
    private const int MaxLine = 107;

    private static readonly byte[] Signature = "\r\n\r\n\0\r\nQUIT\n"u8.ToArray();

    /// <summary>Its length; 0 if there is none, -1 if more has to come.</summary>
    public static int Length(ReadOnlySpan<byte> octets)
    {
        if (octets.IsEmpty)
            return -1;

        int known = Math.Min(octets.Length, Signature.Length);
        if (octets[..known].SequenceEqual(Signature.AsSpan(0, known)))
        {
            return octets.Length < 16 ? (octets.Length < 2 ? 0 : -1) : 16 + BinaryPrimitives.ReadUInt16BigEndian(octets[14..]) is var length
                && length <= octets.Length ? length : -1;
        }

        int text = Math.Min(octets.Length, 6);
        if (octets.Length >= 6 && octets[..text].SequenceEqual("PROXY "u8[..text]))
        {
            int end = octets[..Math.Min(octets.Length, MaxLine + 2)].IndexOf("\r\n"u8);
            return end >= 0 ? end + 2 : octets.Length > MaxLine ? 0 : -1;
        }

        return 0;
    }

    /// <summary>Its parts.</summary>
    public static IEnumerable<ProloguePart> Parts(int side, byte[] header)
    {
        var parts = new List<ProloguePart>();
        var cursor = new Cursor(side, header, parts);
        if (header[0] == 'P')
        {
            cursor.Take(header.Length, PartKind.Text);
            return parts;
        }

        int family = header[13] >> 4;
        int address = family switch { 1 => 4, 2 => 16, _ => 0 };
        cursor.Take(16, PartKind.Form);
        if (address > 0 && cursor.Left >= (2 * address) + 4)
        {
            cursor.Take(address, PartKind.Address);
            cursor.Take(address, PartKind.Address);
            cursor.Take(4, PartKind.Form);
        }

        cursor.Take(cursor.Left, PartKind.Name);
        return parts;
    }

    /// <summary>The client that it names; null if it names none.</summary>
    public static string? Client(ReadOnlySpan<byte> header)
    {
        if (header[0] == 'P')
        {
            var words = Encoding.Latin1.GetString(header).Split(' ');
            return words.Length > 4 && IPAddress.TryParse(words[2], out var address) && int.TryParse(words[4], out int port)
                && port is >= 0 and <= 65535 ? new IPEndPoint(address, port).ToString() : null;
        }

        return (header[13] >> 4) switch
        {
            1 when header.Length >= 28 => new IPEndPoint(new IPAddress(header[16..20]), BinaryPrimitives.ReadUInt16BigEndian(header[24..]))
                .ToString(),
            2 when header.Length >= 52 => new IPEndPoint(new IPAddress(header[16..32]), BinaryPrimitives.ReadUInt16BigEndian(header[48..]))
                .ToString(),
            _ => null,
        };
    }
}
