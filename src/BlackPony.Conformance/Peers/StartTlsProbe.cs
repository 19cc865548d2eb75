using System.Net.Sockets;
using BlackPony.Conformance.Targets;
using BlackPony.Conformance.Tls;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Conformance.Peers;

/// <summary>The client that plays against a server under test of STARTTLS.</summary>
public sealed class StartTlsProbe : ServerDialogue<StartTlsConnection>
{
    /// <summary>After so long without an octet, nothing more is expected.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);

    private StartTlsProbe(ServerPlace place, CaseContext context)
        : base(place, context)
    {
    }

    /// <summary>The last EHLO reply outside TLS.</summary>
    public Reply Outside { get; private set; } = null!;

    /// <summary>Whether it offers STARTTLS.</summary>
    public bool IsOffered => Outside.Texts().Skip(1).Any(IsOffer);

    /// <summary>What its user declared about the server.</summary>
    public MailFacts Facts => _place.Facts;

    /// <summary>How the server is named.</summary>
    public string Host => _place.Host;

    /// <summary>
    /// Whether the server was silent in a handshake. That uses up the case's time: the case cannot open another connection.
    /// </summary>
    public bool WasSilent { get; private set; }

    /// <summary>Takes a place and connects.</summary>
    public static async Task<StartTlsProbe> StartAsync(ServerTarget target, Needs needs, CaseContext context)
    {
        var probe = new StartTlsProbe(await target.TakeAsync(needs, context.Cancel), context);
        await probe.ConnectOrReleaseAsync(probe.AgainAsync);
        return probe;
    }

    /// <summary>Whether a line of an EHLO reply is the offer.</summary>
    public static bool IsOffer(string text) => text.Split(' ')[0].Equals("STARTTLS", StringComparison.OrdinalIgnoreCase);

    /// <summary>The same as <see cref="ServerDialogue{TConnection}.WithinAsync"/> while single octets come, and never the last.</summary>
    public Task WithinDrippingAsync(string name, byte[] octets, Task task, string finding) =>
        TimeLimit.WithinDrippingAsync(_context, name, Timeout(name), _place.Time, task, finding, Connection.SendRawAsync, octets);

    /// <summary>What a case that passes has to report.</summary>
    public void Note(string text) => _context.Notes.Add(text);

    /// <summary>Opens a connection; the case does not apply if the server takes none for now.</summary>
    public async Task AgainAsync()
    {
        var greeting = await ConnectAsync(null);
        if (greeting.Code is 421 or 450 or 451)
            throw new NotApplicableException($"The server takes no connection now: {Expect.Show(greeting.Lines[^1])}.");

        Expect.That(greeting.Code == 220, $"After the connection: expected 220, got {Expect.Show(greeting.Lines[^1])}.");
    }

    /// <summary>Says EHLO outside.</summary>
    public async Task<Reply> EhloAsync(string name = "probe.test") =>
        Outside = await Connection.CommandAsync($"EHLO {name}", 250);

    /// <summary>Says EHLO; the case does not apply if STARTTLS is not offered.</summary>
    public async Task OpenAsync(string name = "probe.test")
    {
        await EhloAsync(name);
        if (!IsOffered)
            throw new NotApplicableException("The server does not offer STARTTLS.");
    }

    /// <summary>The case does not apply if a keyword is not in the EHLO reply outside.</summary>
    public void Need(string keyword)
    {
        if (!Outside.HasKeyword(keyword))
            throw new NotApplicableException($"The server does not offer {keyword}.");
    }

    /// <summary>Sends STARTTLS, and perhaps more in the same segment, and takes the 220.</summary>
    /// <param name="octets">The octets.</param>
    /// <param name="what">What the finding says after STARTTLS if another reply comes.</param>
    public async Task SwitchAsync(string octets = "STARTTLS\r\n", string what = "")
    {
        await Connection.SendAsync(octets);
        Agreed(await Connection.ReplyAsync("TLS-4-1"), what);
    }

    /// <summary>A reply to STARTTLS that has to be 220; 454 and 421 are not applicable.</summary>
    public static void Agreed(Reply reply, string what = "")
    {
        if (reply.Code is 454 or 421)
            throw new NotApplicableException($"The server has no TLS now: {Expect.Show(reply.Lines[^1])}.");

        Expect.That(reply.Code == 220, $"Sent STARTTLS{what}, expected 220, got {Expect.Show(reply.Lines[^1])}.", "TLS-4-1");
    }

    /// <summary>The handshake, which has to succeed.</summary>
    internal async Task HandshakeAsync(TlsSettings? settings = null)
    {
        var end = await Connection.HandshakeAsync(settings ?? new TlsSettings());
        Expect.That(end.IsComplete, $"After STARTTLS: the handshake is not complete: {end.What}.", "TLS-3-1");
    }

    /// <summary>Sends STARTTLS with something else around it: a server that refuses, or ends the connection, is right.</summary>
    /// <returns>Whether it agreed.</returns>
    public async Task<bool> InjectAsync(string octets)
    {
        await Connection.SendAsync(octets);
        var reply = await Connection.ReplyOrEndAsync();
        if (reply is null or { Code: 221 or >= 500 })
            return false;

        Agreed(reply, " with more in the same segment");
        return true;
    }

    /// <summary>The first reply inside has to be the one to the suite's own NOOP, or the session ends.</summary>
    /// <param name="requirement">The requirement that another one violates.</param>
    public async Task FirstIsNoopAsync(string requirement)
    {
        await Connection.SendLineAsync("NOOP");
        var first = await Connection.ReplyOrEndAsync();
        Expect.That(first is null || first.Lines.Count == 1,
            $"Inside, the first reply is not the one to NOOP: {Expect.Show(first?.Lines[0] ?? [])}.", requirement);
        if (first is null)
            return;

        await Connection.SendLineAsync("EHLO probe.test");
        var second = await Connection.ReplyOrEndAsync();
        Expect.That(second is null || (second.Code == 250 && second.Lines.Count > 1),
            $"Inside, NOOP is answered with {Expect.Show(first.Lines[0])}, and the EHLO after it with "
                + $"{Expect.Show(second?.Lines[0] ?? [])}: "
                + "there is a reply too many.", requirement);
    }

    /// <summary>The first reply inside has to be the one to the suite's own EHLO, or the session ends.</summary>
    /// <param name="requirement">The requirement that another one violates.</param>
    public async Task FirstIsEhloAsync(string requirement)
    {
        await Connection.SendLineAsync("EHLO probe.test");
        var first = await Connection.ReplyOrEndAsync();
        Expect.That(first is null || (first.Code == 250 && first.Lines.Count > 1),
            $"Inside, the first reply is not the one to EHLO: {Expect.Show(first?.Lines[0] ?? [])}.", requirement);
        if (first is null)
            return;

        await Connection.SendLineAsync("NOOP");
        var second = await Connection.ReplyOrEndAsync();
        Expect.That(second is null or { Code: 250 or 500 or 502, Lines.Count: 1 },
            $"Inside, the NOOP after EHLO is answered with {Expect.Show(second?.Lines[0] ?? [])}.", requirement);
    }

    /// <summary>The handshake after something was injected: to end the connection is right, and the case is over then.</summary>
    /// <returns>Whether it is complete.</returns>
    public async Task<bool> HandshakeOrEndAsync(string requirement = "TLS-4-5") =>
        await HandshakeOrEndAsync(new TlsSettings(), requirement);

    /// <summary>The same, with settings.</summary>
    internal async Task<bool> HandshakeOrEndAsync(TlsSettings settings, string requirement)
    {
        HandshakeEnd end;
        try
        {
            end = await Connection.HandshakeAsync(settings with { Silence = 5 * Quiet });
        }
        catch (OperationCanceledException) when (!_context.IsStopped)
        {
            Note("The server sends nothing more: no command was run.");
            WasSilent = true;
            return false;
        }

        Expect.That(!end.IsReply, $"In the handshake {end.What}: a command was run in plaintext.", requirement);
        return end.IsComplete;
    }

    /// <summary>EHLO, STARTTLS and the handshake; no command inside yet.</summary>
    internal async Task BeginAsync(TlsSettings? settings = null, string name = "probe.test")
    {
        await OpenAsync(name);
        await SwitchAsync();
        await HandshakeAsync(settings);
    }

    /// <summary>EHLO, STARTTLS, the handshake, and EHLO inside.</summary>
    internal async Task<Reply> InsideAsync(TlsSettings? settings = null)
    {
        await BeginAsync(settings);
        return await Connection.CommandAsync("EHLO probe.test", 250, "TLS-3-1");
    }

    /// <summary>Switches on a connection where EHLO was said already, and perhaps more.</summary>
    /// <returns>Whether the server agreed: to refuse STARTTLS in the wrong place is right.</returns>
    internal async Task<bool> LateAsync()
    {
        await Connection.SendLineAsync("STARTTLS");
        var reply = await Connection.ReplyAsync();
        if (reply.Code is 503 or 502 or 501 or 554 or 500)
            return false;

        Agreed(reply);
        await HandshakeAsync();
        return true;
    }

    /// <summary>Sends a ClientHello as it is after STARTTLS, and reads what comes.</summary>
    /// <returns>The octets, on the wire.</returns>
    internal async Task<byte[]> HelloAsync(byte[] hello)
    {
        await OpenAsync();
        await SwitchAsync();
        await Connection.SendRawAsync(hello);
        return await Connection.RestAsync(Quiet);
    }

    /// <summary>Sends a command; the case does not apply if the answer is 4yz, as greylisting's is.</summary>
    public async Task<Reply> AskAsync(string line)
    {
        await Connection.SendLineAsync(line);
        var reply = await Connection.ReplyAsync();
        return reply.Code is >= 400 and < 500
            ? throw new NotApplicableException($"{line.Split(' ')[0]} is answered with {Expect.Show(reply.Lines[^1])} for now.")
            : reply;
    }

    /// <summary>Sends a command, whose answer must be positive.</summary>
    public async Task<Reply> TakenAsync(string line, string? requirement = null)
    {
        var reply = await AskAsync(line);
        Expect.That(reply.Code is >= 200 and < 400, $"Sent {Expect.Show(line)}, got {Expect.Show(reply.Lines[^1])}.", requirement);
        return reply;
    }

    /// <summary>MAIL and RCPT.</summary>
    public async Task EnvelopeAsync(string? to = null, string? requirement = null)
    {
        await TakenAsync("MAIL FROM:<>", requirement);
        await TakenAsync($"RCPT TO:<{to ?? Facts.Local[0]}>", requirement);
    }

    /// <summary>Delivers a message with a word.</summary>
    public async Task DeliverAsync(string marker, string? to = null, string? requirement = null)
    {
        await EnvelopeAsync(to, requirement);
        await Connection.CommandAsync("DATA", 354, requirement);
        await Connection.CommandAsync($"From: <probe@probe.test>\r\nSubject: {marker}\r\n\r\n{marker}\r\n.", 250, requirement);
    }

    /// <summary>How many times a word is in the mail that the server has accepted, once another message is there.</summary>
    public async Task<int> CountAsync(string marker, string present)
    {
        var mail = await MailAsync(present);
        return mail.Split(marker).Length - 1;
    }

    private protected override StartTlsConnection Wrap(Socket socket) => new(socket, Role.Client, _context.Transcript, _context.Timeout);
}
