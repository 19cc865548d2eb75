using System.Buffers;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Conversion;

/// <summary>A session written down item by item.</summary>
internal sealed class SessionRecording(SessionReport session) : ISessionRecorder
{
    private const int MaxLine = 1 << 20;

    private readonly ArrayBufferWriter<byte>[] _partial = [new(), new()];
    private long _time;
    private int _shift;

    public SessionReport Session => session;

    public List<WireItem> Items { get; } = [];

    public void Plain(Role sender, ReadOnlySpan<byte> octets, long time)
    {
        _time = time;
        // What the other side has begun was sent before this.
        Flush(sender == Role.Client ? Role.Server : Role.Client);
        var partial = _partial[(int)sender];
        while (!octets.IsEmpty)
        {
            int end = octets.IndexOf((byte)'\n');
            var piece = end < 0 ? octets : octets[..(end + 1)];
            octets = octets[piece.Length..];
            partial.Write(piece);
            // A line ends at CRLF only; what is longer than any line is no line.
            if (partial.WrittenSpan.EndsWith("\r\n"u8))
            {
                Items.Add(new WireItem(WireKind.Line, sender, partial.WrittenSpan[..^2].ToArray(), time, Shift: _shift));
                partial.ResetWrittenCount();
            }
            else if (partial.WrittenCount > MaxLine)
            {
                Flush(sender);
            }
        }
    }

    public void Shifted(int shift) => _shift = shift;

    public void Record(Role sender, ReadOnlySpan<byte> record, RecordType? type, ReadOnlySpan<byte> data)
    {
        Flush(sender);
        Items.Add(new WireItem(WireKind.Record, sender, record.ToArray(), session.End, type, data.ToArray()));
    }

    public void Raw(Role sender, ReadOnlySpan<byte> octets)
    {
        Flush(sender);
        Items.Add(new WireItem(WireKind.Raw, sender, octets.ToArray(), session.End));
    }

    public void Comment(string text) => Items.Add(new WireItem(WireKind.Comment, Role.Client, [], session.End, Data: Encoding.UTF8.GetBytes(text)));

    public void Before(Role sender, PartKind kind, ReadOnlySpan<byte> octets, long time)
    {
        if (kind == PartKind.Text)
        {
            Plain(sender, octets, time);
            return;
        }

        Flush(Role.Client);
        Flush(Role.Server);
        Items.Add(new WireItem(WireKind.Raw, sender, octets.ToArray(), time, Part: kind));
    }

    public void Gap(Role sender, long length, long time)
    {
        Flush(Role.Client);
        Flush(Role.Server);
        Items.Add(new WireItem(WireKind.Gap, sender, [], time, Length: length));
    }

    public void End(Role sender, bool reset, long time)
    {
        Flush(sender);
        Items.Add(new WireItem(reset ? WireKind.Reset : WireKind.End, sender, [], time));
    }

    private void Flush(Role sender)
    {
        var partial = _partial[(int)sender];
        if (partial.WrittenCount > 0)
        {
            Items.Add(new WireItem(WireKind.Raw, sender, partial.WrittenSpan.ToArray(), _time, Shift: _shift));
            partial.ResetWrittenCount();
        }
    }
}
