using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Reports;
using BlackPony.Conformance.Targets;
using BlackPony.Reference.Suites;
using OpenQA.Selenium;

namespace BlackPony.Tests.Interop.Browser;

/// <summary>The HTML report as a reader has it: in headless Chromium, on a phone and on a screen.</summary>
[Collection("Browser")]
public sealed class HtmlReportTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task It_can_be_read_on_a_phone_and_shows_two_targets_side_by_side()
    {
        Chromium.Need();
        using var browser = Chromium.Open(await WriteAsync(), 390);

        // Self-contained: nothing was loaded but the page itself.
        Assert.Equal(0L, Chromium.Script(browser, "return performance.getEntriesByType('resource').length"));
        Assert.True((bool)Chromium.Script(browser, "return document.documentElement.scrollWidth <= innerWidth"),
            "The page is wider than the phone.");
        Assert.True(
            (bool)Chromium.Script(browser, "return [...document.querySelectorAll('nav button')].every(b => "
                + "b.getBoundingClientRect().height >= 30)"),
            "A button is too small for a finger.");

        // The index: a square for each case and target.
        Assert.Equal(["section", "embedded reference", "no BlackPony"],
            browser.FindElements(By.CssSelector(".matrix thead th")).Select(h => h.Text));
        var square = browser.FindElement(By.CssSelector(".matrix .square.fail[href='#S-4.1-1']"));
        Assert.Equal("rgb(207, 34, 46)", Chromium.Style(browser, square, "background-color"));

        // A touch on it opens the case, with its requirement and what went over the wire.
        square.Click();
        var test = browser.FindElement(By.Id("S-4.1-1"));
        Assert.Equal("true", test.GetDomAttribute("open"));
        Assert.Contains("BP-4.1-1 A server that is ready to upgrade MUST send one line with the keyword XBLACKPONY in its reply to EHLO.",
            test.FindElement(By.CssSelector(".violated")).Text, StringComparison.Ordinal);
        var (client, server) = (test.FindElement(By.CssSelector(".dialogue .c")), test.FindElement(By.CssSelector(".dialogue .s")));
        Assert.StartsWith("C: EHLO", client.Text, StringComparison.Ordinal);
        Assert.StartsWith("S: 220", server.Text, StringComparison.Ordinal);
        Assert.NotEqual(Chromium.Style(browser, client, "color"), Chromium.Style(browser, server, "color"));

        // Records are shown raw and decrypted.
        Chromium.Script(browser, "location.hash = '#S-6.3-1'");
        var records = browser.FindElement(By.Id("S-6.3-1")).FindElements(By.CssSelector(".dialogue span"))
            .Select(s => s.Text.Trim()).ToList();
        Assert.Contains(records, r => r.StartsWith("S> 0110", StringComparison.Ordinal));
        Assert.Contains(records, r => r.StartsWith("S} finished ", StringComparison.Ordinal));

        // On a phone the header scrolls away, and covers no case.
        Assert.Equal("static", Chromium.Style(browser, browser.FindElement(By.TagName("header")), "position"));

        // The filter leaves only what failed.
        browser.FindElement(By.CssSelector("[data-show=fail]")).Click();
        Assert.True(browser.FindElement(By.Id("S-4.1-1")).Displayed);
        Assert.False(browser.FindElement(By.Id("S-6.3-1")).Displayed);
    }

    [Fact]
    public async Task It_says_first_what_failed_and_where_to_begin_and_differs_in_more_than_colours()
    {
        Chromium.Need();
        using var browser = Chromium.Open(await WriteAsync(), 1400);
        var verdicts = browser.FindElements(By.CssSelector("main > p.verdict")).Select(v => v.Text).ToList();
        Assert.Matches("^✓ embedded reference: [0-9]+ passed, none failed\\.", verdicts[0]);
        Assert.Matches("^× no BlackPony: [0-9]+ failed(, [0-9]+ blocked)?, [0-9]+ causes?; begin with S-4\\.1-1\\.", verdicts[1]);
        Assert.Contains("suite ", browser.FindElement(By.CssSelector(".facts")).Text, StringComparison.Ordinal);
        Assert.True((bool)Chromium.Script(browser,
            "return document.querySelector('.causes').getBoundingClientRect().top < "
                + "document.querySelector('.matrix').getBoundingClientRect().top"));
        browser.FindElement(By.CssSelector(".causes li > a")).Click();
        Assert.Equal("true", browser.FindElement(By.Id("S-4.1-1")).GetDomAttribute("open"));

        // A sign and a name for each square, whatever its colour.
        Assert.Equal("", Chromium.Script(browser,
            "return [...document.querySelectorAll('.square:not(.none)')]"
                + ".filter(s => !'✓×!–○?'.includes(s.textContent) || !s.textContent "
                + "|| !/^[SC]-[0-9.-]+ (passed|failed|warned|not applicable|blocked|error): ./.test(s.ariaLabel)).map(s => "
                    + "s.outerHTML).join()"));

        // The switch to records is marked, and each speaker has a colour.
        Chromium.Script(browser, "location.hash = '#S-6.3-1'");
        Assert.Equal("from here on records", browser.FindElement(By.Id("S-6.3-1")).FindElement(By.CssSelector(".switch")).Text);

        // A requirement leads to its text.
        browser.FindElement(By.Id("S-6.3-1")).FindElement(By.CssSelector(".requirements a")).Click();
        Assert.Equal("#BP-6.3-1", Chromium.Script(browser, "return location.hash"));
        Assert.Contains("MUST", browser.FindElement(By.Id("BP-6.3-1")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_does_not_apply_is_hidden_at_first_and_a_search_finds_words()
    {
        Chromium.Need();
        using var browser = Chromium.Open(await WriteAsync(), 1400);
        var counts = browser.FindElements(By.CssSelector("[data-show]")).ToDictionary(b => b.GetDomAttribute("data-show")!, b =>
            b.FindElement(By.TagName("span")).Text);
        Assert.Equal(Chromium.Script(browser, "return document.querySelectorAll('.case').length").ToString(), counts["all"]);
        Assert.Equal(Chromium.Script(browser, "return document.querySelectorAll('.case.fail, .case.error').length").ToString(),
            counts["fail"]);
        Assert.Equal("true", browser.FindElement(By.CssSelector("[data-show=run]")).GetDomAttribute("aria-pressed"));
        Assert.Equal(0L, Chromium.Script(browser,
            "return document.querySelectorAll('.case:not([hidden]):not(.pass):not(.fail):not(.warn):not(.error):not(.blocked)').length"));
        browser.FindElement(By.CssSelector("input[type=search]")).SendKeys("grease bp-4.1-7");
        Assert.Equal(["S-4.1-3"], browser.FindElements(By.CssSelector(".case:not([hidden]) .id")).Select(i => i.Text));
        browser.FindElement(By.CssSelector("input[type=search]")).SendKeys(" nothing at all");
        Assert.True(browser.FindElement(By.CssSelector(".none-found")).Displayed);
    }

    [Fact]
    public async Task On_paper_failures_are_open_and_the_squares_keep_their_colours()
    {
        Chromium.Need();
        using var browser = Chromium.Open(await WriteAsync(), 1400);
        Chromium.Script(browser, "dispatchEvent(new Event('beforeprint'))");
        Assert.Equal(0L, Chromium.Script(browser, "return document.querySelectorAll('.case.fail:not([open])').length"));
        Assert.Equal("exact", Chromium.Style(browser, browser.FindElement(By.CssSelector(".square.fail")), "printColorAdjust"));
        Chromium.Script(browser, "dispatchEvent(new Event('afterprint'))");
        Assert.Equal(0L, Chromium.Script(browser, "return document.querySelectorAll('.case[open]').length"));
    }

    /// <summary>
    /// The picture of the README: the reference beside a server that offers one suite. <c>BLACKPONY_WRITE=1</c> makes it again.
    /// </summary>
    [Fact]
    public async Task The_picture_in_the_README_is_of_this_report()
    {
        Chromium.Need();
        var options = new RunOptions(TimeSpan.FromSeconds(60), 4);
        await using var reference = new EmbeddedServer();
        await using var core = new EmbeddedServer(settings: s => s with { Options = s.Options
            with { Suites = [SuiteRegistry.Find(Names.Core)!], Grease = false } });
        await using var one = new RemoteServer("127.0.0.1", core.Port, 0, new Dictionary<string, TimeSpan>());
        var cases = new Selection { Exclude = ["10"] }.From(ServerCases.All);
        RunReport[] runs =
        [
            new("embedded reference", null, options.Seed, await CaseRunner.RunAsync(reference, cases, options), TimeSpan.FromSeconds(1)),
            new("listen with one suite", null, options.Seed, await CaseRunner.RunAsync(one, cases, options), TimeSpan.FromSeconds(1)),
        ];
        var file = Path.Combine(_folder, "picture.html");
        await File.WriteAllTextAsync(file, HtmlReport.Write([.. runs.Select(r => r.Explained())]), TestContext.Current.CancellationToken);
        using var browser = Chromium.Open(file, 1000, height: 860);
        Assert.Equal(2, browser.FindElements(By.CssSelector("p.verdict.good")).Count);
        var picture = Repository.At("src", "BlackPony.Conformance", "Reports", "report.png");
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
            browser.GetScreenshot().SaveAsFile(picture);

        Assert.True(new FileInfo(picture).Length > 10_000);
    }

    /// <summary>axe-core's rules for accessibility (WCAG 2 A and AA): names, roles and contrasts among them.</summary>
    [Theory]
    [InlineData("light", 1400)]
    [InlineData("dark", 390)]
    public async Task Axe_finds_nothing_to_complain_of(string scheme, int width)
    {
        Chromium.Need();
        using var browser = Chromium.Open(await WriteAsync(), width);
        Chromium.Prefer(browser, scheme);
        Chromium.Script(browser, "document.querySelectorAll('details').forEach(d => d.open = true)");
        Assert.Equal("", Chromium.Axe(browser));
    }

    [Fact]
    public async Task A_report_of_somebody_else_runs_no_script_in_the_page()
    {
        Chromium.Need();
        const string Hostile = "<img src=x onerror=\"document.title = 'taken'\">";
        var info = new CaseInfo($"S-4.1-{Hostile}", Hostile, TestRole.Server, Level.Must, Profile.Core, [$"BP-{Hostile}"]);
        var run = new RunReport(Hostile, null, Hostile,
            [new CaseResult(info, Verdict.Fail, Hostile, $"BP-\"><script>document.title = 'taken'</script>", Hostile, $"C: {Hostile}",
                TimeSpan.Zero)],
            TimeSpan.Zero).Explained();
        var file = Path.Combine(_folder, "hostile.html");
        await File.WriteAllTextAsync(file, HtmlReport.Write([JsonReport.Read(JsonReport.Write(run))]),
            TestContext.Current.CancellationToken);
        using var browser = Chromium.Open(file, 1400);
        Assert.Equal(0L, Chromium.Script(browser, "return document.querySelectorAll('img, main script').length"));
        Assert.StartsWith("BlackPony conformance", browser.Title, StringComparison.Ordinal);
    }

    private async Task<string> WriteAsync()
    {
        var cases = new Selection { Select = ["4.1", "6.3"] }.From(ServerCases.All);
        var options = new RunOptions(TimeSpan.FromSeconds(30), 4);
        await using var reference = new EmbeddedServer();
        await using var sink = new MailSink();
        await using var ordinary = new RemoteServer("127.0.0.1", sink.Port, 0, new Dictionary<string, TimeSpan>());
        var page = HtmlReport.Write(
        [
            new RunReport(reference.Name, null, options.Seed, await CaseRunner.RunAsync(reference, cases, options),
                TimeSpan.FromSeconds(1)),
            new RunReport("no BlackPony", null, options.Seed, await CaseRunner.RunAsync(ordinary, cases, options), TimeSpan.FromSeconds(1))
                .Explained(),
        ]);
        var file = Path.Combine(_folder, "report.html");
        await File.WriteAllTextAsync(file, page, TestContext.Current.CancellationToken);
        return file;
    }
}
