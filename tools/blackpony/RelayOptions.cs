using System.CommandLine;
using System.Net;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Outbound;

namespace BlackPony.Tools;

/// <summary>The options of <c>blackpony relay</c>.</summary>
internal sealed class RelayOptions
{
    private readonly Option<IPEndPoint[]> _listen = new("--listen", "-l")
    {
        Description = "Address and port to listen on; may be given several times.",
        HelpName = "address:port",
        Required = true,
        CustomParser = Parse.EndPoints,
    };
    private readonly Option<IPNetwork[]> _allow = new("--allow")
    {
        Description = "Network that may use the relay; may be given several times. [default: loopback]",
        HelpName = "network",
        CustomParser = Parse.Networks,
    };
    private readonly Option<KeyValuePair<string, Route>[]> _route = new("--route")
    {
        Description = "Deliver a domain's mail to the mail exchangers of this host or, with [host], to the host itself, "
            + "which may be in the hosts file. * means every domain without a route of its own. May be given several times.",
        HelpName = "domain=host:port",
        CustomParser = Parse.Routes,
    };

    private readonly Option<bool> _noTls = new("--no-starttls")
    {
        Description = "Do not use STARTTLS with servers that do not support BlackPony.",
    };
    private readonly Option<int> _max = new("--max-sessions")
    {
        Description = "Maximum number of concurrent sessions; further clients get 421.",
        HelpName = "n",
        DefaultValueFactory = _ => Limits.MaxSessions,
        CustomParser = r => Parse.Number(r, 1, 1_000_000),
    };
    private readonly ClientOptions _client;

    public RelayOptions(Command command)
    {
        foreach (var option in (Option[])[_listen, _allow, _route, _noTls])
            command.Add(option);

        _client = new ClientOptions(command);
        command.Add(_max);
        Service.AddTo(command);
    }

    /// <summary>Those that every service has.</summary>
    public ServiceOptions Service { get; } = new();

    /// <summary>Where the relay listens.</summary>
    public IReadOnlyList<IPEndPoint> Listen(ParseResult parse) => parse.GetValue(_listen)!;

    /// <summary>What the relay must be able to write.</summary>
    public IEnumerable<Trial> Files(ParseResult parse) => _client.Files(parse, Service.Checks(parse));

    /// <summary>Which options do not go together; each message says what to do.</summary>
    public IEnumerable<string> Wrong(ParseResult parse)
    {
        if (parse.GetValue(_allow) is null or [] && Listen(parse).FirstOrDefault(e => !IPAddress.IsLoopback(e.Address)) is { } open)
        {
            // [BP-10.5-3]
            yield return $"--listen {open} can be reached from other machines, which could all send mail through it: name those that "
                + "may with --allow.";
        }

        foreach (var domain in (parse.GetValue(_route) ?? []).GroupBy(r => r.Key).Where(g => g.Count() > 1).Select(g => g.Key))
            yield return $"--route gives '{domain}' two routes; only one is possible.";

        foreach (var message in Service.Wrong(parse, Listen(parse)))
            yield return message;
    }

    /// <summary>Makes the outbound relay's settings.</summary>
    /// <param name="parse">The command line and its file.</param>
    /// <param name="rsaKeys">The process's RSA keys, which outlive a reload.</param>
    /// <exception cref="FormatException">The options don't go together; the message says what to do.</exception>
    public OutboundSettings Read(ParseResult parse, RsaKeys rsaKeys)
    {
        if (Wrong(parse).ToList() is [_, ..] wrong)
            throw new FormatException(string.Join('\n', wrong));

        foreach (var file in Files(parse))
            file.Open().GetAwaiter().GetResult();

        return new OutboundSettings(Listen(parse), _client.Mailer(parse, rsaKeys))
        {
            Allowed = parse.GetValue(_allow) ?? [],
            Routes = new RouteTable((parse.GetValue(_route) ?? []).ToDictionary(), _client.Port(parse)),
            Router = _client.Router(parse),
            MemoryPath = _client.MemoryPath(parse),
            OpenMemory = _client.Store(parse) is { } store ? (targets, cancel) => store.OpenAsync(isWritten: true, targets, cancel) : null,
            StartTls = !parse.GetValue(_noTls),
            MaxSessions = parse.GetValue(_max),
            Drain = Service.Drain(parse),
        };
    }
}
