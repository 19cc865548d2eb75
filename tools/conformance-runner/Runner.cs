using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Reports;
using BlackPony.Conformance.Targets;

namespace BlackPony.Tools.ConformanceRunner;

/// <summary>One run, from the options to the exit code.</summary>
internal sealed class Runner(RunnerOptions options, ParseResult parse)
{
    private const int Passed = 0;
    private const int Failed = 1;
    private const int Usage = 2;
    private const int Unreachable = 3;

    private static readonly IReadOnlyList<CaseInfo> AllCases = [.. ServerCases.All.Select(c => c.Info),
        .. ClientCases.All.Select(c => c.Info)];

    private readonly bool _strict = parse.GetValue(options.Strict);
    private readonly DateTimeOffset _date = DateTimeOffset.UtcNow;

    // What --profile names; without it a target is tested for what it offers.
    private Profile[] _claims = [];
    private int _done;

    public async Task<int> RunAsync()
    {
        var (k, n) = parse.GetValue(options.Shard) ?? (1, 1);
        if (parse.GetResult(options.Profiles) is not null)
            _claims = parse.GetValue(options.Profiles)!;

        var selection = new Selection
        {
            Select = parse.GetValue(options.Select) ?? [],
            Exclude = parse.GetValue(options.Exclude) ?? [],
            Profiles = _claims.Length == 0 ? new Selection().Profiles : _claims,
            Shard = k,
            Shards = n,
        };
        if (selection.Unknown(AllCases).FirstOrDefault() is { } unknown)
            return Complain(Usage, $"'{unknown}' matches no case; --list shows all cases.");

        if (parse.GetValue(options.Client) is not null && parse.GetValue(options.Mailer) is not null)
            return Complain(Usage, "--client and --mailer exclude each other: a run tests one client.");

        foreach (var command in new[] { parse.GetValue(options.Client), parse.GetValue(options.Mailer) }.OfType<string>()
            .Where(c => !c.Contains("{port}", StringComparison.Ordinal)))
        {
            return Complain(Usage, $"the command '{command}' has no {{port}}: the suite plays the server on a port that it chooses.");
        }

        bool both = parse.GetValue(options.Server) is null && parse.GetValue(options.Client) is null
            && parse.GetValue(options.Mailer) is null;
        var servers = both || parse.GetValue(options.Server) is not null ? selection.From(ServerCases.All) : [];
        var clients = parse.GetValue(options.Server) is null || parse.GetValue(options.Client) is not null
            || parse.GetValue(options.Mailer) is not null ? selection.From(ClientCases.All) : [];
        if (servers.Count + clients.Count == 0 && n == 1)
            return Complain(Usage, "no case is selected: what --select names is not in these profiles; see --list --profile all.");

        if (parse.GetValue(options.List))
            return List([.. servers.Select(c => c.Info), .. clients.Select(c => c.Info)]);

        if (!TryReadFiles(out var expected, out var compared, out var outputs, out var problem))
            return Complain(Usage, problem);

        if (Descriptors() is { } most && most < 100 + (25L * parse.GetValue(options.Jobs)))
        {
            return Complain(Usage, $"{most} descriptors are too few for {parse.GetValue(options.Jobs)} cases at a time: raise the limit "
                + "(ulimit -n), or lower --jobs.");
        }

        try
        {
            return await RunAsync(servers, clients, selection.Profiles, expected, compared, outputs);
        }
        catch (OwnTroubleException e)
        {
            return Complain(Usage, $"the run ended at {e.Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Complain(Usage, $"a report could not be written: {e.Message}");
        }
    }

    private async Task<int> RunAsync(IReadOnlyList<Case<ServerProbe>> servers, IReadOnlyList<Case<ClientProbe>> clients,
        IReadOnlyList<Profile> profiles, Baseline expected, IReadOnlyList<RunReport> compared,
        IReadOnlyList<(string Format, string? File)> outputs)
    {
        var timeouts = parse.GetValue(options.Timeouts) ?? [];
        bool console = outputs.All(o => o.File is not null || o.Format == "console");
        var progress = new Progress(servers.Count + clients.Count);
        var run = new RunOptions(TimeSpan.FromSeconds(parse.GetValue(options.Timeout)), parse.GetValue(options.Jobs),
            parse.GetValue(options.Seed)!)
        {
            Claims = _claims,
            Done = r => progress.Show(Interlocked.Increment(ref _done), r.Case.Id),
        };
        var watch = Stopwatch.StartNew();
        var results = new List<CaseResult>();
        string? serverName = null;
        string? clientName = null;
        if (servers.Count > 0)
        {
            ServerTarget target;
            try
            {
                target = await ServerAsync(timeouts);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                return Complain(Unreachable,
                    $"no mail server answers at {parse.GetValue(options.Server)!.Host}:{parse.GetValue(options.Server)!.Port} "
                        + $"({e.Message}). Start it, or name another with --server.");
            }

            await using (target)
            {
                serverName = target.Name;
                results.AddRange(await CaseRunner.RunAsync(target, servers, run));
            }
        }

        if (clients.Count > 0)
        {
            ClientTarget target = parse.GetValue(options.Mailer) is { } mailer ? new MailerCommand(mailer, timeouts)
                : parse.GetValue(options.Client) is { } client ? new PlainClientCommand(client, timeouts)
                : new EmbeddedMailer();
            if (target is ClientCommand { IsThere: false })
                return Complain(Unreachable, $"the program of the command '{target.Name}' was not found. Build it, or give its full path.");

            clientName = target.Name;
            results.AddRange(await CaseRunner.RunAsync(target, clients, run));
        }

        progress.Clear();
        var report = new RunReport(serverName, clientName, run.Seed, results, watch.Elapsed)
        {
            Date = _date,
            CommandLine = string.Join(' ', Environment.GetCommandLineArgs().Skip(1).Select(Quoted).Prepend("blackpony-conformance")),
            Profiles = profiles,
        };
        foreach (var (format, file) in outputs)
        {
            if (format != "console")
            {
                var text = Write(format, report, expected, compared);
                if (file is null)
                    Console.Out.Write(text);
                else
                    await WholeFile.WriteAsync(file, text);
            }
        }

        if (console)
            new ConsoleReport(parse.GetValue(options.Verbose)).Show(report);

        return await JudgeAsync(report, expected, console);
    }

    private async Task<int> JudgeAsync(RunReport report, Baseline expected, bool console)
    {
        if (parse.GetValue(options.WriteBaseline))
        {
            await WholeFile.WriteAsync(parse.GetValue(options.Expected)!, Baseline.Write(report.Results, _strict));
            return Passed;
        }

        var unexpected = expected.Unexpected(report.Results, _strict);
        var stale = expected.Stale(report.Results);
        foreach (var result in stale)
            CommandLine.Complain($"{result.Case.Id} is listed as an expected failure, and passes: remove it from the file.");

        if (console && expected.Ids.Count > 0 && unexpected.Count == 0 && stale.Count == 0)
            Console.WriteLine("All failures are expected.");

        return unexpected.Count + stale.Count > 0 ? Failed : Passed;
    }

    private async Task<ServerTarget> ServerAsync(IReadOnlyDictionary<string, TimeSpan> timeouts)
    {
        if (parse.GetValue(options.Server) is not { } address)
            return new EmbeddedServer();

        var server = new RemoteServer(address.Host, address.Port, parse.GetValue(options.Backend), timeouts,
            parse.GetValue(options.Mailbox));
        // However short the cases' time is: a busy machine is not one where nothing listens.
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(Math.Max(parse.GetValue(options.Timeout), 10)));
        await server.ReachAsync(patience.Token);
        return server;
    }

    private string Write(string format, RunReport report, Baseline expected, IReadOnlyList<RunReport> compared) => format switch
    {
        "json" => JsonReport.Write(report),
        "junit" => JUnitReport.Write(report, _strict, expected),
        "tap" => TapReport.Write(report, _strict, expected),
        _ => HtmlReport.Write([report, .. compared]),
    };

    private bool TryReadFiles(out Baseline expected, out IReadOnlyList<RunReport> compared, out IReadOnlyList<(string, string?)> outputs,
        out string problem)
    {
        (expected, compared, outputs, problem) = (new Baseline([]), [], [], "");
        if (parse.GetValue(options.WriteBaseline) && parse.GetValue(options.Expected) is null)
        {
            problem = "--write-baseline needs --expected-failures and the file to write.";
            return false;
        }

        try
        {
            if (parse.GetValue(options.Expected) is { } file && !parse.GetValue(options.WriteBaseline))
            {
                expected = Baseline.Parse(File.ReadAllText(file));
                if (expected.Unknown(AllCases).FirstOrDefault() is { } unknown)
                {
                    problem = $"{file} lists {unknown}, which is not a case.";
                    return false;
                }
            }

            compared = [.. (parse.GetValue(options.Compare) ?? []).Select(f => JsonReport.Read(File.ReadAllText(f)))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            problem = e.Message;
            return false;
        }

        var formats = (parse.GetValue(options.Format) ?? []).ToList();
        var files = (parse.GetValue(options.Output) ?? []).ToList();
        var paired = formats.Where(f => f != "console").Select((f, i) => (f, i < files.Count ? files[i] : null)).ToList();
        foreach (var extra in files.Skip(paired.Count))
        {
            var format = Path.GetExtension(extra).ToLowerInvariant() switch
            {
                ".json" => "json",
                ".xml" => "junit",
                ".html" => "html",
                ".tap" => "tap",
                _ => null,
            };
            if (format is null)
            {
                problem = $"the format of {extra} is not known: put --format before it, or use the extension .json, .xml, .html or .tap.";
                return false;
            }

            paired.Add((format, extra));
        }

        if (paired.Count(p => p.Item2 is null) + formats.Count(f => f == "console") > 1)
        {
            problem = "only one format can go to the terminal; give the others an --output.";
            return false;
        }

        if (files.FirstOrDefault(f => Path.GetDirectoryName(Path.GetFullPath(f)) is { } folder && !Directory.Exists(folder)) is { } lost)
        {
            problem = $"the folder of {lost} does not exist.";
            return false;
        }

        if (parse.GetValue(options.WriteBaseline))
            files.Add(parse.GetValue(options.Expected)!);

        try
        {
            files.ForEach(WholeFile.Check);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problem = $"a report cannot be written: {e.Message}";
            return false;
        }

        outputs = paired;
        return true;
    }

    private static int List(IReadOnlyList<CaseInfo> cases)
    {
        foreach (var test in cases)
        {
            Console.WriteLine(
                $"{test.Id,-10} {RunReport.Word(test.Level),-6} {test.Profile.ToString().ToLowerInvariant(),-8} {test.Title} "
                    + $"[{string.Join(' ', test.Requirements)}]");
        }

        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{cases.Count} cases"));
        return Passed;
    }

    // The limit of this process; null where it is not known.
    private static long? Descriptors()
    {
        const string Limits = "/proc/self/limits", Line = "Max open files";
        var words = File.Exists(Limits)
            ? File.ReadLines(Limits).FirstOrDefault(l => l.StartsWith(Line, StringComparison.Ordinal))?[Line.Length..]
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)
            : null;
        return words is [var soft, ..] && long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out long most) ? most : null;
    }

    // As a shell reads it.
    private static string Quoted(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "-_./:=,@+%".Contains(c, StringComparison.Ordinal))
            ? word
            : $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    private static int Complain(int code, string message)
    {
        CommandLine.Complain(message);
        return code;
    }
}
