using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Security;

namespace BlackPony.Conformance.Tls;

/// <summary>A certificate that signs itself, made once in a process.</summary>
internal static class TestCertificate
{
    private static readonly Lazy<(byte[] Certificate, AsymmetricKeyParameter Key)> Made = new(Make);

    /// <summary>The certificate in DER.</summary>
    public static byte[] Certificate => Made.Value.Certificate;

    /// <summary>Its key.</summary>
    public static AsymmetricKeyParameter Key => Made.Value.Key;

    private static (byte[] Certificate, AsymmetricKeyParameter Key) Make()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=local.test", key, HashAlgorithmName.SHA256);
        var now = DateTimeOffset.UtcNow;
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return (certificate.RawData, PrivateKeyFactory.CreateKey(key.ExportPkcs8PrivateKey()));
    }
}
