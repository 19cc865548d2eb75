using System.Text.Unicode;

namespace BlackPony.Smtp.Outbound;

/// <summary>MAIL or RCPT, taken apart (RFC 5321 4.1.1.2, 4.1.1.3).</summary>
/// <param name="Path">The path with its angle brackets.</param>
/// <param name="Parameters">What follows it.</param>
internal sealed record PathCommand(byte[] Path, IReadOnlyList<string> Parameters)
{
    /// <summary>Whether the path needs SMTPUTF8.</summary>
    public bool IsInternational => Path.AsSpan().IndexOfAnyInRange((byte)128, (byte)255) >= 0;

    /// <summary>Takes a command apart.</summary>
    /// <param name="line">The line without CRLF.</param>
    /// <param name="keyword">What follows the verb: <c>FROM:</c> or <c>TO:</c>.</param>
    /// <returns>Null if it is malformed.</returns>
    public static PathCommand? Parse(ReadOnlySpan<byte> line, string keyword)
    {
        var rest = line[(line.IndexOf((byte)' ') + 1)..];
        if (rest.Length < keyword.Length || !Ascii.EqualsIgnoreCase(rest[..keyword.Length], keyword))
            return null;

        rest = rest[keyword.Length..].TrimStart((byte)' ');
        int length = PathLength(rest);
        if (length < 0 || (length < rest.Length && rest[length] != ' ') || rest[length..].IndexOfAnyExceptInRange((byte)32, (byte)126) >= 0)
            return null;

        var parameters = Encoding.ASCII.GetString(rest[length..]).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return new PathCommand(rest[..length].ToArray(), parameters);
    }

    /// <summary>The path's domain (<see cref="MailDomain"/>); null if there is none that could be looked up.</summary>
    public string? Domain()
    {
        int at = LastAt(Path);
        var domain = at < 0 ? default : Path.AsSpan()[(at + 1)..^1];
        return at < 0 || !Utf8.IsValid(domain) ? null : MailDomain.Canonical(Encoding.UTF8.GetString(domain));
    }

    // Up to the bracket that closes, which a quoted local part may hold too; -1 if there is none.
    private static int PathLength(ReadOnlySpan<byte> text)
    {
        bool quoted = false, escaped = false;
        for (int i = 0; i < text.Length; i++)
        {
            byte octet = text[i];
            if (i == 0 ? octet != '<' : octet is < 32 or 127 || (octet is (byte)' ' or (byte)'<' && !quoted))
                return -1;

            if (octet == '>' && !quoted)
                return i + 1;

            quoted ^= octet == '"' && !escaped;
            escaped = octet == '\\' && quoted && !escaped;
        }

        return -1;
    }

    // A domain holds no quote: the last @ follows the local part.
    private static int LastAt(ReadOnlySpan<byte> path)
    {
        int at = path.LastIndexOf((byte)'@');
        return at > 0 && path[at..].IndexOf((byte)'"') < 0 ? at : -1;
    }
}
