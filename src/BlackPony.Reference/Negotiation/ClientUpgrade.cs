using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Reference.Negotiation;

/// <summary>What came of a reply to XBLACKPONY.</summary>
public enum ClientStepKind
{
    /// <summary>Send the octets and wait for the next reply.</summary>
    Send,

    /// <summary>Both sides have switched.</summary>
    Agreed,

    /// <summary>A well-formed refusal: the plaintext session is usable.</summary>
    Refused,

    /// <summary>The upgrade is broken: close without another octet.</summary>
    Broken,
}

/// <summary>A step of a client's upgrade.</summary>
public sealed class ClientStep
{
    internal ClientStep(ClientStepKind kind, byte[]? octets = null, SecureChannel? channel = null) =>
        (Kind, Octets, Channel) = (kind, octets, channel);

    /// <summary>What to do.</summary>
    public ClientStepKind Kind { get; }

    /// <summary>What to send, for <see cref="ClientStepKind.Send"/>.</summary>
    public byte[]? Octets { get; }

    /// <summary>The protected channel, for <see cref="ClientStepKind.Agreed"/>; null under ROT.</summary>
    public SecureChannel? Channel { get; }
}

/// <summary>One XBLACKPONY command of a client and the replies to it (spec 4.2, 4.3).</summary>
public sealed class ClientUpgrade : IDisposable
{
    private readonly IKeyLog? _keyLog;
    private readonly ClientExchange? _exchange;
    private readonly TranscriptHash _transcript = new();
    private State _state = State.Sharing;

    /// <summary>Begins an upgrade.</summary>
    /// <param name="offer">The offer of the last EHLO reply.</param>
    /// <param name="suite">A suite of that offer ([BP-4.2-2]).</param>
    /// <param name="shift">The shift, 1 to 25, if the suite is ROT.</param>
    /// <param name="random">The source of every draw (spec Appendix B).</param>
    /// <param name="rsaKeys">The process's RSA key pair (spec 5.4).</param>
    /// <param name="keyLog">Where to log secrets, if the user asked for it.</param>
    /// <param name="refused">What was <see cref="Refused"/> since the offer.</param>
    /// <exception cref="RandomnessUnavailableException">There is no randomness ([BP-5.1-15]).</exception>
    public ClientUpgrade(
        Offer offer, Suite suite, int shift, IRandomSource random, RsaKeys rsaKeys, IKeyLog? keyLog,
        IReadOnlyList<byte[]>? refused = null)
    {
        Suite = suite;
        Shift = suite.Encrypts ? 0 : shift;
        _keyLog = keyLog;
        _exchange = suite.Encrypts ? suite.StartClient(random, rsaKeys) : null;
        var share = _exchange is null ? shift.ToString(CultureInfo.InvariantCulture) : Base64Share.Encode(_exchange.Share);
        var command = new UpgradeCommand(Offer.Version, suite.Name, share).ToOctets();
        _transcript.Add(offer.Octets.Span);
        Refused = refused ?? [];
        AddLines(Refused);
        _transcript.Add(command);
        Command = [.. command, .. "\r\n"u8];
    }

    private enum State
    {
        Sharing,
        Continued,
        Cancelled,
    }

    /// <summary>The suite of the command.</summary>
    public Suite Suite { get; }

    /// <summary>ROT's shift; 0 for the other suites.</summary>
    public int Shift { get; }

    /// <summary>Whether the command was answered with 334: there is no second attempt then ([BP-4.2-11]).</summary>
    public bool HasContinued => _state != State.Sharing;

    /// <summary>
    /// The commands since the offer that were answered with 504, this one included, each with the lines of its reply ([BP-6.1-6]).
    /// </summary>
    public IReadOnlyList<byte[]> Refused { get; private set; }

    /// <summary>The command line, CRLF included.</summary>
    public byte[] Command { get; }

    /// <summary>
    /// Takes the server's reply to the command or the continuation, by its code alone ([BP-4.3-7], [BP-4.3-8], [BP-4.4-10], [BP-4.4-12]).
    /// </summary>
    /// <exception cref="RandomnessUnavailableException">There is no randomness ([BP-5.1-15]).</exception>
    public ClientStep OnReply(Reply reply)
    {
        var step = reply.Code switch
        {
            334 when _state == State.Sharing && Suite.NeedsContinuation => Continue(reply),
            220 when _state == State.Sharing && !Suite.Encrypts => Rot(reply),
            220 when _state == (Suite.NeedsContinuation ? State.Continued : State.Sharing) => Finish(reply),
            421 => new ClientStep(ClientStepKind.Broken),
            >= 400 and <= 599 => new ClientStep(ClientStepKind.Refused),
            _ => new ClientStep(ClientStepKind.Broken),
        };

        if (reply.Code == 504)
            Refused = [.. Refused, Command[..^2], .. reply.Lines];

        // Nothing more is exchanged ([BP-5.1-13]).
        if (step.Kind != ClientStepKind.Send)
            Dispose();

        return step;
    }

    /// <inheritdoc/>
    public void Dispose() => _exchange?.Dispose();

    // [BP-5.5-11]
    private static ClientStep Rot(Reply reply) =>
        reply.Lines.Count == 1 && !reply.Text(0).StartsWith("K="u8)
            ? new ClientStep(ClientStepKind.Agreed)
            : new ClientStep(ClientStepKind.Broken);

    private ClientStep Continue(Reply reply)
    {
        if (KeyReply.Read(reply) is not { } text)
            return new ClientStep(ClientStepKind.Broken);

        var continuation = Base64Share.TryDecode(text, out var share) ? _exchange!.Continue(share) : null;
        if (continuation is null)
        {
            _state = State.Cancelled;
            return new ClientStep(ClientStepKind.Send, [.. "*\r\n"u8]);
        }

        AddLines(reply.Lines);
        var line = Encoding.ASCII.GetBytes(Base64Share.Encode(continuation));
        _transcript.Add(line);
        _state = State.Continued;
        return new ClientStep(ClientStepKind.Send, [.. line, .. "\r\n"u8]);
    }

    private ClientStep Finish(Reply reply)
    {
        if (KeyReply.Read(reply) is not { } text || !Base64Share.TryDecode(text, out var share)
            || _exchange!.Finish(share) is not { } secret)
        {
            return new ClientStep(ClientStepKind.Broken);
        }

        AddLines(reply.Lines);
        var channel = new SecureChannel(Role.Client, Suite, secret, _transcript.Finish(), keyLog: _keyLog);
        CryptographicOperations.ZeroMemory(secret);
        return new ClientStep(ClientStepKind.Agreed, channel: channel);
    }

    private void AddLines(IEnumerable<byte[]> lines)
    {
        foreach (var line in lines)
            _transcript.Add(line);
    }
}
