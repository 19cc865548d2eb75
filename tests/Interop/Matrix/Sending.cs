using System.Diagnostics;
using System.Text;
using BlackPony.Tests.Interop.Servers;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace BlackPony.Tests.Interop.Matrix;

/// <summary>One who sends: to some recipients of one domain, which has its own port.</summary>
/// <param name="message">Header and body, CRLF line ends, 8 bits.</param>
/// <param name="port">The port of the recipients' domain; a mail server knows it by itself.</param>
/// <param name="recipients">The addresses.</param>
internal delegate Task SendAsync(byte[] message, int port, string[] recipients);

/// <summary>How mail is handed to servers and clients that send it on.</summary>
internal static class Sending
{
    public const string From = "s@a.test";

    /// <summary>Hands mail to a mail server over SMTP.</summary>
    public static async Task SubmitAsync(int server, byte[] message, string[] recipients)
    {
        using var person = await SmtpUser.ConnectAsync(server);
        await person.SayAsync("EHLO submit.test", "250");
        await person.SayAsync($"MAIL FROM:<{From}> BODY=8BITMIME", "250");
        foreach (var recipient in recipients)
        {
            await person.SayAsync($"RCPT TO:<{recipient}>", "250");
        }

        await person.SayAsync("DATA", "354");
        await person.SayAsync(Encoding.Latin1.GetString(message).Replace("\r\n.", "\r\n..", StringComparison.Ordinal) + ".", "250");
        await person.SayAsync("QUIT", "221");
    }

    /// <summary>swaks, which has no TLS without a library that Perl does not bring along.</summary>
    public static Task SwaksAsync(string folder, byte[] message, int port, string[] recipients, params string[] more) => RunAsync(
        folder, message[..^2],
        file => ("perl", [$"{ServerInstall.Folder("swaks")}/usr/bin/swaks", "--server", "127.0.0.1", "--port", $"{port}", "--helo",
            "client.test", "--from", From, "--to", string.Join(',', recipients), "--data", $"@{file}", "--suppress-data", .. more]));

    /// <summary>msmtp, with TLS where the server has it.</summary>
    public static Task MsmtpAsync(string folder, byte[] message, int port, string[] recipients, bool tls, params string[] more) => RunAsync(
        folder, message,
        file => ("sh", ["-c", "exec \"$0\" \"$@\" <" + file, $"{ServerInstall.Folder("msmtp")}/usr/bin/msmtp", "--file=/dev/null",
            "--host=127.0.0.1", $"--port={port}", $"--tls={(tls ? "on" : "off")}", "--tls-certcheck=off", "--domain=client.test",
            $"--from={From}", .. more, "--", .. recipients]));

    /// <summary>smtp-source, Postfix's test client, which sends to one recipient at a time.</summary>
    public static async Task SmtpSourceAsync(string folder, byte[] message, int port, string[] recipients)
    {
        foreach (var recipient in recipients)
        {
            await RunAsync(folder, message[..^2],
                file => (Postfix.SmtpSource, ["-4", "-M", "client.test", "-f", From, "-t", recipient, "-F", file, $"127.0.0.1:{port}"]));
        }
    }

    /// <summary>MailKit, with TLS where the server has it.</summary>
    public static async Task MailKitAsync(byte[] message, int port, string[] recipients)
    {
#pragma warning disable CA5359 // An ordinary opportunistic client.
        using var client = new SmtpClient { ServerCertificateValidationCallback = (_, _, _, _) => true };
#pragma warning restore CA5359
        await client.ConnectAsync("127.0.0.1", port, SecureSocketOptions.StartTlsWhenAvailable, TestContext.Current.CancellationToken);
        using var letter = await MimeMessage.LoadAsync(new MemoryStream(message), TestContext.Current.CancellationToken);
        await client.SendAsync(letter, MailboxAddress.Parse(From), recipients.Select(MailboxAddress.Parse),
            TestContext.Current.CancellationToken);
        await client.DisconnectAsync(true, TestContext.Current.CancellationToken);
    }

    // These read the message in the system's line ends; all but msmtp end the last line by themselves.
    private static async Task RunAsync(string folder, byte[] message, Func<string, (string Program, string[] Arguments)> command)
    {
        var file = Path.Combine(folder, Guid.NewGuid().ToString("N"));
        await File.WriteAllBytesAsync(file,
            Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(message).Replace("\r\n", "\n", StringComparison.Ordinal)),
            TestContext.Current.CancellationToken);
        var (program, arguments) = command(file);
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LD_LIBRARY_PATH"] = $"{Postfix.Libraries}:{ServerInstall.Libraries("msmtp")}";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, $"{program}: {await error}{text}");
    }
}
