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
        var (code, output, error) = await CheckAsync(command, lines);
        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith($"blackpony: {File}, {expected}", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_opened_is_reported_and_the_rest_is_tried()
    {
        int port = FreePorts.Next();
        var (code, output, error) = await CheckAsync("listen", $"listen 127.0.0.1:{port}", "listen 192.0.2.1:25", $"metrics 192.0.2.1:1",
            "backend 127.0.0.1:1");
        Assert.Equal((1, $"listen 127.0.0.1:{port}: ok\n"), (code, output));
        Assert.Contains("cannot listen on 192.0.2.1:25: Cannot assign requested address. It is not an address of this machine.\n", error,
            StringComparison.Ordinal);
        Assert.Contains("cannot listen on 192.0.2.1:1: ", error, StringComparison.Ordinal);
        Assert.Contains("blackpony: backend 127.0.0.1:1: ", error, StringComparison.Ordinal);
        Assert.Equal(3, error.Count(c => c == '\n'));
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
