using System.Net;
using BlackPony.Hosting;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlackPony.Conformance.Targets;

/// <summary>The reference's relay before a <see cref="MailSink"/>, on a free port of 127.0.0.1, with every suite and an IDENT key.</summary>
public sealed class EmbeddedServer : IAsyncDisposable
{
    private readonly RelayServer _relay;

    /// <summary>Starts.</summary>
    public EmbeddedServer()
    {
        var options = new ServerOptions(new RsaKeys(TimeProvider.System)) { Suites = SuiteRegistry.All, Idents = [new IdentKey(new byte[32])] };
        _relay = new RelayServer(new RelaySettings([new IPEndPoint(IPAddress.Loopback, 0)], "127.0.0.1", Sink.Port, options), NullLogger.Instance);
        _relay.Start();
    }

    /// <summary>The mail server behind.</summary>
    public MailSink Sink { get; } = new();

    /// <summary>The relay's port.</summary>
    public int Port => _relay.EndPoints[0].Port;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _relay.DisposeAsync();
        await Sink.DisposeAsync();
    }
}
