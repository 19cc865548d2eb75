using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Xml.Linq;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Targets;
using NJsonSchema;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary><c>blackpony-conformance</c> as its user sees it: options, reports, exit codes.</summary>
public sealed class RunnerTests : IDisposable
{
    private const string Quick = "4.1";

    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Without_arguments_the_reference_passes_in_both_roles_and_every_report_says_so()
    {
        var files = new[] { "r.json", "r.xml", "r.html", "r.tap" }.Select(n => Path.Combine(_folder, n)).ToList();
        var (code, output, error) =
            await RunnerProgram.RunAsync(["--format", "console", .. files.SelectMany(f => (string[])["--output", f])]);
        Assert.True(code == 0, output + error);

        var json = await File.ReadAllTextAsync(files[0], TestContext.Current.CancellationToken);
        var schema = await JsonSchema.FromFileAsync(
            Repository.At("src", "BlackPony.Conformance", "Reports", "results.schema.json"),
            TestContext.Current.CancellationToken);
        Assert.Empty(schema.Validate(json));
        using var report = JsonDocument.Parse(json);
        int cases = report.RootElement.GetProperty("cases").GetArrayLength();
        Assert.True(cases >= 200);
        Assert.Equal(cases, report.RootElement.GetProperty("totals").GetProperty("passed").GetInt32());
        Assert.Equal(["client", "server"],
            report.RootElement.GetProperty("cases").EnumerateArray().Select(c => c.GetProperty("role").GetString()).Distinct().Order());

        var junit = XDocument.Load(files[1]).Root!;
        Assert.Equal(("testsuites", cases), (junit.Name.LocalName, junit.Descendants("testcase").Count()));
        Assert.Equal(cases, junit.Elements("testsuite").Sum(s => (int)s.Attribute("tests")!));
        Assert.Empty(junit.Descendants("failure"));
        Assert.DoesNotMatch("(src|href)=.?https?:", await File.ReadAllTextAsync(files[2], TestContext.Current.CancellationToken));
        var tap = await File.ReadAllLinesAsync(files[3], TestContext.Current.CancellationToken);
        Assert.Contains($"1..{cases}", tap);
        Assert.Equal(cases, tap.Count(l => l.StartsWith("ok ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_server_without_BlackPony_fails_and_each_failure_says_what_was_sent_expected_and_violated()
    {
        await using var sink = new MailSink();
        var junit = Path.Combine(_folder, "r.xml");
        var (code, output, _) = await RunnerProgram.RunAsync("--server", $"127.0.0.1:{sink.Port}", "--select", Quick, "--format", "console",
            "--format", "junit", "--output", junit, "--verbose");
        Assert.Equal(1, code);
        Assert.Contains("FAILED S-4.1-1", output, StringComparison.Ordinal);
        Assert.Contains("[BP-4.1-1] A server that is ready to upgrade MUST send one line with the keyword XBLACKPONY in its reply to EHLO.",
            output, StringComparison.Ordinal);
        Assert.Contains("C: EHLO probe.test", output, StringComparison.Ordinal);
        var failure = XDocument.Load(junit).Descendants("failure").First();
        Assert.Contains("# BlackPony transcript 1", failure.Value, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_shows_what_a_selection_takes_and_runs_nothing()
    {
        var all = await ListAsync();
        Assert.Equal(ServerCases.All.Count + ClientCases.All.Count, all.Count + (await ListAsync("--profile", "timeouts")).Count);
        Assert.Equal(all.Where(l => l.StartsWith("S-4.2-", StringComparison.Ordinal)), await ListAsync("--select", "S-4.2-*"));
        Assert.All(await ListAsync("--select", "BP-7.4-5"), l => Assert.Contains("BP-7.4-5", l, StringComparison.Ordinal));
        Assert.DoesNotContain(await ListAsync("--exclude", "C-*"), l => l.StartsWith('C'));
        Assert.All(await ListAsync("--profile", "classic"), l => Assert.Contains(" classic ", l, StringComparison.Ordinal));
        var shards = await Task.WhenAll(Enumerable.Range(1, 3).Select(k => ListAsync("--shard", $"{k}/3")));
        Assert.Equal(all.Order(StringComparer.Ordinal), shards.SelectMany(s => s).Order(StringComparer.Ordinal));
        Assert.All(shards, s => Assert.InRange(s.Count, all.Count / 4, all.Count / 2));
    }

    [Fact]
    public async Task Expected_failures_open_the_gate_unexpected_and_stale_ones_close_it()
    {
        await using var sink = new MailSink();
        string server = $"127.0.0.1:{sink.Port}", file = Path.Combine(_folder, "expected");
        Assert.Equal(
            0, (await RunnerProgram.RunAsync("--server", server, "--select", Quick, "--expected-failures", file, "--write-baseline")).Code);
        var lines = await File.ReadAllLinesAsync(file, TestContext.Current.CancellationToken);
        Assert.Contains(lines, l => l.StartsWith("S-4.1-1 ", StringComparison.Ordinal));
        Assert.Equal(0, (await RunnerProgram.RunAsync("--server", server, "--select", Quick, "--expected-failures", file)).Code);

        await File.WriteAllLinesAsync(file, lines.Where(l => !l.StartsWith("S-4.1-1 ", StringComparison.Ordinal)),
            TestContext.Current.CancellationToken);
        Assert.Equal(1, (await RunnerProgram.RunAsync("--server", server, "--select", Quick, "--expected-failures", file)).Code);

        await File.WriteAllLinesAsync(file, [.. lines, "S-4.1-2"], TestContext.Current.CancellationToken);
        var stale = await RunnerProgram.RunAsync("--server", server, "--select", Quick, "--expected-failures", file);
        Assert.Equal(1, stale.Code);
        Assert.Contains("S-4.1-2 is listed as an expected failure, and passes", stale.Error, StringComparison.Ordinal);

        await File.WriteAllLinesAsync(file, [.. lines, "S-99.1-1"], TestContext.Current.CancellationToken);
        var unknown = await RunnerProgram.RunAsync("--server", server, "--select", Quick, "--expected-failures", file);
        Assert.Equal(2, unknown.Code);
        Assert.Contains("S-99.1-1", unknown.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_warning_fails_only_a_strict_run()
    {
        await using var greaseless = new EmbeddedServer(settings: s => s with { Options = s.Options with { Grease = false } });
        string[] run = ["--server", $"127.0.0.1:{greaseless.Port}", "--select", "S-4.1-3"];
        var lenient = await RunnerProgram.RunAsync(run);
        Assert.Equal(0, lenient.Code);
        Assert.Contains("0 failed, 1 warned", lenient.Output, StringComparison.Ordinal);
        Assert.Equal(1, (await RunnerProgram.RunAsync([.. run, "--strict"])).Code);
    }

    [Fact]
    public async Task The_same_seed_makes_the_same_octets()
    {
        var shares = new List<string>();
        foreach (var seed in (string[])["one", "one", "two"])
        {
            var file = Path.Combine(_folder, "r.json");
            await RunnerProgram.RunAsync("--select", "S-6.3-3", "--seed", seed, "--output", file);
            shares.Add((await File.ReadAllLinesAsync(file, TestContext.Current.CancellationToken)).SelectMany(l => l.Split("\\n"))
                .Single(l => l.StartsWith("C: XBLACKPONY", StringComparison.Ordinal)));
        }

        Assert.Equal(shares[0], shares[1]);
        Assert.NotEqual(shares[0], shares[2]);
    }

    [Theory]
    [InlineData(2, "--select", "S-99-*")]
    [InlineData(2, "--exclude", "nothing")]
    [InlineData(2, "--profile", "quantum")]
    [InlineData(2, "--format", "pdf")]
    [InlineData(2, "--output", "report.pdf")]
    [InlineData(2, "--output", "/no/such/folder/report.json")]
    [InlineData(2, "--max-failures", "0")]
    [InlineData(2, "--durations", "few")]
    [InlineData(2, "--shard", "4/3")]
    [InlineData(2, "--timeout", "0")]
    [InlineData(2, "--jobs", "many")]
    [InlineData(2, "--server", "nowhere")]
    [InlineData(2, "--client", "no place for the port")]
    [InlineData(2, "--timeouts", "TeaTimeout=5")]
    [InlineData(2, "--expected-failures", "/no/such/file")]
    [InlineData(2, "--compare", "/no/such/file")]
    [InlineData(2, "--no-such-option", "x")]
    [InlineData(3, "--client", "/no/such/client {host} {port}")]
    [InlineData(3, "--mailer", "no-such-mailer {host} {port}")]
    public async Task A_wrong_option_or_a_target_that_is_not_there_gets_one_line_that_says_what_to_do(int expected,
        string option, string value)
    {
        var (code, output, error) = await RunnerProgram.RunAsync("--select", Quick, option, value);
        Assert.Equal((expected, ""), (code, output));
        Assert.StartsWith("blackpony-conformance: ", Assert.Single(error.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("FinishedTimeout")]
    [InlineData("NextServerTimeout")]
    public async Task The_time_outs_of_a_target_have_the_names_of_the_specification(string name)
    {
        var (code, _, error) = await RunnerProgram.RunAsync("--select", Quick, "--timeouts", name + "=5");
        Assert.Equal((0, ""), (code, error));
    }

    [Fact]
    public async Task The_default_time_outs_can_be_declared_by_one_word()
    {
        var (code, output, _) = await RunnerProgram.RunAsync("--list", "--profile", "timeouts", "--timeouts", "default");
        Assert.Equal(0, code);
        Assert.Contains("C-9.2-11", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_exit_code_3()
    {
        int port = FreePorts.Next();
        var folder = Directory.CreateTempSubdirectory("blackpony-").FullName;
        var file = Path.Combine(folder, "r.json");
        var (code, _, error) = await RunnerProgram.RunAsync("--server", $"127.0.0.1:{port}", "--output", file);
        Assert.Equal(3, code);

        // A gate has something to show.
        Assert.Contains("RFC 5321 Section 3.1", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
        Assert.Contains($"no mail server answers at 127.0.0.1:{port}", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_gets_no_verdict_and_fails_the_run()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        int port = ((IPEndPoint)silent.LocalEndpoint).Port;
        var (code, output, _) = await RunnerProgram.RunAsync("--server", $"127.0.0.1:{port}", "--select", "S-4.1-1", "--timeout", "0.2",
            "--format", "console", "--no-preflight");
        Assert.Equal(1, code);
        Assert.Contains("ERROR S-4.1-1", output, StringComparison.Ordinal);
        Assert.Contains("No answer within 0.8 s", output, StringComparison.Ordinal);
        Assert.Contains("0 failed, 0 warned, 0 not applicable, 1 errors", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_has_examples_and_exit_codes()
    {
        var (code, output, _) = await RunnerProgram.RunAsync("--help");
        Assert.Equal(0, code);
        Assert.Contains("--server 127.0.0.1:2525", output, StringComparison.Ordinal);
        Assert.Contains("blackpony, or starttls. [default: blackpony]", output, StringComparison.Ordinal);
        Assert.Contains(
            "Exit codes: 0 all passed, 1 some failed, 2 usage, nothing tested, or trouble of its own, 3 target unreachable.", output,
            StringComparison.Ordinal);
    }

    private static async Task<List<string>> ListAsync(params string[] arguments)
    {
        var (code, output, _) = await RunnerProgram.RunAsync(["--list", .. arguments]);
        Assert.Equal(0, code);
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }
}
