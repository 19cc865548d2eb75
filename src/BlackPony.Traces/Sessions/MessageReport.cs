namespace BlackPony.Traces.Sessions;

/// <summary>A recipient, and what became of it.</summary>
/// <param name="address">Its address.</param>
public sealed class RecipientReport(string address)
{
    /// <summary>The address.</summary>
    public string Address => address;

    /// <summary>The code of the reply to its RCPT, or of LMTP's reply to the message; null if it is not known.</summary>
    public int? Reply { get; internal set; }

    /// <summary>The reply's text.</summary>
    public string? Text { get; internal set; }

    /// <summary>Whether the server refused it; null if that is not known.</summary>
    public bool? IsRefused { get; internal set; }
}

/// <summary>A message whose content came whole.</summary>
public sealed class MessageReport
{
    private IReadOnlyList<string>? _to;

    /// <summary>The sender's address; empty for the null sender, null if its MAIL was not seen.</summary>
    public string? From { get; internal set; }

    /// <summary>The recipients that the server accepted, and those of whom the reply is not known.</summary>
    public IReadOnlyList<string> To => _to ??= [.. Recipients.Where(r => r.IsRefused != true).Select(r => r.Address)];

    /// <summary>All recipients that were asked for.</summary>
    public IReadOnlyList<RecipientReport> Recipients { get; internal set; } = [];

    /// <summary>Octets of the content as they were on the wire, without DATA's final dot.</summary>
    public long Octets { get; internal set; }

    /// <summary>Octets of them that the capture lacks.</summary>
    public long Missing { get; internal set; }

    /// <summary>Whether it came by BDAT (RFC 3030).</summary>
    public bool InChunks { get; internal init; }

    /// <summary>The reply to its end; null if none was seen.</summary>
    public int? Reply { get; internal set; }

    /// <summary>That reply's text.</summary>
    public string? ReplyText { get; internal set; }

    /// <summary>When its last octet came, nanoseconds since 1970.</summary>
    public long Time { get; internal set; }

    /// <summary>Seconds from its end to the reply; null if none was seen.</summary>
    public double? Seconds { get; internal set; }

    /// <summary>The Subject as it stands in the header, unfolded.</summary>
    public string? Subject { get; internal set; }

    /// <summary>The Message-ID, without its brackets.</summary>
    public string? MessageId { get; internal set; }

    /// <summary>The server's name for it, as far as its reply has the form of a known server's.</summary>
    public string? QueueId => Reply is >= 200 and <= 299 && ReplyText is { } text ? Smtp.QueueId.Of(text) : null;

    /// <summary>Whether the server refused it; null if that is not known.</summary>
    public bool? IsRefused => Reply is { } code ? code >= 400 : null;

    /// <summary>The file that its content was written to; null if it was not.</summary>
    public string? File { get; internal set; }

    /// <summary>Where its content goes as it comes.</summary>
    internal IContentSink? Sink { get; init; }

    internal void Forget() => _to = null;
}
