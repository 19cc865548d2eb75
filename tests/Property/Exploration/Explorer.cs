using System.Diagnostics;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>What an exploration found.</summary>
/// <param name="States">Distinct states.</param>
/// <param name="Moves">Moves between them.</param>
/// <param name="Depth">The most moves to a state.</param>
/// <param name="IsWhole">Whether every state was gone on from, so that there are no others.</param>
/// <param name="Violated">The invariants that do not hold somewhere, with the way there.</param>
/// <param name="Stuck">The way to a state without an exit; null if there is none.</param>
internal sealed record Found(int States, long Moves, int Depth, bool IsWhole, IReadOnlyDictionary<Invariant, string> Violated, string? Stuck)
{
    public required (int States, int Moves) Machines { get; init; }

    public required TimeSpan Time { get; init; }

    public int Ends { get; init; }
}

/// <summary>Breadth first over all interleavings of a scenario.</summary>
internal static class Explorer
{
    /// <summary>Explores.</summary>
    /// <param name="scenario">Who meets whom.</param>
    /// <param name="most">The number of states at which it stops.</param>
    public static Found Run(Scenario scenario, int most)
    {
        var watch = Stopwatch.StartNew();
        var path = new Path(scenario);
        var numbers = new Dictionary<World, int> { [path.Start] = 0 };
        var worlds = new List<World> { path.Start };
        var from = new List<(int State, string Move)> { (-1, "") };
        var violated = new Dictionary<Invariant, string>();
        var seen = new HashSet<(int, int, int)>();
        var moves = new List<(string Name, World World)>();
        long made = 0;
        int depth = 0, ends = 0, level = 0, at = 0;
        while (at < worlds.Count && worlds.Count < most)
        {
            // A level of the search: all states that are as many moves away.
            (level, depth) = (worlds.Count, depth + 1);
            for (; at < level && worlds.Count < most; at++)
            {
                path.Next(worlds[at], moves);
                ends += moves.Count == 0 ? 1 : 0;
                made += moves.Count;
                foreach (var (name, next) in moves)
                {
                    if (numbers.TryAdd(next, worlds.Count))
                    {
                        worlds.Add(next);
                        from.Add((at, name));
                        Look(next);
                    }
                }
            }
        }

        var stuck = Stuck();
        return new Found(worlds.Count, made, depth, at == worlds.Count, violated, stuck) { Machines = path.Machines, Time = watch.Elapsed, Ends = ends };

        // The invariants see the sides alone, so that each three of their states are looked at once.
        void Look(World world)
        {
            if (seen.Add((world.Client, world.Server, world.Mallory)))
            {
                var sight = new Sight(scenario, path.Client(world), path.Server(world), path.Mallory(world));
                foreach (var invariant in Invariant.All.Where(i => !violated.ContainsKey(i) && !i.Holds(sight)).ToList())
                {
                    violated[invariant] = Way(worlds.Count - 1);
                }
            }
        }

        string Way(int state) => state <= 0 ? "" : Way(from[state].State) + "\n  " + from[state].Move;

        // Every state comes to its end if the adversary rests: by what is under way, and else by time-outs.
        string? Stuck()
        {
            var good = new HashSet<World>();
            for (int i = 0; i < worlds.Count; i++)
            {
                var way = new HashSet<World>();
                var world = worlds[i];
                while (!path.IsEnd(world) && !good.Contains(world))
                {
                    if (!way.Add(world))
                    {
                        return Way(i);
                    }

                    world = path.Calm(world);
                }

                good.UnionWith(way);
            }

            return null;
        }
    }
}
