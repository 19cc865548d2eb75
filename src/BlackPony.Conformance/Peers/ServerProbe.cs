using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance.Targets;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Conformance.Peers;

/// <summary>The client of BlackPony that plays against a server under test.</summary>
public sealed class ServerProbe : ServerDialogue<ProbeConnection>
{
    private ServerProbe(ServerPlace place, CaseContext context)
        : base(place, context)
    {
    }

    /// <summary>The connection that was opened last.</summary>
    public ProbeConnection ProbeConnection => Connection;

    /// <summary>The octets of the last offer, from the keyword on.</summary>
    public string Offer { get; private set; } = "";

    /// <summary>The suites of the last offer.</summary>
    public IEnumerable<string> Suites => Offer.Split(' ').Where(t => SuiteRegistry.Find(t) is not null);

    /// <summary>The mail server behind the relay, which the suite plays.</summary>
    public MailSink Backend => _place.Backend!;

    /// <summary>Whether the target says that it has ROT switched off.</summary>
    public bool RotIsOff => _place.RotIsOff;

    /// <summary>The share that the server sent last, decoded.</summary>
    public byte[] ServerShare { get; private set; } = [];

    /// <summary>The share in the server's 334 reply, decoded.</summary>
    public byte[] FirstServerShare { get; private set; } = [];

    /// <summary>The shared secret of the last key exchange.</summary>
    public byte[] Secret { get; private set; } = [];

    /// <summary>The reply to the last XBLACKPONY command or continuation.</summary>
    public Reply UpgradeReply { get; private set; } = null!;

    /// <summary>Takes a place and connects.</summary>
    public static async Task<ServerProbe> StartAsync(ServerTarget target, Needs needs, CaseContext context)
    {
        var probe = new ServerProbe(await target.TakeAsync(needs, context.Cancel), context);
        if (!needs.HasFlag(Needs.Backend))
            await probe.ConnectOrReleaseAsync(() => probe.ConnectAsync());

        return probe;
    }

    /// <summary>
    /// The implementation has to do something within one of its own time-outs, though single octets of something come all the while,
    /// and never the last: they do not prolong it (spec 13).
    /// </summary>
    public Task WithinDrippingAsync(string name, byte[] octets, Task task, string finding) =>
        TimeLimit.WithinDrippingAsync(_context, name, Timeout(name), _place.Time, task, finding, ProbeConnection.SendAsync, octets);

    /// <summary>The relay's bound of sessions.</summary>
    public int MaxSessions => _place.MaxSessions;

    /// <summary>
    /// Opens a connection, on loopback from one of many addresses, and takes the greeting, whatever it is: so a bound for each client is
    /// not met first.
    /// </summary>
    /// <param name="number">Which of the connections it is.</param>
    /// <param name="requirement">The requirement that a server violates which does not greet.</param>
    public async Task<Reply> GreetedAsync(int number, string requirement)
    {
        const int Each = 50;
        _context.Timeout.Renew();
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        if (IPAddress.TryParse(_place.Host, out var host) && IPAddress.IsLoopback(host) && host.AddressFamily == AddressFamily.InterNetwork)
            socket.Bind(new IPEndPoint(IPAddress.Parse($"127.1.0.{1 + (number / Each)}"), 0));

        await socket.ConnectAsync(_place.Host, _place.Port, _context.Cancel);
        _wires.Add(Wrap(socket));
        return await ProbeConnection.ReplyAsync(requirement);
    }

    private protected override ProbeConnection Wrap(Socket socket) =>
        new(socket, Role.Client, _context.Transcript, _context.Timeout) { IsThorough = _context.IsThorough };

    private protected override void Connected() => Refused.Clear();

    /// <summary>Says EHLO and takes note of the offer.</summary>
    public async Task<Reply> EhloAsync()
    {
        var reply = await ProbeConnection.CommandAsync("EHLO probe.test", 250);
        Offer = reply.Texts().FirstOrDefault(IsOffer) ?? "";
        Refused.Clear();
        return reply;
    }

    /// <summary>Says EHLO; the case does not apply if there is no offer.</summary>
    public async Task NeedOfferAsync()
    {
        await EhloAsync();
        if (Offer.Length == 0)
            throw new NotApplicableException("The server does not offer XBLACKPONY.");
    }

    /// <summary>Whether a line of an EHLO reply is the offer.</summary>
    public static bool IsOffer(string text) => text.Split(' ')[0].Equals("XBLACKPONY", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether a line of an EHLO reply is an offer with the version V1.</summary>
    public static bool IsOfferOfV1(string text) =>
        IsOffer(text) && text.Split(' ').Skip(1).Contains("V1", StringComparer.OrdinalIgnoreCase);

    /// <summary>Says EHLO; the case does not apply if the suite is not offered.</summary>
    public async Task NeedAsync(string suite)
    {
        await EhloAsync();
        if (!Suites.Contains(suite, StringComparer.OrdinalIgnoreCase))
            throw new NotApplicableException($"{suite} is not offered.");
    }

    /// <summary>The suites of the last offer that encrypt, in upper case.</summary>
    public IReadOnlyList<string> Encrypting => [.. Suites.Select(s => s.ToUpperInvariant()).Where(s => s != Names.Rot).Distinct()];

    /// <summary>Plays with every suite of the offer that encrypts, each in a connection of its own.</summary>
    public async Task EachSuiteAsync(Func<string, Task> play)
    {
        await NeedOfferAsync();
        foreach (var suite in Encrypting)
        {
            await ConnectAsync();
            await play(suite);
        }
    }

    /// <summary>
    /// The commands since the offer that were answered with 504, and the lines of the replies, as they are hashed ([BP-6.1-6]).
    /// </summary>
    public List<string> Refused { get; } = [];

    /// <summary>Sends a command that the server is to answer with 504.</summary>
    public async Task RefuseAsync(string command)
    {
        var reply = await ProbeConnection.CommandAsync(command, 504);
        Refused.AddRange([command, .. reply.Lines.Select(Encoding.Latin1.GetString)]);
    }

    /// <summary>A good share for a suite, in base64.</summary>
    public string Share(string suite)
    {
        using var exchange = SuiteRegistry.Find(suite)!.StartClient(_context.Random, TestRsaKeys.Client);
        return Base64Share.Encode(exchange.Share);
    }

    /// <summary>A good command for a suite.</summary>
    public string Command(string suite) => $"XBLACKPONY V1 {suite} {Share(suite)}";

    /// <summary>EHLO, XBLACKPONY, and the keys; neither Finished is exchanged yet.</summary>
    /// <param name="suite">The suite's name.</param>
    /// <param name="rewrite">Changes the command line that is sent and hashed.</param>
    /// <param name="hashed">Changes what is hashed, as an attacker in the path would have:
    /// the offer, the command, each 334 and 220 line, the continuation.</param>
    /// <param name="continuation">Changes the octets of the continuation.</param>
    /// <param name="ehlo">Whether to say EHLO first.</param>
    /// <param name="behind">Octets to send after the command in one write.</param>
    /// <param name="refused">The requirement that a refusal violates; null for the case's first.</param>
    /// <param name="invalid">The requirement that an invalid share violates, if the case has one.</param>
    public async Task SwitchAsync(string suite, Func<string, string>? rewrite = null, Func<string, string>? hashed = null,
        Func<byte[], byte[]>? continuation = null, bool ehlo = true, string behind = "", string? refused = null, string? invalid = null)
    {
        if (ehlo)
            await NeedAsync(suite);

        var known = SuiteRegistry.Find(suite)!;
        using var exchange = known.StartClient(_context.Random, TestRsaKeys.Client);
        var th = new TranscriptHash();
        var lines = new List<string>();
        Hash(Offer);
        foreach (var line in Refused)
            Hash(line);

        var command = $"XBLACKPONY V1 {suite} {Base64Share.Encode(exchange.Share)}";
        command = rewrite?.Invoke(command) ?? command;
        Hash(command);
        await ProbeConnection.SendAsync(command + "\r\n" + behind);
        UpgradeReply = await ProbeConnection.ReplyAsync(refused);
        if (known.NeedsContinuation)
        {
            FirstServerShare = ReadShare(334);
            var octets = exchange.Continue(FirstServerShare)
                ?? throw new CaseFailedException($"The share in the 334 reply is invalid: {Expect.ShowHex(FirstServerShare)}.", "BP-4.3-6");
            var text = Base64Share.Encode(continuation?.Invoke(octets) ?? octets);
            Hash(text);
            await ProbeConnection.SendLineAsync(text);
            UpgradeReply = await ProbeConnection.ReplyAsync();
        }

        ServerShare = ReadShare(220);
        Secret = exchange.Finish(ServerShare)
            ?? throw new CaseFailedException(
                $"The share in the 220 reply is invalid: {Expect.ShowHex(ServerShare)}.", invalid ?? "BP-5.1-8");
        ProbeConnection.SwitchTo(known, Role.Client, Secret, th.Finish(), lines, ExchangeMistakes.Of(exchange, Secret, ServerShare));

        byte[] ReadShare(int code)
        {
            Expect.That(UpgradeReply.Code == code, $"Expected {code}, got {Expect.Show(UpgradeReply.Lines[^1])}.",
                UpgradeReply.Code >= 400 ? refused : known.NeedsContinuation ? "BP-4.3-6" : "BP-4.3-1");
            foreach (var line in UpgradeReply.Lines)
            {
                Expect.That(line.Length + 2 <= Limits.MaxReplyLine, "A line of the reply is longer than 512 octets.", "BP-4.3-4");
                Expect.That(line.Length < 10 || line[5] != '.' || line[7] != '.',
                    $"The line {Expect.Show(line)} has an enhanced status code.", "BP-4.3-3");
                Expect.That(line.Length > 6 && line[4] == 'K' && line[5] == '=',
                    $"The line {Expect.Show(line)} does not have \"K=\" directly after code and separator.", "BP-4.3-2");
                Hash(Encoding.Latin1.GetString(line));
            }

            var text = KeyReply.Read(UpgradeReply);
            return text is not null && Base64Share.TryDecode(text, out var share)
                ? share
                : throw new CaseFailedException($"The fragments of the {code} reply are not canonical base64: "
                    + $"{Expect.Show(text ?? UpgradeReply.Lines[^1])}.", "BP-5.1-6");
        }

        void Hash(string line)
        {
            var edited = hashed?.Invoke(line) ?? line;
            if (edited != line)
                _context.Transcript.Comment($"hashed here as if it had been: {Expect.Escape(Encoding.Latin1.GetBytes(edited))}");

            lines.Add(edited);
            th.Add(Encoding.Latin1.GetBytes(edited));
        }
    }

    /// <summary>The whole upgrade, with both Finished.</summary>
    public async Task UpgradeAsync(string suite = Names.Core, Func<string, string>? rewrite = null, string? refused = null)
    {
        await SwitchAsync(suite, rewrite, refused: refused);
        await FinishAsync();
    }

    /// <summary>Both Finished.</summary>
    public async Task FinishAsync()
    {
        await TakeFinishedAsync();
        await ProbeConnection.SendRecordAsync(RecordType.Finished, ProbeConnection.Keys.Finished(Role.Client));
    }

    /// <summary>The server's Finished.</summary>
    /// <param name="none">The requirement that the end of the connection violates.</param>
    public async Task TakeFinishedAsync(string none = "BP-6.3-1")
    {
        ProbeConnection.CheckFinished(await ProbeConnection.RecordAsync(RecordType.Finished, "BP-6.3-1", none));
    }

    /// <summary>The whole upgrade and EHLO inside.</summary>
    public async Task<Reply> InsideAsync(string suite = Names.Core)
    {
        await UpgradeAsync(suite);
        return await ProbeConnection.CommandInsideAsync("EHLO probe.test", 250);
    }

    /// <summary>MAIL and RCPT inside.</summary>
    public async Task EnvelopeInsideAsync()
    {
        await ProbeConnection.CommandInsideAsync("MAIL FROM:<a@probe.test>", 250);
        await ProbeConnection.CommandInsideAsync("RCPT TO:<b@sink.test>", 250);
    }

    /// <summary>Delivers a message inside, to the 250 after its end.</summary>
    public async Task DeliverInsideAsync(string body = "Subject: probe\r\n\r\n..dot\r\n\xE9t\xE9\r\n")
    {
        await EnvelopeInsideAsync();
        await ProbeConnection.CommandInsideAsync("DATA", 354);
        await ProbeConnection.CommandInsideAsync(body + ".", 250);
    }

    /// <summary>Delivers a message in plaintext.</summary>
    public async Task DeliverPlainAsync()
    {
        await ProbeConnection.CommandAsync("MAIL FROM:<a@probe.test>", 250);
        await ProbeConnection.CommandAsync("RCPT TO:<b@sink.test>", 250);
        await ProbeConnection.CommandAsync("DATA", 354);
        await ProbeConnection.CommandAsync("Subject: probe\r\n\r\nplain\r\n.", 250);
    }

    /// <summary>Shows that the plaintext session is still usable ([BP-4.4-2]).</summary>
    /// <param name="requirement">The requirement that another answer violates.</param>
    public async Task ExpectUsableAsync(string requirement = "BP-4.4-2")
    {
        await ProbeConnection.SendLineAsync("NOOP");
        var reply = await ProbeConnection.ReplyAsync(requirement);
        Expect.That(reply.Code == 250, $"After the refusal NOOP is answered with {Expect.Show(reply.Lines[^1])}.", requirement);
    }

    /// <summary>
    /// Sends records of which the first must fail, and a command after them in the same write, which a server that goes on would answer.
    /// </summary>
    public async Task ExpectFailureAtAsync(params byte[][] records)
    {
        await ProbeConnection.SendRecordsAsync([.. records, ProbeConnection.Seal(RecordType.Data, "NOOP\r\n"u8)]);
        await ProbeConnection.ExpectAlertAsync();
    }

    /// <summary>The sessions that reached the suite's mail server, as soon as there are so many.</summary>
    public async Task<IReadOnlyList<SinkSession>> BackendSessionsAsync(int count)
    {
        while (Backend.Sessions.Count < count)
            await Task.Delay(5, _context.Cancel);

        return [.. Backend.Sessions];
    }
}
