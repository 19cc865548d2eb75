using System.CommandLine;
using BlackPony.Hosting;
using BlackPony.Reference.Suites;

namespace BlackPony.Tools;

/// <summary><c>blackpony relay</c>: the outbound relay (spec 10.5).</summary>
internal static class RelayCommand
{
    public static Command Create()
    {
        var command =
            new Command("relay", "Accept mail from a mail server over SMTP, and deliver it; encrypt with servers that support BlackPony.");
        var options = new RelayOptions(command);
        Help.Example(command, """
              blackpony relay --listen 127.0.0.1:2526
              blackpony relay --listen 127.0.0.1:2526 --policy remembered --memory /var/lib/blackpony/memory
              blackpony relay --listen 127.0.0.1:2526 --policy remembered --memory redis://192.0.2.20/
              blackpony relay --listen 127.0.0.1:2526 --route partner.example=[192.0.2.7] --route '*=smarthost.example'
              In Postfix's main.cf:  default_transport = blackpony:[127.0.0.1]:2526
              blackpony relay --config /etc/blackpony/relay.conf --check
            Exit codes: 0 ended by a signal or the check found nothing, 1 cannot listen, 2 usage or an invalid file.
            """);
        ServicePages.AddTo(command, "With --memory, a warning says why a delivery is deferred because the memory cannot be read, or why an "
            + "entry was not written; the latter is not counted. Each domain and connection has a line that begins with the word "
            + "delivery, and these fields:",
            ("to", "The domain of the recipients."),
            ("peer", "Name and port of the server."),
            ("suite", "The suite that encrypted the session, or none."),
            ("encrypted", "yes or no."),
            ("tls", "The version of TLS where STARTTLS was used, or no."),
            ("reason", "Why the mail went in plaintext, was deferred or refused (reply-NNN: by this reply), or none."),
            ("deferred", "yes or no."),
            ("closed", "How the session closed: close, plain, truncated, failure, alert or lost."),
            ("messages", "How many messages the server accepted."),
            ("outcome", "delivered, refused, deferred, lost, timed-out, abandoned or none."),
            ("code", "The code of the server's reply, or none."));
        command.SetAction((parse, _) => RunAsync(options, parse));
        return command;
    }

    private static async Task<int> RunAsync(RelayOptions options, ParseResult parse)
    {
        var rsaKeys = new RsaKeys(TimeProvider.System, Telemetry.MakeRsaKey);
        using var logs = new Logs(options.Service.Json(parse), options.Service.Level(parse));
        if (options.Service.Checks(parse))
        {
            return await Service.CheckAsync(parse, options.Service, options.Listen(parse), [.. options.Wrong(parse)],
                options.Files(parse));
        }

        OutboundSettings settings;
        try
        {
            settings = options.Read(parse, rsaKeys);
        }
        catch (FormatException e)
        {
            foreach (var line in e.Message.Split('\n'))
                CommandLine.Complain(ConfigFile.Locate(line));

            return 2;
        }

        await using var server = new OutboundServer(settings, logs.Log);
        return await Service.RunAsync(parse, options.Service, logs, server, again => Task.FromResult(options.Read(again, rsaKeys)));
    }
}
