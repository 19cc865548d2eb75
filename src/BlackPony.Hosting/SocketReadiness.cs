using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;

namespace BlackPony.Hosting;

/// <summary>
/// A connection's incoming side: it waits without a buffer, and rings when something is there. Nothing is allocated for a read.
/// </summary>
internal sealed class SocketReadiness
{
    private readonly Socket _socket;
    private readonly Action _onArrived;
    private ValueTask<int> _readable;
    private bool _asked;
    private volatile bool _arrived;

    public SocketReadiness(Socket socket, AsyncAutoResetEvent bell)
    {
        _socket = socket;
        socket.Blocking = false;
        _onArrived = () =>
        {
            _arrived = true;
            bell.Ring();
        };
    }

    /// <summary>Whether octets or the end are there to be read.</summary>
    public bool HasArrived => _asked && _arrived;

    /// <summary>Waits for octets, if it does not yet.</summary>
    [SuppressMessage("Reliability", "CA2012", Justification = "Read consumes it, once.")]
    public void Ask()
    {
        if (_asked)
            return;

        _asked = true;
        _readable = _socket.ReceiveAsync(Memory<byte>.Empty);
        var awaiter = _readable.ConfigureAwait(false).GetAwaiter();
        // Once it waits, what it says of itself counts no more: whoever took its result before it called back would take the socket's next
        // one too.
        _arrived = awaiter.IsCompleted;
        if (!_arrived)
            awaiter.UnsafeOnCompleted(_onArrived);
    }

    /// <summary>Reads what has arrived.</summary>
    /// <returns>0 if the connection ended or is lost; -1 if nothing is there after all:
    /// the kernel may tell of what was read before.</returns>
    public int Read(Span<byte> octets)
    {
        _asked = false;
        try
        {
            _readable.GetAwaiter().GetResult();
            int count = _socket.Receive(octets, SocketFlags.None, out var error);
            return error == SocketError.WouldBlock ? -1 : count;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return 0;
        }
    }
}
