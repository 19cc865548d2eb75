using System.Text;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Replay;

/// <summary>Replaces addresses in MAIL and RCPT, with brackets or without.</summary>
internal static class Rewriting
{
    /// <summary>The line with its address replaced, if a rule speaks of it.</summary>
    /// <param name="line">The line.</param>
    /// <param name="rules">Whole addresses, or <c>@domain</c>; the first that fits is used.</param>
    public static byte[] Line(byte[] line, IReadOnlyList<(string From, string To)> rules)
    {
        int begin = line.AsSpan().IndexOf((byte)':') + 1;
        while (begin < line.Length && line[begin] == ' ')
            begin++;

        var path = line.AsSpan(begin);
        bool brackets = path.StartsWith("<"u8);
        int close = brackets ? Verbs.PathEnd(path) : -1;
        int end = close >= 0 ? close : path.IndexOfAny(" \r\n"u8);
        end = end < 0 ? path.Length : end;
        var address = Encoding.Latin1.GetString(path[(brackets ? 1 : 0)..Math.Max(end, brackets ? 1 : 0)]);
        // A source route stands before the mailbox (RFC 5321 appendix C).
        int route = address.StartsWith('@') ? address.IndexOf(':') + 1 : 0;
        var mailbox = address[route..];
        foreach (var (from, to) in rules)
        {
            var other = from.StartsWith('@')
                ? mailbox.EndsWith(from, StringComparison.OrdinalIgnoreCase) ? mailbox[..^from.Length] + to : null
                : mailbox.Equals(from, StringComparison.OrdinalIgnoreCase) ? to : null;
            if (other is not null)
            {
                int at = begin + (brackets ? 1 : 0) + route;
                return [.. line[..at], .. Encoding.Latin1.GetBytes(other), .. line[(at + mailbox.Length)..]];
            }
        }

        return line;
    }
}
