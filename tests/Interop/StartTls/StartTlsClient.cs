using BlackPony.Tests.Interop.Servers;
using static BlackPony.Tests.Interop.StartTls.Versions;

namespace BlackPony.Tests.Interop.StartTls;

/// <summary>A mail client that the suite tests.</summary>
/// <param name="Name">Its name, and that of its baseline.</param>
/// <param name="Version">The version that runs.</param>
/// <param name="Command">What the suite runs for each message, without the usual arguments.</param>
/// <param name="Options">The options of the suite for it.</param>
/// <param name="Process">What is ended at the end.</param>
internal sealed record StartTlsClient(string Name, string Version, string Command, IReadOnlyList<string> Options,
    IDisposable? Process = null) : IDisposable
{
    private const string Python = StartTlsSuite.Python, Usual = "{host} {port} {policy} {cafile} {from} {to} {user} {password}";

    // What delivers with TLS only.
    private static readonly string[] Secure = ["--policies", "required,verify"];

    /// <summary>All options of the suite: its command and the others.</summary>
    public IEnumerable<string> Arguments => ["--client", $"{Command} {Usual} {{message}}", .. Options];

    /// <summary>Makes one ready.</summary>
    /// <param name="name">Its name.</param>
    public static Task<StartTlsClient> StartAsync(string name) => name switch
    {
        "curl" => ScriptAsync(name, "curl"),
        "msmtp" => ScriptAsync(name, "msmtp", Secure),
        // TC-4.2-21 is a race, which does not always have the same result here.
        "swaks" => ScriptAsync(name, "swaks", "--exclude", "TC-4.2-21"),
        "net-smtp" => ScriptAsync(name, "libio-socket-ssl-perl"),
        "nullmailer" => ScriptAsync(name, "nullmailer", Secure),
        // It sends AUTH with the mechanism that is set, whatever is offered.
        "s-nail" => ScriptAsync(name, "s-nail",
            [.. Secure, .. ((string[])["TC-4.2-7", "TC-4.2-8", "TC-4.2-15", "TC-4.2-16"]).SelectMany(c => (string[])["--exclude", c])]),
        "smtplib" => ResidentAsync(name, () => Said(Python, "--version").Split(' ')[^1], [], Python, "-s", "-S", "smtplib-client.py"),
        "twisted" => ResidentAsync(name, () => Extracted(name, "python3-twisted"), ["--exclude", "TC-4.2-21"], Python, "-s", "-S",
            "twisted-client.py"),
        "nodemailer" => ResidentAsync(name, () => FromNpm(name), [], StartTlsSuite.Node, "nodemailer.mjs"),
        "mailkit" => InProcess(name, FileVersion(typeof(MailKit.Net.Smtp.SmtpClient)), InProcessClient.MailKitAsync),
        "system-net-mail" => InProcess(name, $"{Environment.Version}", InProcessClient.SystemNetMailAsync, Secure),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "There is no such client."),
    };

    /// <inheritdoc/>
    public void Dispose() => Process?.Dispose();

    private static Task<StartTlsClient> ScriptAsync(string name, string package, params string[] options) =>
        Task.FromResult(new StartTlsClient(name, Extracted(name, package),
            $"/bin/sh {Path.Combine(StartTlsSuite.Scripts, name)}.sh", options));

    private static async Task<StartTlsClient> ResidentAsync(string name, Func<string> version, string[] options, params string[] command)
    {
        Assert.SkipUnless(command[0] != Python || File.Exists(Python), "Needs Debian's python3.");
        var known = version();
        var client = await ResidentClient.StartAsync(command);
        return new(name, known, Ask(client.Port), options, client);
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
