namespace BlackPony.Smtp.Lines;

/// <summary>
/// Collects the replies of a next server or backend, except EHLO replies. It is more tolerant than <see cref="ReplyReader"/>: a message
/// that was accepted must not be sent again because its reply is too long ([BP-10.2-15], [BP-10.5-19]). What it keeps is bounded.
/// </summary>
/// <param name="longest">Octets of a line that are passed on, CRLF included.</param>
internal sealed class NextReplyReader(int longest)
{
    private readonly List<byte[]> _lines = [];
    private readonly byte[] _line = new byte[longest];
    private int _length;

    /// <summary>Whether the octets are no reply.</summary>
    public bool IsMalformed { get; private set; }

    /// <summary>The code of a malformed reply, if its first line had one and no other line had another; else 0.</summary>
    public int KnownCode { get; private set; }

    /// <summary>Takes octets.</summary>
    /// <param name="octets">The octets that wait.</param>
    /// <param name="consumed">How many of them were used; the octets after a reply are not touched.</param>
    /// <returns>The reply when it is whole, else null.</returns>
    public Reply? Read(ReadOnlySpan<byte> octets, out int consumed)
    {
        consumed = 0;
        while (consumed < octets.Length && !IsMalformed)
        {
            var rest = octets[consumed..];
            int end = rest.IndexOf((byte)'\n');
            Keep(end < 0 ? rest : rest[..end]);
            consumed += end < 0 ? rest.Length : end + 1;
            if (end >= 0 && EndLine() is { } reply)
                return reply;
        }

        return null;
    }

    /// <summary>Takes a whole reply of one line, as nearly all are; any other is left to <see cref="Read"/>.</summary>
    /// <param name="octets">The octets that wait.</param>
    /// <param name="code">The reply's code.</param>
    /// <param name="line">The reply, CRLF included; valid until the next call.</param>
    /// <returns>Whether one stands there.</returns>
    public bool ReadLine(OctetBuffer octets, out int code, out ReadOnlySpan<byte> line)
    {
        code = 0;
        line = default;
        int length = octets.Span.IndexOf((byte)'\n') + 1;
        if (IsMalformed || _lines.Count > 0 || _length > 0 || length < 5 || length > longest || octets.Span[length - 2] != '\r'
            || !HasCode(octets.Span[..(length - 2)]) || octets.Span[3] == '-')
        {
            return false;
        }

        octets.Span[..length].CopyTo(_line);
        octets.Consume(length);
        code = Code(_line);
        line = _line.AsSpan(0, length);
        return true;
    }

    // A line's end is of no use, its beginning is.
    private void Keep(ReadOnlySpan<byte> part)
    {
        part = part[..Math.Min(part.Length, longest - 2 - _length)];
        part.CopyTo(_line.AsSpan(_length));
        _length += part.Length;
        IsMalformed = _length > 3 && !HasCode(_line.AsSpan(0, _length));
        KnownCode = IsMalformed && _lines.Count > 0 ? Code(_lines[0]) : 0;
    }

    private Reply? EndLine()
    {
        int length = _length > 0 && _line[_length - 1] == '\r' ? _length - 1 : _length;
        var line = _line.AsSpan(0, length).ToArray();
        _length = 0;
        if (IsMalformed)
            return null;

        bool differs = HasCode(line) && _lines.Count > 0 && Code(_lines[0]) != Code(line);
        if (!HasCode(line) || differs)
        {
            IsMalformed = true;
            KnownCode = differs || _lines.Count == 0 ? 0 : Code(_lines[0]);
            return null;
        }

        bool isLast = line.Length == 3 || line[3] != '-';
        if (_lines.Count < Limits.MaxEhloLines - 1 || isLast)
            _lines.Add(line);

        if (!isLast)
            return null;

        var reply = new Reply(Code(line), [.. _lines]);
        _lines.Clear();
        return reply;
    }

    private static int Code(ReadOnlySpan<byte> line) => ((line[0] - '0') * 100) + ((line[1] - '0') * 10) + line[2] - '0';

    private static bool HasCode(ReadOnlySpan<byte> line) =>
        line.Length >= 3 && line[0] is >= (byte)'2' and <= (byte)'5' && char.IsAsciiDigit((char)line[1]) && char.IsAsciiDigit((char)line[2])
        && (line.Length == 3 || line[3] is (byte)' ' or (byte)'-' or (byte)'\r');
}
