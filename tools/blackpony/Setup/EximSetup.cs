using System.Text.RegularExpressions;

namespace BlackPony.Tools.Setup;

/// <summary>Exim as Debian packages it, in /etc/exim4.</summary>
internal static partial class EximSetup
{
    private const string Conf = "/etc/exim4/update-exim4.conf.conf";
    private const string Template = "/etc/exim4/exim4.conf.template";
    private const string Macros = "/etc/exim4/exim4.conf.localmacros";

    // Of a split configuration.
    private const string MainFolder = "/etc/exim4/conf.d/main";
    private const string TransportFolder = "/etc/exim4/conf.d/transport";

    private const string Router = """
        blackpony:
          driver = manualroute
          domains = ! +local_domains
          transport = blackpony
          route_list = * 127.0.0.1::2526
          self = send
          no_more

        """;

    private const string Transport = """
        blackpony:
          driver = smtp
          multi_domain = false
          allow_localhost
          hosts_avoid_tls = *

        """;

    public static Plan Plan(PlanContext context)
    {
        if (File.Exists("/etc/exim4/exim4.conf"))
            throw new RefusedException("/etc/exim4/exim4.conf is there, so Exim does not use Debian's configuration, which 'setup' knows.");

        var conf = PlanContext.Read(Conf);
        string Of(string name) => Regex.Match(conf, $"^{name}='(.*)'\\s*$", RegexOptions.Multiline) is { Success: true } m
            ? m.Groups[1].Value.Trim()
            : throw new RefusedException($"{Conf} does not have the line {name}='…', as Debian's has.");
        string[] listen = Of("dc_local_interfaces").Replace(" ", "", StringComparison.Ordinal) switch
        {
            "" => ["0.0.0.0", "[::]"],
            "127.0.0.1;::1" => ["127.0.0.1", "[::1]"],
            "127.0.0.1" => ["127.0.0.1"],
            var other => throw new RefusedException($"{Conf} has dc_local_interfaces='{other}'. 'setup' knows '' and '127.0.0.1 ; ::1'."),
        };
        if (Of("dc_relay_nets").Contains("127.", StringComparison.Ordinal))
        {
            throw new RefusedException($"{Conf} has dc_relay_nets='{Of("dc_relay_nets")}', which may contain 127.0.0.2, the address of "
                + "'listen'.");
        }

        context.Change(Conf, Interfaces().Replace(conf, $"dc_local_interfaces='127.0.0.1.{context.Port}'"));
        if (!context.IncomingOnly)
        {
            const string ByHand = "Add --incoming to set up incoming mail alone, and see 'Exim' in docs/mail-servers.md.";
            if (Of("dc_eximconfig_configtype") is not "internet" and var type)
            {
                throw new RefusedException($"{Conf} has dc_eximconfig_configtype='{type}': outgoing mail is not for the mail exchangers of "
                    + $"its domain. {ByHand}");
            }

            if (Of("dc_relay_domains").Length > 0)
            {
                throw new RefusedException($"{Conf} has dc_relay_domains='{Of("dc_relay_domains")}': this machine is a backup for them. "
                    + ByHand);
            }

            bool isSplit = Of("dc_use_split_config") == "true";
            string[] read = isSplit
                ? [.. ((string[])[MainFolder, TransportFolder]).SelectMany(f => Directory.EnumerateFiles(f).Order(StringComparer.Ordinal))]
                : [Macros, Template];
            foreach (var file in read)
            {
                if (Tls().Match(PlanContext.TryRead(file) ?? "") is { Success: true } strict)
                    throw new RefusedException($"{file} has {strict.Value.Trim()}, which 'relay' does not know. {ByHand}");
            }

            context.Note("Exim itself checks DANE where a domain has it; 'relay' does not. See 'Exim' in docs/mail-servers.md.");
            Outgoing(context, isSplit);
        }

        ServiceFiles.Plan(context, listen, xclient: false);
        return context.Plan("exim", [Step.Read("update-exim4.conf --check")],
            [Step.Read("update-exim4.conf"), Step.Read("systemctl restart exim4")], needsRelay: true);
    }

    private static void Outgoing(PlanContext context, bool isSplit)
    {
        if (isSplit)
        {
            // Before 200_exim4-config_primary.
            Create("/etc/exim4/conf.d/router/190_blackpony", Router);
            Create("/etc/exim4/conf.d/transport/190_blackpony", Transport);
            return;
        }

        var template = PlanContext.Read(Template);
        var (primary, transports) = (Primary().Matches(template), Transports().Matches(template));
        // Its name stands twice in a comment before its text.
        if (primary is not [var router, _] || transports is not [var transport])
        {
            throw new RefusedException($"{Template} is not Debian's: it lacks the router 200_exim4-config_primary or "
                + "'begin transports'.");
        }

        // The later place first.
        context.Change(Template, template.Insert(transport.Index + transport.Length, Transport + "\n").Insert(router.Index, Router + "\n"));

        void Create(string path, string text)
        {
            if (File.Exists(path))
                throw new RefusedException($"{path} is there already, which 'setup' did not make.");

            context.Change(path, text);
        }
    }

    [GeneratedRegex("^dc_local_interfaces='.*'", RegexOptions.Multiline)]
    private static partial Regex Interfaces();

    [GeneratedRegex("^### router/200_exim4-config_primary\n", RegexOptions.Multiline)]
    private static partial Regex Primary();

    [GeneratedRegex("^begin transports\n", RegexOptions.Multiline)]
    private static partial Regex Transports();

    // A macro that Debian's transports use, or an option of a transport that is not set by one.
    [GeneratedRegex(@"^[ \t]*(REMOTE_SMTP_(?!SMARTHOST_)\w*(TLS|DANE)\w*(?=[ \t]*=)|(hide[ \t]+)?hosts_require_(tls|dane)"
        + @"(?![ \t]*=[ \t]*(REMOTE_SMTP_(SMARTHOST_)?HOSTS_REQUIRE_(TLS|DANE)[ \t]*)?$))", RegexOptions.Multiline)]
    private static partial Regex Tls();
}
