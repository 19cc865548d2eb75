namespace BlackPony.Traces.Sessions;

/// <summary>What TLS shows to whoever looks on.</summary>
public sealed class TlsReport
{
    /// <summary>The version agreed upon, such as <c>TLS 1.3</c>; null if the server's hello was not seen.</summary>
    public string? Version { get; internal set; }

    /// <summary>The name that the client asked for (RFC 6066 3); null if it asked for none.</summary>
    public string? ServerName { get; internal set; }

    /// <summary>Names in the server's certificate, which TLS 1.2 and before show.</summary>
    public IReadOnlyList<string> CertificateNames { get; internal set; } = [];

    /// <summary>The cipher suite's number (IANA); null if the server's hello was not seen.</summary>
    public int? CipherSuite { get; internal set; }
}
