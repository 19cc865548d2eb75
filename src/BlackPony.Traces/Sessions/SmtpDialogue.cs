using System.Buffers;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Smtp;
using BlackPony.Traces.Replay;

namespace BlackPony.Traces.Sessions;

/// <summary>
/// Follows an SMTP session from outside: commands, replies, content. Where a reply decides what the client's next octets are (DATA, AUTH,
/// STARTTLS, XBLACKPONY), they wait for it.
/// </summary>
internal sealed class SmtpDialogue : Layer
{
    private const int MaxHeld = 65536;
    private const int MaxPending = 10_000;
    private const int MaxRecipients = 50_000;
    private const int MaxReplyLine = 4096;

    private readonly Session _session;
    private readonly SessionReport _report;
    private readonly bool _inside;
    private readonly Queue<Pending> _pending = new();
    private readonly Queue<MessageReport> _unanswered = new();
    private readonly LineBuffer _clientLines = new();
    private readonly LineBuffer _serverLines = new();
    private readonly Negotiation _negotiation;
    private ReplyReader? _reader;
    private Reply? _lastReply;
    private ArrayBufferWriter<byte>? _held;
    private State _state;
    private Layer? _next;
    private Body? _body;
    private long _chunk;
    private bool _chunkLast;
    private bool _chunkBegun;
    private bool _clientSpoke;
    private bool _serverSpoke;
    private bool _greeted;
    private bool _replyLost;
    private bool _clientGap;
    private int _replyCode;
    private bool _pipelining;
    private bool _lmtp;
    private bool _eightBit;
    private bool _utf8;
    private bool _serverLost;
    private string? _from;
    private List<string> _to = [];
    private bool _clientEnded;
    private bool _serverEnded;
    private bool _continuation;
    private Exchange? _exchange;
    private StringBuilder? _replyText;
    private bool _lastRefusedChunk;
    private int? _chunkCode;
    private int _answers;
    private bool _cut;
    private int? _earlyCode;
    private int? _answerBefore;

    public SmtpDialogue(Session session, bool inside)
    {
        (_session, _report, _inside) = (session, session.Report, inside);
        _greeted = inside;
        // Who comes in the middle waits for something that is a command.
        _state = inside || session.OpeningSeen ? State.Command : State.Lost;
        _negotiation = new Negotiation(session, inside);
    }

    // A command that has no reply yet.
    private readonly record struct Pending(Verb Verb, string? Address, Exchange? Exchange);

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

    public override void Octets(Role sender, ReadOnlySpan<byte> octets, long time)
    {
        if (_next is not null)
        {
            _next.Octets(sender, octets, time);
            return;
        }

        if (sender == Role.Server)
        {
            _serverSpoke = true;
            Server(octets, time);
        }
        else
        {
            _clientSpoke = true;
            Record(Role.Client, octets, time);
            Client(octets, time);
        }
    }

    public override void Gap(Role sender, long length, bool cut, long time)
    {
        if (_next is not null)
        {
            _next.Gap(sender, length, cut, time);
            return;
        }

        if (sender == Role.Server)
        {
            if (cut)
            {
                CutReply(time);
            }

            _serverLines.Clear();
            (_serverSpoke, _serverLost, _greeted, _replyCode, _reader) = (true, true, true, 0, null);
            _replyLost |= _state == State.Held;
            return;
        }

        byte[] partial = [.. _clientLines.Partial.TrimEnd((byte)'\r')];
        _clientLines.Clear();
        switch (_state)
        {
            case State.Content:
                _body!.Skip(length);
                _exchange?.Fill(length);
                _clientGap = true;
                break;
            case State.Chunk or State.Binary:
                long part = Math.Min(length, _chunk);
                _body?.Skip(part);
                _exchange?.Fill(part);
                _chunk -= part;
                if (_chunk == 0)
                {
                    EndChunk(time);
                }

                if (part < length)
                {
                    Lose();
                }

                break;
            default:
                _held = null;
                if (cut)
                {
                    CutCommand(partial, time);
                }

                if (!cut || _state != State.Held)
                {
                    Lose();
                }

                break;
        }
    }

    public override void End(Role sender, bool reset, long time)
    {
        if (_next is not null)
        {
            _next.End(sender, reset, time);
            return;
        }

        if (sender == Role.Client && !_clientEnded)
        {
            _clientEnded = true;
        }

        _serverEnded |= sender == Role.Server;
        if (_session.HasDialogue && reset)
        {
            _report.Say(time, sender, _inside, "(connection reset)", 0);
        }
    }

    public override void Finish()
    {
        if (_next is not null)
        {
            _next.Finish();
            FinishNegotiation();
            return;
        }

        if (_state == State.Held && _held is { WrittenCount: > 0 })
        {
            DecideWithoutReply(_report.End);
        }

        AssumeAll();
        if ((_state == State.Content && _body!.Octets > 0) || (_state == State.Chunk && _chunk > 0))
        {
            _session.Find(FindingKind.MessageCut, Role.Client, _state == State.Content ? $"The connection ends after {_body!.Octets} octets of a message, without its end." : $"The connection ends {_chunk} octets before the end of a chunk.");
        }

        if (!_inside && _clientSpoke != _serverSpoke && !(_clientSpoke ? _serverEnded : _clientEnded))
        {
            _session.FindOnce(FindingKind.OneSided, _clientSpoke ? Role.Client : Role.Server, $"Only the {(_clientSpoke ? "client" : "server")}'s direction is in the capture.");
        }

        FinishNegotiation();
    }

    private void FinishNegotiation()
    {
        if (!_inside)
        {
            _negotiation.Finish(_report.Messages.Count, _clientEnded || _serverEnded);
        }
    }

    // ---------------------------------------------------------------- client

    private void Client(ReadOnlySpan<byte> octets, long time)
    {
        while (!octets.IsEmpty && _next is null)
        {
            switch (_state)
            {
                case State.Held:
                    Hold(octets, time);
                    return;
                case State.Content:
                    int used = _body!.Take(octets);
                    _exchange?.Append(octets[..used]);
                    octets = octets[used..];
                    if (_body.IsWhole)
                    {
                        EndContent(time);
                    }

                    break;
                case State.Chunk or State.Binary:
                    if (!_chunkBegun && IsNoChunk(octets))
                    {
                        AbandonChunk(time);
                        break;
                    }

                    _chunkBegun = true;
                    int take = (int)Math.Min(_chunk, octets.Length);
                    _body?.Take(octets[..take]);
                    _exchange?.Append(octets[..take]);
                    octets = octets[take..];
                    _chunk -= take;
                    if (_chunk == 0)
                    {
                        EndChunk(time);
                    }

                    break;
                default:
                    if (_clientLines.Take(ref octets, out var line))
                    {
                        ClientLine(line, time);
                    }

                    break;
            }
        }

        if (_next is not null && !octets.IsEmpty)
        {
            _next.Octets(Role.Client, octets, time);
        }
    }

    private void ClientLine(ReadOnlySpan<byte> line, long time)
    {
        int length = line.Length;
        bool bare = line.Length < 2 || line[^2] != '\r';
        line = line[..^(bare ? 1 : 2)];
        if (_state == State.Lost)
        {
            if (!Verbs.LooksLikeCommand(line))
            {
                Say(time, Role.Client, "(behind a gap) ", line, length);
                return;
            }

            _state = State.Command;
        }

        if (bare)
        {
            _session.Find(FindingKind.BareLf, Role.Client, $"A command ends in LF alone: {Escape.Octets(line, 60)}");
        }

        if (length >= LineBuffer.MaxLine)
        {
            _session.Find(FindingKind.LineTooLong, Role.Client, $"A command line of more than {LineBuffer.MaxLine} octets.");
        }

        if (_state == State.AuthLine)
        {
            AuthLine(line, length, time);
            return;
        }

        Command(line, length, time);
    }

    // A line that a 334 asked for.
    private void AuthLine(ReadOnlySpan<byte> line, int length, long time)
    {
        if (_continuation)
        {
            Say(time, Role.Client, "", line, length);
            _negotiation.OnContinuation(line, length, _cut);
            _continuation = false;
            Wait(Verb.Continuation);
            return;
        }

        Say(time, Role.Client, "(authentication) ", default, length);
        Begin(Verb.AuthLine, line, time);
        Wait(Verb.AuthLine);
    }

    // What was captured of a packet's last line tells the verb.
    private void CutCommand(ReadOnlySpan<byte> line, long time)
    {
        _ = Verbs.Find(line, out var name);
        _cut = true;
        if (_state == State.AuthLine)
        {
            AuthLine(line, line.Length, time);
        }
        else if (name is not null && _state is State.Command or State.Lost)
        {
            _state = State.Command;
            Command(line, line.Length, time);
        }

        _cut = false;
    }

    private void Command(ReadOnlySpan<byte> line, int length, long time)
    {
        // Told by a balancer in front of the server (haproxy's PROXY protocol, version 1), no command of SMTP's.
        if (_report.Commands.Count == 0 && !_inside && (line.StartsWith("PROXY TCP"u8) || line.StartsWith("PROXY UNKNOWN"u8)))
        {
            Say(time, Role.Client, "", line, length);
            return;
        }

        var verb = Verbs.Find(line, out var name);
        if (name is null)
        {
            int end = line.IndexOf((byte)' ');
            name = Escape.Octets(end < 0 ? line : line[..end], 40).ToUpperInvariant();
        }

        if (_session.HasDialogue)
        {
            Say(time, Role.Client, "", verb == Verb.Auth ? line[..Math.Min(line.Length, SecondSpace(line))] : line, length);
        }

        _report.AddCommand(name);
        Begin(verb, line, time);
        if (_pending.Count > 0 && _pending.Peek().Verb != Verb.Greeting && !_pipelining && _serverSpoke && _greeted && !_serverLost && _session.OpeningSeen && _report.Gaps == 0)
        {
            _session.FindOnce(FindingKind.Pipelining, Role.Client, $"{name} comes before the reply to the command before it, and PIPELINING was not offered.");
        }

        _utf8 |= Verbs.Contains(line, " SMTPUTF8"u8);
        if (!_utf8 && !System.Text.Ascii.IsValid(line))
        {
            _session.FindOnce(FindingKind.NonAsciiCommand, Role.Client, $"Octets above 127 in a command: {Escape.Octets(line, 80)}");
        }

        _negotiation.OnCommand(verb, line, length, _from is not null, _cut);
        switch (verb)
        {
            case Verb.Ehlo or Verb.Helo or Verb.Lhlo:
                _report.Helo = Escape.Octets(line[Math.Min(line.Length, name.Length)..].Trim((byte)' '), 255);
                _lmtp |= verb == Verb.Lhlo;
                Expect(verb);
                break;
            case Verb.Mail:
                _eightBit = Verbs.Contains(line, "BODY=8BITMIME"u8) || Verbs.Contains(line, "BODY=BINARYMIME"u8);
                Expect(verb, Address(line));
                break;
            case Verb.Rcpt:
                Expect(verb, Address(line));
                break;
            case Verb.Bdat or Verb.Xexch50 when _cut:
                Expect(Verb.Other);
                break;
            case Verb.Bdat:
                Chunk(line);
                break;
            case Verb.Xexch50:
                _chunk = Number(line[7..], out _) ?? 0;
                Wait(verb);
                break;
            case Verb.Data or Verb.StartTls or Verb.Auth or Verb.XBlackPony:
                Wait(verb);
                break;
            default:
                Expect(verb);
                break;
        }
    }

    private void Chunk(ReadOnlySpan<byte> line)
    {
        var size = Number(line.Length > 4 ? line[4..] : default, out var rest);
        bool last = rest.Length == 4 && System.Text.Ascii.EqualsIgnoreCase(rest, "LAST"u8);
        if (size is null || (!rest.IsEmpty && !last))
        {
            _session.Find(FindingKind.ChunkSize, Role.Client, $"No chunk size: {Escape.Octets(line, 80)}");
            Expect(Verb.Other);
            return;
        }

        Expect(last ? Verb.BdatLast : Verb.Bdat);
        (_chunk, _chunkLast, _chunkBegun, _state) = (size.Value, last, false, State.Chunk);
        _body ??= new Body(inChunks: true);
        if (_chunk == 0)
        {
            EndChunk(_report.End);
        }
    }

    // A decimal number and what follows it; null if there is none or it is beyond what anybody counts.
    private static long? Number(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> rest)
    {
        text = text.Trim((byte)' ');
        int end = text.IndexOf((byte)' ');
        var number = end < 0 ? text : text[..end];
        rest = end < 0 ? default : text[end..].Trim((byte)' ');
        return number.Length is > 0 and <= 18 && !number.ContainsAnyExceptInRange((byte)'0', (byte)'9') ? long.Parse(number, System.Globalization.CultureInfo.InvariantCulture) : null;
    }

    private string? Address(ReadOnlySpan<byte> line)
    {
        var path = line[(line.IndexOf((byte)':') + 1)..].Trim((byte)' ');
        int close = Verbs.PathEnd(path);
        if (_cut && close < 0)
        {
            return null;
        }

        int space = path.IndexOf((byte)' ');
        return path is [(byte)'<', ..] && close > 0 ? Escape.Octets(path[1..close], 1024) : Escape.Octets(space < 0 ? path : path[..space], 1024);
    }

    private static int SecondSpace(ReadOnlySpan<byte> line)
    {
        int first = line.IndexOf((byte)' ');
        int second = first < 0 ? -1 : line[(first + 1)..].IndexOf((byte)' ');
        return second < 0 ? line.Length : first + 1 + second;
    }

    private void Expect(Verb verb, string? address = null)
    {
        if (_pending.Count < MaxPending)
        {
            _pending.Enqueue(new Pending(verb, address, _exchange));
        }
    }

    private void Wait(Verb verb)
    {
        Expect(verb);
        (_state, _replyLost) = (State.Held, false);
    }

    private void Hold(ReadOnlySpan<byte> octets, long time)
    {
        _held ??= new ArrayBufferWriter<byte>();
        _held.Write(octets);
        if (!_serverSpoke || _replyLost || _held.WrittenCount > MaxHeld)
        {
            DecideWithoutReply(time);
        }
    }

    // The reply was not captured: what the client does next tells what it was.
    private void DecideWithoutReply(long time)
    {
        var octets = _held!.WrittenSpan;
        int end = octets.IndexOf((byte)'\n');
        bool command = end > 0 && Verbs.LooksLikeCommand(octets[..end].TrimEnd((byte)'\r'));
        var verb = _pending.Count > 0 ? _pending.Last().Verb : Verb.Other;
        if (_serverSpoke)
        {
            _session.Find(FindingKind.ReplyMissing, Role.Server, $"The reply to {verb.Name()} is not in the capture; what the client does next tells it.");
        }

        if (!_serverSpoke || _serverLost)
        {
            AssumeAll();
        }

        Held(verb, command ? 500 : verb switch { Verb.Data or Verb.Xexch50 => 354, Verb.Auth or Verb.AuthLine => 334, _ => 220 }, time);
    }

    // For playing it again.
    private void Begin(Verb verb, ReadOnlySpan<byte> line, long time)
    {
        _exchange = _session.Script?.Add(verb, _inside, _pending.Count > 0, time);
        _exchange?.Append(line);
        if (verb != Verb.DataEnd)
        {
            _exchange?.Append("\r\n"u8);
        }
    }

    private void Release(long time)
    {
        if (_held is { WrittenCount: > 0 } held)
        {
            _held = null;
            if (_next is not null)
            {
                _next.Octets(Role.Client, held.WrittenSpan, time);
            }
            else
            {
                Client(held.WrittenSpan, time);
            }
        }
    }

    private void EndContent(long time)
    {
        var message = EndMessage(time);
        Expect(Verb.DataEnd);
        ExpectAnswer(message);
    }

    private void ExpectAnswer(MessageReport message)
    {
        if (_unanswered.Count < MaxPending)
        {
            _unanswered.Enqueue(message);
        }

        if (!_serverSpoke)
        {
            AssumeAll();
        }
    }

    private void EndChunk(long time)
    {
        if (_state == State.Chunk && _chunkLast)
        {
            var message = EndMessage(time);
            if (_chunkCode is { } code)
            {
                (message.Reply, _chunkCode) = (code, null);
            }
            else
            {
                ExpectAnswer(message);
            }
        }

        _state = State.Command;
    }

    private MessageReport EndMessage(long time)
    {
        bool chunks = _state == State.Chunk;
        var body = _body!;
        var message = new MessageReport { From = _from, To = _to, Octets = body.Octets, InChunks = chunks };
        _report.AddMessage(message);
        _answerBefore = _earlyCode;
        _earlyCode = null;
        if (_session.HasDialogue)
        {
            _report.Say(time, Role.Client, _inside, "(message)", body.Octets);
        }

        if (body.IsEightBit && !_eightBit && !_utf8)
        {
            _session.FindOnce(FindingKind.EightBit, Role.Client, "The message has octets above 127, and MAIL did not say BODY=8BITMIME.");
        }

        if (body.HasOddDot && !chunks)
        {
            _session.Find(FindingKind.Smuggling, Role.Client, "In the message a lone dot stands between line ends that are not CRLF: a lax server takes what follows for commands (SMTP smuggling).");
        }

        if (body.HasHugeHeader)
        {
            _session.Find(FindingKind.HugeHeader, Role.Client, "The message's header has more than 65536 octets.");
        }

        if (body.HasLongLine)
        {
            _session.FindOnce(FindingKind.LongLine, Role.Client, "The message's header has a line of more than 1000 octets.");
        }

        (_body, _state, _clientGap) = (null, State.Command, false);
        return message;
    }

    // A chunk that the server refused, and the client sends a command in its place.
    private bool IsNoChunk(ReadOnlySpan<byte> octets)
    {
        int end = octets.IndexOf((byte)'\n');
        return _lastRefusedChunk && end > 0 && end + 1 == octets.Length && Verbs.LooksLikeCommand(octets[..end].TrimEnd((byte)'\r'));
    }

    private void AbandonChunk(long time)
    {
        (_chunk, _body, _state, _chunkCode) = (0, null, State.Command, null);
        if (_session.HasDialogue)
        {
            _report.Say(time, Role.Client, _inside, "(no chunk)", 0);
        }
    }

    private void Lose()
    {
        // In a gap behind chunks another transaction began.
        if (_body is not null)
        {
            (_body, _from, _to) = (null, null, []);
        }

        _state = State.Lost;
    }

    // ---------------------------------------------------------------- server

    // What was captured of a packet's last reply tells the code.
    private void CutReply(long time)
    {
        _cut = true;
        byte[] line = [.. _serverLines.Partial.TrimEnd((byte)'\r'), .. "\r\n"u8];
        if (IsReply(line.AsSpan()[..^2]))
        {
            ServerLine(line, time);
        }

        if (_replyCode != 0)
        {
            int code = _replyCode;
            (_replyCode, _reader, _lastReply) = (0, null, null);
            Reply(code, null, time);
            _replyText?.Clear();
        }

        _cut = false;
    }

    private static bool IsReply(ReadOnlySpan<byte> line) =>
        line.Length >= 3 && line[0] is >= (byte)'2' and <= (byte)'5' && char.IsAsciiDigit((char)line[1]) && char.IsAsciiDigit((char)line[2]) && (line.Length == 3 || line[3] is (byte)' ' or (byte)'-');

    private void Server(ReadOnlySpan<byte> octets, long time)
    {
        while (!octets.IsEmpty && _next is null)
        {
            var before = octets;
            bool whole = _serverLines.Take(ref octets, out var line);
            Record(Role.Server, before[..^octets.Length], time);
            if (whole)
            {
                ServerLine(line, time);
            }
        }

        if (_next is not null && !octets.IsEmpty)
        {
            _next.Octets(Role.Server, octets, time);
        }
    }

    private void ServerLine(ReadOnlySpan<byte> whole, long time)
    {
        var line = whole.EndsWith("\r\n"u8) ? whole[..^2] : whole[..^1];
        Say(time, Role.Server, "", line, whole.Length);
        if (!IsReply(line))
        {
            if (!_serverLost)
            {
                _session.Find(FindingKind.ReplyMalformed, Role.Server, $"No reply: {Escape.Octets(line, 80)}");
            }

            return;
        }

        if (line.Length + 2 != whole.Length)
        {
            _session.FindOnce(FindingKind.BareLf, Role.Server, $"A reply ends in LF alone: {Escape.Octets(line, 60)}");
        }

        if (line.Length > MaxReplyLine)
        {
            _session.FindOnce(FindingKind.LineTooLong, Role.Server, $"A reply line of more than {MaxReplyLine} octets.");
        }

        int code = ((line[0] - '0') * 100) + ((line[1] - '0') * 10) + line[2] - '0';
        if (_replyCode != 0 && _replyCode != code)
        {
            _session.Find(FindingKind.ReplyMalformed, Role.Server, $"The lines of one reply have the codes {_replyCode} and {code}.");
        }

        if (!_greeted && code == 220 && _report.Greeting is null)
        {
            _report.Greeting = Escape.Octets(line.Length > 4 ? line[4..] : default, 512);
        }

        _replyCode = code;
        if (_session.Script is not null)
        {
            (_replyText ??= new StringBuilder()).Append(Encoding.Latin1.GetString(line)).Append("\r\n");
        }

        // Replies that are read closer go through the reference's own reader, within its limits.
        if (!_cut && _pending.Count > 0 && _pending.Peek().Verb is Verb.Ehlo or Verb.Lhlo or Verb.Helo or Verb.XBlackPony or Verb.Continuation)
        {
            _reader ??= new ReplyReader();
            _lastReply = _reader.Read(whole, out _);
            if (_reader.IsMalformed)
            {
                _session.FindOnce(FindingKind.Deviation("BP-4.3-11"), Role.Server, $"A BlackPony client takes this reply for malformed: {Escape.Octets(line, 80)}");
            }
        }

        if (line.Length == 3 || line[3] == ' ')
        {
            var reply = _reader is { IsMalformed: false } ? _lastReply : null;
            (_replyCode, _reader, _lastReply) = (0, null, null);
            Reply(code, reply, time);
            _replyText?.Clear();
        }
    }

    private void Reply(int code, Reply? reply, long time)
    {
        _report.AddReply(code);
        if (!_greeted)
        {
            _greeted = true;
            if (_session.OpeningSeen || (code == 220 && _pending.Count == 0))
            {
                if (_session.Script is { } script)
                {
                    script.Greeting = _replyText!.ToString();
                }

                if (_pending.Count > 0)
                {
                    _session.Find(FindingKind.EarlyTalker, Role.Client, "The client spoke before the greeting.");
                }

                return;
            }
        }

        if (_serverLost)
        {
            Resynchronise(code);
        }

        if (_state == State.Content && _pending.Count == 0)
        {
            EarlyReply(code, time);
        }

        // Its DATA was in a gap.
        if (code == 354 && (_state is State.Lost or State.Command) && !_pending.Any(p => p.Verb is Verb.Data or Verb.Xexch50))
        {
            (_body, _state) = (new Body(inChunks: false), State.Content);
            Begin(Verb.Data, "DATA"u8, time);
            if (_exchange is not null)
            {
                (_exchange.Code, _exchange.Reply) = (code, _replyText!.ToString());
            }

            Begin(Verb.DataEnd, default, time);
            return;
        }

        if (_pending.Count == 0)
        {
            Unasked(code);
            return;
        }

        // Whoever was answered before the end of the message is not answered again.
        if (code == 221 && _answerBefore is { } early && _pending.Peek().Verb == Verb.DataEnd && _pending.Any(p => p.Verb == Verb.Quit))
        {
            _pending.Dequeue();
            MessageAnswered(early);
        }

        // LMTP answers a message once for each recipient that it took (RFC 2033 4.2).
        var (verb, address, exchange) = _pending.Peek();
        bool further = _answers > 0;
        _answers = _lmtp && verb is Verb.DataEnd or Verb.BdatLast && _answers + 1 < _to.Count ? _answers + 1 : 0;
        if (_answers == 0)
        {
            _pending.Dequeue();
        }

        if (further)
        {
            return;
        }

        if (exchange is not null)
        {
            (exchange.Code, exchange.Reply) = (code, _replyText!.ToString());
        }

        bool positive = code is >= 200 and <= 299;
        if (code == 503)
        {
            _session.FindOnce(FindingKind.Sequence, Role.Client, $"The server refuses {verb.Name()} as out of order.");
        }

        switch (verb)
        {
            case Verb.Ehlo or Verb.Helo or Verb.Lhlo:
                if (positive)
                {
                    Reset();
                    _negotiation.OnEhlo(verb, reply, code);
                    _pipelining = Has(reply, "PIPELINING");
                }

                break;
            case Verb.Mail when positive:
                Reset();
                _from = address;
                break;
            case Verb.Rcpt when positive:
                if (_to.Count < MaxRecipients)
                {
                    _to.Add(address ?? "");
                }

                break;
            case Verb.Rset when positive:
                Reset();
                break;
            case Verb.DataEnd or Verb.BdatLast:
                MessageAnswered(code);
                break;
            case Verb.Bdat:
                _lastRefusedChunk = !positive;
                break;
            case Verb.Data or Verb.Auth or Verb.AuthLine or Verb.StartTls or Verb.XBlackPony or Verb.Continuation or Verb.Xexch50:
                Held(verb, code, time, reply);
                break;
            default:
                break;
        }

        if (verb == Verb.BdatLast)
        {
            _lastRefusedChunk = !positive;
        }
    }

    // The reply on which the client's octets waited.
    private void Held(Verb verb, int code, long time, Reply? reply = null)
    {
        if (_state != State.Held && !(_state == State.Lost && verb == Verb.Data))
        {
            // It was decided before.
            return;
        }

        _state = State.Command;
        switch (verb)
        {
            case Verb.Data when code == 354 || (code is >= 200 and <= 299 && _held is { WrittenCount: > 0 }):
                (_body, _state) = (new Body(inChunks: false), State.Content);
                Begin(Verb.DataEnd, default, time);
                break;
            case Verb.Xexch50 when code == 354 && _chunk > 0:
                (_state, _body, _chunkBegun) = (State.Binary, null, true);
                break;
            case Verb.Auth or Verb.AuthLine when code == 334:
                _state = State.AuthLine;
                break;
            case Verb.StartTls when code == 220:
                if (_held is { WrittenCount: > 0 } && _held.WrittenSpan[0] != TlsLayer.Handshake)
                {
                    _session.Find(FindingKind.StartTlsInjection, Role.Client, $"{_held.WrittenCount} octets came behind STARTTLS before its reply: a lax server takes them for commands inside TLS.");
                }

                _report.Upgrade = UpgradeKind.StartTls;
                _next = new TlsLayer(_session);
                break;
            case Verb.XBlackPony or Verb.Continuation:
                _next = _negotiation.OnReply(code, reply, _cut, _held is { WrittenCount: > 0 } ? _held.WrittenSpan : default, out bool more);
                if (more)
                {
                    _state = State.AuthLine;
                    _continuation = true;
                }

                break;
            default:
                break;
        }

        Release(time);
    }

    // Content that is under way stays: it may be that the replies are behind.
    private void Reset() => (_from, _to, _body) = (null, [], _state is State.Chunk or State.Content ? _body : null);

    private void MessageAnswered(int code)
    {
        // A server may answer the last chunk before it is there.
        if (!_unanswered.TryDequeue(out var message))
        {
            _chunkCode = _state == State.Chunk && _chunkLast ? code : null;
        }
        else if (message.Reply is null)
        {
            (message.Reply, message.From, message.To) = (code, _from, _to);
        }

        if (!_lmtp)
        {
            Reset();
        }
    }

    private void EarlyReply(int code, long time)
    {
        if (_clientGap || (code is >= 200 and <= 299 && _body!.EndsInOddDot))
        {
            // The end was in the gap, or the server is one of those that take LF for CRLF.
            if (!_clientGap)
            {
                _session.Find(FindingKind.Smuggling, Role.Server, "The server takes a dot between line ends that are not CRLF for the end of the message.");
            }

            bool gap = _clientGap;
            _exchange?.Append(gap ? "\r\n.\r\n"u8 : default);
            EndContent(time);
            _state = gap ? State.Lost : State.Command;
        }
        else if (code is >= 400)
        {
            _session.Find(FindingKind.ReplyEarly, Role.Server, $"The reply {code} comes before the end of the message.");
            _earlyCode = code;
        }
    }

    private void Unasked(int code)
    {
        if (_session.OpeningSeen && _clientSpoke && _report.Gaps == 0 && _state != State.Content)
        {
            _session.Find(FindingKind.ReplyUnasked, Role.Server, $"The reply {code} answers no command.");
        }
    }

    // Some replies were not captured: the code tells which command this one answers, else it is the last.
    private void Resynchronise(int code)
    {
        _serverLost = false;
        if (_pending.Count == 0)
        {
            return;
        }

        var wanted = code switch { 354 => Verb.Data, 221 => Verb.Quit, 334 => Verb.Auth, _ => Verb.Other };
        while (_pending.Count > 1 && _pending.Peek().Verb != wanted)
        {
            Assume(_pending.Dequeue());
        }
    }

    private void AssumeAll()
    {
        while (_pending.Count > 0)
        {
            Assume(_pending.Dequeue());
        }
    }

    // No reply was captured: what the client asked for was done as far as anybody knows.
    private void Assume(Pending command)
    {
        _answers = 0;
        switch (command.Verb)
        {
            case Verb.Mail:
                (_from, _to) = (command.Address, []);
                break;
            case Verb.Rcpt when _to.Count < MaxRecipients:
                _to.Add(command.Address ?? "");
                break;
            case Verb.DataEnd or Verb.BdatLast:
                if (_unanswered.TryDequeue(out var message))
                {
                    (message.From, message.To) = (_from, _to);
                }

                Reset();
                break;
            default:
                break;
        }
    }

    private static bool Has(Reply? reply, string keyword)
    {
        for (int i = 1; reply is not null && i < reply.Lines.Count; i++)
        {
            var text = reply.Text(i);
            int end = text.IndexOf((byte)' ');
            if (System.Text.Ascii.EqualsIgnoreCase(end < 0 ? text : text[..end], Encoding.ASCII.GetBytes(keyword)))
            {
                return true;
            }
        }

        return false;
    }

    private void Record(Role sender, ReadOnlySpan<byte> octets, long time)
    {
        if (!_inside)
        {
            _session.Recorder?.Plain(sender, octets, time);
        }
    }

    private void Say(long time, Role sender, string prefix, ReadOnlySpan<byte> line, int length)
    {
        if (_session.HasDialogue)
        {
            _report.Say(time, sender, _inside, prefix + Escape.Octets(line, 1000), length);
        }
    }
}
