using System.Text.RegularExpressions;

namespace BlackPony.Tests.Specification;

/// <summary>What the project's documents link to is there.</summary>
public sealed partial class LinkTests
{
    private static readonly string Root = Repository.Root;

    public static TheoryData<string> Documents => [.. Directory.EnumerateFiles(Root, "*.md", SearchOption.AllDirectories)
        .Select(f => Path.GetRelativePath(Root, f)).Where(f => !f.Split('/').Any(p => p is "bin" or "obj" or "artifacts" or "node_modules"))
        .Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_link_leads_somewhere(string document)
    {
        var folder = Path.GetDirectoryName(Path.Combine(Root, document))!;
        foreach (Match link in Link().Matches(Code().Replace(File.ReadAllText(Path.Combine(Root, document)), "")))
        {
            var target = link.Groups[1].Value;
            if (!target.Contains("://", StringComparison.Ordinal))
            {
                var path = Path.Combine(folder, target[0] == '#' ? Path.GetFileName(document) : target.Split('#')[0]);
                Assert.True(File.Exists(path) || Directory.Exists(path), $"{document} links to {target}.");
                Assert.True(!target.Contains('#', StringComparison.Ordinal)
                    || Anchors(File.ReadAllText(path)).Contains(target.Split('#')[1]),
                    $"{document} links to {target}, and no heading is called so.");
            }
        }
    }

    // As GitHub and GitLab make them of headings.
    private static IEnumerable<string> Anchors(string text) =>
        Heading().Matches(text)
            .Select(h => string.Concat(h.Groups[1].Value.ToLowerInvariant().Where(c => char.IsLetterOrDigit(c) || c is ' ' or '-' or '_'))
                .Replace(' ', '-'));

    [GeneratedRegex(@"^#+ (.*)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    // Code has brackets of its own.
    [GeneratedRegex(@"^```.*?^```|^    [^\n]*$|`[^`\n]*`(?!\])", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Code();
}
