using System.Diagnostics;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.StartTls;

/// <summary>
/// <c>blackpony-conformance --protocol starttls</c> against real mail servers. What each is known to deviate in is listed in
/// <c>baselines</c>; <c>BLACKPONY_WRITE=1</c> writes it again.
/// </summary>
public sealed class StartTlsServerTests : IAsyncDisposable
{
    private readonly string _folder = ServerInstall.Open(Directory.CreateTempSubdirectory("blackpony-").FullName);

    // A server's last children write to the end.
    public async ValueTask DisposeAsync() => await Wait.RetryAsync(() =>
    {
        Directory.Delete(_folder, recursive: true);
        return Task.FromResult(true);
    });

    [Theory]
    [InlineData("postfix")]
    [InlineData("exim")]
    [InlineData("sendmail")]
    [InlineData("aiosmtpd")]
    [InlineData("twisted")]
    [InlineData("haraka")]
    [InlineData("smtp-server")]
    [InlineData("dovecot")]
    [InlineData("nginx")]
    [InlineData("opensmtpd")]
    [InlineData("smtpserver")]
    public async Task A_server_deviates_in_what_is_known_and_in_nothing_else(string name)
    {
        using var server = await StartTlsServer.StartAsync(name, Path.Combine(_folder, "s"));
        var baseline = Repository.At("tests", "Interop", "StartTls", "baselines", $"{name}.txt");
        string[] run = ["--protocol", "starttls", "--server", $"127.0.0.1:{server.Port}", .. server.Options, "--strict",
            "--format", "console", "--verbose"];
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
        {
            var written = Path.Combine(_folder, "written");
            await RunAsync([.. run, "--expected-failures", written, "--write-baseline"]);
            var ids = (await File.ReadAllLinesAsync(written, TestContext.Current.CancellationToken))
                .Select(l => l.Split('#')[0].Trim()).Where(l => l.Length > 0);
            await File.WriteAllTextAsync(baseline, $"# {name} {server.Version}\n{string.Concat(ids.Select(i => $"{i}\n"))}",
                TestContext.Current.CancellationToken);
        }

        var known = (await File.ReadAllLinesAsync(baseline, TestContext.Current.CancellationToken))[0];
        var version = known == $"# {name} {server.Version}" ? "" : $"{name} is {server.Version} here; the baseline is of {known[2..]}.\n";
        var (code, output) = await RunAsync([.. run, "--expected-failures", baseline]);
        if (code == 1)
        {
            // A deviation is one that is seen twice: a busy machine has other orders of events.
            (code, var again) = await RunAsync([.. run, "--expected-failures", baseline, "--jobs", "1"]);
            output += again;
        }

        TestContext.Current.TestOutputHelper!.WriteLine(version + output);
        Assert.True(code == 0, version + output);
    }

    private static async Task<(int Code, string Output)> RunAsync(string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet",
            [Repository.Built("conformance-runner", "blackpony-conformance.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output + await error);
    }
}
