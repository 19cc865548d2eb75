using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace BlackPony.Tools;

/// <summary>A line of text for each entry: time, level, message, with everything but printable ASCII escaped ([BP-11.1-4]).</summary>
internal sealed class PlainFormatter(TimeProvider time) : ConsoleFormatter(Name)
{
    public new const string Name = "plain";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var level = logEntry.LogLevel switch
        {
            LogLevel.Information => "info",
            LogLevel.Warning => "warning",
            LogLevel.Error or LogLevel.Critical => "error",
            _ => "debug",
        };
        var message = logEntry.Formatter(logEntry.State, logEntry.Exception);
        textWriter.WriteLine(
            string.Create(CultureInfo.InvariantCulture,
                $"{time.GetUtcNow():yyyy-MM-dd'T'HH:mm:ss'Z'} {level}: {Printable.Escape(message)}"));
    }
}
