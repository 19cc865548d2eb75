using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;
using Xunit.Runner.Common;
using Xunit.Sdk;
using Xunit.v3;

namespace BlackPony.Mutation;

/// <summary>
/// Runs within a test project's own files, beside the changed assembly: first each test alone, to see which changes it reaches; then for
/// each change the tests that reach it, the quickest first, until one fails.
/// </summary>
internal sealed class Worker
{
    private readonly Assembly _tests;
    private readonly InProcessFrontController _controller;
    private readonly FieldInfo _active;
    private readonly FieldInfo _reached;
    private readonly FieldInfo _once;

    private Worker(string tests, string changed)
    {
        _tests = Assembly.LoadFrom(tests);
        var mutant = Assembly.Load(changed).GetType(Switch.TypeName, throwOnError: true)!;
        (_active, _reached, _once) = (mutant.GetField("Active")!, mutant.GetField("Reached")!, mutant.GetField("Once")!);
        System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor(mutant.TypeHandle);
        TestContext.SetForInitialization(null, false, false);
        _controller = new InProcessFrontController(RegisteredEngineConfig.GetTestFramework(_tests, null), _tests, null);
    }

    /// <summary>What the command line asks for: <c>cover</c> or <c>test</c>.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        var worker = new Worker(arguments[1], arguments[2]);
        var cases = await worker.FindAsync(new Regex(arguments[3]));
        return arguments[0] == "cover" ? await worker.CoverAsync(cases, int.Parse(arguments[4], CultureInfo.InvariantCulture), arguments[5])
            : await worker.TestAsync(
                cases, arguments[4], arguments[5], double.Parse(arguments[6], CultureInfo.InvariantCulture), arguments[7] == "alone");
    }

    private static string Name(ITestCase test) =>
        $"{test.TestClassName}|{test.TestCaseDisplayName.ReplaceLineEndings(" ").Replace('\t', ' ')}";

    private async Task<List<ITestCase>> FindAsync(Regex names)
    {
        var options = TestFrameworkOptions.ForDiscovery(new TestAssemblyConfiguration { PreEnumerateTheories = true });
        var found = new List<ITestCase>();
        using var source = new CancellationTokenSource();
        await _controller.Find(new Sink(), options, IsWanted, source, null, Found);
        return found;

        bool IsWanted(ITestCase test) => names.IsMatch($"{test.TestClassName}.{test.TestMethod?.MethodName} {test.TestCaseDisplayName}");

        ValueTask<bool> Found(ITestCase test, bool isWanted)
        {
            if (isWanted)
            {
                found.Add(test);
            }

            return ValueTask.FromResult(true);
        }
    }

    // One line a test: name, milliseconds, numbers reached; and one with the numbers that initializers reach.
    private async Task<int> CoverAsync(List<ITestCase> cases, int count, string path)
    {
        var once = new bool[count];
        _once.SetValue(null, once);
        using var output = new StreamWriter(path);
        var others = path + ".programs";
        foreach (var test in cases)
        {
            var reached = new bool[count];
            _reached.SetValue(null, reached);
            Environment.SetEnvironmentVariable(Switch.ReachedVariable, others);
            var watch = Stopwatch.StartNew();
            var sink = await RunAsync([test]);
            Environment.SetEnvironmentVariable(Switch.ReachedVariable, null);
            _reached.SetValue(null, null);
            foreach (var file in Directory.GetFiles(Path.GetDirectoryName(others)!, Path.GetFileName(others) + ".*"))
            {
                var numbers = File.ReadAllText(file).Split(' ', StringSplitOptions.RemoveEmptyEntries);
                Array.ForEach(numbers, n => reached[int.Parse(n, CultureInfo.InvariantCulture)] = true);
                File.Delete(file);
            }

            if (sink.Failed is not null)
            {
                Console.Error.WriteLine($"Fails without any change, and is left out: {Name(test)}: {sink.Failed}");
                continue;
            }

            // How long it takes shows the second time; where it is long, what it loads the first time matters little.
            if (watch.ElapsedMilliseconds is > 50 and < 2000)
            {
                watch.Restart();
                await RunAsync([test]);
            }

            var all = string.Join(' ', Enumerable.Range(0, count).Where(i => reached[i]));
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Name(test)}\t{watch.ElapsedMilliseconds}\t{all}"));
        }

        output.WriteLine($"once\t0\t{string.Join(' ', Enumerable.Range(0, count).Where(i => once[i]))}");
        return 0;
    }

    // The plan has a line for each change: its number, milliseconds without it, and the names of the tests, by tabs.
    private async Task<int> TestAsync(List<ITestCase> cases, string plan, string results, double patience, bool isAlone)
    {
        var byName = cases.ToLookup(Name);
        await using var output = new StreamWriter(results, append: true) { AutoFlush = true };
        foreach (var line in File.ReadLines(plan).ToList())
        {
            var parts = line.Split('\t');
            int id = int.Parse(parts[0], CultureInfo.InvariantCulture);
            // Several cases may have one name: the time is that of all.
            var timed = parts[2..].Zip(parts[1].Split(' ').Select(long.Parse))
                .SelectMany(p => byName[p.First].Select((t, i) => (Test: t, Milliseconds: i == 0 ? p.Second : 0))).ToList();
            var tests = timed.ConvertAll(t => t.Test);
            var milliseconds = timed.ConvertAll(t => t.Milliseconds);
            output.WriteLine($"{id}\tbegun");
            var watch = Stopwatch.StartNew();
            var verdict = "survived\t";
            for (int start = 0; start < tests.Count;)
            {
                int end = start;
                long expected = 0;
                while (end < tests.Count && (end == start || (expected + milliseconds[end] < 100 && end - start < 40)))
                {
                    expected += milliseconds[end++];
                }

                var chunk = tests[start..end];
                var limit = TimeSpan.FromSeconds(patience) + TimeSpan.FromMilliseconds(expected * 10);
                using var timer = new Timer(_ =>
                {
                    output.WriteLine($"{id}\ttime-out\t{Name(chunk[0])}\t{watch.ElapsedMilliseconds}");
                    output.Flush();
                    End();
                }, null, limit, Timeout.InfiniteTimeSpan);
                Activate(id);
                var sink = await RunAsync(chunk);
                Activate(-1);
                timer.Change(Timeout.Infinite, Timeout.Infinite);
                if (sink.Failed is not null)
                {
                    // Not because of what an earlier change left behind; alone there was none.
                    var failed = chunk.FirstOrDefault(t => t.UniqueID == sink.FailedTest);
                    if (!isAlone && (await RunAsync(failed is null ? chunk : [failed])).Failed is not null)
                    {
                        output.WriteLine($"{id}\tspoilt\t{sink.Failed}");
                        return 3;
                    }

                    verdict = $"killed\t{Name(failed ?? chunk[0])}";
                    break;
                }

                start = end;
            }

            output.WriteLine($"{id}\t{verdict}\t{watch.ElapsedMilliseconds}");
        }

        return 0;
    }

    // Ends this process, and the programs that the test has started.
    private static void End()
    {
        var own = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        foreach (var stat in Directory.GetDirectories("/proc").Where(d => char.IsAsciiDigit(d[6])).Select(d => Path.Combine(d, "stat")))
        {
            try
            {
                // The number, the name in parentheses, the state, the parent.
                var text = File.ReadAllText(stat);
                if (text[(text.LastIndexOf(')') + 2)..].Split(' ')[1] == own)
                {
                    Process.GetProcessById(int.Parse(text.Split(' ')[0], CultureInfo.InvariantCulture)).Kill(entireProcessTree: true);
                }
            }
            catch (Exception e) when (e is IOException or ArgumentException or InvalidOperationException or Win32Exception)
            {
                // It has ended.
            }
        }

        Process.GetCurrentProcess().Kill();
    }

    // In the programs that tests start too.
    private void Activate(int id)
    {
        _active.SetValue(null, id);
        Environment.SetEnvironmentVariable(Switch.ActiveVariable, id < 0 ? null : id.ToString(CultureInfo.InvariantCulture));
    }

    private async Task<Sink> RunAsync(IReadOnlyCollection<ITestCase> tests)
    {
        var options = TestFrameworkOptions.ForExecution(
            new TestAssemblyConfiguration { ParallelMode = ParallelMode.None, StopOnFail = true });
        using var source = new CancellationTokenSource();
        var sink = new Sink();
        await _controller.Run(sink, options, tests, source);
        return sink;
    }

    private sealed class Sink : IMessageSink
    {
        public string? Failed { get; private set; }

        public string? FailedTest { get; private set; }

        public bool OnMessage(IMessageSinkMessage message)
        {
            if (Failed is null && message is IErrorMetadata error and not ITestSkipped)
            {
                Failed = error.Messages.FirstOrDefault()?.ReplaceLineEndings(" ").Replace('\t', ' ') ?? "";
                FailedTest = (message as ITestCaseMessage)?.TestCaseUniqueID;
            }

            return Failed is null;
        }
    }
}
