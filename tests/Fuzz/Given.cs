using System.Security.Cryptography;
using BlackPony.Reference.Suites;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Fuzz;

/// <summary>What a session takes from outside, the same in every run: time that stands, keys, random octets.</summary>
public static class Given
{
    /// <summary>The clock. The keys below need it first.</summary>
    public static TimeProvider Time { get; } = new FakeTimeProvider(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));

    /// <summary>The server's RSA key pair (spec/vectors).</summary>
    public static RsaKeys ServerRsa { get; } = Rsa("rsa-server.pem");

    /// <summary>The client's.</summary>
    public static RsaKeys ClientRsa { get; } = Rsa("rsa-client.pem");

    private static RsaKeys Rsa(string name)
    {
        using var pem = new StreamReader(typeof(Given).Assembly.GetManifestResourceStream(name)!);
        var rsa = RSA.Create();
        rsa.ImportFromPem(pem.ReadToEnd());
        return new RsaKeys(Time, () => rsa);
    }
}
