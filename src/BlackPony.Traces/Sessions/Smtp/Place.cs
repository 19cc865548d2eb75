namespace BlackPony.Traces.Sessions;

/// <summary>Where a dialogue stands.</summary>
internal enum Place
{
    /// <summary>On the wire.</summary>
    Outside,

    /// <summary>Inside BlackPony's records, or under ROT.</summary>
    Records,

    /// <summary>Inside TLS that somebody decrypted for the capture.</summary>
    Tls,

    /// <summary>Inside TLS records that were opened with a key log.</summary>
    OpenedTls,
}
