using BlackPony.Tests.Interop.Servers;
using static BlackPony.Tests.Interop.StartTls.Versions;

namespace BlackPony.Tests.Interop.StartTls;

/// <summary>A mail client that the suite tests.</summary>
/// <param name="Name">Its name, and that of its baseline.</param>
/// <param name="Version">The version that runs.</param>
/// <param name="Command">What the suite runs for each message, without the usual arguments.</param>
/// <param name="Options">The options of the suite for it.</param>
/// <param name="Processes">What is ended at the end.</param>
internal sealed record StartTlsClient(string Name, string Version, string Command, IReadOnlyList<string> Options,
    params IReadOnlyList<IDisposable> Processes) : IDisposable
{
    // What delivers with TLS only.
    private static readonly string[] Secure = ["--policies", "required,verify"];

    private static readonly string[] Python = [StartTlsSuite.Python, "-s", "-S"];

    // Gives a mail server its users.
    private static readonly string Private = Repository.At("tests", "Interop", "Servers", "private.sh");

    /// <summary>All options of the suite: its command and the others.</summary>
    public IEnumerable<string> Arguments =>
        ["--client", $"{Command} {{host}} {{port}} {{policy}} {{cafile}} {{from}} {{to}} {Login} {{message}} {Count}", .. Options];

    // Mail servers rarely have credentials for each other. Exim needs no further package for them, these two need the plugins of SASL.
    private string Login => Name is "postfix" or "sendmail" ? "- -" : "{user} {password}";

    // The others send one message on a connection, or several only from a queue.
    private string Count =>
        Name is "net-smtp" or "smtplib" or "aiosmtplib" or "nodemailer" or "mailkit" or "system-net-mail" ? "{count}" : "";

    /// <summary>Makes one ready.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="folder">A folder of its own.</param>
    public static Task<StartTlsClient> StartAsync(string name, string folder) => name switch
    {
        "postfix" => PostfixAsync(folder),
        "exim" => MailServerAsync(name, "exim4-daemon-light"),
        // After a handshake that fails it waits for its time-out; in TC-4.2-21 eight of them fail.
        "sendmail" => MailServerAsync(name, "sendmail-bin", "--exclude", "TC-4.2-21"),
        "curl" => ScriptAsync(name, "curl"),
        "msmtp" => ScriptAsync(name, "msmtp", Secure),
        // TC-4.2-21 is a race, which does not always have the same result here, with aiosmtplib and with Twisted.
        "swaks" => ScriptAsync(name, "swaks", "--exclude", "TC-4.2-21"),
        "net-smtp" => ScriptAsync(name, "libio-socket-ssl-perl"),
        "nullmailer" => ScriptAsync(name, "nullmailer", Secure),
        // It sends AUTH with the mechanism that is set, whatever is offered.
        "s-nail" => ScriptAsync(name, "s-nail",
            [.. Secure, .. ((string[])["TC-4.2-7", "TC-4.2-8", "TC-4.2-15", "TC-4.2-16"]).SelectMany(c => (string[])["--exclude", c])]),
        "mutt" => ScriptAsync(name, "mutt"),
        "smtplib" => ResidentAsync(name, () => Said(Python[0], "--version").Split(' ')[^1], [], Python, "smtplib-client.py"),
        "aiosmtplib" => ResidentAsync(name, () => Extracted(name, "python3-aiosmtplib"), ["--exclude", "TC-4.2-21"], Python,
            "aiosmtplib-client.py"),
        "twisted" => ResidentAsync(name, () => Extracted(name, "python3-twisted"), ["--exclude", "TC-4.2-21"], Python, "twisted-client.py"),
        "nodemailer" => ResidentAsync(name, () => FromNpm(name), [], [StartTlsSuite.Node], "nodemailer.mjs"),
        "mailkit" => InProcess(name, FileVersion(typeof(MailKit.Net.Smtp.SmtpClient)), InProcessClient.MailKitAsync),
        "system-net-mail" => InProcess(name, $"{Environment.Version}", InProcessClient.SystemNetMailAsync, Secure),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "There is no such client."),
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var process in Processes)
        {
            process.Dispose();
        }
    }

    private static Task<StartTlsClient> ScriptAsync(string name, string package, params string[] options) =>
        Task.FromResult(new StartTlsClient(name, Extracted(name, package),
            $"/bin/sh {Path.Combine(StartTlsSuite.Scripts, name)}.sh", options));

    private static async Task<StartTlsClient> ResidentAsync(string name, Func<string> version, string[] options, string[] program,
        string script)
    {
        Assert.SkipUnless(program[0] != Python[0] || File.Exists(Python[0]), "Needs Debian's python3.");
        var known = version();
        var client = await ResidentClient.StartAsync(program, script);
        return new(name, known, Ask(client.Port), options, client);
    }

    // A mail server that a script runs for each message.
    private static async Task<StartTlsClient> MailServerAsync(string name, string package, params string[] options)
    {
        ServerInstall.Need(name);
        var client = await ResidentClient.StartAsync([Private, .. Python], $"{name}-client.py");
        return new(name, Debian(name, package), Ask(client.Port), options, client);
    }

    // One Postfix, to which a script hands in each message. The name of the sending host is the route.
    private static async Task<StartTlsClient> PostfixAsync(string folder)
    {
        ServerInstall.Need("postfix");
        string[] times = ["connect", "helo", "starttls", "mail", "rcpt", "data_init", "data_xfer", "data_done", "quit"];
        var (routes, authority) = (Path.Combine(folder, "routes"), Path.Combine(folder, "ca.pem"));
        var server = await Postfix.StartAsync(ServerInstall.Open(folder), "client.test", "", $$"""
            smtpd_helo_restrictions = check_helo_access regexp:{{routes}}
            default_transport = discard:
            smtp_host_lookup = native
            smtp_tls_CAfile = {{authority}}
            enable_long_queue_ids = yes
            default_destination_concurrency_failed_cohort_limit = 0
            queue_run_delay = 1h
            minimal_backoff_time = 1h
            {{string.Concat(times.Select(t => $"smtp_{t}_timeout = 10s\n"))}}
            """,
            port => $"""
            127.0.0.1:{port} inet n - n - - smtpd
            discard unix - - n - - discard
            opportunistic unix - - n - - smtp -o max_use=1 -o smtp_tls_security_level=may
            required unix - - n - - smtp -o max_use=1 -o smtp_tls_security_level=encrypt
            verify unix - - n - - smtp -o max_use=1 -o smtp_tls_security_level=verify
            """);
        await File.WriteAllTextAsync(routes, "/^([a-z]+)\\.([0-9]+)\\.(.+)$/ FILTER $1:[$3]:$2\n");
        try
        {
            var client = await ResidentClient.StartAsync(Python, "postfix-client.py", folder, $"{server.Port}");
            return new("postfix", Debian("postfix", "postfix"), Ask(client.Port), [], client, server);
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    private static Task<StartTlsClient> InProcess(string name, string version, Func<InProcessClient.Order, Task> send,
        params string[] options)
    {
        var client = new InProcessClient(send);
        return Task.FromResult(new StartTlsClient(name, version, Ask(client.Port), options, client));
    }

    private static string Ask(int port) => $"/bin/bash {Path.Combine(StartTlsSuite.Scripts, "ask.sh")} {port}";

    private static string Extracted(string name, string package)
    {
        ServerInstall.NeedFiles(name == "swaks" ? [name, "net-smtp"] : [name]);
        return Debian(name, package);
    }

    private static string FromNpm(string name)
    {
        ServerInstall.NeedFiles("npm");
        return Npm(name);
    }
}
