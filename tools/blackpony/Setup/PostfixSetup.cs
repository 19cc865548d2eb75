using System.Text.RegularExpressions;

namespace BlackPony.Tools.Setup;

/// <summary>Postfix, in /etc/postfix.</summary>
internal static partial class PostfixSetup
{
    private const string Main = "/etc/postfix/main.cf";
    private const string Master = "/etc/postfix/master.cf";

    // The levels without a requirement. At all others Postfix authenticates, or at least requires TLS; relay does not.
    private static readonly string[] Lax = ["", "none", "may"];

    // Mail that these route does not come to default_transport.
    private static readonly string[] Routes =
        ["transport_maps", "sender_dependent_default_transport_maps", "relay_domains", "relay_transport"];

    private static readonly Dictionary<string, string> Ports = new()
    {
        ["smtp"] = "25", ["submission"] = "587", ["submissions"] = "465", ["smtps"] = "465",
    };

    public static Plan Plan(PlanContext context)
    {
        var settings = Settings(PlanContext.Read(Main));
        string Of(string name) => settings.GetValueOrDefault(name, "");
        void Unset(string name, string why)
        {
            if (Of(name).Length > 0)
                throw new RefusedException($"{Main} sets {name} = {Of(name)}. {why}");
        }

        string[] hosts = Of("inet_interfaces") switch
        {
            "" or "all" or "$myhostname, localhost" => ["0.0.0.0", "[::]"],
            "loopback-only" or "localhost" or "127.0.0.1" => ["127.0.0.1", "[::1]"],
            var other => throw new RefusedException($"{Main} sets inet_interfaces = {other}. 'setup' knows all and loopback-only; "
                + "write listen.conf for these addresses by hand."),
        };
        hosts = Of("inet_protocols") switch
        {
            "" or "all" or "ipv4, ipv6" or "ipv4,ipv6" => Of("inet_interfaces") == "127.0.0.1" ? hosts[..1] : hosts,
            "ipv4" => hosts[..1],
            var other => throw new RefusedException($"{Main} sets inet_protocols = {other}. 'setup' knows all and ipv4."),
        };
        Unset("smtpd_upstream_proxy_protocol", "Another program in front of Postfix passes the client's address to it.");
        Unset("smtpd_authorized_xclient_hosts", "Another program in front of Postfix passes the client's address to it.");
        List<string> main = ["# blackpony setup: begin ('blackpony setup postfix --undo' takes these lines back)"];
        if (!context.IncomingOnly)
        {
            const string ByHand = "Add --incoming to set up incoming mail alone, and see 'Postfix' in docs/mail-servers.md.";
            Unset("relayhost", $"Outgoing mail is for that host. {ByHand}");
            Unset("sender_dependent_relayhost_maps", $"Outgoing mail is for other hosts. {ByHand}");
            Unset("default_transport", $"Outgoing mail has another transport. {ByHand}");
            const string Deferred = "Mail that 'relay' defers would go to that host, which 'relay' does not know.";
            Unset("smtp_fallback_relay", $"{Deferred} {ByHand}");
            Unset("fallback_relay", $"{Deferred} {ByHand}");
            foreach (var (where, own) in (IEnumerable<(string, Dictionary<string, string>)>)
                [(Main, settings), .. Transports(PlanContext.Read(Master), settings)])
            {
                if (own.FirstOrDefault(s => RequiresTls(s.Key, Expand(s.Value, own))) is { Key: not null } strict)
                {
                    throw new RefusedException($"{where} sets {strict.Key} = {strict.Value}. Postfix may require TLS by that, and 'relay' "
                        + $"would not. {ByHand}");
                }
            }

            foreach (var route in Routes.Where(r => Of(r).Length > 0))
                context.Note($"{Main} sets {route}: mail that it routes elsewhere does not go through 'relay', which does not encrypt it.");

            main.AddRange(["default_transport = blackpony:[127.0.0.1]:2526", "blackpony_destination_recipient_limit = 1"]);
        }

        main.AddRange(["smtpd_authorized_xclient_hosts = 127.0.0.1", "# blackpony setup: end"]);
        context.Change(Main, WithNewline(PlanContext.Read(Main)) + string.Join('\n', main) + "\n");
        context.Change(Master, MasterText(context, PlanContext.Read(Master)));
        ServiceFiles.Plan(context, hosts, xclient: true);
        return context.Plan("postfix", [Step.Read("postfix check")], [Step.Read("postfix reload")], needsRelay: true);
    }

    private static string MasterText(PlanContext context, string text)
    {
        var lines = WithNewline(text).Split('\n');
        var services = lines.Select((l, i) => (Fields: Fields(l), Place: i))
            .Where(s => s.Fields.Length >= 8 && !lines[s.Place].StartsWith('#') && !char.IsWhiteSpace(lines[s.Place][0])).ToList();
        if (services.Find(s => s.Fields[7] == "postscreen") is { Fields: not null })
        {
            throw new RefusedException($"{Master} has postscreen on port 25. It needs the client's address in a PROXY header: "
                + "see 'postscreen' in docs/mail-servers.md.");
        }

        if (services.Exists(s => s.Fields[0] == "blackpony"))
            throw new RefusedException($"{Master} has a service 'blackpony' already, which 'setup' did not make.");

        if (services.Find(s => s.Fields[1] == "inet" && Port(s.Fields[0]) == $"{context.Port}") is { Fields: { } taken })
        {
            throw new RefusedException($"{Master} has a service on port {context.Port}: '{taken[0]} … {taken[7]}'. Choose another "
                + "with --port.");
        }

        var smtp = services.Where(s => s.Fields[1] == "inet" && Port25().IsMatch(s.Fields[0])).ToList();
        if (smtp is not [{ Fields: ["smtp" or "25", _, _, _, _, _, _, "smtpd", ..] } service])
        {
            throw new RefusedException(
                $"{Master} does not have exactly one line 'smtp inet … smtpd': 'setup' does not know which service has port 25.");
        }

        string moved = Port25Name().Replace(lines[service.Place], $"127.0.0.1:{context.Port} ", 1);
        string chroot = service.Fields[4];
        return string.Join('\n', (IEnumerable<string>)[.. lines[..service.Place],
            "# blackpony setup: 'blackpony listen' has port 25; the service of this line had it.",
            moved,
            .. lines[(service.Place + 1)..^1],
            .. context.IncomingOnly ? (string[])[] : [$"blackpony unix  -       -       {chroot}       -       -       smtp",
                "  -o syslog_name=postfix/blackpony"],
            ""]);
    }

    private static string Port(string service) =>
        service[(service.LastIndexOf(':') + 1)..] is var port && Ports.TryGetValue(port, out var number) ? number : port;

    private static bool RequiresTls(string name, string value) => name switch
    {
        // Postfix does not distinguish case in these.
        "smtp_tls_security_level" => !Lax.Contains(value.ToLowerInvariant()),
        "smtp_enforce_tls" or "smtp_tls_wrappermode" => value.ToLowerInvariant() is not ("" or "no"),
        "smtp_tls_policy_maps" or "smtp_tls_per_site" => value.Length > 0,
        _ => false,
    };

    /// <summary>A value with $name, ${name} and $(name) replaced, as <c>postconf -x</c> does; what this does not know stays.</summary>
    private static string Expand(string value, Dictionary<string, string> settings)
    {
        // As deep as anybody writes; a name that contains itself stays, too.
        for (int depth = 0; depth < 20 && value.Contains('$', StringComparison.Ordinal); depth++)
        {
            value = Name().Replace(value, m => settings.GetValueOrDefault(m.Groups["name"].Value, m.Value));
        }

        return value.Trim();
    }

    /// <summary>The settings that -o gives to the transports for other machines, each with those of main.cf that they override.</summary>
    private static IEnumerable<(string Where, Dictionary<string, string> Settings)> Transports(string master,
        Dictionary<string, string> main)
    {
        foreach (var service in Continued().Replace(Comment().Replace(master, ""), " ").Split('\n'))
        {
            if (Fields(service) is not [var name and ("smtp" or "relay"), "unix", _, _, _, _, _, "smtp", ..])
                continue;

            var own = new Dictionary<string, string>(main);
            foreach (Match option in Option().Matches(service))
                own[option.Groups["name"].Value] = option.Groups["value"].Value;

            yield return ($"{Master}, in '{name} unix',", own);
        }
    }

    private static string[] Fields(string line) => line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The settings of a main.cf: a line that begins with white space continues the one before.</summary>
    private static Dictionary<string, string> Settings(string text)
    {
        var settings = new Dictionary<string, string>();
        string? last = null;
        foreach (var line in text.Split('\n').Where(l => l.Trim().Length > 0 && l.TrimStart()[0] != '#'))
        {
            if (char.IsWhiteSpace(line[0]) && last is not null)
                settings[last] = $"{settings[last]} {line.Trim()}".Trim();
            else if (line.Split('=', 2) is [var name, var value])
                settings[last = name.Trim()] = value.Trim();
            else
                throw new RefusedException($"{Main} has a line that 'setup' does not know: '{line}'.");
        }

        return settings;
    }

    private static string WithNewline(string text) => text.EndsWith('\n') ? text : text + "\n";

    [GeneratedRegex(@"\$(?:(?<name>\w+)|\{\s*(?<name>\w+)\s*\}|\(\s*(?<name>\w+)\s*\))")]
    private static partial Regex Name();

    // Of master.cf: comments and empty lines, also between the lines of a service; and the ends of lines that the next one continues.
    [GeneratedRegex(@"^[ \t]*(#.*)?\n", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"\n[ \t]+")]
    private static partial Regex Continued();

    [GeneratedRegex(@"\s-o\s*(?:\{\s*(?<name>\w+)\s*=\s*(?<value>[^}]*?)\s*\}|(?<name>\w+)=(?<value>\S*))")]
    private static partial Regex Option();

    [GeneratedRegex("(^|:)(smtp|25)$")]
    private static partial Regex Port25();

    [GeneratedRegex(@"^(smtp|25)\s")]
    private static partial Regex Port25Name();
}
