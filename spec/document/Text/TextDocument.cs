using System.Text.RegularExpressions;
using Markdig.Extensions.Tables;
using Markdig.Syntax;

namespace BlackPony.SpecDocument.Text;

/// <summary>The specification as text in the layout of RFCs: 72 columns, pages, a table of contents with page numbers.</summary>
public static partial class TextDocument
{
    private const string Indent = "   ";

    /// <summary>Writes it.</summary>
    public static string Write(Source source)
    {
        var date = Date().Match(string.Concat(source.Blocks.OfType<ParagraphBlock>().Take(1).Select(Spans.Text))).Value;
        var front = source.Blocks.TakeWhile(b => b is not HeadingBlock { Level: 2 }).OfType<ParagraphBlock>()
            .SelectMany(p => Paragraph(Spans.Text(p), Indent)).ToList();
        var body = source.Blocks.SkipWhile(b => b is not HeadingBlock { Level: 2 }).SelectMany(b => Render(b, source)).ToList();

        // The abstract stands before the contents, as in RFCs.
        int start = body.FindIndex(1, l => l.Heading is not null);
        var pages = new Pages("BlackPony", ShortTitle(source.Title), date);
        List<Line> opening = [.. Opening(source.Title, date), .. front, .. body.Take(start)];
        var headings = body.Skip(start).Where(l => l.Heading is { Level: 2 }).Select(l => l.Heading!).ToList();
        return pages.Write([.. opening, .. TableOfContents(headings, _ => 0), .. body.Skip(start)],
            numbers => [.. opening, .. TableOfContents(headings, h => numbers[h]), .. body.Skip(start)]);
    }

    private static string ShortTitle(string title) => "BlackPony, " + title[(title.IndexOf("version", StringComparison.Ordinal))..];

    private static IEnumerable<Line> Opening(string title, string date)
    {
        yield return new Line("BlackPony project".PadRight(Pages.Width - date.Length) + date);
        yield return Line.Blank;
        yield return Line.Blank;
        foreach (var line in Wrap(title, Pages.Width - 16))
            yield return new Line(new string(' ', (Pages.Width - line.Length) / 2) + line);

        yield return Line.Blank;
    }

    private static IEnumerable<Line> TableOfContents(IReadOnlyList<Heading> headings, Func<Heading, int> page)
    {
        yield return new Line("Table of Contents") { KeepWithNext = true };
        yield return Line.Blank;
        foreach (var heading in headings)
        {
            var number = page(heading).ToString(System.Globalization.CultureInfo.InvariantCulture);
            var text = Wrap(Title(heading), Pages.Width - Indent.Length - 8,
                Indent + new string(' ', Title(heading).IndexOf('\u00a0', StringComparison.Ordinal) + 2)).ToList();
            for (int i = 0; i < text.Count; i++)
            {
                var line = i == 0 ? Indent + text[i] : text[i];
                yield return new Line(i < text.Count - 1
                    ? line
                    : $"{line} {new string('.', Pages.Width - line.Length - number.Length - 2)} {number}");
            }
        }

        yield return Line.Blank;
    }

    // The two spaces behind the number are no place to break the line.
    private static string Title(Heading heading) => heading.Number is null ? heading.Title : $"{heading.Label}\u00a0\u00a0{heading.Title}";

    private static IEnumerable<Line> Render(Block block, Source source)
    {
        switch (block)
        {
            case HeadingBlock heading:
                var known = source.Headings[heading];
                return [.. Wrap(Title(known), Pages.Width, new string(' ', Title(known).IndexOf('\u00a0', StringComparison.Ordinal) + 2))
                    .Select((l, i) => new Line(l) { Heading = i == 0 ? known : null, KeepWithNext = true }),
                    Line.Blank with { KeepWithNext = true }];
            case ParagraphBlock paragraph:
                return Paragraph(Spans.Text(paragraph), Indent);
            case ListBlock list:
                var items = list.OfType<ListItemBlock>().SelectMany((item, i) => Item(item, list.IsOrdered ? $"{i + 1}." : "*"));
                return [.. items, Line.Blank];
            case Table table:
                return [.. TextTable.Draw(table, Pages.Width - Indent.Length)
                    .Select(l => new Line(l.Length > 0 ? Indent + l : "")), Line.Blank];
            case FencedCodeBlock { Info: "figure" } figure:
                var drawn = LinesOf(figure).Select(l => new Line(Indent + l) { KeepWithNext = true });
                return [.. drawn, Line.Blank with { KeepWithNext = true }, .. Caption(figure.Arguments!), Line.Blank];
            case CodeBlock code:
                return [.. Folding.Fold(LinesOf(code), Pages.Width - Indent.Length)
                    .Select(l => new Line(l.Length > 0 ? Indent + l : "")), Line.Blank];
            default:
                throw new NotSupportedException($"{block.GetType().Name} in line {block.Line + 1} is not set.");
        }
    }

    private static List<string> LinesOf(CodeBlock code) => [.. code.Lines.Lines.Take(code.Lines.Count).Select(l => l.ToString())];

    private static IEnumerable<Line> Caption(string title) =>
        Wrap(title, Pages.Width - 16).Select(l => new Line(new string(' ', (Pages.Width - l.Length) / 2) + l));

    private static IEnumerable<Line> Item(ListItemBlock item, string mark)
    {
        var text = Spans.Text(item.OfType<ParagraphBlock>().Single());
        if (Source.RequirementOf(item) is { } id)
            (mark, text) = ($"[{id}]", text[(id.Length + 3)..]);

        var hanging = Indent + new string(' ', mark.Length <= 3 ? 4 : 3);
        return Wrap($"{mark}{new string('\u00a0', mark.Length <= 3 ? 4 - mark.Length : 2)}{text}", Pages.Width, hanging, Indent)
            .Select(l => new Line(l));
    }

    private static IEnumerable<Line> Paragraph(string text, string indent) =>
        [.. Wrap(text, Pages.Width, indent, indent).Select(l => new Line(l)), Line.Blank];

    /// <summary>Breaks text into lines at spaces.</summary>
    internal static IEnumerable<string> Wrap(string text, int width, string hanging = "", string first = "")
    {
        var line = first;
        bool empty = true;
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!empty && line.Length + 1 + word.Length > width)
            {
                yield return line;
                (line, empty) = (hanging, true);
            }

            line += empty ? word : " " + word;
            empty = false;
        }

        yield return line;
    }

    [GeneratedRegex("(?:January|February|March|April|May|June|July|August|September|October|November|December) [0-9]{4}")]
    private static partial Regex Date();
}
