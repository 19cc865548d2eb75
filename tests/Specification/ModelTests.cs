using System.Globalization;
using System.Text.RegularExpressions;

namespace BlackPony.Tests.Specification;

/// <summary>
/// The symbolic model in <c>spec/model</c> is of this specification, and its proofs are not empty. ProVerif itself is run by
/// <c>tests/run</c>, where there is one.
/// </summary>
public sealed partial class ModelTests
{
    private static readonly string Folder = Path.Combine(SpecificationFile.Folder, "model");

    public static TheoryData<string> Files =>
    [
        .. Directory.GetFiles(Folder).Select(f => Path.GetFileName(f)).Where(f => !f.EndsWith(".pyc", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal),
    ];

    public static TheoryData<string> Models => [.. Files.Select(f => f.Data).Where(f => f.EndsWith(".pv", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_requirement_that_it_names_is_in_the_specification(string file)
    {
        var text = Read(file);
        var named = Requirement().Matches(text).Select(m => m.Value).Concat(Range().Matches(text).SelectMany(Between)).Distinct();
        Assert.Equal([], named.Except(BlackPony.Conformance.Specification.BlackPony.Requirements.Keys));
    }

    /// <summary>The memory, the downgrade and RSA-BLOWFISH are what the model is for.</summary>
    [Theory]
    [InlineData("BP-5.4-14")]
    [InlineData("BP-6.1-6")]
    [InlineData("BP-6.5-8")]
    [InlineData("BP-9.1-8")]
    [InlineData("BP-9.1-9")]
    [InlineData("BP-9.2-10")]
    [InlineData("BP-9.4-20")]
    [InlineData("BP-9.4-24")]
    public void It_has_a_proof_of_the_requirement(string requirement) =>
        Assert.Contains(Models.SelectMany(m => Expectations(m.Data)),
            e => e.Verdict == "true" && e.Text.Contains($"[{requirement}]", StringComparison.Ordinal));

    [Theory]
    [MemberData(nameof(Models))]
    public void Each_comment_stands_above_its_query_and_each_query_has_one(string model)
    {
        var text = Read(model);
        var code = Comment().Replace(text, "");
        int queries = Query().Count(code) + (code.Contains("choice[", StringComparison.Ordinal) ? 1 : 0);
        var expected = Expectations(model);
        Assert.NotEmpty(expected);
        Assert.Equal(queries, expected.Count);
        Assert.Equal(Enumerable.Range(1, queries).Select(n => $"Q{n}"), expected.Select(e => e.Name));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Each_proof_names_the_query_that_shows_that_its_end_is_reached(string model)
    {
        foreach (var proof in Expectations(model).Where(e => e.Verdict == "true"))
        {
            var named = Reached().Matches(proof.Kind);
            Assert.NotEmpty(named);
            foreach (Match m in named)
            {
                var there = Expectations(m.Groups[1].Success ? m.Groups[1].Value : model);
                Assert.Contains(there, e => e.Name == m.Groups[2].Value && e.Verdict == "false");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void The_README_says_what_is_in_the_file(string file) =>
        Assert.True(file == "README.md" || Read("README.md").Contains($"`{file}`", StringComparison.Ordinal), file);

    private static string Read(string file) => File.ReadAllText(Path.Combine(Folder, file));

    private static List<Expectation> Expectations(string model) =>
    [
        .. Expected().Matches(Read(model))
            .Select(m => new Expectation(m.Groups[1].Value, m.Groups[2].Value, m.Groups[3].Value, m.Groups[4].Value)),
    ];

    // [BP-6.1-1] to [BP-6.1-5]
    private static IEnumerable<string> Between(Match range)
    {
        int first = int.Parse(range.Groups[2].Value, CultureInfo.InvariantCulture);
        int last = int.Parse(range.Groups[3].Value, CultureInfo.InvariantCulture);
        return Enumerable.Range(first, last - first + 1).Select(n => $"BP-{range.Groups[1].Value}-{n}");
    }

    [GeneratedRegex(@"BP-[0-9A-Z.]+-[0-9]+")]
    private static partial Regex Requirement();

    [GeneratedRegex(@"\[BP-([0-9A-Z.]+)-([0-9]+)\] to \[BP-[0-9A-Z.]+-([0-9]+)\]")]
    private static partial Regex Range();

    // As check.py reads it.
    [GeneratedRegex(@"\(\* (Q\d+) expected (\w+), ([^:]*): *(.*?) *\*\)(?=\s*(?:query|process)\b)", RegexOptions.Singleline)]
    private static partial Regex Expected();

    [GeneratedRegex(@"(?:(\S+\.pv) )?(Q\d+)")]
    private static partial Regex Reached();

    [GeneratedRegex(@"\(\*.*?\*\)", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"^query\b", RegexOptions.Multiline)]
    private static partial Regex Query();

    private sealed record Expectation(string Name, string Verdict, string Kind, string Text);
}
