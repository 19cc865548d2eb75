using System.Globalization;
using System.Net;
using System.Net.Mime;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using MailKit.Security;
using MimeKit;

namespace BlackPony.Tests.Interop.StartTls;

/// <summary>A library of .NET that sends in the test's process; <c>clients/ask.sh</c> asks it to send a message.</summary>
internal sealed class InProcessClient : IDisposable
{
    private static readonly AsyncLocal<Order?> Current = new();

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _over = new();

    /// <summary>Listens.</summary>
    /// <param name="send">Sends, or throws.</param>
    public InProcessClient(Func<Order, Task> send)
    {
        _listener.Start(128);
        _ = AcceptAsync(send);
    }

    /// <summary>Where it listens on 127.0.0.1.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>MailKit.</summary>
    public static async Task MailKitAsync(Order order)
    {
        using var client = new MailKit.Net.Smtp.SmtpClient
        {
            Timeout = 10_000,
            LocalDomain = "client.test",
            CheckCertificateRevocation = false,
            ServerCertificateValidationCallback = (_, certificate, chain, errors) => order.Trusts(certificate, chain, errors),
        };
        await client.ConnectAsync(order.Host, order.Port,
            order.Policy == "opportunistic" ? SecureSocketOptions.StartTlsWhenAvailable : SecureSocketOptions.StartTls);
        if (client.Capabilities.HasFlag(MailKit.Net.Smtp.SmtpCapabilities.Authentication))
        {
            await client.AuthenticateAsync(order.User, order.Password);
        }

        using var message = await MimeMessage.LoadAsync(order.File);
        for (int i = 0; i < order.Count; i++)
        {
            await client.SendAsync(message, MailboxAddress.Parse(order.From), [MailboxAddress.Parse(order.To)]);
        }

        await client.DisconnectAsync(quit: true);
    }

    /// <summary>System.Net.Mail: it has no opportunistic policy, and writes the message's header itself.</summary>
    public static async Task SystemNetMailAsync(Order order)
    {
        using var client = new System.Net.Mail.SmtpClient(order.Host, order.Port)
        {
            EnableSsl = true,
            Timeout = 10_000,
            Credentials = new NetworkCredential(order.User, order.Password),
        };
        var text = await File.ReadAllTextAsync(order.File, Encoding.Latin1);
        var body = text[(text.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
        using var message = new System.Net.Mail.MailMessage(order.From, order.To, "test of a client", body)
        {
            BodyEncoding = body.All(char.IsAscii) ? Encoding.ASCII : Encoding.Latin1,
            BodyTransferEncoding = body.All(char.IsAscii) ? TransferEncoding.SevenBit : TransferEncoding.EightBit,
        };
        // The callback is one for the process, so it finds the order by the flow of the call.
        Current.Value = order;
#pragma warning disable SYSLIB0014
        ServicePointManager.ServerCertificateValidationCallback = (_, certificate, chain, errors) =>
            Current.Value?.Trusts(certificate, chain, errors) ?? errors == SslPolicyErrors.None;
#pragma warning restore SYSLIB0014
        for (int i = 0; i < order.Count; i++)
        {
            await client.SendMailAsync(message);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _over.Cancel();
        _listener.Dispose();
        _over.Dispose();
    }

    private async Task AcceptAsync(Func<Order, Task> send)
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptTcpClientAsync(_over.Token), send);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // The test is over.
        }
    }

    private static async Task ServeAsync(TcpClient asking, Func<Order, Task> send)
    {
        using (asking)
        using (var reader = new StreamReader(asking.GetStream()))
        {
            var answer = "0 delivered";
            try
            {
                await send(Order.Read((await reader.ReadLineAsync())!));
            }
            catch (Exception e)
            {
                answer = $"1 {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}";
            }

            try
            {
                await asking.GetStream().WriteAsync(Encoding.UTF8.GetBytes(answer + "\n"));
            }
            catch (IOException)
            {
                // Nobody waits for it any more.
            }
        }
    }

    /// <summary>What is asked for.</summary>
    public sealed record Order(string Host, int Port, string Policy, string Authority, string From, string To, string User, string Password,
        string File, int Count)
    {
        /// <summary>The line of ask.sh.</summary>
        public static Order Read(string line) => line.Split('\t') is
            [var host, var port, var policy, var authority, var from, var to, var user, var password, var file, var count]
            ? new(host, int.Parse(port, CultureInfo.InvariantCulture), policy, authority, from, to, user, password, file,
                int.Parse(count, CultureInfo.InvariantCulture))
            : throw new FormatException(line);

        /// <summary>Whether the policy permits a certificate: what the library found, but for the authority.</summary>
        public bool Trusts(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
        {
            if (Policy != "verify")
            {
                return true;
            }

            if (certificate is not X509Certificate2 own || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != SslPolicyErrors.None)
            {
                return false;
            }

            using var trusted = new X509Chain { ChainPolicy = chain!.ChainPolicy.Clone() };
            trusted.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            trusted.ChainPolicy.CustomTrustStore.ImportFromPemFile(Authority);
            return trusted.Build(own);
        }
    }
}
