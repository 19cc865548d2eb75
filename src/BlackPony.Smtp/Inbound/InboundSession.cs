using BlackPony.Reference.Policy;

namespace BlackPony.Smtp.Inbound;

/// <summary>
/// One session of the inbound relay: a client on one side, a mail server (the backend) on the other (spec 10.1 to 10.3, state table G.6).
/// On <see cref="SessionRequest.Connect"/> the host opens a new backend connection, and calls <see cref="BackendReady"/> or
/// <see cref="BackendUnavailable"/>; the first it opens unasked.
/// </summary>
public sealed partial class InboundSession : SmtpSession, ISession, IDisposable
{
    // [BP-10.1-5], [BP-10.2-8]; inside [BP-4.5-4], [BP-10.2-9].
    private static readonly string[] Hidden = ["XBLACKPONY", "XCLIENT", "XFORWARD", "VERB"];
    private static readonly string[] HiddenInside = [.. Hidden, "STARTTLS"];

    private readonly ServerUpgrade _upgrade;
    private BackendReplies _replies = new();
    private State _state = State.Greeting;
    private MessageEnd _end;
    private long _chunk;
    private bool _discarding;
    private bool _firstCommand = true;
    private bool _hasSaidLast;
    private bool _clientDone;
    private string? _deferredReply;

    /// <summary>Makes the session.</summary>
    /// <param name="options">What the relay offers.</param>
    /// <param name="random">The source of every draw.</param>
    /// <param name="peer">The client, for the report.</param>
    public InboundSession(ServerOptions options, IRandomSource random, string peer)
    {
        _upgrade = new ServerUpgrade(options, random);
        Report = new SessionReport { Peer = peer };
    }

    // What the client's octets are. In Commands to Chunk the session is Unready, Ready or in Transaction; under ROT Shifted; in records
    // Waiting until the client's Finished, then Inside.
    private enum State
    {
        Greeting,
        Commands,
        Held,
        Answer,
        Data,
        Chunk,
        Opening,
        Continuing,
        Piped,
        Closing,
        End,
    }

    /// <inheritdoc/>
    public bool WantsClient => _state != State.End && ClientOctets.Length < Limits.MaxHeld;

    /// <inheritdoc/>
    public TimeSpan PeerTimeout => _state switch
    {
        State.Continuing => Limits.ContinuationTimeout,
        State.Closing => Limits.CloseTimeout,
        State.Piped => Limits.NextServerTimeout,
        _ when IsWaiting => Limits.FinishedTimeout,
        State.Greeting or State.Held or State.Opening => BackendTimeout,
        _ when _replies.Pending > 0 => BackendTimeout,
        _ => Limits.IdleTimeout,
    };

    /// <summary>Whether the session is between transactions, so that the relay may end it without harm.</summary>
    public bool IsIdle => !_replies.InTransaction && _replies.Pending == 0 && _state == State.Commands && !IsWaiting;

    /// <summary>Whether the client ended a plaintext session's direction and all of it was passed on: the host then ends the direction to
    /// the backend.</summary>
    public bool BackendInputDone => _clientDone && ClientOctets.Length == 0;

    /// <summary>Whether the upgrade has happened: from then on the backend is the new connection, and the host ends the old one
    /// ([BP-10.3-5]).</summary>
    public bool SwitchedBackend { get; private set; }

    /// <summary>Whether a new backend connection is asked for, or kept for an upgrade under way.</summary>
    public bool NeedsFreshBackend => _state is State.Opening or State.Continuing;

    /// <summary>Messages that the backend acknowledged so far; those inside a client's TLS are not seen.</summary>
    public int Messages { get; private set; }

    /// <summary>The code of the last refusal of an XBLACKPONY command; 0 if there was none.</summary>
    public int RefusedWith { get; private set; }

    // Before the client's Finished (state table G.6).
    private bool IsWaiting => Channel is { IsEstablished: false };

    // A client that waits for the backend leaves when it has waited long enough; one that has left cannot.
    private TimeSpan BackendTimeout => _clientDone ? Limits.NextServerTimeout : Timeout.InfiniteTimeSpan;

    /// <summary>A backend connection is open.</summary>
    /// <param name="greeting">The octets of the backend's greeting, the whole reply.</param>
    public void BackendReady(ReadOnlySpan<byte> greeting)
    {
        if (_state == State.Greeting)
        {
            // [BP-10.3-1]
            Emit(greeting);
            _state = State.Commands;
            if (greeting is not [(byte)'2', ..])
                End("plain");
        }
        else if (_state == State.Opening)
        {
            // The second greeting is not passed on ([BP-10.3-3], [BP-4.5-3]).
            Request = SessionRequest.None;
            Take(greeting.StartsWith("220"u8) ? _upgrade.Exchange() : _upgrade.Unavailable());
        }

        Pump();
    }

    /// <summary>The backend connection could not be opened ([BP-10.3-2], [BP-10.3-4]).</summary>
    public void BackendUnavailable()
    {
        if (_state == State.Greeting)
        {
            ReplyAndClose("421 4.3.0 Mail server not reachable, try again later");
        }
        else if (_state == State.Opening)
        {
            Request = SessionRequest.None;
            Take(_upgrade.Unavailable());
            Pump();
        }
    }

    /// <inheritdoc/>
    public void FromClient(ReadOnlySpan<byte> octets)
    {
        if (_state == State.End || octets.IsEmpty)
            return;

        Layer.Receive(octets, ClientOctets, ToClient);
        CheckChannel();

        // Read on, but thrown away (spec 8.1).
        if (_state == State.Closing)
            ClientOctets.Clear();

        Pump();
    }

    /// <inheritdoc/>
    public void FromServer(ReadOnlySpan<byte> octets)
    {
        if (_state is State.End or State.Closing)
            return;

        // No data before the client's Finished ([BP-6.3-5]): an unsolicited reply is held back.
        if (IsWaiting && ServerOctets.Length + octets.Length > Limits.MaxHeld)
        {
            ReplyAndClose("421 4.3.0 Mail server gave up");
            return;
        }

        ServerOctets.Append(octets);
        if (!IsWaiting)
        {
            PassReplies();
            Pump();
        }
    }

    /// <summary>The client's connection ended ([BP-8.2-1], [BP-10.3-7]).</summary>
    public void ClientEnded()
    {
        if (Channel is null && _state is not (State.Opening or State.Continuing or State.Closing or State.End))
        {
            // An ordinary client may end its direction and still read: the backend does the rest.
            _clientDone = true;
            Pump();
        }
        else
        {
            EndOfClient();
        }
    }

    /// <summary>The backend's connection ended ([BP-10.3-6]).</summary>
    public void ServerEnded()
    {
        if (_state != State.Closing && (_state == State.Piped || _hasSaidLast || _clientDone))
            End("plain");
        else if (_state is not State.End and not State.Closing)
            ReplyAndClose("421 4.3.0 Mail server closed the connection");
    }

    /// <summary>The client was silent for longer than <see cref="PeerTimeout"/> ([BP-8.1-6], [BP-8.1-7]).</summary>
    public void TimedOut()
    {
        switch (_state)
        {
            case State.End:
                break;
            case State.Closing:
                End("truncated");
                break;
            case var _ when IsWaiting:
                // [BP-6.3-9]
                Channel!.Fail(ToClient);
                End("failure");
                break;
            default:
                ReplyAndClose("421 4.4.2 Timeout");
                break;
        }
    }

    /// <summary>The relay stops ([BP-10.3-9]), or the session cannot go on.</summary>
    /// <param name="reply">The last reply, without CRLF.</param>
    public void Stop(string reply = "421 4.3.2 Service shutting down")
    {
        if (_state is not State.End and not State.Closing)
            ReplyAndClose(reply);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _upgrade.Dispose();
        Layer.Dispose();
    }

    private void PassReplies()
    {
        while (_state is not (State.Piped or State.Closing or State.End) && _replies.TryTake(ServerOctets, out var reply))
            OnReply(reply);

        if (_state == State.Piped)
        {
            // What the client said after STARTTLS goes first ([BP-10.2-11]).
            Emit(ServerOctets.Span);
            Progress++;
            ServerOctets.Clear();
        }

        if (_replies.IsMalformed)
            ReplyAndClose("421 4.3.0 Mail server speaks no SMTP");
    }

    private void OnReply(BackendReply reply)
    {
        Progress++;
        _hasSaidLast = reply.Code is 221 or 421;

        // As it is ([BP-10.2-7], [BP-10.3-8]), but to EHLO: one offer, here and in no reply to HELO ([BP-4.1-1], [BP-4.1-2], [BP-4.1-6]).
        // STARTTLS stays, outside ([BP-10.2-10]): if it succeeds the session is a plain pipe ([BP-4.7-1]).
        Emit(reply.Ehlo is null ? reply.Octets
            : EhloReply.Rewrite(reply.Ehlo, Layer.IsOn ? HiddenInside : Hidden, Layer.IsOn ? default : _upgrade.NewOffer().Span));

        Messages += reply is { Command: Verb.Message, IsPositive: true } ? 1 : 0;
        if (_state == State.Held && _replies.Pending == 0)
        {
            _state = (reply.Command, reply.Code) switch
            {
                (Verb.Data, 354) => State.Data,
                (Verb.StartTls, 220) => State.Piped,
                (not Verb.Data, >= 300 and <= 399) => State.Answer,
                _ => State.Commands,
            };
            _end = MessageEnd.Begin();
        }

        if (_hasSaidLast && Channel is not null)
            Close();
    }

    private void Emit(ReadOnlySpan<byte> octets) => Layer.Send(octets, ToClient);

    private void CheckChannel()
    {
        if (Channel is null)
            return;

        Report = Channel.IsEstablished == Report.Encrypted ? Report : Report with { Encrypted = true };
        switch (Channel.State)
        {
            case ChannelState.Failed or ChannelState.Alerted:
                End(Channel.State == ChannelState.Failed ? "failure" : "alert");
                break;
            case ChannelState.Open when Channel.IsEstablished:
                FlushHeldBackend();
                break;
            case ChannelState.Closed:
                // What came before the close is whole and goes to the backend.
                Pump();
                End("close");
                break;
        }
    }

    // The client's Finished has come: what the backend said before it, and its end, are passed on ([BP-10.3-6]).
    private void FlushHeldBackend()
    {
        if (ServerOctets.Length > 0)
            PassReplies();

        if (_deferredReply is not null && _state is not (State.Closing or State.End))
            ReplyAndClose(_deferredReply);
    }

    // A last reply, then the end, in the way that the session's protection asks for. Always false: no more is read.
    private bool ReplyAndClose(string text)
    {
        // It is sent after the client's Finished ([BP-6.3-5]), for which FinishedTimeout runs on.
        if (Channel is { State: ChannelState.Open, IsEstablished: false })
        {
            _deferredReply ??= text;
            return false;
        }

        // [BP-10.2-14]
        if (_state != State.Piped)
            Emit(Line(text));

        if (Channel is { State: ChannelState.Open })
            Close();
        else
            End(Channel is null ? "plain" : "failure");

        return false;
    }

    // Whatever the client said besides gets no answer any more ([BP-8.1-5], [BP-8.1-8]).
    private void Close()
    {
        Channel!.Close(ToClient);
        (_state, _hasSaidLast) = (State.Closing, true);
        ClientOctets.Clear();
    }

    // The backend's connection ends too, and with it a message that has not come whole ([BP-8.2-2]).
    private void EndOfClient()
    {
        Channel?.ConnectionEnded();
        End(Channel is null ? "plain" : Channel.State == ChannelState.Closed || _hasSaidLast ? "close" : "truncated");
    }

    private void End(string closed)
    {
        if (_state != State.End)
        {
            _state = State.End;
            Report = Report with { Closed = closed };
        }

        ClientOctets.Clear();
        Request = SessionRequest.Close;
    }
}
