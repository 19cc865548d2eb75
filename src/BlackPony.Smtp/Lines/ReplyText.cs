using System.Text.Unicode;

namespace BlackPony.Smtp.Lines;

/// <summary>What of a server's reply may reach a mail server (RFC 5321 4.2): never a bare CR, a NUL or another control character.</summary>
internal static class ReplyText
{
    /// <summary>The reply with a question mark instead of each control character; other octets stay as they are ([BP-10.4-21]).</summary>
    public static Reply Printable(Reply reply) => Clean(reply, _ => true);

    /// <summary>The reply with a question mark instead of each octet that is no text ([BP-10.5-11]).</summary>
    /// <param name="reply">Any reply.</param>
    /// <param name="utf8">Whether the mail server said SMTPUTF8, and so takes UTF-8 (RFC 6531 3.7.4.2).</param>
    public static Reply Text(Reply reply, bool utf8) => Clean(reply, l => utf8 && Utf8.IsValid(l));

    private static Reply Clean(Reply reply, Func<byte[], bool> keepsHigh) =>
        reply.Lines.Any(l => IsUnclean(l)) ? reply with { Lines = [.. reply.Lines.Select(l => Clean(l, keepsHigh(l)))] } : reply;

    private static bool IsUnclean(ReadOnlySpan<byte> line) => line.IndexOfAnyExceptInRange((byte)32, (byte)126) >= 0;

    private static byte[] Clean(byte[] line, bool keepsHigh) =>
        [.. line.Select(o => o is (byte)'\t' or (>= 32 and <= 126) || (o >= 128 && keepsHigh) ? o : (byte)'?')];
}
