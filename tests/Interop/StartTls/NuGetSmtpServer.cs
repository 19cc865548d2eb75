using System.Buffers;
using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using BlackPony.Tests.Interop.Servers;
using SmtpServer;
using SmtpServer.Authentication;
using SmtpServer.ComponentModel;
using SmtpServer.Mail;
using SmtpServer.Protocol;
using SmtpServer.Storage;
using Mailbox = BlackPony.Tests.Interop.Servers.Mailbox;

namespace BlackPony.Tests.Interop.StartTls;

/// <summary>SmtpServer of NuGet in this process, with STARTTLS and one user, for b.test; mail goes to the folder's box.</summary>
internal sealed class NuGetSmtpServer : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly X509Certificate2 _certificate;
    private readonly Task _running;

    private NuGetSmtpServer(string folder, X509Certificate2 certificate)
    {
        _certificate = certificate;
        var services = new ServiceProvider();
        services.Add((IMessageStore)new MailboxStore(Path.Combine(folder, "box")));
        services.Add((IMailboxFilter)new NoRelay());
        services.Add((IUserAuthenticator)new DelegatingUserAuthenticator((user, password) => (user, password) == ("me", "secret")));
        var options = new SmtpServerOptionsBuilder().ServerName("mx.b.test").Endpoint(e => e
            .Endpoint(new IPEndPoint(IPAddress.Loopback, Port)).Certificate(certificate).AllowUnsecureAuthentication()).Build();
        _running = new SmtpServer.SmtpServer(options, services).StartAsync(_stop.Token);
    }

    /// <summary>Where it listens on 127.0.0.1.</summary>
    public int Port { get; } = FreePorts.Next();

    /// <summary>The package's version.</summary>
    public static string Version => typeof(SmtpServer.SmtpServer).Assembly.GetName().Version!.ToString(3);

    /// <summary>Starts one.</summary>
    public static NuGetSmtpServer Start(string folder)
    {
        ServerInstall.Open(folder);
        Mailbox.Create(Path.Combine(folder, "box"));
        ServerInstall.Certify(folder, "mx.b.test");
        return new NuGetSmtpServer(folder,
            X509Certificate2.CreateFromPemFile(Path.Combine(folder, "cert.pem"), Path.Combine(folder, "key.pem")));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Cancel();
        _running.ContinueWith(
            _ =>
            {
                _certificate.Dispose();
                _stop.Dispose();
            },
            TaskScheduler.Default);
    }

    private sealed class NoRelay : MailboxFilter
    {
        public override Task<bool> CanDeliverToAsync(
            ISessionContext context, IMailbox to, IMailbox from, CancellationToken cancellationToken) =>
            Task.FromResult(context.Authentication.IsAuthenticated || to.Host.Equals("b.test", StringComparison.OrdinalIgnoreCase));
    }

    private sealed class MailboxStore(string folder) : MessageStore
    {
        private int _number;

        public override async Task<SmtpResponse> SaveAsync(
            ISessionContext context, IMessageTransaction transaction, ReadOnlySequence<byte> buffer, CancellationToken cancellationToken)
        {
            foreach (var recipient in transaction.To)
            {
                var name = Path.Combine(folder, Interlocked.Increment(ref _number).ToString(CultureInfo.InvariantCulture));
                await File.WriteAllBytesAsync(name,
                    [.. System.Text.Encoding.ASCII.GetBytes($"Received: for {recipient.AsAddress()}\r\n"), .. buffer.ToArray()],
                    cancellationToken);
                File.Move(name, name + ".eml");
            }

            return SmtpResponse.Ok;
        }
    }
}
