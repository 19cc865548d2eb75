using System.Net.Sockets;
using BlackPony.Reference;

namespace BlackPony.Hosting;

/// <summary>
/// Sends within <see cref="Limits.IdleTimeout"/>. When the drain is over, what is on its way still goes out if the peer takes it at once.
/// </summary>
internal sealed class SocketSender : IDisposable
{
    private static readonly TimeSpan LastPatience = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _patience;
    private readonly CancellationToken _kill;
    private readonly CancellationTokenRegistration _killing;

    /// <summary>Makes the outlet of one session.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="kill">The end of the drain.</param>
    public SocketSender(TimeProvider time, CancellationToken kill)
    {
        (_kill, _patience) = (kill, new CancellationTokenSource(Timeout.InfiniteTimeSpan, time));
        _killing = kill.UnsafeRegister(p => ((CancellationTokenSource)p!).CancelAfter(LastPatience), _patience);
    }

    /// <summary>Sends all that waits. Nothing is allocated where the kernel takes it at once.</summary>
    /// <exception cref="SocketException">The connection is lost.</exception>
    /// <exception cref="OperationCanceledException">The peer does not take it.</exception>
    public async ValueTask SendAsync(Socket socket, PooledBuffer octets)
    {
        for (var rest = octets.WrittenMemory; !rest.IsEmpty;)
        {
            var sending = socket.SendAsync(rest, _patience.Token);
            if (sending.IsCompleted)
            {
                rest = rest[await sending.ConfigureAwait(false)..];
                continue;
            }

            _patience.CancelAfter(Limits.IdleTimeout);
            if (_kill.IsCancellationRequested)
                _patience.CancelAfter(LastPatience);

            rest = rest[await sending.ConfigureAwait(false)..];
            _patience.CancelAfter(Timeout.InfiniteTimeSpan);
        }

        octets.ResetWrittenCount();
    }

    public void Dispose()
    {
        _killing.Dispose();
        _patience.Dispose();
    }
}
