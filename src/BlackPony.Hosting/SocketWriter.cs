using System.Net.Sockets;

namespace BlackPony.Hosting;

/// <summary>Writes to a connection without waiting: what the peer does not take at once goes out in the background.</summary>
internal sealed class SocketWriter : IDisposable
{
    private Task? _pending;
    private bool _isCut;

    /// <param name="socket">The connection, which is the writer's from now on.</param>
    public SocketWriter(Socket socket)
    {
        Socket = socket;
        socket.Blocking = false;
    }

    /// <summary>The connection.</summary>
    public Socket Socket { get; }

    /// <summary>Grows with each write.</summary>
    public long Writes { get; private set; }

    /// <summary>Done when the peer has taken what was written; null if it has.</summary>
    public Task? Pending => _pending is { IsCompleted: false } ? _pending : null;

    /// <summary>Writes; only while nothing is <see cref="Pending"/>. A connection that is lost shows when it is read.</summary>
    public void Write(ReadOnlySpan<byte> octets, CancellationToken cancel)
    {
        Writes++;
        int sent = Socket.Send(octets, SocketFlags.None, out var error);
        if (error == SocketError.WouldBlock || (error == SocketError.Success && sent < octets.Length))
            _pending = SendAsync(octets[sent..].ToArray(), cancel);
    }

    /// <summary>Ends the connection at once, with a reset: what waits is thrown away.</summary>
    public void Abort()
    {
        Socket.LingerState = new LingerOption(true, 0);
        Socket.Dispose();
    }

    /// <summary>Ends the connection; what the peer has not taken by now it never gets.</summary>
    public void Dispose()
    {
        if (Pending is null && !_isCut)
            Socket.Dispose();
        else
            Abort();
    }

    private async Task SendAsync(ReadOnlyMemory<byte> rest, CancellationToken cancel)
    {
        try
        {
            while (!rest.IsEmpty)
                rest = rest[await Socket.SendAsync(rest, cancel).ConfigureAwait(false)..];
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The read tells.
            _isCut = true;
        }
    }
}
