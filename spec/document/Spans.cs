using System.Text.RegularExpressions;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace BlackPony.SpecDocument;

/// <summary>How a span is set.</summary>
public enum Style
{
    /// <summary>As the rest.</summary>
    Plain,

    /// <summary>As code.</summary>
    Code,

    /// <summary>Emphasised.</summary>
    Emphasis,

    /// <summary>Strong.</summary>
    Strong,

    /// <summary>A key word of BCP 14.</summary>
    KeyWord,
}

/// <summary>Text in one style.</summary>
/// <param name="Text">The text.</param>
/// <param name="Style">Its style.</param>
/// <param name="Target">What it refers to: <c>#anchor</c> or an address; null for nothing.</param>
public sealed record Span(string Text, Style Style, string? Target = null);

/// <summary>
/// Running text as spans, with the references that are written as words made links:
/// "Section 9.2", "[BP-4.2-8]", "RFC 5321 Section 4.5", a limit's name.
/// </summary>
public static partial class Spans
{
    /// <summary>The text of a block without its style.</summary>
    public static string Text(LeafBlock block) => string.Concat(Of(block, null).Select(s => s.Text));

    /// <summary>The spans of a block.</summary>
    /// <param name="block">A heading or paragraph.</param>
    /// <param name="source">Where references lead; null for none.</param>
    public static IReadOnlyList<Span> Of(LeafBlock block, Source? source)
    {
        var flat = new List<Span>();
        Flatten(block.Inline!, Style.Plain, flat);
        return [.. flat.SelectMany(s => s.Style switch
        {
            Style.Code => [s with { Target = source?.Limit(s.Text) }],
            _ when source is null => [s],
            _ => Linked(s, source),
        })];
    }

    private static void Flatten(ContainerInline container, Style style, List<Span> spans)
    {
        foreach (var inline in container)
        {
            switch (inline)
            {
                case CodeInline code:
                    Add(spans, code.Content, Style.Code);
                    break;
                case LineBreakInline:
                    Add(spans, " ", style);
                    break;
                case EmphasisInline emphasis:
                    Flatten(emphasis, emphasis.DelimiterCount == 2 ? Style.Strong : Style.Emphasis, spans);
                    break;
                case ContainerInline other:
                    Flatten(other, style, spans);
                    break;
                default:
                    Add(spans, inline.ToString() ?? "", style);
                    break;
            }
        }
    }

    private static void Add(List<Span> spans, string text, Style style)
    {
        if (spans.Count > 0 && spans[^1].Style == style && style != Style.Code)
            spans[^1] = spans[^1] with { Text = spans[^1].Text + text };
        else
            spans.Add(new Span(text, style));
    }

    private static IEnumerable<Span> Linked(Span span, Source source)
    {
        int at = 0;
        foreach (Match match in Reference().Matches(span.Text))
        {
            yield return span with { Text = span.Text[at..match.Index] };
            foreach (var part in Parts(match, span.Style, source))
                yield return part;

            at = match.Index + match.Length;
        }

        yield return span with { Text = span.Text[at..] };
    }

    private static List<Span> Parts(Match match, Style style, Source source)
    {
        if (match.Groups["keyword"].Success)
            return [new Span(match.Value, style == Style.Plain ? Style.KeyWord : style)];

        if (match.Groups["rfc"] is { Success: true } rfc)
        {
            var section = match.Groups["of"] is { Success: true } of ? "#section-" + of.Value : "";
            return [new Span(match.Value, style, $"https://www.rfc-editor.org/rfc/rfc{rfc.Value}{section}")];
        }

        if (match.Groups["requirement"] is { Success: true } requirement)
            return [new Span(match.Value, style, source.Requirement(requirement.Value))];

        // "Section 4.1" is one link; of "Sections 4 to 8 and 11" each number is one.
        var numbers = Number().Matches(match.Value);
        if (numbers.Count == 1)
            return [new Span(match.Value, style, Target(numbers[0].Value))];

        var parts = new List<Span>();
        int at = 0;
        foreach (Match number in numbers)
        {
            parts.Add(new Span(match.Value[at..number.Index], style));
            parts.Add(new Span(number.Value, style, Target(number.Value)));
            at = number.Index + number.Length;
        }

        return parts;

        string? Target(string number) => match.Groups["own"].Success ? source.Section(number) : null;
    }

    // Sections of other documents first, so that they are not taken for our own.
    [GeneratedRegex("""
        RFC\ (?<rfc>\d{3,5})(?:\ Sections?)?(?:\ (?<of>\d+(?:\.\d+)*))?
        | (?:FIPS\ [\d-]+|SP\ 800-38D)(?:\ Section\ [\d.]*\d)?
        | \[?(?<requirement>BP-[0-9A-Z.]+-\d+)\]?
        | (?<own>Sections?\ \d+(?:\.\d+)?(?:(?:,\ |\ to\ |\ and\ |,\ and\ )\d+(?:\.\d+)?)*)
        | (?<own>Appendix\ [A-H](?:\.\d)?\b)
        | (?<own>\b[CG]\.\d\b(?:\ and\ [CG]\.\d\b)?)
        | (?<keyword>\b(?:MUST\ NOT|MUST|SHOULD\ NOT|SHOULD|MAY)\b)
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.ExplicitCapture)]
    private static partial Regex Reference();

    [GeneratedRegex(@"\d+(\.\d+)?|\b[A-H](\.\d)?\b", RegexOptions.ExplicitCapture)]
    private static partial Regex Number();
}
