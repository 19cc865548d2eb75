using System.Security.Cryptography;

namespace BlackPony.Traces.Sessions;

/// <summary>How records are protected.</summary>
internal enum TlsProtection
{
    /// <summary>AES-GCM (RFC 5288).</summary>
    Gcm,

    /// <summary>AES-CCM (RFC 6655).</summary>
    Ccm,

    /// <summary>AES-CCM with a tag of eight octets.</summary>
    Ccm8,

    /// <summary>ChaCha20-Poly1305 (RFC 7905).</summary>
    ChaCha,

    /// <summary>AES-CBC with HMAC (RFC 5246 6.2.3.2).</summary>
    Cbc,
}

/// <summary>A cipher suite as far as the records go.</summary>
/// <param name="Protection">How records are protected.</param>
/// <param name="KeyLength">Octets of the key.</param>
/// <param name="Hash">The hash of the key derivation.</param>
/// <param name="Mac">The hash of the HMAC; of CBC only.</param>
internal sealed record TlsSuite(TlsProtection Protection, int KeyLength, HashAlgorithmName Hash, HashAlgorithmName Mac = default)
{
    private static readonly HashAlgorithmName Sha1 = HashAlgorithmName.SHA1;
    private static readonly HashAlgorithmName Sha256 = HashAlgorithmName.SHA256;
    private static readonly HashAlgorithmName Sha384 = HashAlgorithmName.SHA384;

    /// <summary>Octets of the tag.</summary>
    public int TagLength => Protection == TlsProtection.Ccm8 ? 8 : 16;

    /// <summary>Octets of the hash.</summary>
    public int HashLength => Length(Hash);

    /// <summary>Octets of the HMAC; 0 if there is none.</summary>
    public int MacLength => Protection == TlsProtection.Cbc ? Length(Mac) : 0;

    /// <summary>How much longer than what it holds a record is, at least: nonce or IV, tag or MAC, type, padding's length.</summary>
    public int Overhead(bool is13) => is13 ? TagLength + 1 : Protection switch
    {
        TlsProtection.ChaCha => TagLength, TlsProtection.Cbc => 16 + MacLength + 1, _ => 8 + TagLength,
    };

    /// <summary>A suite by its number (IANA), those without authentication too, as mail servers use them; null if it is not read.</summary>
    public static TlsSuite? Find(int number) => number switch
    {
        0x1301 => new(TlsProtection.Gcm, 16, Sha256),
        0x1302 => new(TlsProtection.Gcm, 32, Sha384),
        0x1303 => new(TlsProtection.ChaCha, 32, Sha256),
        0x1304 => new(TlsProtection.Ccm, 16, Sha256),
        0x1305 => new(TlsProtection.Ccm8, 16, Sha256),
        0x009c or 0x009e or 0x00a2 or 0x00a6 or 0xc02b or 0xc02f => new(TlsProtection.Gcm, 16, Sha256),
        0x009d or 0x009f or 0x00a3 or 0x00a7 or 0xc02c or 0xc030 => new(TlsProtection.Gcm, 32, Sha384),
        >= 0xcca8 and <= 0xccaa => new(TlsProtection.ChaCha, 32, Sha256),
        0xc09c or 0xc09e or 0xc0ac => new(TlsProtection.Ccm, 16, Sha256),
        0xc09d or 0xc09f or 0xc0ad => new(TlsProtection.Ccm, 32, Sha256),
        0xc0a0 or 0xc0a2 or 0xc0ae => new(TlsProtection.Ccm8, 16, Sha256),
        0xc0a1 or 0xc0a3 or 0xc0af => new(TlsProtection.Ccm8, 32, Sha256),
        0x002f or 0x0032 or 0x0033 or 0x0034 or 0xc009 or 0xc013 or 0xc018 => new(TlsProtection.Cbc, 16, Sha256, Sha1),
        0x0035 or 0x0038 or 0x0039 or 0x003a or 0xc00a or 0xc014 or 0xc019 => new(TlsProtection.Cbc, 32, Sha256, Sha1),
        0x003c or 0x0040 or 0x0067 or 0x006c or 0xc023 or 0xc027 => new(TlsProtection.Cbc, 16, Sha256, Sha256),
        0x003d or 0x006a or 0x006b or 0x006d => new(TlsProtection.Cbc, 32, Sha256, Sha256),
        0xc024 or 0xc028 => new(TlsProtection.Cbc, 32, Sha384, Sha384),
        _ => null,
    };

    private static int Length(HashAlgorithmName hash) => hash == Sha1 ? 20 : hash == Sha256 ? 32 : 48;
}
