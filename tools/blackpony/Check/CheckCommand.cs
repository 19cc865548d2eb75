using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Outbound;
using BlackPony.Tools.Check;

namespace BlackPony.Tools;

/// <summary><c>blackpony check</c>: what <c>openssl s_client</c> and testssl.sh are for TLS.</summary>
internal static class CheckCommand
{
    private const int Wrong = 1;
    private const int NotFound = 3;

    public static Command Create()
    {
        var host = new Argument<string>("host")
        {
            Description = "The domain whose mail exchangers are checked; [host] or [address] skips the MX lookup.",
        };
        var port = new Option<int>("--port", "-p")
        {
            Description = "TCP port of the servers.",
            HelpName = "port",
            DefaultValueFactory = _ => Limits.DefaultPort,
            CustomParser = r => Parse.Number(r, 1, 65535),
        };
        var json = new Option<bool>("--json") { Description = "Print one JSON object instead of text." };
        var interactive = new Option<bool>("--interactive")
        {
            Description = "Begin an encrypted session with the first address that can be reached, and type SMTP in it.",
        };
        var suites = new Option<Suite[]>("--suites")
        {
            Description = "With --interactive: suites to use, in order of preference, separated by commas.",
            HelpName = "names",
            CustomParser = Parse.Suites,
        };
        var memory = new Option<string?>("--memory")
        {
            Description = "Compare the IDENT keys with this memory of 'relay' or 'mailer', and check the policy remembered. "
                + "It is only read.",
            HelpName = "file",
        };
        var memoryPassword = ClientOptions.MemoryPassword();
        var name = new Option<string>("--name")
        {
            Description = "Name in EHLO.",
            HelpName = "host",
            DefaultValueFactory = _ => Environment.MachineName,
        };
        var timeout = new Option<int>("--timeout")
        {
            Description = "Seconds that each connection may take.",
            HelpName = "seconds",
            DefaultValueFactory = _ => 30,
            CustomParser = r => Parse.Number(r, 1, 3600),
        };
        var dns = new Option<IPEndPoint?>("--dns")
        {
            Description = "DNS server for MX, A and AAAA, instead of those of /etc/resolv.conf.",
            HelpName = "address:port",
            CustomParser = Parse.EndPoint,
        };
        var command = new Command("check",
            "Check whether the mail servers of a domain encrypt by BlackPony. Nothing is mailed.") { host };
        foreach (var option in (Option[])[port, json, interactive, suites, memory, memoryPassword, name, timeout, dns])
            command.Add(option);

        command.Validators.Add(r =>
        {
            bool isInteractive = r.GetResult(interactive) is { Implicit: false };
            if (isInteractive && (r.GetResult(json) is { Implicit: false } || r.GetResult(memory) is { Implicit: false }))
                r.AddError("--interactive goes with neither --json nor --memory.");
            else if (!isInteractive && r.GetResult(suites) is { Implicit: false })
                r.AddError("--suites goes with --interactive only: without it every suite is checked.");
        });
        Help.Example(command, """
              blackpony check example.org
              blackpony check --json --memory /var/lib/blackpony/memory example.org
              blackpony check --port 2525 [127.0.0.1]
              blackpony check --interactive [mx.example.org]
            Exit codes: 0 mail goes encrypted to every address, 1 to some it does not or an exchanger has none, 2 usage, 3 no session.
            """);
        command.SetAction((parse, cancel) =>
        {
            if (CommandLine.Misspelt(parse) is { } problem)
                throw new FormatException($"{problem} Try --help.");

            var route = new Route(parse.GetValue(host)!, parse.GetValue(port));
            return RunAsync(route, new MailRouter(parse.GetValue(dns)), Memory(parse), parse.GetValue(name)!,
                TimeSpan.FromSeconds(parse.GetValue(timeout)), parse.GetValue(json),
                !parse.GetValue(interactive) ? null : parse.GetResult(suites) is null ? SuiteRegistry.Default : parse.GetValue(suites),
                cancel);
        });
        return command;

        Func<CancellationToken, Task<ServerMemory>>? Memory(ParseResult parse)
        {
            if (parse.GetValue(memory) is not { } place)
                return null;

            if (!RedisStore.IsOne(place))
                return _ => Task.FromResult(MemoryFile.Read(place, TimeProvider.System));

            var store = RedisStore.Parse(place, parse.GetValue(memoryPassword));
            return async cancel => (await store.OpenAsync(isWritten: false, null, cancel)).Memory;
        }
    }

    private static async Task<int> RunAsync(Route route, MailRouter router, Func<CancellationToken, Task<ServerMemory>>? read, string name,
        TimeSpan patience, bool json, IReadOnlyList<Suite>? typed, CancellationToken cancel)
    {
        if (!HostName.IsValid(name) && MailHost.Parse(name) is not { IsBracketed: true, Address: not null })
            throw new FormatException($"--name: '{name}' is not a host name or an address in square brackets.");

        ServerMemory? memory;
        try
        {
            memory = read is null ? null : await read(cancel);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FormatException($"--memory: {e.Message}", e);
        }

        var check = new ServerCheck(name, memory, patience);
        MailSurvey survey;
        try
        {
            // No mail would loop: this machine's own addresses are checked too ([BP-10.4-16]).
            survey = await router.SurveyAsync(route, cancel);
        }
        catch (Exception e) when (e is IOException or NoMailDomainException)
        {
            if (json)
                Console.Out.WriteLine(CheckReport.Json(route.Host, [], null, e.Message));
            else
                CommandLine.Complain(e.Message);

            return NotFound;
        }

        if (typed is not null)
            return await TypeAsync(check, survey.Exchangers, typed, cancel);

        if (!json && (survey.MoreExchangers > 0 || survey.MoreAddresses > 0))
        {
            CommandLine.Complain($"not checked: {survey.MoreExchangers} more mail exchangers and {survey.MoreAddresses} more addresses of "
                + $"{route.Host}; mail goes to the first {Limits.MaxExchangers} only");
        }

        var reports = new List<AddressReport>();
        foreach (var exchanger in survey.Exchangers)
        {
            foreach (var target in exchanger.Targets)
                Take(await check.RunAsync(target, cancel));

            if (exchanger.Error is { } error)
                Take(new AddressReport(exchanger.Name, null, route.Port) { Error = error });
        }

        if (json)
            Console.Out.WriteLine(CheckReport.Json(route.Host, reports, survey, null));

        return reports.TrueForAll(r => r.IsGood) ? 0 : reports.TrueForAll(r => r.Error is not null) ? NotFound : Wrong;

        void Take(AddressReport report)
        {
            reports.Add(report);
            if (!json)
                CheckReport.Print(report, Console.Out);
        }
    }

    private static async Task<int> TypeAsync(ServerCheck check, IReadOnlyList<MailExchanger> exchangers, IReadOnlyList<Suite> suites,
        CancellationToken cancel)
    {
        if (suites.Count == 0 || !suites.All(s => s.Encrypts))
            throw new FormatException("--suites must have suites that encrypt.");

        foreach (var exchanger in exchangers)
        {
            if (exchanger.Error is { } error)
                CommandLine.Complain($"{exchanger.Name}: {error}");
        }

        foreach (var target in exchangers.SelectMany(e => e.Targets))
        {
            try
            {
                await using var stream = await check.ConnectAsync(target, suites, cancel);
                CommandLine.Complain($"inside, with {target.Name} ({target.Address}) under {stream.NegotiatedSuite}; type SMTP, which "
                    + "begins with EHLO");
                await InteractiveSession.RunAsync(stream, Console.In, Console.OpenStandardOutput(), cancel);
                return 0;
            }
            catch (Exception e) when (ServerCheck.IsFailure(e, cancel))
            {
                CommandLine.Complain($"{target.Name} ({target.Address}): {check.Reason(e)}");

                // One that does not answer may have another address that does.
                if (e is not (SocketException or OperationCanceledException))
                    return Wrong;
            }
        }

        return NotFound;
    }
}
