using System.Text;

namespace BlackPony.Conformance.Peers;

/// <summary>A message that arrives line by line; copied only from the first line that differs from the message that was sent.</summary>
/// <param name="sent">The message that was sent.</param>
internal sealed class IncomingMessage(string sent)
{
    private int _same; // how many characters have come that are equal
    private StringBuilder? _other;

    /// <summary>Takes a line.</summary>
    /// <param name="line">The line, without its CRLF.</param>
    public void Append(ReadOnlySpan<char> line)
    {
        var rest = sent.AsSpan(_same);
        if (_other is null && rest.StartsWith(line) && rest[line.Length..].StartsWith("\r\n"))
            _same += line.Length + 2;
        else
            (_other ??= new StringBuilder(sent, 0, _same, capacity: 0)).Append(line).Append("\r\n");
    }

    /// <summary>What came.</summary>
    public override string ToString() => _other?.ToString() ?? sent[.._same];
}
