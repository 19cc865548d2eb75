namespace BlackPony.Reference.Negotiation;

/// <summary>
/// Collects one reply out of a server's octets, within <see cref="Limits.MaxEhloLine"/> and <see cref="Limits.MaxEhloLines"/>.
/// </summary>
public sealed class ReplyReader
{
    private readonly List<byte[]> _lines = [];

    /// <summary>
    /// Whether the octets are no reply: a code that is not three digits or changes, a bare LF, too long, too many lines ([BP-4.3-11]).
    /// </summary>
    public bool IsMalformed { get; private set; }

    /// <summary>Takes octets.</summary>
    /// <param name="octets">The octets that wait.</param>
    /// <param name="consumed">How many of them were used; the octets after a reply are not touched.</param>
    /// <returns>The reply when it is whole, else null.</returns>
    public Reply? Read(ReadOnlySpan<byte> octets, out int consumed)
    {
        consumed = 0;
        while (!IsMalformed)
        {
            var rest = octets[consumed..];
            int end = rest.IndexOf((byte)'\n');
            if (end < 0)
            {
                IsMalformed = rest.Length > Limits.MaxEhloLine;
                return null;
            }

            if (end == 0 || rest[end - 1] != '\r' || end + 1 > Limits.MaxEhloLine || _lines.Count == Limits.MaxEhloLines
                || !IsReplyLine(rest[..(end - 1)]))
            {
                IsMalformed = true;
                return null;
            }

            var line = rest[..(end - 1)].ToArray();
            consumed += end + 1;
            _lines.Add(line);
            if (line.Length == 3 || line[3] == ' ')
            {
                var reply = new Reply(Code(line), [.. _lines]);
                _lines.Clear();
                return reply;
            }
        }

        return null;
    }

    private static int Code(ReadOnlySpan<byte> line) => ((line[0] - '0') * 100) + ((line[1] - '0') * 10) + line[2] - '0';

    private bool IsReplyLine(ReadOnlySpan<byte> line) =>
        line.Length >= 3 && line[0] is >= (byte)'2' and <= (byte)'5' && char.IsAsciiDigit((char)line[1]) && char.IsAsciiDigit((char)line[2])
        && (line.Length == 3 || line[3] is (byte)' ' or (byte)'-')
        && (_lines.Count == 0 || Code(_lines[0]) == Code(line));
}
