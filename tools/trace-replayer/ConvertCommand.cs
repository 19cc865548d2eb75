using System.CommandLine;
using System.Text;
using BlackPony.Traces;
using BlackPony.Traces.Conversion;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tools.TraceReplayer;

/// <summary><c>blackpony-replay convert</c>.</summary>
internal static class ConvertCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "A capture or transcript." };
        var to = new Option<string>("--to") { Description = "transcript (the specification's Appendix D) or pcap.", HelpName = "format", Required = true };
        to.AcceptOnlyFromAmong("transcript", "pcap");
        var output = new Option<string?>("--output", "-o") { Description = "Write to this file.", HelpName = "file" };
        var anonymise = new Option<bool>("--anonymize") { Description = "Replace addresses, names, subjects, bodies and passwords, the same always by the same; lengths and line structure stay." };
        var keyLog = new Option<string?>("--keylog") { Description = "A key log file: a transcript then says what records hold.", HelpName = "file" };
        var port = new Option<int[]>("--port") { Description = "A port that is SMTP whatever goes over it.", HelpName = "n" };
        var command = new Command("convert", "Write a capture's sessions as a transcript, or a transcript as a capture.") { file, to, output, anonymise, keyLog, port };
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
                var converter = new Converter(options, parse.GetValue(anonymise));
                // In memory first: a file that is not read leaves no half of another.
                using var memory = new MemoryStream();
                FileReport read;
                int sessions;
                if (parse.GetValue(to) == "pcap")
                {
                    read = converter.ToPcap(path, memory, out sessions);
                }
                else
                {
                    using var writer = new StreamWriter(memory, new UTF8Encoding(false), leaveOpen: true);
                    read = converter.ToTranscript(path, writer, out sessions);
                }

                if (read.Unreadable is { } why || sessions == 0)
                {
                    CommandLine.Complain($"{path}: {read.Unreadable ?? "there is no SMTP session in it."}");
                    return 3;
                }

                using var stream = parse.GetValue(output) is { } target ? File.Create(target) : Console.OpenStandardOutput();
                memory.WriteTo(stream);
                return 0;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                CommandLine.Complain($"{e.Message}");
                return 3;
            }
        });
        return command;
    }
}
