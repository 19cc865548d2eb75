using System.Diagnostics;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>An Exim of its own.</summary>
internal sealed class Exim : MailServer
{
    private readonly string _program;
    private readonly Dictionary<string, string> _environment;

    private Exim(string folder, string package)
        : base(folder)
    {
        _program = Path.Combine(ServerInstall.Folder(package), "usr", "sbin", "exim4");
        _environment = new Dictionary<string, string> { ["LD_LIBRARY_PATH"] = ServerInstall.Libraries(package) };

        // What is setuid takes no libraries from there when it calls itself, as for a notice.
        File.SetUnixFileMode(_program, File.GetUnixFileMode(_program) & ~UnixFileMode.SetUser);
    }

    /// <inheritdoc/>
    public override string Log => string.Concat(Directory.EnumerateFiles(Folder, "*log").Select(File.ReadAllText));

    private string Configuration => Path.Combine(Folder, "exim.conf");

    /// <summary>A file that we give to an Exim administrator, with other ports.</summary>
    public static string Snippet(string name, int backend, int relay) =>
        Repository.Read("tools", "blackpony", "exim", name)
            .Replace("10025", $"{backend}", StringComparison.Ordinal)
            .Replace("127.0.0.1::2526", $"127.0.0.1::{relay}", StringComparison.Ordinal);

    /// <summary>Starts one.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="host">Its host name.</param>
    /// <param name="domains">Its own domains, whose mail goes into the box.</param>
    /// <param name="routers">The routers of all other domains.</param>
    /// <param name="transports">Their transports.</param>
    /// <param name="proxied">The addresses that come with a PROXY header, which only Debian's exim4-daemon-heavy knows.</param>
    /// <param name="own">How mail of its own domains is delivered; null for into the box.</param>
    /// <param name="relayFrom">For whom it relays.</param>
    public static async Task<Exim> StartAsync(string folder, string host, IEnumerable<string> domains, string routers = "",
        string transports = "", string? proxied = null, string? own = null, string relayFrom = "127.0.0.1 : ::1")
    {
        var server = new Exim(folder, proxied is null ? "exim" : "exim-heavy");
        var (certificate, key) = ServerInstall.Certify(folder, host);
        Directory.CreateDirectory(Path.Combine(folder, "spool"));
        await File.WriteAllTextAsync(server.Configuration, $$$"""
            primary_hostname = {{{host}}}
            exim_path = {{{server._program}}}
            exim_user = mail
            exim_group = mail
            deliver_drop_privilege = true
            spool_directory = {{{folder}}}/spool
            log_file_path = {{{folder}}}/%slog
            keep_environment = LD_LIBRARY_PATH
            {{{Snippet("main", server.Port, 0)}}}
            host_lookup =
            {{{(proxied is null ? "" : $"hosts_proxy = {proxied}")}}}
            domainlist local_domains = {{{string.Join(" : ", domains.DefaultIfEmpty("none.invalid"))}}}
            hostlist relay_from = {{{relayFrom}}}
            tls_advertise_hosts = *
            tls_certificate = {{{certificate}}}
            tls_privatekey = {{{key}}}
            smtp_max_synprot_errors = 1000
            smtp_accept_max = 1000
            chunking_advertise_hosts = *
            dsn_advertise_hosts = *
            smtputf8_advertise_hosts = *
            message_size_limit = 50M
            acl_smtp_rcpt = rcpt
            begin acl
            rcpt:
              accept domains = +local_domains
              accept authenticated = *
              accept hosts = +relay_from
              deny message = relay not permitted
            begin routers
            own:
              driver = accept
              domains = +local_domains
              transport = box
            {{{routers}}}
            begin transports
            box:
              {{{own ?? $"driver = pipe\n  command = {server.Mailbox.Command}\n  use_crlf\n  message_prefix =\n  message_suffix ="}}}
            {{{transports}}}
            begin authenticators
            plain:
              driver = plaintext
              public_name = PLAIN
              server_prompts = :
              server_condition = ${if and {{eq{$auth2}{me}} {eq{$auth3}{secret}} } }
            login:
              driver = plaintext
              public_name = LOGIN
              server_prompts = <| Username: | Password:
              server_condition = ${if and {{eq{$auth1}{me}} {eq{$auth2}{secret}} } }
            begin retry
            * * F,1h,1m

            """);
        // Exim reads no configuration that another user could change.
        await Shell.RunAsync($"chown -R mail:mail {folder} && chown root {folder}/exim.conf");
        await server.StartAsync(server._program, ["-C", server.Configuration, "-bdf", "-q1m"], server._environment);
        return server;
    }

    /// <summary>Tries to deliver all that is in its queue.</summary>
    public async Task FlushAsync()
    {
        var start = Daemon.Private(_program, ["-C", Configuration, "-qff"]);
        start.RedirectStandardInput = true;
        foreach (var (name, value) in _environment)
        {
            start.Environment[name] = value;
        }

        using var flush = Process.Start(start)!;
        await Task.WhenAll(flush.StandardOutput.ReadToEndAsync(), flush.StandardError.ReadToEndAsync(), flush.WaitForExitAsync())
            .WaitAsync(Wait.HangGuard);
    }
}
