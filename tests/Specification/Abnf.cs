using System.Globalization;
using System.Text.RegularExpressions;

namespace BlackPony.Tests.Specification;

/// <summary>
/// A grammar in ABNF (RFC 5234, RFC 7405), read out of a document: it recognises octets, and makes some.
/// Octets are Latin-1 characters here.
/// </summary>
internal sealed partial class Abnf
{
    private const string Core = """
        ALPHA = %x41-5A / %x61-7A
        CRLF = %x0D.0A
        DIGIT = %x30-39
        HEXDIG = DIGIT / "A" / "B" / "C" / "D" / "E" / "F"
        LF = %x0A
        OCTET = %x00-FF
        SP = %x20
        VCHAR = %x21-7E
        textstring = 1*( %x09 / %x20-7E )
        """;

    private readonly Dictionary<string, Node> _rules = [];

    public Abnf(string grammar)
    {
        foreach (var text in (string[])[Core, grammar])
        {
            // A rule goes on in the lines that are indented further.
            var lines = Comment().Replace(text, "").Split('\n');
            int indent = lines.First(l => l.Trim().Length > 0).TakeWhile(c => c == ' ').Count();
            foreach (var rule in Regex.Split(string.Join('\n', lines.Select(l => l.Length > indent ? l[indent..] : "")), @"\n(?=[A-Za-z])"))
            {
                if (rule.Split('=', 2) is [var name, var body])
                {
                    _rules[name.Trim()] = new Parser(body).Alternation();
                }
            }
        }
    }

    /// <summary>The names of the rules.</summary>
    public IEnumerable<string> Rules => _rules.Keys;

    /// <summary>Whether a rule takes the whole text.</summary>
    public bool Matches(string rule, string text) => Ends(_rules[rule], text, 0, []).Contains(text.Length);

    /// <summary>Makes a text of a rule.</summary>
    public string Make(string rule, Random random) => Make(_rules[rule], random);

    // Where the node may end if it begins at a place; what was found once is kept.
    private HashSet<int> Ends(Node node, string text, int at, Dictionary<(Node, int), HashSet<int>> known)
    {
        if (known.TryGetValue((node, at), out var ends))
        {
            return ends;
        }

        ends = node switch
        {
            Literal l =>
                at + l.Text.Length <= text.Length
                    && string.Compare(l.Text, 0, text, at, l.Text.Length,
                        l.Exact ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase) == 0 ? [at + l.Text.Length] : [],
            CharRange r => at < text.Length && text[at] >= r.First && text[at] <= r.Last ? [at + 1] : [],
            Rule r => Ends(_rules[r.Name], text, at, known),
            Choice c => [.. c.Parts.SelectMany(p => Ends(p, text, at, known))],
            Sequence s =>
                s.Parts.Aggregate(new HashSet<int> { at }, (starts, part) => [.. starts.SelectMany(from => Ends(part, text, from, known))]),
            Repeat r => Repeated(r, text, at, known),
            _ => throw new InvalidOperationException(),
        };
        known[(node, at)] = ends;
        return ends;
    }

    private HashSet<int> Repeated(Repeat repeat, string text, int at, Dictionary<(Node, int), HashSet<int>> known)
    {
        HashSet<int> all = repeat.Least == 0 ? [at] : [], starts = [at];
        for (int i = 1; i <= repeat.Most && starts.Count > 0; i++)
        {
            starts = [.. starts.SelectMany(from => Ends(repeat.Part, text, from, known)).Where(e => i < repeat.Least || !all.Contains(e))];
            if (i >= repeat.Least)
            {
                all.UnionWith(starts);
            }
        }

        return all;
    }

    private string Make(Node node, Random random) => node switch
    {
        Literal { Exact: true } l => l.Text,
        Literal l => string.Concat(l.Text.Select(c => random.Next(2) == 0 ? char.ToUpperInvariant(c) : char.ToLowerInvariant(c))),
        CharRange r => ((char)random.Next(r.First, r.Last + 1)).ToString(),
        Rule r => Make(_rules[r.Name], random),
        Choice c => Make(c.Parts[random.Next(c.Parts.Count)], random),
        Sequence s => string.Concat(s.Parts.Select(p => Make(p, random))),
        Repeat r =>
            string.Concat(Enumerable.Range(0, random.Next(r.Least, Math.Min(r.Most, r.Least + 12) + 1)).Select(_ => Make(r.Part, random))),
        _ => throw new InvalidOperationException(),
    };

    [GeneratedRegex(@";[^\n]*")]
    private static partial Regex Comment();

    private abstract record Node;

    private sealed record Literal(string Text, bool Exact) : Node;

    private sealed record CharRange(char First, char Last) : Node;

    private sealed record Rule(string Name) : Node;

    private sealed record Choice(IReadOnlyList<Node> Parts) : Node;

    private sealed record Sequence(IReadOnlyList<Node> Parts) : Node;

    private sealed record Repeat(int Least, int Most, Node Part) : Node;

    private sealed partial class Parser(string body)
    {
        private readonly List<string> _tokens = [.. Token().Matches(body).Select(m => m.Value)];
        private int _next;

        public Node Alternation()
        {
            var parts = new List<Node> { Concatenation() };
            while (Take("/"))
            {
                parts.Add(Concatenation());
            }

            return parts.Count == 1 ? parts[0] : new Choice(parts);
        }

        private Node Concatenation()
        {
            var parts = new List<Node>();
            while (_next < _tokens.Count && _tokens[_next] is not ("/" or ")" or "]"))
            {
                parts.Add(Repetition());
            }

            return parts.Count == 1 ? parts[0] : new Sequence(parts);
        }

        private Node Repetition()
        {
            if (Count().Match(_tokens[_next]) is not { Success: true } count)
            {
                return Element();
            }

            _next++;
            int least = Number(count.Groups[1].Value, 0);
            int most = count.Groups[2].Success ? Number(count.Groups[3].Value, int.MaxValue) : least;
            return new Repeat(least, most, Element());
        }

        private Node Element()
        {
            var token = _tokens[_next++];
            switch (token[0])
            {
                case '(':
                    return Closed(Alternation(), ")");
                case '[':
                    return new Repeat(0, 1, Closed(Alternation(), "]"));
                case '"':
                    return new Literal(token[1..^1], false);
                case '%' when token[1] == 's':
                    return new Literal(token[3..^1], true);
                case '%' when token.Contains('-', StringComparison.Ordinal):
                    var ends = token[2..].Split('-');
                    return new CharRange(Hex(ends[0]), Hex(ends[1]));
                case '%':
                    return new Literal(string.Concat(token[2..].Split('.').Select(Hex)), true);
                default:
                    return new Rule(token);
            }
        }

        private Node Closed(Node node, string bracket) =>
            Take(bracket) ? node : throw new FormatException($"{bracket} is missing in {body}");

        private bool Take(string token)
        {
            bool found = _next < _tokens.Count && _tokens[_next] == token;
            _next += found ? 1 : 0;
            return found;
        }

        private static char Hex(string digits) => (char)int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

        private static int Number(string digits, int otherwise) =>
            digits.Length > 0 ? int.Parse(digits, CultureInfo.InvariantCulture) : otherwise;

        [GeneratedRegex(@"%s""[^""]*""|""[^""]*""|%x[0-9A-Fa-f.-]+|\d*\*\d*|\d+(?=[A-Za-z(""%\[])|[A-Za-z][A-Za-z0-9-]*|[/()\[\]]")]
        private static partial Regex Token();

        [GeneratedRegex(@"^(\d*)(\*(\d*))?$")]
        private static partial Regex Count();
    }
}
