using System.Diagnostics;
using BlackPony.Conformance.Targets;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary>The samples as their readers run them: MailKit and SmtpServer over <c>BlackPonyStream</c>.</summary>
public sealed class SampleTests
{
    private const string Best = "X25519MLKEM768-CHACHA20POLY1305";

    [Fact]
    public async Task MailKit_sends_through_listen()
    {
        await using var sink = new MailSink();
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port);
        Assert.Equal((0, $"sent under {Best}, closed: close\n", ""), await SendAsync(port));
        Assert.EndsWith("\r\nhello\r\n", Assert.Single(sink.Messages), StringComparison.Ordinal);
        await listen.SaysAsync($"suite={Best} encrypted=yes failure=none closed=close messages=1");
    }

    [Fact]
    public async Task MailKit_sends_nothing_to_a_server_without_BlackPony()
    {
        await using var sink = new MailSink();
        Assert.Equal((1, "", "There is no session with BlackPony: not-offered.\n"), await SendAsync(sink.Port));
        var session = Assert.Single(sink.Sessions);
        await session.Ended.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        Assert.Equal(["EHLO", "QUIT"], session.Commands.Select(c => c.Split(' ')[0]));
    }

    [Fact]
    public async Task SmtpServer_takes_mail_from_MailKit_and_the_mailer_encrypted_and_from_others_in_plaintext()
    {
        int port = FreePorts.Next();
        using var server = Process.Start(new ProcessStartInfo(Sample("SmtpServer"), [$"{port}"]) { RedirectStandardOutput = true })!;
        try
        {
            Task<string?> NextAsync() => server.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask()
                .WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
            Assert.Equal($"listening on 127.0.0.1:{port}", await NextAsync());
            Assert.Equal((0, $"sent under {Best}, closed: close\n", ""), await SendAsync(port));
            Assert.EndsWith("encrypted", await NextAsync(), StringComparison.Ordinal);
            Assert.Equal(0, (await BlackPonyProgram.MailAsync("--port", $"{port}", "--policy", "required", "[127.0.0.1]")).Code);
            Assert.EndsWith("encrypted", await NextAsync(), StringComparison.Ordinal);
            using var user = await SmtpUser.ConnectAsync(port);
            foreach (var (command, reply) in ((string, string)[])[("EHLO a.test", "250"), ("MAIL FROM:<a@a.test>", "250"),
                ("RCPT TO:<b@b.test>", "250"), ("DATA", "354"), ("Subject: s\r\n\r\nhello\r\n.", "250"), ("QUIT", "221")])
            {
                await user.SayAsync(command, reply);
            }

            Assert.EndsWith("in plaintext", await NextAsync(), StringComparison.Ordinal);
        }
        finally
        {
            server.Kill();
        }
    }

    private static string Sample(string name) =>
        Repository.At("samples", name, "bin", Repository.Configuration, "net10.0", $"sample-{name.ToLowerInvariant()}");

    private static async Task<(int Code, string Output, string Error)> SendAsync(int port)
    {
        using var client = Process.Start(new ProcessStartInfo(Sample("MailKit"), ["127.0.0.1", $"{port}", "a@a.test", "b@b.test"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await client.StandardInput.WriteAsync("Subject: s\r\n\r\nhello\r\n");
        client.StandardInput.Close();
        var (output, error) = (client.StandardOutput.ReadToEndAsync(), client.StandardError.ReadToEndAsync());
        await client.WaitForExitAsync(TestContext.Current.CancellationToken)
            .WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        return (client.ExitCode, await output, await error);
    }
}
