using System.CommandLine;
using System.Net;
using BlackPony.Reference;
using Microsoft.Extensions.Logging;

namespace BlackPony.Tools;

/// <summary>The options that every service has.</summary>
internal sealed class ServiceOptions
{
    private readonly Option<string?> _config = ConfigFile.Option();
    private readonly Option<IPEndPoint?> _metrics = new("--metrics")
    {
        Description = "Serve metrics in Prometheus' format at http://address:port/metrics; a loopback address is best.",
        HelpName = "address:port",
        CustomParser = Parse.EndPoint,
    };
    private readonly Option<int> _drain = new("--drain")
    {
        Description = "Seconds that sessions in flight may take to finish after SIGTERM; a second SIGTERM ends them at once.",
        HelpName = "seconds",
        DefaultValueFactory = _ => (int)Limits.DrainTimeout.TotalSeconds,
        CustomParser = r => Parse.Number(r, 0, 3600),
    };
    private readonly Option<bool> _check = new("--check")
    {
        Description = "Read the configuration, open what the service would open, report everything that is wrong, and exit. "
            + "An address that is in use is no error, so that the file of a running service can be checked before SIGHUP.",
    };
    private readonly Option<string> _format = new("--log-format")
    {
        Description = "Format of the log on standard error: text or json.",
        DefaultValueFactory = _ => "text",
    };
    private readonly Option<string> _level = new("--log-level")
    {
        Description = "Lowest level that is logged: debug, info (each session), warning, or error.",
        DefaultValueFactory = _ => "info",
    };

    public ServiceOptions()
    {
        _format.AcceptOnlyFromAmong("text", "json");
        _level.AcceptOnlyFromAmong("debug", "info", "warning", "error");
    }

    /// <summary>Brings them into a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_drain, _metrics, _config, _check, _format, _level])
            command.Add(option);
    }

    public TimeSpan Drain(ParseResult parse) => TimeSpan.FromSeconds(parse.GetValue(_drain));

    public IPEndPoint? Metrics(ParseResult parse) => parse.GetValue(_metrics);

    /// <summary>Whether the service is only checked.</summary>
    public bool Checks(ParseResult parse) => parse.GetValue(_check);

    public bool Json(ParseResult parse) => parse.GetValue(_format) == "json";

    public LogLevel Level(ParseResult parse) => parse.GetValue(_level) switch
    {
        "debug" => LogLevel.Debug,
        "warning" => LogLevel.Warning,
        "error" => LogLevel.Error,
        _ => LogLevel.Information,
    };
}
