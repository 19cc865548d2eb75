using System.Net.Sockets;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using BlackPony.Reference.Smtp;
using BlackPony.Reference.Suites;

namespace BlackPony.Conformance.Peers;

/// <summary>The client that plays against a server under test.</summary>
public sealed class ServerProbe : IAsyncDisposable
{
    private static readonly RsaKeys Rsa = new(TimeProvider.System);

    private ServerProbe(Wire wire) => Wire = wire;

    /// <summary>The connection.</summary>
    public Wire Wire { get; }

    /// <summary>The octets of the last offer, from the keyword on.</summary>
    public string OfferLine { get; private set; } = "";

    /// <summary>Connects and takes the greeting.</summary>
    public static async Task<ServerProbe> ConnectAsync(string host, int port, CancellationToken cancel)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(host, port, cancel).ConfigureAwait(false);
        var probe = new ServerProbe(new Wire(socket, cancel));
        var greeting = await probe.Wire.ReplyAsync().ConfigureAwait(false);
        return greeting.Code == 220 ? probe : throw new CaseFailedException($"The server greets with {greeting.Code}.");
    }

    /// <summary>Says EHLO and takes note of the offer.</summary>
    public async Task<Reply> EhloAsync()
    {
        var reply = await Wire.CommandAsync("EHLO probe.test", 250).ConfigureAwait(false);
        OfferLine = Enumerable.Range(0, reply.Lines.Count).Select(i => Encoding.Latin1.GetString(reply.Text(i)))
            .FirstOrDefault(l => l.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase)) ?? "";
        return reply;
    }

    /// <summary>Says EHLO; the case does not apply if the suite is not offered.</summary>
    public async Task NeedAsync(string suite)
    {
        await EhloAsync().ConfigureAwait(false);
        if (!OfferLine.Split(' ').Contains(suite, StringComparer.OrdinalIgnoreCase))
        {
            throw new NotApplicableException($"{suite} is not offered.");
        }
    }

    /// <summary>A good share for a suite, in base64.</summary>
    public static string Share(string suite)
    {
        using var exchange = SuiteRegistry.Find(suite)!.StartClient(new SystemRandom(), Rsa);
        return Base64Share.Encode(exchange.Share);
    }

    /// <summary>EHLO, XBLACKPONY, and the keys; neither Finished is exchanged yet.</summary>
    /// <param name="suite">The suite's name.</param>
    /// <param name="rewrite">Changes the command line that is sent (and hashed).</param>
    /// <param name="hashedOffer">Changes the offer that is hashed, as an attacker in the path would have.</param>
    /// <param name="continuation">Changes the octets of the continuation.</param>
    public async Task SwitchAsync(string suite, Func<string, string>? rewrite = null, Func<string, string>? hashedOffer = null, Func<byte[], byte[]>? continuation = null)
    {
        await NeedAsync(suite).ConfigureAwait(false);
        var known = SuiteRegistry.Find(suite)!;
        using var exchange = known.StartClient(new SystemRandom(), Rsa);
        var th = new TranscriptHash();
        th.Add(Encoding.Latin1.GetBytes(hashedOffer?.Invoke(OfferLine) ?? OfferLine));
        var command = $"XBLACKPONY V1 {suite} {Base64Share.Encode(exchange.Share)}";
        command = rewrite?.Invoke(command) ?? command;
        th.Add(Encoding.Latin1.GetBytes(command));
        await Wire.SendLineAsync(command).ConfigureAwait(false);
        var reply = await Wire.ReplyAsync().ConfigureAwait(false);
        if (known.NeedsContinuation)
        {
            var line = exchange.Continue(ReadShare(reply, 334, th))!;
            var text = Base64Share.Encode(continuation?.Invoke(line) ?? line);
            th.Add(Encoding.Latin1.GetBytes(text));
            await Wire.SendLineAsync(text).ConfigureAwait(false);
            reply = await Wire.ReplyAsync().ConfigureAwait(false);
        }

        var secret = exchange.Finish(ReadShare(reply, 220, th)) ?? throw new CaseFailedException("The server's share is invalid.");
        Wire.SwitchTo(known, Role.Client, secret, th.Finish());
    }

    /// <summary>The whole upgrade, with both Finished.</summary>
    public async Task UpgradeAsync(string suite, Func<string, string>? rewrite = null)
    {
        await SwitchAsync(suite, rewrite).ConfigureAwait(false);
        await FinishAsync().ConfigureAwait(false);
    }

    /// <summary>Both Finished, and IDENT if it comes.</summary>
    public async Task FinishAsync()
    {
        var finished = await Wire.RecordAsync(RecordType.Finished).ConfigureAwait(false);
        if (!finished.Data.AsSpan().SequenceEqual(Wire.Keys.Finished(Role.Server)))
        {
            throw new CaseFailedException("The server's Finished has a wrong value.");
        }

        await Wire.SendRecordAsync(RecordType.Finished, Wire.Keys.Finished(Role.Client)).ConfigureAwait(false);
    }

    /// <summary>Delivers a message inside, to the 250 behind its end.</summary>
    public async Task DeliverInsideAsync()
    {
        await Wire.CommandInsideAsync("EHLO probe.test", 250).ConfigureAwait(false);
        await Wire.CommandInsideAsync("MAIL FROM:<a@probe.test>", 250).ConfigureAwait(false);
        await Wire.CommandInsideAsync("RCPT TO:<b@sink.test>", 250).ConfigureAwait(false);
        await Wire.CommandInsideAsync("DATA", 354).ConfigureAwait(false);
        await Wire.CommandInsideAsync("Subject: probe\r\n\r\n..dot\r\n\xE9t\xE9\r\n.", 250).ConfigureAwait(false);
    }

    /// <summary>Shows that the plaintext session is still usable.</summary>
    public async Task ExpectUsableAsync() => await Wire.CommandAsync("NOOP", 250).ConfigureAwait(false);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Wire.DisposeAsync();

    private static byte[] ReadShare(Reply reply, int code, TranscriptHash th)
    {
        if (reply.Code != code)
        {
            throw new CaseFailedException($"Expected {code}, got \"{Encoding.Latin1.GetString(reply.Lines[^1])}\".");
        }

        foreach (var line in reply.Lines)
        {
            th.Add(line);
        }

        return KeyReply.Read(reply) is { } text && Base64Share.TryDecode(text, out var share)
            ? share
            : throw new CaseFailedException($"The {code} reply's lines have not the form \"{code}-K=\" with canonical base64.");
    }
}
