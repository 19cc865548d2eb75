using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>The outbound relay's sockets: listens, and runs a session for each mail server that hands over mail (spec 10.5).</summary>
/// <param name="settings">What it does.</param>
/// <param name="log">Where to log.</param>
public sealed class OutboundServer(OutboundSettings settings, ILogger log) : SessionServer<OutboundSettings>(settings, log)
{
    /// <inheritdoc/>
    protected override async Task RunSessionAsync(ClientConnection client, SessionPlace place, CancellationToken kill)
    {
        var settings = Settings;
        if (settings.Allows(client.Peer.Address))
        {
            var connection = new OutboundConnection(client.Socket, settings, Log, new LastRoute(settings.Routes));
            await connection.RunAsync(place.Stop, kill).ConfigureAwait(false);
            return;
        }

        // [BP-10.5-2]
        Log.LogWarning("{Peer} is not allowed to use the relay, and was refused", client.Peer);
        await client.Socket.SendAsync("554 5.7.1 You are not allowed to use this relay\r\n"u8.ToArray(), kill).ConfigureAwait(false);
        await DrainAndClose.AwayAsync(client.Socket, settings.Time, kill).ConfigureAwait(false);
    }
}
