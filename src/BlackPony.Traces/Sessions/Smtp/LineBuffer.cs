using System.Buffers;

namespace BlackPony.Traces.Sessions;

/// <summary>Cuts a stream into lines; only a line that comes in pieces is copied, and no more of it than is kept.</summary>
internal sealed class LineBuffer
{
    /// <summary>What is kept of a line.</summary>
    public const int MaxLine = 65536;

    private ArrayBufferWriter<byte>? _partial;

    /// <summary>Octets of a line that has not ended.</summary>
    public ReadOnlySpan<byte> Partial => _partial is null ? default : _partial.WrittenSpan;

    /// <summary>Takes the next line, its line end included; what was used is cut off.</summary>
    /// <returns>False if it has not ended.</returns>
    public bool Take(ref ReadOnlySpan<byte> octets, out ReadOnlySpan<byte> line)
    {
        int end = octets.IndexOf((byte)'\n');
        if (end >= 0 && _partial is null or { WrittenCount: 0 })
        {
            line = octets[..(end + 1)];
            octets = octets[(end + 1)..];
            return true;
        }

        var piece = end < 0 ? octets : octets[..(end + 1)];
        octets = octets[piece.Length..];
        _partial ??= new ArrayBufferWriter<byte>();
        int room = MaxLine - _partial.WrittenCount;
        _partial.Write(piece[..Math.Min(piece.Length, room)]);
        if (piece.Length > room && end >= 0)
            _partial.Write("\r\n"u8);

        line = _partial.WrittenSpan;
        if (end < 0)
        {
            line = default;
            return false;
        }

        // The span stays as it is until the next write.
        _partial.ResetWrittenCount();
        return true;
    }

    /// <summary>Puts something instead of octets that the capture lacks.</summary>
    public void Fill(int length)
    {
        _partial ??= new ArrayBufferWriter<byte>();
        for (; length > 0 && _partial.WrittenCount < MaxLine; length--)
            _partial.Write([Verbs.Missing]);
    }

    /// <summary>Forgets an unfinished line.</summary>
    public void Clear() => _partial?.ResetWrittenCount();
}
