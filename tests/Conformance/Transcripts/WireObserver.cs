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
    private readonly Dictionary<Role, (byte[] Before, int Same)> _changed = [];
    private Suite? _suite;
    private bool _upgrading;
    private bool _switched;

    /// <summary>Tells the secret under which a side seals: traffic[0].</summary>
    public void Secret(Role sender, byte[] traffic) => _secrets[sender] = traffic;

    /// <summary>Octets that a side sent.</summary>
    /// <param name="sender">The side.</param>
    /// <param name="octets">The octets as they arrive.</param>
    /// <param name="before">The octets as they were sent, if somebody in the path changed them:
    /// each item that is not among them is marked.</param>
    public void Sent(Role sender, ReadOnlySpan<byte> octets, byte[]? before = null)
    {
        _changed.Remove(sender);
        if (before is not null)
        {
            _changed[sender] = (before, _waiting[sender].Count + octets.CommonPrefixLength(before));
        }

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
            Raw(sender, _waiting[sender].Count);
        }
    }

    private void Raw(Role sender, int length)
    {
        var raw = Taken(sender, length);
        transcript.Raw(Letter(sender), raw);
    }

    // The first octets that wait: one item, with the comment before it if somebody changed it.
    private byte[] Taken(Role sender, int length)
    {
        var item = _waiting[sender].GetRange(0, length).ToArray();
        _waiting[sender].RemoveRange(0, length);
        if (_changed.TryGetValue(sender, out var changed))
        {
            // The first item that differs shows that something was taken out, too.
            bool first = changed.Same >= 0 && changed.Same < length;
            if (first || changed.Before.AsSpan().IndexOf(item) < 0)
            {
                transcript.Comment("changed on the way");
            }

            _changed[sender] = (changed.Before, first ? -1 : changed.Same - length);
        }

        return item;
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

        transcript.Plain(Letter(sender), Taken(sender, end + 2));
        Follow(sender, Encoding.Latin1.GetString(octets, 0, end));
        return true;
    }

    private void Follow(Role sender, string line)
    {
        if (sender == Role.Client && line.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase)
            && line.Split(' ') is { Length: > 3 } fields)
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

        int? whole = Whole(0);
        if (whole is 0)
        {
            // Nothing is a record from here on.
            Flush(sender);
        }

        if (whole is not > 0)
        {
            return false;
        }

        if (direction.Open(waiting.GetRange(0, whole.Value).ToArray()) is not { } inner)
        {
            // Behind a record that fails, what is none itself belongs to it: it was sent with it.
            Raw(sender, Whole(whole.Value) > 0 ? whole.Value : waiting.Count);
            return true;
        }

        var raw = Taken(sender, whole.Value);
        int last = inner.AsSpan().LastIndexOfAnyExcept((byte)0);
        var type = last < 0 ? 0 : (RecordType)inner[last];
        transcript.Record(Letter(sender), raw, type, last < 0 ? [] : inner[..last]);
        if (type == RecordType.Rekey)
        {
            direction.Rekey();
        }

        return true;

        // The length of the record that waits there: null if it has not come whole, 0 if its length is out of bounds.
        int? Whole(int from)
        {
            if (waiting.Count < from + 2)
            {
                return null;
            }

            int length = BinaryPrimitives.ReadUInt16BigEndian([waiting[from], waiting[from + 1]]);
            int tag = direction.Protection.TagLength;
            return length <= tag || length > Limits.MaxInner + tag ? 0 : waiting.Count < from + 2 + length ? null : 2 + length;
        }
    }
}
