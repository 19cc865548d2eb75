using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using BlackPony.Reference.Suites;
using BlackPony.Traces.Replay;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tools.TraceReplayer;

/// <summary><c>blackpony-replay replay</c>.</summary>
internal static class ReplayCommand
{
    // As of a program that SIGINT ended.
    private const int Interrupted = 130;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "A capture or transcript; - is standard input." };
        file.Validators.Add(Arguments.RejectOptions);
        var to = new Option<(string Host, int Port)?>("--to")
        {
            Description = "Play the captured client, to the server at this address. Nothing is sent elsewhere.",
            HelpName = "host:port",
            CustomParser = HostAndPort,
        };
        var serve = new Option<(string Host, int Port)?>("--serve")
        {
            Description = "Play the captured server, at this address. Each connection gets the next session.",
            HelpName = "address:port",
            CustomParser = HostAndPort,
        };
        var session = new Option<int[]>("--session")
        {
            Description = "Only this session of the file, by the number that inspect prints; may be given several times.",
            HelpName = "n",
        };
        var upgrade = new Option<Suite?>("--upgrade")
        {
            Description = "Replay after a BlackPony upgrade with this suite.",
            HelpName = "suite",
            CustomParser = FindSuite,
        };
        var strict = new Option<bool>("--strict")
        {
            Description = "Also compare the texts of replies, except for dates, names, addresses and ids.",
        };
        var rate = new Option<string>("--rate")
        {
            Description = "fast; or original, with the captured pauses between commands.",
            HelpName = "rate",
            DefaultValueFactory = _ => "fast",
        };
        rate.AcceptOnlyFromAmong("fast", "original");
        var rewrite = new Option<(string From, string To)[]>("--rewrite")
        {
            Description = "Replace an address, or an @domain, in MAIL and RCPT; may be given several times.",
            HelpName = "old=new",
            CustomParser = Rules,
        };
        var keyLog = new Option<string?>("--keylog")
        {
            Description = "Key log file, to replay the content of records or TLS.",
            HelpName = "file",
        };
        var format = new Option<string>("--format")
        {
            Description = "text, junit or json.",
            HelpName = "format",
            DefaultValueFactory = _ => "text",
        };
        format.AcceptOnlyFromAmong("text", "junit", "json");
        var timeout = new Option<int>("--timeout")
        {
            Description = "Seconds to wait for a reply, or a command.",
            HelpName = "seconds",
            DefaultValueFactory = _ => 30,
        };
        var wait = new Option<int>("--wait")
        {
            Description = "Seconds that --serve waits for the next client.",
            HelpName = "seconds",
            DefaultValueFactory = _ => 300,
        };
        var connections = new Option<int>("--connections")
        {
            Description = "Number of sessions to replay concurrently.",
            HelpName = "n",
            DefaultValueFactory = _ => 1,
        };
        var perSecond = new Option<double>("--per-second")
        {
            Description = "Maximum number of sessions to begin in a second; 0 is no limit.",
            HelpName = "n",
        };
        Arguments.Within(timeout, 1, 3600);
        Arguments.Within(wait, 1, 86400);
        Arguments.Within(connections, 1, 1000);
        Arguments.Within(perSecond, 0.0, 1_000_000);
        Arguments.Within(session, 1, int.MaxValue);
        var startTls = new Option<bool>("--starttls")
        {
            Description = "Replay in TLS, after STARTTLS with the live server, whose certificate is not checked.",
        };
        var user = new Option<string?>("--user")
        {
            Description = "Log in as this user instead of the captured one; the password is in BLACKPONY_REPLAY_PASSWORD.",
            HelpName = "name",
        };
        var command = new Command("replay",
            "Replay captured sessions to a live server or for a live client, and report the differences.") { file, to, serve,
            session, upgrade, strict, rate, rewrite, keyLog, format, timeout, wait, connections, perSecond, startTls, user };
        command.Validators.Add(r =>
        {
            if ((r.GetResult(to) is { Implicit: false }) == (r.GetResult(serve) is { Implicit: false }))
                r.AddError("Give either --to or --serve.");
            else if (r.GetResult(serve) is { Implicit: false } && r.GetResult(upgrade) is { Implicit: false })
                r.AddError("--upgrade needs --to.");
        });
        Help.Example(command, """
              blackpony-replay replay capture.pcap --to 127.0.0.1:2525
              blackpony-replay replay capture.pcap --to 127.0.0.1:2525 --upgrade X25519-CHACHA20POLY1305 --strict
              blackpony-replay replay capture.pcap --to 127.0.0.1:2525 --rewrite @example.org=@example.test --format junit > results.xml
              blackpony-replay replay capture.pcap --serve 127.0.0.1:2525 --session 1     for a client under test
            Exit codes: 0 as captured, 1 differences, 2 usage, 3 unreadable, unreachable, or nothing can be replayed, 130 interrupted.
            """);
        command.SetAction(async (parse, cancel) =>
        {
            var path = parse.GetValue(file)!;
            var options = new InspectOptions();
            try
            {
                options = parse.GetValue(keyLog) is { } keys ? options with { Keys = KeyLog.Read(keys) } : options;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return Fail(e.Message);
            }

            var scripts = Script.Read(path, options, out var read);
            if (read.Unreadable is { } why)
                return Fail($"{path}: {why}");

            if (parse.GetValue(session) is { Length: > 0 } chosen)
                scripts = [.. scripts.Where(s => chosen.Contains(s.Session.Number))];

            if (scripts.Count == 0)
                return Fail($"{path}: there is no session to replay, or none with that number.");

            var how = new ReplayOptions
            {
                Upgrade = parse.GetValue(upgrade), Strict = parse.GetValue(strict), OriginalRate = parse.GetValue(rate) == "original",
                Rewrite = parse.GetValue(rewrite) ?? [], Timeout = TimeSpan.FromSeconds(parse.GetValue(timeout)),
                Wait = TimeSpan.FromSeconds(parse.GetValue(wait)), StartTls = parse.GetValue(startTls),
                Credentials = parse.GetValue(user) is { } name
                    ? (name, Environment.GetEnvironmentVariable("BLACKPONY_REPLAY_PASSWORD") ?? "") : null,
            };
            var results = new ReplayResult?[scripts.Count];
            bool interrupted = false;
            try
            {
                if (parse.GetValue(to) is { } server)
                {
                    var client = new ReplayClient(server.Host, server.Port, how);
                    var pace = new Pace(parse.GetValue(perSecond), TimeProvider.System);
                    var parallel = new ParallelOptions { MaxDegreeOfParallelism = parse.GetValue(connections),
                        CancellationToken = cancel };
                    await Parallel.ForEachAsync(Enumerable.Range(0, scripts.Count), parallel, async (i, stop) =>
                    {
                        await pace.NextAsync(stop);
                        results[i] = await client.PlayAsync(scripts[i], stop);
                    });
                }
                else
                {
                    var (host, port) = parse.GetValue(serve)!.Value;
                    using var listener = new ReplayServer(new IPEndPoint(IPAddress.Parse(host), port), how);
                    CommandLine.Complain($"{scripts.Count} session{(scripts.Count == 1 ? "" : "s")} at {listener.Address}");
                    // All wait at once: a client may open the next connection before it ends one.
                    await Task.WhenAll(scripts.Select(async (s, i) => results[i] = await listener.PlayAsync(s, cancel)));
                }
            }
            catch (OperationCanceledException)
            {
                interrupted = true;
            }
            catch (Exception e) when (e is SocketException or FormatException)
            {
                var peer = (parse.GetValue(to) ?? parse.GetValue(serve))!.Value;
                return Fail($"{peer.Host}:{peer.Port}: {e.Message}");
            }

            var played = results.OfType<ReplayResult>().ToList();
            if (played.Count > 0 && played.All(r => r.IsUnreached))
            {
                var peer = parse.GetValue(to)!.Value;
                return Fail($"{peer.Host}:{peer.Port}: {played[0].Differences[0].Live}");
            }

            Write(played, parse.GetValue(format)!, Path.GetFileName(path));
            if (interrupted)
            {
                CommandLine.Complain($"interrupted; {scripts.Count - played.Count} sessions were not played to their end.");
                return Interrupted;
            }

            return played.Any(r => r.Differences.Count > 0) ? 1 : played.All(r => r.IsUnplayed) ? 3 : 0;
        });
        return command;
    }

    private static JsonObject Json(List<ReplayResult> results, string name) => new()
    {
        ["file"] = name,
        ["sessions"] = new JsonArray([.. results.Select(r => new JsonObject
        {
            ["session"] = r.Session,
            ["name"] = r.Name,
            ["exchanges"] = r.Exchanges,
            ["differences"] = new JsonArray(
                [.. r.Differences.Select(d => new JsonObject { ["exchange"] = d.Exchange, ["what"] = d.What, ["captured"] = d.Captured,
                ["live"] = d.Live })]),
            ["note"] = r.Note,
        })]),
    };

    private static void Write(List<ReplayResult> results, string format, string name)
    {
        switch (format)
        {
            case "json":
                Console.Out.WriteLine(Json(results, name).ToJsonString(Indented));
                break;
            case "junit":
                Console.Out.WriteLine(new XDocument(new XElement(
                    "testsuite",
                    new XAttribute("name", name),
                    new XAttribute("tests", results.Count),
                    new XAttribute("failures", results.Count(r => r.Differences.Count > 0)),
                    results.Select(r => new XElement(
                        "testcase",
                        new XAttribute("classname", name),
                        new XAttribute("name", $"{r.Session}: {r.Name}"),
                        r.Note is null ? null : new XElement("system-out", r.Note),
                        r.Differences.Count == 0 ? null
                            : new XElement("failure", new XAttribute("message", r.Differences[0].ToString()),
                            string.Join('\n', r.Differences)))))));
                break;
            default:
                foreach (var result in results)
                {
                    var note = result.Note is null ? "" : $". {result.Note}";
                    Console.Out.WriteLine(
                        $"{result.Session,4}  {result.Name}  {Count(result.Exchanges, "exchange")}, {Outcome(result)}{note}");
                    foreach (var difference in result.Differences)
                        Console.Out.WriteLine($"  {difference}");
                }

                if (results.Count > 1)
                {
                    int differ = results.Count(r => r.Differences.Count > 0);
                    int unplayed = results.Count(r => r.IsUnplayed);
                    Console.Out.WriteLine($"{results.Count} sessions: {results.Count - differ - unplayed} as captured, "
                        + $"{differ} with differences, {unplayed} not played");
                }

                break;
        }
    }

    private static string Outcome(ReplayResult result) => result.IsUnplayed ? "nothing played"
        : result.Differences.Count == 0 ? "as captured" : Count(result.Differences.Count, "difference");

    private static string Count(int number, string what) => number == 1 ? $"1 {what}" : $"{number} {what}s";

    private static int Fail(string why)
    {
        CommandLine.Complain($"{why}");
        return 3;
    }

    private static (string Host, int Port)? HostAndPort(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        int colon = text.LastIndexOf(':');
        if (colon > 0 && int.TryParse(text[(colon + 1)..], out int port) && port is >= 0 and <= 65535)
            return (text[..colon].Trim('[', ']'), port);

        result.AddError($"An address is host:port, not '{text}'.");
        return null;
    }

    private static Suite? FindSuite(ArgumentResult result)
    {
        var found = SuiteRegistry.Find(result.Tokens[0].Value);
        if (found is null)
            result.AddError($"There is no suite '{result.Tokens[0].Value}'; there are {string.Join(", ", SuiteRegistry.All)}.");

        return found;
    }

    private static (string From, string To)[] Rules(ArgumentResult result)
    {
        var rules = new List<(string, string)>();
        foreach (var token in result.Tokens)
        {
            if (token.Value.Split('=') is not [{ Length: > 0 } from, { Length: > 0 } to] || from.StartsWith('@') != to.StartsWith('@'))
            {
                result.AddError($"A rule is old=new, two addresses or two @domains, not '{token.Value}'.");
                return [];
            }

            rules.Add((from, to));
        }

        return [.. rules];
    }
}
