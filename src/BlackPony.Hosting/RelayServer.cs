using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>The relay's sockets: listens, and runs a session with the backend for each connection (spec 10.1 to 10.3).</summary>
/// <param name="settings">What it does.</param>
/// <param name="log">Where to log.</param>
public sealed class RelayServer(RelaySettings settings, ILogger log) : SessionServer(settings.Listen, settings.MaxSessions, settings.Drain, log)
{
    private volatile RelaySettings _settings = settings;

    /// <summary>Takes other settings for the sessions that begin from now on; those in flight keep theirs, and the addresses stay as they are.</summary>
    public void Reconfigure(RelaySettings settings)
    {
        _settings = settings;
        Bound(settings.MaxSessions, settings.Drain);
    }

    /// <inheritdoc/>
    protected override Task RunSessionAsync(Socket client, CancellationToken stop, CancellationToken kill) =>
        new RelayConnection(client, _settings, Log).RunAsync(stop, kill);
}
