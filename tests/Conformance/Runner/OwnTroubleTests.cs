using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Xml.Linq;
using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Reports;
using BlackPony.Conformance.Targets;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>
/// Trouble of the suite's own is no verdict on a target: the run ends with exit code 2, and reports are whole or not there.
/// </summary>
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class OwnTroubleTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Without_a_temporary_folder_the_run_ends_and_says_so()
    {
        var (code, output, error) = await RunnerProgram.RunInAsync("TMPDIR=/no/such/folder exec \"$@\"", "--select", "C-4.1-1");
        Assert.Equal((2, ""), (code, output));
        Assert.Contains("C-4.1-1: a temporary file could not be made in /no/such/folder", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("blackpony", "--client", "true {host} {port} --policy {policy}")]
    [InlineData("starttls", "--client", "true {host} {port}")]
    public async Task Without_a_temporary_folder_the_look_at_a_client_says_so_too(string protocol, string option, string command)
    {
        var (code, output, error) = await RunnerProgram.RunInAsync("TMPDIR=/no/such/folder exec \"$@\"", "--protocol", protocol, option,
            command);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains("the run ended at the preflight: a temporary file could not be made in /no/such/folder", error,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_too_few_descriptors_no_run_begins()
    {
        var (code, output, error) = await RunnerProgram.RunInAsync("ulimit -n 200; exec \"$@\"", "--select", "S-4.1-1");
        Assert.Equal((2, ""), (code, output));
        Assert.Contains("200 descriptors are too few for 8 cases at a time", error, StringComparison.Ordinal);
        Assert.Equal(0, (await RunnerProgram.RunInAsync("ulimit -n 200; exec \"$@\"", "--select", "S-4.1-1", "--jobs", "1")).Code);
    }

    [Fact]
    public async Task A_backends_port_that_is_taken_is_not_a_server_that_is_unreachable()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var (code, output, error) = await RunnerProgram.RunAsync("--server", $"127.0.0.1:{port}", "--backend", $"{port}");
        Assert.Equal((2, ""), (code, output));
        Assert.Contains($"port {port} of 127.0.0.1, on which the suite plays the backend: ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_relative_link_leads_the_report_to_the_file_beside_it()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "real.json"), "old", TestContext.Current.CancellationToken);
        File.CreateSymbolicLink(Path.Combine(_folder, "link.json"), "real.json");
        var (code, _, error) = await RunnerProgram.RunInAsync($"cd {_folder}; exec \"$@\"", "--select", "S-4.1-1", "--output", "link.json");
        Assert.Equal((0, ""), (code, error));
        Assert.StartsWith("{", await File.ReadAllTextAsync(Path.Combine(_folder, "real.json"), TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        Assert.Equal("real.json", new FileInfo(Path.Combine(_folder, "link.json")).LinkTarget);
        Assert.Equal(["link.json", "real.json"], Directory.GetFiles(_folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task A_baseline_is_written_to_a_file_that_is_named()
    {
        var (code, _, error) = await RunnerProgram.RunAsync("--select", "S-4.1-1", "--write-baseline");
        Assert.Equal(2, code);
        Assert.Contains("--write-baseline needs --expected-failures and the file to write.", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_no_case_applies_nothing_has_passed()
    {
        await using var server = new EmbeddedServer();
        await using var place = await server.TakeAsync(Needs.Nothing, TestContext.Current.CancellationToken);
        var (code, output, error) = await RunnerProgram.RunAsync("--server", $"{place.Host}:{place.Port}", "--select", "S-10.3-2");
        Assert.True(code == 2, output + error);
        Assert.Contains("nothing was tested: no case that is selected applies to this target", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_ends_in_the_run_is_unreachable()
    {
        using var once = new TcpListener(IPAddress.Loopback, 0);
        once.Start();
        var run = RunnerProgram.RunAsync("--server", $"{once.LocalEndpoint}", "--no-preflight", "--select", "S-4.1-1");

        // The first connection finds out whether anybody is there, the second is the case's.
        (await once.AcceptTcpClientAsync(TestContext.Current.CancellationToken)).Dispose();
        using (await once.AcceptTcpClientAsync(TestContext.Current.CancellationToken))
        {
            once.Stop();
        }

        var (code, output, error) = await run;
        Assert.True(code == 3, output + error);
        Assert.Contains("FAILED S-4.1-1", output, StringComparison.Ordinal);
        Assert.Contains("takes no connection any more: it has ended in the run", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_report_that_cannot_be_written_is_found_out_before_the_run()
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder, "r.json")).FullName;
        var (code, output, error) = await RunnerProgram.RunAsync("--select", "S-4.1-1", "--output", folder);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains($"a report cannot be written: {folder} is a folder.", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_disk_is_exit_code_2()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "Needs /dev/full.");
        var (code, output, error) = await RunnerProgram.RunAsync("--select", "S-4.1-1", "--format", "json", "--output", "/dev/full");
        Assert.Equal((2, ""), (code, output));
        Assert.Contains("a report could not be written: ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_report_replaces_what_a_link_leads_to_and_leaves_nothing_else()
    {
        string file = Path.Combine(_folder, "file.json"), link = Path.Combine(_folder, "link.json");
        await File.WriteAllTextAsync(file, "old", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.CreateSymbolicLink(link, file);
        await WholeFile.WriteAsync(link, "new");
        Assert.Equal("new", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal(["file.json", "link.json"], Directory.EnumerateFiles(_folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task Too_many_descriptors_and_the_like_in_a_case_end_the_run_and_it_is_said_what_to_do()
    {
        foreach (var (trouble, what) in ((Exception, string)[])[
            (new SocketException((int)SocketError.TooManyOpenSockets), "raise the limit (ulimit -n)"),
            (new IOException("full", 28), "make room for it"), (new IOException("read-only", 30), "set TMPDIR to a folder that can be"),
            (new UnauthorizedAccessException("no"), "set TMPDIR"), (new System.ComponentModel.Win32Exception(11), "raise the limits")])
        {
            var test = new Case<ClientProbe>("C-1", "A case", Level.Must, Profile.Core, "BP-1", _ => throw trouble);
            var ended = await Assert.ThrowsAsync<OwnTroubleException>(
                () => CaseRunner.RunAsync(new EmbeddedMailer(), [test], new RunOptions(TimeSpan.FromSeconds(30))));
            Assert.Contains(what, ended.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Every_report_says_when_and_how_it_was_made()
    {
        var files = new[] { "r.json", "r.xml", "r.html" }.Select(n => Path.Combine(_folder, n)).ToList();
        var (code, _, error) = await RunnerProgram.RunAsync(
            ["--select", "S-4.1-1", "--seed", "a b", .. files.SelectMany(f => (string[])["--output", f])]);
        Assert.True(code == 0, error);
        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(files[0], TestContext.Current.CancellationToken));
        var suite = json.RootElement.GetProperty("suite");
        Assert.StartsWith("blackpony-conformance --select S-4.1-1 --seed 'a b' --output /", suite.GetProperty("command_line").GetString(),
            StringComparison.Ordinal);
        Assert.Equal("a b", suite.GetProperty("seed").GetString());
        Assert.Equal(["core", "hybrid", "classic", "manual"], suite.GetProperty("profiles").EnumerateArray().Select(p => p.GetString()));
        var date = json.RootElement.GetProperty("date").GetDateTimeOffset();

        var properties = XDocument.Load(files[1]).Descendants("property")
            .ToDictionary(p => (string)p.Attribute("name")!, p => (string)p.Attribute("value")!);
        Assert.Equal(["command line", "date", "duration", "platform", "profiles", "seed", "specification", "suite"],
            properties.Keys.Order(StringComparer.Ordinal));
        var shown = $"date {date:yyyy-MM-dd HH:mm:ss} UTC · suite ";
        Assert.Contains(shown, await File.ReadAllTextAsync(files[2], TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal((date, "a b"),
            JsonReport.Read(await File.ReadAllTextAsync(files[0], TestContext.Current.CancellationToken)) is var read
                ? (read.Date, read.Seed)
                : default);
    }

    // Of the profiles that a target does not claim, what it does not have is not applicable.
    [Fact]
    public async Task By_default_a_server_is_tested_for_what_it_offers()
    {
        await using var server = new EmbeddedServer(
            settings: s => s with { Options = s.Options with { Suites = [.. s.Options.Suites.Where(x => x.Name == Names.Core)] } });
        string[] run = ["--server", $"127.0.0.1:{server.Port}", "--strict", "--select", "S-4.1-1", "--select", "5.3", "--select", "5.4"];
        var byDefault = await RunnerProgram.RunAsync(run);
        Assert.True(byDefault.Code == 0, byDefault.Output);
        Assert.Equal(1, (await RunnerProgram.RunAsync([.. run, "--profile", "hybrid,classic"])).Code);
    }

    [Fact]
    public async Task By_default_a_client_is_tested_for_what_it_has()
    {
        // It has none of these suites, and does not start with ROT.
        var client = new EmbeddedMailer();
        var cases = ClientCases.All.Where(c => c.Id is "C-5.3-1" or "C-5.4-1" or "C-5.5-1" or "C-5.5-2").ToList();
        var options = new RunOptions(TimeSpan.FromSeconds(30));
        var results = await CaseRunner.RunAsync(new Restricted(client), cases, options with { Claims = [] });
        Assert.All(results, r => Assert.Equal((r.Case.Id, Verdict.NotApplicable), (r.Case.Id, r.Verdict)));
        results = await CaseRunner.RunAsync(new Restricted(client), cases, options);
        Assert.All(results, r => Assert.Contains(r.Verdict, (Verdict[])[Verdict.Fail, Verdict.Warn]));
    }

    // Under required a client is the core's, and needs no memory.
    [Theory]
    [InlineData("{policy}", "C-9.1-2", "C-9.1-10", "C-4.8-5")]
    [InlineData("{policy} {memory}", "C-9.4-1")]
    public void A_client_that_can_be_given_a_policy_gets_the_cases_of_required(string words, params string[] cases)
    {
        var client = new PlainClientCommand($"client {{host}} {{port}} {words}", VirtualTime.Limits);
        Assert.All(cases, id => Assert.Equal(Needs.Nothing, ClientCases.All.Single(c => c.Id == id).Needs & ~client.Can));
        Assert.Equal(words.Contains("memory", StringComparison.Ordinal),
            (ClientCases.All.Single(c => c.Id == "C-9.4-1").Needs & ~client.Can) == Needs.Nothing);
    }

    private sealed class Restricted(EmbeddedMailer mailer) : ClientTarget
    {
        public override string Name => "core only";

        public override Needs Can => mailer.Can;

        public override Task<Outcome> DeliverAsync(Delivery delivery, CancellationToken cancel) => delivery.Suites == Names.Rot
            ? Task.FromResult(new Outcome(false, ""))
            : mailer.DeliverAsync(delivery with { Suites = Names.Core }, cancel);
    }
}
