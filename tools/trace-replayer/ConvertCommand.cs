using System.CommandLine;
using BlackPony.Reference;
using BlackPony.Traces;
using BlackPony.Traces.Conversion;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tools.TraceReplayer;

/// <summary><c>blackpony-replay convert</c>.</summary>
internal static class ConvertCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "A capture or transcript; - is standard input." };
        file.Validators.Add(Arguments.RejectOptions);
        var to = new Option<string>("--to")
        {
            Description = "Output format: transcript (the specification's Appendix D) or pcap.",
            HelpName = "format",
            Required = true,
        };
        to.AcceptOnlyFromAmong("transcript", "pcap");
        var output = new Option<string?>("--output", "-o") { Description = "Write to this file.", HelpName = "file" };
        var anonymise = new Option<bool>("--anonymize")
        {
            Description = "Replace everything that is not known to be protocol: addresses, names, texts, header names and values, "
                + "passwords. A word is always replaced by the same one; lengths and lines stay. "
                + "Nothing is written if a word of the input would remain.",
        };
        var keyLog = new Option<string?>("--keylog")
        {
            Description = "Key log file; with it, a transcript has the content of records.",
            HelpName = "file",
        };
        var port = new Option<int[]>("--port") { Description = "TCP port that always has SMTP.", HelpName = "n" };
        var command = new Command("convert", "Write a capture's sessions as a transcript, or a transcript as a capture.") { file, to,
            output, anonymise, keyLog, port };
        Help.Example(command, """
              blackpony-replay convert capture.pcap --to transcript --keylog keys.log
              blackpony-replay convert spec/transcripts/pipelining.txt --to pcap -o pipelining.pcap
              blackpony-replay convert capture.pcap --to pcap --anonymize -o shareable.pcap
            Exit codes: 0 written, 2 usage, 3 unreadable or without a session.
            """);
        command.SetAction(parse =>
        {
            var path = parse.GetValue(file)!;
            try
            {
                var options = new InspectOptions { Keys = parse.GetValue(keyLog) is { } keys ? KeyLog.Read(keys) : null };
                options = options with { Ports = [.. options.Ports, .. parse.GetValue(port) ?? []] };
                return Convert(path, options, parse.GetValue(to) == "pcap", parse.GetValue(anonymise), parse.GetValue(output));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                CommandLine.Complain($"{e.Message}");
                return 3;
            }
        });
        return command;
    }

    private static int Convert(string path, InspectOptions options, bool toPcap, bool anonymize, string? target)
    {
        // Standard input can be read once only.
        using var input = anonymize && path == Inspector.StandardInput ? new TemporaryFile() : null;
        if (input is not null)
        {
            using var all = Console.OpenStandardInput();
            all.CopyTo(input.Stream);
            input.Stream.Flush();
        }

        // What is not written whole leaves no half of it, and what the check at the end finds fault with nothing.
        using var part = target is not null || anonymize ? new TemporaryFile(target) : null;
        var stream = part?.Stream ?? Console.OpenStandardOutput();
        var converter = new Converter(options, anonymize ? new SystemRandom() : null);
        var read = toPcap ? converter.ToPcap(input?.Path ?? path, stream, out int sessions)
            : converter.ToTranscript(input?.Path ?? path, stream, out sessions);
        stream.Flush();
        if (read.Unreadable is { } why || sessions == 0)
        {
            CommandLine.Complain($"{path}: {read.Unreadable ?? "it has no SMTP session."}");
            return 3;
        }

        if (converter.Leaks.Count > 0)
        {
            CommandLine.Complain($"{path}: nothing is written, because {converter.Leaks.Count} or more words of it would remain.");
            return 3;
        }

        if (target is not null)
        {
            part!.BringTo(target);
        }
        else if (part is not null)
        {
            using var output = Console.OpenStandardOutput();
            stream.Position = 0;
            stream.CopyTo(output);
        }

        return 0;
    }
}
