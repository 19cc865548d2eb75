using System.Security.Cryptography;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Suites;

namespace BlackPony.Reference.Records;

/// <summary>
/// One direction's traffic secret and the protection under it, with the count of its records, which never wraps ([BP-7.1-9]),
/// for what they use of its limit ends long before (spec 7.6).
/// </summary>
internal sealed class TrafficKeys : IDisposable
{
    private readonly Suite _suite;
    private byte[] _secret;
    private RecordProtection _protection;
    private ulong _seq;
    private long _used;

    /// <summary>Begins with traffic[0].</summary>
    /// <param name="suite">A suite that encrypts.</param>
    /// <param name="trafficSecret">32 octets.</param>
    public TrafficKeys(Suite suite, ReadOnlySpan<byte> trafficSecret)
    {
        _suite = suite;
        _secret = trafficSecret.ToArray();
        _protection = suite.Protect(_secret);
    }

    /// <summary>Octets of the tag.</summary>
    public int TagLength => _protection.TagLength;

    /// <summary>Whether two more records are within the limit.</summary>
    /// <param name="inner">Octets of the first one's <em>inner</em>.</param>
    /// <param name="another">Octets of the second one's.</param>
    public bool HasRoom(int inner, int another) => _used + _protection.Cost(inner) + _protection.Cost(another) <= _protection.Budget;

    /// <summary>Protects the next record in place.</summary>
    public void Seal(Span<byte> record)
    {
        _used += Cost(record);
        _protection.Seal(_seq++, record);
    }

    /// <summary>Verifies and opens the next record in place.</summary>
    /// <returns>False if it does not verify, or goes beyond the limit.</returns>
    public bool Open(Span<byte> record)
    {
        _used += Cost(record);
        return _used <= _protection.Budget && _protection.Open(_seq++, record);
    }

    /// <summary>Goes on to the next traffic secret.</summary>
    public void Next()
    {
        var next = KeySchedule.ExpandLabel(_secret, "upd", [], KeySchedule.SecretLength);
        Dispose();
        _secret = next;
        _protection = _suite.Protect(next);
        _seq = 0;
        _used = 0;
    }

    /// <summary>Erases the secret and the keys ([BP-6.2-3]).</summary>
    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_secret);
        _protection.Dispose();
    }

    private long Cost(Span<byte> record) => _protection.Cost(record.Length - 2 - TagLength);
}
