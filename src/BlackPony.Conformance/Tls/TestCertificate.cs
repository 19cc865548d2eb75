using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Security;

namespace BlackPony.Conformance.Tls;

/// <summary>A certificate and its key, made once in a process.</summary>
/// <param name="Certificate">The certificate in DER; a client knows its issuer or not.</param>
/// <param name="Key">Its key.</param>
internal sealed record TestCertificate(byte[] Certificate, AsymmetricKeyParameter Key)
{
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";

    private static readonly Lazy<X509Certificate2> Trusted = new(() => Authority("Test authority"));
    private static readonly Lazy<X509Certificate2> Unknown = new(() => Authority("Another authority"));
    private static readonly Lazy<TestCertificate> OfServer = new(() => Make("local.test", null));
    private static readonly Lazy<TestCertificate> OfHost = new(() => Make(Host, Trusted.Value));
    private static readonly Lazy<TestCertificate> Own = new(() => Make(Host, null));
    private static readonly Lazy<TestCertificate> OfUnknown = new(() => Make(Host, Unknown.Value));
    private static readonly Lazy<TestCertificate> OfOther = new(() => Make("other.test", Trusted.Value));
    private static readonly Lazy<TestCertificate> Over = new(() => Make(Host, Trusted.Value, from: -20, to: -10));
    private static readonly Lazy<TestCertificate> Early = new(() => Make(Host, Trusted.Value, from: 10, to: 20));
    private static readonly Lazy<TestCertificate> OfClient = new(() => Make(Host, Trusted.Value, use: ClientUse));
    private static readonly Lazy<TestCertificate> Part = new(() => Make("local*", Trusted.Value));
    private static readonly Lazy<TestCertificate> OtherPart = new(() => Make("*host", Trusted.Value));
    private static readonly Lazy<TestCertificate> Old = new(() => Make(Host, Trusted.Value, isRsa: true));

    /// <summary>The name of the suite's server, for a client that asks the system for its address.</summary>
    public const string Host = "localhost";

    /// <summary>The embedded server's: it signs itself.</summary>
    public static TestCertificate Server => OfServer.Value;

    /// <summary>Right: of the authority in <see cref="AuthorityPem"/>, for <see cref="Host"/> and 127.0.0.1.</summary>
    public static TestCertificate Good => OfHost.Value;

    /// <summary>The same with an RSA key.</summary>
    public static TestCertificate Rsa => Old.Value;

    /// <summary>It signs itself.</summary>
    public static TestCertificate SelfSigned => Own.Value;

    /// <summary>Of an authority that the client does not know.</summary>
    public static TestCertificate OtherAuthority => OfUnknown.Value;

    /// <summary>For another name.</summary>
    public static TestCertificate OtherName => OfOther.Value;

    /// <summary>Expired.</summary>
    public static TestCertificate Expired => Over.Value;

    /// <summary>Not yet valid.</summary>
    public static TestCertificate NotYet => Early.Value;

    /// <summary>For TLS clients only.</summary>
    public static TestCertificate ClientOnly => OfClient.Value;

    /// <summary>For names of which a wildcard is only a part of the label.</summary>
    public static IReadOnlyList<TestCertificate> PartsOfLabel => [Part.Value, OtherPart.Value];

    /// <summary>The authority that a client is to trust.</summary>
    public static string AuthorityPem => Trusted.Value.ExportCertificatePem() + "\n";

    private static X509Certificate2 Authority(string name)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var now = DateTimeOffset.UtcNow;
        return request.CreateSelfSigned(now.AddDays(-30), now.AddDays(30));
    }

    private static TestCertificate Make(string name, X509Certificate2? authority, int from = -1, int to = 1, string use = ServerUse,
        bool isRsa = false)
    {
        using var curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var rsa = isRsa ? RSA.Create(2048) : null;
        var request = rsa is null
            ? new CertificateRequest($"CN={name}", curve, HashAlgorithmName.SHA256)
            : new CertificateRequest($"CN={name}", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(use)], false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        if (name == Host)
            names.AddIpAddress(IPAddress.Loopback);

        request.CertificateExtensions.Add(names.Build());
        var key = PrivateKeyFactory.CreateKey(rsa?.ExportPkcs8PrivateKey() ?? curve.ExportPkcs8PrivateKey());
        var now = DateTimeOffset.UtcNow;
        if (authority is null)
        {
            using var own = request.CreateSelfSigned(now.AddDays(from), now.AddDays(to));
            return new TestCertificate(own.RawData, key);
        }

        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, true, false));
        var signer = X509SignatureGenerator.CreateForECDsa(authority.GetECDsaPrivateKey()!);
        using var certificate = request.Create(authority.SubjectName, signer,
            now.AddDays(from), now.AddDays(to), RandomNumberGenerator.GetBytes(8));
        return new TestCertificate(certificate.RawData, key);
    }
}
