using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Running;

namespace BlackPony.Benchmarks.Inner;

/// <summary>The loops within a session, by BenchmarkDotNet.</summary>
internal static class InnerLoops
{
    public static int Run(string[] args)
    {
        var summaries = BenchmarkSwitcher.FromTypes([typeof(RecordBenchmarks), typeof(RelayBenchmarks)])
            .Run(args, DefaultConfig.Instance.WithArtifactsPath(Path.Combine(Where.Root, "artifacts/benchmarks/inner")));
        return summaries.Any(s => s.HasCriticalValidationErrors) ? 1 : 0;
    }
}
