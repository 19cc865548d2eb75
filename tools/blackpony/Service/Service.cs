using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using BlackPony.Hosting;
using Microsoft.Extensions.Logging;

namespace BlackPony.Tools;

/// <summary>
/// What a service does beside its work: tells systemd, shows counters, reads its configuration again, and comes to an orderly end.
/// </summary>
internal static class Service
{
    /// <summary>Serves until SIGTERM or SIGINT.</summary>
    /// <param name="parse">The command line and its file.</param>
    /// <param name="options">The options among them that every service has.</param>
    /// <param name="logs">The log.</param>
    /// <param name="server">What serves.</param>
    /// <param name="read">Reads the configuration as it is now; a <see cref="FormatException"/> says why the old one stays.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync<TSettings>(ParseResult parse, ServiceOptions options, Logs logs, SessionServer<TSettings> server,
        Func<ParseResult, Task<TSettings>> read)
        where TSettings : ServerSettings
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var now = new CancellationTokenSource();
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnStop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnStop);
        MetricsServer? metrics = null;
        try
        {
            metrics = Metrics(options.Metrics(parse), logs.Log);
            server.Start();
        }
        catch (ServiceException e)
        {
            CommandLine.Complain(ConfigFile.Locate(e.Message, $"--metrics {options.Metrics(parse)}"));
            return 1;
        }
        catch (ListenException e)
        {
            CommandLine.Complain(ConfigFile.Locate(e.Message, $"--listen {e.EndPoint}"));
            return 1;
        }

        ServiceManager.Ready();
        while (await Task.WhenAny(asked.Task, HangUps.NextAsync()) != asked.Task)
        {
            ServiceManager.Reloading();
            await ReloadAsync(parse, options, logs, server, read);
            ServiceManager.Ready();
        }

        ServiceManager.Stopping();
        logs.Log.LogInformation("stopping");
        await server.StopAsync(now.Token);
        if (metrics is not null)
            await metrics.DisposeAsync();

        return 0;

        void OnStop(PosixSignalContext context)
        {
            context.Cancel = true;
            if (!asked.TrySetResult())
                now.Cancel();
        }
    }

    /// <summary>Opens what the service would open, and closes it again (<c>--check</c>).</summary>
    /// <param name="parse">The command line and its file.</param>
    /// <param name="options">The options among them that every service has.</param>
    /// <param name="listen">The addresses of the service.</param>
    /// <param name="wrong">Which options do not go together.</param>
    /// <param name="more">What else it opens.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> CheckAsync(ParseResult parse, ServiceOptions options, IReadOnlyList<IPEndPoint> listen,
        IReadOnlyList<string> wrong, params IEnumerable<Trial> more)
    {
        var addresses = options.Addresses(parse, listen);
        foreach (var message in wrong)
            CommandLine.Complain(ConfigFile.Locate(message));

        int code = wrong.Count > 0 ? CommandLine.Usage : 0;
        var tries = addresses.Where((a, i) => !addresses[..i].Exists(b => ServiceOptions.Collide(a.EndPoint, b.EndPoint)))
            .Select(a => new Trial(a.Option, () => Listen(a.EndPoint)));
        foreach (var (option, open) in tries.Concat(more))
        {
            var what = option[2..];
            try
            {
                await open();
                Console.Out.WriteLine($"{what}: ok");
            }
            catch (ListenException e) when (e.IsInUse)
            {
                // The service runs, and whoever checks is about to have it read the file again.
                Console.Out.WriteLine($"{what}: in use, which is right if the service is running");
            }
            catch (FormatException e)
            {
                CommandLine.Complain(ConfigFile.Locate(e.Message));
                code = CommandLine.Usage;
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                CommandLine.Complain(ConfigFile.Locate(e is ListenException ? e.Message : $"{what}: {e.Message}", $"{option} {e.Message}"));
                code = Math.Max(code, 1);
            }
        }

        return code;

        static Task Listen(IPEndPoint endPoint)
        {
            ListenSocket.Try(endPoint);
            return Task.CompletedTask;
        }
    }

    private static async Task ReloadAsync<TSettings>(ParseResult first, ServiceOptions options, Logs logs, SessionServer<TSettings> server,
        Func<ParseResult, Task<TSettings>> read)
        where TSettings : ServerSettings
    {
        try
        {
            var parse = ConfigFile.Parse(first.RootCommandResult.Command, Environment.GetCommandLineArgs()[1..]);
            if (parse.Errors is [var error, ..])
                throw new FormatException(ConfigFile.Locate(error.Message));

            server.Reconfigure(await read(parse));
            logs.Least = options.Level(parse);
            logs.Log.LogInformation("configuration reloaded");
        }
        catch (FormatException e)
        {
            foreach (var line in e.Message.Split('\n'))
                logs.Log.LogError("configuration not reloaded, the old one stays: {Error}", ConfigFile.Locate(line));
        }
        catch (Exception e)
        {
            // A bug of ours must not end the service.
            logs.Log.LogError("configuration not reloaded because of an internal error, the old one stays: {Type}", e.GetType().Name);
        }
    }

    private static MetricsServer? Metrics(IPEndPoint? at, ILogger log)
    {
        if (at is null)
            return null;

        try
        {
            var text = new MetricsText(Telemetry.MeterName, "System.Runtime");
            var server = new MetricsServer(at, text);
            Telemetry.ShowZeros();
            log.LogInformation("metrics at http://{EndPoint}/metrics", at);
            return server;
        }
        catch (SocketException e)
        {
            throw new ServiceException(
                $"cannot serve metrics at {at}: {e.Message}. Is the port in use, or is it not an address of this machine?");
        }
    }
}

/// <summary>The service can't begin; the message says what to do.</summary>
internal sealed class ServiceException(string message) : Exception(message);
