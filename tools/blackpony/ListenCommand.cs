using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using BlackPony.Hosting;
using BlackPony.Reference.Suites;
using Microsoft.Extensions.Logging;

namespace BlackPony.Tools;

/// <summary><c>blackpony listen</c>: the relay (spec 10.1 to 10.3).</summary>
internal static class ListenCommand
{
    // A mail server that says at once whether it relays is waited for; one that is slow or away must not hold the start.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // Read by System.Net.Sockets with the process's first socket.
    private const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    public static Command Create()
    {
        var command = new Command("listen", "Accept SMTP in front of a mail server; encrypt with clients that support BlackPony.");
        var options = new ListenOptions(command);
        Help.Example(command, """
              blackpony listen --listen 0.0.0.0:25 --listen [::]:25 --backend 127.0.0.1:10025
              blackpony listen --listen 0.0.0.0:25 --backend 127.0.0.1:10025 --xclient          in front of Postfix
              blackpony listen --listen 0.0.0.0:25 --backend 127.0.0.1:10025 --proxy-protocol v2   in front of an Exim with PROXY support
              blackpony listen --listen 0.0.0.0:25 --backend 127.0.0.1:10025 --accept-proxy 192.0.2.10   behind a load balancer
              blackpony listen --config /etc/blackpony/listen.conf
              blackpony listen --config /etc/blackpony/listen.conf --check
            Exit codes: 0 ended by a signal or the check found nothing, 1 cannot listen or an open relay, 2 usage or an invalid file.
            """);
        ServicePages.AddTo(command, "With --accept-proxy, a warning names each connection that is "
            + "closed because of its header. Each session has a line that begins with the word session, and these fields:",
            ("peer", "Address and port of the client."),
            ("suite", "The suite that encrypted the session, or none."),
            ("encrypted", "yes or no."),
            ("failure", "Why an upgrade failed, or none."),
            ("closed", "How the session closed: close, plain, truncated, failure, alert or lost."),
            ("messages", "How many messages the mail server accepted."),
            ("queue", "The ids that the mail server gave these messages, as its own log has them; none if it named none."));
        command.SetAction((parse, cancel) => RunAsync(options, parse, cancel));
        return command;
    }

    private static async Task<int> RunAsync(ListenOptions options, ParseResult parse, CancellationToken cancel)
    {
        // The thread that sees that octets have come serves their session too: it costs less than waking another (docs/speed.md).
        if (Environment.GetEnvironmentVariable(InlineCompletions) is null)
            Environment.SetEnvironmentVariable(InlineCompletions, "1");

        var rsaKeys = new RsaKeys(TimeProvider.System, Telemetry.MakeRsaKey);
        using var logs = new Logs(options.Service.Json(parse), options.Service.Level(parse));
        InboundSettings settings;
        try
        {
            if (options.Service.Checks(parse))
                return await CheckOnlyAsync(options, parse, rsaKeys, logs.Log, cancel);

            settings = await ReadAsync(parse);
        }
        catch (FormatException e)
        {
            foreach (var line in e.Message.Split('\n'))
                CommandLine.Complain(ConfigFile.Locate(line));

            return 2;
        }
        catch (OpenRelayException e)
        {
            CommandLine.Complain(Advice(e));
            return 1;
        }

        await using var server = new InboundServer(settings, logs.Log);
        return await Service.RunAsync(parse, options.Service, logs, server, ReloadAsync);

        async Task<InboundSettings> ReadAsync(ParseResult now)
        {
            var read = options.Read(now, rsaKeys, logs.Log);
            try
            {
                await CheckAsync(read, logs.Log, cancel);
            }
            catch (OpenRelayException)
            {
                read.Probe!.Dispose();
                throw;
            }

            WarnOfDescriptors(read, logs.Log);
            return read;
        }

        async Task<InboundSettings> ReloadAsync(ParseResult again)
        {
            // Whether the new configuration is taken or not, the mail server may have one of its own that is new ([BP-10.1-13]).
            settings.Probe?.AskAgain();
            try
            {
                var read = await ReadAsync(again);
                settings.Probe?.Dispose();
                return settings = read;
            }
            catch (Exception e) when (e is OpenRelayException or FormatException)
            {
                // The configuration before stays, and with it what its mail server says now.
                await (settings.Probe?.AnsweredAsync() ?? Task.CompletedTask).WaitAsync(Patience, cancel)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                throw e is OpenRelayException relays ? new FormatException(Advice(relays), e) : e;
            }
        }
    }

    // The relay must not make an open relay of the mail server behind it ([BP-10.1-1]).
    private static async Task CheckAsync(InboundSettings settings, ILogger log, CancellationToken cancel)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(Patience);
        try
        {
            await (settings.Probe?.CheckAsync(patience.Token) ?? Task.CompletedTask);
        }
        catch (OperationCanceledException)
        {
            log.LogWarning(
                "it is not yet known whether the backend {Backend} is an open relay; clients wait until it is", settings.Backend);
        }
        catch (Exception e) when (e is not OpenRelayException && e is IOException or SocketException)
        {
            log.LogWarning("the backend {Backend} is not ready yet ({Error}); clients get 421 until it is", settings.Backend, e.Message);
        }
    }

    private static async Task<int> CheckOnlyAsync(
        ListenOptions options, ParseResult parse, RsaKeys rsaKeys, ILogger log, CancellationToken cancel)
    {
        // The backend is asked as the relay would do it, if the options say how; else only whether it is there.
        var wrong = options.Wrong(parse).ToList();
        var settings = wrong.Count == 0 ? options.Read(parse, rsaKeys, log) : null;
        var backend = options.Backend(parse);
        using var probe = settings?.Probe;
        return await Service.CheckAsync(parse, options.Service, options.Listen(parse), wrong,
            [new Trial($"--backend {backend.Host}:{backend.Port}", AskAsync), .. options.Files(parse)]);

        async Task AskAsync()
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            patience.CancelAfter(Patience);
            try
            {
                if (settings?.BackendSource is { } source)
                    Bind(source);

                if (probe is not null)
                {
                    await probe.CheckAsync(patience.Token);
                    return;
                }

                using var tcp = new TcpClient();
                await tcp.ConnectAsync(backend.Host, backend.Port, patience.Token);
            }
            catch (OpenRelayException e)
            {
                throw new IOException(Advice(e), e);
            }
            catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
            {
                throw new IOException($"no answer within {Patience.TotalSeconds} s", e);
            }
        }
    }

    private static void Bind(IPAddress source)
    {
        using var socket = new Socket(source.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(source, 0));
        }
        catch (SocketException e)
        {
            throw new IOException($"--backend-source {source} cannot be used: {e.Message}. It must be an address of this machine.", e);
        }
    }

    private static string Advice(OpenRelayException e) =>
        $"{e.Message}. Use --xclient (Postfix), --proxy-protocol (Exim, Postfix), or --backend-source with an address that it does not "
            + "trust; or --allow-open-backend for a test sink.";

    // Each session has the client's connection and the mail server's, and two of these during an upgrade.
    private static void WarnOfDescriptors(InboundSettings settings, ILogger log)
    {
        if (Descriptors.Most is { } most && settings.MaxSessions * 3L + 100 > most)
        {
            log.LogWarning(
                "{Sessions} sessions may need {Needed} descriptors, and the limit is {Most}: raise LimitNOFILE or 'ulimit -n', or lower "
                    + "--max-sessions", settings.MaxSessions, settings.MaxSessions * 3L + 100, most);
        }
    }
}
