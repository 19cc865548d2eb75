namespace BlackPony.Traces.Sessions;

/// <summary>The outer form of TLS (RFC 8446 5.1).</summary>
internal static class TlsRecords
{
    public const byte ChangeCipherSpec = 0x14;
    public const byte Alert = 0x15;
    public const byte Handshake = 0x16;
    public const byte Data = 0x17;
    public const int Header = 5;

    /// <summary>So many octets tell a client's hello.</summary>
    public const int Opening = 6;

    /// <summary>Whether octets may be the beginning of a record, or of an old client's hello.</summary>
    public static bool MayBegin(ReadOnlySpan<byte> octets) =>
        octets is [>= ChangeCipherSpec and <= Data + 1] or [>= ChangeCipherSpec and <= Data + 1, 3, ..]
            || octets is [0x80, _, 1, 0 or 2 or 3, ..];

    /// <summary>Whether octets are the beginning of a whole record's header, as one follows the hellos.</summary>
    public static bool IsRecord(ReadOnlySpan<byte> octets) => octets is [>= ChangeCipherSpec and <= Data, 3, <= 4, <= 0x41, _, ..];

    /// <summary>Whether octets are the beginning of a client's hello.</summary>
    public static bool IsClientHello(ReadOnlySpan<byte> octets) => octets is [Handshake, 3, <= 4, _, _, 1, ..]
        || octets is [0x80, _, 1, 3, <= 3, ..];

    /// <summary>Whether octets are the beginning of a hello, of which not all needs to be there.</summary>
    public static bool MayBeHello(ReadOnlySpan<byte> octets) => octets.Length < 6
        ? octets is [Handshake] or [Handshake, 3] or [Handshake, 3, <= 4, ..] : IsClientHello(octets);
}
