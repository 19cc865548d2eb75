using BenchmarkDotNet.Attributes;
using BlackPony.Benchmarks.Rows;
using BlackPony.Reference.Suites;

namespace BlackPony.Benchmarks.Inner;

/// <summary>A full record written and read, per suite; the bare cipher beside it.</summary>
[MemoryDiagnoser]
#pragma warning disable CA1001 // BenchmarkDotNet calls Cleanup.
public class RecordBenchmarks
#pragma warning restore CA1001
{
    private RecordLoop _records = null!;
    private BareAead _aead = null!;
    private BareBlowfish _blowfish = null!;

    [Params("X25519-CHACHA20POLY1305", "X25519MLKEM768-AES256GCM", "RSA-BLOWFISH")]
    public string Suite { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _records = new RecordLoop(SuiteRegistry.Find(Suite)!);
        _aead = new BareAead(Suite.Contains("AES", StringComparison.Ordinal));
        _blowfish = new BareBlowfish();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _records.Dispose();
        _aead.Dispose();
    }

    [Benchmark(Baseline = true)]
    public void BareCipher()
    {
        if (Suite == "RSA-BLOWFISH")
        {
            _blowfish.Once();
        }
        else
        {
            _aead.Once();
        }
    }

    [Benchmark]
    public void Record() => _records.Once();
}
