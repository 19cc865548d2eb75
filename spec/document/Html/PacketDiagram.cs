using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace BlackPony.SpecDocument.Html;

/// <summary>A field of a packet.</summary>
/// <param name="Label">What it is.</param>
/// <param name="Octets">Its length; null if it varies.</param>
internal sealed record Field(string Label, string? Octets);

/// <summary>What the text writes as <c>name = a ‖ b ‖ c</c>, drawn as boxes with their lengths in octets.</summary>
internal sealed partial record PacketDiagram(string Name, IReadOnlyList<Field> Fields)
{
    private const int BoxHeight = 46;
    private const int RowHeight = 70;
    private const int MaxWidth = 340;
    private const double LetterWidth = 7.3;

    /// <summary>The diagrams in a block of formulas.</summary>
    public static IEnumerable<PacketDiagram> In(IReadOnlyList<string> lines)
    {
        foreach (var formula in Formulas(lines))
        {
            var match = Formula().Match(formula);
            var (name, right) = (match.Groups[1].Value.Trim(), match.Groups[2].Value.Trim());
            if (Times().Match(right) is { Success: true } times)
                (name, right) = ($"{name}, {times.Groups[1].Value} times", times.Groups[2].Value);
            else if (Hashed().Match(right) is { Success: true } hashed)
                (name, right) = ($"{name} is {hashed.Groups[1].Value} of", hashed.Groups[2].Value);

            var fields = Split(right).Select(FieldOf).ToList();
            if (match.Success && fields.Count > 1)
                yield return new PacketDiagram(name, fields);
        }
    }

    /// <summary>
    /// The diagram of a table's row: name, content with ‖, and octets as <c>384 + 32 = 416</c>; null if it is no such row.
    /// </summary>
    public static PacketDiagram? In(string name, string content, string octets)
    {
        var parts = content.Split(" ‖ ");
        var lengths = octets.Split('=')[0].Split('+').Select(p => p.Trim()).ToArray();
        return parts.Length > 1 && parts.Length == lengths.Length
            ? new PacketDiagram(name, [.. parts.Zip(lengths, (p, l) => new Field(p, l))])
            : null;
    }

    public XElement Draw()
    {
        var boxes = new List<XElement>();
        double x = 1;
        double width = 0;
        int row = 0;
        foreach (var field in Fields)
        {
            var label = Wrap(field.Label);
            double box = Math.Max(label.Max(l => l.Length), 4) * LetterWidth + 18;
            if (x > 1 && x + box > MaxWidth)
                (x, row) = (1, row + 1);

            boxes.AddRange(Box(field, label, x, row * RowHeight + 1, box));
            x += box;
            width = Math.Max(width, x);
        }

        int height = (row + 1) * RowHeight - 4;
        return new XElement(
            "figure",
            new XAttribute("class", "packet"),
            new XElement("figcaption", Name),
            new XElement(
                "svg",
                new XAttribute("viewBox", string.Create(CultureInfo.InvariantCulture, $"0 0 {width + 1:0} {height}")),
                new XAttribute("width", string.Create(CultureInfo.InvariantCulture, $"{width + 1:0}")),
                new XAttribute("height", height),
                new XAttribute("role", "img"),
                new XElement("title",
                    $"{Name}: {string.Join(", then ", Fields.Select(f => f.Octets is null ? f.Label : $"{f.Label} ({f.Octets} octets)"))}"),
                boxes));
    }

    private static IEnumerable<XElement> Box(Field field, List<string> label, double x, int y, double width)
    {
        yield return new XElement("rect", At("x", x), At("y", y), At("width", width), At("height", BoxHeight),
            field.Octets is null ? new XAttribute("class", "varies") : null);
        for (int i = 0; i < label.Count; i++)
        {
            yield return new XElement("text", At("x", x + width / 2),
                At("y", y + BoxHeight / 2 + 5 + (i - (label.Count - 1) / 2.0) * 15), label[i]);
        }

        if (field.Octets is not null)
        {
            yield return new XElement("text", At("x", x + width / 2), At("y", y + BoxHeight + 15),
                new XAttribute("class", "octets"), field.Octets);
        }
    }

    private static XAttribute At(string name, double value) => new(name, value.ToString("0.#", CultureInfo.InvariantCulture));

    private static List<string> Wrap(string label)
    {
        var lines = new List<string> { "" };
        foreach (var word in label.Split(' '))
        {
            if (lines[^1].Length > 0 && lines[^1].Length + word.Length > 17 && lines.Count < 3)
                lines.Add("");

            lines[^1] = $"{lines[^1]} {word}".Trim();
        }

        return lines;
    }

    // A formula may go on in lines that are further to the right.
    private static IEnumerable<string> Formulas(IReadOnlyList<string> lines)
    {
        string? whole = null;
        foreach (var line in lines)
        {
            if (whole is not null && line.StartsWith("     ", StringComparison.Ordinal))
            {
                whole += " " + line.Trim();
                continue;
            }

            if (whole is not null)
                yield return whole;

            whole = Comment().Replace(line, "");
        }

        if (whole is not null)
            yield return whole;
    }

    private static IEnumerable<string> Split(string right)
    {
        int depth = 0;
        int start = 0;
        for (int i = 0; i < right.Length; i++)
        {
            depth += right[i] switch { '(' => 1, ')' => -1, _ => 0 };
            if (right[i] == '‖' && depth == 0)
            {
                yield return right[start..i].Trim();
                start = i + 1;
            }
        }

        yield return right[start..].Trim();
    }

    private static Field FieldOf(string text) =>
        Number().Match(text) is { Success: true } n
            ? new Field(n.Groups[2].Value,
                (int.Parse(n.Groups[1].Value, CultureInfo.InvariantCulture) / 8).ToString(CultureInfo.InvariantCulture))
        : Measured().Match(text) is { Success: true } m ? new Field(m.Groups[1].Value, m.Groups[2].Value)
        : Quoted().Match(text) is { Success: true } q ? new Field(text, q.Groups[1].Value.Length.ToString(CultureInfo.InvariantCulture))
        : new Field(text, null);

    [GeneratedRegex(@"^([A-Za-z][A-Za-z_ ()]*?)\s*=\s*(.*)$")]
    private static partial Regex Formula();

    [GeneratedRegex(@"^(\d+ to \w+) times \( (.*) \)$")]
    private static partial Regex Times();

    [GeneratedRegex(@"^(SHA-256)\( (.*) \)$")]
    private static partial Regex Hashed();

    [GeneratedRegex(@"^uint(\d+)\((.*)\)$")]
    private static partial Regex Number();

    [GeneratedRegex(@"^(.*) \((\d+)\)$")]
    private static partial Regex Measured();

    [GeneratedRegex("^\"(.*)\"$")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\s{3,}(?![=\s]).*$")]
    private static partial Regex Comment();
}
