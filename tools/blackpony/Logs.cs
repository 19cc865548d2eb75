using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace BlackPony.Tools;

/// <summary>The log on standard error, for people or for programs.</summary>
internal static class Logs
{
    public static ILoggerFactory Create(bool json) => LoggerFactory.Create(b =>
    {
        b.AddConsole(o => o.LogToStandardErrorThreshold = LogLevel.Trace);
        if (json)
        {
            b.AddJsonConsole(o => o.UseUtcTimestamp = true);
        }
        else
        {
            b.AddSimpleConsole(o =>
            {
                o.SingleLine = true;
                o.ColorBehavior = LoggerColorBehavior.Disabled;
                o.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss'Z' ";
                o.UseUtcTimestamp = true;
            });
        }
    });
}
