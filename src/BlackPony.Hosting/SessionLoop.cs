using System.Buffers;
using System.Net.Sockets;
using BlackPony.Smtp.Lines;
using Microsoft.Extensions.Logging;

namespace BlackPony.Hosting;

/// <summary>
/// The loop of one session: it passes on what happened, one thing at a time, sends what waits, and does what the session requests.
/// The hosts differ in what is on the two sides: sockets, streams, or a mailer in this process.
/// </summary>
internal abstract class SessionLoop(TimeProvider time)
{
    /// <summary>The last reply of a session that meets a bug: the client keeps its mail.</summary>
    protected const string InternalError = "421 4.3.0 Internal error, try again later";

    // After so many steps it goes on in the thread pool: the thread that watches the sockets has other sessions to serve. A write that had
    // to wait comes back to that thread, so the steps are counted again and again.
    private const int MaxSteps = 4;

    private readonly ProgressTimeout _deadline = new(time);

    /// <summary>The clock.</summary>
    protected TimeProvider Time { get; } = time;

    /// <summary>Rung by whatever the loop waits for.</summary>
    protected AsyncAutoResetEvent Wake { get; } = new();

    /// <summary>Whether it is a bug, and not what happens to a connection.</summary>
    public static bool IsBug(Exception e) =>
        e is not (SocketException or IOException or OperationCanceledException or ObjectDisposedException);

    /// <summary>Logs a bug. Its message may hold octets of the peer: only the type is logged.</summary>
    public static void LogBug(ILogger log, Exception e, string where = "") =>
        log.LogError("session ended with an internal error: {Type}{Where}", e.GetType().Name, where);

    /// <summary>Runs the session until it requests <see cref="SessionRequest.Close"/>; what waits then has been sent.</summary>
    protected async Task LoopAsync(ISession session, CancellationToken kill)
    {
        using var timer = new WakeTimer(Time, Wake);
        using var killing = kill.UnsafeRegister(b => ((AsyncAutoResetEvent)b!).Ring(), Wake);
        int steps = 0;
        while (true)
        {
            if (++steps >= MaxSteps || TakesLong)
            {
                steps = 0;
                await Task.Yield();
            }

            await FlushAsync().ConfigureAwait(false);
            var request = session.TakeRequest();
            if (request == SessionRequest.Close)
                return;

            if (request != SessionRequest.None)
            {
                await DoAsync(request).ConfigureAwait(false);

                // What it waits for on a fresh connection has the whole of its time, even where that is as long as the time that went by.
                _deadline.Restart();
                continue;
            }

            Ask();
            var left = _deadline.Left(session.Progress, PeerTimeout(session));
            if (kill.IsCancellationRequested)
            {
                Kill();
            }
            else if (left == TimeSpan.Zero)
            {
                session.TimedOut();
            }
            else if (!Happened())
            {
                timer.Set(left);
                timer.Set(Left());
                var rung = Wake.WaitAsync();
                steps = rung.IsCompleted ? steps : 0;
                await rung.ConfigureAwait(false);
            }
        }
    }

    /// <summary>Whether what comes next takes the processor long, as a key exchange does.</summary>
    protected virtual bool TakesLong => false;

    /// <summary>Sends what waits, to the server first.</summary>
    protected abstract ValueTask FlushAsync();

    /// <summary>Does what the session requested.</summary>
    protected abstract ValueTask DoAsync(SessionRequest request);

    /// <summary>Begins to read where the session wants to hear something.</summary>
    protected abstract void Ask();

    /// <summary>Passes on one thing that has happened.</summary>
    /// <returns>False if nothing has.</returns>
    protected abstract bool Happened();

    /// <summary>The process does not wait any longer: ends the session now.</summary>
    protected abstract void Kill();

    /// <summary>How long the peer may be silent.</summary>
    protected virtual TimeSpan PeerTimeout(ISession session) => session.PeerTimeout;

    /// <summary>How long until <see cref="Happened"/> has to look again at a deadline of its own; infinite if it has none.</summary>
    protected virtual TimeSpan Left() => Timeout.InfiniteTimeSpan;

    /// <summary>Passes on what a socket has received: octets, or the end.</summary>
    /// <param name="from">The socket; something is there to be read.</param>
    /// <param name="isClient">Whether it is the client's, else the server's.</param>
    /// <param name="session">The session.</param>
    /// <param name="most">The most octets to read at once.</param>
    /// <param name="passed">Is given the octets when the session has them.</param>
    /// <returns>How many octets; 0 at the end, -1 if nothing was there after all.</returns>
    protected static int Pass(SocketReadiness from, bool isClient, ISession session, int most, Action<ReadOnlySpan<byte>>? passed = null)
    {
        var octets = ArrayPool<byte>.Shared.Rent(most);
        int count = from.Read(octets);
        if (count >= 0)
            Pass(octets.AsSpan(0, count), isClient, session);

        if (count > 0)
            passed?.Invoke(octets.AsSpan(0, count));

        ArrayPool<byte>.Shared.Return(octets);
        return count;
    }

    /// <summary>Passes on octets, or the end if there are none.</summary>
    protected static void Pass(ReadOnlySpan<byte> octets, bool isClient, ISession session)
    {
        switch (isClient, octets.IsEmpty)
        {
            case (true, false):
                session.FromClient(octets);
                break;
            case (true, true):
                session.ClientEnded();
                break;
            case (false, false):
                session.FromServer(octets);
                break;
            default:
                session.ServerEnded();
                break;
        }
    }

    /// <summary>Rings when a task is done.</summary>
    protected T Watch<T>(T task)
        where T : Task
    {
        if (!task.IsCompleted)
            task.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(Wake.Ring);

        return task;
    }
}
