namespace BlackPony.Traces.Sessions;

/// <summary>
/// Lays replies along commands where some of either are missing: of all ways that keep both orders, those that fit best (dynamic
/// programming).
/// What the best ways do not agree upon is not known.
/// </summary>
internal sealed class Alignment
{
    // Ways that differ by less are as good as each other.
    private const double Tie = 0.9;

    // What makes a way certain.
    private const double Certain = 6;

    private const double Never = double.NegativeInfinity;
    private const double Unasked = -6;
    private const double Continued = -0.5;
    private const double Absorbed = -0.3;

    private readonly Command[] _commands;
    private readonly IReadOnlyList<ServerReply> _replies;
    private readonly double[,] _forward;
    private double[,]? _backward;

    public Alignment(Command[] commands, IReadOnlyList<ServerReply> replies)
    {
        (_commands, _replies) = (commands, replies);
        _forward = new double[commands.Length + 1, replies.Count + 1];
        for (int i = 0; i <= commands.Length; i++)
        {
            for (int j = 0; j <= replies.Count; j++)
                _forward[i, j] = i == 0 && j == 0 ? 0 : Before(i, j);
        }
    }

    /// <summary>Whether the last reply answers one command, whatever the others do.</summary>
    /// <param name="until">How many commands have then been answered.</param>
    public bool LastIsCertain(out int until)
    {
        int last = _replies.Count - 1;
        double best = Never;
        double second = Never;
        until = 0;
        for (int i = 0; i <= _commands.Length; i++)
        {
            // Absorbed by commands that were not captured, or answering none: then what comes next is as open as before.
            double none = _forward[i, last] + Idle(i, last);
            double score = Math.Max(i == 0 ? Never : _forward[i - 1, last] + Match(i - 1, last), none);
            if (score > best)
                (second, best, until) = (best, score, i);
            else
                second = Math.Max(second, score);
        }

        // What stands for unseen commands may go on standing for more.
        return best > Never && best - second >= Certain;
    }

    /// <summary>Whether so many commands can have been answered by the replies.</summary>
    public bool IsPossible(int until) => _forward[until, _replies.Count] > Never;

    /// <summary>How many commands were answered, if nothing more comes.</summary>
    public int BestEnd()
    {
        int best = 0;
        for (int i = 1; i <= _commands.Length; i++)
        {
            if (_forward[i, _replies.Count] >= _forward[best, _replies.Count])
                best = i;
        }

        return best;
    }

    /// <summary>What is known.</summary>
    /// <param name="until">How many commands were answered.</param>
    /// <param name="unasked">Replies to no command, each with the command before which it came.</param>
    /// <returns>The reply to each command; null where it is not known.</returns>
    public ServerReply?[] Outcome(int until, out List<(int Before, ServerReply Reply)> unasked)
    {
        Backward(until);
        double best = _forward[until, _replies.Count];
        var owner = new int[_replies.Count];
        var known = new ServerReply?[until];
        for (int i = 0; i < until; i++)
            known[i] = Known(i, best, owner);

        unasked = [];
        int next = 0;
        for (int j = 0; j < _replies.Count; j++)
        {
            int mine = Array.FindIndex(known, r => ReferenceEquals(r, _replies[j]));
            next = mine >= 0 ? mine + 1 : next;
            if (mine < 0 && owner[j] == 0 && !_replies[j].IsGap)
                unasked.Add((next, _replies[j]));
        }

        return known;
    }

    // The reply that all of the best ways give to a command; if they differ in all but the code, a reply of that code without a text.
    private ServerReply? Known(int command, double best, int[] owner)
    {
        if (_commands[command].IsUnseen)
            return null;

        ServerReply? found = null;
        bool lost = false;
        bool several = false;
        for (int j = 0; j < _replies.Count; j++)
        {
            if (_replies[j].IsGap)
            {
                lost |= CoveredBy(command, j, best);
                continue;
            }

            if (_forward[command, j] + Match(command, j) + _backward![command + 1, j + 1] < best - Tie)
                continue;

            owner[j]++;
            if (found is null)
            {
                found = _replies[j];
            }
            else
            {
                several = true;
                lost |= found.Code != _replies[j].Code;
            }
        }

        return lost || found is null ? null : several ? found with { Text = "", Whole = null } : found;
    }

    private bool CoveredBy(int command, int gap, double best)
    {
        for (int from = command; from >= 0 && command - from < Room(gap); from--)
        {
            for (int to = command + 1; to < _backward!.GetLength(0) && to - from <= Room(gap); to++)
            {
                if (_commands[to - 1].Sequence <= _replies[gap].Seen && _forward[from, gap] + _backward[to, gap + 1] >= best - Tie)
                    return true;
            }
        }

        return false;
    }

    // How many replies so many octets can hold: five each at least, and the rest of one that had begun.
    private int Room(int gap) => (int)Math.Min(int.MaxValue, 1 + (_replies[gap].GapLength / 5));

    private double Match(int command, int reply) =>
        _replies[reply].IsGap || _commands[command].IsUnseen || _commands[command].Sequence > _replies[reply].Seen ? Never
            : ReplyFit.Of(_commands[command], _replies[reply]);

    // A reply that answers none of the commands before it.
    private double Idle(int command, int reply)
    {
        var mine = _replies[reply];
        if (mine.IsGap)
            return 0;

        if ((command < _commands.Length && _commands[command].IsUnseen)
            || (command > 0 && _commands[command - 1] is { IsUnseen: true } or { IsRepeated: true }))
        {
            return Absorbed;
        }

        return mine.Code == 421 ? -1 : mine.Continues == mine.Code && mine.Code != 0 ? Continued : Unasked;
    }

    private double Before(int i, int j)
    {
        double best = Never;
        if (i > 0 && _commands[i - 1].IsUnseen)
            best = _forward[i - 1, j];

        if (j == 0)
            return best;

        best = Math.Max(best, _forward[i, j - 1] + Idle(i, j - 1));
        if (_replies[j - 1].IsGap)
        {
            for (int t = 1; t <= i && t <= Room(j - 1) && _commands[i - 1].Sequence <= _replies[j - 1].Seen; t++)
                best = Math.Max(best, _forward[i - t, j - 1]);
        }
        else if (i > 0)
        {
            best = Math.Max(best, _forward[i - 1, j - 1] + Match(i - 1, j - 1));
        }

        return best;
    }

    private void Backward(int until)
    {
        int m = _replies.Count;
        _backward = new double[until + 1, m + 1];
        for (int i = until; i >= 0; i--)
        {
            for (int j = m; j >= 0; j--)
            {
                double best = i == until && j == m ? 0 : Never;
                if (i < until && _commands[i].IsUnseen)
                    best = Math.Max(best, _backward[i + 1, j]);

                if (j < m)
                {
                    best = Math.Max(best, _backward[i, j + 1] + Idle(i, j));
                    if (_replies[j].IsGap)
                    {
                        for (int t = 1; i + t <= until && t <= Room(j) && _commands[i + t - 1].Sequence <= _replies[j].Seen; t++)
                            best = Math.Max(best, _backward[i + t, j + 1]);
                    }
                    else if (i < until)
                    {
                        best = Math.Max(best, _backward[i + 1, j + 1] + Match(i, j));
                    }
                }

                _backward[i, j] = best;
            }
        }
    }
}
