using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance.Targets;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Conformance.Peers;

/// <summary>The server that plays against a client under test. It keeps all that the client let out in plaintext.</summary>
public sealed partial class ClientProbe : ClientDialogue<ProbeConnection>
{
    private static readonly string[] Harmless = ["EHLO", "HELO", "XBLACKPONY", "NOOP", "RSET", "QUIT"];
    private static readonly string[] Mail = ["MAIL", "RCPT", "DATA", "BDAT", "AUTH", "VRFY", "EXPN"];

    private readonly List<ClientPolicy> _policies = [];

    /// <summary>Listens.</summary>
    public ClientProbe(ClientTarget client, CaseContext context)
        : base(client, context)
    {
    }

    /// <summary>The command that the client sent last.</summary>
    public string Command { get; private set; } = "";

    /// <summary>The client's share, decoded.</summary>
    public byte[] ClientShare { get; private set; } = [];

    /// <summary>The shared secret of the last upgrade.</summary>
    public byte[] Secret { get; private set; } = [];

    /// <summary>The name in the client's last EHLO.</summary>
    public string EhloName { get; private set; } = "";

    /// <summary>The message as this server got it, dot-stuffing undone.</summary>
    public string Received { get; private set; } = "";

    /// <summary>The commands of the transaction, in plaintext or inside.</summary>
    public List<string> Commands { get; } = [];

    /// <summary>Starts the client, if it does not run yet, and takes its next connection.</summary>
    /// <param name="requirement">The requirement that a client violates which makes none; null for the case's first.</param>
    public async Task<ProbeConnection> ConnectAsync(string? requirement = null)
    {
        EndDirections();
        if (await TakeAsync() is not { } socket)
        {
            var outcome = await _delivery!;
            throw new CaseFailedException(
                $"Expected {(_wires.Count == 0 ? "a" : "another")} connection, but the client ended; it says that the message was "
                    + $"{(outcome.Delivered ? "" : "not ")}delivered.", requirement);
        }

        _policies.Add(Next.Policy);
        _wires.Add(new ProbeConnection(socket, Role.Server, _context.Transcript, _context.Timeout)
        {
            IsThorough = _context.IsThorough,
        });
        return _wires[^1];
    }

    /// <summary>Takes the client's next connection, greets, and answers EHLO.</summary>
    /// <param name="offer">The XBLACKPONY line; empty for none.</param>
    /// <param name="extensions">Further lines of the EHLO reply.</param>
    public Task<ProbeConnection> AcceptAsync(string offer, params string[] extensions) => AcceptAsync(null, offer, extensions);

    /// <summary>Takes the client's next connection, greets, and answers EHLO.</summary>
    /// <param name="requirement">The requirement that a client violates which makes no connection.</param>
    /// <param name="offer">The XBLACKPONY line; empty for none.</param>
    /// <param name="extensions">Further lines of the EHLO reply.</param>
    public async Task<ProbeConnection> AcceptAsync(string? requirement, string offer, string[] extensions)
    {
        var wire = await ConnectAsync(requirement);
        await wire.SendLineAsync("220 probe.test ESMTP");
        await ExpectEhloAsync(wire);
        await AnswerEhloAsync(wire, offer.Length > 0 ? [.. extensions, offer] : extensions);
        return wire;
    }

    /// <summary>Receives EHLO.</summary>
    public async Task ExpectEhloAsync(ProbeConnection wire)
    {
        var line = await LineAsync(wire);
        Expect.That(line?.StartsWith("EHLO ", StringComparison.OrdinalIgnoreCase) == true,
            $"Expected EHLO, got {Expect.Show(line ?? "the end of the connection")}.");
        EhloName = line![5..];
    }

    /// <summary>Answers EHLO.</summary>
    public static Task AnswerEhloAsync(ProbeConnection wire, params string[] lines) => wire.SendAsync(EhloReply(lines));

    /// <summary>An EHLO reply.</summary>
    public static string EhloReply(params string[] lines) =>
        string.Concat(lines.Prepend("probe.test").Select((l, i) => $"250{(i < lines.Length ? '-' : ' ')}{l}\r\n"));

    /// <summary>
    /// Receives the next line that is not NOOP or RSET, which a client may send at any time and which get 250 ([BP-9.3-1]).
    /// </summary>
    public static async Task<string?> LineAsync(ProbeConnection wire)
    {
        while (true)
        {
            var line = await wire.LineAsync();
            if (line is null || Verb(line) is not ("NOOP" or "RSET"))
                return line;

            await wire.SendLineAsync("250 Ok");
        }
    }

    /// <summary>
    /// Receives the QUIT of a client that defers, which is answered, or the end of the connection ([BP-9.1-7]); and ends the connection.
    /// </summary>
    /// <param name="wire">The connection.</param>
    /// <param name="requirement">The requirement that any other command violates.</param>
    public static async Task TakeQuitAsync(ProbeConnection wire, string? requirement = null)
    {
        if (await LineAsync(wire) is { } line)
        {
            Expect.That(Verb(line) == "QUIT", $"The client does not defer: it says {Expect.Show(line)}.", requirement);
            await wire.SendLineAsync("221 Bye");
        }

        wire.EndDirection();
        await wire.DrainAsync();
    }

    /// <summary>Receives the XBLACKPONY command line.</summary>
    public async Task<string> ExpectCommandAsync(ProbeConnection wire)
    {
        var line = await LineAsync(wire);
        Expect.That(line?.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase) == true,
            $"Expected XBLACKPONY, got {Expect.Show(line ?? "the end of the connection")}.");
        Command = line!;
        return Command;
    }

    /// <summary>
    /// Serves the mail transaction, in plaintext or inside, to the end of the session:
    /// QUIT, or inside the close of a client that closes first (spec 8.1).
    /// </summary>
    /// <param name="wire">The connection.</param>
    /// <param name="inside">Whether inside records.</param>
    /// <param name="answer">The case's own answer to a command; null for the usual one.</param>
    /// <param name="close">Whether to send the close record after 221.</param>
    /// <param name="behind">Octets to send after the close record in one write.</param>
    /// <param name="shift">ROT's shift of the plaintext; 0 for none.</param>
    /// <param name="together">Whether the 221 goes in one write with the close.</param>
    public async Task ServeMailAsync(ProbeConnection wire, bool inside, Func<string, string?>? answer = null, bool close = true,
        byte[]? behind = null, int shift = 0, bool together = false)
    {
        while (await NextAsync() is { } line)
        {
            Commands.Add(line);
            var verb = Verb(line);
            var reply = answer?.Invoke(line) ?? verb switch { "DATA" => "354 Go ahead", "QUIT" => "221 Bye", _ => "250 Ok" };
            if (verb == "QUIT" && together)
            {
                await wire.SendRecordsAsync(wire.Seal(RecordType.Data, Encoding.Latin1.GetBytes(reply + "\r\n")),
                    wire.Seal(RecordType.Close, []), behind ?? []);
                return;
            }

            await SayAsync(reply);
            if (verb == "DATA" && reply.StartsWith("354", StringComparison.Ordinal))
            {
                var message = new IncomingMessage(Next.Message);
                while (await NextAsync() is { } text)
                {
                    if (text == ".")
                    {
                        Received = message.ToString();
                        await SayAsync(answer?.Invoke(".") ?? "250 Kept");
                        break;
                    }

                    message.Append(text.StartsWith('.') ? text.AsSpan(1) : text);
                }
            }
            else if (verb == "QUIT")
            {
                if (inside && close)
                    await wire.SendRecordsAsync(wire.Seal(RecordType.Close, []), behind ?? []);
                else
                    wire.EndDirection();

                return;
            }
        }

        if (inside && wire.Records.LastOrDefault()?.Type == RecordType.Close)
        {
            try
            {
                await wire.SendRecordsAsync(wire.Seal(RecordType.Close, []), behind ?? []);
                wire.EndDirection();
            }
            catch (SocketException)
            {
                // A client that did not wait for the answer.
            }
        }

        async Task<string?> NextAsync() =>
            inside ? await wire.LineInsideAsync() : await wire.LineAsync() is { } line ? Rot(line, 26 - shift) : null;

        Task SayAsync(string text) => inside ? wire.SendInsideAsync(text + "\r\n") : wire.SendLineAsync(Rot(text, shift));
    }

    /// <summary>ROT: each letter <paramref name="shift"/> places further.</summary>
    public static string Rot(string text, int shift)
    {
        var octets = Encoding.Latin1.GetBytes(text);
        RotShift.Shift(octets, shift);
        return Encoding.Latin1.GetString(octets);
    }

    /// <summary>
    /// Waits for the client's end, which must agree with what this server knows; a further connection has no place any more.
    /// </summary>
    /// <param name="delivered">Whether the message was delivered.</param>
    /// <param name="requirement">The requirement that says so.</param>
    /// <param name="further">The requirement that a further connection violates, if it is not the case's first.</param>
    public async Task<Outcome> ExpectAsync(bool delivered, string? requirement = null, string? further = null)
    {
        var outcome = await EndedAsync(further);
        Expect.That(outcome.Delivered == delivered,
            delivered
                ? "The client says that the mail was not delivered."
                : "The client says that the mail was delivered, and it was not.", requirement);
        Expect.That(!delivered || Received == Next.Message,
            $"The message did not come as it was sent. {Expect.Difference(Next.Message, Received)}", requirement);
        Expect.That(!_listener.Pending(), "The client opened one connection too many.", further);
        Received = "";
        return outcome;
    }

    /// <summary>Waits for the client's end, whatever it says.</summary>
    /// <param name="further">The requirement that a further connection violates, if it is not the case's first.</param>
    public async Task<Outcome> EndAsync(string? further = null)
    {
        var outcome = await EndedAsync(further);
        Received = "";
        return outcome;
    }

    /// <summary>Runs a delivery to which the suite plays no server.</summary>
    public Task<Outcome> RunAloneAsync() => _client.DeliverAsync(Next, _context.Cancel);

    /// <summary>The connection must not have seen mail in plaintext.</summary>
    public static void ExpectNoMail(ProbeConnection wire, string? requirement = null)
    {
        var mail = wire.Plaintext.FirstOrDefault(l => Mail.Contains(Verb(l)));
        Expect.That(mail is null, $"The client sent in plaintext: {Expect.Show(mail ?? "")}.", requirement);
    }

    /// <summary>
    /// What holds for every case: nothing but harmless commands before an upgrade, and no mail in plaintext where the policy forbids it
    /// ([BP-9.3-1], [BP-9.1-2]).
    /// </summary>
    public void CheckPlaintext()
    {
        foreach (var (wire, policy) in _wires.Zip(_policies))
        {
            var before = wire.Plaintext.TakeWhile(l => Verb(l) != "XBLACKPONY").ToList();
            if (wire.Switched || before.Count < wire.Plaintext.Count)
            {
                var bad = before.FirstOrDefault(l => !Harmless.Contains(Verb(l)));
                Expect.That(bad is null, $"Before the upgrade the client sent {Expect.Show(bad ?? "")}.", "BP-9.3-1");
            }

            if (wire.Switched || policy == ClientPolicy.Required)
                ExpectNoMail(wire, wire.Switched ? "BP-4.6-4" : "BP-9.1-2");
        }
    }

    // The server has nothing more to say there: a client that ended its direction need not wait for ours.
    private void EndDirections() => _wires.ForEach(w => w.EndDirection());

    private async Task<Outcome> EndedAsync(string? further)
    {
        Expect.That(_delivery is not null, "The client was not started.");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_context.Cancel);
        var accept = _listener.AcceptSocketAsync(stop.Token).AsTask();
        _context.Timeout.WaitsFor("the client's end");
        EndDirections();

        await Task.WhenAny(_delivery!, accept);
        await stop.CancelAsync();
        if (accept.IsCompletedSuccessfully)
        {
            (await accept).Dispose();
            throw new CaseFailedException("The client opened one connection too many.", further);
        }

        var outcome = await _delivery!;
        _delivery = null;
        return outcome;
    }
}
