using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace BlackPony.Tests.Specification;

/// <summary>What a source cites of the specification, and in which member.</summary>
internal static partial class Citations
{
    /// <summary>
    /// Each requirement (<c>BP-4.2-3</c>) and section (<c>4.2</c>) that a source cites, with the member that cites it: <c>Offer.Parse</c>.
    /// A comment above a member or a type belongs to it, a comment inside to what encloses it.
    /// </summary>
    public static IEnumerable<(string Cited, string Member)> Of(string source)
    {
        var root = CSharpSyntaxTree.ParseText(source).GetRoot();
        var places = Id().Matches(source).Select(m => (m.Index, Cited: m.Value))
            .Concat(Range().Matches(source).SelectMany(Between))
            .Concat(Section().Matches(source).SelectMany(m => Number().Matches(m.Value).Select(n => (m.Index, Cited: n.Value))));
        return [.. places.OrderBy(p => p.Index).Select(p => (p.Cited, Member(root, p.Index))).Distinct()];
    }

    /// <summary>The requirements that the tests of a source cite in a comment above them or behind their names.</summary>
    public static IEnumerable<(string Cited, string Method)> OfTests(string source) =>
        CSharpSyntaxTree.ParseText(source).GetRoot().DescendantNodes().OfType<MethodDeclarationSyntax>()
            .Where(m => m.Modifiers.Any(SyntaxKind.PublicKeyword) && m.ReturnType.ToString() is "void" or "Task" or "bool" or "Property")
            .SelectMany(m => Id().Matches(Comments(m)).Select(i => (i.Value, m.Identifier.Text)).Distinct());

    // All but those in the body.
    private static string Comments(MethodDeclarationSyntax method) =>
        string.Concat(method.DescendantTrivia()
            .Where(t => (method.Body ?? (SyntaxNode?)method.ExpressionBody)?.Span.Contains(t.SpanStart) != true
                && t.ToFullString().Contains("//", StringComparison.Ordinal))
            .Select(t => t.ToFullString()));

    // [BP-5.4-8] to [BP-5.4-11]
    private static IEnumerable<(int Index, string Cited)> Between(Match range)
    {
        int first = int.Parse(range.Groups[2].Value, CultureInfo.InvariantCulture), last = int.Parse(range.Groups[3].Value,
            CultureInfo.InvariantCulture);
        return Enumerable.Range(first, last - first + 1).Select(n => (range.Index, $"BP-{range.Groups[1].Value}-{n}"));
    }

    // A comment is trivia of the token after it, or of the one before it on its line; a comma belongs to what it ends.
    private static string Member(SyntaxNode root, int position)
    {
        var token = root.FindToken(position);
        token = token.IsKind(SyntaxKind.CommaToken) ? token.GetPreviousToken() : token;
        var names = token.Parent!.AncestorsAndSelf().Select(Name).OfType<string>().Reverse().ToList();
        return names.Count > 0 ? string.Join('.', names) : root.DescendantNodes().Select(Name).OfType<string>().FirstOrDefault("Program");
    }

    private static string? Name(SyntaxNode node) => node switch
    {
        BaseTypeDeclarationSyntax type => type.Identifier.Text,
        DelegateDeclarationSyntax type => type.Identifier.Text,
        MethodDeclarationSyntax method => method.Identifier.Text,
        ConstructorDeclarationSyntax constructor => constructor.Identifier.Text,
        PropertyDeclarationSyntax property => property.Identifier.Text,
        EnumMemberDeclarationSyntax value => value.Identifier.Text,
        BaseFieldDeclarationSyntax field => field.Declaration.Variables[0].Identifier.Text,
        _ => null,
    };

    [GeneratedRegex(@"BP-[0-9A-Z.]+-[0-9]+")]
    private static partial Regex Id();

    [GeneratedRegex(@"\[BP-([0-9A-Z.]+)-([0-9]+)\] to \[BP-[0-9A-Z.]+-([0-9]+)\]")]
    private static partial Regex Range();

    [GeneratedRegex(@"spec [0-9]+(\.[0-9]+)?((,| and| to) [0-9]+(\.[0-9]+)?)*")]
    private static partial Regex Section();

    [GeneratedRegex(@"[0-9]+(\.[0-9]+)?")]
    private static partial Regex Number();
}
