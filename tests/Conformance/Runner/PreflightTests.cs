using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Targets;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>The look at a target before the cases: which step ends it, what it says, and what is no target at all.</summary>
public class PreflightTests
{
    private static readonly RunOptions Options = new(TimeSpan.FromSeconds(30), 4);
    private static readonly RunOptions Hasty = new(TimeSpan.FromMilliseconds(300), 4);
    private static readonly IReadOnlyList<CaseInfo> Servers = [.. ServerCases.All.Select(c => c.Info)];
    private static readonly IReadOnlyList<CaseInfo> Clients = [.. ClientCases.All.Select(c => c.Info)];

    [Fact]
    public async Task The_reference_comes_through_with_each_suite_and_a_message_in_both_roles()
    {
        await using var target = new EmbeddedServer();
        var server = await new Preflight(Options, Servers).RunAsync(target);
        Assert.Empty(server.Failures);
        Assert.Equal(["reachable", "greeting", "EHLO", "offer"], server.Steps.Take(4).Select(s => s.What));
        Assert.Equal(
            ["one message", "upgrade with ROT", "upgrade with RSA-BLOWFISH", "upgrade with X25519-CHACHA20POLY1305",
                "upgrade with X25519MLKEM768-AES256GCM", "upgrade with X25519MLKEM768-CHACHA20POLY1305"],
            server.Steps.Skip(4).Select(s => s.What).Order(StringComparer.Ordinal));
        var client = await new Preflight(Options, Clients).RunAsync(new EmbeddedMailer());
        Assert.Empty(client.Failures);
        Assert.Contains(client.Steps, s => s.What == "one message");
        Assert.Equal(4, client.Steps.Count(s => s.Step == Step.Upgrade));
    }

    [Theory]
    [InlineData("", "The connection ended before a greeting.", true)]
    [InlineData("421 4.3.2 Not now\r\n", "It is not ready: \"421 4.3.2 Not now\".", true)]
    [InlineData("554 No SMTP here\r\n", "It is not ready: \"554 No SMTP here\".", true)]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n", "It speaks SSH, not SMTP: \"SSH-2.0-OpenSSH_9.2\\r\\n\".", true)]
    [InlineData("* OK IMAP4rev1\r\n", "It speaks IMAP, not SMTP: \"* OK IMAP4rev1\\r\\n\".", true)]
    [InlineData("\xFF\x00\n", "After the connection: expected 220, got \"\\xFF\\x00\".", true)]
    [InlineData("250 hello\r\n", "After the connection: expected 220, got \"250 hello\".", false)]
    public async Task What_greets_otherwise_is_no_mail_server_or_one_with_a_wrong_code(string greeting, string detail, bool isUnreachable)
    {
        var failure = Assert.Single((await LookAsync(async (stream, cancel) => await stream.WriteAsync(Encoding.Latin1.GetBytes(greeting),
            cancel))).Failures);
        Assert.Equal((Step.Greeting, detail, isUnreachable), (failure.Step, failure.Detail, failure.IsUnreachable));
    }

    [Theory]
    [InlineData("220 port.test ESMTP", "its line does not end with CRLF", "RFC 5321 Section 2.3.8")]
    [InlineData("220 port.test ESMTP\n", "its line does not end with CRLF", "RFC 5321 Section 2.3.8")]
    [InlineData("220-port.test\r\n220-ESMTP\r\n", "no last line (\"220 \") comes after the lines that begin with \"220-\"",
        "RFC 5321 Section 4.2.1")]
    public async Task A_greeting_without_an_end_ends_the_run_after_one_time_limit(string greeting, string why, string read)
    {
        var result = await LookAsync(async (stream, cancel) =>
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(greeting), cancel);
            await Task.Delay(Timeout.Infinite, cancel);
        }, Hasty);
        var failure = Assert.Single(result.Failures);
        Assert.Equal((Step.Greeting, read, false), (failure.Step, failure.Read, failure.IsUnreachable));
        Assert.StartsWith($"The greeting has no end: {why}. What came is \"220", failure.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_greeting_that_goes_on_for_ever_ends_the_run()
    {
        var result = await LookAsync(async (stream, cancel) =>
        {
            while (true)
                await stream.WriteAsync("220-more\r\n"u8.ToArray(), cancel);
        });
        Assert.StartsWith("The greeting has no end: no last line", Assert.Single(result.Failures).Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_greeting_of_several_lines_that_come_one_by_one_is_good()
    {
        var result = await LookAsync(async (stream, cancel) =>
        {
            foreach (var line in (string[])["220-port.test\r\n", "220-", "ESMTP\r\n", "220 ready\r\n"])
                await stream.WriteAsync(Encoding.Latin1.GetBytes(line), cancel);
        });
        Assert.Equal(Step.Ehlo, Assert.Single(result.Failures).Step);
        Assert.Contains(result.Steps, s => s.Step == Step.Greeting);
    }

    [Fact]
    public async Task A_server_that_says_nothing_is_unreachable_after_its_time()
    {
        var failure = Assert.Single((await LookAsync((_, cancel) => Task.Delay(Timeout.Infinite, cancel), Hasty)).Failures);
        Assert.Equal("Nothing came within 0.3 s of the connection; a mail server begins with \"220 \". If it delays its greeting, give a "
            + "longer --timeout.", failure.Detail);
        Assert.True(failure.IsUnreachable);
    }

    [Fact]
    public async Task HTTP_that_waits_for_its_client_is_recognised()
    {
        var result = await LookAsync(async (stream, cancel) =>
        {
            await stream.ReadExactlyAsync(new byte[4], cancel);
            await stream.WriteAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray(), cancel);
        }, Hasty);
        Assert.StartsWith("It speaks HTTP, not SMTP", Assert.Single(result.Failures).Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("500 What?", Step.Ehlo, "Sent \"EHLO probe.test\\r\\n\", expected 250, got \"500 What?\".", "RFC 5321 Section 4.1.1.1")]
    [InlineData("250-port.test\r\n250 PIPELINING", Step.Offer,
        "There is no XBLACKPONY line in the reply to EHLO: \"250-port.test\", \"250 PIPELINING\".", "Section 4.1")]
    [InlineData("250-port.test\r\n250 XBLACKPONY X25519-CHACHA20POLY1305", Step.Offer, "The offer has no version V1: \"XBLACKPONY X25519-",
        "Section 4.1")]
    [InlineData("250-port.test\r\n250 XBLACKPONY V1 X25519-CHACHA20POLY1305", Step.Upgrade, "got \"500 No\"", "Section 4.3")]
    public async Task The_step_that_fails_is_named_with_what_came_and_what_to_read(string ehlo, Step step, string detail, string read)
    {
        var failure = Assert.Single((await LookAsync((stream, cancel) => SpeakAsync(stream, ehlo, "500 No", cancel))).Failures);
        Assert.Equal((step, read, false), (failure.Step, failure.Read, failure.IsUnreachable));
        Assert.Contains(detail, failure.Detail, StringComparison.Ordinal);
        Assert.Contains(step == Step.Upgrade ? "\nC: XBLACKPONY V1 X25519-CHACHA20POLY1305 " : "\nC: EHLO probe.test\nS: ", failure.Detail,
            StringComparison.Ordinal);
        Assert.EndsWith("\nS: " + (step == Step.Upgrade ? "500 No" : ehlo.Split('\n')[^1]), failure.Detail, StringComparison.Ordinal);
        Assert.Equal(step switch { Step.Ehlo => "EHLO", Step.Offer => "offer", _ => "upgrade with X25519-CHACHA20POLY1305" }, failure.What);
    }

    [Fact]
    public async Task What_comes_without_an_end_is_shown_and_is_no_silence()
    {
        var failure = Assert.Single((await LookAsync(async (stream, cancel) =>
        {
            await stream.WriteAsync("220 port.test\r\n"u8.ToArray(), cancel);
            await stream.ReadExactlyAsync(new byte[4], cancel);
            await stream.WriteAsync("\x01rubbish"u8.ToArray(), cancel);
            await Task.Delay(Timeout.Infinite, cancel);
        }, Hasty)).Failures);
        Assert.Equal((Step.Ehlo, false), (failure.Step, failure.IsUnreachable));
        Assert.StartsWith("No whole answer within 0.3 s, and the connection is open. The suite waited for this: after "
            + "\"EHLO probe.test\\r\\n\", an SMTP reply. What came of it is \"\\x01rubbish\".", failure.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("421 Busy", true)]
    [InlineData("421-Busy\r\n421 Later", true)]
    [InlineData("451 Busy", false)]
    public async Task A_server_that_answers_EHLO_with_421_is_unreachable(string ehlo, bool isUnreachable)
    {
        var failure = Assert.Single((await LookAsync((stream, cancel) => SpeakAsync(stream, ehlo, "500 No", cancel))).Failures);
        Assert.Equal((Step.Ehlo, isUnreachable), (failure.Step, failure.IsUnreachable));
    }

    [Fact]
    public async Task A_signal_ends_it_while_nothing_comes()
    {
        using var stop = new CancellationTokenSource();
        var result = await LookAsync(
            async (stream, cancel) =>
            {
                await stream.WriteAsync("220 port.test\r\n"u8.ToArray(), cancel);
                await stream.ReadExactlyAsync(new byte[4], cancel);
                await stop.CancelAsync();
                await Task.Delay(Timeout.Infinite, cancel);
            },
            Options with { Timeout = TimeSpan.FromHours(1), Stop = stop.Token });
        Assert.Single(result.Failures);
    }

    [Fact]
    public async Task A_server_that_hangs_in_the_upgrade_ends_it_in_its_time_and_says_where()
    {
        var failure = Assert.Single((await LookAsync(
            (stream, cancel) => SpeakAsync(stream, "250-port.test\r\n250 XBLACKPONY V1 X25519-CHACHA20POLY1305", "", cancel),
                Hasty)).Failures);
        Assert.Equal((Step.Upgrade, "upgrade with X25519-CHACHA20POLY1305", false), (failure.Step, failure.What, failure.IsUnreachable));
        Assert.Contains("after \"XBLACKPONY V1 X25519-CHACHA20POLY1305 ", failure.Detail, StringComparison.Ordinal);
    }

    /// <summary>An implementation that is built step by step is not held up by later steps (spec/porting.md).</summary>
    [Fact]
    public async Task It_goes_no_further_than_the_cases_need()
    {
        var result = await LookAsync((stream, cancel) => SpeakAsync(stream, "250-port.test\r\n250 PIPELINING", "500 No", cancel),
            cases: [.. Servers.Where(c => c.Section == "4.1")]);
        Assert.Empty(result.Failures);
        Assert.Equal("EHLO", result.Steps[^1].What);
    }

    [Fact]
    public async Task Of_suites_that_are_not_asked_for_none_is_tried()
    {
        var result = await LookAsync((stream, cancel) => SpeakAsync(stream, "250-port.test\r\n250 XBLACKPONY V1 RSA-BLOWFISH ROT", "500 No",
            cancel), cases: [.. Servers.Where(c => c.Profile is Profile.Core or Profile.Manual)]);
        Assert.Equal("upgrade with ROT", Assert.Single(result.Failures).What);
    }

    [Theory]
    [InlineData("exit 3 # {port}", "the client ended", "exit code 3")]
    [InlineData("sleep 60 # {port}", "No answer within 0.3 s", "the client's connection")]
    public async Task A_client_that_makes_no_connection_is_unreachable_and_what_it_said_is_shown(string command, string detail, string more)
    {
        var client = new PlainClientCommand($"{command} {{host}}", new Dictionary<string, TimeSpan>());
        var result = await new Preflight(Hasty, Clients).RunAsync(client);
        var failure = Assert.Single(result.Failures);
        Assert.Equal((Step.Connect, true), (failure.Step, failure.IsUnreachable));
        Assert.Contains(detail, failure.Detail, StringComparison.Ordinal);
        Assert.Contains(more, failure.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_does_not_start_with_a_suite_that_it_does_not_have_is_reachable()
    {
        var client = new PlainClientCommand("case {suites} in X25519-CHACHA20POLY1305) ;; *) exit 64 ;; esac; exec bash -c "
            + "'exec 3<>/dev/tcp/{host}/{port}; printf \"EHLO x\\r\\nQUIT\\r\\n\" >&3; cat <&3 >/dev/null'",
            new Dictionary<string, TimeSpan>());
        var failure = Assert.Single((await new Preflight(Options, Clients).RunAsync(client)).Failures);
        Assert.Equal((Step.Upgrade, "upgrade with X25519-CHACHA20POLY1305", false), (failure.Step, failure.What, failure.IsUnreachable));
    }

    [Fact]
    public async Task A_client_without_BlackPony_fails_at_the_command()
    {
        var result = await new Preflight(Options, Clients).RunAsync(new EmbeddedMailer(o => o with { Suites = [] }));
        var failure = Assert.Single(result.Failures);
        Assert.Equal((Step.Upgrade, "BP-5.1-1"), (failure.Step, failure.Requirement));
        Assert.Contains("expected XBLACKPONY, got \"MAIL FROM", failure.Detail, StringComparison.Ordinal);
    }

    // Greets, and answers EHLO and all else so; with nothing where the answer is empty.
    private static async Task SpeakAsync(NetworkStream stream, string ehlo, string other, CancellationToken cancel)
    {
        await stream.WriteAsync("220 port.test\r\n"u8.ToArray(), cancel);
        using var reader = new StreamReader(stream, Encoding.Latin1);
        while (await reader.ReadLineAsync(cancel) is { } line)
        {
            var answer = line.StartsWith("EHLO", StringComparison.Ordinal) ? ehlo : other;
            if (answer.Length > 0)
                await stream.WriteAsync(Encoding.Latin1.GetBytes(answer + "\r\n"), cancel);
        }
    }

    private static async Task<PreflightResult> LookAsync(Func<NetworkStream, CancellationToken, Task> serve, RunOptions? options = null,
        IReadOnlyList<CaseInfo>? cases = null)
    {
        await using var server = new LoopbackServer(serve);
        await using var target = new RemoteServer("127.0.0.1", server.Port, 0, new Dictionary<string, TimeSpan>());
        return await new Preflight(options ?? Options, cases ?? Servers).RunAsync(target);
    }
}
