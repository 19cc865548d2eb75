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

/// <summary>The octets of that side: records can be made that no application asks for.</summary>
internal sealed class ProbeTls : TlsClientProtocol
{
    private readonly byte[] _octets = new byte[32768];

    /// <summary>What waits to be sent.</summary>
    public byte[] Output()
    {
        var output = new byte[GetAvailableOutputBytes()];
        ReadOutput(output, 0, output.Length);
        return output;
    }

    /// <summary>Plaintext that came.</summary>
    public byte[] Input()
    {
        var input = new List<byte>();
        while (GetAvailableInputBytes() > 0)
        {
            int count = ReadInput(_octets, 0, _octets.Length);
            input.AddRange(_octets.AsSpan(0, count));
        }

        return [.. input];
    }

    /// <summary>A record of application data without content.</summary>
    public void Empty() => SafeWriteRecord(ContentType.application_data, [], 0, 0);

    /// <summary>A KeyUpdate that asks for one in return.</summary>
    public void UpdateKeys() => Send13KeyUpdate(true);

    /// <summary>close_notify, after which replies are still read.</summary>
    public void Notify() => RaiseAlertWarning(AlertDescription.close_notify, "the end");

    /// <summary>A fatal alert.</summary>
    public static byte[] GiveUp() => [21, 3, 3, 0, 2, (byte)AlertLevel.fatal, (byte)AlertDescription.handshake_failure];
}
