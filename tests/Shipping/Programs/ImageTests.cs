using System.Diagnostics;

namespace BlackPony.Tests.Shipping.Programs;

/// <summary>The container image as <c>tools/oci</c> builds it.</summary>
public sealed class ImageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task It_has_the_same_octets_each_time_and_its_program_runs_with_nothing_but_the_image()
    {
        _ = ShippedPrograms.Native("blackpony");
        Assert.SkipUnless(File.Exists("/usr/bin/umoci"), "Needs umoci; tests/run fetches it.");
        Assert.SkipUnless(Environment.UserName == "root", "Needs root to unpack an image.");
        foreach (var name in (string[])["a", "b"])
            (await Run.ProgramAsync(Repository.At("tools", "oci"), [Path.Combine(_folder, name)])).Good();

        // The names of the blobs are their checksums.
        var index = await File.ReadAllTextAsync(Path.Combine(_folder, "a", "index.json"), TestContext.Current.CancellationToken);
        Assert.Equal(index, await File.ReadAllTextAsync(Path.Combine(_folder, "b", "index.json"), TestContext.Current.CancellationToken));
        (await Run.ProgramAsync("/usr/bin/umoci", ["unpack", "--image", $"{_folder}/a:latest", $"{_folder}/bundle"])).Good();
        var root = Path.Combine(_folder, "bundle", "rootfs");
        Assert.Equal(await Run.GoodAsync(ShippedPrograms.Built("blackpony"), "--version"), await Run.GoodAsync("/usr/sbin/chroot",
            "--userspec=65534:65534", root, "/usr/bin/blackpony", "--version"));

        // OpenSSL is loaded only where it is needed: by the sessions of every suite.
        var (port, backend) = (FreePorts.Next(), FreePorts.Next());
        using var listen = Process.Start(new ProcessStartInfo("/usr/sbin/chroot", ["--userspec=65534:65534", root, "/usr/bin/blackpony",
            "listen", "--listen", $"127.0.0.1:{port}", "--backend", $"127.0.0.1:{backend}", "--allow-open-backend"])
        {
            RedirectStandardError = true,
        })!;
        var log = listen.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        try
        {
            await NativeProgramTests.WaitForPortAsync(port);
            var suite = await Run.ProgramAsync(ShippedPrograms.Native("blackpony-conformance"),
                ["--server", $"127.0.0.1:{port}", "--backend", $"{backend}", "--select", "5"]);
            Assert.Contains(" 0 failed, 0 warned", suite.Good(), StringComparison.Ordinal);
        }
        finally
        {
            listen.Kill();
            await log;
        }
    }
}
