namespace BlackPony.Smtp.Lines;

/// <summary>Positive EHLO replies as relay and mailer pass them on (spec 10.2, 10.4).</summary>
internal static class EhloReply
{
    /// <summary>The reply without some keywords, and with a line added.</summary>
    /// <param name="reply">The server's positive reply.</param>
    /// <param name="removed">Keywords in upper case.</param>
    /// <param name="added">A line without code; empty for none.</param>
    public static byte[] Rewrite(Reply reply, IReadOnlyCollection<string> removed, ReadOnlySpan<byte> added = default)
    {
        var kept = Enumerable.Range(0, reply.Lines.Count).Where(i => i == 0 || !removed.Contains(Keyword(reply.Text(i))));
        var texts = kept.Select(i => reply.Text(i).ToArray()).ToList();
        if (!added.IsEmpty)
            texts.Add(added.ToArray());

        var codes = texts.Select((_, i) => Encoding.ASCII.GetBytes($"{reply.Code}{(i < texts.Count - 1 ? '-' : ' ')}"));
        return [.. codes.Zip(texts, (code, text) => (byte[])[.. code, .. text, .. "\r\n"u8]).SelectMany(line => line)];
    }

    /// <summary>A reply's keywords, in upper case.</summary>
    public static string[] Keywords(Reply reply) => [.. Enumerable.Range(1, reply.Lines.Count - 1).Select(i => Keyword(reply.Text(i)))];

    private static string Keyword(ReadOnlySpan<byte> line) => Encoding.Latin1.GetString(ClientLine.Word(line)).ToUpperInvariant();
}
