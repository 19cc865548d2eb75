namespace BlackPony.Traces.Sessions;

/// <summary>What the hellos agree upon, as far as the records need it.</summary>
internal sealed class TlsParameters
{
    /// <summary>The client's random; null if it was not seen.</summary>
    public byte[]? ClientRandom { get; set; }

    /// <summary>The server's random; null if it was not seen.</summary>
    public byte[]? ServerRandom { get; set; }

    /// <summary>The version's number.</summary>
    public int Version { get; set; }

    /// <summary>The cipher suite; null if it was not seen, or is none that is read.</summary>
    public TlsSuite? Suite { get; set; }

    /// <summary>Whether CBC's records are encrypted first (RFC 7366).</summary>
    public bool MacOfCiphertext { get; set; }

    public bool Is12 => Version == 0x0303;

    public bool Is13 => Version == 0x0304;
}
