using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using NJsonSchema;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary><c>blackpony-conformance --protocol starttls</c> as its user sees it.</summary>
public sealed class StartTlsRunnerTests : IDisposable
{
    // Those of time-outs are not run unless they are asked for.
    private static readonly int All = StartTlsServerCases.All.Select(c => c.Profile).Concat(StartTlsClientCases.All.Select(c => c.Profile))
        .Count(p => p != Profile.Timeouts);

    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Without_a_server_the_embedded_one_passes_and_every_report_says_so()
    {
        var files = new[] { "r.json", "r.xml", "r.html", "r.tap", "r.sarif", "r.svg" }.Select(n => Path.Combine(_folder, n)).ToList();
        var (code, output, error) = await RunnerProgram.RunAsync(["--protocol", "starttls", "--format", "console",
            .. files.SelectMany(f => (string[])["--output", f])]);
        Assert.True(code == 0, output + error);
        Assert.Contains($"{All} passed, 0 failed, 0 warned, 0 not applicable", output, StringComparison.Ordinal);
        var json = await File.ReadAllTextAsync(files[0], TestContext.Current.CancellationToken);
        var schema = await JsonSchema.FromFileAsync(
            Repository.At("src", "BlackPony.Conformance", "Reports", "results.schema.json"), TestContext.Current.CancellationToken);
        Assert.Empty(schema.Validate(json));
        using var report = JsonDocument.Parse(json);
        Assert.Equal("starttls", report.RootElement.GetProperty("suite").GetProperty("protocol").GetString());
        Assert.Contains("STARTTLS: ", await File.ReadAllTextAsync(files[5], TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        var page = await File.ReadAllTextAsync(files[2], TestContext.Current.CancellationToken);
        Assert.Contains("<li id=\"TLS-4.2-6\"><code>TLS-4.2-6</code> A server MUST NOT execute inside TLS", page, StringComparison.Ordinal);
        Assert.Contains("<a href=\"#TLS-4.2-6\">", page, StringComparison.Ordinal);
        // A report is read again, to be shown beside another or in a badge.
        Assert.Equal(0, (await RunnerProgram.RunAsync("badge", files[0])).Code);
    }

    [Fact]
    public async Task Cases_are_listed_and_selected_as_those_of_BlackPony_are()
    {
        var (code, all, _) = await RunnerProgram.RunAsync("--protocol", "starttls", "--list");
        Assert.Equal((0, All), (code, all.TrimEnd().Split('\n').Length));
        var (_, some, _) = await RunnerProgram.RunAsync("--protocol", "starttls", "--list", "--select", "5321", "--profile", "injection");
        Assert.All(some.TrimEnd().Split('\n'), l => Assert.StartsWith("TS-5321.", l, StringComparison.Ordinal));
        var (_, more, _) = await RunnerProgram.RunAsync("--protocol", "starttls", "--list", "--select", "5321");
        Assert.True(more.Length > some.Length);
        var (_, one, _) = await RunnerProgram.RunAsync("--protocol", "starttls", "--list", "--select", "TLS-4.2-7");
        Assert.Equal(["TS-4.2-17", "TS-4.2-18"], one.TrimEnd().Split('\n').Select(l => l.Split(' ')[0]));
    }

    [Fact]
    public async Task A_server_that_runs_what_was_injected_fails_and_a_baseline_opens_the_gate()
    {
        await using var server = new LoopbackServer(VulnerableAsync);
        var baseline = Path.Combine(_folder, "known.txt");
        string[] run = ["--protocol", "starttls", "--server", $"127.0.0.1:{server.Port}", "--select", "TS-4-6", "--no-preflight"];
        var (code, output, _) = await RunnerProgram.RunAsync([.. run, "--format", "console"]);
        Assert.Equal(1, code);
        Assert.Contains("FAILED TS-4-6", output, StringComparison.Ordinal);
        Assert.Contains("[TLS-4-5] A server MUST NOT treat octets that come after STARTTLS", output, StringComparison.Ordinal);
        var file = Path.Combine(_folder, "r.json");
        await RunnerProgram.RunAsync([.. run, "--auth", "probe:a secret", "--output", file]);
        var json = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        Assert.Contains("probe:***", json, StringComparison.Ordinal);
        Assert.DoesNotContain("a secret", json, StringComparison.Ordinal);
        Assert.Equal(0, (await RunnerProgram.RunAsync([.. run, "--expected-failures", baseline, "--write-baseline"])).Code);
        Assert.Equal(0, (await RunnerProgram.RunAsync([.. run, "--expected-failures", baseline])).Code);
    }

    [Fact]
    public async Task A_server_without_STARTTLS_ends_at_the_preflight_which_says_what_to_do()
    {
        await using var server = new LoopbackServer((stream, cancel) => SpeakAsync(stream, _ => "250 plain.test", cancel));
        var (code, output, _) = await RunnerProgram.RunAsync("--protocol", "starttls", "--server", $"127.0.0.1:{server.Port}");
        Assert.Equal(1, code);
        Assert.Contains("STARTTLS is not offered in the reply to EHLO. Give the server a certificate", output, StringComparison.Ordinal);
        Assert.Contains("Read RFC 3207 Section 2.", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2020, 2021, "The server's certificate expired on 2021-01-01.")]
    [InlineData(2120, 2121, "The server's certificate is not valid before 2120-01-01; one of the two clocks may be wrong.")]
    public async Task A_certificate_out_of_its_time_is_said_and_the_cases_are_run(int from, int to, string line)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=mx.test", key, HashAlgorithmName.SHA256).CreateSelfSigned(
            new DateTimeOffset(from, 1, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(to, 1, 1, 0, 0, 0, TimeSpan.Zero));
        await using var server = new LoopbackServer(async (stream, cancel) =>
        {
            await SpeakAsync(stream, c => c.StartsWith("EHLO", StringComparison.Ordinal) ? "250-mx.test\r\n250 STARTTLS"
                : c == "STARTTLS" ? "220 Go ahead" : "250 Ok", cancel, until: "STARTTLS");
            await using var tls = new SslStream(stream);
            await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, cancel);
            await SpeakAsync(tls, _ => "250 Ok", cancel, greeting: "");
        });
        var report = Path.Combine(_folder, "r.json");
        var (_, output, error) = await RunnerProgram.RunAsync("--protocol", "starttls", "--server", $"127.0.0.1:{server.Port}",
            "--select", "TS-4-1", "--format", "console", "--output", report, "--output", Path.ChangeExtension(report, "html"));
        Assert.Contains("warning " + line, output, StringComparison.Ordinal);
        Assert.True(output.Contains("1 passed", StringComparison.Ordinal), output + error);
        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(report, TestContext.Current.CancellationToken));
        Assert.StartsWith(line, json.RootElement.GetProperty("preflight")[0].GetProperty("warnings")[0].GetString(),
            StringComparison.Ordinal);
        Assert.Contains("Warning: The server",
            await File.ReadAllTextAsync(Path.ChangeExtension(report, "html"), TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, "1 passed, 0 failed, 0 warned")]
    [InlineData(true, "0 passed, 0 failed, 1 warned")]
    public async Task A_server_ends_a_silent_handshake_in_the_time_that_its_user_declares(bool waitsForEver, string counts)
    {
        await using var server = new LoopbackServer(async (stream, cancel) =>
        {
            await SpeakAsync(stream, c => c == "STARTTLS" ? "220 Go ahead" : "250-mx.test\r\n250 STARTTLS", cancel, until: "STARTTLS");
            if (waitsForEver)
                await stream.ReadExactlyAsync(new byte[1], cancel);
        });
        var (code, output, error) = await RunnerProgram.RunAsync("--protocol", "starttls", "--server", $"127.0.0.1:{server.Port}",
            "--select", "TS-5321.4.5.3.2.7-1", "--profile", "timeouts", "--timeouts", "HandshakeTimeout=0.5", "--no-preflight");
        Assert.True(output.Contains(counts, StringComparison.Ordinal), output + error);
        Assert.Equal(0, code);
    }

    [Fact]
    public async Task A_client_that_waits_for_ever_in_the_handshake_fails_and_without_a_declared_time_no_case_applies()
    {
        string[] run = ["--protocol", "starttls", "--profile", "timeouts", "--no-preflight", "--client", "exec bash -c 'exec 3<>"
            + "/dev/tcp/127.0.0.1/{port}; printf \"EHLO c\\r\\nSTARTTLS\\r\\n\" >&3; cat <&3 >/dev/null'"];
        var (code, output, error) = await RunnerProgram.RunAsync([.. run, "--timeouts", "HandshakeTimeout=0.5"]);
        Assert.True(output.Contains("The client waits on for a ServerHello. (HandshakeTimeout is 0.5 s here.)", StringComparison.Ordinal),
            output + error);
        Assert.Equal(1, code);
        (code, output, _) = await RunnerProgram.RunAsync(run);
        Assert.Contains("give --timeouts", output, StringComparison.Ordinal);
        Assert.Equal(2, code);
    }

    [Theory]
    [InlineData("the command 'c {host}' has no {port}", "--client", "c {host}")]
    [InlineData("--mailer has no effect with --protocol starttls.", "--mailer", "c {port}")]
    [InlineData("'none' is not a policy: opportunistic, required or verify.", "--policies", "none")]
    [InlineData("'hybrid' is no profile of starttls: core, injection, policy, submission, truncation, tls, timeouts.", "--profile",
        "hybrid")]
    [InlineData("FinishedTimeout is no time-out of starttls: it has HandshakeTimeout.", "--timeouts", "FinishedTimeout=1")]
    [InlineData("--backend has no effect with --protocol starttls.", "--backend", "1025")]
    [InlineData("'S-4.1-1' matches no case", "--select", "S-4.1-1")]
    [InlineData("--local has no effect without --server.", "--local", "a@b.test")]
    [InlineData("--policies has no effect without --client.", "--policies", "required")]
    [InlineData("--auth is a user, a colon and the password.", "--auth", "user")]
    public async Task A_wrong_option_gets_one_line_that_says_what_to_do(string line, string option, string value)
    {
        var (code, output, error) = await RunnerProgram.RunAsync("--protocol", "starttls", option, value);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(line, Assert.Single(error.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/nowhere/sends {host} {port}", "its program was not found.")]
    [InlineData("true {host} {port}", "The command ended without a connection to {host} {port}.")]
    [InlineData("sleep 60; true {host} {port}", "No answer within 2 s")]
    public async Task A_command_that_makes_no_session_gets_one_line_that_says_what_to_do(string command, string line)
    {
        var (code, output, error) = await RunnerProgram.RunAsync("--protocol", "starttls", "--timeout", "2", "--client", command);
        Assert.Equal((3, ""), (code, output));
        error = Assert.Single(error.TrimEnd().Split("\nThe client's")[0].Split('\n'));
        Assert.Contains($"the command '{command}' made no session: ", error, StringComparison.Ordinal);
        Assert.Contains(line, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_without_TLS_ends_at_the_preflight_which_says_what_to_do()
    {
        var (code, output, _) = await RunnerProgram.RunAsync("--protocol", "starttls", "--client", Client("plain {host} {port}"));
        Assert.Equal(1, code);
        Assert.Contains("The server offers STARTTLS, and the client did not use it: switch TLS on in the command", output,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_is_tested_for_what_its_command_has_and_a_baseline_opens_the_gate()
    {
        var baseline = Path.Combine(_folder, "known.txt");
        string[] run = ["--protocol", "starttls", "--select", "TC-5321.4.2-1", "--select", "TC-6-1", "--select", "TC-9846.6.1-1"];
        string[] client = ["--client", Client("tls {host} {port}")];
        var (code, output, error) = await RunnerProgram.RunAsync([.. run, .. client, "--format", "console", "--verbose"]);
        Assert.True(code == 1, output + error);
        Assert.Contains("The command has no {policy}, or --policies does not name 'required'.", output, StringComparison.Ordinal);
        Assert.Contains("FAILED TC-5321.4.2-1", output, StringComparison.Ordinal);
        Assert.Contains("[TLS-5321.4.2-3] A client MUST accept a reply of several lines to STARTTLS.", output, StringComparison.Ordinal);
        Assert.Equal(0, (await RunnerProgram.RunAsync([.. run, .. client, "--expected-failures", baseline, "--write-baseline"])).Code);
        Assert.Single(await File.ReadAllLinesAsync(baseline, TestContext.Current.CancellationToken), l =>
            l.StartsWith("TC-5321.4.2-1", StringComparison.Ordinal));
        (code, output, error) = await RunnerProgram.RunAsync([.. run, .. client, "--expected-failures", baseline]);
        Assert.True(code == 0, output + error);

        // With the policy that the command always has, the case applies.
        (code, output, error) = await RunnerProgram.RunAsync(
            [.. run, "--policies", "required", .. client, "--expected-failures", baseline, "--verbose", "--format", "console"]);
        Assert.True(code == 0, output + error);
        Assert.DoesNotContain("The command has no {policy}", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--protocol", "pop3", "'pop3' is not a protocol: blackpony or starttls.")]
    [InlineData("--local", "a@b", "--local has no effect with --protocol blackpony.")]
    public async Task A_run_for_BlackPony_knows_no_option_of_STARTTLS(string option, string value, string line)
    {
        var (code, _, error) = await RunnerProgram.RunAsync(option, value);
        Assert.Equal(2, code);
        Assert.Contains(line, Assert.Single(error.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    // A client that requires TLS, and reads one line of each reply but EHLO's.
    private static string Client(string arguments) =>
        $"python3 {Repository.At("tests", "Conformance", "Runner", "starttls-client.py")} {arguments}";

    private static Task VulnerableAsync(Stream stream, CancellationToken cancel) => SpeakAsync(stream, line =>
        line == "STARTTLS" ? "220 Go" : line.StartsWith("EHLO", StringComparison.Ordinal) ? "250-weak.test\r\n250 STARTTLS" : "250 Ok",
            cancel);

    private static async Task SpeakAsync(Stream stream, Func<string, string> answer, CancellationToken cancel,
        string greeting = "220 port.test\r\n", string? until = null)
    {
        await stream.WriteAsync(Encoding.Latin1.GetBytes(greeting), cancel);
        using var reader = new StreamReader(stream, Encoding.Latin1, leaveOpen: true);
        while (await reader.ReadLineAsync(cancel) is { } line)
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(answer(line) + "\r\n"), cancel);
            if (line == until)
                return;
        }
    }
}
