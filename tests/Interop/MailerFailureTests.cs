using System.Diagnostics;
using System.Text;
using BlackPony.Conformance.Targets;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary>Whatever fails, the mail server that started <c>blackpony mailer</c> hears one reply, and what went wrong is logged in a
/// line.</summary>
public sealed class MailerFailureTests : IDisposable
{
    private static readonly string LongName = string.Concat(Enumerable.Repeat("abcd.", 60)) + "test";
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> NoHosts { get; } =
    [
        "", " ", ".", "..", ".x", "a..b", "a\tb", "a\nb", "a b", new string('a', 64) + ".test", LongName, "[", "]", "[]", "[ ]", "[[]]",
            "[1.2.3]", "[1.2.3.4.5]", "[256.1.1.1]", "[010.0.0.1]",
        "[0x7f.0.0.1]", "[IPv6:]", "[IPv6:::1%lo]", "[IPv6:1]", "[IPv6:127.0.0.1]", "[x y]", "[-x]", "2130706454", "0x7f000001", "*",
            "@file", "a@b", "%s", "\ufffd.test", "a\u0001",
    ];

    [Theory]
    [MemberData(nameof(NoHosts))]
    public async Task What_is_no_host_is_refused_for_good(string host) // [BP-10.4-14]
    {
        var (output, code, log) = await RunAsync(null, "mailer", "--dns", "127.0.0.1:1", "--", host);
        Assert.Equal("554 5.1.2 Invalid domain or host\r\n", output);
        Assert.Equal((68, 1), (code, log.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length));
    }

    [Theory]
    [InlineData("xn--.x")]
    [InlineData("-x.test")]
    [InlineData("--help")]
    [InlineData("bücher.test")]
    [InlineData("[smarthost.invalid]")]
    public async Task What_could_be_a_host_is_looked_up_and_kept_while_DNS_fails(string host) // [BP-10.4-12]
    {
        var (output, code, log) = await RunAsync(null, "mailer", "--dns", "127.0.0.1:1", "--", host);
        Assert.StartsWith("421 4.4.3 ", output, StringComparison.Ordinal);
        Assert.Equal(75, code);
        Assert.DoesNotContain("   at ", log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--port", "0", "b.test")]
    [InlineData("--port", "65536", "b.test")]
    [InlineData("--nonsense")]
    [InlineData("--policy", "some", "b.test")]
    [InlineData("-x.test")]
    [InlineData("--port", "25", "--nonsense")]
    [InlineData("--dns", "nowhere", "b.test")]
    [InlineData("b.test", "c.test")]
    [InlineData]
    public async Task A_command_line_that_is_wrong_keeps_the_mail(params string[] arguments) // [BP-10.4-12]
    {
        var (output, code, log) = await RunAsync(null, ["mailer", .. arguments]);
        Assert.StartsWith("421 4.3.5 ", output, StringComparison.Ordinal);
        Assert.Equal(75, code);
        Assert.Single(log.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData("<&-")]
    [InlineData(">&-")]
    [InlineData("2>&-")]
    [InlineData("<&- >&- 2>&-")]
    [InlineData("</dev/null >/dev/full 2>/dev/full")]
    public async Task Closed_standard_files_end_the_delivery_and_are_no_sockets(string closed)
    {
        await using var server = new EmbeddedServer();
        using var shell = Process.Start(new ProcessStartInfo("/bin/sh",
            ["-c", $"exec \"$0\" \"$@\" {closed}", BlackPonyProgram.File, "mailer", "--policy", "required", "--port",
                $"{server.Port}", "[127.0.0.1]"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        shell.StandardInput.Close();
        var replies = await shell.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)
            .WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        await shell.WaitForExitAsync(TestContext.Current.CancellationToken)
            .WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        Assert.Contains(shell.ExitCode, (int[])[0, 75]);
        Assert.Equal(closed.Contains('>', StringComparison.Ordinal) && closed[0] != '2' ? "" : "220 ",
            replies[..Math.Min(4, replies.Length)]);
    }

    [Fact]
    public async Task A_memory_that_is_a_folder_keeps_the_mail() // [BP-9.4-12]
    {
        var (output, code, _) = await RunAsync(null, "mailer", "--policy", "remembered", "--memory", _folder, "--port", "9", "[127.0.0.1]");
        Assert.StartsWith("421 ", output, StringComparison.Ordinal);
        Assert.Equal(75, code);
    }

    [Fact]
    public async Task A_line_of_the_memory_that_is_no_entry_costs_no_delivery() // [BP-9.4-14]
    {
        await using var server = new EmbeddedServer();
        var memory = Path.Combine(_folder, "memory");
        await File.WriteAllTextAsync(memory, "# BlackPony memory 2: name port first-good last-good failing-since keys\n"
            + "2001:db8::5%a b 25 2026-11-23T12:00:00Z 2026-11-23T12:00:00Z - -\n# end\n", TestContext.Current.CancellationToken);
        var (output, code, log) = await RunAsync("EHLO a.test\r\nQUIT\r\n", "mailer", "--policy", "remembered", "--memory", memory,
            "--port", $"{server.Port}", "[127.0.0.1]");
        Assert.StartsWith("220 ", output, StringComparison.Ordinal);
        Assert.Equal(0, code);
        Assert.Contains("line 2 of the memory is not an entry", log, StringComparison.Ordinal);
        var text = await File.ReadAllTextAsync(memory, TestContext.Current.CancellationToken);
        Assert.Contains($"127.0.0.1 {server.Port} ", text, StringComparison.Ordinal);
        Assert.DoesNotContain("%", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/nonexistent/report")]
    [InlineData("/dev/full")]
    [InlineData("")]
    [InlineData("/")]
    public async Task A_report_that_cannot_be_written_changes_nothing(string report)
    {
        await using var sink = new MailSink();
        var (output, code, log) = await RunAsync("EHLO a.test\r\nQUIT\r\n", "mailer", "--report", report, "--port", $"{sink.Port}",
            "[127.0.0.1]");
        Assert.Contains("250 SIZE", output, StringComparison.Ordinal);
        Assert.Equal(0, code);
        Assert.Contains("the report was not written", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mail_server_that_says_nothing_is_greeted_and_left()
    {
        await using var sink = new MailSink();
        var (output, code, log) = await ShellAsync($"mailer --port {sink.Port} '[127.0.0.1]' </dev/null");
        Assert.StartsWith("220 ", output, StringComparison.Ordinal);
        Assert.Equal((0, ""), (code, log));
    }

    [Theory]
    [InlineData(">&-")]
    [InlineData(">/dev/full")]
    [InlineData("| true")]
    public async Task A_mail_server_that_hears_nothing_gets_no_stack_trace(string output)
    {
        await using var sink = new MailSink();
        var (_, _, log) = await ShellAsync($"mailer --port {sink.Port} '[127.0.0.1]' </dev/null {output}");
        Assert.DoesNotContain("   at ", log, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mail_server_that_goes_away_in_the_middle_gets_no_stack_trace()
    {
        await using var sink = new MailSink();
        var start = new ProcessStartInfo(BlackPonyProgram.File, ["mailer", "--port", $"{sink.Port}", "[127.0.0.1]"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var log = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.StartsWith("220 ", await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        process.StandardOutput.Close();
        await process.StandardInput.WriteAsync("EHLO a.test\r\n");
        await process.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(2),
            TestContext.Current.CancellationToken);
        Assert.Equal(75, process.ExitCode);
        Assert.DoesNotContain("   at ", await log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_its_key_log_a_session_is_encrypted_all_the_same()
    {
        await using var server = new EmbeddedServer();
        var (_, code) = await BlackPonyProgram.MailAsync(
            "--policy", "required", "--keylog", "/nonexistent/keys", "--port", $"{server.Port}", "[127.0.0.1]");
        Assert.Equal(0, code);
        Assert.Single(server.Sink.Messages);
        var (_, _, log) = await RunAsync("EHLO a.test\r\n", "mailer", "--keylog", "/nonexistent/keys", "--port", $"{server.Port}",
            "[127.0.0.1]");
        Assert.Contains("the key log /nonexistent/keys cannot be written, and sessions go on without it: ", log, StringComparison.Ordinal);
    }

    private static Task<(string Output, int Code, string Log)> ShellAsync(string command) =>
        RunAsync(null, new ProcessStartInfo("/bin/bash", ["-c", $"'{BlackPonyProgram.File}' {command}"]));

    private static Task<(string Output, int Code, string Log)> RunAsync(string? input, params string[] arguments) =>
        RunAsync(input ?? "", new ProcessStartInfo(BlackPonyProgram.File, arguments));

    private static async Task<(string Output, int Code, string Log)> RunAsync(string? input, ProcessStartInfo start)
    {
        (start.RedirectStandardInput, start.RedirectStandardOutput, start.RedirectStandardError,
            start.StandardOutputEncoding) = (input is not null, true, true, Encoding.Latin1);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var log = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        if (input is not null)
        {
            try
            {
                await process.StandardInput.WriteAsync(input);
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // It has ended already.
            }
        }

        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(2),
            TestContext.Current.CancellationToken);
        return (await output, process.ExitCode, await log);
    }
}
