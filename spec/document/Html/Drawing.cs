using System.Globalization;
using System.Xml.Linq;

namespace BlackPony.SpecDocument.Html;

/// <summary>
/// A figure, which the text draws in characters, as lines and words: <c>-</c>, <c>|</c> and <c>+</c> are lines and their corners,
/// <c>=</c> is a double line, <c>&lt;</c>, <c>&gt;</c>, <c>^</c> and <c>v</c> at the end of a line are arrow heads, all else is text.
/// </summary>
internal sealed class Drawing(IReadOnlyList<string> lines)
{
    private const int CellWidth = 8;
    private const int CellHeight = 17;

    private readonly int _columns = lines.Max(l => l.Length);

    public XElement Draw(string title) => new(
        "figure",
        new XAttribute("class", "drawing"),
        new XAttribute("tabindex", "0"),
        new XElement("figcaption", title),
        new XElement(
            "svg",
            new XAttribute("role", "img"),
            new XAttribute("aria-label", title),
            new XAttribute("viewBox", $"0 0 {_columns * CellWidth} {lines.Count * CellHeight}"),
            new XAttribute("width", _columns * CellWidth),
            new XAttribute("height", lines.Count * CellHeight),
            new XElement("path", new XAttribute("class", "line"), new XAttribute("d", string.Join(' ', Lines()))),
            new XElement("path", new XAttribute("class", "head"), new XAttribute("d", string.Join(' ', Heads()))),
            Words()));

    private char At(int row, int column) =>
        row >= 0 && row < lines.Count && column >= 0 && column < lines[row].Length ? lines[row][column] : ' ';

    // A hyphen in a word is no line.
    private bool IsHorizontal(int row, int column) =>
        At(row, column) == '-' && (At(row, column - 1) is '-' or '+' or '<' or '|' || At(row, column + 1) is '-' or '+' or '>' or '|');

    private bool IsDouble(int row, int column) => At(row, column) == '=' && (At(row, column - 1) == '=' || At(row, column + 1) == '=');

    private bool IsVertical(int row, int column) => At(row, column) == '|';

    private bool IsCorner(int row, int column) =>
        At(row, column) == '+' && (IsHorizontal(row, column - 1) || IsHorizontal(row, column + 1)
            || IsVertical(row - 1, column) || IsVertical(row + 1, column));

    // Where the head of an arrow points to, as steps of column and row; null if it is none.
    private (int X, int Y)? Head(int row, int column) => At(row, column) switch
    {
        '>' when IsHorizontal(row, column - 1) || IsDouble(row, column - 1) => (1, 0),
        '<' when IsHorizontal(row, column + 1) || IsDouble(row, column + 1) => (-1, 0),
        'v' when IsVertical(row - 1, column) || IsCorner(row - 1, column) => (0, 1),
        '^' when IsVertical(row + 1, column) || IsCorner(row + 1, column) => (0, -1),
        _ => null,
    };

    private bool IsLine(int row, int column) =>
        IsHorizontal(row, column) || IsDouble(row, column) || IsVertical(row, column) || IsCorner(row, column)
        || Head(row, column) is not null;

    private IEnumerable<(int Row, int Column)> Cells() =>
        Enumerable.Range(0, lines.Count).SelectMany(r => Enumerable.Range(0, lines[r].Length).Select(c => (r, c)));

    private IEnumerable<string> Lines()
    {
        foreach (var (row, column) in Cells())
        {
            if (IsHorizontal(row, column))
                yield return Move(row, column, -1, 0) + Line(row, column, 1, 0);
            else if (IsDouble(row, column))
            {
                foreach (double y in (double[])[-0.2, 0.2])
                    yield return Move(row, column, -1, y) + Line(row, column, 1, y);
            }
            else if (IsVertical(row, column))
                yield return Move(row, column, 0, -1) + Line(row, column, 0, 1);
            else if (IsCorner(row, column))
            {
                foreach (var (x, y) in ((int, int)[])[(-1, 0), (1, 0), (0, -1), (0, 1)])
                {
                    if (y == 0 ? IsHorizontal(row, column + x) : IsVertical(row + y, column) || IsCorner(row + y, column)
                        || Head(row + y, column) is not null)
                        yield return Move(row, column, 0, 0) + Line(row, column, x, y);
                }
            }
        }
    }

    private IEnumerable<string> Heads()
    {
        foreach (var (row, column) in Cells())
        {
            if (Head(row, column) is not var (x, y))
                continue;

            // The point at the far side of the cell, the base at its near side.
            double cx = (column + 0.5) * CellWidth, cy = (row + 0.5) * CellHeight;
            double length = x != 0 ? CellWidth / 2.0 : CellHeight / 2.0, half = 4;
            double bx = cx - x * length, by = cy - y * length;
            yield return Invariant(
                $"M{cx + x * length} {cy + y * length}L{bx - y * half} {by - x * half}L{bx + y * half} {by + x * half}Z");
        }
    }

    private IEnumerable<XElement> Words()
    {
        for (int row = 0; row < lines.Count; row++)
        {
            int column = 0;
            while (column < lines[row].Length)
            {
                int start = column;
                while (column < lines[row].Length && !IsLine(row, column)
                    && !(lines[row][column] == ' ' && (At(row, column + 1) == ' ' || column == start)))
                    column++;

                var word = lines[row][start..column].TrimEnd();
                if (word.Length == 0)
                {
                    column = Math.Max(column, start + 1);
                    continue;
                }

                yield return new XElement("text",
                    new XAttribute("x", start * CellWidth),
                    new XAttribute("y", Invariant($"{(row + 0.75) * CellHeight}")),
                    new XAttribute("textLength", word.Length * CellWidth),
                    new XAttribute("lengthAdjust", "spacingAndGlyphs"),
                    word);
            }
        }
    }

    private static string Move(int row, int column, int x, double y) => "M" + Point(row, column, x, y);

    private static string Line(int row, int column, int x, double y) => "L" + Point(row, column, x, y);

    // The middle of a cell, or of one of its sides; y is in halves of its height.
    private static string Point(int row, int column, int x, double y) =>
        Invariant($"{(column + 0.5 + x / 2.0) * CellWidth} {(row + 0.5 + y / 2.0) * CellHeight}");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
