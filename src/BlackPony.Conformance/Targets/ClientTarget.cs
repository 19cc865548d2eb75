using System.Diagnostics;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;

namespace BlackPony.Conformance.Targets;

/// <summary>A client under test: delivers the one test message to a port of 127.0.0.1.</summary>
public abstract class ClientTarget
{
    /// <summary>The message's text, which must come out at the other end.</summary>
    public const string Message = "Subject: test of a client\r\n\r\nNobody else reads this.\r\n";

    /// <summary>Delivers.</summary>
    /// <returns>Whether the client says that the message was delivered.</returns>
    public abstract Task<bool> DeliverAsync(int port, CancellationToken cancel);

    /// <summary>Speaks to a mailer as a mail server's queue does.</summary>
    protected static async Task<bool> SpeakAsync(Stream toMailer, Stream fromMailer, CancellationToken cancel)
    {
        using var reader = new StreamReader(fromMailer, Encoding.Latin1, false, 1024, leaveOpen: true);
        bool delivered = await ReplyAsync() == 220
            && await SayAsync("EHLO client.test\r\n") is 250
            && await SayAsync("MAIL FROM:<a@client.test>\r\n") is 250
            && await SayAsync("RCPT TO:<b@sink.test>\r\n") is 250
            && await SayAsync("DATA\r\n") is 354
            && await SayAsync(Message + ".\r\n") is 250;
        await SayAsync("QUIT\r\n");
        return delivered;

        async Task<int> SayAsync(string text)
        {
            try
            {
                await toMailer.WriteAsync(Encoding.Latin1.GetBytes(text), cancel);
                await toMailer.FlushAsync(cancel);
            }
            catch (Exception e) when (e is IOException or InvalidOperationException)
            {
                return 0;
            }

            return await ReplyAsync();
        }

        async Task<int> ReplyAsync()
        {
            while (await reader.ReadLineAsync(cancel) is { } line)
            {
                if (line.Length == 3 || (line.Length > 3 && line[3] == ' '))
                {
                    return int.TryParse(line.AsSpan(0, 3), NumberStyles.None, CultureInfo.InvariantCulture, out int code) ? code : 0;
                }
            }

            return 0;
        }
    }
}

/// <summary>The reference's mailer, in this process.</summary>
public sealed class EmbeddedMailer : ClientTarget
{
    private readonly RsaKeys _rsa = new(TimeProvider.System);

    /// <summary>The client's policy.</summary>
    public ClientPolicy Policy { get; init; }

    /// <inheritdoc/>
    public override async Task<bool> DeliverAsync(int port, CancellationToken cancel)
    {
        var to = new Pipe();
        var from = new Pipe();
        var options = new MailerOptions(_rsa) { Policy = Policy };
        var run = Task.Run(
            async () =>
            {
                try
                {
                    return await MailerHost.RunAsync(options, new SystemRandom(), [new MailTarget("127.0.0.1", IPAddress.Loopback, port)], to.Reader.AsStream(), from.Writer.AsStream(), cancel);
                }
                finally
                {
                    await from.Writer.CompleteAsync();
                }
            },
            cancel);
        bool delivered = await SpeakAsync(to.Writer.AsStream(), from.Reader.AsStream(), cancel);
        await to.Writer.CompleteAsync();
        await run;
        return delivered;
    }
}

/// <summary>Another port's client: a command that is spoken to in SMTP on its standard input and output.</summary>
/// <param name="command">The command, run by <c>/bin/sh</c>, with <c>{host}</c> and <c>{port}</c>.</param>
public sealed class MailerProcess(string command) : ClientTarget
{
    /// <inheritdoc/>
    public override async Task<bool> DeliverAsync(int port, CancellationToken cancel)
    {
        var text = command.Replace("{host}", "127.0.0.1", StringComparison.Ordinal).Replace("{port}", port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "exec " + text]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        try
        {
            bool delivered = await SpeakAsync(process.StandardInput.BaseStream, process.StandardOutput.BaseStream, cancel);
            process.StandardInput.Close();
            await process.WaitForExitAsync(cancel);
            return delivered;
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }
}
