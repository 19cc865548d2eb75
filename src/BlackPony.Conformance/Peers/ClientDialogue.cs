using System.Net;
using System.Net.Sockets;
using BlackPony.Conformance.Targets;

namespace BlackPony.Conformance.Peers;

/// <summary>A server that plays against a client under test, whatever the protocol.</summary>
/// <typeparam name="TConnection">Its connections.</typeparam>
public abstract class ClientDialogue<TConnection> : IAsyncDisposable
    where TConnection : LineConnection
{
    private protected readonly ClientTarget _client;
    private protected readonly CaseContext _context;
    private protected readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private protected readonly List<TConnection> _wires = [];
    private protected readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;
    private protected Task<Outcome>? _delivery;
    private readonly CancellationTokenSource _over;

    private protected ClientDialogue(ClientTarget client, CaseContext context)
    {
        (_client, _context) = (client, context);
        _over = CancellationTokenSource.CreateLinkedTokenSource(context.Cancel);
        _listener.Start();
        Next = new Delivery(((IPEndPoint)_listener.LocalEndpoint).Port) { Memory = Path.Combine(_folder, "memory") };
    }

    /// <summary>The delivery that the client is asked for next.</summary>
    public Delivery Next { get; set; }

    /// <summary>Whether the target claims a profile, so that what it lacks of it is a failure.</summary>
    public bool Claims(Profile profile) => _context.Claims.Contains(profile);

    /// <summary>The connections, in order.</summary>
    public IReadOnlyList<TConnection> Wires => _wires;

    /// <summary>What the client let out in plaintext: the verbs, connection by connection.</summary>
    public string Plaintext => string.Join(" | ", _wires.Select(w => string.Join(' ', w.Plaintext.Select(Verb))));

    /// <summary>A time-out that the target declared.</summary>
    public TimeSpan Timeout(string name) => _client.Timeouts.TryGetValue(name, out var limit)
        ? limit
        : throw new NotApplicableException($"The target declares no {name}: give --timeouts.");

    /// <summary>The client has to do something within one of its own time-outs.</summary>
    public Task WithinAsync(string name, Task task, string finding) =>
        TimeLimit.WithinAsync(_context, name, Timeout(name), _client.HasVirtualTime ? Next.Time : null, task, finding);

    /// <summary>What the client wrote on its standard error, and how it ended.</summary>
    public string Said => Next.Log.Length == 0 ? "" : $"The client's standard error and end: {Next.Log}";

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var wire in _wires)
            await wire.DisposeAsync();

        _listener.Stop();
        await _over.CancelAsync();
        if (_delivery is not null)
        {
            try
            {
                await _delivery.WaitAsync(TimeSpan.FromSeconds(5));
            }
            catch (Exception e) when (e is OperationCanceledException or IOException or SocketException or TimeoutException)
            {
            }
        }

        _over.Dispose();
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Starts the client, if it does not run yet, and takes its next connection; null if it ended without one.</summary>
    private protected async Task<Socket?> TakeAsync()
    {
        _context.Timeout.Renew();
        _context.Timeout.WaitsFor(_wires.Count == 0 ? "the client's connection" : $"the client's connection number {_wires.Count + 1}");
        _delivery ??= Task.Run(() => _client.DeliverAsync(Next, _over.Token));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_context.Cancel);
        var accept = _listener.AcceptSocketAsync(stop.Token).AsTask();
        if (await Task.WhenAny(accept, _delivery) != accept && !_listener.Pending() && !accept.IsCompletedSuccessfully)
        {
            // A connection that was just taken shows only now: the accept ends either way.
            await stop.CancelAsync();
            await ((Task)accept).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await _delivery;
            if (!accept.IsCompletedSuccessfully)
                return null;
        }

        var socket = await accept;
        if (_wires.Count > 0)
            _context.Transcript.Comment($"connection {_wires.Count + 1}");

        return socket;
    }

    /// <summary>The verb of a command.</summary>
    private protected static string Verb(string line) => line.Split(' ')[0].ToUpperInvariant();
}
