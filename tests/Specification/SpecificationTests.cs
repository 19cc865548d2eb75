using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using BlackPony.Reference;

namespace BlackPony.Tests.Specification;

/// <summary>The document is sound: ids, keywords, ABNF, the one table of limits, and the state tables.</summary>
public partial class SpecificationTests
{
    private static readonly string Text = SpecificationFile.ReadAll();

    [Fact]
    public void Every_id_is_unique_stands_in_its_section_and_every_reference_has_its_sentence()
    {
        var ids = Requirement().Matches(Text).Select(m => m.Groups[1].Value).ToList();
        Assert.NotEmpty(ids);
        Assert.Equal(ids.Count, ids.Distinct().Count());
        Assert.Empty(Reference().Matches(Text).Select(m => m.Value).Except(ids));
        string section = "";
        foreach (var line in Text.Split('\n'))
        {
            section = Heading().Match(line) is { Success: true } h ? h.Groups[1].Value.TrimEnd('.') : section;
            if (Requirement().Match(line) is { Success: true } m)
            {
                var own = m.Groups[1].Value.Split('-')[1];
                Assert.True(own == section || section.StartsWith(own + ".", StringComparison.Ordinal),
                    $"{m.Groups[1].Value} stands in section {section}.");
            }
        }
    }

    [Fact]
    public void Every_normative_requirement_has_exactly_one_keyword_and_no_other_requirement_has_one()
    {
        foreach (var line in Text.Split('\n').Where(l => l.StartsWith("- [BP-", StringComparison.Ordinal)))
        {
            Assert.True(Keyword().Count(line) == 1, line);
        }

        var others = Text.Split('\n')
            .Where(l => !l.StartsWith("- [BP-", StringComparison.Ordinal) && !l.StartsWith('|')
                && !l.StartsWith("The key words", StringComparison.Ordinal));
        Assert.DoesNotContain(others, l => Keyword().IsMatch(l));
    }

    [Fact]
    public void Every_RFC_that_is_cited_is_in_the_references_and_no_other()
    {
        var references = Between("## 20.", "## Appendix A.");
        var cited = Rfc().Matches(Text.Replace(references, "", StringComparison.Ordinal)).Select(m => m.Value).Distinct();
        Assert.Equal(cited.Order(StringComparer.Ordinal), Rfc().Matches(references).Select(m => m.Value).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_ABNF_rule_is_defined_and_used()
    {
        var abnf = Text[(Text.IndexOf("```abnf", StringComparison.Ordinal) + 7)..];
        abnf = abnf[..abnf.IndexOf("```", StringComparison.Ordinal)];
        var defined = Rule().Matches(abnf).Select(m => m.Groups[1].Value).ToList();
        var bare = Quoted().Replace(abnf, " ");
        var used = Name().Matches(bare).Select(m => m.Value).ToList();
        string[] core = ["ALPHA", "CRLF", "DIGIT", "HEXDIG", "LF", "OCTET", "SP", "VCHAR", "textstring"];
        string[] start = ["upgrade", "keylog-line"];
        Assert.Equal(defined.Count, defined.Distinct().Count());
        Assert.Empty(used.Except(defined).Except(core));
        Assert.Empty(defined.Where(d => used.Count(u => u == d) < 2).Except(start));
    }

    private static FieldInfo[] LimitFields => typeof(Limits).GetFields(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static);

    [Fact]
    public void The_code_has_the_limits_of_the_table_under_the_same_names()
    {
        foreach (var field in LimitFields)
        {
            if (field.GetValue(null) is string text)
            {
                Assert.Contains($"| `{field.Name}` | {text} |", Text, StringComparison.Ordinal);
                continue;
            }

            var row = Regex.Match(Text, $@"^\| `{field.Name}` \| (\d+)( s| h| d)?[ |]", RegexOptions.Multiline);
            Assert.True(row.Success, $"{field.Name} is not in the table.");
            double value = double.Parse(row.Groups[1].Value, CultureInfo.InvariantCulture);
            object expected = field.GetValue(null) is TimeSpan
                ? row.Groups[2].Value switch
                {
                    " s" => TimeSpan.FromSeconds(value),
                    " h" => TimeSpan.FromHours(value),
                    _ => TimeSpan.FromDays(value),
                }
                : value;
            Assert.Equal(expected, field.GetValue(null) is TimeSpan t
                ? t
                : Convert.ToDouble(field.GetValue(null), CultureInfo.InvariantCulture));
        }
    }

    [Fact]
    public void The_code_has_every_row_of_the_table_of_limits_and_no_other()
    {
        var names = LimitRow().Matches(Between("## 13.", "## 14.") + Between("### 10.6.", "### 10.7."))
            .Select(m => m.Groups[1].Value).ToList();
        Assert.True(names.Count > 30);
        var code = LimitFields.Select(f => f.Name).Concat(["DefaultPolicy", "DefaultSuites"]);
        Assert.Equal(names.Order(StringComparer.Ordinal), code.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void No_cell_of_a_state_table_is_empty_and_every_state_that_is_named_has_a_row()
    {
        var tables = Between("### G.6.", "## Appendix H.")
            .Split("\n\n").Where(b => b.StartsWith('|'))
            .Select(b => b.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(l => l.Trim('|').Split('|').Select(c => c.Trim()).ToList()).ToList()).ToList();
        Assert.Equal(4, tables.Count);
        var states = tables.SelectMany(t => t.Skip(2)).SelectMany(r => r[0].Split(',')).Select(s => s.Split('(')[0].Trim()).ToHashSet();
        foreach (var rows in tables)
        {
            Assert.All(rows, r => Assert.Equal(rows[0].Count, r.Count));
            Assert.All(rows, r => Assert.DoesNotContain("", r));
            Assert.All(rows.Skip(2).SelectMany(r => r.Skip(1)).SelectMany(c => NextState().Matches(c)),
                m => Assert.Contains(m.Groups[1].Value, states));
        }
    }

    private static string Between(string start, string end) =>
        Text[Text.IndexOf($"\n{start} ", StringComparison.Ordinal)..Text.IndexOf($"\n{end} ", StringComparison.Ordinal)];

    [GeneratedRegex(@"^\| `(\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex LimitRow();

    [GeneratedRegex(@"\bRFC \d+")]
    private static partial Regex Rfc();

    [GeneratedRegex("→ ([A-Z][a-z]+)")]
    private static partial Regex NextState();

    [GeneratedRegex(@"^- \[(BP-[0-9A-Z.]+-\d+)\]", RegexOptions.Multiline)]
    private static partial Regex Requirement();

    [GeneratedRegex(@"BP-[0-9A-Z.]+-\d+")]
    private static partial Regex Reference();

    [GeneratedRegex(@"^###? (?:Appendix )?([0-9A-Z.]+)")]
    private static partial Regex Heading();

    [GeneratedRegex(@"\b(MUST NOT|MUST|SHOULD NOT|SHOULD|MAY)\b")]
    private static partial Regex Keyword();

    [GeneratedRegex(@"^([a-z0-9-]+)\s*=", RegexOptions.Multiline)]
    private static partial Regex Rule();

    [GeneratedRegex(@"%x[0-9A-Fa-f.-]+|;[^\n]*|%s|""[^""]*""|\b\d+(?=[A-Za-z])")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"[A-Za-z][A-Za-z0-9-]*")]
    private static partial Regex Name();
}
