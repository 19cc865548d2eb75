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

    /// <summary>Every address that the service listens on, and the option that names it.</summary>
    public List<(string Option, IPEndPoint EndPoint)> Addresses(ParseResult parse, IReadOnlyList<IPEndPoint> listen) =>
        [.. listen.Select(e => ($"--listen {e}", e)), .. Metrics(parse) is { } metrics ? [($"--metrics {metrics}", metrics)]
            : Array.Empty<(string, IPEndPoint)>()];

    /// <summary>Which of them exclude each other.</summary>
    public IEnumerable<string> Wrong(ParseResult parse, IReadOnlyList<IPEndPoint> listen)
    {
        var addresses = Addresses(parse, listen);
        return addresses.SelectMany((a, i) => addresses[..i].Where(b => Collide(a.EndPoint, b.EndPoint)).Take(1)
            .Select(b => $"{a.Option} and {b.Option} exclude each other: only one can listen there."));
    }

    /// <summary>Whether two addresses exclude each other: where one is every address of its family, it has the other's port
    /// too.</summary>
    public static bool Collide(IPEndPoint one, IPEndPoint other) => one.Port == other.Port && one.Port > 0
        && one.AddressFamily == other.AddressFamily && (one.Address.Equals(other.Address) || IsAny(one) || IsAny(other));

    private static bool IsAny(IPEndPoint endPoint) => endPoint.Address.Equals(IPAddress.Any) || endPoint.Address.Equals(IPAddress.IPv6Any);

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
