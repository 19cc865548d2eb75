using System.Security.Cryptography;
using BlackPony.Reference;
using BlackPony.Reference.Suites;
using Org.BouncyCastle.Crypto.Engines;
using Org.BouncyCastle.Crypto.Parameters;

namespace BlackPony.Benchmarks.Rows;

/// <summary>Blowfish records against BouncyCastle's Blowfish and the HMAC alone, on the same octets.</summary>
internal sealed class BlowfishRow : IRow
{
    public string Name => "records-blowfish";

    public string What => "record layer, 16 KiB records, RSA-BLOWFISH, one core";

    public async Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        using var records = new RecordLoop(SuiteRegistry.Find("RSA-BLOWFISH")!);
        var bare = new BareBlowfish();
        var result = await Rounds.CompareAsync(
            effort.Rounds,
            () => Task.FromResult(RecordsRow.MegabytesPerSecond(effort, records.Once)),
            () => Task.FromResult(RecordsRow.MegabytesPerSecond(effort, bare.Once)));
        return [RecordsRow.Figure(What, "BouncyCastle's Blowfish, block by block, plus HMAC", result)];
    }
}

/// <summary>16 KiB twice through Blowfish and HMAC-SHA256.</summary>
internal sealed class BareBlowfish
{
    private readonly byte[] _data = new byte[Limits.MaxInner + 7];
    private readonly byte[] _key = new byte[32];
    private readonly byte[] _tag = new byte[32];
    private readonly BlowfishEngine _blowfish = new();

    public BareBlowfish() => _blowfish.Init(true, new KeyParameter(_key));

    public void Once()
    {
        for (int pass = 0; pass < 2; pass++)
        {
            for (int i = 0; i + 8 <= _data.Length; i += 8)
            {
                _blowfish.ProcessBlock(_data.AsSpan(i, 8), _data.AsSpan(i, 8));
            }

            HMACSHA256.HashData(_key, _data.AsSpan(0, Limits.MaxInner), _tag);
        }
    }
}
