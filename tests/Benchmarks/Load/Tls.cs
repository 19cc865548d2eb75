using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace BlackPony.Benchmarks.Load;

/// <summary>TLS 1.3 with an ECDSA P-256 certificate; every handshake is a full one.</summary>
internal static class Tls
{
    private static readonly X509Certificate2 Certificate = NewCertificate();

    private static readonly SslServerAuthenticationOptions Server = new()
    {
        ServerCertificateContext = SslStreamCertificateContext.Create(Certificate, null, offline: true),
        EnabledSslProtocols = SslProtocols.Tls13,
        AllowTlsResume = false,
    };

    /// <summary>A client that trusts everybody, as opportunistic mail does.</summary>
    public static async Task<SslStream> ClientAsync(Stream inner)
    {
        var tls = new SslStream(inner);
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "mail.test",
            EnabledSslProtocols = SslProtocols.Tls13,
            AllowTlsResume = false,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            CertificateChainPolicy = new X509ChainPolicy
            {
                DisableCertificateDownloads = true,
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                CustomTrustStore = { Certificate },
                RevocationMode = X509RevocationMode.NoCheck,
            },
            RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null,
        });
        return tls;
    }

    public static async Task<SslStream> ServerAsync(Stream inner)
    {
        var tls = new SslStream(inner);
        await tls.AuthenticateAsServerAsync(Server);
        return tls;
    }

    /// <summary>Writes certificate and key for other programs' servers.</summary>
    public static void Write(string folder)
    {
        File.WriteAllText(Path.Combine(folder, "cert.pem"), Certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(folder, "key.pem"), Certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        File.SetUnixFileMode(Path.Combine(folder, "key.pem"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private static X509Certificate2 NewCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=mail.test", key, HashAlgorithmName.SHA256);
        using var made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
    }
}
