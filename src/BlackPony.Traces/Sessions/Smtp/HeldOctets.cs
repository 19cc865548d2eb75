using System.Buffers;
using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>
/// What a client sent after a command whose reply decides what it is. It waits for that reply, or until it is known that it was not
/// captured; then what the client did next tells it.
/// </summary>
/// <param name="dialogue">The session's other parts.</param>
/// <param name="stream">Where what was held goes.</param>
/// <param name="content">The message.</param>
internal sealed class HeldOctets(SmtpDialogue dialogue, ClientStream stream, MessageContent content)
{
    private const int MaxHeld = 65536;

    private readonly Queue<Piece> _pieces = new();
    private ArrayBufferWriter<byte>? _octets;
    private Command? _decider;
    private bool _isSilent;
    private bool _replyUnknown;
    private bool _draining;

    // Octets or a gap that wait.
    private readonly record struct Piece(int Octets, long Gap, bool Cut, long Time);

    /// <summary>Whether the rest of a line is skipped whose beginning was cut off from it.</summary>
    public bool SkipsLine { get; set; }

    private bool IsEmpty => _pieces.Count == 0;

    private bool IsHolding => stream.State == ClientState.Held && !IsEmpty && dialogue.Inner is null;

    /// <summary>What follows this command waits for its reply.</summary>
    public void Begin(Command decider)
    {
        // It may have been answered at once: by what was held.
        (_decider, _replyUnknown) = (decider, false);
        stream.State = ClientState.Held;
    }

    /// <summary>No reply is waited for any more.</summary>
    public void Forget() => _decider = null;

    /// <summary>Octets that wait.</summary>
    public void Add(ReadOnlySpan<byte> octets, long time)
    {
        if (SkipsLine)
        {
            int end = octets.IndexOf((byte)'\n');
            SkipsLine = end < 0;
            octets = end < 0 ? default : octets[(end + 1)..];
        }

        if (octets.IsEmpty)
            return;

        _octets ??= new ArrayBufferWriter<byte>();
        _octets.Write(octets);
        _pieces.Enqueue(new Piece(octets.Length, 0, false, time));
    }

    /// <summary>A gap that waits.</summary>
    public void AddGap(long length, bool cut, long time) => _pieces.Enqueue(new Piece(0, length, cut, time));

    /// <summary>Decides as far as what is held cannot wait longer.</summary>
    public void Undecided()
    {
        while (IsHolding && !_draining)
        {
            if (!_replyUnknown && !(_isSilent && !dialogue.ServerSpoke) && _octets?.WrittenCount <= MaxHeld)
                return;

            // A line tells what it is; a part of one not yet.
            var octets = _octets is null ? default : _octets.WrittenSpan;
            if (octets.IndexOf((byte)'\n') < 0 && octets.Length < LineBuffer.MaxLine / 64
                && (octets.IsEmpty || octets[0] is >= 32 and < 127) && _pieces.All(p => p.Gap == 0))
            {
                return;
            }

            _isSilent |= !_replyUnknown;
            DecideByWhatFollows(_pieces.Peek().Time);
        }
    }

    /// <summary>Nothing more comes.</summary>
    public void Finish(long time)
    {
        while (IsHolding)
            DecideByWhatFollows(time);
    }

    /// <summary>The reply came on which the client's next octets depend; null if it is not known.</summary>
    public void Decided(Command command, ServerReply? reply, long time)
    {
        if (_decider != command)
            DecidedLate(command, reply);
        else if (reply is null or { Code: 0 })
            _replyUnknown = true;
        else
            Decide(command.Verb, reply.Code, reply, time);
    }

    // The reply was not captured: what the client does next tells what it was.
    private void DecideByWhatFollows(long time)
    {
        var octets = _octets is null ? default : _octets.WrittenSpan;
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
        (_decider, _replyUnknown, SkipsLine, stream.State) = (null, false, false, ClientState.Command);
        bool follows = _octets is { WrittenCount: > 0 };
        switch (verb)
        {
            case Verb.Data when code == 354 || (code is >= 200 and <= 299 && follows):
                stream.BeginContent(time);
                break;
            case Verb.Xexch50 when code == 354 && content.Chunk > 0:
                stream.State = ClientState.Binary;
                content.BeginBinary();
                break;
            case Verb.Auth or Verb.AuthLine when code == 334:
                stream.State = ClientState.AuthLine;
                break;
            case Verb.StartTls when code == 220:
                if (follows && !TlsRecords.MayBegin(_octets!.WrittenSpan))
                {
                    dialogue.Session.Find(FindingKind.StartTlsInjection, Role.Client,
                        $"{_octets.WrittenCount} octets came after STARTTLS before its reply: "
                        + "a lax server treats them as commands inside TLS.");
                }

                dialogue.Switch(UpgradeKind.StartTls);
                break;
            case Verb.XBlackPony or Verb.Continuation:
                if (dialogue.AgreeOn(code, reply, follows ? _octets!.WrittenSpan : default))
                    stream.ExpectContinuation();

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
            content.Swallow();
            dialogue.Expect(Verb.Unseen, null, null, null, reply.Time);
        }
        else if (command is { WasAssumed: false, Verb: Verb.Data } && reply is { Code: 354 } && stream.State == ClientState.Lost)
        {
            stream.BeginContent(reply.Time);
        }
    }

    private void Drain()
    {
        if (_draining)
            return;

        _draining = true;
        while (stream.State != ClientState.Held && !IsEmpty)
        {
            Piece[] pieces = [.. _pieces];
            var octets = _octets;
            int at = 0;
            _pieces.Clear();
            _octets = null;
            foreach (var piece in pieces)
            {
                if (piece.Gap == 0)
                {
                    stream.Feed(octets!.WrittenSpan.Slice(at, piece.Octets), piece.Time);
                    at += piece.Octets;
                }
                else if (dialogue.Inner is { } inner)
                {
                    inner.Gap(Role.Client, piece.Gap, piece.Cut, piece.Time);
                }
                else if (stream.State == ClientState.Held)
                {
                    _pieces.Enqueue(piece);
                }
                else
                {
                    stream.Lacks(piece.Gap, piece.Cut, piece.Time);
                }
            }
        }

        _draining = false;
    }
}
