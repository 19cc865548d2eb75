using System.Diagnostics;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary><c>blackpony setup</c> with the mail servers as Debian's packages configure them.</summary>
public sealed class SetupTests : IDisposable
{
    private readonly string _folder = ServerInstall.Open(Directory.CreateTempSubdirectory("blackpony-").FullName);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>All that setup.sh does: the dry run, the change, mail in both directions, no open relay, the change taken back.</summary>
    [Theory]
    [InlineData("postfix")]
    [InlineData("sendmail")]
    [InlineData("exim", "false")]
    [InlineData("exim", "true")] // Debian's split configuration
    public async Task It_sets_a_mail_server_up_and_takes_that_back_exactly(string name, params string[] settings) // [BP-10.1-1]
    {
        ServerInstall.Need(name is "sendmail" ? ["sendmail", "sendmail-base"] : [name]);
        NeedProgram();
        Assert.SkipUnless(name != "sendmail" || File.Exists("/usr/bin/make"), "Needs make; tests/run fetches it.");
        var (code, said) = await RunAsync("setup.sh",
            [Repository.At("tests", "Interop", "Servers", "stock.sh"), name, _folder, "25", .. settings]);
        Assert.True(code == 0 && said.EndsWith("as it was\n", StringComparison.Ordinal), said);
    }

    /// <summary>What setup-files.sh does: refusals, and changes that were interrupted, failed or changed again.</summary>
    [Fact]
    public async Task It_refuses_what_it_does_not_know_and_leaves_no_change_half_made()
    {
        ServerInstall.Need("postfix", "exim", "sendmail");
        NeedProgram();
        var (code, said) = await RunAsync("setup-files.sh", [Repository.At("tests", "Interop", "Servers", "setup-files.sh"), _folder]);
        Assert.True(code == 0 && said.EndsWith("nothing half made\n", StringComparison.Ordinal), said);
    }

    // sendmail starts the program in an empty environment, where one that needs .NET does not find it.
    private static void NeedProgram() => Assert.SkipUnless(!File.Exists(BlackPonyProgram.File + ".dll"),
        "Needs the program that 'tools/publish programs' makes, named by BLACKPONY; tests/run sets it.");

    private static async Task<(int Code, string Said)> RunAsync(string scenario, string[] command)
    {
        var start = new ProcessStartInfo("unshare", ["--net", "--pid", "--fork", "--kill-child",
            Repository.At("tests", "Interop", "Servers", "private.sh"), "/bin/sh", "-c",
            "mount -t proc proc /proc; ip link set lo up; ip addr add 192.0.2.10/32 dev lo; exec \"$0\" \"$@\" 2>&1", .. command])
        {
            RedirectStandardOutput = true,
        };
        start.Environment["LAB"] = ServerInstall.Folder("");
        start.Environment["top"] = Repository.Root;
        start.Environment["SCENARIO"] = Repository.At("tests", "Interop", "Servers", scenario);
        start.Environment["BLACKPONY"] = BlackPonyProgram.File;
        using var process = Process.Start(start)!;
        var said = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken).WaitAsync(2 * Wait.HangGuard);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, said);
    }
}
