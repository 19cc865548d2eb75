namespace BlackPony.Traces.Sessions;

/// <summary>A few octets that a client's line lacks: the line is read with holes in it, once it is known what follows them.</summary>
internal sealed class LineGap
{
    // What is as short cannot hide a whole command, and is read over.
    private const int MaxFill = 4;

    private int _at;

    /// <summary>How many octets are missing; 0 if none are.</summary>
    public int Length { get; private set; }

    /// <summary>Whether the holes were made.</summary>
    public bool IsFilled { get; private set; }

    /// <summary>Whether a gap may be read over.</summary>
    public bool Takes(long length, bool cut) => length <= MaxFill && !cut && Length == 0;

    /// <summary>A gap within the line, or after its last octet.</summary>
    /// <param name="length">How many octets.</param>
    /// <param name="at">How many of the line stand before it.</param>
    public void Begin(int length, int at) => (Length, _at) = (length, at);

    /// <summary>Octets follow: the holes are made.</summary>
    public void Fill(LineBuffer lines)
    {
        if (Length > 0 && !IsFilled)
        {
            IsFilled = true;
            lines.Fill(Length);
        }
    }

    /// <summary>It is over. What stood before it of a line that has not ended is returned.</summary>
    public byte[] End(LineBuffer lines)
    {
        byte[] partial = [.. lines.Partial[..(IsFilled ? Math.Min(_at, lines.Partial.Length) : lines.Partial.Length)]
            .TrimEnd((byte)'\r')];
        (Length, IsFilled) = (0, false);
        lines.Clear();
        return partial;
    }

    /// <summary>Whether a line end is among the octets that a whole line lacks: then two commands stand in it.</summary>
    /// <param name="line">The line.</param>
    /// <param name="at">Where the first ends.</param>
    /// <param name="next">Where the second begins.</param>
    public bool IsTwo(ReadOnlySpan<byte> line, out int at, out int next)
    {
        (at, int length) = (_at, Length);
        (Length, IsFilled) = (0, false);
        for (int k = 0; k <= length - 2; k++)
        {
            next = at + length - k;
            if (at > 0 && Verbs.LooksLikeCommand(line[next..].TrimEnd("\r\n"u8)))
                return true;
        }

        next = 0;
        return false;
    }
}
