namespace BlackPony.Smtp.Lines;

/// <summary>A client's line.</summary>
internal static class ClientLine
{
    // By number, as in Verb.
    private static readonly string[] Verbs = [.. Enum.GetNames<Verb>().Select(n => n.ToUpperInvariant())];

    private static readonly SearchValues<byte> VerbOctets =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"u8);

    /// <summary>Finds the line at the beginning of the octets that wait.</summary>
    /// <param name="octets">What waits.</param>
    /// <param name="line">The line without its CRLF; without a last CR, which may still be followed by its LF.</param>
    /// <returns>Whether its end has come.</returns>
    public static bool Find(ReadOnlySpan<byte> octets, out ReadOnlySpan<byte> line)
    {
        int length = octets.IndexOf("\r\n"u8);
        line = length >= 0 ? octets[..length] : octets is [.., (byte)'\r'] ? octets[..^1] : octets;
        return length >= 0;
    }

    /// <summary>The first word.</summary>
    public static ReadOnlySpan<byte> Word(ReadOnlySpan<byte> line)
    {
        int end = line.IndexOf((byte)' ');
        return end < 0 ? line : line[..end];
    }

    /// <summary>The command, if it is one that matters here: no line makes a string of its own.</summary>
    public static Verb Verb(ReadOnlySpan<byte> line)
    {
        var word = Word(line);
        for (var verb = Lines.Verb.Ehlo; verb < Lines.Verb.Message; verb++)
        {
            if (Ascii.EqualsIgnoreCase(word, Verbs[(int)verb]))
                return verb;
        }

        return Lines.Verb.Other;
    }

    /// <summary>Whether it begins with a command: letters or digits, then a space or the end ([BP-10.1-10]).</summary>
    public static bool HasVerb(ReadOnlySpan<byte> line) => Word(line) is { IsEmpty: false } word && !word.ContainsAnyExcept(VerbOctets);

    /// <summary>Whether it holds a CR, LF or NUL: only CRLF ends a line ([BP-10.2-1], [BP-10.2-2], [BP-10.5-18]).</summary>
    public static bool HasStray(ReadOnlySpan<byte> line) => line.IndexOfAny((byte)'\r', (byte)'\n', (byte)0) >= 0;
}
