using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;
using Microsoft.Extensions.Logging;

namespace BlackPony.Tools;

/// <summary>The options of <c>blackpony listen</c>.</summary>
internal sealed class ListenOptions
{
    private readonly Option<IPEndPoint[]> _listen = new("--listen", "-l")
    {
        Description = "Address and port to listen on; may be given several times.",
        HelpName = "address:port",
        Required = true,
        CustomParser = Parse.EndPoints,
    };
    private readonly Option<DnsEndPoint?> _backend = new("--backend", "-b")
    {
        Description = "The backend: the mail server to which the sessions are passed on.",
        HelpName = "host:port",
        Required = true,
        CustomParser = Parse.HostAndPort,
    };

    private readonly Option<IPAddress?> _source = new("--backend-source")
    {
        Description = "Source address of connections to the backend; the backend must not trust it. "
            + "[default for a backend on 127.0.0.0/8: 127.0.0.2]",
        HelpName = "address",
        CustomParser = Parse.Address,
    };

    private readonly Option<bool> _xclient = new("--xclient")
    {
        Description = "Pass the client's address and name to the backend by XCLIENT (Postfix).",
    };

    private readonly Option<string?> _proxy = new("--proxy-protocol")
    {
        Description = "Pass the client's address to the backend by the PROXY protocol: v1 or v2 (Exim, Postfix).",
    };

    private readonly Option<IPNetwork[]> _acceptProxy = new("--accept-proxy")
    {
        Description = "Addresses or networks of load balancers in front, separated by commas; may be given several times. Each connection "
            + "from them must begin with a header of the PROXY protocol (v1 or v2), which names the client.",
        HelpName = "networks",
        CustomParser = Parse.Balancers,
    };

    private readonly Option<bool> _open = new("--allow-open-backend")
    {
        Description = "Do not check whether the backend is an open relay; for a test sink.",
    };

    private readonly Option<IPAddress?> _stranger = new("--probe-address")
    {
        Description = "Client address that the open-relay check passes to the backend (--xclient, --proxy-protocol). "
            + "[default: 192.0.2.1, and 2001:db8::1]",
        HelpName = "address",
        CustomParser = Parse.Address,
    };

    private readonly Option<IPEndPoint?> _dns = new("--dns")
    {
        Description = "DNS server for the clients' names (--xclient), instead of the system's.",
        HelpName = "address:port",
        CustomParser = Parse.EndPoint,
    };

    private readonly Option<Suite[]> _suites = new("--suites")
    {
        Description = "Suites to offer, in order of preference, separated by commas; 'none' switches encryption off. [default: "
            + string.Join(',', SuiteRegistry.Default) + "]",
        HelpName = "names",
        CustomParser = Parse.Suites,
    };
    private readonly Option<bool> _rot = new("--allow-rot") { Description = "Also offer ROT, which protects nothing and is for teaching." };
    private readonly Option<IdentKey[]> _ident = new("--ident")
    {
        Description = "File with an Ed25519 private key in hexadecimal, by which clients recognise this server.",
        HelpName = "file",
        CustomParser = Parse.Idents,
    };
    private readonly Option<IdentKey[]> _withdrawn = new("--withdraw-ident")
    {
        Description = "File with a former key of --ident, which was replaced or may have been stolen: clients stop accepting it.",
        HelpName = "file",
        CustomParser = Parse.WithdrawnIdents,
    };
    private readonly Option<int> _max = new("--max-sessions")
    {
        Description = "Maximum number of concurrent sessions; further clients get 421.",
        HelpName = "n",
        DefaultValueFactory = _ => Limits.MaxSessions,
        CustomParser = r => Parse.Number(r, 1, 1_000_000),
    };
    private readonly Option<int?> _maxEach = new("--max-sessions-per-client")
    {
        Description = "Maximum number of concurrent sessions from one IPv4 address or IPv6 /64; further ones get 421. "
            + "[default: a tenth of --max-sessions, and at least 20]",
        HelpName = "n",
        CustomParser = r => Parse.Number(r, 1, 1_000_000),
    };

    private readonly Option<string?> _keyLog = new("--keylog")
    {
        Description = "Append each session's secrets to this file, for decrypting captures. Anyone who has the file can read the mail.",
        HelpName = "file",
    };

    public ListenOptions(Command command)
    {
        _proxy.AcceptOnlyFromAmong("v1", "v2");
        foreach (var option in (Option[])[_listen, _backend, _source, _xclient, _proxy, _acceptProxy, _open, _stranger, _dns, _suites,
            _rot, _ident, _withdrawn, _max, _maxEach, _keyLog])
        {
            command.Add(option);
        }

        Service.AddTo(command);
        command.Validators.Add(r =>
        {
            if (r.GetResult(_xclient) is { Implicit: false } && r.GetResult(_proxy) is { Implicit: false })
                r.AddError("--xclient and --proxy-protocol exclude each other: give the one that the backend supports.");
        });
    }

    /// <summary>Those that every service has.</summary>
    public ServiceOptions Service { get; } = new();

    /// <summary>Where the relay listens.</summary>
    public IReadOnlyList<IPEndPoint> Listen(ParseResult parse) => parse.GetValue(_listen)!;

    /// <summary>The backend.</summary>
    public DnsEndPoint Backend(ParseResult parse) => parse.GetValue(_backend)!;

    /// <summary>Which options do not go together; each message says what to do.</summary>
    public IEnumerable<string> Wrong(ParseResult parse)
    {
        if (parse.GetValue(_source) is null && Addressing(parse) == ClientAddressing.None
            && DefaultSource(parse.GetValue(_backend)!.Host) is null)
        {
            yield return "--backend would see this machine's own address, and might relay for it. Use --xclient, --proxy-protocol, or "
                + "--backend-source with an address that it does not trust.";
        }

        if (!parse.GetValue(_rot) && parse.GetResult(_suites) is not null && parse.GetValue(_suites)!.Any(s => !s.Encrypts))
            yield return "--suites has ROT, which protects nothing; to offer it anyway, add --allow-rot.";

        foreach (var message in Service.Wrong(parse, Listen(parse)))
            yield return message;
    }

    /// <summary>The files that the relay writes.</summary>
    public IEnumerable<Trial> Files(ParseResult parse)
    {
        if (parse.GetValue(_keyLog) is { } file)
            yield return KeyLogTrial(file, isTrial: true);
    }

    /// <summary>Makes the relay's settings.</summary>
    /// <param name="parse">The command line and its file.</param>
    /// <param name="rsaKeys">The process's RSA keys, which outlive a reload.</param>
    /// <param name="log">Where the probe logs.</param>
    /// <exception cref="FormatException">The options don't go together; the message says what to do.</exception>
    public InboundSettings Read(ParseResult parse, RsaKeys rsaKeys, ILogger log)
    {
        if (Wrong(parse).ToList() is [_, ..] wrong)
            throw new FormatException(string.Join('\n', wrong));

        var target = Backend(parse);
        var addressing = Addressing(parse);

        // An option that is not given has an empty array as its value.
        IReadOnlyList<Suite> offered = [.. parse.GetResult(_suites) is null ? SuiteRegistry.Default : parse.GetValue(_suites)!,
            .. parse.GetValue(_rot) ? [SuiteRegistry.Find("ROT")!] : Array.Empty<Suite>()];
        var options = new ServerOptions(rsaKeys)
        {
            Suites = [.. offered.Distinct()],
            Idents = [.. parse.GetValue(_ident) ?? [], .. parse.GetValue(_withdrawn) ?? []],
            KeyLog = parse.GetValue(_keyLog) is { } file && !Service.Checks(parse) ? KeyLog(file) : null,
        };
        var settings = new InboundSettings(Listen(parse), target.Host, target.Port, options)
        {
            BackendSource = parse.GetValue(_source) ?? (addressing == ClientAddressing.None ? DefaultSource(target.Host) : null),
            Addressing = addressing,
            AcceptProxy = parse.GetValue(_acceptProxy) ?? [],
            Stranger = parse.GetValue(_stranger),
            ClientNames = addressing == ClientAddressing.XClient ? new DnsClientNames(parse.GetValue(_dns), TimeProvider.System) : null,
            MaxSessions = parse.GetValue(_max),
            MaxSessionsPerClient = parse.GetValue(_maxEach) ?? Math.Max(20, parse.GetValue(_max) / 10),
            Drain = Service.Drain(parse),
        };
        return settings with { Probe = parse.GetValue(_open) ? null : new OpenRelayProbe(settings, log) };
    }

    /// <summary>Opens a key log.</summary>
    internal static Trial KeyLogTrial(string path, bool isTrial) => new($"--keylog {path}", () =>
    {
        Trial.Run(path, isTrial, () => KeyLog(path));
        return Task.CompletedTask;
    });

    /// <summary>A key log that can be written.</summary>
    /// <exception cref="FormatException">It cannot; the message says why.</exception>
    private static KeyLogFile KeyLog(string path)
    {
        var log = new KeyLogFile(path, CommandLine.Complain);
        try
        {
            log.Prepare();
            return log;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FormatException($"--keylog: the key log cannot be written with access for its owner only: {e.Message}", e);
        }
    }

    private ClientAddressing Addressing(ParseResult parse) => parse.GetValue(_xclient) ? ClientAddressing.XClient
        : parse.GetValue(_proxy) switch
        {
            "v1" => ClientAddressing.ProxyV1,
            "v2" => ClientAddressing.ProxyV2,
            _ => ClientAddressing.None,
        };

    // A mail server trusts 127.0.0.1 as its own ([BP-10.1-2]).
    private static IPAddress? DefaultSource(string host)
    {
        var address = IPAddress.TryParse(host, out var literal) ? literal : host == "localhost" ? IPAddress.Loopback : null;
        return address is { AddressFamily: AddressFamily.InterNetwork } && IPAddress.IsLoopback(address)
            ? IPAddress.Parse(Limits.BackendSource)
            : null;
    }
}
