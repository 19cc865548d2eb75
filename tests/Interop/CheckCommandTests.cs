using System.Diagnostics;
using System.Text.Json;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary><c>blackpony check</c>: what it finds at a server, and that it mails nothing.</summary>
public sealed class CheckCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_good_server_is_described_and_gets_no_mail()
    {
        await using var server = new EmbeddedServer();
        var (code, output, error) = await RunAsync("--port", $"{server.Port}", "[127.0.0.1]");
        Assert.Equal((0, ""), (code, error));
        Assert.StartsWith($"127.0.0.1 127.0.0.1:{server.Port}\n  connection  ", output, StringComparison.Ordinal);
        foreach (var suite in SuiteRegistry.Default)
        {
            Assert.Matches($@"\n  upgrade     {suite}: {(suite.NeedsContinuation ? "2 round trips" : "1 round trip")}, [\d.]+ ms ", output);
        }

        Assert.Contains($"\n  IDENT       {Convert.ToHexStringLower(new IdentKey(new byte[32]).PublicKey)}\n", output,
            StringComparison.Ordinal);
        Assert.EndsWith("\n  policy      opportunistic: encrypted\n  policy      required: encrypted\n", output, StringComparison.Ordinal);
        Assert.Empty(server.Sink.Messages);
        Assert.Equal(["EHLO", "QUIT"], server.Sink.Sessions.SelectMany(s => s.Commands).Select(c => c.Split(' ')[0]).Distinct());
    }

    [Fact]
    public async Task A_server_without_BlackPony_is_told_from_one_that_breaks_the_upgrade()
    {
        await using var plain = new MailSink { Extensions = ["STARTTLS"] };
        var address = Assert.Single(await JsonAsync(1, "--port", $"{plain.Port}", "[127.0.0.1]"));
        Assert.True(address.GetProperty("starttls").GetBoolean());
        Assert.Null(address.GetProperty("offer").GetString());
        Assert.Equal(("plaintext (not-offered)", "deferred (not-offered)"), Policies(address));

        await using var broken = new MailSink { Extensions = ["XBLACKPONY V1 X25519-CHACHA20POLY1305"] };
        broken.Answer = (_, line) => line.StartsWith("XBLACKPONY", StringComparison.Ordinal) ? "\0" : null;
        address = Assert.Single(await JsonAsync(1, "--port", $"{broken.Port}", "[127.0.0.1]"));
        Assert.Equal("broken", Assert.Single(address.GetProperty("suites").EnumerateArray()).GetProperty("failure").GetString());
        Assert.Equal(("plaintext (broken)", "deferred (broken)"), Policies(address));
        Assert.Empty(broken.Messages);
    }

    [Fact]
    public async Task Each_exchanger_of_a_domain_is_checked_also_if_one_is_away()
    {
        await using var server = new EmbeddedServer();
        using var dns = new NameServer((10, "dead.test"), (20, "localhost"));
        var addresses = await JsonAsync(1, "--port", $"{server.Port}", "--dns", $"127.0.0.1:{dns.Port}", "example.test");
        Assert.Contains(addresses, a => a.GetProperty("name").GetString() == "localhost" && a.GetProperty("ok").GetBoolean());
        Assert.Contains(addresses, a => !a.GetProperty("ok").GetBoolean() && a.GetProperty("error").GetString()!.Length > 0);

        Assert.Empty(await JsonAsync(3, "--dns", "127.0.0.1:1", "[no-such-host.test]"));
        Assert.Equal((3, "127.0.0.1 127.0.0.1:1\n  error       Connection refused\n", ""), await RunAsync("--port", "1", "[127.0.0.1]"));
    }

    [Fact]
    public async Task A_mail_exchanger_of_a_domain_can_check_all_of_them()
    {
        // All addresses are this machine's own; to the port of mail, mail to them would loop.
        using var dns = new NameServer("""
            b.test MX 10 one.test
            b.test MX 20 here.test
            b.test MX 30 two.test
            one.test A 127.0.0.8
            here.test A 127.0.0.7
            two.test A 127.0.0.6
            two.test A 127.0.0.5
            """);
        await using var server = new EmbeddedServer();
        foreach (var port in (string[])["25", $"{server.Port}"])
        {
            var (_, output, error) = await RunAsync("--json", "--port", port, "--dns", $"127.0.0.1:{dns.Port}", "b.test");
            Assert.Equal("", error);
            var addresses = Addresses(output);
            Assert.Equal(["one.test", "here.test", "two.test", "two.test"], addresses.Select(a => a.GetProperty("name").GetString()));
            Assert.Equal(["127.0.0.5", "127.0.0.6", "127.0.0.7", "127.0.0.8"],
                addresses.Select(a => a.GetProperty("address").GetString()).Order());
        }
    }

    [Fact]
    public async Task An_exchanger_without_an_address_is_reported_and_counts()
    {
        await using var server = new EmbeddedServer();
        using var dns = new NameServer("""
            b.test MX 10 localhost
            b.test MX 20 gone.test
            b.test MX 30 silent.test
            b.test MX 40 half.test
            b.test MX 50 a\032b.test
            localhost A 127.0.0.1
            silent.test SERVFAIL
            half.test A 127.0.0.1
            half.test AAAA SERVFAIL
            """);
        string[] arguments = ["--port", $"{server.Port}", "--dns", $"127.0.0.1:{dns.Port}", "b.test"];
        var addresses = await JsonAsync(1, arguments);
        Assert.Equal(
            [
                "localhost 127.0.0.1 ", "gone.test  It has no address.", "silent.test  DNS does not answer for all its addresses.",
                "half.test 127.0.0.1 ", "half.test  DNS does not answer for all its addresses.", @"a\032b.test  It is not a host name.",
            ],
            addresses.Select(a => $"{a.GetProperty("name")} {a.GetProperty("address")} {a.GetProperty("error")}"));
        Assert.All(addresses, a => Assert.Equal(a.GetProperty("error").GetString() is null, a.GetProperty("ok").GetBoolean()));
        var (code, output, error) = await RunAsync(arguments);
        Assert.Equal((1, ""), (code, error));
        Assert.Contains("\ngone.test\n  error       It has no address.\n", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("421 4.3.2 too \u001b[31mbusy", null, "the server greets with 421 4.3.2 too ", @"\x1b[31mbusy")]
    [InlineData("554-no\r\n554 mail", null, "the server greets with 554 no mail", "")]
    [InlineData("220 a.test", "502 5.5.1 not \u001b[31mhere\r\n", "the server answers EHLO with 502 5.5.1 not ", @"\x1b[31mhere")]
    public async Task A_reply_that_refuses_the_session_is_shown(string greeting, string? ehlo, string error, string escaped)
    {
        await using var server = new MailSink { Greeting = greeting };
        server.Answer = (_, line) => line.StartsWith("EHLO", StringComparison.Ordinal) ? ehlo : null;
        string[] arguments = ["--port", $"{server.Port}", "[127.0.0.1]"];
        var address = Assert.Single(await JsonAsync(3, arguments));
        Assert.StartsWith(error, address.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Equal(greeting.Split("\r\n")[^1], address.GetProperty("greeting").GetString());
        Assert.True(address.GetProperty("connect_ms").GetDouble() >= 0);
        Assert.True(address.GetProperty("greeting_ms").GetDouble() >= 0);
        var (code, output, _) = await RunAsync(arguments);
        Assert.Equal(3, code);
        Assert.Matches(@"^127\.0\.0\.1 .*\n  connection  [\d.]+ ms, greeting after [\d.]+ ms\n  greeting    \d\d\d ", output);
        Assert.EndsWith($"\n  error       {error}{escaped}\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reply_that_refuses_an_upgrade_is_shown()
    {
        await using var server = new MailSink { Extensions = ["XBLACKPONY V1 X25519-CHACHA20POLY1305"] };
        server.Answer = (_, line) => line.StartsWith("XBLACKPONY", StringComparison.Ordinal) ? "454 4.7.0 later, \u001b[31mred\r\n" : null;
        string[] arguments = ["--port", $"{server.Port}", "[127.0.0.1]"];
        var suite = Assert.Single(Assert.Single(await JsonAsync(1, arguments)).GetProperty("suites").EnumerateArray());
        Assert.Equal(("refused", "454 4.7.0 later, \u001b[31mred"),
            (suite.GetProperty("failure").GetString(), suite.GetProperty("reply").GetString()));
        Assert.Contains("\n  upgrade     X25519-CHACHA20POLY1305: FAILED, refused: 454 4.7.0 later, \\x1b[31mred\n",
            (await RunAsync(arguments)).Output, StringComparison.Ordinal);
        Assert.Equal((1, "", "blackpony: 127.0.0.1 (127.0.0.1): refused: 454 4.7.0 later, \\x1b[31mred\n"),
            await RunAsync(["--interactive", .. arguments]));
    }

    [Theory]
    [InlineData("554 no \u001b[31mmail", null, "the server refuses: 554 no \\x1b[31mmail")]
    [InlineData("220 a.test", "502-5.5.1 not\r\n502 5.5.1 here\r\n", "ehlo-refused: 502 5.5.1 not 5.5.1 here")]
    public async Task A_reply_that_refuses_an_interactive_session_is_shown(string greeting, string? ehlo, string error)
    {
        await using var server = new MailSink { Greeting = greeting };
        server.Answer = (_, line) => line.StartsWith("EHLO", StringComparison.Ordinal) ? ehlo : null;
        Assert.Equal((1, "", $"blackpony: 127.0.0.1 (127.0.0.1): {error}\n"),
            await RunAsync("--interactive", "--port", $"{server.Port}", "[127.0.0.1]"));
    }

    [Fact]
    public async Task No_more_exchangers_and_addresses_are_checked_than_mail_goes_to_and_the_rest_is_counted()
    {
        using var dns = new NameServer(string.Join('\n',
            [.. Enumerable.Range(1, 60).Select(i => $"b.test MX {i} m{i}.b.test"), "m1.b.test A 127.0.0.1", "m60.b.test A 127.0.0.1",
                .. Enumerable.Range(1, 53).Select(i => $"m2.b.test A 127.0.1.{i}"), "m50.b.test A 127.0.0.1"]));
        string[] arguments = ["--port", $"{FreePorts.Next()}", "--dns", $"127.0.0.1:{dns.Port}", "b.test"];
        var (code, output, error) = await RunAsync(arguments);
        Assert.Equal((3, "blackpony: not checked: 10 more mail exchangers and 5 more addresses of b.test; mail goes to the first 50 "
            + "only\n"), (code, error));
        Assert.Equal(50, output.Split('\n').Count(l => l.StartsWith("m1.b.test 127", StringComparison.Ordinal)
            || l.StartsWith("m2.b.test 127", StringComparison.Ordinal)));
        using var json = JsonDocument.Parse((await RunAsync(["--json", .. arguments])).Output);
        Assert.Equal((10, 5), (json.RootElement.GetProperty("more_exchangers").GetInt32(),
            json.RootElement.GetProperty("more_addresses").GetInt32()));
        Assert.DoesNotContain(dns.Questions, q => q.StartsWith("m51.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_that_says_nothing_is_left_when_its_time_is_over()
    {
        await using var silent = new RawServer("");
        string[] arguments = ["--port", $"{silent.Port}", "--timeout", "1", "[127.0.0.1]"];
        var address = Assert.Single(await JsonAsync(3, arguments));
        Assert.Equal("no answer within 1 s", address.GetProperty("error").GetString());
        Assert.Equal(JsonValueKind.Number, address.GetProperty("connect_ms").ValueKind);
        Assert.Equal(JsonValueKind.Null, address.GetProperty("greeting_ms").ValueKind);
        Assert.Equal((3, "", "blackpony: 127.0.0.1 (127.0.0.1): no answer within 1 s\n"), await RunAsync(["--interactive", .. arguments]));
    }

    [Fact]
    public async Task A_domain_that_accepts_no_mail_is_not_found()
    {
        using var dns = new NameServer("b.test MX 0 .");
        Assert.Equal((3, "", "blackpony: b.test: 5.1.10 The domain accepts no mail\n"),
            await RunAsync("--dns", $"127.0.0.1:{dns.Port}", "b.test"));
    }

    [Fact]
    public async Task The_memory_tells_the_remembered_server_from_another_and_is_only_read()
    {
        await using var server = new EmbeddedServer();
        var memory = Path.Combine(_folder, "memory");
        string[] arguments = ["--port", $"{server.Port}", "--memory", memory, "[127.0.0.1]"];
        Assert.Equal("new", Assert.Single(await JsonAsync(0, arguments)).GetProperty("memory").GetString());
        Assert.Empty(Directory.GetFiles(_folder));

        Assert.Equal(0, (await BlackPonyProgram.MailAsync(["--policy", "remembered", .. arguments])).Code);
        Assert.Equal("remembered", Assert.Single(await JsonAsync(0, arguments)).GetProperty("memory").GetString());

        // Another server at the same port.
        var text = await File.ReadAllTextAsync(memory, TestContext.Current.CancellationToken);
        await using var other = new EmbeddedServer(settings: s => s with
        {
            Options = new ServerOptions(TestRsaKeys.Server) { Idents = [new IdentKey([.. Enumerable.Repeat((byte)1, 32)])] },
        });
        text = text.Replace($" {server.Port} ", $" {other.Port} ", StringComparison.Ordinal);
        await File.WriteAllTextAsync(memory, text, TestContext.Current.CancellationToken);
        var address = Assert.Single(await JsonAsync(1, "--port", $"{other.Port}", "--memory", memory, "[127.0.0.1]"));
        Assert.Equal("ident-mismatch", address.GetProperty("memory").GetString());
        Assert.Equal("deferred (ident-mismatch)", address.GetProperty("policies").GetProperty("remembered").GetString());
        Assert.Equal(text, await File.ReadAllTextAsync(memory, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task What_a_hostile_server_says_does_nothing_to_a_terminal_and_takes_no_room()
    {
        await using var loud = new MailSink { Extensions = ["XBLACKPONY V1 \u001b[2J"] };
        var (code, output, _) = await RunAsync("--port", $"{loud.Port}", "[127.0.0.1]");
        Assert.Equal(1, code);
        Assert.DoesNotContain('\u001b', output);
        await using var endless = new MailSink();
        endless.Answer = (_, line) => line.StartsWith("EHLO", StringComparison.Ordinal) ? new string('2', 100_000) : null;
        (_, output, _) = await RunAsync("--port", $"{endless.Port}", "[127.0.0.1]");
        Assert.Contains("does not speak SMTP", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SMTP_can_be_typed_inside()
    {
        await using var server = new EmbeddedServer();
        var (code, output, error) = await TypeAsync("EHLO typed.test\nNOOP\nQUIT\n", "--interactive", "--suites", "RSA-BLOWFISH", "--port",
            $"{server.Port}", "[127.0.0.1]");
        Assert.Equal(0, code);
        Assert.Contains("inside, with 127.0.0.1 (127.0.0.1) under RSA-BLOWFISH", error, StringComparison.Ordinal);
        Assert.Equal(["250", "250", "221"], output.Split("\r\n").Where(l => l.Length > 3 && l[3] == ' ').Select(l => l[..3]));
        Assert.Contains("EHLO typed.test", server.Sink.Sessions.Last().Commands);
        await using var plain = new MailSink();
        (code, _, error) = await TypeAsync("NOOP\n", "--interactive", "--port", $"{plain.Port}", "[127.0.0.1]");
        Assert.Equal((1, "blackpony: 127.0.0.1 (127.0.0.1): not-offered\n"), (code, error));
    }

    [Theory]
    [InlineData("--name a@b", "--name: ")]
    [InlineData("--suites RSA-BLOWFISH", "--suites goes with --interactive only")]
    [InlineData("--interactive --json", "--interactive goes with neither")]
    [InlineData("--memory /dev/null/x", "--memory: ")]
    public async Task What_does_not_go_together_is_one_line_and_exit_code_2(string options, string expected)
    {
        var (code, output, error) = await RunAsync([.. options.Split(' '), "--port", "1", "[127.0.0.1]"]);
        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith("blackpony: " + expected, error, StringComparison.Ordinal);
    }

    private static (string? Opportunistic, string? Required) Policies(JsonElement address)
    {
        var policies = address.GetProperty("policies");
        return (policies.GetProperty("opportunistic").GetString(), policies.GetProperty("required").GetString());
    }

    private static async Task<List<JsonElement>> JsonAsync(int code, params string[] arguments)
    {
        var run = await RunAsync(["--json", .. arguments]);
        Assert.Equal((code, ""), (run.Code, run.Error));
        using var json = JsonDocument.Parse(run.Output);
        Assert.Equal(code == 0, json.RootElement.GetProperty("ok").GetBoolean());
        return Addresses(run.Output);
    }

    private static List<JsonElement> Addresses(string output)
    {
        using var json = JsonDocument.Parse(output);
        return [.. json.RootElement.GetProperty("addresses").EnumerateArray().Select(a => a.Clone())];
    }

    private static Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments) => TypeAsync("", arguments);

    private static async Task<(int Code, string Output, string Error)> TypeAsync(string input, params string[] arguments)
    {
        using var program = Process.Start(new ProcessStartInfo(BlackPonyProgram.File, ["check", .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await program.StandardInput.WriteAsync(input);
        program.StandardInput.Close();
        var (output, error) = (program.StandardOutput.ReadToEndAsync(), program.StandardError.ReadToEndAsync());
        await program.WaitForExitAsync(TestContext.Current.CancellationToken)
            .WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        return (program.ExitCode, await output, await error);
    }
}
