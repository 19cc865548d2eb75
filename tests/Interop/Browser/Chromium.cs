using Deque.AxeCore.Commons;
using OpenQA.Selenium;
using OpenQA.Selenium.Chrome;
using OpenQA.Selenium.Chromium;

namespace BlackPony.Tests.Interop.Browser;

/// <summary>Headless Chromium, with a screen of any width.</summary>
internal static class Chromium
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>Skips the test where there is none.</summary>
    public static void Need() => Assert.SkipUnless(File.Exists("/usr/bin/chromium") && File.Exists("/usr/bin/chromedriver"),
        "Chromium is not here (Debian packages chromium and chromium-driver; tests/run installs them).");

    /// <summary>Opens a file.</summary>
    public static ChromeDriver Open(string file, int width, int height = 844)
    {
        var options = new ChromeOptions { BinaryLocation = "/usr/bin/chromium" };
        options.AddArguments("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            $"--user-data-dir={Path.GetDirectoryName(file)}/profile");
        options.EnableMobileEmulation(new ChromiumMobileEmulationDeviceSettings("blackpony-test")
        {
            Width = width,
            Height = height,
            PixelRatio = width < 600 ? 2 : 1,
            EnableTouchEvents = true,
        });
        var browser = new ChromeDriver(ChromeDriverService.CreateDefaultService("/usr/bin", "chromedriver"), options, Patience);
        // A busy machine needs longer than the 30 seconds that Selenium gives a script.
        (browser.Manage().Timeouts().AsynchronousJavaScript, browser.Manage().Timeouts().PageLoad) = (Patience, Patience);
        browser.Navigate().GoToUrl("file://" + file);
        return browser;
    }

    /// <summary>Runs a script.</summary>
    public static object Script(ChromeDriver browser, string script) => browser.ExecuteScript(script)!;

    /// <summary>A property of an element's style as it is.</summary>
    public static string Style(ChromeDriver browser, IWebElement element, string name) =>
        (string)browser.ExecuteScript("return getComputedStyle(arguments[0])[arguments[1]]", element, name)!;

    /// <summary>Shows the page in <c>light</c> or <c>dark</c>.</summary>
    public static void Prefer(ChromeDriver browser, string scheme) =>
        browser.ExecuteCdpCommand("Emulation.setEmulatedMedia", new Dictionary<string, object?>
        {
            ["features"] = new[] { new Dictionary<string, object> { ["name"] = "prefers-color-scheme", ["value"] = scheme } },
        });

    /// <summary>What axe-core finds by the rules of WCAG 2 A and AA, and its own; nothing if all is well.</summary>
    public static object Axe(ChromeDriver browser)
    {
        Script(browser, new BundledAxeScriptProvider().GetScript() + "; return true");
        return browser.ExecuteAsyncScript(
            "const done = arguments[0]; axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'best-practice'] }).then(r => done(r.violations.map("
            + "v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + ' ' + n.failureSummary).join(' | ')).join('\\n')))")!;
    }
}
