using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using static Microsoft.CodeAnalysis.CSharp.SyntaxFactory;

namespace BlackPony.Mutation;

/// <summary>
/// Puts every change of one file beside its original: <c>a &lt; b</c> becomes <c>(On(7) ? a &lt;= b : a &lt; b)</c>. So one build has all,
/// and a change costs no more than the tests that reach it.
/// </summary>
/// <param name="model">What the names mean.</param>
/// <param name="file">The file's name in reports.</param>
/// <param name="mutants">Receives the changes.</param>
/// <param name="off">The numbers of changes that do not compile.</param>
internal sealed class Mutator(SemanticModel model, string file, List<Mutant> mutants, IReadOnlySet<int> off) : CSharpSyntaxRewriter
{
    private static readonly Dictionary<SyntaxKind, SyntaxKind[]> Operators = new()
    {
        [SyntaxKind.LessThanExpression] = [SyntaxKind.LessThanOrEqualExpression, SyntaxKind.GreaterThanOrEqualExpression],
        [SyntaxKind.LessThanOrEqualExpression] = [SyntaxKind.LessThanExpression, SyntaxKind.GreaterThanExpression],
        [SyntaxKind.GreaterThanExpression] = [SyntaxKind.GreaterThanOrEqualExpression, SyntaxKind.LessThanOrEqualExpression],
        [SyntaxKind.GreaterThanOrEqualExpression] = [SyntaxKind.GreaterThanExpression, SyntaxKind.LessThanExpression],
        [SyntaxKind.EqualsExpression] = [SyntaxKind.NotEqualsExpression],
        [SyntaxKind.NotEqualsExpression] = [SyntaxKind.EqualsExpression],
        [SyntaxKind.AddExpression] = [SyntaxKind.SubtractExpression],
        [SyntaxKind.SubtractExpression] = [SyntaxKind.AddExpression],
        [SyntaxKind.MultiplyExpression] = [SyntaxKind.DivideExpression],
        [SyntaxKind.DivideExpression] = [SyntaxKind.MultiplyExpression],
        [SyntaxKind.ModuloExpression] = [SyntaxKind.MultiplyExpression],
        [SyntaxKind.LeftShiftExpression] = [SyntaxKind.RightShiftExpression],
        [SyntaxKind.RightShiftExpression] = [SyntaxKind.LeftShiftExpression],
        [SyntaxKind.BitwiseAndExpression] = [SyntaxKind.BitwiseOrExpression],
        [SyntaxKind.BitwiseOrExpression] = [SyntaxKind.BitwiseAndExpression],
        [SyntaxKind.ExclusiveOrExpression] = [SyntaxKind.BitwiseAndExpression],
    };

    private static readonly Dictionary<SyntaxKind, SyntaxKind> Assignments = new()
    {
        [SyntaxKind.AddAssignmentExpression] = SyntaxKind.SubtractAssignmentExpression,
        [SyntaxKind.SubtractAssignmentExpression] = SyntaxKind.AddAssignmentExpression,
        [SyntaxKind.AndAssignmentExpression] = SyntaxKind.OrAssignmentExpression,
        [SyntaxKind.OrAssignmentExpression] = SyntaxKind.AndAssignmentExpression,
        [SyntaxKind.CoalesceAssignmentExpression] = SyntaxKind.SimpleAssignmentExpression,
    };

    private static readonly Dictionary<string, string> Methods = new()
    {
        ["Any"] = "All", ["All"] = "Any", ["Min"] = "Max", ["Max"] = "Min", ["First"] = "Last", ["FirstOrDefault"] = "LastOrDefault",
        ["StartsWith"] = "EndsWith", ["EndsWith"] = "StartsWith", ["TrimStart"] = "TrimEnd", ["TrimEnd"] = "TrimStart",
        ["ToLowerInvariant"] = "ToUpperInvariant", ["ToUpperInvariant"] = "ToLowerInvariant",
    };

    private bool _isStatic;

    // Constants, names and texts of exceptions: no code to change, or nothing that a user sees.
    public override SyntaxNode? VisitAttributeList(AttributeListSyntax node) => node;

    public override SyntaxNode? VisitEnumDeclaration(EnumDeclarationSyntax node) => node;

    public override SyntaxNode? VisitParameter(ParameterSyntax node) => node;

    public override SyntaxNode? VisitFieldDeclaration(FieldDeclarationSyntax node) =>
        node.Modifiers.Any(SyntaxKind.ConstKeyword) ? node
            : Within(node.Modifiers.Any(SyntaxKind.StaticKeyword), () => base.VisitFieldDeclaration(node));

    public override SyntaxNode? VisitLocalDeclarationStatement(LocalDeclarationStatementSyntax node) =>
        node.IsConst ? node : base.VisitLocalDeclarationStatement(node);

    public override SyntaxNode? VisitPropertyDeclaration(PropertyDeclarationSyntax node) =>
        node.Initializer is null ? base.VisitPropertyDeclaration(node)
            : Within(node.Modifiers.Any(SyntaxKind.StaticKeyword), () => base.VisitPropertyDeclaration(node));

    public override SyntaxNode? VisitConstructorDeclaration(ConstructorDeclarationSyntax node) =>
        Within(node.Modifiers.Any(SyntaxKind.StaticKeyword), () => base.VisitConstructorDeclaration(node));

    public override SyntaxNode? VisitMethodDeclaration(MethodDeclarationSyntax node)
    {
        var visited = (MethodDeclarationSyntax)base.VisitMethodDeclaration(node)!;
        if (node.ExpressionBody is null || node.ReturnType is not PredefinedTypeSyntax { Keyword.RawKind: (int)SyntaxKind.VoidKeyword })
        {
            return visited;
        }

        // A body of one expression loses it too.
        var statement = ExpressionStatement(visited.ExpressionBody!.Expression);
        int id = Add(node, $"{Short(node.ExpressionBody.Expression)} => nothing");
        return id < 0 ? visited
            : visited.WithExpressionBody(null).WithSemicolonToken(default).WithBody(Block(IfStatement(Off(id), Block(statement))));
    }

    public override SyntaxNode? VisitThrowExpression(ThrowExpressionSyntax node) => node;

    public override SyntaxNode? VisitThrowStatement(ThrowStatementSyntax node) =>
        node.Parent is SwitchSectionSyntax ? node : Removed(node, node);

    public override SyntaxNode? VisitConstantPattern(ConstantPatternSyntax node) => node;

    public override SyntaxNode? VisitRelationalPattern(RelationalPatternSyntax node) => node;

    public override SyntaxNode? VisitRecursivePattern(RecursivePatternSyntax node) => node;

    public override SyntaxNode? VisitListPattern(ListPatternSyntax node) => node;

    public override SyntaxNode? VisitBinaryPattern(BinaryPatternSyntax node) => node;

    public override SyntaxNode? VisitInvocationExpression(InvocationExpressionSyntax node)
    {
        if (node.Expression is IdentifierNameSyntax { Identifier.Text: "nameof" })
        {
            return node;
        }

        if (node.Expression is MemberAccessExpressionSyntax { Name.Identifier.Text: "ConfigureAwait" } awaited)
        {
            return node.WithExpression(awaited.WithExpression((ExpressionSyntax)Visit(awaited.Expression)!));
        }

        var visited = (ExpressionSyntax)base.VisitInvocationExpression(node)!;
        if (node.Ancestors().OfType<ConditionalAccessExpressionSyntax>().Any(a => a.WhenNotNull.Contains(node)))
        {
            // The rest of `a?.b()` is no expression of its own.
            return visited;
        }

        if (node.Expression is MemberAccessExpressionSyntax member && Methods.TryGetValue(member.Name.Identifier.Text, out var other))
        {
            var changed = node.WithExpression(member.WithName(IdentifierName(other)));
            visited = Either(node, visited, changed);
        }

        return Negated(node, visited);
    }

    public override SyntaxNode? VisitBinaryExpression(BinaryExpressionSyntax node)
    {
        var visited = (BinaryExpressionSyntax)base.VisitBinaryExpression(node)!;
        switch (node.Kind())
        {
            case SyntaxKind.LogicalAndExpression:
                return visited.WithLeft(Always(node.Left, visited.Left)).WithRight(Always(node.Right, visited.Right));
            case SyntaxKind.LogicalOrExpression:
                return visited.WithLeft(Never(node.Left, visited.Left)).WithRight(Never(node.Right, visited.Right));
            case SyntaxKind.CoalesceExpression:
                return node.Right is ThrowExpressionSyntax ? visited : Either(node, visited, node.Right);
        }

        ExpressionSyntax result = visited;
        foreach (var kind in Operators.GetValueOrDefault(node.Kind(), []))
        {
            // Text has no difference.
            if (kind != SyntaxKind.SubtractExpression || model.GetTypeInfo(node).Type?.SpecialType != SpecialType.System_String)
            {
                result = Either(node, result, BinaryExpression(kind, node.Left, Spaced(OperatorToken(kind)), node.Right));
            }
        }

        return result;
    }

    public override SyntaxNode? VisitPrefixUnaryExpression(PrefixUnaryExpressionSyntax node)
    {
        var visited = (ExpressionSyntax)base.VisitPrefixUnaryExpression(node)!;
        return node.Kind() switch
        {
            SyntaxKind.LogicalNotExpression when node.Operand is not InvocationExpressionSyntax => Either(node, visited, node.Operand),
            SyntaxKind.PreIncrementExpression =>
                Either(node, visited, PrefixUnaryExpression(SyntaxKind.PreDecrementExpression, node.Operand)),
            SyntaxKind.PreDecrementExpression =>
                Either(node, visited, PrefixUnaryExpression(SyntaxKind.PreIncrementExpression, node.Operand)),
            _ => visited,
        };
    }

    public override SyntaxNode? VisitPostfixUnaryExpression(PostfixUnaryExpressionSyntax node)
    {
        var visited = (ExpressionSyntax)base.VisitPostfixUnaryExpression(node)!;
        if (node.Parent is ExpressionStatementSyntax or ForStatementSyntax)
        {
            return visited;
        }

        return node.Kind() switch
        {
            SyntaxKind.PostIncrementExpression =>
                Either(node, visited, PostfixUnaryExpression(SyntaxKind.PostDecrementExpression, node.Operand)),
            SyntaxKind.PostDecrementExpression =>
                Either(node, visited, PostfixUnaryExpression(SyntaxKind.PostIncrementExpression, node.Operand)),
            _ => visited,
        };
    }

    public override SyntaxNode? VisitLiteralExpression(LiteralExpressionSyntax node)
    {
        switch (node.Kind())
        {
            case SyntaxKind.TrueLiteralExpression:
                return Either(node, node, LiteralExpression(SyntaxKind.FalseLiteralExpression));
            case SyntaxKind.FalseLiteralExpression:
                return Either(node, node, LiteralExpression(SyntaxKind.TrueLiteralExpression));
            case SyntaxKind.NumericLiteralExpression when node.Token.Value is int or long:
                return Either(node, node, ParseExpression($"{node.Token.Text} + 1"));
            case SyntaxKind.StringLiteralExpression when node.Token.ValueText.Length > 0:
                return Either(node, node, ParseExpression("\"\""));
            case SyntaxKind.Utf8StringLiteralExpression when node.Token.ValueText.Length > 0:
                return Either(node, node, ParseExpression("\"\"u8"));
            default:
                return node;
        }
    }

    public override SyntaxNode? VisitInterpolatedStringExpression(InterpolatedStringExpressionSyntax node) =>
        Either(node, (ExpressionSyntax)base.VisitInterpolatedStringExpression(node)!, ParseExpression("\"\""));

    public override SyntaxNode? VisitInterpolationFormatClause(InterpolationFormatClauseSyntax node) => node;

    public override SyntaxNode? VisitMemberAccessExpression(MemberAccessExpressionSyntax node)
    {
        if (model.GetSymbolInfo(node).Symbol is IFieldSymbol { IsStatic: true } field && field.ContainingType.Name == "Limits")
        {
            return Limit(node, field);
        }

        return Negated(node, (ExpressionSyntax)base.VisitMemberAccessExpression(node)!);
    }

    public override SyntaxNode? VisitIdentifierName(IdentifierNameSyntax node) =>
        node.Parent is not (MemberAccessExpressionSyntax or QualifiedNameSyntax)
            && model.GetSymbolInfo(node).Symbol is IFieldSymbol { HasConstantValue: true } field
            ? Limit(node, field) : Negated(node, node);

    public override SyntaxNode? VisitConditionalExpression(ConditionalExpressionSyntax node)
    {
        var visited = (ConditionalExpressionSyntax)base.VisitConditionalExpression(node)!;
        return visited.WithCondition(Never(node.Condition, Always(node.Condition, visited.Condition)));
    }

    public override SyntaxNode? VisitIsPatternExpression(IsPatternExpressionSyntax node)
    {
        var visited = (ExpressionSyntax)base.VisitIsPatternExpression(node)!;
        if (!IsPlain(node.Expression))
        {
            return Negated(node, visited);
        }

        foreach (var changed in PatternVariants(node.Pattern))
        {
            visited = Either(node, visited, node.WithPattern(changed));
        }

        return Negated(node, visited);
    }

    public override SyntaxNode? VisitSwitchExpressionArm(SwitchExpressionArmSyntax node)
    {
        var expression = (ExpressionSyntax)Visit(node.Expression)!;
        var when = node.WhenClause is null ? null : Guard(node.WhenClause);
        if (node.Pattern is DiscardPatternSyntax)
        {
            return node.WithExpression(expression).WithWhenClause(when);
        }

        return node.WithExpression(expression).WithWhenClause(Skipped(node, node.Pattern, when));
    }

    public override SyntaxNode? VisitCaseSwitchLabel(CaseSwitchLabelSyntax node)
    {
        var when = Skipped(node, node.Value, null);
        return when is null ? node : CasePatternSwitchLabel(node.Keyword, ConstantPattern(node.Value), when, node.ColonToken);
    }

    public override SyntaxNode? VisitCasePatternSwitchLabel(CasePatternSwitchLabelSyntax node) =>
        node.WithWhenClause(Skipped(node, node.Pattern, node.WhenClause is null ? null : Guard(node.WhenClause)));

    public override SyntaxNode? VisitArgument(ArgumentSyntax node) => IsBufferSize(node) ? node : base.VisitArgument(node);

    public override SyntaxNode? VisitIfStatement(IfStatementSyntax node)
    {
        var only = node.Statement is BlockSyntax { Statements: [var one] } ? one : node.Statement;
        if (node.Else is null && only is ExpressionStatementSyntax { Expression: var unseen } && IsUnseen(unseen))
        {
            return node;
        }

        var visited = (IfStatementSyntax)base.VisitIfStatement(node)!;
        return visited.WithCondition(Never(node.Condition, Always(node.Condition, visited.Condition)));
    }

    public override SyntaxNode? VisitWhileStatement(WhileStatementSyntax node)
    {
        var visited = (WhileStatementSyntax)base.VisitWhileStatement(node)!;
        return node.Condition.IsKind(SyntaxKind.TrueLiteralExpression) ? node.WithStatement(visited.Statement)
            : visited.WithCondition(Never(node.Condition, visited.Condition));
    }

    public override SyntaxNode? VisitExpressionStatement(ExpressionStatementSyntax node)
    {
        var visited = (StatementSyntax)base.VisitExpressionStatement(node)!;
        StatementSyntax result = visited;
        if (node.Expression is AssignmentExpressionSyntax { Left: DeclarationExpressionSyntax })
        {
            return visited;
        }

        if (node.Expression is AssignmentExpressionSyntax assignment && Assignments.TryGetValue(assignment.Kind(), out var kind))
        {
            result = Instead(node, result, ExpressionStatement(AssignmentExpression(kind, assignment.Left, assignment.Right)));
        }

        return IsUnseen(node.Expression) ? result : Removed(node, result);
    }

    public override SyntaxNode? VisitAssignmentExpression(AssignmentExpressionSyntax node) =>
        node.Left is IdentifierNameSyntax { Identifier.Text: "NoDelay" } ? node : base.VisitAssignmentExpression(node);

    public override SyntaxNode? VisitReturnStatement(ReturnStatementSyntax node) =>
        node.Expression is null && node.Parent is not SwitchSectionSyntax ? Removed(node, node) : base.VisitReturnStatement(node);

    public override SyntaxNode? VisitContinueStatement(ContinueStatementSyntax node) =>
        node.Parent is SwitchSectionSyntax ? node : Removed(node, node);

    public override SyntaxNode? VisitBreakStatement(BreakStatementSyntax node) =>
        node.Parent is SwitchSectionSyntax ? node : Removed(node, node);

    // `a is b or c` may lose either; a bound of it may move by one.
    private static IEnumerable<PatternSyntax> PatternVariants(PatternSyntax pattern)
    {
        switch (pattern)
        {
            case BinaryPatternSyntax binary:
                yield return binary.Left;
                yield return binary.Right;
                foreach (var left in PatternVariants(binary.Left).Where(_ => !binary.Left.IsKind(binary.Kind())))
                {
                    yield return binary.WithLeft(left);
                }

                foreach (var right in PatternVariants(binary.Right))
                {
                    yield return binary.WithRight(right);
                }

                break;
            case RelationalPatternSyntax relational:
                var token = relational.OperatorToken.Kind() switch
                {
                    SyntaxKind.LessThanToken => SyntaxKind.LessThanEqualsToken,
                    SyntaxKind.LessThanEqualsToken => SyntaxKind.LessThanToken,
                    SyntaxKind.GreaterThanToken => SyntaxKind.GreaterThanEqualsToken,
                    _ => SyntaxKind.GreaterThanToken,
                };
                yield return relational.WithOperatorToken(Token(token));
                break;
            case UnaryPatternSyntax { Pattern: var inner } unary:
                foreach (var changed in PatternVariants(inner))
                {
                    yield return unary.WithPattern(changed);
                }

                break;
            case ParenthesizedPatternSyntax { Pattern: var inner } parenthesized:
                foreach (var changed in PatternVariants(inner))
                {
                    yield return parenthesized.WithPattern(changed);
                }

                break;
            case RecursivePatternSyntax { PropertyPatternClause: { } clause } recursive when clause.Subpatterns.Count > 1:
                foreach (var sub in clause.Subpatterns)
                {
                    yield return recursive.WithPropertyPatternClause(clause.WithSubpatterns(clause.Subpatterns.Remove(sub)));
                }

                break;
        }
    }

    private static bool IsPlain(ExpressionSyntax expression) => expression is IdentifierNameSyntax or ThisExpressionSyntax
        || expression is MemberAccessExpressionSyntax { Expression: var inner } && IsPlain(inner)
        || expression is ElementAccessExpressionSyntax { Expression: var list } element && IsPlain(list)
            && element.ArgumentList.Arguments.All(a => a.Expression is LiteralExpressionSyntax or IdentifierNameSyntax);

    private static InvocationExpressionSyntax On(int id) => (InvocationExpressionSyntax)ParseExpression($"{Switch.Call}({id})");

    private static PrefixUnaryExpressionSyntax Off(int id) => PrefixUnaryExpression(SyntaxKind.LogicalNotExpression, On(id));

    private static ParenthesizedExpressionSyntax Wrapped(ExpressionSyntax expression) =>
        ParenthesizedExpression(expression.WithoutTrivia());

    private static WhenClauseSyntax When(ExpressionSyntax condition) =>
        WhenClause(Spaced(Token(SyntaxKind.WhenKeyword)), condition.WithTrailingTrivia(Space));

    private static SyntaxToken Spaced(SyntaxToken token) => token.WithLeadingTrivia(Space).WithTrailingTrivia(Space);

    private static SyntaxToken OperatorToken(SyntaxKind kind) =>
        BinaryExpression(kind, IdentifierName("a"), IdentifierName("b")).OperatorToken;

    // Leaving it out changes no result, whatever the input: a local array is not erased, memory is not given back, packets are fewer.
    private bool IsUnseen(ExpressionSyntax expression) => expression switch
    {
        AssignmentExpressionSyntax { Left: MemberAccessExpressionSyntax { Name.Identifier.Text: "NoDelay" } } => true,
        InvocationExpressionSyntax { ArgumentList.Arguments: [var argument, ..] } call
            when model.GetSymbolInfo(call).Symbol is IMethodSymbol method =>
            (method.ContainingType.Name, method.Name) switch
            {
                ("CryptographicOperations", "ZeroMemory") => model.GetSymbolInfo(argument.Expression).Symbol is ILocalSymbol,
                ("ArrayPool", "Return") or ("GC", "SuppressFinalize") => true,
                _ => false,
            },
        _ => false,
    };

    // How large a buffer is at first, or how much is read at one time: a number alone.
    private static bool IsBufferSize(ArgumentSyntax node) =>
        node.Expression.DescendantNodesAndSelf().All(n => n is LiteralExpressionSyntax or BinaryExpressionSyntax)
        && (node.NameColon?.Name.Identifier.Text == "bufferSize"
            || node.Parent?.Parent is ObjectCreationExpressionSyntax { Type: var type }
                && type.ToString().Split('<')[0] is "ArrayBufferWriter" or "BufferedStream");

    private SyntaxNode? Within(bool isStatic, Func<SyntaxNode?> visit)
    {
        bool was = _isStatic;
        _isStatic |= isStatic;
        var result = visit();
        _isStatic = was;
        return result;
    }

    // -1 if it does not compile.
    private int Add(SyntaxNode node, string change)
    {
        int id = mutants.Count;
        int line = node.GetLocation().GetLineSpan().StartLinePosition.Line + 1;
        bool isStatic = _isStatic && node.Ancestors().TakeWhile(a => a is not MemberDeclarationSyntax)
            .All(a => a is not AnonymousFunctionExpressionSyntax);
        mutants.Add(new Mutant(id, file, line, change, isStatic));
        return off.Contains(id) ? -1 : id;
    }

    private static string Short(SyntaxNode node)
    {
        var text = string.Join(' ', node.ToString().Split((char[])[' ', '\n', '\r', '\t'], StringSplitOptions.RemoveEmptyEntries));
        return text.Length > 100 ? text[..97] + "…" : text;
    }

    private ExpressionSyntax Either(ExpressionSyntax node, ExpressionSyntax original, ExpressionSyntax changed)
    {
        int id = Add(node, $"{Short(node)} => {Short(changed)}");
        return id < 0 ? original
            : ParenthesizedExpression(ConditionalExpression(On(id), Wrapped(changed), Wrapped(original)));
    }

    private ExpressionSyntax Always(ExpressionSyntax node, ExpressionSyntax original)
    {
        int id = Add(node, $"{Short(node)} => true");
        return id < 0 ? original : ParenthesizedExpression(BinaryExpression(SyntaxKind.LogicalOrExpression, On(id), Wrapped(original)));
    }

    private ExpressionSyntax Never(ExpressionSyntax node, ExpressionSyntax original)
    {
        int id = Add(node, $"{Short(node)} => false");
        return id < 0 ? original : ParenthesizedExpression(BinaryExpression(SyntaxKind.LogicalAndExpression, Off(id), Wrapped(original)));
    }

    // A truth that is returned, passed on or kept; where it is decided on, the decision is changed.
    private ExpressionSyntax Negated(ExpressionSyntax node, ExpressionSyntax original)
    {
        bool isValue = node.Parent is ReturnStatementSyntax or ArrowExpressionClauseSyntax or ArgumentSyntax or EqualsValueClauseSyntax
            or SimpleLambdaExpressionSyntax or ParenthesizedLambdaExpressionSyntax or SwitchExpressionArmSyntax
            or PrefixUnaryExpressionSyntax { RawKind: (int)SyntaxKind.LogicalNotExpression }
            || (node.Parent is AssignmentExpressionSyntax assignment && assignment.Right == node);
        bool isRef = node.Parent is ArgumentSyntax { RefKindKeyword.RawKind: not 0 };
        if (!isValue || isRef || model.GetTypeInfo(node).Type?.SpecialType != SpecialType.System_Boolean)
        {
            return original;
        }

        int id = Add(node, $"{Short(node)} => !({Short(node)})");
        return id < 0 ? original : ParenthesizedExpression(BinaryExpression(SyntaxKind.ExclusiveOrExpression, On(id), Wrapped(original)));
    }

    private ExpressionSyntax Limit(ExpressionSyntax node, IFieldSymbol field)
    {
        if (node.Ancestors().Any(a => a is PatternSyntax or CaseSwitchLabelSyntax))
        {
            return node;
        }

        var more = field.ConstantValue is int or long ? "1"
            : field.Type.Name == nameof(TimeSpan) ? "global::System.TimeSpan.FromSeconds(1)" : null;
        return more is null || field.Type.TypeKind == TypeKind.Enum ? node
            : Either(node, node, ParseExpression($"{node.WithoutTrivia()} + {more}"));
    }

    private WhenClauseSyntax Guard(WhenClauseSyntax when)
    {
        var visited = (ExpressionSyntax)Visit(when.Condition)!;
        return When(Always(when.Condition, visited));
    }

    private WhenClauseSyntax? Skipped(SyntaxNode node, SyntaxNode pattern, WhenClauseSyntax? when)
    {
        int id = Add(node, $"{Short(pattern)} => no such case");
        if (id < 0)
        {
            return when;
        }

        ExpressionSyntax off = Off(id);
        return When(ParenthesizedExpression(
            when is null ? off : BinaryExpression(SyntaxKind.LogicalAndExpression, off, Wrapped(when.Condition))));
    }

    // Else the `else` of an `if` without braces would belong to the change.
    private static StatementSyntax Apart(StatementSyntax node, IfStatementSyntax changed) =>
        node.Parent is BlockSyntax or SwitchSectionSyntax ? changed : Block(changed);

    private StatementSyntax Removed(StatementSyntax node, StatementSyntax original)
    {
        int id = Add(node, $"{Short(node)} => nothing");
        return id < 0 ? original : Apart(node, IfStatement(Off(id), Block(original)));
    }

    private StatementSyntax Instead(StatementSyntax node, StatementSyntax original, StatementSyntax changed)
    {
        int id = Add(node, $"{Short(node)} => {Short(changed)}");
        return id < 0 ? original : Apart(node, IfStatement(On(id), Block(changed), ElseClause(Block(original))));
    }
}
