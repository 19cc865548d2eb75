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

/// <summary><c>blackpony listen</c>: the relay (spec 10.1 to 10.3).</summary>
internal static class ListenCommand
{
    public static Command Create()
    {
        var listen = new Option<IPEndPoint[]>("--listen", "-l") { Description = "Address and port to listen on; may be given several times.", HelpName = "address:port", Required = true, CustomParser = Parse.EndPoints };
        var backend = new Option<DnsEndPoint?>("--backend", "-b") { Description = "The mail server behind.", HelpName = "host:port", Required = true, CustomParser = Parse.HostAndPort };
        var source = new Option<IPAddress?>("--backend-source") { Description = "Source address towards the mail server, one that it does not trust. [default for a mail server on 127.0.0.0/8: 127.0.0.2]", HelpName = "address", CustomParser = Parse.Address };
        var xclient = new Option<bool>("--xclient") { Description = "Tell the mail server the client's address by XCLIENT (Postfix)." };
        var proxy = new Option<string?>("--proxy-protocol") { Description = "Tell the mail server the client's address by the PROXY protocol: v1 or v2 (Exim, Postfix)." };
        proxy.AcceptOnlyFromAmong("v1", "v2");
        var open = new Option<bool>("--allow-open-backend") { Description = "Start even if the mail server would relay for strangers who come through here." };
        var suites = new Option<Suite[]>("--suites") { Description = "Suites to offer, in order of preference, separated by commas; 'none' switches encryption off. [default: " + string.Join(',', SuiteRegistry.Default) + "]", HelpName = "names", CustomParser = Parse.Suites };
        var rot = new Option<bool>("--allow-rot") { Description = "Offer ROT too, which protects nothing and is for hands and teaching." };
        var ident = new Option<IdentKey[]>("--ident") { Description = "File with an Ed25519 private key in hexadecimal, by which clients recognise this server; during a change of keys give the new and the old.", HelpName = "file", CustomParser = Parse.Idents };
        var max = new Option<int>("--max-sessions") { Description = "Sessions at one time; further clients get 421.", HelpName = "n", DefaultValueFactory = _ => Limits.MaxSessions, CustomParser = r => Parse.Number(r, 1, 1_000_000) };
        var drain = new Option<int>("--drain") { Description = "Seconds that sessions in flight may take to finish after SIGTERM.", HelpName = "seconds", DefaultValueFactory = _ => (int)Limits.DrainTimeout.TotalSeconds, CustomParser = r => Parse.Number(r, 0, 3600) };
        var keyLog = new Option<string?>("--keylog") { Description = "Append every session's secrets to this file, for looking into captures. Whoever has it reads the mail.", HelpName = "file" };
        var format = new Option<string>("--log-format") { Description = "text or json, on standard error.", DefaultValueFactory = _ => "text" };
        format.AcceptOnlyFromAmong("text", "json");
        var command = new Command("listen", "Stand before a mail server and encrypt with clients that know how.") { listen, backend, source, xclient, proxy, open, suites, rot, ident, max, drain, keyLog, format };
        command.Validators.Add(r =>
        {
            if (r.GetResult(xclient) is { Implicit: false } && r.GetResult(proxy) is { Implicit: false })
            {
                r.AddError("--xclient and --proxy-protocol exclude each other: give the one that the mail server knows.");
            }
        });
        Help.Example(command, """
              blackpony listen --listen 0.0.0.0:25 --listen [::]:25 --backend 127.0.0.1:10025
              blackpony listen --listen 0.0.0.0:25 --backend 127.0.0.1:10025 --xclient          in front of Postfix
              blackpony listen --listen 0.0.0.0:25 --backend 127.0.0.1:10025 --proxy-protocol v2   in front of Exim
            """);
        command.SetAction(async (parse, cancel) =>
        {
            var target = parse.GetValue(backend)!;
            var addressing = parse.GetValue(xclient) ? ClientAddressing.XClient
                : parse.GetValue(proxy) switch { "v1" => ClientAddressing.ProxyV1, "v2" => ClientAddressing.ProxyV2, _ => ClientAddressing.None };
            var from = parse.GetValue(source);
            if (from is null && addressing == ClientAddressing.None)
            {
                from = DefaultSource(target.Host);
                if (from is null)
                {
                    Console.Error.WriteLine("blackpony: the mail server would see this machine's own address and might relay for it. Give --xclient, --proxy-protocol, or --backend-source with an address that it does not trust.");
                    return 2;
                }
            }

            // An option that is not given has an empty array as its value.
            IReadOnlyList<Suite> offered = [.. parse.GetResult(suites) is null ? SuiteRegistry.Default : parse.GetValue(suites)!, .. parse.GetValue(rot) ? [SuiteRegistry.Find("ROT")!] : Array.Empty<Suite>()];
            if (!parse.GetValue(rot) && offered.Any(s => !s.Encrypts))
            {
                Console.Error.WriteLine("blackpony: ROT protects nothing; to offer it all the same give --allow-rot.");
                return 2;
            }

            var options = new ServerOptions(new RsaKeys(TimeProvider.System))
            {
                Suites = [.. offered.Distinct()],
                Idents = parse.GetValue(ident) ?? [],
                KeyLog = parse.GetValue(keyLog) is { } file ? new KeyLogFile(file) : null,
            };
            using var logging = Logs.Create(parse.GetValue(format) == "json");
            var log = logging.CreateLogger("blackpony");
            var settings = new RelaySettings(parse.GetValue(listen)!, target.Host, target.Port, options)
            {
                BackendSource = from,
                Addressing = addressing,
                MaxSessions = parse.GetValue(max),
                Drain = TimeSpan.FromSeconds(parse.GetValue(drain)),
            };
            settings = settings with { Guard = parse.GetValue(open) ? null : new BackendGuard(settings) };
            if (!await IsSafeAsync(settings, log, cancel))
            {
                return 1;
            }

            await using var server = new RelayServer(settings, log);
            try
            {
                server.Start();
            }
            catch (SocketException e)
            {
                Console.Error.WriteLine($"blackpony: cannot listen there: {e.Message}. Is another program on that port, or does it need root?");
                return 1;
            }

            try
            {
                await Task.Delay(Timeout.Infinite, cancel);
            }
            catch (OperationCanceledException)
            {
            }

            log.LogInformation("stopping");
            await server.StopAsync();
            return 0;
        });
        return command;
    }

    // The relay must not make an open relay of the mail server behind it ([BP-10.1-1]).
    private static async Task<bool> IsSafeAsync(RelaySettings settings, ILogger log, CancellationToken cancel)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(TimeSpan.FromSeconds(5));
        try
        {
            await (settings.Guard?.CheckAsync(patience.Token) ?? Task.CompletedTask);
        }
        catch (OpenRelayException e)
        {
            Console.Error.WriteLine($"blackpony: {e.Message}. Give --xclient (Postfix), --proxy-protocol (Exim, Postfix), or --backend-source with an address that it does not trust; --allow-open-backend if that is meant to be.");
            return false;
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            log.LogWarning("the mail server does not answer yet ({Error}); clients get 421 until it does", e.Message);
        }

        return true;
    }

    // A mail server trusts 127.0.0.1 as its own ([BP-10.1-2]).
    private static IPAddress? DefaultSource(string host)
    {
        var address = IPAddress.TryParse(host, out var literal) ? literal : host == "localhost" ? IPAddress.Loopback : null;
        return address is { AddressFamily: AddressFamily.InterNetwork } && IPAddress.IsLoopback(address) ? IPAddress.Parse(Limits.BackendSource) : null;
    }
}
