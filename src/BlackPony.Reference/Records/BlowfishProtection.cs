using System.Buffers.Binary;
using System.Security.Cryptography;
using BlackPony.Reference.Keys;
using Org.BouncyCastle.Crypto.Engines;
using Org.BouncyCastle.Crypto.Parameters;

namespace BlackPony.Reference.Records;

/// <summary>Blowfish-CTR, then HMAC-SHA256, whole and verified first (spec 7.3, [BP-7.3-2], [BP-7.3-3]).</summary>
internal sealed class BlowfishProtection : RecordProtection
{
    private const int Block = 8;

    private readonly BlowfishEngine _blowfish = new();
    private readonly byte[] _macKey;

    public BlowfishProtection(ReadOnlySpan<byte> trafficSecret)
    {
        var key = KeySchedule.ExpandLabel(trafficSecret, "key", [], 32);
        _blowfish.Init(true, new KeyParameter(key));
        CryptographicOperations.ZeroMemory(key);
        _macKey = KeySchedule.ExpandLabel(trafficSecret, "mac", [], 32);
    }

    public override int TagLength => Limits.HmacTag;

    public override long Budget => Limits.BlowfishRekeyBlocks;

    public override long Cost(int innerLength) => (innerLength + Block - 1) / Block;

    public override void Seal(ulong seq, Span<byte> record)
    {
        Crypt(seq, record[2..^Limits.HmacTag]);
        Mac(seq, record, record[^Limits.HmacTag..]);
    }

    public override bool Open(ulong seq, Span<byte> record)
    {
        Span<byte> tag = stackalloc byte[Limits.HmacTag];
        Mac(seq, record, tag);
        if (!CryptographicOperations.FixedTimeEquals(tag, record[^Limits.HmacTag..]))
        {
            return false;
        }

        Crypt(seq, record[2..^Limits.HmacTag]);
        return true;
    }

    public override void Dispose() => CryptographicOperations.ZeroMemory(_macKey);

    // Counter block: seq, then the block's number in the record ([BP-7.3-1]).
    private void Crypt(ulong seq, Span<byte> octets)
    {
        Span<byte> counter = stackalloc byte[Block];
        Span<byte> stream = stackalloc byte[Block];
        BinaryPrimitives.WriteUInt32BigEndian(counter, checked((uint)seq));
        for (int start = 0; start < octets.Length; start += Block)
        {
            BinaryPrimitives.WriteUInt32BigEndian(counter[4..], (uint)(start / Block));
            _blowfish.ProcessBlock(counter, stream);
            var block = octets.Slice(start, Math.Min(Block, octets.Length - start));
            for (int i = 0; i < block.Length; i++)
            {
                block[i] ^= stream[i];
            }
        }
    }

    // HMAC over seq ‖ length ‖ ciphertext; length and ciphertext stand together in the record.
    private void Mac(ulong seq, ReadOnlySpan<byte> record, Span<byte> tag)
    {
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(number, seq);
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _macKey);
        hmac.AppendData(number);
        hmac.AppendData(record[..^Limits.HmacTag]);
        hmac.GetHashAndReset(tag);
    }
}
