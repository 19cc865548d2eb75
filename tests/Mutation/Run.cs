using System.Diagnostics;
using System.Globalization;

namespace BlackPony.Mutation;

/// <summary>Mutation testing of one area: the changed build, the tests on each change, the report.</summary>
/// <param name="name">The area's name.</param>
/// <param name="area">The area.</param>
/// <param name="files">How the names of files begin that are looked at, some with <c>:LINE</c>; all if there are none.</param>
/// <param name="sample">How many of the changes are tried; 0 for all.</param>
/// <param name="seed">Draws them.</param>
/// <param name="test">A pattern of the only tests that are run; null for the area's.</param>
internal sealed class Run(string name, Area area, string[] files, int sample, int seed, string? test)
{
    // tests/Mutation/run starts it there.
    private static readonly string Root = Directory.GetCurrentDirectory();
    private readonly string _folder = Path.Combine(Root, "artifacts", "mutation", name);

    /// <summary>Does it.</summary>
    /// <returns>The exit code.</returns>
    public int Go()
    {
        var watch = Stopwatch.StartNew();
        Directory.CreateDirectory(_folder);
        var project = Project.Load(Directory.GetFiles(Path.Combine(Root, area.Project), "*.csproj").Single());
        var assembly = Path.GetFileName(area.Project);
        var changed = Path.Combine(_folder, assembly + ".dll");
        var mutants = MutantBuild.Write(project, Root, IsChanged, Choose, changed);
        File.WriteAllLines(Path.Combine(_folder, "changes.tsv"), mutants.Select(m => $"{m.Id}\t{m.File}:{m.Line}\t{m.Change}"));
        Console.WriteLine($"{name}: {mutants.Count} changes compiled in {watch.Elapsed.TotalSeconds:F0} s");
        if (mutants.Count == 0)
        {
            Console.Error.WriteLine($"{name}: there is no change to try");
            return 2;
        }

        int most = mutants.Max(m => m.Id) + 1;
        var results = mutants.ToDictionary(m => m.Id, _ => (Verdict: "not reached", Test: ""));
        foreach (var (tests, names) in area.Tests)
        {
            var left = mutants.Where(m => results[m.Id].Verdict is "not reached" or "survived").ToList();
            if (left.Count == 0)
            {
                break;
            }

            new Stage(_folder, Path.Combine(Root, tests), test ?? names, changed, area.Seconds * 1000).Go(left, most, results);
            int noticed = results.Values.Count(IsNoticed);
            Console.WriteLine($"{name}: behind {tests} {noticed} of {mutants.Count} noticed, {watch.Elapsed.TotalSeconds:F0} s");
        }

        return Report(mutants, results, watch.Elapsed);
    }

    /// <summary>The named files that the area does not have.</summary>
    public IEnumerable<string> Unknown()
    {
        var folder = Path.Combine(Root, area.Project);
        var all = Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(Root, f).Replace('\\', '/')).Where(IsInside).ToList();
        return files.Where(named => !all.Any(f => IsNamed(named, f, null)));
    }

    private static bool IsNoticed((string Verdict, string Test) result) => result.Verdict is "killed" or "time-out" or "crash";

    private bool IsChanged(string file) => IsInside(file) && (files.Length == 0 || files.Any(f => IsNamed(f, file, null)));

    private bool IsInside(string file) => file.StartsWith(area.Project + "/", StringComparison.Ordinal)
        && !file.Contains("/obj/", StringComparison.Ordinal)
        && area.Files.Any(f => file.AsSpan(area.Project.Length + 1).StartsWith(f, StringComparison.Ordinal));

    private IEnumerable<Mutant> Choose(IReadOnlyList<Mutant> all)
    {
        var named = all.Where(m => files.Length == 0 || files.Any(f => IsNamed(f, m.File, m.Line))).ToArray();
        if (sample == 0 || sample >= named.Length)
        {
            return named;
        }

        new Random(seed).Shuffle(named);
        Console.WriteLine($"{name}: a sample of {sample} of {named.Length} changes, seed {seed}; some may not compile");
        return named.Take(sample);
    }

    private static bool IsNamed(string wanted, string file, int? line)
    {
        var parts = wanted.Split(':');
        return Path.GetFileName(file).StartsWith(parts[0], StringComparison.Ordinal)
            && (line is null || parts.Length == 1 || parts[1] == line.Value.ToString(CultureInfo.InvariantCulture));
    }

    private int Report(IReadOnlyList<Mutant> mutants, Dictionary<int, (string Verdict, string Test)> results, TimeSpan time)
    {
        var survivors = Path.Combine(_folder, "survivors.tsv");
        File.WriteAllLines(Path.Combine(_folder, "all.tsv"),
            mutants.Select(m => $"{results[m.Id].Verdict}\t{m.File}:{m.Line}\t{m.Change}\t{results[m.Id].Test}"));
        File.WriteAllLines(survivors,
            mutants.Where(m => !IsNoticed(results[m.Id])).Select(m => $"{m.File}:{m.Line}\t{results[m.Id].Verdict}\t{m.Change}"));
        foreach (var group in mutants.GroupBy(m => Path.GetFileName(m.File)))
        {
            var (seen, all) = (group.Count(m => IsNoticed(results[m.Id])), group.Count());
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{seen,5} of {all,5} {100.0 * seen / all,6:F1} %  {group.Key}"));
        }

        int noticed = results.Values.Count(IsNoticed);
        double percent = 100.0 * noticed / mutants.Count;
        var share = percent.ToString("F1", CultureInfo.InvariantCulture);
        var kind = sample > 0 ? "changes of the sample" : "changes";
        Console.WriteLine($"{name}: {noticed} of {mutants.Count} {kind} noticed ({share} %), {time.TotalSeconds:F0} s");
        Console.WriteLine($"  by time-out {Count("time-out")}, by a crash {Count("crash")}; not reached {Count("not reached")}");
        Console.WriteLine($"  what survived: {Path.GetRelativePath(Root, survivors)}");
        return percent < area.Wanted ? 1 : 0;

        int Count(string verdict) => results.Values.Count(r => r.Verdict == verdict);
    }
}
