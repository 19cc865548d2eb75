using System.Text.RegularExpressions;

namespace BlackPony.Tools.Setup;

/// <summary>sendmail as Debian packages it, in /etc/mail.</summary>
internal static partial class SendmailSetup
{
    private const string Mc = "/etc/mail/sendmail.mc";
    private const string Submit = "/etc/mail/submit.mc";
    private const string Access = "/etc/mail/access";
    private const string ByHand = "Add --incoming to set up incoming mail alone, and see 'sendmail' in docs/mail-servers.md.";

    public static Plan Plan(PlanContext context)
    {
        var lines = PlanContext.Read(Mc).Split('\n').ToList();
        var daemons = lines.Where(l => Daemon().IsMatch(l) && l.Contains("Port=smtp", StringComparison.Ordinal)).ToList();
        if (daemons is not [var daemon] || !daemon.Contains("Family=inet,", StringComparison.Ordinal))
        {
            throw new RefusedException($"{Mc} does not have exactly one line DAEMON_OPTIONS(`Family=inet, … Port=smtp …'), as Debian's "
                + "has: 'setup' does not know which daemon has port 25.");
        }

        if (lines.Exists(l => l != daemon
            && Port().Match(l) is { Success: true } other && Number(other.Groups[1].Value) == $"{context.Port}"))
            throw new RefusedException($"{Mc} has a daemon on port {context.Port}. Choose another port with --port.");

        var address = Address().Match(daemon);
        string[] listen = !address.Success ? ["0.0.0.0"] : address.Groups[1].Value == "127.0.0.1" ? ["127.0.0.1"]
            : throw new RefusedException($"{Mc} has {address.Value} in the line of port 25. 'setup' knows 127.0.0.1, or no Addr=.");
        var moved = daemon.Replace("Port=smtp", $"Port={context.Port}", StringComparison.Ordinal);
        if (!address.Success)
            moved = moved.Replace($"Port={context.Port}", $"Port={context.Port}, Addr=127.0.0.1", StringComparison.Ordinal);

        lines[lines.IndexOf(daemon)] = moved;
        if (!context.IncomingOnly)
            Mailer(context, lines);

        context.Change(Mc, string.Join('\n', lines));

        // The command 'sendmail' hands its mail to port 25, where 'listen' would make a stranger's of it.
        var submit = PlanContext.Read(Submit);
        if (submit.Contains("RELAY_MAILER_ARGS", StringComparison.Ordinal) || Msp().Matches(submit) is not [var msp])
            throw new RefusedException($"{Submit} does not have just the line FEATURE(`msp', `[127.0.0.1]', `25')dnl, as Debian's has.");

        context.Change(Submit, submit.Insert(msp.Index, $"define(`RELAY_MAILER_ARGS', `TCP $h {context.Port}')dnl\n"));

        var access = PlanContext.Read(Access);
        if (!context.IncomingOnly && TlsOf().Match(access) is { Success: true } strict)
        {
            throw new RefusedException($"{Access} has the line {strict.Value}: sendmail requires TLS by that, and 'mailer' would not. "
                + ByHand);
        }

        // 'listen' connects from 127.0.0.2, which must not be trusted ([BP-10.1-1]).
        context.Change(Access, Trusted().Replace(access, "Connect:127.0.0.1$1"));
        ServiceFiles.Plan(context, listen, xclient: false);
        return context.Plan("sendmail", [], [Step.Read("make -C /etc/mail"), Step.Read("systemctl restart sendmail")], needsRelay: false);
    }

    private static string Number(string port) => port switch { "submission" => "587", "smtps" or "submissions" => "465", _ => port };

    private static void Mailer(PlanContext context, List<string> lines)
    {
        // Debian's file includes these two.
        var included = ((string[])["/etc/mail/m4/dialup.m4", "/etc/mail/m4/provider.m4"])
            .SelectMany(f => (PlanContext.TryRead(f) ?? "").Split('\n'));
        if (lines.Concat(included).FirstOrDefault(l => Other().IsMatch(Discarded().Replace(l, ""))) is { } other)
        {
            throw new RefusedException($"{Mc} has the line {other.Trim()}. Outgoing mail is not for the mail exchangers of its domain, has "
                + $"another mailer, or requires TLS. {ByHand}");
        }

        int mailers = lines.FindIndex(l => l.StartsWith("MAILER", StringComparison.Ordinal));
        if (mailers < 0 || !lines.Exists(l => l.StartsWith("MAILER(`smtp')", StringComparison.Ordinal)))
            throw new RefusedException($"{Mc} does not have the line MAILER(`smtp')dnl, as Debian's has.");

        lines.Insert(mailers, "define(`confSMTP_MAILER', `blackpony')dnl");
        int end = lines.FindLastIndex(l => l.Length > 0) + 1;
        lines.InsertRange(end, ["MAILER_DEFINITIONS",
            $"Mblackpony, P={context.Program}, F=mDFMuXak, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\\r\\n, L=990, T=DNS/RFC822/SMTP, "
                + "A=blackpony mailer -- $h"]);
    }

    [GeneratedRegex("^DAEMON_OPTIONS\\(")]
    private static partial Regex Daemon();

    [GeneratedRegex("^FEATURE\\(`msp', `\\[127\\.0\\.0\\.1\\]'(, `25')?\\)", RegexOptions.Multiline)]
    private static partial Regex Msp();

    [GeneratedRegex("Addr=([^,' ]+)")]
    private static partial Regex Address();

    // Anywhere in a line, quoted or not; DS is SMART_HOST in sendmail.cf.
    [GeneratedRegex(@"\bdefine\(\s*`?(SMART_HOST|MAIL_HUB|LUSER_RELAY|LOCAL_RELAY|confSMTP_MAILER|confTLS_\w*|confDANE)\b"
        + @"|\bFEATURE\(\s*`?(mailertable|nullclient|sts)\b|^DS.")]
    private static partial Regex Other();

    // What m4 does not read.
    [GeneratedRegex(@"\bdnl\b.*")]
    private static partial Regex Discarded();

    [GeneratedRegex(@"^(TLS_Srv|TLS_Rcpt)\b.*", RegexOptions.Multiline | RegexOptions.IgnoreCase)]
    private static partial Regex TlsOf();

    [GeneratedRegex(@"\bPort=(\w+)")]
    private static partial Regex Port();

    [GeneratedRegex(@"^Connect:127(\s)", RegexOptions.Multiline)]
    private static partial Regex Trusted();
}
