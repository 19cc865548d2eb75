using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace BlackPony.Tests.Shipping.Programs;

/// <summary>The programs of <c>tools/publish</c>, which need no .NET: each does its work in an empty environment.</summary>
public sealed class NativeProgramTests
{
    [Fact]
    public async Task The_suite_passes_the_reference_inside_it()
    {
        var run = await Run.ProgramAsync(ShippedPrograms.Native("blackpony-conformance"), ["--profile", "core,classic"], bare: true);
        Assert.Contains(" 0 failed, 0 warned, 0 not applicable, 0 errors", run.Good(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_report_is_written()
    {
        var folder = Directory.CreateTempSubdirectory("blackpony-").FullName;
        try
        {
            foreach (var (format, mark) in new[] { ("json", "\"spec\": \"1\""), ("junit", "<testsuites "), ("tap", "TAP version 14"),
                ("html", "<!doctype html>") })
            {
                var file = Path.Combine(folder, format);
                (await Run.ProgramAsync(ShippedPrograms.Native("blackpony-conformance"),
                    ["--select", "4.1", "--format", format, "--output", file], bare: true)).Good();
                Assert.Contains(mark, await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken),
                    StringComparison.OrdinalIgnoreCase);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Listen_passes_the_suite_as_a_relay()
    {
        var (port, backend) = (FreePorts.Next(), FreePorts.Next());
        var start = new ProcessStartInfo(ShippedPrograms.Native("blackpony"),
            ["listen", "--listen", $"127.0.0.1:{port}", "--backend", $"127.0.0.1:{backend}", "--allow-open-backend", "--allow-rot",
            "--log-format", "json"]) { RedirectStandardError = true };
        start.Environment.Clear();
        using var listen = Process.Start(start)!;
        listen.ErrorDataReceived += (_, _) => { };
        listen.BeginErrorReadLine();
        try
        {
            await WaitForPortAsync(port);
            var run = await Run.ProgramAsync(ShippedPrograms.Native("blackpony-conformance"),
                ["--server", $"127.0.0.1:{port}", "--backend", $"{backend}", "--select", "4.5", "--select", "5", "--select",
                    "10"], bare: true);
            Assert.Contains(" 0 failed, 0 warned", run.Good(), StringComparison.Ordinal);
        }
        finally
        {
            listen.Kill();
            await listen.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task The_mailer_passes_the_suite()
    {
        var command = $"{ShippedPrograms.Native("blackpony")} mailer --policy {{policy}} --memory {{memory}} --suites {{suites}} --port "
            + $"{{port}} [{{host}}]";
        var run = await Run.ProgramAsync(ShippedPrograms.Native("blackpony-conformance"),
            ["--mailer", command, "--select", "5", "--select", "9.4", "--select", "10.4"], bare: true);
        Assert.Contains(" 0 failed, 0 warned, 0 not applicable", run.Good(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspecting_a_capture_says_the_same_as_with_dotnet()
    {
        var captures = Repository.At("tests", "Traces", "Captures");
        foreach (var format in (string[])["text", "json", "html"])
        {
            string[] arguments = ["inspect", "--format", format, "--keylog", Path.Combine(captures, "rsa-blowfish.keys.log"), "--verbose",
                Path.Combine(captures, "rsa-blowfish.pcap")];
            var native = await Run.ProgramAsync(ShippedPrograms.Native("blackpony-replay"), arguments, bare: true);
            Assert.Equal(await Run.GoodAsync(ShippedPrograms.Built("blackpony-replay"), arguments), native.Good());
            Assert.Contains("RSA-BLOWFISH", native.Output, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("blackpony", "listen", "mailer", "relay", "check", "setup", "completion", "man", "bp")]
    [InlineData("blackpony-conformance", "completion", "man", "--help")]
    [InlineData("blackpony-replay", "inspect", "replay", "convert", "completion", "man")]
    public async Task Whatever_name_it_is_called_by_it_does_the_same(string program, params string[] names)
    {
        var file = ShippedPrograms.Native(program);
        var folder = Directory.CreateTempSubdirectory("blackpony-").FullName;
        try
        {
            foreach (var name in names)
            {
                // A link, and what sendmail's A= or a shell's exec -a say.
                var link = Path.Combine(folder, name);
                File.CreateSymbolicLink(link, file);
                foreach (var arguments in (string[][])[["--version"], ["man"], ["completion", "bash"], ["no-such-thing"],
                    [names[0], "--no-such-option"], ["mailer", "--policy", "none", "b.test"]])
                {
                    var usual = await Run.ProgramAsync(file, arguments);
                    Assert.DoesNotContain("internal error", usual.Error, StringComparison.Ordinal);
                    Assert.Equal(usual, await Run.ProgramAsync(link, arguments));
                    Assert.Equal(usual, await Run.ProgramAsync("/bin/bash", ["-c", "exec -a \"$@\"", "bash", name, file, .. arguments]));
                }
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("blackpony", 2, "listen", "--listen", "127.0.0.1:0", "--backend", "127.0.0.1:1", "--allow-open-backend")]
    [InlineData("blackpony", 2, "relay", "--listen", "127.0.0.1:0")]
    [InlineData("blackpony", 2, "check", "[127.0.0.1]")]
    [InlineData("blackpony", 75, "mailer", "--policy", "required", "[127.0.0.1]")]
    [InlineData("blackpony-conformance", 2, "--select", "4.1")]
    [InlineData("blackpony-replay", 2, "inspect", "/dev/null")]
    [InlineData("blackpony", 0, "--version")]
    [InlineData("blackpony", 0, "relay", "--help")]
    public async Task On_a_machine_without_OpenSSL_it_says_what_to_install(string program, int code, params string[] arguments)
    {
        var file = ShippedPrograms.Native(program);
        Assert.SkipUnless((await Run.ProgramAsync("unshare", ["--mount", "true"])).Code == 0,
            "Needs a mount namespace (unshare), which this machine does not give.");
        const string WithoutIt = """
            for library in /usr/lib/*/libssl.so* /usr/lib/*/libcrypto.so* /lib/*/libssl.so* /usr/lib/libssl.so*; do
                [ ! -e "$library" ] || mount --bind /etc/hostname "$library" || exit 99
            done
            exec "$0" "$@"
            """;
        var run = await Run.ProgramAsync("unshare",
            ["--mount", "--propagation", "private", "/bin/sh", "-c", WithoutIt, file, .. arguments]);
        Assert.Equal(code, run.Code);
        if (code == 0)
            Assert.Equal("", run.Error);
        else
            Assert.Equal($"{program}: OpenSSL is missing (libssl.so.3): install Debian's package libssl3 or libssl3t64, or what your "
                + "system calls it.\n", run.Error);

        // The mail server keeps the mail.
        Assert.Equal(code == 75, run.Output.StartsWith("421 ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("blackpony")]
    [InlineData("blackpony-conformance")]
    [InlineData("blackpony-replay")]
    public async Task It_is_one_file_stripped_and_asks_only_for_the_C_library(string program)
    {
        var file = ShippedPrograms.Native(program);
        Assert.Equal(await Run.GoodAsync(ShippedPrograms.Built(program), "--version"),
            (await Run.ProgramAsync(file, ["--version"], bare: true)).Good());
        Assert.Equal(["blackpony", "blackpony-conformance", "blackpony-replay"],
            Directory.EnumerateFileSystemEntries(Path.GetDirectoryName(file)!).Select(f => Path.GetFileName(f))
                .Order(StringComparer.Ordinal));
        Assert.SkipUnless(File.Exists("/usr/bin/readelf"), "Needs readelf (Debian's package binutils).");
        var elf = await Run.GoodAsync("/usr/bin/readelf", "-W", "-S", "-d", file);
        Assert.DoesNotContain(".symtab", elf, StringComparison.Ordinal);
        Assert.DoesNotContain(".debug_", elf, StringComparison.Ordinal);
        var needed = elf.Split('\n').Where(l => l.Contains("(NEEDED)", StringComparison.Ordinal))
            .Select(l => l[(l.IndexOf('[') + 1)..l.IndexOf(']')]);
        string[] library = ["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "ld-linux-x86-64.so.2"];
        Assert.All(needed, n => Assert.Contains(n, library));
    }

    internal static async Task WaitForPortAsync(int port)
    {
        for (int i = 0; ; i++)
        {
            try
            {
                using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(IPAddress.Loopback, port, TestContext.Current.CancellationToken);
                return;
            }
            catch (SocketException) when (i < 600)
            {
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }
        }
    }
}
