namespace BlackPony.Fuzz;

/// <summary>Something that must hold does not.</summary>
public sealed class InvariantException(string text) : Exception(text);

/// <summary>What must hold whatever the input.</summary>
public static class Invariant
{
    /// <summary>Something is true.</summary>
    public static void That(bool holds, string text)
    {
        if (!holds)
        {
            throw new InvariantException(text);
        }
    }

    /// <summary>Two runs gave the same octets.</summary>
    public static void Same(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other, string text)
    {
        if (!one.SequenceEqual(other))
        {
            int at = one.CommonPrefixLength(other);
            throw new InvariantException(
                $"{text}: {one.Length} and {other.Length} octets, different from {at} on: {Show(one[at..])} and {Show(other[at..])}");
        }
    }

    private static string Show(ReadOnlySpan<byte> octets) => Convert.ToHexStringLower(octets[..Math.Min(octets.Length, 40)]);
}
