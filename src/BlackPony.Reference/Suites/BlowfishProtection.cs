using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;
using BlackPony.Reference.Keys;
using Org.BouncyCastle.Crypto.Engines;
using Org.BouncyCastle.Crypto.Parameters;

namespace BlackPony.Reference.Suites;

/// <summary>Blowfish-CTR, then HMAC-SHA256, whole and verified first (spec 7.3, [BP-7.3-2], [BP-7.3-3]).</summary>
internal sealed class BlowfishProtection : RecordProtection
{
    private const int Block = 8;
    private const int Blocks = 64;

    private readonly BlowfishEngine _blowfish = new();
    private readonly IncrementalHash _hmac;

    public BlowfishProtection(ReadOnlySpan<byte> trafficSecret)
    {
        var key = KeySchedule.ExpandLabel(trafficSecret, "key", [], 32);
        _blowfish.Init(true, new KeyParameter(key));
        CryptographicOperations.ZeroMemory(key);
        var macKey = KeySchedule.ExpandLabel(trafficSecret, "mac", [], 32);
        _hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, macKey);
        CryptographicOperations.ZeroMemory(macKey);
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
            return false;

        Crypt(seq, record[2..^Limits.HmacTag]);
        return true;
    }

    // BouncyCastle's engine keeps its key until the collector takes it.
    public override void Dispose() => _hmac.Dispose();

    // Counter block: seq, then the block's number in the record ([BP-7.3-1]). Many blocks of key stream at a time, then one XOR over them.
    private void Crypt(ulong seq, Span<byte> octets)
    {
        Span<byte> stream = stackalloc byte[Blocks * Block];
        uint number = 0;
        for (; !octets.IsEmpty; octets = octets[Math.Min(octets.Length, stream.Length)..])
        {
            for (int start = 0; start < Math.Min(octets.Length, stream.Length); start += Block)
            {
                var counter = stream.Slice(start, Block);
                BinaryPrimitives.WriteUInt32BigEndian(counter, checked((uint)seq));
                BinaryPrimitives.WriteUInt32BigEndian(counter[4..], number++);
                _blowfish.ProcessBlock(counter, counter);
            }

            var part = octets[..Math.Min(octets.Length, stream.Length)];
            Xor(part, stream);
        }
    }

    private static void Xor(Span<byte> octets, ReadOnlySpan<byte> stream)
    {
        int i = 0;
        for (; i + Vector<byte>.Count <= octets.Length; i += Vector<byte>.Count)
            (new Vector<byte>(octets[i..]) ^ new Vector<byte>(stream[i..])).CopyTo(octets[i..]);

        for (; i < octets.Length; i++)
            octets[i] ^= stream[i];
    }

    // HMAC over seq ‖ length ‖ ciphertext; length and ciphertext stand together in the record.
    private void Mac(ulong seq, ReadOnlySpan<byte> record, Span<byte> tag)
    {
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(number, seq);
        _hmac.AppendData(number);
        _hmac.AppendData(record[..^Limits.HmacTag]);
        _hmac.GetHashAndReset(tag);
    }
}
