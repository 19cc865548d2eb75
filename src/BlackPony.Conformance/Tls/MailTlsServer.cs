using System.Collections.Concurrent;
using Org.BouncyCastle.Security;
using Org.BouncyCastle.Tls;
using Org.BouncyCastle.Tls.Crypto;
using Org.BouncyCastle.Tls.Crypto.Impl.BC;

namespace BlackPony.Conformance.Tls;

/// <summary>The embedded server's side of a handshake: TLS 1.3 and 1.2.</summary>
/// <param name="sessions">The sessions that can be resumed.</param>
internal class MailTlsServer(ConcurrentDictionary<string, TlsSession> sessions) : DefaultTlsServer(new BcTlsCrypto(new SecureRandom()))
{
    /// <summary>The id of the session, if it can be resumed.</summary>
    public string? SessionId => m_context.Session?.SessionID is { Length: > 0 } id ? Convert.ToHexString(id) : null;

    public override TlsSession? GetSessionToResume(byte[] sessionID) => sessions.GetValueOrDefault(Convert.ToHexString(sessionID));

    public override byte[] GetNewSessionID() => m_context.NonceGenerator.GenerateNonce(32);

    public override void NotifyHandshakeComplete()
    {
        base.NotifyHandshakeComplete();
        if (SessionId is { } id && m_context.Session.IsResumable)
            sessions[id] = m_context.Session;
    }

    public override TlsCredentials GetCredentials()
    {
        var certificate = m_context.Crypto.CreateCertificate(Identity.Certificate);
        var chain = TlsUtilities.IsTlsV13(m_context)
            ? new Certificate([], [new CertificateEntry(certificate, null)])
            : new Certificate([certificate]);
        return new BcDefaultTlsCredentialedSigner(new TlsCryptoParameters(m_context), (BcTlsCrypto)m_context.Crypto, Identity.Key, chain,
            TlsUtilities.IsTlsV12(m_context) ? new SignatureAndHashAlgorithm(HashAlgorithm.sha256, SignatureAlgorithm.ecdsa) : null);
    }

    /// <summary>Its certificate.</summary>
    protected virtual TestCertificate Identity => TestCertificate.Server;

    protected override ProtocolVersion[] GetSupportedVersions() => [ProtocolVersion.TLSv13, ProtocolVersion.TLSv12];

    protected override int[] GetSupportedCipherSuites() =>
    [
        CipherSuite.TLS_AES_128_GCM_SHA256, CipherSuite.TLS_CHACHA20_POLY1305_SHA256,
        CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, CipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ];
}
