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
    /// <param name="backend">The mail server's port.</param>
    /// <param name="before">A command before the command.</param>
    public static Task<Child> ListenAsync(int backend, params string[] before)
    {
        int port = Child.FreePort();
        string[] most = ["--max-sessions", "12000", "--max-sessions-per-client", "12000"];
        return StartAsync(port, [.. before, Where.BlackPony, "listen", "--listen", $"127.0.0.1:{port}", "--backend",
            $"127.0.0.1:{backend}", "--allow-open-backend", .. most]);
    }

    /// <summary>Our relay for outgoing mail; all of it goes to one server.</summary>
    public static Task<Child> RelayAsync(int server)
    {
        int port = Child.FreePort();
        return StartAsync(port, [Where.BlackPony, "relay", "--listen", $"127.0.0.1:{port}", "--route", $"*=[127.0.0.1]:{server}",
            "--policy", "required"]);
    }

    /// <summary>stunnel as a server's STARTTLS.</summary>
    /// <param name="backend">The mail server's port.</param>
    /// <param name="cipher">The only cipher suite of TLS 1.3; null for what it prefers.</param>
    /// <param name="before">A command before the command.</param>
    public static Task<Child> StunnelAsync(int backend, string? cipher = null, params string[] before)
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
            connect = 127.0.0.1:{backend}
            protocol = smtp
            cert = {folder}/cert.pem
            key = {folder}/key.pem
            sslVersionMin = TLSv1.3
            {(cipher is null ? "" : $"ciphersuites = {cipher}")}
            """);
        return StartAsync(port, [.. before, Path.Combine(Where.Peers, "usr/bin/stunnel4"), Path.Combine(folder, "stunnel.conf")]);
    }

    /// <summary>Postfix with STARTTLS; each session goes on to the backend as it comes (smtpd_proxy_filter), past the queue.</summary>
    public static Task<Child> PostfixAsync(int backend) =>
        PostfixAsync(Where.NewFolder(), "", $"-o smtpd_proxy_filter=127.0.0.1:{backend}");

    /// <summary>Postfix with a queue of its own.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="main">More lines of main.cf.</param>
    /// <param name="options">Options of smtpd in master.cf.</param>
    public static Task<Child> PostfixAsync(string folder, string main, string options)
    {
        int port = Child.FreePort();
        Load.Tls.Write(folder);
        string[] queues = ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "private", "public",
            "saved", "trace"];
        foreach (var queue in queues.Append("pid"))
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
            {main}
            """);
        File.WriteAllText(Path.Combine(folder, "master.cf"), $"""
            127.0.0.1:{port} inet n - n - - smtpd {options}
            postlog unix-dgram n - n - 1 postlogd
            rewrite unix - - n - - trivial-rewrite
            anvil unix - - n - 1 anvil
            tlsmgr unix - - n 1000? 1 tlsmgr
            proxymap unix - - n - - proxymap
            cleanup unix n - n - 0 cleanup
            pickup unix n - n 60 1 pickup
            qmgr unix n - n 300 1 qmgr
            bounce unix - - n - 0 bounce
            defer unix - - n - 0 bounce
            trace unix - - n - 0 bounce
            error unix - - n - - error
            retry unix - - n - - error
            smtp unix - - n - - smtp
            scache unix - - n - 1 scache

            """);
        Chown("daemon", folder, [.. queues.Select(q => Path.Combine("queue", q)), "data"]);
        return Child.StartAsync(port, Path.Combine(Where.Peers, "usr/lib/postfix/sbin/master"), "-c", folder, "-d");
    }

    /// <summary>haproxy as a plain relay.</summary>
    public static Task<Child> HaproxyAsync(int backend)
    {
        int port = Child.FreePort();
        return StartAsync(port, Haproxy($"bind 127.0.0.1:{port}", backend, Environment.ProcessorCount));
    }

    /// <summary>haproxy with one thread, which ends TLS from the first octet on.</summary>
    /// <param name="backend">The mail server's port.</param>
    /// <param name="cipher">The only cipher suite of TLS 1.3.</param>
    /// <param name="before">A command before the command.</param>
    public static Task<Child> HaproxyTlsAsync(int backend, string cipher, params string[] before)
    {
        int port = Child.FreePort();
        var folder = Where.NewFolder();
        Load.Tls.Write(folder);
        var both = Path.Combine(folder, "both.pem");
        File.WriteAllText(both, File.ReadAllText(Path.Combine(folder, "cert.pem")) + "\n"
            + File.ReadAllText(Path.Combine(folder, "key.pem")));
        return StartAsync(port,
            [.. before, .. Haproxy($"bind 127.0.0.1:{port} ssl crt {both} ssl-min-ver TLSv1.3 ciphersuites {cipher}", backend, 1)]);
    }

    /// <summary>socat as a plain relay, a process for each session.</summary>
    public static Task<Child> SocatAsync(int backend)
    {
        int port = Child.FreePort();
        return Child.StartAsync(port, Path.Combine(Where.Peers, "usr/bin/socat"),
            $"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,backlog=1024,nodelay", $"TCP:127.0.0.1:{backend},nodelay");
    }

    private static string[] Haproxy(string bind, int backend, int threads)
    {
        var file = Path.Combine(Where.NewFolder(), "haproxy.cfg");
        File.WriteAllText(file, $"""
            global
                maxconn 5000
                nbthread {threads}
            defaults
                mode tcp
                timeout connect 10s
                timeout client 300s
                timeout server 300s
            listen smtp
                {bind}
                server sink 127.0.0.1:{backend}

            """);
        return [Path.Combine(Where.Peers, "usr/sbin/haproxy"), "-db", "-f", file];
    }

    private static Task<Child> StartAsync(int port, string[] command) => Child.StartAsync(port, command[0], command[1..]);

    private static void Chown(string user, string folder, params string[] names)
    {
        using var chown = System.Diagnostics.Process.Start("chown", [user, .. names.Select(n => Path.Combine(folder, n))]);
        chown.WaitForExit();
    }
}
