using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>How a session was upgraded.</summary>
public enum UpgradeKind
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>TLS (RFC 3207).</summary>
    StartTls,

    /// <summary>BlackPony.</summary>
    BlackPony,

    /// <summary>TLS from the first octet (RFC 8314 3.3).</summary>
    Tls,
}

/// <summary>A line of a dialogue.</summary>
/// <param name="Time">Nanoseconds since 1970.</param>
/// <param name="Sender">Who sent it.</param>
/// <param name="Protected">Whether it was inside records or ROT.</param>
/// <param name="Text">The line, escaped, or in brackets what it stands for.</param>
/// <param name="Octets">Its octets.</param>
public readonly record struct DialogueLine(long Time, Role Sender, bool Protected, string Text, long Octets);

/// <summary>A command and its reply.</summary>
/// <param name="Command">The verb, or what stands for it.</param>
/// <param name="Reply">The reply's code; null if it is not known.</param>
/// <param name="Text">The reply's text, lines joined by CRLF.</param>
/// <param name="Time">When the command was sent, nanoseconds since 1970.</param>
/// <param name="Seconds">From the command to the reply.</param>
public readonly record struct ExchangeReport(string Command, int? Reply, string? Text, long Time, double? Seconds);

/// <summary>What was seen of a session.</summary>
public sealed class ObservedSession
{
    private const int MaxFindings = 200;
    private const int MaxItems = 100_000;

    private Dictionary<string, int>? _repeated;

    internal ObservedSession(string file, string client, string server, long start) =>
        (File, Client, Server, Start, End) = (file, client, server, start, start);

    /// <summary>The file.</summary>
    public string File { get; }

    /// <summary>The client's address and port.</summary>
    public string Client { get; internal set; }

    /// <summary>The server's address and port.</summary>
    public string Server { get; internal set; }

    /// <summary>When the first octet came, in nanoseconds since 1970.</summary>
    public long Start { get; internal set; }

    /// <summary>When the last one came.</summary>
    public long End { get; internal set; }

    /// <summary>The text of the greeting's first line.</summary>
    public string? Greeting { get; internal set; }

    /// <summary>What the client last called itself in EHLO or HELO.</summary>
    public string? Helo { get; internal set; }

    /// <summary>The verbs in order, in upper case.</summary>
    public List<string> Commands { get; } = [];

    /// <summary>The reply codes in order.</summary>
    public List<int> Replies { get; } = [];

    /// <summary>The messages in order.</summary>
    public List<MessageReport> Messages { get; } = [];

    /// <summary>How it was upgraded.</summary>
    public UpgradeKind Upgrade { get; internal set; }

    /// <summary>BlackPony's suite.</summary>
    public string? Suite { get; internal set; }

    /// <summary>The suites that the server offered, as on the wire; null if it made no offer.</summary>
    public string? Offer { get; internal set; }

    /// <summary>Whether the server offered STARTTLS.</summary>
    public bool OffersStartTls { get; internal set; }

    /// <summary>What was seen of TLS; null if there was none.</summary>
    public TlsReport? Tls { get; internal set; }

    /// <summary>Whether the session was inside TLS that somebody decrypted for the capture.</summary>
    public bool IsDecrypted { get; internal set; }

    /// <summary>Through what the session came before SMTP: <c>socks5 host:port</c>, <c>connect host:port</c>, <c>proxy address</c>; null
    /// if directly.</summary>
    public string? Via { get; internal set; }

    /// <summary>Its number among the sessions of the capture, from 1.</summary>
    public int Number { get; internal set; }

    internal bool UpgradeBroke { get; set; }

    /// <summary>Whether a reply to EHLO was read with all its keywords, outside of any encryption.</summary>
    internal bool HasKeywords { get; set; }

    /// <summary>The longest time from a command to its reply, in seconds.</summary>
    public double SlowestReply { get; internal set; }

    /// <summary>The verb that waited so long.</summary>
    public string? SlowestCommand { get; internal set; }

    /// <summary>Octets that the client sent.</summary>
    public long ClientOctets { get; internal set; }

    /// <summary>Octets that the server sent.</summary>
    public long ServerOctets { get; internal set; }

    /// <summary>Gaps in the capture.</summary>
    public int Gaps { get; internal set; }

    /// <summary>What was found.</summary>
    public List<Finding> Findings { get; } = [];

    /// <summary>Commands with their replies, if they were asked for.</summary>
    public List<ExchangeReport>? Exchanges { get; internal init; }

    /// <summary>The dialogue, if it was asked for.</summary>
    public List<DialogueLine>? Dialogue { get; internal init; }

    /// <summary>Every address of a sender or recipient that was named, refused ones too.</summary>
    internal HashSet<string> Addresses { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether a message, a sender or a recipient was refused.</summary>
    public bool HasRefused { get; internal set; }

    /// <summary>Texts of refusals that belong to no message.</summary>
    internal List<string> Refusals { get; } = [];

    internal void Add(FindingKind kind, long offset, string text)
    {
        // The same thing over and over is said a few times; a session's report is bounded.
        _repeated ??= [];
        int count = _repeated[kind.Id] = _repeated.GetValueOrDefault(kind.Id) + 1;
        if (count <= 10 && Findings.Count < MaxFindings)
            Findings.Add(new Finding(kind.Level, kind.Id, kind.Requirement, text, offset));
    }

    internal void AddCommand(string verb)
    {
        if (Commands.Count < MaxItems)
            Commands.Add(verb);
        else
            Once(FindingKind.Long, 0, $"More than {MaxItems} commands; the others are not listed.");
    }

    internal void AddExchange(Command command, ServerReply? reply)
    {
        if (command.IsUnseen || command.Answers > 0)
            return;

        if (command.Address is { } address && Addresses.Count < MaxItems)
            Addresses.Add(address);

        if (reply is { Class: >= 4 } && command.Verb is Verb.Mail or Verb.Rcpt or Verb.Data or Verb.DataEnd or Verb.BdatLast
            or Verb.Greeting)
        {
            HasRefused = true;
            if (command.Verb is Verb.Mail or Verb.Greeting or Verb.Rcpt && Refusals.Count < MaxFindings)
                Refusals.Add(reply.Text);
        }

        double? seconds = reply is null || reply.Time < command.Time ? null : (reply.Time - command.Time) / 1e9;
        if (seconds > SlowestReply && command.Verb != Verb.Greeting)
            (SlowestReply, SlowestCommand) = (seconds.Value, command.Name ?? command.Verb.Name());

        if (Exchanges is { Count: < MaxItems })
        {
            Exchanges.Add(new ExchangeReport(
                command.Name ?? command.Verb.Name(), reply?.KnownCode, reply is null ? null : Redaction.ReplyText(reply.Text), command.Time,
                seconds));
        }
    }

    internal void AddReply(int code)
    {
        if (Replies.Count < MaxItems)
            Replies.Add(code);
    }

    internal void AddMessage(MessageReport message)
    {
        if (Messages.Count < MaxItems)
            Messages.Add(message);
    }

    internal void Once(FindingKind kind, long offset, string text)
    {
        if (_repeated?.ContainsKey(kind.Id) != true)
            Add(kind, offset, text);
    }

    // What was held back was said late: in the order of the wire, lines of the same time as they came.
    internal void SortDialogue()
    {
        if (Dialogue is { } lines && lines.Zip(lines.Skip(1)).Any(p => p.First.Time > p.Second.Time))
        {
            var sorted = lines.OrderBy(l => l.Time).ToList();
            lines.Clear();
            lines.AddRange(sorted);
        }
    }

    internal void Say(long time, Role sender, bool inside, string text, long octets)
    {
        if (Dialogue!.Count < MaxItems)
            Dialogue.Add(new DialogueLine(time, sender, inside, text, octets));
    }
}
