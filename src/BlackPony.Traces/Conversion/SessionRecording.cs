using System.Buffers;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Conversion;

/// <summary>Makes items of a session's octets.</summary>
/// <param name="session">The session.</param>
/// <param name="sink">Where they go.</param>
internal sealed class SessionRecording(ObservedSession session, IItemSink sink) : ISessionRecorder
{
    private const int MaxLine = 1 << 20;

    private readonly ArrayBufferWriter<byte>[] _partial = [new(), new()];
    private long _time;
    private int _shift;

    public void Plain(Role sender, ReadOnlySpan<byte> octets, long time) => Lines(sender, octets, time, null);

    public void Shifted(int shift) => _shift = shift;

    public void Record(Role sender, ReadOnlySpan<byte> record, RecordType? type, ReadOnlySpan<byte> data)
    {
        Flush(Role.Client);
        Flush(Role.Server);
        sink.Take(new WireItem(WireKind.Record, sender, record.ToArray(), session.End, type, data.ToArray()));
    }

    public void Raw(Role sender, ReadOnlySpan<byte> octets)
    {
        Flush(Role.Client);
        Flush(Role.Server);
        sink.Take(new WireItem(WireKind.Raw, sender, octets.ToArray(), session.End));
    }

    public void Comment(string text) =>
        sink.Take(new WireItem(WireKind.Comment, Role.Client, [], session.End, Data: Encoding.UTF8.GetBytes(text)));

    public void Before(Role sender, PartKind kind, ReadOnlySpan<byte> octets, long time)
    {
        if (kind == PartKind.Text)
        {
            Lines(sender, octets, time, kind);
            return;
        }

        Flush(Role.Client);
        Flush(Role.Server);
        sink.Take(new WireItem(WireKind.Raw, sender, octets.ToArray(), time, Before: kind));
    }

    public void Gap(Role sender, long length, bool cut, long time)
    {
        Flush(Role.Client);
        Flush(Role.Server);
        sink.Take(new WireItem(cut ? WireKind.Cut : WireKind.Gap, sender, [], time, Length: length));
    }

    public void End(Role sender, bool reset, long time)
    {
        Flush(sender);
        sink.Take(new WireItem(reset ? WireKind.Reset : WireKind.End, sender, [], time));
    }

    public void Finish()
    {
        Flush(Role.Client);
        Flush(Role.Server);
        sink.Finish();
    }

    private void Lines(Role sender, ReadOnlySpan<byte> octets, long time, PartKind? before)
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
            // A line ends at CRLF only; what is longer than any line is no line.
            if (partial.WrittenCount == 0 && piece.EndsWith("\r\n"u8))
            {
                sink.Take(new WireItem(WireKind.Line, sender, piece[..^2].ToArray(), time, Shift: _shift, Before: before));
                continue;
            }

            partial.Write(piece);
            if (partial.WrittenSpan.EndsWith("\r\n"u8))
            {
                sink.Take(new WireItem(WireKind.Line, sender, partial.WrittenSpan[..^2].ToArray(), time, Shift: _shift, Before: before));
                partial.ResetWrittenCount();
            }
            else if (partial.WrittenCount > MaxLine)
            {
                Flush(sender);
            }
        }
    }

    private void Flush(Role sender)
    {
        var partial = _partial[(int)sender];
        if (partial.WrittenCount > 0)
        {
            sink.Take(new WireItem(WireKind.Raw, sender, partial.WrittenSpan.ToArray(), _time, Shift: _shift));
            partial.ResetWrittenCount();
        }
    }
}
