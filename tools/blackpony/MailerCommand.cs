using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;

namespace BlackPony.Tools;

/// <summary><c>blackpony mailer</c>: the mailer (spec 10.4).</summary>
internal static class MailerCommand
{
    public static Command Create()
    {
        var host = new Argument<string>("host") { Description = "The domain to deliver to; [host] or [address] for no MX lookup." };
        var report = new Option<string?>("--report") { Description = "Append a line of JSON about the session to this file; - for standard error.", HelpName = "file" };
        var command = new Command("mailer", "Deliver mail as sendmail's mailer: SMTP on standard input and output.") { host };
        var client = new ClientOptions(command);
        command.Options.Add(report);
        Help.Example(command, """
              blackpony mailer example.org
              blackpony mailer --policy required --port 2525 [127.0.0.1]
              In sendmail.mc:  Mblackpony, P=/usr/bin/blackpony, F=mDFMuXak, …, A=blackpony mailer $h
            """);
        command.SetAction(async (parse, cancel) =>
        {
            var input = Console.OpenStandardInput();
            var output = Console.OpenStandardOutput();
            MemoryFile? file = null;
            IReadOnlyList<MailTarget> targets;
            try
            {
                file = client.MemoryPath(parse) is { } path ? new MemoryFile(path, TimeProvider.System) : null;
                targets = await client.Router(parse).ResolveAsync(parse.GetValue(host)!, client.Port(parse), cancel);
            }
            catch (Exception e) when (e is IOException or FormatException or UnauthorizedAccessException)
            {
                // A mail server understands this and keeps the mail ([BP-9.4-12], [BP-10.4-12]).
                CommandLine.Complain(e.Message);
                await output.WriteAsync("421 4.4.3 Temporary trouble before the connection, try again later\r\n"u8.ToArray(), cancel);
                return 75;
            }
            catch (NoMailDomainException e)
            {
                CommandLine.Complain(e.Message);
                await output.WriteAsync(Encoding.ASCII.GetBytes($"554{e.Reply[3..]}\r\n"), cancel);
                return 68;
            }

            var options = client.Mailer(parse, new RsaKeys(TimeProvider.System)) with { Memory = file?.Memory };
            var outcome = await MailerHost.RunAsync(options, new SystemRandom(), targets, input, output, cancel, remember: () => SaveAsync(file!, cancel));
            int code = outcome.Deferred ? 75 : 0;
            foreach (var warning in outcome.Warnings)
            {
                CommandLine.Complain(warning);
            }

            if (parse.GetValue(report) is { } to)
            {
                Write(to, outcome);
            }

            return code;
        });
        return command;
    }

    private static async Task SaveAsync(MemoryFile memory, CancellationToken cancel)
    {
        try
        {
            await memory.SaveAsync(cancel);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            CommandLine.Complain($"the memory was not written: {e.Message}");
        }
    }

    private static void Write(string path, SessionReport report)
    {
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            writer.WriteString("time", DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
            writer.WriteString("peer", report.Peer);
            writer.WriteString("version", report.Suite is null ? null : "V1");
            writer.WriteString("suite", report.Suite);
            writer.WriteBoolean("encrypted", report.Encrypted);
            writer.WriteString("reason", report.Reason);
            writer.WriteBoolean("downgrade", report.Downgrade);
            writer.WriteBoolean("deferred", report.Deferred);
            writer.WriteString("closed", report.Closed);
            writer.WriteEndObject();
        }

        var line = Encoding.UTF8.GetString(json.ToArray());
        if (path == "-")
        {
            Console.Error.WriteLine(line);
        }
        else
        {
            try
            {
                File.AppendAllText(path, line + "\n");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The mail is where it is; a report that can't be written changes nothing.
                CommandLine.Complain($"the report was not written: {e.Message}");
            }
        }
    }
}
