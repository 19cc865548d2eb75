using System.CommandLine;
using System.Net.Sockets;
using BlackPony.Hosting;
using BlackPony.Reference.Suites;
using Microsoft.Extensions.Logging;

namespace BlackPony.Tools;

/// <summary><c>blackpony relay</c>: the outbound relay (spec 10.5).</summary>
internal static class RelayCommand
{
    public static Command Create()
    {
        var command = new Command("relay", "Take mail from a mail server over SMTP, and deliver it encrypted to servers that know how.");
        var options = new RelayOptions(command);
        Help.Example(command, """
              blackpony relay --listen 127.0.0.1:2526
              blackpony relay --listen 127.0.0.1:2526 --policy remembered --memory /var/lib/blackpony/memory
              blackpony relay --listen 127.0.0.1:2526 --route partner.example=[192.0.2.7] --route '*=smarthost.example'
              In Postfix's main.cf:  default_transport = blackpony:[127.0.0.1]:2526
            """);
        command.SetAction((parse, _) => RunAsync(options, parse));
        return command;
    }

    private static async Task<int> RunAsync(RelayOptions options, ParseResult parse)
    {
        var rsaKeys = new RsaKeys(TimeProvider.System, Telemetry.MakeRsaKey);
        using var logs = new Logs(options.Service.Json(parse), options.Service.Level(parse));
        OutboundSettings settings;
        try
        {
            settings = options.Read(parse, rsaKeys);
        }
        catch (FormatException e)
        {
            Terminal.Say(e.Message);
            return 2;
        }

        await using var server = new OutboundServer(settings, logs.Log);
        return await Service.RunAsync(parse, options.Service, logs, Start, Reload, server.StopAsync);

        void Start()
        {
            try
            {
                server.Start();
            }
            catch (SocketException e)
            {
                throw new ServiceException($"cannot listen there: {e.Message}. Is another program on that port, or does it need root?");
            }
        }

        Task Reload(ParseResult again)
        {
            var fresh = options.Read(again, rsaKeys);
            if (!fresh.Listen.SequenceEqual(settings.Listen))
            {
                logs.Log.LogWarning("other addresses to listen on need a restart; the ones before stay");
            }

            server.Reconfigure(fresh);
            return Task.CompletedTask;
        }
    }
}
