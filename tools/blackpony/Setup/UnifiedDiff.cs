using System.Globalization;

namespace BlackPony.Tools.Setup;

/// <summary>The differences of two texts, as <c>diff -u</c> prints them; and the same differences taken back in a third text.</summary>
internal static class UnifiedDiff
{
    private const int Context = 3;

    /// <summary>Lines of <paramref name="Old"/> from <paramref name="OldStart"/> became lines of <paramref name="New"/>.</summary>
    private sealed record Hunk(int OldStart, string[] Old, int NewStart, string[] New);

    /// <summary>Prints them.</summary>
    /// <param name="path">The file's name.</param>
    /// <param name="old">The text before; null for a file that was not there.</param>
    /// <param name="current">The text after; null for a file that is removed.</param>
    public static IEnumerable<string> Lines(string path, string? old, string? current)
    {
        var (a, b) = (Split(old ?? ""), Split(current ?? ""));
        yield return old is null ? "--- /dev/null" : $"--- {path}";
        yield return current is null ? "+++ /dev/null" : $"+++ {path}";
        var hunks = Hunks(a, b);
        for (int first = 0; first < hunks.Count;)
        {
            // Hunks whose contexts touch are printed as one.
            int last = first;
            while (last + 1 < hunks.Count && hunks[last + 1].OldStart - End(hunks[last]) <= 2 * Context)
                last++;

            int from = Math.Max(0, hunks[first].OldStart - Context), to = Math.Min(a.Length, End(hunks[last]) + Context);
            int shift = hunks[first].NewStart - hunks[first].OldStart;
            int length = to - from + hunks[first..(last + 1)].Sum(h => h.New.Length - h.Old.Length);
            yield return string.Create(CultureInfo.InvariantCulture,
                $"@@ -{(to == from ? from : from + 1)},{to - from} +{(length == 0 ? from + shift : from + shift + 1)},{length} @@");
            int at = from;
            foreach (var hunk in hunks[first..(last + 1)])
            {
                for (; at < hunk.OldStart; at++)
                    yield return " " + a[at];

                foreach (var line in hunk.Old)
                    yield return "-" + line;

                foreach (var line in hunk.New)
                    yield return "+" + line;

                at = End(hunk);
            }

            for (; at < to; at++)
                yield return " " + a[at];

            first = last + 1;
        }
    }

    /// <summary>Takes the change from one text to another back in a third, which was made from the other.</summary>
    /// <param name="old">The text before the change.</param>
    /// <param name="changed">The text after it.</param>
    /// <param name="current">The text in which it is taken back.</param>
    /// <returns>Null if lines of the change are not there, or not just once.</returns>
    public static string? TakeBack(string old, string changed, string current)
    {
        string[] b = Split(changed);
        var lines = Split(current);
        foreach (var hunk in Hunks(Split(old), b))
        {
            // What was only removed is found by the line before it.
            int before = hunk.New.Length == 0 && hunk.NewStart > 0 ? 1 : 0;
            string[] sought = b[(hunk.NewStart - before)..(hunk.NewStart + hunk.New.Length)];
            var places = Enumerable.Range(0, Math.Max(0, lines.Length - sought.Length + 1))
                .Where(i => lines.AsSpan(i, sought.Length).SequenceEqual(sought)).ToList();
            if (sought.Length == 0 || places is not [var place])
                return null;

            lines = [.. lines[..(place + before)], .. hunk.Old, .. lines[(place + sought.Length)..]];
        }

        return string.Join('\n', lines) + (current.EndsWith('\n') ? "\n" : "");
    }

    private static int End(Hunk hunk) => hunk.OldStart + hunk.Old.Length;

    private static string[] Split(string text) => text.Length == 0 ? [] : (text.EndsWith('\n') ? text[..^1] : text).Split('\n');

    private static List<Hunk> Hunks(string[] a, string[] b)
    {
        int start = 0, end = 0;
        while (start < a.Length && start < b.Length && a[start] == b[start])
            start++;

        while (end < a.Length - start && end < b.Length - start && a[^(end + 1)] == b[^(end + 1)])
            end++;

        // The longest common subsequence of what is between.
        int n = a.Length - start - end, m = b.Length - start - end;
        var length = new int[n + 1, m + 1];
        for (int i = n - 1; i >= 0; i--)
        {
            for (int j = m - 1; j >= 0; j--)
                length[i, j] = a[start + i] == b[start + j] ? length[i + 1, j + 1] + 1 : Math.Max(length[i + 1, j], length[i, j + 1]);
        }

        var hunks = new List<Hunk>();
        for (int i = 0, j = 0; i < n || j < m;)
        {
            if (i < n && j < m && a[start + i] == b[start + j])
            {
                (i, j) = (i + 1, j + 1);
                continue;
            }

            var (fromOld, fromNew) = (i, j);
            while ((i < n || j < m) && !(i < n && j < m && a[start + i] == b[start + j]))
            {
                if (j == m || (i < n && length[i + 1, j] >= length[i, j + 1]))
                    i++;
                else
                    j++;
            }

            hunks.Add(new Hunk(start + fromOld, a[(start + fromOld)..(start + i)], start + fromNew, b[(start + fromNew)..(start + j)]));
        }

        return hunks;
    }
}
