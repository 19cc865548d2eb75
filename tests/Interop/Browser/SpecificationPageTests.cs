using System.Diagnostics;
using OpenQA.Selenium;

namespace BlackPony.Tests.Interop.Browser;

/// <summary>The rendered specification as a reader has it.</summary>
[Collection("Browser")]
public sealed class SpecificationPageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Its_tables_of_states_outgrow_the_text_and_keep_their_first_column()
    {
        Chromium.Need();
        using var browser = Chromium.Open(await RenderAsync(), 1600);
        const string States = "[...document.querySelectorAll('.wide')].filter(w => w.querySelector('th')?.textContent === 'state')";
        Assert.True((long)Chromium.Script(browser, $"return {States}.length") >= 4);
        Assert.Equal(true, Chromium.Script(browser,
            $"return {States}.every(w => w.clientWidth > document.querySelector('main > p').clientWidth)"));
        Assert.Equal(true, Chromium.Script(browser, "return document.documentElement.scrollWidth <= innerWidth"));
        Assert.Equal("sticky", Chromium.Script(browser, $"return getComputedStyle({States}[0].querySelector('td')).position"));
    }

    [Fact]
    public async Task A_search_leads_to_a_requirement_a_role_filters_and_the_section_is_marked()
    {
        Chromium.Need();
        using var browser = Chromium.Open(await RenderAsync(), 1400);
        browser.FindElement(By.CssSelector("nav input[type=search]")).SendKeys("verify_data constant time");
        var found = browser.FindElement(By.CssSelector("ol.found a"));
        Assert.StartsWith("…", found.Text, StringComparison.Ordinal);
        found.Click();
        Assert.Equal("#BP-6.3-7", Chromium.Script(browser, "return location.hash"));
        browser.FindElement(By.CssSelector("nav select option[value=client]")).Click();
        Assert.False(browser.FindElement(By.Id("BP-4.1-1")).Displayed);
        Assert.True(browser.FindElement(By.Id("BP-4.1-8")).Displayed);
        Assert.True(browser.FindElement(By.Id("BP-6.3-7")).Displayed);
        Chromium.Script(browser, "document.getElementById('section-9.4').scrollIntoView()");
        browser.ExecuteAsyncScript("const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, "
            + "50)))");
        Assert.StartsWith("9.4.", browser.FindElement(By.CssSelector("nav a[aria-current]")).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("light", 1400)]
    [InlineData("dark", 390)]
    public async Task Axe_finds_nothing_to_complain_of(string scheme, int width)
    {
        Chromium.Need();
        using var browser = Chromium.Open(await RenderAsync(), width);
        Chromium.Prefer(browser, scheme);
        Assert.Equal(true, Chromium.Script(browser, "return document.documentElement.scrollWidth <= innerWidth"));
        Assert.Equal("", Chromium.Axe(browser));
    }

    private async Task<string> RenderAsync()
    {
        var program = Repository.At("spec", "document", "bin", Repository.Configuration, "net10.0", "spec-document.dll");
        using var process = Process.Start(new ProcessStartInfo("dotnet", [program, Repository.At("spec"),
            _folder]) { RedirectStandardOutput = true })!;
        await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, process.ExitCode);
        return Path.Combine(_folder, "blackpony.html");
    }
}
