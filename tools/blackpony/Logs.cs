using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace BlackPony.Tools;

/// <summary>The log on standard error, for people or for programs.</summary>
internal sealed class Logs : IDisposable
{
    private readonly ILoggerFactory _factory;
    private volatile int _least;

    public Logs(bool json, LogLevel least)
    {
        _least = (int)least;
        _factory = LoggerFactory.Create(b =>
        {
            b.SetMinimumLevel(LogLevel.Trace).AddFilter(l => (int)l >= _least);
            b.Services.AddSingleton<ConsoleFormatter>(new PlainFormatter(TimeProvider.System));
            b.AddJsonConsole(o => (o.UseUtcTimestamp, o.TimestampFormat) = (true, "yyyy-MM-dd'T'HH:mm:ss.fff'Z'"));
            b.AddConsole(o =>
            {
                o.LogToStandardErrorThreshold = LogLevel.Trace;
                o.FormatterName = json ? ConsoleFormatterNames.Json : PlainFormatter.Name;
            });
        });
        Log = _factory.CreateLogger("blackpony");
    }

    /// <summary>The log.</summary>
    public ILogger Log { get; }

    /// <summary>The least level that is written; it may change while the log is in use.</summary>
    public LogLevel Least
    {
        get => (LogLevel)_least;
        set => _least = (int)value;
    }

    public void Dispose() => _factory.Dispose();
}
