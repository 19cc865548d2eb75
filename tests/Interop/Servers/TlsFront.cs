using System.Net;
using System.Net.Sockets;
using BlackPony.Conformance.Peers;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Policy;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>The mailer for clients that know no mailers: each connection gets one that goes on inside BlackPony, or not at all.</summary>
internal sealed class TlsFront : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    /// <summary>Listens on a free port, and passes on to another.</summary>
    public TlsFront(int port)
    {
        _listener.Start();
        _ = AcceptAsync(port);
    }

    /// <summary>The port to connect to.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync(int port)
    {
        try
        {
            while (true)
            {
                _ = MailAsync(await _listener.AcceptTcpClientAsync(), port);
            }
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
        }
    }

    private static async Task MailAsync(TcpClient client, int port)
    {
        using (client)
        {
            var stream = client.GetStream();
            var options = new MailerOptions(TestRsaKeys.Client) { Policy = ClientPolicy.Required };
            try
            {
                await MailerHost.RunAsync(options, new SystemRandom(), [new MailTarget("127.0.0.1", IPAddress.Loopback, port)], stream,
                    stream, CancellationToken.None);
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                // The client has gone.
            }
        }
    }
}
