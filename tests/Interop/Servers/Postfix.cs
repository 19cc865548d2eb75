namespace BlackPony.Tests.Interop.Servers;

/// <summary>A Postfix of its own.</summary>
internal sealed class Postfix : MailServer
{
    private static readonly string Programs = ServerInstall.Folder("postfix");

    private Postfix(string folder)
        : base(folder)
    {
    }

    /// <inheritdoc/>
    public override string Log => File.Exists(Path.Combine(Folder, "log")) ? File.ReadAllText(Path.Combine(Folder, "log")) : "no log";

    /// <summary>Where smtp-source stands.</summary>
    public static string SmtpSource => Path.Combine(Programs, "usr", "sbin", "smtp-source");

    /// <summary>Where smtp-sink stands.</summary>
    public static string SmtpSink => Path.Combine(Programs, "usr", "sbin", "smtp-sink");

    /// <summary>The libraries of its programs.</summary>
    public static string Libraries => $"{Programs}/usr/lib/postfix:{ServerInstall.Libraries("postfix")}";

    /// <summary>The files that we give to a Postfix administrator, with other ports.</summary>
    public static (string Main, string Master) Snippets(int backend, int relay) =>
        (Snippet("main.cf", backend, relay), Snippet("master.cf", backend, relay));

    /// <summary>Waits for a line of the log that holds all of these.</summary>
    public Task LogsAsync(params string[] texts) => Wait.EventuallyAsync(
        () => Log.Split('\n').Any(l => texts.All(t => l.Contains(t, StringComparison.Ordinal))),
        () => $"Postfix did not log {string.Join(" … ", texts)}, but: {Log}");

    /// <summary>Starts one.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="host">Its host name.</param>
    /// <param name="domains">Its own domains, whose mail goes into the box.</param>
    /// <param name="main">More lines of main.cf.</param>
    /// <param name="master">More lines of master.cf; one that begins with <c>127.0.0.1:</c> takes the place of the usual port.</param>
    public static async Task<Postfix> StartAsync(string folder, string host, string domains, string main = "",
        Func<int, string>? master = null)
    {
        var server = new Postfix(folder);
        var (certificate, key) = ServerInstall.Certify(folder, host);
        // Users that every Debian has, instead of postfix and postdrop;
        // the folders that Postfix's start script makes, which takes seconds.
        await Shell.RunAsync($"""
            cd {folder} && mkdir data queue && cd queue &&
            mkdir active bounce corrupt defer deferred flush hold incoming maildrop pid private public saved trace
            chown mail * ../data && chown root pid && chown mail:staff maildrop public &&
            chmod 700 * ../data && chmod 755 pid && chmod 1730 maildrop && chmod 2710 public
            """);
        var usual = $"""
            compatibility_level = 3.6
            queue_directory = {folder}/queue
            data_directory = {folder}/data
            daemon_directory = {Programs}/usr/lib/postfix/sbin
            command_directory = {Programs}/usr/sbin
            shlib_directory = {Programs}/usr/lib/postfix
            meta_directory = {Programs}/etc/postfix
            import_environment = MAIL_CONFIG={folder} LD_LIBRARY_PATH={Libraries}
            maillog_file = {folder}/log
            maillog_file_prefixes = /
            mail_owner = mail
            setgid_group = staff
            inet_interfaces = 127.0.0.1
            inet_protocols = ipv4
            myhostname = {host}
            mydestination =
            alias_maps =
            alias_database =
            virtual_mailbox_domains = {domains}
            virtual_transport = box
            box_destination_recipient_limit = 1
            smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
            smtpd_tls_security_level = may
            smtpd_tls_cert_file = {certificate}
            smtpd_tls_key_file = {key}
            smtp_tls_security_level = may

            """;
        // Each setting once: Postfix warns of a second one.
        var settings = main.Split('\n').Select(Setting).ToHashSet();
        await File.WriteAllTextAsync(Path.Combine(folder, "main.cf"),
            string.Concat(usual.Split('\n').Where(l => !settings.Contains(Setting(l))).Select(l => l + "\n")) + main + "\n");
        var extra = master?.Invoke(server.Port) ?? $"127.0.0.1:{server.Port} inet n - n - - smtpd";
        await File.WriteAllTextAsync(Path.Combine(folder, "master.cf"), $$"""
            cleanup unix n - n - 0 cleanup
            qmgr unix n - n 300 1 qmgr
            tlsmgr unix - - n 1000? 1 tlsmgr
            rewrite unix - - n - - trivial-rewrite
            bounce unix - - n - 0 bounce
            defer unix - - n - 0 bounce
            trace unix - - n - 0 bounce
            error unix - - n - - error
            retry unix - - n - - error
            smtp unix - - n - - smtp
            anvil unix - - n - 1 anvil
            scache unix - - n - 1 scache
            proxymap unix - - n - - proxymap
            postlog unix-dgram n - n - 1 postlogd
            box unix - n n - - pipe flags= eol=\r\n user=games argv={{server.Mailbox.Command}} ${sender} ${recipient}
            {{extra}}

            """);
        await server.StartAsync($"{Programs}/usr/lib/postfix/sbin/master", ["-s"],
            new Dictionary<string, string> { ["LD_LIBRARY_PATH"] = Libraries, ["MAIL_CONFIG"] = folder });
        return server;
    }

    private static string Setting(string line) => line.Contains('=', StringComparison.Ordinal) ? line.Split('=')[0].Trim() : "";

    private static string Snippet(string name, int backend, int relay) =>
        Repository.Read("tools", "blackpony", "postfix", name)
            .Replace("127.0.0.1:10025", $"127.0.0.1:{backend}", StringComparison.Ordinal)
            .Replace("[127.0.0.1]:2526", $"[127.0.0.1]:{relay}", StringComparison.Ordinal);
}
