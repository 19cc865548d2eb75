namespace BlackPony.Traces.Sessions;

/// <summary>Finds the end of DATA's content: CRLF "." CRLF, the first CRLF being DATA's own if need be (RFC 5321 4.1.1.4).</summary>
internal sealed class Body
{
    private const int MaxHeader = 65536;
    private const int MaxHeaderLine = 1000;

    private readonly bool _inChunks;

    // How much of CRLF "." CRLF the last octets are.
    private int _matched = 2;
    private bool _lfDot;
    private bool _bareLf;
    private bool _inHeader = true;
    private long _headerOctets;
    private int _headerLine;
    private HeaderFields? _fields;

    public Body(bool inChunks) => _inChunks = inChunks;

    /// <summary>Octets so far, without the final dot.</summary>
    public long Octets { get; private set; }

    /// <summary>Octets of them that the capture lacks.</summary>
    public long Missing { get; private set; }

    /// <summary>The Subject; null if there is none.</summary>
    public string? Subject => _fields?.Subject;

    /// <summary>The Message-ID; null if there is none.</summary>
    public string? MessageId => _fields?.MessageId;

    /// <summary>Whether an octet above 127 came.</summary>
    public bool IsEightBit { get; private set; }

    /// <summary>Whether a lone dot stood between line ends of which one was no CRLF.</summary>
    public bool HasOddDot { get; private set; }

    /// <summary>Whether one came among the last octets.</summary>
    public bool EndsInOddDot { get; private set; }

    /// <summary>Whether nothing came after it.</summary>
    public bool IsAtOddDot { get; private set; }

    /// <summary>Whether the header is larger than most servers take.</summary>
    public bool HasHugeHeader => _headerOctets > MaxHeader;

    /// <summary>Whether a header line is longer than RFC 5321 lets it be.</summary>
    public bool HasLongLine { get; private set; }

    /// <summary>Whether the end came.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>Takes content.</summary>
    /// <returns>How many of the octets were content or its end.</returns>
    public int Take(ReadOnlySpan<byte> octets)
    {
        if (_inChunks)
        {
            Look(octets);
            Octets += octets.Length;
            return octets.Length;
        }

        int used = 0;
        EndsInOddDot = false;

        // First what began in the octets before, then by the rare sequence LF ".".
        while (used < octets.Length && (_matched > 0 || _lfDot || _bareLf) && !IsWhole)
            Step(octets[used++]);

        while (used < octets.Length && !IsWhole)
        {
            int dot = octets[used..].IndexOf("\n."u8);
            if (dot < 0)
            {
                // The last octets may be the beginning of the end.
                int rest = Math.Max(used, octets.Length - 2);
                used = octets.Length;
                for (int i = rest; i < octets.Length; i++)
                    Step(octets[i]);

                break;
            }

            int from = Math.Max(used, used + dot - 1);
            used += dot + 2;
            for (int i = from; i < used; i++)
                Step(octets[i]);

            while (used < octets.Length && (_matched > 0 || _lfDot || _bareLf) && !IsWhole)
                Step(octets[used++]);
        }

        var content = octets[..used];
        Look(content);
        Octets += used - (IsWhole ? 3 : 0);
        return used;
    }

    /// <summary>Octets that the capture lacks.</summary>
    public void Skip(long length)
    {
        Octets += length;
        Missing += length;
        (_matched, _lfDot, _inHeader) = (0, false, false);
    }

    private void Step(byte octet)
    {
        IsAtOddDot = false;
        // "_lfDot": a dot after a line end, where the one in front of it or after it is LF alone.
        if (_lfDot && octet == '\n')
            (HasOddDot, EndsInOddDot, IsAtOddDot, _lfDot) = (true, true, true, false);
        else if (_lfDot && octet != '\r')
            _lfDot = false;

        switch (_matched, octet)
        {
            case (1 or 4, (byte)'\n'):
                IsWhole = _matched++ == 4;
                _bareLf = false;
                break;
            case (2, (byte)'.'):
                _matched = 3;
                break;
            case (3, (byte)'\n'):
                (HasOddDot, EndsInOddDot, IsAtOddDot, _matched) = (true, true, true, 0);
                _bareLf = true;
                break;
            case (3, (byte)'\r'):
                _matched = 4;
                break;
            case (_, (byte)'\r'):
                (_matched, _bareLf) = (1, false);
                break;
            case (_, (byte)'.') when _bareLf:
                (_lfDot, _matched, _bareLf) = (true, 0, false);
                break;
            default:
                _bareLf = octet == '\n';
                _matched = 0;
                break;
        }
    }

    private void Look(ReadOnlySpan<byte> content)
    {
        IsEightBit = IsEightBit || !System.Text.Ascii.IsValid(content);
        while (_inHeader && !content.IsEmpty)
        {
            int end = content.IndexOf((byte)'\n');
            int length = end < 0 ? content.Length : end + 1;
            (_fields ??= new HeaderFields()).Take(content[..length], _headerLine == 0, end >= 0);
            _headerLine += length;
            _headerOctets += length;
            HasLongLine |= _headerLine > MaxHeaderLine;
            if (end >= 0)
            {
                _inHeader = _headerLine > 2 && _headerOctets <= MaxHeader;
                _headerLine = 0;
            }

            content = content[length..];
        }
    }
}
