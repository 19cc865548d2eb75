using System.Buffers.Binary;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Transcripts;

/// <summary>Reads one connection as it passes and writes it down, records with what they hold.</summary>
internal sealed class WireObserver(Transcript transcript)
{
    private readonly Dictionary<Role, List<byte>> _waiting = new() { [Role.Client] = [], [Role.Server] = [] };
    private readonly Dictionary<Role, byte[]> _secrets = [];
    private readonly Dictionary<Role, Direction> _records = [];
    private Suite? _suite;
    private bool _upgrading;
    private bool _switched;

    /// <summary>Tells the secret under which a side seals: traffic[0].</summary>
    public void Secret(Role sender, byte[] traffic) => _secrets[sender] = traffic;

    /// <summary>Octets that a side sent.</summary>
    public void Sent(Role sender, ReadOnlySpan<byte> octets)
    {
        _waiting[sender].AddRange(octets);
        while (_switched ? TakeRecord(sender) : TakeLine(sender))
        {
        }
    }

    /// <summary>A side ended its direction.</summary>
    public void Ended(Role sender)
    {
        Flush(sender);
        transcript.End(Letter(sender));
    }

    /// <summary>Writes down what came of no line and no record.</summary>
    public void Flush(Role sender)
    {
        if (_waiting[sender].Count > 0)
        {
            transcript.Raw(Letter(sender), _waiting[sender].ToArray());
            _waiting[sender].Clear();
        }
    }

    private static char Letter(Role role) => role == Role.Client ? 'C' : 'S';

    private bool TakeLine(Role sender)
    {
        var octets = _waiting[sender].ToArray();
        int end = octets.AsSpan().IndexOf("\r\n"u8);
        if (end < 0)
        {
            return false;
        }

        _waiting[sender].RemoveRange(0, end + 2);
        transcript.Plain(Letter(sender), octets.AsSpan(0, end + 2));
        Follow(sender, Encoding.Latin1.GetString(octets, 0, end));
        return true;
    }

    private void Follow(Role sender, string line)
    {
        if (sender == Role.Client && line.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase) && line.Split(' ') is { Length: > 3 } fields)
        {
            (_suite, _upgrading) = (SuiteRegistry.Find(fields[2]), true);
        }
        else if (sender == Role.Server && _upgrading && line is [_, _, _, ' ', ..] && !line.StartsWith("334", StringComparison.Ordinal))
        {
            _upgrading = false;
            _switched = line.StartsWith("220 K=", StringComparison.Ordinal);
        }
    }

    private bool TakeRecord(Role sender)
    {
        var waiting = _waiting[sender];
        if (waiting.Count == 0 || !_secrets.TryGetValue(sender, out var secret))
        {
            return false;
        }

        if (!_records.TryGetValue(sender, out var direction))
        {
            direction = _records[sender] = new Direction(_suite!, secret);
        }

        int length = waiting.Count < 2 ? int.MaxValue - 2 : BinaryPrimitives.ReadUInt16BigEndian([waiting[0], waiting[1]]);
        if (waiting.Count < 2 + length || length <= direction.Protection.TagLength)
        {
            return false;
        }

        var raw = waiting.GetRange(0, 2 + length).ToArray();
        waiting.RemoveRange(0, raw.Length);
        if (direction.Open((byte[])raw.Clone()) is not { } inner)
        {
            transcript.Raw(Letter(sender), raw);
            return true;
        }

        int last = inner.AsSpan().LastIndexOfAnyExcept((byte)0);
        var type = last < 0 ? 0 : (RecordType)inner[last];
        transcript.Record(Letter(sender), raw, type, last < 0 ? [] : inner[..last]);
        if (type == RecordType.Rekey)
        {
            direction.Rekey();
        }

        return true;
    }
}
