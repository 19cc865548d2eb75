using System.Text;
using BlackPony.Reference.Negotiation;

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
        var lines = new List<byte[]> { reply.Text(0).ToArray() };
        for (int i = 1; i < reply.Lines.Count; i++)
        {
            if (!removed.Contains(Keyword(reply.Text(i))))
            {
                lines.Add(reply.Text(i).ToArray());
            }
        }

        if (!added.IsEmpty)
        {
            lines.Add(added.ToArray());
        }

        var octets = new MemoryStream();
        for (int i = 0; i < lines.Count; i++)
        {
            octets.Write(Encoding.ASCII.GetBytes($"{reply.Code}{(i < lines.Count - 1 ? '-' : ' ')}"));
            octets.Write(lines[i]);
            octets.Write("\r\n"u8);
        }

        return octets.ToArray();
    }

    /// <summary>A reply's keywords, in upper case.</summary>
    public static string[] Keywords(Reply reply) => [.. Enumerable.Range(1, reply.Lines.Count - 1).Select(i => Keyword(reply.Text(i)))];

    private static string Keyword(ReadOnlySpan<byte> line) => Encoding.Latin1.GetString(ClientLine.Word(line)).ToUpperInvariant();
}
