using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Hosting;
using BlackPony.Reference.Policy;
using BlackPony.Smtp.Outbound;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.InProcess;

/// <summary>The relay for outgoing mail and a next server that has STARTTLS and no BlackPony ([BP-10.5-13]).</summary>
public sealed class NextServerTlsTests
{
    [Fact]
    public async Task Mail_goes_inside_TLS_and_the_log_says_its_version()
    {
        await using var next = new NextServer(isBroken: false);
        Assert.Contains("tls=Tls1", await DeliverAsync(next), StringComparison.Ordinal);
        Assert.Equal(["EHLO", "STARTTLS", "tls EHLO", "tls MAIL", "tls RCPT", "tls DATA", "tls QUIT"], next.Said);
    }

    [Fact]
    public async Task A_server_whose_TLS_fails_is_logged_and_gets_the_mail_without_it()
    {
        await using var next = new NextServer(isBroken: true);
        var log = new LogLines();
        Assert.Contains("tls=no", await DeliverAsync(next, log), StringComparison.Ordinal);
        Assert.Contains("Warning: TLS with [127.0.0.1] failed", log.Text, StringComparison.Ordinal);
        Assert.Equal(["EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "DATA", "QUIT"], next.Said);
    }

    [Fact]
    public async Task Where_the_relay_is_told_not_to_use_it_there_is_none()
    {
        await using var next = new NextServer(isBroken: false);
        Assert.Contains("tls=no", await DeliverAsync(next, change: s => s with { StartTls = false }), StringComparison.Ordinal);
        Assert.Equal(["EHLO", "MAIL", "RCPT", "DATA", "QUIT"], next.Said);
    }

    [Theory]
    [InlineData("127.0.0.1", "220 [127.0.0.1] ")]
    [InlineData("::1", "220 [IPv6:::1] ")]
    public async Task The_relay_calls_itself_by_the_address_at_which_it_was_reached(string address, string greeting)
    {
        await using var relay = Relay(25, new LogLines(), s => s with { Listen = [new IPEndPoint(IPAddress.Parse(address), 0)] });
        using var client = new TcpClient(address.Contains(':', StringComparison.Ordinal) ? AddressFamily.InterNetworkV6
            : AddressFamily.InterNetwork);
        await client.ConnectAsync(address, relay.EndPoints[0].Port, TestContext.Current.CancellationToken);
        using var person = new SmtpUser(client);
        Assert.StartsWith(greeting, await person.ExpectAsync("220"), StringComparison.Ordinal);
    }

    // The log's line of the delivery.
    private static async Task<string> DeliverAsync(NextServer next, LogLines? log = null,
        Func<OutboundSettings, OutboundSettings>? change = null)
    {
        log ??= new LogLines();
        await using var relay = Relay(next.Port, log, change ?? (s => s));
        using var person = await SmtpUser.ConnectAsync(relay.EndPoints[0].Port);
        await person.BeginMessageAsync("r@b.test");
        await person.SayAsync("Subject: s\r\n\r\nx\r\n.", "250");
        await person.SayAsync("QUIT", "221");
        var line = await log.SaysAsync("delivery to=b.test");

        // QUIT follows the delivery: the relay lives until its next server has heard it.
        await next.HeardQuit.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        return line;
    }

    private static OutboundServer Relay(int port, LogLines log, Func<OutboundSettings, OutboundSettings> change)
    {
        var settings = new OutboundSettings([new IPEndPoint(IPAddress.Loopback, 0)], new MailerOptions(TestRsaKeys.Client))
        {
            Routes = new RouteTable(new Dictionary<string, Route> { ["*"] = new("[127.0.0.1]", port) }, port),
        };
        var relay = new OutboundServer(change(settings), log);
        relay.Start();
        return relay;
    }

    private sealed class NextServer : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly X509Certificate2 _certificate;
        private readonly bool _isBroken;
        private readonly List<string> _said = [];
        private readonly TaskCompletionSource _heardQuit = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Task _serving;

        public NextServer(bool isBroken)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            _certificate = new CertificateRequest("CN=next.test", key, HashAlgorithmName.SHA256)
                .CreateSelfSigned(DateTimeOffset.UnixEpoch, new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero));
            _isBroken = isBroken;
            _listener.Start();
            _serving = ServeAsync();
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public Task HeardQuit => _heardQuit.Task;

        public IReadOnlyList<string> Said
        {
            get
            {
                lock (_said)
                {
                    return [.. _said];
                }
            }
        }

        public async ValueTask DisposeAsync()
        {
            _listener.Dispose();
            await _serving;
            _certificate.Dispose();
        }

        private async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    using var client = await _listener.AcceptTcpClientAsync();
                    await SpeakAsync(client.GetStream());
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
            }
        }

        private async Task SpeakAsync(Stream stream)
        {
            var tls = "";
            await SayAsync(stream, "220 next.test");
            while (await LineAsync(stream) is { } line)
            {
                var verb = line.Split(' ')[0].ToUpperInvariant();
                lock (_said)
                {
                    _said.Add(tls + verb);
                }

                switch (verb)
                {
                    case "EHLO":
                        await SayAsync(stream, tls.Length == 0 ? "250-next.test\r\n250 STARTTLS" : "250 next.test");
                        break;
                    case "STARTTLS":
                        await SayAsync(stream, "220 Go");
                        if (_isBroken)
                        {
                            // Not before the handshake has begun: what comes before it is refused ([BP-10.5-17]).
                            await stream.ReadExactlyAsync(new byte[1]);
                            await SayAsync(stream, "this is no TLS at all");
                            return;
                        }

                        var secure = new SslStream(stream);
                        await secure.AuthenticateAsServerAsync(_certificate, clientCertificateRequired: false, SslProtocols.None, false);
                        (stream, tls) = (secure, "tls ");
                        break;
                    case "DATA":
                        await SayAsync(stream, "354 Go on");
                        while (await LineAsync(stream) is not (null or "."))
                        {
                        }

                        await SayAsync(stream, "250 Taken");
                        break;
                    case "QUIT":
                        _heardQuit.TrySetResult();
                        await SayAsync(stream, "221 Bye");
                        return;
                    default:
                        await SayAsync(stream, "250 Ok");
                        break;
                }
            }
        }

        private static async Task SayAsync(Stream stream, string text) => await stream.WriteAsync(Encoding.ASCII.GetBytes(text + "\r\n"));

        private static async Task<string?> LineAsync(Stream stream)
        {
            var line = new List<byte>();
            var one = new byte[1];
            while (line is not [.., (byte)'\n'])
            {
                if (await stream.ReadAsync(one) == 0)
                {
                    return null;
                }

                line.Add(one[0]);
            }

            return Encoding.ASCII.GetString([.. line]).TrimEnd();
        }
    }
}
