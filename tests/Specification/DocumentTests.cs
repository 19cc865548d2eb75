using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using BlackPony.SpecDocument;
using BlackPony.SpecDocument.Html;
using BlackPony.SpecDocument.Text;

namespace BlackPony.Tests.Specification;

/// <summary>The specification as HTML and as text, as <c>spec/build</c> makes it: whole, linked, and in its bounds.</summary>
public sealed partial class DocumentTests
{
    private const string RfcEditor = "https://www.rfc-editor.org/rfc/rfc";

    private static readonly IReadOnlyDictionary<string, Rendered> All =
        Source.Read(SpecificationFile.Folder).ToDictionary(s => s.Name, s => new Rendered(s));

    public static TheoryData<string> Documents => [.. Source.Names];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_anchor_is_unique_and_every_link_has_one(string document)
    {
        var ids = All[document].Ids;
        Assert.Equal(ids.Count, ids.Distinct().Count());
        var links = All[document].Page.Descendants("a").Select(a => a.Attribute("href")!.Value).ToList();
        Assert.Empty(links.Where(l => l[0] == '#').Select(l => l[1..]).Except(ids));
        foreach (var link in links.Where(l => !l.StartsWith('#') && !l.StartsWith(RfcEditor, StringComparison.Ordinal)))
        {
            var (page, anchor) = (link.Split('#')[0], link.Split('#').Skip(1).FirstOrDefault());
            var other = Assert.Single(All.Values, r => page == $"{r.Source.Name}.html");
            Assert.True(anchor is null || other.Ids.Contains(anchor), link);
        }
    }

    [Fact]
    public void Every_requirement_has_an_anchor_that_shows_the_cases_and_faulty_ports_behind_it()
    {
        var requirements = BlackPony.Conformance.Specification.BlackPony.Requirements.Keys;
        Assert.NotEmpty(requirements);
        foreach (var id in requirements)
        {
            var item = Assert.Single(All.Values.SelectMany(r => r.Page.Descendants("li")), l => l.Attribute("id")?.Value == id);
            var shown = item.Element("details")!.Descendants("dd").Select(d => d.Value).ToList();
            var evidence = All["blackpony"].Source.Evidence[id];
            Assert.All(evidence.Cases, c => Assert.Matches("^[CSO]-", c));
            Assert.Equal([.. evidence.Cases, .. evidence.Faults, .. evidence.Tests, .. evidence.Code], shown);
        }
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_section_and_every_limit_that_the_text_names_is_a_link(string document)
    {
        var (page, limits) = (All[document].Page, All.Values.SelectMany(r => r.Source.Limits).ToHashSet());
        var unlinked = page.Element("body")!.Element("main")!.DescendantNodes().OfType<XText>()
            .Where(t => t.Ancestors().All(a => a.Name.LocalName is not ("a" or "pre" or "dd" or "svg")))
            .Select(t => t.Value).Where(t => SectionReference().IsMatch(Elsewhere().Replace(t, "")) || Requirement().IsMatch(t));
        Assert.Equal([], unlinked);
        var plain = page.Descendants("code").Where(c => limits.Contains(c.Value) && c.Parent!.Name != "a").Select(c => c.Value);
        Assert.Equal([], plain);
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void The_page_needs_nothing_else(string document)
    {
        var page = All[document].Page;
        Assert.Empty(page.Descendants().Where(e => e.Name.LocalName is "link" or "img" or "iframe")
            .Concat(page.Descendants().Where(e => e.Attribute("src") is not null)));
        var style = page.Descendants("style").Single().Value;
        Assert.DoesNotContain("url(", style, StringComparison.Ordinal);
        Assert.DoesNotContain("@import", style, StringComparison.Ordinal);
        Assert.Contains("prefers-color-scheme: dark", style, StringComparison.Ordinal);
        Assert.Contains("@media print", style, StringComparison.Ordinal);
    }

    [Fact]
    public void Dialogues_and_packets_are_drawn_and_wide_tables_scroll_in_themselves()
    {
        var page = All["blackpony"].Page;
        Assert.True(page.Descendants("div").Count(d => d.Attribute("class")?.Value == "dialogue") >= 2);
        string[] packets = [.. page.Descendants("figcaption").Select(c => c.Value)];
        foreach (var name in (string[])["record", "inner", "th is SHA-256 of", "ident record data, 1 to MaxIdents times", "client's share",
            "share in the command"])
        {
            Assert.Contains(name, packets);
        }

        Assert.All(page.Descendants("table"), t => Assert.Equal("wide", t.Parent!.Attribute("class")?.Value));
        var record = page.Descendants("figure").First(f => f.Element("figcaption")!.Value == "record").Descendants("text")
            .Select(t => t.Value);
        Assert.Equal(["length of", "protected", "2", "protected"], record);
    }

    /// <summary>Both the text and the page draw the figures; on the page no character of a line is left.</summary>
    [Theory]
    [InlineData("blackpony", 7)]
    [InlineData("relay", 1)]
    public void Figures_are_drawn(string document, int least)
    {
        var figures = All[document].Page.Descendants("figure").Where(f => f.Attribute("class")?.Value == "drawing").ToList();
        Assert.True(figures.Count >= least);
        foreach (var figure in figures)
        {
            var drawing = figure.Element("svg")!;
            Assert.Equal(figure.Element("figcaption")!.Value, drawing.Attribute("aria-label")!.Value);
            Assert.All(drawing.Elements("path"), p => Assert.Matches("^M[-0-9.ML Z]+$", p.Attribute("d")!.Value));
            Assert.All(drawing.Elements("text"), t => Assert.DoesNotMatch(@"--|==|\||\+", t.Value));
            Assert.Contains(All[document].Lines, l => l.Trim() == figure.Element("figcaption")!.Value);
        }
    }

    /// <summary>Debian's HTML Tidy finds nothing to warn of.</summary>
    [Theory]
    [MemberData(nameof(Documents))]
    public async Task The_page_is_valid(string document)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/tidy"), "Needs HTML Tidy (Debian's package tidy).");
        using var tidy = Process.Start(new ProcessStartInfo("/usr/bin/tidy", ["-e", "-q", "-utf8"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        var said = tidy.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var octets = System.Text.Encoding.UTF8.GetBytes(All[document].Html);
        await tidy.StandardInput.BaseStream.WriteAsync(octets, TestContext.Current.CancellationToken);
        tidy.StandardInput.Close();
        Assert.Equal("", await said);
        await tidy.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, tidy.ExitCode);
    }

    [Theory]
    [InlineData("blackpony", 40)]
    [InlineData("relay", 5)]
    public void No_line_of_the_text_is_longer_than_72_columns_and_every_page_has_58_lines(string document, int least)
    {
        Assert.DoesNotContain(All[document].Lines, l => new StringInfo(l).LengthInTextElements > 72);
        var pages = All[document].Pages;
        Assert.True(pages.Length > least);
        for (int i = 0; i < pages.Length; i++)
        {
            var lines = pages[i].TrimEnd('\n').Split('\n');
            Assert.Equal(58, lines.Length);
            Assert.EndsWith($"[Page {i + 1}]", lines[^1], StringComparison.Ordinal);
            Assert.True(i == 0 || lines[0].StartsWith("BlackPony  ", StringComparison.Ordinal), lines[0]);
        }
    }

    [Fact]
    public void The_protocol_is_thirty_pages_of_text_without_its_appendices()
    {
        var pages = All["blackpony"].Pages.ToList();
        int first = pages.FindIndex(p => p.Contains("\n1.  Introduction\n", StringComparison.Ordinal));
        int end = pages.FindIndex(p => p.Contains("\nAppendix A.  Collected ABNF\n", StringComparison.Ordinal));
        Assert.InRange(end - first, 20, 30);
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void The_table_of_contents_has_every_section_with_its_page(string document)
    {
        var (lines, pages) = (All[document].Lines, All[document].Pages);
        var contents = ContentsLine().Matches(string.Join('\n', lines[..Math.Min(220, lines.Length)]))
            .Select(m => (Number: m.Groups[1].Value, Page: int.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture))).ToList();
        var sections = All[document].Source.Headings.Values.Where(h => h is { Number: not null, Level: 2 }).Select(h => h.Number);
        Assert.Equal(sections, contents.Select(c => c.Number));
        foreach (var (number, page) in contents)
        {
            Assert.Contains(pages[page - 1].Split('\n'),
                l => l.StartsWith($"{number}.  ", StringComparison.Ordinal)
                    || l.StartsWith($"Appendix {number}.  ", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void The_text_says_every_requirement_whole()
    {
        var words = Words().Replace(string.Join(' ', All.Values.SelectMany(r => r.Lines).Where(l => !PageLine().IsMatch(l))), " ");
        foreach (var (id, requirement) in BlackPony.Conformance.Specification.BlackPony.Requirements)
        {
            Assert.Contains($"[{id}] {Marks().Replace(requirement, "$1$2")}", words, StringComparison.Ordinal);
        }
    }

    /// <summary>A document, as HTML and as text.</summary>
    private sealed class Rendered
    {
        public Rendered(Source source)
        {
            Source = source;
            Html = HtmlDocument.Write(source);
            Page = XElement.Parse(Html[Html.IndexOf("<html", StringComparison.Ordinal)..]);
            Ids = [.. Page.Descendants().Attributes("id").Select(a => a.Value)];
            Lines = TextDocument.Write(source).Split('\n');
            Pages = string.Join('\n', Lines).Split("\f\n");
        }

        public Source Source { get; }

        public string Html { get; }

        public XElement Page { get; }

        public IReadOnlyList<string> Ids { get; }

        public string[] Lines { get; }

        public string[] Pages { get; }
    }

    [GeneratedRegex(@"\bSections? \d|\bAppendix [A-H]\b")]
    private static partial Regex SectionReference();

    [GeneratedRegex(@"\bBP-[0-9A-Z.]+-\d+")]
    private static partial Regex Requirement();

    [GeneratedRegex(@"FIPS [\d-]+ Section [\d.]+")]
    private static partial Regex Elsewhere();

    [GeneratedRegex(@"^ +(?:Appendix )?([0-9A-Z.]*[0-9A-Z])\.  (?:[^\n]*[^\n. ])?(?:\n {12,}[^\n]*[^\n. ])? \.\.+ (\d+)$",
        RegexOptions.Multiline)]
    private static partial Regex ContentsLine();

    [GeneratedRegex(@"^BlackPony .*\d$|\[Page \d+\]$|^\f$")]
    private static partial Regex PageLine();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Words();

    [GeneratedRegex(@"`([^`]*)`|\*([\w\[\]]+)\*")]
    private static partial Regex Marks();
}
