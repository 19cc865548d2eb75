using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>The outbound relay's sockets: listens, and runs a session for each mail server that hands over mail (spec 10.5).</summary>
/// <param name="settings">What it does.</param>
/// <param name="log">Where it logs.</param>
public sealed class OutboundServer(OutboundSettings settings, ILogger log) : SessionServer(settings.Listen, settings.MaxSessions, settings.Drain, log)
{
    private volatile OutboundSettings _settings = settings;

    /// <summary>Takes other settings for the sessions that begin from now on; those in flight keep theirs, and the addresses stay as they are.</summary>
    public void Reconfigure(OutboundSettings settings)
    {
        _settings = settings;
        Bound(settings.MaxSessions, settings.Drain);
    }

    /// <inheritdoc/>
    protected override async Task RunSessionAsync(Socket client, CancellationToken stop, CancellationToken kill)
    {
        var settings = _settings;
        var peer = (IPEndPoint)client.RemoteEndPoint!;
        if (settings.Allows(peer.Address))
        {
            await new OutboundConnection(client, settings, Log).RunAsync(stop, kill).ConfigureAwait(false);
            return;
        }

        // [BP-10.5-2]
        Log.LogWarning("{Peer} may not hand over mail and was refused", peer);
        await client.SendAsync("554 5.7.1 You may not hand over mail here\r\n"u8.ToArray(), kill).ConfigureAwait(false);
        client.Shutdown(SocketShutdown.Send);
    }
}
