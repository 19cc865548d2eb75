using System.Security.Cryptography;

namespace BlackPony.Reference.Suites;

/// <summary>An RSA key pair that several exchanges use. The last one to dispose of it erases it ([BP-5.4-15]).</summary>
internal sealed class RsaKeyPair(RSA rsa) : IDisposable
{
    private int _users = 1;

    /// <summary>The modulus, big-endian.</summary>
    public byte[] Modulus { get; } = rsa.ExportParameters(false).Modulus!;

    /// <summary>One more user, who disposes of it too.</summary>
    public RsaKeyPair Share()
    {
        Interlocked.Increment(ref _users);
        return this;
    }

    /// <summary>Decrypts OAEP with SHA-256.</summary>
    /// <exception cref="CryptographicException">It does not decrypt.</exception>
    public byte[] Decrypt(ReadOnlySpan<byte> ciphertext)
    {
        // .NET promises nothing for two threads with one instance.
        lock (rsa)
        {
            return rsa.Decrypt(ciphertext, RSAEncryptionPadding.OaepSHA256);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _users) == 0)
            rsa.Dispose();
    }
}
