using System.Buffers;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Lines;

namespace BlackPony.Smtp.Mailer;

/// <summary>What the mailer's host has to do beside sending what waits.</summary>
public enum MailerRequest
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Close the connection and connect to the same address again ([BP-9.2-2]).</summary>
    Reconnect,

    /// <summary>Close the connection, if any, and connect to the next address or mail exchanger.</summary>
    NextTarget,

    /// <summary>Send what waits, then end both sides.</summary>
    Close,
}

/// <summary>
/// One delivery of the mailer: a local mail server that speaks SMTP on one side, the next mail server on the other
/// (spec 9, 10.4, state table 15.2). Octets in, octets out; the host has the sockets, DNS and the clock.
/// </summary>
public sealed class MailerSession : IDisposable
{
    // [BP-10.4-6], and after a fall-back STARTTLS stays ([BP-10.4-13]); inside [BP-10.4-7], which also keeps [BP-4.5-7] and [BP-4.7-2].
    private static readonly string[] Hidden = ["XBLACKPONY"];
    private static readonly string[] HiddenInside = ["XBLACKPONY", "STARTTLS"];

    private readonly MailerOptions _options;
    private readonly IRandomSource _random;
    private readonly SessionLayer _layer = new();
    private readonly OctetBuffer _local = new();
    private readonly OctetBuffer _server = new();
    private readonly PooledBuffer _toLocal = new();
    private readonly PooledBuffer _toServer = new();
    private readonly List<Suite> _tried = [];
    private ReplyReader _replies = new();
    private State _state = State.Connecting;
    private ClientUpgrade? _upgrade;
    private Offer? _offer;
    private byte[]? _ehlo;
    private Reply? _ehloReply;
    private bool _greeted;
    private bool _plainOnly;
    private bool _quit;
    private bool _moreTargets;
    private string _name = "";
    private int _port;
    private SessionReport _report = new();

    /// <summary>Makes the machine; the host connects to the first target and calls <see cref="Connected"/> or <see cref="ConnectFailed"/>.</summary>
    /// <param name="options">What the client accepts.</param>
    /// <param name="random">The source of every draw.</param>
    public MailerSession(MailerOptions options, IRandomSource random)
    {
        _options = options;
        _random = random;
    }

    private enum State
    {
        Connecting,
        Greeting,
        WaitingForEhlo,
        Asking,
        Sharing,
        Confirming,
        InsideEhlo,
        HeloOnly,
        Inside,
        Plain,
        Closing,
        End,
    }

    /// <summary>Octets for the local mail server.</summary>
    public PooledBuffer ToLocal => _toLocal;

    /// <summary>Octets for the server.</summary>
    public PooledBuffer ToServer => _toServer;

    /// <summary>What the host has to do; it calls <see cref="Connected"/>, <see cref="ConnectFailed"/> or ends.</summary>
    public MailerRequest Request { get; private set; }

    /// <summary>Whether the host should read from the local mail server: not while an upgrade is under way ([BP-4.2-9], [BP-4.6-4]).</summary>
    public bool WantsLocal => _state is State.WaitingForEhlo or State.HeloOnly or State.Inside or State.Plain;

    /// <summary>How long the server may be silent now (spec 13).</summary>
    public TimeSpan PeerTimeout => _state switch
    {
        State.Greeting => Limits.GreetingTimeout,
        State.Asking or State.Sharing or State.Confirming or State.InsideEhlo => Limits.ReplyTimeout,
        State.Closing => Limits.CloseTimeout,
        _ => Timeout.InfiniteTimeSpan,
    };

    /// <summary>Grows with every reply that came whole: while it stands still, <see cref="PeerTimeout"/> runs on (spec 13).</summary>
    public long Progress { get; private set; }

    /// <summary>What became of the session.</summary>
    public SessionReport Report => _report;

    private SecureChannel? Channel => _layer.Channel;

    private bool Remembers => _options.Policy == ClientPolicy.Remembered && _options.Memory is not null;

    // Whether plaintext is forbidden with this server ([BP-9.1-2], [BP-9.1-3]).
    private bool MustEncrypt => _options.Policy == ClientPolicy.Required || (Remembers && Entry() is not null);

    /// <summary>The TCP connection stands.</summary>
    /// <param name="name">The host name, or the address of an address literal ([BP-9.4-1]).</param>
    /// <param name="port">The TCP port.</param>
    /// <param name="moreTargets">Whether the host has further addresses or mail exchangers.</param>
    public void Connected(string name, int port, bool moreTargets)
    {
        Request = MailerRequest.None;
        (_name, _port, _moreTargets) = (name, port, moreTargets);
        _report = _report with { Peer = $"{name}:{port}" };
        _server.Clear();
        _replies = new ReplyReader();
        _state = State.Greeting;
    }

    /// <summary>No connection could be made to the last target asked for.</summary>
    /// <param name="moreTargets">Whether the host has further addresses or mail exchangers.</param>
    public void ConnectFailed(bool moreTargets)
    {
        Request = MailerRequest.None;
        _moreTargets = moreTargets;
        NextOrDefer("unreachable", "421 4.4.1 No mail server reachable, try again later");
    }

    /// <summary>Takes octets from the server.</summary>
    public void FromServer(ReadOnlySpan<byte> octets)
    {
        if (_state == State.End)
        {
            return;
        }

        _layer.Receive(octets, _server, _toServer);
        if (_state == State.Confirming && Channel!.IsEstablished)
        {
            // [BP-4.5-2], [BP-10.4-4]
            _report = _report with { Encrypted = true };
            BeginInside();
        }

        Pump();
        CheckChannel();
    }

    /// <summary>Takes octets from the local mail server.</summary>
    public void FromLocal(ReadOnlySpan<byte> octets)
    {
        if (_state == State.End)
        {
            return;
        }

        _local.Append(octets);
        PumpLocal();
    }

    /// <summary>The server's connection ended.</summary>
    public void ServerEnded()
    {
        Channel?.ConnectionEnded();
        switch (_state)
        {
            case State.Greeting:
            case State.Asking:
                NextOrDefer("unreachable", "421 4.4.2 Connection lost");
                break;
            case State.Sharing:
            case State.Confirming:
                Broken();
                break;
            case State.InsideEhlo:
                NextOrDefer("broken", "421 4.4.2 Connection lost");
                break;
            case State.End:
                break;
            default:
                // A truncated session passes nothing more on ([BP-10.4-10], [BP-8.2-3]), and there is no plaintext instead ([BP-9.2-6], [BP-9.2-7]).
                End(Channel is null ? "plain" : Channel.State == ChannelState.Closed ? "close" : "truncated");
                break;
        }
    }

    /// <summary>The local mail server has no more to say.</summary>
    public void LocalEnded()
    {
        if (_state == State.End)
        {
            return;
        }

        if (Channel is { State: ChannelState.Open, IsEstablished: true })
        {
            Channel.Close(_toServer);
            _state = State.Closing;
        }
        else
        {
            End("plain");
        }
    }

    /// <summary>The server was silent for longer than <see cref="PeerTimeout"/> ([BP-8.1-6]).</summary>
    public void TimedOut()
    {
        if (_state == State.InsideEhlo)
        {
            // [BP-8.1-1]
            Channel?.Close(_toServer);
        }

        if (_state == State.Closing)
        {
            End("truncated");
        }
        else
        {
            ServerEnded();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _upgrade?.Dispose();
        _layer.Dispose();
    }

    private static byte[] Text(Reply reply) => ReplyText.Printable(reply).ToOctets();

    // What comes before the policy has decided stays here, but for EHLO, HELO and QUIT ([BP-9.3-1]).
    private void OnLocalLine(byte[] line)
    {
        var verb = Encoding.Latin1.GetString(line).Split(' ', '\r')[0].ToUpperInvariant();
        switch (verb)
        {
            case "EHLO" when _state == State.WaitingForEhlo:
                _ehlo = line;
                Ask();
                // A hasty server's reply may be there already.
                Pump();
                break;
            case "HELO":
                // [BP-9.2-8]
                if (MustEncrypt)
                {
                    Quit();
                    _report = _report with { Reason = "ehlo-refused" };
                    Defer("421 4.7.0 Encryption required, and EHLO was not sent");
                    break;
                }

                _toServer.Write(line);
                GoPlain("ehlo-refused");
                break;
            case "QUIT":
                _toServer.Write(line);
                _quit = true;
                _state = State.Plain;
                _report = _report with { Closed = "plain" };
                Pump();
                break;
            default:
                // [BP-10.4-15]
                _toLocal.Write("503 5.5.1 EHLO first\r\n"u8);
                break;
        }
    }

    private void Ask()
    {
        _toServer.Write(_ehlo);
        _state = State.Asking;
    }

    private void PumpLocal()
    {
        while (_state is State.WaitingForEhlo or State.HeloOnly && _local.Span.IndexOf("\r\n"u8) is var end and >= 0)
        {
            var line = _local.Span[..(end + 2)].ToArray();
            _local.Consume(end + 2);
            OnLocalLine(line);
        }

        if (_state is State.WaitingForEhlo or State.HeloOnly && _local.Length > Limits.MaxCommandLine)
        {
            _toLocal.Write("500 5.5.2 Line too long\r\n"u8);
            End("plain");
        }

        if (_state is State.Inside or State.Plain)
        {
            // Nothing follows a QUIT that no policy has decided on ([BP-9.3-1]).
            SendInside(_quit ? default : _local.Span);
            _local.Clear();
        }
    }

    private void Pump()
    {
        while (_server.Length > 0)
        {
            switch (_state)
            {
                case State.Inside:
                case State.Plain:
                    // [BP-10.4-9]
                    _toLocal.Write(_server.Span);
                    _server.Clear();
                    return;
                case State.Greeting:
                case State.Asking:
                case State.Sharing:
                case State.InsideEhlo:
                    var reply = _replies.Read(_server.Span, out int consumed);
                    _server.Consume(consumed);
                    if (_replies.IsMalformed)
                    {
                        OnMalformed();
                        return;
                    }

                    if (reply is null)
                    {
                        return;
                    }

                    OnReply(reply);
                    break;
                case State.Closing:
                    // Read on, but thrown away (spec 8.1).
                    _server.Clear();
                    return;
                case State.WaitingForEhlo or State.HeloOnly when _server.Length > Limits.MaxEhloLine:
                    // Nobody has asked it for anything.
                    _server.Clear();
                    _report = _report with { Reason = "unreachable" };
                    Defer("421 4.3.0 The server does not speak SMTP");
                    return;
                default:
                    return;
            }
        }
    }

    private void OnMalformed()
    {
        _server.Clear();
        if (_state == State.Sharing)
        {
            Broken();
        }
        else
        {
            // Inside, after a close ([BP-4.3-13]).
            Channel?.Close(_toServer);
            NextOrDefer("unreachable", "421 4.3.0 The server does not speak SMTP");
        }
    }

    private void OnReply(Reply reply)
    {
        Progress++;
        switch (_state)
        {
            case State.Greeting:
                OnGreeting(reply);
                break;
            case State.Asking:
                OnEhloReply(reply);
                break;
            case State.Sharing:
                OnUpgradeReply(reply);
                break;
            default:
                OnInsideReply(reply);
                break;
        }
    }

    private void OnGreeting(Reply reply)
    {
        if (reply.Code != 220)
        {
            if (_moreTargets)
            {
                Request = MailerRequest.NextTarget;
                _state = State.Connecting;
            }
            else if (_greeted)
            {
                Defer("421 4.3.0 The server is not available now");
            }
            else
            {
                _toLocal.Write(Text(reply));
                End("plain");
            }
        }
        else if (_greeted)
        {
            // The mail server has its greeting; a further server's is kept back.
            Ask();
        }
        else
        {
            // [BP-10.4-2]
            _greeted = true;
            _toLocal.Write(Text(reply));
            _state = State.WaitingForEhlo;
        }
    }

    private void OnEhloReply(Reply reply)
    {
        if (reply.Code is >= 400 and <= 499)
        {
            Quit(reply.Code);
            NextOrDefer("ehlo-refused", "421 4.3.0 The server deferred EHLO");
        }
        else if (reply.Code is >= 300 and <= 399)
        {
            // No answer to EHLO (state table 15.2).
            OnMalformed();
        }
        else if (!reply.IsPositive)
        {
            if (MustEncrypt)
            {
                Quit(reply.Code);
                NotShown("ehlo-refused", "421 4.7.0 Encryption required, and the server refused EHLO");
                return;
            }

            _toLocal.Write(Text(reply));
            _state = State.HeloOnly;
            _report = _report with { Reason = "ehlo-refused" };
            PumpLocal();
        }
        else
        {
            _ehloReply = reply;
            // Offered together with STARTTLS, XBLACKPONY comes first ([BP-4.7-3]): this client can't authenticate by TLS.
            // The last reply's, and no earlier one ([BP-4.1-14]).
            _offer = _plainOnly ? null : Offer.Find(reply);
            _tried.Clear();
            TryUpgrade(_plainOnly ? _report.Reason ?? "broken" : _offer is null ? "not-offered" : "no-common-suite");
        }
    }

    private void TryUpgrade(string otherwise)
    {
        var suite = _offer?.Common(_options.Suites).Except(_tried).FirstOrDefault(s => s.Encrypts || !MustEncrypt);
        // [BP-4.8-5], [BP-4.2-10], [BP-9.1-4]
        if (suite is null || _tried.Count == Limits.MaxClientAttempts)
        {
            FallBack(otherwise);
            return;
        }

        try
        {
            _tried.Add(suite);
            _upgrade?.Dispose();
            _upgrade = new ClientUpgrade(_offer!, suite, _options.Shift, _random, _options.RsaKeys, _options.KeyLog);
            _toServer.Write(_upgrade.Command);
            _state = State.Sharing;
        }
        catch (RandomnessUnavailableException)
        {
            NoRandomness();
        }
    }

    private void OnUpgradeReply(Reply reply)
    {
        ClientStep step;
        try
        {
            step = _upgrade!.OnReply(reply);
        }
        catch (RandomnessUnavailableException)
        {
            NoRandomness();
            return;
        }

        switch (step.Kind)
        {
            case ClientStepKind.Send:
                _toServer.Write(step.Octets);
                break;
            case ClientStepKind.Agreed:
                Agreed(step.Channel);
                break;
            case ClientStepKind.Refused when reply.Code == 504 && !_upgrade.HasContinued && !MustEncrypt:
                // [BP-4.8-4], [BP-4.8-6]; a 504 can be forged, so not where it would weaken what is asked for ([BP-4.8-7]).
                TryUpgrade("refused");
                break;
            case ClientStepKind.Refused:
                FallBack("refused");
                break;
            default:
                Broken();
                break;
        }
    }

    private void Agreed(SecureChannel? channel)
    {
        _replies = new ReplyReader();
        _layer.Begin(channel, _upgrade!.Shift);
        var waiting = _server.Span.ToArray();
        _server.Clear();
        if (channel is null)
        {
            BeginInside();
        }
        else
        {
            // Whatever stands behind the 220 is records ([BP-4.3-9]), and no reply until it is verified ([BP-4.6-2]).
            channel.Start(_toServer);
            _state = State.Confirming;
        }

        FromServer(waiting);
    }

    private void BeginInside()
    {
        _state = State.InsideEhlo;
        _report = _report with { Suite = _upgrade!.Suite.Name };
        SendInside(_ehlo!);
    }

    private void OnInsideReply(Reply reply)
    {
        if (Channel is not null && Remembers)
        {
            // Here and nowhere else, before any mail ([BP-9.4-2] to [BP-9.4-4], [BP-9.4-6]).
            var entry = Entry();
            var shown = Channel.PeerIdents.Select(Convert.ToHexStringLower).ToList();
            if (entry is { Idents.Count: > 0 } && !entry.Idents.Intersect(shown).Any())
            {
                Channel.Close(_toServer);
                NotShown(shown.Count == 0 ? "ident-missing" : "ident-mismatch", "421 4.7.0 The server does not show the remembered key");
                return;
            }

            if (!_options.Memory!.Good(_name, _port, Channel.PeerIdents))
            {
                _report = _report with { Unremembered = _report.Peer };
            }
        }
        else if (Channel is null && MustEncrypt)
        {
            // The server has come into the memory since ROT was chosen ([BP-9.1-4]).
            Quit();
            NotShown("refused", "421 4.7.0 Encryption required");
            return;
        }

        // The mail server learns what the session inside has, and nothing else ([BP-10.4-5], [BP-4.5-6]).
        if (reply.IsPositive)
        {
            _toLocal.Write(EhloReply.Rewrite(ReplyText.Printable(reply), HiddenInside));
        }
        else
        {
            _toLocal.Write(Text(reply));
        }

        _state = State.Inside;
        PumpLocal();
    }

    // [BP-9.2-1], [BP-4.4-11]
    private void FallBack(string reason)
    {
        if (MustEncrypt)
        {
            Quit();
            NotShown(_options.Policy == ClientPolicy.Required ? reason : "remembered", "421 4.7.0 Encryption required, and not available");
            return;
        }

        _toLocal.Write(EhloReply.Rewrite(ReplyText.Printable(_ehloReply!), Hidden));
        GoPlain(reason);
    }

    private void GoPlain(string reason)
    {
        _state = State.Plain;
        _report = _report with { Reason = reason, Downgrade = _plainOnly, Closed = "plain" };
        PumpLocal();
        Pump();
    }

    // Neither refused nor done: one fresh connection in plaintext, or none ([BP-9.2-2], [BP-9.2-3]).
    private void Broken()
    {
        if (MustEncrypt)
        {
            NotShown("broken", "421 4.7.0 Encryption required, and the upgrade failed");
            return;
        }

        Disconnect();
        _plainOnly = true;
        _report = _report with { Reason = "broken" };
        Request = MailerRequest.Reconnect;
    }

    // [BP-9.1-7]; behind a 421 there is nobody to say it to.
    private void Quit(int code = 0)
    {
        if (code != 421)
        {
            SendInside("QUIT\r\n"u8);
        }
    }

    private void NoRandomness()
    {
        _report = _report with { Reason = "no-randomness" };
        Defer("421 4.3.0 No randomness available");
    }

    // The server does not show what the policy asks for: if it is remembered, on account of its entry ([BP-9.4-8]).
    private void NotShown(string reason, string text)
    {
        if (Remembers)
        {
            _options.Memory!.Failing(_name, _port);
        }

        NextOrDefer(reason, text);
    }

    // [BP-9.1-5], [BP-9.2-4], [BP-9.2-9]; no MAIL was sent before ([BP-9.1-6]).
    private void NextOrDefer(string reason, string text)
    {
        _report = _report with { Reason = reason };
        if (!_moreTargets)
        {
            Defer(text);
            return;
        }

        Disconnect();
        _plainOnly = false;
        Request = MailerRequest.NextTarget;
    }

    private void Disconnect()
    {
        _layer.Drop();
        _report = _report with { Suite = null, Encrypted = false };
        _state = State.Connecting;
    }

    // [BP-10.4-8]
    private void Defer(string text)
    {
        _report = _report with { Deferred = true };
        _toLocal.Write(Encoding.ASCII.GetBytes(text + "\r\n"));
        End(Channel?.State switch
        {
            null => "plain",
            ChannelState.Failed => "failure",
            ChannelState.Alerted => "alert",
            ChannelState.Truncated => "truncated",
            _ => "close",
        });
    }

    private MemoryEntry? Entry()
    {
        var entry = _options.Memory!.Find(_name, _port, out bool gaveUp);
        _report = _report with { Forgotten = _report.Forgotten ?? (gaveUp ? _report.Peer : null) };
        return entry;
    }

    private void SendInside(ReadOnlySpan<byte> octets) => _layer.Send(octets, _toServer);

    private void CheckChannel()
    {
        if (Channel is null || _state == State.End)
        {
            return;
        }

        switch (Channel.State)
        {
            case ChannelState.Failed or ChannelState.Alerted when _state == State.Confirming:
                Broken();
                break;
            case ChannelState.Failed or ChannelState.Alerted when _state == State.InsideEhlo:
                NextOrDefer("broken", "421 4.7.0 The protected session failed");
                break;
            case ChannelState.Failed:
                End("failure");
                break;
            case ChannelState.Alerted:
                End("alert");
                break;
            case ChannelState.Closed when _state == State.InsideEhlo:
                NextOrDefer("broken", "421 4.4.2 The server closed the session");
                break;
            case ChannelState.Closed:
                End("close");
                break;
        }
    }

    private void End(string closed)
    {
        _state = State.End;
        _report = _report with { Closed = closed };
        Request = MailerRequest.Close;
    }
}
