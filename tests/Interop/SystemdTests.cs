using System.Diagnostics;
using BlackPony.Conformance.Targets;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary>The units of systemd and the configurations beside them.</summary>
public sealed class SystemdTests : IDisposable
{
    private static readonly string Units = Repository.At("tools", "blackpony", "systemd");
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public static TheoryData<string> Services => ["listen", "relay"];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Services))]
    public async Task The_unit_is_sound_and_gives_the_service_no_more_than_it_needs(string service)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/systemd-analyze"), "Needs systemd-analyze; tests/run fetches it.");
        var unit = Path.Combine(_folder, $"blackpony-{service}.service");
        var text = await File.ReadAllTextAsync(Path.Combine(Units, Path.GetFileName(unit)), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(unit, text.Replace("/usr/local/bin/blackpony", BlackPonyProgram.File, StringComparison.Ordinal),
            TestContext.Current.CancellationToken);
        Assert.Equal((0, ""), await AnalyzeAsync("verify", "--man=no", unit));

        // 2.0 of 10 at the most: systemd calls up to 4 'OK'.
        var (code, said) = await AnalyzeAsync("security", "--offline=true", "--threshold=20", unit);
        Assert.True(code == 0, said);
        Assert.Equal(service == "listen", said.Contains("✗ AmbientCapabilities=", StringComparison.Ordinal));
    }

    /// <summary>The commands of README.md and docs/operations.md, in a view of the machine that goes with the test.</summary>
    [Fact]
    public async Task After_the_documented_commands_the_units_find_the_program()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/systemd-analyze"), "Needs systemd-analyze; tests/run fetches it.");
        Assert.SkipUnless(File.Exists(Repository.At("artifacts", "publish", "linux-x64", "blackpony")), "Needs 'tools/publish programs'.");
        ServerInstall.Need();
        string[] Commands(string text, string first) => [.. text.Split('\n')
            .SkipWhile(l => !l.StartsWith($"    {first}", StringComparison.Ordinal))
            .TakeWhile(l => l.StartsWith("    ", StringComparison.Ordinal))
            .Select(l => l.Trim()).Where(l => !l.StartsWith("systemctl", StringComparison.Ordinal))];
        var install = Commands(Repository.Read("README.md"), "install ");
        var units = Commands(Repository.Read("docs", "operations.md"), "cd tools/blackpony/systemd");
        Assert.Equal((1, 4), (install.Length, units.Length));
        Assert.Equal(install, Commands(Repository.Read("docs", "mail-servers.md"), "install "));
        var script = $"""
            set -e
            mount -t tmpfs tmpfs /usr/local/bin
            mount -t tmpfs tmpfs /usr/local/share
            mount -t tmpfs tmpfs {_folder}
            mkdir {_folder}/up {_folder}/work
            mount -t overlay overlay -o lowerdir=/etc,upperdir={_folder}/up,workdir={_folder}/work /etc
            mkdir -p /etc/systemd/system
            cd {Repository.Root}
            {string.Join('\n', install)}
            {string.Join('\n', units)}
            man=$(command -v man >/dev/null || echo --man=no)
            exec systemd-analyze verify $man /etc/systemd/system/blackpony-listen.service /etc/systemd/system/blackpony-relay.service
            """;
        Assert.Equal((0, ""), await RunAsync("unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script));
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task The_configuration_beside_it_works_as_it_stands(string service)
    {
        await using var sink = new MailSink(FreePorts.Next());
        int port = FreePorts.Next();
        string[] ports = service == "listen" ? ["--backend", $"127.0.0.1:{sink.Port}"] : [];
        using var program = BlackPonyProgram.Start(
            [service, "--config", Path.Combine(Units, $"{service}.conf"), "--listen", $"127.0.0.1:{port}", .. ports]);
        await program.ListensAsync(port);
        program.Terminate();
        Assert.Equal(0, await program.ExitAsync());
    }

    private static Task<(int Code, string Said)> AnalyzeAsync(params string[] arguments) => RunAsync("/usr/bin/systemd-analyze", arguments);

    private static async Task<(int Code, string Said)> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var error = process.StandardError.ReadToEndAsync();
        var said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, said + await error);
    }
}
