using System.Text;

namespace BlackPony.Tests.Conformance.Transcripts;

/// <summary>The mail server behind the relay: takes all mail, if it is not told otherwise.</summary>
/// <param name="extensions">What its reply to EHLO names.</param>
/// <param name="refuse">The reply that refuses a command, or a message (".", after its end); null: it is taken.</param>
internal sealed class Backend(IReadOnlyList<string> extensions, Func<string, string?>? refuse = null)
{
    private string _waiting = "";
    private bool _data;

    /// <summary>The messages that came whole, and were not told yet.</summary>
    public Queue<string> Messages { get; } = new();

    /// <summary>Whether the session ended with 221.</summary>
    public bool SaidQuit { get; private set; }

    /// <summary>Takes octets; gives the replies to what is whole.</summary>
    public byte[] Take(ReadOnlySpan<byte> octets)
    {
        _waiting += Encoding.Latin1.GetString(octets);
        var replies = new StringBuilder();
        while (Next() is { } reply)
        {
            replies.Append(reply);
        }

        return Encoding.Latin1.GetBytes(replies.ToString());
    }

    private string? Next()
    {
        // An empty message is its end alone.
        var end = !_data ? "\r\n" : _waiting.StartsWith(".\r\n", StringComparison.Ordinal) ? ".\r\n" : "\r\n.\r\n";
        int at = _waiting.IndexOf(end, StringComparison.Ordinal);
        if (at < 0)
        {
            return null;
        }

        var text = _waiting[..at];
        int size = 0;
        if (!_data && text.StartsWith("BDAT ", StringComparison.Ordinal))
        {
            size = int.Parse(text.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
            if (_waiting.Length < at + 2 + size)
            {
                return null;
            }
        }

        _waiting = _waiting[(at + end.Length + size)..];
        if (_data || text.EndsWith(" LAST", StringComparison.Ordinal))
        {
            _data = false;
            if (refuse?.Invoke(".") is { } refusal)
            {
                return refusal;
            }

            Messages.Enqueue(text);
            return "250 2.0.0 Ok: queued\r\n";
        }

        if (refuse?.Invoke(text) is { } no)
        {
            return no;
        }

        _data = text == "DATA";
        SaidQuit = text == "QUIT";
        return text.Split(' ')[0] switch
        {
            "EHLO" => string.Concat(extensions.Prepend("mx.b.test").Select((l, i) => $"250{(i < extensions.Count ? '-' : ' ')}{l}\r\n")),
            "HELO" => "250 mx.b.test\r\n",
            "DATA" => "354 End data with <CR><LF>.<CR><LF>\r\n",
            "QUIT" => "221 2.0.0 Bye\r\n",
            "STARTTLS" => "220 2.0.0 Ready to start TLS\r\n",
            "MAIL" or "RCPT" or "RSET" or "NOOP" or "BDAT" => "250 2.0.0 Ok\r\n",
            _ => "500 5.5.1 Unknown command\r\n",
        };
    }
}
