using System.Buffers.Binary;
using System.Security.Cryptography;
using BlackPony.Reference.Keys;

namespace BlackPony.Reference.Suites;

/// <summary>AEAD records (spec 7.2): the length octets are the additional data ([BP-7.2-2]), the tag is whole ([BP-7.2-3]).</summary>
internal sealed class AeadProtection : RecordProtection
{
    private readonly ChaCha20Poly1305? _chaCha;
    private readonly AesGcm? _aes;
    private readonly byte[] _iv;

    private AeadProtection(ReadOnlySpan<byte> trafficSecret, bool aes)
    {
        var key = KeySchedule.ExpandLabel(trafficSecret, "key", [], 32);
        _iv = KeySchedule.ExpandLabel(trafficSecret, "iv", [], 12);
        _aes = aes ? new AesGcm(key, Limits.AeadTag) : null;
        _chaCha = aes ? null : new ChaCha20Poly1305(key);
        CryptographicOperations.ZeroMemory(key);
    }

    public override int TagLength => Limits.AeadTag;

    public override long Budget => Limits.AeadRekeyRecords;

    public static AeadProtection ChaCha20Poly1305(ReadOnlySpan<byte> trafficSecret) => new(trafficSecret, aes: false);

    public static AeadProtection Aes256Gcm(ReadOnlySpan<byte> trafficSecret) => new(trafficSecret, aes: true);

    public override long Cost(int innerLength) => 1;

    public override void Seal(ulong seq, Span<byte> record)
    {
        Span<byte> nonce = stackalloc byte[12];
        MakeNonce(seq, nonce);
        var inner = record[2..^Limits.AeadTag];
        if (_aes is not null)
            _aes.Encrypt(nonce, inner, inner, record[^Limits.AeadTag..], record[..2]);
        else
            _chaCha!.Encrypt(nonce, inner, inner, record[^Limits.AeadTag..], record[..2]);
    }

    public override bool Open(ulong seq, Span<byte> record)
    {
        Span<byte> nonce = stackalloc byte[12];
        MakeNonce(seq, nonce);
        var inner = record[2..^Limits.AeadTag];
        try
        {
            if (_aes is not null)
                _aes.Decrypt(nonce, inner, record[^Limits.AeadTag..], inner, record[..2]);
            else
                _chaCha!.Decrypt(nonce, inner, record[^Limits.AeadTag..], inner, record[..2]);

            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    public override void Dispose()
    {
        _aes?.Dispose();
        _chaCha?.Dispose();
        CryptographicOperations.ZeroMemory(_iv);
    }

    // [BP-7.2-1]
    private void MakeNonce(ulong seq, Span<byte> nonce)
    {
        _iv.CopyTo(nonce);
        var low = nonce[4..];
        BinaryPrimitives.WriteUInt64BigEndian(low, BinaryPrimitives.ReadUInt64BigEndian(low) ^ seq);
    }
}
