namespace BlackPony.Traces.Capture;

/// <summary>A stream read through one large buffer, of which records are taken as spans.</summary>
internal sealed class OctetSource(Stream stream, int size = 1 << 20) : IDisposable
{
    private byte[] _buffer = new byte[size];
    private int _start;
    private int _end;
    private bool _ended;

    /// <summary>What was read and not yet taken.</summary>
    public ReadOnlySpan<byte> Span => _buffer.AsSpan(_start, _end - _start);

    /// <summary>How many octets were taken.</summary>
    public long Offset { get; private set; }

    /// <summary>What the stream says is wrong with it, such as a broken gzip.</summary>
    public string? Damage { get; private set; }

    /// <summary>Reads until so many octets are there.</summary>
    /// <returns>False if the stream ends before.</returns>
    public bool Ensure(int count)
    {
        if (_end - _start >= count)
            return true;

        Span.CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        if (_buffer.Length < count)
            Array.Resize(ref _buffer, count);

        while (_end < count && !_ended)
            _end += Fill();

        return _end >= count;
    }

    /// <summary>Takes octets that are there.</summary>
    public void Advance(int count)
    {
        _start += count;
        Offset += count;
    }

    /// <inheritdoc/>
    public void Dispose() => stream.Dispose();

    private int Fill()
    {
        try
        {
            int count = stream.Read(_buffer.AsSpan(_end));
            _ended = count == 0;
            return count;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            (_ended, Damage) = (true, e.Message);
            return 0;
        }
    }
}
