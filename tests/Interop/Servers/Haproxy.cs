using System.Diagnostics;
using System.Globalization;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>Debian's haproxy, with the configuration that we give to administrators.</summary>
internal sealed class Haproxy : IDisposable
{
    private readonly Daemon _daemon;

    private Haproxy(Daemon daemon) => _daemon = daemon;

    /// <summary>Starts it in front of three programs on 127.0.0.1.</summary>
    public static async Task<Haproxy> StartAsync(string folder, int port, params int[] servers)
    {
        ServerInstall.Need("haproxy");
        var settings = Repository.Read("tools", "blackpony", "haproxy", "haproxy.cfg")
            .Replace("bind 0.0.0.0:25", $"bind 127.0.0.1:{port}", StringComparison.Ordinal)
            .Replace("    bind [::]:25 v6only\n", "", StringComparison.Ordinal)
            .Replace("inter 5s", "inter 200ms", StringComparison.Ordinal);
        for (int i = 0; i < servers.Length; i++)
        {
            settings = settings.Replace($" 192.0.2.1{i + 1}:25",
                string.Create(CultureInfo.InvariantCulture, $" 127.0.0.1:{servers[i]}"), StringComparison.Ordinal);
        }

        Assert.DoesNotContain(":25\n", settings, StringComparison.Ordinal);
        var file = Path.Combine(folder, "haproxy.cfg");
        await File.WriteAllTextAsync(file, settings, TestContext.Current.CancellationToken);
        var program = Path.Combine(ServerInstall.Folder("haproxy"), "usr", "sbin", "haproxy");
        var start = new ProcessStartInfo("setsid", [program, "-db", "-f", file])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["LD_LIBRARY_PATH"] = ServerInstall.Libraries("haproxy");
        return new Haproxy(await Daemon.StartAsync(start, port, () => ""));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _daemon.End();
        _daemon.Dispose();
    }
}
