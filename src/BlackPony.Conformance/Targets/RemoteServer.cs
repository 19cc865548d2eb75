using System.Net;
using System.Net.Sockets;

namespace BlackPony.Conformance.Targets;

/// <summary>Another implementation's server, at an address.</summary>
/// <param name="host">Host name or address.</param>
/// <param name="port">TCP port.</param>
/// <param name="backendPort">The port of 127.0.0.1 at which the relay under test expects its mail server, which the suite then plays;
/// 0 for none.</param>
/// <param name="timeouts">The time-outs that the target declares.</param>
public sealed class RemoteServer(string host, int port, int backendPort, IReadOnlyDictionary<string, TimeSpan> timeouts) : ServerTarget
{
    private readonly MailSink? _backend = backendPort > 0 ? new MailSink(backendPort) : null;

    /// <inheritdoc/>
    public override string Name => $"{host}:{port}";

    /// <inheritdoc/>
    public override bool SharesBackend => true;

    /// <inheritdoc/>
    public override Task<ServerPlace> TakeAsync(Needs needs, CancellationToken cancel)
    {
        if (needs.HasFlag(Needs.Backend) && _backend is null)
            throw new NotApplicableException("Only for a relay whose mail server the suite plays: give --backend and the port.");

        return Task.FromResult(new ServerPlace(host, port, _backend, () =>
        {
            _backend?.Reset();
            return ValueTask.CompletedTask;
        })
        { Timeouts = timeouts });
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        if (_backend is not null)
            await _backend.DisposeAsync();
    }

    /// <summary>Connects once, to find out whether a mail server answers.</summary>
    /// <exception cref="SocketException">It is not reachable.</exception>
    public async Task ReachAsync(CancellationToken cancel)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new DnsEndPoint(host, port), cancel);
    }
}
