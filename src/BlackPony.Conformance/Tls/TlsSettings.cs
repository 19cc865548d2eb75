using Org.BouncyCastle.Tls;

namespace BlackPony.Conformance.Tls;

/// <summary>What the suite's TLS client does in a handshake.</summary>
internal sealed record TlsSettings
{
    /// <summary>The versions that it offers.</summary>
    public IReadOnlyList<ProtocolVersion> Versions { get; init; } = [ProtocolVersion.TLSv13, ProtocolVersion.TLSv12];

    /// <summary>The name that it asks for; null for none.</summary>
    public string? ServerName { get; init; }

    /// <summary>The session that it resumes; null for none.</summary>
    public TlsSession? Session { get; init; }

    /// <summary>Plaintext that goes between its ClientHello and what it sends next.</summary>
    public byte[]? Between { get; init; }

    /// <summary>Text that goes in the segment of its Finished, where the version lets it.</summary>
    public string? WithFinished { get; init; }

    /// <summary>How long to wait for the server's first octet where its silence is right; null where it has to answer.</summary>
    public TimeSpan? Silence { get; init; }

    /// <summary>Whether it gives up, with an alert, after the server's first flight.</summary>
    public bool GivesUp { get; init; }
}

/// <summary>How a handshake came out.</summary>
/// <param name="IsComplete">Whether it is complete.</param>
/// <param name="What">What came instead.</param>
/// <param name="IsReply">Whether an SMTP reply, of a client a command, came instead, in plaintext.</param>
internal sealed record HandshakeEnd(bool IsComplete, string What, bool IsReply = false)
{
    /// <summary>Whether it is the suite's own TLS that could not go on.</summary>
    public bool IsOwn { get; init; }
}
