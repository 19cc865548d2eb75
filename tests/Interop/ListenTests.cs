using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using BlackPony.Conformance.Targets;
using BlackPony.Tests.Interop.Servers;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace BlackPony.Tests.Interop;

/// <summary><c>blackpony listen</c> as its user sees it, before a mail server that takes everything.</summary>
public sealed class ListenTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task It_does_not_start_before_a_server_that_would_relay_for_strangers_unless_told_so() // [BP-10.1-1], [BP-10.1-9]
    {
        await using var trusting = new MailSink { Relays = true };
        using var refused = BlackPonyProgram.Start("listen", "--listen", $"127.0.0.1:{FreePorts.Next()}", "--backend",
            $"127.0.0.1:{trusting.Port}");
        Assert.Equal(1, await refused.ExitAsync());
        Assert.Contains("--xclient", refused.Log, StringComparison.Ordinal);
        int port = FreePorts.Next();
        using var told = await BlackPonyProgram.ListenAsync(port, trusting.Port, "--allow-open-backend");
        using var person = await SmtpUser.ConnectAsync(port);
    }

    [Fact]
    public async Task A_server_that_comes_up_later_is_asked_before_the_first_session() // [BP-10.1-9], [BP-10.3-2]
    {
        int backend = FreePorts.Next(), port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, backend);
        await SmtpUser.RefusedAsync(port);
        await using var trusting = new MailSink(backend) { Relays = true };
        await SmtpUser.RefusedAsync(port);
        await listen.SaysAsync("foreign domains");
    }

    [Fact]
    public async Task A_server_that_goes_away_within_a_message_is_told_to_the_client() // [BP-10.3-6], [BP-10.3-8]
    {
        await using var sink = new MailSink();
        sink.Answer = (_, line) => line == "DATA" ? "354 go\r\n\0" : null;
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--allow-open-backend");
        using var inside = await SmtpUser.ConnectInsideAsync(port);
        using var outside = await SmtpUser.ConnectAsync(port);
        foreach (var person in (SmtpUser[])[inside, outside])
        {
            await person.BeginMessageAsync("b@b.test");
            await person.SayAsync(string.Concat(Enumerable.Repeat(new string('x', 998) + "\r\n", 2000)) + ".", "421");
        }
    }

    [Fact]
    public async Task A_server_that_takes_XCLIENT_is_told_the_clients_address_in_every_session() // [BP-10.1-1], [BP-10.1-5]
    {
        await using var sink = new MailSink { Extensions = ["XCLIENT NAME ADDR PORT", "8BITMIME"] };
        sink.Answer = (_, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal) ? "220 sink.test again\r\n" : null;
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--xclient", "--allow-open-backend");
        var (replies, _) = await BlackPonyProgram.MailAsync("--port", $"{port}", "--policy", "required", "[127.0.0.1]");
        Assert.Contains("354", replies, StringComparison.Ordinal);
        Assert.DoesNotContain("XCLIENT", replies, StringComparison.Ordinal);
        Assert.All(sink.Sessions, s => Assert.Contains(s.Commands, c =>
            c.StartsWith("XCLIENT NAME=localhost ADDR=127.0.0.1 PORT=", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_server_that_takes_XCLIENT_again_from_a_stranger_is_not_used() // [BP-10.1-11]
    {
        await using var sink = new MailSink { Extensions = ["XCLIENT NAME ADDR PORT"], Relays = true };
        sink.Answer = (_, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal)
            ? "220 sink.test again\r\n"
            : line.Contains(".invalid>", StringComparison.Ordinal) ? "550 no\r\n" : null;
        using var refused = BlackPonyProgram.Start("listen", "--listen", $"127.0.0.1:{FreePorts.Next()}", "--backend",
            $"127.0.0.1:{sink.Port}", "--xclient");
        Assert.Equal(1, await refused.ExitAsync());
        Assert.Contains("accepts XCLIENT from untrusted clients", refused.Log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("8BITMIME", "550 no\r\n")]
    [InlineData("XCLIENT NAME ADDR", "550 no\r\n")]
    public async Task A_server_that_does_not_take_XCLIENT_is_not_used(string extension, string answer) // [BP-10.1-3]
    {
        await using var sink = new MailSink { Extensions = [extension] };
        sink.Answer = (_, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal) ? answer : null;
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--xclient", "--allow-open-backend");
        await SmtpUser.RefusedAsync(port);
    }

    [Theory]
    [InlineData("v1", "PROXY TCP4 127.0.0.1 127.0.0.1 ")]
    [InlineData("v2", "\r\n\r\n\0\r\nQUIT\n")]
    public async Task A_server_that_does_not_take_the_PROXY_protocol_is_not_used(string version, string header) // [BP-10.1-1]
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--proxy-protocol", version, "--allow-open-backend");
        await SmtpUser.RefusedAsync(port);
        Assert.Contains(sink.Sessions, s => s.Received.ToString().StartsWith(header, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Rot_and_the_key_log_are_off_unless_they_are_asked_for() // [BP-5.5-7], [BP-11.3-1]
    {
        await using var sink = new MailSink();
        var (off, on) = (FreePorts.Next(), FreePorts.Next());
        var keyLog = Path.Combine(_folder, "keys");
        using var plain = await BlackPonyProgram.ListenAsync(off, sink.Port);
        using var asked = await BlackPonyProgram.ListenAsync(on, sink.Port, "--allow-rot", "--keylog", keyLog);
        using (var person = await SmtpUser.ConnectAsync(off))
        {
            await person.SayAsync("EHLO x.test", "250");
            await person.SayAsync("XBLACKPONY V1 ROT 13", "504");
        }

        var (replies, _) = await BlackPonyProgram.MailAsync("--port", $"{off}", "--policy", "required", "[127.0.0.1]");
        Assert.Contains("354", replies, StringComparison.Ordinal);
        Assert.False(File.Exists(keyLog) && new FileInfo(keyLog).Length > 0);
        using (var person = await SmtpUser.ConnectAsync(on))
        {
            await person.SayAsync("EHLO x.test", "250");
            await person.SayAsync("XBLACKPONY V1 ROT 13", "220");
        }
    }

    [Fact]
    public async Task A_new_IDENT_key_is_shown_and_the_old_one_withdrawn() // [BP-6.5-7], [BP-6.5-8]
    {
        var (oldKey, newKey, memory) = (Path.Combine(_folder, "old"), Path.Combine(_folder, "new"), Path.Combine(_folder, "memory"));
        await File.WriteAllTextAsync(oldKey, new string('1', 64) + "\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(newKey, new string('2', 64) + "\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(oldKey, UnixFileMode.UserRead);
        File.SetUnixFileMode(newKey, UnixFileMode.UserRead);
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        foreach (var (keys, taken) in (List<(string[], bool)>)[(["--ident", oldKey], true), (["--ident", newKey, "--ident", oldKey], true),
            (["--ident", oldKey], true), (["--ident", newKey, "--withdraw-ident", oldKey], true), (["--ident", newKey], true),
            (["--ident", oldKey], false)])
        {
            using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, keys);
            var (replies, _) = await BlackPonyProgram.MailAsync("--port", $"{port}", "--policy", "remembered", "--memory",
                memory, "[127.0.0.1]");
            Assert.Equal(taken, replies.Contains("354", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task It_listens_on_several_addresses_of_both_families()
    {
        await using var sink = new MailSink();
        var (one, two) = (FreePorts.Next(), FreePorts.Next());
        using var listen = await BlackPonyProgram.ListenAsync(one, sink.Port, "--listen", $"[::1]:{two}", "--listen", $"127.0.0.3:{one}");
        foreach (var (address, port) in (List<(string, int)>)[("127.0.0.1", one), ("127.0.0.3", one), ("::1", two)])
        {
            using var client = new TcpClient(IPAddress.Parse(address).AddressFamily);
            await client.ConnectAsync(address, port, TestContext.Current.CancellationToken);
            using var person = new SmtpUser(client);
            await person.SayAsync("EHLO x.test", "220");
        }
    }

    [Fact]
    public async Task An_ordinary_client_that_knows_nothing_of_it_delivers_as_ever()
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port);
        using var client = new SmtpClient();
        await client.ConnectAsync("127.0.0.1", port, SecureSocketOptions.None, TestContext.Current.CancellationToken);
        Assert.True(client.Capabilities.HasFlag(SmtpCapabilities.Pipelining | SmtpCapabilities.EightBitMime));
        var message = new MimeMessage { Subject = "ordinary", Body = new TextPart { Text = "été\n.\n..dots" } };
        message.From.Add(MailboxAddress.Parse("a@x.test"));
        message.To.Add(MailboxAddress.Parse("b@sink.test"));
        await client.SendAsync(message, TestContext.Current.CancellationToken);
        await client.DisconnectAsync(true, TestContext.Current.CancellationToken);
        Assert.Contains("Subject: ordinary\r\n", Assert.Single(sink.Messages), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Clients_beyond_max_sessions_get_421() // [BP-10.1-6]
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--max-sessions", "1");
        using var first = await Wait.RetryAsync(() => SmtpUser.ConnectAsync(port));
        await SmtpUser.RefusedAsync(port);
        await first.SayAsync("QUIT", "221");
    }

    [Fact]
    public async Task The_key_log_is_private_and_the_log_is_JSON_without_secrets() // [BP-11.3-2], [BP-11.1-3], [BP-11.1-1]
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        var keyLog = Path.Combine(_folder, "keys");
        var report = Path.Combine(_folder, "report");
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--keylog", keyLog, "--log-format", "json");
        var (replies, code) = await BlackPonyProgram.MailAsync("--port", $"{port}", "--policy", "required", "--report",
            report, "[127.0.0.1]");
        Assert.Equal(0, code);
        Assert.Contains("354", replies, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(keyLog));
        var lines = await File.ReadAllLinesAsync(keyLog, TestContext.Current.CancellationToken);
        Assert.Equal(3, lines.Length);
        Assert.All(lines, l => Assert.Matches("^BLACKPONY_[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]{64}$", l));
        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(report, TestContext.Current.CancellationToken));
        Assert.True(json.RootElement.GetProperty("encrypted").GetBoolean());
        listen.Terminate();
        Assert.Equal(0, await listen.ExitAsync());
        Assert.All(listen.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries), l => JsonDocument.Parse(l).Dispose());
        Assert.All(lines, l => Assert.DoesNotContain(l.Split(' ')[2], listen.Log, StringComparison.Ordinal));
    }

    [Fact]
    public async Task After_SIGTERM_a_message_in_flight_is_finished_and_then_the_program_ends() // [BP-10.3-9]
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port);
        using var person = await SmtpUser.ConnectAsync(port);
        await person.BeginMessageAsync("b@sink.test");
        listen.Terminate();
        await Wait.RetryAsync(async () =>
        {
            using var probe = new TcpClient();
            await Assert.ThrowsAnyAsync<SocketException>(
                () => probe.ConnectAsync("127.0.0.1", port, TestContext.Current.CancellationToken).AsTask());
            return probe;
        });
        await person.SayAsync("Subject: in flight\r\n\r\nhello\r\n.", "250");
        Assert.Equal(0, await listen.ExitAsync());
        Assert.Contains(sink.Messages, m => m.Contains("in flight", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--listen", "nonsense")]
    [InlineData("--max-sessions", "0")]
    [InlineData("--suites", "NO-SUCH-SUITE")]
    [InlineData("--proxy-protocol", "v3")]
    public async Task A_bad_option_gets_a_line_that_helps_and_exit_code_2(string option, string value)
    {
        using var listen = BlackPonyProgram.Start("listen", "--listen", "127.0.0.1:2525", "--backend", "127.0.0.1:10025", option, value);
        Assert.Equal(2, await listen.ExitAsync());
        Assert.Contains(value, listen.Log, StringComparison.Ordinal);
    }
}
