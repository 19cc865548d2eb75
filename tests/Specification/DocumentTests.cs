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
    private static readonly Source Source = Source.Read(SpecificationFile.Folder);
    private static readonly string Html = HtmlDocument.Write(Source);
    private static readonly XElement Page = XElement.Parse(Html[Html.IndexOf("<html", StringComparison.Ordinal)..]);
    private static readonly string[] Lines = TextDocument.Write(Source).Split('\n');

    [Fact]
    public void Every_anchor_is_unique_and_every_link_within_the_page_has_one()
    {
        var ids = Page.Descendants().Attributes("id").Select(a => a.Value).ToList();
        Assert.Equal(ids.Count, ids.Distinct().Count());
        var links = Page.Descendants("a").Select(a => a.Attribute("href")!.Value).ToList();
        Assert.Empty(links.Where(l => l[0] == '#').Select(l => l[1..]).Except(ids));
        Assert.All(links.Where(l => l[0] != '#'),
            l => Assert.StartsWith("https://www.rfc-editor.org/rfc/rfc", l, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_requirement_has_an_anchor_that_shows_the_cases_and_faulty_ports_behind_it()
    {
        var requirements = BlackPony.Conformance.Specification.Requirements.Keys;
        Assert.NotEmpty(requirements);
        foreach (var id in requirements)
        {
            var item = Assert.Single(Page.Descendants("li"), l => l.Attribute("id")?.Value == id);
            var shown = item.Element("details")!.Descendants("dd").Select(d => d.Value).ToList();
            var evidence = Source.Evidence[id];
            Assert.All(evidence.Cases, c => Assert.Matches("^[CSO]-", c));
            Assert.Equal([.. evidence.Cases, .. evidence.Faults, .. evidence.Tests, .. evidence.Code], shown);
        }
    }

    [Fact]
    public void Every_section_and_every_limit_that_the_text_names_is_a_link()
    {
        var unlinked = Page.Element("body")!.Element("main")!.DescendantNodes().OfType<XText>()
            .Where(t => t.Ancestors().All(a => a.Name.LocalName is not ("a" or "pre" or "dd" or "svg")))
            .Select(t => t.Value).Where(t => SectionReference().IsMatch(Elsewhere().Replace(t, "")) || Requirement().IsMatch(t));
        Assert.Equal([], unlinked);
        var plain = Page.Descendants("code").Where(c => Source.Limits.Contains(c.Value) && c.Parent!.Name != "a").Select(c => c.Value);
        Assert.Equal([], plain);
    }

    [Fact]
    public void The_page_needs_nothing_else()
    {
        Assert.Empty(Page.Descendants().Where(e => e.Name.LocalName is "link" or "img" or "iframe")
            .Concat(Page.Descendants().Where(e => e.Attribute("src") is not null)));
        var style = Page.Descendants("style").Single().Value;
        Assert.DoesNotContain("url(", style, StringComparison.Ordinal);
        Assert.DoesNotContain("@import", style, StringComparison.Ordinal);
        Assert.Contains("prefers-color-scheme: dark", style, StringComparison.Ordinal);
        Assert.Contains("@media print", style, StringComparison.Ordinal);
    }

    [Fact]
    public void Dialogues_and_packets_are_drawn_and_wide_tables_scroll_in_themselves()
    {
        Assert.True(Page.Descendants("div").Count(d => d.Attribute("class")?.Value == "dialogue") >= 4);
        string[] packets = [.. Page.Descendants("figcaption").Select(c => c.Value)];
        foreach (var name in (string[])["record", "inner", "th is SHA-256 of", "ident record data, 1 to MaxIdents times", "client's share",
            "share in the command"])
        {
            Assert.Contains(name, packets);
        }

        Assert.All(Page.Descendants("table"), t => Assert.Equal("wide", t.Parent!.Attribute("class")?.Value));
        var record = Page.Descendants("figure").First(f => f.Element("figcaption")!.Value == "record").Descendants("text")
            .Select(t => t.Value);
        Assert.Equal(["length of", "protected", "2", "protected"], record);
    }

    /// <summary>Debian's HTML Tidy finds nothing to warn of.</summary>
    [Fact]
    public async Task The_page_is_valid()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/tidy"), "Needs HTML Tidy (Debian's package tidy).");
        using var tidy = Process.Start(new ProcessStartInfo("/usr/bin/tidy", ["-e", "-q", "-utf8"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        var said = tidy.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await tidy.StandardInput.BaseStream.WriteAsync(System.Text.Encoding.UTF8.GetBytes(Html), TestContext.Current.CancellationToken);
        tidy.StandardInput.Close();
        Assert.Equal("", await said);
        await tidy.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, tidy.ExitCode);
    }

    [Fact]
    public void No_line_of_the_text_is_longer_than_72_columns_and_every_page_has_58_lines()
    {
        Assert.DoesNotContain(Lines, l => new StringInfo(l).LengthInTextElements > 72);
        var pages = string.Join('\n', Lines).Split("\f\n");
        Assert.True(pages.Length > 40);
        for (int i = 0; i < pages.Length; i++)
        {
            var lines = pages[i].TrimEnd('\n').Split('\n');
            Assert.Equal(58, lines.Length);
            Assert.EndsWith($"[Page {i + 1}]", lines[^1], StringComparison.Ordinal);
            Assert.True(i == 0 || lines[0].StartsWith("BlackPony  ", StringComparison.Ordinal), lines[0]);
        }
    }

    [Fact]
    public void The_table_of_contents_has_every_section_with_its_page()
    {
        var pages = string.Join('\n', Lines).Split("\f\n");
        var contents = ContentsLine().Matches(string.Join('\n', Lines[..220]))
            .Select(m => (Number: m.Groups[1].Value, Page: int.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture))).ToList();
        Assert.Equal(Source.Headings.Values.Where(h => h.Number is not null).Select(h => h.Number), contents.Select(c => c.Number));
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
        var words = Words().Replace(string.Join(' ', Lines.Where(l => !PageLine().IsMatch(l))), " ");
        foreach (var (id, requirement) in BlackPony.Conformance.Specification.Requirements)
        {
            Assert.Contains($"[{id}] {Marks().Replace(requirement, "$1$2")}", words, StringComparison.Ordinal);
        }
    }

    [GeneratedRegex(@"\bSections? \d|\bAppendix [A-F]\b")]
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
