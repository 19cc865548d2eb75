using System.Text;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>An OpenSMTPD of its own. Its paths are compiled in, so it gets its own view of the file system.</summary>
internal sealed class OpenSmtpd : MailServer
{
    private OpenSmtpd(string folder)
        : base(folder)
    {
    }

    /// <inheritdoc/>
    public override string Log => Output;

    /// <summary>Starts one. Its STARTTLS does not work with OpenSSL 3 (upstream issues 1171, 1239), so it has none.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="host">Its host name.</param>
    /// <param name="domains">Its own domains, whose mail goes into the box.</param>
    /// <param name="routes">The ports of other domains.</param>
    /// <param name="smartHost">The port for all other mail, which only this machine may send.</param>
    public static async Task<OpenSmtpd> StartAsync(string folder, string host, IEnumerable<string> domains,
        IEnumerable<(string Domain, int Port)> routes, int? smartHost = null)
    {
        var server = new OpenSmtpd(folder);
        var text = new StringBuilder($$"""
            mta limit conn-delay-route 0 reconn-delay-route 0 conn-delay-host 0 max-conn-per-route 50 max-conn-per-host 50
            table box { "@" = "mail" }
            listen on 127.0.0.1 port {{server.Port}} hostname {{host}}
            action "box" mda "{{server.Mailbox.Command}} %{sender} %{rcpt}" virtual <box>

            """);
        foreach (var domain in domains)
        {
            text.Append($"match from any for domain \"{domain}\" action \"box\"\n");
        }

        foreach (var (domain, port) in routes)
        {
            text.Append(
                $"action \"{domain}\" relay host \"smtp+notls://127.0.0.1:{port}\"\nmatch from any for domain \"{domain}\" action "
                    + $"\"{domain}\"\n");
        }

        if (smartHost is not null)
        {
            text.Append($"action \"out\" relay host \"smtp+notls://127.0.0.1:{smartHost}\"\nmatch from local for any action \"out\"\n");
        }

        await File.WriteAllTextAsync(Path.Combine(folder, "smtpd.conf"), text.ToString());
        await File.WriteAllTextAsync(Path.Combine(folder, "start.sh"), $"""
            set -e
            mount -t overlay overlay -o lowerdir={ServerInstall.Folder("opensmtpd")}/usr:/usr /usr
            mount -t tmpfs tmpfs /var
            mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd /var/mail /var/run
            chmod 711 /var/spool/smtpd
            chown mail:mail /var/mail
            exec /usr/sbin/smtpd -d -f {folder}/smtpd.conf

            """.ReplaceLineEndings("\n"));
        await server.StartAsync("/bin/sh", [Path.Combine(folder, "start.sh")]);
        return server;
    }
}
