using System.Globalization;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary>A mail server of these tests that does not start: the test's message says why.</summary>
public sealed class ServerStartTests
{
    [Fact]
    public async Task A_server_that_does_not_start_says_why()
    {
        ServerInstall.Need();
        int port = FreePorts.Next();
        var start = Daemon.Private("sh", ["-c", "echo reading the configuration; echo unknown keyword >&2; exit 78", "sh", "--serve"]);
        var failure = await Assert.ThrowsAsync<TimeoutException>(() => Daemon.StartAsync(start, port, () => "queue is locked\n"));
        foreach (var part in new[]
        {
            string.Create(CultureInfo.InvariantCulture, $"port {port}: the program ended with exit code 78"), "Command: sh -c", "--serve",
            "reading the configuration", "unknown keyword", "Log: queue is locked",
        })
            Assert.Contains(part, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Exim_says_why_it_does_not_start()
    {
        ServerInstall.Need("exim");
        var folder = Directory.CreateTempSubdirectory("blackpony-");
        ServerInstall.Open(folder.FullName);
        try
        {
            var failure = await Assert.ThrowsAsync<TimeoutException>(
                () => Exim.StartAsync(folder.FullName, "mx.b.test", ["b.test"], own: "driver = no_such_driver"));
            Assert.Contains("ended with exit code 1", failure.Message, StringComparison.Ordinal);
            Assert.Contains("no_such_driver", failure.Message, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
