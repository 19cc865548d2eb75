using System.Buffers;
using System.Text;

namespace BlackPony.Traces.Sessions;

/// <summary>Reads the Subject and the Message-ID out of a header as it comes (RFC 5322 2.2).</summary>
internal sealed class HeaderFields
{
    private const int MaxField = 2048;

    private ArrayBufferWriter<byte>? _field;
    private bool _takes;

    public string? Subject { get; private set; }

    public string? MessageId { get; private set; }

    /// <summary>Takes a line, or a piece of one.</summary>
    /// <param name="piece">The octets.</param>
    /// <param name="begins">Whether the line begins with it.</param>
    /// <param name="ends">Whether the line ends with it.</param>
    public void Take(ReadOnlySpan<byte> piece, bool begins, bool ends)
    {
        if (begins)
        {
            bool folded = piece[0] is (byte)' ' or (byte)'\t';
            if (!folded)
            {
                Finish();
                _takes = piece[0] is (byte)'S' or (byte)'s' or (byte)'M' or (byte)'m';
            }
        }

        if (_takes)
        {
            _field ??= new ArrayBufferWriter<byte>(128);
            var text = ends ? piece.TrimEnd("\r\n"u8) : piece;
            _field.Write(text[..Math.Min(text.Length, MaxField - _field.WrittenCount)]);
        }

        if (ends && begins && piece.TrimEnd("\r\n"u8).IsEmpty)
            Finish();
    }

    private void Finish()
    {
        if (_field is { WrittenCount: > 0 })
        {
            var line = Encoding.UTF8.GetString(_field.WrittenSpan);
            if (line.StartsWith("Subject:", StringComparison.OrdinalIgnoreCase))
                Subject ??= Clean(line[8..]);
            else if (line.StartsWith("Message-ID:", StringComparison.OrdinalIgnoreCase))
                MessageId ??= Clean(line[11..]).Trim('<', '>');

            _field.ResetWrittenCount();
        }
    }

    private static string Clean(string text) => string.Concat(text.Trim().Select(c => char.IsControl(c) ? ' ' : c));
}
