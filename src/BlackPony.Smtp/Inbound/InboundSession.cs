using System.Buffers;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Records;
using BlackPony.Smtp.Lines;

namespace BlackPony.Smtp.Inbound;

/// <summary>What the relay's host has to do beside sending what waits.</summary>
public enum InboundRequest
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Open a fresh backend connection, then call <see cref="InboundSession.BackendReady"/> or <see cref="InboundSession.BackendUnavailable"/>.</summary>
    OpenBackend,

    /// <summary>Send what waits, then close the client's connection and the backend's.</summary>
    Close,
}

/// <summary>
/// One session of the relay: a client on one side, a mail server on the other (spec 10.1 to 10.3, state table 15.1).
/// Octets in, octets out; the host has the sockets and the clock.
/// </summary>
public sealed class InboundSession : IDisposable
{
    // [BP-10.1-5], [BP-10.2-8]; inside [BP-4.5-4], [BP-10.2-9].
    private static readonly string[] Hidden = ["XBLACKPONY", "XCLIENT", "XFORWARD"];
    private static readonly string[] HiddenInside = [.. Hidden, "STARTTLS"];

    // Never answered with 3yz: what follows need not wait ([BP-10.2-5]).
    private static readonly string[] Known = ["MAIL", "RCPT", "RSET", "NOOP", "VRFY", "EXPN", "HELP", "QUIT"];

    private static readonly string[] Verbs = ["EHLO", "HELO", "DATA", "BDAT", "STARTTLS", "XBLACKPONY", "XCLIENT", "XFORWARD", "PROXY", .. Known];

    private readonly ServerUpgrade _upgrade;
    private readonly SessionLayer _layer = new();
    private readonly OctetBuffer _input = new();
    private readonly PooledBuffer _toClient = new();
    private readonly PooledBuffer _toBackend = new();
    private readonly Queue<string> _pending = new();
    private ReplyReader _ehloReplies = new();
    private NextReplyReader _replies = new(Limits.MaxEhloLine);
    private readonly OctetBuffer _fromBackend = new();
    private Reading _reading = Reading.Greeting;
    private long _payload;
    private MessageEnd _end;
    private bool _discarding;
    private bool _afterEhlo;
    private bool _inTransaction;
    private bool _chunking;
    private bool _firstCommand = true;
    private bool _goodbye;
    private bool _clientDone;
    private string? _lastWords;
    private SessionReport _report;

    /// <summary>Makes the machine; the host opens the first backend connection and calls <see cref="BackendReady"/>.</summary>
    /// <param name="options">What the relay offers.</param>
    /// <param name="random">The source of every draw.</param>
    /// <param name="peer">The client, for the report.</param>
    public InboundSession(ServerOptions options, IRandomSource random, string peer)
    {
        _upgrade = new ServerUpgrade(options, random);
        _report = new SessionReport { Peer = peer };
    }

    private enum Reading
    {
        Greeting,
        Commands,
        Held,
        Line,
        Data,
        Chunk,
        Opening,
        Continuation,
        Pipe,
        Closing,
        End,
    }

    /// <summary>Octets for the client; the host sends them and calls <see cref="PooledBuffer.ResetWrittenCount"/>.</summary>
    public PooledBuffer ToClient => _toClient;

    /// <summary>Octets for the backend.</summary>
    public PooledBuffer ToBackend => _toBackend;

    /// <summary>What the host has to do.</summary>
    public InboundRequest Request { get; private set; }

    /// <summary>Whether the host should read from the client: false while much waits here ([BP-10.1-7]).</summary>
    public bool WantsClient => _reading is not Reading.End && _input.Length < Limits.MaxHeld;

    // A client that waits for the backend goes when it has waited enough; one that has gone can't.
    private TimeSpan BackendTimeout => _clientDone ? Limits.NextServerTimeout : Timeout.InfiniteTimeSpan;

    /// <summary>How long the client may be silent now (spec 13); infinite while the backend is to speak and the client is there.</summary>
    public TimeSpan PeerTimeout => _reading switch
    {
        Reading.Continuation => Limits.ContinuationTimeout,
        Reading.Closing => Limits.CloseTimeout,
        Reading.Pipe => Limits.NextServerTimeout,
        _ when Channel is { IsEstablished: false } => Limits.FinishedTimeout,
        Reading.Greeting or Reading.Held or Reading.Opening => BackendTimeout,
        _ when _pending.Count > 0 => BackendTimeout,
        _ => Limits.IdleTimeout,
    };

    /// <summary>Grows with everything that came whole: while it stands still, <see cref="PeerTimeout"/> runs on (spec 13).</summary>
    public long Progress { get; private set; }

    /// <summary>Whether the session is between transactions, so that the relay may end it without harm.</summary>
    public bool IsIdle => !_inTransaction && _pending.Count == 0 && _reading is Reading.Commands && Channel is not { IsEstablished: false };

    /// <summary>Whether the client ended a plaintext session's direction and all of it was passed on: the host then ends the direction to the backend.</summary>
    public bool BackendInputDone => _clientDone && _input.Length == 0;

    /// <summary>What became of the session.</summary>
    public SessionReport Report => _report;

    /// <summary>Messages that the backend acknowledged so far; those inside a client's TLS are not seen.</summary>
    public int Messages { get; private set; }

    /// <summary>The code of the last refusal of an XBLACKPONY command; 0 if there was none.</summary>
    public int RefusedWith { get; private set; }

    private SecureChannel? Channel => _layer.Channel;

    /// <summary>The backend connection that the relay asked for is open.</summary>
    /// <param name="greeting">The octets of the backend's greeting, the whole reply.</param>
    public void BackendReady(ReadOnlySpan<byte> greeting)
    {
        if (_reading == Reading.End)
        {
            return;
        }

        Request = InboundRequest.None;
        if (_reading == Reading.Greeting)
        {
            // [BP-10.3-1]
            Emit(greeting);
            _reading = Reading.Commands;
            if (greeting is not [(byte)'2', ..])
            {
                End("plain");
            }
        }
        else if (_reading == Reading.Opening)
        {
            if (greeting.StartsWith("220"u8))
            {
                // The second greeting is kept back ([BP-10.3-3], [BP-4.5-3]).
                Take(_upgrade.Exchange());
            }
            else
            {
                BackendUnavailable();
            }
        }

        Pump();
    }

    /// <summary>The backend connection that the relay asked for could not be opened ([BP-10.3-2], [BP-10.3-4]).</summary>
    public void BackendUnavailable()
    {
        if (_reading == Reading.End)
        {
            return;
        }

        Request = InboundRequest.None;
        if (_reading == Reading.Greeting)
        {
            Goodbye("421 4.3.0 Mail server not reachable, try again later");
        }
        else if (_reading == Reading.Opening)
        {
            Take(_upgrade.Unavailable());
            Pump();
        }
    }

    /// <summary>Whether the upgrade has happened: from then on the backend is the fresh connection, and the host ends the old one ([BP-10.3-5]).</summary>
    public bool SwitchedBackend { get; private set; }

    /// <summary>Whether a fresh backend connection is asked for or kept for an upgrade under way.</summary>
    public bool NeedsFreshBackend => _reading is Reading.Opening or Reading.Continuation;

    /// <summary>Takes octets from the client.</summary>
    public void FromClient(ReadOnlySpan<byte> octets)
    {
        if (_reading is Reading.End || octets.IsEmpty)
        {
            return;
        }

        if (_reading == Reading.Pipe)
        {
            Progress++;
            _toBackend.Write(octets);
            return;
        }

        _layer.Receive(octets, _input, _toClient);
        CheckChannel();
        if (_reading == Reading.Closing)
        {
            // Read on, but thrown away (spec 8.1).
            _input.Clear();
        }

        Pump();
    }

    /// <summary>Takes octets from the backend.</summary>
    public void FromBackend(ReadOnlySpan<byte> octets)
    {
        if (_reading is Reading.End or Reading.Closing)
        {
            return;
        }

        if (_reading == Reading.Pipe)
        {
            Progress++;
            Emit(octets);
            return;
        }

        if (Channel is { IsEstablished: false })
        {
            // No data before the client's Finished ([BP-6.3-5]): what the backend says of its own accord waits, within bounds.
            if (_fromBackend.Length + octets.Length > Limits.MaxHeld)
            {
                Goodbye("421 4.3.0 Mail server gave up");
            }
            else
            {
                _fromBackend.Append(octets);
            }

            return;
        }

        _fromBackend.Append(octets);
        while (PassReply())
        {
            if (_reading == Reading.Pipe)
            {
                // What the client said behind STARTTLS goes first ([BP-10.2-11]).
                Emit(_fromBackend.Span);
                _fromBackend.Clear();
                break;
            }
        }

        if (_replies.IsMalformed || _ehloReplies.IsMalformed)
        {
            Goodbye("421 4.3.0 Mail server speaks no SMTP");
            return;
        }

        Pump();
    }

    /// <summary>The client's connection ended ([BP-8.2-1], [BP-10.3-7]).</summary>
    public void ClientEnded()
    {
        if (Channel is null && _reading is not (Reading.Opening or Reading.Continuation or Reading.Closing or Reading.End))
        {
            // An ordinary client may end its direction and still read: the backend does the rest.
            _clientDone = true;
            Pump();
            return;
        }

        // The backend's connection ends too, and with it a message that has not come whole ([BP-8.2-2]).
        Channel?.ConnectionEnded();
        End(Channel is null ? "plain" : Channel.State == ChannelState.Closed || _goodbye ? "close" : "truncated");
    }

    /// <summary>The backend's connection ended ([BP-10.3-6]).</summary>
    public void BackendEnded()
    {
        if (_reading != Reading.Closing && (_reading == Reading.Pipe || _goodbye || _clientDone))
        {
            End("plain");
        }
        else if (_reading is not Reading.End and not Reading.Closing)
        {
            Goodbye("421 4.3.0 Mail server closed the connection");
        }
    }

    /// <summary>The client was silent for longer than <see cref="PeerTimeout"/> ([BP-8.1-6], [BP-8.1-7]).</summary>
    public void TimedOut()
    {
        if (_reading == Reading.End)
        {
            return;
        }

        if (_reading == Reading.Closing)
        {
            End("truncated");
        }
        else if (Channel is { IsEstablished: false })
        {
            // [BP-6.3-9]
            Channel.Fail(_toClient);
            End("failure");
        }
        else
        {
            Goodbye("421 4.4.2 Timeout");
        }
    }

    /// <summary>The relay stops ([BP-10.3-9]).</summary>
    public void Stop()
    {
        if (_reading is not Reading.End and not Reading.Closing)
        {
            Goodbye("421 4.3.2 Service shutting down");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _upgrade.Dispose();
        _layer.Dispose();
    }

    // The verb in upper case, if it is one that matters here: no line makes a string of its own.
    private static string Verb(ReadOnlySpan<byte> line)
    {
        var word = ClientLine.Word(line);
        foreach (var verb in Verbs)
        {
            if (Ascii.EqualsIgnoreCase(word, verb))
            {
                return verb;
            }
        }

        return "";
    }

    private void Pump()
    {
        while (_input.Length > 0 && Step())
        {
        }

        if (_clientDone && _reading is (Reading.Commands or Reading.Line) && _input.Span.IndexOf("\r\n"u8) < 0)
        {
            // The rest of this line will not come, and nothing else follows it.
            _input.Clear();
        }
    }

    // One step over the client's octets; false if it has to wait.
    private bool Step()
    {
        switch (_reading)
        {
            case Reading.Commands:
            case Reading.Line:
            case Reading.Continuation:
                return ReadLine();
            case Reading.Data:
                return PassData();
            case Reading.Chunk:
                return PassChunk();
            case Reading.Opening:
                // Something stands behind the command ([BP-4.4-4]).
                Request = InboundRequest.None;
                Goodbye("503 5.5.1 XBLACKPONY must be the last command of a group");
                return false;
            case Reading.Pipe:
                _toBackend.Write(_input.Span);
                _input.Clear();
                return false;
            default:
                return false;
        }
    }

    private bool ReadLine()
    {
        var octets = _input.Span;
        int length = octets.IndexOf("\r\n"u8);
        var line = length < 0 ? octets : octets[..length];
        if (_discarding)
        {
            // The end of an over-long line, which is not kept ([BP-4.4-3]).
            _input.Consume(length < 0 ? octets.Length - (octets[^1] == '\r' ? 1 : 0) : 0);
            return length >= 0 && AnswerOverlong(length);
        }

        // An upgrade's lines have their own length ([BP-4.2-4], [BP-4.3-10]). The first fault decides, however the line came in ([BP-4.4-14]). A last CR may still be followed by its LF.
        int most = (_reading == Reading.Continuation || (_upgrade.IsOn && UpgradeCommand.IsVerb(line)) ? Limits.MaxCommandLine : Limits.MaxOtherCommandLine) - 2;
        var content = length < 0 && line is [.., (byte)'\r'] ? line[..^1] : line;
        if (ClientLine.HasStray(content[..Math.Min(content.Length, most + 1)]))
        {
            if (_pending.Count > 0)
            {
                return false;
            }

            Goodbye("501 5.5.2 Bare LF, bare CR or NUL in a command");
            return false;
        }

        if (content.Length > most)
        {
            _discarding = true;
            return true;
        }

        if (length < 0)
        {
            return false;
        }

        return _reading switch
        {
            Reading.Continuation => OnContinuation(length),
            Reading.Line => Forward(length, "LINE", Reading.Held),
            _ => OnCommand(Verb(line), length),
        };
    }

    private bool AnswerOverlong(int length)
    {
        if (_pending.Count > 0 && _reading != Reading.Line)
        {
            return false;
        }

        // [BP-4.4-3], [BP-4.4-9], [BP-10.2-12]
        _discarding = false;
        TakeLine(length);
        if (_reading == Reading.Continuation)
        {
            _upgrade.Reset();
            _reading = Reading.Commands;
        }

        Emit("500 5.5.2 Line too long\r\n"u8);
        return true;
    }

    private bool OnCommand(string verb, int length)
    {
        var line = _input.Span[..length];
        if (!ClientLine.HasVerb(line))
        {
            // Nobody knows what a backend would make of it ([BP-10.1-10]).
            return _pending.Count == 0 && Refuse(length);
        }

        if (verb is "XBLACKPONY" or "XCLIENT" or "XFORWARD" or "PROXY" || (verb == "STARTTLS" && _layer.IsOn))
        {
            // The relay's own answers ([BP-10.2-6]) wait for the backend's to what came before ([BP-10.2-13]).
            return _pending.Count == 0 && AnswerItself(verb, length);
        }

        if (_firstCommand && OtherProtocols.IsRequest(line))
        {
            Goodbye("421 4.7.0 This is a mail server");
            return false;
        }

        _firstCommand = false;
        switch (verb)
        {
            case "EHLO" or "HELO" or "DATA" or "STARTTLS":
                return Forward(length, verb, Reading.Held);
            case "BDAT" when _chunking:
                return OnChunk(length);
            default:
                bool known = Known.Contains(verb);
                return Forward(length, verb, known ? Reading.Commands : Reading.Held);
        }
    }

    private bool OnChunk(int length)
    {
        if (ChunkCommand.Parse(_input.Span[..length]) is not { } chunk)
        {
            return Forward(length, "BDAT?", Reading.Held);
        }

        _payload = chunk.Size;
        return Forward(length, chunk.IsLast ? "END" : "BDAT", _payload > 0 ? Reading.Chunk : Reading.Commands);
    }

    private void TakeLine(int length)
    {
        _input.Consume(length + 2);
        Progress++;
    }

    private bool Refuse(int length)
    {
        TakeLine(length);
        Emit("500 5.5.2 No command\r\n"u8);
        return true;
    }

    private bool AnswerItself(string verb, int length)
    {
        var line = _input.Span[..length].ToArray();
        TakeLine(length);
        if (verb == "STARTTLS")
        {
            // [BP-4.5-5]
            Emit("503 5.5.1 STARTTLS not allowed inside\r\n"u8);
            return true;
        }

        if (verb != "XBLACKPONY")
        {
            // [BP-10.1-4]
            Emit("550 5.7.1 Not permitted\r\n"u8);
            return true;
        }

        // Row 1 of spec 4.4 comes before row 5.
        if (_input.Length > 0 && !_layer.IsOn && _upgrade.IsOn)
        {
            Goodbye("503 5.5.1 XBLACKPONY must be the last command of a group");
            return false;
        }

        Take(_upgrade.Examine(line, _layer.IsOn, _afterEhlo, _inTransaction));
        return true;
    }

    private bool OnContinuation(int length)
    {
        var line = _input.Span[..length].ToArray();
        TakeLine(length);
        if (_input.Length > 0)
        {
            Goodbye("503 5.5.1 The continuation must come alone");
            return false;
        }

        Take(_upgrade.Continue(line));
        return true;
    }

    private void Take(ServerStep step)
    {
        switch (step.Kind)
        {
            case ServerStepKind.Accepted:
                _reading = Reading.Opening;
                Request = InboundRequest.OpenBackend;
                break;
            case ServerStepKind.Agreed:
                Agree(step);
                break;
            case ServerStepKind.Continue:
                Emit(step.Reply);
                _reading = Reading.Continuation;
                break;
            default:
                RefusedWith = int.Parse(step.Reply.AsSpan(0, 3), System.Globalization.CultureInfo.InvariantCulture);
                Emit(step.Reply);
                _reading = Reading.Commands;
                break;
        }
    }

    private void Agree(ServerStep step)
    {
        _toClient.Write(step.Reply);
        _report = _report with { Suite = _upgrade.Suite!.Name };
        _layer.Begin(step.Channel, _upgrade.Shift);
        Channel?.Start(_toClient);

        // Everything learned before is forgotten, and what waited unread with it ([BP-4.5-1], [BP-4.6-1]); no plaintext follows the 220 ([BP-4.6-3]).
        _reading = Reading.Commands;
        _afterEhlo = _inTransaction = _chunking = _goodbye = false;
        _firstCommand = true;
        _fromBackend.Clear();
        _ehloReplies = new ReplyReader();
        _replies = new NextReplyReader(Limits.MaxEhloLine);
        SwitchedBackend = true;
        if (_clientDone && Channel is not null)
        {
            // Its Finished will not come any more.
            ClientEnded();
        }
    }

    // [BP-10.2-3]
    private bool Forward(int length, string kind, Reading next)
    {
        _toBackend.Write(_input.Span[..(length + 2)]);
        TakeLine(length);
        _pending.Enqueue(kind);
        _reading = next;
        return true;
    }

    // DATA's payload, octet by octet ([BP-10.2-4]).
    private bool PassData()
    {
        int count = _end.Take(_input.Span);
        _toBackend.Write(_input.Span[..count]);
        _input.Consume(count);
        Progress++;
        if (_end.IsFound)
        {
            _pending.Enqueue("END");
            _reading = Reading.Commands;
        }

        return true;
    }

    private bool PassChunk()
    {
        int count = (int)Math.Min(_payload, _input.Length);
        _toBackend.Write(_input.Span[..count]);
        _input.Consume(count);
        Progress++;
        _payload -= count;
        _reading = _payload == 0 ? Reading.Commands : Reading.Chunk;
        return true;
    }

    // False if no reply is whole.
    private bool PassReply()
    {
        var octets = _fromBackend.Span;
        string kind = _pending.Count > 0 ? _pending.Peek() : "";
        if (kind != "EHLO" && _replies.ReadLine(octets, out int code, out int length))
        {
            // Of one line, as nearly all are: passed on from where it stands.
            OnReply(kind, code, octets[..length]);
            _fromBackend.Consume(length);
            return true;
        }

        // Lines of an unfinished reply are kept by the reader, not here ([BP-10.2-15]).
        var reply = kind == "EHLO" ? _ehloReplies.Read(octets, out length) : _replies.Read(octets, out length);
        _fromBackend.Consume(length);
        if (reply is null)
        {
            return false;
        }

        OnReply(kind, reply.Code, kind == "EHLO" && reply.IsPositive ? OnEhlo(reply) : reply.ToOctets());
        return true;
    }

    private byte[] OnEhlo(Reply reply)
    {
        // One offer, here and in no reply to HELO ([BP-4.1-1], [BP-4.1-2], [BP-4.1-6]). STARTTLS stays, outside ([BP-10.2-10]); who forwards it makes a plain pipe of the session ([BP-4.7-1]).
        _afterEhlo = true;
        _inTransaction = false;
        _chunking = EhloReply.Keywords(reply).Contains("CHUNKING");
        return EhloReply.Rewrite(reply, _layer.IsOn ? HiddenInside : Hidden, _layer.IsOn ? default : _upgrade.NewOffer().Span);
    }

    private void OnReply(string kind, int code, ReadOnlySpan<byte> octets)
    {
        Progress++;
        _goodbye = code is 221 or 421;
        _pending.TryDequeue(out _);
        // [BP-10.2-7], [BP-10.3-8]
        Emit(octets);
        if (code is >= 200 and <= 299)
        {
            // Outside and inside alike ([BP-4.5-8]).
            _afterEhlo &= kind != "HELO";
            _inTransaction = kind == "MAIL" || (_inTransaction && kind is not ("END" or "RSET" or "HELO"));
            Messages += kind == "END" ? 1 : 0;
        }
        else if (kind == "END")
        {
            _inTransaction = false;
        }

        if (_reading == Reading.Held && _pending.Count == 0)
        {
            _reading = (kind, code) switch
            {
                ("DATA", 354) => Reading.Data,
                ("STARTTLS", 220) => Reading.Pipe,
                (not "DATA", >= 300 and <= 399) => Reading.Line,
                _ => Reading.Commands,
            };
            _end = MessageEnd.Begin();
        }

        if (_goodbye && Channel is not null)
        {
            // Whatever was pipelined behind QUIT gets no answer any more ([BP-8.1-5]).
            Channel.Close(_toClient);
            _reading = Reading.Closing;
            _input.Clear();
        }
    }

    private void Emit(ReadOnlySpan<byte> octets) => _layer.Send(octets, _toClient);

    private void CheckChannel()
    {
        if (Channel is null)
        {
            return;
        }

        if (Channel.IsEstablished && !_report.Encrypted)
        {
            _report = _report with { Encrypted = true };
        }

        switch (Channel.State)
        {
            case ChannelState.Failed:
                End("failure");
                break;
            case ChannelState.Alerted:
                End("alert");
                break;
            case ChannelState.Open when Channel.IsEstablished:
                SayWhatWaited();
                break;
            case ChannelState.Closed:
                // What came before the close is whole and goes to the backend.
                Pump();
                End("close");
                break;
        }
    }

    // The client's Finished has come: what the backend said before it, and its end, are passed on ([BP-10.3-6]).
    private void SayWhatWaited()
    {
        if (_fromBackend.Length > 0)
        {
            FromBackend([]);
        }

        if (_lastWords is not null && _reading is not (Reading.Closing or Reading.End))
        {
            Goodbye(_lastWords);
        }
    }

    // A last reply, then the end, in the way that the session's protection asks for.
    private void Goodbye(string text)
    {
        if (_reading == Reading.Pipe)
        {
            // [BP-10.2-14]
            End("plain");
            return;
        }

        if (Channel is { State: ChannelState.Open, IsEstablished: false })
        {
            // It is said behind the client's Finished ([BP-6.3-5]), for which FinishedTimeout runs on.
            _lastWords ??= text;
            return;
        }

        Emit(Encoding.ASCII.GetBytes(text + "\r\n"));
        _goodbye = true;
        _input.Clear();
        if (Channel is { State: ChannelState.Open })
        {
            Channel.Close(_toClient);
            _reading = Reading.Closing;
        }
        else
        {
            End(Channel is null ? "plain" : "failure");
        }
    }

    private void End(string closed)
    {
        if (_reading != Reading.End)
        {
            _reading = Reading.End;
            _report = _report with { Closed = closed };
        }

        _input.Clear();
        Request = InboundRequest.Close;
    }
}
