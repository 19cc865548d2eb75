using BlackPony.Reference.Policy;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>The reference's two machines with an adversary between them, in all interleavings.</summary>
public class ExplorationTests(ITestOutputHelper output)
{
    [Fact]
    public void Try()
    {
        foreach (var s in (Scenario[])[new("opp", ClientPolicy.Opportunistic) { Hostile = 1 }, new("opp", ClientPolicy.Opportunistic) { Hostile = 2 }, new("opp", ClientPolicy.Opportunistic) { Hostile = 3 }, new("opp", ClientPolicy.Opportunistic) { Hostile = 4 }])
        {
            var f = Explorer.Run(s, 3_000_000);
            var text = $"{s.Name}/{s.Hostile}: {f.States} states, {f.Moves} moves, depth {f.Depth}, whole {f.IsWhole}, ends {f.Ends}, machines {f.Machines}, {f.Time.TotalSeconds:0.0} s\n" + string.Concat(f.Violated.Select(v => v.Key + v.Value + "\n")) + f.Stuck;
            output.WriteLine(text);
            System.IO.File.AppendAllText("/tmp/wt-props-try.txt", text + "\n");
        }
    }
}
