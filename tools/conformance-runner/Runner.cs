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
/// <param name="options">The options.</param>
/// <param name="parse">What the command line says.</param>
/// <param name="stop">Ends the run, with a report of what was run (SIGINT, SIGTERM).</param>
internal sealed class Runner(RunnerOptions options, ParseResult parse, CancellationToken stop)
{
    private const int Passed = 0;
    private const int Failed = 1;
    private const int Usage = 2;
    private const int Unreachable = 3;

    private readonly Protocol _protocol = parse.GetValue(options.Protocol)!;
    private readonly bool _strict = parse.GetValue(options.Strict);
    private readonly DateTimeOffset _date = DateTimeOffset.UtcNow;
    private readonly LastRun _last = new(string.Join('\n', parse.GetValue(options.Server), parse.GetValue(options.Client),
        parse.GetValue(options.Mailer)) + (parse.GetValue(options.Protocol) == Protocol.BlackPony ? "" : "\nSTARTTLS"));

    // What --profile names; without it a target is tested for what it offers.
    private IReadOnlyList<Profile> _claims = [];

    private bool IsStartTls => _protocol == Protocol.StartTls;

    private IReadOnlyList<CaseInfo> AllCases => IsStartTls
        ? [.. StartTlsServerCases.All.Select(c => c.Info), .. StartTlsClientCases.All.Select(c => c.Info)]
        : [.. ServerCases.All.Select(c => c.Info), .. ClientCases.All.Select(c => c.Info)];

    // Whether a server that failed takes no connection any more.
    private bool _gone;

    public async Task<int> RunAsync()
    {
        var (k, n) = parse.GetValue(options.Shard) ?? (1, 1);
        if (parse.GetResult(options.Profiles) is not null)
        {
            _claims = parse.GetValue(options.Profiles)!;
            if (_claims.SequenceEqual(Enum.GetValues<Profile>()))
                _claims = _protocol.Profiles;
            else if (_claims.Except(_protocol.Profiles).Select(Word).FirstOrDefault() is { } wrong)
            {
                var known = string.Join(", ", _protocol.Profiles.Select(Word));
                return Complain(Usage, $"'{wrong}' is no profile of {_protocol.Name}: {known}.");
            }
        }

        if (WrongOption() is { } option)
            return Complain(Usage, option);

        var selection = new Selection
        {
            Select = parse.GetValue(options.Select) ?? [],
            Exclude = parse.GetValue(options.Exclude) ?? [],
            Profiles = _claims.Count == 0 ? _protocol.Usual : _claims,
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

        bool hasServer = parse.GetValue(options.Server) is not null;
        bool hasClient = parse.GetValue(options.Client) is not null || parse.GetValue(options.Mailer) is not null;
        var last = parse.GetValue(options.LastFailed) && _last.Read() is { Count: > 0 } failed ? failed : null;
        var servers = hasServer || !hasClient
            ? IsStartTls
                ? Chosen<ServerTarget, StartTlsProbe>(StartTlsServerCases.All, CaseRunner.RunAsync)
                : Chosen<ServerTarget, ServerProbe>(ServerCases.All, CaseRunner.RunAsync)
            : Work<ServerTarget>.None;
        var clients = hasClient || !hasServer
            ? IsStartTls
                ? Chosen<ClientTarget, StartTlsClientProbe>(StartTlsClientCases.All, CaseRunner.RunAsync)
                : Chosen<ClientTarget, ClientProbe>(ClientCases.All, CaseRunner.RunAsync)
            : Work<ClientTarget>.None;
        if (last is not null && servers.Cases.Count + clients.Cases.Count == 0)
            return Complain(Usage, "none of the cases that failed last is selected.");

        if (servers.Cases.Count + clients.Cases.Count == 0 && n == 1)
            return Complain(Usage, "no case is selected: what --select names is not in these profiles; see --list --profile all.");

        if (!TryOutputs(out var outputs, out var problem))
            return Complain(Usage, problem);

        if (parse.GetValue(options.List))
            return await ListAsync([.. servers.Cases, .. clients.Cases], outputs);

        if (!TryReadFiles(out var expected, out var compared, out problem))
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

        Work<TTarget> Chosen<TTarget, T>(IReadOnlyList<Case<T>> all, RunCases<TTarget, T> run)
        {
            var chosen = selection.From(all).Where(c => last is null || last.Contains(c.Id)).ToList();
            return new Work<TTarget>([.. chosen.Select(c => c.Info)], (target, how) => run(target, chosen, how));
        }
    }

    private async Task<int> RunAsync(Work<ServerTarget> servers, Work<ClientTarget> clients, IReadOnlyList<Profile> profiles,
        Baseline expected, IReadOnlyList<RunReport> compared, IReadOnlyList<(string Format, string? File)> outputs)
    {
        if (parse.GetValue(options.Save) is { } folder)
            Directory.CreateDirectory(folder);

        using var progress = new Progress(servers.Cases.Count + clients.Cases.Count);
        var run = new RunOptions(TimeSpan.FromSeconds(parse.GetValue(options.Timeout)), parse.GetValue(options.Jobs),
            parse.GetValue(options.Seed)!)
        {
            Claims = _claims,
            MaxFailures = parse.GetValue(options.MaxFailures),
            Stop = stop,
            Done = progress.Show,
        };
        var watch = Stopwatch.StartNew();
        var results = new List<CaseResult>();
        var preflights = new List<PreflightResult>();
        var (serverName, clientName) = ((string?)null, (string?)null);
        // Of the embedded reference both roles at once: each case has a server or a client of its own.
        var mailers = clients.Cases.Count > 0 && run.MaxFailures == 0 && IsEmbedded
            ? clients.RunAsync(Client(), run)
            : null;
        if (servers.Cases.Count > 0)
        {
            ServerTarget? target = null;
            try
            {
                target = await ServerAsync();
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                var address = parse.GetValue(options.Server)!;
                preflights.Add(PreflightResult.NotReached(TestRole.Server, $"{address.Host}:{address.Port}", e.Message));
            }

            await using (target)
            {
                serverName = target?.Name ?? preflights[0].Target;
                if (target is RemoteServer)
                {
                    progress.Wait(target.Name);
                    preflights.Add(await new Preflight(run, servers.Cases).RunAsync(target));
                }

                progress.Begin();
                if (GoesOn(preflights))
                    results.AddRange(await servers.RunAsync(target!, run));

                if (!stop.IsCancellationRequested && target is RemoteServer remote
                    && results.Any(r => r.Verdict is Verdict.Fail or Verdict.Error))
                {
                    _gone = !await AnswersAsync(remote);
                }
            }
        }

        if (clients.Cases.Count > 0 && (mailers is not null || GoesOn(preflights)))
        {
            var target = Client();
            clientName = target.Name;
            if (target is ClientCommand { IsThere: false })
                preflights.Add(PreflightResult.NotReached(TestRole.Client, target.Name, "its program was not found."));
            else if (target is ClientCommand)
            {
                progress.Wait(target.Name);
                preflights.Add(await new Preflight(run, clients.Cases).RunAsync(target));
            }

            progress.Begin();
            if (mailers is not null || GoesOn(preflights))
            {
                results.AddRange(await (mailers
                    ?? clients.RunAsync(target, run with { MaxFailures = Left(run, results) })));
            }
        }

        progress.Clear();
        var report = new RunReport(serverName, clientName, run.Seed, results, watch.Elapsed)
        {
            Protocol = _protocol,
            Date = _date,
            CommandLine = string.Join(' ', Environment.GetCommandLineArgs().Skip(1).Select(WithoutPassword).Select(Quoted)
                .Prepend("blackpony-conformance")),
            Profiles = profiles,
            // What a signal cut short says nothing about the target.
            Preflights = [.. preflights.Where(p => !stop.IsCancellationRequested || !p.Failures.Any(f => f.IsSilent || f.IsUnreachable))],
            NotRun = servers.Cases.Count + clients.Cases.Count - results.Count,
        }.Explained();
        if (Unreached(preflights) && !stop.IsCancellationRequested)
        {
            await WriteFilesAsync(report, expected, compared, outputs);
            var (preflight, failure) = preflights.Select(p => (p, p.Failures.FirstOrDefault(f => f.IsUnreachable))).First(p => p.Item2
                is not null);
            return Complain(Unreachable, preflight.Role == TestRole.Server
                ? Nobody(failure!)
                : $"the command '{preflight.Target}' made no session: {failure!.Detail} Try it by hand, or give its full path.");
        }

        int code = await WriteAsync(report, expected, compared, outputs);
        return _gone && code == Failed
            ? Complain(Unreachable, $"{serverName} takes no connection any more: it has ended in the run, and what failed after that says "
                + "nothing about it. Look why it ended, start it, and try again.")
            : code;
    }

    private static async Task<bool> AnswersAsync(RemoteServer server)
    {
        try
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            await server.ReachAsync(patience.Token);
            return true;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return false;
        }
    }

    private async Task WriteFilesAsync(RunReport report, Baseline expected, IReadOnlyList<RunReport> compared,
        IReadOnlyList<(string Format, string? File)> outputs)
    {
        foreach (var (format, file) in outputs.Where(o => o.Format != "console"))
        {
            var text = Write(format, report, expected, compared);
            if (file is null)
                Console.Out.Write(text);
            else
                await WholeFile.WriteAsync(file, text);
        }
    }

    private async Task<int> WriteAsync(RunReport report, Baseline expected, IReadOnlyList<RunReport> compared,
        IReadOnlyList<(string Format, string? File)> outputs)
    {
        await WriteFilesAsync(report, expected, compared, outputs);
        bool console = outputs.All(o => o.File is not null || o.Format == "console");
        if (console)
            new ConsoleReport(parse.GetValue(options.Verbose), _strict, expected, parse.GetValue(options.Durations)).Show(report);

        if (parse.GetValue(options.Save) is { } folder)
            Save(report, folder, console);

        _last.Write(report.Results);
        if (stop.IsCancellationRequested)
        {
            CommandLine.Complain($"ended by a signal: the report has the {report.Results.Count} cases that were run; {report.NotRun} "
                + $"were not.");
            return Interruption.ExitCode;
        }

        return report.Stopped is null ? await JudgeAsync(report, expected, console) : Failed;
    }

    // A failed preflight ends the run, unless --no-preflight is set or a baseline says which failures are expected. No baseline goes on
    // where nothing comes: each case would wait for its time-out.
    private bool GoesOn(IReadOnlyList<PreflightResult> preflights) =>
        !stop.IsCancellationRequested && !Unreached(preflights)
        && (parse.GetValue(options.NoPreflight) || preflights.All(p => p.Failures.Count == 0)
            || (parse.GetValue(options.Expected) is not null && !preflights.Any(p => p.Failures.Any(f => f.IsSilent))));

    private bool Unreached(IReadOnlyList<PreflightResult> preflights) =>
        !parse.GetValue(options.NoPreflight) && preflights.Any(p => p.Failures.Any(f => f.IsUnreachable));

    private static int Left(RunOptions run, IReadOnlyList<CaseResult> results) => run.MaxFailures == 0
        ? 0
        : Math.Max(1, run.MaxFailures - results.Count(r => r.Verdict is Verdict.Fail or Verdict.Error));

    private string Nobody(PreflightFailure failure)
    {
        var server = parse.GetValue(options.Server)!;
        var why = failure.Detail.Split('\n')[0].TrimEnd('.');
        return failure.Step > Step.Greeting
            ? $"the mail server at {server.Host}:{server.Port} greets, and is not ready for EHLO ({why}). Its log may say why; or name "
                + "another with --server."
            : $"no mail server answers at {server.Host}:{server.Port} ({why}). Start it, or name another with --server.";
    }

    private static void Save(RunReport report, string folder, bool console)
    {
        int saved = 0;
        foreach (var result in report.Results.Where(r => r.Verdict is Verdict.Fail or Verdict.Error))
        {
            SavedCase.Write(folder, result.Case.Id, result.Transcript, result.KeyLog);
            saved++;
        }

        foreach (var failure in report.Preflights.SelectMany(p => p.Failures).Where(f => f.Transcript.Length > 0))
        {
            SavedCase.Write(folder, $"preflight-{failure.What.Replace(' ', '-')}", failure.Transcript, failure.KeyLog);
            saved++;
        }

        if (console && saved > 0)
        {
            Console.WriteLine($"{(saved == 1 ? "1 dialogue is" : $"{saved} dialogues are")} in {folder}; to look at one: "
                + $"wireshark -X lua_script:spec/wireshark/blackpony.lua -o blackpony.keylog:NAME.keylog NAME.pcap");
        }
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

        if (unexpected.Count + stale.Count > 0)
            return Failed;

        // Where nothing was tested nothing has passed.
        return report.Results.Count > 0 && report.Results.All(r => r.Verdict == Verdict.NotApplicable)
            ? Complain(Usage, "nothing was tested: no case that is selected applies to this target; the report says why.")
            : Passed;
    }

    private Dictionary<string, TimeSpan> Timeouts => parse.GetValue(options.Timeouts) ?? [];

    private bool IsEmbedded => parse.GetValue(options.Server) is null && parse.GetValue(options.Client) is null
        && parse.GetValue(options.Mailer) is null;

    private ClientTarget Client() => parse.GetValue(options.Mailer) is { } mailer ? new MailerCommand(mailer, Timeouts)
        : parse.GetValue(options.Client) is not { } client ? IsStartTls ? new EmbeddedMailClient() : new EmbeddedMailer()
        : IsStartTls
            ? new MailClientCommand(client, Timeouts, parse.GetValue(options.Policies) is { Length: > 0 } policies ? policies : null)
            : new PlainClientCommand(client, Timeouts);

    private async Task<ServerTarget> ServerAsync()
    {
        if (parse.GetValue(options.Server) is not { } address)
            return IsStartTls ? new EmbeddedStartTlsServer() : new EmbeddedServer();

        int backend = parse.GetValue(options.Backend);
        RemoteServer server;
        try
        {
            server = new RemoteServer(address.Host, address.Port, backend, Timeouts, parse.GetValue(options.Mailbox)) { Facts = Facts() };
        }
        catch (SocketException e)
        {
            throw new OwnTroubleException($"port {backend} of 127.0.0.1, on which the suite plays the backend: {e.Message}", e);
        }

        // However short the cases' time is: a busy machine is not one where nothing listens.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(TimeSpan.FromSeconds(Math.Max(parse.GetValue(options.Timeout), 10)));
        await server.ReachAsync(patience.Token);
        return server;
    }

    private MailFacts Facts() => new()
    {
        Local = parse.GetValue(options.Local) ?? [],
        Foreign = parse.GetValue(options.Foreign),
        Credentials = parse.GetValue(options.Auth),
        RequiresTls = parse.GetValue(options.RequiresTls),
        IsPublic = parse.GetValue(options.Public),
        WantsCertificate = parse.GetValue(options.WantsCertificate),
        WithoutCertificate = parse.GetValue(options.WithoutCertificate),
    };

    // An option of the other protocol, which would have no effect.
    private string? WrongOption()
    {
        Option[] own = IsStartTls ? [options.Backend, options.Mailer] : options.OfStartTls;
        if (Given(own) is { } option)
            return $"{option.Name} has no effect with --protocol {_protocol.Name}.";

        // 'default' names those of both protocols.
        var names = Timeouts.Keys.ToLookup(k => (k == Protocol.HandshakeTimeout) == IsStartTls);
        if (!names[true].Any() && names[false].FirstOrDefault() is { } timeout)
            return $"{timeout} is no time-out of {_protocol.Name}: it has {string.Join(", ", _protocol.Timeouts.Keys)}.";

        if (parse.GetValue(options.Server) is null && Given([.. options.OfStartTls.Except([options.Policies])]) is { } ofServer)
            return $"{ofServer.Name} has no effect without --server.";

        return parse.GetValue(options.Client) is null && Given([options.Policies]) is { } ofClient
            ? $"{ofClient.Name} has no effect without --client."
            : null;

        Option? Given(Option[] among) => among.FirstOrDefault(o => parse.GetResult(o) is { Implicit: false });
    }

    private static string Word(Profile profile) => profile.ToString().ToLowerInvariant();

    private string Write(string format, RunReport report, Baseline expected, IReadOnlyList<RunReport> compared) => format switch
    {
        "json" => JsonReport.Write(report),
        "junit" => JUnitReport.Write(report, _strict, expected),
        "tap" => TapReport.Write(report, _strict, expected),
        "sarif" => SarifReport.Write(report, _strict, expected, parse.GetValue(options.Annotate)!),
        "badge" => BadgeReport.Write(report),
        _ => HtmlReport.Write([report, .. compared], parse.GetValue(options.Spec) ?? ""),
    };

    private bool TryReadFiles(out Baseline expected, out IReadOnlyList<RunReport> compared, out string problem)
    {
        (expected, compared, problem) = (new Baseline([]), [], "");
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

        return true;
    }

    private bool TryOutputs(out IReadOnlyList<(string, string?)> outputs, out string problem)
    {
        (outputs, problem) = ([], "");
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
                ".sarif" => "sarif",
                ".svg" => "badge",
                _ => null,
            };
            if (format is null)
            {
                problem = $"the format of {extra} is not known: put --format before it, or use the extension .json, .xml, .html, .tap, "
                    + ".sarif or .svg.";
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

        if (parse.GetValue(options.WriteBaseline) && parse.GetValue(options.Expected) is { } baseline)
            files.Add(baseline);

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

    private async Task<int> ListAsync(IReadOnlyList<CaseInfo> cases, IReadOnlyList<(string Format, string? File)> outputs)
    {
        bool json = (parse.GetValue(options.Format) ?? []).Contains("json");
        foreach (var (_, file) in outputs.Where(o => json && o.Format == "json"))
        {
            if (file is null)
                Console.Out.Write(JsonReport.List(cases));
            else
                await WholeFile.WriteAsync(file, JsonReport.List(cases));
        }

        if (outputs.Any(o => o is ("json", null)))
            return Passed;

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

    // Reports are published, as by CI.
    private string WithoutPassword(string word) => parse.GetValue(options.Auth) is (var user, var password)
        ? word.Replace($"{user}:{password}", $"{user}:***", StringComparison.Ordinal)
        : word;

    // As a shell reads it.
    private static string Quoted(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "-_./:=,@+%".Contains(c, StringComparison.Ordinal))
            ? word
            : $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    // The cases of a role that are to be run, whatever the protocol.
    private sealed record Work<TTarget>(IReadOnlyList<CaseInfo> Cases,
        Func<TTarget, RunOptions, Task<IReadOnlyList<CaseResult>>> RunAsync)
    {
        public static Work<TTarget> None { get; } = new([], (_, _) => Task.FromResult<IReadOnlyList<CaseResult>>([]));
    }

    private delegate Task<IReadOnlyList<CaseResult>> RunCases<TTarget, T>(TTarget target, IReadOnlyList<Case<T>> cases,
        RunOptions options);

    // What the suite quotes of a peer is escaped already.
    private static int Complain(int code, string message)
    {
        CommandLine.Complain(message, isEscaped: true);
        return code;
    }
}
