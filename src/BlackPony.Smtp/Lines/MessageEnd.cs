namespace BlackPony.Smtp.Lines;

/// <summary>Finds the end of DATA's payload, CRLF "." CRLF and nothing else, however it is segmented ([BP-10.2-4]).</summary>
internal struct MessageEnd
{
    // How much of it has been seen; the payload begins after a CRLF.
    private int _seen;

    /// <summary>Begins a payload.</summary>
    public static MessageEnd Begin() => new() { _seen = 2 };

    /// <summary>Whether the end has come.</summary>
    public readonly bool IsFound => _seen == 5;

    /// <summary>Takes octets.</summary>
    /// <returns>How many of them belong to the payload, its end included.</returns>
    public int Take(ReadOnlySpan<byte> octets)
    {
        int i = 0;
        while (i < octets.Length && !IsFound)
        {
            if (_seen == 0)
            {
                // Only a line that begins with a dot matters, and the last octets, which may begin one.
                int dot = octets[i..].IndexOf("\r\n."u8);
                i = dot < 0 ? Math.Max(i, octets.Length - 2) : i + dot;
            }

            byte next = "\r\n.\r\n"u8[_seen];
            _seen = octets[i] == next ? _seen + 1 : octets[i] == '\r' ? 1 : 0;
            i++;
        }

        return i;
    }
}
