using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Suites;

namespace BlackPony.Conformance.Peers;

/// <summary>
/// How an implementation may compute the keys of Section 6 and the tags of Section 7: the right way, of which <see cref="KeyMistakes"/>
/// change one thing.
/// </summary>
internal sealed record KeyForm
{
    private const int NonceLength = 12;

    /// <summary>The kind of record protection.</summary>
    public required RecordCipher Cipher { get; init; }

    /// <summary>The HKDF's salt.</summary>
    public required byte[] Salt { get; init; }

    /// <summary>The shared secret.</summary>
    public required byte[] Secret { get; init; }

    /// <summary>The transcript hash.</summary>
    public required byte[] Th { get; init; }

    /// <summary>The label of the sender's traffic secret.</summary>
    public required string Traffic { get; init; }

    /// <summary>HKDF-Extract: salt, shared secret.</summary>
    public Func<byte[], byte[], byte[]> Extract { get; init; } = (salt, secret) => HKDF.Extract(HashAlgorithmName.SHA256, secret, salt);

    /// <summary>HKDF-Expand: key, <em>info</em>, length.</summary>
    public Func<byte[], byte[], int, byte[]> ExpandWith { get; init; } =
        (key, info, length) => HKDF.Expand(HashAlgorithmName.SHA256, key, length, info);

    /// <summary>HKDF's <em>info</em> in Expand-Label: length, label, context.</summary>
    public Func<int, string, byte[], byte[]> Info { get; init; } = (length, label, context) => TlsInfo("bp1 ", length, label, context);

    /// <summary>Replaces the labels "key", "iv" and "mac".</summary>
    public Func<string, string> Label { get; init; } = label => label;

    /// <summary>How many octets are derived for the iv; its first 12 are used.</summary>
    public int IvLength { get; init; } = NonceLength;

    /// <summary>The nonce: iv, sequence number.</summary>
    public Func<byte[], ulong, byte[]> Nonce { get; init; } = (iv, seq) => Xor(iv, [0, 0, 0, 0, .. Big(seq)]);

    /// <summary>The additional data: length of <em>protected</em>, sequence number.</summary>
    public Func<int, ulong, byte[]> Aad { get; init; } = (length, _) => Big((ushort)length);

    /// <summary>The HMAC of Section 7.3: key, message.</summary>
    public Func<byte[], byte[], byte[]> Hmac { get; init; } = HMACSHA256.HashData;

    /// <summary>The length of that HMAC in octets.</summary>
    public int MacLength { get; init; } = Limits.HmacTag;

    /// <summary>Whether it is over the plaintext instead of the ciphertext.</summary>
    public bool IsOverPlaintext { get; init; }

    /// <summary>What the HMAC of Section 7.3 is over: sequence number, length of <em>protected</em>, ciphertext.</summary>
    public Func<ulong, int, byte[], byte[]> Mac { get; init; } = (seq, length, text) => [.. Big(seq), .. Big((ushort)length), .. text];

    /// <summary>HKDF's <em>info</em> as TLS 1.3 has it, with another prefix.</summary>
    public static byte[] TlsInfo(string prefix, int length, string label, byte[] context) =>
        [.. Big((ushort)length), (byte)(prefix.Length + label.Length), .. Encoding.ASCII.GetBytes(prefix + label), (byte)context.Length,
            .. context];

    /// <summary>16 bits, big-endian.</summary>
    public static byte[] Big(ushort number)
    {
        var octets = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(octets, number);
        return octets;
    }

    /// <summary>64 bits, big-endian.</summary>
    public static byte[] Big(ulong number)
    {
        var octets = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(octets, number);
        return octets;
    }

    /// <summary>The exclusive or of two strings of the same length.</summary>
    public static byte[] Xor(byte[] a, byte[] b) => [.. a.Zip(b, (x, y) => (byte)(x ^ y))];

    /// <summary>traffic[0] of the sender, 32 octets.</summary>
    public byte[] TrafficSecret() => Expand(Extract(Salt, Secret), Traffic, Th, KeySchedule.SecretLength);

    /// <summary>Whether a record verifies.</summary>
    /// <param name="record">The record as it was on the wire.</param>
    /// <param name="seq">Its sequence number.</param>
    public bool Verifies(byte[] record, ulong seq)
    {
        int length = record.Length - 2;
        var traffic = TrafficSecret();
        if (Cipher == RecordCipher.Blowfish)
        {
            if (length <= MacLength)
                return false;

            var text = IsOverPlaintext ? Decrypted(record, traffic, seq) : record[2..^MacLength];
            var tag = Hmac(Expand(traffic, Label("mac"), [], 32), Mac(seq, length, text));
            return tag.AsSpan().SequenceEqual(record.AsSpan(record.Length - MacLength));
        }

        var iv = Expand(traffic, Label("iv"), [], IvLength)[..NonceLength];
        var (key, nonce) = (Expand(traffic, Label("key"), [], 32), Nonce(iv, seq));
        var (cipher, aeadTag, aad) = (record[2..^Limits.AeadTag], record[^Limits.AeadTag..], Aad(length, seq));
        try
        {
            if (Cipher == RecordCipher.Aes256Gcm)
            {
                using var aes = new AesGcm(key, Limits.AeadTag);
                aes.Decrypt(nonce, cipher, aeadTag, new byte[cipher.Length], aad);
            }
            else
            {
                using var chaCha = new ChaCha20Poly1305(key);
                chaCha.Decrypt(nonce, cipher, aeadTag, new byte[cipher.Length], aad);
            }

            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    // Counter mode encrypts what it decrypts.
    private byte[] Decrypted(byte[] record, byte[] traffic, ulong seq)
    {
        using var blowfish = SuiteRegistry.Find(Names.Classic)!.Protect(traffic);
        byte[] text = [.. record[..^MacLength], .. new byte[Limits.HmacTag]];
        blowfish.Seal(seq, text);
        return text[2..^Limits.HmacTag];
    }

    private byte[] Expand(byte[] secret, string label, byte[] context, int length) =>
        ExpandWith(secret, Info(length, label, context), length);
}

/// <summary>What protects records.</summary>
internal enum RecordCipher
{
    /// <summary>ChaCha20-Poly1305.</summary>
    ChaCha20Poly1305,

    /// <summary>AES-256-GCM.</summary>
    Aes256Gcm,

    /// <summary>Blowfish-CTR and HMAC-SHA256.</summary>
    Blowfish,
}
