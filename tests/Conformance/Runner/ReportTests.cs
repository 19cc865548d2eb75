using System.Net;
using System.Text.RegularExpressions;
using BlackPony.Conformance;
using BlackPony.Conformance.Reports;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>
/// Each format of a report, whole: what <c>tests/Conformance/Runner/Reports</c> contains. <c>BLACKPONY_WRITE=1</c> writes it again.
/// </summary>
public partial class ReportTests
{
    private const string Greeted = "# connection 1\nS: 220 port.test\n";
    private const string Offered = Greeted + "C: EHLO probe.test\nS: 250-port.test\nS: 250 XBLACKPONY V1 X25519-CHACHA20POLY1305\n";
    private const string Upgraded = Offered + "C: XBLACKPONY V1 X25519-CHACHA20POLY1305 AAAA\nS: 220 K=AAAA\n";
    private const string Inside = Upgraded + "S> 170303\nS} finished 00\nC} finished 01\n";

    // Every verdict, cases with and without a dialogue, characters that a format has to escape.
    private static readonly RunReport Run = new RunReport("mail.test:25", null, "a b",
    [
        Result("S-4.1-1", "Offers & greets <first>", Verdict.Pass, Greeted, milliseconds: 1234.56),
        Result("S-4.2-1", "Answers #1 \"so\"", Verdict.Fail, Offered,
            "Sent \"XBLACKPONY V1 X25519-CHACHA20POLY1305 AbCd\", expected 220, got \"500 No\".\nAnd <then>\x01\uFFFE# more.", "BP-4.2-1"),
        Result("S-7.1-1", "Protects", Verdict.Fail, Offered,
            "Sent \"XBLACKPONY V1 X25519-CHACHA20POLY1305 Ef\", expected 220, got \"500 No\".", "BP-4.2-1"),
        Result("S-8.1-1", "Closes", Verdict.Fail, Inside + "S} data x\n" + string.Concat(Enumerable.Range(1, 120).Select(i => $"C: {i}\n")),
            "After \"QUIT\" inside: expected a close record, got the end of the connection.", "BP-8.1-1"),
        Result("S-8.1-2", "Should close", Verdict.Warn, new string('x', 401) + "\nSomething\nC\nS\n", "It did\ttwice.", "BP-8.1-2",
            Level.Should),
        Result("S-5.4-1", "Has RSA-BLOWFISH", Verdict.NotApplicable, "", "It is not\noffered # here.", profile: Profile.Classic),
        Result("C-4.2-1", "Asks", Verdict.Error, Greeted, "No answer within 5 s."),
    ], TimeSpan.FromSeconds(75.04))
    {
        Date = new DateTimeOffset(2026, 11, 28, 9, 5, 7, TimeSpan.Zero),
        CommandLine = "blackpony-conformance --seed 'a b'",
        Profiles = [Profile.Core, Profile.Classic],
        Platform = "a <platform>",
        Version = "1.2.3",
    }.Explained();

    private static readonly RunReport Stopped = new(null, "client.test", "1", [Result("S-4.1-1", "Offers", Verdict.Pass, Greeted)],
        TimeSpan.FromMilliseconds(499))
    {
        NotRun = 7,
        Platform = "",
        Version = "1.2.3",
        Preflights =
        [
            new(TestRole.Server, "mail.test:25", [new(Step.Greeting, "greeting")], []),
            new(TestRole.Client, "client.test", [new(Step.Connect, "connection"), new(Step.Greeting, "greeting <1>")],
                [
                    new(Step.Upgrade, "upgrade with ROT #1\nnow", "Expected XBLACKPONY,\ngot \"MAIL <>\".", "Section 4.2")
                    {
                        Requirement = "BP-4.2-1", Transcript = Offered,
                    },
                    new(Step.Finished, "Finished", "It does not verify.", "Section 6.2"),
                ])
            {
                Duration = TimeSpan.FromMilliseconds(1500.6),
            },
        ],
    };

    private static readonly Dictionary<string, Func<string>> Reports = new()
    {
        ["run.json"] = () => JsonReport.Write(Run),
        ["stopped.json"] = () => JsonReport.Write(Stopped),
        ["list.json"] = () => JsonReport.List(Run.Results.Select(r => r.Case)),
        ["run.tap"] = () => TapReport.Write(Run, strict: false, new Baseline(["S-4.2-1", "S-4.1-1"])),
        ["strict.tap"] = () => TapReport.Write(Run, strict: true, new Baseline(["S-8.1-2"])),
        ["stopped.tap"] = () => TapReport.Write(Stopped, strict: false, new Baseline([])),
        ["run.xml"] = () => JUnitReport.Write(Run, strict: false, new Baseline(["S-4.2-1", "S-4.1-1", "C-4.2-1"])),
        ["strict.xml"] = () => JUnitReport.Write(Run, strict: true, new Baseline([])),
        ["stopped.xml"] = () => JUnitReport.Write(Stopped, strict: false, new Baseline([])),
        ["run.sarif"] = () => SarifReport.Write(Run, strict: false, new Baseline(["S-8.1-1"]), "src/port.c"),
        ["strict.sarif"] = () => SarifReport.Write(Run, strict: true, new Baseline([]), "src/port.c"),
        ["stopped.sarif"] = () => SarifReport.Write(Stopped, strict: false, new Baseline([]), "README.md"),
        ["run.html"] = () => Page(HtmlReport.Write([Run])),
        ["stopped.html"] = () => Page(HtmlReport.Write([Stopped], "https://spec.test/")),
        ["both.html"] = () => Page(HtmlReport.Write([Run, Stopped])),
    };

    public static TheoryData<string> Names => [.. Reports.Keys];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void An_HTML_report_closes_every_element(int failures)
    {
        var preflight = Stopped.Preflights[1] with
        {
            Failures = [.. Stopped.Preflights[1].Failures.Take(failures)], Warnings = ["It is slow."],
        };
        var page = HtmlReport.Write([Stopped with { Preflights = [preflight] }, Run]);
        foreach (var element in (string[])["section", "ol", "li", "p", "div", "details", "main"])
        {
            Assert.Equal((element, Regex.Count(page, $"<{element}[ >]")), (element, Regex.Count(page, $"</{element}>")));
        }

        Assert.NotEqual(0, Regex.Count(page, "<section[ >]"));
        Assert.Equal(failures, Regex.Count(page, "<li><strong>[^<]*</strong><p class=\"finding\">"));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_report_is_written_whole(string name)
    {
        var path = Repository.At("tests", "Conformance", "Runner", "Reports", name);
        var written = WithoutSpecification(Reports[name]());
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
        {
            File.WriteAllText(path, written);
        }

        Assert.Equal(File.ReadAllText(path), written);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_report_in_JSON_is_read_as_it_was_written(bool stopped)
    {
        var run = stopped ? Stopped : Run;
        var text = JsonReport.Write(run);
        var read = JsonReport.Read(text);
        Assert.Equal(text, JsonReport.Write(read));
        Assert.Equal((run.Target, run.Seed, run.Verdict, run.Stopped?.What), (read.Target, read.Seed, read.Verdict, read.Stopped?.What));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("\"id\": \"S-4.1-1\" => \"id\": \"S\"")]
    [InlineData("\"role\": \"server\" => \"role\": \"relay\"")]
    [InlineData("\"verdict\": \"pass\" => \"verdict\": 1")]
    [InlineData("\"duration_ms\": 75040 => \"duration_ms\": \"long\"")]
    [InlineData("\"begin\": \"S-8.1-1\" => \"begin\": \"S-9.9-9\"")]
    public void What_is_no_report_is_not_read(string text)
    {
        var parts = text.Split(" => ");
        var changed = parts.Length == 1 ? text : JsonReport.Write(Run).Replace(parts[0], parts[1], StringComparison.Ordinal);
        Assert.NotEqual(JsonReport.Write(Run), changed);
        Assert.Equal("It is not a JSON report of blackpony-conformance.",
            Assert.Throws<FormatException>(() => JsonReport.Read(changed)).Message);
    }

    [Fact]
    public void A_report_of_an_earlier_version_is_read()
    {
        var read = JsonReport.Read("""
            {"suite": {"spec": "0.1"}, "target": {"server": null, "client": "c"}, "duration_ms": 1, "cases": []}
            """);
        Assert.Equal(("c", "", null, "", "", ""), (read.Target, read.Seed, read.Date, read.Version, read.Platform, read.CommandLine));
        Assert.Equal((0, 0, 0, 0), (read.Profiles.Count, read.Causes.Count, read.Preflights.Count, read.NotRun));
    }

    [Fact]
    public void A_long_dialogue_is_cut_in_JSON()
    {
        Assert.Equal(new string('x', 20_000), Transcript(20_000));
        Assert.Equal(new string('x', 20_000) + "\n# cut\n", Transcript(20_001));

        static string Transcript(int length) => Assert.Single(JsonReport.Read(JsonReport.Write(
            new RunReport("s", "s", "", [Result("S-4.1-1", "x", Verdict.Pass, new string('x', length))], default))).Results).Transcript;
    }

    [Fact]
    public void A_page_shows_a_requirements_names_and_variables_as_the_specification_does()
    {
        var failed = Result("S-6.1-1", "x", Verdict.Fail, "", "no", violated: "BP-6.1-1");
        var page = HtmlReport.Write([new RunReport("s", null, "", [failed], default)]);
        Assert.Contains("<em>offer</em>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("*offer*", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_badge_is_green_only_if_the_run_is_whole_and_nothing_failed()
    {
        var passed = Result("S-4.1-1", "x", Verdict.Pass, "");
        Badge("1 passed", "#1a7f37", passed, Result("S-4.1-2", "x", Verdict.Warn, ""), Result("S-4.1-3", "x", Verdict.NotApplicable, ""));
        foreach (var verdict in (Verdict[])[Verdict.Fail, Verdict.Error])
            Badge("1 of 2 failed", "#b42318", passed, Result("S-4.1-2", "x", verdict, ""));

        Badge("1 of 3 failed, 1 blocked", "#b42318", passed, Result("S-4.1-2", "x", Verdict.Fail, ""),
            Result("S-4.1-3", "x", Verdict.Blocked, ""));
        Badge("0 of 2 failed, 1 blocked", "#b42318", passed, Result("S-4.1-2", "x", Verdict.Blocked, ""));

        Assert.Contains("1 passed, incomplete", BadgeReport.Write(With(passed) with { NotRun = 1 }), StringComparison.Ordinal);
        Assert.Contains("#b42318", BadgeReport.Write(With(passed) with { NotRun = 1 }), StringComparison.Ordinal);
        Assert.Contains("preflight failed<", BadgeReport.Write(Stopped), StringComparison.Ordinal);
        Assert.Contains("#b42318", BadgeReport.Write(Stopped with { NotRun = 0 }), StringComparison.Ordinal);

        static RunReport With(params CaseResult[] results) => new("s", null, "", results, default);

        static void Badge(string text, string colour, params CaseResult[] results)
        {
            int right = (text.Length * 7) + 10;
            Assert.Equal(
                $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{73 + right}\" height=\"20\" role=\"img\" "
                + $"aria-label=\"BlackPony: {text}\"><title>BlackPony: {text}</title><rect width=\"73\" height=\"20\" fill=\"#444\"/>"
                + $"<rect x=\"73\" width=\"{right}\" height=\"20\" fill=\"{colour}\"/>"
                + "<g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">"
                + $"<text x=\"36\" y=\"14\">BlackPony</text><text x=\"{73 + (right / 2)}\" y=\"14\">{text}</text></g></svg>\n",
                BadgeReport.Write(With(results)));
        }
    }

    [Fact]
    public void The_verdict_of_a_run_is_one_line()
    {
        Assert.Equal("3 failed, 1 blocked, 3 causes; begin with S-4.2-1.", Run.Verdict);
        Assert.Equal("The preflight ended at: upgrade with ROT #1\nnow. Read Section 4.2. 7 cases were not run.", Stopped.Verdict);
        Assert.Equal("1 passed, none failed. 7 cases were not run.", (Stopped with { Preflights = [] }).Verdict);
        Assert.Equal("1 passed, none failed.", (Stopped with { Preflights = [], NotRun = 0 }).Verdict);
        Assert.Equal("4 failed.", (Run with { Results = [.. Run.Results.Select(r => r with { Verdict = r.Verdict == Verdict.Pass
            ? Verdict.Fail : r.Verdict })], Causes = [] }).Verdict.Replace(", 1 blocked", "", StringComparison.Ordinal));
        Assert.Equal("a and b, c", new RunReport("a and b", "c", "", [], default).Target);
        Assert.Equal("a", new RunReport("a", "a", "", [], default).Target);
    }

    [Fact]
    public async Task What_is_written_to_a_device_goes_there_and_what_cannot_be_written_leaves_nothing()
    {
        // No file can replace this one, not even where mutation testing has changed the program.
        const string Device = "/proc/self/comm";
        var name = await File.ReadAllTextAsync(Device, TestContext.Current.CancellationToken);
        foreach (var text in (string[])["one", "two", name.TrimEnd('\n')])
        {
            await WholeFile.WriteAsync(Device, text);
            WholeFile.Check(Device);
            Assert.Equal(text + "\n", await File.ReadAllTextAsync(Device, TestContext.Current.CancellationToken));
        }

        var folder = Directory.CreateTempSubdirectory("blackpony-").FullName;
        try
        {
            var file = Path.Combine(folder, "report");
            WholeFile.Check(file);
            Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
            await WholeFile.WriteAsync(file, "one");
            await WholeFile.WriteAsync(file, "two");
            Assert.Equal("two", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
            Directory.CreateDirectory(Path.Combine(folder, "taken"));
            Assert.Throws<IOException>(() => WholeFile.Check(Path.Combine(folder, "taken")));
            await Assert.ThrowsAnyAsync<Exception>(() => WholeFile.WriteAsync(Path.Combine(folder, "taken"), "text"));
            Assert.Equal(["report", "taken"], Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName).Order());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static CaseResult Result(string id, string title, Verdict verdict, string transcript, string detail = "",
        string? violated = null, Level level = Level.Must, Profile profile = Profile.Core, double milliseconds = 5) =>
        new(new CaseInfo(id, title, id[0] == 'S' ? TestRole.Server : TestRole.Client, level, profile, [$"BP-{id[2..5]}-1", "BP-6.2-2"]),
            verdict, detail, violated, id[0] == 'S' ? "" : "EHLO", transcript, TimeSpan.FromMilliseconds(milliseconds));

    // What is between the style and the script.
    private static string Page(string page)
    {
        Assert.DoesNotContain("{{", page, StringComparison.Ordinal);
        return $"{page[..page.IndexOf("<style>", StringComparison.Ordinal)]}"
            + Columns().Match(page).Value + page[page.IndexOf("<body>", StringComparison.Ordinal)..page.LastIndexOf("<script>",
                StringComparison.Ordinal)];
    }

    // The specification's texts change, and have their own tests.
    private static string WithoutSpecification(string report)
    {
        report = report.Replace($"\"version\": \"{RunReport.SuiteVersion}\"", "\"version\": \"of the suite\"", StringComparison.Ordinal)
            .Replace($"\"spec\": \"{BlackPony.Conformance.Specification.BlackPony.Version}\"", "\"spec\": \"of it\"",
                StringComparison.Ordinal)
            .Replace($"specification {BlackPony.Conformance.Specification.BlackPony.Version}", "specification VERSION",
                StringComparison.Ordinal)
            .Replace($"BlackPony {BlackPony.Conformance.Specification.BlackPony.Version}", "BlackPony VERSION", StringComparison.Ordinal)
            .Replace($"name=\"specification\" value=\"{BlackPony.Conformance.Specification.BlackPony.Version}\"",
                "name=\"specification\" value=\"VERSION\"", StringComparison.Ordinal);
        report = Heading().Replace(report, "$1a heading");
        foreach (var (id, text) in BlackPony.Conformance.Specification.BlackPony.Requirements)
        {
            var html = Variable().Replace(Code().Replace(WebUtility.HtmlEncode(text), "<code>$1</code>"), "<em>$1</em>");
            foreach (var form in (string[])[html, text,
                $"{System.Text.Json.JsonEncodedText.Encode(text)}", text.Replace("<", "&lt;", StringComparison.Ordinal),
                text.Replace("\"", "\\\"", StringComparison.Ordinal)])
            {
                report = report.Replace(form, $"(the text of {id})", StringComparison.Ordinal);
            }
        }

        return report;
    }

    [GeneratedRegex("`([^`]*)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"\*([a-z]+)\*")]
    private static partial Regex Variable();

    [GeneratedRegex("--columns: [0-9]+")]
    private static partial Regex Columns();

    [GeneratedRegex("(<h2>(?:Server|Client) [0-9.]+ <small>)(?=[A-Z])[^<]+")]
    private static partial Regex Heading();
}
