using BlackPony.Tests.Interop.Servers;
using static BlackPony.Tests.Interop.StartTls.Versions;

namespace BlackPony.Tests.Interop.StartTls;

/// <summary>A mail server that the suite tests, on loopback, with a certificate of the test's own.</summary>
/// <param name="Name">Its name, and that of its baseline.</param>
/// <param name="Version">The version that runs.</param>
/// <param name="Port">Where it listens on 127.0.0.1.</param>
/// <param name="Options">The options of the suite for it.</param>
/// <param name="Processes">What is ended at the end.</param>
internal sealed record StartTlsServer(string Name, string Version, int Port, IReadOnlyList<string> Options,
    params IReadOnlyList<IDisposable> Processes) : IDisposable
{
    private const string User = "me", Password = "secret", Python = StartTlsSuite.Python;

    private static readonly string Lab = ServerInstall.Folder("");

    private static readonly string[] Local = ["--local", "r@b.test", "--local", "q@b.test"],
        Foreign = ["--foreign", "x@elsewhere.test"], Auth = ["--auth", $"{User}:{Password}"];

    /// <summary>Starts one, with all that the suite can use: two mailboxes, a user, no relaying for others.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="folder">A folder of its own.</param>
    public static Task<StartTlsServer> StartAsync(string name, string folder) => name switch
    {
        "postfix" => PostfixAsync(folder),
        "exim" => EximAsync(folder),
        "sendmail" => SendmailAsync(folder),
        "aiosmtpd" => AiosmtpdAsync(folder),
        "twisted" => TwistedAsync(folder),
        "haraka" => NodeAsync(folder, "Haraka", "/bin/sh", "haraka.sh"),
        "smtp-server" => NodeAsync(folder, "smtp-server", StartTlsSuite.Node, "smtp-server.mjs"),
        "dovecot" => DovecotAsync(folder),
        "nginx" => NginxAsync(folder),
        "opensmtpd" => OpenSmtpdAsync(folder),
        "smtpserver" => Task.FromResult(SmtpServer(folder)),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "There is no such server."),
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var process in Processes)
        {
            process.Dispose();
        }
    }

    private static async Task<StartTlsServer> PostfixAsync(string folder)
    {
        ServerInstall.Need("postfix");
        var passwords = new PasswordServer();
        // The suite is a stranger, though it is on this machine.
        var server = await Postfix.StartAsync(folder, "mx.b.test", "b.test", $"mynetworks = 192.0.2.0/24\n{passwords.Main}\n"
            + "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination");
        return new("postfix", Debian("postfix", "postfix"), server.Port, [.. Local, .. Box(folder), .. Foreign, .. Auth], server,
            passwords);
    }

    private static async Task<StartTlsServer> EximAsync(string folder)
    {
        ServerInstall.Need("exim");
        var server = await Exim.StartAsync(folder, "mx.b.test", ["b.test"], relayFrom: "192.0.2.0/24");
        return new("exim", Debian("exim", "exim4-daemon-light"), server.Port, [.. Local, .. Box(folder), .. Foreign, .. Auth], server);
    }

    private static async Task<StartTlsServer> SendmailAsync(string folder)
    {
        Sendmail.Need();
        int port = FreePorts.Next();
        var server = await Sendmail.StartAsync(folder, "mx.b.test", "b.test", port, tls: true, relaysForItself: false);
        return new("sendmail", Debian("sendmail", "sendmail-bin"), port, [.. Local, .. Box(folder), .. Foreign], server);
    }

    private static async Task<StartTlsServer> AiosmtpdAsync(string folder)
    {
        Assert.SkipUnless(File.Exists(Python) && Directory.Exists("/usr/lib/python3/dist-packages/aiosmtpd"),
            "Needs Debian's package python3-aiosmtpd; tests/run installs it.");
        var server = await ScriptServer.StartAsync(folder, [Python, "aiosmtpd-server.py"]);
        return new("aiosmtpd", Newest("/usr/share/doc/python3-aiosmtpd"), server.Port, [.. Local, .. Box(folder), .. Foreign, .. Auth],
            server);
    }

    private static async Task<StartTlsServer> TwistedAsync(string folder)
    {
        ServerInstall.Need("twisted");
        var server = await ScriptServer.StartAsync(folder, [Python, "twisted-server.py"],
            ("PYTHONPATH", Path.Combine(ServerInstall.Folder("twisted"), "usr", "lib", "python3", "dist-packages")));
        // TS-4.2-21 is a race, which does not always have the same result here.
        return new("twisted", Debian("twisted", "python3-twisted"), server.Port,
            [.. Local, .. Box(folder), .. Foreign, .. Auth, "--exclude", "TS-4.2-21"], server);
    }

    private static async Task<StartTlsServer> NodeAsync(string folder, string package, params string[] command)
    {
        ServerInstall.Need("npm");
        var server = await ScriptServer.StartAsync(folder, command, ("MODULES", StartTlsSuite.Modules), ("NODE", StartTlsSuite.Node));
        return new(package.ToLowerInvariant(), Npm(package), server.Port,
            [.. Local, .. Box(folder), .. Foreign, .. Auth], server);
    }

    // It takes no mail but from its users, so the cases that need a mailbox do not apply.
    private static async Task<StartTlsServer> DovecotAsync(string folder)
    {
        ServerInstall.Need("dovecot");
        var server = await ScriptServer.StartAsync(folder, ["/bin/sh", "dovecot.sh"], ("LAB", Lab));
        return new("dovecot", Debian("dovecot", "dovecot-submissiond"), server.Port, [.. Foreign, .. Auth], server);
    }

    private static async Task<StartTlsServer> NginxAsync(string folder)
    {
        ServerInstall.Need("nginx");
        var server = await ScriptServer.StartAsync(folder, ["/bin/sh", "nginx.sh"], ("LAB", Lab));
        return new("nginx", Debian("nginx", "libnginx-mod-mail"), server.Port, [.. Local, .. Box(folder), .. Foreign, .. Auth], server);
    }

    private static async Task<StartTlsServer> OpenSmtpdAsync(string folder)
    {
        ServerInstall.Need("opensmtpd-13");
        var server = await ScriptServer.StartAsync(folder, ["/bin/sh", "opensmtpd.sh"], ("LAB", Lab));
        return new("opensmtpd", Debian("opensmtpd-13", "opensmtpd"), server.Port, [.. Local, .. Box(folder), .. Foreign, .. Auth], server);
    }

    private static StartTlsServer SmtpServer(string folder)
    {
        var server = NuGetSmtpServer.Start(folder);
        return new("smtpserver", NuGetSmtpServer.Version, server.Port, [.. Local, .. Box(folder), .. Foreign, .. Auth], server);
    }

    private static string[] Box(string folder) => ["--mailbox", $"cat '{folder}'/box/*.eml"];
}
