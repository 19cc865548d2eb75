using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>
/// Reads what a client sends: commands, content, chunks, lines of AUTH. Where a reply decides what the next octets are, they are held until
/// it is known, or until it is known that it was not captured.
/// </summary>
internal sealed class ClientStream
{
    private readonly SmtpDialogue _dialogue;
    private readonly MessageContent _content;
    private readonly HeldOctets _held;
    private readonly ClientLines _lines;

    /// <param name="dialogue">The session's other parts.</param>
    /// <param name="lost">Whether to wait for what can only be a command.</param>
    public ClientStream(SmtpDialogue dialogue, bool lost)
    {
        (_dialogue, State) = (dialogue, lost ? ClientState.Lost : ClientState.Command);
        _content = new MessageContent(dialogue);
        _held = new HeldOctets(dialogue, this, _content);
        _lines = new ClientLines(dialogue, this, new ClientCommands(dialogue, this, _content));
    }

    /// <summary>What the next octets are.</summary>
    public ClientState State { get; set; }

    /// <summary>Whether a message is under way.</summary>
    public bool IsInContent => State == ClientState.Content;

    /// <summary>Whether the server refused the last chunk, so that the client may leave it out.</summary>
    public bool LastChunkRefused { set => _content.LastChunkRefused = value; }

    public void Octets(ReadOnlySpan<byte> octets, long time)
    {
        Feed(octets, time);
        _held.Undecided();
    }

    public void Gap(long length, bool cut, long time)
    {
        if (State != ClientState.Held)
        {
            Lacks(length, cut, time);
        }
        else if (!_held.SkipsLine)
        {
            _held.AddGap(length, cut, time);
            _held.Undecided();
        }
    }

    /// <summary>Whether a TLS client's hello begins here, or began in the octets before.</summary>
    public bool IsHello(ReadOnlySpan<byte> octets) =>
        State == ClientState.Command && _dialogue.Place == Place.Outside && _lines.IsHello(octets);

    /// <summary>Hands what came of a line that is none to what reads on.</summary>
    public void HandOver(Layer layer, long time)
    {
        if (_lines.TakePartial() is { Length: > 0 } begun)
        {
            _dialogue.Session.IsMuted = true;
            layer.Octets(Role.Client, begun, time);
            _dialogue.Session.IsMuted = false;
        }
    }

    /// <summary>Another layer reads on. A message in chunks that was begun is never ended (RFC 3207 4.2).</summary>
    public void Upgraded() => _content.Drop();

    /// <summary>The server said something: a command of which only the end is missing was whole.</summary>
    public void ServerSpoke(long time)
    {
        if (_lines.Lacking > 0 && State is ClientState.Command or ClientState.AuthLine)
            Lacks(_lines.Lacking, cut: false, time);
    }

    /// <summary>The client's direction is over, or the capture.</summary>
    public void Finish(long time)
    {
        _held.Finish(time);
        if (State is ClientState.Command or ClientState.AuthLine && _dialogue.Inner is null)
            _lines.Finish(time);

        _content.Finish(State);
    }

    /// <summary>The reply came on which the client's next octets depend; null if it is not known.</summary>
    public void Decided(Command command, ServerReply? reply, long time) => _held.Decided(command, reply, time);

    /// <summary>The server sent a 354 for what the capture lacks.</summary>
    public void BeginUnseen(ServerReply reply)
    {
        if (State is ClientState.Lost or ClientState.Command)
        {
            var exchange = _dialogue.Record(Verb.Data, "DATA"u8, reply.Time);
            if (exchange is not null)
                (exchange.Code, exchange.Reply) = (reply.Code, reply.Text + "\r\n");

            BeginContent(reply.Time);
        }
    }

    /// <summary>The server asked for a line of authentication, whatever the command was.</summary>
    public void BeginAuthLine()
    {
        if (State == ClientState.Command && _lines.IsEmpty)
        {
            State = ClientState.AuthLine;
            _lines.OnAuth();
        }
    }

    /// <summary>The server asked for the continuation of XBLACKPONY (spec 4.3).</summary>
    public void ExpectContinuation()
    {
        State = ClientState.AuthLine;
        _lines.ExpectContinuation();
    }

    /// <summary>A reply came within a message that nobody waits for one to.</summary>
    public void EarlyReply(ServerReply reply)
    {
        bool gap = _content.HasGap;
        if (gap || (reply.IsPositive && _content.EndsInOddDot))
        {
            // The end was in the gap, or the server is one of those that take LF for CRLF.
            if (!gap)
            {
                _dialogue.Session.Find(FindingKind.Smuggling, Role.Server,
                    "The server treats a dot between line ends that are not CRLF as the end of the message.");
            }

            _dialogue.Append(gap ? "\r\n.\r\n"u8 : default);
            EndContent(reply.Time);
            State = gap ? ClientState.Lost : ClientState.Command;
            _dialogue.Matching.Reply(reply with { Seen = _dialogue.Matching.Last });
        }
        else if (reply.Class >= 4)
        {
            _dialogue.Session.Find(FindingKind.ReplyEarly, Role.Server, $"The reply {reply.Code} comes before the end of the message.");
            _content.Early = reply;
        }
    }

    /// <summary>The server's octets are missing while a message is under way whose end may be missing too.</summary>
    public void ServerGapInContent(long time)
    {
        if (_content.HasGap && State == ClientState.Content)
        {
            _dialogue.Append("\r\n.\r\n"u8);
            EndContent(time);
            State = ClientState.Lost;
        }
    }

    /// <summary>Octets, as far as they are not held.</summary>
    public void Feed(ReadOnlySpan<byte> octets, long time)
    {
        var rest = octets[(State == ClientState.Held ? 0 : Consume(octets, time))..];
        if (rest.IsEmpty)
            return;

        if (_dialogue.Inner is { } inner)
        {
            inner.Octets(Role.Client, rest, time);
            return;
        }

        _held.Add(rest, time);
    }

    /// <summary>Octets are missing here.</summary>
    public void Lacks(long length, bool cut, long time)
    {
        switch (State)
        {
            case ClientState.Content:
                _content.Skip(length);
                break;
            case ClientState.Chunk or ClientState.Binary:
                long part = _content.SkipChunk(length);
                if (_content.Chunk == 0)
                    EndChunk(time);

                if (part < length)
                    Lose(time);

                break;
            case not ClientState.Lost when _lines.MayFill(length, cut):
                length -= _lines.EndByGap(time);
                if (length > 0 && State == ClientState.Held)
                    _held.AddGap(length, cut: false, time);
                else
                    _lines.BeginGap((int)length);

                break;
            default:
                _lines.Lose(time);
                if (!cut || State != ClientState.Held)
                    Lose(time);

                _held.SkipsLine = State == ClientState.Held;
                break;
        }
    }

    /// <summary>A command whose reply says what follows it.</summary>
    public void Wait(Verb verb, string? name, ReadOnlySpan<byte> line, long time)
    {
        _dialogue.Record(verb, line, time, secret: verb == Verb.AuthLine);
        _held.Begin(_dialogue.Expect(verb, name, null, null, time));
    }

    /// <summary>The content of a message follows.</summary>
    public void BeginContent(long time)
    {
        _content.Begin(time);
        State = ClientState.Content;
    }

    /// <summary>A chunk follows.</summary>
    public void BeginChunk(long size, bool last, string name, long time)
    {
        State = ClientState.Chunk;
        _content.BeginChunk(size, last, name, time);
        if (size == 0)
            EndChunk(time);
    }

    private int Consume(ReadOnlySpan<byte> octets, long time)
    {
        var rest = octets;
        while (!rest.IsEmpty && State != ClientState.Held && _dialogue.Inner is null)
        {
            switch (State)
            {
                case ClientState.Content:
                    rest = rest[_content.Take(rest)..];
                    if (_content.IsWhole)
                        EndContent(time);

                    break;
                case ClientState.Chunk or ClientState.Binary when !_content.ChunkBegun && IsNoChunk(rest):
                    _content.AbandonChunk();
                    State = ClientState.Command;
                    _dialogue.Say(time, Role.Client, "(no chunk)", 0);
                    break;
                case ClientState.Chunk or ClientState.Binary:
                    rest = rest[_content.TakeChunk(rest, isMessage: State == ClientState.Chunk)..];
                    if (_content.Chunk == 0)
                        EndChunk(time);

                    break;
                case ClientState.Command when IsHello(rest):
                    _dialogue.Switch(UpgradeKind.Tls);
                    break;
                default:
                    _lines.Take(ref rest, time);
                    break;
            }
        }

        return octets.Length - rest.Length;
    }

    private void EndContent(long time)
    {
        State = ClientState.Command;
        _content.End(time);
    }

    private void EndChunk(long time)
    {
        if (State == ClientState.Chunk)
        {
            _content.EndChunk(time);
        }
        else
        {
            // The data are answered too.
            _dialogue.Expect(Verb.Other, "XEXCH50", null, null, time);
        }

        State = ClientState.Command;
    }

    // A chunk that the server refused, and the client sends a command in its place.
    private bool IsNoChunk(ReadOnlySpan<byte> octets)
    {
        int end = octets.IndexOf((byte)'\n');
        return _content.LastChunkRefused && end > 0 && end + 1 == octets.Length
            && Verbs.LooksLikeCommand(octets[..end].TrimEnd((byte)'\r'));
    }

    private void Lose(long time)
    {
        // In a gap after chunks another transaction began.
        bool chunks = _content.IsOpen;
        _content.Drop();
        State = ClientState.Lost;
        _held.Forget();
        _dialogue.LoseCommands(chunks, time);
    }
}
