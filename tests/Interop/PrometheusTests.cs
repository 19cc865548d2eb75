using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using BlackPony.Conformance.Targets;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary>The alert rules and the dashboard in <c>tools/blackpony/prometheus</c>, with Debian's Prometheus.</summary>
public sealed partial class PrometheusTests : IDisposable
{
    private static readonly string Files = Repository.At("tools", "blackpony", "prometheus");
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("check", "rules", "rules.yml")]
    [InlineData("test", "rules", "rules.test.yml")]
    public async Task Promtool_approves_of_the_rules(params string[] arguments)
    {
        ServerInstall.Need("prometheus");
        using var process = Process.Start(new ProcessStartInfo(Program("promtool"), arguments)
        {
            WorkingDirectory = Files,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var said = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)
            + await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0 && said.Contains("SUCCESS", StringComparison.Ordinal), said);
    }

    [Fact]
    public void Each_rule_has_a_test()
    {
        var test = File.ReadAllText(Path.Combine(Files, "rules.test.yml"));
        var alerts = Alert().Matches(File.ReadAllText(Path.Combine(Files, "rules.yml"))).Select(m => m.Groups[1].Value).ToList();
        Assert.Equal(6, alerts.Count);
        Assert.All(alerts, a => Assert.Matches($"alertname: {a}\n\\s+exp_alerts:", test));
    }

    /// <summary>A real Prometheus reads what <c>listen</c> and <c>relay</c> serve, and evaluates each expression.</summary>
    [Fact]
    public async Task Prometheus_scrapes_both_services_and_knows_each_metric_of_rules_and_dashboard()
    {
        ServerInstall.Need("prometheus");
        await using var sink = new MailSink();
        int port = FreePorts.Next(), web = FreePorts.Next();
        int[] relays = [FreePorts.Next(), FreePorts.Next()], metrics = [FreePorts.Next(), FreePorts.Next(), FreePorts.Next()];
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--metrics", $"127.0.0.1:{metrics[0]}",
            "--max-sessions", "1");
        string[] route = ["--route", $"*=[127.0.0.1]:{sink.Port}"];
        using var relay = await BlackPonyProgram.RelayAsync(relays[0], ["--metrics", $"127.0.0.1:{metrics[1]}", .. route]);
        using var strict = await BlackPonyProgram.RelayAsync(relays[1],
            ["--metrics", $"127.0.0.1:{metrics[2]}", "--policy", "required", .. route]);
        await MakeEventsAsync(port, relays);
        await File.WriteAllTextAsync(Path.Combine(_folder, "prometheus.yml"), $$"""
            global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
            rule_files: ['{{Path.Combine(Files, "rules.yml")}}']
            scrape_configs:
              - job_name: blackpony
                static_configs: [{ targets: ['{{string.Join("', '", metrics.Select(m => $"127.0.0.1:{m}"))}}'] }]
            """, TestContext.Current.CancellationToken);
        using var prometheus = Process.Start(new ProcessStartInfo(Program("prometheus"),
            [$"--config.file={_folder}/prometheus.yml", $"--storage.tsdb.path={_folder}/data", $"--web.listen-address=127.0.0.1:{web}",
                "--log.level=warn"]) { RedirectStandardError = true })!;
        var log = prometheus.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        try
        {
            using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{web}/api/v1/") };
            await Wait.RetryAsync(async () =>
            {
                var up = await AskAsync(client, "sum(up{job=\"blackpony\"})");
                return up.Contains("\"3\"]", StringComparison.Ordinal) ? up
                    : throw new IOException("Prometheus has not scraped all three services.");
            });
            var names = JsonDocument.Parse(await client.GetStringAsync(new Uri("label/__name__/values", UriKind.Relative),
                TestContext.Current.CancellationToken)).RootElement.GetProperty("data").EnumerateArray().Select(n => n.GetString())
                .ToHashSet();
            var expressions = Expressions().ToList();
            Assert.True(expressions.Count > 15);
            foreach (var expression in expressions)
            {
                Assert.All(Metric().Matches(expression).Select(m => m.Value), m => Assert.Contains(m, names));
                var answer = await AskAsync(client, expression.Replace("$__rate_interval", "1m", StringComparison.Ordinal)
                    .Replace("$instance", ".*", StringComparison.Ordinal));
                Assert.StartsWith("{\"status\":\"success\"", answer, StringComparison.Ordinal);
            }

            // Every metric of the page is used.
            var page = Repository.Read("docs", "operations.md");
            var loaded = await client.GetStringAsync(new Uri("rules", UriKind.Relative), TestContext.Current.CancellationToken);
            Assert.Equal(6, JsonDocument.Parse(loaded).RootElement
                .GetProperty("data").GetProperty("groups")[0].GetProperty("rules").GetArrayLength());
            Assert.All(Documented().Matches(page).Select(m => m.Groups[1].Value).Where(n => n is not "blackpony_rsa_keys_total"),
                n => Assert.Contains(expressions, e => e.Contains(n, StringComparison.Ordinal)));
        }
        finally
        {
            prometheus.Kill();
            await prometheus.WaitForExitAsync(TestContext.Current.CancellationToken);
            await log;
        }
    }

    /// <summary>What Grafana needs of a dashboard that is imported: <c>__inputs</c>-free, with a variable for the data source.</summary>
    [Fact]
    public void The_dashboard_has_the_fields_that_Grafana_needs()
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(Files, "dashboard.json")));
        var root = json.RootElement;
        Assert.NotEmpty(root.GetProperty("title").GetString()!);
        Assert.NotEmpty(root.GetProperty("uid").GetString()!);
        Assert.True(root.GetProperty("schemaVersion").GetInt32() >= 36);
        Assert.False(root.TryGetProperty("id", out _));
        Assert.Equal(["datasource", "instance"],
            root.GetProperty("templating").GetProperty("list").EnumerateArray().Select(v => v.GetProperty("name").GetString()!));
        var panels = root.GetProperty("panels").EnumerateArray().ToList();
        Assert.Equal(panels.Count, panels.Select(p => p.GetProperty("id").GetInt32()).Distinct().Count());
        var taken = new HashSet<(int, int)>();
        foreach (var panel in panels)
        {
            Assert.Equal("timeseries", panel.GetProperty("type").GetString());
            Assert.NotEmpty(panel.GetProperty("title").GetString()!);
            Assert.NotEmpty(panel.GetProperty("description").GetString()!);
            Assert.NotEmpty(panel.GetProperty("fieldConfig").GetProperty("defaults").GetProperty("unit").GetString()!);
            var place = panel.GetProperty("gridPos");
            int Of(string name) => place.GetProperty(name).GetInt32();
            Assert.True(Of("x") + Of("w") <= 24);
            for (int x = Of("x"); x < Of("x") + Of("w"); x++)
            {
                for (int y = Of("y"); y < Of("y") + Of("h"); y++)
                    Assert.True(taken.Add((x, y)), "Two panels have the same place.");
            }

            var targets = panel.GetProperty("targets").EnumerateArray().ToList();
            Assert.NotEmpty(targets);
            Assert.Equal(targets.Count, targets.Select(t => t.GetProperty("refId").GetString()).Distinct().Count());
            Assert.All(targets.Select(t => t.GetProperty("datasource")).Append(panel.GetProperty("datasource")), s =>
            {
                Assert.Equal("prometheus", s.GetProperty("type").GetString());
                Assert.Equal("${datasource}", s.GetProperty("uid").GetString());
            });
            Assert.All(targets, t => Assert.NotEmpty(t.GetProperty("legendFormat").GetString()!));
        }
    }

    private static string Program(string name) => Path.Combine(ServerInstall.Folder("prometheus"), "usr", "bin", name);

    /// <summary>One of each event that a counter has a label for, so that the counter is there.</summary>
    private static async Task MakeEventsAsync(int listen, int[] relays)
    {
        using (var first = await SmtpUser.ConnectAsync(listen))
        {
            await SmtpUser.RefusedAsync(listen); // --max-sessions
            await first.SayAsync("EHLO a.test", "250");
            await first.SayAsync("XBLACKPONY V1 X25519-CHACHA20POLY1305 AAAA", "5");
            await first.SayAsync("QUIT", "221");
        }

        foreach (var (relay, reply) in relays.Zip((string[])["250", "4"])) // in plaintext, and deferred
        {
            using var sender = await SmtpUser.ConnectAsync(relay);
            await sender.SayAsync("EHLO a.test", "250");
            await sender.SayAsync("MAIL FROM:<a@a.test>", "250");
            await sender.SayAsync("RCPT TO:<b@plain.test>", reply);
            await sender.SayAsync("QUIT", "221");
        }
    }

    private static async Task<string> AskAsync(HttpClient client, string expression)
    {
        try
        {
            return await client.GetStringAsync(new Uri($"query?query={Uri.EscapeDataString(expression)}", UriKind.Relative));
        }
        catch (HttpRequestException e)
        {
            return e.Message;
        }
    }

    private static IEnumerable<string> Expressions()
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(Files, "dashboard.json")));
        var rules = File.ReadAllText(Path.Combine(Files, "rules.yml"));
        return [.. json.RootElement.GetProperty("panels").EnumerateArray().SelectMany(p => p.GetProperty("targets").EnumerateArray())
            .Select(t => t.GetProperty("expr").GetString()!),
            .. Expression().Matches(rules).Select(m => m.Groups[1].Value.Replace(">-", "", StringComparison.Ordinal)
                .ReplaceLineEndings(" "))];
    }

    [GeneratedRegex("alert: (\\w+)")]
    private static partial Regex Alert();

    [GeneratedRegex("expr: (.*?)\n        (?:for|labels):", RegexOptions.Singleline)]
    private static partial Regex Expression();

    [GeneratedRegex("\\b(?:blackpony|dotnet)_\\w+")]
    private static partial Regex Metric();

    [GeneratedRegex("^\\| `(blackpony_\\w+)`", RegexOptions.Multiline)]
    private static partial Regex Documented();
}
