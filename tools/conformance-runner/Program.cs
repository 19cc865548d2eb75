using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Diagnostics;
using System.Globalization;
using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using Spectre.Console;

var server = new Option<string?>("--server") { Description = "Test the server at this address instead of the embedded reference.", HelpName = "host:port" };
var mailer = new Option<string?>("--mailer") { Description = "Test a client: a command with {host} and {port} that speaks SMTP on its standard input and output, as sendmail's mailers do.", HelpName = "command" };
var list = new Option<bool>("--list") { Description = "List the cases and run none." };
var timeout = new Option<double>("--timeout")
{
    Description = "Seconds that a case may take.", HelpName = "seconds", DefaultValueFactory = _ => 10,
    CustomParser = r => double.TryParse(r.Tokens[0].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double s) && s is > 0 and <= 3600 ? s : Bad(r, "--timeout is a number of seconds up to 3600."),
};
var root = new RootCommand("Checks a BlackPony port against the specification: the embedded reference, server and client, if nothing else is named.") { server, mailer, list, timeout };
root.Options.OfType<HelpOption>().Single().Action = new HelpWithExamples();
var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
if (parsed.Action is ParseErrorAction)
{
    foreach (var error in parsed.Errors.Where(e => e.Message.Length > 0))
    {
        Console.Error.WriteLine($"blackpony-conformance: {error.Message}");
    }

    Console.Error.WriteLine("Try --help.");
    return 2;
}

root.SetAction(async (parse, cancel) => await RunAsync(parse));
return await root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null }).InvokeAsync();

async Task<int> RunAsync(ParseResult parse)
{
    if (Console.IsOutputRedirected)
    {
        AnsiConsole.Profile.Width = 1000;
    }

    var results = new List<CaseResult>();
    var patience = TimeSpan.FromSeconds(parse.GetValue(timeout));
    var watch = Stopwatch.StartNew();
    if (parse.GetValue(list))
    {
        ServerCases.All.ToList().ForEach(c => Console.WriteLine($"{c.Id,-9} {c.Level,-6} {c.Profile,-8} {c.Title} [{c.Requirements}]"));
        ClientCases.All.ToList().ForEach(c => Console.WriteLine($"{c.Id,-9} {c.Level,-6} {c.Profile,-8} {c.Title} [{c.Requirements}]"));
        return 0;
    }

    var address = parse.GetValue(server);
    if (address is not null || parse.GetValue(mailer) is null)
    {
        EmbeddedServer? embedded = address is null ? new EmbeddedServer() : null;
        try
        {
            var (host, port) = ("127.0.0.1", embedded?.Port ?? 0);
            if (address is not null)
            {
                int colon = address.LastIndexOf(':');
                host = address[..Math.Max(colon, 0)].Trim('[', ']');
                if (host.Length == 0 || !int.TryParse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) || port is < 1 or > 65535)
                {
                    Console.Error.WriteLine($"blackpony-conformance: '{address}' is no host and port; write 127.0.0.1:2525.");
                    return 2;
                }
            }

            try
            {
                using var reach = new CancellationTokenSource(patience);
                await (await ServerProbe.ConnectAsync(host, port, reach.Token)).DisposeAsync();
            }
            catch (Exception e) when (e is System.Net.Sockets.SocketException or OperationCanceledException or CaseFailedException)
            {
                Console.Error.WriteLine($"blackpony-conformance: no mail server answers at {host}:{port} ({e.Message}). Start it, or name another with --server.");
                return 3;
            }

            AnsiConsole.MarkupLineInterpolated($"[bold]Server[/] {(embedded is null ? address! : "embedded reference")}");
            results.AddRange(await CaseRunner.RunAsync(ServerCases.All, c => ServerProbe.ConnectAsync(host, port, c), patience, 8, Show));
        }
        finally
        {
            if (embedded is not null)
            {
                await embedded.DisposeAsync();
            }
        }
    }

    if (address is null || parse.GetValue(mailer) is not null)
    {
        ClientTarget target = parse.GetValue(mailer) is { } command ? new MailerProcess(command) : new EmbeddedMailer();
        AnsiConsole.MarkupLineInterpolated($"[bold]Client[/] {parse.GetValue(mailer) ?? "embedded reference"}");
        results.AddRange(await CaseRunner.RunAsync(ClientCases.All, c => Task.FromResult(new ClientProbe(target, c)), patience, 8, Show));
    }

    int Count(Verdict v) => results.Count(r => r.Verdict == v);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\n{Count(Verdict.Pass)} passed, {Count(Verdict.Fail)} failed, {Count(Verdict.Warn)} warned, {Count(Verdict.NotApplicable)} not applicable, {Count(Verdict.Error)} errors in {watch.Elapsed.TotalSeconds:0.0} s"));
    return Count(Verdict.Fail) + Count(Verdict.Error) > 0 ? 1 : 0;
}

static void Show(CaseResult result)
{
    var (mark, colour) = result.Verdict switch
    {
        Verdict.Pass => ("pass", "green"),
        Verdict.Fail => ("FAIL", "red"),
        Verdict.Warn => ("warn", "yellow"),
        Verdict.NotApplicable => ("n/a ", "grey"),
        _ => ("ERR ", "magenta"),
    };
    lock (AnsiConsole.Console)
    {
        AnsiConsole.MarkupLine($"  [{colour}]{mark}[/] {result.Id,-8} {Markup.Escape(result.Title)}");
        if (result.Detail.Length > 0)
        {
            AnsiConsole.MarkupLine($"           {Markup.Escape(result.Detail)}");
            AnsiConsole.MarkupLine($"           [grey]checks {Markup.Escape(result.Requirements)}; see spec/blackpony.md[/]");
        }
    }
}

static double Bad(System.CommandLine.Parsing.ArgumentResult result, string message)
{
    result.AddError(message);
    return 0;
}

internal sealed class HelpWithExamples : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        int code = new HelpAction().Invoke(parseResult);
        parseResult.InvocationConfiguration.Output.WriteLine("""
            Examples:
              blackpony-conformance                                     the embedded reference, both roles
              blackpony-conformance --server 127.0.0.1:2525             another port's server
              blackpony-conformance --mailer 'myport {host} {port}'     another port's client
            Exit codes: 0 all passed, 1 some failed, 2 usage, 3 target unreachable.

            """);
        return code;
    }
}
