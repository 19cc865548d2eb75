using System.Buffers;
using System.Globalization;
using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>
/// Reads what a client sends: commands, content, chunks, lines of AUTH. Where a reply decides what the next octets are, they are held until
/// it is known, or until it is known that it was not captured.
/// </summary>
/// <param name="dialogue">The session's other parts.</param>
/// <param name="lost">Whether to wait for what can only be a command.</param>
internal sealed class ClientStream(SmtpDialogue dialogue, bool lost)
{
    private const int MaxHeld = 65536;

    // What is as short cannot hide a whole command, and is read over.
    private const int MaxFill = 4;

    private readonly LineBuffer _lines = new();
    private readonly Queue<Piece> _pieces = new();
    private ArrayBufferWriter<byte>? _held;
    private State _state = lost ? State.Lost : State.Command;
    private Body? _body;
    private IContentSink? _sink;
    private MessageReport? _chunkMessage;
    private long _chunk;
    private bool _chunkLast;
    private bool _chunkBegun;
    private bool _gapInContent;
    private bool _continuation;
    private bool _isSilent;
    private bool _replyUnknown;
    private bool _draining;
    private bool _eightBit;
    private bool _utf8;
    private bool _authSeen;
    private bool _swallow;
    private bool _skipsLine;
    private int _fill;
    private int _fillAt;
    private bool _isFilled;
    private ServerReply? _early;
    private Command? _decider;

    // Octets or a gap that wait.
    private readonly record struct Piece(int Octets, long Gap, bool Cut, long Time);

    private enum State
    {
        Command,
        Held,
        AuthLine,
        Content,
        Chunk,
        Binary,
        Lost,
    }

    /// <summary>Whether a message is under way.</summary>
    public bool IsInContent => _state == State.Content;

    /// <summary>Whether the server refused the last chunk, so that the client may leave it out.</summary>
    public bool LastChunkRefused { get; set; }

    private bool IsHeldEmpty => _pieces.Count == 0;

    public void Octets(ReadOnlySpan<byte> octets, long time)
    {
        Feed(octets, time);
        Undecided();
    }

    public void Gap(long length, bool cut, long time)
    {
        if (_state == State.Held)
        {
            if (!_skipsLine)
            {
                _pieces.Enqueue(new Piece(0, length, cut, time));
                Undecided();
            }

            return;
        }

        Lacks(length, cut, time);
    }

    /// <summary>The server said something: a command of which only the end is missing was whole.</summary>
    public void ServerSpoke(long time)
    {
        if (_fill > 0 && !_isFilled && _state is State.Command or State.AuthLine)
        {
            Lacks(_fill, cut: false, time);
        }
    }

    /// <summary>The client's direction is over, or the capture.</summary>
    public void Finish(long time)
    {
        while (_state == State.Held && !IsHeldEmpty && dialogue.Inner is null)
        {
            DecideByWhatFollows(time);
        }

        if (_state is State.Command or State.AuthLine && dialogue.Inner is null
            && Verbs.LooksLikeCommand(_lines.Partial.TrimEnd((byte)'\r')))
        {
            // The capture ends within its line end.
            byte[] line = [.. _lines.Partial];
            _lines.Clear();
            Line(line, time, unfinished: true);
        }

        if ((_state == State.Content && _body!.Octets > 0) || (_state == State.Chunk && _chunk > 0))
        {
            dialogue.Session.Find(FindingKind.MessageCut, Role.Client,
                _state == State.Content ? $"The connection ends after {_body!.Octets} octets of a message, without its end."
                : $"The connection ends {_chunk} octets before the end of a chunk.");
        }

        _sink?.End(whole: false);
        _sink = null;
    }

    /// <summary>The reply came on which the client's next octets depend; null if it is not known.</summary>
    public void Decided(Command command, ServerReply? reply, long time)
    {
        if (_decider != command)
        {
            DecidedLate(command, reply);
            return;
        }

        if (reply is null or { Code: 0 })
        {
            _replyUnknown = true;
            return;
        }

        Decide(command.Verb, reply.Code, reply, time);
    }

    /// <summary>The server sent a 354 for what the capture lacks.</summary>
    public void BeginUnseen(ServerReply reply)
    {
        if (_state is State.Lost or State.Command)
        {
            var exchange = dialogue.Record(Verb.Data, "DATA"u8, reply.Time);
            if (exchange is not null)
            {
                (exchange.Code, exchange.Reply) = (reply.Code, reply.Text + "\r\n");
            }

            BeginContent(reply.Time);
        }
    }

    /// <summary>The server asked for a line of authentication, whatever the command was.</summary>
    public void BeginAuthLine()
    {
        if (_state == State.Command && _lines.Partial.IsEmpty)
        {
            (_state, _authSeen) = (State.AuthLine, true);
        }
    }

    /// <summary>A reply came within a message that nobody waits for one to.</summary>
    public void EarlyReply(ServerReply reply)
    {
        if (_gapInContent || (reply.IsPositive && _body!.EndsInOddDot))
        {
            // The end was in the gap, or the server is one of those that take LF for CRLF.
            if (!_gapInContent)
            {
                dialogue.Session.Find(FindingKind.Smuggling, Role.Server,
                    "The server treats a dot between line ends that are not CRLF as the end of the message.");
            }

            bool gap = _gapInContent;
            dialogue.Append(gap ? "\r\n.\r\n"u8 : default);
            EndContent(reply.Time);
            _state = gap ? State.Lost : State.Command;
            dialogue.Matching.Reply(reply with { Seen = dialogue.Matching.Last });
        }
        else if (reply.Class >= 4)
        {
            dialogue.Session.Find(FindingKind.ReplyEarly, Role.Server, $"The reply {reply.Code} comes before the end of the message.");
            _early = reply;
        }
    }

    /// <summary>The server's octets are missing while a message is under way whose end may be missing too.</summary>
    public void ServerGapInContent(long time)
    {
        if (_gapInContent && _state == State.Content)
        {
            dialogue.Append("\r\n.\r\n"u8);
            EndContent(time);
            _state = State.Lost;
        }
    }

    private void Feed(ReadOnlySpan<byte> octets, long time)
    {
        int used = _state == State.Held ? 0 : Consume(octets, time);
        var rest = octets[used..];
        if (_state == State.Held && _skipsLine)
        {
            // The rest of the line whose beginning was cut off from it.
            int end = rest.IndexOf((byte)'\n');
            _skipsLine = end < 0;
            rest = end < 0 ? default : rest[(end + 1)..];
        }

        if (rest.IsEmpty)
        {
            return;
        }

        if (dialogue.Inner is { } inner)
        {
            inner.Octets(Role.Client, rest, time);
            return;
        }

        _held ??= new ArrayBufferWriter<byte>();
        _held.Write(rest);
        _pieces.Enqueue(new Piece(rest.Length, 0, false, time));
    }

    // Whether what is held can wait longer.
    private void Undecided()
    {
        while (_state == State.Held && !IsHeldEmpty && dialogue.Inner is null && !_draining)
        {
            if (!_replyUnknown && !(_isSilent && !dialogue.ServerSpoke) && _held?.WrittenCount <= MaxHeld)
            {
                return;
            }

            // A line tells what it is; a part of one not yet.
            var octets = _held is null ? default : _held.WrittenSpan;
            if (octets.IndexOf((byte)'\n') < 0 && octets.Length < LineBuffer.MaxLine / 64
                && (octets.IsEmpty || octets[0] is >= 32 and < 127) && _pieces.All(p => p.Gap == 0))
            {
                return;
            }

            _isSilent |= !_replyUnknown;
            DecideByWhatFollows(_pieces.Peek().Time);
        }
    }

    // The reply was not captured: what the client does next tells what it was.
    private void DecideByWhatFollows(long time)
    {
        var octets = _held is null ? default : _held.WrittenSpan;
        int end = octets.IndexOf((byte)'\n');
        var line = end < 0 ? octets : octets[..end].TrimEnd((byte)'\r');
        bool command = Verbs.LooksLikeCommand(line);
        var verb = _decider!.Verb;
        if (dialogue.ServerSpoke)
        {
            dialogue.Session.FindOnce(FindingKind.ReplyMissing, Role.Server,
                $"The reply to {verb.Name()} is not in the capture, and is inferred from what the client does next.");
        }

        _decider.WasAssumed = true;
        Decide(verb, command ? 500 : verb switch { Verb.Data or Verb.Xexch50 => 354, Verb.Auth or Verb.AuthLine => 334, _ => 220 }, null,
            time);
    }

    private void Decide(Verb verb, int code, ServerReply? reply, long time)
    {
        (_decider, _replyUnknown, _skipsLine, _state) = (null, false, false, State.Command);
        bool follows = _held is { WrittenCount: > 0 };
        switch (verb)
        {
            case Verb.Data when code == 354 || (code is >= 200 and <= 299 && follows):
                BeginContent(time);
                break;
            case Verb.Xexch50 when code == 354 && _chunk > 0:
                (_state, _body, _chunkBegun) = (State.Binary, null, true);
                break;
            case Verb.Auth or Verb.AuthLine when code == 334:
                _state = State.AuthLine;
                break;
            case Verb.StartTls when code == 220:
                if (follows && !TlsRecords.MayBegin(_held!.WrittenSpan))
                {
                    dialogue.Session.Find(FindingKind.StartTlsInjection, Role.Client,
                        $"{_held.WrittenCount} octets came after STARTTLS before its reply: a lax server treats them as commands inside TLS.");
                }

                dialogue.Switch(UpgradeKind.StartTls);
                break;
            case Verb.XBlackPony or Verb.Continuation:
                if (dialogue.AgreeOn(code, reply, follows ? _held!.WrittenSpan : default))
                {
                    (_state, _continuation) = (State.AuthLine, true);
                }

                break;
            default:
                break;
        }

        Drain();
    }

    // What was read without its reply, and the reply came after all.
    private void DecidedLate(Command command, ServerReply? reply)
    {
        if (command is { WasAssumed: true, Verb: Verb.Data } && reply is { Class: >= 4 })
        {
            // What was read as a message was a row of bad commands.
            _swallow = true;
            dialogue.Expect(Verb.Unseen, null, null, null, reply.Time);
        }
        else if (command is { WasAssumed: false, Verb: Verb.Data } && reply is { Code: 354 } && _state == State.Lost)
        {
            BeginContent(reply.Time);
        }
    }

    private void Drain()
    {
        if (_draining)
        {
            return;
        }

        _draining = true;
        while (_state != State.Held && !IsHeldEmpty)
        {
            Piece[] pieces = [.. _pieces];
            var held = _held;
            int at = 0;
            _pieces.Clear();
            _held = null;
            foreach (var piece in pieces)
            {
                if (piece.Gap == 0)
                {
                    Feed(held!.WrittenSpan.Slice(at, piece.Octets), piece.Time);
                    at += piece.Octets;
                }
                else if (dialogue.Inner is { } inner)
                {
                    inner.Gap(Role.Client, piece.Gap, piece.Cut, piece.Time);
                }
                else if (_state == State.Held)
                {
                    _pieces.Enqueue(piece);
                }
                else
                {
                    Lacks(piece.Gap, piece.Cut, piece.Time);
                }
            }
        }

        _draining = false;
    }

    private int Consume(ReadOnlySpan<byte> octets, long time)
    {
        var rest = octets;
        while (!rest.IsEmpty && _state != State.Held && dialogue.Inner is null)
        {
            switch (_state)
            {
                case State.Content:
                    int used = _body!.Take(rest);
                    dialogue.Append(rest[..used]);
                    _sink?.Write(rest[..used]);
                    rest = rest[used..];
                    if (_body.IsWhole)
                    {
                        EndContent(time);
                    }

                    break;
                case State.Chunk or State.Binary:
                    if (!_chunkBegun && IsNoChunk(rest))
                    {
                        AbandonChunk(time);
                        break;
                    }

                    _chunkBegun = true;
                    int take = (int)Math.Min(_chunk, rest.Length);
                    _body?.Take(rest[..take]);
                    dialogue.Append(rest[..take]);
                    _sink?.Write(_state == State.Chunk ? rest[..take] : default);
                    rest = rest[take..];
                    _chunk -= take;
                    if (_chunk == 0)
                    {
                        EndChunk(time);
                    }

                    break;
                case State.Command when _lines.Partial.IsEmpty && dialogue.Place == Place.Outside && TlsRecords.IsClientHello(rest):
                    dialogue.Switch(UpgradeKind.Tls);
                    break;
                default:
                    if (_fill > 0 && !_isFilled)
                    {
                        _isFilled = true;
                        _lines.Fill(_fill);
                    }

                    if (_lines.Take(ref rest, out var line))
                    {
                        Line(line, time, unfinished: false);
                    }

                    break;
            }
        }

        return octets.Length - rest.Length;
    }

    // A few octets are missing: the line may be read with holes in it, once it is known what follows.
    private void FillLine(int length, long time)
    {
        if (_lines.Partial.EndsWith("\r"u8))
        {
            ReadOnlySpan<byte> end = "\n"u8;
            if (_lines.Take(ref end, out var line))
            {
                Line(line, time, unfinished: false);
            }

            length--;
        }

        if (length > 0 && _state == State.Held)
        {
            _pieces.Enqueue(new Piece(0, length, false, time));
        }
        else
        {
            (_fill, _fillAt) = (length, _lines.Partial.Length);
        }
    }

    // Whether a line end is among the octets that a line lacks: then two commands are read.
    private bool IsTwo(ReadOnlySpan<byte> line, long time)
    {
        var (at, length) = (_fillAt, _fill);
        (_fill, _isFilled) = (0, false);
        for (int k = 0; k <= length - 2; k++)
        {
            var next = line[(at + length - k)..];
            if (at > 0 && Verbs.LooksLikeCommand(next.TrimEnd("\r\n"u8)))
            {
                byte[] second = [.. next];
                First(line[..at], time);
                Feed(second, time);
                return true;
            }
        }

        return false;
    }

    // What stood before a line end that is missing, and perhaps more of it.
    private void First(ReadOnlySpan<byte> line, long time)
    {
        if (_state == State.AuthLine)
        {
            AuthLine(line, line.Length, time, cut: true);
        }
        else
        {
            Command(line, line.Length, time, cut: true);
        }
    }

    private void Line(ReadOnlySpan<byte> line, long time, bool unfinished)
    {
        if (_isFilled && IsTwo(line.ToArray(), time))
        {
            return;
        }

        int length = line.Length;
        bool bare = !unfinished && (line.Length < 2 || line[^2] is not ((byte)'\r' or Verbs.Missing));
        line = unfinished ? line.TrimEnd((byte)'\r') : line[..^(bare ? 1 : 2)];
        if (_state == State.Lost)
        {
            if (!Verbs.LooksLikeCommand(line))
            {
                dialogue.Say(time, Role.Client, "(after a gap)", length);
                return;
            }

            _state = State.Command;
        }

        if (bare)
        {
            dialogue.Session.FindOnce(FindingKind.BareLf, Role.Client,
                $"A command ends in LF alone: {(_state == State.AuthLine ? "(authentication)" : Redaction.Command(line, _authSeen))}");
        }

        if (length >= LineBuffer.MaxLine)
        {
            dialogue.Session.Find(FindingKind.LineTooLong, Role.Client, $"A command line of more than {LineBuffer.MaxLine} octets.");
        }

        if (_state == State.AuthLine)
        {
            AuthLine(line, length, time, cut: false);
            return;
        }

        Command(line, length, time, cut: false);
    }

    // A line that a 334 asked for.
    private void AuthLine(ReadOnlySpan<byte> line, int length, long time, bool cut)
    {
        if (_continuation)
        {
            dialogue.Say(time, Role.Client, Escape.Octets(line, 1000), length);
            dialogue.Negotiation.OnContinuation(line, length, cut);
            _continuation = false;
            Wait(Verb.Continuation, null, line, time);
            return;
        }

        dialogue.Say(time, Role.Client, "(authentication)", length);
        Wait(Verb.AuthLine, null, line, time);
    }

    private void Command(ReadOnlySpan<byte> line, int length, long time, bool cut)
    {
        var verb = Verbs.Find(line, out var name);
        bool secret = name is null && _authSeen;
        name ??= Redaction.Name(line, _authSeen);
        if (dialogue.Session.HasDialogue)
        {
            dialogue.Say(time, Role.Client, Redaction.Command(line, _authSeen), length);
        }

        dialogue.Report.AddCommand(name);
        _utf8 |= Verbs.Contains(line, " SMTPUTF8"u8);
        if (!_utf8 && verb is not Verb.Auth && !secret && !System.Text.Ascii.IsValid(line))
        {
            dialogue.Session.FindOnce(FindingKind.NonAsciiCommand, Role.Client,
                $"Octets above 127 in a command: {Redaction.Command(line[..Math.Min(line.Length, 80)], _authSeen)}");
        }

        dialogue.Negotiation.OnCommand(verb, line, length, dialogue.Transaction.IsOpen, cut);
        switch (verb)
        {
            case Verb.Ehlo or Verb.Helo or Verb.Lhlo:
                int end = line.IndexOf((byte)' ');
                dialogue.Report.Helo = Escape.Octets(end < 0 ? default : line[end..].Trim((byte)' '), 255);
                dialogue.IsLmtp |= verb == Verb.Lhlo;
                DropBody();
                Expect(verb, null, line, time, name);
                break;
            case Verb.Mail:
                _eightBit = Verbs.Contains(line, "BODY=8BITMIME"u8) || Verbs.Contains(line, "BODY=BINARYMIME"u8);
                DropBody();
                Expect(verb, Address(line, cut), line, time, name);
                break;
            case Verb.Rcpt:
                Expect(verb, Address(line, cut), line, time, name);
                break;
            case Verb.Bdat or Verb.Xexch50 when cut:
                Expect(Verb.Other, null, line, time, name);
                break;
            case Verb.Bdat:
                Chunk(line, time, name);
                break;
            case Verb.Xexch50:
                _chunk = Number(line[7..], out _) ?? 0;
                Wait(verb, name, line, time);
                break;
            case Verb.Auth:
                _authSeen = true;
                Wait(verb, name, line, time);
                break;
            case Verb.Data or Verb.StartTls or Verb.XBlackPony:
                Wait(verb, name, line, time);
                break;
            case Verb.Rset:
                DropBody();
                Expect(verb, null, line, time, name);
                break;
            case Verb.Burl:
                // The message goes on, or ends, with what stands elsewhere (RFC 4468).
                bool last = Verbs.Contains(line, " LAST"u8);
                Expect(last ? Verb.BdatLast : verb, null, line, time, name, last ? EndMessage(time, inChunks: true) : null);
                break;
            default:
                Expect(verb, null, line, time, name, secret: secret);
                break;
        }
    }

    private void Chunk(ReadOnlySpan<byte> line, long time, string name)
    {
        var size = Number(line.Length > 4 ? line[4..] : default, out var rest);
        bool last = rest.Length == 4 && System.Text.Ascii.EqualsIgnoreCase(rest, "LAST"u8);
        if (size is null || (!rest.IsEmpty && !last))
        {
            dialogue.Session.Find(FindingKind.ChunkSize, Role.Client, $"Not a chunk size: {Escape.Octets(line, 80)}");
            Expect(Verb.Other, null, line, time, name);
            return;
        }

        dialogue.Record(Verb.Bdat, line, time);
        (_chunk, _chunkLast, _chunkBegun, _state) = (size.Value, last, false, State.Chunk);
        if (_body is null)
        {
            _body = new Body(inChunks: true);
            _sink = dialogue.Session.Content?.Invoke();
            _sink?.InChunks();
        }

        // The last chunk's reply is the message's; it may come before the chunk is there.
        _chunkMessage = last ? new MessageReport { InChunks = true, Sink = _sink } : null;
        dialogue.Expect(last ? Verb.BdatLast : Verb.Bdat, name, null, _chunkMessage, time);

        if (_chunk == 0)
        {
            EndChunk(time);
        }
    }

    // A decimal number and what follows it; null if there is none or it is beyond what anybody counts.
    private static long? Number(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> rest)
    {
        text = text.Trim((byte)' ');
        int end = text.IndexOf((byte)' ');
        var number = end < 0 ? text : text[..end];
        rest = end < 0 ? default : text[end..].Trim((byte)' ');
        return number.Length is > 0 and <= 18 && !number.ContainsAnyExceptInRange((byte)'0', (byte)'9')
            ? long.Parse(number, CultureInfo.InvariantCulture) : null;
    }

    private static string? Address(ReadOnlySpan<byte> line, bool cut)
    {
        var path = line[(line.IndexOf((byte)':') + 1)..].Trim((byte)' ');
        int close = Verbs.PathEnd(path);
        if (cut && close < 0)
        {
            return null;
        }

        int space = path.IndexOf((byte)' ');
        var address = path is [(byte)'<', ..] && close > 0 ? path[1..close] : space < 0 ? path : path[..space];
        return Escape.Octets(address, 1024).Replace("\\x00", "?", StringComparison.Ordinal);
    }

    private void Expect(Verb verb, string? address, ReadOnlySpan<byte> line, long time, string name, MessageReport? message = null,
        bool secret = false)
    {
        dialogue.Record(verb, line, time, secret);
        dialogue.Expect(verb, name, address, message, time);
    }

    private void Wait(Verb verb, string? name, ReadOnlySpan<byte> line, long time)
    {
        dialogue.Record(verb, line, time, secret: verb == Verb.AuthLine);
        _decider = dialogue.Expect(verb, name, null, null, time);
        // It may have been answered at once: by what was held.
        (_state, _replyUnknown) = (State.Held, false);
    }

    private void BeginContent(long time)
    {
        dialogue.Matching.ForgetUnseen();
        (_body, _state, _gapInContent) = (new Body(inChunks: false), State.Content, false);
        _sink = dialogue.Session.Content?.Invoke();
        dialogue.Record(Verb.DataEnd, default, time);
    }

    private void EndContent(long time)
    {
        if (_swallow)
        {
            // No message, as its DATA was refused.
            (_swallow, _body, _state, _gapInContent) = (false, null, State.Command, false);
            _sink?.End(whole: false);
            _sink = null;
            return;
        }

        var message = EndMessage(time, inChunks: false);
        var command = dialogue.Expect(Verb.DataEnd, null, null, message, time);
        (command.Early, _early) = (_early, null);
    }

    private void EndChunk(long time)
    {
        if (_state == State.Chunk && _chunkLast && _chunkMessage is { } message)
        {
            _chunkMessage = null;
            Fill(message, time, inChunks: true);
        }
        else if (_state == State.Binary)
        {
            // The data are answered too.
            dialogue.Expect(Verb.Other, "XEXCH50", null, null, time);
        }

        _state = State.Command;
    }

    private MessageReport EndMessage(long time, bool inChunks)
    {
        _body ??= new Body(inChunks);
        var message = new MessageReport { InChunks = inChunks, Sink = _sink };
        Fill(message, time, inChunks);
        return message;
    }

    private void Fill(MessageReport message, long time, bool inChunks)
    {
        var body = _body!;
        (message.Octets, message.Missing, message.Time, message.Subject, message.MessageId) =
            (body.Octets, body.Missing, time, body.Subject, body.MessageId);
        dialogue.Report.AddMessage(message);
        dialogue.Say(time, Role.Client, "(message)", body.Octets);
        _sink?.End(whole: true);
        DialogueFindings.OnMessage(dialogue.Session, body, inChunks, _eightBit || _utf8);
        (_body, _sink, _gapInContent) = (null, null, false);
        _state = State.Command;
    }

    // A chunk that the server refused, and the client sends a command in its place.
    private bool IsNoChunk(ReadOnlySpan<byte> octets)
    {
        int end = octets.IndexOf((byte)'\n');
        return LastChunkRefused && end > 0 && end + 1 == octets.Length && Verbs.LooksLikeCommand(octets[..end].TrimEnd((byte)'\r'));
    }

    private void AbandonChunk(long time)
    {
        (_chunk, _body, _state, _chunkMessage) = (0, null, State.Command, null);
        dialogue.Say(time, Role.Client, "(no chunk)", 0);
    }

    // Another message begins, or none: what came of the last one in chunks was not finished.
    private void DropBody()
    {
        if (_body is not null)
        {
            _sink?.End(whole: false);
            (_body, _sink, _chunkMessage) = (null, null, null);
        }
    }

    private void Lacks(long length, bool cut, long time)
    {
        switch (_state)
        {
            case State.Content:
                _body!.Skip(length);
                _sink?.Skip(length);
                dialogue.Fill(length);
                _gapInContent = true;
                break;
            case State.Chunk or State.Binary:
                long part = Math.Min(length, _chunk);
                _body?.Skip(part);
                _sink?.Skip(part);
                dialogue.Fill(part);
                _chunkBegun = true;
                _chunk -= part;
                if (_chunk == 0)
                {
                    EndChunk(time);
                }

                if (part < length)
                {
                    Lose(time);
                }

                break;
            case not State.Lost when length <= MaxFill && !cut && _fill == 0:
                FillLine((int)length, time);
                break;
            default:
                // What was captured of the line tells the verb.
                byte[] partial = [.. _lines.Partial[..(_isFilled ? Math.Min(_fillAt, _lines.Partial.Length) : _lines.Partial.Length)]
                    .TrimEnd((byte)'\r')];
                (_fill, _isFilled) = (0, false);
                _lines.Clear();
                _ = Verbs.Find(partial, out var name);
                if (_state == State.AuthLine)
                {
                    AuthLine(partial, partial.Length, time, cut: true);
                }
                else if (name is not null)
                {
                    _state = State.Command;
                    Command(partial, partial.Length, time, cut: true);
                }

                if (!cut || _state != State.Held)
                {
                    Lose(time);
                }

                _skipsLine = _state == State.Held;

                break;
        }
    }

    private void Lose(long time)
    {
        // In a gap behind chunks another transaction began.
        bool chunks = _body is not null;
        DropBody();
        (_state, _decider) = (State.Lost, null);
        dialogue.LoseCommands(chunks, time);
    }
}
