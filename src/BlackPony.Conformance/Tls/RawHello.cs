using System.Buffers.Binary;

namespace BlackPony.Conformance.Tls;

/// <summary>A ClientHello of TLS 1.2 or older, octet by octet: no platform makes all of them any more.</summary>
internal sealed record RawHello
{
    public const int RenegotiationInfo = 0xff01;
    public const int Alpn = 16;

    /// <summary>AES with CBC or GCM, with ECDHE or RSA: suites that a server has if it has the version.</summary>
    public static IReadOnlyList<int> Usual { get; } =
        [0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035, 0x0033, 0x0039];

    /// <summary>The version: 0x0303 is TLS 1.2.</summary>
    public int Version { get; init; } = 0x0303;

    /// <summary>The version of the record.</summary>
    public int RecordVersion { get; init; } = 0x0301;

    public IReadOnlyList<int> Suites { get; init; } = Usual;

    /// <summary>Further extensions.</summary>
    public IReadOnlyList<(int Type, byte[] Data)> Extensions { get; init; } = [];

    /// <summary>The record.</summary>
    public byte[] Record()
    {
        // Servers refuse a client that knows nothing of renegotiation: the signalling suite says that it does.
        int[] signal = Extensions.Any(e => e.Type == RenegotiationInfo) ? [] : [0x00ff];
        byte[] suites = [.. Suites.Concat(signal).SelectMany(Two)];
        (int, byte[])[] usual =
        [
            (10, [0, 8, 0, 29, 0, 23, 0, 24, 0, 25]), // groups
            (11, [1, 0]), // uncompressed points
            (13, [0, 18, 4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 8, 6, 6, 1, 2, 1]), // signatures
            .. Extensions,
        ];
        byte[] extensions = Version < 0x0301 ? [] : [.. usual.SelectMany(e => (byte[])[.. Two(e.Item1), .. Two(e.Item2.Length),
            .. e.Item2])];
        byte[] body =
        [
            .. Two(Version), .. Enumerable.Range(1, 32).Select(i => (byte)i), 0, .. Two(suites.Length), .. suites, 1, 0,
            .. extensions.Length > 0 ? (byte[])[.. Two(extensions.Length), .. extensions] : [],
        ];
        byte[] message = [1, 0, .. Two(body.Length), .. body];
        return [22, .. Two(RecordVersion), .. Two(message.Length), .. message];
    }

    private static byte[] Two(int number) => [(byte)(number >> 8), (byte)number];
}

/// <summary>What a server answers a ClientHello with.</summary>
/// <param name="Version">Its version.</param>
/// <param name="Suite">The suite that it selects.</param>
/// <param name="Extensions">Its extensions.</param>
internal sealed record RawServerHello(int Version, int Suite, IReadOnlyDictionary<int, byte[]> Extensions)
{
    /// <summary>Reads one.</summary>
    /// <returns>Null if the octets are none: an alert, or nothing.</returns>
    public static RawServerHello? Read(ReadOnlySpan<byte> octets)
    {
        const int Fixed = 5 + 4 + 2 + 32 + 1;
        if (octets.Length < Fixed || octets[0] != 22 || octets[5] != 2)
            return null;

        var extensions = new Dictionary<int, byte[]>();
        int at = Fixed + octets[Fixed - 1];
        int end = 9 + (octets[6] << 16) + (octets[7] << 8) + octets[8];
        if (end > octets.Length || at + 3 > end)
            return null;

        int suite = BinaryPrimitives.ReadUInt16BigEndian(octets[at..]);
        for (at += 5; at + 4 <= end;)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(octets[(at + 2)..]);
            if (at + 4 + length > end)
                break;

            extensions[BinaryPrimitives.ReadUInt16BigEndian(octets[at..])] = octets.Slice(at + 4, length).ToArray();
            at += 4 + length;
        }

        return new RawServerHello(BinaryPrimitives.ReadUInt16BigEndian(octets[9..]), suite, extensions);
    }
}
