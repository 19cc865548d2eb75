using System.Net.Sockets;
using BlackPony.Conformance.Targets;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Conformance.Peers;

/// <summary>A client that plays against a server under test, whatever the protocol.</summary>
/// <typeparam name="TConnection">Its connections.</typeparam>
public abstract class ServerDialogue<TConnection> : IAsyncDisposable
    where TConnection : LineConnection
{
    private protected readonly ServerPlace _place;
    private protected readonly CaseContext _context;
    private protected readonly List<TConnection> _wires = [];

    private protected ServerDialogue(ServerPlace place, CaseContext context) => (_place, _context) = (place, context);

    /// <summary>The connection that was opened last.</summary>
    public TConnection Connection => _wires[^1];

    /// <summary>Whether the target claims a profile, so that what it lacks of it is a failure.</summary>
    public bool Claims(Profile profile) => _context.Claims.Contains(profile);

    /// <summary>A time-out that the target declared.</summary>
    public TimeSpan Timeout(string name) => _place.Timeouts.TryGetValue(name, out var limit)
        ? limit
        : throw new NotApplicableException($"The target declares no {name}: give --timeouts.");

    /// <summary>The implementation has to do something within one of its own time-outs.</summary>
    public Task WithinAsync(string name, Task task, string finding) =>
        TimeLimit.WithinAsync(_context, name, Timeout(name), _place.Time, task, finding);

    /// <summary>A word that is in no other message.</summary>
    public string Marker()
    {
        var octets = new byte[16];
        _context.Random.Fill(octets);
        return $"marker-{_place.Mark}{Convert.ToHexStringLower(octets)}";
    }

    /// <summary>All mail that the server has accepted, as soon as it contains a word.</summary>
    public async Task<string> MailAsync(string marker)
    {
        const int Pause = 20;
        var waits = $"a message with {marker}, which the server has accepted, in its mailbox";
        _context.Timeout.WaitsFor(waits);
        while (true)
        {
            var mail = await _place.Mailbox!(_context.Cancel);
            if (mail.Contains(marker, StringComparison.Ordinal))
                return mail;

            _context.Timeout.WaitsFor(waits + _place.MailboxSays());

            await Task.Delay(Pause, _context.Cancel);
        }
    }

    /// <summary>Opens a connection and takes the greeting.</summary>
    /// <param name="code">The greeting's code; null for any.</param>
    /// <param name="requirement">The requirement that asks for it.</param>
    public async Task<Reply> ConnectAsync(int? code = 220, string? requirement = null)
    {
        _context.Timeout.Renew();
        _context.Timeout.WaitsFor("a connection");
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(_place.Host, _place.Port, _context.Cancel);
        if (_wires.Count > 0)
            _context.Transcript.Comment($"connection {_wires.Count + 1}");

        Connected();
        _wires.Add(Wrap(socket));
        return code is { } known ? await Connection.ExpectAsync(known, requirement) : await Connection.ReplyAsync(requirement);
    }

    /// <summary>Something that the requirement says must come to an end.</summary>
    /// <param name="end">The end.</param>
    /// <param name="finding">What is wrong if it does not come.</param>
    /// <param name="requirement">The requirement.</param>
    public async Task ExpectEndAsync(Task end, string finding, string requirement)
    {
        _context.Timeout.WaitsFor("the end of the mail server's connection");
        try
        {
            await end.WaitAsync(_context.Cancel);
        }
        catch (OperationCanceledException) when (_context.Cancel.IsCancellationRequested)
        {
            throw new CaseFailedException($"{finding} It was waited for {_context.Timeout.Limit.TotalSeconds:0.#} s.", requirement)
            {
                IsSilence = true,
            };
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var wire in _wires)
            await wire.DisposeAsync();

        await _place.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Opens the first connection; if that fails, the place is given back.</summary>
    private protected async Task ConnectOrReleaseAsync(Func<Task> connect)
    {
        try
        {
            await connect();
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    private protected abstract TConnection Wrap(Socket socket);

    // Forgets what was known of an earlier connection.
    private protected virtual void Connected()
    {
    }
}
