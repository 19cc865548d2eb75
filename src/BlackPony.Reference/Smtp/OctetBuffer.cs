using System.Buffers;

namespace BlackPony.Reference.Smtp;

/// <summary>Octets that came in and are not yet used, in order.</summary>
internal sealed class OctetBuffer
{
    private readonly ArrayBufferWriter<byte> _writer = new();
    private int _start;

    /// <summary>The octets that wait.</summary>
    public ReadOnlySpan<byte> Span => _writer.WrittenSpan[_start..];

    /// <summary>How many octets wait.</summary>
    public int Length => _writer.WrittenCount - _start;

    /// <summary>Where to write more.</summary>
    public IBufferWriter<byte> Writer
    {
        get
        {
            Compact();
            return _writer;
        }
    }

    /// <summary>Adds octets.</summary>
    public void Append(ReadOnlySpan<byte> octets)
    {
        Compact();
        _writer.Write(octets);
    }

    /// <summary>Drops octets from the beginning.</summary>
    public void Consume(int count)
    {
        _start += count;
        if (_start == _writer.WrittenCount)
        {
            Clear();
        }
    }

    /// <summary>Keeps only the first octets.</summary>
    public void Truncate(int length)
    {
        var kept = Span[..length].ToArray();
        Clear();
        _writer.Write(kept);
    }

    /// <summary>Drops all.</summary>
    public void Clear()
    {
        _writer.ResetWrittenCount();
        _start = 0;
    }

    // What was consumed goes before more comes in, so that the buffer is as large as what waits and no larger.
    private void Compact()
    {
        if (_start > 0)
        {
            var rest = Span.ToArray();
            Clear();
            _writer.Write(rest);
        }
    }
}
