namespace BlackPony.Fuzz;

/// <summary>The same octets in other pieces.</summary>
public static class Cut
{
    private static readonly int[] Sizes = [1, 3, 2, 7, 1, 19, 5, 400];

    /// <summary>As they are.</summary>
    public static IEnumerable<byte[]> Whole(byte[] octets) => [octets];

    /// <summary>In small pieces, cut anywhere.</summary>
    public static IEnumerable<byte[]> Anywhere(byte[] octets) => Pieces(octets, _ => true);

    /// <summary>In small pieces, none of which ends with a line: what waits behind a line's end means something ([BP-4.4-4]).</summary>
    public static IEnumerable<byte[]> WithinLines(byte[] octets) => Pieces(octets, end => octets[end - 1] != '\n');

    /// <summary>
    /// In small pieces before the first line's end: between two replies of a server that nobody asked, commands may pass.
    /// </summary>
    public static IEnumerable<byte[]> WithinFirstLine(byte[] octets)
    {
        int first = Array.IndexOf(octets, (byte)'\n');
        return Pieces(octets, end => first < 0 || end <= first);
    }

    private static IEnumerable<byte[]> Pieces(byte[] octets, Func<int, bool> mayEnd)
    {
        int start = 0;
        for (int turn = 0; start < octets.Length; turn++)
        {
            int end = Math.Min(start + Sizes[turn % Sizes.Length], octets.Length);
            while (end < octets.Length && !mayEnd(end))
            {
                end++;
            }

            yield return octets[start..end];
            start = end;
        }
    }
}
