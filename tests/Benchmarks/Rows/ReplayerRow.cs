using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace BlackPony.Benchmarks.Rows;

/// <summary>Reading captures, measured by <c>tests/Benchmarks/inspect</c>.</summary>
internal sealed partial class ReplayerRow : IRow
{
    public string Name => "replayer";

    public string What => "blackpony-replay inspect on a capture of SMTP";

    public async Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        using var process = Process.Start(
            new ProcessStartInfo(Path.Combine(Where.Root, "tests/Benchmarks/inspect"), [effort == Effort.Quick ? "100" : "1000"])
            {
                RedirectStandardOutput = true,
            })!;
        var text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        var rates = Rate().Matches(text).Select(m => $"{m.Groups[1].Value} MB/s").ToList();
        double? ratio = Ratio().Match(text) is { Success: true } m ? double.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture) : null;
        return rates.Count == 0
            ? throw new IOException("inspect failed.")
            : [new Figure(What, rates[0], "tshark -Y smtp", rates.ElementAtOrDefault(1) ?? "not installed", ratio, 150)];
    }

    // The script's second column.
    [GeneratedRegex(@"^(?:blackpony-replay inspect|tshark -Y smtp) +[\d.]+ +(\d+)", RegexOptions.Multiline)]
    private static partial Regex Rate();

    [GeneratedRegex(@"times as fast +([\d.]+)")]
    private static partial Regex Ratio();
}
