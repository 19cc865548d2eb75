using System.Globalization;

namespace BlackPony.Smtp.Inbound;

/// <content>The client's lines and messages, and the upgrade (spec 4.4, 10.2).</content>
public sealed partial class InboundSession
{
    private const string NotAlone = "503 5.5.1 XBLACKPONY must be the last command of a group";

    private void Pump()
    {
        while (ClientOctets.Length > 0 && Step())
        {
        }

        // The rest of this line will not come, and nothing else follows it.
        if (_clientDone && _state is State.Commands or State.Answer && !ClientLine.Find(ClientOctets.Span, out _))
            ClientOctets.Clear();
    }

    // One step over the client's octets; false if it has to wait.
    private bool Step() => _state switch
    {
        State.Commands or State.Answer or State.Continuing => ReadLine(),
        State.Data or State.Chunk => PassMessage(),
        // Something follows the command ([BP-4.4-4]).
        State.Opening => ReplyAndClose(NotAlone),
        State.Piped => PassTls(),
        _ => false,
    };

    private bool ReadLine()
    {
        bool isWhole = ClientLine.Find(ClientOctets.Span, out var line);
        if (_discarding)
        {
            // The end of an over-long line, which is not kept ([BP-4.4-3]).
            ClientOctets.Consume(isWhole ? 0 : line.Length);
            return isWhole && AnswerOverlong(line.Length);
        }

        // An upgrade's lines have their own length ([BP-4.2-4], [BP-4.3-10]). The first fault decides, however the line came in
        // ([BP-4.4-14], [BP-4.4-15]).
        bool isUpgrade = _state == State.Continuing || (_upgrade.IsOn && UpgradeCommand.IsVerb(line));
        int most = (isUpgrade ? Limits.MaxCommandLine : Limits.MaxOtherCommandLine) - 2;
        if (ClientLine.HasStray(line[..Math.Min(line.Length, most + 1)]))
            return _replies.Pending == 0 && ReplyAndClose("501 5.5.2 Bare LF, bare CR or NUL in a command");

        _discarding = line.Length > most;
        return _discarding || (isWhole && _state switch
        {
            State.Continuing => OnContinuation(line.ToArray()),
            State.Answer => Forward(line, Verb.Other, State.Held),
            _ => OnCommand(line),
        });
    }

    // [BP-4.4-3], [BP-4.4-9], [BP-10.2-12]
    private bool AnswerOverlong(int length)
    {
        if (_replies.Pending > 0 && _state != State.Answer)
            return false;

        _discarding = false;
        TakeLine(length);
        if (_state == State.Continuing)
        {
            _upgrade.Reset();
            _state = State.Commands;
        }

        Emit("500 5.5.2 Line too long\r\n"u8);
        return true;
    }

    private bool OnCommand(ReadOnlySpan<byte> line)
    {
        var verb = ClientLine.Verb(line);
        bool isOwn = verb is >= Verb.XBlackPony and <= Verb.Proxy || (verb == Verb.StartTls && Layer.IsOn);

        // The relay's own answers ([BP-10.2-6]) wait for the backend's to what came before ([BP-10.2-13]).
        if (isOwn || !ClientLine.HasVerb(line))
            return _replies.Pending == 0 && AnswerItself(verb, line.ToArray());

        if (_firstCommand && OtherProtocols.IsRequest(line))
            return ReplyAndClose("421 4.7.0 This is a mail server");

        _firstCommand = false;
        return verb switch
        {
            Verb.Bdat when _replies.Chunking => OnChunk(line),

            // Never answered with 3yz: what follows need not wait ([BP-10.2-5]).
            >= Verb.Mail and <= Verb.Quit and not (Verb.Data or Verb.Bdat) => Forward(line, verb, State.Commands),
            _ => Forward(line, verb == Verb.Bdat ? Verb.Other : verb, State.Held),
        };
    }

    private bool OnChunk(ReadOnlySpan<byte> line)
    {
        if (ChunkCommand.Parse(line) is not { } chunk)
            return Forward(line, Verb.Other, State.Held);

        _chunk = chunk.Size;
        return Forward(line, chunk.IsLast ? Verb.Message : Verb.Bdat, _chunk > 0 ? State.Chunk : State.Commands);
    }

    private bool AnswerItself(Verb verb, byte[] line)
    {
        TakeLine(line.Length);

        // Row 1 of spec 4.4 comes before row 5.
        if (verb == Verb.XBlackPony && ClientOctets.Length > 0 && !Layer.IsOn && _upgrade.IsOn)
            return ReplyAndClose(NotAlone);

        if (verb == Verb.XBlackPony)
            return Take(_upgrade.Examine(line, Layer.IsOn, _replies.AfterEhlo, _replies.InTransaction));

        Emit(verb switch
        {
            // [BP-4.5-5]
            Verb.StartTls => "503 5.5.1 STARTTLS not allowed inside\r\n"u8,
            // [BP-10.1-4]
            >= Verb.XClient and <= Verb.Proxy => "550 5.7.1 Not permitted\r\n"u8,
            // Nobody knows what a backend would make of it ([BP-10.1-10]).
            _ => "500 5.5.2 No command\r\n"u8,
        });
        return true;
    }

    private bool OnContinuation(byte[] line)
    {
        TakeLine(line.Length);
        return ClientOctets.Length > 0 ? ReplyAndClose("503 5.5.1 The continuation must come alone") : Take(_upgrade.Continue(line));
    }

    // Always true: the upgrade decides what is read next.
    private bool Take(ServerStep step)
    {
        switch (step.Kind)
        {
            case ServerStepKind.Accepted:
                _state = State.Opening;
                Request = SessionRequest.Connect;
                break;
            case ServerStepKind.Agreed:
                Switch(step);
                break;
            case ServerStepKind.Continue:
                Emit(step.Reply);
                _state = State.Continuing;
                break;
            default:
                RefusedWith = int.Parse(step.Reply.AsSpan(0, 3), CultureInfo.InvariantCulture);
                Emit(step.Reply);
                _state = State.Commands;
                break;
        }

        return true;
    }

    // Everything learned before is forgotten, and what waited unread with it ([BP-4.5-1], [BP-4.6-1]); no plaintext follows the 220
    // ([BP-4.6-3]).
    private void Switch(ServerStep step)
    {
        ToClient.Write(step.Reply);
        Report = Report with { Suite = _upgrade.Suite!.Name };
        Layer.Begin(step.Channel, _upgrade.Shift);
        Channel?.Start(ToClient);
        ServerOctets.Clear();
        _replies = new BackendReplies();
        (_state, _firstCommand, _hasSaidLast, SwitchedBackend) = (State.Commands, true, false, true);

        // Its Finished will not come any more.
        if (_clientDone && Channel is not null)
            EndOfClient();
    }

    private void TakeLine(int length)
    {
        ClientOctets.Consume(length + 2);
        Progress++;
    }

    // [BP-10.2-3]
    private bool Forward(ReadOnlySpan<byte> line, Verb command, State next)
    {
        int length = line.Length;
        ToServer.Write(ClientOctets.Span[..(length + 2)]);
        TakeLine(length);
        _replies.Expect(command);
        _state = next;
        return true;
    }

    private bool PassTls()
    {
        Progress++;
        ToServer.Write(ClientOctets.Span);
        ClientOctets.Clear();
        return false;
    }

    // Octet by octet ([BP-10.2-4]).
    private bool PassMessage()
    {
        int count = _state == State.Data ? _end.Take(ClientOctets.Span) : (int)Math.Min(_chunk, ClientOctets.Length);
        ToServer.Write(ClientOctets.Span[..count]);
        ClientOctets.Consume(count);
        Progress++;
        if (_state == State.Chunk)
        {
            _chunk -= count;
            _state = _chunk == 0 ? State.Commands : State.Chunk;
        }
        else if (_end.IsFound)
        {
            _replies.Expect(Verb.Message);
            _state = State.Commands;
        }

        return true;
    }
}
