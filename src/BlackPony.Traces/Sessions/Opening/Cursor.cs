namespace BlackPony.Traces.Sessions;

/// <summary>Takes fields off the front of a side's octets, and notes what they were.</summary>
/// <param name="side">The side.</param>
/// <param name="octets">Its octets so far.</param>
/// <param name="parts">Where the fields are noted.</param>
internal sealed class Cursor(int side, byte[] octets, List<ProloguePart> parts)
{
    private int _at;

    public int Left => octets.Length - _at;

    public int Side => side;

    public ReadOnlySpan<byte> Rest => octets.AsSpan(_at);

    public byte this[int index] => octets[_at + index];

    /// <summary>Takes a field.</summary>
    public byte[] Take(int count, PartKind kind)
    {
        var field = octets[_at..(_at + count)];
        _at += count;
        if (count > 0)
            parts.Add(new ProloguePart(side, kind, field));

        return field;
    }
}
