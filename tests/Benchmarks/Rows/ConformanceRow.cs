using System.Diagnostics;
using System.Globalization;

namespace BlackPony.Benchmarks.Rows;

/// <summary>The whole suite against the reference, both roles, as a user runs it.</summary>
internal sealed class ConformanceRow : IRow
{
    public string Name => "conformance";

    public string What => "whole conformance run, both roles, from start to exit";

    public async Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        var program = Path.Combine(Where.Root, "artifacts/publish/linux-x64/blackpony-conformance");
        var times = new List<double>();
        for (int i = 0; i < effort.Rounds; i++)
        {
            long start = Stopwatch.GetTimestamp();
            using var process = Process.Start(new ProcessStartInfo(program)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            await process.WaitForExitAsync();
            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            if (process.ExitCode != 0)
            {
                throw new InvalidOperationException("the conformance run failed.");
            }
        }

        double time = Rounds.Median(times);
        return [new Figure(What, time.ToString("0.0 's'", CultureInfo.InvariantCulture), "a budget", "1.5 s", 1.5 / time, 1)];
    }
}
