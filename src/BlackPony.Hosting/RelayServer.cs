using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>The relay's sockets: listens, and runs a session for each connection (spec 10).</summary>
/// <param name="settings">What it does.</param>
/// <param name="log">Where it logs.</param>
public sealed class RelayServer(RelaySettings settings, ILogger log) : SessionServer(settings.Listen, settings.MaxSessions, settings.Drain, log)
{
    /// <inheritdoc/>
    protected override Task RunSessionAsync(Socket client, CancellationToken stop, CancellationToken kill) =>
        new RelayConnection(client, settings, Log).RunAsync(stop, kill);
}
