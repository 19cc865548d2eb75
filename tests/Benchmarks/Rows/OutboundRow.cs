using System.Diagnostics;
using System.Globalization;
using BlackPony.Benchmarks.Load;
using BlackPony.Benchmarks.Peers;

namespace BlackPony.Benchmarks.Rows;

/// <summary>A Postfix that empties its queue: through our two relays, or straight to a Postfix by STARTTLS.</summary>
internal sealed class OutboundRow : IRow
{
    public string Name => "outbound";

    public string What => "Postfix delivers its queue, encrypted, 10 kB messages: through relay and listen to a server";

    public async Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        int messages = effort == Effort.Quick ? 200 : 1000;
        using var sink = new Sink();
        using var listen = await Servers.ListenAsync(sink.Port);
        using var relay = await Servers.RelayAsync(listen.Port);
        using var postfix = await Servers.PostfixAsync(sink.Port);
        using var ours = await PostfixQueue.StartAsync(relay.Port, "none");
        using var theirs = await PostfixQueue.StartAsync(postfix.Port, "encrypt");
        var r = await Rounds.CompareAsync(effort.Rounds, () => RateAsync(ours), () => RateAsync(theirs));
        return [new Figure(What, Show(r.Ours), "straight to a Postfix in front of that server, STARTTLS", Show(r.Theirs), r.Ratio, 1)];

        async Task<double> RateAsync(PostfixQueue queue)
        {
            await queue.FillAsync(messages);
            int before = sink.Messages;
            await queue.DeliverAsync();
            await ReachesAsync(before + 1);

            // From the first one on: how soon the queue manager begins does not matter.
            int first = sink.Messages;
            long start = Stopwatch.GetTimestamp();
            await ReachesAsync(before + messages);
            return (before + messages - first) / Stopwatch.GetElapsedTime(start).TotalSeconds;

            async Task ReachesAsync(int count)
            {
                long begin = Stopwatch.GetTimestamp();
                while (sink.Messages < count)
                {
                    if (Stopwatch.GetElapsedTime(begin) > TimeSpan.FromMinutes(2))
                    {
                        throw new TimeoutException($"only {sink.Messages - before} of {messages} messages arrived.");
                    }

                    await Task.Delay(1);
                }
            }
        }
    }

    private static string Show(double rate) => rate.ToString("0 'messages/s'", CultureInfo.InvariantCulture);
}
