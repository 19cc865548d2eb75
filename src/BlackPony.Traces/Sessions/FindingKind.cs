namespace BlackPony.Traces.Sessions;

/// <summary>The kinds of findings that are no deviation from one requirement of the specification; those have the requirement's number
/// for their id.</summary>
public sealed record FindingKind(string Id, FindingLevel Level, string? Requirement)
{
    /// <summary>The file ends early or cannot be followed further.</summary>
    public static readonly FindingKind Damaged = new("T-FILE-DAMAGED", FindingLevel.Warning, null);

    /// <summary>Frames of a link type that is not read.</summary>
    public static readonly FindingKind LinkType = new("T-LINK-TYPE", FindingLevel.Warning, null);

    /// <summary>Octets that the capture lacks.</summary>
    public static readonly FindingKind Gap = new("T-GAP", FindingLevel.Warning, null);

    /// <summary>Packets that were captured and cut short (a snap length).</summary>
    public static readonly FindingKind CutPacket = new("T-CUT-PACKET", FindingLevel.Warning, null);

    /// <summary>One direction was not captured.</summary>
    public static readonly FindingKind OneSided = new("T-ONE-SIDED", FindingLevel.Note, null);

    /// <summary>The beginning was not captured.</summary>
    public static readonly FindingKind Midstream = new("T-MIDSTREAM", FindingLevel.Note, null);

    /// <summary>Octets on an SMTP port that are no SMTP.</summary>
    public static readonly FindingKind NotSmtp = new("T-NOT-SMTP", FindingLevel.Warning, null);

    /// <summary>A session through a proxy (HTTP or SOCKS).</summary>
    public static readonly FindingKind Tunnel = new("T-TUNNEL", FindingLevel.Note, null);

    /// <summary>TLS where a server that speaks SMTP expects none.</summary>
    public static readonly FindingKind UnexpectedTls = new("T-TLS-UNEXPECTED", FindingLevel.Warning, "RFC 3207 4");

    /// <summary>A session inside TLS, decrypted by whoever captured it.</summary>
    public static readonly FindingKind Decrypted = new("T-DECRYPTED", FindingLevel.Note, null);

    /// <summary>More of a session than is kept.</summary>
    public static readonly FindingKind Long = new("T-LONG", FindingLevel.Note, null);

    /// <summary>The client spoke before the greeting.</summary>
    public static readonly FindingKind EarlyTalker = new("T-EARLY-TALKER", FindingLevel.Note, "RFC 5321 4.3.1");

    /// <summary>Commands sent together to a server that did not offer PIPELINING.</summary>
    public static readonly FindingKind Pipelining = new("T-PIPELINING", FindingLevel.Warning, "RFC 2920 3.1");

    /// <summary>A line of the server that is no reply.</summary>
    public static readonly FindingKind ReplyMalformed = new("T-REPLY-MALFORMED", FindingLevel.Warning, "RFC 5321 4.2");

    /// <summary>A reply to no command.</summary>
    public static readonly FindingKind ReplyUnasked = new("T-REPLY-UNASKED", FindingLevel.Note, "RFC 5321 4.2");

    /// <summary>A reply to a message before its end.</summary>
    public static readonly FindingKind ReplyEarly = new("T-REPLY-EARLY", FindingLevel.Note, "RFC 5321 4.1.1.4");

    /// <summary>A reply that was not captured or never came.</summary>
    public static readonly FindingKind ReplyMissing = new("T-REPLY-MISSING", FindingLevel.Note, null);

    /// <summary>A line that ends in LF alone.</summary>
    public static readonly FindingKind BareLf = new("T-BARE-LF", FindingLevel.Warning, "RFC 5321 2.3.8");

    /// <summary>A line longer than is kept.</summary>
    public static readonly FindingKind LineTooLong = new("T-LINE-TOO-LONG", FindingLevel.Warning, "RFC 5321 4.5.3.1");

    /// <summary>Octets above 127 in a command without SMTPUTF8.</summary>
    public static readonly FindingKind NonAsciiCommand = new("T-NON-ASCII", FindingLevel.Note, "RFC 6531 3.1");

    /// <summary>Octets above 127 in a message without BODY=8BITMIME or BINARYMIME.</summary>
    public static readonly FindingKind EightBit = new("T-8BIT", FindingLevel.Note, "RFC 6152 3");

    /// <summary>A chunk size that is none.</summary>
    public static readonly FindingKind ChunkSize = new("T-BDAT-SIZE", FindingLevel.Warning, "RFC 3030 2");

    /// <summary>A command out of order.</summary>
    public static readonly FindingKind Sequence = new("T-SEQUENCE", FindingLevel.Note, "RFC 5321 4.1.4");

    /// <summary>A header larger than most servers take.</summary>
    public static readonly FindingKind HugeHeader = new("T-HUGE-HEADER", FindingLevel.Note, "RFC 5321 4.5.3.1.7");

    /// <summary>A header line longer than 1000 octets.</summary>
    public static readonly FindingKind LongLine = new("T-LONG-LINE", FindingLevel.Note, "RFC 5321 4.5.3.1.6");

    /// <summary>A lone dot between line ends that are not CRLF.</summary>
    public static readonly FindingKind Smuggling = new("T-SMUGGLING", FindingLevel.Warning, "RFC 5321 4.1.1.4");

    /// <summary>A message without its end.</summary>
    public static readonly FindingKind MessageCut = new("T-MESSAGE-CUT", FindingLevel.Warning, "RFC 5321 4.1.1.4");

    /// <summary>A password in the clear.</summary>
    public static readonly FindingKind PasswordInClear = new("T-AUTH-PLAINTEXT", FindingLevel.Warning, "RFC 4954 4");

    /// <summary>Octets after STARTTLS before its reply.</summary>
    public static readonly FindingKind StartTlsInjection = new("T-STARTTLS-INJECTION", FindingLevel.Error, "RFC 3207 4.2");

    /// <summary>STARTTLS accepted, and what follows is no TLS.</summary>
    public static readonly FindingKind StartTlsBroken = new("T-STARTTLS-BROKEN", FindingLevel.Warning, "RFC 3207 4");

    /// <summary>A keyword in the EHLO reply that somebody in the path wrote over.</summary>
    public static readonly FindingKind KeywordOverwritten = new("T-STRIPPED-KEYWORD", FindingLevel.Warning, "RFC 3207 6");

    /// <summary>The same server offered an encryption in another session that it does not offer here.</summary>
    public static readonly FindingKind OfferStripped = new("T-STRIPPED-OFFER", FindingLevel.Warning, null);

    /// <summary>An encryption was offered and not used.</summary>
    public static readonly FindingKind NotUsed = new("T-NOT-USED", FindingLevel.Note, null);

    /// <summary>XBLACKPONY was refused and the session went on in plaintext.</summary>
    public static readonly FindingKind UpgradeRefused = new("T-UPGRADE-REFUSED", FindingLevel.Note, "BP-9.2-1");

    /// <summary>An upgrade that ended without the server's Finished and without a refusal.</summary>
    public static readonly FindingKind UpgradeBroken = new("T-UPGRADE-BROKEN", FindingLevel.Warning, "BP-9.2-2");

    /// <summary>Plain SMTP in a fresh connection after an upgrade broke.</summary>
    public static readonly FindingKind Downgrade = new("T-DOWNGRADE", FindingLevel.Warning, "BP-9.2-5");

    /// <summary>ROT, which protects nothing.</summary>
    public static readonly FindingKind NotEncrypted = new("T-NOT-ENCRYPTED", FindingLevel.Warning, "BP-5.5-10");

    /// <summary>Records that the key log has no secrets for.</summary>
    public static readonly FindingKind NoKeys = new("T-NO-KEYS", FindingLevel.Note, null);

    /// <summary>A record that does not verify under the key log's secret.</summary>
    public static readonly FindingKind RecordUnverified = new("T-RECORD-UNVERIFIED", FindingLevel.Error, "BP-8.3-1");

    /// <summary>A TLS record that does not verify under the key log's secret.</summary>
    public static readonly FindingKind TlsUnverified = new("T-TLS-UNVERIFIED", FindingLevel.Warning, "RFC 8446 5.2");

    /// <summary>An alert.</summary>
    public static readonly FindingKind Alert = new("T-ALERT", FindingLevel.Warning, "BP-8.3-1");

    /// <summary>Records that end without a close.</summary>
    public static readonly FindingKind Truncated = new("T-TRUNCATED", FindingLevel.Warning, "BP-8.2-1");

    /// <summary>A line of a transcript file that has not its form.</summary>
    public static readonly FindingKind TranscriptLine = new("T-TRANSCRIPT-LINE", FindingLevel.Warning, "Appendix D");

    /// <summary>A deviation from a requirement of the specification.</summary>
    /// <param name="requirement">Such as <c>BP-4.2-9</c>.</param>
    public static FindingKind Deviation(string requirement) => new("T" + requirement[2..], FindingLevel.Error, requirement);
}
