namespace BlackPony.SpecDocument.Text;

/// <summary>Lines that are too long, folded as RFC 8792 Section 7 says: a backslash at the end, and the rest in the next line.</summary>
internal static class Folding
{
    private const string Note = " NOTE: '\\' line wrapping per RFC 8792 ";

    public static IEnumerable<string> Fold(IReadOnlyList<string> lines, int width)
    {
        if (lines.All(l => l.Length <= width))
            return lines;

        int left = (width - Note.Length) / 2;
        return [new string('=', left) + Note + new string('=', width - Note.Length - left), "", .. lines.SelectMany(l => Fold(l, width))];
    }

    private static IEnumerable<string> Fold(string line, int width)
    {
        var indent = new string(' ', Math.Min(line.Length - line.TrimStart().Length + 4, width / 2));
        while (line.Length > width)
        {
            // What goes on begins with no space, since those at its beginning are no part of it; better between words.
            int at = width - 1;
            int space = line.LastIndexOf(' ', at - 1, at / 3);
            at = space > 0 ? space + 1 : at;
            while (at > indent.Length && line[at] == ' ')
                at--;

            // A run of spaces that leads back to the indent is cut within: the rest must get shorter.
            at = at > indent.Length ? at : width - 1;

            yield return line[..at] + "\\";
            line = indent + line[at..];
        }

        yield return line;
    }
}
