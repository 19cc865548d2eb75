using System.Diagnostics;
using System.Globalization;

namespace BlackPony.Mutation;

/// <summary>The tests of one project on the changes of an area.</summary>
/// <param name="folder">Where results go.</param>
/// <param name="project">The test project's folder; it is built.</param>
/// <param name="names">Which of its tests.</param>
/// <param name="changed">The changed assembly.</param>
/// <param name="most">Milliseconds of tests on one change.</param>
internal sealed class Stage(string folder, string project, string names, string changed, int most)
{
    private const string Programs = "programs";

    private static readonly string Built = Path.Combine("bin", "Release", "net10.0");
    private static readonly int Workers = Number("BLACKPONY_WORKERS", 2);
    private static readonly int Patience = Number("BLACKPONY_PATIENCE", 5);

    private readonly string _here = Path.Combine(folder, Path.GetFileName(project));
    private readonly Dictionary<string, (long Milliseconds, HashSet<int> Reached)> _tests = [];
    private HashSet<int> _once = [];

    /// <summary>Notes a verdict for each change.</summary>
    public void Go(List<Mutant> mutants, int count, Dictionary<int, (string Verdict, string Test)> results)
    {
        Copy();
        Cover(count);
        var statics = mutants.Where(m => m.IsStatic || _once.Contains(m.Id)).ToHashSet();
        var plan = new List<(int Id, string Line)>();
        foreach (var mutant in mutants)
        {
            // An initializer runs for the first test that needs it, and what it makes is there for all others.
            var tests = _tests.Where(t => statics.Contains(mutant) || t.Value.Reached.Contains(mutant.Id));
            long sum = 0;
            var chosen = tests.OrderBy(t => t.Value.Milliseconds)
                .TakeWhile(t => (sum += t.Value.Milliseconds) <= most || sum == t.Value.Milliseconds).ToList();
            if (chosen.Count > 0)
            {
                var times = string.Join(' ', chosen.Select(t => t.Value.Milliseconds));
                plan.Add((mutant.Id, $"{mutant.Id}\t{times}\t{string.Join('\t', chosen.Select(t => t.Key))}"));
            }
        }

        var together = plan.Where(p => !statics.Any(m => m.Id == p.Id)).ToList();
        var alone = new Queue<(int Id, string Line)>(plan.Where(p => statics.Any(m => m.Id == p.Id)));
        var queues = Enumerable.Range(0, Workers)
            .Select(w => new Queue<(int, string)>(together.Where((_, i) => i % Workers == w))).ToArray();
        Parallel.For(0, Workers, new ParallelOptions { MaxDegreeOfParallelism = Workers }, w =>
        {
            Work(queues[w], int.MaxValue, w, results);
            while (true)
            {
                Queue<(int, string)> one;
                lock (alone)
                {
                    if (alone.Count == 0)
                    {
                        return;
                    }

                    one = new([alone.Dequeue()]);
                }

                Work(one, 1, w, results);
            }
        });
    }

    private static int Number(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    // The files of the test project and of the programs that tests start, with the changed assembly instead of the original.
    private void Copy()
    {
        if (Directory.Exists(_here))
        {
            Directory.Delete(_here, recursive: true);
        }

        Copy(Path.Combine(project, Built), _here);
        foreach (var tool in Directory.GetDirectories(Path.Combine(project, "..", "..", "tools")))
        {
            if (File.Exists(Path.Combine(tool, Built, Path.GetFileName(changed))))
            {
                Copy(Path.Combine(tool, Built), Path.Combine(_here, Programs, Path.GetFileName(tool)));
            }
        }
    }

    private void Copy(string source, string target)
    {
        foreach (var file in Directory.GetFiles(source, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(target, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        File.Copy(changed, Path.Combine(target, Path.GetFileName(changed)), overwrite: true);
    }

    private void Cover(int count)
    {
        var path = Path.Combine(_here, "cover.tsv");
        if (Start("cover", count.ToString(CultureInfo.InvariantCulture), path) != 0)
        {
            throw new InvalidOperationException("The tests could not be run without a change.");
        }

        foreach (var line in File.ReadLines(path))
        {
            var parts = line.Split('\t');
            var reached = parts[2].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse).ToHashSet();
            if (parts[0] == "once")
            {
                _once = reached;
            }
            else
            {
                // Cases of a theory whose long values are cut have one name, and are run together.
                var (before, others) = _tests.GetValueOrDefault(parts[0], (0, []));
                _tests[parts[0]] = (before + long.Parse(parts[1], CultureInfo.InvariantCulture), [.. others, .. reached]);
            }
        }

        Console.WriteLine($"  {_tests.Count} tests, {_tests.Values.Sum(t => t.Milliseconds) / 1000} s");
    }

    // A worker ends with a time-out, a crash or spoilt state; another one goes on behind that change.
    private void Work(Queue<(int Id, string Line)> queue, int most, int number, Dictionary<int, (string Verdict, string Test)> results)
    {
        var retried = new HashSet<int>();
        while (queue.Count > 0)
        {
            var plan = Path.Combine(_here, $"plan-{number}.tsv");
            var output = Path.Combine(_here, $"results-{number}.tsv");
            File.WriteAllLines(plan, queue.Take(most).Select(q => q.Line));
            File.Delete(output);
            Start("test", plan, output, Patience.ToString(CultureInfo.InvariantCulture), most == 1 ? "alone" : "together");
            int begun = -1;
            int before = queue.Count;
            var said = File.Exists(output) ? File.ReadAllLines(output) : [];
            File.AppendAllLines(Path.Combine(_here, $"log-{number}.tsv"), said);
            foreach (var parts in said.Select(l => l.Split('\t')))
            {
                int id = int.Parse(parts[0], CultureInfo.InvariantCulture);
                if (parts[1] == "begun")
                {
                    begun = id;
                    continue;
                }

                begun = -1;
                if (parts[1] == "spoilt" && retried.Add(id))
                {
                    // Again, in a process of its own making.
                    break;
                }

                queue.Dequeue();
                lock (results)
                {
                    results[id] = (parts[1] == "spoilt" ? "killed" : parts[1], parts.ElementAtOrDefault(2) ?? "");
                }
            }

            if (begun >= 0)
            {
                queue.Dequeue();
                lock (results)
                {
                    results[begun] = ("crash", "");
                }
            }
            else if (queue.Count == before && !retried.Contains(queue.Peek().Id))
            {
                throw new InvalidOperationException($"A worker did nothing: {_here}.");
            }
        }
    }

    private int Start(string mode, params string[] more)
    {
        var assembly = Path.Combine(_here, $"BlackPony.Tests.{Path.GetFileName(project)}");
        string[] arguments =
        [
            "exec", "--depsfile", assembly + ".deps.json", "--runtimeconfig", assembly + ".runtimeconfig.json",
            typeof(Stage).Assembly.Location, mode, assembly + ".dll", Path.GetFileNameWithoutExtension(changed), names, .. more,
        ];
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = _here,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOTNET_GCHeapHardLimit"] = "0x80000000";
        start.Environment["BLACKPONY_BUILT"] = Path.Combine(_here, Programs);
        // It names another program (tests/Interop/Servers/BlackPonyProgram.cs).
        start.Environment.Remove("BLACKPONY");
        using var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, e) =>
        {
            if (mode == "cover" && e.Data is not null)
            {
                Console.Error.WriteLine(e.Data);
            }
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        process.WaitForExit();
        return process.ExitCode;
    }
}
