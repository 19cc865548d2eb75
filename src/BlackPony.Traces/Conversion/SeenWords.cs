using System.Buffers.Binary;
using BlackPony.Reference;

namespace BlackPony.Traces.Conversion;

/// <summary>The words of the input, as a Bloom filter: a word that came is always known, one that did not seldom. Its size is fixed,
/// whatever the input's.</summary>
internal sealed class SeenWords
{
    /// <summary>Shorter runs of letters are no words.</summary>
    public const int Shortest = 4;

    // 16 MB: ten million words make it say of one in a hundred others that it came, which costs another draw.
    private const int Bits = 1 << 27;

    private readonly ulong[] _bits = new ulong[Bits / 64];
    private readonly ulong _seed;

    /// <param name="random">Which positions stand for a word: nobody can choose words that collide.</param>
    public SeenWords(IRandomSource random)
    {
        Span<byte> seed = stackalloc byte[8];
        random.Fill(seed);
        _seed = BinaryPrimitives.ReadUInt64LittleEndian(seed) | 1;
    }

    /// <summary>Remembers all words of octets.</summary>
    public void Add(ReadOnlySpan<byte> octets)
    {
        while (Next(ref octets, out var word))
        {
            ulong hash = Hash(word);
            for (int i = 0; i < 3; i++)
                _bits[Slot(hash, i) >> 6] |= 1UL << (Slot(hash, i) & 63);
        }
    }

    /// <summary>Whether a word may have come.</summary>
    public bool Has(ReadOnlySpan<byte> word)
    {
        ulong hash = Hash(word);
        for (int i = 0; i < 3; i++)
        {
            if ((_bits[Slot(hash, i) >> 6] & (1UL << (Slot(hash, i) & 63))) == 0)
                return false;
        }

        return true;
    }

    /// <summary>The next run of letters that is long enough; what is before and in it is cut off.</summary>
    public static bool Next(ref ReadOnlySpan<byte> octets, out ReadOnlySpan<byte> word)
    {
        int at = 0;
        while (at < octets.Length)
        {
            if (!IsLetter(octets[at]))
            {
                at++;
                continue;
            }

            int end = at + 1;
            while (end < octets.Length && IsLetter(octets[end]))
                end++;

            if (end - at >= Shortest)
            {
                word = octets[at..end];
                octets = octets[end..];
                return true;
            }

            at = end;
        }

        octets = default;
        word = default;
        return false;
    }

    private static bool IsLetter(byte octet) => (uint)((octet | 0x20) - 'a') <= 'z' - 'a';

    private static int Slot(ulong hash, int i) => (int)((hash + ((ulong)i * ((hash >> 32) | 1))) % Bits);

    private ulong Hash(ReadOnlySpan<byte> word)
    {
        ulong hash = _seed;
        foreach (byte octet in word)
            hash = (hash ^ (octet | 0x20u)) * 0x100000001b3;

        hash ^= hash >> 29;
        hash *= 0x9e3779b97f4a7c15;
        return hash ^ (hash >> 32);
    }
}
