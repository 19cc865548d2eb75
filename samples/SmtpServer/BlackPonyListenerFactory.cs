using System.IO.Pipelines;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;
using BlackPony.Streams;
using SmtpServer;
using SmtpServer.IO;
using SmtpServer.Net;

namespace BlackPony.Samples;

/// <summary>Gives SmtpServer sessions that have upgraded, or, if the options allow it, go on in plaintext.</summary>
internal sealed class BlackPonyListenerFactory(BlackPonyServerAuthenticationOptions options) : IEndpointListenerFactory
{
    public IEndpointListener CreateListener(IEndpointDefinition endpointDefinition) =>
        new Listener(new TcpListener(endpointDefinition.Endpoint), options);

    private sealed class Listener : IEndpointListener
    {
        private readonly TcpListener _tcp;
        private readonly BlackPonyServerAuthenticationOptions _options;
        private readonly CancellationTokenSource _stop = new();
        private readonly Channel<SessionPipe> _ready = Channel.CreateUnbounded<SessionPipe>();

        public Listener(TcpListener tcp, BlackPonyServerAuthenticationOptions options)
        {
            (_tcp, _options) = (tcp, options);
            tcp.Start();
            _ = AcceptAsync();
        }

        public async Task<ISecurableDuplexPipe> GetPipeAsync(ISessionContext context, CancellationToken cancellationToken)
        {
            var pipe = await _ready.Reader.ReadAsync(cancellationToken);
            context.Properties.Add(EndpointListener.LocalEndPointKey, _tcp.LocalEndpoint);
            context.Properties.Add(EndpointListener.RemoteEndPointKey, pipe.Client.Client.RemoteEndPoint!);
            return pipe;
        }

        public void Dispose()
        {
            _stop.Cancel();
            _tcp.Dispose();
            _stop.Dispose();
        }

        private async Task AcceptAsync()
        {
            var stop = _stop.Token;
            try
            {
                while (true)
                    _ = UpgradeAsync(await _tcp.AcceptTcpClientAsync(stop), stop);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                _ready.Writer.TryComplete();
            }
        }

        // Many at a time: a client that is slow to upgrade keeps nobody waiting.
        private async Task UpgradeAsync(TcpClient client, CancellationToken stop)
        {
            try
            {
                var stream = await BlackPonyStream.AuthenticateAsServerAsync(client.GetStream(), _options, stop);
                if (!_ready.Writer.TryWrite(new SessionPipe(client, stream)))
                    client.Dispose();
            }
            catch (Exception e) when (e is AuthenticationException or IOException or OperationCanceledException)
            {
                client.Dispose();
            }
        }
    }

    private sealed class SessionPipe(TcpClient client, BlackPonyStream stream) : ISecurableDuplexPipe
    {
        public TcpClient Client => client;

        public PipeReader Input { get; } = PipeReader.Create(stream);

        public PipeWriter Output { get; } = PipeWriter.Create(stream);

        public bool IsSecure => stream.IsEncrypted;

        public SslProtocols SslProtocol => SslProtocols.None;

        public Task UpgradeAsync(X509Certificate certificate, SslProtocols protocols, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException("This listener has BlackPony instead of TLS.");

        public void Dispose()
        {
            stream.Dispose();
            client.Dispose();
        }
    }
}
