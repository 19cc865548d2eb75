using Markdig.Extensions.Tables;
using Markdig.Syntax;

namespace BlackPony.SpecDocument.Text;

/// <summary>A table in columns, or, if it is too wide for that, each row as a list of what its columns say.</summary>
internal static class TextTable
{
    public static IEnumerable<string> Draw(Table table, int width)
    {
        var rows = table.OfType<TableRow>()
            .Select(r => r.OfType<TableCell>().Select(c => c.Count == 0 ? "" : Spans.Text((LeafBlock)c[0])).ToArray()).ToList();
        return Widths(rows, width) is { } widths ? Columns(rows, widths) : Lists(rows, width);
    }

    /// <summary>The width of each column, so that no word is broken; null if that does not fit.</summary>
    private static int[]? Widths(List<string[]> rows, int width)
    {
        int columns = rows[0].Length;
        var least = Enumerable.Range(0, columns).Select(c => rows.Max(r => r[c].Split(' ').Max(w => w.Length))).ToArray();
        var most = Enumerable.Range(0, columns).Select(c => rows.Max(r => r[c].Length)).ToArray();
        int room = width - 2 * (columns - 1);
        if (columns > 6 || least.Sum() > room)
            return null;

        // What is left goes to those who need it most.
        for (int left = room - least.Sum(); left > 0 && Enumerable.Range(0, columns).Any(c => least[c] < most[c]); left--)
            least[Enumerable.Range(0, columns).Where(c => least[c] < most[c]).MaxBy(c => (double)most[c] / least[c])]++;

        return least;
    }

    // A rule below the head, and where a row could not be told from the one above it: its first cell is broken or empty there.
    private static IEnumerable<string> Columns(List<string[]> rows, int[] widths)
    {
        var rule = string.Join("  ", widths.Select(w => new string('-', w)));
        bool ruled = rows.Any(r => r[0].Length > widths[0] || r[0].Length == 0);
        for (int r = 0; r < rows.Count; r++)
        {
            if (r == 1 || (r > 1 && ruled && rows[r][0].Length > 0))
                yield return rule;

            var cells = rows[r].Select((c, i) => TextDocument.Wrap(c, widths[i]).ToList()).ToList();
            for (int line = 0; line < cells.Max(c => c.Count); line++)
                yield return string.Join("  ", cells.Select((c, i) => (line < c.Count ? c[line] : "").PadRight(widths[i]))).TrimEnd();
        }
    }

    private static IEnumerable<string> Lists(List<string[]> rows, int width)
    {
        for (int r = 1; r < rows.Count; r++)
        {
            foreach (var line in TextDocument.Wrap($"{rows[0][0]}: {rows[r][0]}", width))
                yield return line;

            for (int c = 1; c < rows[r].Length; c++)
            {
                foreach (var line in rows[r][c].Length == 0 ? [] : TextDocument.Wrap($"{rows[0][c]}: {rows[r][c]}", width, "      ", "   "))
                    yield return line;
            }

            if (r < rows.Count - 1)
                yield return "";
        }
    }
}
