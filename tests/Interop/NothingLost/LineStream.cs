namespace BlackPony.Tests.Interop.NothingLost;

/// <summary>Lines that end in CRLF, and in nothing else, from one stream; octets to another.</summary>
internal sealed class LineStream(Stream input, Stream output)
{
    private readonly byte[] _octets = new byte[16384];
    private readonly List<byte> _line = [];
    private int _from;
    private int _to;

    public LineStream(Stream both)
        : this(both, both)
    {
    }

    /// <summary>The next line without its CRLF; null if the stream ends before it has come whole.</summary>
    public async Task<byte[]?> LineAsync(CancellationToken cancel = default)
    {
        _line.Clear();
        while (true)
        {
            for (; _from < _to; _from++)
            {
                _line.Add(_octets[_from]);
                if (_line is [.., (byte)'\r', (byte)'\n'])
                {
                    _from++;
                    return [.. _line[..^2]];
                }
            }

            (_from, _to) = (0, await input.ReadAsync(_octets, cancel));
            if (_to == 0)
            {
                return null;
            }
        }
    }

    public async Task SayAsync(ReadOnlyMemory<byte> octets, CancellationToken cancel = default)
    {
        await output.WriteAsync(octets, cancel);
        await output.FlushAsync(cancel);
    }
}
