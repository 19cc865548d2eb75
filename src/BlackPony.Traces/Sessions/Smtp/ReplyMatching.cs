namespace BlackPony.Traces.Sessions;

/// <summary>
/// Says which reply answers which command. Where nothing is missing they answer each other in order. Where replies or commands were not
/// captured they are held until something tells: a code that fits one command only, or a client that goes on.
/// </summary>
/// <param name="answered">Takes a command and its reply, in order; null if it is not known. Returns whether the command awaits
/// another.</param>
/// <param name="unasked">Takes a reply to no command that was captured.</param>
internal sealed class ReplyMatching(Func<Command, ServerReply?, bool> answered, Action<ServerReply> unasked)
{
    private const int MaxPending = 10_000;
    private const int MaxHeld = 96;

    private readonly Queue<Command> _commands = new();
    private readonly List<ServerReply> _replies = [];
    private int _unseen;
    private bool _heard;
    private bool _committing;
    private bool _pipelines;

    /// <summary>The sequence of the last command.</summary>
    public long Last { get; private set; }

    /// <summary>Commands that have no reply yet.</summary>
    public int Count => _commands.Count;

    /// <summary>The next command to be answered; null if there is none.</summary>
    public Command? Next => _commands.TryPeek(out var next) ? next : null;

    /// <summary>Whether replies or commands are missing, so that order alone does not tell.</summary>
    public bool IsInDoubt => _replies.Count > 0 || _unseen > 0;

    /// <summary>Whether a command is pending that this says.</summary>
    public bool Any(Func<Command, bool> which) => _commands.Any(which);

    /// <summary>The sequence of the next command.</summary>
    public long NextSequence() => ++Last;

    /// <summary>A command was sent.</summary>
    public void Expect(Command command)
    {
        if (_commands.Count >= MaxPending)
            Pass(null);

        _pipelines |= !IsInDoubt && _commands.Count > 0;
        _unseen += command.IsUnseen ? 1 : 0;
        _commands.Enqueue(command);
        _heard = false;
    }

    /// <summary>A reply came.</summary>
    public void Reply(ServerReply reply)
    {
        _heard = true;
        if (!IsInDoubt)
        {
            Answer(reply);
            return;
        }

        _replies.Add(reply);
        Decide();
    }

    /// <summary>Octets of the server are missing.</summary>
    public void Gap(long length, long time)
    {
        _heard = true;
        if (_commands.Count == 0)
        {
            // What stood there answered what is not known either.
            return;
        }

        _replies.Add(new ServerReply(0, 0, "", 0, Last, time) { GapLength = length });
        Decide();
    }

    /// <summary>The client goes on: whoever waits for replies has had all.</summary>
    public void ClientGoesOn()
    {
        if (!IsInDoubt || !_heard || _commands.Count == 0)
            return;

        // RFC 2920 3.1: after these a client waits.
        var last = _commands.Last().Verb;
        if (!_pipelines || last is not (Verb.Mail or Verb.Rcpt or Verb.Rset or Verb.Bdat or Verb.BdatLast or Verb.DataEnd or Verb.Unseen))
            Settle(all: true);
    }

    /// <summary>What was not captured of the client's is done with: what it does now is seen.</summary>
    public void ForgetUnseen()
    {
        while (!_committing && _replies.Count == 0 && Next is { IsUnseen: true })
            Pass(null);
    }

    /// <summary>Nothing more comes.</summary>
    public void Finish()
    {
        if (IsInDoubt)
            Settle(all: false);

        while (_commands.TryDequeue(out var command))
        {
            _unseen -= command.IsUnseen ? 1 : 0;
            answered(command, command.Early);
        }
    }

    private void Answer(ServerReply reply)
    {
        while (true)
        {
            if (!_commands.TryPeek(out var command))
            {
                unasked(reply);
                return;
            }

            // Whoever was answered before the end of the message may not be answered again.
            if (command.Early is { } early && _commands.Count > 1 && ReplyFit.Of(command, reply) < -1
                && ReplyFit.Of(_commands.ElementAt(1), reply) > ReplyFit.Of(command, reply))
            {
                _commands.Dequeue();
                answered(command, early);
                continue;
            }

            // A code that only a later command can have: the replies before it are missing, though no gap was seen.
            if (_commands.Count > 1 && ReplyFit.Of(command, reply) <= ReplyFit.Absurd
                && _commands.Any(c => ReplyFit.Of(c, reply) >= ReplyFit.Strong))
            {
                _commands.Dequeue();
                answered(command, null);
                continue;
            }

            // Taken away before it is acted upon: what was held back then may bring more.
            if (!command.IsRepeated)
            {
                _commands.Dequeue();
                _ = answered(command, reply);
            }
            else if (!answered(command, reply))
            {
                _commands.Dequeue();
            }

            return;
        }
    }

    // Decides as soon as the last reply can only be one command's.
    private void Decide()
    {
        var reply = _replies[^1];
        if (_replies.Count > MaxHeld || _commands.Count > MaxHeld)
        {
            Settle(all: false);
            return;
        }

        if (reply.IsGap)
            return;

        var alignment = new Alignment([.. _commands], _replies);
        if (alignment.LastIsCertain(out int until))
            Commit(alignment, until);
    }

    private void Settle(bool all)
    {
        var alignment = new Alignment([.. _commands], _replies);
        int until = all ? _commands.Count : alignment.BestEnd();
        if (!alignment.IsPossible(until))
            until = alignment.BestEnd();

        Commit(alignment, until);
        if (all)
        {
            while (_commands.Count > 0)
                Pass(null);
        }
    }

    // In order: each command with its reply, and the replies to none where they came.
    private void Commit(Alignment alignment, int until)
    {
        var known = alignment.Outcome(until, out var others);
        _replies.Clear();
        _committing = true;
        if (until == 0 && others.Any(o => o.Reply.Code == 354) && Next is { IsUnseen: true })
        {
            // Its DATA was the last of them.
            Pass(null);
        }

        for (int i = 0; i <= until; i++)
        {
            foreach (var (_, reply) in others.Where(o => o.Before == i))
                unasked(reply);

            if (i < until && _commands.Count > 0)
                Pass(known[i]);
        }

        _committing = false;
    }

    private void Pass(ServerReply? reply)
    {
        var command = _commands.Dequeue();
        _unseen -= command.IsUnseen ? 1 : 0;
        _ = answered(command, reply);
    }
}
