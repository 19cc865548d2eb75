using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Targets;
using NJsonSchema;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>What <c>blackpony-conformance</c> shows of a half-done implementation, and how it ends.</summary>
public sealed class RunnerOutputTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_preflight_stops_at_a_wrong_220_and_every_report_says_so()
    {
        await using var sink = Agrees("220 Go ahead\r\n");
        var files = new[] { "r.json", "r.xml", "r.html", "r.tap", "r.sarif", "r.svg" }.Select(n => Path.Combine(_folder, n)).ToList();
        var (code, output, error) = await RunnerProgram.RunAsync(["--server", Address(sink), "--format", "console",
            .. files.SelectMany(f => (string[])["--output", f])]);
        Assert.True(code == 1, output + error);
        Assert.Contains("FAILED  upgrade with X25519-CHACHA20POLY1305", output, StringComparison.Ordinal);
        Assert.Contains("The line \"220 Go ahead\" does not have \"K=\"", output, StringComparison.Ordinal);
        Assert.Contains("Read Section 4.3.", output, StringComparison.Ordinal);
        Assert.Contains("--no-preflight runs them.", output, StringComparison.Ordinal);
        Assert.InRange(output.Split('\n').Length, 5, 15);

        var texts = files.Select(File.ReadAllText).ToList();
        var schema = await JsonSchema.FromFileAsync(Repository.At("src", "BlackPony.Conformance", "Reports", "results.schema.json"),
            TestContext.Current.CancellationToken);
        Assert.Empty(schema.Validate(texts[0]));
        using var json = JsonDocument.Parse(texts[0]);
        Assert.StartsWith("The preflight ended at: upgrade with X25519-CHACHA20POLY1305.",
            json.RootElement.GetProperty("verdict").GetString(), StringComparison.Ordinal);
        Assert.Single(XDocument.Parse(texts[1]).Descendants("failure"));
        Assert.Contains("The preflight ended at: upgrade with X25519-CHACHA20POLY1305.", texts[2], StringComparison.Ordinal);
        Assert.Contains("Bail out! preflight: upgrade with X25519-CHACHA20POLY1305", texts[3], StringComparison.Ordinal);
        Assert.Contains("\"ruleId\": \"BP-4.3-2\"", texts[4], StringComparison.Ordinal);
        Assert.Contains("BlackPony: preflight failed", texts[5], StringComparison.Ordinal);
        Assert.Equal(texts[5], (await RunnerProgram.RunAsync("badge", files[0])).Output);
    }

    [Fact]
    public async Task A_badge_is_made_from_the_reports_of_all_shards()
    {
        var files = new[] { "1", "2" }.Select(n => Path.Combine(_folder, $"{n}.json")).ToList();
        foreach (var (file, shard) in files.Zip(["1/2", "2/2"]))
            Assert.Equal(0, (await RunnerProgram.RunAsync("--select", "S-4.1-*", "--shard", shard, "--output", file)).Code);

        int count = files.Sum(f =>
        {
            using var report = JsonDocument.Parse(File.ReadAllText(f));
            return report.RootElement.GetProperty("totals").GetProperty("passed").GetInt32();
        });
        Assert.Contains($"BlackPony: {count} passed", (await RunnerProgram.RunAsync(["badge", .. files])).Output, StringComparison.Ordinal);
        File.WriteAllText(files[1], "{}");
        var (code, _, error) = await RunnerProgram.RunAsync(["badge", .. files]);
        Assert.Equal(2, code);
        Assert.Contains($"{files[1]}: It is not a JSON report of blackpony-conformance.", error, StringComparison.Ordinal);
        Assert.Equal(2, (await RunnerProgram.RunAsync("badge", Path.Combine(_folder, "none.json"))).Code);
    }

    [Fact]
    public async Task One_cause_is_shown_once_with_the_cases_that_it_blocks()
    {
        await using var sink = Agrees("220 Go ahead\r\n");
        var (code, output, _) = await RunnerProgram.RunAsync("--server", Address(sink), "--no-preflight", "--profile", "core", "--select",
            "4", "--select", "6");
        Assert.Equal(1, code);
        Assert.Matches("causes; begin with S-4\\.3-1\\.", output);
        Assert.Single(Regex.Matches(output, "FAILED S-4\\.3-1 "));
        // Once by the preflight, once as the cause.
        Assert.Equal(2, Regex.Count(output, "does not have \"K=\" directly after code and separator\\."));
        Assert.Matches(@"blocks  S-.*\([0-9]+ cases\)", output);
        Assert.Matches("[0-9]+ failed, [0-9]+ warned, [0-9]+ not applicable, 0 errors, [0-9]+ blocked in", output);
        Assert.Matches(@"n/a  Only for a relay whose mail server the suite plays: .* S-4\.", output);
    }

    [Fact]
    public async Task A_run_whose_failures_are_expected_does_not_list_them()
    {
        await using var sink = Agrees("220 Go ahead\r\n");
        var file = Path.Combine(_folder, "expected");
        string[] run = ["--server", Address(sink), "--profile", "core", "--select", "4", "--expected-failures", file];
        Assert.Equal(0, (await RunnerProgram.RunAsync([.. run, "--write-baseline"])).Code);
        var (code, output, error) = await RunnerProgram.RunAsync(run);
        Assert.True(code == 0, output + error);
        Assert.DoesNotContain("FAILED S-", output, StringComparison.Ordinal);
        Assert.DoesNotContain("blocks", output, StringComparison.Ordinal);
        Assert.Matches("[0-9]+ failures are expected\\.", output);
        Assert.Contains("All failures are expected.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_target_that_is_no_mail_server_or_not_ready_is_exit_code_3()
    {
        await using var sink = new MailSink { Greeting = "421 4.3.2 Not now" };
        var (code, output, error) = await RunnerProgram.RunAsync("--server", Address(sink));
        Assert.Equal((3, ""), (code, output));
        Assert.Contains($"no mail server answers at {Address(sink)} (It is not ready: \"421 4.3.2 Not now\")", error,
            StringComparison.Ordinal);

        var client = await RunnerProgram.RunAsync("--client", "echo no such relay >&2; false {host} {port}");
        Assert.Equal((3, ""), (client.Code, client.Output));
        Assert.Contains("made no session", client.Error, StringComparison.Ordinal);
        Assert.Contains("no such relay", client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_whose_preflight_fails_fails_the_run_although_the_server_passes()
    {
        await using var server = new EmbeddedServer();
        var file = Path.Combine(_folder, "r.tap");
        var (code, output, error) = await RunnerProgram.RunAsync("--server", $"127.0.0.1:{server.Port}", "--client",
            "bash -c 'exec 3<>/dev/tcp/{host}/{port}; printf \"EHLO x\\r\\nQUIT\\r\\n\" >&3; cat <&3 >/dev/null'", "--select", "4.1",
            "--select", "C-7.1-1", "--output", file, "--format", "console");
        Assert.True(code == 1, output + error);
        Assert.Contains("FAILED  upgrade with X25519-CHACHA20POLY1305", output, StringComparison.Ordinal);
        Assert.Matches(@"\n  4\.1 +[0-9]+ passed", output);
        var tap = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        Assert.Matches(@"ok 1 - S-4\.1-1 (.*\n)*Bail out! preflight: upgrade with X25519-CHACHA20POLY1305\n$", tap);
    }

    [Fact]
    public async Task A_list_in_JSON_has_what_a_script_needs()
    {
        var (code, output, error) = await RunnerProgram.RunAsync("--list", "--format", "json", "--select", "S-7.4-*");
        Assert.Equal((0, ""), (code, error));
        using var list = JsonDocument.Parse(output);
        var expected = ServerCases.All.Where(c => c.Id.StartsWith("S-7.4-", StringComparison.Ordinal)).Select(c => c.Id);
        Assert.Equal(expected, list.RootElement.EnumerateArray().Select(c => c.GetProperty("id").GetString()!));
        Assert.Equal(["id", "title", "role", "level", "profile", "requirements"], list.RootElement[0].EnumerateObject().Select(p =>
            p.Name));
    }

    [Fact]
    public async Task What_failed_last_runs_again_and_what_passed_does_not()
    {
        await using var sink = new MailSink();
        string[] run = ["--server", Address(sink), "--select", "4.1", "--no-preflight"];
        Assert.Equal(1, (await RunnerProgram.RunAsync(run)).Code);
        var again = await RunnerProgram.RunAsync([.. run, "--last-failed"]);
        Assert.Matches(@"\n  4\.1 +[0-9]+ FAILED(, [0-9]+ blocked)?\r?\n", again.Output);
        sink.Answer = (_, line) => line.StartsWith("EHLO", StringComparison.Ordinal)
            ? "250-sink.test\r\n250 XBLACKPONY V1 X25519-CHACHA20POLY1305 G-00AA\r\n" : null;
        var better = await RunnerProgram.RunAsync([.. run, "--last-failed", "--verbose"]);
        Assert.Contains("passed S-4.1-1", better.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("S-4.1-2 ", better.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("unset XDG_CACHE_HOME; HOME=/nonexistent")]
    [InlineData("XDG_CACHE_HOME=cache HOME=/nonexistent")]
    [InlineData("XDG_CACHE_HOME=/dev/null")]
    public async Task A_cache_that_cannot_be_written_changes_nothing(string environment)
    {
        await using var sink = new MailSink();
        var (code, output, error) = await RunnerProgram.RunInAsync($"cd {_folder}; {environment}; export HOME; exec \"$@\"", "--server",
            Address(sink), "--select", "S-4.1-1", "--no-preflight", "--last-failed");
        Assert.Equal((1, ""), (code, error));
        Assert.Contains("FAILED S-4.1-1", output, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder));
    }

    [Fact]
    public async Task A_limit_of_failures_ends_the_run_and_the_report_says_how_many_cases_were_not_run()
    {
        await using var sink = new MailSink();
        var (code, output, _) = await RunnerProgram.RunAsync("--server", Address(sink), "--select", "4.1", "--no-preflight",
            "--max-failures", "1", "--jobs", "1", "--durations", "2");
        Assert.Equal(1, code);
        Assert.Contains("1 failed, 1 cause; begin with S-4.1-1. ", output, StringComparison.Ordinal);
        Assert.Matches("[0-9]+ cases were not run", output);
        Assert.Contains("Slowest", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_fails_is_saved_as_a_capture_that_the_dissector_decrypts()
    {
        // A server that never knows MAIL inside: the dialogue has records.
        await using var server = new EmbeddedServer();
        server.Sink.Answer = (_, line) => line.StartsWith("MAIL", StringComparison.Ordinal) ? "550 5.7.1 No mail here\r\n" : null;
        var (code, output, error) = await RunnerProgram.RunAsync("--server", $"127.0.0.1:{server.Port}", "--select", "S-7.1-*", "--select",
            "S-8.1-*", "--no-preflight", "--save", _folder);
        Assert.True(code == 1, output + error);
        var capture = Directory.GetFiles(_folder, "*.pcap").First(f => File.ReadAllText(Path.ChangeExtension(f, "transcript"))
            .Contains("No mail here", StringComparison.Ordinal));
        Assert.Contains("BLACKPONY_CLIENT_TRAFFIC_SECRET_0 ", await File.ReadAllTextAsync(Path.ChangeExtension(capture, "keylog"),
            TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.SkipUnless(File.Exists("/usr/bin/tshark"), "Needs tshark (Debian's package; tests/run installs it).");
        var start = new ProcessStartInfo("/usr/bin/tshark", ["-X", $"lua_script:{Repository.At("spec", "wireshark", "blackpony.lua")}",
            "-o", $"blackpony.keylog:{Path.ChangeExtension(capture, "keylog")}", "-r", capture, "-O", "blackpony", "-V"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var tshark = Process.Start(start)!;
        var said = tshark.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var packets = await tshark.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await tshark.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(packets.Contains("No mail here", StringComparison.Ordinal), packets[..Math.Min(packets.Length, 4000)] + await said);
    }

    private static string Address(MailSink sink) => $"127.0.0.1:{sink.Port}";

    // Offers, and answers the command so.
    private static MailSink Agrees(string reply) => new()
    {
        Extensions = ["XBLACKPONY V1 X25519-CHACHA20POLY1305 G-00AA"],
        Answer = (_, line) => line.StartsWith("XBLACKPONY ", StringComparison.Ordinal) ? reply : null,
    };
}
