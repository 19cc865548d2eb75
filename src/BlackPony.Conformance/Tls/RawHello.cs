using System.Buffers.Binary;

namespace BlackPony.Conformance.Tls;

/// <summary>A ClientHello of TLS 1.2 or older, octet by octet: no platform makes all of them any more.</summary>
internal sealed record RawHello
{
    public const int RenegotiationInfo = 0xff01;
    public const int Alpn = 16;

    private const int RecordHeader = 5;

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

    /// <summary>The handshake message.</summary>
    public byte[] Message() => Record()[RecordHeader..];

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

/// <summary>A server's first flight of TLS 1.2 with a suite that no library selects any more.</summary>
internal static class RawServerFlight
{
    /// <summary>The records: ServerHello with the suite, a certificate or, for an anonymous suite, none, and ServerHelloDone.</summary>
    public static byte[] Of(int suite, TestCertificate? certificate)
    {
        byte[] hello = [3, 3, .. Enumerable.Range(1, 32).Select(i => (byte)i), 0, .. Two(suite), 0, 0, 5, 0xff, 1, 0, 1, 0];
        byte[] first = [.. Message(2, hello)];
        if (certificate is null)
            return Record([.. first, .. Message(12, AnonymousShare()), .. Message(14, [])]);

        byte[] one = [.. Three(certificate.Certificate.Length), .. certificate.Certificate];
        return Record([.. first, .. Message(11, [.. Three(one.Length), .. one]), .. Message(14, [])]);
    }

    // A share on P-256: its base point.
    private static byte[] AnonymousShare() =>
    [
        3, 0, 23, 65, 4,
        .. Convert.FromHexString("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
        .. Convert.FromHexString("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"),
    ];

    private static byte[] Message(byte type, byte[] body) => [type, .. Three(body.Length), .. body];

    private static byte[] Record(byte[] messages) => [22, 3, 3, .. Two(messages.Length), .. messages];

    private static byte[] Two(int number) => [(byte)(number >> 8), (byte)number];

    private static byte[] Three(int number) => [(byte)(number >> 16), .. Two(number)];
}

/// <summary>A ClientHello that came.</summary>
/// <param name="Suites">The suites that it offers.</param>
/// <param name="Extensions">Its extensions.</param>
internal sealed record RawClientHello(IReadOnlyList<int> Suites, IReadOnlyDictionary<int, byte[]> Extensions)
{
    /// <summary>The extensions server_name, supported_versions, early_data and renegotiation_info.</summary>
    public const int ServerName = 0, SupportedVersions = 43, EarlyData = 42, RenegotiationInfo = 0xff01;

    /// <summary>The signalling suite that stands for renegotiation_info.</summary>
    public const int SignallingSuite = 0x00ff;

    /// <summary>The name in server_name; null if there is none.</summary>
    public string? Name => Extensions.TryGetValue(ServerName, out var data) && data.Length > 5
        ? System.Text.Encoding.Latin1.GetString(data.AsSpan(5))
        : null;

    /// <summary>Whether it offers TLS 1.2.</summary>
    public bool OffersTls12 => !Extensions.ContainsKey(SupportedVersions) || Offers(3);

    /// <summary>Whether it offers TLS 1.3.</summary>
    public bool OffersTls13 => Offers(4);

    /// <summary>Reads one out of its record.</summary>
    /// <returns>Null if the octets are none.</returns>
    public static RawClientHello? Read(ReadOnlySpan<byte> octets)
    {
        const int Session = 5 + 4 + 2 + 32;
        if (octets.Length <= Session || octets[0] != 22 || octets[5] != 1)
            return null;

        int at = Session + 1 + octets[Session], length = BinaryPrimitives.ReadUInt16BigEndian(octets[at..]);
        var suites = new List<int>();
        for (at += 2; length > 1; at += 2, length -= 2)
            suites.Add(BinaryPrimitives.ReadUInt16BigEndian(octets[at..]));

        var extensions = new Dictionary<int, byte[]>();
        for (at += 1 + octets[at] + 2; at + 4 <= octets.Length;)
        {
            length = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(octets[(at + 2)..]), octets.Length - at - 4);
            extensions[BinaryPrimitives.ReadUInt16BigEndian(octets[at..])] = octets.Slice(at + 4, length).ToArray();
            at += 4 + length;
        }

        return new RawClientHello(suites, extensions);
    }

    private bool Offers(byte minor) => Extensions.TryGetValue(SupportedVersions, out var data)
        && Enumerable.Range(0, (data.Length - 1) / 2).Any(i => data[1 + (2 * i)] == 3 && data[2 + (2 * i)] == minor);
}
