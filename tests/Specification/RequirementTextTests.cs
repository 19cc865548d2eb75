using System.Text.RegularExpressions;
using BlackPony.Conformance.Cases;
using BlackPony.Tests.Conformance.Outbound;

namespace BlackPony.Tests.Specification;

/// <summary>
/// Above each case stand the requirements that it cites, in the words of the specification; <c>BLACKPONY_WRITE=1</c> writes them.
/// </summary>
public partial class RequirementTextTests
{
    private const int Columns = 140;

    private static readonly Dictionary<string, IReadOnlyList<string>> Cites =
        ServerCases.All.Select(c => c.Info).Concat(ClientCases.All.Select(c => c.Info)).Select(c => (c.Id, c.Requirements))
            .Concat(StartTlsServerCases.All.Select(c => (c.Id, c.Cites)))
            .Concat(StartTlsClientCases.All.Select(c => (c.Id, c.Cites)))
            .Concat(OutboundCases.All.Select(c => (c.Id, c.Cites))).ToDictionary(c => c.Id, c => c.Item2);

    private static readonly Dictionary<string, string> Texts =
        BlackPony.Conformance.Protocol.All.SelectMany(p => p.Specification.Requirements).ToDictionary();

    private static readonly Dictionary<string, string> Example = new()
    {
        ["BP-1.1-1"] = "A server MUST reply.",
        ["BP-1.1-2"] = "A client MUST NOT reply.",
    };

    private static readonly Dictionary<string, IReadOnlyList<string>> ExampleCites = new()
    {
        ["S-1.1-1"] = ["BP-1.1-1", "BP-1.1-2"],
        ["C-1.1-1"] = ["BP-1.1-2"],
    };

    private static readonly IReadOnlyList<string> Paths =
    [
        .. Directory.GetFiles(Repository.At("src", "BlackPony.Conformance", "Cases"), "*.cs")
            .Order(StringComparer.Ordinal),
        Repository.At("tests", "Conformance", "Outbound", "OutboundCases.cs"),
    ];

    public static TheoryData<string> Files => [.. Paths.Select(p => Path.GetRelativePath(Repository.Root, p))];

    [Theory]
    [MemberData(nameof(Files))]
    public void Above_each_case_stand_its_requirements(string file)
    {
        var path = Repository.At(file);
        var source = File.ReadAllText(path);
        var fresh = Refresh(source, Cites, Texts);
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1" && source != fresh)
        {
            File.WriteAllText(path, fresh);
            source = fresh;
        }

        Assert.True(source == fresh,
            $"{file} does not show the requirements as the specification has them above {string.Join(", ", Stale(source, fresh))}."
                + " To write them: BLACKPONY_WRITE=1 dotnet test -c Release --project tests/Conformance");
    }

    /// <summary>So the comment of no case is missed.</summary>
    [Fact]
    public void Each_case_begins_a_line_with_its_id() =>
        Assert.Equal(Cites.Keys.Order(StringComparer.Ordinal),
            Paths.SelectMany(p => Comments(File.ReadAllText(p))).Select(c => c.Id).Order(StringComparer.Ordinal));

    [Fact]
    public void A_comment_is_written_where_it_is_missing_or_stale_and_the_others_stay()
    {
        const string Source = """
            [
                // ---- 1.1 the offer
                Offers("S-1.1-1", "It replies", x =>
                {
                    // [BP-1.1-1] stays inside.
                }),
                // [BP-1.1-1] A server MUST reply.
                // Not at once.
                new("C-1.1-1", "It does not reply", "BP-1.1-2"),
            ]

            """;
        const string Fresh = """
            [
                // ---- 1.1 the offer
                // [BP-1.1-1] A server MUST reply.
                // [BP-1.1-2] A client MUST NOT reply.
                Offers("S-1.1-1", "It replies", x =>
                {
                    // [BP-1.1-1] stays inside.
                }),
                // [BP-1.1-2] A client MUST NOT reply.
                // Not at once.
                new("C-1.1-1", "It does not reply", "BP-1.1-2"),
            ]

            """;
        Assert.Equal(Fresh, Refresh(Source, ExampleCites, Example));
        Assert.Equal(Fresh, Refresh(Fresh, ExampleCites, Example));
        Assert.Equal(["S-1.1-1", "C-1.1-1"], Stale(Source, Fresh));
        Assert.Empty(Stale(Fresh, Fresh));
    }

    [Theory]
    [InlineData("")]
    [InlineData("// [BP-1.1-2]\n")]
    [InlineData("// [BP-1.1-2] A client MUST reply.\n")]
    [InlineData("// [BP-1.1-1] A server MUST reply.\n")]
    [InlineData("// [BP-1.1-1] A client MUST NOT reply.\n")]
    [InlineData("// [BP-1.1-2] A client MUST NOT reply.\n// [BP-1.1-1] A server MUST reply.\n")]
    [InlineData("// [BP-1.1-2] A client MUST NOT reply.\n// [BP-1.1-2] A client MUST NOT reply.\n")]
    [InlineData("// [BP-1.1-2] A client MUST NOT\n//   reply.\n")]
    [InlineData("// [BP-1.1-2] A client MUST NOT reply.\n//   Ever.\n")]
    [InlineData("  // [BP-1.1-2] A client MUST NOT reply.\n")]
    [InlineData("// [BP-1.1-2] A client MUST NOT reply.\n\n")]
    public void A_wrong_comment_is_noticed_and_mended(string comment)
    {
        const string Case = "new(\"C-1.1-1\", \"It does not reply\"),\n";
        var fresh = Refresh(comment + Case, ExampleCites, Example);
        Assert.NotEqual(comment + Case, fresh);
        Assert.Equal(["C-1.1-1"], Stale(comment + Case, fresh));
        Assert.EndsWith("// [BP-1.1-2] A client MUST NOT reply.\n" + Case, fresh, StringComparison.Ordinal);
    }

    [Fact]
    public void A_requirement_is_wrapped_at_140_columns()
    {
        const string First = "    // [BP-1.1-1] A server MUST", Next = "    //   ";
        string fits = new('x', Columns - First.Length - 1), whole = new('y', Columns - Next.Length);
        Assert.Equal([$"{First} {fits}"], Comment("    ", "BP-1.1-1", $"A server MUST {fits}"));
        Assert.Equal([$"{First} {fits}", $"{Next}{whole}", $"{Next}z"], Comment("    ", "BP-1.1-1", $"A server MUST {fits} {whole} z"));
        Assert.Equal([First, $"{Next}x{fits}"], Comment("    ", "BP-1.1-1", $"A server MUST x{fits}"));
    }

    [Fact]
    public void A_link_is_shown_as_its_text() =>
        Assert.Equal(["// [BP-1.1-1] As [BP-1.1-2] says, *x* MUST be `y`, see there."],
            Comment("", "BP-1.1-1", "As [BP-1.1-2] says, *x* MUST be `y`, see [there](there.md#x)."));

    // The source with the requirements of each case in the comment above it, below a heading and before what somebody wrote there.
    private static string Refresh(
        string source, Dictionary<string, IReadOnlyList<string>> cites, Dictionary<string, string> texts)
    {
        var lines = new List<string>();
        foreach (var line in source.Split('\n'))
        {
            if (CaseLine().Match(line) is { Success: true } found && cites.TryGetValue(found.Groups["id"].Value, out var requirements))
            {
                int top = lines.FindLastIndex(l => !CommentLine().IsMatch(l)) + 1;
                var others = lines[top..].Where(l => !GeneratedLine().IsMatch(l)).ToList();
                lines.RemoveRange(top, lines.Count - top);
                lines.AddRange(requirements.SelectMany(r => Comment(found.Groups["indent"].Value, r, texts[r])));
                lines.AddRange(others);
            }

            lines.Add(line);
        }

        return string.Join('\n', lines);
    }

    private static List<string> Comment(string indent, string id, string requirement)
    {
        var lines = new List<string>();
        var line = $"{indent}// [{id}]";
        foreach (var word in Link().Replace(requirement, "$1").Split(' '))
        {
            if (line.Length + 1 + word.Length > Columns)
            {
                lines.Add(line);
                line = $"{indent}//   {word}";
            }
            else
            {
                line += " " + word;
            }
        }

        return [.. lines, line];
    }

    private static IEnumerable<string> Stale(string source, string fresh) =>
        Comments(fresh).Zip(Comments(source)).Where(p => p.First != p.Second).Select(p => p.First.Id);

    // Each case, with the lines of the comment above it.
    private static IEnumerable<(string Id, string Comment)> Comments(string source)
    {
        var comment = "";
        foreach (var line in source.Split('\n'))
        {
            if (CaseLine().Match(line) is { Success: true } found)
            {
                yield return (found.Groups["id"].Value, comment);
            }

            comment = CommentLine().IsMatch(line) ? comment + line + "\n" : "";
        }
    }

    // new("S-4.1-2", …, or a method that makes a case: Offers("S-4.1-1", …
    [GeneratedRegex(@"^(?<indent> *)(?:new|[A-Z]\w*)\(""(?<id>T?[CSO]-[0-9A-Z.]+-[0-9]+)"",")]
    private static partial Regex CaseLine();

    // A heading, // ---- 4.1 the offer, ends a comment.
    [GeneratedRegex(@"^ *//(?! ---)")]
    private static partial Regex CommentLine();

    [GeneratedRegex(@"^ *//(?: \[(?:BP|TLS)-|   )")]
    private static partial Regex GeneratedLine();

    [GeneratedRegex(@"\[([^\]]*)\]\([^)]*\)")]
    private static partial Regex Link();
}
