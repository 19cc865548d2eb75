using System.Security.Cryptography;
using System.Text;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Reference.Negotiation;

/// <summary>What a server has to do next in an upgrade.</summary>
public enum ServerStepKind
{
    /// <summary>Send the reply; the plaintext session goes on.</summary>
    Refused,

    /// <summary>The command is in order; call <see cref="ServerUpgrade.Exchange"/> when the session inside has a backend.</summary>
    Accepted,

    /// <summary>Send the reply (334) and wait for the continuation line.</summary>
    Continue,

    /// <summary>Send the reply (220); both sides have switched.</summary>
    Agreed,
}

/// <summary>A step of a server's upgrade.</summary>
public sealed class ServerStep
{
    internal ServerStep(ServerStepKind kind, byte[] reply, SecureChannel? channel = null) =>
        (Kind, Reply, Channel) = (kind, reply, channel);

    /// <summary>What to do.</summary>
    public ServerStepKind Kind { get; }

    /// <summary>The reply's octets, CRLF included; empty for <see cref="ServerStepKind.Accepted"/>.</summary>
    public byte[] Reply { get; }

    /// <summary>The protected channel, for <see cref="ServerStepKind.Agreed"/>; null under ROT.</summary>
    public SecureChannel? Channel { get; }
}

/// <summary>The server's side of the negotiation (spec 4): offers, examines commands in the order of spec 4.4, exchanges keys.</summary>
public sealed class ServerUpgrade : IDisposable
{
    private readonly ServerOptions _options;
    private readonly IRandomSource _random;
    private Offer? _offer;
    private ServerExchange? _exchange;
    private TranscriptHash? _transcript;

    // Of the command under way, CRLF left out; they enter the transcript when it is agreed to, or answered with 504.
    private readonly List<byte[]> _lines = [];
    private byte[] _share = [];
    private int _attempts;

    /// <summary>Makes the machine for one connection.</summary>
    /// <param name="options">What the server accepts.</param>
    /// <param name="random">The source of every draw (spec Appendix B).</param>
    public ServerUpgrade(ServerOptions options, IRandomSource random)
    {
        _options = options;
        _random = random;
    }

    /// <summary>Whether the server has BlackPony at all (row 1 of spec 4.4).</summary>
    public bool IsOn => _options.Suites.Count > 0;

    /// <summary>The suite of the accepted command.</summary>
    public Suite? Suite { get; private set; }

    /// <summary>ROT's shift, 1 to 25; 0 if the suite is not ROT.</summary>
    public int Shift { get; private set; }

    /// <summary>
    /// Makes the offer for an EHLO reply, of the suites that <see cref="Examine"/> takes ([BP-4.1-5]);
    /// only the last one counts ([BP-4.1-15]).
    /// </summary>
    /// <returns>The line without code and CRLF; empty if there is nothing to offer or no randomness.</returns>
    public ReadOnlyMemory<byte> NewOffer()
    {
        try
        {
            _offer = IsOn ? Offer.Create(_options.Suites, _options.Grease ? _random : null) : null;
        }
        catch (RandomnessUnavailableException)
        {
            _offer = null;
        }

        _transcript = null;
        return _offer?.Octets ?? default;
    }

    /// <summary>
    /// Examines a command line by the rows 1, 4 and 6 to 11 of spec 4.4 ([BP-4.4-1], [BP-4.4-5], [BP-4.4-6]);
    /// whatever comes of it, the plaintext session is as it was ([BP-4.4-2]).
    /// </summary>
    /// <param name="line">The line without CRLF.</param>
    /// <param name="inside">Whether the session is inside records, ROT or TLS.</param>
    /// <param name="afterEhlo">Whether EHLO was the last greeting command that succeeded.</param>
    /// <param name="inTransaction">Whether a mail transaction is open.</param>
    public ServerStep Examine(ReadOnlySpan<byte> line, bool inside, bool afterEhlo, bool inTransaction)
    {
        Reset();
        if (!IsOn)
            return Refuse("502 5.5.1 XBLACKPONY is switched off");

        if (inside || !afterEhlo || inTransaction || _offer is null)
            return Refuse("503 5.5.1 XBLACKPONY not allowed now");

        if (UpgradeCommand.Parse(line) is not { } command)
            return Refuse("501 5.5.4 Syntax: XBLACKPONY V1 suite share");

        // [BP-4.2-5]
        if (!command.Version.Equals(Offer.Version, StringComparison.OrdinalIgnoreCase))
            return RefuseChoice(line, "504 5.5.4 Unknown version");

        if (_options.Suites.FirstOrDefault(s => s.Name.Equals(command.Suite, StringComparison.OrdinalIgnoreCase)) is not { } suite)
            return RefuseChoice(line, "504 5.5.4 Unknown suite");

        // Before any public-key operation ([BP-4.4-7]).
        if (++_attempts > Limits.MaxUpgradeAttempts)
            return Refuse("454 4.7.0 Too many attempts");

        Suite = suite;
        _share = Encoding.ASCII.GetBytes(command.Share);
        _lines.Add(line.ToArray());
        return new ServerStep(ServerStepKind.Accepted, []);
    }

    /// <summary>Refuses an accepted command because something is missing on the server's side (row 11).</summary>
    public ServerStep Unavailable()
    {
        Reset();
        return Refuse("454 4.7.0 Encryption not available now");
    }

    /// <summary>Makes the key exchange of the accepted command (row 12, spec 5).</summary>
    public ServerStep Exchange()
    {
        if (!Suite!.Encrypts)
        {
            // One line, and no share ([BP-5.5-11]).
            Shift = RotShift.Parse(_share) ?? 0;
            return Shift == 0
                ? BadShare()
                : new ServerStep(ServerStepKind.Agreed,
                    Encoding.ASCII.GetBytes($"220 ROT{Shift} from here on, and it protects nothing\r\n"));
        }

        try
        {
            if (!Base64Share.TryDecode(_share, out var share))
                return BadShare();

            _exchange = Suite.StartServer(_random, _options.RsaKeys);
            var reply = _exchange.Begin(share);
            return reply is null ? BadShare() : Answer(Suite.NeedsContinuation ? 334 : 220, reply);
        }
        catch (RandomnessUnavailableException)
        {
            return Unavailable();
        }
    }

    /// <summary>Takes the continuation line (spec 4.3, 4.4).</summary>
    /// <param name="line">The line without CRLF.</param>
    public ServerStep Continue(ReadOnlySpan<byte> line)
    {
        // [BP-4.4-8]
        if (line.SequenceEqual("*"u8))
        {
            Reset();
            return Refuse("501 5.7.0 Cancelled");
        }

        try
        {
            _lines.Add(line.ToArray());
            var reply = Base64Share.TryDecode(line, out var octets) ? _exchange!.Continue(octets) : null;
            return reply is null ? BadShare() : Answer(220, reply);
        }
        catch (RandomnessUnavailableException)
        {
            return Unavailable();
        }
    }

    /// <summary>Forgets an exchange that did not come to its end.</summary>
    public void Reset()
    {
        _exchange?.Dispose();
        _exchange = null;
        _lines.Clear();
        Suite = null;
        Shift = 0;
    }

    /// <inheritdoc/>
    public void Dispose() => Reset();

    private static ServerStep Refuse(string text) => new(ServerStepKind.Refused, Encoding.ASCII.GetBytes(text + "\r\n"));

    // What was refused by 504 belongs to the transcript of the next command ([BP-6.1-6]).
    private ServerStep RefuseChoice(ReadOnlySpan<byte> line, string text)
    {
        Add(line);
        Add(Encoding.ASCII.GetBytes(text));
        return Refuse(text);
    }

    // Begun when it is needed, which for most connections is never.
    private void Add(ReadOnlySpan<byte> line)
    {
        if (_transcript is null)
            (_transcript = new TranscriptHash()).Add(_offer!.Octets.Span);

        _transcript.Add(line);
    }

    private ServerStep BadShare()
    {
        Reset();
        return Refuse("501 5.5.4 Invalid share");
    }

    private ServerStep Answer(int code, byte[] share)
    {
        var octets = new MemoryStream();
        foreach (var line in KeyReply.Create(code, Base64Share.Encode(share)))
        {
            _lines.Add(line);
            octets.Write(line);
            octets.Write("\r\n"u8);
        }

        if (code == 334)
            return new ServerStep(ServerStepKind.Continue, octets.ToArray());

        _lines.ForEach(l => Add(l));
        var secret = _exchange!.TakeSharedSecret();
        var channel = new SecureChannel(Role.Server, Suite!, secret, _transcript!.Finish(), _options.Idents, _options.KeyLog);
        CryptographicOperations.ZeroMemory(secret);
        _exchange.Dispose();
        (_exchange, _transcript, _share) = (null, null, []);
        _lines.Clear();
        return new ServerStep(ServerStepKind.Agreed, octets.ToArray(), channel);
    }
}
