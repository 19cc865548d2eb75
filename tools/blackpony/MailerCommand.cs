using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Outbound;
using Microsoft.Win32.SafeHandles;

namespace BlackPony.Tools;

/// <summary><c>blackpony mailer</c>: the mailer (spec 10.4).</summary>
internal static class MailerCommand
{
    // sysexits(3).
    private const int NoHost = 68;
    private const int TemporaryFailure = 75;

    public static Command Create()
    {
        var host = new Argument<string>("host")
        {
            Description = "The domain to deliver to; [host] or [address] skips the MX lookup. "
                + "In a mail server's configuration, put -- in front of it: a domain may begin with a hyphen.",
        };
        var report = new Option<string?>("--report")
        {
            Description = "Append a line of JSON about the session to this file; - for standard error.",
            HelpName = "file",
        };
        var command = new Command("mailer",
            "Deliver mail for sendmail, with SMTP on standard input and output; encrypt with servers that support BlackPony.") { host };
        var client = new ClientOptions(command);
        command.Options.Add(report);
        Help.Example(command, """
              blackpony mailer example.org
              blackpony mailer --policy required --port 2525 [127.0.0.1]
              In sendmail.mc:  Mblackpony, P=/usr/local/bin/blackpony, F=mDFMuXak, …, A=blackpony mailer -- $h
            Exit codes: 0 the session ended, 68 the domain does not exist or accepts no mail, 75 deferred or usage.
            """);
        command.SetAction((parse, cancel) => IsOption(parse, host) ? Task.FromResult(Refuse())
            : AnswerAsync(output => RunAsync(parse, client, parse.GetValue(host)!, parse.GetValue(report), output, cancel)));
        return command;
    }

    /// <summary>Answers for whoever asked for a mailer with a command line that is wrong: a mail server keeps the mail
    /// ([BP-10.4-12]).</summary>
    /// <returns>The exit code.</returns>
    public static int Refuse()
    {
        Say(Output(), "421 4.3.5 Mail system incorrectly configured");
        return TemporaryFailure;
    }

    // A name that begins with a hyphen is a host after -- only; before it, it is a misspelt option.
    private static bool IsOption(ParseResult parse, Argument<string> host)
    {
        var problem = CommandLine.Misspelt(parse) ?? (parse.GetValue(host) == "-" ? "'-' is not a host." : null);
        if (problem is not null)
            CommandLine.Complain($"{problem} Try --help.");

        return problem is not null;
    }

    // Whatever fails, the mail server hears a reply instead of nothing ([BP-10.4-12], [BP-10.4-14]).
    private static async Task<int> AnswerAsync(Func<MailerOutput, Task<int>> run)
    {
        var output = Output();
        try
        {
            return await run(output);
        }
        catch (NoMailDomainException e)
        {
            CommandLine.Complain(e.Message);
            Say(output, $"554{e.Reply[3..]}");
            return NoHost;
        }
        catch (Exception e) when (e is IOException or FormatException or UnauthorizedAccessException)
        {
            // The file system, DNS ([BP-9.4-12], [BP-10.4-12]), or a mail server that has gone.
            CommandLine.Complain(e.Message);
            Say(output, "421 4.4.3 Temporary failure before the connection, try again later");
            return TemporaryFailure;
        }
        catch (Exception e)
        {
            // A bug. Its message may hold octets of the peer: only the type is reported ([BP-11.1-3]).
            CommandLine.Complain($"the delivery ended with an internal error: {e.GetType().Name}");
            Say(output, "421 4.3.0 Internal error, try again later");
            return TemporaryFailure;
        }
    }

    private static async Task<int> RunAsync(ParseResult parse, ClientOptions client, string host, string? report, MailerOutput output,
        CancellationToken cancel)
    {
        var router = client.Router(parse);
        var targets = await router.ResolveAsync(new Route(host, client.Port(parse)), CommandLine.Complain, cancel);
        var memory = await client.OpenMemoryAsync(parse, targets, cancel);
        foreach (var warning in memory?.Warnings ?? [])
        {
            // [BP-9.4-14]
            CommandLine.Complain(warning);
        }

        var options = client.Mailer(parse, new RsaKeys(TimeProvider.System)) with { Memory = memory?.Memory };
        var outcome = await MailerHost.RunAsync(
            options, new SystemRandom(), targets, StandardFiles.HasInput ? Console.OpenStandardInput() : Stream.Null, output, cancel,
            remember: () => SaveAsync(memory!, cancel));
        foreach (var warning in outcome.Warnings)
            CommandLine.Complain(warning);

        if (report is not null)
            Write(report, host, outcome);

        return outcome.Deferred ? TemporaryFailure : 0;
    }

    // Not the console's stream, which takes no notice of a reader that has gone.
    private static MailerOutput Output()
    {
        if (!StandardFiles.HasOutput)
            return new MailerOutput(Stream.Null);

        try
        {
            return new MailerOutput(new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // It is closed, or not for writing.
            return new MailerOutput(Stream.Null);
        }
    }

    // Nothing is made up in the middle of a session ([BP-10.4-10]).
    private static void Say(MailerOutput output, string reply)
    {
        try
        {
            if (!output.HasSpoken)
                output.Write(Encoding.ASCII.GetBytes(reply + "\r\n"));
        }
        catch (IOException)
        {
            // Nobody hears it.
        }
    }

    private static async Task SaveAsync(IStoredMemory memory, CancellationToken cancel)
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

    private static void Write(string path, string to, SessionReport report)
    {
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            writer.WriteString("time", DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
            writer.WriteString("to", to);
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
            return;
        }

        try
        {
            File.AppendAllText(path, line + "\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            // The mail is where it is; a report that can't be written changes nothing.
            CommandLine.Complain($"the report was not written: {e.Message}");
        }
    }
}
