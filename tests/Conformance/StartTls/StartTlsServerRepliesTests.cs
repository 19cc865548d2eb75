using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance.Targets;

namespace BlackPony.Tests.Conformance.StartTls;

/// <summary>What the embedded server of STARTTLS answers: its users compare their own server with it.</summary>
public sealed class StartTlsServerRepliesTests
{
    private const string Hello = "EHLO a=250-local.test";
    private const string To = Hello + "|MAIL FROM:<s>=250 2.1.0|RCPT TO:<one@local.test>=250 2.1.5";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    // Commands and the beginnings of their replies.
    [Theory]
    [InlineData("EHLO=501 5.5.4|EHLO =501 5.5.4|HELO=501 5.5.4|HELO a=250 local.test|ehlo a=250-local.test|EHLO\ta=501 5.5.4")]
    [InlineData("NOOP=250 2.0.0|noop x=250|NOOP\tx=250|RSET=250 2.0.0|VRFY a=252 2.5.2|HELP=214 2.0.0|XYZ=500 5.5.2|=500 5.5.2")]
    [InlineData("MAIL FROM:<s>=503 5.5.1|HELO a=250|MAIL FROM:<s>=250 2.1.0|MAIL FROM:<s>=503 5.5.1|RSET=250|mail from:<>=250 2.1.0")]
    [InlineData(Hello + "|MAIL=501 5.5.4|MAIL FROM:s=501|MAIL FROM:<s=501|MAIL TO:<s>=501|MAIL FROM:<s> SIZE=10=250 2.1.0")]
    [InlineData(Hello + "|RCPT TO:<one@local.test>=503 5.5.1|MAIL FROM:<s>=250|RCPT TO:<>=501 5.5.4|RCPT FROM:<one@local.test>=501 5.5.4"
        + "|RCPT TO:<a@foreign.test>=550 5.7.1|RCPT TO:<a@xlocal.test>=550 5.7.1|RCPT TO:<ONE@LOCAL.TEST>=250 2.1.5")]
    [InlineData(Hello + "|MAIL FROM:<s>=250|DATA=503 5.5.1|BDAT 2\r\nab=503 5.5.1|NOOP=250|BDAT=501 5.5.4|BDAT x=501 5.5.4"
        + "|BDAT 1000000=501 5.5.4")]
    [InlineData(To + "|RSET=250|DATA=503 5.5.1|MAIL FROM:<s>=250|DATA=503 5.5.1")]
    [InlineData(To + "|EHLO b=250-|DATA=503 5.5.1|MAIL FROM:<s>=250")]
    [InlineData(To + "|HELO b=250 |DATA=503 5.5.1|MAIL FROM:<s>=250")]
    [InlineData("STARTTLS x=501 5.5.4|NOOP\x01=500 5.5.2|NOOP \x7f=500 5.5.2|NOOP \xe9=500 5.5.2|NOOP\0=500 5.5.2|NOOP \r x=500 5.5.2"
        + "|NOOP\n=500 5.5.2|NOOP ~=250")]
    [InlineData(Hello + "|AUTH PLAIN AHVzZXIAYSBzZWNyZXQ=538 5.7.11|QUIT=221 2.0.0")]
    public async Task Each_command_has_its_reply(string dialogue) => await PlayAsync(new StartTlsOptions(), dialogue);

    [Theory]
    [InlineData("AUTH PLAIN x=503 5.5.1|HELO a=250|AUTH PLAIN x=503 5.5.1")]
    [InlineData(Hello + "|AUTH LOGIN=504 5.5.4|AUTH=504 5.5.4|AUTH PLAIN *=501 5.0.0|AUTH PLAIN=334 |*=501 5.0.0|AUTH PLAIN ?=535 5.7.8")]
    [InlineData(Hello + "|AUTH PLAIN AHVzZXIAYSBzZWNyZXR4=535 5.7.8|AUTH PLAIN AHgAYSBzZWNyZXQ==535|AUTH PLAIN dXNlcgBhIHNlY3JldA===535")]
    [InlineData(Hello + "|auth plain AHVzZXIAYSBzZWNyZXQ==235 2.7.0|AUTH PLAIN AHVzZXIAYSBzZWNyZXQ==503 5.5.1"
        + "|MAIL FROM:<s>=250|RCPT TO:<a@foreign.test>=250 2.1.5")]
    [InlineData(Hello + "|AUTH PLAIN=334 |AHVzZXIAYSBzZWNyZXQ==235 2.7.0")]
    public async Task With_AUTH_in_plaintext_one_user_is_known(string dialogue) =>
        await PlayAsync(new StartTlsOptions { PlainAuth = true }, dialogue);

    [Theory]
    [InlineData("EHLO a=250-|NOOP=250|HELO a=530 5.7.0|MAIL FROM:<s>=530 5.7.0|RSET=530 5.7.0|XYZ=530 5.7.0|STARTTLS x=501|QUIT=221")]
    public async Task A_server_that_requires_TLS_says_so(string dialogue) =>
        await PlayAsync(new StartTlsOptions { RequiresTls = true }, dialogue);

    [Fact]
    public async Task The_reply_to_EHLO_lists_what_there_is()
    {
        const string Always = "250-local.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 1000000\r\n250-CHUNKING\r\n";
        await PlayAsync(new StartTlsOptions(), $"EHLO a={Always}250-ENHANCEDSTATUSCODES\r\n250 STARTTLS\r\n");
        await PlayAsync(new StartTlsOptions { PlainAuth = true },
            $"EHLO a={Always}250-ENHANCEDSTATUSCODES\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n");
        await PlayAsync(new StartTlsOptions { HasCertificate = false }, $"EHLO a={Always}250 ENHANCEDSTATUSCODES\r\n|STARTTLS=454 4.7.0");
    }

    [Fact]
    public async Task A_message_is_kept_once_for_each_recipient()
    {
        var two = To + "|RCPT TO:<two@local.test>=250|DATA=354|..a\r\nb.\r\n\r\n.=250 2.0.0 Kept|DATA=503 5.5.1|QUIT=221";
        Assert.Equal(Kept("one") + Kept("two"), await PlayAsync(new StartTlsOptions(), two));

        static string Kept(string name) => $"Delivered-To: {name}@local.test\r\nReceived: from a\r\n.a\r\nb.\r\n\r\n\r\n";
    }

    [Fact]
    public async Task Chunks_are_one_message()
    {
        var chunks = To + "|BDAT 4\r\n.\r\na=250 2.0.0 4 octets|bdat 2\r\n\r\n=250 2.0.0 2 octets|BDAT 0 LAST=250 2.0.0 0 octets|DATA=503";
        Assert.Equal("Delivered-To: one@local.test\r\nReceived: from a\r\n.\r\na\r\n\r\n", await PlayAsync(new StartTlsOptions(), chunks));
        Assert.Equal("", await PlayAsync(new StartTlsOptions(), To + "|BDAT 4\r\n.\r\na=250|RSET=250|BDAT 0 LAST=503|QUIT=221"));
    }

    [Theory]
    [InlineData(To + "|DATA=354|half\r\n=")]
    [InlineData(To + "|BDAT 10 LAST\r\nhalf=")]
    public async Task What_does_not_come_whole_is_not_kept(string dialogue) =>
        Assert.Equal("", await PlayAsync(new StartTlsOptions(), dialogue));

    [Theory]
    [InlineData(2048, "250 2.0.0 Ok")]
    [InlineData(2049, "500 5.5.2 Line too long")]
    [InlineData(9000, "500 5.5.2 Line too long")]
    public async Task A_line_of_more_than_2048_octets_gets_one_500(int length, string reply) =>
        await PlayAsync(new StartTlsOptions(), $"NOOP {new string('x', length - 5)}={reply}|HELP=214");

    [Fact]
    public async Task A_long_line_that_comes_in_pieces_has_one_reply()
    {
        await using var server = new StartTlsListener(new StartTlsOptions(), (socket, listener) => new StartTlsSession(socket, listener));
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, server.Port, Cancel);
        var stream = client.GetStream();
        var piece = new byte[100_000];
        Array.Fill(piece, (byte)'x');
        for (int i = 0; i < 3; i++)
        {
            await stream.WriteAsync(piece, Cancel);
        }

        await stream.WriteAsync("\r\nHELP\r\nQUIT\r\n"u8.ToArray(), Cancel);
        using var reader = new StreamReader(stream, Encoding.Latin1);
        Assert.Equal("220 local.test ESMTP\r\n500 5.5.2 Line too long\r\n214 2.0.0 RFC 5321, RFC 3207\r\n221 2.0.0 Bye\r\n",
            await reader.ReadToEndAsync(Cancel));
    }

    // Says each command, and hears its reply. Returns what the server has kept in the end.
    private static async Task<string> PlayAsync(StartTlsOptions options, string dialogue)
    {
        await using var server = new StartTlsListener(options, (socket, listener) => new StartTlsSession(socket, listener));
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, server.Port, Cancel);
        var stream = client.GetStream();
        using var reader = new StreamReader(stream, Encoding.Latin1);
        Assert.Equal("220 local.test ESMTP", await reader.ReadLineAsync(Cancel));
        foreach (var step in dialogue.Split('|'))
        {
            int at = step.LastIndexOf('=');
            var (command, reply) = (step[..at], step[(at + 1)..]);
            bool isWhole = reply.Length > 0 && !(command.ToUpperInvariant().StartsWith("BDAT", StringComparison.Ordinal)
                && command.Contains('\r', StringComparison.Ordinal));
            await stream.WriteAsync(Encoding.Latin1.GetBytes(command + (isWhole ? "\r\n" : "")), Cancel);
            if (reply.Length > 0)
            {
                Assert.StartsWith(reply, await ReplyAsync(), StringComparison.Ordinal);
            }
        }

        client.Client.Shutdown(SocketShutdown.Send);
        Assert.Equal("", await reader.ReadToEndAsync(Cancel));
        return string.Concat(server.Messages);

        async Task<string> ReplyAsync()
        {
            var lines = "";
            while (await reader.ReadLineAsync(Cancel) is { } line)
            {
                lines += line + "\r\n";
                if (line.Length < 4 || line[3] != '-')
                {
                    break;
                }
            }

            return lines;
        }
    }
}
