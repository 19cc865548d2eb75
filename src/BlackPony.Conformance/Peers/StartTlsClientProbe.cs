using System.Text.RegularExpressions;
using BlackPony.Conformance.Targets;
using BlackPony.Conformance.Tls;
using BlackPony.Reference;

namespace BlackPony.Conformance.Peers;

/// <summary>
/// The server that plays against a client under test of STARTTLS. All connections of a delivery count, to the end of its process: each is
/// played as the case's script says, and what came on them is judged then.
/// </summary>
public sealed partial class StartTlsClientProbe : ClientDialogue<StartTlsConnection>
{
    /// <summary>The user whose credentials the client is given.</summary>
    public const string User = "user";

    /// <summary>The password.</summary>
    public const string Password = "secret-of-the-test";

    /// <summary>What comes before the body of the usual message.</summary>
    internal const string Header = "From: <from@client.test>\r\nTo: <to@sink.test>\r\nSubject: test of a client\r\n"
        + "Date: Sun, 29 Nov 2026 10:00:00 +0000\r\nMessage-ID: <test@client.test>\r\n\r\n";

    /// <summary>The body of the usual message: lines that begin with periods, blank ones, white space.</summary>
    internal const string Body = "Nobody else reads this.\r\n.dot\r\n..two dots\r\n.\r\n\r\n  spaces  \r\nThe end.\r\n";

    private static readonly string[] Harmless = ["EHLO", "HELO", "NOOP", "RSET", "STARTTLS", "QUIT"];
    private static readonly string[] Transaction = ["MAIL", "RCPT", "DATA", "BDAT"];

    private readonly MailPolicy _policy;
    private readonly bool _hasLogin;

    /// <summary>Listens.</summary>
    public StartTlsClientProbe(ClientTarget client, Needs needs, CaseContext context)
        : base(client, context)
    {
        _policy = needs.HasFlag(Needs.VerifyPolicy) ? MailPolicy.Verify
            : needs.HasFlag(Needs.OpportunisticPolicy) ? MailPolicy.Opportunistic
            : needs.HasFlag(Needs.RequiredPolicy) || client.Can.HasFlag(Needs.RequiredPolicy) ? MailPolicy.Required
            : client.Can.HasFlag(Needs.VerifyPolicy) ? MailPolicy.Verify
            : MailPolicy.Opportunistic;
        _hasLogin = client.Can.HasFlag(Needs.Login);
        Next = Next with { Host = TestCertificate.Host, Message = Header + Body };
    }

    /// <summary>The connections of the last delivery, and what came on them.</summary>
    internal List<PlayedSession> Sessions { get; } = [];

    /// <summary>Whether the client says that the message was delivered.</summary>
    internal bool Delivered { get; private set; }

    /// <summary>The commands inside, of all connections.</summary>
    internal IEnumerable<string> Inside => Sessions.SelectMany(s => s.Inside);

    /// <summary>The commands outside.</summary>
    internal IEnumerable<string> Outside => Sessions.SelectMany(s => s.Outside);

    /// <summary>What a case that passes has to report.</summary>
    internal void Note(string text) => _context.Notes.Add(text);

    /// <summary>Has the client deliver a message.</summary>
    /// <param name="script">What the server does.</param>
    /// <param name="to">The recipient.</param>
    /// <param name="count">How many times the message is sent.</param>
    internal async Task DeliverAsync(ServerScript script, string to = "to@sink.test", int count = 1)
    {
        Sessions.Clear();
        var (cafile, message) = (Path.Combine(_folder, "ca.pem"), Path.Combine(_folder, "message"));
        await File.WriteAllTextAsync(cafile, TestCertificate.AuthorityPem);
        await File.WriteAllTextAsync(message, Next.Message, System.Text.Encoding.Latin1);
        Next = Next with
        {
            Words = new Dictionary<string, string>
            {
                ["policy"] = _policy.ToString().ToLowerInvariant(),
                ["cafile"] = cafile,
                ["message"] = message,
                ["from"] = "from@client.test",
                ["to"] = to,
                ["user"] = User,
                ["password"] = Password,
                ["count"] = count.ToString(System.Globalization.CultureInfo.InvariantCulture),
            },
        };

        // A client that is given credentials may insist on AUTH.
        if (_hasLogin && !script.Inside.Any(l => l.StartsWith("AUTH", StringComparison.Ordinal)) && script.Inside.Contains("8BITMIME"))
            script = script with { Inside = [.. script.Inside, "AUTH PLAIN LOGIN"] };

        var serving = new List<Task>();
        while (await TakeAsync() is { } socket)
        {
            _wires.Add(new StartTlsConnection(socket, Role.Server, _context.Transcript, _context.Timeout));
            Sessions.Add(new PlayedSession(_wires[^1], Sessions.Count > 0 ? script.Again ?? script : script));
            serving.Add(Sessions[^1].RunAsync());
        }

        Delivered = (await _delivery!).Delivered;
        _delivery = null;
        await Task.WhenAll(serving);
        foreach (var (session, i) in Sessions.Select((s, i) => (s, i)).Where(s => s.s.Finding is not null))
            _context.Transcript.Comment($"connection {i + 1}: {session.Finding}");
    }

    /// <summary>The client has to have come so far; else nothing is known.</summary>
    internal void Need(bool came, string what)
    {
        if (!came)
        {
            throw new NoVerdictException(Sessions.Count == 0
                ? "The client made no connection, so nothing is known about it."
                : $"The client {what}, so nothing is known about it.");
        }
    }

    /// <summary>It made a connection, on which the suite sends a greeting.</summary>
    internal void NeedGreeted() => Need(Sessions.Count > 0, "made no connection");

    /// <summary>It sent STARTTLS.</summary>
    internal void NeedStartTls() => Need(Outside.Any(l => Verb(l) == "STARTTLS"), "did not send STARTTLS");

    /// <summary>It made a handshake.</summary>
    internal void NeedInside() => Need(Sessions.Any(s => s.IsInside), "completed no handshake");

    /// <summary>The message arrived inside, and the client says so.</summary>
    /// <param name="what">What the client did not accept.</param>
    /// <param name="requirement">The requirement that asks for it; null for the case's first.</param>
    internal void ExpectInside(string what, string? requirement = null)
    {
        Need(Sessions.Count > 0, "made no connection");
        var handshake = Sessions.Select(s => s.Handshake).LastOrDefault(h => h is { IsComplete: false });
        var why = handshake is null ? "" : $" The handshake is not complete: {handshake.What}.";
        Expect.That(Sessions.Any(s => s.Mail.Count > 0), $"{what}: the message did not arrive inside TLS.{why}", requirement);
        Expect.That(Delivered, $"{what}: the client says that the message, which arrived, was not delivered.", requirement);
    }

    /// <summary>Nothing of a message or credentials went out in plaintext, on any connection.</summary>
    /// <param name="mail">The requirement that mail and credentials in plaintext violate.</param>
    /// <param name="other">The requirement that any other command violates; null if it may be sent.</param>
    internal void ExpectNoPlaintext(string mail, string? other = null)
    {
        foreach (var line in Outside)
        {
            bool isMail = Transaction.Append("AUTH").Contains(Verb(line));
            Expect.That(Harmless.Contains(Verb(line)) || (!isMail && other is null), $"The client sent in plaintext: {Expect.Show(line)}.",
                isMail ? mail : other);
        }

        Expect.That(Sessions.All(s => s.MailOutside.Count == 0), "The client sent the message in plaintext.", mail);
        var after = Sessions.Select(s => MailOrLogin().Match(s.After)).FirstOrDefault(m => m.Success);
        Expect.That(after is null,
            $"The client sent {after?.Value.ToUpperInvariant()[..4]} in plaintext on a connection whose handshake failed.", mail);
    }

    [GeneratedRegex("MAIL FROM|AUTH [A-Z]", RegexOptions.IgnoreCase)]
    private static partial Regex MailOrLogin();

    /// <summary>
    /// The client does not say that the message was delivered. An opportunistic client may have delivered it without TLS (RFC 7672 2.2).
    /// </summary>
    internal void ExpectNotDelivered(string? requirement = null)
    {
        bool isPlain = _policy == MailPolicy.Opportunistic && Sessions.Any(s => s.MailOutside.Count > 0);
        Expect.That(!Delivered || isPlain, "The client says that the message was delivered, and it was not.", requirement);
    }

    /// <summary>No mail in plaintext, and none delivered.</summary>
    /// <param name="mail">The requirement that mail and credentials in plaintext violate.</param>
    /// <param name="delivered">The requirement that a delivery violates; null for the same.</param>
    internal void ExpectNoMail(string mail, string? delivered = null)
    {
        ExpectNoPlaintext(mail);
        ExpectNotDelivered(delivered ?? mail);
    }

    /// <summary>No transaction and no credentials inside.</summary>
    internal void ExpectNoMailInside(string finding, string? mail = null, string? auth = null)
    {
        var line = Inside.FirstOrDefault(l => Verb(l) == "AUTH");
        Expect.That(line is null, $"{finding} It sent {Expect.Show(line ?? "")}.", auth ?? mail);
        line = Inside.FirstOrDefault(l => Transaction.Contains(Verb(l)));
        Expect.That(line is null, $"{finding} It sent {Expect.Show(line ?? "")}.", mail);
    }

    /// <summary>The case's own finding in a session.</summary>
    internal void ExpectNoFinding(string? requirement = null)
    {
        var finding = Sessions.Select(s => s.Finding).FirstOrDefault(f => f is not null);
        if (finding == PlayedSession.Silent)
            throw new CaseFailedException(finding, requirement) { IsSilence = true };

        Expect.That(finding is null, finding ?? "", requirement);
    }

    /// <summary>Whether a command has this verb. HELO counts as EHLO.</summary>
    internal static bool Is(string line, string verb) => Verb(line) == verb || (verb == "EHLO" && Verb(line) == "HELO");

    /// <summary>The verb of a command.</summary>
    internal static new string Verb(string line) => ClientDialogue<StartTlsConnection>.Verb(line);
}
