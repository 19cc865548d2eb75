namespace BlackPony.Traces.Sessions;

/// <summary>The mail transaction as the replies show it (RFC 5321 3.3): commands come in order, each with its reply or without.</summary>
internal sealed class Transaction
{
    private const int MaxRecipients = 50_000;

    private bool _open;
    private string? _from;
    private List<RecipientReport> _recipients = [];
    private List<RecipientReport> _taken = [];

    /// <summary>Whether a MAIL stands.</summary>
    public bool IsOpen => _open;

    /// <summary>Recipients that were not refused.</summary>
    public int Accepted => _recipients.Count(r => r.IsRefused != true);

    /// <summary>Recipients that LMTP answers for.</summary>
    public int Taken => _taken.Count;

    public void Reset() => (_open, _from, _recipients) = (false, null, []);

    /// <summary>MAIL: unless it was refused, a transaction begins.</summary>
    public void Mail(string? address, ServerReply? reply)
    {
        if (reply is null or { Class: 0 or 2 })
            (_open, _from, _recipients) = (true, address, []);
    }

    public void Rcpt(string? address, ServerReply? reply)
    {
        if (_recipients.Count < MaxRecipients)
        {
            _recipients.Add(new RecipientReport(address ?? "")
            {
                Reply = reply?.KnownCode, Text = Text(reply), IsRefused = reply is null or { Class: 0 } ? null : reply.Class != 2,
            });
        }
    }

    /// <summary>The message's end, or the only reply to it.</summary>
    public void End(MessageReport message, ServerReply? reply, long sent)
    {
        (message.From, message.Recipients) = (_from, _recipients);
        (message.Reply, message.ReplyText) = (reply?.KnownCode, Text(reply));
        message.Seconds = reply is null || reply.Time < sent ? null : (reply.Time - sent) / 1e9;
        message.Forget();
    }

    /// <summary>One of LMTP's replies: to the recipient of that number among those that were taken.</summary>
    public void EndFor(MessageReport message, int number, ServerReply reply, long sent)
    {
        if (number == 0)
        {
            _taken = [.. _recipients.Where(r => r.IsRefused != true)];
            End(message, reply, sent);
        }
        else if (message.IsRefused == true && reply.IsPositive)
        {
            (message.Reply, message.ReplyText) = (reply.KnownCode, Text(reply));
        }

        if (number < _taken.Count)
        {
            var mine = _taken[number];
            (mine.Reply, mine.Text, mine.IsRefused) = (reply.KnownCode, Text(reply), reply.Class == 0 ? null : reply.Class != 2);
        }

        message.Forget();
    }

    private static string? Text(ServerReply? reply) => reply is null || reply.Text.Length == 0 ? null : Redaction.ReplyText(reply.Text);
}
