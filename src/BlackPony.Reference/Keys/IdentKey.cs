using Org.BouncyCastle.Math.EC.Rfc8032;

namespace BlackPony.Reference.Keys;

/// <summary>A server's IDENT key: Ed25519 (spec 6.5).</summary>
public sealed class IdentKey
{
    private readonly byte[] _seed;

    /// <summary>Makes the key of a private key.</summary>
    /// <param name="seed">32 octets (RFC 8032 5.1.5).</param>
    /// <param name="isWithdrawn">Whether the server withdraws it ([BP-6.5-8]).</param>
    /// <exception cref="ArgumentException">Other than 32 octets.</exception>
    public IdentKey(ReadOnlySpan<byte> seed, bool isWithdrawn = false)
    {
        if (seed.Length != Ed25519.SecretKeySize)
            throw new ArgumentException("An Ed25519 private key is 32 octets.", nameof(seed));

        (_seed, IsWithdrawn) = (seed.ToArray(), isWithdrawn);
        PublicKey = new byte[Ed25519.PublicKeySize];
        Ed25519.GeneratePublicKey(_seed, PublicKey);
    }

    /// <summary>The public key, 32 octets.</summary>
    public byte[] PublicKey { get; }

    /// <summary>Whether the server withdraws it ([BP-6.5-8]).</summary>
    public bool IsWithdrawn { get; }

    /// <summary>Signs a transcript hash.</summary>
    /// <returns>64 octets.</returns>
    internal byte[] Sign(ReadOnlySpan<byte> transcriptHash)
    {
        var signature = new byte[Ed25519.SignatureSize];
        Ed25519.Sign(_seed, Ident.Message(transcriptHash, IsWithdrawn), signature);
        return signature;
    }
}
