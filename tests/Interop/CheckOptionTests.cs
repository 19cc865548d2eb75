using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary><c>listen --check</c> and <c>relay --check</c>, and where an error of a configuration is.</summary>
public sealed class CheckOptionTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    private string File => Path.Combine(_folder, "blackpony.conf");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Every_error_of_a_file_is_reported_with_its_line()
    {
        var (code, output, error) = await CheckAsync(
            "listen", "# a comment", "lisen 127.0.0.1:1", "", "backend nowhere", "max-sessions zero");
        Assert.Equal((2, ""), (code, output));
        Assert.Equal(
            $"""
             blackpony: {File}, line 2: there is no option 'lisen'. Did you mean 'listen'?
             blackpony: {File}, line 4: backend: 'nowhere' is not a host and port; write 127.0.0.1:10025.
             blackpony: {File}, line 5: max-sessions: 'zero' is not a number from 1 to 1000000.

             """, error);
    }

    [Theory]
    [InlineData("listen", "lines 3 and 4: --xclient and --proxy-protocol exclude", "listen 127.0.0.1:1", "backend 127.0.0.1:2", "xclient",
        "proxy-protocol v1")]
    [InlineData("listen", "line 2: --suites has ROT", "listen 127.0.0.1:1", "suites ROT", "backend 127.0.0.1:2")]
    [InlineData("relay", "line 1: --listen 0.0.0.0:1 can be reached", "listen 0.0.0.0:1")]
    [InlineData("relay", "line 3: --memory: The memory /nowhere/memory cannot be written", "listen 127.0.0.1:1", "policy remembered",
        "memory /nowhere/memory")]
    [InlineData("relay", "line 2: --policy remembered needs --memory", "listen 127.0.0.1:1", "policy remembered")]
    [InlineData("relay", "lines 2 and 3: --route gives 'a.test' two routes", "listen 127.0.0.1:1", "route a.test=b.test",
        "route a.test=c.test")]
    public async Task Options_that_do_not_go_together_are_reported_with_their_lines(string command, string expected, params string[] lines)
    {
        var (code, _, error) = await CheckAsync(command, lines);
        Assert.Equal(2, code);
        Assert.StartsWith($"blackpony: {File}, {expected}", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_opened_is_reported_and_the_rest_is_tried()
    {
        int port = FreePorts.Next();
        var (code, output, error) = await CheckAsync("listen", $"listen 127.0.0.1:{port}", "listen 192.0.2.1:25", $"metrics 192.0.2.1:1",
            "backend 127.0.0.1:1");
        Assert.Equal((1, $"listen 127.0.0.1:{port}: ok\n"), (code, output));
        AssertErrors(error, "line 2: cannot listen on 192.0.2.1:25: Cannot assign requested address. It is not an address of this machine.",
            "line 3: cannot listen on 192.0.2.1:1: ", "line 4: backend 127.0.0.1:1: ");
    }

    [Fact]
    public async Task All_that_is_wrong_is_reported_in_one_run()
    {
        var (code, output, error) = await CheckAsync("listen", "suites ROT", "listen 192.0.2.1:25", "keylog /nowhere/keys",
            "backend 127.0.0.1:1");
        Assert.Equal((2, ""), (code, output));
        AssertErrors(error, "line 1: --suites has ROT", "line 2: cannot listen on", "line 4: backend 127.0.0.1:1: ",
            "line 3: --keylog: the key log cannot be written");

        (code, output, error) = await CheckAsync("relay", $"listen 127.0.0.1:{FreePorts.Next()}", "listen 192.0.2.1:25",
            "route a.test=b.test", "policy remembered", "route a.test=c.test", "keylog /nowhere/keys", "memory redis://127.0.0.1:1/");
        Assert.Equal(2, code);
        Assert.StartsWith("listen 127.0.0.1:", output, StringComparison.Ordinal);
        AssertErrors(error, "line 2: --listen 192.0.2.1:25 can be reached", "lines 3 and 5: --route gives 'a.test' two routes",
            "line 2: cannot listen on", "line 7: --memory: the memory redis://127.0.0.1:1/ cannot be reached",
            "line 6: --keylog: the key log cannot be written");
    }

    [Theory]
    [InlineData("lines 1 and 2: --listen 127.0.0.1:PORT and --listen 127.0.0.1:PORT exclude", "listen 127.0.0.1:PORT",
        "listen 127.0.0.1:PORT")]
    [InlineData("lines 1 and 3: --metrics 127.0.0.1:PORT and --listen 127.0.0.1:PORT exclude", "listen 127.0.0.1:PORT", "listen [::1]:PORT",
        "metrics 127.0.0.1:PORT")]
    [InlineData("lines 1 and 2: --listen 127.0.0.1:PORT and --listen 0.0.0.0:PORT exclude", "listen 0.0.0.0:PORT", "listen 127.0.0.1:PORT",
        "allow 127.0.0.1")]
    public async Task An_address_that_is_there_twice_is_an_error(string expected, params string[] lines)
    {
        var port = $"{FreePorts.Next()}";
        var (code, _, error) = await CheckAsync("relay", [.. lines.Select(l => l.Replace("PORT", port, StringComparison.Ordinal))]);
        var message = $"blackpony: {File}, {expected.Replace("PORT", port, StringComparison.Ordinal)} each other: only one can listen "
            + "there.\n";
        Assert.Equal((2, message), (code, error));

        // The start says the same.
        (code, _, error) = await RunAsync("relay", "--config", File);
        Assert.Equal((2, message), (code, error));
    }

    [Fact]
    public async Task Listen_does_not_start_with_two_addresses_that_exclude_each_other()
    {
        int port = FreePorts.Next();
        await System.IO.File.WriteAllLinesAsync(File, [$"listen 0.0.0.0:{port}", "backend 127.0.0.1:1", $"listen 127.0.0.1:{port}"],
            TestContext.Current.CancellationToken);
        var (code, _, error) = await RunAsync("listen", "--config", File);
        Assert.Equal((2, $"blackpony: {File}, lines 1 and 3: --listen 127.0.0.1:{port} and --listen 0.0.0.0:{port} exclude each other: "
            + "only one can listen there.\n"), (code, error));
    }

    [Theory]
    [InlineData("listen", "xclient", "backend 127.0.0.1:1")]
    [InlineData("relay", "refuse-forgotten", "policy required")]
    public async Task A_value_that_an_option_does_not_take_is_reported(string command, string option, string more)
    {
        var (code, output, error) = await CheckAsync(command, "listen 127.0.0.1:1", more, $"{option} yes");
        Assert.Equal((2, "", $"blackpony: {File}, line 3: {option} takes no value: leave out 'yes'.\n"), (code, output, error));
    }

    [Fact]
    public async Task A_source_address_that_is_not_this_machines_is_named()
    {
        var (code, _, error) = await CheckAsync("listen", $"listen 127.0.0.1:{FreePorts.Next()}", "backend 127.0.0.1:1",
            "backend-source 192.0.2.1");
        Assert.Equal((1, $"blackpony: {File}, lines 2 and 3: backend 127.0.0.1:1: --backend-source 192.0.2.1 cannot be used: Cannot assign "
            + "requested address. It must be an address of this machine.\n"), (code, error));
    }

    [Theory]
    [InlineData("line 2: cannot listen on 192.0.2.1:1: Cannot assign", "listen 192.0.2.1:1")]
    [InlineData("line 2: cannot serve metrics at 192.0.2.1:1: Cannot assign", "metrics 192.0.2.1:1")]
    public async Task A_service_that_cannot_listen_names_file_and_line(string expected, string line)
    {
        await System.IO.File.WriteAllLinesAsync(File, [$"listen 127.0.0.1:{FreePorts.Next()}", line, "allow 127.0.0.1"],
            TestContext.Current.CancellationToken);
        var (code, _, error) = await RunAsync("relay", "--config", File, "--log-level", "error");
        Assert.Equal(1, code);
        Assert.StartsWith($"blackpony: {File}, {expected}", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_good_configuration_passes_also_while_the_service_runs_and_opens_nothing_for_good()
    {
        await using var server = new EmbeddedServer();
        int port = FreePorts.Next();
        string[] lines = [$"listen 127.0.0.1:{port}", $"backend 127.0.0.1:{server.Sink.Port}", "allow-open-backend"];
        Assert.Equal((0, $"listen 127.0.0.1:{port}: ok\nbackend 127.0.0.1:{server.Sink.Port}: ok\n", ""),
            await CheckAsync("listen", lines));
        var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        var (code, output, error) = await CheckAsync("listen", lines);
        listener.Dispose();
        Assert.Equal((0, ""), (code, error));
        Assert.StartsWith($"listen 127.0.0.1:{port}: in use, ", output, StringComparison.Ordinal);
        Assert.Equal([File], Directory.GetFiles(_folder));
    }

    [Fact]
    public async Task A_check_leaves_no_file_behind_that_the_service_could_not_write()
    {
        var (memory, keyLog) = (Path.Combine(_folder, "memory"), Path.Combine(_folder, "keys"));
        Assert.Equal(0, (await CheckAsync("relay", $"listen 127.0.0.1:{FreePorts.Next()}", "policy remembered", $"memory {memory}",
            $"keylog {keyLog}")).Code);
        Assert.Equal(1, (await CheckAsync(
            "listen", $"listen 127.0.0.1:{FreePorts.Next()}", "backend 127.0.0.1:1", $"keylog {keyLog}")).Code);
        Assert.Equal([File], Directory.GetFiles(_folder));
    }

    [Fact]
    public async Task A_service_that_cannot_listen_names_address_and_reason()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var (code, _, error) = await RunAsync("relay", "--listen", $"127.0.0.1:{port}");
        listener.Dispose();
        Assert.Equal((1, $"blackpony: cannot listen on 127.0.0.1:{port}: Address already in use. Another program has the port; 'ss -ltnp' "
            + "names it.\n"), (code, error));
    }

    [Theory]
    [InlineData("250 2.0.0 Ok: queued as 4YbLkT1", "4YbLkT1")] // Postfix
    [InlineData("250 2.0.0 Ok: 38 bytes queued as 3Zz9", "none")] // too short to be one
    [InlineData("250 2.0.0 Ok: 38 bytes queued as 4YbLkT2", "4YbLkT2")] // Postfix, after BDAT
    [InlineData("250 OK id=1vPabc-000000001Ab-2xYz", "1vPabc-000000001Ab-2xYz")] // Exim
    [InlineData("250 2.0.0 5AS9x1Bc012345 Message accepted for delivery", "5AS9x1Bc012345")] // sendmail
    [InlineData("250 2.0.0 e1d2c3b4 Message accepted for delivery", "e1d2c3b4")] // OpenSMTPD
    [InlineData("250 Ok: queued as \u001b[2Jxyz", "none")]
    [InlineData("250 delivered", "none")]
    public void The_ids_of_a_queue_are_found_however_the_reply_is_split(string reply, string id)
    {
        var octets = System.Text.Encoding.Latin1.GetBytes($"354 go\r\n{reply}\r\n");
        for (int split = 0; split < octets.Length; split++)
        {
            var ids = new QueueIds();
            ids.Take(octets.AsSpan(0, split), 0);
            ids.Take(octets.AsSpan(split), 1);
            Assert.Equal(id, ids.ToString());
        }
    }

    [Fact]
    public void Of_many_messages_the_first_ids_are_kept()
    {
        var ids = new QueueIds();
        for (int i = 10; i < 20; i++)
        {
            ids.Take(System.Text.Encoding.ASCII.GetBytes($"250 2.0.0 Ok: queued as 4YbLk{i}\r\n"), 1);
        }

        Assert.Equal(string.Join(',', Enumerable.Range(10, 8).Select(i => $"4YbLk{i}")) + ",...", ids.ToString());
    }

    // Each line in turn, from the file's name on.
    private void AssertErrors(string error, params string[] beginnings)
    {
        var lines = error.TrimEnd('\n').Split('\n');
        Assert.True(lines.Length == beginnings.Length, error);
        foreach (var (line, beginning) in lines.Zip(beginnings))
            Assert.StartsWith($"blackpony: {File}, {beginning}", line, StringComparison.Ordinal);
    }

    private async Task<(int Code, string Output, string Error)> CheckAsync(string command, params string[] lines)
    {
        await System.IO.File.WriteAllLinesAsync(File, lines, TestContext.Current.CancellationToken);
        return await RunAsync(command, "--config", File, "--check");
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var program = Process.Start(new ProcessStartInfo(BlackPonyProgram.File, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var (output, error) = (program.StandardOutput.ReadToEndAsync(), program.StandardError.ReadToEndAsync());
        await program.WaitForExitAsync(TestContext.Current.CancellationToken)
            .WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        return (program.ExitCode, await output, await error);
    }
}
