using System.Buffers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Fuzz.Sessions;

/// <summary>The other side of records: has the keys, and seals whatever the script asks for.</summary>
internal sealed class Peer : IDisposable
{
    private readonly Role _role;
    private readonly KeySchedule _keys;
    private readonly RecordWriter _writer;
    private readonly ArrayBufferWriter<byte> _wire = new();

    public Peer(Role role, Suite suite, byte[] transcriptHash)
    {
        _role = role;
        _keys = new KeySchedule(suite.Name, QuickSuite.Secret, transcriptHash);
        _writer = new RecordWriter(suite, role == Role.Client ? _keys.ClientTraffic : _keys.ServerTraffic);
    }

    /// <summary>What goes over the wire for a script's event; null if it is no event of records.</summary>
    public byte[]? Octets(ScriptEvent step)
    {
        var octets = step.Octets.AsSpan();
        octets = octets[..Math.Min(octets.Length, Limits.MaxData)];
        switch (step.Kind)
        {
            case 'F':
                return Seal(RecordType.Finished, _keys.Finished(_role));
            case 'I':
                return Seal(RecordType.Ident, Ident.Create([new IdentKey(new byte[32])], _keys.TranscriptHash));
            case 'D':
                return Seal(RecordType.Data, octets);
            case 'T' when octets.Length > 0:
                return Seal((RecordType)octets[0], octets[1..]);
            case 'K':
                _writer.Rekey(_wire);
                return Take();
            case 'O':
                return Seal(RecordType.Close, []);
            case 'A':
                return Seal(RecordType.Alert, octets);
            case 'H' when octets.Length > 1:
                // A good record of which one bit is turned.
                var harmed = Seal(RecordType.Data, octets[2..]);
                harmed[((octets[0] << 8) | octets[1]) % harmed.Length] ^= (byte)(1 << (octets[1] % 8));
                return harmed;
            case 'R':
                return step.Octets;
            default:
                return null;
        }
    }

    public void Dispose()
    {
        _keys.Dispose();
        _writer.Dispose();
    }

    private byte[] Seal(RecordType type, ReadOnlySpan<byte> data)
    {
        _writer.Write(type, data, _wire);
        return Take();
    }

    private byte[] Take()
    {
        var wire = _wire.WrittenSpan.ToArray();
        _wire.ResetWrittenCount();
        return wire;
    }
}
