using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Benchmarks.Rows;

/// <summary>Writing and reading full records, against the bare cipher on the same buffers.</summary>
internal sealed class RecordsRow(string suite) : IRow
{
    private const int Batch = 256;

    public string Name => "records-" + suite.Split('-')[1].ToLowerInvariant();

    public string What => $"record layer, 16 KiB records, {suite}, one core";

    public async Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        using var records = new RecordLoop(SuiteRegistry.Find(suite)!);
        using var bare = new BareAead(aes: suite.Contains("AES", StringComparison.Ordinal));
        var result = await Rounds.CompareAsync(
            effort.Rounds,
            () => Task.FromResult(MegabytesPerSecond(effort, records.Once)),
            () => Task.FromResult(MegabytesPerSecond(effort, bare.Once)));
        return [Figure(What, "the bare cipher", result)];
    }

    internal static Figure Figure(string what, string against, Rounds.Result r) =>
        new(what, Show(r.Ours), against, Show(r.Theirs), r.Ratio, 0.85);

    internal static double MegabytesPerSecond(Effort effort, Action once) =>
        Rounds.Rate(effort.Window / 4, () =>
        {
            for (int i = 0; i < Batch; i++)
            {
                once();
            }
        }) * Batch * Limits.MaxData / 1e6;

    private static string Show(double rate) => rate.ToString("0 'MB/s'", CultureInfo.InvariantCulture);
}

/// <summary>One record written, then read.</summary>
internal sealed class RecordLoop : IDisposable
{
    private readonly byte[] _data = new byte[Limits.MaxData];
    private readonly ArrayBufferWriter<byte> _wire = new(2 * Limits.MaxData);
    private readonly RecordWriter _writer;
    private readonly RecordReader _reader;

    public RecordLoop(Suite suite)
    {
        var secret = new byte[32];
        _writer = new RecordWriter(suite, secret);
        _reader = new RecordReader(suite, secret);
    }

    public void Once()
    {
        _wire.ResetWrittenCount();
        _writer.Write(RecordType.Data, _data, _wire);
        var octets = _wire.WrittenSpan;
        while (_reader.Read(ref octets, out var type, out _))
        {
            if (type == RecordType.Rekey)
            {
                _reader.Rekey();
            }
        }

        if (_reader.Failed)
        {
            throw new InvalidOperationException("A record failed.");
        }
    }

    public void Dispose()
    {
        _writer.Dispose();
        _reader.Dispose();
    }
}

/// <summary>16 KiB encrypted, then decrypted, in place.</summary>
internal sealed class BareAead : IDisposable
{
    private readonly byte[] _data = new byte[Limits.MaxInner];
    private readonly byte[] _nonce = new byte[12];
    private readonly byte[] _tag = new byte[16];
    private readonly byte[] _length = new byte[2];
    private readonly AesGcm? _aes;
    private readonly ChaCha20Poly1305? _chaCha;

    public BareAead(bool aes)
    {
        var key = new byte[32];
        _aes = aes ? new AesGcm(key, 16) : null;
        _chaCha = aes ? null : new ChaCha20Poly1305(key);
    }

    public void Once()
    {
        if (_aes is not null)
        {
            _aes.Encrypt(_nonce, _data, _data, _tag, _length);
            _aes.Decrypt(_nonce, _data, _tag, _data, _length);
        }
        else
        {
            _chaCha!.Encrypt(_nonce, _data, _data, _tag, _length);
            _chaCha.Decrypt(_nonce, _data, _tag, _data, _length);
        }
    }

    public void Dispose()
    {
        _aes?.Dispose();
        _chaCha?.Dispose();
    }
}
