namespace BlackPony.Smtp.Lines;

/// <summary>What a relay looks at in a client's line, without its CRLF.</summary>
internal static class ClientLine
{
    private static readonly System.Buffers.SearchValues<byte> VerbOctets =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"u8);

    /// <summary>The first word.</summary>
    public static ReadOnlySpan<byte> Word(ReadOnlySpan<byte> line)
    {
        int end = line.IndexOf((byte)' ');
        return end < 0 ? line : line[..end];
    }

    /// <summary>Whether it begins with a command: letters or digits, then a space or the end ([BP-10.1-10]).</summary>
    public static bool HasVerb(ReadOnlySpan<byte> line) => Word(line) is { IsEmpty: false } word && !word.ContainsAnyExcept(VerbOctets);

    /// <summary>Whether it holds a CR, LF or NUL: only CRLF ends a line ([BP-10.2-1], [BP-10.2-2], [BP-10.5-18]).</summary>
    public static bool HasStray(ReadOnlySpan<byte> line) => line.IndexOfAny((byte)'\r', (byte)'\n', (byte)0) >= 0;
}
