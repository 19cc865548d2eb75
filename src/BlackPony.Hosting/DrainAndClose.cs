using System.Net.Sockets;
using BlackPony.Reference;

namespace BlackPony.Hosting;

/// <summary>Ends a connection so that what was sent last is not lost by a reset (spec 8.1).</summary>
internal static class DrainAndClose
{
    /// <summary>
    /// Ends the own direction, and reads away what still comes, until the other direction ends or <see cref="Limits.LingerTimeout"/> has
    /// gone by. The caller then disposes of the socket.
    /// </summary>
    /// <param name="socket">The connection.</param>
    /// <param name="time">The clock.</param>
    /// <param name="kill">Ends the patience before that.</param>
    public static async Task AwayAsync(Socket socket, TimeProvider time, CancellationToken kill = default)
    {
        using var patience = new LinkedTimeout(Limits.LingerTimeout, time, kill);
        try
        {
            socket.Shutdown(SocketShutdown.Send);
            var octets = new byte[4096];
            while (await socket.ReceiveAsync(octets.AsMemory(), patience.Token).ConfigureAwait(false) > 0)
            {
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // It is gone, or has been waited for long enough.
        }
    }
}
