using System.Buffers;

namespace BlackPony.Reference;

/// <summary>Octets that came in and are not yet used, in order.</summary>
internal sealed class OctetBuffer
{
    private readonly PooledBuffer _octets = new();
    private int _start;

    /// <summary>The octets that wait.</summary>
    public ReadOnlySpan<byte> Span => _octets.WrittenSpan[_start..];

    /// <summary>How many octets wait.</summary>
    public int Length => _octets.WrittenCount - _start;

    /// <summary>Where to write more. What was consumed goes first, so that the buffer is as large as what waits and no larger.</summary>
    public IBufferWriter<byte> Writer
    {
        get
        {
            _octets.Remove(_start);
            _start = 0;
            return _octets;
        }
    }

    /// <summary>Adds octets.</summary>
    public void Append(ReadOnlySpan<byte> octets) => Writer.Write(octets);

    /// <summary>Drops octets from the beginning.</summary>
    public void Consume(int count)
    {
        _start += count;
        if (_start == _octets.WrittenCount)
            Clear();
    }

    /// <summary>Drops all.</summary>
    public void Clear()
    {
        _octets.ResetWrittenCount();
        _start = 0;
    }
}
