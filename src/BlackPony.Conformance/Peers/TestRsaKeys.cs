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

    private static RsaKeys Load(string role) => new(TimeProvider.System, () => Open(role));
}
