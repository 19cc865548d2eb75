using System.Text;

namespace BlackPony.Reference.Negotiation;

/// <summary>The 220 and 334 replies that carry a share (spec 4.3).</summary>
internal static class KeyReply
{
    /// <summary>Makes the lines of a reply, each without CRLF ([BP-4.3-4]).</summary>
    /// <param name="code">220 or 334.</param>
    /// <param name="share">The share in canonical base64.</param>
    public static IReadOnlyList<byte[]> Create(int code, string share)
    {
        var fragments = share.Chunk(Limits.ShareFragment).Select(f => new string(f)).ToList();
        return [.. fragments.Select((f, i) => Encoding.ASCII.GetBytes($"{code}{(i < fragments.Count - 1 ? '-' : ' ')}K={f}"))];
    }

    /// <summary>Reads the share, still in base64, out of a reply ([BP-4.3-2], [BP-4.3-5], [BP-4.3-14]).</summary>
    /// <returns>Null if the reply does not have the form.</returns>
    public static byte[]? Read(Reply reply)
    {
        if (reply.Lines.Count > Limits.MaxShareLines)
            return null;

        var share = new MemoryStream();
        foreach (var line in reply.Lines)
        {
            if (line.Length + 2 > Limits.MaxReplyLine || line.Length < 7 || !line.AsSpan(4, 2).SequenceEqual("K="u8))
                return null;

            share.Write(line.AsSpan(6));
        }

        return share.ToArray();
    }
}
