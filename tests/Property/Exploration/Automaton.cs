namespace BlackPony.Tests.Property.Exploration;

/// <summary>What a side does in one move: its next state, and the units that it sends.</summary>
internal sealed record Outcome(int Next, int[] ToServer, int[] ToClient, bool WantsFresh);

/// <summary>
/// A side as a table, written as far as it is asked for. The machines can't be copied;
/// so a move that nobody asked for yet is made by a new machine
/// that goes the way to that state once more. Every further time it is a look into the table.
/// </summary>
internal sealed class Automaton
{
    private const int MostStanding = 20_000;

    private readonly Func<Side> _create;
    private readonly Units _units;
    private readonly List<(int From, Event What, int Unit, Facts Facts)> _states = [];
    private readonly Dictionary<UInt128, int> _numbers = [];
    private readonly Dictionary<(int State, Event What, int Unit), Outcome> _moves = [];
    private readonly Dictionary<int, Side> _standing = [];

    public Automaton(Func<Side> create, Units units)
    {
        (_create, _units) = (create, units);
        var side = create();
        _states.Add((-1, Event.Fresh, 0, side.Facts));
        _numbers[StateDigest.Of(side)] = 0;
    }

    /// <summary>States of the side that were met.</summary>
    public int Count => _states.Count;

    /// <summary>Moves that a machine made.</summary>
    public int Moves => _moves.Count;

    public Facts this[int state] => _states[state].Facts;

    public Outcome Move(int state, Event what, int unit = 0)
    {
        if (_moves.TryGetValue((state, what, unit), out var outcome))
        {
            return outcome;
        }

        var side = At(state);
        side.Take(what, _units[unit]);
        int[] toServer = [.. side.ToServer.Select(_units.Of)], toClient = [.. side.ToClient.Select(_units.Of)];
        if (side.Ends)
        {
            ref int[] own = ref side is ClientSide ? ref toServer : ref toClient;
            own = [.. own, Units.End];
        }

        Clear(side);
        var digest = StateDigest.Of(side);
        if (!_numbers.TryGetValue(digest, out int next))
        {
            _numbers[digest] = next = _states.Count;
            _states.Add((state, what, unit, side.Facts));
            Keep(next, side);
        }
        else
        {
            side.Dispose();
        }

        return _moves[(state, what, unit)] = new Outcome(next, toServer, toClient, side.WantsFresh);
    }

    private Side At(int state)
    {
        // The machine that came here first goes on from here once.
        if (_standing.Remove(state, out var standing))
        {
            return standing;
        }

        var way = new Stack<(Event What, int Unit)>();
        for (int at = state; _states[at].From >= 0; at = _states[at].From)
        {
            way.Push((_states[at].What, _states[at].Unit));
        }

        var side = _create();
        foreach (var (what, unit) in way)
        {
            side.Take(what, _units[unit]);
            Clear(side);
        }

        return side;
    }

    // Not more of them than memory is cheap; what is dropped goes its way once more.
    private void Keep(int state, Side side)
    {
        if (_standing.Count == MostStanding)
        {
            _standing.Values.ToList().ForEach(s => s.Dispose());
            _standing.Clear();
        }

        _standing[state] = side;
    }

    private static void Clear(Side side)
    {
        side.ToServer.Clear();
        side.ToClient.Clear();
        side.Ends = false;
    }
}
