using System.Security.Cryptography;

namespace BlackPony.Tests.Shipping.Debian;

/// <summary>The Debian package as <c>tools/deb</c> builds it.</summary>
public sealed class DebianPackageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task It_has_the_same_octets_each_time_and_nothing_that_lintian_calls_an_error()
    {
        var first = await BuildAsync("a");
        var again = await BuildAsync("b");
        Assert.Equal(SHA256.HashData(await File.ReadAllBytesAsync(first, TestContext.Current.CancellationToken)),
            SHA256.HashData(await File.ReadAllBytesAsync(again, TestContext.Current.CancellationToken)));
        Assert.SkipUnless(File.Exists("/usr/bin/lintian"), "Needs lintian; tests/run fetches it.");
        var run = await Run.ProgramAsync("/usr/bin/lintian", ["--fail-on", "error,warning", "--allow-root", first]);
        Assert.Equal((0, ""), (run.Code, run.Output + run.Error));
    }

    [Fact]
    public async Task It_is_installed_started_upgraded_removed_and_purged()
    {
        Assert.SkipUnless(Environment.UserName == "root", "Needs root for a root of its own.");
        Assert.SkipUnless((await Run.ProgramAsync("unshare", ["--mount", "--net", "--pid", "--fork", "true"])).Code == 0,
            "Needs namespaces (unshare), which this machine does not give.");
        var run = await Run.ProgramAsync("/bin/bash",
            [Repository.At("tests", "Shipping", "Debian", "lifecycle.sh"), await BuildAsync("a"), await BuildAsync("b", "0.1.0-2")]);
        Assert.EndsWith("purged\n", run.Good(), StringComparison.Ordinal);
    }

    private async Task<string> BuildAsync(string folder, string? version = null)
    {
        _ = ShippedPrograms.Native("blackpony");
        Assert.SkipUnless(File.Exists("/usr/bin/dpkg-deb") && File.Exists("/usr/bin/readelf"), "Needs dpkg-deb and readelf.");
        var to = Path.Combine(_folder, folder);
        var environment = new Dictionary<string, string> { ["DEB_XZ"] = "1" }; // quickly
        if (version is not null)
            environment["DEB_VERSION"] = version;

        (await Run.ProgramAsync(Repository.At("tools", "deb"), [to], environment: environment)).Good();
        return Assert.Single(Directory.GetFiles(to));
    }
}
