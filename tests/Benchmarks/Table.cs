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

    /// <summary>The rows alone.</summary>
    public string Rows() =>
        string.Concat(_figures.Select(Line).Prepend("|---|---|---|---|---|---|")
            .Prepend("| what | ours | against | theirs | ratio | wanted |").Select(l => l + "\n"));

    /// <summary>The README's rows.</summary>
    public string Short() =>
        "| what | `listen` | compared with | theirs |\n|---|---|---|---|\n"
            + string.Concat(_figures.Where(f => f.Short is not null).Select(f => $"| {f.Short} | {f.Ours} | {f.Against} | {f.Theirs} |\n"));

    /// <summary>The rows, where they were measured, and what is to be noted.</summary>
    public string Whole()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture,
            $"{Processor()}, {Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}, "
                + $"{RuntimeInformation.FrameworkDescription}; {effort.Rounds} rounds of each side in turn, medians; "
                + $"{DateTime.UtcNow:d MMMM yyyy}.\n\n");
        text.Append(Rows()).Append('\n');
        foreach (var figure in _figures.Where(f => f.Note is not null))
        {
            text.Append(CultureInfo.InvariantCulture, $"- {figure.What}: {figure.Note}\n");
        }

        return text.ToString();
    }

    private static string Number(double? value) => value?.ToString("0.00", CultureInfo.InvariantCulture) ?? "";

    private static string Processor() =>
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim()
            ?? "unknown processor";
}
