using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>
/// Asks the mail server, as a stranger who comes through the relay, whether it would take mail for foreign domains, and lets nobody be
/// served before it has refused ([BP-10.1-9], [BP-10.1-12]). It asks each address of the mail server, again from time to time, and when
/// the configuration is read again.
/// </summary>
/// <param name="settings">How the relay comes to the mail server.</param>
/// <param name="log">Where to log what was asked and answered.</param>
public sealed class OpenRelayProbe(InboundSettings settings, ILogger log) : IDisposable
{
    private readonly BackendConnector _connector = new(settings);
    private readonly ConcurrentDictionary<(IPAddress Backend, AddressFamily Client), RelayWatch> _watches = new();

    private volatile CancellationTokenSource _open = new();

    /// <summary>Is cancelled when the mail server turns out to relay: the sessions in flight end ([BP-10.1-18]).</summary>
    internal CancellationToken Open => _open.Token;

    /// <summary>Asks every address of the mail server, unless it was asked before.</summary>
    /// <param name="cancel">Ends the waiting, not the asking.</param>
    /// <exception cref="OpenRelayException">One of them would relay.</exception>
    /// <exception cref="IOException">None of them is known not to.</exception>
    /// <exception cref="SocketException">The mail server's name has no address.</exception>
    public async Task CheckAsync(CancellationToken cancel)
    {
        var families = settings.Addressing == ClientAddressing.None ? [AddressFamily.InterNetwork]
            : settings.AcceptProxy.Count > 0 ? [AddressFamily.InterNetwork, AddressFamily.InterNetworkV6]
            : settings.Listen.Select(e => e.AddressFamily).Distinct();
        // [BP-10.1-15]
        var addresses = await _connector.AddressesAsync(cancel).ConfigureAwait(false);
        var checks = addresses.SelectMany(_ => families, (a, f) => WatchOf(a, f).CheckAsync(cancel)).ToList();
        await Task.WhenAll(checks).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var failed = checks.Select(c => c.Exception?.InnerException).OfType<Exception>().ToList();
        if (failed.Find(e => e is OpenRelayException) is { } relays)
            throw relays;

        if (failed.Count > 0)
            throw failed[0];

        cancel.ThrowIfCancellationRequested();
    }

    /// <summary>Asks every address again that was asked before; what they said counts no more.</summary>
    public void AskAgain()
    {
        foreach (var watch in _watches.Values)
            watch.AskAgain();
    }

    /// <summary>Done when no question waits for its answer.</summary>
    public Task AnsweredAsync() => Task.WhenAll(_watches.Values.Select(w => w.AnsweredAsync()));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var watch in _watches.Values)
            watch.Dispose();
    }

    /// <summary>Lets a client through to one address of the mail server.</summary>
    /// <exception cref="OpenRelayException">It relays, or another address of the mail server does.</exception>
    /// <exception cref="IOException">It is not known.</exception>
    internal async Task CheckAsync(IPAddress backend, IPAddress client, CancellationToken cancel)
    {
        var family = settings.Addressing == ClientAddressing.None || client.IsIPv4MappedToIPv6 ? AddressFamily.InterNetwork
            : client.AddressFamily;
        await WatchOf(backend, family).CheckAsync(cancel).ConfigureAwait(false);
        if (_watches.Values.Any(w => w.Relays))
            throw new OpenRelayException("another address of the backend is an open relay");
    }

    /// <summary>An address of the mail server was not reached: it is asked again before the next session there.</summary>
    internal void Lost(IPAddress backend)
    {
        foreach (var (key, watch) in _watches)
        {
            if (key.Backend.Equals(backend))
                watch.Forget();
        }
    }

    // Not disposed of: sessions hold its token, and it has no timer.
    private void EndSessions() => _ = Interlocked.Exchange(ref _open, new CancellationTokenSource()).CancelAsync();

    private RelayWatch WatchOf(IPAddress backend, AddressFamily client) => _watches.GetOrAdd((backend, client), key =>
    {
        var stranger = settings.StrangerOf(client);
        var name = $"{new IPEndPoint(backend, settings.BackendPort)}"
            + (settings.Addressing == ClientAddressing.None ? "" : $" (with the client address {stranger.Address})");
        return new RelayWatch(() => new RelayQuestions(_connector, settings, backend, stranger).AskAsync(CancellationToken.None), name,
            settings.Time, log, EndSessions);
    });
}
