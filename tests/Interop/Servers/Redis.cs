using System.Diagnostics;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>Debian's Redis, with the configuration that we give to administrators.</summary>
internal sealed class Redis : IDisposable
{
    /// <summary>Its password, which nobody logs.</summary>
    public const string Password = "s3cret-of-redis";

    private static readonly string Programs = Path.Combine(ServerInstall.Folder("redis"), "usr", "bin");
    private readonly Daemon _daemon;

    private Redis(string folder, int port, Daemon daemon)
    {
        (Port, _daemon) = (port, daemon);
        PasswordFile = Path.Combine(folder, "redis.password");
        File.WriteAllText(PasswordFile, Password + "\n");
        File.SetUnixFileMode(PasswordFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    /// <summary>Its port.</summary>
    public int Port { get; }

    /// <summary>The file with its password.</summary>
    public string PasswordFile { get; }

    /// <summary>Starts it.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="more">More lines of its configuration.</param>
    public static async Task<Redis> StartAsync(string folder, string more = "")
    {
        ServerInstall.Need("redis");
        int port = FreePorts.Next();
        var file = Path.Combine(folder, "redis.conf");
        var settings = Repository.Read("tools", "blackpony", "redis", "redis.conf")
            .Replace("bind 192.0.2.20", "bind 127.0.0.1", StringComparison.Ordinal)
            .Replace("port 6379", $"port {port}", StringComparison.Ordinal)
            .Replace(">change-this", $">{Password}", StringComparison.Ordinal);
        await File.WriteAllTextAsync(file, $"{settings}dir {folder}\n{more}\n", TestContext.Current.CancellationToken);
        var start = new ProcessStartInfo("setsid", [Path.Combine(Programs, "redis-server"), file])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["LD_LIBRARY_PATH"] = ServerInstall.Libraries("redis");
        return new Redis(folder, port, await Daemon.StartAsync(start, port, () => ""));
    }

    /// <summary>The options of a program that keeps its memory here.</summary>
    public string[] Options(int? port = null) =>
        ["--policy", "remembered", "--memory", $"redis://blackpony@127.0.0.1:{port ?? Port}/blackpony", "--memory-password", PasswordFile];

    /// <summary>Asks it.</summary>
    public async Task<string> AskAsync(params string[] words)
    {
        var start = new ProcessStartInfo(Path.Combine(Programs, "redis-cli"),
            ["-p", $"{Port}", "--user", "blackpony", "--no-auth-warning", .. words]) { RedirectStandardOutput = true };
        start.Environment["LD_LIBRARY_PATH"] = ServerInstall.Libraries("redis");
        start.Environment["REDISCLI_AUTH"] = Password;
        using var cli = Process.Start(start)!;
        var said = await cli.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await cli.WaitForExitAsync(TestContext.Current.CancellationToken);
        return said.TrimEnd();
    }

    /// <summary>It answers no more, though its connections stand; or it goes on.</summary>
    public void Stall(bool isStalled) => _daemon.Signal(isStalled ? "STOP" : "CONT");

    /// <inheritdoc/>
    public void Dispose()
    {
        _daemon.End(now: true);
        _daemon.Dispose();
    }
}
