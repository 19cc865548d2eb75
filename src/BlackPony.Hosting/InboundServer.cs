using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>The relay's sockets: listens, and runs a session with the backend for each connection (spec 10.1 to 10.3).</summary>
/// <param name="settings">What it does.</param>
/// <param name="log">Where to log.</param>
public sealed class InboundServer(InboundSettings settings, ILogger log) : SessionServer<InboundSettings>(settings, log)
{
    /// <inheritdoc/>
    protected override async Task RunSessionAsync(ClientConnection client, SessionPlace place, CancellationToken kill)
    {
        using var connection = new InboundConnection(client, Settings, Log);
        await connection.RunAsync(place, kill).ConfigureAwait(false);
    }
}
