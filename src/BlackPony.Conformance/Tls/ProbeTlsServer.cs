using Org.BouncyCastle.Tls;

namespace BlackPony.Conformance.Tls;

/// <summary>What the suite's TLS server does in a handshake.</summary>
internal sealed record TlsServerSettings
{
    /// <summary>The versions that it speaks.</summary>
    public IReadOnlyList<ProtocolVersion> Versions { get; init; } = [ProtocolVersion.TLSv13, ProtocolVersion.TLSv12];

    /// <summary>Its certificate.</summary>
    public TestCertificate Certificate { get; init; } = TestCertificate.Good;

    /// <summary>A protocol that it selects in TLS 1.3, whatever the client listed; null for none.</summary>
    public string? Protocol { get; init; }

    /// <summary>Plaintext that goes before its ServerHello.</summary>
    public byte[] Between { get; init; } = [];

    /// <summary>What goes instead of its ServerHello, and after that nothing; null for the usual handshake.</summary>
    public byte[]? Instead { get; init; }
}

/// <summary>The suite's side of a handshake with a client under test.</summary>
internal sealed class ProbeTlsServer(TlsServerSettings settings) : MailTlsServer(new())
{
    /// <summary>The version, once it is agreed.</summary>
    public ProtocolVersion? Version => m_context?.ServerVersion;

    /// <summary>The last alert that came: its description; -1 for none.</summary>
    public int Alert { get; private set; } = -1;

    protected override TestCertificate Identity => settings.Certificate;

    public override void NotifyAlertReceived(short alertLevel, short alertDescription) => Alert = alertDescription;

    protected override ProtocolVersion[] GetSupportedVersions() => [.. settings.Versions];

    // The last two are for versions before 1.2.
    protected override int[] GetSupportedCipherSuites() =>
    [
        .. base.GetSupportedCipherSuites(),
        CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
    ];
}
