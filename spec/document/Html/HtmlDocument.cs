using System.Xml.Linq;
using Markdig.Extensions.Tables;
using Markdig.Syntax;

namespace BlackPony.SpecDocument.Html;

/// <summary>The specification as one HTML file that needs nothing else.</summary>
public static class HtmlDocument
{
    // Where the contents stand above the text and not beside it, they begin folded; without scripts they are open.
    private const string FoldContents =
        "if (!matchMedia('(min-width: 78rem)').matches) { document.querySelector('nav details').open = false; }";

    /// <summary>Writes it.</summary>
    public static string Write(Source source)
    {
        var root = new XElement(
            "html",
            new XAttribute("lang", "en"),
            new XElement(
                "head",
                new XElement("meta", new XAttribute("charset", "utf-8")),
                new XElement("meta", new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width, initial-scale=1")),
                new XElement("meta", new XAttribute("name", "color-scheme"), new XAttribute("content", "light dark")),
                new XElement("title", source.Title),
                new XElement("style", "STYLE")),
            new XElement("body", Contents(source), new XElement("main", source.Blocks.SelectMany(b => Render(b, source))),
                new XElement("script", "SCRIPT")));

        // The > and " of a style sheet and of a script stand as they are; nothing in them ends them, for a reader of XML neither.
        var html = root.ToString(SaveOptions.DisableFormatting);
        return $"<!DOCTYPE html>\n{html.Replace("STYLE</style>", Resource("document.css") + "</style>", StringComparison.Ordinal)
            .Replace("SCRIPT</script>", $"//<![CDATA[\n{Resource("document.js")}//]]>\n</script>", StringComparison.Ordinal)}\n";
    }

    private static string Resource(string name)
    {
        using var reader = new StreamReader(typeof(HtmlDocument).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }

    private static XElement Contents(Source source)
    {
        var sections = new XElement("ol");
        foreach (var heading in source.Headings.Values)
        {
            var item = new XElement("li",
                new XElement("a", new XAttribute("href", "#" + heading.Id),
                    heading.Number is null ? heading.Title : $"{heading.Number}. {heading.Title}"));
            if (heading.Level == 2)
            {
                sections.Add(item);
                continue;
            }

            var last = sections.Elements().Last();
            if (last.Element("ol") is not { } parts)
                last.Add(parts = new XElement("ol"));

            parts.Add(item);
        }

        return new XElement("nav", new XAttribute("aria-label", "Contents"),
            new XElement("details", new XAttribute("open", "open"), new XElement("summary", "Contents"), sections),
            new XElement("script", FoldContents));
    }

    private static IEnumerable<XElement> Render(Block block, Source source) => block switch
    {
        HeadingBlock { Level: 1 } => [new XElement("h1", source.Title)],
        HeadingBlock heading => [Render(source.Headings[heading])],
        ParagraphBlock paragraph => [new XElement("p", Inlines(paragraph, source))],
        ListBlock list =>
            [new XElement(list.IsOrdered ? "ol" : "ul",
                list.OfType<ListItemBlock>().All(i => Source.RequirementOf(i) is not null) ? new XAttribute("class", "requirements") : null,
                list.OfType<ListItemBlock>().Select(i => Render(i, source)))],
        Table table => Render(table, source),
        FencedCodeBlock { Info: "figure" } figure => [new Drawing(LinesOf(figure)).Draw(figure.Arguments!)],
        CodeBlock code => Render(LinesOf(code)),
        _ => throw new NotSupportedException($"{block.GetType().Name} in line {block.Line + 1} is not drawn."),
    };

    private static List<string> LinesOf(CodeBlock code) => [.. code.Lines.Lines.Take(code.Lines.Count).Select(l => l.ToString())];

    private static XElement Render(Heading heading) => new(
        $"h{heading.Level}",
        new XAttribute("id", heading.Id),
        new XElement("a", new XAttribute("href", "#" + heading.Id), $"{heading.Label} {heading.Title}".TrimStart()));

    private static XElement Render(ListItemBlock item, Source source)
    {
        var content = item.OfType<ParagraphBlock>().Select(p => Inlines(p, source).ToList()).Single();
        if (Source.RequirementOf(item) is not { } id)
            return new XElement("li", content);

        // The first is the id itself, in brackets.
        var rest = content.SkipWhile(c => !(c is XElement { Name.LocalName: "a" } link && link.Value == $"[{id}]")).Skip(1);
        return new XElement("li", new XAttribute("id", id),
            new XElement("a", new XAttribute("class", "id"), new XAttribute("href", "#" + id), id), rest,
            source.Evidence.TryGetValue(id, out var evidence) ? Render(evidence) : null);
    }

    private static XElement Render(Evidence evidence) => new(
        "details",
        new XElement("summary", Summary(evidence)),
        new XElement(
            "dl",
            Rows("Cases", evidence.Cases),
            Rows("Faulty implementations, and the cases that catch them", evidence.Faults),
            Rows("Other tests", evidence.Tests),
            Rows("Code", evidence.Code)));

    private static string Summary(Evidence evidence)
    {
        string[] parts = [Count(evidence.Cases.Count, "case"), Count(evidence.Faults.Count, "faulty implementation"),
            evidence.Cases.Count == 0 ? Count(evidence.Tests.Count, "other test") : ""];
        var text = string.Join(", ", parts.Where(p => p.Length > 0));
        return text.Length > 0 ? text : "no test";

        static string Count(int n, string what) => n switch { 0 => "", 1 => $"1 {what}", _ => $"{n} {what}s" };
    }

    private static IEnumerable<XElement> Rows(string name, IReadOnlyList<string> items) =>
        items.Count == 0 ? [] : [new XElement("dt", name), .. items.Select(i => new XElement("dd", i))];

    private static IEnumerable<XElement> Render(Table table, Source source)
    {
        var rows = table.OfType<TableRow>().ToList();
        yield return new XElement(
            "div",
            new XAttribute("class", "wide"),
            new XAttribute("tabindex", "0"),
            new XElement(
                "table",
                new XElement("thead", Row(rows[0], "th")),
                new XElement("tbody", rows.Skip(1).Select(r => Row(r, "td")))));
        var diagrams = rows.Skip(1).Where(r => r.Count == 3)
            .Select(r => r.OfType<TableCell>().Select(c => Spans.Text((LeafBlock)c[0])).ToList())
            .Select(c => PacketDiagram.In(c[0], c[1], c[2])).OfType<PacketDiagram>().ToList();
        if (diagrams.Count > 0)
            yield return new XElement("div", new XAttribute("class", "packets"), diagrams.Select(d => d.Draw()));

        XElement Row(TableRow row, string cell) => new(
            "tr",
            cell == "td" && Source.LimitOf(row) is { } limit ? new XAttribute("id", "limit-" + limit) : null,
            row.OfType<TableCell>().Select(c => new XElement(cell, c.Count == 0 ? "" : Inlines((LeafBlock)c[0], source))));
    }

    private static IEnumerable<XElement> Render(IReadOnlyList<string> lines)
    {
        if (Dialogue.Is(lines))
        {
            yield return Dialogue.Draw(lines);
            yield break;
        }

        yield return new XElement("pre", new XAttribute("tabindex", "0"), new XElement("code", string.Join('\n', lines)));
        var diagrams = PacketDiagram.In(lines).ToList();
        if (diagrams.Count > 0)
            yield return new XElement("div", new XAttribute("class", "packets"), diagrams.Select(d => d.Draw()));
    }

    private static IEnumerable<XNode> Inlines(LeafBlock block, Source source) =>
        Spans.Of(block, source).Where(s => s.Text.Length > 0).Select(span =>
        {
            XNode node = span.Style switch
            {
                Style.Code => new XElement("code", span.Text),
                Style.Emphasis => new XElement("em", span.Text),
                Style.Strong => new XElement("strong", span.Text),
                Style.KeyWord => new XElement("strong", new XAttribute("class", "key"), span.Text),
                _ => new XText(span.Text),
            };
            return span.Target is null ? node : new XElement("a", new XAttribute("href", span.Target), node);
        });
}
