using BlackPony.Reference;
using BlackPony.Reference.Keys;

namespace BlackPony.Fuzz.Parsers;

/// <summary>The ident record's data (spec 6.5). The first octets say how many good idents stand before the fuzzer's.</summary>
internal static class IdentParser
{
    private static readonly byte[] Th = new byte[32];
    private static readonly byte[] Good = Ident.Create([new IdentKey(new byte[32])], Th);

    public static void Run(ReadOnlySpan<byte> input)
    {
        var good = Enumerable.Repeat(Good, input.IsEmpty ? 0 : input[0] % 6).SelectMany(i => i).ToArray();
        byte[] data = [.. good, .. input.IsEmpty ? [] : input[1..]];
        if (Ident.Verify(data, Th) is not { } keys)
        {
            Invariant.That(data.Length != good.Length || good.Length is 0 or > 96 * Limits.MaxIdents, "good idents verify");
            return;
        }

        Invariant.That(keys.Count is >= 1 and <= Limits.MaxIdents && keys.Count * 96 <= data.Length,
            "an ident record has 1 to 4 keys and no more [BP-6.5-5]");
        Invariant.That(Ident.Verify(data, new byte[31].Append((byte)1).ToArray()) is null, "an ident holds for its session only");
    }
}
