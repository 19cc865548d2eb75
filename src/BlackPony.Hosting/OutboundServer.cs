using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>The outbound relay's sockets: listens, and runs a session for each mail server that hands over mail (spec 10.5).</summary>
/// <param name="settings">What it does.</param>
/// <param name="log">Where to log.</param>
public sealed class OutboundServer(OutboundSettings settings, ILogger log) : SessionServer<OutboundSettings>(settings, log)
{
    /// <inheritdoc/>
    protected override async Task RunSessionAsync(Socket client, SessionPlace place, CancellationToken kill)
    {
        var settings = Settings;
        var peer = (IPEndPoint)client.RemoteEndPoint!;
        if (settings.Allows(peer.Address))
        {
            await new OutboundConnection(client, settings, Log).RunAsync(place.Stop, kill).ConfigureAwait(false);
            return;
        }

        // [BP-10.5-2]
        Log.LogWarning("{Peer} is not allowed to use the relay, and was refused", peer);
        await client.SendAsync("554 5.7.1 You are not allowed to use this relay\r\n"u8.ToArray(), kill).ConfigureAwait(false);
        await DrainAndClose.AwayAsync(client, settings.Time, kill).ConfigureAwait(false);
    }
}
