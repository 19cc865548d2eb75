using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace BlackPony.Mutation;

/// <summary>Compiles a project with all changes of some files, or some of them, leaving out those that do not compile.</summary>
internal static class MutantBuild
{
    /// <summary>Writes the changed assembly.</summary>
    /// <returns>The changes that are in it.</returns>
    public static IReadOnlyList<Mutant> Write(Project project, string root, Func<string, bool> isChanged,
        Func<IReadOnlyList<Mutant>, IEnumerable<Mutant>> choose, string path)
    {
        var original = project.Compile();
        var guard = CSharpSyntaxTree.ParseText("#nullable enable\n" + Switch.Source, project.ParseOptions, "Mutant.cs");
        var all = new List<Mutant>();
        foreach (var tree in original.SyntaxTrees)
        {
            var file = Path.GetRelativePath(root, tree.FilePath).Replace('\\', '/');
            if (isChanged(file))
            {
                new Mutator(original.GetSemanticModel(tree), file, all, new HashSet<int>()).Visit(tree.GetRoot());
            }
        }

        var off = all.Select(m => m.Id).Except(choose(all).Select(m => m.Id)).ToHashSet();
        while (true)
        {
            var mutants = new List<Mutant>();
            var compilation = original.AddSyntaxTrees(guard);
            foreach (var tree in original.SyntaxTrees)
            {
                var file = Path.GetRelativePath(root, tree.FilePath).Replace('\\', '/');
                if (isChanged(file))
                {
                    var changed = new Mutator(original.GetSemanticModel(tree), file, mutants, off).Visit(tree.GetRoot());
                    var parsed = CSharpSyntaxTree.ParseText(changed.ToFullString(), project.ParseOptions, tree.FilePath);
                    compilation = compilation.ReplaceSyntaxTree(tree, parsed);
                }
            }

            var errors = compilation.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error).ToList();
            if (errors.Count == 0)
            {
                project.Emit(compilation, path);
                return [.. mutants.Where(m => !off.Contains(m.Id))];
            }

            var guilty = new HashSet<int>();
            foreach (var error in errors)
            {
                var found = Guilty(error, off);
                guilty.UnionWith(found);
                if (found.Count > 3)
                {
                    Console.Error.WriteLine($"{found.Count} changes are left out for {error}");
                }
            }

            if (guilty.Count == 0)
            {
                throw new InvalidOperationException(string.Join('\n', errors.Take(10)));
            }

            off.UnionWith(guilty);
            Console.Error.WriteLine($"{errors.Count} errors: {guilty.Count} changes do not compile");
        }
    }

    // The changes that an error is due to: the nearest around it; for a variable that may have no value, those around where it gets one;
    // else all of its member.
    private static HashSet<int> Guilty(Diagnostic error, HashSet<int> off)
    {
        if (error.Location.SourceTree is not { } tree)
        {
            return [];
        }

        var node = tree.GetRoot().FindNode(error.Location.SourceSpan, getInnermostNodeForTie: true);
        var member = node.AncestorsAndSelf().OfType<MemberDeclarationSyntax>().FirstOrDefault();
        if (error.Id is "CS0165" or "CS0177" or "CS0269" && member is not null)
        {
            // "Use of unassigned local variable 'x'": the first word in quotation marks.
            var name = error.GetMessage(CultureInfo.InvariantCulture).Split('\'')[1];
            var givers = member.DescendantNodes().Where(n => n switch
            {
                SingleVariableDesignationSyntax d => d.Identifier.Text == name,
                AssignmentExpressionSyntax { Left: TupleExpressionSyntax t } => t.Arguments.Any(a => a.ToString() == name),
                AssignmentExpressionSyntax a => a.Left.ToString() == name,
                ArgumentSyntax { RefKindKeyword.RawKind: (int)SyntaxKind.OutKeyword } a => a.Expression.ToString() == name,
                _ => false,
            });
            var around = givers.SelectMany(g => g.Ancestors().TakeWhile(a => a != member).SelectMany(Switches))
                .Where(n => !off.Contains(n)).ToHashSet();
            if (around.Count > 0)
            {
                return around;
            }

        }

        // Or because the way that gave it none goes on, or no value is returned.
        if (error.Id is "CS0165" or "CS0177" or "CS0269" or "CS0161" && member is not null)
        {
            var goesOn = member.DescendantNodes().OfType<IfStatementSyntax>().Where(IsExit)
                .SelectMany(Switches).Where(n => !off.Contains(n)).ToHashSet();
            if (goesOn.Count > 0)
            {
                return goesOn;
            }
        }

        while (node is ParenthesizedExpressionSyntax { Expression: var inner } && !Switches(node).Any())
        {
            node = inner;
        }

        foreach (var ancestor in node.AncestorsAndSelf())
        {
            if (Switches(ancestor).ToHashSet() is { Count: > 0 } found)
            {
                return found;
            }

            if (ancestor == member)
            {
                break;
            }
        }

        return member is null ? [] : [.. member.DescendantNodes().SelectMany(Switches)];
    }

    private static bool IsExit(IfStatementSyntax statement) => statement.Statement is BlockSyntax
    {
        Statements: [ReturnStatementSyntax or ThrowStatementSyntax or ContinueStatementSyntax or BreakStatementSyntax],
    };

    private static IEnumerable<int> Switches(SyntaxNode node)
    {
        var condition = node switch
        {
            ConditionalExpressionSyntax c => c.Condition,
            IfStatementSyntax i => i.Condition,
            WhenClauseSyntax { Condition: ParenthesizedExpressionSyntax { Expression: PrefixUnaryExpressionSyntax p } } => p,
            BinaryExpressionSyntax b => b.Left,
            _ => null,
        };
        if (condition is PrefixUnaryExpressionSyntax prefix)
        {
            condition = prefix.Operand;
        }

        if (condition is InvocationExpressionSyntax call && call.Expression.ToString() == Switch.Call)
        {
            yield return int.Parse(call.ArgumentList.Arguments[0].ToString(), CultureInfo.InvariantCulture);
        }
    }
}
