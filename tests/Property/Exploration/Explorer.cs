using System.Diagnostics;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>What an exploration found.</summary>
/// <param name="States">Distinct states.</param>
/// <param name="Moves">Moves between them.</param>
/// <param name="Depth">The most moves to a state, by the shortest way.</param>
/// <param name="IsWhole">Whether every state was gone on from, so that there are no others.</param>
/// <param name="Ends">States in which both sides have ended.</param>
internal sealed record Found(int States, long Moves, int Depth, bool IsWhole, int Ends)
{
    /// <summary>The invariants that do not hold somewhere, with the way there.</summary>
    public required IReadOnlyDictionary<Invariant, string> Violated { get; init; }

    /// <summary>What was met.</summary>
    public required IReadOnlySet<Witness> Met { get; init; }

    /// <summary>How often each move was made, by its name.</summary>
    public required IReadOnlyDictionary<string, long> Made { get; init; }

    /// <summary>The way to a state without an exit; null if there is none.</summary>
    public required string? Stuck { get; init; }

    /// <summary>States of the machines alone, and moves that they really made.</summary>
    public required (int States, int Moves) Machines { get; init; }

    public required TimeSpan Time { get; init; }

    public override string ToString() => string.Create(
        System.Globalization.CultureInfo.InvariantCulture,
        $"{States} states, {Moves} moves ({(double)Moves / States:0.0} a state), depth {Depth}, "
            + $"{(IsWhole ? "nothing left" : "stopped at its bound")}, {Ends} ends; machines: {Machines.States} states, {Machines.Moves} "
            + $"moves; {Time.TotalSeconds:0.0} s");
}

/// <summary>Breadth first over all interleavings of a scenario.</summary>
internal sealed class Explorer
{
    private readonly Scenario _scenario;
    private readonly Path _path;
    private readonly HashSet<SystemState> _known = [];
    private readonly List<SystemState> _worlds = [];
    private readonly List<int> _from = [];
    private readonly HashSet<(int, int, int)> _seen = [];
    private readonly Dictionary<Invariant, string> _violated = [];
    private readonly HashSet<Witness> _met = [];
    private readonly List<(string Name, SystemState SystemState)> _moves = [];
    private readonly Dictionary<string, long> _made = [];

    private Explorer(Scenario scenario)
    {
        _scenario = scenario;
        _path = new Path(scenario);
        Visit(_path.Start, -1);
    }

    /// <summary>Explores.</summary>
    /// <param name="scenario">Who meets whom.</param>
    /// <param name="most">The number of states at which it stops.</param>
    /// <param name="wanted">Invariants of which it is enough that each is violated once; none to go on to the end.</param>
    public static Found Run(Scenario scenario, int most, params IReadOnlyList<Invariant> wanted) =>
        new Explorer(scenario).Run(most, wanted);

    private Found Run(int most, IReadOnlyList<Invariant> wanted)
    {
        var watch = Stopwatch.StartNew();
        long made = 0;
        int depth = -1, ends = 0, at = 0;
        while (at < _worlds.Count && _worlds.Count < most && !(wanted.Count > 0 && wanted.All(_violated.ContainsKey)))
        {
            // All states that are as many moves away.
            depth++;
            for (int level = _worlds.Count; at < level && _worlds.Count < most; at++)
            {
                _path.Next(_worlds[at], _moves);
                made += _moves.Count;
                ends += _moves.Count == 0 ? 1 : 0;
                foreach (var (name, next) in _moves)
                {
                    _made[name] = _made.GetValueOrDefault(name) + 1;
                    Visit(next, at);
                }
            }
        }

        return new Found(_worlds.Count, made, depth, at == _worlds.Count, ends)
        {
            Violated = _violated,
            Met = _met,
            Made = _made,
            Stuck = Stuck(),
            Machines = _path.Machines,
            Time = watch.Elapsed,
        };
    }

    private void Visit(SystemState world, int from)
    {
        if (!_known.Add(world))
        {
            return;
        }

        _worlds.Add(world);
        _from.Add(from);

        // Invariants see the sides alone: three of their states are looked at once.
        if (!_seen.Add((world.Client, world.Server, world.Mallory)))
        {
            return;
        }

        var sight = new Sight(_scenario, _path.Client(world), _path.Server(world), _path.Mallory(world));
        _met.UnionWith(Witness.All.Where(w => w.Is(sight)));
        foreach (var invariant in Invariant.All.Where(i => !_violated.ContainsKey(i) && !i.Holds(sight)).ToList())
        {
            _violated[invariant] = Way(_worlds.Count - 1);
        }
    }

    // Every state comes to its end when the adversary rests: by what is under way, and else by time-outs.
    private string? Stuck()
    {
        var good = new HashSet<SystemState>();
        var way = new HashSet<SystemState>();
        for (int i = _worlds.Count - 1; i >= 0; i--)
        {
            way.Clear();
            for (var world = _worlds[i]; !_path.IsEnd(world) && !good.Contains(world); world = _path.Calm(world))
            {
                if (!way.Add(world))
                {
                    return Way(i);
                }
            }

            good.UnionWith(way);
        }

        return null;
    }

    // The moves from the start, looked up once more.
    private string Way(int state)
    {
        if (_from[state] < 0)
        {
            return "";
        }

        var moves = new List<(string Name, SystemState SystemState)>();
        _path.Next(_worlds[_from[state]], moves);
        return $"{Way(_from[state])}\n  {moves.First(m => m.SystemState == _worlds[state]).Name}";
    }
}
