using System.Security.Cryptography;
using BlackPony.Reference.Suites;

namespace BlackPony.Conformance.Peers;

/// <summary>The RSA key pairs of <c>spec/vectors</c>, embedded. They are public and protect nothing.</summary>
public static class TestRsaKeys
{
    /// <summary>The pair that the suite uses as a client.</summary>
    public static RsaKeys Client { get; } = Load("client");

    /// <summary>The pair that the suite uses as a server.</summary>
    public static RsaKeys Server { get; } = Load("server");

    /// <summary>Opens a key pair.</summary>
    /// <param name="role"><c>client</c> or <c>server</c>.</param>
    public static RSA Open(string role)
    {
        using var stream = typeof(TestRsaKeys).Assembly.GetManifestResourceStream($"rsa-{role}.pem")!;
        using var reader = new StreamReader(stream);
        var rsa = RSA.Create();
        rsa.ImportFromPem(reader.ReadToEnd());
        return rsa;
    }

    /// <summary>The modulus of <see cref="Server"/>, 384 octets.</summary>
    internal static byte[] ServerModulus { get; } = Modulus(Server);

    /// <summary>OAEP with SHA-256.</summary>
    /// <param name="modulus">384 octets.</param>
    /// <param name="content">What is encrypted.</param>
    internal static byte[] Encrypt(ReadOnlySpan<byte> modulus, ReadOnlySpan<byte> content)
    {
        using var rsa = RSA.Create(new RSAParameters { Modulus = modulus.ToArray(), Exponent = [1, 0, 1] });
        return rsa.Encrypt(content, RSAEncryptionPadding.OaepSHA256);
    }

    private static byte[] Modulus(RsaKeys keys)
    {
        using var pair = keys.Use();
        return pair.Modulus;
    }

    private static RsaKeys Load(string role) => new(TimeProvider.System, () => Open(role));
}
