using System.Buffers.Binary;
using System.Security.Cryptography;

namespace BlackPony.Traces.Sessions;

/// <summary>Opens the records of one direction under one key (RFC 5246 6.2.3, RFC 8446 5.2).</summary>
internal sealed class TlsRecordCipher : IDisposable
{
    private const int Block = 16;
    private const int ExplicitNonce = 8;

    private readonly TlsSuite _suite;
    private readonly byte[] _iv;
    private readonly byte[] _mac;
    private readonly bool _is13;
    private readonly bool _macOfCiphertext;
    private readonly AesGcm? _gcm;
    private readonly AesCcm? _ccm;
    private readonly ChaCha20Poly1305? _chaCha;
    private readonly Aes? _cbc;
    private ulong _sequence;

    private TlsRecordCipher(TlsSuite suite, byte[] key, byte[] iv, byte[] mac, bool is13, bool macOfCiphertext)
    {
        (_suite, _iv, _mac, _is13, _macOfCiphertext) = (suite, iv, mac, is13, macOfCiphertext);
        switch (suite.Protection)
        {
            case TlsProtection.Gcm:
                _gcm = new AesGcm(key, suite.TagLength);
                break;
            case TlsProtection.ChaCha:
                _chaCha = new ChaCha20Poly1305(key);
                break;
            case TlsProtection.Cbc:
                _cbc = Aes.Create();
                _cbc.Key = key;
                break;
            default:
                _ccm = new AesCcm(key);
                break;
        }
    }

    /// <summary>Whether this machine has what the suite needs.</summary>
    public static bool Can(TlsSuite suite) => suite.Protection switch
    {
        TlsProtection.Gcm => AesGcm.IsSupported, TlsProtection.ChaCha => ChaCha20Poly1305.IsSupported, TlsProtection.Cbc => true,
        _ => AesCcm.IsSupported,
    };

    /// <summary>Of TLS 1.3: from a traffic secret.</summary>
    public static TlsRecordCipher From(TlsSuite suite, byte[] secret) => new(
        suite, TlsKeySchedule.Expand(suite.Hash, secret, "key", suite.KeyLength), TlsKeySchedule.Expand(suite.Hash, secret, "iv", 12), [],
        is13: true, macOfCiphertext: false);

    /// <summary>Of TLS 1.2: from the master secret.</summary>
    public static TlsRecordCipher From(TlsSuite suite, byte[] master, byte[] clientRandom, byte[] serverRandom, bool ofServer,
        bool macOfCiphertext)
    {
        int iv = suite.Protection switch { TlsProtection.ChaCha => 12, TlsProtection.Cbc => 0, _ => 4 };
        var (mac, key) = (suite.MacLength, suite.KeyLength);
        var block = TlsKeySchedule.Block(suite.Hash, master, clientRandom, serverRandom, 2 * (mac + key + iv)).AsSpan();
        int side = ofServer ? 1 : 0;
        return new TlsRecordCipher(suite, block.Slice((2 * mac) + (side * key), key).ToArray(),
            block.Slice((2 * mac) + (2 * key) + (side * iv), iv).ToArray(), block.Slice(side * mac, mac).ToArray(), is13: false,
            macOfCiphertext);
    }

    /// <summary>A record was lost.</summary>
    public void Skip() => _sequence++;

    /// <summary>Opens a record.</summary>
    /// <param name="header">Its five octets.</param>
    /// <param name="fragment">What follows them.</param>
    /// <param name="type">What it holds.</param>
    /// <param name="content">That.</param>
    /// <returns>False if it does not verify; then it does not count as one.</returns>
    public bool Open(ReadOnlySpan<byte> header, ReadOnlySpan<byte> fragment, out byte type, out byte[] content)
    {
        type = header[0];
        byte[]? opened;
        try
        {
            opened = _cbc is null ? Aead(header, fragment) : Cbc(header, fragment);
        }
        catch (CryptographicException)
        {
            opened = null;
        }

        content = opened ?? [];
        if (opened is null)
            return false;

        _sequence++;
        if (_is13)
        {
            // The type follows the content, zeros follow the type.
            int end = content.AsSpan().LastIndexOfAnyExcept((byte)0);
            (type, content) = end < 0 ? ((byte)0, []) : (content[end], content[..end]);
        }

        return true;
    }

    public void Dispose()
    {
        _gcm?.Dispose();
        _ccm?.Dispose();
        _chaCha?.Dispose();
        _cbc?.Dispose();
    }

    private byte[]? Aead(ReadOnlySpan<byte> header, ReadOnlySpan<byte> fragment)
    {
        bool isExplicit = _iv.Length == 4;
        int tag = _suite.TagLength;
        int length = fragment.Length - tag - (isExplicit ? ExplicitNonce : 0);
        if (length < 0)
            return null;

        var nonce = (byte[])[.. _iv, .. isExplicit ? fragment[..ExplicitNonce] : default];
        if (!isExplicit)
            BinaryPrimitives.WriteUInt64BigEndian(nonce.AsSpan(4), BinaryPrimitives.ReadUInt64BigEndian(nonce.AsSpan(4)) ^ _sequence);

        var sealedOctets = fragment[^(length + tag)..^tag];
        var associated = _is13 ? header.ToArray() : Associated(header, length);
        var content = new byte[length];
        _gcm?.Decrypt(nonce, sealedOctets, fragment[^tag..], content, associated);
        _ccm?.Decrypt(nonce, sealedOctets, fragment[^tag..], content, associated);
        _chaCha?.Decrypt(nonce, sealedOctets, fragment[^tag..], content, associated);
        return content;
    }

    private byte[]? Cbc(ReadOnlySpan<byte> header, ReadOnlySpan<byte> fragment)
    {
        int mac = _mac.Length;
        if (_macOfCiphertext)
        {
            // RFC 7366.
            if (fragment.Length < mac || !Verifies(header, fragment[..^mac], fragment[^mac..]))
                return null;

            fragment = fragment[..^mac];
        }

        if (fragment.Length < 2 * Block || fragment.Length % Block != 0)
            return null;

        var plain = _cbc!.DecryptCbc(fragment[Block..], fragment[..Block], PaddingMode.None);
        int end = plain.Length - 1 - plain[^1];
        if (_macOfCiphertext)
            return end < 0 ? null : plain[..end];

        return end < mac || !Verifies(header, plain.AsSpan(0, end - mac), plain.AsSpan(end - mac, mac)) ? null : plain[..(end - mac)];
    }

    private bool Verifies(ReadOnlySpan<byte> header, ReadOnlySpan<byte> data, ReadOnlySpan<byte> mac) =>
        CryptographicOperations
            .HmacData(_suite.Mac, _mac, (byte[])[.. Associated(header, data.Length), .. data]).AsSpan().SequenceEqual(mac);

    private byte[] Associated(ReadOnlySpan<byte> header, int length)
    {
        var associated = new byte[13];
        BinaryPrimitives.WriteUInt64BigEndian(associated, _sequence);
        header[..3].CopyTo(associated.AsSpan(8));
        BinaryPrimitives.WriteUInt16BigEndian(associated.AsSpan(11), (ushort)length);
        return associated;
    }
}
