namespace BlackPony.Benchmarks.Peers;

/// <summary>How each program is started.</summary>
internal static class Servers
{
    /// <summary>Postfix's smtp-sink: takes mail and throws it away.</summary>
    public static Task<Child> SinkAsync()
    {
        int port = Child.FreePort();
        return Child.StartAsync(port, Path.Combine(Where.Peers, "usr/sbin/smtp-sink"), "-u", "nobody", "-4", "-m", "5000",
            $"127.0.0.1:{port}", "1024");
    }

    /// <summary>Our relay.</summary>
    public static Task<Child> ListenAsync(Child backend)
    {
        int port = Child.FreePort();
        string[] most = ["--max-sessions", "5000", "--max-sessions-per-client", "5000"];
        return Child.StartAsync(port, Where.BlackPony, ["listen", "--listen", $"127.0.0.1:{port}", "--backend",
            $"127.0.0.1:{backend.Port}", "--allow-open-backend", .. most]);
    }

    /// <summary>stunnel as a server's STARTTLS.</summary>
    public static Task<Child> StunnelAsync(Child backend)
    {
        int port = Child.FreePort();
        var folder = Where.NewFolder();
        Load.Tls.Write(folder);
        File.WriteAllText(Path.Combine(folder, "stunnel.conf"), $"""
            foreground = yes
            pid =
            debug = 3
            socket = a:SO_REUSEADDR=1
            socket = l:TCP_NODELAY=1
            socket = r:TCP_NODELAY=1
            [smtp]
            accept = 127.0.0.1:{port}
            connect = 127.0.0.1:{backend.Port}
            protocol = smtp
            cert = {folder}/cert.pem
            key = {folder}/key.pem
            sslVersionMin = TLSv1.3
            """);
        return Child.StartAsync(port, Path.Combine(Where.Peers, "usr/bin/stunnel4"), Path.Combine(folder, "stunnel.conf"));
    }

    /// <summary>Postfix with STARTTLS; each session goes on to the backend as it comes (smtpd_proxy_filter), past the queue.</summary>
    public static Task<Child> PostfixAsync(Child backend)
    {
        int port = Child.FreePort();
        var folder = Where.NewFolder();
        Load.Tls.Write(folder);
        string[] queues = ["pid", "public", "private", "maildrop", "incoming", "active", "deferred"];
        foreach (var queue in queues)
        {
            Directory.CreateDirectory(Path.Combine(folder, "queue", queue));
        }

        Directory.CreateDirectory(Path.Combine(folder, "data"));
        File.WriteAllText(Path.Combine(folder, "main.cf"), $"""
            compatibility_level = 3.6
            queue_directory = {folder}/queue
            data_directory = {folder}/data
            daemon_directory = {Where.Peers}/usr/lib/postfix/sbin
            command_directory = {Where.Peers}/usr/sbin
            shlib_directory = {Where.Peers}/usr/lib/postfix
            meta_directory = {Where.Peers}/etc/postfix
            import_environment = LD_LIBRARY_PATH MAIL_CONFIG
            maillog_file = {folder}/log
            maillog_file_prefixes = {folder}
            mail_owner = daemon
            setgid_group = mail
            myhostname = mail.test
            mydestination =
            inet_protocols = ipv4
            alias_maps =
            smtpd_tls_security_level = may
            smtpd_tls_cert_file = {folder}/cert.pem
            smtpd_tls_key_file = {folder}/key.pem
            smtpd_peername_lookup = no
            smtpd_client_connection_count_limit = 0
            smtpd_proxy_options =
            message_size_limit = 0
            default_process_limit = 200
            """);
        File.WriteAllText(Path.Combine(folder, "master.cf"), $"""
            127.0.0.1:{port} inet n - n - - smtpd -o smtpd_proxy_filter=127.0.0.1:{backend.Port}
            postlog unix-dgram n - n - 1 postlogd
            rewrite unix - - n - - trivial-rewrite
            anvil unix - - n - 1 anvil
            tlsmgr unix - - n 1000? 1 tlsmgr
            proxymap unix - - n - - proxymap

            """);
        Chown("daemon", folder, "data", "queue/public", "queue/private", "queue/maildrop", "queue/incoming", "queue/active",
            "queue/deferred");
        return Child.StartAsync(port, Path.Combine(Where.Peers, "usr/lib/postfix/sbin/master"), "-c", folder, "-d");
    }

    /// <summary>haproxy as a plain relay.</summary>
    public static Task<Child> HaproxyAsync(Child backend)
    {
        int port = Child.FreePort();
        var file = Path.Combine(Where.NewFolder(), "haproxy.cfg");
        File.WriteAllText(file, $"""
            global
                maxconn 5000
                nbthread {Environment.ProcessorCount}
            defaults
                mode tcp
                timeout connect 10s
                timeout client 300s
                timeout server 300s
            listen smtp
                bind 127.0.0.1:{port}
                server sink 127.0.0.1:{backend.Port}

            """);
        return Child.StartAsync(port, Path.Combine(Where.Peers, "usr/sbin/haproxy"), "-db", "-f", file);
    }

    /// <summary>socat as a plain relay, a process for each session.</summary>
    public static Task<Child> SocatAsync(Child backend)
    {
        int port = Child.FreePort();
        return Child.StartAsync(port, Path.Combine(Where.Peers, "usr/bin/socat"),
            $"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,backlog=1024,nodelay", $"TCP:127.0.0.1:{backend.Port},nodelay");
    }

    private static void Chown(string user, string folder, params string[] names)
    {
        using var chown = System.Diagnostics.Process.Start("chown", [user, .. names.Select(n => Path.Combine(folder, n))]);
        chown.WaitForExit();
    }
}
