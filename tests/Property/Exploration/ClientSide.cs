using System.Text;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Mailer;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>What has become of the client.</summary>
internal sealed record ClientFacts : Facts
{
    public bool Asked { get; init; }

    /// <summary>Whether it verified a server's Finished.</summary>
    public bool Secured { get; init; }

    public string? Suite { get; init; }

    public string? Transcript { get; init; }

    /// <summary>Whether a mail octet left in plaintext.</summary>
    public bool MailInClear { get; init; }

    /// <summary>Whether one did after it verified a server's Finished.</summary>
    public bool MailInClearAfterSecured { get; init; }

    /// <summary>Whether a mail octet left in records.</summary>
    public bool MailInRecords { get; init; }

    /// <summary>Whether it takes the mail for delivered, in records.</summary>
    public bool Believes { get; init; }

    public bool Broke { get; init; }

    public bool Reports504 { get; init; }

    public bool ReportsDowngrade { get; init; }
}

/// <summary>The mailer with the mail server before it, which has one message.</summary>
internal class ClientSide : Side, IKeyLog
{
    public const string Message = "Subject: hello\r\n\r\nNobody else reads this.\r\n.\r\n";

    private static readonly (string Says, int Wants)[] Script =
    [
        ("EHLO a\r\n", 250), ("MAIL FROM:<a@a>\r\n", 250), ("RCPT TO:<b@b>\r\n", 250), ("DATA\r\n", 354), (Message, 250), ("QUIT\r\n", 221),
    ];

    private readonly MailerSession _mailer;
    private string _heard = "";
    private int _wants = 220;
    private int _next;
    private string? _transcript;

    public ClientSide(MailerOptions options)
    {
        _mailer = new MailerSession(options with { KeyLog = this }, new CountingRandom((byte)'c'));
        _mailer.Connected("mx.b.test", 25, moreTargets: false);
    }

    /// <summary>What the client says inside, if nothing goes wrong.</summary>
    public static string Stream { get; } = string.Concat(Script.Select(s => s.Says));

    public override Facts Facts => Now;

    /// <summary>The transcript hash of the last upgrade.</summary>
    protected string? Transcript => _transcript;

    protected ClientFacts Now { get; private set; } = new();

    public void Log(string line) => _transcript = line.Split(' ')[1];

    public override void Dispose() => _mailer.Dispose();

    public override void Take(Event what, byte[] octets)
    {
        switch (what)
        {
            case Event.ToClient:
                Now = Now with
                {
                    Reports504 = Now.Reports504
                        || (Now.Asked && !Now.Secured && Units.Text(octets).StartsWith("504", StringComparison.Ordinal)),
                };
                _mailer.FromServer(Heard(octets));
                break;
            case Event.End:
                _mailer.ServerEnded();
                break;
            case Event.TimeOut when _mailer.PeerTimeout == Timeout.InfiniteTimeSpan:
                // It is the mail server before the mailer that does not wait for ever.
                _mailer.ClientEnded();
                break;
            case Event.TimeOut:
                _mailer.TimedOut();
                break;
            case Event.Fresh:
                WantsFresh = false;
                _mailer.Connected("mx.b.test", 25, moreTargets: false);
                break;
        }

        while (Move())
        {
        }

        Now = Now with { Waits = Now.Ended || HasPatience(_mailer) };
    }

    /// <summary>Whether something ends the waiting: the machine's time-out, or the mail server before it where that is heard.</summary>
    protected virtual bool HasPatience(MailerSession mailer) => mailer.PeerTimeout != Timeout.InfiniteTimeSpan || mailer.WantsClient;

    /// <summary>What the machine gets instead of what came.</summary>
    protected virtual byte[] Heard(byte[] octets) => octets;

    /// <summary>What the machine's report says.</summary>
    protected virtual SessionReport Said(SessionReport report) => report;

    /// <summary>What the client says when its machine has ended.</summary>
    protected virtual string LastWords => "";

    private bool Move()
    {
        var report = Said(_mailer.Report);
        bool secured = Now.Secured || report.Encrypted;
        if (secured && !Now.Secured)
        {
            Now = Now with { Secured = true, Suite = report.Suite, Transcript = _transcript };
        }

        foreach (var unit in Units.Split(Taken(_mailer.ToServer)))
        {
            Say(unit);
        }

        Now = Now with { ReportsDowngrade = report.Downgrade };
        _heard += Encoding.Latin1.GetString(Taken(_mailer.ToClient));
        switch (_mailer.Request)
        {
            case SessionRequest.Reconnect:
                Now = Now with { Broke = true };
                WantsFresh = true;
                return false;
            case SessionRequest.Close:
                Ends |= !Now.Ended;
                if (!Now.Ended && LastWords.Length > 0)
                {
                    Say(Encoding.ASCII.GetBytes(LastWords));
                }

                Now = Now with { Ended = true };
                return false;
        }

        return Speak();
    }

    private void Say(byte[] unit)
    {
        var text = Units.Text(unit);
        bool mail = text.Contains("MAIL FROM", StringComparison.Ordinal) || text.Contains("Subject", StringComparison.Ordinal);
        Now = Now with
        {
            Asked = Now.Asked || text.StartsWith("XBLACKPONY", StringComparison.Ordinal),
            MailInClear = Now.MailInClear || mail,
            MailInClearAfterSecured = Now.MailInClearAfterSecured || (mail && Now.Secured),
            MailInRecords = Now.MailInRecords || (text.Length == 0 && _next > 1),
        };
        ToServer.Add(unit);
    }

    // The mail server says its next line when the reply to the one before has come; it gives up at any other reply than it wants.
    private bool Speak()
    {
        if (!_mailer.WantsClient || !_heard.EndsWith("\r\n", StringComparison.Ordinal)
            || _heard[..^2].Split("\r\n")[^1] is not ([_, _, _, ' ', ..] or [_, _, _]))
        {
            return false;
        }

        int code = int.Parse(_heard[..^2].Split("\r\n")[^1][..3], null);
        _heard = "";
        if (code == _wants)
        {
            Now = Now with { Believes = Now.Believes || (_next == 5 && _mailer.Report.Encrypted) };
            if (_next == Script.Length)
            {
                _mailer.ClientEnded();
                return true;
            }

            _wants = Script[_next].Wants;
            _mailer.FromClient(Encoding.Latin1.GetBytes(Script[_next++].Says));
        }
        else if (_next == 1 && code / 100 == 5)
        {
            _mailer.FromClient("HELO a\r\n"u8);
        }
        else
        {
            _mailer.ClientEnded();
        }

        return true;
    }
}
