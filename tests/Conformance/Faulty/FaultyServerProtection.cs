using System.Buffers.Binary;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Faulty;

internal delegate void SealStep(RecordProtection real, ulong seq, Span<byte> record);

internal delegate bool OpenStep(RecordProtection real, ulong seq, Span<byte> record);

/// <summary>A record protection with a step of its own instead of the real one's.</summary>
internal sealed class FaultyServerProtection(RecordProtection real) : RecordProtection
{
    public SealStep? Seals { get; init; }

    public OpenStep? Opens { get; init; }

    /// <summary>Whether a traffic secret may be used for ever.</summary>
    public bool IsTireless { get; init; }

    /// <summary>The length to which the tag is cut; 0 for the whole.</summary>
    public int CutTag { get; init; }

    public override int TagLength => CutTag > 0 ? CutTag : real.TagLength;

    public override long Budget => IsTireless ? long.MaxValue : real.Budget;

    public override long Cost(int innerLength) => real.Cost(innerLength);

    public override void Seal(ulong seq, Span<byte> record)
    {
        if (Seals is not null)
        {
            Seals(real, seq, record);
            return;
        }

        var whole = new byte[record.Length - TagLength + real.TagLength];
        record.CopyTo(whole);
        real.Seal(seq, whole);
        whole.AsSpan(0, record.Length).CopyTo(record);
    }

    public override bool Open(ulong seq, Span<byte> record) => Opens is null ? real.Open(seq, record) : Opens(real, seq, record);

    public override void Dispose() => real.Dispose();

    // ---------------------------------------------------------------- steps

    /// <summary>Does a step without the record's length in it: zeros stand in its place.</summary>
    public static void WithoutLength(Span<byte> record, Action<byte[]> step)
    {
        byte[] copy = [0, 0, .. record[2..]];
        step(copy);
        copy.AsSpan(2).CopyTo(record[2..]);
    }

    /// <summary>Verifies only so many octets of the tag, and opens.</summary>
    public static OpenStep Verifying(int count) => (real, seq, record) =>
    {
        var sealedAgain = record.ToArray();
        var stream = KeyStream(real, seq, record.Length);
        for (int i = 2; i < record.Length - real.TagLength; i++)
        {
            sealedAgain[i] ^= stream[i];
        }

        var opened = (byte[])sealedAgain.Clone();
        real.Seal(seq, sealedAgain);
        bool good = sealedAgain.AsSpan(record.Length - real.TagLength, count)
            .SequenceEqual(record.Slice(record.Length - real.TagLength, count));
        opened.CopyTo(record);
        return good;
    };

    /// <summary>Opens a record under any sequence number near the expected one.</summary>
    public static bool OpenNear(RecordProtection real, ulong seq, Span<byte> record)
    {
        for (int by = -2; by <= 2; by++)
        {
            var copy = record.ToArray();
            if (real.Open(seq + (ulong)(long)by, copy))
            {
                copy.CopyTo(record);
                return true;
            }
        }

        return false;
    }

    /// <summary>Opens a record under older keys too, with any of their first sequence numbers.</summary>
    public static OpenStep OpeningUnder(IEnumerable<RecordProtection> older) => (real, seq, record) =>
    {
        foreach (var (key, number) in older.SelectMany(k => Enumerable.Range(0, 10).Select(n => (k, (ulong)n))).Prepend((real, seq)))
        {
            // A record that does not verify is not left as it was.
            var copy = record.ToArray();
            if (key.Open(number, copy))
            {
                copy.CopyTo(record);
                return true;
            }
        }

        return false;
    };

    /// <summary>Treats a record that does not verify as one of an ignored type, and does not count it.</summary>
    public static OpenStep Skipping()
    {
        ulong skipped = 0;
        return (real, seq, record) =>
        {
            if (!real.Open(seq - skipped, record))
            {
                skipped++;
                record[2..^real.TagLength].Clear();
                record[2] = 200;
            }

            return true;
        };
    }

    /// <summary>Numbers the blocks of a record from 1 instead of 0.</summary>
    public static void SealFromOne(RecordProtection real, ulong seq, Span<byte> record)
    {
        const int Block = 8;
        var stream = KeyStream(real, seq, record.Length + Block);
        for (int i = 2; i < record.Length - real.TagLength; i++)
        {
            record[i] ^= (byte)(stream[i] ^ stream[i + Block]);
        }

        real.Seal(seq, record);
    }

    /// <summary>The sequence number with its octets in the other order.</summary>
    public static ulong LittleEndian(ulong seq) => BinaryPrimitives.ReverseEndianness(seq);

    // The key stream is what zeros are sealed to.
    private static byte[] KeyStream(RecordProtection real, ulong seq, int length)
    {
        var zeros = new byte[length];
        real.Seal(seq, zeros);
        return zeros;
    }
}
