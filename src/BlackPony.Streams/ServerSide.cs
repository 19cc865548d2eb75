using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Smtp.Inbound;
using BlackPony.Smtp.Lines;

namespace BlackPony.Streams;

/// <summary>
/// A server: the session of the inbound relay, whose backend is first this class, and then the application (spec 10.1 to 10.3).
/// </summary>
internal sealed class ServerSide : StreamSide
{
    private const int MostAnswered = 100;

    private readonly BlackPonyServerAuthenticationOptions _options;
    private readonly InboundSession _session;
    private readonly ReplyReader _replies = new();
    private readonly OctetBuffer _unsent = new();
    private byte[] _hello = [];
    private int _answered;

    // The greeting, and the reply to an EHLO or HELO that was answered here: the client has them already.
    private int _replyToDrop;

    public ServerSide(BlackPonyServerAuthenticationOptions options)
    {
        if (((IEnumerable<string>)[options.ServerName, .. options.PlaintextExtensions]).Any(l => !IsText(l)))
            throw new ArgumentException("The server's name and its extensions must be lines of ASCII.", nameof(options));

        _options = options;
        _session = new InboundSession(
            new ServerOptions(Keys(options.RsaKeys))
            {
                Suites = Encrypting(options.Suites),
                Idents = options.Idents,
                KeyLog = options.KeyLog,
            },
            options.Random, "");
        Greet();
    }

    public override PooledBuffer ToWire => _session.ToClient;

    public override SessionReport Report => _session.Report;

    public override IReadOnlyList<PeerIdent> RemoteIdents => [];

    public override bool IsOver => _session.Request == SessionRequest.Close;

    public override bool HasEnded => IsOver || _session.BackendInputDone;

    public override bool WantsWire => _session.WantsClient;

    public override ISession Session => _session;

    public override void FromWire(ReadOnlySpan<byte> octets)
    {
        _session.FromClient(octets);
        Refuse();
        Take(_session.ToServer);
    }

    public override void WireEnded()
    {
        _session.ClientEnded();
        Take(_session.ToServer);
    }

    public override void FromApplication(ReadOnlySpan<byte> octets)
    {
        if (_replyToDrop == 0)
        {
            Reply(octets);
            return;
        }

        _unsent.Append(octets);
        while (_replyToDrop > 0 && _replies.Read(_unsent.Span, out int consumed) is var reply)
        {
            _unsent.Consume(consumed);
            if (reply is null)
                return;

            // The client still gets a refusal.
            _replyToDrop = reply.IsPositive ? _replyToDrop - 1 : 0;
            if (!reply.IsPositive)
                Reply(reply.ToOctets());
        }

        Reply(_unsent.Span);
        _unsent.Clear();
    }

    public override void ApplicationEnded()
    {
        _session.ServerEnded();
        Take(_session.ToServer);
    }

    public override void Advance()
    {
        while (!IsReady && Failure is null && (_session.SwitchedBackend ? IsInside() : OnLine() || OnRequest()))
        {
        }

        if (!IsReady && HasEnded)
        {
            Failure ??= Report.Suite is null ? "the client ended the connection without an upgrade"
                : $"the upgrade failed ({Report.Closed})";
        }
    }

    public override void Dispose() => _session.Dispose();

    private static bool IsText(string line) => line.Length is > 0 and <= 500 && !line.AsSpan().ContainsAnyExceptInRange(' ', '~');

    private void Greet() => _session.BackendReady(Encoding.ASCII.GetBytes($"220 {_options.ServerName} ESMTP\r\n"));

    // Who began in plaintext goes on so: the application's session cannot begin again (row 11 of spec 4.4).
    private void Refuse()
    {
        if (IsReady && _session.TakeRequest() == SessionRequest.Connect)
            _session.BackendUnavailable();
    }

    private void Reply(ReadOnlySpan<byte> octets)
    {
        _session.FromServer(octets);
        Refuse();
        Take(_session.ToServer);
    }

    // The client's Finished is verified: what it says from here on is the application's.
    private bool IsInside()
    {
        if (Report.Encrypted)
            Begin(dropped: 0);

        return IsReady;
    }

    private bool OnRequest()
    {
        if (_session.TakeRequest() != SessionRequest.Connect)
            return false;

        Greet();
        Take(_session.ToServer);
        return true;
    }

    // One line of the plaintext session.
    private bool OnLine()
    {
        if (!ClientLine.Find(ToApplication.Span, out var line))
            return false;

        var verb = ClientLine.Verb(line);
        byte[] whole = [.. line, .. "\r\n"u8];
        if (_options.AllowPlaintext && verb is not (Verb.Ehlo or Verb.Helo or Verb.Noop or Verb.Rset or Verb.Quit))
        {
            HandOver();
            return true;
        }

        ToApplication.Consume(whole.Length);
        _hello = verb is Verb.Ehlo or Verb.Helo ? whole : _hello;
        _answered++;
        var reply = verb switch
        {
            Verb.Quit => "221 2.0.0 Bye",
            _ when _answered > MostAnswered => "421 4.7.0 Too many commands before XBLACKPONY",
            Verb.Ehlo when _options.AllowPlaintext => Ehlo([_options.ServerName, .. _options.PlaintextExtensions]),
            Verb.Ehlo => Ehlo([_options.ServerName]),
            Verb.Helo => $"250 {_options.ServerName}",
            Verb.Noop or Verb.Rset => "250 2.0.0 OK",
            _ => "530 5.7.0 Must issue an XBLACKPONY command first",
        };
        Reply(Encoding.ASCII.GetBytes(reply + "\r\n"));
        if (verb == Verb.Quit || reply.StartsWith("421", StringComparison.Ordinal))
            ApplicationEnded();

        return true;
    }

    private static string Ehlo(string[] lines) =>
        string.Join("\r\n", lines.Select((l, i) => $"250{(i < lines.Length - 1 ? '-' : ' ')}{l}"));

    // The application's session begins with the EHLO or HELO that was answered here.
    private void HandOver()
    {
        var rest = ToApplication.Span.ToArray();
        ToApplication.Clear();
        ToApplication.Append(_hello);
        ToApplication.Append(rest);
        Begin(dropped: _hello.Length > 0 ? 1 : 0);
    }

    private void Begin(int dropped)
    {
        _replyToDrop = dropped + (_options.BeginsWithGreeting ? 1 : 0);
        IsReady = true;
    }
}
