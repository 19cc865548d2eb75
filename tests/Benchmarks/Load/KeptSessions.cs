using System.Collections.Concurrent;
using System.Diagnostics;
using BlackPony.Reference.Suites;

namespace BlackPony.Benchmarks.Load;

/// <summary>Sessions that stay open and each send one message after the other.</summary>
internal sealed class KeptSessions : IDisposable
{
    // Opened side by side: stunnel waits 200 ms at the start of each.
    private const int AtOnce = 32;

    private readonly List<Mail> _mails = [];

    public static async Task<KeptSessions> OpenAsync(int port, Protection protection, int count, Suite? suite = null)
    {
        var sessions = new KeptSessions();
        while (sessions._mails.Count < count)
        {
            int some = Math.Min(AtOnce, count - sessions._mails.Count);
            sessions._mails.AddRange(await Task.WhenAll(Enumerable.Range(0, some).Select(_ => Mail.ConnectAsync(port, protection, suite))));
        }

        return sessions;
    }

    /// <summary>Messages per second over all sessions.</summary>
    public async Task<double> RateAsync(TimeSpan window, ReadOnlyMemory<byte> message)
    {
        var free = new ConcurrentBag<Mail>(_mails);
        return await Rounds.RateAsync(window, _mails.Count, async () =>
        {
            if (!free.TryTake(out var mail))
            {
                throw new InvalidOperationException("More workers than sessions.");
            }

            await mail.SendAsync(message);
            free.Add(mail);
        });
    }

    /// <summary>Sends so many messages a second, on sessions that are free.</summary>
    /// <returns>How many were left out, because no session was free.</returns>
    public async Task<int> SendAsync(TimeSpan window, double rate, ReadOnlyMemory<byte> message)
    {
        var free = new ConcurrentBag<Mail>(_mails);
        long start = Stopwatch.GetTimestamp();
        var running = new List<Task>();
        int leftOut = 0;
        for (int sent = 0; Stopwatch.GetElapsedTime(start) < window;)
        {
            for (; sent < Stopwatch.GetElapsedTime(start).TotalSeconds * rate; sent++)
            {
                if (free.TryTake(out var mail))
                {
                    running.Add(SendOneAsync(mail));
                }
                else
                {
                    leftOut++;
                }
            }

            await Task.Delay(1);
        }

        await Task.WhenAll(running);
        return leftOut;

        async Task SendOneAsync(Mail mail)
        {
            await mail.SendAsync(message);
            free.Add(mail);
        }
    }

    public void Dispose() => _mails.ForEach(m => m.Dispose());
}
