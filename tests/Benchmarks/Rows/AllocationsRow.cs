using BlackPony.Benchmarks.Inner;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace BlackPony.Benchmarks.Rows;

/// <summary>BenchmarkDotNet's memory column: octets allocated for each record and line in the steady state.</summary>
internal sealed class AllocationsRow : IRow
{
    public string Name => "allocations";

    public string What => "allocation for each record, line and payload (BenchmarkDotNet)";

    public Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        var config = ManualConfig.CreateEmpty()
            .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance))
            .AddColumnProvider(BenchmarkDotNet.Columns.DefaultColumnProviders.Instance)
            .AddLogger(NullLogger.Instance)
            .WithArtifactsPath(Path.Combine(Where.Root, "artifacts/benchmarks/inner"));
        var figures = new List<Figure>();
        foreach (var summary in BenchmarkRunner.Run([typeof(RecordBenchmarks), typeof(RelayBenchmarks)], config))
        {
            foreach (var report in summary.Reports.Where(
                r => r.BenchmarkCase.Descriptor.WorkloadMethod.Name != nameof(RecordBenchmarks.BareCipher)))
            {
                long? octets = report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase);
                var name = report.BenchmarkCase.Parameters.Items is [var suite] ? $"{suite.Value}, a record written and read"
                    : $"listen, {report.BenchmarkCase.Descriptor.WorkloadMethod.Name}";
                figures.Add(new Figure($"allocation: {name}", $"{octets} octets", "none", "0 octets", null, null)
                {
                    Note = name.StartsWith("RSA", StringComparison.Ordinal)
                        ? "these are the keys of the rekey, which comes after every 512 records of this size (spec 7.6)." : null,
                });
            }
        }

        return Task.FromResult<IReadOnlyList<Figure>>(figures);
    }
}
