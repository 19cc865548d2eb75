using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Numerics;
using System.Text;

namespace BlackPony.Hosting;

/// <summary>
/// Reads the header of the PROXY protocol, version 1 or 2, with which a load balancer names the client before the client's own octets
/// (haproxy, doc/proxy-protocol.txt; [BP-10.1-22]). It has no I/O: octets in, addresses out.
/// </summary>
public sealed class ProxyHeader
{
    // "PROXY UNKNOWN", two IPv6 addresses, two ports and CRLF (2.1).
    private const int MaxLine = 107;

    // Signature, version and command, family and protocol, length (2.2).
    private const int FixedPart = 16;
    private const byte Checksum = 0x03;

    private byte[] _octets = new byte[MaxLine];
    private int _length;

    private static ReadOnlySpan<byte> Text => "PROXY "u8;

    private static ReadOnlySpan<byte> Signature => "\r\n\r\n\0\r\nQUIT\n"u8;

    /// <summary>Whether the whole header has been read, and is well-formed.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>What is wrong with the header, without an octet of it; null if nothing is.</summary>
    public string? Error { get; private set; }

    /// <summary>Whether the balancer speaks for itself (LOCAL): a health check.</summary>
    public bool IsLocal { get; private set; }

    /// <summary>The client's address and port, IPv4 never in IPv6; null if the header is of the balancer itself, or does not name a TCP
    /// client (UNKNOWN, UNSPEC, UDP, UNIX).</summary>
    public IPEndPoint? Client { get; private set; }

    /// <summary>The address and port to which the client connected; null where <see cref="Client"/> is.</summary>
    public IPEndPoint? Server { get; private set; }

    /// <summary>Reads on, up to the end of the header.</summary>
    /// <param name="octets">The octets that follow those read before.</param>
    /// <returns>How many of them belong to the header.</returns>
    public int Read(ReadOnlySpan<byte> octets)
    {
        int read = 0;
        while (!IsComplete && Error is null && read < octets.Length)
            Take(octets[read++]);

        return read;
    }

    private void Take(byte octet)
    {
        if (_length == _octets.Length)
            Array.Resize(ref _octets, Math.Min(_length * 4, FixedPart + ushort.MaxValue));

        _octets[_length++] = octet;
        if (_octets[0] == Text[0])
            TakeText();
        else
            TakeBinary();
    }

    private void TakeText()
    {
        var line = _octets.AsSpan(0, _length);
        if (!line[..Math.Min(_length, Text.Length)].SequenceEqual(Text[..Math.Min(_length, Text.Length)]))
            Error = "no PROXY header";
        else if ((line[^1] == '\n') != (_length > 1 && line[^2] == '\r'))
            Error = "a bare CR or LF";
        else if (line[^1] == '\n')
            ReadLine(Encoding.Latin1.GetString(line[..^2]));
        else if (_length == MaxLine)
            Error = "a line that is too long";
    }

    private void ReadLine(string line)
    {
        string[] words = line.Split(' ');
        IsComplete = words[1] == "UNKNOWN";
        if (IsComplete)
            return;

        var family = words[1];
        if (words.Length == 6 && family is "TCP4" or "TCP6" && Address(words[2], family) is { } from && Address(words[3], family) is { } to
            && Port(words[4]) is { } fromPort && Port(words[5]) is { } toPort)
        {
            Name(new IPEndPoint(from, fromPort), new IPEndPoint(to, toPort));
        }
        else
        {
            Error = "a malformed line";
        }
    }

    private void TakeBinary()
    {
        int known = Math.Min(_length, Signature.Length);
        if (!_octets.AsSpan(0, known).SequenceEqual(Signature[..known]))
            Error = "no PROXY header";
        else if (_length == 13 && _octets[12] is not (0x20 or 0x21))
            Error = "a version or a command that is not known";
        else if (_length >= FixedPart && _length == FixedPart + BinaryPrimitives.ReadUInt16BigEndian(_octets.AsSpan(14)))
            ReadBinary(_octets.AsSpan(0, _length));
    }

    private void ReadBinary(Span<byte> header)
    {
        var (family, protocol) = (header[13] >> 4, header[13] & 15);
        IsLocal = header[12] == 0x20;
        int addresses = family switch { 0 => 0, 1 => 12, 2 => 36, 3 => 216, _ => -1 };
        bool fits = addresses >= 0 && FixedPart + addresses <= header.Length;

        // What LOCAL and UNSPEC bring in the place of addresses is skipped; a checksum counts where one can be found.
        bool isSkipped = IsLocal || family == 0;
        if ((!IsLocal && protocol > 2) || (!isSkipped && !fits))
            Error = "a family, a protocol or a length that is not possible";
        else if (fits)
            Error = CheckRest(header, FixedPart + addresses, isSkipped);

        if (Error is null && !isSkipped && family is 1 or 2 && protocol == 1)
        {
            int size = family == 1 ? 4 : 16;
            var ports = header[(FixedPart + (2 * size))..];
            Name(new IPEndPoint(new IPAddress(header.Slice(FixedPart, size)), BinaryPrimitives.ReadUInt16BigEndian(ports)),
                new IPEndPoint(new IPAddress(header.Slice(FixedPart + size, size)), BinaryPrimitives.ReadUInt16BigEndian(ports[2..])));
        }

        IsComplete = Error is null;
    }

    // The type-length-value items after the addresses; of these only the checksum counts (2.2.3).
    private static string? CheckRest(Span<byte> header, int at, bool isSkipped)
    {
        Span<byte> sum = default;
        while (at < header.Length)
        {
            int length = at + 3 > header.Length ? ushort.MaxValue : BinaryPrimitives.ReadUInt16BigEndian(header[(at + 1)..]);
            if (at + 3 + length > header.Length)
                return isSkipped ? null : "an item that is longer than the header";

            if (header[at] == Checksum)
            {
                if (length != 4 || !sum.IsEmpty)
                    return "a malformed checksum";

                sum = header.Slice(at + 3, 4);
            }

            at += 3 + length;
        }

        if (sum.IsEmpty)
            return null;

        uint told = BinaryPrimitives.ReadUInt32BigEndian(sum);
        sum.Clear();
        uint crc = uint.MaxValue;
        foreach (byte octet in header)
            crc = BitOperations.Crc32C(crc, octet);

        return told == ~crc ? null : "a wrong checksum";
    }

    private void Name(IPEndPoint client, IPEndPoint server)
    {
        Client = new IPEndPoint(ClientAddress.Plain(client.Address), client.Port);
        Server = new IPEndPoint(ClientAddress.Plain(server.Address), server.Port);
        IsComplete = true;
    }

    // As inet_ntop(3) writes it: what .NET reads besides (octal numbers, scopes, brackets) is none.
    private static IPAddress? Address(string word, string family)
    {
        bool isIPv6 = family == "TCP6";
        var quad = isIPv6 && !word.Contains('.', StringComparison.Ordinal) ? null : word[(isIPv6 ? word.LastIndexOf(':') + 1 : 0)..];
        bool isWritten = word.All(c => char.IsAsciiHexDigit(c) || c is ':' or '.') && word.Contains(':', StringComparison.Ordinal) == isIPv6
            && quad?.Split('.') is null or { Length: 4 } && quad?.Split('.').All(n => Number(n, byte.MaxValue) is not null) != false;
        return isWritten && IPAddress.TryParse(word, out var address) ? address : null;
    }

    private static int? Port(string word) => Number(word, ushort.MaxValue);

    private static int? Number(string word, int most) =>
        int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n <= most && (word[0] != '0' || word.Length == 1)
            ? n : null;
}
