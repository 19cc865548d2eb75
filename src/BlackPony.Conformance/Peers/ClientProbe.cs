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

/// <summary>The server that plays against a client under test. It keeps all that the client let out in plaintext.</summary>
public sealed class ClientProbe : IAsyncDisposable
{
    private static readonly RsaKeys Rsa = new(TimeProvider.System);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ended;
    private readonly Task<bool> _delivery;
    private readonly List<Wire> _wires = [];

    /// <summary>Listens, and starts the client.</summary>
    public ClientProbe(ClientTarget client, CancellationToken cancel)
    {
        _ended = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        _listener.Start();
        _delivery = client.DeliverAsync(((IPEndPoint)_listener.LocalEndpoint).Port, _ended.Token);
    }

    /// <summary>The command that the client sent last.</summary>
    public string Command { get; private set; } = "";

    /// <summary>The session inside, as this server saw it.</summary>
    public string Message { get; private set; } = "";

    /// <summary>Takes the client's next connection, greets, and answers EHLO.</summary>
    /// <param name="offer">The XBLACKPONY line; empty for none.</param>
    public async Task<Wire> AcceptAsync(string offer)
    {
        var wire = new Wire(await _listener.AcceptSocketAsync(_ended.Token), _ended.Token);
        _wires.Add(wire);
        await wire.SendLineAsync("220 probe.test ESMTP");
        var ehlo = await wire.LineAsync();
        if (ehlo?.StartsWith("EHLO ", StringComparison.OrdinalIgnoreCase) != true)
        {
            throw new CaseFailedException($"Expected EHLO, got \"{ehlo}\".");
        }

        await wire.SendLineAsync(offer.Length > 0 ? $"250-probe.test\r\n250 {offer}" : "250 probe.test");
        return wire;
    }

    /// <summary>Takes the XBLACKPONY command, answers it and switches; no Finished is exchanged yet.</summary>
    /// <param name="wire">The connection.</param>
    /// <param name="offer">The offer that was made.</param>
    /// <param name="tamper">Changes the octets of the server's share.</param>
    public async Task SwitchAsync(Wire wire, string offer, Func<byte[], byte[]>? tamper = null)
    {
        Command = await ExpectCommandAsync(wire);
        var fields = Command.Split(' ');
        var suite = SuiteRegistry.Find(fields[2]) ?? throw new CaseFailedException($"The client named the suite {fields[2]}.");
        using var exchange = suite.StartServer(new SystemRandom(), Rsa);
        var th = new TranscriptHash();
        th.Add(Encoding.Latin1.GetBytes(offer));
        th.Add(Encoding.Latin1.GetBytes(Command));
        var reply = exchange.Begin(Decode(fields[3])) ?? throw new CaseFailedException("The client's share is invalid.");
        if (suite.NeedsContinuation)
        {
            await SendShareAsync(334, reply);
            var line = await wire.LineAsync() ?? throw new CaseFailedException("The client went away instead of continuing.");
            th.Add(Encoding.Latin1.GetBytes(line));
            reply = exchange.Continue(Decode(line)) ?? throw new CaseFailedException("The client's continuation is invalid.");
        }

        await SendShareAsync(220, tamper?.Invoke(reply) ?? reply);
        wire.SwitchTo(suite, Role.Server, exchange.TakeSharedSecret(), th.Finish());

        async Task SendShareAsync(int code, byte[] share)
        {
            var text = new StringBuilder();
            foreach (var line in KeyReply.Create(code, Convert.ToBase64String(share)))
            {
                th.Add(line);
                text.Append(Encoding.Latin1.GetString(line)).Append("\r\n");
            }

            await wire.SendAsync(Encoding.Latin1.GetBytes(text.ToString()));
        }

        static byte[] Decode(string text) => Base64Share.TryDecode(Encoding.Latin1.GetBytes(text), out var octets)
            ? octets
            : throw new CaseFailedException("The client's share is not canonical base64.");
    }

    /// <summary>The whole upgrade and the client's EHLO inside, answered.</summary>
    public async Task UpgradeAsync(Wire wire, string offer)
    {
        await SwitchAsync(wire, offer);
        await wire.SendRecordAsync(RecordType.Finished, wire.Keys.Finished(Role.Server));
        var finished = await wire.RecordAsync(RecordType.Finished);
        if (!finished.Data.AsSpan().SequenceEqual(wire.Keys.Finished(Role.Client)))
        {
            throw new CaseFailedException("The client's Finished has a wrong value.");
        }

        var ehlo = await wire.LineInsideAsync();
        if (ehlo?.StartsWith("EHLO ", StringComparison.OrdinalIgnoreCase) != true)
        {
            throw new CaseFailedException($"Expected EHLO inside, got \"{ehlo}\".");
        }

        await wire.SendInsideAsync("250 probe.test\r\n");
    }

    /// <summary>Receives the XBLACKPONY command line.</summary>
    public static async Task<string> ExpectCommandAsync(Wire wire)
    {
        var line = await wire.LineAsync();
        return line?.StartsWith("XBLACKPONY ", StringComparison.OrdinalIgnoreCase) == true
            ? line
            : throw new CaseFailedException($"Expected XBLACKPONY, got \"{line}\".");
    }

    /// <summary>Serves the mail transaction, in plaintext or inside, to the end of the session.</summary>
    public async Task ServeMailAsync(Wire wire, bool inside)
    {
        while (await NextAsync() is { } line)
        {
            switch (line.Split(' ')[0].ToUpperInvariant())
            {
                case "DATA":
                    await SayAsync("354 Go ahead");
                    while (await NextAsync() is { } text && text != ".")
                    {
                        Message += text + "\r\n";
                    }

                    await SayAsync("250 Kept");
                    break;
                case "QUIT":
                    await SayAsync("221 Bye");
                    if (inside)
                    {
                        await wire.SendRecordAsync(RecordType.Close);
                    }
                    else
                    {
                        wire.EndDirection();
                    }

                    return;
                default:
                    await SayAsync("250 Ok");
                    break;
            }
        }

        Task<string?> NextAsync() => inside ? wire.LineInsideAsync() : wire.LineAsync();

        Task SayAsync(string text) => inside ? wire.SendInsideAsync(text + "\r\n") : wire.SendLineAsync(text);
    }

    /// <summary>Waits for the client's end, which must agree with what this server knows.</summary>
    public async Task ExpectAsync(bool delivered)
    {
        bool says = await _delivery;
        if (says != delivered)
        {
            throw new CaseFailedException(delivered ? "The client says that the mail was not delivered." : "The client says that the mail was delivered, and it was not.");
        }

        if (delivered && Message != ClientTarget.Message)
        {
            throw new CaseFailedException("The message did not come as it was sent.");
        }
    }

    /// <summary>What a connection showed in plaintext must hold no mail ([BP-9.3-1]).</summary>
    public static void ExpectNoMail(Wire wire)
    {
        if (wire.Seen.ToString().Contains("MAIL FROM", StringComparison.OrdinalIgnoreCase))
        {
            throw new CaseFailedException("The client sent MAIL in this connection.");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var wire in _wires)
        {
            await wire.DisposeAsync();
        }

        _listener.Stop();
        await _ended.CancelAsync();
        try
        {
            await _delivery;
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
        }

        _ended.Dispose();
    }
}
