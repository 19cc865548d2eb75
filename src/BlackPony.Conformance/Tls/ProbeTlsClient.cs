using System.Text;
using Org.BouncyCastle.Security;
using Org.BouncyCastle.Tls;
using Org.BouncyCastle.Tls.Crypto.Impl.BC;

namespace BlackPony.Conformance.Tls;

/// <summary>The suite's side of a handshake: any certificate is good, since SMTP's state is what is tested.</summary>
internal sealed class ProbeTlsClient(TlsSettings settings) : DefaultTlsClient(new BcTlsCrypto(new SecureRandom()))
{
    /// <summary>The version, once it is agreed.</summary>
    public ProtocolVersion? Version { get; private set; }

    /// <summary>The session, once the handshake is complete; null if it cannot be resumed.</summary>
    public TlsSession? Session { get; private set; }

    /// <summary>Whether an earlier session was resumed.</summary>
    public bool IsResumed { get; private set; }

    /// <summary>The server's certificate in DER.</summary>
    public byte[] Certificate { get; private set; } = [];

    /// <summary>The last alert that came: its description; -1 for none.</summary>
    public int Alert { get; private set; } = -1;

    public override TlsAuthentication GetAuthentication() => new Trusting(this);

    public override TlsSession? GetSessionToResume() => settings.Session;

    public override void NotifyServerVersion(ProtocolVersion serverVersion) => Version = serverVersion;

    public override void NotifyAlertReceived(short alertLevel, short alertDescription) => Alert = alertDescription;

    public override void NotifyHandshakeComplete()
    {
        base.NotifyHandshakeComplete();
        IsResumed = m_context.SecurityParameters.IsResumedSession;
        var session = m_context.Session;
        Session = session is { IsResumable: true } ? session : null;
    }

    // A server may resume a session of TLS 1.2 that has no extended master secret.
    public override bool AllowLegacyResumption() => true;

    protected override ProtocolVersion[] GetSupportedVersions() => [.. settings.Versions];

    protected override IList<ServerName>? GetSniServerNames() => settings.ServerName is { } name
        ? [new ServerName(NameType.host_name, Encoding.ASCII.GetBytes(name))]
        : null;

    private sealed class Trusting(ProbeTlsClient client) : TlsAuthentication
    {
        public void NotifyServerCertificate(TlsServerCertificate serverCertificate) =>
            client.Certificate = serverCertificate.Certificate.GetCertificateAt(0).GetEncoded();

        public TlsCredentials? GetClientCredentials(CertificateRequest certificateRequest) => null;
    }
}
