using System.Text.RegularExpressions;
using Markdig;
using Markdig.Extensions.Tables;
using Markdig.Syntax;

namespace BlackPony.SpecDocument;

/// <summary>A heading of the specification.</summary>
/// <param name="Level">2 for a section, 3 for a part of one.</param>
/// <param name="Number"><c>4.2</c>, <c>B</c>, <c>C.1</c>; null where it has none.</param>
/// <param name="Title">The text behind the number.</param>
/// <param name="Id">Its anchor.</param>
public sealed record Heading(int Level, string? Number, string Title, string Id)
{
    /// <summary>What stands before the title: <c>4.2.</c>, <c>Appendix B.</c>, <c>C.1.</c>; nothing where it has no number.</summary>
    public string Label => Number is null ? "" : $"{(char.IsDigit(Number[0]) || Level > 2 ? "" : "Appendix ")}{Number}.";
}

/// <summary>A document of the specification as blocks, and what <c>coverage.md</c> says of its requirements.</summary>
public sealed partial class Source
{
    private IReadOnlyList<Source> _beside = [];

    private Source(string name, MarkdownDocument document, IReadOnlyDictionary<string, Evidence> evidence)
    {
        Name = name;
        Blocks = [.. document.Where(b => b is not HtmlBlock)];
        Evidence = evidence;
        Headings = Blocks.OfType<HeadingBlock>().Where(h => h.Level > 1).ToDictionary(h => h, h => Read(h));
        Limits = [.. Blocks.OfType<Table>().SelectMany(t => t.Skip(1).OfType<TableRow>()).Select(r => LimitOf(r)).OfType<string>()];
        Requirements = [.. Blocks.OfType<ListBlock>().SelectMany(l => l.OfType<ListItemBlock>()).Select(RequirementOf).OfType<string>()];
    }

    /// <summary>The documents of the specification, the protocol first.</summary>
    public static IReadOnlyList<string> Names { get; } = ["blackpony", "relay"];

    /// <summary>The name of its file, without the extension.</summary>
    public string Name { get; }

    /// <summary>The document's blocks, without comments.</summary>
    public IReadOnlyList<Block> Blocks { get; }

    /// <summary>The title.</summary>
    public string Title => Spans.Text(Blocks.OfType<HeadingBlock>().First(h => h.Level == 1));

    /// <summary>The headings below the title.</summary>
    public IReadOnlyDictionary<HeadingBlock, Heading> Headings { get; }

    /// <summary>The names of the table of limits.</summary>
    public HashSet<string> Limits { get; }

    /// <summary>The ids of the requirements.</summary>
    public HashSet<string> Requirements { get; }

    /// <summary>What stands behind each requirement.</summary>
    public IReadOnlyDictionary<string, Evidence> Evidence { get; }

    /// <summary>Reads the folder <c>spec</c>: its documents, which refer to one another.</summary>
    public static IReadOnlyList<Source> Read(string folder)
    {
        var evidence = SpecDocument.Evidence.Read(File.ReadAllText(Path.Combine(folder, "coverage.md")));
        Source[] all = [.. Names.Select(n => Parse(n, File.ReadAllText(Path.Combine(folder, $"{n}.md")), evidence))];
        foreach (var source in all)
            source._beside = [.. all.Where(s => s != source)];

        return all;
    }

    /// <summary>Parses a document that refers to no other.</summary>
    public static Source Parse(string name, string text, IReadOnlyDictionary<string, Evidence> evidence) =>
        new(name, Markdown.Parse(text, new MarkdownPipelineBuilder().UsePipeTables().Build()), evidence);

    /// <summary>
    /// Where a section (<c>4.2</c>, <c>B</c>) is: <c>#section-4.2</c>, or <c>relay.html#section-10.2</c> in another document;
    /// null if there is none.
    /// </summary>
    public string? Section(string number) => Find(s => s.Headings.Values.FirstOrDefault(h => h.Number == number)?.Id);

    /// <summary>Where a requirement is; null if there is none.</summary>
    public string? Requirement(string id) => Find(s => s.Requirements.Contains(id) ? id : null);

    /// <summary>Where a limit is; null if there is none.</summary>
    public string? Limit(string name) => Find(s => s.Limits.Contains(name) ? $"limit-{name}" : null);

    /// <summary>The id of the requirement that a list's item is; null if it is none.</summary>
    public static string? RequirementOf(ListItemBlock item) =>
        SentenceId().Match(Spans.Text(item.OfType<ParagraphBlock>().First())) is { Success: true } m ? m.Groups[1].Value : null;

    /// <summary>The limit that a table's row defines; null if it defines none.</summary>
    public static string? LimitOf(TableRow row) =>
        Spans.Of((LeafBlock)((TableCell)row[0])[0], null) is [{ Style: Style.Code } only] && LimitName().IsMatch(only.Text)
            ? only.Text
            : null;

    private string? Find(Func<Source, string?> anchor) =>
        anchor(this) is { } own
            ? $"#{own}"
            : _beside.Select(s => anchor(s) is { } there ? $"{s.Name}.html#{there}" : null).FirstOrDefault(t => t is not null);

    private static Heading Read(HeadingBlock block)
    {
        var text = Spans.Text(block);
        var match = Numbered().Match(text);
        if (!match.Success)
            return new Heading(block.Level, null, text, text.ToLowerInvariant().Replace(' ', '-'));

        var number = match.Groups[1].Value;
        return new Heading(block.Level, number, match.Groups[2].Value, (char.IsDigit(number[0]) ? "section-" : "appendix-") + number);
    }

    [GeneratedRegex(@"^(?:Appendix )?([0-9A-Z](?:[0-9.]*[0-9])?)\. (.*)$")]
    private static partial Regex Numbered();

    [GeneratedRegex(@"^\[(BP-[0-9A-Z.]+-[0-9]+)\] ")]
    private static partial Regex SentenceId();

    [GeneratedRegex("^[A-Z][A-Za-z]+$")]
    private static partial Regex LimitName();
}
