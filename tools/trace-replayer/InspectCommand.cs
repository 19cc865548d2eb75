using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text;
using BlackPony.Traces;
using BlackPony.Traces.Extraction;
using BlackPony.Traces.Reports;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tools.TraceReplayer;

/// <summary><c>blackpony-replay inspect</c>.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var files = new Argument<string[]>("file")
        {
            Description = "Captures (pcap, pcapng, gzip of either), transcripts, or folders of them; - is standard input.",
            Arity = ArgumentArity.OneOrMore,
        };
        files.Validators.Add(Arguments.RejectOptions);
        var port = new Option<int[]>("--port")
        {
            Description = "TCP port that always has SMTP; may be given several times. On other ports SMTP is found by content. [default: "
                + "25, 465, 587]",
            HelpName = "n",
            CustomParser = Ports,
        };
        var keyLog = new Option<string?>("--keylog")
        {
            Description = "Key log file (specification, Section 11.3, or SSLKEYLOGFILE), for decrypting records and TLS.",
            HelpName = "file",
        };
        var format = new Option<string>("--format")
        {
            Description = "text, json, jsonl (one session on a line) or html.",
            HelpName = "format",
            DefaultValueFactory = _ => "text",
        };
        format.AcceptOnlyFromAmong("text", "json", "jsonl", "html");
        var json = new Option<bool>("--json") { Description = "Short for --format json." };
        var verbose = new Option<bool>("--verbose", "-v") { Description = "Also show the dialogue, and notes." };
        var failOn = new Option<string>("--fail-on")
        {
            Description = "Exit with 1 if there is a finding of this level or above: note, warning or error.",
            HelpName = "level",
            DefaultValueFactory = _ => "error",
        };
        failOn.AcceptOnlyFromAmong("note", "warning", "error");
        var output = new Option<string?>("--output", "-o") { Description = "Write the report to this file.", HelpName = "file" };
        var extract = new Option<string?>("--extract")
        {
            Description = "Write each message into this folder as .eml: without dot-stuffing, chunks joined. "
                + "The file name tells if it was refused or has a gap.",
            HelpName = "folder",
        };
        var summary = new Option<bool>("--summary")
        {
            Description =
                "Show totals instead of sessions: servers, reply codes, reasons, slowest replies, how many sessions were encrypted.",
        };
        var follow = new Option<bool>("--follow") { Description = "Follow the file as it grows, until interrupted." };
        var merge = new Option<bool>("--merge")
        {
            Description = "Read files that overlap in time as one capture: each direction in a file of its own, or several interfaces.",
        };
        var filter = new FilterOptions();
        var command = new Command("inspect",
            "Report what is in captures: sessions, messages, upgrades, and errors.") { files, port, keyLog, format, json,
            verbose, failOn, output, extract, summary, follow, merge };
        filter.AddTo(command);
        Help.Example(command, """
              blackpony-replay inspect capture.pcap                      a line for each session, then its warnings and errors
              blackpony-replay inspect --verbose capture.pcapng.gz       with the dialogue
              blackpony-replay inspect --keylog keys.log capture.pcap    with the content of records
              blackpony-replay inspect --port 2525 --json captures/      a folder, as JSON
              blackpony-replay inspect --format html -o report.html spec/transcripts
              blackpony-replay inspect --fail-on warning capture.pcap    for scripts
              blackpony-replay inspect --extract mail --refused capture.pcap
              blackpony-replay inspect --summary --host 192.0.2.1 --after 2026-11-24T08:00Z capture.pcap
              tcpdump -U -w - port 25 | blackpony-replay inspect --format jsonl -
              blackpony-replay inspect capture.pcap*                     of tcpdump -C or -G: read as one
            Files are read in the order of their first packets. A file that begins where the preceding one ended continues its sessions.
            Files that overlap in time (two interfaces or directions) are one capture with --merge.
            Exit codes: 0 clean, 1 findings at or above --fail-on, 2 usage, 3 unreadable.
            """);
        command.Validators.Add(r =>
        {
            if (r.GetValue(summary) && r.GetValue(format) == "html")
                r.AddError("--summary is text or JSON, not HTML.");
        });
        command.SetAction((parse, cancel) => Task.Run(() =>
        {
            KeyLog? keys = null;
            if (parse.GetValue(keyLog) is { } path)
            {
                try
                {
                    keys = KeyLog.Read(path, parse.GetValue(follow));
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    return Unreadable(path, e.Message);
                }

                if (keys.BadLines > 0)
                    CommandLine.Complain($"{path}: {keys.BadLines} lines are not key log lines.");
            }

            var kind = parse.GetValue(json) ? "json" : parse.GetValue(format)!;
            var options = new InspectOptions { Keys = keys, Dialogue = parse.GetValue(verbose) || kind == "html",
                Exchanges = kind is "json" or "jsonl" };
            if (parse.GetValue(port) is { Length: > 0 } ports)
                options = options with { Ports = [.. options.Ports, .. ports] };

            Stream stream;
            MessageFolder? messages;
            try
            {
                messages = parse.GetValue(extract) is { } folder ? new MessageFolder(folder) : null;
                options = messages?.With(options) ?? options;
                stream = parse.GetValue(output) is { } file ? File.Create(file) : Console.OpenStandardOutput();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return Unreadable(parse.GetValue(output) ?? parse.GetValue(extract)!, e.Message);
            }

            var what = new Wanted(kind, parse.GetValue(verbose), Enum.Parse<FindingLevel>(parse.GetValue(failOn)!, ignoreCase: true),
                filter.Read(parse), parse.GetValue(summary), parse.GetValue(follow), parse.GetValue(merge));

            try
            {
                using (stream)
                {
                    return Inspect(InputFiles.Find(parse.GetValue(files)!), options, what, stream, cancel);
                }
            }
            catch (IOException e)
            {
                // The disk is full, or the reader of our output has gone.
                CommandLine.Complain($"the report cannot be written: {e.Message}");
                return 3;
            }
        }));
        return command;
    }

    private sealed record Wanted(string Kind, bool Verbose, FindingLevel FailOn, SessionFilter? Filter, bool Summary,
        bool Follow, bool Merge);

    private static int Inspect(IReadOnlyList<(string Path, bool Named)> inputs, InspectOptions options, Wanted wanted, Stream stream,
        CancellationToken stop)
    {
        var (kind, verbose, failOn) = (wanted.Kind, wanted.Verbose, wanted.FailOn);
        var sum = wanted.Summary ? new Summary() : null;
        if (inputs.Count == 0)
        {
            CommandLine.Complain("there is no file in that folder.");
            return 3;
        }

        using var writer = new StreamWriter(stream, new UTF8Encoding(false), 65536) { AutoFlush = wanted.Follow };
        using var jsonReport = sum is null && kind is ("json" or "jsonl") ? new JsonReport(stream, kind == "jsonl") : null;
        IReport report = jsonReport ?? (kind == "html" ? new HtmlReport(writer) : (IReport)new TextReport(writer, verbose));
        bool unreadable = false;
        int code = 0;
        long total = wanted.Follow ? 0 : inputs.Sum(i => File.Exists(i.Path) ? new FileInfo(i.Path).Length : 0);
        ProgressBar.Run(total, progress =>
        {
            FindingLevel? highest = null;
            var inspector = new Inspector(options, session =>
            {
                session.Findings.ForEach(f => highest = highest is null || f.Level > highest ? f.Level : highest);
                if (sum is null)
                    report.Session(session);
                else
                    sum.Add(session);
            })
            {
                Progress = progress, Filter = wanted.Filter, Follow = wanted.Follow, Merge = wanted.Merge, Stop = stop,
            };
            // A folder may hold other things too.
            var files = inspector.Inspect([.. inputs.Select(i => i.Path)]).Where((f, i) => !f.IsForeign || inputs[i].Named).ToList();
            foreach (var file in files.Where(f => f.Unreadable is not null))
            {
                Unreadable(file.Name, file.Unreadable!);
                unreadable = true;
            }

            if (sum is null)
                report.Finish(files, inspector.Totals);
            else if (kind is "json" or "jsonl")
                sum.WriteJson(stream);
            else
                sum.Write(writer);

            files.SelectMany(f => f.Findings).ToList().ForEach(f => highest = highest is null || f.Level > highest ? f.Level : highest);
            code = unreadable ? 3 : highest >= failOn ? 1 : 0;
        });
        return code;
    }

    private static int Unreadable(string path, string why)
    {
        CommandLine.Complain($"{path}: {why}");
        return 3;
    }

    private static int[] Ports(ArgumentResult result)
    {
        var ports = new List<int>();
        foreach (var token in result.Tokens)
        {
            if (!int.TryParse(token.Value, out int port) || port is < 1 or > 65535)
            {
                result.AddError($"--port is a number from 1 to 65535, not '{token.Value}'.");
                return [];
            }

            ports.Add(port);
        }

        return [.. ports];
    }
}
