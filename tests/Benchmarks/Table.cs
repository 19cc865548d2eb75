using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace BlackPony.Benchmarks;

/// <summary>The table, with the machine on which it was made.</summary>
internal sealed class Table(Effort effort)
{
    private readonly List<Figure> _figures = [];

    public void Add(Figure figure) => _figures.Add(figure);

    public static string Line(Figure f) => $"| {f.What} | {f.Ours} | {f.Against} | {f.Theirs} | {Number(f.Ratio)} | {Number(f.Wanted)} |";

    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{Processor()}, {Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}; {effort.Rounds} rounds of each side in turn, medians.");
        text.AppendLine();
        text.AppendLine("| what | ours | against | theirs | ratio | wanted |");
        text.AppendLine("|---|---|---|---|---|---|");
        foreach (var figure in _figures)
        {
            text.AppendLine(Line(figure));
        }

        var notes = _figures.Where(f => f.Note is not null).ToList();
        if (notes.Count > 0)
        {
            text.AppendLine();
            foreach (var figure in notes)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"- {figure.What}: {figure.Note}");
            }
        }

        return text.ToString();
    }

    private static string Number(double? value) => value?.ToString("0.00", CultureInfo.InvariantCulture) ?? "";

    private static string Processor() =>
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown processor";
}
