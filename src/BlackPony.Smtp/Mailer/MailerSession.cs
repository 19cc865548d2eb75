using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;

namespace BlackPony.Smtp.Mailer;

/// <summary>
/// One delivery of the mailer: a local mail server (the client) on one side, the next mail server on the other (spec 9, 10.4, state table
/// G.6).
/// On <see cref="SessionRequest.Connect"/> and <see cref="SessionRequest.Reconnect"/> the host connects, and calls <see cref="Connected"/>
/// or
/// <see cref="ConnectFailed"/>; to the first address it connects unasked.
/// </summary>
public sealed partial class MailerSession : SmtpSession, ISession, IDisposable
{
    // [BP-10.4-6], and after a fall-back STARTTLS stays ([BP-10.4-13]); inside [BP-10.4-7], which also keeps [BP-4.5-7] and [BP-4.7-2].
    private static readonly string[] Hidden = ["XBLACKPONY"];
    private static readonly string[] HiddenInside = ["XBLACKPONY", "STARTTLS"];
    private const string Refusal = "554 5.7.0 Encryption is remembered here, and has been missing for too long";

    private readonly MailerOptions _options;
    private readonly IRandomSource _random;
    private readonly List<Suite> _tried = [];
    private ReplyReader _replies = new();
    private State _state = State.Connecting;
    private ClientUpgrade? _upgrade;
    private Offer? _offer;
    private byte[] _ehlo = [];
    private Reply? _ehloReply;
    private bool _hasGreeted;
    private bool _plainOnly;
    private bool _hasQuit;
    private bool _hasMore;
    // Of the server, and of the mail domain whose records led to it.
    private (string Name, int Port)[] _entries = [];

    // A deferral on account of an entry: nothing of this delivery leaves in plaintext any more ([BP-9.1-9]).
    private bool _isHeld;

    /// <summary>Makes the session.</summary>
    /// <param name="options">What the client accepts.</param>
    /// <param name="random">The source of every draw.</param>
    public MailerSession(MailerOptions options, IRandomSource random) => (_options, _random) = (options, random);

    // As in state table G.6; Sharing is also Continued and Cancelled, and under ROT Inside is Shifted.
    private enum State
    {
        Connecting,
        Connected,
        WaitingForEhlo,
        Asking,
        Sharing,
        Confirming,
        InsideEhlo,
        HeloOnly,
        Inside,
        Plain,
        Closing,
        Refusing,
        End,
    }

    /// <summary>Whether the host should read from the local mail server: not while an upgrade is under way ([BP-4.2-9],
    /// [BP-4.6-4]).</summary>
    public bool WantsClient => _state is State.WaitingForEhlo or State.HeloOnly or State.Inside or State.Plain or State.Refusing;

    /// <summary>How long the server may be silent now (spec 13).</summary>
    public TimeSpan PeerTimeout => _state switch
    {
        State.Connected => Limits.GreetingTimeout,
        State.Asking or State.InsideEhlo => Limits.ReplyTimeout,
        State.Sharing or State.Confirming => Limits.UpgradeTimeout,
        State.Closing => Limits.CloseTimeout,
        _ => Timeout.InfiniteTimeSpan,
    };

    private bool Remembers => _options.Policy == ClientPolicy.Remembered && _options.Memory is not null;

    // Whether plaintext is forbidden with this server ([BP-9.1-2], [BP-9.1-3], [BP-9.1-8], [BP-9.1-9]).
    private bool MustEncrypt => _options.Policy == ClientPolicy.Required || (Remembers && (_isHeld || IsRemembered(out _)));

    /// <summary>The TCP connection stands.</summary>
    /// <param name="name">The host name, or the address of an address literal ([BP-9.4-1]).</param>
    /// <param name="port">The TCP port.</param>
    /// <param name="moreTargets">Whether the host has further addresses or mail exchangers.</param>
    /// <param name="domain">The mail domain whose records led to the host ([BP-9.4-19]); null if it was configured.</param>
    public void Connected(string name, int port, bool moreTargets, string? domain = null)
    {
        (_hasMore, _replies) = (moreTargets, new ReplyReader());
        _entries = domain is null ? [(name, port)] : [(name, port), (domain, ServerMemory.OfDomain)];
        Report = Report with { Peer = name.Contains(':') ? $"[{name}]:{port}" : $"{name}:{port}" };
        ServerOctets.Clear();
        (Request, _state) = (SessionRequest.None, State.Connected);
    }

    /// <summary>No connection could be made to the last target asked for.</summary>
    /// <param name="moreTargets">Whether the host has further addresses or mail exchangers.</param>
    public void ConnectFailed(bool moreTargets)
    {
        (Request, _hasMore) = (SessionRequest.None, moreTargets);
        Leave("unreachable", "421 4.4.1 No mail server reachable, try again later");
    }

    /// <inheritdoc/>
    public void FromServer(ReadOnlySpan<byte> octets)
    {
        if (_state != State.End)
            Receive(octets);
    }

    /// <inheritdoc/>
    public void FromClient(ReadOnlySpan<byte> octets)
    {
        if (_state != State.End)
        {
            ClientOctets.Append(octets);
            PumpClient();
        }
    }

    /// <inheritdoc/>
    public void ServerEnded() => LoseConnection();

    /// <summary>The local mail server has no more to say.</summary>
    public void ClientEnded()
    {
        if (Channel is { State: ChannelState.Open, IsEstablished: true } && _state != State.End)
        {
            Channel.Close(ToServer);
            _state = State.Closing;
        }
        else if (_state != State.End)
        {
            End(Closed());
        }
    }

    /// <summary>The server was silent for longer than <see cref="PeerTimeout"/> ([BP-8.1-6]).</summary>
    public void TimedOut()
    {
        // [BP-8.1-1]
        if (_state == State.InsideEhlo)
            Channel?.Close(ToServer);

        if (_state == State.Closing)
            End("truncated");
        else
            LoseConnection();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _upgrade?.Dispose();
        Layer.Dispose();
    }

    private static byte[] Text(Reply reply) => ReplyText.Printable(reply).ToOctets();

    private void PumpClient()
    {
        while (_state is State.WaitingForEhlo or State.HeloOnly or State.Refusing && ClientLine.Find(ClientOctets.Span, out var found))
        {
            byte[] line = [.. found, .. "\r\n"u8];
            ClientOctets.Consume(line.Length);
            OnClientLine(line);
        }

        if (_state is State.WaitingForEhlo or State.HeloOnly or State.Refusing && ClientOctets.Length > Limits.MaxCommandLine)
        {
            ToClient.Write("500 5.5.2 Line too long\r\n"u8);
            End("plain");
        }

        if (_state is State.Inside or State.Plain)
        {
            // Nothing follows a QUIT that no policy has decided on ([BP-9.3-1]).
            SendInside(_hasQuit ? default : ClientOctets.Span);
            ClientOctets.Clear();
        }
    }

    // What comes before the policy has decided stays here, but for EHLO, HELO and QUIT ([BP-9.3-1]).
    private void OnClientLine(byte[] line)
    {
        switch (ClientLine.Verb(line.AsSpan(0, line.Length - 2)))
        {
            case Verb.Quit when _state == State.Refusing:
                ToClient.Write("221 2.0.0 Bye\r\n"u8);
                End(Closed());
                break;
            case not Verb.Quit when _state == State.Refusing:
                ToClient.Write(Line(Refusal));
                break;
            case Verb.Ehlo when _state == State.WaitingForEhlo:
                _ehlo = line;
                Ask();
                // A hasty server's reply may be there already.
                PumpServer();
                break;
            case Verb.Helo when MustEncrypt:
                // [BP-9.2-8], [BP-10.4-27]
                Quit();
                Defer("ehlo-refused", "421 4.7.0 Encryption required, and EHLO was not sent");
                break;
            case Verb.Helo:
                ToServer.Write(line);
                GoPlain("ehlo-refused");
                break;
            case Verb.Quit:
                ToServer.Write(line);
                (_hasQuit, _state) = (true, State.Plain);
                Report = Report with { Closed = "plain" };
                PumpServer();
                break;
            default:
                // [BP-10.4-15]
                ToClient.Write("503 5.5.1 EHLO first\r\n"u8);
                break;
        }
    }

    // [BP-9.2-1], [BP-4.4-11]
    private void FallBack(string reason)
    {
        if (DeliveryPolicy.WithoutUpgrade(MustEncrypt, _hasMore) == Decision.Plaintext)
        {
            ToClient.Write(EhloReply.Rewrite(ReplyText.Printable(_ehloReply!), Hidden));
            GoPlain(reason);
            return;
        }

        Quit();
        string why = _options.Policy == ClientPolicy.Required ? reason : "remembered";
        LeaveAsFailing(why, "421 4.7.0 Encryption required, and not available");
    }

    private void GoPlain(string reason)
    {
        _state = State.Plain;
        // Without the policy's protection, but not unseen ([BP-11.1-6]).
        bool isLess = _options is { Policy: ClientPolicy.Opportunistic, Memory: not null } && IsRemembered(out _);
        Report = Report with { Reason = reason, Downgrade = _plainOnly || isLess, Closed = "plain" };
        PumpClient();
        PumpServer();
    }

    // Neither refused nor done: one new connection in plaintext, or none ([BP-9.2-2], [BP-9.2-3]).
    private void Break()
    {
        if (DeliveryPolicy.Broken(MustEncrypt, _hasMore) != Decision.Reconnect)
        {
            LeaveAsFailing("broken", "421 4.7.0 Encryption required, and the upgrade failed");
            return;
        }

        Report = Report with { Reason = "broken" };
        Disconnect(SessionRequest.Reconnect);
    }

    private void LoseConnection()
    {
        Channel?.ConnectionEnded();
        LoseServer("421 4.4.2 Connection lost");
    }

    // The server is gone, or its records are of no use.
    private void LoseServer(string text)
    {
        switch (_state)
        {
            case State.Connected or State.Asking:
                Leave("unreachable", text);
                break;
            case State.Sharing or State.Confirming:
                Break();
                break;
            case State.InsideEhlo:
                Leave("broken", text);
                break;
            case not (State.End or State.Refusing):
                // A truncated session passes nothing more on ([BP-10.4-10], [BP-8.2-3]), and there is no plaintext instead ([BP-9.2-6],
                // [BP-9.2-7]).
                End(Closed());
                break;
        }
    }

    // [BP-9.1-7]; after a 421 there is nobody to say it to.
    private void Quit(int code = 0) => SendInside(code == 421 ? default : "QUIT\r\n"u8);

    // The server does not show what the policy asks for: if it is remembered, on account of its entry ([BP-9.4-8]).
    private void LeaveAsFailing(string reason, string text)
    {
        bool isRefused = false;
        if (Remembers && IsRemembered(out isRefused))
        {
            _isHeld = true;
            Array.ForEach(_entries, e => _options.Memory!.Failing(e.Name, e.Port));
        }

        Leave(reason, isRefused ? Refusal : text);
    }

    // [BP-9.1-5], [BP-9.2-4], [BP-9.2-9]; no MAIL was sent before ([BP-9.1-6]).
    private void Leave(string reason, string text)
    {
        if (DeliveryPolicy.Unusable(_hasMore) == Decision.Defer)
        {
            Defer(reason, text);
            return;
        }

        Report = Report with { Reason = reason };
        Disconnect(SessionRequest.Connect);
    }

    private void Disconnect(SessionRequest request)
    {
        Layer.Drop();
        Report = Report with { Suite = null, Encrypted = false, Downgrade = false };
        (Request, _state, _plainOnly) = (request, State.Connecting, request == SessionRequest.Reconnect);
    }

    // [BP-10.4-8]; a mail server that gets 5yz to EHLO says HELO, and gets it again ([BP-9.4-24], [BP-10.4-28]).
    private void Defer(string? reason, string text)
    {
        Report = Report with { Reason = reason, Deferred = text != Refusal };
        ToClient.Write(Line(text));
        _state = text == Refusal ? State.Refusing : _state;
        if (text == Refusal)
            PumpClient();
        else
            End(Closed());
    }

    private string Closed() => Channel?.State switch
    {
        null => "plain",
        ChannelState.Failed => "failure",
        ChannelState.Alerted => "alert",
        ChannelState.Truncated => "truncated",
        _ => "close",
    };

    // Whether the server or the mail domain is in the memory, and whether one that is has been missing for too long.
    private bool IsRemembered(out bool gaveUp)
    {
        (bool isRemembered, gaveUp) = (false, false);
        foreach (var (name, port) in _entries)
        {
            var entry = _options.Memory!.Find(name, port, out bool gone, _options.RefusesForgotten);
            isRemembered |= entry is not null;
            gaveUp |= gone && entry is not null;

            // [BP-9.4-10]
            Report = gone && entry is null ? Report with { Forgotten = Report.Forgotten ?? Report.Peer } : Report;
        }

        return isRemembered;
    }

    private void SendInside(ReadOnlySpan<byte> octets) => Layer.Send(octets, ToServer);

    private void End(string closed)
    {
        _state = State.End;
        Report = Report with { Closed = closed };
        Request = SessionRequest.Close;
    }
}
