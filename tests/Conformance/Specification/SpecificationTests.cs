using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using BlackPony.Reference;

namespace BlackPony.Tests.Conformance.Specification;

/// <summary>The document is sound: ids, keywords, ABNF, and the one table of limits.</summary>
public partial class SpecificationTests
{
    private static readonly string Text = SpecificationFile.Read();

    [Fact]
    public void Every_id_is_unique_stands_in_its_section_and_every_reference_has_its_sentence()
    {
        var ids = Sentence().Matches(Text).Select(m => m.Groups[1].Value).ToList();
        Assert.NotEmpty(ids);
        Assert.Equal(ids.Count, ids.Distinct().Count());
        Assert.Empty(Reference().Matches(Text).Select(m => m.Value).Except(ids));
        string section = "";
        foreach (var line in Text.Split('\n'))
        {
            section = Heading().Match(line) is { Success: true } h ? h.Groups[1].Value.TrimEnd('.') : section;
            if (Sentence().Match(line) is { Success: true } m)
            {
                var own = m.Groups[1].Value.Split('-')[1];
                Assert.True(own == section || section.StartsWith(own + ".", StringComparison.Ordinal), $"{m.Groups[1].Value} stands in section {section}.");
            }
        }
    }

    [Fact]
    public void Every_normative_sentence_has_exactly_one_keyword_and_no_other_sentence_has_one()
    {
        foreach (var line in Text.Split('\n').Where(l => l.StartsWith("- [BP-", StringComparison.Ordinal)))
        {
            Assert.True(Keyword().Count(line) == 1, line);
        }

        var others = Text.Split('\n').Where(l => !l.StartsWith("- [BP-", StringComparison.Ordinal) && !l.StartsWith('|') && !l.StartsWith("The key words", StringComparison.Ordinal));
        Assert.DoesNotContain(others, l => Keyword().IsMatch(l));
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

    [Fact]
    public void The_code_has_the_limits_of_the_table_under_the_same_names()
    {
        foreach (var field in typeof(Limits).GetFields(BindingFlags.Public | BindingFlags.Static))
        {
            var row = Regex.Match(Text, $@"^\| `{field.Name}` \| (\d+)( s| h| d)?[ |]", RegexOptions.Multiline);
            Assert.True(row.Success, $"{field.Name} is not in the table.");
            double value = double.Parse(row.Groups[1].Value, CultureInfo.InvariantCulture);
            object expected = field.GetValue(null) is TimeSpan
                ? row.Groups[2].Value switch { " s" => TimeSpan.FromSeconds(value), " h" => TimeSpan.FromHours(value), _ => TimeSpan.FromDays(value) }
                : value;
            Assert.Equal(expected, field.GetValue(null) is TimeSpan t ? t : Convert.ToDouble(field.GetValue(null), CultureInfo.InvariantCulture));
        }
    }

    [GeneratedRegex(@"^- \[(BP-[0-9A-Z.]+-\d+)\]", RegexOptions.Multiline)]
    private static partial Regex Sentence();

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
