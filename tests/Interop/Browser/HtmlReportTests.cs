using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Reports;
using BlackPony.Conformance.Targets;
using OpenQA.Selenium;
using OpenQA.Selenium.Chrome;
using OpenQA.Selenium.Chromium;

namespace BlackPony.Tests.Interop.Browser;

/// <summary>The HTML report as a reader has it: in headless Chromium, on a phone.</summary>
public sealed class HtmlReportTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task It_can_be_read_on_a_phone_and_shows_two_targets_side_by_side()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/chromium") && File.Exists("/usr/bin/chromedriver"),
            "Chromium is not here (Debian packages chromium and chromium-driver; tests/run installs them).");
        using var browser = Open(await WriteAsync());

        // Self-contained: nothing was loaded but the page itself.
        Assert.Equal(0L, Script(browser, "return performance.getEntriesByType('resource').length"));
        Assert.True((bool)Script(browser, "return document.documentElement.scrollWidth <= innerWidth"),
            "The page is wider than the phone.");
        Assert.True(
            (bool)Script(browser, "return [...document.querySelectorAll('nav button')].every(b => b.getBoundingClientRect().height >= 30)"),
            "A button is too small for a finger.");

        // The index: a square for each case and target.
        Assert.Equal(["section", "embedded reference", "no BlackPony"],
            browser.FindElements(By.CssSelector(".matrix thead th")).Select(h => h.Text));
        var square = browser.FindElement(By.CssSelector(".matrix .square.fail[href='#S-4.1-1']"));
        Assert.Equal("rgb(207, 34, 46)", Style(browser, square, "background-color"));

        // A touch on it opens the case, with its requirement and what went over the wire.
        square.Click();
        var test = browser.FindElement(By.Id("S-4.1-1"));
        Assert.Equal("true", test.GetDomAttribute("open"));
        Assert.Contains("BP-4.1-1 A server that is ready to upgrade MUST send one line with the keyword XBLACKPONY in its reply to EHLO.",
            test.FindElement(By.CssSelector(".violated")).Text, StringComparison.Ordinal);
        var (client, server) = (test.FindElement(By.CssSelector(".dialogue .c")), test.FindElement(By.CssSelector(".dialogue .s")));
        Assert.StartsWith("C: EHLO", client.Text, StringComparison.Ordinal);
        Assert.StartsWith("S: 220", server.Text, StringComparison.Ordinal);
        Assert.NotEqual(Style(browser, client, "color"), Style(browser, server, "color"));

        // Records are shown raw and decrypted.
        Script(browser, "location.hash = '#S-6.3-1'");
        var records = browser.FindElement(By.Id("S-6.3-1")).FindElements(By.CssSelector(".dialogue span"))
            .Select(s => s.Text.Trim()).ToList();
        Assert.Contains(records, r => r.StartsWith("S> 0110", StringComparison.Ordinal));
        Assert.Contains(records, r => r.StartsWith("S} finished ", StringComparison.Ordinal));

        // The filter leaves only what failed.
        browser.FindElement(By.CssSelector("[data-show=fail]")).Click();
        Assert.True(browser.FindElement(By.Id("S-4.1-1")).Displayed);
        Assert.False(browser.FindElement(By.Id("S-6.3-1")).Displayed);
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
            new RunReport("no BlackPony", null, options.Seed, await CaseRunner.RunAsync(ordinary, cases, options), TimeSpan.FromSeconds(1)),
        ]);
        var file = Path.Combine(_folder, "report.html");
        await File.WriteAllTextAsync(file, page, TestContext.Current.CancellationToken);
        return file;
    }

    private ChromeDriver Open(string file)
    {
        var options = new ChromeOptions { BinaryLocation = "/usr/bin/chromium" };
        options.AddArguments("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", $"--user-data-dir={_folder}/profile");
        options.EnableMobileEmulation(new ChromiumMobileEmulationDeviceSettings("blackpony-test")
        {
            Width = 390,
            Height = 844,
            PixelRatio = 2,
            EnableTouchEvents = true,
        });
        var browser = new ChromeDriver(ChromeDriverService.CreateDefaultService("/usr/bin", "chromedriver"), options);
        browser.Navigate().GoToUrl("file://" + file);
        return browser;
    }

    private static object Script(ChromeDriver browser, string script) => browser.ExecuteScript(script)!;

    private static string Style(ChromeDriver browser, IWebElement element, string name) =>
        (string)browser.ExecuteScript("return getComputedStyle(arguments[0])[arguments[1]]", element, name)!;
}
