using System.Diagnostics;

namespace BlackPony.Tests.Interop.Python;

/// <summary>The implementation in <c>implementations/python</c>, run as its user runs it.</summary>
internal static class PythonImplementation
{
    /// <summary>Debian's Python, which has Debian's packages.</summary>
    public const string Program = "/usr/bin/python3";

    private static readonly Lazy<Task<(int Code, string Output)>> Probe =
        new(() => RunAsync("-c", "import sys, cryptography, aiosmtpd.smtp; sys.exit(sys.version_info < (3, 11))"));

    /// <summary>The package's folder.</summary>
    public static string Folder { get; } = Repository.At("implementations", "python");

    /// <summary>The client, as the suite starts it.</summary>
    public static string Client { get; } =
        $"PYTHONPATH='{Folder}' {Program} -m blackpony.client {{host}} {{port}} "
        + "--policy {policy} --memory {memory} --suites {suites}";

    /// <summary>Skips the test where Python or one of its packages is missing.</summary>
    public static async Task NeedAsync()
    {
        Assert.SkipUnless(File.Exists(Program), $"Needs {Program}, which this machine does not have.");
        var (code, output) = await Probe.Value;
        Assert.SkipUnless(code == 0, $"Needs Python 3.11 with Debian's python3-cryptography and python3-aiosmtpd: {output.TrimEnd()}");
    }

    /// <summary>Runs Python in the package's folder.</summary>
    /// <returns>Its exit code, and what it wrote on standard output and standard error.</returns>
    public static async Task<(int Code, string Output)> RunAsync(params string[] arguments)
    {
        using var process = Process.Start(Start(arguments))!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await error + await output);
    }

    /// <summary>How Python is started.</summary>
    public static ProcessStartInfo Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Program, arguments)
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PYTHONPATH"] = Folder;

        // aiosmtpd's own bound of 5 seconds ends a server on a busy machine.
        start.Environment["AIOSMTPD_CONTROLLER_TIMEOUT"] = "300";
        return start;
    }
}
