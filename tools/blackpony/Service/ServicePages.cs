using System.CommandLine;
using BlackPony.Hosting;

namespace BlackPony.Tools;

/// <summary>What the man pages of the services have beside their options: signals, log and metrics.</summary>
internal static class ServicePages
{
    /// <summary>Adds the sections to a service's page.</summary>
    /// <param name="command">The service.</param>
    /// <param name="log">The line of its log for each session or delivery.</param>
    /// <param name="fields">The fields of that line.</param>
    public static void AddTo(Command command, string log, params (string Tag, string Text)[] fields)
    {
        Help.Section(command, "SIGNALS", "The service handles these signals:", () =>
        [
            ("SIGHUP", "The file of --config is read again. A file with errors is logged and ignored. "
                + "Changed addresses of --listen and --metrics take effect only after a restart."),
            ("SIGTERM", "The service stops. Idle sessions get 421. Sessions in a message may finish within --drain seconds."),
            ("SIGINT", "The same. A second SIGTERM or SIGINT ends all sessions at once."),
        ]);
        Help.Section(command, "LOG", $"The log goes to standard error. It has no content of mail, no passwords and no keys. {log}",
            () => fields);
        Help.Section(command, "METRICS", "With --metrics these are served, and those of the .NET runtime (dotnet_...):", () =>
        {
            using var metrics = new MetricsText(Telemetry.MeterName);
            Telemetry.ShowZeros();
            return metrics.Describe();
        });
    }
}
