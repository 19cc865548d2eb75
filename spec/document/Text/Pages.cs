using System.Text;

namespace BlackPony.SpecDocument.Text;

/// <summary>A line before it has a page.</summary>
/// <param name="Text">What stands in it.</param>
internal sealed record Line(string Text)
{
    /// <summary>An empty line.</summary>
    public static Line Blank { get; } = new("");

    /// <summary>The heading that begins here.</summary>
    public Heading? Heading { get; init; }

    /// <summary>Whether it stands on the page of the line behind it.</summary>
    public bool KeepWithNext { get; init; }
}

/// <summary>Pages of RFCs: 58 lines with a header and a footer, a form feed between them.</summary>
internal sealed class Pages(string left, string centre, string right)
{
    public const int Width = 72;

    private const int Length = 58;
    private const int Above = 3;
    private const int Below = 3;

    /// <summary>Sets the lines twice: once to find each heading's page, once with the numbers in place.</summary>
    public string Write(IReadOnlyList<Line> draft, Func<IReadOnlyDictionary<Heading, int>, IReadOnlyList<Line>> numbered)
    {
        var found = Break(draft).SelectMany((page, i) => page.Where(l => l.Heading is not null).Select(l => (l.Heading!, i + 1)))
            .ToDictionary(p => p.Item1, p => p.Item2);
        var pages = Break(numbered(found)).ToList();
        var text = new StringBuilder();
        for (int i = 0; i < pages.Count; i++)
        {
            List<string> lines = [.. i == 0 ? [] : (string[])[Three(left, centre, right), "", ""],
                .. pages[i].Select(l => l.Text.Replace('\u00a0', ' '))];
            lines.AddRange(Enumerable.Repeat("", Length - 1 - lines.Count));
            lines.Add(Three("BlackPony project", "", $"[Page {i + 1}]"));
            text.Append(string.Join('\n', lines)).Append('\n').Append(i < pages.Count - 1 ? "\f\n" : "");
        }

        return text.ToString();
    }

    private static IEnumerable<IReadOnlyList<Line>> Break(IReadOnlyList<Line> lines)
    {
        int at = 0;
        for (int page = 0; at < lines.Count; page++)
        {
            int room = Length - Below - (page == 0 ? 0 : Above);
            int end = Math.Min(at + room, lines.Count);
            if (end < lines.Count)
            {
                // Headings do not stand alone at the foot, nor does the first line of what follows them.
                int back = end;
                while (back > at + room / 2 && (lines[back - 1].KeepWithNext || lines[back - 2].KeepWithNext))
                    back--;

                end = back > at + room / 2 ? back : end;
            }

            yield return [.. lines.Skip(at).Take(end - at)];
            at = end;
            while (at < lines.Count && lines[at].Text.Length == 0)
                at++;
        }
    }

    private static string Three(string left, string centre, string right)
    {
        int middle = (Width - centre.Length) / 2;
        var line = left.PadRight(Math.Max(middle, left.Length + 1)) + centre;
        return (line.PadRight(Width - right.Length) + right).TrimEnd();
    }
}
